/* weights_of.c - the weight of each voxel, as the ratio of two gradients. */
#include "run/weights_of.h"

#include <math.h>
#include <string.h>

#define ERROR 0.1 /* by which the prediction misses the truth, everywhere */

/* A prediction and its truth, made for the purpose; all arrays (N,K,D,H,W). */
typedef struct probe {
    rmseg_batch batch;
    double *logits, *map;
    double *gradient, *unit; /* of the objective or a term of it; of mse */
    int64_t voxels;          /* D*H*W */
} probe;

static void destroy_probe(probe *p)
{
    rmseg_free(p->logits);
    rmseg_free(p->map);
    rmseg_free(p->gradient);
    rmseg_free(p->unit);
}

/* ---- the prediction ---------------------------------------------------------------------------------------------- */

static double logit_of(double p, rmseg_head head)
{
    return head == RMSEG_HEAD_SIGMOID ? log(p / (1 - p)) : head == RMSEG_HEAD_SOFTMAX ? log(p) : p;
}

/* Truth of sample n, channel c, voxel v: 0, 1, or -1 where it is ignored. */
static double truth_of(const rmseg_array_batch *b, int64_t voxels, int64_t first_label, int64_t n, int64_t c, int64_t v)
{
    if (b->batch.index) {
        double label = rmseg_array_value(&b->truth, n * voxels + v);
        return b->batch.ignore != -1 && label == b->batch.ignore ? -1 : label == (double)(c + first_label);
    }
    for (int64_t j = 0; j < b->batch.k; j++)
        if (rmseg_array_value(&b->truth, (n * b->batch.k + j) * voxels + v) < 0) return -1;
    return rmseg_array_value(&b->truth, (n * b->batch.k + c) * voxels + v) > 0.5;
}

static void fill(probe *p, const rmseg_array_batch *b, rmseg_head head)
{
    int64_t k = b->batch.k, first_label = head == RMSEG_HEAD_SIGMOID || k == 1;
    bool exclusive = head != RMSEG_HEAD_SIGMOID && k > 1;
    double off = exclusive ? ERROR / (double)(k - 1) : ERROR;
    double logit[2] = {logit_of(off, head), logit_of(1 - ERROR, head)};
    for (int64_t plane = 0; plane < b->batch.n * k; plane++)
        for (int64_t v = 0; v < p->voxels; v++) {
            double y = truth_of(b, p->voxels, first_label, plane / k, plane % k, v);
            p->map[plane * p->voxels + v] = y;
            p->logits[plane * p->voxels + v] = logit[y > 0];
        }
}

static rmseg_status check_labels(const rmseg_array_batch *b, rmseg_head head)
{
    int64_t last = b->batch.k - 1 + (head == RMSEG_HEAD_SIGMOID || b->batch.k == 1);
    for (int64_t i = 0; b->batch.index && i < b->truth.count; i++) {
        double label = rmseg_array_value(&b->truth, i);
        if (b->batch.ignore != -1 && label == b->batch.ignore) continue;
        if (label < 0 || label > (double)last)
            return rmseg_fail(RMSEG_ERROR_FORMAT, "element %lld of the truth is the label %g; expected 0 to %lld",
                              (long long)i, label, (long long)last);
    }
    return RMSEG_OK;
}

static rmseg_status make_probe(probe *p, const rmseg_array_batch *b, rmseg_head head)
{
    RMSEG_TRY(check_labels(b, head));
    p->batch = b->batch;
    p->voxels = b->batch.size[0] * b->batch.size[1] * b->batch.size[2];
    int64_t elements = b->batch.n * b->batch.k * p->voxels;
    double **array[] = {&p->logits, &p->map, &p->gradient, &p->unit};
    for (int i = 0; i < 4; i++)
        if (!(*array[i] = rmseg_alloc(elements, sizeof(double)))) return RMSEG_ERROR_MEMORY;
    fill(p, b, head);
    p->batch.wide = true;
    p->batch.ignore = -1;
    p->batch.index = NULL;
    p->batch.logits = p->logits;
    p->batch.map = p->map;
    return RMSEG_OK;
}

