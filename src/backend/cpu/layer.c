/*
 * layer.c - the engine's layers: one row per kind of op.
 */
#include <string.h>

#include "backend/cpu/layer.h"

static const layer_row *const rows[RMSEG_OP_KINDS] = {
    [RMSEG_OP_CONV] = &rmseg_cpu_conv_row,    [RMSEG_OP_CONV_TRANSPOSE] = &rmseg_cpu_conv_row,
    [RMSEG_OP_NORM] = &rmseg_cpu_norm_row,    [RMSEG_OP_GROUP_NORM] = &rmseg_cpu_group_norm_row,
    [RMSEG_OP_MAXPOOL] = &rmseg_cpu_pool_row, [RMSEG_OP_ACTIVATION] = &rmseg_cpu_activation_row,
    [RMSEG_OP_ADD] = &rmseg_cpu_add_row,      [RMSEG_OP_CONCAT] = &rmseg_cpu_concat_row,
    [RMSEG_OP_FORK] = &rmseg_cpu_fork_row,    [RMSEG_OP_DROPOUT] = &rmseg_cpu_dropout_row,
};

int64_t rmseg_cpu_block(const rmseg_op_desc *op)
{
    return block_of(op->in[0].c) == HALF || block_of(op->out[0].c) == HALF ? HALF : LINE;
}

rmseg_status rmseg_cpu_layer_create(rmseg_layer **layer, const rmseg_op_desc *op, bool training,
                                    const rmseg_cpu_kernels *line, const rmseg_cpu_kernels *half)
{
    rmseg_layer *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->op = *op;
    made->training = training;
    made->kernels = rmseg_cpu_block(op) == HALF ? half : line;
    made->info.deterministic = true;
    rmseg_status status = rows[op->kind]->prepare(made);
    if (status != RMSEG_OK) {
        rmseg_free(made);
        return status;
    }
    *layer = made;
    return RMSEG_OK;
}

void rmseg_cpu_layer_destroy(rmseg_layer *layer) { rmseg_free(layer); }

rmseg_layer_info rmseg_cpu_layer_info(const rmseg_layer *layer) { return layer->info; }

void rmseg_cpu_layer_forward(rmseg_layer *layer, const rmseg_op_io *io) { rows[layer->op.kind]->forward(layer, io); }

void rmseg_cpu_layer_backward(rmseg_layer *layer, const rmseg_op_io *io) { rows[layer->op.kind]->backward(layer, io); }

/* What has a block of its own size is not worth a kernel that loads it so. */
bool rmseg_cpu_defers(const rmseg_op_desc *norm) { return norm->in[0].c > NARROW; }

/* A norm keeps mean, 1/sd and offset, a dropout its factors: norm_layer.c, group_norm_layer.c, move_layers.c. */
const tensor_load *rmseg_cpu_load(tensor_load *room, const rmseg_layer *layer, const rmseg_op_io *io, int i)
{
    const rmseg_load *load = &layer->op.loads[i];
    if (!load->norm) return NULL;
    int64_t row = padded(load->channels), all = load->by_sample ? layer->op.in[0].n * row : row;
    const float *vectors = io->norm[i]->saved;
    *room = (tensor_load){.mean = vectors,
                          .rsd = vectors + all,
                          .offset = vectors + 2 * all,
                          .weight = io->norm[i]->param[0],
                          .bias = io->norm[i]->param[1],
                          .factor = load->dropout ? io->dropout[i]->saved : NULL,
                          .sample_stride = load->by_sample ? row : 0,
                          .channels = row,
                          .slope = rmseg_cpu_slope(load->activation, load->slope)};
    return room;
}

void rmseg_cpu_add_sums(double *sums, int64_t channels, const double *partial, int64_t parts, int64_t row)
{
    memset(sums, 0, (size_t)channels * 2 * sizeof *sums);
    for (int64_t part = 0; part < parts; part++)
        for (int64_t i = 0; i < least(row, channels) * 2; i++) sums[i] += partial[part * row * 2 + i];
}

void rmseg_cpu_clear_uncovered(const tensor *x, const int64_t stride[3])
{
    bool covered = x->size[0] % stride[0] == 0 && x->size[1] % stride[1] == 0 && x->size[2] % stride[2] == 0;
    for (int64_t n = 0; n < x->n && !covered; n++)
        memset(tensor_block(x, n, 0), 0, (size_t)(blocks_of(x->c) * x->plane) * sizeof(float));
}
