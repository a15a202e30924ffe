/*
 * moment.c - the terms `moment` and `size`: sums of the prediction compared with those of the truth.
 *
 *     moment(q..)  v = sum p prod_k c_k^q_k / Z        size  v = sum p / Z
 * of each sample and channel, compared by the term's penalty (measures.h), then their mean. Z is the sample's valid
 * voxels, or 1. Matched: (v(p) - v(y))^2, d/dp = 2 (v(p) - v(y)) prod_k c_k^q_k / Z. The exponents of `moment` are q, not
 * 2 q as in rm: odd ones tell one side from the other.
 *
 * Both are 0 for many p that are not y.
 */
#include <string.h>

#include "loss/measures.h"

#define MOMENT_OPTIONS(X)                                                                                              \
    X(pick, center, "exact", 0, 0, "paper|exact|none|centroid", "",                                                    \
      "where the coordinate is 0: n/2, (n+1)/2, the origin, the centroid of the truth", "paper")                       \
    X(pick, scale, "1", 0, 0, "1|2", "", "the coordinate runs over [-1/2,1/2] or [-1,1]", "2")                         \
    X(pick, normalize, "voxels", 0, 0, "voxels|none", "", "the moment is divided by the sample's voxels", "none")      \
    RMSEG_PENALTY_OPTIONS(X)                                                                                           \
    RMSEG_FRAME_OPTION(X)                                                                                              \
    X(pick, units, "fraction", 0, 0, "fraction|mm", "", "of each axis' own extent, or of the longest extent in mm",    \
      "mm")                                                                                                            \
    RMSEG_REDUCTION_OPTIONS(X)
#define SIZE_OPTIONS(X)                                                                                                \
    X(pick, units, "fraction", 0, 0, "fraction|voxel", "", "of the sample's voxels, or counted", "voxel")              \
    RMSEG_PENALTY_OPTIONS(X)                                                                                           \
    RMSEG_REDUCTION_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(moment_options, MOMENT_OPTIONS)
RMSEG_OPTIONS_DEFINE(moment_options, MOMENT_OPTIONS)
RMSEG_OPTIONS_DECLARE(size_options, SIZE_OPTIONS)
RMSEG_OPTIONS_DEFINE(size_options, SIZE_OPTIONS)

static rmseg_status compile_moment(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const moment_options *o = moment_options_values(part->term->options);
    static const char *const centres[] = {"paper", "exact", "none", "centroid"};
    rmseg_field_rule rule = {
        .scale = o->scale[0] - '0', .volume = !strcmp(o->frame, "volume"), .mm = !strcmp(o->units, "mm")};
    while (strcmp(o->center, centres[rule.centre])) rule.centre++;
    RMSEG_TRY(rmseg_measure_channels(e, part));
    return rmseg_part_orders(e, part, false, &rule);
}

static void size_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    *v = rmseg_dual_apply(sums[0], sums[0].v / place->voxels, 1 / place->voxels);
}

static void moment_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    *v = rmseg_dual_apply(sums[1], sums[1].v / place->voxels, 1 / place->voxels);
}

static void whole_moment_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    (void)place;
    *v = sums[1];
}

static void whole_size_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    (void)place;
    *v = sums[0];
}

static double finish_moment(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const moment_options *o = moment_options_values(part->term->options);
    rmseg_measure m = {.of = !strcmp(o->normalize, "voxels") ? moment_of : whole_moment_of,
                       .values = 1,
                       .reduction = o->reduction,
                       .penalty = RMSEG_PENALTY_OF(e, o)};
    m.penalty.negative = true;
    return rmseg_measure_finish(e, part, &m);
}

static double finish_size(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const size_options *o = size_options_values(part->term->options);
    rmseg_measure m = {.of = !strcmp(o->units, "fraction") ? size_of : whole_size_of,
                       .values = 1,
                       .reduction = o->reduction,
                       .penalty = RMSEG_PENALTY_OF(e, o)};
    return rmseg_measure_finish(e, part, &m);
}

const rmseg_loss_row rmseg_loss_moment = {
    .info = {.name = "moment",
             .arguments =
                 RMSEG_ORDERS_ARGUMENT "; other ones for each channel: 1,0 / 0,1\n" MOMENT_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "(sum (p - y) prod_k c_k^q_k / voxels)^2, mean over samples and channels",
             .source = "image moments, Hu 1962; Wang et al., Eq. 2",
             .help = "global moment of the prediction matched to the truth's; odd orders keep the side that rm loses"},
    .orders = true,
    .create_options = moment_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile_moment,
    .finish = finish_moment,
};

const rmseg_loss_row rmseg_loss_size = {
    .info = {.name = "size",
             .arguments = SIZE_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "(sum p - sum y)^2, mean over samples and channels",
             .source = "Kervadec et al. 2019, 2021",
             .help = "size of the prediction matched to the truth's"},
    .create_options = size_options_create,
    .settle = rmseg_measure_settle,
    .compile = rmseg_measure_channels,
    .finish = finish_size,
};
