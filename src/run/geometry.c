/* geometry.c - comparing size, spacing, origin and direction of two images, and saying what differs. */
#include "run/geometry.h"

#include <string.h>

#include "data/data.h"

#define WHAT_TO_DO                                                                                                     \
    "write predictions on their image's own grid and geometry, or let --geometry ignore compare voxel by voxel"

static rmseg_status fail_spacing(const rmseg_image *a, const rmseg_image *b, const char *name)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s has a spacing of %g x %g x %g mm, its truth %g x %g x %g mm: " WHAT_TO_DO,
                      name, a->spacing[2], a->spacing[1], a->spacing[0], b->spacing[2], b->spacing[1], b->spacing[0]);
}

static rmseg_status fail_origin(const rmseg_image *a, const rmseg_image *b, const char *name)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s has its origin at (%g, %g, %g) mm, its truth at (%g, %g, %g): " WHAT_TO_DO, name,
                      a->origin[0], a->origin[1], a->origin[2], b->origin[0], b->origin[1], b->origin[2]);
}

/* The direction of the fastest axis (the width) first, as people who know i, j, k expect. */
static void add_axes(rmseg_text *text, const double direction[9])
{
    for (int axis = 2; axis >= 0; axis--)
        rmseg_text_addf(text, "%s(%.3g, %.3g, %.3g)", axis < 2 ? ", " : "", direction[axis] + 0.0,
                        direction[3 + axis] + 0.0, direction[6 + axis] + 0.0);
}

static rmseg_status fail_direction(const rmseg_image *a, const rmseg_image *b, const char *name)
{
    rmseg_text sentence = {0};
    rmseg_text_addf(&sentence, "%s has axes along ", name);
    add_axes(&sentence, a->direction);
    rmseg_text_add(&sentence, ", its truth along ");
    add_axes(&sentence, b->direction);
    rmseg_text_add(&sentence, ": " WHAT_TO_DO);
    rmseg_status status = sentence.failed ? rmseg_fail_memory() : rmseg_fail(RMSEG_ERROR_FORMAT, "%s", sentence.data);
    rmseg_text_destroy(&sentence);
    return status;
}

rmseg_status rmseg_geometry_agree(const rmseg_image *prediction, const rmseg_image *truth, const char *name,
                                  bool size_only)
{
    char size[80], expected[80];
    if (memcmp(prediction->size, truth->size, sizeof truth->size))
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s has %s, its truth %s: predict on the images' own grid, or give --grid to resample both",
                          name, rmseg_extent_words(size, prediction->size), rmseg_extent_words(expected, truth->size));
    const char *difference = size_only ? NULL : rmseg_image_difference(prediction, truth);
    if (!difference) return RMSEG_OK;
    if (!strcmp(difference, "spacing")) return fail_spacing(prediction, truth, name);
    if (!strcmp(difference, "direction")) return fail_direction(prediction, truth, name);
    return fail_origin(prediction, truth, name);
}
