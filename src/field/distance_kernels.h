/*
 * field/distance_kernels.h - the inner loops of the distance transform, compiled once per level of processor.
 *
 * They come in two types T: int32, where squared distances are whole numbers below RMSEG_NO_SITE, and double. Costs are
 * squared distances along an axis, weight * k * k for k = -(n-1) .. n-1; a pointer to them points at k = 0.
 */
#ifndef FIELD_DISTANCE_KERNELS_H
#define FIELD_DISTANCE_KERNELS_H

#include "core/core.h"

#define RMSEG_NO_SITE      (1 << 30) /* int32: infinitely far; a double is INFINITY */
#define RMSEG_LINES_I32    32        /* lines that are worked on side by side */
#define RMSEG_LINES_F64    16
#define RMSEG_LINES_BYTES  128 /* of one voxel of those lines, whatever the type */
#define RMSEG_EXACT_FLOATS (1 << 24)
#define RMSEG_FAR(index)   (-1 - (index)) /* of an index, and back again: negative, as no distance is */

/* What becomes of a squared distance when its last axis is done. `to` may be the array of T itself where its elements
 * have the size of T's. */
typedef struct rmseg_distance_finish {
    enum { RMSEG_KEEP, RMSEG_AS_DOUBLE, RMSEG_AS_ROOT } kind; /* stays; times factor; root of that, float */
    double factor;
    bool exact_floats; /* finite int32 values are below RMSEG_EXACT_FLOATS and the factor is 1 */
    void *to;
} rmseg_distance_finish;

/* Neighbouring lines of n voxels along one axis: voxel x of line i is data[first + x * stride + i]. */
typedef struct rmseg_lines {
    void *data;
    int64_t first, count, n, stride;
    const void *cost;
    rmseg_distance_finish finish;
} rmseg_lines;

/* Scratch of one thread for lines of up to n voxels. */
typedef struct rmseg_lines_scratch {
    void *tile;            /* n * RMSEG_LINES_BYTES */
    int64_t *first, *last; /* n + 1 each */
} rmseg_lines_scratch;

/* A step from one row to another: by d slices and h rows, which is `shift` voxels. */
typedef struct rmseg_row_step {
    int64_t d, h, shift;
    double cost_d, cost_h, cost; /* along D, along H, their sum */
} rmseg_row_step;

typedef struct rmseg_near {
    const void *data; /* [D][H][W], after the pass along W */
    const int64_t *size;
    const rmseg_row_step *step; /* by growing cost, the first of cost 0 */
    int64_t steps;
    double factor; /* of the result */
} rmseg_near;

typedef struct rmseg_distance_kernels {
    int64_t lines; /* most lines of a call */
    /* squared[x] = cost of the way to the nearest site of the same row; a site is where (mask[x] != 0) == set. */
    void (*row)(void *squared, int64_t first, const uint8_t *mask, int64_t width, bool set, const void *cost);
    /* data'[x] = min over u of data[u] + cost[x - u], along each line. */
    void (*lines_pass)(const rmseg_lines *lines, const rmseg_lines_scratch *scratch);
    /* at[i], a voxel's index, becomes its squared distance where the nearest site is no farther than the last step, and
     * RMSEG_FAR of itself where not. */
    void (*near)(double *at, const rmseg_near *near, int64_t count);
} rmseg_distance_kernels;

#define RMSEG_DISTANCE_KERNELS(level)                                                                                  \
    extern const rmseg_distance_kernels rmseg_distance_i32_##level, rmseg_distance_f64_##level;
RMSEG_EACH_LEVEL(RMSEG_DISTANCE_KERNELS)

#endif
