/*
 * moment.c - the terms `moment`, `size` and `centroid`: how far sums of the prediction are from those of the truth.
 *
 *     moment(q..)  M^2,  M = sum r prod_k c_k^q_k / Z          d/dp = 2 M prod_k c_k^q_k / Z
 *     size         (S(p) - S(y))^2,  S = sum p                   d/dp = 2 (S(p) - S(y))
 *     centroid     sum_k (v_k(p) - v_k(y))^2,  v_k = sum x_k p / S
 *                  d/dp = sum_k 2 (v_k(p) - v_k(y)) (x_k - v_k(p)) / S
 * of each sample and channel, then their mean. Z is the sample's valid voxels, or 1. The exponents of `moment` are q, not
 * 2 q as in rm: odd ones tell one side from the other. x_k is the place as a share of the axis' extent.
 *
 * All are 0 for many p that are not y. centroid: 0 where the truth is empty or S(p) <= min_size.
 */
#include <string.h>

#include "loss/evaluator.h"

#define SHARED_OPTIONS(X)                                                                                              \
    X(pick, reduction, "mean", 0, 0, "mean|sum|batchmean", "", "over channels and samples, or over samples", "sum")    \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2", "1+2")                                    \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")
#define PLACE_OPTIONS(X)                                                                                               \
    X(pick, frame, "patch", 0, 0, "patch|volume", "", "coordinates in the patch or in the image it was cut from",      \
      "volume")                                                                                                        \
    X(pick, units, "fraction", 0, 0, "fraction|mm", "", "of each axis' own extent, or of the longest extent in mm",    \
      "mm")
#define MOMENT_OPTIONS(X)                                                                                              \
    X(pick, center, "exact", 0, 0, "paper|exact|none|centroid", "",                                                    \
      "where the coordinate is 0: n/2, (n+1)/2, the origin, the centroid of the truth", "paper")                       \
    X(pick, scale, "1", 0, 0, "1|2", "", "the coordinate runs over [-1/2,1/2] or [-1,1]", "2")                         \
    X(pick, normalize, "voxels", 0, 0, "voxels|none", "", "the moment is divided by the sample's voxels", "none")      \
    PLACE_OPTIONS(X)                                                                                                   \
    SHARED_OPTIONS(X)
#define SIZE_OPTIONS(X)                                                                                                \
    X(pick, units, "fraction", 0, 0, "fraction|voxel", "", "of the sample's voxels, or counted", "voxel")              \
    SHARED_OPTIONS(X)
#define CENTROID_OPTIONS(X)                                                                                            \
    X(f64, min_size, "10", 0, 1e9, "", "voxels", "a prediction not larger has no centroid", "1")                       \
    PLACE_OPTIONS(X)                                                                                                   \
    SHARED_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(moment_options, MOMENT_OPTIONS)
RMSEG_OPTIONS_DEFINE(moment_options, MOMENT_OPTIONS)
RMSEG_OPTIONS_DECLARE(size_options, SIZE_OPTIONS)
RMSEG_OPTIONS_DEFINE(size_options, SIZE_OPTIONS)
RMSEG_OPTIONS_DECLARE(centroid_options, CENTROID_OPTIONS)
RMSEG_OPTIONS_DEFINE(centroid_options, CENTROID_OPTIONS)

static rmseg_status settle(rmseg_loss_term *term)
{
    RMSEG_TRY(rmseg_weights_parse(NULL, 0, rmseg_options_get(term->options, "weights")));
    return rmseg_channels_parse(NULL, NULL, 0, 0, rmseg_options_get(term->options, "channels"));
}

static rmseg_status choose(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_options *o = part->term->options;
    return rmseg_part_channels(e, part, rmseg_options_get(o, "channels"), rmseg_options_get(o, "weights"));
}

/* The value of one sample and channel that counts `count`, its gradient added to the sweep. */
typedef double (*one_fn)(rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n, int64_t c, double count);

static double over_all(rmseg_evaluator *e, const rmseg_loss_part *part, one_fn one)
{
    const rmseg_batch *b = &e->sweep.batch;
    const char *reduction = rmseg_options_get(part->term->options, "reduction");
    double value = 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c] || !(e->sweep.valid[n] > 0)) continue;
            double count = rmseg_part_count(e, part, reduction, c);
            value += count * one(e, part, n, c, part->weight * count);
        }
    return value;
}

/* ---- moment -------------------------------------------------------------------------------------------------- */

