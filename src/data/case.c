/* case.c - one case as it lies on disk: its image and its label on the image's own grid, and the hash of all files. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/layouts.h"
#include "data/sha256.h"

const char *rmseg_extent_words(char text[80], const int64_t size[3])
{
    long long depth = size[0], height = size[1], width = size[2];
    if (depth == 1)
        snprintf(text, 80, "%lld x %lld pixels", width, height);
    else
        snprintf(text, 80, "%lld x %lld x %lld voxels", width, height, depth);
    return text;
}

const char *rmseg_extent_text(char text[64], const int64_t size[3], int spatial)
{
    int length = spatial == 3 ? snprintf(text, 64, "%lld,", (long long)size[0]) : 0;
    snprintf(text + length, 64 - (size_t)length, "%lld,%lld", (long long)size[1], (long long)size[2]);
    return text;
}

/* Colours that are all grey are a picture's way to store it; volumes are no colours. */
static rmseg_status check_grey(const rmseg_image *image, const char *path)
{
    size_t plane = (size_t)rmseg_image_voxels(image) * rmseg_dtype_size(image->dtype);
    const char *first = image->data;
    if (image->channels > 1 && !strcmp(image->format, "NIfTI"))
        return rmseg_fail(
            RMSEG_ERROR_FORMAT,
            "%s: this NIfTI is 4D, with %lld volumes (times, or channels); a label is one volume: split it", path,
            (long long)image->channels);
    for (int64_t c = 1; c < image->channels; c++)
        if (memcmp(first, first + (size_t)c * plane, plane))
            return rmseg_fail(
                RMSEG_ERROR_FORMAT,
                "%s: it has %lld channels that differ (colours?); a label has one channel of class numbers", path,
                (long long)image->channels);
    return RMSEG_OK;
}

rmseg_status rmseg_grey_read(rmseg_image **grey, const char *path)
{
    rmseg_image *image = NULL;
    RMSEG_TRY(rmseg_image_read_part(&image, path, "label"));
    rmseg_status status = check_grey(image, path);
    image->channels = 1; /* equal planes stay allocated behind the first */
    if (status)
        rmseg_image_destroy(image);
    else
        *grey = image;
    return status;
}

static rmseg_status fail_class(const char *path, double value)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: the value %.9g is no class; labels are whole numbers 0, 1, 2, ... below %d", path, value,
                      RMSEG_MOST_CLASSES);
}

/* Types that most label files have, without a detour. */
static rmseg_status take_integers(int32_t *classes, const rmseg_image *grey, int64_t voxels, const char *path)
{
    const uint8_t *u8 = grey->data;
    const uint16_t *u16 = grey->data;
    const int16_t *i16 = grey->data;
    int32_t lowest = 0;
    for (int64_t i = 0; i < voxels; i++) {
        classes[i] = grey->dtype == RMSEG_U8 ? u8[i] : grey->dtype == RMSEG_U16 ? u16[i] : i16[i];
        lowest = classes[i] < lowest ? classes[i] : lowest;
    }
    return lowest < 0 ? fail_class(path, lowest) : RMSEG_OK;
}

/* Any other type goes through double, which holds each of their values exactly. */
static rmseg_status take_numbers(int32_t *classes, const rmseg_image *grey, int64_t voxels, const char *path)
{
    rmseg_image *wide = NULL;
    RMSEG_TRY(rmseg_image_convert(&wide, grey, RMSEG_F64));
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; status == RMSEG_OK && i < voxels; i++) {
        double value = ((const double *)wide->data)[i];
        if (value >= 0 && value < RMSEG_MOST_CLASSES && value == (int32_t)value)
            classes[i] = (int32_t)value;
        else
            status = fail_class(path, value);
    }
    rmseg_image_destroy(wide);
    return status;
}

