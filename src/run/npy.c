/* npy.c - NumPy's file format. */
#include "run/npy.h"

#include <stdio.h>
#include <string.h>

#include "core/core.h"

#define BEFORE 10 /* magic, version, length of the header */
#define ALIGN  64 /* where the data begins */

/* Fills `header` and returns its length. */
static size_t make_header(char header[4 * ALIGN], const rmseg_image *image)
{
    char shape[100];
    const int64_t *n = image->size;
    long long k = image->channels, d = n[0], h = n[1], w = n[2];
    if (d == 1)
        snprintf(shape, sizeof shape, "%lld, %lld, %lld", k, h, w);
    else
        snprintf(shape, sizeof shape, "%lld, %lld, %lld, %lld", k, d, h, w);
    int text = snprintf(header + BEFORE, 4 * ALIGN - BEFORE,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    size_t length = (size_t)(BEFORE + text + ALIGN) / ALIGN * ALIGN, rest = length - BEFORE;
    memset(header + BEFORE + text, ' ', rest - (size_t)text);
    memcpy(header, "\x93NUMPY\x01", 8); /* the 0 of version 1.0 is the string's end */
    header[8] = (char)(rest & 0xff);
    header[9] = (char)(rest >> 8);
    header[length - 1] = '\n';
    return length;
}

rmseg_status rmseg_npy_write(const rmseg_image *image, const char *path)
{
    char header[4 * ALIGN];
    size_t length = make_header(header, image);
    rmseg_file_writer *writer = NULL;
    RMSEG_TRY(rmseg_file_begin(&writer, path));
    rmseg_status status = rmseg_file_put(writer, header, length);
    size_t bytes = (size_t)(image->channels * rmseg_image_voxels(image)) * sizeof(float);
    if (!status) status = rmseg_file_put(writer, image->data, bytes);
    if (!status) return rmseg_file_commit(writer);
    rmseg_file_abandon(writer);
    return status;
}
