/*
 * metric/metric.h - the door of metrics: the public functions are all there is.
 */
#ifndef METRIC_METRIC_H
#define METRIC_METRIC_H

#include "rmseg/metric.h"

#endif