rmseg_status rmseg_label_read(rmseg_image **label, const char *path)
{
    rmseg_image *grey = NULL, *classes = NULL;
    RMSEG_TRY(rmseg_grey_read(&grey, path));
    bool integers = grey->dtype == RMSEG_U8 || grey->dtype == RMSEG_U16 || grey->dtype == RMSEG_I16;
    rmseg_status status = rmseg_image_create(&classes, RMSEG_I32, 1, grey->size);
    if (status == RMSEG_OK) {
        rmseg_image_copy_geometry(classes, grey);
        status = (integers ? take_integers : take_numbers)(classes->data, grey, rmseg_image_voxels(grey), path);
    }
    rmseg_image_destroy(grey);
    if (status == RMSEG_OK)
        *label = classes;
    else
        rmseg_image_destroy(classes);
    return status;
}

/* ---- images ----------------------------------------------------------------------------------------------------- */

static rmseg_status check_finite(const rmseg_image *image, const char *path)
{
    const float *values = image->data;
    int64_t total = rmseg_image_voxels(image) * image->channels;
    for (int64_t i = 0; i < total; i++)
        if (!isfinite(values[i]))
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "%s: a value is %g; expected finite numbers: put there what the background has, or leave "
                              "the case out",
                              path, (double)values[i]);
    return RMSEG_OK;
}

static rmseg_status read_f32(rmseg_image **image, const char *path)
{
    rmseg_image *raw = NULL;
    RMSEG_TRY(rmseg_image_read(&raw, path));
    rmseg_image *wide = NULL;
    rmseg_status status = rmseg_image_convert(&wide, raw, RMSEG_F32);
    if (status == RMSEG_OK && (raw->dtype == RMSEG_F32 || raw->dtype == RMSEG_F64)) status = check_finite(wide, path);
    rmseg_image_destroy(raw);
    if (status == RMSEG_OK)
        *image = wide;
    else
        rmseg_image_destroy(wide);
    return status;
}

rmseg_status rmseg_values_read(rmseg_image **image, const char *path) { return read_f32(image, path); }

/* "spacings differ: 1, 1, 3 and 1, 1, 2 mm", of D, H, W; NULL where both lie in one place. */
static const char *tell_difference(char text[160], const rmseg_image *a, const rmseg_image *b)
{
    const char *what = rmseg_image_difference(a, b);
    if (!what) return NULL;
    const double *x = !strcmp(what, "spacing") ? a->spacing : a->origin, *y = x == a->spacing ? b->spacing : b->origin;
    if (!strcmp(what, "direction"))
        snprintf(text, 160, "directions differ");
    else
        snprintf(text, 160, "%ss differ: %.6g, %.6g, %.6g and %.6g, %.6g, %.6g mm", what, x[0], x[1], x[2], y[0], y[1],
                 y[2]);
    return text;
}

/* `image` grows by the channels of `more`. */
static rmseg_status stack(rmseg_image *image, const rmseg_image *more, const rmseg_names *files, int64_t index)
{
    char size[80], other[80], words[160];
    const char *difference = tell_difference(words, more, image);
    if (!memcmp(image->size, more->size, sizeof image->size) && difference)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s lies elsewhere than %s: their %s; resample the images of a case to one grid",
                          files->items[index], files->items[0], difference);
    if (memcmp(image->size, more->size, sizeof image->size))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s has %s, %s has %s; the images of a case must be of one size",
                          files->items[0], rmseg_extent_words(size, image->size), files->items[index],
                          rmseg_extent_words(other, more->size));
    int64_t voxels = rmseg_image_voxels(image), total = 0;
    if (!rmseg_mul(&total, voxels, image->channels + more->channels)) return rmseg_fail_memory();
    float *data = rmseg_realloc(image->data, total, sizeof *data);
    if (!data) return RMSEG_ERROR_MEMORY;
    memcpy(data + voxels * image->channels, more->data, (size_t)(voxels * more->channels) * sizeof *data);
    image->data = data;
    image->channels += more->channels;
    return RMSEG_OK;
}

