/*
 * norm.c - batch and group norm with their activation, given the statistics.
 *
 *     xhat = (x - mean) rsd + offset (norm_layer.c)    z = weight xhat + bias       y = z > 0 ? z : slope z
 *     g = z > 0 ? dy : slope dy  dbias = sum g                dweight = sum g xhat
 *     dx = weight rsd g - mean_g - xhat mean_gx; batch norm: mean_g = weight rsd dbias/M, mean_gx = weight rsd
 *     dweight/M, M numbers a channel; group norm: group_norm_layer.c
 *
 * z is computed again on the way back rather than kept: two passes read x and dy, the second writes dx. Padding
 * channels have weight and bias zero, so all they make is zero.
 */
#include <string.h>

#include "backend/cpu/load.h"

#define STRETCH 64 /* pixels summed in float before double takes over */

/* The numbers of one block. */
typedef struct norm_block {
    load_block z; /* of (x - mean) scale + bias, with its offset in bias */
    pixel rsd, offset, mean_g, mean_gx;
    int64_t block;
} norm_block;

static norm_block block_numbers(const norm_pass *pass, int64_t sample, int64_t block)
{
    norm_block b = {.z.slope = pass->slope, .block = pass->x.block};
    int64_t at = block * BLOCK, own = sample * pass->sample_stride + at;
    b.z.mean = pixel_load(pass->mean + own), b.rsd = pixel_load(pass->rsd + own);
    b.offset = pixel_load(pass->offset + own);
    load_scale(&b.z, pass->rsd + own, pass->offset + own, pass->weight + at, pass->bias + at);
    if (pass->mean_g) b.mean_g = pixel_load(pass->mean_g + own), b.mean_gx = pixel_load(pass->mean_gx + own);
    return b;
}

/* Which pixels of which block a chunk is about. */
typedef struct range {
    int64_t sample, block, first, end;
} range;

static range range_of(const tensor *x, int64_t chunk)
{
    int64_t part = chunk / x->blocks, ranges = rmseg_chunk_count(x->pixels, CHANNEL_PIXELS);
    return (range){part / ranges, chunk % x->blocks, part % ranges * CHANNEL_PIXELS,
                   rmseg_chunk_end(x->pixels, CHANNEL_PIXELS, part % ranges)};
}

static const float *at(const tensor *x, const range *r, int64_t p)
{
    return tensor_block(x, r->sample, r->block) + p * x->block;
}

INLINE void forward_pixels(const float *x, float *y, int64_t count, const norm_block *b, int64_t block)
{
    for (int64_t p = 0; p < count; p++)
        pixel_put(y + p * block, load_norm(pixel_get(x + p * block, block), &b->z), block);
}

static void forward_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const norm_pass *pass = context;
    range r = range_of(&pass->x, chunk);
    norm_block b = block_numbers(pass, r.sample, r.block);
    const float *x = at(&pass->x, &r, r.first);
    float *y = (float *)at(&pass->y, &r, r.first);
    if (b.block == BLOCK)
        forward_pixels(x, y, r.end - r.first, &b, BLOCK);
    else
        forward_pixels(x, y, r.end - r.first, &b, b.block);
}

/* xhat and g of one pixel. */
INLINE pixel back_pixel(pixel *xhat, const float *x, const float *dy, const norm_block *b, int64_t block)
{
    pixel in = pixel_get(x, block), g = pixel_get(dy, block);
    EACH_VECTOR(v)
    {
        vec from = in.v[v] - b->z.mean.v[v], z = from * b->z.scale.v[v] + b->z.bias.v[v];
        xhat->v[v] = from * b->rsd.v[v] + b->offset.v[v];
        g.v[v] = vec_choose(z > 0, g.v[v], g.v[v] * b->z.slope);
    }
    return g;
}

INLINE void sum_pixels(double (*sums)[2], const float *x, const float *dy, int64_t count, const norm_block *b,
                       int64_t block)
{
    pixel g_sum = {0}, gx_sum = {0}, xhat;
    for (int64_t p = 0; p < count; p++) {
        pixel g = back_pixel(&xhat, x + p * block, dy + p * block, b, block);
        EACH_VECTOR(v) g_sum.v[v] += g.v[v], gx_sum.v[v] += g.v[v] * xhat.v[v];
    }
    float g_all[BLOCK], gx_all[BLOCK];
    pixel_store(g_all, g_sum);
    pixel_store(gx_all, gx_sum);
    for (int64_t lane = 0; lane < BLOCK; lane++) sums[lane][0] += g_all[lane], sums[lane][1] += gx_all[lane];
}

static void sums_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const norm_pass *pass = context;
    range r = range_of(&pass->x, chunk);
    norm_block b = block_numbers(pass, r.sample, r.block);
    double sums[BLOCK][2] = {{0}};
    for (int64_t p = r.first; p < r.end; p += STRETCH) {
        const float *x = at(&pass->x, &r, p), *dy = at(&pass->dy, &r, p);
        if (b.block == BLOCK)
            sum_pixels(sums, x, dy, least(STRETCH, r.end - p), &b, BLOCK);
        else
            sum_pixels(sums, x, dy, least(STRETCH, r.end - p), &b, b.block);
    }
    memcpy(pass->partial + chunk * BLOCK * 2, sums, sizeof sums);
}

INLINE void back_pixels(float *dx, const float *x, const float *dy, int64_t count, const norm_block *b, int64_t block)
{
    pixel xhat;
    for (int64_t p = 0; p < count; p++) {
        pixel g = back_pixel(&xhat, x + p * block, dy + p * block, b, block);
        EACH_VECTOR(v) g.v[v] = b->z.scale.v[v] * g.v[v] - b->mean_g.v[v] - xhat.v[v] * b->mean_gx.v[v];
        pixel_put(dx + p * block, g, block);
    }
}

static void backward_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const norm_pass *pass = context;
    range r = range_of(&pass->x, chunk);
    norm_block b = block_numbers(pass, r.sample, r.block);
    const float *x = at(&pass->x, &r, r.first), *dy = at(&pass->dy, &r, r.first);
    float *dx = (float *)at(&pass->dx, &r, r.first);
    if (b.block == BLOCK)
        back_pixels(dx, x, dy, r.end - r.first, &b, BLOCK);
    else
        back_pixels(dx, x, dy, r.end - r.first, &b, b.block);
}

static int64_t chunks_of(const norm_pass *pass) { return rmseg_cpu_channel_parts(&pass->x) * pass->x.blocks; }

void rmseg_cpu_norm_forward(const norm_pass *pass) { rmseg_parallel_for(chunks_of(pass), forward_chunk, (void *)pass); }
void rmseg_cpu_norm_sums(const norm_pass *pass) { rmseg_parallel_for(chunks_of(pass), sums_chunk, (void *)pass); }
void rmseg_cpu_norm_backward(const norm_pass *pass)
{
    rmseg_parallel_for(chunks_of(pass), backward_chunk, (void *)pass);
}
