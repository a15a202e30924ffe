/* ops.c - one row per op kind: name, arity, parameters and their shapes, shape inference, multiply-accumulates. */
#include "nn/ops.h"

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static rmseg_status check_extents(const rmseg_op_desc *op, const char *name)
{
    const rmseg_shape *s = &op->out[0];
    int64_t voxels = 0, elements = 0;
    if (s->d < 1 || s->h < 1 || s->w < 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "%s: an input of %lld x %lld x %lld leaves nothing after this layer; give a larger input",
                          name, (long long)op->in[0].d, (long long)op->in[0].h, (long long)op->in[0].w);
    if (!rmseg_mul3(&voxels, s->d, s->h, s->w) || !rmseg_mul3(&elements, s->n, s->c, voxels) ||
        elements > INT64_MAX / 64)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "%s: %lld x %lld x %lld x %lld x %lld numbers are more than this machine can address", name,
                          (long long)s->n, (long long)s->c, (long long)s->d, (long long)s->h, (long long)s->w);
    return RMSEG_OK;
}

static rmseg_status same_shape(rmseg_op_desc *op, const char *name)
{
    op->out[0] = op->in[0];
    return check_extents(op, name);
}

static int64_t conv_extent(const rmseg_op_desc *op, int axis, int64_t extent)
{
    int64_t room = extent + 2 * op->pad[axis] - op->kernel[axis];
    return room < 0 ? 0 : room / op->stride[axis] + 1;
}

static rmseg_status conv_shape(rmseg_op_desc *op, const char *name)
{
    const rmseg_shape *s = &op->in[0];
    op->out[0] =
        (rmseg_shape){s->n, op->out[0].c, conv_extent(op, 0, s->d), conv_extent(op, 1, s->h), conv_extent(op, 2, s->w)};
    return check_extents(op, name);
}

static rmseg_status transpose_shape(rmseg_op_desc *op, const char *name)
{
    const rmseg_shape *s = &op->in[0];
    op->out[0] = (rmseg_shape){s->n, op->out[0].c, s->d * op->stride[0], s->h * op->stride[1], s->w * op->stride[2]};
    return check_extents(op, name);
}

static rmseg_status maxpool_shape(rmseg_op_desc *op, const char *name)
{
    op->out[0].c = op->in[0].c;
    return conv_shape(op, name);
}

static bool same_extents(const rmseg_shape *a, const rmseg_shape *b)
{
    return a->n == b->n && a->d == b->d && a->h == b->h && a->w == b->w;
}

static rmseg_status meet(rmseg_op_desc *op, const char *name, int64_t channels)
{
    const rmseg_shape *a = &op->in[0], *b = &op->in[1];
    if (!same_extents(a, b))
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "%s: %lld x %lld x %lld meets %lld x %lld x %lld", name,
                          (long long)a->d, (long long)a->h, (long long)a->w, (long long)b->d, (long long)b->h,
                          (long long)b->w);
    op->out[0] = *a;
    op->out[0].c = channels;
    return check_extents(op, name);
}

static rmseg_status add_shape(rmseg_op_desc *op, const char *name)
{
    if (op->in[0].c != op->in[1].c)
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "%s: %lld channels meet %lld", name, (long long)op->in[0].c,
                          (long long)op->in[1].c);
    return meet(op, name, op->in[0].c);
}

static rmseg_status concat_shape(rmseg_op_desc *op, const char *name)
{
    return meet(op, name, op->in[0].c + op->in[1].c);
}

static rmseg_status fork_shape(rmseg_op_desc *op, const char *name)
{
    op->out[1] = op->in[0];
    return same_shape(op, name);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static int kernel_dims(int64_t dims[5], int64_t first, int64_t second, const rmseg_op_desc *op, int spatial)
{
    dims[0] = first;
    dims[1] = second;
    for (int axis = 0; axis < spatial; axis++) dims[2 + axis] = op->kernel[3 - spatial + axis];
    return 2 + spatial;
}

static int conv_dims(int64_t dims[5], const rmseg_op_desc *op, int index, int spatial)
{
    dims[0] = op->out[0].c;
    return index == 1 ? 1 : kernel_dims(dims, op->out[0].c, op->in[0].c, op, spatial);
}

static int transpose_dims(int64_t dims[5], const rmseg_op_desc *op, int index, int spatial)
{
    dims[0] = op->out[0].c;
    return index == 1 ? 1 : kernel_dims(dims, op->in[0].c, op->out[0].c, op, spatial);
}

/* ---- work -------------------------------------------------------------------------------------------------------- */

static double elements(const rmseg_shape *s)
{
    return (double)s->n * (double)s->c * (double)s->d * (double)s->h * (double)s->w;
}

static double conv_macs(const rmseg_op_desc *op)
{
    return elements(&op->out[0]) * (double)op->in[0].c * (double)(op->kernel[0] * op->kernel[1] * op->kernel[2]);
}

static double transpose_macs(const rmseg_op_desc *op) { return elements(&op->out[0]) * (double)op->in[0].c; }

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const rmseg_op_row rows[RMSEG_OP_KINDS] = {
    [RMSEG_OP_CONV] = {"conv", 1, 1, {"weight", "bias"}, {NULL}, false, conv_shape, conv_dims, conv_macs},
    [RMSEG_OP_CONV_TRANSPOSE] =
        {"transpose", 1, 1, {"weight", "bias"}, {NULL}, false, transpose_shape, transpose_dims, transpose_macs},
    [RMSEG_OP_NORM] = {"norm", 1, 1, {"weight", "bias"}, {"running_mean", "running_var"}, true, same_shape, NULL, NULL},
    [RMSEG_OP_GROUP_NORM] = {"group-norm", 1, 1, {"weight", "bias"}, {NULL}, false, same_shape, NULL, NULL},
    [RMSEG_OP_ACTIVATION] = {"activation", 1, 1, {NULL}, {NULL}, false, same_shape, NULL, NULL},
    [RMSEG_OP_MAXPOOL] = {"maxpool", 1, 1, {NULL}, {NULL}, false, maxpool_shape, NULL, NULL},
    [RMSEG_OP_ADD] = {"add", 2, 1, {NULL}, {NULL}, false, add_shape, NULL, NULL},
    [RMSEG_OP_CONCAT] = {"concat", 2, 1, {NULL}, {NULL}, false, concat_shape, NULL, NULL},
    [RMSEG_OP_FORK] = {"fork", 1, 2, {NULL}, {NULL}, false, fork_shape, NULL, NULL},
    [RMSEG_OP_DROPOUT] = {"dropout", 1, 1, {NULL}, {NULL}, false, same_shape, NULL, NULL},
};

const rmseg_op_row *rmseg_op_row_get(rmseg_op_kind kind) { return &rows[kind]; }
