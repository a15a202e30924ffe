/*
 * data/sample.h - one sample of a batch: what is drawn for it, and how a prepared case becomes it.
 *
 * Each sample has draws, uniform in [0,1), from the stream (seed, AUGMENT, iteration, position in the batch). A draw
 * belongs to one thing whether that is switched on or not, so that switching one on leaves the others as they were.
 */
#ifndef DATA_SAMPLE_H
#define DATA_SAMPLE_H

#include "data/data.h"
#include "data/foreground.h"
#include "data/prepared.h"

enum {
    RMSEG_DRAW_FLIP = 0, /* 0, 1, 2: D, H, W; flipped where below 1/2 */
    RMSEG_DRAW_TURN = 3, /* floor(4u) quarter turns */
    RMSEG_DRAW_OFFSET = 4,
    RMSEG_DRAW_GAIN = 5,
    RMSEG_DRAW_GAMMA = 6,
    RMSEG_DRAW_CROP = 7, /* 7, 8, 9: D, H, W; floor(u * (extent - patch + 1)) */
    /* pairs: done where the first is below p, how much by the second */
    RMSEG_DRAW_ROTATE = 10, /* 11, 12, 13: angles about D, H, W */
    RMSEG_DRAW_SCALE = 14,
    RMSEG_DRAW_ELASTIC = 16,
    RMSEG_DRAW_NOISE = 18,
    RMSEG_DRAW_BLUR = 20,
    RMSEG_DRAW_LOWRES = 22,
    RMSEG_DRAW_FOREGROUND = 24, /* 25: class, 26: voxel */
    RMSEG_DRAWS = 27
};

/* What --augment switches on. */
typedef struct rmseg_augmentation {
    bool flip[3], turn, offset, gain, gamma;
    int pivot;         /* of the turn */
    bool reflect;      /* mirrors exactly one of D and H: the first where draw 0 is below 1/2 */
    double degrees[3]; /* largest angle about D, H, W */
    double scale[2];   /* smallest and largest */
    double elastic[2]; /* largest root mean square, distance of the control points, in voxels */
    double noise;      /* largest sd */
    double blur[2], lowres[2];
    double rotate_p, scale_p, elastic_p, noise_p, blur_p, lowres_p; /* probabilities; 0: off */
} rmseg_augmentation;

/* "flip-w,rotate(degrees=15, p=1)"; "none", "" and NULL are nothing. Errors (argument): an unknown name or parameter, a
 * flip along D in 2D. */
rmseg_status rmseg_augmentation_parse(rmseg_augmentation *augmentation, const char *text, int spatial);

/* Whether voxels leave the image's axes. */
static inline bool rmseg_augmentation_warps(const rmseg_augmentation *a)
{
    return a->rotate_p > 0 || a->scale_p > 0 || a->elastic_p > 0;
}

/* Where a crop may lie. */
typedef struct rmseg_sample_place {
    int64_t extent[3], patch[3];
    double share;                       /* of the crops that are put about the foreground */
    const rmseg_foreground *foreground; /* NULL: none */
} rmseg_sample_place;

/* Draws a sample's history, case_index aside. */
void rmseg_sample_draw(rmseg_sample_record *record, const rmseg_augmentation *augmentation,
                       const rmseg_sample_place *place, uint64_t seed, uint32_t iteration, uint32_t sample);

/* The two axes that a turn about `pivot` moves, the first toward the second's place. */
void rmseg_turn_plane(int plane[2], int pivot);

/* The image's extents after so many quarter turns. */
void rmseg_turned_extent(int64_t turned[3], const int64_t extent[3], int turns, int pivot);

/* What one worker needs to make samples: made once for a patch. */
typedef struct rmseg_sample_room rmseg_sample_room;
rmseg_status rmseg_sample_room_create(rmseg_sample_room **room, const rmseg_augmentation *augmentation,
                                      const int64_t patch[3]);
void rmseg_sample_room_destroy(rmseg_sample_room *room);

/* Carries a record out: image (C, patch), label (patch) and frame. Only what lies in the patch is read. Allocates
 * nothing. A sample that left the image's axes has the patch itself for a frame. */
void rmseg_sample_make(float *image, int32_t *label, rmseg_frame *frame, const rmseg_prepared *prepared,
                       const rmseg_sample_record *record, const int64_t patch[3], rmseg_sample_room *room);

/* The labels of the whole image, turned and flipped as the sample is: (extents of its frame). */
void rmseg_sample_whole(int32_t *label, const rmseg_prepared *prepared, const rmseg_sample_record *record);

#endif
