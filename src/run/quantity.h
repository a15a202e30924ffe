/*
 * run/quantity.h - what an evaluation says of two masks beside their metrics: volumes in ml, and how much was segmented
 * far from the truth.
 */
#ifndef RUN_QUANTITY_H
#define RUN_QUANTITY_H

#include "metric/metric.h"

/* Two masks on one grid and what their voxels mean. */
typedef struct rmseg_mask_pair {
    const uint8_t *prediction, *truth; /* [D][H][W] */
    int64_t size[3];
    double spacing[3]; /* of distances: (1,1,1) where they are in voxels */
    double voxel_ml;   /* volume of a voxel; NaN in 2D and where no spacing in mm is known */
} rmseg_mask_pair;

typedef enum rmseg_quantity {
    RMSEG_VOLUME_PRED,
    RMSEG_VOLUME_TRUTH,
    RMSEG_VOLUME_DIFFERENCE,
    RMSEG_FP_BEYOND,
    RMSEG_QUANTITIES
} rmseg_quantity;

/* The row of a quantity; RMSEG_QUANTITIES where none has that name. */
const rmseg_metric_info *rmseg_quantity_info(rmseg_quantity quantity);
rmseg_quantity rmseg_quantity_find(const char *name);

/* One quantity, and a static text: which mask is empty, why a volume is NaN, else "".
 * `beyond` is the distance of fp_beyond, in units of the spacing. Errors: memory. */
rmseg_status rmseg_quantity_measure(double *value, const char **note, rmseg_quantity quantity,
                                    const rmseg_mask_pair *pair, double beyond);

#endif
