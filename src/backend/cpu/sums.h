/*
 * backend/cpu/sums.h - sum and sum of squares per channel, in double and yet at the speed of float.
 */
#ifndef BACKEND_CPU_SUMS_H
#define BACKEND_CPU_SUMS_H

#include "backend/cpu/vector.h"

#define FLOAT_PIXELS 64 /* summed in float before double takes over */

/* Sums are taken around a point near the mean, that of the first row, so that a mean far from zero costs no digits and
 * a constant channel has no spread at all. */
typedef struct channel_stats {
    pixel point, some_sum, some_square; /* of the last pixels, in float */
    int64_t some;
    double count, sum[BLOCK], square[BLOCK]; /* of x - point, of those before */
} channel_stats;

static inline pixel row_mean(const float *row, int64_t count, ptrdiff_t step)
{
    pixel first = pixel_load(row), mean = {0};
    for (int64_t p = 1; p < count; p++)
        EACH_VECTOR(v) mean.v[v] += *(const vec *)(row + p * step + v * LANES) - first.v[v];
    EACH_VECTOR(v) mean.v[v] = first.v[v] + mean.v[v] / (float)count;
    return mean;
}

static inline void stats_flush(channel_stats *stats)
{
    float sum[BLOCK], square[BLOCK];
    pixel_store(sum, stats->some_sum);
    pixel_store(square, stats->some_square);
    for (int64_t lane = 0; lane < BLOCK; lane++) {
        stats->sum[lane] += sum[lane];
        stats->square[lane] += square[lane];
    }
    stats->count += (double)stats->some;
    stats->some = 0;
    stats->some_sum = stats->some_square = (pixel){0};
}

/* Adds `count` pixels, `step` floats apart. */
static inline void stats_add(channel_stats *stats, const float *row, int64_t count, ptrdiff_t step)
{
    if (stats->count == 0 && stats->some == 0) stats->point = row_mean(row, count, step);
    pixel point = stats->point, sum = stats->some_sum, square = stats->some_square;
    for (int64_t p = 0; p < count; p++) EACH_VECTOR(v)
        {
            vec from = *(const vec *)(row + p * step + v * LANES) - point.v[v];
            sum.v[v] += from;
            square.v[v] += from * from;
        }
    stats->some_sum = sum, stats->some_square = square;
    stats->some += count;
    if (stats->some >= FLOAT_PIXELS) stats_flush(stats);
}

/* The sums of x and of x^2. */
static inline void stats_store(double (*sums)[2], channel_stats *stats)
{
    float around[BLOCK];
    stats_flush(stats);
    pixel_store(around, stats->point);
    for (int64_t lane = 0; lane < BLOCK; lane++) {
        double point = around[lane], all = stats->count * point;
        sums[lane][0] = all + stats->sum[lane];
        sums[lane][1] = stats->square[lane] + point * (2 * stats->sum[lane] + all);
    }
}

#endif
