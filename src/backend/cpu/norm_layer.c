/*
 * norm_layer.c - batch norm as a layer: statistics, running statistics, and what backward needs kept.
 *
 * saved holds mean, 1/sd and offset as floats, [3][padded C]: a mean is kept as two floats, `mean` and a small rest,
 * which goes into xhat = (x - mean) / sd + offset; so a channel whose mean is large beside its spread loses no digits.
 * In training the statistics come with x, when the convolution that made it left them in io->sums, else from a pass
 * over it.
 */
#include <math.h>

#include "backend/cpu/layer.h"

static double numbers(const rmseg_op_desc *op)
{
    return (double)(op->in[0].n * op->in[0].d * op->in[0].h * op->in[0].w);
}

static size_t partial_bytes(const rmseg_op_desc *op)
{
    tensor x = rmseg_cpu_tensor((rmseg_view){0}, &op->in[0]);
    return (size_t)((1 + rmseg_cpu_channel_parts(&x)) * padded(x.c) * 2) * sizeof(double);
}

static rmseg_status norm_prepare(rmseg_layer *layer)
{
    size_t vectors = (size_t)(3 * padded(layer->op.in[0].c)) * sizeof(float);
    layer->info.saved_bytes = layer->training ? vectors : 0;
    layer->info.scratch_bytes = vectors + (layer->training ? partial_bytes(&layer->op) : 0);
    layer->info.algorithm =
        layer->op.deferred ? "statistics; the rest as it is loaded" : "norm and activation in one pass";
    layer->info.reason = "statistics come with the convolution's output, where one feeds it";
    return RMSEG_OK;
}

void rmseg_cpu_norm_set(float *vectors, int64_t stride, double mean, double var, double eps)
{
    double rsd = 1 / sqrt(var + eps);
    vectors[0] = (float)mean;
    vectors[stride] = (float)rsd;
    vectors[2 * stride] = (float)((vectors[0] - mean) * rsd);
}

/* Batch statistics from sums of x and x^2, and what they do to the running ones. */
static void batch_statistics(const rmseg_layer *layer, const rmseg_op_io *io, const double *sums)
{
    const rmseg_op_desc *op = &layer->op;
    float *running_mean = io->state[0], *running_var = io->state[1];
    double m = numbers(op), keep = 1 - op->momentum;
    for (int64_t c = 0; c < padded(op->in[0].c); c++) {
        double mean = sums[2 * c] / m, var = fmax(0, sums[2 * c + 1] / m - mean * mean);
        rmseg_cpu_norm_set((float *)io->saved + c, padded(op->in[0].c), mean, var, op->eps);
        if (c >= op->in[0].c) continue;
        running_mean[c] = (float)(keep * running_mean[c] + op->momentum * mean);
        running_var[c] = (float)(keep * running_var[c] + op->momentum * var * m / (m - 1));
    }
}

static norm_pass pass_of(const rmseg_layer *layer, const rmseg_op_io *io, const float *vectors)
{
    const rmseg_op_desc *op = &layer->op;
    int64_t channels = padded(op->in[0].c);
    return (norm_pass){.x = rmseg_cpu_tensor(io->in[0], &op->in[0]),
                       .mean = vectors,
                       .rsd = vectors + channels,
                       .offset = vectors + 2 * channels,
                       .weight = io->param[0],
                       .bias = io->param[1],
                       .slope = rmseg_cpu_slope(op->activation, op->slope)};
}

static void norm_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    int64_t channels = padded(op->in[0].c);
    norm_pass pass = pass_of(layer, io, layer->training ? io->saved : io->scratch);
    pass.y = rmseg_cpu_tensor(io->out[0], &op->out[0]);
    if (layer->training && !io->again) {
        double *sums = io->sums ? io->sums : io->scratch;
        if (!io->sums) layer->kernels->channel_sums(sums, sums + channels * 2, &pass.x, true);
        batch_statistics(layer, io, sums);
    } else if (!layer->training) {
        const float *mean = io->state[0], *var = io->state[1];
        for (int64_t c = 0; c < channels; c++)
            rmseg_cpu_norm_set((float *)io->scratch + c, channels, mean[c], var[c], op->eps);
    }
    if (!op->deferred) layer->kernels->norm_forward(&pass);
}

static void norm_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    int64_t channels = padded(op->in[0].c);
    float *mean_g = io->scratch, *mean_gx = mean_g + channels;
    double *sums = (double *)(mean_gx + channels);
    norm_pass pass = pass_of(layer, io, io->saved);
    pass.dy = rmseg_cpu_tensor(io->dout[0], &op->out[0]);
    pass.dx = rmseg_cpu_tensor(io->din[0], &op->in[0]);
    pass.partial = sums + channels * 2;
    layer->kernels->norm_sums(&pass);
    rmseg_cpu_add_sums(sums, channels, pass.partial, rmseg_cpu_channel_parts(&pass.x),
                       rmseg_cpu_sums_row(op, &op->in[0]));
    for (int64_t c = 0; c < channels; c++) {
        ((float *)io->dparam[1])[c] = (float)sums[2 * c];
        ((float *)io->dparam[0])[c] = (float)sums[2 * c + 1];
        double scale = (double)pass.weight[c] * pass.rsd[c] / numbers(op);
        mean_g[c] = (float)(scale * sums[2 * c]);
        mean_gx[c] = (float)(scale * sums[2 * c + 1]);
    }
    if (!io->din[0].data) return;
    pass.mean_g = mean_g, pass.mean_gx = mean_gx;
    layer->kernels->norm_backward(&pass);
}

const layer_row rmseg_cpu_norm_row = {norm_prepare, norm_forward, norm_backward};
