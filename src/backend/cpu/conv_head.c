/*
 * conv_head.c - the convolution that ends a network: kernel 1, from whole blocks to a narrow y.
 *
 *     forward   y[p][o] = start[o] + sum over i of x[p][i] w[i][o]
 *     weights   dw[i][o] = sum over p of x[p][i] dy[p][o]
 *
 * With y's channels in a vector, as the microkernel has them, most of it would be padding. Here a vector is the
 * channels of a pixel of x, which is read where it lies, becomes what it is loaded as in a register, and is done with:
 * x is read once, and nothing is copied.
 */
#include <string.h>

#include "backend/cpu/load.h"

#define PART    1024 /* pixels of a task, forward */
#define STRETCH 256  /* pixels summed in registers before their sum joins dw */

/* ---- forward ----------------------------------------------------------------------------------------------------- */

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
#define QUADS (BLOCK / 4)

/* What one block of x adds to `count` pixels of y, or, given a start, to that. w[o]: the weights of an output, along
 * x's channels. */
typedef struct forward_block {
    const float *start;
    float w[NARROW][BLOCK];
    load_block load;
} forward_block;

INLINE void forward_pixels(float *y, const float *x, int64_t step, int64_t count, forward_block b, const int outputs)
{
    for (int64_t p = 0; p < count; p++) {
        float in[BLOCK];
        pixel_store(in, load_pixel(pixel_load(x + p * step), &b.load));
        UNROLL for (int o = 0; o < outputs; o++)
        {
            quad sum = *(const quad *)in * *(const quad *)b.w[o];
            UNROLL for (int q = 1; q < QUADS; q++) sum += *(const quad *)(in + q * 4) * *(const quad *)(b.w[o] + q * 4);
            float *to = y + p * outputs + o;
            *to = (b.start ? b.start[o] : *to) + ((sum[0] + sum[1]) + (sum[2] + sum[3]));
        }
    }
}

static void forward_part(void *context, int64_t chunk, int thread)
{
    (void)thread;
    static const float zero[NARROW];
    const conv_gather *pass = context;
    const tensor *x = &pass->x, *to = &pass->y;
    int64_t parts = rmseg_chunk_count(x->pixels, PART), n = chunk / parts, first = chunk % parts * PART;
    int64_t count = rmseg_chunk_end(x->pixels, PART, chunk % parts) - first;
    float *y = tensor_block(to, n, 0) + first * to->block;
    for (int64_t block = 0; block < x->blocks; block++) {
        forward_block b = {.start = block > 0 ? NULL : pass->start ? pass->start : zero, .load = load_of(x, n, block)};
        for (int64_t i = 0; i < BLOCK; i++)
            for (int64_t o = 0; o < to->block; o++) b.w[o][i] = pass->weight[(block * BLOCK + i) * BLOCK + o];
        const float *from = tensor_block(x, n, block) + first * x->step;
        WITH_CHANNELS(to->block, forward_pixels(y, from, x->step, count, b, channels));
    }
}

void rmseg_cpu_head_gather(const conv_gather *pass)
{
    rmseg_parallel_for(pass->x.n * rmseg_chunk_count(pass->x.pixels, PART), forward_part, (void *)pass);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

INLINE void weights_pixels(float *dweight, const float *x, int64_t step, const float *dy, int64_t count,
                           const load_block *load, const int outputs)
{
    pixel sum[NARROW] = {{{{0}}}};
    for (int64_t p = 0; p < count; p++) {
        pixel in = load_pixel(pixel_load(x + p * step), load);
        UNROLL for (int o = 0; o < outputs; o++) EACH_VECTOR(v) sum[o].v[v] += in.v[v] * dy[p * outputs + o];
    }
    for (int o = 0; o < outputs; o++) {
        float all[BLOCK];
        pixel_store(all, sum[o]);
        for (int64_t i = 0; i < BLOCK; i++) dweight[i * BLOCK + o] += all[i];
    }
}

/* One block of x over one chunk of the space. */
static void weights_chunk(void *context, int64_t task, int thread)
{
    (void)thread;
    const conv_weights *pass = context;
    const tensor *x = &pass->x, *dy = &pass->dy;
    int64_t block = task % x->blocks, chunk = task / x->blocks, chunks = pass->plan->chunks;
    float *dweight = pass->dweight + task * BLOCK * BLOCK;
    memset(dweight, 0, BLOCK * BLOCK * sizeof *dweight);
    for (int64_t n = 0; n < x->n; n++) {
        load_block load = load_of(x, n, block);
        const float *from = tensor_block(x, n, block), *with = tensor_block(dy, n, 0);
        for (int64_t p = x->pixels * chunk / chunks, end = x->pixels * (chunk + 1) / chunks; p < end; p += STRETCH)
            WITH_CHANNELS(dy->block, weights_pixels(dweight, from + p * x->step, x->step, with + p * dy->block,
                                                    least(STRETCH, end - p), &load, channels));
    }
}

void rmseg_cpu_head_weights(const conv_weights *pass)
{
    rmseg_parallel_for(pass->plan->chunks * pass->x.blocks, weights_chunk, (void *)pass);
}
