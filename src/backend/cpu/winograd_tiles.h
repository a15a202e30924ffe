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

/* Where a pass is soon to read or write: the same tiles of the next plane of its group; in the last one, before `end`, a
 * few tiles further on. Short rows a plane apart are more than the processor foresees. */
#define TILES_AHEAD 4
typedef struct winograd_ahead {
    const float *plane; /* NULL: a halo plane outside */
    int64_t tiles;
} winograd_ahead;

static inline winograd_ahead winograd_after(const winograd_plan *p, const tensor *x, int64_t block, int64_t stack,
                                            int64_t plane, int64_t end)
{
    bool last = plane + 1 >= end;
    return (winograd_ahead){rmseg_cpu_winograd_plane(p, x, block, stack, last ? plane : plane + 1),
                            last ? TILES_AHEAD : 0};
}

/* Asks for the pixels under a tile there, `rows` rows from `first` on, but for the columns that its neighbour asks for. */
INLINE void winograd_fetch(const winograd_ahead *ahead, const winograd_plan *p, ptrdiff_t step, int64_t tile,
                           const int first, const int rows)
{
    tile += ahead->tiles;
    if (!ahead->plane || tile >= p->plane_tiles) return;
    ptrdiff_t down = p->axes.stride[1] * step, along = p->axes.stride[2] * step;
    const float *at =
        ahead->plane + (tile / p->across * TILE + first) * down + (tile % p->across * TILE - first) * along;
    UNROLL for (int a = 0; a < rows; a++)
    {
        UNROLL for (int b = 0; b < TILE; b++) __builtin_prefetch(at + a * down + b * along);
    }
}

/* rmseg_parallel_for, or one thread where there are more threads now than the plan has scratch for. */
static inline void winograd_run(const winograd_plan *p, int64_t chunks, rmseg_chunk_fn fn, void *context)
{
    if (rmseg_threads() <= p->threads)
        rmseg_parallel_for(chunks, fn, context);
    else
        for (int64_t chunk = 0; chunk < chunks; chunk++) fn(context, chunk, 0);
}

#endif
