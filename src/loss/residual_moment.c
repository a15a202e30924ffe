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

#include "loss/residual_moment.h"

RMSEG_OPTIONS_DECLARE(rm_options, RMSEG_RM_OPTIONS)
RMSEG_OPTIONS_DEFINE(rm_options, RMSEG_RM_OPTIONS)

rmseg_status rmseg_rm_options_create(rmseg_options **options) { return rm_options_create(options); }

rmseg_status rmseg_rm_settle(rmseg_loss_term *term)
{
    RMSEG_TRY(rmseg_weights_parse(NULL, 0, rmseg_options_get(term->options, "weights")));
    return rmseg_channels_parse(NULL, NULL, 0, 0, rmseg_options_get(term->options, "channels"));
}

rmseg_field_rule rmseg_rm_rule(const rmseg_options *o)
{
    static const char *const centres[] = {"paper", "exact", "none", "centroid"};
    rmseg_field_rule rule = {.scale = rmseg_options_get(o, "scale")[0] - '0',
                             .volume = !strcmp(rmseg_options_get(o, "frame"), "volume"),
                             .mm = !strcmp(rmseg_options_get(o, "units"), "mm")};
    while (strcmp(rmseg_options_get(o, "center"), centres[rule.centre])) rule.centre++;
    return rule;
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rm_options *o = rm_options_values(part->term->options);
    RMSEG_TRY(rmseg_part_channels(e, part, o->channels, o->weights));
    rmseg_field_rule rule = rmseg_rm_rule(part->term->options);
    part->aside = true;
    return rmseg_part_orders(e, part, true, &rule);
}

double rmseg_rm_finish(rmseg_evaluator *e, const rmseg_loss_part *part, const double *factor)
{
    const char *reduction = rmseg_options_get(part->term->options, "reduction");
    const rmseg_batch *b = &e->sweep.batch;
    double over = 1, sum = 0;
    if (!strcmp(reduction, "mean")) over = (double)part->channel_count * e->valid;
    if (!strcmp(reduction, "batchmean")) over = (double)b->n;
    if (!(over > 0)) return 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c]) continue;
            double count = (part->weights ? part->weights[c] : 1) / over;
            if (factor) count *= factor[n * b->k + c];
            const rmseg_loss_part own = rmseg_part_of_channel(part, c);
            sum += count * rmseg_part_square(e, &own, 0, n, c);
            *rmseg_part_coefficient(e, &own, 0, n, c) += 2 * part->weight * count;
        }
    return sum;
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part) { return rmseg_rm_finish(e, part, NULL); }

const rmseg_loss_row rmseg_loss_rm = {
    .info = {.name = "rm",
             .arguments = RMSEG_ORDERS_ARGUMENT
             "; other ones for each channel: 2,0 / 0,2\n" RMSEG_RM_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of prod_k c_k^(2 q_k) (p - y)^2, c_k = (i_k - n_k/2) / n_k",
             .source = "Wang et al., Residual Moment Loss for Medical Image Segmentation, Eqs. 4, 7, 8",
             .help =
                 "residual moment: squared error weighed by its place, nothing at the centre, most at the far corners"},
    .orders = true,
    .create_options = rm_options_create,
    .settle = rmseg_rm_settle,
    .compile = compile,
    .finish = finish,
};

const rmseg_loss_row rmseg_loss_mse = {
    .info = {.name = "mse",
             .arguments = RMSEG_RM_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of (p - y)^2",
             .source = "rm of order 0",
             .help = "mean squared error of the probabilities (Brier score); of rm's options only reduction and "
                     "channels matter"},
    .create_options = rm_options_create,
    .settle = rmseg_rm_settle,
    .compile = compile,
    .finish = finish,
};
