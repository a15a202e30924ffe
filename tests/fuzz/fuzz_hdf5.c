/*
 * fuzz_hdf5.c - hostile HDF5 files: our use of libhdf5, which itself is known not to bear all of them.
 *
 * Built as fuzz_image.c says.
 */
#include "rmseg/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    rmseg_image *image = NULL, *copy = NULL;
    if (rmseg_image_decode(&image, bytes, length, "fuzz") != RMSEG_OK) return 0;
    if (rmseg_image_convert(&copy, image, RMSEG_U8) == RMSEG_OK) rmseg_image_destroy(copy); /* reads all of the data */
    rmseg_image_destroy(image);
    return 0;
}
