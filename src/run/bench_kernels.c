/*
 * bench_kernels.c - single ops at shapes that networks have, and the optimiser, apart from any network. (Within one a
 * convolution leaves a norm its statistics, and tensors lie in one another: `layers` has these.)
 */
#include <math.h>
#include <stdio.h>

#include "run/bench.h"

/* ---- the cases ----------------------------------------------------------------------------------------------------- */

#define CONV      RMSEG_OP_CONV
#define TRANSPOSE RMSEG_OP_CONV_TRANSPOSE

typedef struct kernel_case {
    rmseg_op_kind kind;
    rmseg_shape in;
    int64_t out;    /* channels */
    int64_t kernel; /* along H and W, and along D of volumes */
    int64_t stride;
} kernel_case;

/* clang-format off: the layers of U-Net 16 on four images of 256x256, of U-Net 64 on one of 512x512, of V-Net 16 */
static const kernel_case cases[] = {
    {CONV, {4, 3, 1, 256, 256}, 16, 3, 1},
    {CONV, {4, 16, 1, 256, 256}, 16, 3, 1},
    {CONV, {4, 64, 1, 64, 64}, 64, 3, 1},
    {CONV, {4, 256, 1, 16, 16}, 256, 3, 1},
    {CONV, {1, 64, 1, 512, 512}, 64, 3, 1},
    {CONV, {1, 256, 1, 128, 128}, 256, 3, 1},
    {CONV, {1, 1024, 1, 32, 32}, 1024, 3, 1},
    {CONV, {1, 1, 112, 112, 80}, 16, 3, 1},
    {CONV, {1, 16, 112, 112, 80}, 16, 3, 1},
    {CONV, {1, 32, 56, 56, 40}, 32, 3, 1},
    {CONV, {1, 64, 28, 28, 20}, 64, 3, 1},
    {CONV, {1, 256, 7, 7, 5}, 256, 3, 1},
    {CONV, {1, 16, 112, 112, 80}, 2, 1, 1},
    {CONV, {1, 64, 1, 512, 512}, 2, 1, 1},
    {CONV, {1, 16, 112, 112, 80}, 32, 2, 2},
    {CONV, {1, 64, 28, 28, 20}, 128, 2, 2},
    {TRANSPOSE, {1, 32, 56, 56, 40}, 16, 2, 2},
    {TRANSPOSE, {1, 128, 1, 256, 256}, 64, 2, 2},
    {TRANSPOSE, {4, 256, 1, 16, 16}, 128, 2, 2},
    {RMSEG_OP_NORM, {1, 16, 112, 112, 80}, 16, 1, 1},
    {RMSEG_OP_NORM, {1, 64, 1, 512, 512}, 64, 1, 1},
    {RMSEG_OP_NORM, {4, 64, 1, 64, 64}, 64, 1, 1},
    {RMSEG_OP_GROUP_NORM, {1, 16, 112, 112, 80}, 16, 1, 1},
    {RMSEG_OP_ACTIVATION, {1, 16, 112, 112, 80}, 16, 1, 1},
    {RMSEG_OP_MAXPOOL, {1, 64, 1, 512, 512}, 64, 2, 2},
    {RMSEG_OP_ADD, {1, 16, 112, 112, 80}, 16, 1, 1},
    {RMSEG_OP_DROPOUT, {1, 16, 112, 112, 80}, 16, 1, 1},
};
/* clang-format on */

enum { CASES = sizeof cases / sizeof *cases };

static bool is_conv(rmseg_op_kind kind) { return kind == CONV || kind == TRANSPOSE; }

static int64_t extent(const kernel_case *c, int64_t n, int64_t kernel)
{
    if (c->kind == TRANSPOSE) return n * c->stride;
    return c->stride > 1 ? n / kernel : n; /* of stride 1: padded, so that the size stays */
}

