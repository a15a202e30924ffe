/*
 * backend/cpu/layer.h - the engine's layers: what one is, and the row of functions of each kind of op.
 */
#ifndef BACKEND_CPU_LAYER_H
#define BACKEND_CPU_LAYER_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/winograd.h"

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* One pass of a convolution, cut up in one of two ways. */
typedef struct pass_plan {
    bool winograd;
    bool head; /* direct, by conv_head.c */
    union {
        conv_plan direct;
        winograd_plan tiled;
    };
} pass_plan;

struct rmseg_layer {
    rmseg_op_desc op;
    bool training;
    const rmseg_cpu_kernels *kernels;
    rmseg_layer_info info;
    pass_plan forward, data, weights; /* convolutions only; data and weights only in training */
    char algorithm[128];
};

/* One row per kind of op. `prepare` checks what the kind allows and fills plans and info. */
typedef struct layer_row {
    rmseg_status (*prepare)(rmseg_layer *layer);
    void (*forward)(const rmseg_layer *layer, const rmseg_op_io *io);
    void (*backward)(const rmseg_layer *layer, const rmseg_op_io *io);
} layer_row;

extern const layer_row rmseg_cpu_conv_row, rmseg_cpu_norm_row, rmseg_cpu_group_norm_row, rmseg_cpu_activation_row,
    rmseg_cpu_pool_row, rmseg_cpu_add_row, rmseg_cpu_concat_row, rmseg_cpu_fork_row, rmseg_cpu_dropout_row;

static inline size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Zeroes a tensor that windows of `stride` do not cover: where an extent is no multiple of it. */
void rmseg_cpu_clear_uncovered(const tensor *x, const int64_t stride[3]);

/* Negative side of an activation: 1 none, 0 ReLU. */
float rmseg_cpu_slope(rmseg_activation activation, double slope);

/* What becomes of in[i] as it is loaded, in `room`; NULL: it is taken as it is. */
const tensor_load *rmseg_cpu_load(tensor_load *room, const rmseg_layer *layer, const rmseg_op_io *io, int i);

/* Mean, 1/sd and offset (norm_layer.c) of one channel, at vectors[0], [stride] and [2 stride]. */
void rmseg_cpu_norm_set(float *vectors, int64_t stride, double mean, double var, double eps);

rmseg_status rmseg_cpu_layer_create(rmseg_layer **layer, const rmseg_op_desc *op, bool training,
                                    const rmseg_cpu_kernels *line, const rmseg_cpu_kernels *half);
void rmseg_cpu_layer_destroy(rmseg_layer *layer);
bool rmseg_cpu_defers(const rmseg_op_desc *norm);
rmseg_layer_info rmseg_cpu_layer_info(const rmseg_layer *layer);
void rmseg_cpu_layer_forward(rmseg_layer *layer, const rmseg_op_io *io);
void rmseg_cpu_layer_backward(rmseg_layer *layer, const rmseg_op_io *io);

#endif
