/*
 * bench_predict.c - the time of a window: the network over it, probabilities, blending, as `rmseg predict` does it.
 */
#include <string.h>

#include "run/bench.h"
#include "run/predictor.h"

typedef struct prediction {
    rmseg_model model; /* its parts belong to the net */
    rmseg_predictor *predictor;
    rmseg_image *image;
    int64_t windows;
} prediction;

static rmseg_status once(void *context, double *samples, int64_t round)
{
    prediction *p = context;
    rmseg_image *probabilities = NULL;
    double start = rmseg_now_s();
    (void)round;
    RMSEG_TRY(rmseg_predictor_run(&probabilities, p->predictor, p->image));
    samples[0] = (rmseg_now_s() - start) / (double)p->windows;
    rmseg_image_destroy(probabilities);
    return RMSEG_OK;
}

/* An image of `batch` windows side by side. */
static rmseg_status prepare(prediction *p, const rmseg_bench_net *n)
{
    const rmseg_net_spec *spec = rmseg_net_get_spec(n->net);
    rmseg_window window = {0};
    int64_t size[3], elements;
    p->model =
        (rmseg_model){.backend = n->run->backend, .net = n->net, .weights = n->weights, .classes = n->run->o->classes};
    p->windows = n->run->o->batch;
    memcpy(size, n->size, sizeof size);
    memcpy(window.size, n->size, sizeof window.size);
    memcpy(window.stride, n->size, sizeof window.stride);
    if (!rmseg_mul(&size[2], size[2], p->windows) || !rmseg_mul3(&elements, spec->in_channels, n->voxels, p->windows))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%lld windows have more voxels than this machine can address",
                          (long long)p->windows);
    RMSEG_TRY(rmseg_predictor_create(&p->predictor, &p->model, &window));
    RMSEG_TRY(rmseg_image_create(&p->image, RMSEG_F32, spec->in_channels, size));
    float *values = rmseg_bench_floats(elements, 1);
    if (!values) return RMSEG_ERROR_MEMORY;
    memcpy(p->image->data, values, (size_t)elements * sizeof *values);
    rmseg_free(values);
    return RMSEG_OK;
}

static rmseg_status measure(prediction *p, rmseg_bench_net *n)
{
    double *samples = NULL, flops = 0;
    int64_t count = 0;
    for (int64_t op = 0; op < rmseg_executor_ops(n->executor); op++) {
        rmseg_op_profile profile;
        rmseg_executor_profile(&profile, n->executor, op);
        flops += profile.flops[RMSEG_PASS_FORWARD] / (double)n->run->o->batch;
    }
    rmseg_executor_destroy(n->executor); /* the predictor makes its own */
    n->executor = NULL;
    RMSEG_TRY(prepare(p, n));
    RMSEG_TRY(rmseg_bench_repeat(&samples, &count, n->run, 1, once, p));
    const rmseg_bench_measure row = {
        .name = "window", .note = "network, softmax, blending", .samples = samples, .count = count, .flops = flops};
    rmseg_status status = rmseg_bench_add(n->run, &row);
    rmseg_free(samples);
    return status;
}

rmseg_status rmseg_bench_predict(rmseg_bench_run *run)
{
    rmseg_bench_net n = {0};
    prediction p = {0};
    rmseg_status status = rmseg_bench_net_create(&n, run, false);
    if (!status) status = measure(&p, &n);
    rmseg_predictor_destroy(p.predictor);
    rmseg_image_destroy(p.image);
    rmseg_bench_net_destroy(&n);
    return status;
}
