/*
 * metric/rows.h - the table of metrics. A new metric is one function of a measurement and one row.
 */
#ifndef METRIC_ROWS_H
#define METRIC_ROWS_H

#include "metric/components.h"
#include "metric/conventions.h"

/* What a metric needs beside the counts; each is found once for all metrics asked for. */
enum { RMSEG_NEEDS_DISTANCES = 1, RMSEG_NEEDS_RIMS = 2, RMSEG_NEEDS_COMPONENTS = 4 };

/* All that is known of a pair of masks. */
typedef struct rmseg_measurement {
    const rmseg_convention *convention;
    const rmseg_metric_settings *settings;
    const rmseg_pair *pair;
    rmseg_overlap overlap;
    rmseg_distances distances; /* where has_distances: both surfaces have at least one site */
    bool has_distances;
    rmseg_overlap rims; /* of the two rims; its box is not filled */
    rmseg_component_counts components;
} rmseg_measurement;

typedef struct rmseg_metric_row {
    rmseg_metric_info info;
    int needs;
    double (*value)(const rmseg_measurement *m); /* NaN where undefined */
} rmseg_metric_row;

/* The unit of a length: voxels where the spacing is 1, else millimetres. */
#define RMSEG_UNIT_LENGTH "spacing"

/* Fails for an unknown name and names the nearest. */
rmseg_status rmseg_metric_row_find(const rmseg_metric_row **row, const char *name);

/* That the convention has this metric under these settings. Errors: argument, with what it has. */
rmseg_status rmseg_metric_row_check(const rmseg_metric_row *row, const rmseg_convention *convention,
                                    const rmseg_metric_settings *settings);

#endif
