/* crop.c - an image and its label cut to the label's box with margins, in W and H. */
#include "data/crop.h"

#include <string.h>

enum { LEAST = 112, BEFORE = 10, BEHIND = 9, SPREAD = 10 }; /* voxels; UA-MT's dataloaders/la_heart_processing.py */

/* FNV-1a. */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

/* The box of the label's voxels above 0: first index and last, both included. */
static bool find_box(int64_t first[3], int64_t last[3], const rmseg_image *label)
{
    const int32_t *value = label->data;
    bool any = false;
    for (int64_t d = 0, i = 0; d < label->size[0]; d++)
        for (int64_t h = 0; h < label->size[1]; h++)
            for (int64_t w = 0; w < label->size[2]; w++, i++) {
                int64_t at[3] = {d, h, w};
                for (int axis = 0; axis < 3 && value[i] > 0; axis++) {
                    if (!any || at[axis] < first[axis]) first[axis] = at[axis];
                    if (!any || at[axis] > last[axis]) last[axis] = at[axis];
                }
                any = any || value[i] > 0;
            }
    return any;
}

static rmseg_status cut(rmseg_image **image, const int64_t start[3], const int64_t size[3])
{
    rmseg_image *in = *image, *out = NULL;
    RMSEG_TRY(rmseg_image_create(&out, in->dtype, in->channels, size));
    rmseg_image_copy_geometry(out, in);
    for (int axis = 0; axis < 3; axis++)
        for (int world = 0; world < 3; world++)
            out->origin[world] += in->direction[3 * world + axis] * in->spacing[axis] * (double)start[axis];
    size_t width = rmseg_dtype_size(in->dtype);
    char *to = out->data;
    const char *from = in->data;
    for (int64_t c = 0, row = 0; c < in->channels; c++)
        for (int64_t d = 0; d < size[0]; d++)
            for (int64_t h = 0; h < size[1]; h++, row++) {
                int64_t line = (c * in->size[0] + start[0] + d) * in->size[1] + start[1] + h;
                memcpy(to + (size_t)(row * size[2]) * width, from + (size_t)(line * in->size[2] + start[2]) * width,
                       (size_t)size[2] * width);
            }
    rmseg_image_destroy(in);
    *image = out;
    return RMSEG_OK;
}

rmseg_status rmseg_crop_to_label(rmseg_image **image, rmseg_image **label, const rmseg_case *one)
{
    int64_t first[3] = {0}, last[3] = {0}, size[3];
    if (!find_box(first, last, *label))
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "case %s: its label %s is empty, so --crop label has nothing to cut around", one->id,
                          one->labels.items[0]);
    rmseg_random random = rmseg_random_stream(0, RMSEG_RANDOM_CROP, hash_of(one->id), 0);
    for (int axis = 2; axis >= 1; axis--) {
        int64_t length = last[axis] - first[axis], wider = length < LEAST ? (LEAST - length) / 2 : 0;
        int64_t start = first[axis] - BEFORE - rmseg_random_below(&random, SPREAD) - wider;
        int64_t end = last[axis] + 1 + BEHIND + rmseg_random_below(&random, SPREAD) + wider;
        first[axis] = start < 0 ? 0 : start;
        size[axis] = (end < (*label)->size[axis] ? end : (*label)->size[axis]) - first[axis];
    }
    first[0] = 0;
    size[0] = (*label)->size[0];
    RMSEG_TRY(cut(image, first, size));
    return cut(label, first, size);
}
