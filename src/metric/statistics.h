/*
 * metric/statistics.h - the few order statistics that surface metrics and aggregates share.
 */
#ifndef METRIC_STATISTICS_H
#define METRIC_STATISTICS_H

#include "core/core.h"

/* NaN for count = 0. Sums in the given order. */
double rmseg_mean(const double *values, int64_t count);

/* The q-th percentile, q in 0..100, interpolated linearly between the two nearest ranks: numpy.percentile's default, at
 * rank q/100 (count - 1). Reorders the values. NaN for count = 0; no value may be NaN. */
double rmseg_percentile(double *values, int64_t count, double q);

/* The same of the values and as many zeros beside them; no value may be negative. */
double rmseg_percentile_zeros(double *values, int64_t count, int64_t zeros, double q);

/* What sorting would put at `rank`, 0..count-1. Reorders the values. */
double rmseg_select(double *values, int64_t count, int64_t rank);

#endif
