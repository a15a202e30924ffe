/* distance.c - the distances of a whole mask: squared, plain, signed. */
#include <math.h>
#include <string.h>

#include "field/distance_transform.h"
#include "rmseg/field.h"

enum { CHUNK_VOXELS = 1 << 15, BLOCK = 256 };

/* ---- squared ----------------------------------------------------------------------------------------------------- */

/* The whole numbers lie in the upper half of the array that shall hold them as doubles: no other memory is needed. */
typedef struct widening {
    double *squared;
    const int32_t *whole;
    int64_t first, end;
    double factor;
} widening;

static void widen_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const widening *w = context;
    int32_t block[BLOCK];
    int64_t end = w->first + rmseg_chunk_end(w->end - w->first, CHUNK_VOXELS, chunk), count = 0;
    for (int64_t v = w->first + chunk * CHUNK_VOXELS; v < end; v += count) {
        count = end - v < BLOCK ? end - v : BLOCK;
        memcpy(block, w->whole + v, (size_t)count * sizeof *block);
        for (int64_t i = 0; i < count; i++)
            w->squared[v + i] = block[i] < RMSEG_NO_SITE ? block[i] * w->factor : INFINITY;
    }
}

/* Half of what is left at a time: so much fits before the whole numbers that are still to be read. The last chunk's
 * worth goes block by block, each read before its place is written. */
static void widen(double *squared, const int32_t *whole, int64_t voxels, double factor)
{
    widening w = {squared, whole, 0, 0, factor};
    for (; w.first < voxels; w.first = w.end) {
        int64_t left = voxels - w.first;
        w.end = left <= CHUNK_VOXELS ? voxels : w.first + left / 2;
        rmseg_parallel_for(rmseg_chunk_count(w.end - w.first, CHUNK_VOXELS), widen_chunk, &w);
    }
}

rmseg_status rmseg_distance_squared(double *squared, const uint8_t *mask, const rmseg_grid *grid)
{
    rmseg_transform t;
    RMSEG_TRY(rmseg_transform_begin(&t, mask, grid));
    int32_t *whole = (int32_t *)squared + t.voxels;
    t.data = t.whole ? (void *)whole : squared;
    t.finish.kind = t.whole ? RMSEG_KEEP : RMSEG_AS_DOUBLE;
    t.finish.to = squared;
    rmseg_transform_run(&t);
    if (t.whole) widen(squared, whole, t.voxels, t.factor);
    rmseg_transform_end(&t);
    return RMSEG_OK;
}

/* ---- plain and signed -------------------------------------------------------------------------------------------- */

/* The distances to the nearest voxel that is set, or that is not; `work` holds the squares where T is double. */
static void roots(rmseg_transform *t, float *to, double *work, bool set)
{
    t->set = set;
    t->data = t->whole ? (void *)to : work;
    t->finish.kind = RMSEG_AS_ROOT;
    t->finish.to = to;
    rmseg_transform_run(t);
}

rmseg_status rmseg_distance(float *distance, const uint8_t *mask, const rmseg_grid *grid)
{
    rmseg_transform t;
    RMSEG_TRY(rmseg_transform_begin(&t, mask, grid));
    double *work = rmseg_alloc(t.whole ? 0 : t.voxels, sizeof *work);
    if (work) roots(&t, distance, work, true);
    rmseg_free(work);
    rmseg_transform_end(&t);
    return work ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

typedef struct sides {
    float *distance;
    const float *inner;
    const uint8_t *mask;
    int64_t voxels;
} sides;

static void join_sides(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const sides *s = context;
    int64_t end = rmseg_chunk_end(s->voxels, CHUNK_VOXELS, chunk);
    for (int64_t v = chunk * CHUNK_VOXELS; v < end; v++) s->distance[v] = s->mask[v] ? -s->inner[v] : s->distance[v];
}

rmseg_status rmseg_distance_signed(float *distance, const uint8_t *mask, const rmseg_grid *grid)
{
    rmseg_transform t;
    RMSEG_TRY(rmseg_transform_begin(&t, mask, grid));
    float *inner = rmseg_alloc(t.voxels, sizeof *inner);
    double *work = rmseg_alloc(t.whole ? 0 : t.voxels, sizeof *work);
    bool ready = inner && work;
    if (ready) {
        sides s = {distance, inner, mask, t.voxels};
        roots(&t, distance, work, true);
        roots(&t, inner, work, false);
        rmseg_parallel_for(rmseg_chunk_count(t.voxels, CHUNK_VOXELS), join_sides, &s);
    }
    rmseg_free(inner);
    rmseg_free(work);
    rmseg_transform_end(&t);
    return ready ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

static rmseg_grid grid_of(const int64_t size[3], const double spacing[3])
{
    return (rmseg_grid){{size[0], size[1], size[2]}, {spacing[0], spacing[1], spacing[2]}};
}

rmseg_status rmseg_distance_transform(float *distance, const uint8_t *mask, const int64_t size[3],
                                      const double spacing[3], bool inside_is_negative)
{
    rmseg_grid grid = grid_of(size, spacing);
    return inside_is_negative ? rmseg_distance_signed(distance, mask, &grid) : rmseg_distance(distance, mask, &grid);
}

rmseg_status rmseg_distance_transform_squared(double *squared, const uint8_t *mask, const int64_t size[3],
                                              const double spacing[3])
{
    rmseg_grid grid = grid_of(size, spacing);
    return rmseg_distance_squared(squared, mask, &grid);
}
