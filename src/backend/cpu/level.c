/*
 * level.c - one processor level of the engine: the backend that uses its kernels.
 */
#include "backend/cpu/layer.h"
#include "backend/cpu/vector.h"

extern const rmseg_cpu_kernels RMSEG_AT_LEVEL(rmseg_cpu_table_half);

static rmseg_status layer_create(rmseg_layer **layer, const rmseg_op_desc *op, bool training)
{
    return rmseg_cpu_layer_create(layer, op, training, &rmseg_cpu_table, &RMSEG_AT_LEVEL(rmseg_cpu_table_half));
}

const rmseg_backend rmseg_backend_cpu = {
    .name = "cpu",
    .element = sizeof(float),
    .sample_elements = rmseg_cpu_sample_elements,
    .tensor_pack = rmseg_cpu_tensor_pack,
    .tensor_unpack = rmseg_cpu_tensor_unpack,
    .to_bf16 = rmseg_cpu_to_bf16,
    .from_bf16 = rmseg_cpu_from_bf16,
    .channel_offset = rmseg_cpu_channel_offset,
    .param_elements = rmseg_cpu_param_elements,
    .param_pack = rmseg_cpu_param_pack,
    .param_unpack = rmseg_cpu_param_unpack,
    .state_elements = rmseg_cpu_state_elements,
    .norm_fold = rmseg_cpu_norm_fold,
    .defers = rmseg_cpu_defers,
    .layer_create = layer_create,
    .layer_destroy = rmseg_cpu_layer_destroy,
    .layer_info = rmseg_cpu_layer_info,
    .layer_forward = rmseg_cpu_layer_forward,
    .layer_backward = rmseg_cpu_layer_backward,
    .sgd = rmseg_cpu_sgd,
    .adamw = rmseg_cpu_adamw,
    .average = rmseg_cpu_average,
    .sum_of_squares = rmseg_cpu_sum_of_squares,
    .objective = &rmseg_objective_cpu,
    .probe = &rmseg_cpu_probe,
};
