/*
 * report/surface_solid.c - a mask becomes a smooth field of distances.
 */
#include <math.h>
#include <stdlib.h>

#include "report/surface.h"

enum { CHUNK_VOXELS = 1 << 15, ROUNDS = 2 };

static double shortest(const rmseg_grid *grid)
{
    return fmin(grid->spacing[0], fmin(grid->spacing[1], grid->spacing[2]));
}

typedef struct pass {
    float *to;
    const float *from, *own;
    int64_t voxels, stride, extent; /* of the axis; for islands those of rows in a slice */
    const uint8_t *mask;
    float shift, share;
} pass;

/* From voxel centres on the other side to the surface, which lies half way. */
static void shift_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const pass *p = context;
    int64_t end = rmseg_chunk_end(p->voxels, CHUNK_VOXELS, chunk);
    for (int64_t v = chunk * CHUNK_VOXELS; v < end; v++) p->to[v] += p->mask[v] ? p->shift : -p->shift;
}

/* A voxel's share goes to either neighbour along one axis. */
static void smooth_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const pass *p = context;
    int64_t end = rmseg_chunk_end(p->voxels, CHUNK_VOXELS, chunk);
    for (int64_t v = chunk * CHUNK_VOXELS; v < end; v++) {
        int64_t at = v / p->stride % p->extent;
        float before = p->from[at > 0 ? v - p->stride : v], after = p->from[at + 1 < p->extent ? v + p->stride : v];
        p->to[v] = p->share * before + (1 - 2 * p->share) * p->from[v] + p->share * after;
    }
}

/* Whether one of the 26 voxels around a set one lies inside. */
static bool has_company(const pass *p, int64_t v)
{
    for (int64_t down = -1; down <= 1; down++)
        for (int64_t back = -1; back <= 1; back++)
            for (int64_t left = -1; left <= 1; left++)
                if (p->from[v + (down * p->extent + back) * p->stride + left] < 0) return true;
    return false;
}

/* What is too thin for the filter stays: its distance, threefold, so that a voxel alone is about as large as it is. */
static void keep_islands_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const pass *p = context;
    int64_t end = rmseg_chunk_end(p->voxels, CHUNK_VOXELS, chunk);
    for (int64_t v = chunk * CHUNK_VOXELS; v < end; v++) {
        bool lost = p->mask[v] && !(p->from[v] < 0) && !has_company(p, v);
        p->to[v] = lost ? 3 * p->own[v] : p->from[v];
    }
}

/* From `from` into `to`, by way of `between`. */
static void smooth(float *to, float *between, const float *from, const rmseg_grid *grid)
{
    const int64_t *n = grid->size, stride[3] = {n[1] * n[2], n[2], 1};
    int64_t voxels = n[0] * n[1] * n[2];
    for (int i = 0; i < 3 * ROUNDS; i++) {
        float share = (float)(shortest(grid) / grid->spacing[i % 3] / 4);
        pass p = {i % 2 ? to : between, from, NULL, voxels, stride[i % 3], n[i % 3], NULL, 0, share};
        rmseg_parallel_for(rmseg_chunk_count(voxels, CHUNK_VOXELS), smooth_chunk, &p);
        from = p.to;
    }
}

/* Twice the smooth less the smoother one: what the filter takes from round things, it gives back (Taubin's way). */
static void restore_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const pass *p = context;
    int64_t end = rmseg_chunk_end(p->voxels, CHUNK_VOXELS, chunk);
    for (int64_t v = chunk * CHUNK_VOXELS; v < end; v++) p->to[v] = 2 * p->from[v] - p->to[v];
}

/* The exact distances become smooth ones; `buffer` has room for three fields, the first being the result's. */
static void make_smooth(float *const buffer[3], const float *own, const uint8_t *mask, const rmseg_grid *grid)
{
    const int64_t *n = grid->size;
    int64_t voxels = n[0] * n[1] * n[2], chunks = rmseg_chunk_count(voxels, CHUNK_VOXELS);
    smooth(buffer[1], buffer[0], own, grid);
    smooth(buffer[2], buffer[0], buffer[1], grid);
    pass p = {.to = buffer[2], .from = buffer[1], .voxels = voxels};
    rmseg_parallel_for(chunks, restore_chunk, &p);
    p = (pass){
        .to = buffer[0], .from = buffer[2], .own = own, .voxels = voxels, .stride = n[2], .extent = n[1], .mask = mask};
    rmseg_parallel_for(chunks, keep_islands_chunk, &p);
}

