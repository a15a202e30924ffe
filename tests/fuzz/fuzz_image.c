/*
 * fuzz_image.c - hostile image files: rmseg_image_decode on any bytes.
 *
 * Built two ways (tests/fuzz/CMakeLists.txt):
 *   fuzz_image     with clang and -DRMSEG_FUZZ=ON: libFuzzer searches,     ./fuzz_image -malloc_limit_mb=1024 FOLDER
 *   replay_image   everywhere, an ordinary test: every file of tests/fuzz/corpus/image and of the golden images, once
 * A file that made trouble stays in the corpus under the name of the trouble.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "rmseg/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static uint32_t read_be32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void write_be32(uint8_t *b, uint32_t value)
{
    for (int i = 0; i < 4; i++) b[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Gives every chunk of a PNG (length, name, data, checksum) the checksum it should have: a mutation seldom gets past
 * it, an attacker always does. */
static void repair_png(uint8_t *bytes, size_t length)
{
    if (length < 8 || memcmp(bytes, "\x89PNG\r\n\x1a\n", 8)) return;
    for (size_t at = 8; at + 12 <= length;) {
        size_t data = read_be32(bytes + at);
        if (data > length - at - 12) return;
        write_be32(bytes + at + 8 + data, (uint32_t)crc32(0, bytes + at + 4, (uInt)(data + 4)));
        at += data + 12;
    }
}

static void decode(const uint8_t *bytes, size_t length)
{
    rmseg_image *image = NULL, *copy = NULL;
    if (rmseg_image_decode(&image, bytes, length, "fuzz") != RMSEG_OK) return;
    if (rmseg_image_convert(&copy, image, RMSEG_U8) == RMSEG_OK) rmseg_image_destroy(copy); /* reads all of the data */
    rmseg_image_destroy(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    uint8_t *repaired = malloc(length ? length : 1);
    if (!repaired) return 0;
    memcpy(repaired, bytes, length);
    repair_png(repaired, length);
    decode(bytes, length);
    if (memcmp(bytes, repaired, length)) decode(repaired, length);
    free(repaired);
    return 0;
}
