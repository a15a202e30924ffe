/* image.c - the image itself: making, destroying, single values, geometry. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "image/format.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {[RMSEG_U8] = {"u8", 1},   [RMSEG_U16] = {"u16", 2}, [RMSEG_I16] = {"i16", 2},
              [RMSEG_I32] = {"i32", 4}, [RMSEG_F32] = {"f32", 4}, [RMSEG_F64] = {"f64", 8}};

size_t rmseg_dtype_size(rmseg_dtype dtype) { return dtypes[dtype].size; }
const char *rmseg_dtype_name(rmseg_dtype dtype) { return dtypes[dtype].name; }

/* The shape and the geometry of an image about which nothing else is known. */
static void set_shape(rmseg_image *image, rmseg_dtype dtype, int64_t channels, const int64_t size[3])
{
    *image = (rmseg_image){.dtype = dtype, .channels = channels};
    for (int axis = 0; axis < 3; axis++) {
        image->size[axis] = size[axis];
        image->spacing[axis] = 1;
        image->direction[4 * axis] = 1;
    }
}

rmseg_status rmseg_image_allocate(rmseg_image *image)
{
    int64_t elements = 0;
    if (!rmseg_mul(&elements, image->channels, rmseg_image_voxels(image))) return rmseg_fail_memory();
    image->data = rmseg_alloc(elements, rmseg_dtype_size(image->dtype));
    return image->data ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_image_create(rmseg_image **image, rmseg_dtype dtype, int64_t channels, const int64_t size[3])
{
    int64_t voxels = 0, elements = 0;
    if (channels < 1 || size[0] < 1 || size[1] < 1 || size[2] < 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "an image of %" PRId64 " channels of %" PRId64 " x %" PRId64 " x %" PRId64
                          " voxels: every extent must be at least 1",
                          channels, size[0], size[1], size[2]);
    if (!rmseg_mul3(&voxels, size[0], size[1], size[2]) || !rmseg_mul(&elements, voxels, channels))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "an image of %" PRId64 " channels of %" PRId64 " x %" PRId64 " x %" PRId64
                          " voxels is too large to address",
                          channels, size[0], size[1], size[2]);
    rmseg_image *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    set_shape(made, dtype, channels, size);
    if (rmseg_image_allocate(made) != RMSEG_OK) {
        rmseg_image_destroy(made);
        return RMSEG_ERROR_MEMORY;
    }
    *image = made;
    return RMSEG_OK;
}

void rmseg_image_destroy(rmseg_image *image)
{
    if (!image) return;
    rmseg_free(image->data);
    rmseg_free(image);
}

int64_t rmseg_image_voxels(const rmseg_image *image) { return image->size[0] * image->size[1] * image->size[2]; }

double rmseg_image_value(const rmseg_image *image, int64_t c, int64_t d, int64_t h, int64_t w)
{
    int64_t i = ((c * image->size[0] + d) * image->size[1] + h) * image->size[2] + w;
    switch (image->dtype) {
    case RMSEG_U8: return ((const uint8_t *)image->data)[i];
    case RMSEG_U16: return ((const uint16_t *)image->data)[i];
    case RMSEG_I16: return ((const int16_t *)image->data)[i];
    case RMSEG_I32: return ((const int32_t *)image->data)[i];
    case RMSEG_F32: return ((const float *)image->data)[i];
    case RMSEG_F64: return ((const double *)image->data)[i];
    }
    return 0;
}

void rmseg_image_copy_geometry(rmseg_image *to, const rmseg_image *from)
{
    memcpy(to->spacing, from->spacing, sizeof to->spacing);
    memcpy(to->origin, from->origin, sizeof to->origin);
    memcpy(to->direction, from->direction, sizeof to->direction);
    to->has_spacing = from->has_spacing;
    to->axes = from->axes;
    to->nifti = from->nifti;
}

/* ---- for decoders and encoders ---------------------------------------------------------------------------------- */

rmseg_status rmseg_image_fail_damaged(const rmseg_image_file *file, const char *reason)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: this %s is damaged or cut short (%zu bytes): %s; copy, download or export it again",
                      file->name, file->format, file->total, reason);
}

rmseg_status rmseg_image_announce(rmseg_image *image, const rmseg_image_file *file, rmseg_dtype dtype, int64_t channels,
                                  const int64_t size[3], int64_t encoded, int64_t expansion)
{
    char extents[72];
    int64_t pixels = 0;
    bool counted = rmseg_mul3(&pixels, size[0], size[1], size[2]);
    int used = snprintf(extents, sizeof extents, "%" PRId64 " x %" PRId64, size[2], size[1]);
    if (size[0] > 1) snprintf(extents + used, sizeof extents - (size_t)used, " x %" PRId64, size[0]);
    if (counted && pixels == 0)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this %s has no pixels (%s); expected at least 1 x 1", file->name,
                          file->format, extents);
    if (encoded < 0 || (uint64_t)(encoded / expansion) > file->total)
        return rmseg_fail(
            RMSEG_ERROR_FORMAT,
            "%s: this %s announces %s pixels, more than its %zu bytes can hold; copy, download or export it again",
            file->name, file->format, extents, file->total);
    if (!counted || pixels > RMSEG_IMAGE_MOST_PIXELS)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: this %s has %s pixels; at most %" PRId64 " are read: cut or shrink it", file->name,
                          file->format, extents, RMSEG_IMAGE_MOST_PIXELS);
    set_shape(image, dtype, channels, size);
    return RMSEG_OK;
}

/* One element every to_stride, from one every from_stride. */
static void copy_strided(void *to, int64_t to_stride, const void *from, int64_t from_stride, int64_t count, size_t size)
{
#define COPY(type)                                                                                                     \
    for (int64_t i = 0; i < count; i++) ((type *)to)[i * to_stride] = ((const type *)from)[i * from_stride]
    switch (size) {
    case 1: COPY(uint8_t); break;
    case 2: COPY(uint16_t); break;
    case 4: COPY(uint32_t); break;
    case 8: COPY(uint64_t); break;
    }
#undef COPY
}

static void *element(const rmseg_image *image, int64_t channel, int64_t at)
{
    return (char *)image->data + (size_t)(channel * rmseg_image_voxels(image) + at) * rmseg_dtype_size(image->dtype);
}

void rmseg_image_put(rmseg_image *image, int64_t channel, int64_t at, const void *samples, int64_t stride,
                     int64_t count)
{
    copy_strided(element(image, channel, at), 1, samples, stride, count, rmseg_dtype_size(image->dtype));
}

void rmseg_image_get(void *samples, const rmseg_image *image, int64_t channel, int64_t at, int64_t stride,
                     int64_t count)
{
    copy_strided(samples, stride, element(image, channel, at), 1, count, rmseg_dtype_size(image->dtype));
}
