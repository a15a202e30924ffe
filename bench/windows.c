/*
 * bench/windows.c - the time of a prediction's windows: a forward pass without what training keeps.
 *
 *     bench_windows WIDTH D,H,W BATCH RUNS      V-Net of two classes, weights from a seed; one line a run: seconds a
 *                                             window, on the clock and of the processors
 *
 * The work is that of `rmseg predict` between cutting a window and blending it. tools/bench_windows.py runs it beside
 * PyTorch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backend/backend.h"
#include "core/core.h"
#include "nn/nn.h"

enum { CLASSES = 2 };

typedef struct bench {
    int64_t width, size[3], batch, runs;
    rmseg_net *net;
    rmseg_weights *weights;
    rmseg_executor *executor;
    float *image, *logits;
} bench;

static rmseg_status prepare(bench *b)
{
    const rmseg_net_spec spec = {"vnet", 3, 1, CLASSES, b->width, 4, "batch", "relu", 0.5, false};
    const rmseg_backend *backend;
    int64_t voxels = b->batch * b->size[0] * b->size[1] * b->size[2];
    RMSEG_TRY(rmseg_backend_default(&backend));
    RMSEG_TRY(rmseg_net_create(&b->net, &spec));
    RMSEG_TRY(rmseg_weights_create(&b->weights, b->net, backend, false));
    RMSEG_TRY(rmseg_weights_init(b->weights, 1));
    RMSEG_TRY(rmseg_executor_create(&b->executor, b->net, backend, b->batch, b->size, false));
    b->image = rmseg_alloc(voxels, sizeof *b->image);
    b->logits = rmseg_alloc(CLASSES * voxels, sizeof *b->logits);
    if (!b->image || !b->logits) return RMSEG_ERROR_MEMORY;
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 0, 0);
    for (int64_t i = 0; i < voxels; i++) b->image[i] = (float)rmseg_random_normal(&random);
    return RMSEG_OK;
}

static void destroy(bench *b)
{
    rmseg_executor_destroy(b->executor);
    rmseg_weights_destroy(b->weights);
    rmseg_net_destroy(b->net);
    rmseg_free(b->image);
    rmseg_free(b->logits);
}

int main(int argc, char **argv)
{
    bench b = {0};
    long long size[3];
    if (argc != 5 || sscanf(argv[2], "%lld,%lld,%lld", &size[0], &size[1], &size[2]) != 3) {
        fprintf(stderr, "usage: bench_windows WIDTH D,H,W BATCH RUNS\n");
        return 2;
    }
    for (int axis = 0; axis < 3; axis++) b.size[axis] = size[axis];
    b.width = atoll(argv[1]), b.batch = atoll(argv[3]), b.runs = atoll(argv[4]);
    rmseg_status status = prepare(&b);
    for (int64_t i = 0; i < b.runs && status == RMSEG_OK; i++) {
        double start = rmseg_now_s(), work = (double)clock();
        status = rmseg_executor_forward(b.logits, b.executor, b.weights, b.image, 0, 0);
        printf("%.6f %.6f\n", (rmseg_now_s() - start) / (double)b.batch,
               ((double)clock() - work) / CLOCKS_PER_SEC / (double)b.batch);
        fflush(stdout);
    }
    if (status != RMSEG_OK) fprintf(stderr, "bench_windows: %s\n", rmseg_error_last());
    destroy(&b);
    return status != RMSEG_OK;
}
