/*
 * run_case.c - runs one case on one backend, in buffers that notice what they must not see.
 *
 * Outputs start as NaN; around every buffer, and between the samples of every tensor, stand canaries; inputs are hashed
 * before and after; and what padding a layout has must be what packing makes of it (zero).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/core.h"

#define CANARY 0x7fa5c3e1u /* a NaN of a pattern no arithmetic makes */
#define GUARD  64          /* floats at either end */
#define GAP    48          /* floats between samples */

/* `samples` stretches of `elements` floats, `stride` apart. */
typedef struct buffer {
    uint32_t *words;
    float *data;
    int64_t samples, elements, stride;
    uint64_t hash;
} buffer;

static bool inside(const buffer *b, int64_t i)
{
    i -= GUARD;
    return i >= 0 && i / b->stride < b->samples && i % b->stride < b->elements;
}

static int64_t buffer_words(const buffer *b) { return 2 * GUARD + b->samples * b->stride; }

static buffer buffer_make(int64_t samples, int64_t elements, int64_t gap)
{
    buffer b = {.samples = samples, .elements = elements, .stride = elements + gap > 0 ? elements + gap : 1};
    b.words = aligned_alloc(64, (size_t)(buffer_words(&b) * 4 + 63) / 64 * 64);
    if (!b.words) abort();
    b.data = (float *)(b.words + GUARD);
    for (int64_t i = 0; i < buffer_words(&b); i++) b.words[i] = inside(&b, i) ? 0x7fc00000u : CANARY;
    return b;
}

static bool canaries_live(const buffer *b)
{
    for (int64_t i = 0; i < buffer_words(b); i++)
        if (!inside(b, i) && b->words[i] != CANARY) return false;
    return true;
}

static uint64_t buffer_hash(const buffer *b)
{
    uint64_t hash = 1469598103934665603u;
    for (int64_t i = 0; i < buffer_words(b); i++) hash = (hash ^ b->words[i]) * 1099511628211u;
    return hash;
}

static rmseg_view view_of(const buffer *b) { return (rmseg_view){b->data, b->stride}; }

/* ---- fills ------------------------------------------------------------------------------------------------------- */

static bool is_norm(const rmseg_op_desc *op) { return op->kind == RMSEG_OP_NORM || op->kind == RMSEG_OP_GROUP_NORM; }

static float hostile_value(rmseg_random *random)
{
    static const float values[] = {0,   -0.0f, 80, -80, 1e-40f, -1e-40f, INFINITY, -INFINITY,
                                   NAN, 1,     -1, 1,   0,      -1,      2,        -2};
    return values[rmseg_random_below(random, sizeof values / sizeof *values)];
}

