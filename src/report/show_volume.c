/*
 * report/show_volume.c - a volume and its masks: read, held against each other, drawn.
 */
#include <math.h>
#include <string.h>

#include "data/data.h"
#include "report/show_volume.h"
#include "report/slices.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* How far apart the two files say that one voxel lies, at the corner where they differ most; mm. */
static double displacement(const rmseg_image *a, const rmseg_image *b)
{
    double most = 0;
    for (int corner = 0; corner < 8; corner++) {
        double squared = 0;
        for (int world = 0; world < 3; world++) {
            double apart = a->origin[world] - b->origin[world];
            for (int axis = 0; axis < 3; axis++) {
                double steps = corner >> axis & 1 ? (double)(a->size[axis] - 1) : 0;
                int at = 3 * world + axis;
                apart += steps * (a->direction[at] * a->spacing[axis] - b->direction[at] * b->spacing[axis]);
            }
            squared += apart * apart;
        }
        most = fmax(most, sqrt(squared));
    }
    return most;
}

static rmseg_status check_mask(const rmseg_image *mask, const rmseg_image *image, const char *name, const char *path)
{
    char found[80], expected[80];
    if (mask->channels != 1)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s has %lld channels; expected a label image, which has one", name,
                          (long long)mask->channels);
    if (memcmp(mask->size, image->size, sizeof mask->size))
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s has %s, %s %s: a mask is drawn on its image's own grid, bring it there first", name,
                          rmseg_extent_words(found, mask->size), path, rmseg_extent_words(expected, image->size));
    if (!mask->has_spacing || !image->has_spacing) return RMSEG_OK;
    double apart = displacement(mask, image);
    if (apart <= 0.5 * fmin(image->spacing[0], fmin(image->spacing[1], image->spacing[2]))) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_FORMAT,
        "%s lies up to %.3g mm from the voxels of %s (spacing, origin or direction differ): a mask is drawn "
        "on its image's own grid, bring it there first",
        name, apart, path);
}

static rmseg_status read_volume(rmseg_volume *v, const show_options *o, const char *path)
{
    RMSEG_TRY(rmseg_image_read(&v->image, path));
    if (v->image->channels != 1)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s has %lld channels; of a volume one is drawn: cut it out first",
                          path, (long long)v->image->channels);
    RMSEG_TRY(rmseg_orientation_of(&v->orientation, v->image, o->orientation));
    if (*o->truth) {
        RMSEG_TRY(rmseg_show_read_truth(&v->truth, o->truth, o->threshold));
        RMSEG_TRY(check_mask(v->truth, v->image, o->truth, path));
    }
    if (*o->pred) {
        RMSEG_TRY(rmseg_image_read_part(&v->prediction, o->pred, "label"));
        RMSEG_TRY(check_mask(v->prediction, v->image, o->pred, path));
    }
    return RMSEG_OK;
}

/* ---- slices ------------------------------------------------------------------------------------------------------ */

/* "0.5,99" in ascending order. */
static rmseg_status parse_window(double percent[2], const char *text)
{
    size_t length = strcspn(text, ",");
    char *low = rmseg_strndup(text, length);
    if (!low) return RMSEG_ERROR_MEMORY;
    bool good = text[length] && rmseg_parse_number(&percent[0], low) &&
                rmseg_parse_number(&percent[1], text + length + 1) && percent[0] >= 0 && percent[0] < percent[1] &&
                percent[1] <= 100;
    rmseg_free(low);
    return good ? RMSEG_OK
                : rmseg_fail(
                      RMSEG_ERROR_ARGUMENT,
                      "--window %s: expected two percentiles from 0 to 100, the lower first, as in --window 1,99.5",
                      text);
}

