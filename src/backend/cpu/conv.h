/*
 * backend/cpu/conv.h - planning convolutions: conv_plan.c cuts a pass, conv.c makes layers of passes.
 */
#ifndef BACKEND_CPU_CONV_H
#define BACKEND_CPU_CONV_H

#include "backend/cpu/cpu.h"

conv_window rmseg_cpu_conv_window(const int64_t kernel[3], const int64_t stride[3], const int64_t pad[3],
                                  const int64_t spread[3], int64_t in_channels, int64_t block);

/* Window, samples, grid and the numbers of blocks are given; the rest is chosen. `pixels`: of the level's microkernel.
 * A kernel too large for the tile is RMSEG_ERROR_UNSUPPORTED. */
rmseg_status rmseg_cpu_plan_gather(conv_plan *plan, int64_t pixels);
rmseg_status rmseg_cpu_plan_weights(conv_plan *plan, int64_t pixels);

#endif
