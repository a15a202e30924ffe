/*
 * report/show.c - one image with its contours into a file.
 */
#include <math.h>
#include <string.h>

#include "report/report.h"
#include "report/show.h"

RMSEG_OPTIONS_DEFINE(show_options, SHOW_OPTIONS)

rmseg_status rmseg_show_options_create(rmseg_options **options) { return show_options_create(options); }

/* Writes `number` into the label image, made by the first file, wherever this file is set. */
static rmseg_status add_truth(rmseg_image **label, const char *path, int64_t number, double threshold)
{
    rmseg_image *part = NULL;
    RMSEG_TRY(rmseg_image_read_part(&part, path, "label"));
    bool first = !*label;
    rmseg_status status = first ? rmseg_image_create(label, RMSEG_I32, 1, part->size) : RMSEG_OK;
    if (status == RMSEG_OK && first) rmseg_image_copy_geometry(*label, part);
    if (status == RMSEG_OK && memcmp((*label)->size, part->size, sizeof part->size) != 0)
        status =
            rmseg_fail(RMSEG_ERROR_FORMAT, "%s: %lld x %lld pixels, but the truth files before it have %lld x %lld",
                       path, (long long)part->size[2], (long long)part->size[1], (long long)(*label)->size[2],
                       (long long)(*label)->size[1]);
    int64_t width = part->size[2], height = part->size[1], voxels = rmseg_image_voxels(part);
    for (int64_t i = 0; i < voxels && status == RMSEG_OK; i++) {
        double value = rmseg_image_value(part, 0, i / width / height, i / width % height, i % width);
        if (threshold > 0 ? value >= threshold : value > 0) ((int32_t *)(*label)->data)[i] = (int32_t)number;
    }
    rmseg_image_destroy(part);
    return status;
}

rmseg_status rmseg_show_read_truth(rmseg_image **label, const char *list, double threshold)
{
    if (!strchr(list, ',') && !(threshold > 0)) return rmseg_image_read_part(label, list, "label");
    rmseg_status status = RMSEG_OK;
    int64_t number = 1;
    for (const char *at = list; *at && status == RMSEG_OK; number++) {
        size_t length = strcspn(at, ",");
        char *path = rmseg_strndup(at, length);
        status = path ? add_truth(label, path, number, threshold) : RMSEG_ERROR_MEMORY;
        rmseg_free(path);
        at += length + (at[length] == ',');
    }
    return status;
}

/* Grows box (top, bottom, left, right; fractions of the field of view) by the set pixels of a label image. */
static void grow_box(double box[4], const rmseg_image *label)
{
    double height = (double)label->size[1], width = (double)label->size[2];
    for (int64_t y = 0; y < label->size[1]; y++)
        for (int64_t x = 0; x < label->size[2]; x++) {
            if (rmseg_image_value(label, 0, 0, y, x) <= 0) continue;
            if ((double)y / height < box[0]) box[0] = (double)y / height;
            if ((double)(y + 1) / height > box[1]) box[1] = (double)(y + 1) / height;
            if ((double)x / width < box[2]) box[2] = (double)x / width;
            if ((double)(x + 1) / width > box[3]) box[3] = (double)(x + 1) / width;
        }
}

static int64_t pixel(double fraction, int64_t extent)
{
    int64_t at = (int64_t)(fraction * (double)extent + 0.5);
    return at < 0 ? 0 : at > extent ? extent : at;
}

/* The picture cut to the box and a third of its size around it. */
static rmseg_status cut(rmseg_image **picture, const double box[4])
{
    rmseg_image *whole = *picture, *part = NULL;
    double margin_y = (box[1] - box[0]) / 3, margin_x = (box[3] - box[2]) / 3;
    int64_t top = pixel(box[0] - margin_y, whole->size[1]), bottom = pixel(box[1] + margin_y, whole->size[1]);
    int64_t left = pixel(box[2] - margin_x, whole->size[2]), right = pixel(box[3] + margin_x, whole->size[2]);
    const int64_t size[3] = {1, bottom - top, right - left};
    RMSEG_TRY(rmseg_image_create(&part, RMSEG_U8, 3, size));
    for (int64_t c = 0; c < 3; c++)
        for (int64_t y = 0; y < size[1]; y++)
            memcpy((uint8_t *)part->data + (c * size[1] + y) * size[2],
                   (uint8_t *)whole->data + (c * whole->size[1] + top + y) * whole->size[2] + left, (size_t)size[2]);
    rmseg_image_destroy(whole);
    *picture = part;
    return RMSEG_OK;
}

static rmseg_status show_flat(rmseg_image **picture, const show_options *o, const char *path)
{
    rmseg_image *image = NULL, *prediction = NULL, *truth = NULL;
    rmseg_status status = rmseg_image_read(&image, path);
    if (status == RMSEG_OK && *o->pred) status = rmseg_image_read_part(&prediction, o->pred, "label");
    if (status == RMSEG_OK && *o->truth) status = rmseg_show_read_truth(&truth, o->truth, o->threshold);
    if (status == RMSEG_OK) status = rmseg_overlay(picture, image, prediction, truth, isnan(o->scale) ? 1 : o->scale);
    double box[4] = {1, 0, 1, 0};
    if (status == RMSEG_OK && o->zoom) {
        if (truth) grow_box(box, truth);
        if (prediction) grow_box(box, prediction);
        if (box[1] > box[0]) status = cut(picture, box);
    }
    rmseg_image_destroy(image);
    rmseg_image_destroy(prediction);
    rmseg_image_destroy(truth);
    return status;
}

/* What a 2D image cannot have is refused rather than passed over. */
static rmseg_status check_flat(const rmseg_options *options, const char *path)
{
    static const char *const keys[] = {"slice", "window", "orientation", "surface", "view", "colour", "label"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (rmseg_options_given(options, keys[i]))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--%s is for volumes, and %s is a 2D image: leave it out", keys[i],
                              path);
    return RMSEG_OK;
}

rmseg_status rmseg_show(const rmseg_options *options, const char *path)
{
    const show_options *o = show_options_values(options);
    if (!o) return RMSEG_ERROR_ARGUMENT;
    if (!*o->out)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--out is missing: name the picture to write, as in --out overlay.png");
    rmseg_image header, *picture = NULL;
    RMSEG_TRY(rmseg_image_read_header(&header, path));
    bool flat = header.size[0] == 1;
    if (flat) RMSEG_TRY(check_flat(options, path));
    rmseg_status status = flat ? show_flat(&picture, o, path) : rmseg_show_volume(&picture, o, path);
    if (status == RMSEG_OK) status = rmseg_folder_create_for(o->out);
    if (status == RMSEG_OK) status = rmseg_image_write(picture, o->out);
    rmseg_image_destroy(picture);
    return status;
}
