/*
 * field/field.h - the door of fields: a mask goes in, numbers come out. No files, no image types.
 *
 * A mask is dense uint8 [D][H][W], non-zero is set; 2D is D = 1 (an axis of extent 1 adds no neighbours).
 */
#ifndef FIELD_FIELD_H
#define FIELD_FIELD_H

#include "core/core.h"

typedef struct rmseg_grid {
    int64_t size[3];   /* D, H, W */
    double spacing[3]; /* any unit; the distances come in it */
} rmseg_grid;

/* Exact Euclidean distance of every voxel centre to the nearest SET voxel centre, squared, in spacing units squared.
 * Felzenszwalb & Huttenlocher / Meijster: separable lower envelopes; integer arithmetic where all spacings are equal.
 * An empty mask gives +infinity everywhere. squared[D*H*W] is the caller's. Threaded; the result does not depend on the
 * threads. */
rmseg_status rmseg_distance_squared(double *squared, const uint8_t *mask, const rmseg_grid *grid);

typedef enum rmseg_border_edge {
    RMSEG_EDGE_IS_OUTSIDE, /* beyond the image is background: a set voxel at the image edge is border (MedPy, MONAI) */
    RMSEG_EDGE_IS_INSIDE   /* the image edge makes no border */
} rmseg_border_edge;

/* border = mask XOR erosion(mask) with SciPy's generate_binary_structure(axes, connectivity): 1 is 4/6 neighbours, 2 is
 * 8/18, 3 is 26. An image of D = 1 has two axes. */
rmseg_status rmseg_border(uint8_t *border, const uint8_t *mask, const rmseg_grid *grid, int connectivity,
                          rmseg_border_edge edge);

/* Connected components: component[v] = 0 outside, 1..*count in order of their first voxel. */
rmseg_status rmseg_components(int32_t *component, int64_t *count, const uint8_t *mask, const rmseg_grid *grid,
                              int connectivity);

/* Keeps only the largest component (the first of equals). In place. */
rmseg_status rmseg_largest_component(uint8_t *mask, const rmseg_grid *grid, int connectivity);

/* Contours of a 2D mask by marching squares at the half level: closed polylines through the midpoints between a set and
 * an unset pixel. Coordinates are pixel centres, y = row, x = column; the outside counts as unset. */
typedef struct rmseg_contours {
    double *xy;     /* points, x0 y0 x1 y1 ... */
    int64_t *first; /* first[i] .. first[i+1]-1 are the points of polyline i; count + 1 entries */
    int64_t count;
} rmseg_contours;
rmseg_status rmseg_contours_trace(rmseg_contours *contours, const uint8_t *mask, int64_t height, int64_t width);
void rmseg_contours_destroy(rmseg_contours *contours);

#endif
