/*
 * wilcoxon.c - the signed-rank test (Wilcoxon 1945), as SciPy 1.17 does it.
 *
 * The differences that are not 0 are ranked by size; W is the rank sum of the positive ones. If every difference were as
 * likely to be positive as negative, each of the 2^n choices of signs would give its W equally often. p is twice the
 * smaller share of choices with a W at most, or at least, as large as the one found.
 */
#include <math.h>
#include <stdlib.h>

#include "core/core.h"
#include "metric/metric.h"

#define MOST_EXACT           50 /* of untied differences */
#define MOST_EXACT_WITH_TIES 13 /* of differences with ties or zeros */

typedef struct ranking {
    int64_t n;         /* differences that are not 0 */
    int64_t *twice;    /* [n] ranks, doubled: the mean rank of a tie may be a half */
    int64_t positive;  /* W, doubled */
    int64_t tied_cube; /* sum of t^3 - t over groups of t ties */
} ranking;

static int by_size(const void *left, const void *right)
{
    double a = fabs(*(const double *)left), b = fabs(*(const double *)right);
    return (a > b) - (a < b);
}

/* sorted[n] by size. A tie of the places i .. j-1 has the ranks i+1 .. j, of which twice the mean is i + 1 + j. */
static void rank(ranking *r, const double *sorted)
{
    for (int64_t i = 0, j; i < r->n; i = j) {
        for (j = i; j < r->n && fabs(sorted[j]) == fabs(sorted[i]); j++) {
        }
        int64_t t = j - i;
        r->tied_cube += t * t * t - t;
        for (int64_t k = i; k < j; k++) {
            r->twice[k] = i + 1 + j;
            if (sorted[k] > 0) r->positive += r->twice[k];
        }
    }
}

/* Counts, for every doubled rank sum, the choices of signs that give it; doubles hold 2^50 exactly. */
static rmseg_status exact_p(double *p, const ranking *r)
{
    int64_t whole = r->n * (r->n + 1), reached = 0; /* the doubled sum of all ranks */
    double *ways = rmseg_alloc(whole + 1, sizeof *ways);
    if (!ways) return RMSEG_ERROR_MEMORY;
    ways[0] = 1;
    for (int64_t i = 0; i < r->n; i++) {
        reached += r->twice[i];
        for (int64_t sum = reached; sum >= r->twice[i]; sum--) ways[sum] += ways[sum - r->twice[i]];
    }
    double low = 0, high = 0;
    for (int64_t sum = 0; sum <= r->positive; sum++) low += ways[sum];
    for (int64_t sum = r->positive; sum <= whole; sum++) high += ways[sum];
    rmseg_free(ways);
    *p = fmin(1, 2 * ldexp(fmin(low, high), -(int)r->n));
    return RMSEG_OK;
}

static double normal_p(const ranking *r)
{
    double n = (double)r->n, mean = n * (n + 1) / 4;
    double variance = (n * (n + 1) * (2 * n + 1) - (double)r->tied_cube / 2) / 24;
    double distance = fabs((double)r->positive / 2 - mean);
    return erfc(fmax(0, distance - 0.5) / sqrt(2 * variance));
}

static rmseg_status test(rmseg_wilcoxon *result, ranking *r, double *sorted, int64_t count)
{
    qsort(sorted, (size_t)r->n, sizeof *sorted, by_size);
    rank(r, sorted);
    bool plain = r->n == count && !r->tied_cube;
    int64_t negative = r->n * (r->n + 1) - r->positive;
    result->used = r->n;
    result->statistic = (double)(r->positive < negative ? r->positive : negative) / 2;
    result->exact = count <= (plain ? MOST_EXACT : MOST_EXACT_WITH_TIES);
    if (r->n == 0) /* nothing differs: every choice of signs is as far from 0 */
        result->exact = true, result->p = count ? 1 : NAN;
    else if (result->exact)
        return exact_p(&result->p, r);
    else
        result->p = normal_p(r);
    return RMSEG_OK;
}

rmseg_status rmseg_wilcoxon_test(rmseg_wilcoxon *result, const double *differences, int64_t count)
{
    double *sorted = rmseg_alloc(count, sizeof *sorted);
    ranking r = {.twice = rmseg_alloc(count, sizeof *r.twice)};
    rmseg_status status = sorted && r.twice ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < count && !status; i++) {
        if (!isfinite(differences[i]))
            status =
                rmseg_fail(RMSEG_ERROR_ARGUMENT, "signed-rank test: difference %lld is %g, expected a finite number",
                           (long long)i, differences[i]);
        if (differences[i] != 0) sorted[r.n++] = differences[i];
    }
    rmseg_wilcoxon found = {0};
    if (!status) status = test(&found, &r, sorted, count);
    if (!status) *result = found;
    rmseg_free(r.twice);
    rmseg_free(sorted);
    return status;
}
