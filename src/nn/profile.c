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

static double time_backward(const rmseg_executor *executor, int64_t op, const rmseg_op_io *io)
{
    double start = rmseg_now_s();
    executor->backend->layer_backward(executor->layers[op], io);
    return rmseg_now_s() - start;
}

/* The second run finds in and dout as the first did, and writes what it wrote. */
void rmseg_executor_clock_backward(rmseg_executor *executor, int64_t op)
{
    double *seconds = seconds_of(executor, op), all = time_backward(executor, op, &executor->back[op]);
    if (!rmseg_op_is_conv(executor->ops[op].kind)) {
        seconds[RMSEG_PASS_BACKWARD] = all;
        return;
    }
    if (!executor->back[op].din[0].data) {
        seconds[RMSEG_PASS_WEIGHTS] = all;
        return;
    }
    rmseg_op_io io = executor->back[op];
    io.din[0].data = NULL;
    seconds[RMSEG_PASS_WEIGHTS] = time_backward(executor, op, &io);
    seconds[RMSEG_PASS_DATA] = fmax(0, all - seconds[RMSEG_PASS_WEIGHTS]);
}

/* ---- work and traffic -------------------------------------------------------------------------------------------- */

static double tensor_bytes(const rmseg_backend *backend, const rmseg_shape *shapes)
{
    double elements = 0;
    for (int i = 0; i < RMSEG_OP_TENSORS; i++)
        if (shapes[i].n) elements += (double)shapes[i].n * (double)backend->sample_elements(&shapes[i]);
    return elements * (double)backend->element;
}

static double param_bytes(const rmseg_backend *backend, const rmseg_op_desc *op)
{
    double elements = 0;
    for (int i = 0; i < RMSEG_OP_PARAMS; i++) elements += (double)backend->param_elements(op, i);
    return elements * (double)backend->element;
}

const char *rmseg_op_name(rmseg_op_kind kind) { return rmseg_op_row_get(kind)->name; }

void rmseg_op_work(rmseg_op_profile *profile, const rmseg_op_desc *op, const rmseg_backend *backend)
{
    const rmseg_op_row *row = rmseg_op_row_get(op->kind);
    double in = tensor_bytes(backend, op->in), out = tensor_bytes(backend, op->out), params = param_bytes(backend, op);
    double flops = row->macs ? 2 * row->macs(op) : 0;
    bool norm = rmseg_op_is_norm(op->kind); /* looks at its input again */
    *profile = (rmseg_op_profile){.kind = row->name};
    profile->bytes[RMSEG_PASS_FORWARD] = op->deferred ? 0 : in + out + params; /* the statistics came with `in` */
    profile->flops[RMSEG_PASS_FORWARD] = flops;
    if (!rmseg_op_is_conv(op->kind)) {
        profile->bytes[RMSEG_PASS_BACKWARD] = (norm ? 2 : 1) * in + out;
        return;
    }
    for (int pass = op->first ? RMSEG_PASS_WEIGHTS : RMSEG_PASS_DATA; pass <= RMSEG_PASS_WEIGHTS; pass++) {
        profile->bytes[pass] = in + out + params;
        profile->flops[pass] = flops;
    }
}

/* Tensors that lie in each other cost nothing to fork, to put together, to share a gradient. */
static void leave_out_aliases(rmseg_op_profile *profile, const rmseg_op_io *io, rmseg_op_kind kind)
{
    bool joins = kind == RMSEG_OP_FORK || kind == RMSEG_OP_CONCAT, hands_on = kind == RMSEG_OP_ADD;
    if (joins && io->in[0].data == io->out[0].data) profile->bytes[RMSEG_PASS_FORWARD] = 0;
    if ((hands_on || kind == RMSEG_OP_CONCAT) && io->din[0].data == io->dout[0].data)
        profile->bytes[RMSEG_PASS_BACKWARD] = 0;
}

int64_t rmseg_executor_ops(const rmseg_executor *executor) { return executor->net->node_count; }

void rmseg_executor_profile(rmseg_op_profile *profile, const rmseg_executor *executor, int64_t op)
{
    rmseg_op_work(profile, &executor->ops[op], executor->backend);
    leave_out_aliases(profile, &executor->io[op], executor->ops[op].kind);
    profile->name = executor->net->nodes[op].name;
    profile->algorithm = rmseg_executor_layer(executor, op).algorithm;
    for (int pass = 0; pass < RMSEG_PASSES; pass++)
        profile->seconds[pass] = executor->seconds ? seconds_of(executor, op)[pass] : NAN;
}