static rmseg_status compile_moment(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const moment_options *o = moment_options_values(part->term->options);
    static const char *const centres[] = {"paper", "exact", "none", "centroid"};
    int64_t exponent[3];
    rmseg_field_rule rule = {
        .scale = o->scale[0] - '0', .volume = !strcmp(o->frame, "volume"), .mm = !strcmp(o->units, "mm")};
    while (strcmp(o->center, centres[rule.centre])) rule.centre++;
    RMSEG_TRY(rmseg_term_orders(exponent, part->term, e->sweep.batch.spatial));
    RMSEG_TRY(choose(e, part));
    return rmseg_field_add(e, part, false, &rule, exponent);
}

static double one_moment(rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n, int64_t c, double count)
{
    bool voxels = !strcmp(moment_options_values(part->term->options)->normalize, "voxels");
    double over = voxels ? e->sweep.valid[n] : 1;
    double moment = (rmseg_part_p(e, part, 0, n, c) - rmseg_part_y(e, part, 0, n, c)) / over;
    *rmseg_part_coefficient(e, part, 0, n, c) += 2 * count * moment / over;
    return moment * moment;
}

static double finish_moment(rmseg_evaluator *e, const rmseg_loss_part *part) { return over_all(e, part, one_moment); }

/* ---- size ---------------------------------------------------------------------------------------------------- */

static double one_size(rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n, int64_t c, double count)
{
    const double *sums = rmseg_sums_at(e, n, c);
    bool fraction = !strcmp(size_options_values(part->term->options)->units, "fraction");
    double over = fraction ? e->sweep.valid[n] : 1, far = (sums[RMSEG_SUM_P] - sums[RMSEG_SUM_Y]) / over;
    rmseg_slope_at(e, n, c)->one += 2 * count * far / over;
    return far * far;
}

static double finish_size(rmseg_evaluator *e, const rmseg_loss_part *part) { return over_all(e, part, one_size); }

/* ---- centroid ------------------------------------------------------------------------------------------------ */

/* Coordinates are taken from the truth's centroid: differences of large sums would lose digits. */
static rmseg_status compile_centroid(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const centroid_options *o = centroid_options_values(part->term->options);
    rmseg_field_rule rule = {.centre = RMSEG_CENTRE_CENTROID,
                             .scale = 1,
                             .volume = !strcmp(o->frame, "volume"),
                             .mm = !strcmp(o->units, "mm")};
    RMSEG_TRY(choose(e, part));
    for (int axis = 3 - e->sweep.batch.spatial; axis < 3; axis++) {
        int64_t exponent[3] = {0};
        exponent[axis] = 1;
        RMSEG_TRY(rmseg_field_add(e, part, false, &rule, exponent));
    }
    return RMSEG_OK;
}

static double one_centroid(rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n, int64_t c, double count)
{
    const double *sums = rmseg_sums_at(e, n, c);
    double p = sums[RMSEG_SUM_P], y = sums[RMSEG_SUM_Y], value = 0;
    if (!(y > 0) || !(p > centroid_options_values(part->term->options)->min_size)) return 0;
    for (int64_t i = 0; i < part->indices; i++) {
        double place = rmseg_part_p(e, part, i, n, c) / p;
        double far = place - rmseg_part_y(e, part, i, n, c) / y, pull = 2 * count * far / p;
        *rmseg_part_coefficient(e, part, i, n, c) += pull;
        rmseg_slope_at(e, n, c)->one -= pull * place;
        value += far * far;
    }
    return value;
}

static double finish_centroid(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    return over_all(e, part, one_centroid);
}

const rmseg_loss_row rmseg_loss_moment = {
    .info = {.name = "moment",
             .arguments =
                 "q1,q2[,q3]  0..20  one order for each axis, axis 0 first\n" MOMENT_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "(sum (p - y) prod_k c_k^q_k / voxels)^2, mean over samples and channels",
             .source = "image moments, Hu 1962; Wang et al., Eq. 2",
             .help = "global moment of the prediction matched to the truth's; odd orders keep the side that rm loses"},
    .orders = true,
    .create_options = moment_options_create,
    .settle = settle,
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
    .settle = settle,
    .compile = choose,
    .finish = finish_size,
};

const rmseg_loss_row rmseg_loss_centroid = {
    .info = {.name = "centroid",
             .arguments = CENTROID_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "sum_k (v_k(p) - v_k(y))^2, v_k = sum x_k p / sum p, mean over samples and channels",
             .source = "Kervadec et al. 2021",
             .help = "centre of mass of the prediction matched to the truth's"},
    .create_options = centroid_options_create,
    .settle = settle,
    .compile = compile_centroid,
    .finish = finish_centroid,
};