static rmseg_op_desc op_of(const kernel_case *c, bool exact)
{
    bool flat = c->in.d == 1;
    rmseg_op_desc op = {.kind = c->kind,
                        .in = {c->in},
                        .bias = true,
                        .exact = exact,
                        .activation = RMSEG_ACT_RELU,
                        .groups = c->in.c,
                        .eps = 1e-5,
                        .momentum = 0.1,
                        .probability = 0.5};
    for (int axis = 0; axis < 3; axis++) {
        bool along = axis > 0 || !flat;
        op.kernel[axis] = along ? c->kernel : 1;
        op.stride[axis] = along ? c->stride : 1;
        op.pad[axis] = along && c->stride == 1 ? c->kernel / 2 : 0;
    }
    if (c->kind == RMSEG_OP_ADD) op.in[1] = c->in;
    op.out[0] = (rmseg_shape){c->in.n, c->out, flat ? 1 : extent(c, c->in.d, c->kernel), extent(c, c->in.h, c->kernel),
                              extent(c, c->in.w, c->kernel)};
    return op;
}

/* ---- its memory ------------------------------------------------------------------------------------------------------ */

enum { IN, OUT = 2, DIN = 4, DOUT = 6, PARAM = 8, DPARAM = 10, STATE = 12, SAVED = 14, SCRATCH, BLOCKS };

typedef struct kernel_run {
    const rmseg_backend *backend;
    rmseg_op_desc op;
    rmseg_layer *layer;
    void *block[BLOCKS];
    size_t bytes[BLOCKS];
    rmseg_op_io io;
    bool split; /* backward falls into data and weights */
} kernel_run;

static rmseg_status reserve(kernel_run *k, int block, int64_t elements, size_t element, double scale)
{
    if (elements <= 0) return RMSEG_OK;
    k->bytes[block] = (size_t)elements * element;
    k->block[block] = rmseg_arena_alloc(k->bytes[block]);
    if (!k->block[block]) return RMSEG_ERROR_MEMORY;
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, (uint32_t)block, 0);
    float *values = k->block[block];
    for (int64_t i = 0; scale > 0 && i < elements; i++)
        values[i] = (float)(scale * (2 * rmseg_random_uniform(&random) - 1));
    return RMSEG_OK;
}

static rmseg_status reserve_tensors(kernel_run *k)
{
    const rmseg_backend *b = k->backend;
    for (int i = 0; i < RMSEG_OP_TENSORS; i++) {
        int64_t in = k->op.in[i].n ? b->sample_elements(&k->op.in[i]) : 0;
        int64_t out = k->op.out[i].n ? b->sample_elements(&k->op.out[i]) : 0;
        RMSEG_TRY(reserve(k, IN + i, in * k->op.in[i].n, b->element, 1));
        RMSEG_TRY(reserve(k, DIN + i, in * k->op.in[i].n, b->element, 0));
        RMSEG_TRY(reserve(k, OUT + i, out * k->op.out[i].n, b->element, 0));
        RMSEG_TRY(reserve(k, DOUT + i, out * k->op.out[i].n, b->element, 1));
        k->io.in[i] = (rmseg_view){k->block[IN + i], in}, k->io.din[i] = (rmseg_view){k->block[DIN + i], in};
        k->io.out[i] = (rmseg_view){k->block[OUT + i], out}, k->io.dout[i] = (rmseg_view){k->block[DOUT + i], out};
    }
    return RMSEG_OK;
}

static rmseg_status reserve_params(kernel_run *k)
{
    const rmseg_backend *b = k->backend;
    for (int i = 0; i < RMSEG_OP_PARAMS; i++) {
        int64_t elements = b->param_elements(&k->op, i);
        RMSEG_TRY(reserve(k, PARAM + i, elements, b->element, 0.1));
        RMSEG_TRY(reserve(k, DPARAM + i, elements, b->element, 0));
        RMSEG_TRY(reserve(k, STATE + i, b->state_elements(&k->op, i), b->element, 0));
        k->io.param[i] = k->block[PARAM + i], k->io.dparam[i] = k->block[DPARAM + i];
        k->io.state[i] = k->block[STATE + i];
    }
    return RMSEG_OK;
}

