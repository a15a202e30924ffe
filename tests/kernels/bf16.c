/*
 * bf16.c - floats to bfloat16 and back: equal to plain's to the last bit, at any number of threads.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define CANARY 0x5a5a

static void *room(int64_t count, size_t size)
{
    void *made = malloc((size_t)(count + 1) * size);
    if (!made) abort();
    return memset(made, 0x5a, (size_t)(count + 1) * size);
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* NaNs need not have the same bits. */
static bool same(uint16_t a, uint16_t b)
{
    return a == b || (isnan(float_of((uint32_t)a << 16)) && isnan(float_of((uint32_t)b << 16)));
}

static bool check_to(const rmseg_backend *b, const float *from, int64_t count)
{
    uint16_t *got = room(count, sizeof *got), *want = room(count, sizeof *want);
    rmseg_backend_find("plain")->to_bf16(want, from, count);
    b->to_bf16(got, from, count);
    bool ok = got[count] == CANARY;
    if (!ok) printf("    to bfloat16: %lld numbers and what lies behind them\n", (long long)count);
    for (int64_t i = 0; i < count && ok; i++) {
        ok = same(got[i], want[i]);
        if (!ok)
            printf("    to bfloat16: %a becomes %04x, expected %04x (number %lld of %lld)\n", from[i], got[i], want[i],
                   (long long)i, (long long)count);
    }
    free(got), free(want);
    return ok;
}

/* What bfloat16 has comes back as it was. */
static bool check_back(const rmseg_backend *b, int64_t count)
{
    uint16_t *from = room(count, sizeof *from), *again = room(count, sizeof *again);
    float *got = room(count, sizeof *got), *want = room(count, sizeof *want), canary = got[count];
    for (int64_t i = 0; i < count; i++) from[i] = (uint16_t)(i * 40503);
    rmseg_backend_find("plain")->from_bf16(want, from, count);
    b->from_bf16(got, from, count);
    b->to_bf16(again, got, count);
    bool ok = memcmp(got, want, (size_t)count * sizeof *got) == 0 && memcmp(&got[count], &canary, sizeof canary) == 0;
    for (int64_t i = 0; i < count && ok; i++) ok = same(again[i], from[i]);
    if (!ok) printf("    from bfloat16: %lld numbers are not what they were\n", (long long)count);
    free(from), free(again), free(got), free(want);
    return ok;
}

/* By hand: ties, the largest float, the least that does not become 0, and its tie. */
static bool check_known(const rmseg_backend *b)
{
    static const float from[] = {1, 1 + 0x1p-8f, 1 + 0x3p-8f, -1 - 0x1.01p-8f, 0x1.fffffep127f, 0x1p-133f, 0x1p-134f};
    static const uint16_t want[] = {0x3f80, 0x3f80, 0x3f82, 0xbf81, 0x7f80, 0x0001, 0x0000};
    enum { COUNT = sizeof want / sizeof *want };
    uint16_t got[COUNT];
    b->to_bf16(got, from, COUNT);
    bool ok = memcmp(got, want, sizeof want) == 0;
    for (int i = 0; i < COUNT && !ok; i++) printf("    %a becomes %04x, expected %04x\n", from[i], got[i], want[i]);
    return ok;
}

/* Every upper half of a float, with lower halves around the middle: ties to even, both zeros, denormals, what becomes
 * infinite, infinities and NaNs. */
bool check_bf16(const rmseg_backend *b)
{
    static const uint32_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    static const int64_t counts[] = {1, 3, 16, 31, 257, 100003};
    enum { LOWER = sizeof lower / sizeof *lower, COUNT = LOWER << 16 };
    float *all = room(COUNT, sizeof *all);
    for (int64_t i = 0; i < COUNT; i++) all[i] = float_of((uint32_t)(i / LOWER) << 16 | lower[i % LOWER]);
    bool ok = check_known(rmseg_backend_find("plain")) && check_known(b);
    for (int threads = 1; threads < 4; threads++) {
        rmseg_threads_set(threads);
        ok = check_to(b, all, COUNT) && check_back(b, 1 << 16) && ok;
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            ok = check_to(b, all + COUNT / 2, counts[i]) && check_back(b, counts[i]) && ok;
    }
    rmseg_threads_set(0);
    free(all);
    return ok;
}
