/*
 * run/validation.h - the Dice of held-out cases during a training: the mean over the cases where it is defined, for
 * each region, on the training's own grid, from the label image that a prediction would give.
 */
#ifndef RUN_VALIDATION_H
#define RUN_VALIDATION_H

#include "run/model.h"

typedef struct rmseg_validation rmseg_validation;

/* Dataset, model and `cases` (their indices, `count` of them) are borrowed. Between two validations the prepared cases are
 * in `cache`, `folder` that of RMSEG_CACHE_MMAP. */
rmseg_status rmseg_validation_create(rmseg_validation **validation, const rmseg_dataset *dataset,
                                     const rmseg_model *model, const int64_t *cases, int64_t count, rmseg_cache cache,
                                     const char *folder);
void rmseg_validation_destroy(rmseg_validation *validation);

/* Measures with the model's present weights. */
rmseg_status rmseg_validation_run(rmseg_validation *validation);

/* Of the last run: the Dice of region i, and the mean over the regions; NaN where undefined. */
double rmseg_validation_dice(const rmseg_validation *validation, int64_t region);
double rmseg_validation_mean(const rmseg_validation *validation);

#endif
