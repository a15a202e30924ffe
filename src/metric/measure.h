/*
 * metric/measure.h - the metrics of one pair; for the files that make masks of something else.
 */
#ifndef METRIC_MEASURE_H
#define METRIC_MEASURE_H

#include "metric/box.h"
#include "metric/metric.h"

/* The pair of masks of that size, after the checks of size, spacing and settings. Errors: argument. */
rmseg_status rmseg_pair_create(rmseg_pair *pair, const uint8_t *prediction, const uint8_t *truth,
                               const uint8_t *ignored, const int64_t size[3], const double spacing[3],
                               const rmseg_metric_settings *settings);

/* rmseg_metric_measure of a pair that was checked. */
rmseg_status rmseg_pair_measure(double *values, const char **note, const rmseg_pair *pair, const char *const *names,
                                int64_t count, const rmseg_metric_settings *settings);

#endif
