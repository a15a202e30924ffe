/*
 * sign_flip.c - the exact sign-flip test (Fisher 1935): if nothing distinguishes the two sides of a pair, each difference
 * could as well have had the other sign. All 2^n choices are counted.
 */
#include <math.h>

#include "core/core.h"
#include "metric/metric.h"

#define ROUNDING (1e-12) /* of the sum of sizes: sums that are equal but for the order of adding count as equal */

/* Choices of signs of d[0 .. n-1], added to `sum`, that end at least as far from 0 as `bar`. */
static int64_t count_far(const double *d, int64_t n, double sum, double bar)
{
    if (n == 0) return fabs(sum) >= bar;
    return count_far(d + 1, n - 1, sum + d[0], bar) + count_far(d + 1, n - 1, sum - d[0], bar);
}

rmseg_status rmseg_sign_flip_test(double *p, const double *differences, int64_t count)
{
    if (count < 1) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "sign-flip test: no differences, expected one or more");
    if (count > RMSEG_SIGN_FLIP_MOST)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "sign-flip test: %lld differences, expected %d or fewer, since all "
                          "choices of signs are counted",
                          (long long)count, RMSEG_SIGN_FLIP_MOST);
    double sum = 0, sizes = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += differences[i];
        sizes += fabs(differences[i]);
    }
    if (!isfinite(sizes))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "sign-flip test: the differences are not all finite numbers");
    int64_t far = count_far(differences + 1, count - 1, differences[0], fabs(sum) - ROUNDING * sizes);
    *p = ldexp((double)far, 1 - (int)count);
    return RMSEG_OK;
}
