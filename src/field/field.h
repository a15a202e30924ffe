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
 * Where the spacings of the axes that exist are equal it is a whole number times the squared spacing, without rounding;
 * elsewhere within a few units in the last place. An empty mask gives +infinity everywhere. squared[D*H*W] is the
 * caller's. Threaded; the result does not depend on the threads. Errors, here and below: argument (an extent < 1, a
 * spacing that is not positive, a connectivity that does not exist), memory. */
rmseg_status rmseg_distance_squared(double *squared, const uint8_t *mask, const rmseg_grid *grid);

/* The distance itself, rounded to float once. */
rmseg_status rmseg_distance(float *distance, const uint8_t *mask, const rmseg_grid *grid);

/* Signed: outside the mask the distance to the nearest set voxel, inside it minus the distance to the nearest unset
 * one. No voxel is 0: on either side of a border it is at least the smallest spacing. An empty mask gives +infinity
 * everywhere, a full one -infinity. */
rmseg_status rmseg_distance_signed(float *distance, const uint8_t *mask, const rmseg_grid *grid);

/* The squared distance to the nearest site, read at `count` voxels only, in their place: at[i] is the index of a voxel,
 * (d*H + h)*W + w, and becomes its squared distance. In any order, repeated or not. An index outside the grid is an
 * argument error; after a failure `at` is as it was. */
rmseg_status rmseg_distance_at(double *at, const uint8_t *sites, int64_t count, const rmseg_grid *grid);

/* Many masks of one size, without allocating: made once, run often, one run at a time (one that finds more threads than
 * before allocates once more). With `alone` a run stays on the calling thread, so that plans may run side by side in a
 * parallel-for. */
typedef struct rmseg_distance_plan rmseg_distance_plan;
rmseg_status rmseg_distance_plan_create(rmseg_distance_plan **plan, const int64_t size[3], bool alone);
void rmseg_distance_plan_destroy(rmseg_distance_plan *plan);

/* Squared distances as they are computed: one of the two arrays, times `factor`. Where there is no site to measure to,
 * a whole number is 1 << 30 and a real one infinite. */
typedef struct rmseg_squares {
    const int32_t *whole;
    const double *real;
    double factor;
} rmseg_squares;

/* To the nearest voxel that is set, or (`set` false) that is not. `memory` is D*H*W doubles, where the squares will lie. */
rmseg_status rmseg_distance_plan_run(rmseg_squares *squares, rmseg_distance_plan *plan, void *memory,
                                     const uint8_t *mask, bool set, const double spacing[3]);

typedef enum rmseg_border_edge {
    RMSEG_EDGE_IS_OUTSIDE, /* beyond the image is background: a set voxel at the image edge is border (MedPy, MONAI) */
    RMSEG_EDGE_IS_INSIDE   /* the image edge makes no border */
} rmseg_border_edge;

/* border = mask XOR erosion(mask), 0 or 1: the set voxels with an unset neighbour. Neighbours differ by at most 1 along
 * each axis and along at most `connectivity` axes (SciPy's generate_binary_structure): in 3D 1 is 6 neighbours, 2 is
 * 18, 3 is 26; in 2D, which is D = 1, 1 is 4 neighbours and 2 is 8. RMSEG_EDGE_IS_OUTSIDE is SciPy's border_value=0. */
rmseg_status rmseg_border(uint8_t *border, const uint8_t *mask, const rmseg_grid *grid, int connectivity,
                          rmseg_border_edge edge);

/* The corners where 2 x 2 (2D, D = 1) or 2 x 2 x 2 voxels meet, (D-1)(H-1)(W-1) of them: code has a bit for each set
 * voxel, 8 4 / 2 1 in 2D and 128 64 / 32 16, 8 4 / 2 1 in 3D, axis by axis the lower voxel first. 0 is outside, 15 or 255
 * inside, all else surface. Errors: argument also where H or W is 1. */
rmseg_status rmseg_corner_codes(uint8_t *code, const uint8_t *mask, const rmseg_grid *grid);

/* How much surface stands for each code, by axes (2 or 3; 2 uses spacing[1] and [2]): an area, in 2D a length. Elements
 * are those of marching cubes and squares, as google-deepmind/surface-distance has them; a vertex has its share of the
 * voxel faces that meet there, as DisTorch has them: half a voxel along each axis. 0 for codes outside and inside. */
void rmseg_element_sizes(double size[256], int axes, const double spacing[3]);
void rmseg_vertex_sizes(double size[256], int axes, const double spacing[3]);

/* Connected components, neighbours as above: component[v] = 0 outside, 1..*count in order of their first voxel. At most
 * 2^31 - 2 voxels, otherwise unsupported. */
rmseg_status rmseg_components(int32_t *component, int64_t *count, const uint8_t *mask, const rmseg_grid *grid,
                              int connectivity);

/* Keeps only the largest component (the first of equals). In place. */
rmseg_status rmseg_largest_component(uint8_t *mask, const rmseg_grid *grid, int connectivity);

/* The same cleaning for a mask that does not fit into memory, plane by plane, neighbours sharing a face. Every plane is given
 * once, in order (rmseg_component_sweep_add); then it is decided which components stay: of those with `min_size` voxels
 * and more all, or the largest alone, the first of equals (rmseg_component_sweep_decide); then every plane is given once more, in
 * order, and what does not stay is cleared in it (rmseg_component_sweep_clear). Memory: two planes, and what grows with the
 * number of components. */
typedef struct rmseg_component_sweep rmseg_component_sweep;
rmseg_status rmseg_component_sweep_create(rmseg_component_sweep **sweep, int64_t height, int64_t width);
rmseg_status rmseg_component_sweep_add(rmseg_component_sweep *sweep, const uint8_t *plane);
void rmseg_component_sweep_decide(rmseg_component_sweep *sweep, int64_t min_size, bool largest);
void rmseg_component_sweep_clear(rmseg_component_sweep *sweep, uint8_t *plane);
void rmseg_component_sweep_destroy(rmseg_component_sweep *sweep); /* NULL is legal */

/* Contours of a 2D mask by marching squares at the half level: closed polylines through the midpoints between a set and
 * an unset pixel; the last point joins the first, which is not repeated. Coordinates are those of pixel centres, x =
 * column, y = row; beyond the image is unset. The set side lies to the right of the way (clockwise round an object on a
 * screen, counter-clockwise round a hole), and set pixels that touch at a corner only are apart. */
typedef struct rmseg_contours {
    double *xy;     /* points, x0 y0 x1 y1 ... */
    int64_t *first; /* first[i] .. first[i+1]-1 are the points of polyline i; count + 1 entries */
    int64_t count;
} rmseg_contours;
rmseg_status rmseg_contours_trace(rmseg_contours *contours, const uint8_t *mask, int64_t height, int64_t width);
void rmseg_contours_destroy(rmseg_contours *contours);

#endif
