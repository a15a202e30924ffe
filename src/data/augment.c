/* augment.c - the augmentations as rows, and the ten draws of a sample. */
#include <math.h>
#include <string.h>

#include "data/sample.h"

typedef struct row {
    rmseg_augment_info info;
    rmseg_augmentation on; /* what the row switches on; `flip` leaves out D in 2D */
} row;

static const row rows[] = {
    {{"flip", "mirrors each spatial axis, each with probability 1/2", "draws 0, 1, 2 (D, H, W): u < 1/2"},
     {.flip = {true, true, true}}},
    {{"flip-d", "mirrors axis D (front to back, 3D only) with probability 1/2", "draw 0: u < 1/2"},
     {.flip = {true, false, false}}},
    {{"flip-h", "mirrors axis H (top to bottom) with probability 1/2", "draw 1: u < 1/2"},
     {.flip = {false, true, false}}},
    {{"flip-w", "mirrors axis W (left to right) with probability 1/2", "draw 2: u < 1/2"},
     {.flip = {false, false, true}}},
    {{"rot90", "turns by 0, 1, 2 or 3 quarters in the plane of H and W", "draw 3: floor(4u) quarters"}, {.turn = true}},
    {{"rot90-dh", "the same in the plane of D and H (3D only); with flip-d all eight symmetries of that plane",
      "draw 3: floor(4u) quarters"},
     {.turn = true, .pivot = 2}},
    {{"la-reference", "rot90-dh, then always one mirror, of D or of H: the four reflections that UA-MT's loader makes",
      "draw 3: floor(4u) quarters; draw 0: D where u < 1/2, else H"},
     {.turn = true, .pivot = 2, .reflect = true}},
    {{"brightness", "adds up to +-0.25 standard deviations of the channel", "draw 4: offset = (u - 1/2) / 2"},
     {.offset = true}},
    {{"contrast", "multiplies the distance from the channel's mean by 0.75 to 1.25", "draw 5: gain = 3/4 + u / 2"},
     {.gain = true}},
    {{"gamma", "raises the value, as a fraction of the channel's range, to the power 0.71 to 1.41",
      "draw 6: gamma = 2^(u - 1/2)"},
     {.gamma = true}},
};
enum { ROWS = sizeof rows / sizeof *rows };

const rmseg_augment_info *rmseg_augment_list(int64_t index)
{
    return index >= 0 && index < ROWS ? &rows[index].info : NULL;
}

static rmseg_status find_row(const row **found, const char *name, size_t length)
{
    const char *names[ROWS + 1];
    for (int i = 0; i < ROWS; i++) {
        names[i] = rows[i].info.name;
        if (strlen(names[i]) == length && !strncmp(names[i], name, length)) {
            *found = &rows[i];
            return RMSEG_OK;
        }
    }
    char *word = rmseg_strndup(name, length);
    if (!word) return RMSEG_ERROR_MEMORY;
    names[ROWS] = "none";
    const char *near = rmseg_nearest(word, names, ROWS + 1);
    rmseg_status status = RMSEG_ERROR_ARGUMENT;
    if (near)
        rmseg_fail(status, "augment: unknown name \"%s\": did you mean \"%s\"?", word, near);
    else
        rmseg_fail(status, "augment: unknown name \"%s\"; expected names like flip-w,rot90 or none", word);
    rmseg_free(word);
    return status;
}

static rmseg_status switch_on(rmseg_augmentation *augmentation, const row *row, int spatial)
{
    const rmseg_augmentation *on = &row->on;
    if (((on->flip[0] && !on->flip[1]) || on->pivot == 2) && spatial == 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "augment: %s moves axis D, which 2D images do not have; take flip-h, flip-w or rot90",
                          row->info.name);
    if (on->turn && augmentation->turn && (on->pivot != augmentation->pivot || on->reflect || augmentation->reflect))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "augment: %s and another turn: expected one of them", row->info.name);
    for (int k = spatial == 2 ? 1 : 0; k < 3; k++) augmentation->flip[k] |= on->flip[k];
    augmentation->turn |= on->turn;
    augmentation->pivot |= on->pivot;
    augmentation->reflect |= on->reflect;
    augmentation->offset |= on->offset;
    augmentation->gain |= on->gain;
    augmentation->gamma |= on->gamma;
    return RMSEG_OK;
}

rmseg_status rmseg_augmentation_parse(rmseg_augmentation *augmentation, const char *text, int spatial)
{
    rmseg_augmentation parsed = {0};
    const char *separators = ", ";
    bool nothing = !text || !strcmp(text, "none");
    for (const char *at = text; !nothing && *(at += strspn(at, separators));) {
        size_t length = strcspn(at, separators);
        const row *row = NULL;
        RMSEG_TRY(find_row(&row, at, length));
        RMSEG_TRY(switch_on(&parsed, row, spatial));
        at += length;
    }
    *augmentation = parsed;
    return RMSEG_OK;
}

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

void rmseg_sample_draw(rmseg_sample_record *record, const rmseg_augmentation *augmentation, const int64_t extent[3],
                       const int64_t patch[3], rmseg_random random)
{
    double u[RMSEG_DRAWS];
    int64_t turned[3];
    for (int i = 0; i < RMSEG_DRAWS; i++) u[i] = rmseg_random_uniform(&random);
    record->turns = augmentation->turn ? (int)(4 * u[RMSEG_DRAW_TURN]) : 0;
    record->offset = augmentation->offset ? (u[RMSEG_DRAW_OFFSET] - 0.5) / 2 : 0;
    record->gain = augmentation->gain ? 0.75 + u[RMSEG_DRAW_GAIN] / 2 : 1;
    record->gamma = augmentation->gamma ? exp2(u[RMSEG_DRAW_GAMMA] - 0.5) : 1;
    record->pivot = augmentation->pivot;
    rmseg_turned_extent(turned, extent, record->turns, record->pivot);
    for (int k = 0; k < 3; k++) {
        record->flip[k] = augmentation->flip[k] && u[RMSEG_DRAW_FLIP + k] < 0.5;
        if (augmentation->reflect && k < 2) record->flip[k] = (u[RMSEG_DRAW_FLIP] < 0.5) == (k == 0);
        record->crop[k] = crop_start(u[RMSEG_DRAW_CROP + k], turned[k], patch[k]);
    }
}
