/*
 * data/warp.h - a patch read from an image at places that are off its grid: rotated, enlarged, bent, all in one
 * resampling.
 *
 * Voxel i of the patch shows the image at
 *     y = start + m + S^-1 R S (i + e(i) - m) / scale
 * with m the patch's middle, S the spacing, R the rotation, and e(i) the elastic displacement: control points on a grid
 * over the patch, cubic B-splines between them. All is isotropic in millimetres.
 */
#ifndef DATA_WARP_H
#define DATA_WARP_H

#include "data/data.h"

/* An image in turned and flipped axes: voxel (d,h,w) lies at start + d stride[0] + h stride[1] + w stride[2]. */
typedef struct rmseg_view {
    int64_t start, stride[3], extent[3];
    double spacing[3];
} rmseg_view;

/* Memory for patches of one size. */
typedef struct rmseg_warp_room rmseg_warp_room;
rmseg_status rmseg_warp_room_create(rmseg_warp_room **room, const int64_t patch[3], bool elastic);
void rmseg_warp_room_destroy(rmseg_warp_room *room);

/* Settles places for a record; its crop is the patch's start in the view. */
void rmseg_warp_begin(rmseg_warp_room *room, const rmseg_view *view, const rmseg_sample_record *record);

/* Settles the places of row (d,h): rows of one d follow one another. `inside` (W of the patch): 1 where the image has a
 * voxel, which reaches half an edge beyond its centre. */
void rmseg_warp_row(uint8_t *inside, rmseg_warp_room *room, int64_t d, int64_t h);

/* Values of the row: linear between the eight voxels around (at the image's rim the nearest), 0 outside. */
void rmseg_warp_values(float *row, const rmseg_warp_room *room, const float *values);

/* Labels of the row: of the eight voxels around the label that has most of the linear weight, the smaller of two that
 * have as much; 0 outside. */
void rmseg_warp_labels(int32_t *row, const rmseg_warp_room *room, const int32_t *labels);

#endif
