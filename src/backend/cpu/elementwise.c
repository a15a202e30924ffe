/*
 * elementwise.c - ops whose elements know nothing of each other: activation, add, dropout, and max-pooling.
 */
#include <string.h>

#include "backend/cpu/load.h"

#define ELEMENTS 16384 /* of a task */

/* ---- one number at a time: the compiler makes vectors of these loops --------------------------------------------- */

typedef struct flat_job {
    const flat_pass *pass;
    void (*fn)(float *to, const float *a, const float *b, int64_t count, float slope);
    int64_t elements; /* of a sample */
} flat_job;

static void flat_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const flat_job *job = context;
    const flat_pass *pass = job->pass;
    int64_t ranges = rmseg_chunk_count(job->elements, ELEMENTS), n = chunk / ranges, first = chunk % ranges * ELEMENTS;
    const float *a = tensor_block(&pass->a, n, 0) + first,
                *b = pass->b.data ? tensor_block(&pass->b, n, 0) + first : NULL;
    job->fn(tensor_block(&pass->to, n, 0) + first, a, b,
            rmseg_chunk_end(job->elements, ELEMENTS, chunk % ranges) - first, pass->slope);
}

static void run_flat(const flat_pass *pass, void (*fn)(float *, const float *, const float *, int64_t, float))
{
    flat_job job = {pass, fn, pass->to.blocks * pass->to.plane};
    rmseg_parallel_for(pass->to.n * rmseg_chunk_count(job.elements, ELEMENTS), flat_chunk, &job);
}

/* Arrays may be the same one, element on element. */
static void relu(float *y, const float *x, const float *unused, int64_t count, float slope)
{
    (void)unused, (void)slope;
    for (int64_t i = 0; i < count; i++) y[i] = x[i] <= 0 ? 0 : x[i];
}

static void leaky_relu(float *y, const float *x, const float *unused, int64_t count, float slope)
{
    (void)unused;
    for (int64_t i = 0; i < count; i++) {
        float low = x[i] * slope;
        y[i] = x[i] <= 0 ? low : x[i];
    }
}

static void activation_back(float *dx, const float *y, const float *dy, int64_t count, float slope)
{
    for (int64_t i = 0; i < count; i++) {
        float low = dy[i] * slope;
        dx[i] = y[i] > 0 ? dy[i] : low;
    }
}

static void sum(float *to, const float *a, const float *b, int64_t count, float unused)
{
    (void)unused;
    for (int64_t i = 0; i < count; i++) to[i] = a[i] + b[i];
}

void rmseg_cpu_activation(const flat_pass *pass) { run_flat(pass, pass->slope == 0 ? relu : leaky_relu); }
void rmseg_cpu_activation_back(const flat_pass *pass) { run_flat(pass, activation_back); }
/* The same for tensors that become others as they are loaded. */
static void sum_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const flat_pass *pass = context;
    int64_t ranges = rmseg_chunk_count(pass->to.pixels, CHANNEL_PIXELS), part = chunk / ranges;
    int64_t n = part / pass->to.blocks, block = part % pass->to.blocks, first = chunk % ranges * CHANNEL_PIXELS;
    int64_t end = rmseg_chunk_end(pass->to.pixels, CHANNEL_PIXELS, chunk % ranges);
    load_block load_a = load_of(&pass->a, n, block), load_b = load_of(&pass->b, n, block);
    const float *a = tensor_block(&pass->a, n, block), *b = tensor_block(&pass->b, n, block);
    float *to = tensor_block(&pass->to, n, block);
    for (int64_t p = first * BLOCK; p < end * BLOCK; p += BLOCK) {
        pixel x = load_pixel(pixel_load(a + p), &load_a), y = load_pixel(pixel_load(b + p), &load_b);
        EACH_VECTOR(v) x.v[v] += y.v[v];
        pixel_store(to + p, x);
    }
}

void rmseg_cpu_add(const flat_pass *pass)
{
    int64_t chunks = pass->to.n * pass->to.blocks * rmseg_chunk_count(pass->to.pixels, CHANNEL_PIXELS);
    if (pass->a.load || pass->b.load)
        rmseg_parallel_for(chunks, sum_chunk, (void *)pass);
    else
        run_flat(pass, sum);
}

/* ---- dropout: a factor for each channel of each sample ----------------------------------------------------------- */

static void scale_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const scale_pass *pass = context;
    const tensor *x = &pass->from;
    int64_t ranges = rmseg_chunk_count(x->pixels, CHANNEL_PIXELS), plane = chunk / ranges;
    int64_t n = plane / x->blocks, b = plane % x->blocks, first = chunk % ranges * CHANNEL_PIXELS;
    int64_t end = rmseg_chunk_end(x->pixels, CHANNEL_PIXELS, chunk % ranges);
    const float *from = tensor_block(x, n, b) + first * x->block, *factor = pass->factor + n * padded(x->c) + b * BLOCK;
    float *to = tensor_block(&pass->to, n, b) + first * x->block;
    for (int64_t p = first; p < end; p++, from += x->block, to += x->block)
        for (int64_t c = 0; c < x->block; c++) {
            float product = from[c] * factor[c];
            to[c] = factor[c] == 0 ? 0 : product; /* what is dropped is gone, were it infinite */
        }
}

