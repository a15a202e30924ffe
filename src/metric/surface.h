/*
 * metric/surface.h - the surfaces of two masks, and how far they lie from each other.
 */
#ifndef METRIC_SURFACE_H
#define METRIC_SURFACE_H

#include "metric/box.h"
#include "metric/distances.h"

typedef enum rmseg_site_kind {
    RMSEG_SITES_BORDER,   /* set voxels with an unset neighbour */
    RMSEG_SITES_VOXELS,   /* all set voxels */
    RMSEG_SITES_ELEMENTS, /* corners of voxels, with the areas of marching cubes (lengths in 2D) */
    RMSEG_SITES_VERTICES  /* corners of voxels, with their share of the voxel faces */
} rmseg_site_kind;

typedef struct rmseg_site_rule {
    rmseg_site_kind kind;
    rmseg_edge_rule edge; /* of a border */
    int connectivity;     /* of a border, 1..axes */
} rmseg_site_rule;

/* The distances between the sites of both masks; a list is empty where a mask has no site. Both masks have at least one
 * voxel set (overlap says so). Works inside the union's box. Errors: memory, and argument for corners in fewer than two
 * axes; on failure nothing is kept. */
rmseg_status rmseg_surface_measure(rmseg_distances *distances, const rmseg_pair *pair, const rmseg_overlap *overlap,
                                   const rmseg_site_rule *rule);

#endif
