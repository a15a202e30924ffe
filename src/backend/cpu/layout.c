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
    bool whole_blocks =
        c % BLOCK == 0 && s->c - c > NARROW; /* what is up to NARROW channels has a block of its own size */
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
                    .pixels = pixels,
                    .plane = pixels * block};
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

typedef struct door {
    tensor inside;
    float *dense;
} door;

/* The dense plane of channel `lane` of a block. */
static float *dense_plane(const door *door, int64_t chunk, int64_t lane)
{
    int64_t n = chunk / door->inside.blocks, c = chunk % door->inside.blocks * BLOCK + lane;
    return door->dense + (n * door->inside.c + c) * door->inside.pixels;
}

static float *inside_block(const door *door, int64_t chunk)
{
    return tensor_block(&door->inside, chunk / door->inside.blocks, chunk % door->inside.blocks);
}

static int64_t real_channels(const door *door, int64_t chunk)
{
    return least(door->inside.block, door->inside.c - chunk % door->inside.blocks * BLOCK);
}

static void pack_block(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const door *door = context;
    float *to = inside_block(door, chunk);
    int64_t block = door->inside.block, channels = real_channels(door, chunk);
    if (channels < block) memset(to, 0, (size_t)door->inside.plane * sizeof *to);
    for (int64_t lane = 0; lane < channels; lane++) {
        const float *from = dense_plane(door, chunk, lane);
        for (int64_t p = 0; p < door->inside.pixels; p++) to[p * block + lane] = from[p];
    }
}

static void unpack_block(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const door *door = context;
    const float *from = inside_block(door, chunk);
    int64_t block = door->inside.block, channels = real_channels(door, chunk);
    for (int64_t lane = 0; lane < channels; lane++) {
        float *to = dense_plane(door, chunk, lane);
        for (int64_t p = 0; p < door->inside.pixels; p++) to[p] = from[p * block + lane];
    }
}

void rmseg_cpu_tensor_pack(rmseg_view to, const void *dense, const rmseg_shape *s)
{
    door door = {rmseg_cpu_tensor(to, s), (float *)dense};
    rmseg_parallel_for(s->n * door.inside.blocks, pack_block, &door);
}

void rmseg_cpu_tensor_unpack(void *dense, rmseg_view from, const rmseg_shape *s)
{
    door door = {rmseg_cpu_tensor(from, s), dense};
    rmseg_parallel_for(s->n * door.inside.blocks, unpack_block, &door);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

/* PyTorch's (outer, inner, taps): a convolution's (O, I), a transposed one's (I, O), which is the (O, I) of its
 * adjoint. */
typedef struct weight_shape {
    int64_t outer, inner, taps;
} weight_shape;

static weight_shape weight_shape_of(const rmseg_op_desc *op)
{
    bool conv = op->kind == RMSEG_OP_CONV;
    int64_t taps = op->kernel[0] * op->kernel[1] * op->kernel[2];
    return (weight_shape){conv ? op->out[0].c : op->in[0].c, conv ? op->in[0].c : op->out[0].c, taps};
}

static int64_t weight_elements(weight_shape s)
{
    return blocks_of(s.outer) * blocks_of(s.inner) * s.taps * block_of(s.inner) * BLOCK;
}

static int64_t weight_index(weight_shape s, int64_t outer, int64_t inner, int64_t tap)
{
    int64_t block = block_of(s.inner), pair = outer / BLOCK * blocks_of(s.inner) + inner / block;
    return ((pair * s.taps + tap) * block + inner % block) * BLOCK + outer % BLOCK;
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

/* s of the 16 output channels of block `block`. */
static void fold_scales(double s[BLOCK], const fold *f, int64_t block)
{
    const float *weight = f->norm_io->param[0], *var = f->norm_io->state[1];
    for (int64_t lane = 0; lane < BLOCK; lane++) {
        int64_t c = block * BLOCK + lane;
        bool real = c < f->conv->out[0].c;
        s[lane] = real ? (double)weight[c] / sqrt((double)var[c] + f->norm->eps) : 0;
    }
}

/* The weights between a block of outer channels and one of inner channels; an output channel is a lane where it is the
 * outer one, else a row. */
static void fold_pair(void *context, int64_t pair, int thread)
{
    (void)thread;
    const fold *f = context;
    int64_t block = block_of(f->shape.inner), rows = f->shape.taps * block, at = pair * rows * BLOCK;
    bool outer = f->conv->kind == RMSEG_OP_CONV;
    double s[BLOCK];
    fold_scales(s, f, outer ? pair / blocks_of(f->shape.inner) : pair % blocks_of(f->shape.inner));
    const float *from = (const float *)f->conv_io->param[0] + at;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t lane = 0; lane < BLOCK; lane++) {
            int64_t i = row * BLOCK + lane;
            f->weight[at + i] = (float)(from[i] * s[outer ? lane : row % block]);
        }
}

void rmseg_cpu_norm_fold(void *weight, void *bias, const rmseg_op_desc *conv, const rmseg_op_io *conv_io,
                         const rmseg_op_desc *norm, const rmseg_op_io *norm_io)
{
    fold f = {weight, bias, conv, norm, conv_io, norm_io, weight_shape_of(conv)};
    const float *mean = norm_io->state[0], *shift = norm_io->param[1], *own = conv_io->param[1];
    rmseg_parallel_for(blocks_of(f.shape.outer) * blocks_of(f.shape.inner), fold_pair, &f);
    for (int64_t b = 0; b < blocks_of(conv->out[0].c); b++) {
        double s[BLOCK];
        fold_scales(s, &f, b);
        for (int64_t c = b * BLOCK; c < (b + 1) * BLOCK; c++)
            f.bias[c] = c < conv->out[0].c ? (float)(((double)own[c] - mean[c]) * s[c % BLOCK] + shift[c]) : 0;
    }
}
