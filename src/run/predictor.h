/*
 * run/predictor.h - class probabilities of one prepared image: at once, or by windows that are blended as they come.
 *
 * Along an axis of extent n with window w and stride s, windows start at 0, s, 2s, ... and the last one ends at the
 * edge. Where the image is smaller than the window, or (at once) no multiple of what the network needs, it is padded
 * with zeros, half of them before it, rounded down. A voxel's probability is the mean over its windows, with weights
 * that are all 1 (mean) or a Gaussian about the window's centre with a standard deviation of an eighth of its extent
 * (Isensee et al., nnU-Net, 2021).
 */
#ifndef RUN_PREDICTOR_H
#define RUN_PREDICTOR_H

#include "run/model.h"

typedef struct rmseg_window {
    int64_t size[3], stride[3]; /* D,H,W; size all 0: the whole image at once */
    bool gaussian;
    bool flips;                   /* mean over the image and its mirror images along every axis */
    bool to_finish;               /* does not stop for rmseg_cancel */
    void (*progress)(void *user); /* called after every run of the network, unless NULL */
    void *user;
} rmseg_window;

/* What a training's own images suggest: windows of its patch that overlap by half, or the whole image. */
rmseg_window rmseg_window_default(const rmseg_model *model);

/* How often the network runs over an image of this size: windows, times mirror images. */
int64_t rmseg_window_count(const rmseg_window *window, const int64_t size[3]);

typedef struct rmseg_predictor rmseg_predictor;

/* The model is borrowed. Errors: argument, when the network cannot take the window (the sentence has the nearest ones).
 */
rmseg_status rmseg_predictor_create(rmseg_predictor **predictor, const rmseg_model *model, const rmseg_window *window);
void rmseg_predictor_destroy(rmseg_predictor *predictor);

/* Probabilities (K,D,H,W) as an F32 image on the grid of `image`, which is prepared (rmseg_prepare) and has the
 * network's channels. Plans are kept while the extents stay the same. Errors: argument, memory, cancelled. */
rmseg_status rmseg_predictor_run(rmseg_image **probabilities, rmseg_predictor *predictor, const rmseg_image *image);

/* ---- a window at a time: for images that do not fit into memory (run/slabs.h) ---------------------------------------- */

/* How many windows there are along an axis of this extent, and where window i starts in the image: below 0 where it is
 * padded. */
int64_t rmseg_window_along(const rmseg_window *window, int axis, int64_t extent);
int64_t rmseg_window_start(const rmseg_window *window, int axis, int64_t extent, int64_t i);

/* Makes the predictor ready for the windows of an image of which `header` is known: as rmseg_predictor_run checks it. Errors:
 * argument too where the predictor has no windows. */
rmseg_status rmseg_predictor_ready(rmseg_predictor *predictor, const rmseg_image *header);

/* Adds one window (and its mirror images) to `sum` (K, size) and `weight` (size). All three are the same part of an image: what
 * the window covers of it. `start` is where the window begins in that part. What rmseg_predictor_run divides at last. */
rmseg_status rmseg_predictor_add(float *sum, float *weight, rmseg_predictor *predictor, const float *image,
                                 const int64_t size[3], const int64_t start[3]);

/* Checks that every extent of a patch or grid is a multiple of what the network needs; the sentence has the nearest
 * sizes. `what` names it: "--patch". */
rmseg_status rmseg_check_divisible(const int64_t size[3], const rmseg_net *net, const char *what);

#endif
