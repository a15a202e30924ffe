/*
 * bench/step.c - the time of a training step of the U-Net: forward, objective, backward, SGD.
 *
 *     bench_step WIDTH SIZE BATCH STEPS      one line a step: seconds
 *
 * The work is that of `rmseg train`, without the loader. tools/bench_step.py runs it beside PyTorch.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/backend.h"
#include "core/core.h"
#include "loss/loss.h"
#include "nn/nn.h"

enum { CLASSES = 2, CHANNELS = 3 };

typedef struct bench {
    int64_t width, size, batch, steps, pixels;
    rmseg_net *net;
    rmseg_weights *weights;
    rmseg_executor *executor;
    rmseg_objective *objective;
    rmseg_evaluator *evaluator;
    float *image, *map, *logits, *dlogits;
    rmseg_batch judged;
} bench;

static float *random_floats(int64_t count, bool binary)
{
    float *values = rmseg_alloc(count, sizeof *values);
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 0, 0);
    for (int64_t i = 0; values && i < count; i++) {
        double u = rmseg_random_uniform(&random);
        values[i] = binary ? u < 0.1 : (float)(2 * u - 1);
    }
    return values;
}

static rmseg_status prepare(bench *b)
{
    const rmseg_net_spec spec = {"unet", 2, CHANNELS, CLASSES, b->width, 4, "batch", "relu", 0, false};
    const int64_t size[3] = {1, b->size, b->size};
    const rmseg_backend *backend;
    RMSEG_TRY(rmseg_backend_default(&backend));
    RMSEG_TRY(rmseg_net_create(&b->net, &spec));
    RMSEG_TRY(rmseg_weights_create(&b->weights, b->net, backend, true));
    RMSEG_TRY(rmseg_weights_init(b->weights, 1));
    RMSEG_TRY(rmseg_executor_create(&b->executor, b->net, backend, b->batch, size, true));
    RMSEG_TRY(rmseg_objective_parse(&b->objective, "sigmoid: ce + dice + rm(2,0) + rm(0,2) + rm(2,2)"));
    b->pixels = b->size * b->size;
    b->image = random_floats(b->batch * CHANNELS * b->pixels, false);
    b->map = random_floats(b->batch * CLASSES * b->pixels, true);
    b->logits = random_floats(b->batch * CLASSES * b->pixels, false);
    b->dlogits = random_floats(b->batch * CLASSES * b->pixels, false);
    if (!b->image || !b->map || !b->logits || !b->dlogits) return RMSEG_ERROR_MEMORY;
    b->judged = (rmseg_batch){.n = b->batch, .k = CLASSES, .size = {1, b->size, b->size}, .spatial = 2, .ignore = -1};
    b->judged.logits = b->logits;
    b->judged.map = b->map;
    return rmseg_evaluator_create(&b->evaluator, b->objective, &b->judged, backend->name);
}

static rmseg_status step(bench *b, int64_t iteration)
{
    const rmseg_sgd sgd = {.lr = 0.01, .momentum = 0.9, .decay = 1e-4};
    double total, norm;
    RMSEG_TRY(rmseg_executor_forward(b->logits, b->executor, b->weights, b->image, 1, iteration));
    RMSEG_TRY(rmseg_evaluator_run(b->evaluator, &total, NULL, b->dlogits, &b->judged));
    RMSEG_TRY(rmseg_executor_backward(b->executor, b->weights, b->dlogits));
    return rmseg_weights_step(&norm, b->weights, &sgd);
}

static void destroy(bench *b)
{
    rmseg_evaluator_destroy(b->evaluator);
    rmseg_objective_destroy(b->objective);
    rmseg_executor_destroy(b->executor);
    rmseg_weights_destroy(b->weights);
    rmseg_net_destroy(b->net);
    rmseg_free(b->image);
    rmseg_free(b->map);
    rmseg_free(b->logits);
    rmseg_free(b->dlogits);
}

int main(int argc, char **argv)
{
    if (argc != 5) return fprintf(stderr, "usage: bench_step WIDTH SIZE BATCH STEPS\n"), 2;
    bench b = {.width = atoll(argv[1]), .size = atoll(argv[2]), .batch = atoll(argv[3]), .steps = atoll(argv[4])};
    rmseg_status status = prepare(&b);
    for (int64_t i = 0; i < b.steps && status == RMSEG_OK; i++) {
        double start = rmseg_now_s();
        status = step(&b, i);
        printf("%.6f\n", rmseg_now_s() - start);
    }
    if (status != RMSEG_OK) fprintf(stderr, "bench_step: %s\n", rmseg_error_last());
    destroy(&b);
    return status != RMSEG_OK;
}
