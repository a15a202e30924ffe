/*
 * cross_entropy.c - the term `ce`.
 *
 *     softmax   mean over valid voxels of -sum_c y_c log p_c              d/dlogits_c = (p_c sum_j y_j - y_c) / N
 *     sigmoid   mean over valid voxels and channels of the binary cross-entropy   d/dlogits_c = (p_c - y_c) / (K N)
 *     none      softmax's for K > 1, the binary one for K = 1, on probabilities cut off at 1e-12
 * With class weights w: sum w_c y_c (-log p_c) / sum w_c y_c (torch.nn.CrossEntropyLoss(weight=w)); sigmoid: the
 * channels' weighted mean.
 *
 * No valid voxel: 0, gradient 0. A perfect prediction: 0. p = 1/K everywhere: log K. It is unbounded: one voxel that is
 * wrong at a logit of 80 counts 80.
 */
#include <string.h>

#include "loss/evaluator.h"

#define CE_OPTIONS(X)                                                                                                  \
    X(str, weights, "", 0, 0, "", "", "a weight for each channel, joined by '+'; none: equal", "1+2")                  \
    X(pick, reduction, "mean", 0, 0, "mean|sum|batchmean", "", "by the weights' sum, by 1, by samples", "sum")
RMSEG_OPTIONS_DECLARE(ce_options, CE_OPTIONS)
RMSEG_OPTIONS_DEFINE(ce_options, CE_OPTIONS)

static rmseg_status settle(rmseg_loss_term *term)
{
    return rmseg_weights_parse(NULL, 0, rmseg_options_get(term->options, "weights"));
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const ce_options *o = ce_options_values(part->term->options);
    e->sweep.nll = true;
    part->aside = !*o->weights;
    return rmseg_part_channels(e, part, "all", o->weights);
}

/* What the sum of losses is divided by. */
static double divisor(const rmseg_evaluator *e, const rmseg_loss_part *part, bool binary)
{
    const rmseg_batch *b = &e->sweep.batch;
    const char *reduction = ce_options_values(part->term->options)->reduction;
    if (strcmp(reduction, "mean")) return !strcmp(reduction, "sum") ? 1 : (double)b->n;
    if (!part->weights) return e->valid * (binary ? (double)b->k : 1);
    double sum = 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++)
            sum += part->weights[c] * (binary ? e->sweep.valid[n] : rmseg_sums_at(e, n, c)[RMSEG_SUM_Y]);
    return sum;
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    double over = divisor(e, part, e->sweep.head == RMSEG_HEAD_SIGMOID || b->k == 1), value = 0;
    if (!(over > 0)) return 0;
    for (int64_t c = 0; c < b->k; c++) {
        double weight = (part->weights ? part->weights[c] : 1) / over;
        for (int64_t n = 0; n < b->n; n++) value += weight * rmseg_sums_at(e, n, c)[RMSEG_SUM_NLL];
        e->sweep.nll_slope[c] += part->weight * weight;
    }
    return value;
}

const rmseg_loss_row rmseg_loss_ce = {
    .info = {.name = "ce",
             .arguments = CE_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "softmax: mean of -log p_y; sigmoid: mean binary cross-entropy over channels and voxels",
             .source = "torch.nn.CrossEntropyLoss, torch.nn.BCEWithLogitsLoss",
             .help = "cross-entropy: how surprised the prediction is by the truth, voxel by voxel"},
    .create_options = ce_options_create,
    .settle = settle,
    .compile = compile,
    .finish = finish,
};
