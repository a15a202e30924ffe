/*
 * backend/cpu/winograd_tiles.h - into the 36 positions and back, by whole blocks: what both Winograd passes use.
 */
#ifndef BACKEND_CPU_WINOGRAD_TILES_H
#define BACKEND_CPU_WINOGRAD_TILES_H

#include "backend/cpu/vector.h"
#include "backend/cpu/winograd.h"

#define SQUARE (BLOCK * BLOCK)

/* Where a plane of a stack begins; NULL for a halo plane outside. */
float *rmseg_cpu_winograd_plane(const winograd_plan *p, const tensor *x, int64_t block, int64_t stack, int64_t plane);

/* One block of x, or of dy, of a group, into V or Y. */
void rmseg_cpu_winograd_x(float *v, const winograd_plan *p, const winograd_group *g, const tensor *x, int64_t block);
void rmseg_cpu_winograd_dy(float *v, const winograd_plan *p, const winograd_group *g, const tensor *dy, int64_t block);

/* The weights between two blocks for one tap across planes: 36 squares, `step` floats apart. */
void rmseg_cpu_winograd_w(float *u, int64_t step, const winograd_gather *pass, int64_t out_block, int64_t in_block,
                          int64_t across);

/* 36 squares, one after another, to the 9 of the gradient of a set: a pair of blocks, y's the slower, and a tap across
 * planes. */
void rmseg_cpu_winograd_dw(const winograd_weights *pass, int64_t set, const float *du);

/* rmseg_parallel_for, or one thread where there are more threads now than the plan has scratch for. */
static inline void winograd_run(const winograd_plan *p, int64_t chunks, rmseg_chunk_fn fn, void *context)
{
    if (rmseg_threads() <= p->threads)
        rmseg_parallel_for(chunks, fn, context);
    else
        for (int64_t chunk = 0; chunk < chunks; chunk++) fn(context, chunk, 0);
}

#endif
