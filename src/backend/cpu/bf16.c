/* bf16.c - floats to the upper half of their bits, rounded, and back. */
#include <string.h>

#include "backend/cpu/vector.h"

#define ELEMENTS 32768 /* of a task */

typedef struct bf16_job {
    float *floats;
    uint16_t *halves;
    int64_t elements;
} bf16_job;

/* To nearest, ties to even: half a unit is added to the lower bits, less one where the upper ones are even already. The
 * compiler makes vectors of the loops. */
static inline uint16_t to_half(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet_nan = bits >> 16 | 0x40;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet_nan : rounded);
}

static inline float from_half(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void to_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const bf16_job *job = context;
    const float *restrict from = job->floats;
    uint16_t *restrict to = job->halves;
    int64_t end = rmseg_chunk_end(job->elements, ELEMENTS, chunk);
    for (int64_t i = chunk * ELEMENTS; i < end; i++) to[i] = to_half(from[i]);
}

static void from_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const bf16_job *job = context;
    const uint16_t *restrict from = job->halves;
    float *restrict to = job->floats;
    int64_t end = rmseg_chunk_end(job->elements, ELEMENTS, chunk);
    for (int64_t i = chunk * ELEMENTS; i < end; i++) to[i] = from_half(from[i]);
}

void rmseg_cpu_to_bf16(uint16_t *to, const void *from, int64_t elements)
{
    bf16_job job = {(float *)from, to, elements};
    rmseg_parallel_for(rmseg_chunk_count(elements, ELEMENTS), to_chunk, &job);
}

void rmseg_cpu_from_bf16(void *to, const uint16_t *from, int64_t elements)
{
    bf16_job job = {to, (uint16_t *)from, elements};
    rmseg_parallel_for(rmseg_chunk_count(elements, ELEMENTS), from_chunk, &job);
}
