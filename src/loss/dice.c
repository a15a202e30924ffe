/*
 * dice.c - the term `dice`: overlap of p and y, from sums per channel and sample, or per channel over the batch.
 *
 *     I = sum p y,  P = sum p or sum p^2,  Y = sum y or sum y^2            (squared_pred takes the squares)
 *     D = P + Y + smooth_dr;  jaccard: 2 (P + Y - I) + smooth_dr
 *     ua-mt, monai   1 - (2 I + smooth_nr) / D                             in [0, 1]
 *     nnunet           - (2 I + smooth_nr) / max(D, 1e-8)                  in [-1, 0]
 * averaged over the channels (and samples); class weights multiply, the divisor stays the number of terms.
 *
 *     d/dp = -2 y / D + (2 I + smooth_nr) / D^2 dD/dp,   dD/dp = 1 or 2 p;  jaccard: 2 (1 or 2 p) - 2 y
 *
 * The presets: ua-mt     squares, sums over the batch, foreground, 1e-5        (UA-MT; Ma et al. 2020 alike)
 *              monai     no squares, each sample apart, background too, 1e-5   (monai.losses.DiceLoss)
 *              nnunet    no squares, over the batch in 2D, each sample apart in 3D, foreground, 1e-5
 *
 * Truth and prediction empty: ua-mt and monai 0, nnunet -1 (smoothing decides). Truth empty, prediction not: near 1,
 * gradient of the order smooth / P^2. Uniform p on a small target: the gradient is largest where the sums are small, so
 * small targets pull hard.
 */
#include <math.h>
#include <string.h>

#include "loss/evaluator.h"

#define DICE_OPTIONS(X)                                                                                                \
    X(pick, variant, "ua-mt", 0, 0, "ua-mt|monai|nnunet", "", "whose Dice: sets the defaults of the rest", "monai")    \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2; monai: all", "1+2")                        \
    X(pick, include_background, "", 0, 0, "true|false", "", "another way to say channels=all or channels=fg", "true")  \
    X(pick, batch, "true", 0, 0, "true|false|auto", "",                                                                \
      "sums over the whole batch; auto: in 2D; monai: false, nnunet: auto", "true")                                    \
    X(pick, squared_pred, "true", 0, 0, "true|false", "", "squares in the denominator; monai, nnunet: false", "false") \
    X(pick, jaccard, "false", 0, 0, "true|false", "", "the soft Jaccard index instead", "true")                        \
    X(f64, smooth, "", 1e-12, 1e9, "", "", "smooth_nr and smooth_dr at once", "1")                                     \
    X(f64, smooth_nr, "1e-05", 0, 1e9, "", "", "added to the numerator", "0")                                          \
    X(f64, smooth_dr, "1e-05", 1e-12, 1e9, "", "", "added to the denominator", "1e-5")                                 \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")
RMSEG_OPTIONS_DECLARE(dice_options, DICE_OPTIONS)
RMSEG_OPTIONS_DEFINE(dice_options, DICE_OPTIONS)

#define NNUNET_FLOOR 1e-8

static bool is_true(const char *pick) { return !strcmp(pick, "true"); }

static rmseg_status suggest_background(rmseg_options *options, const char *choice)
{
    if (!*choice) return RMSEG_OK;
    const char *wanted = is_true(choice) ? "all" : "fg";
    RMSEG_TRY(rmseg_options_suggest(options, "channels", wanted));
    const char *channels = rmseg_options_get(options, "channels");
    if (!strcmp(channels, wanted)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "include_background=%s contradicts channels=%.60s; give one of them",
                      choice, channels);
}

static rmseg_status settle(rmseg_loss_term *term)
{
    const dice_options *o = dice_options_values(term->options);
    if (strcmp(o->variant, "ua-mt")) RMSEG_TRY(rmseg_options_suggest(term->options, "squared-pred", "false"));
    if (!strcmp(o->variant, "nnunet")) RMSEG_TRY(rmseg_options_suggest(term->options, "batch", "auto"));
    if (!strcmp(o->variant, "monai")) {
        RMSEG_TRY(rmseg_options_suggest(term->options, "batch", "false"));
        if (!*o->include_background) RMSEG_TRY(rmseg_options_suggest(term->options, "channels", "all"));
    }
    if (!isnan(o->smooth)) {
        char number[32];
        rmseg_number_text(number, o->smooth);
        RMSEG_TRY(rmseg_options_suggest(term->options, "smooth-nr", number));
        RMSEG_TRY(rmseg_options_suggest(term->options, "smooth-dr", number));
    }
    RMSEG_TRY(suggest_background(term->options, o->include_background));
    RMSEG_TRY(rmseg_channels_parse(NULL, NULL, 0, 0, o->channels));
    return rmseg_weights_parse(NULL, 0, o->weights);
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const dice_options *o = dice_options_values(part->term->options);
    return rmseg_part_channels(e, part, o->channels, o->weights);
}

/* One score from the sums of channel c over samples [n0, n1): adds its share to the gradient, returns its value. */
static double finish_group(rmseg_evaluator *e, const rmseg_loss_part *part, int64_t c, int64_t n0, int64_t n1,
                           double share)
{
    const dice_options *o = dice_options_values(part->term->options);
    bool squared = is_true(o->squared_pred), jaccard = is_true(o->jaccard), nnunet = !strcmp(o->variant, "nnunet");
    double both = 0, p = 0, y = 0;
    for (int64_t n = n0; n < n1; n++) {
        const double *sums = rmseg_sums_at(e, n, c);
        both += sums[RMSEG_SUM_PY];
        p += sums[squared ? RMSEG_SUM_PP : RMSEG_SUM_P];
        y += sums[squared ? RMSEG_SUM_YY : RMSEG_SUM_Y];
    }
    double over = (jaccard ? 2 * (p + y - both) : p + y) + o->smooth_dr, above = 2 * both + o->smooth_nr;
    bool floored = nnunet && over < NNUNET_FLOOR;
    if (floored) over = NNUNET_FLOOR;
    double weight = share * (part->weights ? part->weights[c] : 1), pull = weight * part->weight / over;
    double push = floored ? 0 : pull * above / over * (jaccard ? 2 : 1);
    for (int64_t n = n0; n < n1; n++) {
        rmseg_slope *slope = rmseg_slope_at(e, n, c);
        slope->y -= 2 * pull + (jaccard ? push : 0);
        if (squared)
            slope->p += 2 * push;
        else
            slope->one += push;
    }
    return weight * ((nnunet ? 0 : 1) - above / over);
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const dice_options *o = dice_options_values(part->term->options);
    const rmseg_batch *b = &e->sweep.batch;
    bool pooled = is_true(o->batch) || (!strcmp(o->batch, "auto") && b->spatial == 2);
    int64_t group = pooled ? b->n : 1;
    double share = 1.0 / (double)(part->channel_count * (b->n / group)), value = 0;
    for (int64_t n = 0; n < b->n; n += group)
        for (int64_t c = 0; c < b->k; c++)
            if (part->channels[c]) value += finish_group(e, part, c, n, n + group, share);
    return value;
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
