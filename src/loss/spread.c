/*
 * spread.c - the terms `centroid`, `class_centroid`, `spread`, `covariance`, `inertia`, `eccentricity`: where a mask is
 * and how it extends.
 *
 *     v_k = sum x_k p / (S + eps),   mu_ab = sum (x_a - v_a) (x_b - v_b) p,   S = sum p,   eps = 1e-10
 *     centroid        v_k, one number an axis
 *     class_centroid  sum_k (v_k(p_a) - v_k(p_b))^2 of two channels a, b
 *     spread          sqrt(mu_kk / (S + eps)), one number an axis
 *     covariance      mu_ab / (S + eps), all d x d entries
 *     inertia         sum_k mu_kk / (S + eps)^(1 + 2/d): 2D nu20 + nu02
 *     eccentricity    sqrt|1 - l2 / (l1 + eps)|, l = (mu20 + mu02 +- sqrt(4 mu11^2 + (mu20 - mu02)^2)) / 2; 2D alone
 * each compared with the truth's by the term's penalty (measures.h), then their mean.
 *
 * All are 0 for many p that are not y, and where the truth is empty or S(p) <= min_size. spread has no slope along an
 * axis on which the prediction has no extent.
 */
#include <math.h>
#include <string.h>

#include "loss/measures.h"

#define FIRST_OPTIONS(X)                                                                                               \
    RMSEG_PENALTY_OPTIONS(X)                                                                                           \
    RMSEG_MIN_SIZE_OPTION(X)                                                                                           \
    RMSEG_FRAME_OPTION(X)
#define EXTENT_OPTIONS(X)                                                                                              \
    FIRST_OPTIONS(X)                                                                                                   \
    X(pick, units, "fraction", 0, 0, "fraction|voxel|mm", "",                                                          \
      "coordinates: of each axis' own extent, in voxels, or of the longest extent in mm", "mm")                        \
    RMSEG_REDUCTION_OPTIONS(X)
#define SHAPE_OPTIONS(X)                                                                                               \
    FIRST_OPTIONS(X)                                                                                                   \
    X(pick, units, "voxel", 0, 0, "fraction|voxel|mm", "",                                                             \
      "coordinates: of each axis' own extent, in voxels, or of the longest extent in mm", "mm")                        \
    RMSEG_REDUCTION_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(extent_options, EXTENT_OPTIONS)
RMSEG_OPTIONS_DEFINE(extent_options, EXTENT_OPTIONS)
RMSEG_OPTIONS_DECLARE(shape_options, SHAPE_OPTIONS)
RMSEG_OPTIONS_DEFINE(shape_options, SHAPE_OPTIONS)

static rmseg_status compile_degree(rmseg_evaluator *e, rmseg_loss_part *part, int degree)
{
    const rmseg_options *o = part->term->options;
    return rmseg_measure_monomials(e, part, degree, rmseg_options_get(o, "frame"), rmseg_options_get(o, "units"));
}

static rmseg_status compile_first(rmseg_evaluator *e, rmseg_loss_part *part) { return compile_degree(e, part, 1); }

static rmseg_status compile_second(rmseg_evaluator *e, rmseg_loss_part *part) { return compile_degree(e, part, 2); }

/* What an EXTENT and a SHAPE measure is set to. */
static rmseg_measure measure_of(const rmseg_evaluator *e, const rmseg_loss_part *part, rmseg_measure_fn of)
{
    rmseg_measure m = {.of = of, .ratio = true};
    const char *units;
    if (part->term->row->create_options == extent_options_create) {
        const extent_options *o = extent_options_values(part->term->options);
        m.min_size = o->min_size, m.reduction = o->reduction, units = o->units;
        m.penalty = RMSEG_PENALTY_OF(e, o);
    } else {
        const shape_options *o = shape_options_values(part->term->options);
        m.min_size = o->min_size, m.reduction = o->reduction, units = o->units;
        m.penalty = RMSEG_PENALTY_OF(e, o);
    }
    m.voxel = !strcmp(units, "voxel");
    return m;
}

/* ---- the measures -------------------------------------------------------------------------------------------- */

/* Places count from the first voxel: a band is wide by the distance from there. */
static void centre_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    for (int k = 0; k < place->axes; k++) v[k] = rmseg_dual_plus(rmseg_measure_centre(sums, k), -place->first[k]);
}

static void spread_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    for (int k = 0; k < place->axes; k++) {
        rmseg_dual variance =
            rmseg_dual_over(rmseg_measure_second(sums, place->axes, k, k), rmseg_dual_plus(sums[0], RMSEG_EPSILON));
        double noise = 1e-14 * sums[rmseg_second(place->axes, k, k)].v / (sums[0].v + RMSEG_EPSILON);
        double root = variance.v > noise ? sqrt(variance.v) : 0;
        v[k] = rmseg_dual_apply(variance, root, root > 0 ? 0.5 / root : 0);
    }
}

