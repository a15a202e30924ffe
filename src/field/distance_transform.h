/*
 * field/distance_transform.h - a distance transform under way: its passes, for the functions that give their results.
 */
#ifndef FIELD_DISTANCE_TRANSFORM_H
#define FIELD_DISTANCE_TRANSFORM_H

#include "field/distance_kernels.h"
#include "field/grid.h"

/* The grid without its axes of one voxel, and what the passes share. T is int32 where `whole`, else double. */
typedef struct rmseg_transform {
    int64_t size[3], voxels, longest;
    double weight[3], factor; /* of the costs; of the result */
    bool whole;
    const rmseg_distance_kernels *kernels;
    const uint8_t *mask;
    bool set;     /* sites are the voxels that are set, or those that are not */
    void *data;   /* T [D][H][W], the caller's */
    void *memory; /* costs and scratch of all threads */
    int threads;  /* that it suffices for */
    bool alone;   /* on the calling thread alone */
    const void *cost[3];
    rmseg_lines_scratch *scratch;
    rmseg_distance_finish finish;
    const uint8_t *needed[2]; /* of the passes along D and H, by bundle; NULL: all */
    int64_t rows_per_chunk;
    int axis; /* of the pass */
} rmseg_transform;

/* Begins a transform to the set voxels, finishing with RMSEG_KEEP. The caller chooses data and what becomes of it. Errors
 * as rmseg_distance_squared. */
rmseg_status rmseg_transform_begin(rmseg_transform *t, const uint8_t *mask, const rmseg_grid *grid);

/* The same in the memory of an earlier one of this size, at any spacing; more threads than then allocate it anew. */
rmseg_status rmseg_transform_again(rmseg_transform *t, const uint8_t *mask, const rmseg_grid *grid);
void rmseg_transform_end(rmseg_transform *t);

/* All passes; or the one along an axis: 2 (W) first, then 1, then 0 where there are slices. */
void rmseg_transform_run(rmseg_transform *t);
void rmseg_transform_pass(rmseg_transform *t, int axis);

/* Bytes of a T. */
size_t rmseg_transform_element(const rmseg_transform *t);

/* A pass goes over bundles of neighbouring lines: along H the columns of W, along D the voxels of a slice, so many
 * (kernels->lines) to a bundle. */
int64_t rmseg_transform_bundles(const rmseg_transform *t, int axis);

#endif
