/*
 * metric/rows.h - the two tables of this room: metrics, and the conventions under which public tools compute them.
 *
 * A new metric is one function of a measurement and one row. A new convention is one row, and a function only where it
 * combines the surface distances in a way that no other does.
 */
#ifndef METRIC_ROWS_H
#define METRIC_ROWS_H

#include "metric/metric.h"
#include "metric/overlap.h"
#include "metric/surface.h"

typedef struct rmseg_convention {
    rmseg_convention_info info;
    rmseg_border_edge edge;                                      /* is a set voxel at the image's edge border? */
    double (*hausdorff)(const rmseg_surface *surface, double q); /* how the q-th percentile joins the two directions */
    double (*assd)(const rmseg_surface *surface);                /* how the mean joins them */
    rmseg_empty empty;                                           /* what the tool itself does with an empty mask */
} rmseg_convention;

/* Fails for an unknown name and names the nearest. */
rmseg_status rmseg_convention_find(const rmseg_convention **convention, const char *name);

/* All that is known of a pair of masks. `surface` is filled where a metric asked for it and both masks are set
 * somewhere. */
typedef struct rmseg_measurement {
    const rmseg_convention *convention;
    double percentile;
    rmseg_overlap overlap;
    rmseg_surface surface;
} rmseg_measurement;

typedef struct rmseg_metric_row {
    rmseg_metric_info info;
    double (*value)(
        const rmseg_measurement *m); /* NaN where undefined; a surface metric is asked only when both masks are set */
} rmseg_metric_row;

/* Fails for an unknown name and names the nearest. */
rmseg_status rmseg_metric_row_find(const rmseg_metric_row **row, const char *name);

#endif
