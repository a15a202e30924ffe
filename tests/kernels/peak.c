/*
 * peak.c - the multiply-adds a level can do: sums that depend on nothing but themselves. Compiled once per level.
 */
#include "backend/cpu/vector.h"

#include "peak.h"

#define SUMS  12
#define STEPS 1000000

/* One chunk of work; returns its floating-point operations. */
double peak_chunk(float *sink)
{
    vec sum[SUMS], x = {0}, y = {0};
    x = x + sink[0], y = y + sink[1];
    for (int i = 0; i < SUMS; i++) sum[i] = y * (float)i; /* all different: else they are one */
    for (int64_t step = 0; step < STEPS; step++) UNROLL for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * x + y;
    for (int i = 1; i < SUMS; i++) sum[0] += sum[i];
    sink[0] = sum[0][0];
    return 2.0 * STEPS * SUMS * LANES;
}
