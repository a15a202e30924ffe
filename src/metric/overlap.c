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

static rmseg_overlap count_row(const sweep *s, int64_t row)
{
    const uint8_t *p = s->prediction + row * s->width, *t = s->truth + row * s->width;
    rmseg_overlap o = nothing();
    for (int64_t x = 0; x < s->width; x++) {
        int in_p = p[x] != 0, in_t = t[x] != 0;
        o.prediction += in_p;
        o.truth += in_t;
        o.both += in_p & in_t;
    }
    if (o.prediction + o.truth == 0) return o;
    int64_t first = 0, last = s->width - 1;
    while (!(p[first] | t[first])) first++;
    while (!(p[last] | t[last])) last--;
    int64_t d = row / s->height, h = row % s->height;
    o.low[0] = d, o.low[1] = h, o.low[2] = first;
    o.high[0] = d + 1, o.high[1] = h + 1, o.high[2] = last + 1;
    return o;
}

static void count_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const sweep *s = context;
    int64_t end = rmseg_chunk_end(s->rows, s->rows_in_chunk, chunk);
    rmseg_overlap sum = nothing();
    for (int64_t row = chunk * s->rows_in_chunk; row < end; row++) {
        rmseg_overlap part = count_row(s, row);
        join(&sum, &part);
    }
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
