/*
 * backend/cpu/micro.h - the one inner loop of every convolution.
 *
 *     c[p][0..15] = (start[0..15] or what c held) + sum over runs r, over k < length of
 *                   a[runs[r].a + p * A_PIXEL + k * A_STEP] * b[runs[r].b + k * 16 + 0..15]
 *
 * for count <= PIXELS rows p of c: a block of sums in registers, into which each step multiplies one row of b by one
 * number of a per row. Two shapes of it do all passes:
 *     gather    p = pixels of a row, 16 floats apart; k = the input channels of a run of taps; b = weights
 *     weights   p = input channels (of one tap or three), next to each other; k = pixels; b = dy
 */
#ifndef BACKEND_CPU_MICRO_H
#define BACKEND_CPU_MICRO_H

#include "backend/cpu/vector.h"

typedef struct micro_job {
    const conv_run *runs;
    int64_t count, length; /* runs, and steps of each */
    const float *a, *b;
    const float *start; /* NULL: go on from what c holds */
} micro_job;

typedef void (*micro_fn)(const micro_job *job, ptrdiff_t a_offset, float *c, ptrdiff_t c_step);

INLINE void micro(const int pixels, const int a_pixel, const int a_step, const micro_job *job, ptrdiff_t a_offset,
                  float *c, ptrdiff_t c_step)
{
    vec sum[PIXELS][VECTORS];
    UNROLL for (int p = 0; p < pixels; p++)
    {
        const float *from = job->start ? job->start : c + p * c_step;
        EACH_VECTOR(v) sum[p][v] = *(const vec *)(from + v * LANES);
    }
    for (int64_t r = 0; r < job->count; r++) {
        const float *a = job->a + a_offset + job->runs[r].a, *b = job->b + job->runs[r].b;
        for (int64_t k = 0; k < job->length; k++, a += a_step, b += BLOCK) {
            vec row[VECTORS];
            EACH_VECTOR(v) row[v] = *(const vec *)(b + v * LANES);
            UNROLL for (int p = 0; p < pixels; p++) EACH_VECTOR(v) sum[p][v] += row[v] * a[p * a_pixel];
        }
    }
    UNROLL for (int p = 0; p < pixels; p++) EACH_VECTOR(v) * (vec *)(c + p * c_step + v * LANES) = sum[p][v];
}

/* Defines <name>_1 .. <name>_PIXELS and the table <name>[count]. */
#define MICRO_ONE(name, count, a_pixel, a_step)                                                                        \
    static void name##_##count(const micro_job *job, ptrdiff_t a_offset, float *c, ptrdiff_t c_step)                   \
    {                                                                                                                  \
        micro(count, a_pixel, a_step, job, a_offset, c, c_step);                                                       \
    }
#if PIXELS == 16
#define MICRO_COUNTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)
#elif PIXELS == 6
#define MICRO_COUNTS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define MICRO_COUNTS(X) X(1) X(2) X(3)
#endif

/* `length` rows of c in pieces of at most PIXELS, as even as can be: 10 is 5 + 5, not 6 + 4. `a_pixel` as in the table.
 */
INLINE void micro_rows(const micro_fn *table, const micro_job *job, int64_t length, int64_t a_pixel, float *c,
                       ptrdiff_t c_step)
{
    int64_t pieces = split(length, PIXELS), at = 0;
    for (int64_t i = 0; i < pieces; i++) {
        int64_t count = length / pieces + (i < length % pieces);
        table[count](job, at * a_pixel, c + at * c_step, c_step);
        at += count;
    }
}

#endif