static void covariance_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    for (int a = 0; a < place->axes; a++)
        for (int b = a; b < place->axes; b++)
            *v++ =
                rmseg_dual_over(rmseg_measure_second(sums, place->axes, a, b), rmseg_dual_plus(sums[0], RMSEG_EPSILON));
}

static void inertia_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    rmseg_dual trace = rmseg_measure_second(sums, place->axes, 0, 0);
    for (int k = 1; k < place->axes; k++)
        trace = rmseg_dual_mix(trace, 1, rmseg_measure_second(sums, place->axes, k, k), 1);
    double mass = (sums[0].v + RMSEG_EPSILON) * place->cell, power = 1 + 2.0 / place->axes, over = pow(mass, -power);
    rmseg_dual scale = rmseg_dual_apply(sums[0], over * place->cell, -power * over / mass * place->cell * place->cell);
    *v = rmseg_dual_times(trace, scale);
}

/* 1 - l2 / (l1 + eps) = (l1 - l2 + eps) / (l1 + eps) without its cancellation: it stays above 0. */
static void eccentricity_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    (void)place;
    rmseg_dual hh = rmseg_measure_second(sums, 2, 0, 0), hw = rmseg_measure_second(sums, 2, 0, 1);
    rmseg_dual ww = rmseg_measure_second(sums, 2, 1, 1), none = {0};
    rmseg_dual root = rmseg_dual_hypot(rmseg_dual_mix(hw, 2, none, 0), rmseg_dual_mix(hh, 1, ww, -1));
    rmseg_dual larger = rmseg_dual_mix(rmseg_dual_mix(hh, 0.5, ww, 0.5), 1, root, 0.5);
    rmseg_dual square = rmseg_dual_over(rmseg_dual_plus(root, RMSEG_EPSILON), rmseg_dual_plus(larger, RMSEG_EPSILON));
    double value = sqrt(fabs(square.v));
    *v = rmseg_dual_apply(square, value, 0.5 / value);
}

static double finish_centroid(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    rmseg_measure m = measure_of(e, part, centre_of);
    m.values = e->sweep.batch.spatial;
    return rmseg_measure_finish(e, part, &m);
}

static double finish_spread(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    rmseg_measure m = measure_of(e, part, spread_of);
    m.values = e->sweep.batch.spatial;
    return rmseg_measure_finish(e, part, &m);
}

/* An entry off the diagonal stands for two. */
static double finish_covariance(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    static const double flat[] = {1, 2, 1}, solid[] = {1, 2, 2, 1, 2, 1};
    rmseg_measure m = measure_of(e, part, covariance_of);
    m.values = e->sweep.batch.spatial == 2 ? 3 : 6;
    m.share = e->sweep.batch.spatial == 2 ? flat : solid;
    m.penalty.negative = true;
    return rmseg_measure_finish(e, part, &m);
}

static double finish_inertia(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    rmseg_measure m = measure_of(e, part, inertia_of);
    m.values = 1;
    return rmseg_measure_finish(e, part, &m);
}

static rmseg_status compile_eccentricity(rmseg_evaluator *e, rmseg_loss_part *part)
{
    if (e->sweep.batch.spatial != 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "eccentricity is that of an ellipse: it takes 2D batches, this is %dD; "
                          "in 3D covariance and hu compare shapes",
                          e->sweep.batch.spatial);
    return compile_degree(e, part, 2);
}

static double finish_eccentricity(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    rmseg_measure m = measure_of(e, part, eccentricity_of);
    m.values = 1;
    return rmseg_measure_finish(e, part, &m);
}

/* ---- class_centroid ------------------------------------------------------------------------------------------ */

static rmseg_status compile_class_centroid(rmseg_evaluator *e, rmseg_loss_part *part)
{
    RMSEG_TRY(compile_degree(e, part, 1));
    if (part->channel_count >= 2) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "class_centroid compares two channels or more, channels=%.60s is one here",
                      rmseg_options_get(part->term->options, "channels"));
}

/* The centre of one channel from the first voxel; false where there is none. */
static bool find_centre(rmseg_dual *v, const rmseg_evaluator *e, const rmseg_loss_part *part, const rmseg_measure *m,
                        int64_t n, int64_t c, bool truth)
{
    rmseg_dual sums[RMSEG_MEASURE_SUMS];
    rmseg_place place = rmseg_measure_place(e, part, n, c, m->voxel);
    rmseg_measure_sums(sums, e, part, n, c, truth, m->voxel);
    if (!(sums[0].v > (truth ? 0 : m->min_size))) return false;
    centre_of(v, sums, &place);
    return true;
}

static void push(rmseg_evaluator *e, const rmseg_loss_part *part, const rmseg_dual *v, int64_t n, int64_t c,
                 double pull)
{
    rmseg_slope_at(e, n, c)->one += pull * v->d[0];
    for (int64_t i = 0; i < part->indices; i++) *rmseg_part_coefficient(e, part, i, n, c) += pull * v->d[1 + i];
}

