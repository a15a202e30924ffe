/*
 * accuracy.c - how far the convolutions of the two networks are from the sums they stand for, by Winograd's algorithm
 * and by direct sums.
 *
 * A layer runs at its own shape with x and dy ~ N(0,1) and weights as they are initialised, U(+-1/sqrt(fan_in)). Of each
 * of its three results a number of elements, drawn at random, is computed again in double; the error is the root of the
 * mean square of the differences over that of the values.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "nn/graph.h"

#define MOST_RATIO 3.0   /* Winograd's error over direct's */
#define SMALL      1e-6  /* an error of 8 eps is allowed anyhow: direct sums of few terms make less than one */
#define DRAWS      4096  /* elements of out and of din */
#define MOST_TERMS 3e8   /* products in the drawn elements of dweight: fewer elements of larger sums */
#define LEAST      256.0 /* of those at the least, so that the ratio is that of two means */

enum { OUT, DIN, DWEIGHT, RESULTS };

typedef struct layer_run {
    rmseg_op_desc op;
    float *x, *dy, *weight, *made[RESULTS]; /* dense, as PyTorch has them */
} layer_run;

static int64_t pixels(const rmseg_shape *s) { return s->d * s->h * s->w; }
static int64_t elements(const rmseg_shape *s) { return s->n * s->c * pixels(s); }
static int64_t taps(const rmseg_op_desc *op) { return op->kernel[0] * op->kernel[1] * op->kernel[2]; }
static int64_t weight_elements(const rmseg_op_desc *op) { return op->in[0].c * op->out[0].c * taps(op); }

static void *make(int64_t count, size_t size)
{
    void *made = aligned_alloc(64, ((size_t)count * size + 63) / 64 * 64 + 64);
    if (!made) abort();
    return made;
}

static float *drawn(int64_t count, uint32_t which, double uniform)
{
    float *values = make(count, sizeof *values);
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, which, 0);
    for (int64_t i = 0; i < count; i++)
        values[i] =
            (float)(uniform > 0 ? uniform * (2 * rmseg_random_uniform(&random) - 1) : rmseg_random_normal(&random));
    return values;
}

/* ---- the layer --------------------------------------------------------------------------------------------------- */

static rmseg_view packed(const rmseg_backend *backend, const rmseg_shape *shape, const float *dense)
{
    int64_t stride = backend->sample_elements(shape);
    rmseg_view view = {make(shape->n * stride, sizeof(float)), stride};
    if (dense) backend->tensor_pack(view, dense, shape);
    return view;
}

static float *taken(const rmseg_backend *backend, rmseg_view view, const rmseg_shape *shape)
{
    float *dense = make(elements(shape), sizeof *dense);
    backend->tensor_unpack(dense, view, shape);
    free(view.data);
    return dense;
}

/* Fills made[]; false where the layer is refused. */
static bool run_layer(layer_run *run, const rmseg_backend *backend, bool exact)
{
    rmseg_op_desc op = run->op;
    rmseg_layer *layer = NULL;
    op.exact = exact;
    op.bias = op.feeds_norm = false;
    if (backend->layer_create(&layer, &op, true) != RMSEG_OK) return false;
    rmseg_layer_info info = backend->layer_info(layer);
    int64_t weights = backend->param_elements(&op, 0);
    float *weight = make(weights, sizeof *weight), *dweight = make(weights, sizeof *dweight);
    backend->param_pack(weight, run->weight, &op, 0);
    rmseg_op_io io = {.in = {packed(backend, &op.in[0], run->x)},
                      .out = {packed(backend, &op.out[0], NULL)},
                      .din = {op.first ? (rmseg_view){NULL, 0} : packed(backend, &op.in[0], NULL)},
                      .dout = {packed(backend, &op.out[0], run->dy)},
                      .param = {weight},
                      .dparam = {dweight},
                      .saved = make((int64_t)info.saved_bytes, 1),
                      .scratch = make((int64_t)info.scratch_bytes, 1)};
    backend->layer_forward(layer, &io);
    backend->layer_backward(layer, &io);
    run->made[OUT] = taken(backend, io.out[0], &op.out[0]);
    run->made[DIN] = op.first ? NULL : taken(backend, io.din[0], &op.in[0]);
    run->made[DWEIGHT] = make(weight_elements(&op), sizeof(float));
    backend->param_unpack(run->made[DWEIGHT], dweight, &op, 0);
    free(io.in[0].data), free(io.dout[0].data), free(io.saved), free(io.scratch), free(weight), free(dweight);
    backend->layer_destroy(layer);
    return true;
}

