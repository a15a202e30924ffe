/*
 * metric/surface.h - how far the borders of two masks lie from each other.
 *
 * d(P->T) is the list of distances from every border voxel of the prediction to the nearest border voxel of the truth,
 * d(T->P) the other way round. Every surface metric is a statistic of these two lists.
 */
#ifndef METRIC_SURFACE_H
#define METRIC_SURFACE_H

#include "field/field.h"
#include "metric/overlap.h"

typedef struct rmseg_surface {
    double *distance;          /* d(P->T), then d(T->P), each in voxel order; in units of the spacing */
    double *scratch;           /* as many: room for what reorders */
    int64_t forward, backward; /* how many of each */
} rmseg_surface;

/* Both masks have at least one voxel set (overlap says so). Works inside the union's bounding box. On failure nothing
 * is kept. */
rmseg_status rmseg_surface_measure(rmseg_surface *surface, const uint8_t *prediction, const uint8_t *truth,
                                   const rmseg_grid *grid, const rmseg_overlap *overlap, rmseg_border_edge edge,
                                   int connectivity);
void rmseg_surface_free(rmseg_surface *surface);

/* Mean of d(P->T), of d(T->P), of both lists joined. */
double rmseg_surface_mean_forward(const rmseg_surface *surface);
double rmseg_surface_mean_backward(const rmseg_surface *surface);
double rmseg_surface_mean_pooled(const rmseg_surface *surface);

/* The percentile q of both lists joined; 100 is the Hausdorff distance. */
double rmseg_surface_percentile_pooled(const rmseg_surface *surface, double q);

#endif
