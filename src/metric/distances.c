/* distances.c - means, percentiles and shares of two lists of distances. */
#include "metric/distances.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metric/statistics.h"

typedef struct list {
    const double *value, *size;
    int64_t count, zeros;
} list;

static list take(const rmseg_distances *d, rmseg_direction which)
{
    int64_t first = which == RMSEG_BACKWARD ? d->count[0] : 0;
    list l = {d->value + first, d->size ? d->size + first : NULL, 0, 0};
    for (int direction = 0; direction < 2; direction++) {
        if (which != RMSEG_POOLED && which != (rmseg_direction)direction) continue;
        l.count += d->count[direction];
        l.zeros += d->zeros[direction];
    }
    return l;
}

int64_t rmseg_distances_sites(const rmseg_distances *d, rmseg_direction which)
{
    list l = take(d, which);
    return l.count + l.zeros;
}

double rmseg_distances_mean(const rmseg_distances *d, rmseg_direction which)
{
    list l = take(d, which);
    double sum = 0, whole = (double)(l.count + l.zeros);
    if (l.size) whole = 0;
    for (int64_t i = 0; i < l.count; i++) {
        sum += l.size ? l.value[i] * l.size[i] : l.value[i];
        if (l.size) whole += l.size[i];
    }
    return sum / whole;
}

double rmseg_distances_max(const rmseg_distances *d, rmseg_direction which)
{
    list l = take(d, which);
    double largest = 0;
    for (int64_t i = 0; i < l.count; i++) largest = l.value[i] > largest ? l.value[i] : largest;
    return largest;
}

double rmseg_distances_linear(const rmseg_distances *d, rmseg_direction which, double q)
{
    list l = take(d, which);
    memcpy(d->scratch, l.value, (size_t)l.count * sizeof *d->scratch);
    return rmseg_percentile_zeros(d->scratch, l.count, l.zeros, q);
}

double rmseg_distances_ordinal(const rmseg_distances *d, rmseg_direction which, double q)
{
    list l = take(d, which);
    int64_t sites = l.count + l.zeros;
    int64_t rank = (int64_t)floorf((float)(q / 100) * (float)sites - 1); /* plastimatch counts in float */
    if (rank > sites - 1) rank = sites - 1;
    if (rank < l.zeros) return 0;
    memcpy(d->scratch, l.value, (size_t)l.count * sizeof *d->scratch);
    return rmseg_select(d->scratch, l.count, rank - l.zeros);
}

/* ---- by size ----------------------------------------------------------------------------------------------------- */

typedef struct sized {
    double value, size;
} sized;

static int by_value_and_size(const void *left, const void *right)
{
    const sized *a = left, *b = right;
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    return (a->size > b->size) - (a->size < b->size);
}

/* The sum of sizes in NumPy's order (blocks of 128 by eight running sums, halves above), because a share of exactly q,
 * which symmetric masks have, is told from one just below by the last bit. */
static double sum_sizes(const sized *items, int64_t count)
{
    if (count > 128) {
        int64_t half = count / 2 - count / 2 % 8;
        return sum_sizes(items, half) + sum_sizes(items + half, count - half);
    }
    double part[8] = {0}, sum = 0;
    int64_t i = 0;
    if (count >= 8) {
        for (; i + 8 <= count; i += 8)
            for (int k = 0; k < 8; k++) part[k] += items[i + k].size;
        sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    }
    for (; i < count; i++) sum += items[i].size;
    return sum;
}

double rmseg_distances_by_size(const rmseg_distances *d, rmseg_direction which, double q)
{
    list l = take(d, which);
    sized *sorted = (sized *)d->scratch;
    for (int64_t i = 0; i < l.count; i++) sorted[i] = (sized){l.value[i], l.size[i]};
    qsort(sorted, (size_t)l.count, sizeof *sorted, by_value_and_size);
    double whole = sum_sizes(sorted, l.count), sum = 0;
    for (int64_t i = 0; i < l.count; i++) {
        sum += sorted[i].size;
        if (sum / whole >= q / 100) return sorted[i].value;
    }
    return sorted[l.count - 1].value;
}

/* ---- within a tolerance ------------------------------------------------------------------------------------------ */

double rmseg_distances_within(double *whole, const rmseg_distances *d, rmseg_direction which, double tolerance)
{
    list l = take(d, which);
    double within = tolerance >= 0 ? (double)l.zeros : 0;
    *whole = (double)l.zeros;
    for (int64_t i = 0; i < l.count; i++) {
        double size = l.size ? l.size[i] : 1;
        *whole += size;
        if (l.value[i] <= tolerance) within += size;
    }
    return within;
}

void rmseg_distances_free(rmseg_distances *d)
{
    rmseg_free(d->value);
    rmseg_free(d->size);
    rmseg_free(d->scratch);
    *d = (rmseg_distances){0};
}