/* ---- the sums, in double ----------------------------------------------------------------------------------------- */

/* Element (n,c,d,h,w) of a dense tensor; 0 outside. */
static double at(const float *t, const rmseg_shape *s, int64_t n, int64_t c, int64_t d, int64_t h, int64_t w)
{
    bool inside = d >= 0 && d < s->d && h >= 0 && h < s->h && w >= 0 && w < s->w;
    return inside ? t[(((n * s->c + c) * s->d + d) * s->h + h) * s->w + w] : 0;
}

/* One element of out (`sign` 1) or of din (`sign` -1): both are sums over the other tensor's channels and the taps. */
static double sum_at(const layer_run *run, int64_t i, int sign)
{
    const rmseg_op_desc *op = &run->op;
    const rmseg_shape *mine = sign > 0 ? &op->out[0] : &op->in[0], *other = sign > 0 ? &op->in[0] : &op->out[0];
    const float *from = sign > 0 ? run->x : run->dy;
    int64_t w = i % mine->w, h = i / mine->w % mine->h, d = i / (mine->w * mine->h) % mine->d;
    int64_t c = i / pixels(mine) % mine->c, n = i / (pixels(mine) * mine->c);
    double sum = 0;
    for (int64_t b = 0; b < other->c; b++)
        for (int64_t tap = 0; tap < taps(op); tap++) {
            int64_t kw = tap % op->kernel[2], kh = tap / op->kernel[2] % op->kernel[1],
                    kd = tap / (op->kernel[2] * op->kernel[1]);
            int64_t o = sign > 0 ? c : b, in = sign > 0 ? b : c;
            sum += at(from, other, n, b, d + sign * (kd - op->pad[0]), h + sign * (kh - op->pad[1]),
                      w + sign * (kw - op->pad[2])) *
                   run->weight[(o * op->in[0].c + in) * taps(op) + tap];
        }
    return sum;
}

static double dweight_at(const layer_run *run, int64_t i)
{
    const rmseg_op_desc *op = &run->op;
    const rmseg_shape *out = &op->out[0], *in = &op->in[0];
    int64_t tap = i % taps(op), b = i / taps(op) % in->c, o = i / taps(op) / in->c;
    int64_t kw = tap % op->kernel[2], kh = tap / op->kernel[2] % op->kernel[1],
            kd = tap / op->kernel[2] / op->kernel[1];
    double sum = 0;
    for (int64_t n = 0; n < out->n; n++)
        for (int64_t d = 0; d < out->d; d++)
            for (int64_t h = 0; h < out->h; h++)
                for (int64_t w = 0; w < out->w; w++)
                    sum += at(run->dy, out, n, o, d, h, w) *
                           at(run->x, in, n, b, d + kd - op->pad[0], h + kh - op->pad[1], w + kw - op->pad[2]);
    return sum;
}

static double truth(const layer_run *run, int result, int64_t i)
{
    return result == DWEIGHT ? dweight_at(run, i) : sum_at(run, i, result == OUT ? 1 : -1);
}

/* ---- a layer's three errors -------------------------------------------------------------------------------------- */

/* Errors of the two algorithms in one result. */
static void errors_of(double errors[2], const layer_run *run, float *const made[2], int result)
{
    const rmseg_op_desc *op = &run->op;
    int64_t count = result == OUT ? elements(&op->out[0]) : result == DIN ? elements(&op->in[0]) : weight_elements(op);
    double terms = (double)(op->out[0].n * pixels(&op->out[0]));
    int64_t draws = result == DWEIGHT ? (int64_t)fmin(DRAWS, fmax(LEAST, MOST_TERMS / terms)) : DRAWS;
    rmseg_random random = rmseg_random_stream(2, RMSEG_RANDOM_TEST, (uint32_t)result, 0);
    double squares = 0, wrong[2] = {0, 0};
    for (int64_t draw = 0; draw < draws; draw++) {
        int64_t i = rmseg_random_below(&random, count);
        double value = truth(run, result, i);
        squares += value * value;
        for (int a = 0; a < 2; a++) wrong[a] += (made[a][i] - value) * (made[a][i] - value);
    }
    for (int a = 0; a < 2; a++) errors[a] = sqrt(wrong[a] / squares);
}

