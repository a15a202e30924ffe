/*
 * core/memory.h - the one door to memory: checked products, counted, and made to fail by tests.
 *
 * Nothing in the project calls malloc itself. Counting proves "no allocation after the third step"; the failing
 * mode lets an ordinary test make the n-th allocation fail.
 */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include "rmseg/core.h"

/* `count` elements of `size` bytes, zeroed; NULL with a sentence that says how much when the product overflows or there is no
 * memory. A zero count gives a valid pointer. Aligned for any type; free with rmseg_free. */
void *rmseg_alloc(int64_t count, size_t size);

/* Grows or shrinks an rmseg_alloc block; the new part is not zeroed. NULL leaves the old block alone. */
void *rmseg_realloc(void *block, int64_t count, size_t size);

/* A copy of a string, and of the first n bytes as a string. */
char *rmseg_strdup(const char *text);
char *rmseg_strndup(const char *text, size_t length);

void rmseg_free(void *block);

/* A large block for kernels: aligned to 64 bytes (2 MiB and huge pages asked for when it is that large), zeroed by
 * touching it once. Free with rmseg_arena_free and the same byte count. */
void *rmseg_arena_alloc(size_t bytes);
void rmseg_arena_free(void *arena, size_t bytes);

/* Product / sum of extents with overflow check: false on overflow or a negative factor. */
bool rmseg_mul(int64_t *product, int64_t a, int64_t b);
bool rmseg_mul3(int64_t *product, int64_t a, int64_t b, int64_t c);

/* Bytes of this machine's memory; INT64_MAX where it does not tell. */
int64_t rmseg_memory_of_machine(void);

typedef struct rmseg_memory_stats {
    int64_t allocations; /* calls that gave memory since the start */
    int64_t live_bytes;  /* given and not yet freed */
    int64_t peak_bytes;
} rmseg_memory_stats;

rmseg_memory_stats rmseg_memory_stats_get(void);

/* From now on the peak is that of what follows. For tests. */
void rmseg_memory_peak_reset(void);

/* Makes the n-th allocation from now fail (1 = the next), once; 0 switches it off. For tests. */
void rmseg_memory_fail_at(int64_t n);

#endif
