/* purposes.c - what the memory of a network at work is for: for `rmseg info --net` and run.json. */
#include "nn/executor.h"
#include "nn/weights.h"

static size_t block(const rmseg_executor *executor, rmseg_block_kind kind) { return executor->blocks[kind].bytes; }

rmseg_status rmseg_executor_purposes(rmseg_purpose purposes[RMSEG_PURPOSES], const rmseg_executor *executor,
                                     const rmseg_weights *weights)
{
    size_t values, states, kinds[RMSEG_TENSOR_KINDS] = {0};
    RMSEG_TRY(rmseg_weights_measure(&values, &states, executor->net, executor->backend));
    for (int kind = 0; kind < RMSEG_TENSOR_KINDS; kind++)
        kinds[kind] = weights ? rmseg_weights_bytes(weights, kind)
                      : kind <= (executor->training ? RMSEG_TENSOR_MOMENTUM : RMSEG_TENSOR_VALUE) ? values
                                                                                                  : 0;
    size_t kept = executor->training ? executor->places.kept_bytes : executor->places.bytes;
    const rmseg_purpose rows[RMSEG_PURPOSES] = {
        {"parameters", "parameters", kinds[RMSEG_TENSOR_VALUE]},
        {"parameter_gradients", "their gradients", kinds[RMSEG_TENSOR_GRADIENT]},
        {"momenta", "momenta", kinds[RMSEG_TENSOR_MOMENTUM] + kinds[RMSEG_TENSOR_SQUARE]},
        {"averages", "moving averages", kinds[RMSEG_TENSOR_AVERAGE]},
        {"running_statistics", "running statistics", states},
        {"activations", executor->training ? "activations kept for the way back" : "activations", kept},
        {"activation_gradients",
         executor->places.rounded ? "more for floats and gradients" : "more for their gradients",
         executor->places.bytes - kept},
        {"saved", "statistics and masks kept", block(executor, RMSEG_BLOCK_SAVED)},
        {"scratch", "scratch", block(executor, RMSEG_BLOCK_SCRATCH) + block(executor, RMSEG_BLOCK_SUMS)}};
    for (int i = 0; i < RMSEG_PURPOSES; i++) purposes[i] = rows[i];
    return RMSEG_OK;
}
