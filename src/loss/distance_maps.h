/*
 * loss/distance_maps.h - what terms made of distances share: masks of a class, the squared distances to its two sides, and
 * a map of weights filled from them anew in every evaluation.
 *
 * A class that is empty or full has no border, and no distances. Ignored voxels are neither foreground nor background, so
 * that no border arises at their rim. Distances are those within the patch, those of the truth within the whole image where
 * the term says maps=image (loss/whole_image.h).
 */
#ifndef LOSS_DISTANCE_MAPS_H
#define LOSS_DISTANCE_MAPS_H

#include "field/field.h"
#include "loss/evaluator.h"

/* Channel c of sample n, and what rmseg_masks_ functions wrote of it. Arrays are (D,H,W). */
typedef struct rmseg_class_view {
    int64_t n, c, voxels;
    rmseg_grid grid; /* spacing as the term's units say */
    uint8_t *fg;     /* 1 in the foreground */
    uint8_t *open;   /* 0 in the background alone: foreground or ignored */
    uint8_t *border; /* 1 in the inner border: foreground beside background along an axis; never by the image's edge */
    bool any_fg, any_bg;   /* both: the distances below are there */
    rmseg_squares out, in; /* to the nearest foreground, 0 in it; to the nearest background, 0 in it */
    void *memory[2];       /* of out and in */
    void *extra;           /* the row's own memory */
    rmseg_distance_plan *plan;
    struct rmseg_whole_image *image; /* NULL: distances within the patch */
    bool of_image;                   /* the above are of the whole image, cut to the patch; then also: */
    double largest[2];               /* what rmseg_view_largest gives */
} rmseg_class_view;

typedef struct rmseg_distance_maps rmseg_distance_maps;

/* Reads the part's channels and weights, and makes the memory for its maps, with `extra` bytes a voxel for the row itself. */
rmseg_status rmseg_maps_create(rmseg_evaluator *evaluator, rmseg_loss_part *part, size_t extra);
void rmseg_maps_destroy(rmseg_distance_maps *maps);

/* Calls fn for each sample and each of the part's channels: side by side where they are small, else one after the other,
 * each with all threads. */
typedef rmseg_status (*rmseg_class_fn)(rmseg_evaluator *evaluator, rmseg_loss_part *part, rmseg_class_view *view);
rmseg_status rmseg_maps_each(rmseg_evaluator *evaluator, rmseg_loss_part *part, rmseg_class_fn fn);

/* Masks of the truth (above 1/2), of the prediction (above 1/2, or where it is the `largest` channel: the first of equals),
 * and their distances. Of the prediction: only after rmseg_evaluator_predict. */
rmseg_status rmseg_view_truth(rmseg_class_view *view, const rmseg_evaluator *evaluator);
rmseg_status rmseg_view_prediction(rmseg_class_view *view, const rmseg_evaluator *evaluator, bool largest);
rmseg_status rmseg_view_border(rmseg_class_view *view); /* fills view->border */

/* Fills this class' place in a map (N,K,D,H,W), as the logits, block by block: `weigh` gets the squared distances of
 * `count` voxels from `first` on (0 where there is no border) and what the map holds there, and writes its new values into
 * `map`. */
enum { RMSEG_MAP_BLOCK = 256 };
typedef struct rmseg_map_block {
    int64_t first, count;
    double out[RMSEG_MAP_BLOCK], in[RMSEG_MAP_BLOCK], map[RMSEG_MAP_BLOCK];
} rmseg_map_block;
typedef void (*rmseg_weigh_fn)(rmseg_map_block *block, const rmseg_class_view *view, const void *context);
void rmseg_view_fill(const rmseg_evaluator *evaluator, void *map, const rmseg_class_view *view, rmseg_weigh_fn weigh,
                     const void *context);

/* The largest distance of the voxels where mask is `value`; 0 where there is none. */
double rmseg_squares_largest(const rmseg_squares *squares, const uint8_t *mask, uint8_t value, int64_t voxels);

/* The largest distance from background to foreground, and from foreground to background. */
void rmseg_view_largest(double *out, double *in, const rmseg_class_view *view);

/* Z: channels x valid voxels (mean), 1 (sum), samples (batchmean). 0 where nothing is valid. */
double rmseg_map_divisor(const rmseg_evaluator *evaluator, const rmseg_loss_part *part);

/* Sum over samples and channels of their map's sum, by class weights and over Z; its coefficients times `factor`. */
double rmseg_map_finish(rmseg_evaluator *evaluator, const rmseg_loss_part *part, double factor);

#endif
