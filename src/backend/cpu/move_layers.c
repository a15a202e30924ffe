/*
 * move_layers.c - layers without weights: activation, max-pooling, add, concat, fork, dropout.
 */
#include <string.h>

#include "backend/cpu/layer.h"

static rmseg_status say(rmseg_layer *layer, const char *algorithm)
{
    layer->info.algorithm = algorithm;
    layer->info.reason = "the only one";
    return RMSEG_OK;
}

/* ---- activation -------------------------------------------------------------------------------------------------- */

float rmseg_cpu_slope(rmseg_activation activation, double slope)
{
    switch (activation) {
    case RMSEG_ACT_RELU: return 0;
    case RMSEG_ACT_LEAKY_RELU: return (float)slope;
    default: return 1;
    }
}

static rmseg_status activation_prepare(rmseg_layer *layer) { return say(layer, "one pass"); }

static void activation_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    flat_pass pass = {.to = rmseg_cpu_tensor(io->out[0], &op->out[0]),
                      .a = rmseg_cpu_tensor(io->in[0], &op->in[0]),
                      .slope = rmseg_cpu_slope(op->activation, op->slope)};
    layer->kernels->activation(&pass);
}

static void activation_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    if (!io->din[0].data) return;
    flat_pass pass = {.to = rmseg_cpu_tensor(io->din[0], &op->in[0]),
                      .a = rmseg_cpu_tensor(io->out[0], &op->out[0]),
                      .b = rmseg_cpu_tensor(io->dout[0], &op->out[0]),
                      .slope = rmseg_cpu_slope(op->activation, op->slope)};
    layer->kernels->activation_back(&pass);
}

const layer_row rmseg_cpu_activation_row = {activation_prepare, activation_forward, activation_backward};

/* ---- max-pooling ------------------------------------------------------------------------------------------------- */

static rmseg_status pool_prepare(rmseg_layer *layer)
{
    const rmseg_op_desc *op = &layer->op;
    int64_t taps = op->kernel[0] * op->kernel[1] * op->kernel[2];
    if (taps > MOST_POOL_TAPS)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "cpu: max-pooling over windows of %lldx%lldx%lld: expected %d pixels at most; "
                          "RMSEG_CPU=plain computes it, slowly",
                          (long long)op->kernel[0], (long long)op->kernel[1], (long long)op->kernel[2], MOST_POOL_TAPS);
    if (layer->training)
        layer->info.saved_bytes = (size_t)(op->out[0].n * rmseg_cpu_sample_elements(&op->out[0]));
    else
        layer->info.scratch_bytes = (size_t)(op->out[0].n * rmseg_cpu_sample_elements(&op->out[0]));
    return say(layer, "keeps a byte per maximum");
}

static pool_pass pool_of(const rmseg_layer *layer, const rmseg_op_io *io, rmseg_view x, rmseg_view y)
{
    const rmseg_op_desc *op = &layer->op;
    pool_pass pass = {.x = rmseg_cpu_tensor(x, &op->in[0]),
                      .y = rmseg_cpu_tensor(y, &op->out[0]),
                      .winner = layer->training ? io->saved : io->scratch};
    for (int a = 0; a < 3; a++) pass.kernel[a] = op->kernel[a];
    for (int64_t d = 0; d < op->kernel[0]; d++)
        for (int64_t h = 0; h < op->kernel[1]; h++)
            for (int64_t w = 0; w < op->kernel[2]; w++)
                pass.offset[pass.taps++] = ((d * pass.x.size[1] + h) * pass.x.size[2] + w) * pass.x.block;
    return pass;
}

static void pool_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    tensor_load load;
    pool_pass pass = pool_of(layer, io, io->in[0], io->out[0]);
    pass.x.load = rmseg_cpu_load(&load, layer, io, 0);
    layer->kernels->pool(&pass);
}

static void pool_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    if (!io->din[0].data) return;
    pool_pass pass = pool_of(layer, io, io->din[0], io->dout[0]);
    rmseg_cpu_clear_uncovered(&pass.x, pass.kernel);
    layer->kernels->unpool(&pass);
}