/* The channels a and b of one sample. */
static double finish_pair(rmseg_evaluator *e, const rmseg_loss_part *part, const rmseg_measure *m, int64_t n, int64_t a,
                          int64_t b, double count)
{
    rmseg_dual pa[3], pb[3], ya[3], yb[3];
    double apart_p = 0, apart_y = 0, slope;
    if (!find_centre(ya, e, part, m, n, a, true) || !find_centre(yb, e, part, m, n, b, true)) return 0;
    if (!find_centre(pa, e, part, m, n, a, false) || !find_centre(pb, e, part, m, n, b, false)) return 0;
    for (int k = 0; k < e->sweep.batch.spatial; k++) {
        apart_p += (pa[k].v - pb[k].v) * (pa[k].v - pb[k].v);
        apart_y += (ya[k].v - yb[k].v) * (ya[k].v - yb[k].v);
    }
    double cost = rmseg_penalty_cost(&slope, &m->penalty, apart_p, apart_y);
    for (int k = 0; k < e->sweep.batch.spatial; k++) {
        double pull = 2 * count * part->weight * slope * (pa[k].v - pb[k].v);
        push(e, part, pa + k, n, a, pull);
        push(e, part, pb + k, n, b, -pull);
    }
    return count * cost;
}

/* All pairs of the chosen channels; the mean is over them, a pair's weight the product of its channels'. */
static double finish_class_centroid(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const rmseg_batch *batch = &e->sweep.batch;
    rmseg_measure m = measure_of(e, part, NULL);
    double pairs = (double)part->channel_count * (double)(part->channel_count - 1) / 2, over = 1, value = 0;
    if (!strcmp(m.reduction, "mean")) over = pairs * (double)batch->n;
    if (!strcmp(m.reduction, "batchmean")) over = (double)batch->n;
    for (int64_t n = 0; n < batch->n; n++)
        for (int64_t a = 0; a < batch->k; a++)
            for (int64_t b = a + 1; b < batch->k; b++) {
                if (!part->channels[a] || !part->channels[b] || !(e->sweep.valid[n] > 0)) continue;
                double weight = part->weights ? part->weights[a] * part->weights[b] : 1;
                value += finish_pair(e, part, &m, n, a, b, weight / over);
            }
    return value;
}

/* ---- the rows ------------------------------------------------------------------------------------------------ */

const rmseg_loss_row rmseg_loss_centroid = {
    .info = {.name = "centroid",
             .arguments = EXTENT_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "sum_k (v_k(p) - v_k(y))^2, v_k = sum x_k p / sum p, mean over samples and channels",
             .source = "Kervadec et al. 2021",
             .help = "centre of mass of the prediction matched to the truth's"},
    .create_options = extent_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile_first,
    .finish = finish_centroid,
};

const rmseg_loss_row rmseg_loss_class_centroid = {
    .info = {.name = "class_centroid",
             .arguments = EXTENT_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "(v(p) - v(y))^2, v = squared distance of two channels' centroids, mean over samples and pairs",
             .source = "Kervadec et al. 2021",
             .help = "how far classes lie from each other, matched to the truth: channels=1+2 for one pair"},
    .create_options = extent_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile_class_centroid,
    .finish = finish_class_centroid,
};

const rmseg_loss_row rmseg_loss_spread = {
    .info = {.name = "spread",
             .arguments = EXTENT_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "sum_k (s_k(p) - s_k(y))^2, s_k = sqrt(sum p (x_k - v_k)^2 / sum p)",
             .source = "Kervadec et al. 2021",
             .help = "extent along each axis matched to the truth's"},
    .create_options = extent_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile_second,
    .finish = finish_spread,
};

const rmseg_loss_row rmseg_loss_covariance = {
    .info = {.name = "covariance",
             .arguments = EXTENT_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "sum_ab (m_ab(p) - m_ab(y))^2, m_ab = mu_ab / sum p",
             .source = "second central moments, Hu 1962",
             .help = "extent and direction matched to the truth's: the matrix of second moments, squared Frobenius"},
    .create_options = extent_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile_second,
    .finish = finish_covariance,
};

const rmseg_loss_row rmseg_loss_inertia = {
    .info = {.name = "inertia",
             .arguments = SHAPE_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "(v(p) - v(y))^2, v = sum_k mu_kk / (sum p)^(1 + 2/d): nu20 + nu02",
             .source = "Hu 1962",
             .help = "how far from a ball, whatever place and size, matched to the truth"},
    .create_options = shape_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile_second,
    .finish = finish_inertia,
};

const rmseg_loss_row rmseg_loss_eccentricity = {
    .info = {.name = "eccentricity",
             .arguments = SHAPE_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "(v(p) - v(y))^2, v = sqrt|1 - l2 / l1|, l1 >= l2 the eigenvalues of mu; 2D",
             .source = "image moments, Hu 1962",
             .help = "how long for its width, matched to the truth: 0 for a disc, 1 for a line"},
    .create_options = shape_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile_eccentricity,
    .finish = finish_eccentricity,
};
