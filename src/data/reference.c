/* reference.c - MT19937 (Matsumoto and Nishimura 1998), and what the reference loader draws from it. */
#include "data/reference.h"

#include "data/sample.h"

enum { LENGTH = 624, MIDDLE = 397 };

void rmseg_reference_seed(rmseg_reference *reference, uint32_t seed)
{
    uint32_t *state = reference->state;
    state[0] = seed;
    for (uint32_t i = 1; i < LENGTH; i++) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
    reference->next = LENGTH;
}

static void refresh(uint32_t *state)
{
    for (int i = 0; i < LENGTH; i++) {
        uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % LENGTH] & 0x7fffffffu);
        state[i] = state[(i + MIDDLE) % LENGTH] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
}

static uint32_t draw_word(rmseg_reference *reference)
{
    if (reference->next == LENGTH) {
        refresh(reference->state);
        reference->next = 0;
    }
    uint32_t y = reference->state[reference->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

int64_t rmseg_reference_below(rmseg_reference *reference, int64_t n)
{
    uint32_t most = (uint32_t)(n - 1), mask = most, word;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    if (most == 0) return 0;
    do word = draw_word(reference) & mask;
    while (word > most);
    return word;
}

/* Python's (patch - extent) // 2 + 3, at least 0. */
static int64_t padding(int64_t extent, int64_t patch)
{
    int64_t missing = patch - extent;
    int64_t half = missing >= 0 ? missing / 2 : -((1 - missing) / 2);
    return half + 3 > 0 ? half + 3 : 0;
}

void rmseg_reference_draw(rmseg_sample_record *record, rmseg_reference *reference, const int64_t extent[3],
                          const int64_t patch[3])
{
    int64_t turned[3];
    bool padded = false;
    record->turns = (int)rmseg_reference_below(reference, 4);
    record->pivot = 2;
    int64_t axis = rmseg_reference_below(reference, 2);
    rmseg_turned_extent(turned, extent, record->turns, record->pivot);
    for (int k = 0; k < 3; k++) {
        record->flip[k] = k == axis;
        padded = padded || turned[k] <= patch[k];
    }
    for (int k = 0; k < 3; k++) {
        int64_t before = padded ? padding(turned[k], patch[k]) : 0;
        record->crop[k] = rmseg_reference_below(reference, turned[k] + 2 * before - patch[k]) - before;
    }
}
