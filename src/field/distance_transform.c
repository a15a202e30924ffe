/*
 * distance_transform.c - exact Euclidean distance transform, one axis after the other (Felzenszwalb & Huttenlocher 2012, eq. 2).
 *
 *     along W:           g(x)  = w (x - u)^2, u the nearest site of the row
 *     along H, then D:   g'(x) = min over u of  g(u) + w (x - u)^2
 *
 * Where all spacings are equal the passes run with w = 1 and the spacing is multiplied in at the end: every number is
 * then whole, in int32 where the largest fits, else in a double, which holds it exactly. A row without a site is
 * infinitely far, so that no phantom site can enter. The loops themselves are in distance_kernels.inc.
 */
#include "field/distance_transform.h"

enum { ROW_CHUNK_VOXELS = 1 << 15, FEWEST_SLICES = 16 };

static const rmseg_distance_kernels *kernels_for(bool whole)
{
#define ROW_I32(level) &rmseg_distance_i32_##level,
#define ROW_F64(level) &rmseg_distance_f64_##level,
    static const rmseg_distance_kernels *const i32[] = {RMSEG_EACH_LEVEL(ROW_I32)};
    static const rmseg_distance_kernels *const f64[] = {RMSEG_EACH_LEVEL(ROW_F64)};
    int level = rmseg_level_chosen();
    if (level < 0) level = rmseg_level_best();
    return whole ? i32[level] : f64[level];
}

/* Axes of one voxel are left out, which moves no voxel: the last axis that is there becomes W. */
static void measure(rmseg_transform *t, const rmseg_grid *grid)
{
    double spacing[3] = {1, 1, 1}, farthest = 0;
    bool isotropic = true;
    int axis = 3;
    t->longest = 1;
    for (int a = 0; a < 3; a++) t->size[a] = 1;
    for (int a = 2; a >= 0; a--)
        if (grid->size[a] > 1) {
            t->size[--axis] = grid->size[a];
            spacing[axis] = grid->spacing[a];
        }
    for (int a = axis; a < 3; a++) {
        isotropic &= spacing[a] == spacing[2];
        farthest += (double)(t->size[a] - 1) * (double)(t->size[a] - 1);
        if (t->size[a] > t->longest) t->longest = t->size[a];
    }
    for (int a = 0; a < 3; a++) t->weight[a] = isotropic ? 1 : spacing[a] * spacing[a];
    t->factor = isotropic ? spacing[2] * spacing[2] : 1;
    t->whole = isotropic && farthest < RMSEG_NO_SITE;
    t->finish = (rmseg_distance_finish){.factor = t->factor,
                                        .exact_floats = t->whole && t->factor == 1 && farthest < RMSEG_EXACT_FLOATS};
}

size_t rmseg_transform_element(const rmseg_transform *t) { return t->whole ? sizeof(int32_t) : sizeof(double); }

/* Costs of one axis from `block` on; returns what is behind them. */
static char *cost_fill(const void **cost, char *block, int64_t n, double weight, bool whole)
{
    for (int64_t k = 1 - n; k < n; k++) {
        if (whole)
            ((int32_t *)block)[n - 1 + k] = (int32_t)(k * k);
        else
            ((double *)block)[n - 1 + k] = weight * (double)k * (double)k;
    }
    size_t bytes = whole ? sizeof(int32_t) : sizeof(double);
    *cost = block + (size_t)(n - 1) * bytes;
    return block + (size_t)(2 * n) * bytes;
}

static int64_t tile_bytes(const rmseg_transform *t) { return t->longest * RMSEG_LINES_BYTES; }
static int64_t place_bytes(const rmseg_transform *t) { return (t->longest + 1) * (int64_t)sizeof(int64_t); }

/* One block holds it all: the table of scratches, the tiles and places of each thread, the costs of each axis. */
static rmseg_status allocate(rmseg_transform *t)
{
    int threads = t->alone ? 1 : rmseg_threads();
    int64_t n = t->longest, each = 0, bytes = 0;
    if (!rmseg_mul(&each, n, RMSEG_LINES_BYTES + 4 * sizeof(int64_t)) || !rmseg_mul(&bytes, threads + 1, each + 128))
        return rmseg_fail_memory();
    void *memory = rmseg_alloc(bytes + 6 * n * (int64_t)sizeof(double), 1);
    if (!memory) return RMSEG_ERROR_MEMORY;
    rmseg_free(t->memory);
    t->memory = memory;
    t->threads = threads;
    return RMSEG_OK;
}

