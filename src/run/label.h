/*
 * run/label.h - from probabilities to a label image.
 *
 *     softmax   each class but 0 has the mask of the voxels where its probability is the largest (the first of equals)
 *     sigmoid, tanh   each region has the mask p > 0.5
 * The masks are cleaned where asked, then written in order: a later region overwrites an earlier one.
 */
#ifndef RUN_LABEL_H
#define RUN_LABEL_H

#include "run/model.h"

typedef struct rmseg_cleaning {
    bool largest;     /* keep only the largest component of each mask */
    int64_t min_size; /* drop components of fewer voxels; 0: none */
} rmseg_cleaning;

/* `probabilities` is F32 with rmseg_model_channels channels; the label image (U8, or U16 where a value needs it) has
 * its grid and geometry. */
rmseg_status rmseg_label_make(rmseg_image **label, const rmseg_image *probabilities, const rmseg_model *model,
                              const rmseg_cleaning *cleaning);

/* The type of a model's label images. */
rmseg_dtype rmseg_label_dtype(const rmseg_model *model);

/* In place, for one mask: the two cleanings, the largest component last. Neighbours share a face. */
rmseg_status rmseg_clean(uint8_t *mask, const int64_t size[3], const rmseg_cleaning *cleaning);

#endif
