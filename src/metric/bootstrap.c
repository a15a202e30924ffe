/*
 * bootstrap.c - Efron's percentile interval of a mean, over one list of values or over a crossed table of them.
 *
 * A table's rows (runs with different seeds) and columns (cases) are drawn independently and with replacement, and every
 * drawn row meets every drawn column: the pigeonhole bootstrap (Owen, Ann. Appl. Stat. 1, 2007).
 */
#include <math.h>

#include "core/core.h"
#include "metric/metric.h"
#include "metric/statistics.h"

/* The mean of one resample. `sums` [columns] is room for the columns' means over the rows drawn. */
static double resample(rmseg_random *stream, double *sums, const double *values, int64_t rows, int64_t columns)
{
    const double *means = values;
    if (rows > 1) {
        for (int64_t c = 0; c < columns; c++) sums[c] = 0;
        for (int64_t r = 0; r < rows; r++) {
            const double *row = values + rmseg_random_below(stream, rows) * columns;
            for (int64_t c = 0; c < columns; c++) sums[c] += row[c];
        }
        for (int64_t c = 0; c < columns; c++) sums[c] /= (double)rows;
        means = sums;
    }
    double sum = 0;
    for (int64_t c = 0; c < columns; c++) sum += means[rmseg_random_below(stream, columns)];
    return sum / (double)columns;
}

rmseg_status rmseg_bootstrap_mean(double interval[2], const double *values, int64_t rows, int64_t columns,
                                  int64_t resamples, uint64_t seed)
{
    if (rows < 1 || columns < 1 || resamples < 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "bootstrap: %lld resamples of %lld x %lld values, expected one or more",
                          (long long)resamples, (long long)rows, (long long)columns);
    double *means = rmseg_alloc(resamples, sizeof *means), *sums = rmseg_alloc(columns, sizeof *sums);
    rmseg_status status = means && sums ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status) {
        rmseg_random stream = rmseg_random_stream(seed, RMSEG_RANDOM_BOOTSTRAP, 0, 0);
        for (int64_t i = 0; i < resamples; i++) means[i] = resample(&stream, sums, values, rows, columns);
        interval[0] = rmseg_percentile(means, resamples, 2.5);
        interval[1] = rmseg_percentile(means, resamples, 97.5);
    }
    rmseg_free(means);
    rmseg_free(sums);
    return status;
}