static rmseg_status parse_slice(int64_t at[3], const show_options *o, const rmseg_image *image, const char *path)
{
    char size[80];
    int64_t count = 0;
    RMSEG_TRY(rmseg_parse_list(at, &count, 3, 0, "slice", o->slice));
    if (count != 3)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--slice %s: expected three voxel numbers, D,H,W, as in --slice 44,70,90", o->slice);
    for (int axis = 0; axis < 3; axis++)
        if (at[axis] >= image->size[axis])
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--slice %s: %s has %s; its %c numbers go from 0 to %lld", o->slice,
                              path, rmseg_extent_words(size, image->size), "DHW"[axis],
                              (long long)image -> size[axis] - 1);
    return RMSEG_OK;
}

/* Grows the box first..end of set voxels, and counts them and adds up where they lie; mask may be NULL. */
static void gather(int64_t first[3], int64_t end[3], double sum[4], const rmseg_image *mask)
{
    for (int64_t d = 0; mask && d < mask->size[0]; d++)
        for (int64_t h = 0; h < mask->size[1]; h++)
            for (int64_t w = 0; w < mask->size[2]; w++) {
                if (!(rmseg_image_value(mask, 0, d, h, w) > 0)) continue;
                const int64_t at[3] = {d, h, w};
                for (int axis = 0; axis < 3; axis++) {
                    if (at[axis] < first[axis]) first[axis] = at[axis];
                    if (at[axis] >= end[axis]) end[axis] = at[axis] + 1;
                    sum[axis] += (double)at[axis];
                }
                sum[3]++;
            }
}

/* Through the centroid of the truth, of the prediction where the truth is empty or not there, or the middle. */
static rmseg_status choose_slices(rmseg_slices *s, const rmseg_volume *v, const show_options *o, const char *path)
{
    const int64_t *size = v->image->size;
    int64_t first[3] = {size[0], size[1], size[2]}, end[3] = {0, 0, 0};
    double truth[4] = {0}, prediction[4] = {0};
    gather(first, end, truth, v->truth);
    gather(first, end, prediction, v->prediction);
    s->nothing[0] = !(truth[3] > 0);
    s->nothing[1] = !(prediction[3] > 0);
    const double *sum = truth[3] > 0 ? truth : prediction;
    for (int axis = 0; axis < 3; axis++) s->at[axis] = sum[3] > 0 ? llround(sum[axis] / sum[3]) : size[axis] / 2;
    if (*o->slice) RMSEG_TRY(parse_slice(s->at, o, v->image, path));
    for (int axis = 0; axis < 3; axis++) {
        int64_t margin = o->zoom && sum[3] > 0 ? (end[axis] - first[axis]) / 3 + 1 : size[axis];
        s->first[axis] = first[axis] > margin ? first[axis] - margin : 0;
        s->end[axis] = end[axis] + margin < size[axis] ? end[axis] + margin : size[axis];
        if (s->at[axis] < s->first[axis]) s->first[axis] = s->at[axis];
        if (s->at[axis] >= s->end[axis]) s->end[axis] = s->at[axis] + 1;
    }
    s->scale = o->scale;
    return RMSEG_OK;
}

static rmseg_status draw_slices(rmseg_image **picture, const rmseg_volume *v, const show_options *o, const char *path)
{
    rmseg_slices slices = {0};
    double percent[2];
    RMSEG_TRY(parse_window(percent, o->window));
    RMSEG_TRY(choose_slices(&slices, v, o, path));
    RMSEG_TRY(rmseg_slices_window(&slices.low, &slices.high, v->image, percent));
    return rmseg_slices_picture(picture, v->image, v->prediction, v->truth, &v->orientation, &slices);
}

rmseg_status rmseg_show_volume(rmseg_image **picture, const show_options *o, const char *path)
{
    rmseg_volume v = {0};
    rmseg_status status = read_volume(&v, o, path);
    if (!status) status = o->surface ? rmseg_show_surface(picture, &v, o) : draw_slices(picture, &v, o, path);
    rmseg_image_destroy(v.image);
    rmseg_image_destroy(v.prediction);
    rmseg_image_destroy(v.truth);
    return status;
}
