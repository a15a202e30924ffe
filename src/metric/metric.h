/*
 * metric/metric.h - the door of metrics: the public functions, and the order statistics.
 */
#ifndef METRIC_METRIC_H
#define METRIC_METRIC_H

#include "metric/statistics.h"
#include "rmseg/metric.h"

#endif
