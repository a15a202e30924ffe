/*
 * distance.c - exact squared Euclidean distance transform, one axis after the other.
 *
 *     pass over W:         g(x) = (w_W * d)^2, d = pixels to the nearest set voxel of the row
 *     pass over H, then D: g'(x) = min_u  w (x - u)^2 + g(u)        the lower envelope of parabolas, O(n)
 *
 * with the integer thresholds of Meijster, Roerdink & Hesselink (2000), which need one division per parabola. Where all
 * spacings are equal the passes run with w = 1 and the spacing is multiplied in at the end: every number is then an
 * integer below 2^53, which a double holds exactly, and its division is faster than an integer one. A row without any
 * set voxel is +infinity and its parabola is left out, so that no phantom point can enter.
 */
#include <math.h>

#include "field/grid.h"

enum { TILE = 16, ROW_CHUNK_VOXELS = 1 << 15 };

/* ---- along W: to the nearest set voxel of the same row ---------------------------------------------------------- */

typedef struct rows_job {
    double *squared;
    const uint8_t *mask;
    int64_t rows, width, rows_per_chunk;
    double weight;
} rows_job;

static void scan_row(double *squared, const uint8_t *mask, int64_t width, double weight)
{
    double pixels = INFINITY;
    for (int64_t x = 0; x < width; x++) {
        pixels = mask[x] ? 0 : pixels + 1;
        squared[x] = pixels;
    }
    for (int64_t x = width - 1; x >= 0; x--) {
        pixels = squared[x] < pixels + 1 ? squared[x] : pixels + 1;
        squared[x] = weight * pixels * pixels;
    }
}

static void scan_rows(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const rows_job *job = context;
    int64_t end = rmseg_chunk_end(job->rows, job->rows_per_chunk, chunk);
    for (int64_t row = chunk * job->rows_per_chunk; row < end; row++)
        scan_row(job->squared + row * job->width, job->mask + row * job->width, job->width, job->weight);
}

static void pass_along_rows(double *squared, const uint8_t *mask, const rmseg_grid *grid, double weight)
{
    int64_t width = grid->size[2];
    rows_job job = {squared, mask, grid->size[0] * grid->size[1], width, 1 + ROW_CHUNK_VOXELS / width, weight};
    rmseg_parallel_for(rmseg_chunk_count(job.rows, job.rows_per_chunk), scan_rows, &job);
}

/* ---- along H or D: lower envelopes ------------------------------------------------------------------------------ */

/* Scratch of one thread for lines of n voxels. */
typedef struct envelope {
    double *in, *out; /* [TILE][n]: the lines of a tile, each contiguous */
    int64_t *site;    /* [n] parabola q of the envelope stands at site[q] ... */
    int64_t *from;    /* [n] ... and is the lowest from voxel from[q] on */
} envelope;

static inline double parabola(const double *g, int64_t u, int64_t x, double weight)
{
    double d = (double)(x - u);
    return weight * d * d + g[u];
}

/* First voxel at which the parabola of u lies below that of s, s < u; n where there is none. */
static inline int64_t takes_over(const double *g, int64_t s, int64_t u, double weight, int64_t n)
{
    double rise = g[u] - g[s] + weight * ((double)u * (double)u - (double)s * (double)s);
    double x = 1 + floor(rise / (2 * weight * (double)(u - s)));
    return x < (double)n ? (int64_t)x : n;
}

static void lower_envelope(double *out, const double *g, int64_t n, double weight, envelope *e)
{
    int64_t last = -1;
    for (int64_t u = 0; u < n; u++) {
        if (isinf(g[u])) continue;
        while (last >= 0 && parabola(g, e->site[last], e->from[last], weight) > parabola(g, u, e->from[last], weight))
            last--;
        int64_t from = last < 0 ? 0 : takes_over(g, e->site[last], u, weight, n);
        if (from == n) continue;
        last++;
        e->site[last] = u;
        e->from[last] = from;
    }
    for (int64_t x = n - 1; x >= 0; x--) {
        while (last >= 0 && e->from[last] > x) last--;
        out[x] = last < 0 ? INFINITY : parabola(g, e->site[last], x, weight);
    }
}

/* Lines along one axis of [outer][n][inner]; a chunk is a tile of up to TILE neighbouring lines of one outer slice. */
typedef struct lines_job {
    double *squared;
    int64_t n, inner, tiles; /* tiles in one outer slice */
    double weight;
    envelope *scratch; /* one per thread */
} lines_job;

static void transform_tile(void *context, int64_t chunk, int thread)
{
    const lines_job *job = context;
    envelope *e = &job->scratch[thread];
    int64_t n = job->n, inner = job->inner, first = chunk % job->tiles * TILE;
    int64_t lines = inner - first < TILE ? inner - first : TILE;
    double *tile = job->squared + chunk / job->tiles * n * inner + first;

    for (int64_t i = 0; i < n; i++)
        for (int64_t line = 0; line < lines; line++) e->in[line * n + i] = tile[i * inner + line];
    for (int64_t line = 0; line < lines; line++) lower_envelope(e->out + line * n, e->in + line * n, n, job->weight, e);
    for (int64_t i = 0; i < n; i++)
        for (int64_t line = 0; line < lines; line++) tile[i * inner + line] = e->out[line * n + i];
}

