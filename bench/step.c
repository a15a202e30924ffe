/*
 * bench/step.c - the time of a training step: forward, objective, backward, SGD.
 *
 *     bench_step WIDTH SIZE BATCH STEPS      U-Net of RGB images of SIZE x SIZE; one line a step: seconds
 *     bench_step WIDTH D,H,W BATCH STEPS     V-Net of volumes with dropout, as on the left atrium
 *
 * The work is that of `rmseg train`, without the loader. tools/bench_step.py and tools/bench_volume_step.py run it
 * beside PyTorch.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/backend.h"
#include "core/core.h"
#include "loss/loss.h"
#include "nn/nn.h"

enum { CLASSES = 2 };

typedef struct bench {
    int64_t width, size[3], batch, steps, pixels;
    int spatial, channels;
    rmseg_net *net;
    rmseg_weights *weights;
    rmseg_executor *executor;
    rmseg_objective *objective;
    rmseg_evaluator *evaluator;
    float *image, *map, *logits, *dlogits;
    int32_t *index;
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

/* Masks of a sigmoid for photographs, classes of a softmax for volumes. */
static rmseg_status prepare_batch(bench *b)
{
    b->pixels = b->size[0] * b->size[1] * b->size[2];
    b->image = random_floats(b->batch * b->channels * b->pixels, false);
    b->map = random_floats(b->batch * CLASSES * b->pixels, true);
    b->logits = random_floats(b->batch * CLASSES * b->pixels, false);
    b->dlogits = random_floats(b->batch * CLASSES * b->pixels, false);
    b->index = rmseg_alloc(b->batch * b->pixels, sizeof *b->index);
    if (!b->image || !b->map || !b->logits || !b->dlogits || !b->index) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < b->batch * b->pixels; i++) b->index[i] = (int32_t)b->map[i];
    b->judged = (rmseg_batch){.n = b->batch, .k = CLASSES, .spatial = b->spatial, .ignore = -1, .logits = b->logits};
    for (int axis = 0; axis < 3; axis++) b->judged.size[axis] = b->size[axis];
    if (b->spatial == 2)
        b->judged.map = b->map;
    else
        b->judged.index = b->index;
    return RMSEG_OK;
}

static rmseg_status prepare(bench *b)
{
    bool flat = b->spatial == 2;
    const rmseg_net_spec spec = {flat ? "unet" : "vnet", b->spatial, b->channels, CLASSES, b->width, 4, "batch", "relu",
                                 flat ? 0 : 0.5,         false};
    const rmseg_backend *backend;
    RMSEG_TRY(rmseg_backend_default(&backend));
    RMSEG_TRY(rmseg_net_create(&b->net, &spec));
    RMSEG_TRY(rmseg_weights_create(&b->weights, b->net, backend, true));
    RMSEG_TRY(rmseg_weights_init(b->weights, 1));
    RMSEG_TRY(rmseg_executor_create(&b->executor, b->net, backend, b->batch, b->size, true));
    RMSEG_TRY(rmseg_objective_parse(&b->objective, flat ? "sigmoid: ce + dice + rm(2,0) + rm(0,2) + rm(2,2)"
                                                        : "softmax: ce + dice + 0.01*rm(2,0,0) + 0.01*rm(0,2,0) + "
                                                          "0.01*rm(0,0,2)"));
    RMSEG_TRY(prepare_batch(b));
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
    rmseg_free(b->index);
}

/* "256" or "112,112,80"; false when it is neither. */
static bool read_size(bench *b, const char *text)
{
    long long size[3];
    char rest;
    int numbers = sscanf(text, "%lld,%lld,%lld%c", &size[0], &size[1], &size[2], &rest);
    b->spatial = numbers == 1 ? 2 : 3;
    b->channels = numbers == 1 ? 3 : 1;
    for (int axis = 0; axis < 3; axis++) b->size[axis] = numbers == 3 ? size[axis] : axis == 0 ? 1 : size[0];
    return numbers == 1 || numbers == 3;
}

int main(int argc, char **argv)
{
    bench b = {0};
    if (argc != 5 || !read_size(&b, argv[2])) {
        fprintf(stderr, "usage: bench_step WIDTH SIZE|D,H,W BATCH STEPS\n");
        return 2;
    }
    b.width = atoll(argv[1]), b.batch = atoll(argv[3]), b.steps = atoll(argv[4]);
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
