/*
 * fuzz_nifti.c - hostile NIfTI files: any bytes are decoded as they are, and what starts as a NIfTI also packed, so that
 * the fuzzer need not find deflate's codes and checksum; what could be read has to be given back where it was.
 *
 * Built as fuzz_image.c says.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "image/nifti.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_written_place(const rmseg_image *image)
{
    rmseg_nifti_header header = {0};
    rmseg_image there = {.size = {image->size[0], image->size[1], image->size[2]}};
    uint8_t bytes[RMSEG_NIFTI_2_BYTES + RMSEG_NIFTI_EXTENSION_BYTES];
    rmseg_nifti_geometry_write(&header.forms, image);
    rmseg_nifti_print(bytes, &header);
    if (rmseg_nifti_geometry_read(&there, &header.forms, &(rmseg_image_file){.name = "again"}) != RMSEG_OK) abort();
    if (memcmp(there.spacing, image->spacing, sizeof there.spacing)) abort();
    if (memcmp(there.origin, image->origin, sizeof there.origin)) abort();
    if (memcmp(there.direction, image->direction, sizeof there.direction)) abort();
}

static void decode(const uint8_t *bytes, size_t length)
{
    rmseg_image *image = NULL, *copy = NULL;
    if (rmseg_image_decode(&image, bytes, length, "fuzz") != RMSEG_OK) return;
    if (rmseg_image_convert(&copy, image, RMSEG_U8) == RMSEG_OK) rmseg_image_destroy(copy); /* reads all of the data */
    if (image->nifti.version) check_written_place(image);
    rmseg_image_destroy(image);
}

static void decode_packed(const uint8_t *bytes, size_t length)
{
    z_stream z = {0};
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
    size_t room = deflateBound(&z, (uLong)length);
    uint8_t *packed = malloc(room);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)length;
    z.next_out = packed;
    z.avail_out = (uInt)room;
    if (packed && deflate(&z, Z_FINISH) == Z_STREAM_END) decode(packed, room - z.avail_out);
    deflateEnd(&z);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    decode(bytes, length);
    if (rmseg_nifti_starts(bytes, length)) decode_packed(bytes, length);
    return 0;
}
