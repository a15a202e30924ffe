/*
 * conv.c - convolutions and transposed convolutions as layers made of passes.
 *
 *                      forward              backward data                      backward weights
 *     convolution      gather x -> y        stride 1: gather dy -> dx          weights (x, dy)
 *                                           kernel == stride: spread dy -> dx
 *     transposed       spread x -> y        gather dy -> dx                    weights (dy, x)
 *
 * A transposed convolution is the adjoint of a convolution from its output to its input, and keeps that one's weights.
 * Of that convolution, `fine` below is the side its window moves over, `coarse` the side it makes.
 */
#include <stdio.h>
#include <string.h>

#include "backend/cpu/conv.h"
#include "backend/cpu/layer.h"

static bool transposed(const rmseg_op_desc *op) { return op->kind == RMSEG_OP_CONV_TRANSPOSE; }
static const rmseg_shape *fine(const rmseg_op_desc *op) { return transposed(op) ? &op->out[0] : &op->in[0]; }
static const rmseg_shape *coarse(const rmseg_op_desc *op) { return transposed(op) ? &op->in[0] : &op->out[0]; }

static bool all_equal(const int64_t a[3], const int64_t b[3]) { return a[0] == b[0] && a[1] == b[1] && a[2] == b[2]; }

static const int64_t ones[3] = {1, 1, 1}, zeros[3] = {0, 0, 0};

/* Each pixel of the fine side lies under one window. */
static bool patches(const rmseg_op_desc *op) { return all_equal(op->kernel, op->stride) && all_equal(op->pad, zeros); }
static bool slides(const rmseg_op_desc *op) { return all_equal(op->stride, ones); }

/* The convolution that ends a network: each pixel for itself, to a narrow output. */
static bool head(const rmseg_op_desc *op)
{
    bool narrows = op->in[0].c > NARROW && op->out[0].c <= NARROW;
    return narrows && !transposed(op) && patches(op) && slides(op);
}

/* ---- plans ------------------------------------------------------------------------------------------------------- */

static conv_plan plan_between(const rmseg_shape *x, const rmseg_shape *y, conv_window window)
{
    return (conv_plan){.window = window,
                       .samples = y->n,
                       .grid = {y->d, y->h, y->w},
                       .in_blocks = blocks_in(x->c, window.block),
                       .out_blocks = blocks_in(y->c, window.block)};
}

static bool winograd(const rmseg_op_desc *op) { return !op->exact && rmseg_cpu_winograd_fits(op); }

/* From the fine side to the coarse one, with the weights as they are. */
static rmseg_status plan_down(pass_plan *plan, const rmseg_layer *layer)
{
    const rmseg_op_desc *op = &layer->op;
    plan->winograd = winograd(op);
    if (plan->winograd) {
        plan->tiled = rmseg_cpu_winograd_plan_gather(op, fine(op)->c, coarse(op)->c, layer->kernels->pixels);
        return RMSEG_OK;
    }
    conv_window window =
        rmseg_cpu_conv_window(op->kernel, op->stride, op->pad, ones, fine(op)->c, layer->kernels->block);
    plan->direct = plan_between(fine(op), coarse(op), window);
    plan->head = head(op) && !op->feeds_norm && !op->activation && !op->adds;
    return rmseg_cpu_plan_gather(&plan->direct, layer->kernels->pixels);
}

/* From the coarse side to the fine one, with the weights turned. */
static rmseg_status plan_up(pass_plan *plan, const rmseg_layer *layer)
{
    const rmseg_op_desc *op = &layer->op;
    conv_plan *direct = &plan->direct;
    plan->winograd = winograd(op);
    if (plan->winograd) {
        plan->tiled = rmseg_cpu_winograd_plan_gather(op, coarse(op)->c, fine(op)->c, layer->kernels->pixels);
        return RMSEG_OK;
    }
    int64_t block = layer->kernels->block, pad[3];
    for (int a = 0; a < 3; a++) pad[a] = op->kernel[a] - 1 - op->pad[a];
    if (slides(op)) {
        *direct = plan_between(coarse(op), fine(op),
                               rmseg_cpu_conv_window(op->kernel, ones, pad, ones, coarse(op)->c, block));
    } else {
        *direct = plan_between(coarse(op), fine(op),
                               rmseg_cpu_conv_window(ones, ones, zeros, op->kernel, coarse(op)->c, block));
        direct->grid[0] = coarse(op)->d, direct->grid[1] = coarse(op)->h, direct->grid[2] = coarse(op)->w;
    }
    RMSEG_TRY(rmseg_cpu_plan_gather(direct, layer->kernels->pixels));
    int64_t elements = direct->in_blocks * direct->out_blocks * direct->window.taps * direct->window.in_block * block;
    direct->scratch_bytes = (size_t)elements * sizeof(float);
    return RMSEG_OK;
}

