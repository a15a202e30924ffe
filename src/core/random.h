/*
 * core/random.h - random numbers that depend on what they are for, not on when they are asked for.
 *
 * Philox4x32-10 (Salmon et al., SC 2011). The key is the seed; the counter is (draw block, purpose, a, b), so that any
 * iteration, sample, layer or channel can be drawn alone, by any thread, again: what makes a resumed training equal.
 *     counter[0] = block number, counter[1] = purpose, counter[2] = a, counter[3] = b
 *     key[0] = low 32 bits of the seed, key[1] = high 32 bits
 */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include "rmseg/core.h"

typedef enum rmseg_random_purpose {
    RMSEG_RANDOM_WEIGHTS = 1, /* a = index of the parameter in the network's list, b = 0; element i uses draw i */
    RMSEG_RANDOM_ORDER = 2,   /* a = epoch, b = 0: the order of the cases */
    RMSEG_RANDOM_AUGMENT = 3, /* a = iteration, b = sample in the batch */
    RMSEG_RANDOM_DROPOUT = 4, /* a = iteration, b = sample * 65536 + layer */
    RMSEG_RANDOM_SPLIT = 5,   /* validation folds */
    RMSEG_RANDOM_BOOTSTRAP = 6,
    RMSEG_RANDOM_PHANTOM = 7, /* synthetic cases: a = case */
    RMSEG_RANDOM_ELASTIC = 8, /* displacements of an augmentation: a = iteration, b = sample in the batch */
    RMSEG_RANDOM_NOISE = 9,   /* noise of an augmentation: a = iteration, b = sample in the batch */
    RMSEG_RANDOM_CROP = 20,   /* margins of a crop around the truth: a = hash of the case's name */
    RMSEG_RANDOM_TEST = 99
} rmseg_random_purpose;

typedef struct rmseg_random {
    uint32_t key[2], counter[4], draw[4];
    int left; /* unused numbers in draw */
} rmseg_random;

/* One Philox4x32-10 block. */
void rmseg_random_block(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

rmseg_random rmseg_random_stream(uint64_t seed, rmseg_random_purpose purpose, uint32_t a, uint32_t b);

uint32_t rmseg_random_u32(rmseg_random *r);             /* the next 32 bits: words 0..3 of block 0, then block 1, ... */
double rmseg_random_uniform(rmseg_random *r);           /* [0,1): u32 * 2^-32, one draw */
int64_t rmseg_random_below(rmseg_random *r, int64_t n); /* 0..n-1: floor(uniform * n), one draw; n < 2^31 */
double rmseg_random_normal(rmseg_random *r);            /* Box-Muller, two draws u, v: sqrt(-2 ln(1-u)) cos(2 pi v) */

/* Fisher-Yates from the end: for i = n-1 .. 1 swap(order[i], order[below(i+1)]). Fills order with a permutation of
 * 0..n-1. */
void rmseg_random_order(rmseg_random *r, int64_t *order, int64_t n);

#endif
