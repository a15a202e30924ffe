/*
 * layout.c - where an element lies: tensors and parameters in and out of the engine's blocks (cpu.h tells the layout).
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"

static int64_t shape_pixels(const rmseg_shape *s) { return s->d * s->h * s->w; }

int64_t rmseg_cpu_sample_elements(const rmseg_shape *s) { return blocks_of(s->c) * block_of(s->c) * shape_pixels(s); }

int64_t rmseg_cpu_channel_offset(const rmseg_shape *s, int64_t c)
{
    if (c == 0) return 0;
    bool whole_blocks = c % LINE == 0 && s->c - c > HALF; /* what is up to HALF channels lies otherwise by itself */
    return whole_blocks ? c * shape_pixels(s) : -1;
}

tensor rmseg_cpu_tensor(rmseg_view view, const rmseg_shape *s)
{
    int64_t pixels = shape_pixels(s), block = block_of(s->c);
    return (tensor){.data = view.data,
                    .n_stride = view.n_stride,
                    .n = s->n,
                    .c = s->c,
                    .size = {s->d, s->h, s->w},
                    .block = block,
                    .blocks = blocks_of(s->c),
                    .step = block,
                    .pixels = pixels,
                    .plane = pixels * block};
}

tensor rmseg_cpu_tensor_in(int64_t block, rmseg_view view, const rmseg_shape *s)
{
    tensor t = rmseg_cpu_tensor(view, s);
    t.block = block_in(s->c, block);
    t.blocks = blocks_in(s->c, block);
    return t;
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

#define DOOR_PIXELS 16384 /* of a task */

typedef struct door {
    tensor inside;
    float *dense;
} door;

/* Some pixels of one block: where they lie inside, and in the dense plane of its first channel. */
typedef struct door_part {
    float *inside, *dense;
    int64_t count, channels; /* pixels; channels that are no padding */
} door_part;

static door_part part_of(const door *door, int64_t chunk)
{
    const tensor *t = &door->inside;
    int64_t ranges = rmseg_chunk_count(t->pixels, DOOR_PIXELS), first = chunk % ranges * DOOR_PIXELS;
    int64_t block = chunk / ranges % t->blocks, n = chunk / ranges / t->blocks, c = block * t->block;
    return (door_part){.inside = tensor_block(t, n, block) + first * t->block,
                       .dense = door->dense + (n * t->c + c) * t->pixels + first,
                       .count = rmseg_chunk_end(t->pixels, DOOR_PIXELS, chunk % ranges) - first,
                       .channels = least(t->block, t->c - c)};
}

static void pack_part(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const door *door = context;
    door_part part = part_of(door, chunk);
    int64_t block = door->inside.block;
    if (part.channels < block) memset(part.inside, 0, (size_t)(part.count * block) * sizeof(float));
    for (int64_t lane = 0; lane < part.channels; lane++) {
        const float *from = part.dense + lane * door->inside.pixels;
        for (int64_t p = 0; p < part.count; p++) part.inside[p * block + lane] = from[p];
    }
}

static void unpack_part(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const door *door = context;
    door_part part = part_of(door, chunk);
    int64_t block = door->inside.block;
    for (int64_t lane = 0; lane < part.channels; lane++) {
        float *to = part.dense + lane * door->inside.pixels;
        for (int64_t p = 0; p < part.count; p++) to[p] = part.inside[p * block + lane];
    }
}

static int64_t door_parts(const tensor *t) { return t->n * t->blocks * rmseg_chunk_count(t->pixels, DOOR_PIXELS); }

void rmseg_cpu_tensor_pack(rmseg_view to, const void *dense, const rmseg_shape *s)
{
    door door = {rmseg_cpu_tensor(to, s), (float *)dense};
    rmseg_parallel_for(door_parts(&door.inside), pack_part, &door);
}

void rmseg_cpu_tensor_unpack(void *dense, rmseg_view from, const rmseg_shape *s)
{
    door door = {rmseg_cpu_tensor(from, s), dense};
    rmseg_parallel_for(door_parts(&door.inside), unpack_part, &door);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

/* PyTorch's (outer, inner, taps): a convolution's (O, I), a transposed one's (I, O), which is the (O, I) of its
 * adjoint. */
typedef struct weight_shape {
    int64_t outer, inner, taps;
    int64_t block; /* of the kernels that use it: of outer channels, and of inner ones unless they are narrow */
} weight_shape;

static weight_shape weight_shape_of(const rmseg_op_desc *op)
{
    bool conv = op->kind == RMSEG_OP_CONV;
    int64_t taps = op->kernel[0] * op->kernel[1] * op->kernel[2];
    return (weight_shape){conv ? op->out[0].c : op->in[0].c, conv ? op->in[0].c : op->out[0].c, taps,
                          rmseg_cpu_block(op)};
}

static int64_t weight_pairs(weight_shape s) { return blocks_in(s.outer, s.block) * blocks_in(s.inner, s.block); }

static int64_t weight_elements(weight_shape s)
{
    return weight_pairs(s) * s.taps * block_in(s.inner, s.block) * s.block;
}

static int64_t weight_index(weight_shape s, int64_t outer, int64_t inner, int64_t tap)
{
    int64_t rows = block_in(s.inner, s.block);
    int64_t pair = outer / s.block * blocks_in(s.inner, s.block) + inner / rows;
    return ((pair * s.taps + tap) * rows + inner % rows) * s.block + outer % s.block;
}

int64_t rmseg_cpu_param_elements(const rmseg_op_desc *op, int index)
{
    if (rmseg_op_is_conv(op->kind) && index == 0) return weight_elements(weight_shape_of(op));
    if (rmseg_op_is_conv(op->kind)) return op->bias ? padded(op->out[0].c) : 0;
    return rmseg_op_is_norm(op->kind) ? padded(op->out[0].c) : 0;
}

int64_t rmseg_cpu_state_elements(const rmseg_op_desc *op, int index)
{
    (void)index;
    return op->kind == RMSEG_OP_NORM ? padded(op->out[0].c) : 0;
}

void rmseg_cpu_param_pack(void *to, const void *dense, const rmseg_op_desc *op, int index)
{
    const float *from = dense;
    int64_t elements = rmseg_cpu_param_elements(op, index);
    memset(to, 0, (size_t)elements * sizeof(float));
    if (!rmseg_op_is_conv(op->kind) || index == 1) {
        if (elements) memcpy(to, from, (size_t)op->out[0].c * sizeof(float));
        return;
    }
    weight_shape s = weight_shape_of(op);
    for (int64_t outer = 0; outer < s.outer; outer++)
        for (int64_t inner = 0; inner < s.inner; inner++)
            for (int64_t tap = 0; tap < s.taps; tap++) ((float *)to)[weight_index(s, outer, inner, tap)] = *from++;
}

void rmseg_cpu_param_unpack(void *dense, const void *from, const rmseg_op_desc *op, int index)
{
    float *to = dense;
    if (!rmseg_op_is_conv(op->kind) || index == 1) {
        if (rmseg_cpu_param_elements(op, index)) memcpy(to, from, (size_t)op->out[0].c * sizeof(float));
        return;
    }
    weight_shape s = weight_shape_of(op);
    for (int64_t outer = 0; outer < s.outer; outer++)
        for (int64_t inner = 0; inner < s.inner; inner++)
            for (int64_t tap = 0; tap < s.taps; tap++)
                *to++ = ((const float *)from)[weight_index(s, outer, inner, tap)];
}

/* ---- a norm in a convolution's parameters ------------------------------------------------------------------------ */

typedef struct fold {
    float *weight, *bias;
    const rmseg_op_desc *conv, *norm;
    const rmseg_op_io *conv_io, *norm_io;
    weight_shape shape;
} fold;

/* s of an output channel. */
static double fold_scale(const fold *f, int64_t c)
{
    const float *weight = f->norm_io->param[0], *var = f->norm_io->state[1];
    return c < f->conv->out[0].c ? (double)weight[c] / sqrt((double)var[c] + f->norm->eps) : 0;
}

/* The weights between a block of outer channels and one of inner channels; an output channel is a lane where it is the
 * outer one, else a row. */
static void fold_pair(void *context, int64_t pair, int thread)
{
    (void)thread;
    const fold *f = context;
    int64_t lanes = f->shape.block, rows = block_in(f->shape.inner, lanes), inner = blocks_in(f->shape.inner, lanes);
    int64_t all = f->shape.taps * rows, at = pair * all * lanes;
    bool outer = f->conv->kind == RMSEG_OP_CONV;
    double s[LINE];
    for (int64_t i = 0; i < (outer ? lanes : rows); i++)
        s[i] = fold_scale(f, outer ? pair / inner * lanes + i : pair % inner * rows + i);
    const float *from = (const float *)f->conv_io->param[0] + at;
    for (int64_t row = 0; row < all; row++)
        for (int64_t lane = 0; lane < lanes; lane++) {
            int64_t i = row * lanes + lane;
            f->weight[at + i] = (float)(from[i] * s[outer ? lane : row % rows]);
        }
}

void rmseg_cpu_norm_fold(void *weight, void *bias, const rmseg_op_desc *conv, const rmseg_op_io *conv_io,
                         const rmseg_op_desc *norm, const rmseg_op_io *norm_io)
{
    fold f = {weight, bias, conv, norm, conv_io, norm_io, weight_shape_of(conv)};
    const float *mean = norm_io->state[0], *shift = norm_io->param[1], *own = conv_io->param[1];
    rmseg_parallel_for(weight_pairs(f.shape), fold_pair, &f);
    for (int64_t c = 0; c < padded(conv->out[0].c); c++)
        f.bias[c] = c < conv->out[0].c ? (float)(((double)own[c] - mean[c]) * fold_scale(&f, c) + shift[c]) : 0;
}
