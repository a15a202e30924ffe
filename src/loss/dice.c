/*
 * dice.c - the term `dice`: overlap of p and y, from sums per channel and sample, or per channel over the batch.
 *
 *     I = sum p y,  P = sum p or sum p^2,  Y = sum y or sum y^2            (squared_pred takes the squares)
 *     D = P + Y + smooth_dr;  jaccard: 2 (P + Y - I) + smooth_dr
 *     ua-mt, monai   1 - (2 I + smooth_nr) / D                             in [0, 1]
 *     nnunet           - (2 I + smooth_nr) / max(D, 1e-8)                  in [-1, 0]
 * averaged over the channels (and samples); class weights multiply, the divisor stays the number of terms.
 *
 *     d/dp = -2 y / D + (2 I + smooth_nr) / D^2 dD/dp,   dD/dp = 1 or 2 p;  jaccard: 2 (1 or 2 p) - 2 y    (overlap.h)
 *
 * The presets: ua-mt     squares, sums over the batch, foreground, 1e-5        (UA-MT; Ma et al. 2020 alike)
 *              monai     no squares, each sample apart, background too, 1e-5   (monai.losses.DiceLoss)
 *              nnunet    no squares, over the batch in 2D, each sample apart in 3D, foreground, 1e-5
 *
 * Truth and prediction empty: ua-mt and monai 0, nnunet -1 (smoothing decides). Truth empty, prediction not: near 1,
 * gradient of the order smooth / P^2. Uniform p on a small target: the gradient is largest where the sums are small, so
 * small targets pull hard.
 */
#include <string.h>

#include "loss/overlap.h"

#define DICE_OPTIONS(X)                                                                                                \
    X(pick, variant, "ua-mt", 0, 0, "ua-mt|monai|nnunet", "", "whose Dice: sets the defaults of the rest", "monai")    \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2; monai: all", "1+2")                        \
    RMSEG_OVERLAP_BACKGROUND(X)                                                                                        \
    X(pick, batch, "true", 0, 0, "true|false|auto", "",                                                                \
      "sums over the whole batch; auto: in 2D; monai: false, nnunet: auto", "true")                                    \
    X(pick, squared_pred, "true", 0, 0, "true|false", "", "squares in the denominator; monai, nnunet: false", "false") \
    X(pick, jaccard, "false", 0, 0, "true|false", "", "the soft Jaccard index instead", "true")                        \
    RMSEG_OVERLAP_SUMS(X)                                                                                              \
    X(pick, soft_label, "false", 0, 0, "true|false", "",                                                               \
      "overlap by |p - y|, so that p = y is no loss for soft truths either; without squares", "true")
RMSEG_OPTIONS_DECLARE(dice_options, DICE_OPTIONS)
RMSEG_OPTIONS_DEFINE(dice_options, DICE_OPTIONS)

#define NNUNET_FLOOR 1e-8

static bool is_true(const char *pick) { return !strcmp(pick, "true"); }

static rmseg_status settle(rmseg_loss_term *term)
{
    const dice_options *o = dice_options_values(term->options);
    if (strcmp(o->variant, "ua-mt")) RMSEG_TRY(rmseg_options_suggest(term->options, "squared-pred", "false"));
    if (!strcmp(o->variant, "nnunet")) RMSEG_TRY(rmseg_options_suggest(term->options, "batch", "auto"));
    if (!strcmp(o->variant, "monai")) {
        RMSEG_TRY(rmseg_options_suggest(term->options, "batch", "false"));
        if (!*o->include_background) RMSEG_TRY(rmseg_options_suggest(term->options, "channels", "all"));
    }
    return rmseg_overlap_settle(term->options);
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const dice_options *o = dice_options_values(part->term->options);
    e->sweep.absolute |= is_true(o->soft_label) && !is_true(o->squared_pred);
    return rmseg_part_channels(e, part, o->channels, o->weights);
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const dice_options *o = dice_options_values(part->term->options);
    bool nnunet = !strcmp(o->variant, "nnunet"), jaccard = is_true(o->jaccard), squared = is_true(o->squared_pred);
    rmseg_overlap form = {.a = 2,
                          .b = jaccard ? -2 : 0,
                          .c = jaccard ? 2 : 1,
                          .d = jaccard ? 2 : 1,
                          .smooth_nr = o->smooth_nr,
                          .smooth_dr = o->smooth_dr,
                          .floor = nnunet ? NNUNET_FLOOR : 0,
                          .squared = squared,
                          .soft = is_true(o->soft_label) && !squared,
                          .negative = nnunet,
                          .pooled = rmseg_overlap_pooled(e, o->batch),
                          .reduction = o->reduction};
    return rmseg_overlap_finish(e, part, &form);
}

const rmseg_loss_row rmseg_loss_dice = {
    .info = {.name = "dice",
             .arguments = DICE_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "1 - (2 sum p y + smooth_nr) / (sum p^2 + sum y^2 + smooth_dr), mean over channels",
             .source = "Milletari et al. 2016; presets of UA-MT, MONAI and nnU-Net",
             .help = "soft Dice: overlap of prediction and truth, whatever the size of the target"},
    .create_options = dice_options_create,
    .settle = settle,
    .compile = compile,
    .finish = finish,
};