/* Dense values; a channel is `plane` of them, of which there are `channels` again and again. */
static float *filled(const check_case *c, uint32_t which, int64_t count, int64_t plane, int64_t channels)
{
    rmseg_random random = rmseg_random_stream((uint64_t)c->seed, RMSEG_RANDOM_TEST, which, 0);
    float *values = malloc((size_t)(count + 1) * sizeof *values);
    if (!values) abort();
    bool norm = is_norm(&c->op[0]);
    for (int64_t i = 0; i < count; i++) {
        int64_t channel = i / plane % channels;
        if (c->fill == FILL_INTEGERS)
            values[i] = (float)(rmseg_random_below(&random, 5) - 2);
        else if (c->fill == FILL_NORMAL || (norm && which != 0))
            values[i] = (float)rmseg_random_normal(&random);
        else if (norm)
            values[i] = channel % 3 == 1 ? 1000.1f : (float)(1000 * (channel % 2) + rmseg_random_normal(&random));
        else
            values[i] = hostile_value(&random);
    }
    return values;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static int64_t pixels(const rmseg_shape *s) { return s->d * s->h * s->w; }
static int64_t dense_elements(const rmseg_shape *s) { return s->n * s->c * pixels(s); }
static int64_t taps(const rmseg_op_desc *op) { return op->kernel[0] * op->kernel[1] * op->kernel[2]; }
static bool is_conv(const rmseg_op_desc *op)
{
    return op->kind == RMSEG_OP_CONV || op->kind == RMSEG_OP_CONV_TRANSPOSE;
}

static int64_t dense_param(const rmseg_op_desc *op, int index)
{
    if (is_conv(op) && index == 0) return op->in[0].c * op->out[0].c * taps(op);
    if (is_conv(op)) return op->bias ? op->out[0].c : 0;
    return is_norm(op) ? op->out[0].c : 0;
}

static int64_t dense_state(const rmseg_op_desc *op) { return op->kind == RMSEG_OP_NORM ? op->out[0].c : 0; }

/* Products that one element of an output, a gradient of an input, a gradient of a parameter sums. */
typedef enum role { ROLE_OUT, ROLE_DIN, ROLE_DPARAM, ROLE_STATE } role;

static double terms(const check_case *c, int at, role role)
{
    const rmseg_op_desc *op = &c->op[at];
    double space = (double)(op->out[0].n * pixels(&op->out[0]));
    double sum = 1;
    if (c->ops > 1 || op->kind == RMSEG_OP_NORM)
        return space; /* statistics: each output depends on all of its channel */
    if (op->kind == RMSEG_OP_GROUP_NORM && role != ROLE_DPARAM)
        return (double)(op->in[0].c / op->groups * pixels(&op->in[0])); /* or of its group */
    if (role == ROLE_DPARAM)
        sum = is_conv(op) && op->kind == RMSEG_OP_CONV_TRANSPOSE ? (double)(op->in[0].n * pixels(&op->in[0])) : space;
    if (role == ROLE_OUT && is_conv(op)) sum = (double)(op->in[0].c * (op->kind == RMSEG_OP_CONV ? taps(op) : 1));
    if (role == ROLE_DIN && is_conv(op)) sum = (double)(op->out[0].c * taps(op));
    return sum;
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

typedef struct op_run {
    const rmseg_backend *backend;
    const rmseg_op_desc *op;
    rmseg_layer *layer;
    buffer in[2], out[2], din[2], dout[2], param[2], dparam[2], state[2], saved, scratch, sums;
    bool borrows; /* in, and dout, belong to the neighbour in the chain */
} op_run;

static bool has(const rmseg_shape *s) { return s->n > 0; }

static buffer tensor_buffer(const rmseg_backend *b, const rmseg_shape *s)
{
    return has(s) ? buffer_make(s->n, b->sample_elements(s), GAP) : (buffer){0};
}

static buffer tensor_filled(const check_case *c, const rmseg_backend *b, const rmseg_shape *s, uint32_t which)
{
    buffer made = tensor_buffer(b, s);
    if (!has(s)) return made;
    float *values = filled(c, which, dense_elements(s), pixels(s), s->c);
    b->tensor_pack(view_of(&made), values, s);
    free(values);
    made.hash = buffer_hash(&made);
    return made;
}

static buffer bytes_buffer(size_t bytes) { return buffer_make(1, (int64_t)(bytes + 3) / 4, 0); }

static void make_params(op_run *run, const check_case *c, uint32_t which)
{
    for (int i = 0; i < 2; i++) {
        int64_t dense = dense_param(run->op, i), elements = run->backend->param_elements(run->op, i);
        run->param[i] = buffer_make(1, elements, 0);
        run->dparam[i] = buffer_make(1, elements, 0);
        float *values = filled(c, which + (uint32_t)i, dense, 1, dense + 1);
        run->backend->param_pack(run->param[i].data, values, run->op, i);
        free(values);
        run->param[i].hash = buffer_hash(&run->param[i]);
        int64_t states = run->backend->state_elements(run->op, i);
        run->state[i] = buffer_make(1, states, 0);
        for (int64_t j = 0; j < states; j++)
            run->state[i].data[j] = j < dense_state(run->op) ? 0.5f + (float)(j % 3 + i) / 4 : 0;
    }
}

static rmseg_op_io io_of(const op_run *run)
{
    rmseg_op_io io = {.saved = run->saved.data,
                      .sums = run->sums.words ? (double *)run->sums.data : NULL,
                      .scratch = run->scratch.data,
                      .seed = 7,
                      .iteration = 3,
                      .sample = 5};
    for (int i = 0; i < 2; i++) {
        io.in[i] = view_of(&run->in[i]), io.out[i] = view_of(&run->out[i]);
        io.din[i] = view_of(&run->din[i]), io.dout[i] = view_of(&run->dout[i]);
        io.param[i] = run->param[i].data, io.dparam[i] = run->dparam[i].data, io.state[i] = run->state[i].data;
    }
    if (run->op->first) io.din[0].data = NULL;
    return io;
}

/* Makes the runs of a case's ops, each linked to its neighbours. */
static rmseg_status make_runs(op_run *runs, const rmseg_backend *backend, const check_case *c)
{
    for (int at = 0; at < c->ops; at++) {
        op_run *run = &runs[at];
        *run = (op_run){.backend = backend, .op = &c->op[at], .borrows = at > 0};
        RMSEG_TRY(backend->layer_create(&run->layer, run->op, c->training));
        rmseg_layer_info info = backend->layer_info(run->layer);
        run->saved = bytes_buffer(info.saved_bytes);
        run->scratch = bytes_buffer(info.scratch_bytes);
        if (run->op->feeds_norm) run->sums = bytes_buffer(info.sums_bytes);
        for (int i = 0; i < 2; i++) {
            run->in[i] = at > 0 ? runs[at - 1].out[i] : tensor_filled(c, backend, &run->op->in[i], (uint32_t)i);
            run->out[i] = tensor_buffer(backend, &run->op->out[i]);
            run->din[i] = tensor_buffer(backend, &run->op->in[i]);
        }
        make_params(run, c, 10 + 10 * (uint32_t)at);
        if (at > 0) run->sums = runs[at - 1].sums;
    }
    for (int i = 0; i < 2; i++) {
        op_run *last = &runs[c->ops - 1];
        last->dout[i] = tensor_filled(c, backend, &last->op->out[i], 4 + (uint32_t)i);
        if (c->ops > 1) runs[0].dout[i] = runs[1].din[i];
    }
    return RMSEG_OK;
}

static void forward(op_run *runs, const check_case *c)
{
    for (int at = 0; at < c->ops; at++) {
        rmseg_op_io io = io_of(&runs[at]);
        runs[at].backend->layer_forward(runs[at].layer, &io);
    }
}

static void backward(op_run *runs, const check_case *c)
{
    for (int at = c->ops - 1; at >= 0; at--) {
        rmseg_op_io io = io_of(&runs[at]);
        runs[at].backend->layer_backward(runs[at].layer, &io);
    }
}

static void free_runs(op_run *runs, const check_case *c)
{
    for (int at = 0; at < c->ops; at++) {
        op_run *r = &runs[at];
        for (int i = 0; i < 2; i++) {
            if (!r->borrows) free(r->in[i].words);
            if (at == c->ops - 1) free(r->dout[i].words);
            free(r->out[i].words), free(r->din[i].words), free(r->param[i].words), free(r->dparam[i].words),
                free(r->state[i].words);
        }
        if (!r->borrows) free(r->sums.words);
        free(r->saved.words), free(r->scratch.words);
        if (r->layer) r->backend->layer_destroy(r->layer);
    }
}

/* ---- what came out ----------------------------------------------------------------------------------------------- */

static void fault(results *r, const char *what, const char *name, int at)
{
    if (!r->fault[0]) snprintf(r->fault, sizeof r->fault, "%s %s%d", what, name, at);
}

static result *add_result(results *r, const char *name, int at, int index, int64_t count, double terms, bool sums)
{
    result *made = &r->items[r->count++];
    snprintf(made->name, sizeof made->name, "op %d %s[%d]", at, name, index);
    made->values = malloc((size_t)(count + 1) * sizeof(float));
    if (!made->values) abort();
    made->count = count;
    made->terms = terms;
    made->sums = sums;
    return made;
}

/* Whether an element is a plain sum of products of what the fill made. */
static bool sums_products(const check_case *c, const op_run *run, role role)
{
    return c->ops == 1 && (is_conv(run->op) || (role == ROLE_DPARAM && is_norm(run->op)));
}

/* Unpacks a tensor; packed again it must be what it was, padding included. */
static void take_tensor(results *r, const op_run *run, const check_case *c, int at, int index, role role)
{
    bool out = role == ROLE_OUT;
    const buffer *b = out ? &run->out[index] : &run->din[index];
    const rmseg_shape *s = out ? &run->op->out[index] : &run->op->in[index];
    const char *name = out ? "out" : "din";
    result *made = add_result(r, name, at, index, dense_elements(s), terms(c, at, role), sums_products(c, run, role));
    made->shape = *s;
    run->backend->tensor_unpack(made->values, view_of(b), s);
    buffer again = tensor_buffer(run->backend, s);
    run->backend->tensor_pack(view_of(&again), made->values, s);
    for (int64_t i = 0; i < s->n; i++)
        if (memcmp(again.data + i * again.stride, b->data + i * b->stride, (size_t)b->elements * 4) != 0)
            fault(r, "padding is not zero in", name, index);
    free(again.words);
    if (!canaries_live(b)) fault(r, "wrote around", name, index);
}

static void take_param(results *r, const op_run *run, const check_case *c, int at, int index)
{
    result *made = add_result(r, "dparam", at, index, dense_param(run->op, index), terms(c, at, ROLE_DPARAM),
                              sums_products(c, run, ROLE_DPARAM));
    const buffer *b = &run->dparam[index];
    run->backend->param_unpack(made->values, b->data, run->op, index);
    buffer again = buffer_make(1, b->elements, 0);
    run->backend->param_pack(again.data, made->values, run->op, index);
    if (memcmp(again.words, b->words, (size_t)buffer_words(b) * 4) != 0)
        fault(r, canaries_live(b) ? "padding is not zero in" : "wrote around", "dparam", index);
    free(again.words);
}

static void check_inputs(results *r, const op_run *run, bool last)
{
    for (int i = 0; i < 2; i++) {
        if (!run->borrows && run->in[i].words && buffer_hash(&run->in[i]) != run->in[i].hash)
            fault(r, "wrote into", "in", i);
        if (last && run->dout[i].words && buffer_hash(&run->dout[i]) != run->dout[i].hash)
            fault(r, "wrote into", "dout", i);
        if (buffer_hash(&run->param[i]) != run->param[i].hash) fault(r, "wrote into", "param", i);
        if (!canaries_live(&run->state[i])) fault(r, "wrote around", "state", i);
    }
    if (!canaries_live(&run->saved)) fault(r, "wrote around", "saved", 0);
    if (!canaries_live(&run->scratch)) fault(r, "wrote around", "scratch", 0);
    if (run->sums.words && !canaries_live(&run->sums)) fault(r, "wrote around", "sums", 0);
}

static void take_results(results *r, const op_run *run, const check_case *c, int at)
{
    for (int i = 0; i < 2; i++) {
        if (has(&run->op->out[i])) take_tensor(r, run, c, at, i, ROLE_OUT);
        if (!c->training) continue;
        if (has(&run->op->in[i]) && !run->op->first) take_tensor(r, run, c, at, i, ROLE_DIN);
        if (dense_param(run->op, i)) take_param(r, run, c, at, i);
        if (!dense_state(run->op)) continue;
        result *made = add_result(r, "state", at, i, dense_state(run->op), terms(c, at, ROLE_STATE), false);
        memcpy(made->values, run->state[i].data, (size_t)made->count * sizeof(float));
    }
}

void run_case(results *r, const rmseg_backend *backend, const check_case *c)
{
    op_run runs[2];
    memset(runs, 0, sizeof runs);
    *r = (results){0};
    r->status = make_runs(runs, backend, c);
    if (c->run_threads) rmseg_threads_set(c->run_threads);
    if (r->status == RMSEG_OK) {
        forward(runs, c);
        if (c->training) backward(runs, c);
        for (int at = 0; at < c->ops; at++) {
            if (strstr(backend->layer_info(runs[at].layer).algorithm, "Winograd")) r->rounds = true;
            take_results(r, &runs[at], c, at);
            check_inputs(r, &runs[at], at == c->ops - 1);
        }
        free_runs(runs, c);
    }
}

void results_free(results *r)
{
    for (int i = 0; i < r->count; i++) free(r->items[i].values);
    r->count = 0;
}

int64_t case_multiply_adds(const check_case *c)
{
    const rmseg_op_desc *op = &c->op[0];
    const rmseg_shape *coarse = op->kind == RMSEG_OP_CONV_TRANSPOSE ? &op->in[0] : &op->out[0];
    return is_conv(op) ? op->in[0].c * op->out[0].c * taps(op) * coarse->n * pixels(coarse) : 0;
}
