/*
 * fuzz_nrrd.c - hostile NRRD files: what starts as one is decoded; what could be read is written and read again, and has to be
 * the same in the same place.
 *
 * Built as fuzz_image.c says.
 */
#include "written_again.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (rmseg_nrrd_sniff(bytes, length)) check_written_again(bytes, length, "fuzz.nrrd", rmseg_nrrd_encode);
    return 0;
}