const layer_row rmseg_cpu_pool_row = {pool_prepare, pool_forward, pool_backward};

/* ---- channels from one tensor to another ------------------------------------------------------------------------- */

#define MOVE_PIXELS 512 /* of a task: its lines stay in the first cache while channel after channel takes from them */

typedef struct move {
    tensor to, from;
    int64_t to_channel, from_channel, channels;
    bool blocks, halves; /* whole blocks go to whole blocks; eight channels to eight */
} move;

/* Channel c of the first pixel. */
static float *channel_at(const tensor *t, int64_t n, int64_t c)
{
    return tensor_block(t, n, c / t->block) + c % t->block;
}

static void move_blocks(const move *m, int64_t n, int64_t first, int64_t count)
{
    for (int64_t c = 0; c < m->channels; c += m->to.block)
        memcpy(channel_at(&m->to, n, m->to_channel + c) + first * m->to.block,
               channel_at(&m->from, n, m->from_channel + c) + first * m->from.block,
               (size_t)(count * m->to.block) * sizeof(float));
}

/* `width` channels of each pixel at a time. The last ones bring the padding of the last block with them. */
static inline void move_channels(const move *m, int64_t n, int64_t first, int64_t count, const int width)
{
    static const float zero[HALF];
    int64_t end = m->to_channel + m->channels, padding = end == m->to.c ? m->to.blocks * m->to.block - end : 0;
    for (int64_t c = 0; c < m->channels + padding; c += width) {
        bool real = c < m->channels;
        float *to = channel_at(&m->to, n, m->to_channel + c) + first * m->to.block;
        const float *from = real ? channel_at(&m->from, n, m->from_channel + c) + first * m->from.block : zero;
        for (int64_t p = 0, step = real ? m->from.block : 0; p < count; p++)
            memcpy(to + p * m->to.block, from + p * step, (size_t)width * sizeof *to);
    }
}

static void move_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const move *m = context;
    int64_t ranges = rmseg_chunk_count(m->to.pixels, MOVE_PIXELS), first = chunk % ranges * MOVE_PIXELS;
    int64_t count = rmseg_chunk_end(m->to.pixels, MOVE_PIXELS, chunk % ranges) - first;
    if (m->blocks)
        move_blocks(m, chunk / ranges, first, count);
    else if (m->halves)
        move_channels(m, chunk / ranges, first, count, HALF);
    else
        move_channels(m, chunk / ranges, first, count, 1);
}

/* Whether all channels can move `some` at a time. */
static bool by(const move *m, int64_t some)
{
    bool to_end = m->to_channel + m->channels == m->to.c && m->from_channel + m->channels == m->from.c;
    return m->to_channel % some == 0 && m->from_channel % some == 0 && (m->channels % some == 0 || to_end);
}

/* Nothing to do where the channels lie in their place already. */
static void run_move(move m)
{
    m.blocks = m.to.block == m.from.block && by(&m, m.to.block);
    m.halves = least(m.to.block, m.from.block) >= HALF && by(&m, HALF);
    if (!m.to.data) return;
    const float *to = channel_at(&m.to, 0, m.to_channel), *from = channel_at(&m.from, 0, m.from_channel);
    if (m.blocks && to == from && m.to.n_stride == m.from.n_stride) return;
    rmseg_parallel_for(m.to.n * rmseg_chunk_count(m.to.pixels, MOVE_PIXELS), move_chunk, &m);
}

static void copy_tensor(rmseg_view to, rmseg_view from, const rmseg_shape *s)
{
    run_move((move){.to = rmseg_cpu_tensor(to, s), .from = rmseg_cpu_tensor(from, s), .channels = s->c});
}

/* ---- add, fork, concat ------------------------------------------------------------------------------------------- */

static flat_pass sum_of(rmseg_view to, const rmseg_view from[2], const rmseg_shape *s)
{
    return (flat_pass){
        .to = rmseg_cpu_tensor(to, s), .a = rmseg_cpu_tensor(from[0], s), .b = rmseg_cpu_tensor(from[1], s)};
}

static rmseg_status add_prepare(rmseg_layer *layer) { return say(layer, "one pass"); }

