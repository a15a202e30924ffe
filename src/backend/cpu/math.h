/*
 * backend/cpu/math.h - exp and log for vectors of floats: our own, since sums depend on them and libraries differ.
 *
 * Largest errors, measured over every float of the range at each level:
 *     vec_exp_negative(x), -87 <= x <= 0   1.02 ulp; below -87 it stays exp(-87) = 1.6e-38
 *     vec_log1p(t), 0 <= t <= 5e8      1.40 ulp; from there to 2^64 at most that too, at every 37th float
 * vec_exp_negative(0) is 1, and a NaN comes through it.
 */
#ifndef BACKEND_CPU_MATH_H
#define BACKEND_CPU_MATH_H

#include "backend/cpu/vector.h"

INLINE vec vec_of(float x) { return (vec){0} + x; }

INLINE ivec ivec_of(int32_t x) { return (ivec){0} + x; }

/* x where the mask is set, else 0. */
INLINE vec vec_keep(vec x, ivec mask) { return (vec)((ivec)x & mask); }

INLINE vec vec_pick(ivec mask, vec yes, vec no) { return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask)); }

/* The second where either is a NaN. */
INLINE vec vec_larger(vec a, vec b) { return vec_pick(a > b, a, b); }

INLINE vec vec_abs(vec x) { return (vec)((ivec)x & ivec_of(0x7fffffff)); }

/* exp(x) = 2^n exp(r), n = round(x / ln 2); the polynomial is Cephes' expf. */
INLINE vec vec_exp_negative(vec x)
{
    const vec round = vec_of(12582912.0f); /* 1.5 * 2^23: adding it leaves an integer in the low bits */
    x = vec_pick(x < vec_of(-87.0f), vec_of(-87.0f), x);
    vec shifted = x * 1.44269504f + round, n = shifted - round;
    vec r = x - n * 0.693359375f - n * -2.12194440e-4f;
    vec square = r * r; /* pairs of terms: half the steps one after the other */
    vec y = (r * 1.9875691500e-4f + 1.3981999507e-3f) * square + (r * 8.3334519073e-3f + 4.1665795894e-2f);
    y = y * square + (r * 1.6666665459e-1f + 5.0000001201e-1f);
    y = y * square + r + 1.0f;
    return y * (vec)(((ivec)shifted << 23) + 0x3f800000);
}

/* log(u + lost) for a normal u > 0 and a `lost` below its last bit: u = 2^k f with f from sqrt(1/2) to sqrt(2); the
 * polynomial is Cephes' logf. */
INLINE vec vec_log_sum(vec u, vec lost)
{
    ivec bits = (ivec)u - 0x3f3504f3, k = bits >> 23;
    vec n = __builtin_convertvector(k, vec);
    vec x = (vec)((bits & 0x007fffff) + 0x3f3504f3) - 1.0f + lost * (vec)(ivec_of(0x3f800000) - (k << 23));
    vec z = x * x;
    vec y = x * 7.0376836292e-2f - 1.1514610310e-1f;
    y = y * x + 1.1676998740e-1f;
    y = y * x - 1.2420140846e-1f;
    y = y * x + 1.4249322787e-1f;
    y = y * x - 1.6668057665e-1f;
    y = y * x + 2.0000714765e-1f;
    y = y * x - 2.4999993993e-1f;
    y = y * x + 3.3333331174e-1f;
    y = y * x * z + n * -2.12194440e-4f - z * 0.5f;
    return x + y + n * 0.693359375f;
}

INLINE vec vec_log1p(vec t)
{
    vec u = t + 1.0f;
    return vec_log_sum(u, t - (u - 1.0f));
}

#endif