static rmseg_status plan_weights(pass_plan *plan, const rmseg_layer *layer)
{
    const rmseg_op_desc *op = &layer->op;
    plan->winograd = winograd(op);
    if (plan->winograd) {
        plan->tiled = rmseg_cpu_winograd_plan_weights(op, layer->kernels->pixels);
        return RMSEG_OK;
    }
    conv_window window =
        rmseg_cpu_conv_window(op->kernel, op->stride, op->pad, ones, fine(op)->c, layer->kernels->block);
    plan->direct = plan_between(fine(op), coarse(op), window);
    plan->head = head(op);
    return rmseg_cpu_plan_weights(&plan->direct, layer->kernels->pixels);
}

static size_t scratch_of(const pass_plan *plan)
{
    return plan->winograd ? plan->tiled.scratch_bytes : plan->direct.scratch_bytes;
}

/* Parts of the space a gather pass leaves sums of. */
static int64_t parts_of(const pass_plan *plan)
{
    return plan->winograd ? rmseg_cpu_winograd_groups(&plan->tiled) : rmseg_cpu_conv_parts(&plan->direct);
}

/* ---- what is allowed --------------------------------------------------------------------------------------------- */

static rmseg_status refuse(const rmseg_op_desc *op, const char *why)
{
    return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                      "cpu: %s of kernel %lldx%lldx%lld, stride %lld,%lld,%lld, padding %lld,%lld,%lld: %s; "
                      "RMSEG_CPU=plain computes it, "
                      "slowly",
                      transposed(op) ? "a transposed convolution" : "a convolution", (long long)op->kernel[0],
                      (long long)op->kernel[1], (long long)op->kernel[2], (long long)op->stride[0],
                      (long long)op->stride[1], (long long)op->stride[2], (long long)op->pad[0], (long long)op->pad[1],
                      (long long)op->pad[2], why);
}

static bool extents_meet(const rmseg_op_desc *op)
{
    const rmseg_shape *f = fine(op), *c = coarse(op);
    const int64_t fine_size[3] = {f->d, f->h, f->w}, coarse_size[3] = {c->d, c->h, c->w};
    for (int a = 0; a < 3; a++) {
        if (op->kernel[a] < 1 || op->stride[a] < 1 || op->pad[a] < 0 || coarse_size[a] < 1) return false;
        int64_t room = fine_size[a] + 2 * op->pad[a] - op->kernel[a];
        if (room < 0 || coarse_size[a] != room / op->stride[a] + 1) return false;
        if (transposed(op) && fine_size[a] != coarse_size[a] * op->stride[a]) return false;
    }
    return f->n == c->n;
}

static rmseg_status check(const rmseg_layer *layer)
{
    const rmseg_op_desc *op = &layer->op;
    if (!extents_meet(op))
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "cpu: a convolution whose output does not follow from its input");
    if (transposed(op) && !patches(op)) return refuse(op, "expected a stride equal to the kernel and no padding");
    if (transposed(op) || !layer->training || op->first || patches(op)) return RMSEG_OK;
    if (!slides(op)) return refuse(op, "expected a stride of 1, or one equal to the kernel and no padding");
    for (int a = 0; a < 3; a++)
        if (op->pad[a] >= op->kernel[a]) return refuse(op, "expected a padding smaller than the kernel");
    return RMSEG_OK;
}

/* ---- create ------------------------------------------------------------------------------------------------------ */

/* Totals, then the parts' sums. */
static size_t sums_bytes(const rmseg_layer *layer)
{
    return (size_t)((1 + parts_of(&layer->forward)) * padded(layer->op.out[0].c) * 2) * sizeof(double);
}