/* ---- the weights ------------------------------------------------------------------------------------------------- */

/* The gradient of one mse under the same head. */
static rmseg_status run_unit(probe *p, rmseg_head head)
{
    rmseg_objective *mse = NULL;
    char text[40] = "";
    double total;
    strncat(text, rmseg_head_name(head), 20);
    RMSEG_TRY(rmseg_objective_parse(&mse, strcat(text, ": mse")));
    rmseg_status status = rmseg_objective_evaluate(&total, NULL, p->unit, mse, &p->batch);
    rmseg_objective_destroy(mse);
    return status;
}

/* Means of p->gradient over p->unit; the weights themselves where `weight` is set. */
static void divide(double mean[2], double *weight, const rmseg_weights_of *w, const probe *p)
{
    double sum[2] = {0}, count[2] = {0};
    for (int64_t i = 0; i < w->voxels; i++) {
        int64_t at = (i / p->voxels * p->batch.k + w->channel) * p->voxels + i % p->voxels;
        double here = p->gradient[at] / p->unit[at];
        if (weight) weight[i] = here;
        if (isnan(here)) continue;
        sum[w->target[i]] += here;
        count[w->target[i]]++;
    }
    for (int side = 0; side < 2; side++) mean[side] = count[side] > 0 ? sum[side] / count[side] : NAN;
}

static rmseg_status measure(rmseg_weights_of *w, probe *p, const rmseg_objective *objective)
{
    rmseg_evaluator *e = NULL;
    double total;
    int64_t terms = rmseg_objective_terms(objective);
    RMSEG_TRY(rmseg_evaluator_create(&e, objective, &p->batch, NULL));
    rmseg_status status = rmseg_evaluator_run(e, &total, NULL, p->gradient, &p->batch);
    if (!status) divide(w->mean[terms], w->weight, w, p);
    for (int64_t i = 0; i < terms && !status; i++) {
        rmseg_evaluator_term_gradient(e, i, 1, p->gradient);
        divide(w->mean[i], NULL, w, p);
    }
    rmseg_evaluator_destroy(e);
    return status;
}

static rmseg_status make(rmseg_weights_of *w, probe *p, const rmseg_objective *objective, const rmseg_array_batch *b)
{
    rmseg_head head = rmseg_objective_head(objective);
    RMSEG_TRY(make_probe(p, b, head));
    w->voxels = b->batch.n * p->voxels;
    w->weight = rmseg_alloc(w->voxels, sizeof *w->weight);
    w->target = rmseg_alloc(w->voxels, sizeof *w->target);
    w->mean = rmseg_alloc(rmseg_objective_terms(objective) + 1, sizeof *w->mean);
    if (!w->weight || !w->target || !w->mean) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < w->voxels; i++)
        w->target[i] = p->map[(i / p->voxels * b->batch.k + w->channel) * p->voxels + i % p->voxels] > 0;
    RMSEG_TRY(run_unit(p, head));
    return measure(w, p, objective);
}

rmseg_status rmseg_weights_of_create(rmseg_weights_of *weights, const rmseg_objective *objective,
                                     const rmseg_array_batch *batch, int64_t channel)
{
    rmseg_weights_of w = {.channel = channel};
    probe p = {0};
    rmseg_head head = rmseg_objective_head(objective);
    if (head != RMSEG_HEAD_SOFTMAX && head != RMSEG_HEAD_SIGMOID && head != RMSEG_HEAD_NONE)
        return rmseg_fail(
            RMSEG_ERROR_UNSUPPORTED,
            "--weights measures at probabilities of 0.1 and 0.9, between which the signed distances of the head %s "
            "hardly differ, so it would say nothing of them; write terms of probabilities under sigmoid",
            rmseg_head_name(head));
    rmseg_status status = make(&w, &p, objective, batch);
    destroy_probe(&p);
    if (status)
        rmseg_weights_of_destroy(&w);
    else
        *weights = w;
    return status;
}

void rmseg_weights_of_destroy(rmseg_weights_of *w)
{
    rmseg_free(w->weight);
    rmseg_free(w->target);
    rmseg_free(w->mean);
    *w = (rmseg_weights_of){0};
}