static rmseg_status read_channels(rmseg_image **image, const rmseg_case *one)
{
    rmseg_image *all = NULL;
    RMSEG_TRY(read_f32(&all, one->images.items[0]));
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 1; status == RMSEG_OK && i < one->images.count; i++) {
        rmseg_image *more = NULL;
        status = read_f32(&more, one->images.items[i]);
        if (status == RMSEG_OK) status = stack(all, more, &one->images, i);
        rmseg_image_destroy(more);
    }
    if (status == RMSEG_OK)
        *image = all;
    else
        rmseg_image_destroy(all);
    return status;
}

static rmseg_status check_image(const rmseg_image *image, const rmseg_dataset *dataset, int64_t index)
{
    const char *path = dataset->cases[index].images.items[0];
    if (image->channels != dataset->channels)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s has %lld channels, but %s has %lld; the images of a dataset must be alike", path,
                          (long long)image->channels, dataset->cases[dataset->model_case].images.items[0],
                          (long long)dataset->channels);
    if (dataset->spatial == 2 && image->size[0] > 1)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s has %lld slices, but %s has one; the images of a dataset must be all 2D or all "
                          "3D",
                          path, (long long)image->size[0], dataset->cases[dataset->model_case].images.items[0]);
    return RMSEG_OK;
}

/* ---- labels ----------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_mask_fits(const rmseg_image *mask, const char *path, const rmseg_image *image, const rmseg_case *one)
{
    char size[80], expected[80], words[160];
    const char *difference = tell_difference(words, mask, image);
    if (!memcmp(mask->size, image->size, sizeof mask->size)) {
        if (!difference) return RMSEG_OK;
        return rmseg_fail(
            RMSEG_ERROR_FORMAT,
            "%s lies elsewhere than its image %s: their %s; write the label with its image's own geometry", path,
            one->images.items[0], difference);
    }
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s is a mask of %s, but its image %s has %s; expected the same size", path,
                      rmseg_extent_words(size, mask->size), one->images.items[0],
                      rmseg_extent_words(expected, image->size));
}

static rmseg_status settle_values(rmseg_image *label, const rmseg_dataset *dataset, const char *path)
{
    int32_t *value = label->data;
    int64_t voxels = rmseg_image_voxels(label);
    for (int64_t i = 0; i < voxels; i++) {
        if (dataset->mask_255 && value[i] == 255) value[i] = 1;
        if (dataset->classes > 0 && value[i] >= dataset->classes)
            return rmseg_fail(
                RMSEG_ERROR_FORMAT,
                "%s: label %d is not one of the classes 0 to %lld of this dataset: correct the label, or what "
                "the dataset says its classes are",
                path, (int)value[i], (long long)dataset->classes - 1);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_layout_read_label(rmseg_image **label, const rmseg_dataset *dataset, int64_t index,
                                     const rmseg_image *image)
{
    const rmseg_case *one = &dataset->cases[index];
    rmseg_image *read = NULL;
    RMSEG_TRY(rmseg_label_read(&read, one->labels.items[0]));
    rmseg_status status = rmseg_mask_fits(read, one->labels.items[0], image, one);
    if (status == RMSEG_OK) status = settle_values(read, dataset, one->labels.items[0]);
    if (status == RMSEG_OK)
        *label = read;
    else
        rmseg_image_destroy(read);
    return status;
}

rmseg_status rmseg_case_fail_lacking(const rmseg_case *one)
{
    return rmseg_fail(RMSEG_ERROR_FILE, "case %s: %s", one->id, one->lacks);
}

static rmseg_status read_label(rmseg_image **label, const rmseg_dataset *dataset, int64_t index,
                               const rmseg_image *image)
{
    const rmseg_case *one = &dataset->cases[index];
    const rmseg_layout *layout = NULL;
    RMSEG_TRY(rmseg_layout_find(&layout, dataset->layout));
    if (one->labels.count == 0) return rmseg_fail(RMSEG_ERROR_FILE, "%s", one->lacks);
    RMSEG_TRY(layout->read_label(label, dataset, index, image));
    rmseg_image_copy_geometry(*label, image);
    return RMSEG_OK;
}

rmseg_status rmseg_case_read(rmseg_image **image, rmseg_image **label, const rmseg_dataset *dataset, int64_t index)
{
    if (index < 0 || index >= dataset->count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "there is no case %lld: %s has %lld", (long long)index, dataset->root,
                          (long long)dataset->count);
    rmseg_image *read = NULL;
    RMSEG_TRY(read_channels(&read, &dataset->cases[index]));
    rmseg_status status = check_image(read, dataset, index);
    if (status == RMSEG_OK && label) status = read_label(label, dataset, index, read);
    if (status == RMSEG_OK)
        *image = read;
    else
        rmseg_image_destroy(read);
    return status;
}

/* ---- which data was this? --------------------------------------------------------------------------------------- */

