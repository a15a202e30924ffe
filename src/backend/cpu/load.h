/*
 * backend/cpu/load.h - a tensor's numbers as they are wanted: tensor_load in cpu.h.
 *
 * A norm that is deferred leaves its input as it is and writes no output; whoever reads it makes the output's numbers as
 * it loads them, by the very operations of norm.c and elementwise.c, so that the bits are those of an output that was
 * stored.
 */
#ifndef BACKEND_CPU_LOAD_H
#define BACKEND_CPU_LOAD_H

#include "backend/cpu/vector.h"

/* The numbers of one block: z = (x - mean) scale + bias. */
typedef struct load_block {
    pixel mean, scale, bias, factor;
    float slope;
    bool drops; /* has factors */
    bool plain; /* x as it is */
} load_block;

INLINE void load_scale(load_block *b, const float *rsd, const float *offset, const float *weight, const float *bias)
{
    pixel r = pixel_load(rsd), o = pixel_load(offset), w = pixel_load(weight), add = pixel_load(bias);
    EACH_VECTOR(v)
    {
        b->scale.v[v] = w.v[v] * r.v[v];
        b->bias.v[v] = w.v[v] * o.v[v] + add.v[v];
    }
}

INLINE load_block load_of(const tensor *x, int64_t sample, int64_t block)
{
    const tensor_load *load = x->load;
    load_block b = {.plain = !load || block * BLOCK >= load->channels};
    if (b.plain) return b;
    int64_t at = block * BLOCK, own = sample * load->sample_stride + at;
    b.mean = pixel_load(load->mean + own);
    load_scale(&b, load->rsd + own, load->offset + own, load->weight + at, load->bias + at);
    b.slope = load->slope;
    b.drops = load->factor;
    if (b.drops) b.factor = pixel_load(load->factor + sample * load->channels + at);
    return b;
}

/* The norm and its activation; a NaN stays one. */
INLINE pixel load_norm(pixel x, const load_block *b)
{
    EACH_VECTOR(v)
    {
        vec z = (x.v[v] - b->mean.v[v]) * b->scale.v[v] + b->bias.v[v], low = z * b->slope;
        if (b->slope == 0) low = (vec){0};
        x.v[v] = vec_choose(z <= 0, low, z);
    }
    return x;
}

INLINE pixel load_pixel(pixel x, const load_block *b)
{
    if (b->plain) return x;
    x = load_norm(x, b);
    if (b->drops) /* what is dropped is gone, were it infinite */
        EACH_VECTOR(v) x.v[v] = vec_choose(b->factor.v[v] == 0, (vec){0}, x.v[v] * b->factor.v[v]);
    return x;
}

#endif
