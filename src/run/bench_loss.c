/*
 * bench_loss.c - objectives on batches of usual shapes, value and gradient together; metrics of pairs of masks.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metric/metric.h"
#include "run/bench.h"

/* ---- truth ------------------------------------------------------------------------------------------------------- */

enum { AXES = 3 };

/* Whether a voxel lies in an ellipsoid about a point a little off the middle, whose radii are a share of the extents. */
static bool is_inside(const int64_t size[3], int64_t voxel, double radius, double shift)
{
    double sum = 0;
    for (int axis = AXES - 1; axis >= 0; axis--) {
        double at = (double)(voxel % size[axis]) + 0.5, extent = (double)size[axis];
        voxel /= size[axis];
        if (size[axis] > 1) sum += pow((at / extent - 0.5 - shift) / radius, 2);
    }
    return sum < 1;
}

rmseg_status rmseg_bench_truth_create(rmseg_bench_truth *truth, rmseg_batch *batch, const rmseg_objective *objective)
{
    int64_t voxels = batch->size[0] * batch->size[1] * batch->size[2];
    bool maps = rmseg_objective_head(objective) != RMSEG_HEAD_SOFTMAX;
    truth->index = rmseg_alloc(batch->n * voxels, sizeof *truth->index);
    truth->map = maps ? rmseg_alloc(batch->n * batch->k * voxels, sizeof *truth->map) : NULL;
    if (!truth->index || (maps && !truth->map)) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < batch->n * voxels; i++)
        for (int64_t k = 1; k < batch->k; k++) /* one within the other */
            if (is_inside(batch->size, i % voxels, 0.3 / (double)k, 0.02)) truth->index[i] = (int32_t)k;
    for (int64_t i = 0; maps && i < batch->n * batch->k * voxels; i++) {
        int64_t n = i / voxels / batch->k, k = i / voxels % batch->k;
        truth->map[i] = truth->index[n * voxels + i % voxels] == k;
    }
    batch->map = truth->map;
    batch->index = maps ? NULL : truth->index;
    return RMSEG_OK;
}

void rmseg_bench_truth_destroy(rmseg_bench_truth *truth)
{
    rmseg_free(truth->index);
    rmseg_free(truth->map);
}

/* ---- objectives -------------------------------------------------------------------------------------------------- */

typedef struct loss {
    rmseg_objective *objective;
    rmseg_evaluator *evaluator;
    rmseg_bench_truth truth;
    rmseg_batch batch;
    float *logits, *dlogits;
} loss;

static const struct {
    int64_t n, size[3];
    int spatial;
} shapes[] = {{1, {1, 512, 512}, 2}, {4, {1, 256, 256}, 2}, {1, {112, 112, 80}, 3}};

enum { CLASSES = 2 };

/* Of 2D and of 3D. */
static const char *const expressions[][2] = {
    {"softmax: ce", "softmax: ce"},
    {"softmax: ce + dice", "softmax: ce + dice"},
    {"softmax: ce + dice + rm(2,0) + rm(0,2) + rm(2,2)", "softmax: ce + dice + rm(2,0,0) + rm(0,2,0) + rm(0,0,2)"},
    {"sigmoid: ce + dice", "sigmoid: ce + dice"},
    {"softmax: ce + dice + 0.1*boundary", "softmax: ce + dice + 0.1*boundary"},
    {"softmax: ce + dice + 0.1*hausdorff", "softmax: ce + dice + 0.1*hausdorff"},
};

enum { SHAPES = sizeof shapes / sizeof *shapes, EXPRESSIONS = sizeof expressions / sizeof *expressions };

static rmseg_status evaluate(void *context, double *samples, int64_t round)
{
    loss *l = context;
    double total, start = rmseg_now_s();
    (void)round;
    RMSEG_TRY(rmseg_evaluator_run(l->evaluator, &total, NULL, l->dlogits, &l->batch));
    samples[0] = rmseg_now_s() - start;
    return RMSEG_OK;
}

