/*
 * focal.c - the term `focal`: cross-entropy that counts a voxel the less the better it is predicted.
 *
 *     softmax   mean over valid voxels of -sum_c w_c y_c (1 - p_c)^gamma log p_c
 *     sigmoid   mean over valid voxels and channels of w_c (-a y (1 - p)^gamma log p - b (1 - y) p^gamma log(1 - p)),
 *               a = b = 1, or with alpha: a = alpha, b = 1 - alpha
 *     none      the first for K > 1, the second for K = 1
 *     d/dlogit (sigmoid, y = 1) = -(1 - p)^gamma (gamma p (-log p) + 1 - p)
 *
 * gamma = 0 is ce. The gradient of a voxel that is wrong is that of ce; one predicted with p counts (1 - p)^gamma. A
 * perfect prediction: 0.
 */
#include <math.h>
#include <string.h>

#include "loss/evaluator.h"

#define FOCAL_OPTIONS(X)                                                                                               \
    X(f64, gamma, "2", 0, 100, "", "", "how fast a voxel stops to count", "1")                                         \
    X(f64, alpha, "", 0, 1, "", "", "sigmoid: foreground counts alpha, background 1 - alpha; none: each 1", "0.25")    \
    X(str, channels, "all", 0, 0, "", "", "fg, all, or channels such as 1+2", "1+2")                                   \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")              \
    X(pick, reduction, "mean", 0, 0, "mean|sum|batchmean", "",                                                         \
      "over voxels, and channels of a sigmoid; by 1; by samples", "sum")
RMSEG_OPTIONS_DECLARE(focal_options, FOCAL_OPTIONS)
RMSEG_OPTIONS_DEFINE(focal_options, FOCAL_OPTIONS)

static rmseg_status settle(rmseg_loss_term *term)
{
    const focal_options *o = focal_options_values(term->options);
    RMSEG_TRY(rmseg_channels_parse(NULL, NULL, 0, 0, o->channels));
    return rmseg_weights_parse(NULL, 0, o->weights);
}

static bool is_binary(const rmseg_evaluator *e)
{
    return e->sweep.head == RMSEG_HEAD_SIGMOID || (e->sweep.head == RMSEG_HEAD_NONE && e->sweep.batch.k == 1);
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const focal_options *o = focal_options_values(part->term->options);
    if (!isnan(o->alpha) && !is_binary(e))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "alpha weighs foreground against background of a mask, as with sigmoid; "
                          "for classes that exclude each other give weights");
    RMSEG_TRY(rmseg_part_channels(e, part, o->channels, o->weights));
    return rmseg_focal_add(e, part, o->gamma);
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const focal_options *o = focal_options_values(part->term->options);
    const rmseg_batch *b = &e->sweep.batch;
    const rmseg_focal *focal = e->sweep.focal + part->focal;
    double over = 1, value = 0, yes = isnan(o->alpha) ? 1 : o->alpha, no = isnan(o->alpha) ? 1 : 1 - o->alpha;
    if (!strcmp(o->reduction, "mean")) over = e->valid * (is_binary(e) ? (double)part->channel_count : 1);
    if (!strcmp(o->reduction, "batchmean")) over = (double)b->n;
    if (!(over > 0)) return 0;
    for (int64_t c = 0; c < b->k; c++) {
        if (!part->channels[c]) continue;
        double count = (part->weights ? part->weights[c] : 1) / over;
        for (int64_t n = 0; n < b->n; n++) {
            const double *sums = rmseg_sums_at(e, n, c) + focal->first;
            value += count * (yes * sums[0] + no * sums[1]);
        }
        focal->slope[2 * c] += part->weight * count * yes;
        focal->slope[2 * c + 1] += part->weight * count * no;
    }
    return value;
}

const rmseg_loss_row rmseg_loss_focal = {
    .info = {.name = "focal",
             .arguments = FOCAL_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of -(1 - p_y)^gamma log p_y",
             .source = "Lin et al. 2017; monai.losses.FocalLoss (which divides a softmax's by K too)",
             .help = "cross-entropy of what is still predicted badly"},
    .create_options = focal_options_create,
    .settle = settle,
    .compile = compile,
    .finish = finish,
};
