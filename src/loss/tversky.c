/*
 * tversky.c - the terms `tversky` and `jaccard`: overlap with its own price for what is too much and what is missing.
 *
 *     I = sum p y,  FP = sum p (1 - y),  FN = sum (1 - p) y
 *     tversky   1 - (I + smooth_nr) / (I + alpha FP + beta FN + smooth_dr)
 *     jaccard   alpha = beta = 1: 1 - (I + smooth_nr) / (P + Y - I + smooth_dr)
 * over each sample and channel, or each channel of the whole batch. alpha = beta = 1/2 is Dice without squares. The
 * gradient is overlap.h's with a = 1, b = 1 - alpha - beta, c = alpha, d = beta.
 *
 * Truth and prediction empty: 0, by the smoothing. Truth empty, prediction not: near 1 and nearly flat. beta > alpha
 * makes predictions larger, at alpha = 0 without limit.
 */
#include <string.h>

#include "loss/overlap.h"

#define COMMON_OPTIONS(X)                                                                                              \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2", "1+2")                                    \
    RMSEG_OVERLAP_BACKGROUND(X)                                                                                        \
    X(pick, batch, "false", 0, 0, "true|false|auto", "", "sums over the whole batch; auto: in 2D", "true")             \
    RMSEG_OVERLAP_SUMS(X)                                                                                              \
    X(pick, soft_label, "false", 0, 0, "true|false", "",                                                               \
      "overlap by |p - y|, so that p = y is no loss for soft truths either", "true")
#define TVERSKY_OPTIONS(X)                                                                                             \
    X(f64, alpha, "0.5", 0, 1e6, "", "", "price of false positives", "0.3")                                            \
    X(f64, beta, "0.5", 0, 1e6, "", "", "price of false negatives", "0.7")                                             \
    COMMON_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(tversky_options, TVERSKY_OPTIONS)
RMSEG_OPTIONS_DEFINE(tversky_options, TVERSKY_OPTIONS)
RMSEG_OPTIONS_DECLARE(jaccard_options, COMMON_OPTIONS)
RMSEG_OPTIONS_DEFINE(jaccard_options, COMMON_OPTIONS)

static rmseg_status settle(rmseg_loss_term *term) { return rmseg_overlap_settle(term->options); }

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_options *o = part->term->options;
    e->sweep.absolute |= !strcmp(rmseg_options_get(o, "soft-label"), "true");
    return rmseg_part_channels(e, part, rmseg_options_get(o, "channels"), rmseg_options_get(o, "weights"));
}

static double finish_tversky(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const tversky_options *o = tversky_options_values(part->term->options);
    rmseg_overlap form = {.a = 1,
                          .b = 1 - o->alpha - o->beta,
                          .c = o->alpha,
                          .d = o->beta,
                          .smooth_nr = o->smooth_nr,
                          .smooth_dr = o->smooth_dr,
                          .soft = !strcmp(o->soft_label, "true"),
                          .pooled = rmseg_overlap_pooled(e, o->batch),
                          .reduction = o->reduction};
    return rmseg_overlap_finish(e, part, &form);
}

static double finish_jaccard(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const jaccard_options *o = jaccard_options_values(part->term->options);
    rmseg_overlap form = {.a = 1,
                          .b = -1,
                          .c = 1,
                          .d = 1,
                          .smooth_nr = o->smooth_nr,
                          .smooth_dr = o->smooth_dr,
                          .soft = !strcmp(o->soft_label, "true"),
                          .pooled = rmseg_overlap_pooled(e, o->batch),
                          .reduction = o->reduction};
    return rmseg_overlap_finish(e, part, &form);
}

const rmseg_loss_row rmseg_loss_tversky = {
    .info = {.name = "tversky",
             .arguments = TVERSKY_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "1 - (I + smooth_nr) / (I + alpha FP + beta FN + smooth_dr), I = sum p y",
             .source = "Salehi et al. 2017; monai.losses.TverskyLoss",
             .help = "overlap with a price for false positives and one for false negatives"},
    .create_options = tversky_options_create,
    .settle = settle,
    .compile = compile,
    .finish = finish_tversky,
};

const rmseg_loss_row rmseg_loss_jaccard = {
    .info = {.name = "jaccard",
             .arguments = COMMON_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "1 - (sum p y + smooth_nr) / (sum p + sum y - sum p y + smooth_dr)",
             .source = "Rahman and Wang 2016",
             .help = "soft Jaccard index: intersection over union"},
    .create_options = jaccard_options_create,
    .settle = settle,
    .compile = compile,
    .finish = finish_jaccard,
};