void rmseg_cpu_scale(const scale_pass *pass)
{
    int64_t planes = pass->from.n * pass->from.blocks;
    rmseg_parallel_for(planes * rmseg_chunk_count(pass->from.pixels, CHANNEL_PIXELS), scale_chunk, (void *)pass);
}

/* ---- max-pooling: the first of equal maxima wins, and a NaN over all, as in PyTorch ------------------------------ */

typedef int8_t bytes __attribute__((vector_size(LANES), aligned(1), may_alias));

/* A row of pooled pixels. */
typedef struct pool_row {
    float *x, *y; /* of the first window; backward dx and dy */
    int8_t *winner;
    int64_t step, block; /* floats from window to window */
    load_block load;     /* of x, forward */
} pool_row;

static pool_row row_of(const pool_pass *pass, int64_t chunk)
{
    const tensor *x = &pass->x, *y = &pass->y;
    int64_t h = chunk % y->size[1], d = chunk / y->size[1] % y->size[0], plane = chunk / (y->size[0] * y->size[1]);
    int64_t n = plane / y->blocks, b = plane % y->blocks, row = (d * y->size[1] + h) * y->size[2] * y->block;
    pool_row r = {.step = pass->kernel[2] * x->block, .block = y->block};
    r.x = tensor_block(x, n, b) + (d * pass->kernel[0] * x->size[1] + h * pass->kernel[1]) * x->size[2] * x->block;
    r.y = tensor_block(y, n, b) + row;
    r.winner = pass->winner + plane * y->plane + row;
    r.load = load_of(x, n, b);
    return r;
}

INLINE void pool_pixels(const pool_row *r, const pool_pass *pass, int64_t block)
{
    for (int64_t p = 0; p < pass->y.size[2]; p++) {
        const float *window = r->x + p * r->step;
        pixel best = load_pixel(pixel_get(window, block), &r->load);
        ivec winner[VECTORS] = {{0}};
        for (int tap = 1; tap < pass->taps; tap++) {
            pixel x = load_pixel(pixel_get(window + pass->offset[tap], block), &r->load);
            EACH_VECTOR(v)
            {
                ivec wins = (x.v[v] > best.v[v]) | (x.v[v] != x.v[v]);
                best.v[v] = vec_choose(wins, x.v[v], best.v[v]);
                winner[v] = (wins & tap) | (~wins & winner[v]);
            }
        }
        pixel_put(r->y + p * block, best, block);
        int8_t all[BLOCK];
        EACH_VECTOR(v) * (bytes *)(all + v * LANES) = __builtin_convertvector(winner[v], bytes);
        memcpy(r->winner + p * block, all, (size_t)block);
    }
}

static void pool_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const pool_pass *pass = context;
    pool_row r = row_of(pass, chunk);
    if (r.block == BLOCK)
        pool_pixels(&r, pass, BLOCK);
    else
        pool_pixels(&r, pass, r.block);
}

INLINE void unpool_pixels(const pool_row *r, const pool_pass *pass, int64_t block)
{
    for (int64_t p = 0; p < pass->y.size[2]; p++) {
        pixel dy = pixel_get(r->y + p * block, block);
        int8_t all[BLOCK] = {0};
        memcpy(all, r->winner + p * block, (size_t)block);
        ivec winner[VECTORS];
        EACH_VECTOR(v) winner[v] = __builtin_convertvector(*(bytes *)(all + v * LANES), ivec);
        for (int tap = 0; tap < pass->taps; tap++) {
            pixel dx;
            EACH_VECTOR(v) dx.v[v] = vec_choose(winner[v] == tap, dy.v[v], (vec){0});
            pixel_put(r->x + p * r->step + pass->offset[tap], dx, block);
        }
    }
}

static void unpool_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const pool_pass *pass = context;
    pool_row r = row_of(pass, chunk);
    if (r.block == BLOCK)
        unpool_pixels(&r, pass, BLOCK);
    else
        unpool_pixels(&r, pass, r.block);
}

static int64_t pool_rows(const pool_pass *pass)
{
    return pass->y.n * pass->y.blocks * pass->y.size[0] * pass->y.size[1];
}

void rmseg_cpu_pool(const pool_pass *pass) { rmseg_parallel_for(pool_rows(pass), pool_chunk, (void *)pass); }
void rmseg_cpu_unpool(const pool_pass *pass) { rmseg_parallel_for(pool_rows(pass), unpool_chunk, (void *)pass); }
