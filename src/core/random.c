/* random.c - Philox4x32-10 and what is drawn from it. */
#include "core/random.h"

#include <math.h>

#define ROUNDS 10

static uint32_t high(uint64_t x) { return (uint32_t)(x >> 32); }

void rmseg_random_block(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
        c0 = high(p1) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = high(p0) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

rmseg_random rmseg_random_stream(uint64_t seed, rmseg_random_purpose purpose, uint32_t a, uint32_t b)
{
    return (rmseg_random){.key = {(uint32_t)seed, high(seed)}, .counter = {0, (uint32_t)purpose, a, b}};
}

uint32_t rmseg_random_u32(rmseg_random *r)
{
    if (r->left == 0) {
        rmseg_random_block(r->draw, r->counter, r->key);
        r->counter[0]++;
        r->left = 4;
    }
    return r->draw[4 - r->left--];
}

double rmseg_random_uniform(rmseg_random *r) { return rmseg_random_u32(r) * 0x1p-32; }

int64_t rmseg_random_below(rmseg_random *r, int64_t n) { return (int64_t)(rmseg_random_uniform(r) * (double)n); }

double rmseg_random_normal(rmseg_random *r)
{
    double radius = sqrt(-2 * log(1 - rmseg_random_uniform(r))); /* 1 - u: never the logarithm of 0 */
    return radius * cos(6.283185307179586 * rmseg_random_uniform(r));
}

void rmseg_random_order(rmseg_random *r, int64_t *order, int64_t n)
{
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = rmseg_random_below(r, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}
