/*
 * group_norm_layer.c - group norm as a layer: statistics of each sample's groups, in training and at inference alike.
 *
 * The passes are those of batch norm, with vectors for every sample; all channels of a group have its mean and 1/sd.
 * `vectors` holds them as mean, 1/sd and offset (norm_layer.c), [3][N][padded C]: kept for backward in training.
 */
#include <math.h>

#include "backend/cpu/layer.h"

/* Where the parts of the scratch lie: sums of all samples, those of each, those of each part of one, vectors. */
typedef struct room {
    double *sums, *own, *partial; /* [P][2], [N][P][2], [parts][P][2] */
    float *vectors;               /* [3][N][P] */
    size_t bytes;
} room;

static room room_of(const rmseg_op_desc *op, void *scratch)
{
    tensor x = rmseg_cpu_tensor((rmseg_view){0}, &op->in[0]);
    int64_t row = padded(x.c) * 2;
    room r = {.sums = scratch};
    r.own = r.sums + row;
    r.partial = r.own + x.n * row;
    r.vectors = (float *)(r.partial + rmseg_cpu_channel_parts(&x) * row);
    r.bytes = (size_t)((1 + x.n + rmseg_cpu_channel_parts(&x)) * row) * sizeof(double) +
              (size_t)(3 * x.n * padded(x.c)) * sizeof(float);
    return r;
}

static rmseg_status group_norm_prepare(rmseg_layer *layer)
{
    const rmseg_op_desc *op = &layer->op;
    layer->info.saved_bytes = layer->training ? (size_t)(3 * op->in[0].n * padded(op->in[0].c)) * sizeof(float) : 0;
    layer->info.scratch_bytes = room_of(op, NULL).bytes;
    layer->info.algorithm = layer->op.deferred ? "statistics; the rest as it is loaded"
                                               : "statistics, then norm and activation in one pass";
    layer->info.reason = "the only one";
    return RMSEG_OK;
}

/* own[n] = the sums of sample n's parts. */
static void sums_by_sample(const room *r, const rmseg_op_desc *op, const tensor *x)
{
    int64_t ranges = rmseg_cpu_channel_parts(x) / x->n, row = rmseg_cpu_sums_row(op, &op->in[0]);
    for (int64_t n = 0; n < x->n; n++)
        rmseg_cpu_add_sums(r->own + n * padded(x->c) * 2, padded(x->c), r->partial + n * ranges * row * 2, ranges, row);
}

static double numbers(const rmseg_op_desc *op)
{
    return (double)(op->in[0].c / op->groups * op->in[0].d * op->in[0].h * op->in[0].w);
}

/* The two sums of one group of one sample, channels weighted by `weight` (NULL: 1). */
static void group_sums(double sums[2], const rmseg_op_desc *op, const room *r, int64_t n, int64_t group,
                       const float *weight)
{
    int64_t channels = op->in[0].c / op->groups;
    const double *own = r->own + n * padded(op->in[0].c) * 2;
    sums[0] = sums[1] = 0;
    for (int64_t c = group * channels; c < (group + 1) * channels; c++)
        for (int i = 0; i < 2; i++) sums[i] += (weight ? weight[c] : 1) * own[2 * c + i];
}

static void find_statistics(float *vectors, const rmseg_op_desc *op, const room *r)
{
    int64_t channels = op->in[0].c / op->groups, row = padded(op->in[0].c), all = op->in[0].n * row;
    for (int64_t i = 0; i < 3 * all; i++) vectors[i] = 0;
    for (int64_t n = 0; n < op->in[0].n; n++)
        for (int64_t c = 0; c < op->in[0].c; c++) {
            double sums[2];
            group_sums(sums, op, r, n, c / channels, NULL);
            double mean = sums[0] / numbers(op), var = fmax(0, sums[1] / numbers(op) - mean * mean);
            rmseg_cpu_norm_set(vectors + n * row + c, all, mean, var, op->eps);
        }
}

static norm_pass pass_of(const rmseg_layer *layer, const rmseg_op_io *io, const float *vectors)
{
    const rmseg_op_desc *op = &layer->op;
    int64_t row = padded(op->in[0].c), all = op->in[0].n * row;
    return (norm_pass){.x = rmseg_cpu_tensor(io->in[0], &op->in[0]),
                       .mean = vectors,
                       .rsd = vectors + all,
                       .offset = vectors + 2 * all,
                       .sample_stride = row,
                       .weight = io->param[0],
                       .bias = io->param[1],
                       .slope = rmseg_cpu_slope(op->activation, op->slope)};
}

static void group_norm_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    room r = room_of(op, io->scratch);
    float *vectors = layer->training ? io->saved : r.vectors;
    norm_pass pass = pass_of(layer, io, vectors);
    pass.y = rmseg_cpu_tensor(io->out[0], &op->out[0]);
    if (!io->again) {
        layer->kernels->channel_sums(r.sums, r.partial, &pass.x, true);
        sums_by_sample(&r, op, &pass.x);
        find_statistics(vectors, op, &r);
    }
    if (!op->deferred) layer->kernels->norm_forward(&pass);
}

static void find_means(float *mean_g, float *mean_gx, const norm_pass *pass, const rmseg_op_desc *op, const room *r)
{
    int64_t channels = op->in[0].c / op->groups, row = padded(op->in[0].c);
    for (int64_t i = 0; i < op->in[0].n * row; i++) mean_g[i] = mean_gx[i] = 0;
    for (int64_t n = 0; n < op->in[0].n; n++)
        for (int64_t c = 0; c < op->in[0].c; c++) {
            double sums[2], rsd = pass->rsd[n * row + c];
            group_sums(sums, op, r, n, c / channels, pass->weight);
            mean_g[n * row + c] = (float)(rsd * sums[0] / numbers(op));
            mean_gx[n * row + c] = (float)(rsd * sums[1] / numbers(op));
        }
}

static void group_norm_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    int64_t row = padded(op->in[0].c);
    room r = room_of(op, io->scratch);
    norm_pass pass = pass_of(layer, io, io->saved);
    pass.dy = rmseg_cpu_tensor(io->dout[0], &op->out[0]);
    pass.dx = rmseg_cpu_tensor(io->din[0], &op->in[0]);
    pass.partial = r.partial;
    layer->kernels->norm_sums(&pass);
    rmseg_cpu_add_sums(r.sums, row, r.partial, rmseg_cpu_channel_parts(&pass.x), rmseg_cpu_sums_row(op, &op->in[0]));
    for (int64_t c = 0; c < row; c++) {
        ((float *)io->dparam[1])[c] = (float)r.sums[2 * c];
        ((float *)io->dparam[0])[c] = (float)r.sums[2 * c + 1];
    }
    if (!io->din[0].data) return;
    sums_by_sample(&r, op, &pass.x);
    pass.mean_g = r.vectors, pass.mean_gx = r.vectors + op->in[0].n * row;
    find_means(r.vectors, r.vectors + op->in[0].n * row, &pass, op, &r);
    layer->kernels->norm_backward(&pass);
}

const layer_row rmseg_cpu_group_norm_row = {group_norm_prepare, group_norm_forward, group_norm_backward};
