/*
 * fuzz_case.c - hostile files of prepared cases: rmseg_cached_parse on any bytes as the start of a file, and on the same
 * bytes with a digest that is right, so that what the digest guards is reached.
 *
 * Built two ways (tests/fuzz/CMakeLists.txt):
 *   fuzz_case     with clang and -DRMSEG_FUZZ=ON: libFuzzer searches,     ./fuzz_case FOLDER
 *   replay_case   everywhere, an ordinary test: every file of tests/fuzz/corpus/case, once
 */
#include <stdlib.h>
#include <string.h>

#include "data/prepared.h"
#include "data/sha256.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

enum { DIGEST = 264 }; /* where the digest of all before it stands */

/* Whatever is taken for good lies within the file, and is the same when it is written and read again. */
static void check(const uint8_t *bytes, size_t length, size_t total)
{
    rmseg_cached_header header, again;
    static uint8_t printed[RMSEG_CACHED_HEADER];
    if (rmseg_cached_parse(&header, bytes, length, total) != RMSEG_CACHED_GOOD) return;
    int64_t voxels = header.size[0] * header.size[1] * header.size[2];
    if (header.stats + header.channels * 24 > header.image) abort();
    if (header.image + header.channels * voxels * 4 > header.label) abort();
    if (header.label + voxels * 4 != header.total || (size_t)header.total != total) abort();
    rmseg_cached_print(printed, &header);
    if (rmseg_cached_parse(&again, printed, sizeof printed, total) != RMSEG_CACHED_GOOD) abort();
    if (memcmp(again.size, header.size, sizeof header.size) || again.checksum != header.checksum) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static uint8_t start[RMSEG_CACHED_HEADER], unused[RMSEG_CACHED_HEADER];
    rmseg_sha256 hash;
    rmseg_cached_header header = {0};
    char hex[65];
    check(bytes, length, length);
    memset(start, 0, sizeof start);
    memcpy(start, bytes, length < DIGEST ? length : DIGEST);
    rmseg_sha256_begin(&hash);
    rmseg_sha256_add(&hash, start, DIGEST);
    rmseg_sha256_end(hex, &hash);
    memcpy(start + DIGEST, hex, 64);
    check(start, sizeof start, length);
    /* As if the file were as long as these extents want it. */
    memcpy(&header.channels, start + 88, sizeof header.channels);
    memcpy(header.size, start + 96, sizeof header.size);
    rmseg_cached_print(unused, &header);
    check(start, sizeof start, (size_t)header.total);
    return 0;
}