static void lay_out(rmseg_transform *t)
{
    int64_t tile = tile_bytes(t), places = place_bytes(t);
    t->scratch = t->memory;
    char *block = (char *)(t->scratch + t->threads);
    for (int i = 0; i < t->threads; i++, block += tile + 2 * places)
        t->scratch[i] = (rmseg_lines_scratch){block, (int64_t *)(block + tile), (int64_t *)(block + tile + places)};
    for (int a = 0; a < 3; a++) block = cost_fill(&t->cost[a], block, t->size[a], t->weight[a], t->whole);
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

static void along_rows(const rmseg_transform *t, int64_t first, int64_t end)
{
    int64_t width = t->size[2];
    for (int64_t row = first; row < end; row++)
        t->kernels->row(t->data, row * width, t->mask + row * width, width, t->set, t->cost[2]);
}

/* Bundle `index` of the lines along H or D: neighbours of one slice along H, of the whole along D. */
static void along_lines(const rmseg_transform *t, int axis, int64_t slice, int64_t index, int thread)
{
    int64_t plane = t->size[1] * t->size[2], inner = axis == 0 ? plane : t->size[2];
    int64_t first = index * t->kernels->lines, count = inner - first;
    bool last = axis == 0 || t->size[0] == 1;
    if (t->needed[axis] && !t->needed[axis][index]) return;
    rmseg_lines lines = {t->data,
                         slice * plane + first,
                         count < t->kernels->lines ? count : t->kernels->lines,
                         t->size[axis],
                         inner,
                         t->cost[axis],
                         last ? t->finish : (rmseg_distance_finish){RMSEG_KEEP, 1, false, NULL}};
    t->kernels->lines_pass(&lines, &t->scratch[thread]);
}

static void rows_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const rmseg_transform *t = context;
    along_rows(t, chunk * t->rows_per_chunk, rmseg_chunk_end(t->size[0] * t->size[1], t->rows_per_chunk, chunk));
}

int64_t rmseg_transform_bundles(const rmseg_transform *t, int axis)
{
    return rmseg_chunk_count(axis == 0 ? t->size[1] * t->size[2] : t->size[2], t->kernels->lines);
}

static void lines_chunk(void *context, int64_t chunk, int thread)
{
    const rmseg_transform *t = context;
    int64_t in_slice = rmseg_transform_bundles(t, t->axis);
    along_lines(t, t->axis, chunk / in_slice, chunk % in_slice, thread);
}

/* Both passes of a slice, while it is in the cache. */
static void slice_chunk(void *context, int64_t slice, int thread)
{
    const rmseg_transform *t = context;
    along_rows(t, slice * t->size[1], (slice + 1) * t->size[1]);
    for (int64_t i = 0; i < rmseg_transform_bundles(t, 1); i++) along_lines(t, 1, slice, i, thread);
}

static void for_chunks(int64_t chunks, rmseg_chunk_fn fn, rmseg_transform *t)
{
    if (!t->alone) rmseg_parallel_for(chunks, fn, t);
    for (int64_t i = 0; t->alone && i < chunks; i++) fn(t, i, 0);
}

void rmseg_transform_pass(rmseg_transform *t, int axis)
{
    t->axis = axis;
    t->rows_per_chunk = 1 + ROW_CHUNK_VOXELS / t->size[2];
    if (axis == 2)
        for_chunks(rmseg_chunk_count(t->size[0] * t->size[1], t->rows_per_chunk), rows_chunk, t);
    else
        for_chunks((axis == 0 ? 1 : t->size[0]) * rmseg_transform_bundles(t, axis), lines_chunk, t);
}

void rmseg_transform_run(rmseg_transform *t)
{
    if (t->size[0] >= FEWEST_SLICES) {
        for_chunks(t->size[0], slice_chunk, t);
    } else {
        rmseg_transform_pass(t, 2);
        rmseg_transform_pass(t, 1);
    }
    if (t->size[0] > 1) rmseg_transform_pass(t, 0);
}

rmseg_status rmseg_transform_again(rmseg_transform *t, const uint8_t *mask, const rmseg_grid *grid)
{
    RMSEG_TRY(rmseg_grid_check(&t->voxels, grid));
    t->mask = mask;
    t->set = true;
    measure(t, grid);
    t->kernels = kernels_for(t->whole);
    if (!t->memory || (!t->alone && t->threads < rmseg_threads())) RMSEG_TRY(allocate(t));
    lay_out(t);
    return RMSEG_OK;
}

rmseg_status rmseg_transform_begin(rmseg_transform *t, const uint8_t *mask, const rmseg_grid *grid)
{
    *t = (rmseg_transform){0};
    return rmseg_transform_again(t, mask, grid);
}

void rmseg_transform_end(rmseg_transform *t) { rmseg_free(t->memory); }
