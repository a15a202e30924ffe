/*
 * metric/settings.h - the checks and the words of rmseg_metric_settings.
 */
#ifndef METRIC_SETTINGS_H
#define METRIC_SETTINGS_H

#include "core/core.h"
#include "metric/metric.h"

/* Convention known, percentile in 0..100, connectivity in 1..axes, axes, tolerance and component IoU in range. */
rmseg_status rmseg_metric_settings_check(const rmseg_metric_settings *settings, int axes);

/* "nan", "inf", "diagonal", "error", "tool", or the value as a number: what rmseg_metric_settings_empty reads. `buffer` of at
 * least 32 bytes. */
const char *rmseg_empty_text(char *buffer, const rmseg_metric_settings *settings);

#endif
