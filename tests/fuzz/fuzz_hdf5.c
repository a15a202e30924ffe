/*
 * fuzz_hdf5.c - hostile HDF5 files: what libhdf5 does not bear has to be a sentence. Says at the end how many of which.
 *
 * Each file takes a child process, so that a fuzzer is slow here and learns nothing of libhdf5's way: it mutates blindly.
 * Built as fuzz_image.c says; start it from the HDF5 files of tests/golden/image/volumes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct {
    long files, read, refused, crashed, endless, memory;
} seen;

static void tell(void)
{
    fprintf(
        stderr,
        "%ld HDF5 files: %ld read, %ld refused; libhdf5 crashed on %ld, did not end on %ld, lacked memory for %ld\n",
        seen.files, seen.read, seen.refused, seen.crashed, seen.endless, seen.memory);
}

/* By the start of the sentence: what follows may hold names of the file, which the fuzzer soon makes to be these words. */
static bool tells(size_t length, const char *reason)
{
    char start[128];
    int written =
        snprintf(start, sizeof start, "fuzz: this HDF5 is damaged or cut short (%zu bytes): %s", length, reason);
    return !strncmp(rmseg_error_last(), start, (size_t)written);
}

static void decode(const uint8_t *bytes, size_t length, const char *part)
{
    rmseg_image_file file = {.bytes = bytes, .length = length, .total = length, .name = "fuzz", .format = "HDF5"};
    rmseg_image image = {0};
    file.part = part;
    rmseg_status status = rmseg_hdf5_decode(&image, &file, false);
    seen.files++;
    if (status == RMSEG_OK)
        seen.read++;
    else if (status == RMSEG_ERROR_MEMORY)
        seen.memory++;
    else if (tells(length, "libhdf5 crashed while reading it"))
        seen.crashed++;
    else if (tells(length, "libhdf5 found no end of reading it"))
        seen.endless++;
    else
        seen.refused++;
    if (status && strlen(rmseg_error_last()) < 10) abort();
    rmseg_free(image.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (!seen.files) atexit(tell);
    if (length < 8 || memcmp(bytes, "\x89HDF\r\n\x1a\n", 8)) return 0;
    decode(bytes, length, "image");
    return 0;
}
