/*
 * table.c - the kernels of one processor level for one size of block.
 */
#include "backend/cpu/vector.h"

const rmseg_cpu_kernels rmseg_cpu_table = {
    .block = BLOCK,
    .pixels = PIXELS,
    .conv_gather = rmseg_cpu_conv_gather,
    .conv_weights = rmseg_cpu_conv_weights,
    .head_gather = rmseg_cpu_head_gather,
    .head_weights = rmseg_cpu_head_weights,
    .winograd_gather = rmseg_cpu_winograd_gather,
    .winograd_weights = rmseg_cpu_winograd_weights,
    .conv_turn = rmseg_cpu_conv_turn,
    .partial_sum = rmseg_cpu_partial_sum,
    .channel_sums = rmseg_cpu_channel_sums,
    .norm_forward = rmseg_cpu_norm_forward,
    .norm_sums = rmseg_cpu_norm_sums,
    .norm_backward = rmseg_cpu_norm_backward,
    .activation = rmseg_cpu_activation,
    .activation_back = rmseg_cpu_activation_back,
    .add = rmseg_cpu_add,
    .scale = rmseg_cpu_scale,
    .pool = rmseg_cpu_pool,
    .unpool = rmseg_cpu_unpool,
};
