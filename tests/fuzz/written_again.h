/* written_again.h - for fuzz targets of formats that are written, too: read, write, read, compare. */
#ifndef WRITTEN_AGAIN_H
#define WRITTEN_AGAIN_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* To 15 digits, which is what a spacing keeps that is stored in one with its direction. */
static bool near(const double *a, const double *b, int count)
{
    for (int i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= 1e-13 * (1 + fabs(b[i])))) return false;
    return true;
}

static void compare(const rmseg_image *a, const rmseg_image *b)
{
    size_t bytes = (size_t)(a->channels * rmseg_image_voxels(a)) * rmseg_dtype_size(a->dtype);
    if (a->dtype != b->dtype || a->channels != b->channels || memcmp(a->size, b->size, sizeof a->size)) abort();
    if (memcmp(a->data, b->data, bytes) || a->has_spacing != b->has_spacing) abort();
    if (!a->has_spacing) return;
    for (int axis = 0; axis < 3; axis++) /* beyond, squares overflow or vanish */
        if (a->spacing[axis] > 1e100 || a->spacing[axis] < 1e-100) return;
    if (!near(a->spacing, b->spacing, 3) || !near(a->origin, b->origin, 3)) abort();
    if (!near(a->direction, b->direction, 9)) abort();
}

static void check_written_again(const uint8_t *bytes, size_t length, const char *name,
                                rmseg_status (*encode)(rmseg_file_writer *, const rmseg_image *,
                                                       const rmseg_image_source *, const char *))
{
    static char path[64]; /* in memory where there is such a folder */
    const char *folder = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
    if (!*path) snprintf(path, sizeof path, "%s/rmseg-fuzz-%ld-%.20s", folder, (long)getpid(), name);
    rmseg_image *image = NULL, *again = NULL;
    rmseg_file_writer *writer = NULL;
    if (rmseg_image_decode(&image, bytes, length, "fuzz") != RMSEG_OK) return;
    if (rmseg_image_voxels(image) * image->channels < 1 << 16 && rmseg_file_begin(&writer, path) == RMSEG_OK) {
        if (encode(writer, image, NULL, path) != RMSEG_OK || rmseg_file_commit(writer) != RMSEG_OK) abort();
        rmseg_status status = rmseg_image_read(&again, path);
        rmseg_file_remove(path);
        if (status != RMSEG_OK) {
            fprintf(stderr, "%s\n", rmseg_error_last());
            if (image->spacing[0] < 1e100 && image->spacing[1] < 1e100 && image->spacing[2] < 1e100) abort();
        } else {
            compare(again, image);
        }
    }
    rmseg_image_destroy(image);
    rmseg_image_destroy(again);
}

#endif