static rmseg_status prepare(kernel_run *k)
{
    RMSEG_TRY(k->backend->layer_create(&k->layer, &k->op, true));
    rmseg_layer_info info = k->backend->layer_info(k->layer);
    RMSEG_TRY(reserve_tensors(k));
    RMSEG_TRY(reserve_params(k));
    RMSEG_TRY(reserve(k, SAVED, (int64_t)info.saved_bytes, 1, 0));
    RMSEG_TRY(reserve(k, SCRATCH, (int64_t)info.scratch_bytes, 1, 0));
    k->io.saved = k->block[SAVED], k->io.scratch = k->block[SCRATCH];
    k->split = is_conv(k->op.kind);
    return RMSEG_OK;
}

static void destroy(kernel_run *k)
{
    if (k->layer) k->backend->layer_destroy(k->layer);
    for (int i = 0; i < BLOCKS; i++) rmseg_arena_free(k->block[i], k->bytes[i]);
}

/* ---- measuring ------------------------------------------------------------------------------------------------------- */

static rmseg_status once(void *context, double *samples, int64_t round)
{
    kernel_run *k = context;
    rmseg_op_io weights = k->io;
    double t[4];
    weights.din[0].data = NULL;
    k->io.iteration = (uint32_t)(round + 1);
    t[0] = rmseg_now_s();
    k->backend->layer_forward(k->layer, &k->io);
    t[1] = rmseg_now_s();
    k->backend->layer_backward(k->layer, &k->io);
    t[2] = rmseg_now_s();
    if (k->split) k->backend->layer_backward(k->layer, &weights);
    t[3] = rmseg_now_s();
    samples[RMSEG_PASS_FORWARD] = t[1] - t[0];
    samples[RMSEG_PASS_BACKWARD] = t[2] - t[1];
    samples[RMSEG_PASS_WEIGHTS] = t[3] - t[2];
    samples[RMSEG_PASS_DATA] = fmax(0, t[2] - t[1] - (t[3] - t[2]));
    return RMSEG_OK;
}

static void name_case(char *name, size_t size, const kernel_case *c)
{
    const rmseg_shape *s = &c->in;
    int at = snprintf(name, size, "%s %lld x %lld x ", rmseg_op_name(c->kind), (long long)s->n, (long long)s->c);
    if (s->d > 1) at += snprintf(name + at, size - (size_t)at, "%lldx", (long long)s->d);
    at += snprintf(name + at, size - (size_t)at, "%lldx%lld", (long long)s->h, (long long)s->w);
    if (is_conv(c->kind))
        snprintf(name + at, size - (size_t)at, " -> %lld, kernel %lld", (long long)c->out, (long long)c->kernel);
}

static rmseg_status add_rows(rmseg_bench_run *run, const kernel_run *k, const char *name, const double *samples,
                             int64_t count)
{
    static const char *const passes[RMSEG_PASSES] = {"forward", "backward", "data", "weights"};
    rmseg_op_profile profile;
    rmseg_op_work(&profile, &k->op, k->backend);
    for (int pass = 0; pass < RMSEG_PASSES; pass++) {
        const rmseg_bench_measure row = {.name = name,
                                         .pass = passes[pass],
                                         .note = k->backend->layer_info(k->layer).algorithm,
                                         .samples = samples + pass,
                                         .count = count,
                                         .stride = RMSEG_PASSES,
                                         .flops = profile.flops[pass],
                                         .bytes = profile.bytes[pass]};
        if (pass == RMSEG_PASS_FORWARD || (pass == RMSEG_PASS_BACKWARD) != k->split)
            RMSEG_TRY(rmseg_bench_add(run, &row));
    }
    return RMSEG_OK;
}

static rmseg_status measure(rmseg_bench_run *run, kernel_run *k, const char *name)
{
    double *samples = NULL;
    int64_t count = 0;
    RMSEG_TRY(prepare(k));
    RMSEG_TRY(rmseg_bench_repeat(&samples, &count, run, RMSEG_PASSES, once, k));
    rmseg_status status = add_rows(run, k, name, samples, count);
    rmseg_free(samples);
    return status;
}