static void pass_along_axis(double *squared, const rmseg_grid *grid, int axis, double weight, envelope *scratch)
{
    int64_t outer = axis == 0 ? 1 : grid->size[0];
    int64_t inner = axis == 0 ? grid->size[1] * grid->size[2] : grid->size[2];
    lines_job job = {squared, grid->size[axis], inner, rmseg_chunk_count(inner, TILE), weight, scratch};
    if (job.n > 1) rmseg_parallel_for(outer * job.tiles, transform_tile, &job);
}

/* Scratch of all threads in one block, the table of pointers into it first; one rmseg_free gives it back. */
static envelope *scratch_create(int64_t n)
{
    int64_t threads = rmseg_threads(), bytes = 0, per_thread = 0;
    if (!rmseg_mul(&per_thread, n, 2 * TILE * sizeof(double) + 2 * sizeof(int64_t)) ||
        !rmseg_mul(&bytes, threads, per_thread + (int64_t)sizeof(envelope))) {
        rmseg_fail_memory();
        return NULL;
    }
    envelope *scratch = rmseg_alloc(bytes, 1);
    if (!scratch) return NULL;
    double *block = (double *)(scratch + threads);
    for (int64_t thread = 0; thread < threads; thread++) {
        int64_t *sites = (int64_t *)(block + 2 * TILE * n);
        scratch[thread] = (envelope){block, block + TILE * n, sites, sites + n};
        block = (double *)(sites + 2 * n);
    }
    return scratch;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

typedef struct scale_job {
    double *squared;
    int64_t voxels;
    double factor;
} scale_job;

static void scale_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const scale_job *job = context;
    int64_t end = rmseg_chunk_end(job->voxels, ROW_CHUNK_VOXELS, chunk);
    for (int64_t i = chunk * ROW_CHUNK_VOXELS; i < end; i++) job->squared[i] *= job->factor;
}

rmseg_status rmseg_distance_squared(double *squared, const uint8_t *mask, const rmseg_grid *grid)
{
    int64_t voxels = 0;
    RMSEG_TRY(rmseg_grid_check(&voxels, grid));
    const double *spacing = grid->spacing;
    bool isotropic = spacing[1] == spacing[2] && (grid->size[0] == 1 || spacing[0] == spacing[1]);
    double weight[3];
    for (int axis = 0; axis < 3; axis++) weight[axis] = isotropic ? 1 : spacing[axis] * spacing[axis];

    envelope *scratch = scratch_create(grid->size[0] > grid->size[1] ? grid->size[0] : grid->size[1]);
    if (!scratch) return RMSEG_ERROR_MEMORY;
    pass_along_rows(squared, mask, grid, weight[2]);
    pass_along_axis(squared, grid, 1, weight[1], scratch);
    pass_along_axis(squared, grid, 0, weight[0], scratch);
    rmseg_free(scratch);

    scale_job scale = {squared, voxels, spacing[2] * spacing[2]};
    if (isotropic && scale.factor != 1)
        rmseg_parallel_for(rmseg_chunk_count(voxels, ROW_CHUNK_VOXELS), scale_chunk, &scale);
    return RMSEG_OK;
}

/* ---- other forms of it ------------------------------------------------------------------------------------------ */

rmseg_status rmseg_distance(float *distance, const uint8_t *mask, const rmseg_grid *grid)
{
    int64_t voxels = 0;
    RMSEG_TRY(rmseg_grid_check(&voxels, grid));
    double *squared = rmseg_alloc(voxels, sizeof *squared);
    rmseg_status status = squared ? rmseg_distance_squared(squared, mask, grid) : RMSEG_ERROR_MEMORY;
    for (int64_t v = 0; status == RMSEG_OK && v < voxels; v++) distance[v] = (float)sqrt(squared[v]);
    rmseg_free(squared);
    return status;
}

rmseg_status rmseg_distance_signed(float *distance, const uint8_t *mask, const rmseg_grid *grid)
{
    int64_t voxels = 0;
    RMSEG_TRY(rmseg_grid_check(&voxels, grid));
    uint8_t *outside = rmseg_alloc(voxels, 1);
    float *inner = rmseg_alloc(voxels, sizeof *inner);
    rmseg_status status = outside && inner ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t v = 0; status == RMSEG_OK && v < voxels; v++) outside[v] = !mask[v];
    if (status == RMSEG_OK) status = rmseg_distance(inner, outside, grid);
    if (status == RMSEG_OK) status = rmseg_distance(distance, mask, grid);
    for (int64_t v = 0; status == RMSEG_OK && v < voxels; v++)
        if (mask[v]) distance[v] = -inner[v];
    rmseg_free(outside);
    rmseg_free(inner);
    return status;
}

rmseg_status rmseg_distance_at(double *squared, const uint8_t *sites, const int64_t *query, int64_t count,
                               const rmseg_grid *grid)
{
    int64_t voxels = 0;
    RMSEG_TRY(rmseg_grid_check(&voxels, grid));
    for (int64_t i = 0; i < count; i++)
        if (query[i] < 0 || query[i] >= voxels)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "query %lld is voxel %lld: the grid has voxels 0 to %lld",
                              (long long)i, (long long)query[i], (long long)(voxels - 1));
    double *all = rmseg_alloc(voxels, sizeof *all);
    rmseg_status status = all ? rmseg_distance_squared(all, sites, grid) : RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; status == RMSEG_OK && i < count; i++) squared[i] = all[query[i]];
    rmseg_free(all);
    return status;
}
