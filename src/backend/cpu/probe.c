/*
 * probe.c - what a level can do at most: multiply-adds on registers, and reading and writing long arrays.
 *
 * The sums depend on nothing but themselves, SUMS of them at once, which hides the latency of a multiply-add on every
 * processor we know (2 units of 4 or 5 cycles). The loops over memory use plain loads and stores, as the kernels do.
 */
#include "backend/cpu/vector.h"

#define SUMS  12
#define STEPS 1000000
#define RUN   (64 / LANES) /* vectors of one step over memory: 64 floats */

static double multiply_add(float sink[2])
{
    vec sum[SUMS], x = {0}, y = {0};
    x = x + sink[0], y = y + sink[1];
    for (int i = 0; i < SUMS; i++) sum[i] = y * (float)i; /* all different: else they are one */
    for (int64_t step = 0; step < STEPS; step++) UNROLL for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * x + y;
    for (int i = 1; i < SUMS; i++) sum[0] += sum[i];
    sink[0] = sum[0][0];
    return 2.0 * STEPS * SUMS * LANES;
}

static float read_sum(const float *x, int64_t n)
{
    vec sum[RUN] = {0};
    float total = 0;
    for (int64_t i = 0; i < n; i += RUN * LANES)
        UNROLL for (int v = 0; v < RUN; v++) sum[v] += *(const vec *)(x + i + v * LANES);
    for (int v = 0; v < RUN; v++)
        for (int lane = 0; lane < LANES; lane++) total += sum[v][lane];
    return total;
}

/* Adds zero, lest the compiler call memcpy, whose stores are not the kernels'. */
static void copy_plain(float *to, const float *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) *(vec *)(to + i) = *(const vec *)(from + i) + 0.0f;
}

static void triad(float *to, const float *x, const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) *(vec *)(to + i) = *(const vec *)(x + i) + 3.0f * *(const vec *)(y + i);
}

const rmseg_probe rmseg_cpu_probe = {multiply_add, read_sum, copy_plain, triad};
