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

rmseg_status rmseg_cpu_layer_create(rmseg_layer **layer, const rmseg_op_desc *op, bool training,
                                    const rmseg_cpu_kernels *kernels)
{
    rmseg_layer *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->op = *op;
    made->training = training;
    made->kernels = kernels;
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

void rmseg_cpu_add_sums(double *sums, const double *partial, int64_t parts, int64_t channels)
{
    memset(sums, 0, (size_t)channels * 2 * sizeof *sums);
    for (int64_t part = 0; part < parts; part++)
        for (int64_t i = 0; i < channels * 2; i++) sums[i] += partial[part * channels * 2 + i];
}

void rmseg_cpu_clear_uncovered(const tensor *x, const int64_t stride[3])
{
    bool covered = x->size[0] % stride[0] == 0 && x->size[1] % stride[1] == 0 && x->size[2] % stride[2] == 0;
    for (int64_t n = 0; n < x->n && !covered; n++)
        memset(tensor_block(x, n, 0), 0, (size_t)(x->blocks * x->plane) * sizeof(float));
}