static void add_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    tensor_load load[2];
    flat_pass pass = sum_of(io->out[0], io->in, &layer->op.out[0]);
    pass.a.load = rmseg_cpu_load(&load[0], layer, io, 0);
    pass.b.load = rmseg_cpu_load(&load[1], layer, io, 1);
    layer->kernels->add(&pass);
}

static void add_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    for (int i = 0; i < 2; i++) copy_tensor(io->din[i], io->dout[0], &layer->op.out[0]);
}

const layer_row rmseg_cpu_add_row = {add_prepare, add_forward, add_backward};

static rmseg_status fork_prepare(rmseg_layer *layer) { return say(layer, "nothing forward, one pass backward"); }

static void fork_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    for (int i = 0; i < 2; i++) copy_tensor(io->out[i], io->in[0], &layer->op.in[0]);
}

static void fork_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    flat_pass pass = sum_of(io->din[0], io->dout, &layer->op.in[0]);
    if (io->din[0].data) layer->kernels->add(&pass);
}

const layer_row rmseg_cpu_fork_row = {fork_prepare, fork_forward, fork_backward};

static rmseg_status concat_prepare(rmseg_layer *layer)
{
    return say(layer, "nothing where the inputs lie in the output, else a copy");
}

static void concat_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    tensor out = rmseg_cpu_tensor(io->out[0], &op->out[0]);
    for (int i = 0; i < 2; i++)
        run_move((move){.to = out,
                        .from = rmseg_cpu_tensor(io->in[i], &op->in[i]),
                        .to_channel = i ? op->in[0].c : 0,
                        .channels = op->in[i].c});
}

static void concat_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    tensor dout = rmseg_cpu_tensor(io->dout[0], &op->out[0]);
    for (int i = 0; i < 2; i++)
        run_move((move){.to = rmseg_cpu_tensor(io->din[i], &op->in[i]),
                        .from = dout,
                        .from_channel = i ? op->in[0].c : 0,
                        .channels = op->in[i].c});
}

const layer_row rmseg_cpu_concat_row = {concat_prepare, concat_forward, concat_backward};

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

static int64_t factors(const rmseg_op_desc *op) { return op->in[0].n * padded(op->in[0].c); }

static rmseg_status dropout_prepare(rmseg_layer *layer)
{
    if (layer->training) layer->info.saved_bytes = (size_t)factors(&layer->op) * sizeof(float);
    return say(layer, "a factor per channel");
}

/* Draw c of a sample's stream decides on channel c; padding is dropped. */
static void draw_factors(float *factor, const rmseg_op_desc *op, const rmseg_op_io *io)
{
    int64_t channels = op->in[0].c, stride = padded(channels);
    float kept = (float)(1 / (1 - op->probability));
    memset(factor, 0, (size_t)factors(op) * sizeof *factor);
    for (int64_t n = 0; n < op->in[0].n; n++) {
        uint32_t stream = (io->sample + (uint32_t)n) * 65536u + (uint32_t)op->layer;
        rmseg_random random = rmseg_random_stream(io->seed, RMSEG_RANDOM_DROPOUT, io->iteration, stream);
        for (int64_t c = 0; c < channels; c++)
            factor[n * stride + c] = rmseg_random_uniform(&random) < op->probability ? 0 : kept;
    }
}

static void dropout_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    if (!layer->training) {
        copy_tensor(io->out[0], io->in[0], &op->in[0]);
        return;
    }
    draw_factors(io->saved, op, io);
    if (op->deferred) return;
    scale_pass pass = {rmseg_cpu_tensor(io->out[0], &op->out[0]), rmseg_cpu_tensor(io->in[0], &op->in[0]), io->saved};
    layer->kernels->scale(&pass);
}

static void dropout_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    if (!io->din[0].data) return;
    scale_pass pass = {rmseg_cpu_tensor(io->din[0], &op->in[0]), rmseg_cpu_tensor(io->dout[0], &op->out[0]), io->saved};
    layer->kernels->scale(&pass);
}

const layer_row rmseg_cpu_dropout_row = {dropout_prepare, dropout_forward, dropout_backward};
