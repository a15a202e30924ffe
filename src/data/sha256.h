/*
 * data/sha256.h - SHA-256 (FIPS 180-4), fed piece by piece.
 */
#ifndef DATA_SHA256_H
#define DATA_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct rmseg_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
} rmseg_sha256;

void rmseg_sha256_begin(rmseg_sha256 *hash);
void rmseg_sha256_add(rmseg_sha256 *hash, const void *bytes, size_t length);
void rmseg_sha256_end(char hex[65], rmseg_sha256 *hash); /* 64 lower-case digits and NUL */

#endif
