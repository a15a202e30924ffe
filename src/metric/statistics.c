/* statistics.c - mean and percentile. */
#include "metric/statistics.h"

#include <math.h>

double rmseg_mean(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += values[i];
    return count ? sum / (double)count : NAN;
}

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

static double median_of_three(double a, double b, double c) { return fmax(fmin(a, b), fmin(fmax(a, b), c)); }

/* Hoare's selection: afterwards values[rank] is what sorting would put there, with nothing larger before it and nothing
 * smaller after it. Both scans stop at equal values, because distances on a grid are nearly all ties. */
static void select_rank(double *values, int64_t count, int64_t rank)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = median_of_three(values[low], values[low + (high - low) / 2], values[high]);
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i <= j) swap(&values[i++], &values[j--]);
        }
        if (rank <= j)
            high = j;
        else if (rank >= i)
            low = i;
        else
            return;
    }
}

double rmseg_select(double *values, int64_t count, int64_t rank)
{
    select_rank(values, count, rank);
    return values[rank];
}

double rmseg_percentile_zeros(double *values, int64_t count, int64_t zeros, double q)
{
    if (count + zeros == 0) return NAN;
    double place = q / 100 * (double)(count + zeros - 1);
    int64_t rank = (int64_t)place - zeros; /* of the place among the values; negative among the zeros */
    double part = place - floor(place);
    if (rank < -1 || count == 0) return 0;
    double here = rank < 0 ? 0 : rmseg_select(values, count, rank);
    if (part == 0) return here;
    double next = values[rank + 1];
    for (int64_t i = rank + 2; i < count; i++) next = fmin(next, values[i]);
    return here + (next - here) * part;
}

double rmseg_percentile(double *values, int64_t count, double q) { return rmseg_percentile_zeros(values, count, 0, q); }
