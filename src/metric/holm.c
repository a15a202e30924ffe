/*
 * holm.c - Holm's adjustment of several p (Scand. J. Statist. 6, 1979): of m, the smallest is multiplied by m, the next by
 * m - 1, ...; none becomes smaller than one before it, or larger than 1.
 */
#include <math.h>
#include <stdlib.h>

#include "core/core.h"
#include "metric/metric.h"

typedef struct entry {
    double p;
    int64_t index;
} entry;

static int by_p(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    return (a->p > b->p) - (a->p < b->p);
}

rmseg_status rmseg_holm(double *adjusted, const double *p, int64_t count)
{
    entry *family = rmseg_alloc(count, sizeof *family);
    if (!family) return RMSEG_ERROR_MEMORY;
    int64_t m = 0;
    for (int64_t i = 0; i < count; i++) {
        adjusted[i] = p[i];
        if (!isnan(p[i])) family[m++] = (entry){p[i], i};
    }
    qsort(family, (size_t)m, sizeof *family, by_p);
    double least = 0;
    for (int64_t k = 0; k < m; k++) {
        least = fmin(1, fmax(least, (double)(m - k) * family[k].p));
        adjusted[family[k].index] = least;
    }
    rmseg_free(family);
    return RMSEG_OK;
}