/* Channel sums of dy, for the bias: totals, then partials. */
static size_t bias_bytes(const rmseg_op_desc *op)
{
    tensor dy = rmseg_cpu_tensor((rmseg_view){0}, &op->out[0]);
    return (size_t)((1 + rmseg_cpu_channel_parts(&dy)) * padded(op->out[0].c) * 2) * sizeof(double);
}

static void describe(rmseg_layer *layer)
{
    const rmseg_op_desc *op = &layer->op;
    const conv_plan *direct = &layer->forward.direct;
    static const char axis[] = "dhw";
    const winograd_plan *tiled = &layer->forward.tiled;
    long long k[3] = {op->kernel[0], op->kernel[1], op->kernel[2]};
    layer->info.algorithm = layer->algorithm;
    if (layer->forward.winograd) {
        snprintf(layer->algorithm, sizeof layer->algorithm,
                 "Winograd F(4x4,3x3) on (%c,%c), kernel %lldx%lldx%lld, %lld planes of %lld tiles at a time%s",
                 axis[tiled->axes.axis[1]], axis[tiled->axes.axis[2]], k[0], k[1], k[2], (long long)tiled->planes,
                 (long long)tiled->tiles, tiled->shared ? ", shared" : "");
        layer->info.reason = "3x3, stride 1, 8 channels or more: a quarter of the multiplications";
        return;
    }
    if (layer->forward.head) {
        snprintf(layer->algorithm, sizeof layer->algorithm, "direct, narrow output, kernel 1x1x1");
        layer->info.reason = "a vector is a pixel of the input, so that none of it is padding";
        return;
    }
    const char *kind = transposed(op)                                   ? "direct, spread"
                       : direct->window.in_block < direct->window.block ? "direct, narrow input"
                       : slides(op)                                     ? "direct"
                                                                        : "direct, strided";
    snprintf(layer->algorithm, sizeof layer->algorithm,
             "%s, kernel %lldx%lldx%lld, tile %lldx%lldx%lld, %lld of %lld blocks at a time", kind, k[0], k[1], k[2],
             (long long)direct->tile[0], (long long)direct->tile[1], (long long)direct->tile[2],
             (long long)direct->in_group, (long long)direct->in_blocks);
    layer->info.reason = "the tile copies least";
}

static rmseg_status conv_prepare(rmseg_layer *layer)
{
    const rmseg_op_desc *op = &layer->op;
    RMSEG_TRY(check(layer));
    RMSEG_TRY(transposed(op) ? plan_up(&layer->forward, layer) : plan_down(&layer->forward, layer));
    size_t scratch = scratch_of(&layer->forward);
    if (layer->training) {
        RMSEG_TRY(plan_weights(&layer->weights, layer));
        scratch = larger(scratch, scratch_of(&layer->weights));
        if (op->bias) scratch = larger(scratch, bias_bytes(op));
        if (!op->first) {
            RMSEG_TRY(transposed(op) ? plan_down(&layer->data, layer) : plan_up(&layer->data, layer));
            scratch = larger(scratch, scratch_of(&layer->data));
        }
        if (op->feeds_norm) layer->info.sums_bytes = sums_bytes(layer);
    }
    layer->info.scratch_bytes = scratch;
    describe(layer);
    return RMSEG_OK;
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

/* A pass that makes pixels; `turned`: from the coarse side to the fine one. */
typedef struct gather {
    const pass_plan *plan;
    tensor x, y;
    const float *weight, *start; /* weight as the parameter is stored */
    const conv_store *store;
    bool turned;
    double *sums;
    void *scratch;
} gather;

static tensor seen(const rmseg_layer *layer, rmseg_view view, const rmseg_shape *shape)
{
    return rmseg_cpu_tensor_in(layer->kernels->block, view, shape);
}

static void run_gather(const rmseg_layer *layer, const gather *g)
{
    const rmseg_op_desc *op = &layer->op;
    if (g->plan->winograd) {
        winograd_gather pass = {&g->plan->tiled, g->x,     g->y,    g->weight, g->turned,
                                g->start,        g->store, g->sums, g->scratch};
        layer->kernels->winograd_gather(&pass);
        return;
    }
    conv_gather pass = {&g->plan->direct, g->x, g->y, g->weight, g->start, g->store, g->sums};
    if (g->turned) {
        int64_t taps = op->kernel[0] * op->kernel[1] * op->kernel[2];
        conv_turn turn = {g->scratch, g->weight, coarse(op)->c, fine(op)->c, taps, slides(op)};
        layer->kernels->conv_turn(&turn);
        pass.weight = g->scratch;
    }
    (g->plan->head ? layer->kernels->head_gather : layer->kernels->conv_gather)(&pass);
}

static void conv_forward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    int64_t channels = padded(op->out[0].c);
    gather g = {.plan = &layer->forward,
                .x = seen(layer, io->in[0], &op->in[0]),
                .y = seen(layer, io->out[0], &op->out[0]),
                .weight = io->param[0],
                .start = op->bias ? io->param[1] : NULL,
                .turned = transposed(op),
                .scratch = io->scratch};
    tensor_load load;
    g.x.load = rmseg_cpu_load(&load, layer, io, 0);
    conv_store store = {.slope = rmseg_cpu_slope(op->activation, op->slope)};
    if (op->adds) store.other = seen(layer, io->in[1], &op->out[0]);
    if (op->adds || op->activation) g.store = &store;
    if (layer->info.sums_bytes) g.sums = io->sums + channels * 2;
    run_gather(layer, &g);
    if (g.sums)
        rmseg_cpu_add_sums(io->sums, channels, g.sums, parts_of(&layer->forward), rmseg_cpu_sums_row(op, &op->out[0]));
}

