/*
 * backend/cpu/micro.h - the one inner loop of every convolution.
 *
 *     c[p][0..15] = (start[0..15] or what c held) + sum over runs r, over k < length of
 *                   a[runs[r].a + row p + step k] * b[runs[r].b + k * 16 + 0..15]
 *
 * for count <= PIXELS rows p of c: a block of sums in registers, into which each step multiplies one row of b by one
 * number of a per row. Three shapes of it do all passes:
 *     gather    p = pixels, job->pixel floats apart; k = input channels of the taps along w; b = weights
 *     weights   p = input channels of the taps along w; k = pixels, job->pixel floats apart; b = dy
 *     taps      the same for a narrow input, whose taps along w alone fill few registers: p lies at job->rows[p]
 */
#ifndef BACKEND_CPU_MICRO_H
#define BACKEND_CPU_MICRO_H

#include "backend/cpu/vector.h"

typedef struct micro_job {
    const conv_run *runs;
    int64_t count, length; /* runs, and steps of each */
    int64_t stretch;       /* runs summed before their sum joins c: a sum of thousands in one go loses digits; 0: all */
    const float *a, *b;
    const float *start;    /* NULL: the sum is added to what c holds */
    ptrdiff_t pixel;       /* floats of a from pixel to pixel */
    const ptrdiff_t *rows; /* of taps */
    conv_fetch *fetch;     /* NULL: none */
} micro_job;

typedef void (*micro_fn)(const micro_job *job, ptrdiff_t a_offset, float *c, ptrdiff_t c_step);

/* Rows of taps: an address each, and more than these would not leave the processor's addresses in registers. */
#define TAPS (PIXELS < 9 ? PIXELS : 9)

/* By the number of rows, 1..PIXELS. Where pixels are 16 floats apart, the compiler may know it. */
extern const micro_fn rmseg_cpu_micro_gather[PIXELS + 1], rmseg_cpu_micro_gather_apart[PIXELS + 1];
extern const micro_fn rmseg_cpu_micro_weights[PIXELS + 1], rmseg_cpu_micro_weights_apart[PIXELS + 1];
extern const micro_fn rmseg_cpu_micro_taps[PIXELS + 1];

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
