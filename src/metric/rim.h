/*
 * metric/rim.h - the rims of two masks: what boundary IoU compares.
 */
#ifndef METRIC_RIM_H
#define METRIC_RIM_H

#include "metric/box.h"

/* The rim of a mask is its border (set voxels with an unset neighbour, the image's edge included) and every set voxel
 * nearer than `width` to it, from centre to centre in units of the spacing; 0 or NaN: the border alone. Counts the
 * voxels of both rims and of what they share. The union is not empty. Errors: memory. */
rmseg_status rmseg_rims_count(int64_t rims[2], int64_t *both, const rmseg_pair *pair, const rmseg_overlap *overlap,
                              int connectivity, double width);

#endif
