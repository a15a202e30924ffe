/*
 * run/arrays.h - a batch of an objective from arrays in files.
 *
 * Logits: float32 or float64 of shape (N,C,H,W) or (N,C,D,H,W); their type decides in what the objective is calculated.
 * Truth: labels, of shape (N,H,W) or (N,D,H,W), with or without an axis of one channel behind N, whole numbers of any
 * type; or a map of the logits' own shape, numbers of any type.
 */
#ifndef RUN_ARRAYS_H
#define RUN_ARRAYS_H

#include "core/core.h"
#include "loss/loss.h"

typedef struct rmseg_array_batch {
    rmseg_batch batch;         /* borrows what follows */
    rmseg_array logits, truth; /* truth: as the batch takes it */
    rmseg_frame *frames;       /* NULL unless rmseg_array_batch_frames was called */
} rmseg_array_batch;

/* Reads logits and truth. `ignore`: a label to leave out; `has_ignore` says whether there is one. Errors: file, format
 * (naming the file, what was found and expected), memory. */
rmseg_status rmseg_array_batch_read(rmseg_array_batch *batch, const char *logits, const char *target, bool has_ignore,
                                    int32_t ignore);

/* Reads labels alone: the batch is of float64 with `channels` channels, 0: as many as the largest label asks for, where
 * label 0 is `background` (a channel, or none). Its logits are NULL. */
rmseg_status rmseg_array_batch_read_labels(rmseg_array_batch *batch, const char *target, bool background,
                                           bool has_ignore, int32_t ignore);

/* Where the batch lies in its image: lists with commas, one number for each axis, "" for what is not known. Errors:
 * argument. */
rmseg_status rmseg_array_batch_frames(rmseg_array_batch *batch, const char *spacing, const char *offset,
                                      const char *extent);

void rmseg_array_batch_destroy(rmseg_array_batch *batch);

#endif