static void backward_data(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    gather g = {.plan = &layer->data,
                .x = seen(layer, io->dout[0], &op->out[0]),
                .y = seen(layer, io->din[0], &op->in[0]),
                .weight = io->param[0],
                .turned = !transposed(op),
                .scratch = io->scratch};
    if (!transposed(op) && !slides(op)) rmseg_cpu_clear_uncovered(&g.y, op->stride);
    run_gather(layer, &g);
}

static void backward_weights(const rmseg_layer *layer, const rmseg_op_io *io)
{
    const rmseg_op_desc *op = &layer->op;
    tensor in = seen(layer, io->in[0], &op->in[0]), dout = seen(layer, io->dout[0], &op->out[0]);
    tensor_load load;
    in.load = rmseg_cpu_load(&load, layer, io, 0);
    tensor x = transposed(op) ? dout : in, dy = transposed(op) ? in : dout;
    if (layer->weights.winograd) {
        winograd_weights pass = {&layer->weights.tiled, x, dy, io->dparam[0], io->scratch};
        layer->kernels->winograd_weights(&pass);
        return;
    }
    int64_t chunks = layer->weights.direct.chunks;
    conv_weights pass = {&layer->weights.direct, x, dy, chunks > 1 ? io->scratch : io->dparam[0]};
    (layer->weights.head ? layer->kernels->head_weights : layer->kernels->conv_weights)(&pass);
    partial_sum sum = {io->dparam[0], io->scratch, rmseg_cpu_param_elements(op, 0), chunks};
    if (chunks > 1) layer->kernels->partial_sum(&sum);
}

static void backward_bias(const rmseg_layer *layer, const rmseg_op_io *io)
{
    int64_t channels = padded(layer->op.out[0].c);
    float *dbias = io->dparam[1];
    memset(dbias, 0, (size_t)channels * sizeof *dbias);
    if (layer->op.feeds_norm) return;
    tensor dy = seen(layer, io->dout[0], &layer->op.out[0]);
    double *sums = io->scratch;
    layer->kernels->channel_sums(sums, sums + channels * 2, &dy, false);
    for (int64_t c = 0; c < channels; c++) dbias[c] = (float)sums[c * 2];
}

static void conv_backward(const rmseg_layer *layer, const rmseg_op_io *io)
{
    if (io->din[0].data) backward_data(layer, io);
    backward_weights(layer, io);
    if (layer->op.bias) backward_bias(layer, io);
}

const layer_row rmseg_cpu_conv_row = {conv_prepare, conv_forward, conv_backward};