rmseg_status rmseg_solid_create(rmseg_solid *solid, const uint8_t *mask, const rmseg_grid *grid)
{
    int64_t voxels = grid->size[0] * grid->size[1] * grid->size[2];
    float *own = rmseg_alloc(voxels, sizeof *own), *buffer[3];
    bool enough = own;
    for (int i = 0; i < 3; i++) enough &= (buffer[i] = rmseg_alloc(voxels, sizeof(float))) != NULL;
    rmseg_status status = enough ? rmseg_distance_signed(own, mask, grid) : RMSEG_ERROR_MEMORY;
    if (!status) {
        pass p = {.to = own, .voxels = voxels, .mask = mask, .shift = (float)(shortest(grid) / 2)};
        rmseg_parallel_for(rmseg_chunk_count(voxels, CHUNK_VOXELS), shift_chunk, &p);
        make_smooth(buffer, own, mask, grid);
        *solid = (rmseg_solid){*grid, buffer[0]};
        buffer[0] = NULL;
    }
    rmseg_free(own);
    for (int i = 0; i < 3; i++) rmseg_free(buffer[i]);
    return status;
}

void rmseg_solid_destroy(rmseg_solid *solid)
{
    rmseg_free(solid->distance);
    solid->distance = NULL;
}

double rmseg_solid_at(const rmseg_solid *solid, const double position[3])
{
    const int64_t *n = solid->grid.size;
    int64_t first[3], next[3];
    double share[3];
    for (int axis = 0; axis < 3; axis++) {
        double at = position[axis] / solid->grid.spacing[axis], last = (double)(n[axis] - 1);
        at = at < 0 ? 0 : at > last ? last : at;
        first[axis] = (int64_t)at;
        next[axis] = first[axis] + 1 < n[axis] ? 1 : 0;
        share[axis] = at - (double)first[axis];
    }
    int64_t down = next[0] * n[1] * n[2], back = next[1] * n[2], left = next[2];
    const float *d = solid->distance + (first[0] * n[1] + first[1]) * n[2] + first[2];
    double rows[4];
    for (int i = 0; i < 4; i++) {
        const float *row = d + (i / 2 ? down : 0) + (i % 2 ? back : 0);
        rows[i] = row[0] + share[2] * ((double)row[left] - row[0]);
    }
    double upper = rows[0] + share[1] * (rows[1] - rows[0]), lower = rows[2] + share[1] * (rows[3] - rows[2]);
    return upper + share[0] * (lower - upper);
}

/* ---- from one to the other --------------------------------------------------------------------------------------- */

static int64_t gather(float *to, const rmseg_solid *solid, const rmseg_solid *other)
{
    const int64_t *n = solid->grid.size;
    int64_t count = 0;
    double side = shortest(&solid->grid);
    for (int64_t v = 0; v < n[0] * n[1] * n[2]; v++) {
        if (!(solid->distance[v] < 0 && solid->distance[v] > -side)) continue;
        if (to) to[count] = fabsf(other->distance[v]);
        count++;
    }
    return count;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

rmseg_status rmseg_solids_apart(double *usual, double *most, const rmseg_solid *a, const rmseg_solid *b)
{
    int64_t first = gather(NULL, a, b), count = first + gather(NULL, b, a);
    float *distances = rmseg_alloc(count, sizeof *distances);
    if (!distances) return RMSEG_ERROR_MEMORY;
    gather(distances, a, b);
    gather(distances + first, b, a);
    qsort(distances, (size_t)count, sizeof *distances, compare);
    double side = shortest(&a->grid);
    *usual = fmax(side, count ? distances[(count - 1) * 95 / 100] : 0);
    *most = fmax(side, count ? distances[count - 1] : 0);
    rmseg_free(distances);
    return RMSEG_OK;
}