static bool check_layer(const rmseg_backend *backend, const char *name, const rmseg_op_desc *op, double *worst)
{
    static const char *const results[RESULTS] = {"out", "din", "dweight"};
    layer_run run = {.op = *op};
    float *made[RESULTS][2] = {{NULL}};
    bool ok = true;
    run.x = drawn(elements(&op->in[0]), 0, 0);
    run.dy = drawn(elements(&op->out[0]), 1, 0);
    run.weight = drawn(weight_elements(op), 2, 1 / sqrt((double)(op->in[0].c * taps(op))));
    for (int exact = 0; exact < 2 && ok; exact++) {
        ok = run_layer(&run, backend, exact);
        for (int r = 0; r < RESULTS && ok; r++) made[r][exact] = run.made[r];
    }
    printf("%-22s %4lld -> %-4lld %3lldx%3lldx%-3lld", name, (long long)op->in[0].c, (long long)op->out[0].c,
           (long long)op->out[0].d, (long long)op->out[0].h, (long long)op->out[0].w);
    if (!ok) printf("  refused: %s", rmseg_error_last());
    for (int r = 0; r < RESULTS; r++) {
        if (!made[r][0] || !made[r][1]) continue;
        double errors[2];
        errors_of(errors, &run, made[r], r);
        double ratio = errors[0] / errors[1];
        bool right = ratio <= MOST_RATIO || errors[0] <= SMALL;
        *worst = fmax(*worst, ratio);
        printf("  %s %.1e / %.1e = %.2f%s", results[r], errors[0], errors[1], ratio, right ? "" : " FAILED");
        ok = ok && right;
    }
    printf("\n");
    fflush(stdout);
    for (int r = 0; r < RESULTS; r++) free(made[r][0]), free(made[r][1]);
    free(run.x), free(run.dy), free(run.weight);
    return ok;
}

/* ---- the networks ------------------------------------------------------------------------------------------------ */

static bool check_net(const rmseg_backend *backend, const rmseg_net_spec *spec, const int64_t size[3])
{
    rmseg_net *net = NULL;
    if (rmseg_net_create(&net, spec) != RMSEG_OK) abort();
    bool ok = true;
    int64_t count = net->node_count;
    rmseg_op_desc *ops = make(count, sizeof *ops);
    if (rmseg_graph_shapes(ops, net, 1, size) != RMSEG_OK) abort();
    double worst = 0;
    printf("%s, width %lld, %lldx%lldx%lld: error of Winograd / of direct sums\n", spec->net, (long long)spec->width,
           (long long)size[0], (long long)size[1], (long long)size[2]);
    for (int64_t op = 0; op < count; op++) {
        bool tiled = ops[op].kind == RMSEG_OP_CONV && ops[op].kernel[2] == 3 && ops[op].stride[2] == 1;
        if (tiled && !check_layer(backend, net->nodes[op].name, &ops[op], &worst)) ok = false;
    }
    printf("largest ratio %.2f; allowed %.1f, or an error of %.0e\n", worst, MOST_RATIO, SMALL);
    free(ops);
    rmseg_net_destroy(net);
    return ok;
}

bool check_accuracy(const rmseg_backend *backend, bool small)
{
    static const int64_t volume[2][3] = {{112, 112, 80}, {32, 32, 16}}, image[2][3] = {{1, 512, 512}, {1, 64, 64}};
    rmseg_net_spec vnet = {.net = "vnet",
                           .spatial = 3,
                           .in_channels = 1,
                           .out_channels = 2,
                           .width = 16,
                           .depth = 4,
                           .norm = "batch",
                           .activation = "relu",
                           .dropout = 0.5};
    rmseg_net_spec unet = {.net = "unet",
                           .spatial = 2,
                           .in_channels = 3,
                           .out_channels = 2,
                           .width = 64,
                           .depth = 4,
                           .norm = "batch",
                           .activation = "relu"};
    bool ok = check_net(backend, &vnet, volume[small]);
    return check_net(backend, &unet, image[small]) && ok;
}
