/*
 * residual_moment.c - the terms `rm` and `mse`: weighted squares of the residual r = p - y.
 *
 *     c_k = scale (i_k - m_k) / n_k,  i_k = 1..n_k       w = prod_k c_k^(2 q_k)
 *     l^(q1..qd) = sum w r^2 / Z                         d/dp = 2 w r / Z
 * (Wang et al., Residual Moment Loss, Eqs. 4, 7, 8). mse is order 0, w = 1. Z: mean |C| N over the channels C and all
 * valid voxels N; sum 1; batchmean the number of samples.
 *
 * Theorem 1: with reduction=sum and a fixed centre it is the moment m_(2q1..2qd) of r^2. Every exponent is even, so
 * with a centred coordinate the loss knows no left or right. It is 0 for r = 0 and also for any r that lives where w =
 * 0: on the centre's axis planes. Mean of w over the frame: 1/12 for order (1,0), 1/80 for (2,0), 1/6400 for (2,2);
 * times 4^(q1+..+qd) at scale 2.
 */
#include <string.h>

#include "loss/evaluator.h"

#define RM_OPTIONS(X)                                                                                                  \
    X(pick, center, "paper", 0, 0, "paper|exact|none|centroid", "",                                                    \
      "where the coordinate is 0: n/2, (n+1)/2, the origin, the centroid of the truth", "exact")                       \
    X(pick, scale, "1", 0, 0, "1|2", "", "the coordinate runs over [-1/2,1/2] or [-1,1]", "2")                         \
    X(pick, reduction, "mean", 0, 0, "mean|sum|batchmean", "", "divided by channels x voxels, by 1, by samples",       \
      "sum")                                                                                                           \
    X(pick, frame, "patch", 0, 0, "patch|volume", "", "coordinates in the patch or in the image it was cut from",      \
      "volume")                                                                                                        \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2", "1+2")                                    \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")              \
    X(pick, units, "fraction", 0, 0, "fraction|mm", "", "of each axis' own extent, or of the longest extent in mm",    \
      "mm")
RMSEG_OPTIONS_DECLARE(rm_options, RM_OPTIONS)
RMSEG_OPTIONS_DEFINE(rm_options, RM_OPTIONS)

static rmseg_status settle(rmseg_loss_term *term)
{
    RMSEG_TRY(rmseg_weights_parse(NULL, 0, rmseg_options_get(term->options, "weights")));
    return rmseg_channels_parse(NULL, NULL, 0, 0, rmseg_options_get(term->options, "channels"));
}

static rmseg_field_rule rule_of(const rm_options *o)
{
    static const char *const centres[] = {"paper", "exact", "none", "centroid"};
    rmseg_field_rule rule = {
        .scale = o->scale[0] - '0', .volume = !strcmp(o->frame, "volume"), .mm = !strcmp(o->units, "mm")};
    while (strcmp(o->center, centres[rule.centre])) rule.centre++;
    return rule;
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rm_options *o = rm_options_values(part->term->options);
    int64_t order[3] = {0};
    if (part->term->row->orders) RMSEG_TRY(rmseg_term_orders(order, part->term, e->sweep.batch.spatial));
    for (int axis = 0; axis < 3; axis++) order[axis] *= 2;
    RMSEG_TRY(rmseg_part_channels(e, part, o->channels, o->weights));
    rmseg_field_rule rule = rule_of(o);
    part->aside = true;
    return rmseg_field_add(e, part, true, &rule, order);
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const rm_options *o = rm_options_values(part->term->options);
    const rmseg_batch *b = &e->sweep.batch;
    double over = 1, sum = 0;
    if (!strcmp(o->reduction, "mean")) over = (double)part->channel_count * e->valid;
    if (!strcmp(o->reduction, "batchmean")) over = (double)b->n;
    if (!(over > 0)) return 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c]) continue;
            double count = (part->weights ? part->weights[c] : 1) / over;
            sum += count * rmseg_part_square(e, part, 0, n, c);
            *rmseg_part_coefficient(e, part, 0, n, c) += 2 * part->weight * count;
        }
    return sum;
}

const rmseg_loss_row rmseg_loss_rm = {
    .info = {.name = "rm",
             .arguments = "q1,q2[,q3]  0..20  one order for each axis, axis 0 first\n" RM_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of prod_k c_k^(2 q_k) (p - y)^2, c_k = (i_k - n_k/2) / n_k",
             .source = "Wang et al., Residual Moment Loss for Medical Image Segmentation, Eqs. 4, 7, 8",
             .help =
                 "residual moment: squared error weighed by its place, nothing at the centre, most at the far corners"},
    .orders = true,
    .create_options = rm_options_create,
    .settle = settle,
    .compile = compile,
    .finish = finish,
};

const rmseg_loss_row rmseg_loss_mse = {
    .info = {.name = "mse",
             .arguments = RM_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of (p - y)^2",
             .source = "rm of order 0",
             .help = "mean squared error of the probabilities (Brier score); of rm's options only reduction and "
                     "channels matter"},
    .create_options = rm_options_create,
    .settle = settle,
    .compile = compile,
    .finish = finish,
};