/* ---- the optimiser ------------------------------------------------------------------------------------------------- */

#define PARAMETERS ((int64_t)1 << 23) /* about a V-Net's of width 16 */

typedef struct optimiser {
    const rmseg_backend *backend;
    float *array[4]; /* weights, momentum, square, gradient */
} optimiser;

enum { SGD, ADAMW, SQUARES, MOVES };

static rmseg_status move(void *context, double *samples, int64_t round)
{
    optimiser *o = context;
    const rmseg_adamw adamw = {1e-3, 0.9, 0.999, 1e-8, 0.01, round + 2};
    double t[MOVES + 1];
    t[0] = rmseg_now_s();
    o->backend->sgd(o->array[0], o->array[1], o->array[3], PARAMETERS, 1e-3, 0.9, 1e-4, 1, false);
    t[1] = rmseg_now_s();
    o->backend->adamw(o->array[0], o->array[1], o->array[2], o->array[3], PARAMETERS, &adamw, 1);
    t[2] = rmseg_now_s();
    double sum = o->backend->sum_of_squares(o->array[3], PARAMETERS);
    t[3] = rmseg_now_s();
    for (int i = 0; i < MOVES; i++) samples[i] = t[i + 1] - t[i];
    return isfinite(sum) ? RMSEG_OK : rmseg_fail(RMSEG_ERROR_INTERNAL, "a gradient of ones has no finite norm");
}

static rmseg_status measure_optimiser(rmseg_bench_run *run, optimiser *o)
{
    static const struct {
        const char *name;
        int arrays; /* read and written */
    } moves[MOVES] = {{"sgd", 5}, {"adamw", 7}, {"sum of squares", 1}};
    double *samples = NULL;
    int64_t count = 0;
    for (int i = 0; i < 4; i++) {
        o->array[i] = rmseg_arena_alloc((size_t)PARAMETERS * sizeof(float));
        if (!o->array[i]) return RMSEG_ERROR_MEMORY;
    }
    for (int64_t i = 0; i < PARAMETERS; i++) o->array[3][i] = 1;
    RMSEG_TRY(rmseg_bench_repeat(&samples, &count, run, MOVES, move, o));
    rmseg_status status = RMSEG_OK;
    for (int i = 0; i < MOVES && !status; i++) {
        const rmseg_bench_measure row = {.name = moves[i].name,
                                         .pass = "optimiser",
                                         .note = "of 8388608 parameters",
                                         .samples = samples + i,
                                         .count = count,
                                         .stride = MOVES,
                                         .bytes = (double)moves[i].arrays * (double)PARAMETERS * sizeof(float)};
        status = rmseg_bench_add(run, &row);
    }
    rmseg_free(samples);
    return status;
}

static rmseg_status bench_optimiser(rmseg_bench_run *run)
{
    optimiser o = {.backend = run->backend};
    rmseg_status status = run->backend->element == sizeof(float) ? measure_optimiser(run, &o) : RMSEG_OK;
    for (int i = 0; i < 4; i++) rmseg_arena_free(o.array[i], (size_t)PARAMETERS * sizeof(float));
    return status;
}

rmseg_status rmseg_bench_kernels(rmseg_bench_run *run)
{
    bool optimises = false;
    RMSEG_TRY(rmseg_bench_setting(run, "%s", run->o->exact ? "exact" : ""));
    for (int i = 0; i < CASES; i++) {
        char name[160];
        kernel_run k = {.backend = run->backend, .op = op_of(&cases[i], run->o->exact)};
        name_case(name, sizeof name, &cases[i]);
        if (!rmseg_bench_wanted(run, name)) continue;
        rmseg_status status = measure(run, &k, name);
        destroy(&k);
        RMSEG_TRY(status);
    }
    static const char *const words[] = {"optimiser", "sgd", "adamw", "sum of squares"};
    for (int i = 0; i < 4; i++) optimises |= rmseg_bench_wanted(run, words[i]);
    return optimises ? bench_optimiser(run) : RMSEG_OK;
}