static rmseg_status measure_loss(loss *l, rmseg_bench_run *run, int shape, const char *expression)
{
    const int64_t *size = shapes[shape].size;
    int64_t voxels = size[0] * size[1] * size[2], count = shapes[shape].n * CLASSES * voxels, times = 0;
    double *samples = NULL;
    l->batch = (rmseg_batch){.n = shapes[shape].n, .k = CLASSES, .spatial = shapes[shape].spatial, .ignore = -1};
    memcpy(l->batch.size, size, sizeof l->batch.size);
    l->logits = rmseg_bench_floats(count, 3);
    l->dlogits = rmseg_alloc(count, sizeof *l->dlogits);
    if (!l->logits || !l->dlogits) return RMSEG_ERROR_MEMORY;
    l->batch.logits = l->logits;
    RMSEG_TRY(rmseg_objective_parse(&l->objective, expression));
    RMSEG_TRY(rmseg_bench_truth_create(&l->truth, &l->batch, l->objective));
    RMSEG_TRY(rmseg_evaluator_create(&l->evaluator, l->objective, &l->batch, run->backend->name));
    RMSEG_TRY(rmseg_bench_repeat(&samples, &times, run, 1, evaluate, l));
    double truth = l->batch.map ? (double)count : (double)(count / CLASSES);
    const rmseg_bench_measure row = {.name = expression,
                                     .note = "value and gradient",
                                     .samples = samples,
                                     .count = times,
                                     .bytes = (2.0 * (double)count + truth) * sizeof(float)};
    rmseg_status status = rmseg_bench_add(run, &row);
    rmseg_free(samples);
    return status;
}

static void destroy_loss(loss *l)
{
    rmseg_evaluator_destroy(l->evaluator);
    rmseg_objective_destroy(l->objective);
    rmseg_bench_truth_destroy(&l->truth);
    rmseg_free(l->logits);
    rmseg_free(l->dlogits);
}

rmseg_status rmseg_bench_loss(rmseg_bench_run *run)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        const int64_t *size = shapes[shape].size;
        bool flat = shapes[shape].spatial == 2;
        char depth[32] = "";
        if (!flat) snprintf(depth, sizeof depth, "%lldx", (long long)size[0]);
        RMSEG_TRY(rmseg_bench_setting(run, "%lld x %d x %s%lldx%lld", (long long)shapes[shape].n, CLASSES, depth,
                                      (long long)size[1], (long long)size[2]));
        for (int e = 0; e < EXPRESSIONS; e++) {
            const char *expression = expressions[e][!flat];
            loss l = {0};
            if (!rmseg_bench_wanted(run, expression)) continue;
            rmseg_status status = measure_loss(&l, run, shape, expression);
            destroy_loss(&l);
            RMSEG_TRY(status);
        }
    }
    return RMSEG_OK;
}

/* ---- metrics ------------------------------------------------------------------------------------------------------- */

typedef struct pair {
    uint8_t *prediction, *truth;
    int64_t size[3];
    const char *const *names;
    int64_t count;
} pair;

static rmseg_status judge(void *context, double *samples, int64_t round)
{
    pair *p = context;
    rmseg_metric_settings settings;
    double values[8];
    (void)round;
    rmseg_metric_settings_default(&settings);
    settings.tolerance = 1;
    double start = rmseg_now_s();
    RMSEG_TRY(rmseg_metric_measure(values, NULL, p->prediction, p->truth, p->size, (const double[]){1, 1, 1}, p->names,
                                   p->count, &settings));
    samples[0] = rmseg_now_s() - start;
    return RMSEG_OK;
}

static rmseg_status measure_metrics(pair *p, rmseg_bench_run *run)
{
    static const char *const names[] = {"dice", "jaccard", "hd", "hd95", "asd", "assd", "nsd"};
    enum { NAMES = sizeof names / sizeof *names };
    int64_t voxels = p->size[0] * p->size[1] * p->size[2];
    p->prediction = rmseg_alloc(voxels, 1);
    p->truth = rmseg_alloc(voxels, 1);
    if (!p->prediction || !p->truth) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < voxels; i++) {
        p->truth[i] = is_inside(p->size, i, 0.3, 0);
        p->prediction[i] = is_inside(p->size, i, 0.28, 0.03);
    }
    for (int first = 0; first <= NAMES; first++) {
        double *samples = NULL;
        int64_t times = 0;
        rmseg_bench_measure row = {.name = first < NAMES ? names[first] : "all of them at once"};
        p->names = first < NAMES ? names + first : names;
        p->count = first < NAMES ? 1 : NAMES;
        if (!rmseg_bench_wanted(run, row.name)) continue;
        RMSEG_TRY(rmseg_bench_repeat(&samples, &times, run, 1, judge, p));
        row.samples = samples, row.count = times;
        rmseg_status status = rmseg_bench_add(run, &row);
        rmseg_free(samples);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_bench_metrics(rmseg_bench_run *run)
{
    static const int64_t sizes[][3] = {{1, 512, 512}, {112, 112, 80}, {160, 160, 96}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pair p = {.size = {sizes[i][0], sizes[i][1], sizes[i][2]}};
        RMSEG_TRY(rmseg_bench_setting(run, "%lldx%lldx%lld, one ellipsoid each", (long long)p.size[0],
                                      (long long)p.size[1], (long long)p.size[2]));
        rmseg_status status = measure_metrics(&p, run);
        rmseg_free(p.prediction);
        rmseg_free(p.truth);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}
