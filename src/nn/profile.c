/*
 * profile.c - the time, work and least traffic of every op of an executor, for `rmseg bench layers`.
 */
#include <math.h>

#include "nn/executor.h"

rmseg_status rmseg_executor_clock(rmseg_executor *executor)
{
    int64_t count = rmseg_executor_ops(executor) * RMSEG_PASSES;
    if (!executor->seconds) executor->seconds = rmseg_alloc(count, sizeof *executor->seconds);
    for (int64_t i = 0; executor->seconds && i < count; i++) executor->seconds[i] = NAN;
    return executor->seconds ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static double *seconds_of(const rmseg_executor *executor, int64_t op) { return executor->seconds + op * RMSEG_PASSES; }

void rmseg_executor_clock_forward(rmseg_executor *executor, int64_t op)
{
    double start = rmseg_now_s();
    executor->backend->layer_forward(executor->layers[op], &executor->io[op]);
    seconds_of(executor, op)[RMSEG_PASS_FORWARD] = rmseg_now_s() - start;
}

static bool is_conv(const rmseg_op_desc *op)
{
    return op->kind == RMSEG_OP_CONV || op->kind == RMSEG_OP_CONV_TRANSPOSE;
}

static double time_backward(const rmseg_executor *executor, int64_t op, const rmseg_op_io *io)
{
    double start = rmseg_now_s();
    executor->backend->layer_backward(executor->layers[op], io);
    return rmseg_now_s() - start;
}

/* The second run finds in and dout as the first did, and writes what it wrote. */
void rmseg_executor_clock_backward(rmseg_executor *executor, int64_t op)
{
    double *seconds = seconds_of(executor, op), all = time_backward(executor, op, &executor->io[op]);
    if (!is_conv(&executor->ops[op])) {
        seconds[RMSEG_PASS_BACKWARD] = all;
        return;
    }
    if (!executor->io[op].din[0].data) {
        seconds[RMSEG_PASS_WEIGHTS] = all;
        return;
    }
    rmseg_op_io io = executor->io[op];
    io.din[0].data = NULL;
    seconds[RMSEG_PASS_WEIGHTS] = time_backward(executor, op, &io);
    seconds[RMSEG_PASS_DATA] = fmax(0, all - seconds[RMSEG_PASS_WEIGHTS]);
}

/* ---- work and traffic -------------------------------------------------------------------------------------------- */

static double tensor_bytes(const rmseg_executor *executor, const rmseg_shape *shapes)
{
    double elements = 0;
    for (int i = 0; i < RMSEG_OP_TENSORS; i++)
        if (shapes[i].n) elements += (double)shapes[i].n * (double)executor->backend->sample_elements(&shapes[i]);
    return elements * (double)executor->backend->element;
}

static double param_bytes(const rmseg_executor *executor, const rmseg_op_desc *op)
{
    double elements = 0;
    for (int i = 0; i < RMSEG_OP_PARAMS; i++) elements += (double)executor->backend->param_elements(op, i);
    return elements * (double)executor->backend->element;
}

/* Tensors that lie in each other cost nothing to fork or to put together. */
static bool is_alias(const rmseg_op_io *io, rmseg_op_kind kind)
{
    const char *in = io->in[0].data, *out = io->out[0].data;
    return in == out && (kind == RMSEG_OP_FORK || kind == RMSEG_OP_CONCAT);
}

static void count_bytes(rmseg_op_profile *profile, const rmseg_executor *executor, int64_t op)
{
    const rmseg_op_desc *desc = &executor->ops[op];
    const rmseg_op_io *io = &executor->io[op];
    double in = tensor_bytes(executor, desc->in), out = tensor_bytes(executor, desc->out);
    double params = param_bytes(executor, desc);
    bool reads_in = desc->kind == RMSEG_OP_NORM || desc->kind == RMSEG_OP_GROUP_NORM;
    bool alias = is_alias(io, desc->kind), one_gradient = io->din[0].data == io->dout[0].data && !reads_in;
    profile->bytes[RMSEG_PASS_FORWARD] = alias ? 0 : in + out + params;
    profile->bytes[RMSEG_PASS_DATA] = out + params + in;
    profile->bytes[RMSEG_PASS_WEIGHTS] = in + out + params;
    profile->bytes[RMSEG_PASS_BACKWARD] = reads_in ? in + out + in : out + in;
    if (one_gradient && (desc->kind == RMSEG_OP_ADD || desc->kind == RMSEG_OP_CONCAT))
        profile->bytes[RMSEG_PASS_BACKWARD] = 0;
}

int64_t rmseg_executor_ops(const rmseg_executor *executor) { return executor->net->node_count; }

void rmseg_executor_profile(rmseg_op_profile *profile, const rmseg_executor *executor, int64_t op)
{
    const rmseg_op_row *row = rmseg_op_row_get(executor->ops[op].kind);
    double flops = row->macs ? 2 * row->macs(&executor->ops[op]) : 0;
    *profile = (rmseg_op_profile){.name = executor->net->nodes[op].name,
                                  .kind = row->name,
                                  .algorithm = rmseg_executor_layer(executor, op).algorithm};
    count_bytes(profile, executor, op);
    for (int pass = 0; pass < RMSEG_PASSES; pass++) {
        profile->flops[pass] = flops;
        profile->seconds[pass] = executor->seconds ? seconds_of(executor, op)[pass] : NAN;
    }
}
