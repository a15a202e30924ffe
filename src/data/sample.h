/*
 * data/sample.h - one sample of a batch: what is drawn for it, and how a prepared case becomes it.
 *
 * Each sample has ten draws, uniform in [0,1), from the stream (seed, AUGMENT, iteration, position in the batch). A
 * draw belongs to one thing whether that is switched on or not, so that switching one on leaves the others as they
 * were.
 */
#ifndef DATA_SAMPLE_H
#define DATA_SAMPLE_H

#include "data/data.h"
#include "data/prepared.h"

enum {
    RMSEG_DRAW_FLIP = 0, /* 0, 1, 2: D, H, W; flipped where below 1/2 */
    RMSEG_DRAW_TURN = 3, /* floor(4u) quarter turns */
    RMSEG_DRAW_OFFSET = 4,
    RMSEG_DRAW_GAIN = 5,
    RMSEG_DRAW_GAMMA = 6,
    RMSEG_DRAW_CROP = 7, /* 7, 8, 9: D, H, W; floor(u * (extent - patch + 1)) */
    RMSEG_DRAWS = 10
};

/* What --augment switches on. */
typedef struct rmseg_augmentation {
    bool flip[3], turn, offset, gain, gamma;
    int pivot;    /* of the turn */
    bool reflect; /* mirrors exactly one of D and H: the first where draw 0 is below 1/2 */
} rmseg_augmentation;

/* "flip-w,rot90"; "none", "" and NULL are nothing. Errors (argument): an unknown name, a flip along D in 2D. */
rmseg_status rmseg_augmentation_parse(rmseg_augmentation *augmentation, const char *text, int spatial);

/* Draws a sample's history, case_index aside, for an image of `extent` and a patch of `patch`. */
void rmseg_sample_draw(rmseg_sample_record *record, const rmseg_augmentation *augmentation, const int64_t extent[3],
                       const int64_t patch[3], rmseg_random random);

/* The two axes that a turn about `pivot` moves, the first toward the second's place. */
void rmseg_turn_plane(int plane[2], int pivot);

/* The image's extents after so many quarter turns. */
void rmseg_turned_extent(int64_t turned[3], const int64_t extent[3], int turns, int pivot);

/* Carries a record out: image (C, patch), label (patch) and frame. Only what lies in the patch is read. */
void rmseg_sample_make(float *image, int32_t *label, rmseg_frame *frame, const rmseg_prepared *prepared,
                       const rmseg_sample_record *record, const int64_t patch[3]);

/* The labels of the whole image, turned and flipped as the sample is: (extents of its frame). */
void rmseg_sample_whole(int32_t *label, const rmseg_prepared *prepared, const rmseg_sample_record *record);

#endif
