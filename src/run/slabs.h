/*
 * run/slabs.h - prediction of a volume that does not fit into memory.
 *
 * The image is read once, in pieces, into a temporary file (data/data.h: rmseg_large). Windows go along D, the slowest axis,
 * as they always do; the sums of the planes that a window still covers are in a second temporary file, from which a plane goes
 * when no window will touch it any more: decided at once where nothing more is to be done to probabilities, else into a third.
 * The label image is written as its planes come. Memory holds a window, the network's tensors and a few planes, whatever the
 * volume's extents. The labels are those of rmseg_predictor_run, bit for bit.
 */
#ifndef RUN_SLABS_H
#define RUN_SLABS_H

#include "run/label.h"
#include "run/predictor.h"

/* What to predict with, borrowed. */
typedef struct rmseg_slabs_settings {
    const rmseg_model *models;
    rmseg_predictor *const *predictors;
    const rmseg_window *windows;
    int64_t model_count;
    bool native; /* on the training's grid */
    rmseg_cleaning cleaning;
    const char *folder; /* for temporary files */
    const char *note;   /* of the label image, as rmseg_image.note */
} rmseg_slabs_settings;

/* Predicts the image whose channels are in `files` and writes its label image and, unless `npy_path` is NULL, its
 * probabilities. */
rmseg_status rmseg_slabs_predict(const rmseg_slabs_settings *settings, const rmseg_names *files, const char *label_path,
                                 const char *npy_path);

/* About how many bytes the usual way takes for an image of this header. */
int64_t rmseg_slabs_memory(const rmseg_slabs_settings *settings, const rmseg_image *header);

/* ---- between slabs.c and slabs_label.c --------------------------------------------------------------------------------- */

/* What was decided of each voxel: the class of a softmax in one channel, else 0 or 1 for each region. */
typedef struct rmseg_decisions {
    rmseg_store *store; /* uint16 */
    int64_t channels, size[3];
    rmseg_axis_order order; /* that brings them to the label image's axes */
} rmseg_decisions;

/* Cleans the masks and writes them as a label image of the geometry of `header`, of which the data are NULL. */
rmseg_status rmseg_decisions_write(const rmseg_decisions *decisions, const rmseg_image *header,
                                   const rmseg_model *model, const rmseg_cleaning *cleaning, const char *path);

#endif