enum { PIECE = 1 << 20 };

/* Piece by piece: a file may be larger than memory. */
static rmseg_status hash_content(rmseg_sha256 *hash, rmseg_file_reader *reader, size_t length, const char *path)
{
    size_t got = PIECE, done = 0;
    uint8_t *bytes = rmseg_alloc(PIECE, 1);
    rmseg_status status = bytes ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    while (!status && got == PIECE) {
        status = rmseg_file_next(reader, bytes, PIECE, &got);
        if (!status) rmseg_sha256_add(hash, bytes, got);
        done += got;
    }
    rmseg_free(bytes);
    if (!status && done != length)
        status = rmseg_fail(RMSEG_ERROR_FILE, "%s: it changed while it was read, or is no file", path);
    return status;
}

static rmseg_status hash_file(rmseg_sha256 *hash, const char *path)
{
    const char *name = rmseg_path_base(path);
    uint8_t little[8];
    rmseg_file_reader *reader = NULL;
    RMSEG_TRY(rmseg_file_open(&reader, path, 0));
    size_t length = rmseg_file_size(path);
    for (int b = 0; b < 8; b++) little[b] = (uint8_t)((uint64_t)length >> 8 * b);
    rmseg_sha256_add(hash, name, strlen(name) + 1);
    rmseg_sha256_add(hash, little, sizeof little);
    rmseg_status status = hash_content(hash, reader, length, path);
    rmseg_file_close(reader);
    return status;
}

static rmseg_status hash_files(rmseg_sha256 *hash, const rmseg_names *files)
{
    for (int64_t i = 0; i < files->count; i++) {
        char *partner = NULL;
        RMSEG_TRY(rmseg_image_partner(&partner, files->items[i]));
        rmseg_status status = hash_file(hash, files->items[i]);
        if (!status && partner) status = hash_file(hash, partner);
        rmseg_free(partner);
        if (status) return status;
    }
    return RMSEG_OK;
}

void rmseg_hash(char hex[65], const void *bytes, size_t length)
{
    rmseg_sha256 hash;
    rmseg_sha256_begin(&hash);
    rmseg_sha256_add(&hash, bytes, length);
    rmseg_sha256_end(hex, &hash);
}

rmseg_status rmseg_dataset_hash(char hex[65], const rmseg_dataset *dataset)
{
    rmseg_sha256 hash;
    rmseg_sha256_begin(&hash);
    for (int64_t i = 0; i < dataset->count; i++) {
        const rmseg_case *one = &dataset->cases[i];
        rmseg_sha256_add(&hash, one->id, strlen(one->id) + 1);
        RMSEG_TRY(hash_files(&hash, &one->images));
        RMSEG_TRY(hash_files(&hash, &one->labels));
    }
    rmseg_sha256_end(hex, &hash);
    return RMSEG_OK;
}
