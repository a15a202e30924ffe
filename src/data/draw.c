/* draw.c - what is drawn for a sample. */
#include <math.h>

#include "data/sample.h"

void rmseg_turn_plane(int plane[2], int pivot)
{
    plane[0] = pivot == 0 ? 1 : 0;
    plane[1] = pivot == 0 ? 2 : 1;
}

void rmseg_turned_extent(int64_t turned[3], const int64_t extent[3], int turns, int pivot)
{
    int plane[2], odd = turns % 2 != 0;
    rmseg_turn_plane(plane, pivot);
    turned[pivot] = extent[pivot];
    turned[plane[0]] = extent[plane[odd]];
    turned[plane[1]] = extent[plane[!odd]];
}

/* Where the image is smaller than the patch it lies in the middle, the smaller half of the padding before it. */
static int64_t crop_start(double draw, int64_t extent, int64_t patch)
{
    return extent >= patch ? (int64_t)(draw * (double)(extent - patch + 1)) : -((patch - extent) / 2);
}

/* A voxel's index in the turned and flipped image. */
static void turned_index(int64_t at[3], int64_t voxel, const int64_t extent[3], const rmseg_sample_record *record)
{
    int64_t x[3] = {voxel / (extent[1] * extent[2]), voxel / extent[2] % extent[1], voxel % extent[2]}, turned[3];
    int plane[2];
    rmseg_turn_plane(plane, record->pivot);
    rmseg_turned_extent(turned, extent, record->turns, record->pivot);
    int a = plane[0], b = plane[1];
    for (int k = 0; k < 3; k++) at[k] = x[k];
    switch (record->turns) {
    case 1: at[a] = extent[b] - 1 - x[b], at[b] = x[a]; break;
    case 2: at[a] = extent[a] - 1 - x[a], at[b] = extent[b] - 1 - x[b]; break;
    case 3: at[a] = x[b], at[b] = extent[a] - 1 - x[a]; break;
    default: break;
    }
    for (int k = 0; k < 3; k++)
        if (record->flip[k]) at[k] = turned[k] - 1 - at[k];
}

/* The crop's middle on a voxel of a class above 0, as far as the image goes. */
static void put_about_foreground(rmseg_sample_record *record, const rmseg_sample_place *place, const double *u)
{
    int64_t at[3], turned[3];
    int64_t voxel = rmseg_foreground_pick(&record->foreground, place->foreground, u[RMSEG_DRAW_FOREGROUND + 1],
                                          u[RMSEG_DRAW_FOREGROUND + 2]);
    if (voxel < 0) return;
    turned_index(at, voxel, place->extent, record);
    rmseg_turned_extent(turned, place->extent, record->turns, record->pivot);
    for (int k = 0; k < 3; k++) {
        int64_t start = at[k] - place->patch[k] / 2, last = turned[k] - place->patch[k];
        if (last < 0) continue; /* the whole axis lies in the patch */
        record->crop[k] = start < 0 ? 0 : start > last ? last : start;
    }
}

static void draw_places(rmseg_sample_record *record, const rmseg_augmentation *a, const rmseg_sample_place *place,
                        const double *u)
{
    int64_t turned[3];
    record->turns = a->turn ? (int)(4 * u[RMSEG_DRAW_TURN]) : 0;
    record->pivot = a->pivot;
    rmseg_turned_extent(turned, place->extent, record->turns, record->pivot);
    for (int k = 0; k < 3; k++) {
        record->flip[k] = a->flip[k] && u[RMSEG_DRAW_FLIP + k] < 0.5;
        if (a->reflect && k < 2) record->flip[k] = (u[RMSEG_DRAW_FLIP] < 0.5) == (k == 0);
        record->crop[k] = crop_start(u[RMSEG_DRAW_CROP + k], turned[k], place->patch[k]);
    }
    record->foreground = 0;
    if (place->foreground && u[RMSEG_DRAW_FOREGROUND] < place->share) put_about_foreground(record, place, u);
}

static void draw_warp(rmseg_sample_record *record, const rmseg_augmentation *a, const double *u)
{
    bool rotate = u[RMSEG_DRAW_ROTATE] < a->rotate_p, scale = u[RMSEG_DRAW_SCALE] < a->scale_p;
    bool elastic = u[RMSEG_DRAW_ELASTIC] < a->elastic_p;
    for (int k = 0; k < 3; k++)
        record->angle[k] = rotate && a->degrees[k] > 0 ? (2 * u[RMSEG_DRAW_ROTATE + 1 + k] - 1) * a->degrees[k] : 0;
    record->scale = scale ? a->scale[0] * pow(a->scale[1] / a->scale[0], u[RMSEG_DRAW_SCALE + 1]) : 1;
    record->elastic[0] = elastic ? u[RMSEG_DRAW_ELASTIC + 1] * a->elastic[0] : 0;
    record->elastic[1] = elastic ? a->elastic[1] : 0;
}

static double between(const double range[2], double u) { return range[0] + u * (range[1] - range[0]); }

static void draw_values(rmseg_sample_record *record, const rmseg_augmentation *a, const double *u)
{
    record->offset = a->offset ? (u[RMSEG_DRAW_OFFSET] - 0.5) / 2 : 0;
    record->gain = a->gain ? 0.75 + u[RMSEG_DRAW_GAIN] / 2 : 1;
    record->gamma = a->gamma ? exp2(u[RMSEG_DRAW_GAMMA] - 0.5) : 1;
    record->blur = u[RMSEG_DRAW_BLUR] < a->blur_p ? between(a->blur, u[RMSEG_DRAW_BLUR + 1]) : 0;
    record->lowres = u[RMSEG_DRAW_LOWRES] < a->lowres_p ? between(a->lowres, u[RMSEG_DRAW_LOWRES + 1]) : 1;
    record->noise = u[RMSEG_DRAW_NOISE] < a->noise_p ? u[RMSEG_DRAW_NOISE + 1] * a->noise : 0;
}

void rmseg_sample_draw(rmseg_sample_record *record, const rmseg_augmentation *augmentation,
                       const rmseg_sample_place *place, uint64_t seed, uint32_t iteration, uint32_t sample)
{
    double u[RMSEG_DRAWS];
    rmseg_random random = rmseg_random_stream(seed, RMSEG_RANDOM_AUGMENT, iteration, sample);
    for (int i = 0; i < RMSEG_DRAWS; i++) u[i] = rmseg_random_uniform(&random);
    record->seed = seed;
    record->iteration = iteration;
    record->sample = sample;
    draw_places(record, augmentation, place, u);
    draw_warp(record, augmentation, u);
    draw_values(record, augmentation, u);
}
