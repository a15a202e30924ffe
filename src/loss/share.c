/*
 * share.c - share(P): the weight at which a term pulls as hard as P times all terms that have no share.
 *
 *     target = P G / g        G, g = L2 norms over the batch's logits of the gradients of those, and of what it weighs
 *     weight = target in the first evaluation, then 0.99 weight + 0.01 target
 *
 * Each share() costs one more sweep that writes a gradient, and those without a share another. Where either gradient is
 * 0 (nothing to weigh, or nothing to weigh it by) the average stays; before the first target the weight is 0.
 */
#include <math.h>

#include "loss/evaluator.h"

#define MEMORY 0.99

rmseg_status rmseg_shares_create(rmseg_evaluator *e)
{
    rmseg_shares *s = &e->shares;
    const rmseg_batch *b = &e->sweep.batch;
    int64_t count = e->objective->coefficients.shares, elements = b->n * b->k * b->size[0] * b->size[1] * b->size[2];
    if (!count) return RMSEG_OK;
    s->weight = rmseg_alloc(count, sizeof *s->weight);
    s->used = rmseg_alloc(count, sizeof *s->used);
    s->target = rmseg_alloc(count, sizeof *s->target);
    s->gradient = rmseg_alloc(elements, b->wide ? sizeof(double) : sizeof(float));
    if (!s->weight || !s->used || !s->target || !s->gradient) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < count; i++) s->weight[i] = NAN;
    return RMSEG_OK;
}

void rmseg_shares_destroy(rmseg_evaluator *e)
{
    rmseg_free(e->shares.weight);
    rmseg_free(e->shares.used);
    rmseg_free(e->shares.target);
    rmseg_free(e->shares.gradient);
}

/* Norm of the gradient of the terms that have this share, taken as 1; of those without one where it is -1. */
static double norm_of(rmseg_evaluator *e, int64_t share)
{
    const rmseg_objective *o = e->objective;
    rmseg_shares *s = &e->shares;
    for (int64_t i = 0; i < o->coefficients.shares; i++) s->used[i] = 1;
    rmseg_coefficients_evaluate(e->coefficient, &o->coefficients, e->sweep.batch.progress, s->used);
    for (int64_t i = 0; i < o->terms; i++) {
        int64_t node = o->term[i].coefficient;
        e->part[i].weight = o->coefficients.node[node].share == share ? e->coefficient[node] : 0;
    }
    rmseg_evaluator_finish(e);
    e->sweep.dlogits = s->gradient;
    rmseg_evaluator_scatter(e);
    return rmseg_evaluator_norm(e, s->gradient);
}

/* The share wanted: of the one node that is this share(). */
static double wanted(const rmseg_coefficients *all, int64_t share)
{
    int64_t i = 0;
    while (all->node[i].kind != RMSEG_COEFFICIENT_SCHEDULE || all->node[i].share != share) i++;
    return all->node[i].schedule.value[0];
}

void rmseg_shares_settle(rmseg_evaluator *e, bool keep)
{
    rmseg_shares *s = &e->shares;
    const rmseg_coefficients *all = &e->objective->coefficients;
    bool measure = keep;
    for (int64_t i = 0; i < all->shares; i++) measure |= isnan(s->weight[i]);
    double others = measure ? norm_of(e, -1) : NAN;
    for (int64_t i = 0; i < all->shares; i++) s->target[i] = measure ? wanted(all, i) * others / norm_of(e, i) : NAN;
    for (int64_t i = 0; i < all->shares; i++) {
        double weight = s->weight[i], target = s->target[i];
        bool counts = isfinite(target) && target > 0;
        if (counts && isnan(weight))
            weight = target;
        else if (counts && keep)
            weight = MEMORY * weight + (1 - MEMORY) * target;
        if (keep) s->weight[i] = weight;
        s->used[i] = isnan(weight) ? 0 : weight;
    }
}
