/*
 * metric/distances.h - what can be said of two lists of distances.
 *
 * d(P->T) holds the distance from every site of the prediction's surface to the nearest site of the truth's, d(T->P) the
 * other way round. What a site is, and how much of the surface it stands for, is the convention's affair (surface.h).
 */
#ifndef METRIC_DISTANCES_H
#define METRIC_DISTANCES_H

#include "core/core.h"

typedef struct rmseg_distances {
    double *value;    /* [count[0] + count[1]] d(P->T), then d(T->P), in units of the spacing */
    double *size;     /* how much of the surface each stands for; NULL: every site counts the same */
    double *scratch;  /* room for what reorders: as many doubles, or twice the longer list's where there are sizes */
    int64_t count[2]; /* entries of each list */
    int64_t zeros[2]; /* sites at distance 0 that are left out of it; only where there are no sizes */
} rmseg_distances;

typedef enum rmseg_direction {
    RMSEG_FORWARD,
    RMSEG_BACKWARD,
    RMSEG_POOLED
} rmseg_direction; /* P->T, T->P, both joined */

/* Sites of a list, counting the left out. Every function below expects at least one. */
int64_t rmseg_distances_sites(const rmseg_distances *d, rmseg_direction which);

/* Mean, weighted by size. */
double rmseg_distances_mean(const rmseg_distances *d, rmseg_direction which);

double rmseg_distances_max(const rmseg_distances *d, rmseg_direction which);

/* Percentile q in 0..100 of the sites, whatever their size: interpolated linearly at rank q/100 (n - 1) (NumPy). */
double rmseg_distances_linear(const rmseg_distances *d, rmseg_direction which, double q);

/* The sorted list's element floor(q/100 n - 1), counting from 0 (plastimatch). */
double rmseg_distances_ordinal(const rmseg_distances *d, rmseg_direction which, double q);

/* The first distance, in order of distance and then size, up to which q/100 of the whole size has come together
 * (surface-distance). One direction, with sizes. */
double rmseg_distances_by_size(const rmseg_distances *d, rmseg_direction which, double q);

/* The size, or the number, of sites whose distance is at most `tolerance`; *whole is that of all. */
double rmseg_distances_within(double *whole, const rmseg_distances *d, rmseg_direction which, double tolerance);

void rmseg_distances_free(rmseg_distances *d);

#endif
