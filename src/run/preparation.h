/*
 * run/preparation.h - how images are prepared, from a training's options and from and to a weights file.
 */
#ifndef RUN_PREPARATION_H
#define RUN_PREPARATION_H

#include "data/data.h"
#include "nn/nn.h"
#include "run/train_options.h"

/* From the options. Errors: what is no number, too few, in a wrong order; grid and spacing at once. */
rmseg_status rmseg_preparation_parse(rmseg_preparation *preparation, int spatial, const train_options *o);

/* Adds rmseg.grid, rmseg.spacing, rmseg.orientation, rmseg.clip, rmseg.normalize, rmseg.window to the metadata. */
rmseg_status rmseg_preparation_save(rmseg_tensor_file *file, const rmseg_preparation *preparation, int spatial);

/* Reads them back; what older files lack besides grid and normalize is as it was then: axes as in the file, the rest off. */
rmseg_status rmseg_preparation_load(rmseg_preparation *preparation, const rmseg_tensor_file *file, const char *path,
                                    int spatial);

#endif
