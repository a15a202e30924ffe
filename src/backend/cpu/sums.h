/*
 * backend/cpu/sums.h - sum and sum of squares per channel, in double and yet at the speed of float.
 */
#ifndef BACKEND_CPU_SUMS_H
#define BACKEND_CPU_SUMS_H

#include "backend/cpu/vector.h"

/* Sums are taken around a point near the mean, that of the first row, so that a mean far from zero costs no digits and
 * a constant channel has no spread at all. A row of some dozens of pixels is summed in float, rows in double. */
typedef struct channel_stats {
    float point[BLOCK];
    double count, sum[BLOCK], square[BLOCK]; /* of x - point */
} channel_stats;

static inline pixel row_mean(const float *row, int64_t count, ptrdiff_t step)
{
    pixel first = pixel_load(row), mean = {0};
    for (int64_t p = 1; p < count; p++)
        EACH_VECTOR(v) mean.v[v] += *(const vec *)(row + p * step + v * LANES) - first.v[v];
    EACH_VECTOR(v) mean.v[v] = first.v[v] + mean.v[v] / (float)count;
    return mean;
}

/* Adds `count` pixels, `step` floats apart. */
static inline void stats_add(channel_stats *stats, const float *row, int64_t count, ptrdiff_t step)
{
    if (stats->count == 0) pixel_store(stats->point, row_mean(row, count, step));
    pixel point = pixel_load(stats->point), sum = {0}, square = {0};
    for (int64_t p = 0; p < count; p++) EACH_VECTOR(v)
        {
            vec from = *(const vec *)(row + p * step + v * LANES) - point.v[v];
            sum.v[v] += from;
            square.v[v] += from * from;
        }
    float row_sum[BLOCK], row_square[BLOCK];
    pixel_store(row_sum, sum);
    pixel_store(row_square, square);
    for (int64_t lane = 0; lane < BLOCK; lane++) {
        stats->sum[lane] += row_sum[lane];
        stats->square[lane] += row_square[lane];
    }
    stats->count += (double)count;
}

/* The sums of x and of x^2. */
static inline void stats_store(double (*sums)[2], const channel_stats *stats)
{
    for (int64_t lane = 0; lane < BLOCK; lane++) {
        double point = stats->point[lane], all = stats->count * point;
        sums[lane][0] = all + stats->sum[lane];
        sums[lane][1] = stats->square[lane] + point * (2 * stats->sum[lane] + all);
    }
}

#endif
