/* overlap.c - counts voxels and finds the union's box, one sweep over both masks. */
#include "metric/overlap.h"

#define CHUNK_VOXELS 65536

typedef struct sweep {
    const uint8_t *prediction, *truth;
    int64_t height, width;       /* H, W */
    int64_t rows, rows_in_chunk; /* D*H rows of W voxels */
    rmseg_overlap *parts;        /* one per chunk */
} sweep;

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static rmseg_overlap nothing(void)
{
    return (rmseg_overlap){.low = {INT64_MAX, INT64_MAX, INT64_MAX}, .high = {0, 0, 0}};
}

static void join(rmseg_overlap *all, const rmseg_overlap *part)
{
    all->both += part->both;
    all->prediction += part->prediction;
    all->truth += part->truth;
    for (int axis = 0; axis < 3; axis++) {
        all->low[axis] = smaller(all->low[axis], part->low[axis]);
        all->high[axis] = larger(all->high[axis], part->high[axis]);
    }
}

enum { LANES = 64, MOST_TURNS = 255 };

static int64_t sum_of(const uint8_t lane[LANES])
{
    int64_t sum = 0;
    for (int i = 0; i < LANES; i++) sum += lane[i];
    return sum;
}

/* Adds the voxels first .. end-1. Counts in bytes side by side, which are emptied before they are full. */
static void count_voxels(rmseg_overlap *sum, const sweep *s, int64_t first, int64_t end)
{
    const uint8_t *p = s->prediction, *t = s->truth;
    int64_t v = first;
    while (end - v >= LANES) {
        uint8_t in_p[LANES] = {0}, in_t[LANES] = {0}, in_both[LANES] = {0};
        for (int turn = 0; turn < MOST_TURNS && end - v >= LANES; turn++, v += LANES)
            for (int i = 0; i < LANES; i++) {
                uint8_t a = p[v + i] != 0, b = t[v + i] != 0;
                in_p[i] += a, in_t[i] += b, in_both[i] += a & b;
            }
        sum->prediction += sum_of(in_p);
        sum->truth += sum_of(in_t);
        sum->both += sum_of(in_both);
    }
    for (; v < end; v++) {
        sum->prediction += p[v] != 0;
        sum->truth += t[v] != 0;
        sum->both += p[v] && t[v];
    }
}

static bool any_set(const uint8_t *p, const uint8_t *t, int64_t first, int64_t end)
{
    uint8_t any = 0;
    for (int64_t x = first; x < end; x++) any |= p[x] | t[x];
    return any;
}

/* Widens the box to a row of the union; only what lies outside it is looked at closely. */
static void widen(rmseg_overlap *o, const sweep *s, int64_t row)
{
    const uint8_t *p = s->prediction + row * s->width, *t = s->truth + row * s->width;
    if (!any_set(p, t, 0, s->width)) return;
    int64_t d = row / s->height, h = row % s->height, first = 0, last = s->width - 1;
    while (first < o->low[2] && !(p[first] | t[first])) first++;
    while (last >= o->high[2] && !(p[last] | t[last])) last--;
    o->low[0] = smaller(o->low[0], d), o->high[0] = larger(o->high[0], d + 1);
    o->low[1] = smaller(o->low[1], h), o->high[1] = larger(o->high[1], h + 1);
    o->low[2] = smaller(o->low[2], first), o->high[2] = larger(o->high[2], last + 1);
}

static void count_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const sweep *s = context;
    int64_t end = rmseg_chunk_end(s->rows, s->rows_in_chunk, chunk);
    int64_t first = chunk * s->rows_in_chunk;
    rmseg_overlap sum = nothing();
    count_voxels(&sum, s, first * s->width, end * s->width);
    if (sum.prediction + sum.truth)
        for (int64_t row = first; row < end; row++) widen(&sum, s, row);
    s->parts[chunk] = sum;
}

rmseg_status rmseg_overlap_count(rmseg_overlap *overlap, const uint8_t *prediction, const uint8_t *truth,
                                 const int64_t size[3])
{
    int64_t voxels = 0;
    if (!rmseg_mul3(&voxels, size[0], size[1], size[2]) || voxels == 0)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "masks of %lld x %lld x %lld voxels cannot be measured: every extent must be at least 1 "
                          "and their product below 2^63",
                          (long long)size[0], (long long)size[1], (long long)size[2]);
    sweep s = {prediction, truth, size[1], size[2], size[0] * size[1], larger(1, CHUNK_VOXELS / size[2]), NULL};
    int64_t chunks = rmseg_chunk_count(s.rows, s.rows_in_chunk);
    s.parts = rmseg_alloc(chunks, sizeof *s.parts);
    if (!s.parts) return RMSEG_ERROR_MEMORY;
    rmseg_parallel_for(chunks, count_chunk, &s);
    rmseg_overlap sum = nothing();
    for (int64_t i = 0; i < chunks; i++) join(&sum, &s.parts[i]);
    sum.voxels = voxels;
    rmseg_free(s.parts);
    *overlap = sum;
    return RMSEG_OK;
}
