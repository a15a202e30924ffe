/*
 * rmseg/field.h - exact Euclidean distance transforms of a mask.                            tier: may change before 1.0
 *
 * A mask is dense uint8 [D][H][W], non-zero is set; D = 1 in 2D. Distances go from voxel centre to voxel centre, in
 * units of the spacing, which is per axis in the same order (1,1,1 for voxels). The outputs have the mask's shape and
 * are the caller's. Errors: argument (an extent < 1, a spacing that is not positive), memory.
 */
#ifndef RMSEG_FIELD_H
#define RMSEG_FIELD_H

#include "rmseg/core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* To the nearest set voxel; +infinity everywhere for an empty mask. With `inside_is_negative` a set voxel has minus the
 * distance to the nearest unset one; -infinity everywhere for a full mask. Rounded to float once. */
RMSEG_API rmseg_status rmseg_distance_transform(float *distance, const uint8_t *mask, const int64_t size[3],
                                                const double spacing[3], bool inside_is_negative);

/* The squared distance to the nearest set voxel: a whole number times the squared spacing where spacings are equal,
 * without rounding; elsewhere within a few units in the last place. */
RMSEG_API rmseg_status rmseg_distance_transform_squared(double *squared, const uint8_t *mask, const int64_t size[3],
                                                        const double spacing[3]);

#ifdef __cplusplus
}
#endif
#endif
