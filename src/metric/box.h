/*
 * metric/box.h - the part of the image where a pair of masks is measured, and the copies of the masks there.
 *
 * Outside the union both masks are unset, so neither sites nor distances depend on the rest of the image.
 */
#ifndef METRIC_BOX_H
#define METRIC_BOX_H

#include "field/field.h"
#include "metric/overlap.h"

/* A pair of masks, dense [D][H][W], non-zero is set. */
typedef struct rmseg_pair {
    const uint8_t *prediction, *truth;
    const uint8_t *ignored; /* NULL, or the voxels that are neither: set in no mask, and no mask ends at them */
    rmseg_grid grid;
    int axes; /* that the masks have: 1, 2 or 3; those before are of extent 1 and have no neighbours */
} rmseg_pair;

/* What a mask ends at where the image ends. */
typedef enum rmseg_edge_rule {
    RMSEG_EDGE_ENDS,    /* beyond the image is unset: a set voxel at the edge is border */
    RMSEG_EDGE_GOES_ON, /* the image's edge makes no border */
    RMSEG_EDGE_OF_BOX   /* the image is cut to the union's box; beyond is unset, but not along an axis of one voxel */
} rmseg_edge_rule;

/* The union's box with a margin of one voxel, so that every rule for the edge is told by what the margin holds: where
 * the image's edge ends a mask it holds unset voxels, even beyond the image; where the mask goes on the margin ends with
 * the image; along an axis without neighbours there is none. */
typedef struct rmseg_box {
    int64_t start[3]; /* in the image; may lie before it */
    int64_t size[3];
} rmseg_box;

/* The union is not empty. */
rmseg_box rmseg_box_around(const rmseg_pair *pair, const rmseg_overlap *overlap, rmseg_edge_rule edge);

/* Copies a mask of the image's size into the box: 0 or 1, 0 beyond the image. */
void rmseg_box_cut(uint8_t *cut, const rmseg_box *box, const uint8_t *mask, const int64_t size[3]);

/* rmseg_border inside a box, of a mask of 0 and 1: the box's own edge makes no border, and neither does an ignored voxel
 * (NULL where there is none). The connectivity may exceed the box's axes. */
rmseg_status rmseg_box_border(uint8_t *border, uint8_t *mask, const uint8_t *ignored, const rmseg_grid *grid,
                              int connectivity);

/* The grid of a transform over `size` (of the box or of the corners in it), and the unit its distances come in. Equal
 * spacings give a grid of spacing 1 and their spacing as the unit: the squares are then whole numbers, and a distance
 * along an axis is a whole number of spacings. Otherwise the unit is 1. */
rmseg_grid rmseg_box_grid(double *unit, const int64_t size[3], const double spacing[3]);

#endif
