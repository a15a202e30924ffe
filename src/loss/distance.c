/*
 * distance.c - the terms `boundary` and `hausdorff`: weights that are distances, made anew in every evaluation.
 *
 *     D_out: distance to the nearest foreground voxel, 0 inside;  D_in: to the nearest background voxel, 0 outside
 *     boundary   sum p phi / Z                      d/dp = phi / Z
 *         kervadec       phi = D_out outside, -(D_in - delta) inside, delta one voxel (mm: the least spacing)
 *         ma             phi = D_out - D_in, 0 on the inner border: foreground beside background, never the image's edge
 *         ma-normalised  phi = D_out / max - D_in / max, 0 on the inner border
 *     hausdorff  sum r^2 (D(p)^alpha + D(y)^alpha) / Z     d/dp = 2 r (...) / Z, D(p) is not differentiated
 *         karimi, monai  D = D_in + D_out, of p > 1/2
 *         ma             D = D_in alone;  kervadec: the same, of the channel that is largest (sigmoid: p > 1/2)
 *         log            log(1 + value)
 * Z: channels x valid voxels (mean), 1 (sum), samples (batchmean).
 *
 * One of D_in and D_out is 0 in every voxel that counts, so a root is taken of their squares' sum.
 */
#include <math.h>
#include <string.h>

#include "loss/distance_maps.h"

#define SHARED_OPTIONS(X)                                                                                              \
    X(pick, units, "voxel", 0, 0, "voxel|mm", "", "of the distances", "mm")                                            \
    X(pick, maps, "crop", 0, 0, "crop|image", "", "the truth's distances within the patch, or within the whole image", \
      "image")                                                                                                         \
    X(pick, reduction, "mean", 0, 0, "mean|sum|batchmean", "", "divided by channels x voxels, by 1, by samples",       \
      "sum")                                                                                                           \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2", "1+2")                                    \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")
#define BOUNDARY_OPTIONS(X)                                                                                            \
    X(pick, variant, "kervadec", 0, 0, "kervadec|ma|ma-normalised", "", "whose signed distance", "ma")                 \
    SHARED_OPTIONS(X)
#define HAUSDORFF_OPTIONS(X)                                                                                           \
    X(pick, variant, "karimi", 0, 0, "karimi|monai|ma|kervadec", "", "whose distance, and of which mask", "ma")        \
    X(f64, alpha, "2", 0, 10, "", "", "the exponent of distances", "1")                                                \
    X(pick, log, "false", 0, 0, "true|false", "", "log(1 + value) instead", "true")                                    \
    SHARED_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(boundary_options, BOUNDARY_OPTIONS)
RMSEG_OPTIONS_DEFINE(boundary_options, BOUNDARY_OPTIONS)
RMSEG_OPTIONS_DECLARE(hausdorff_options, HAUSDORFF_OPTIONS)
RMSEG_OPTIONS_DEFINE(hausdorff_options, HAUSDORFF_OPTIONS)

static rmseg_status settle(rmseg_loss_term *term)
{
    RMSEG_TRY(rmseg_weights_parse(NULL, 0, rmseg_options_get(term->options, "weights")));
    return rmseg_channels_parse(NULL, NULL, 0, 0, rmseg_options_get(term->options, "channels"));
}

/* ---- boundary ------------------------------------------------------------------------------------------------ */

static rmseg_status compile_boundary(rmseg_evaluator *e, rmseg_loss_part *part)
{
    RMSEG_TRY(rmseg_maps_create(e, part, 0));
    return rmseg_field_add_map(e, part, false);
}

/* phi = sqrt(out) / out_max outside, -(sqrt(in) - delta) / in_max inside. */
typedef struct signed_distance {
    double delta, out_scale, in_scale;
    bool border; /* 0 on the inner border */
} signed_distance;

static void weigh_signed(rmseg_map_block *x, const rmseg_class_view *v, const void *context)
{
    const signed_distance d = *(const signed_distance *)context;
    for (int64_t i = 0; i < x->count; i++) {
        double root = sqrt(x->out[i] + x->in[i]);
        x->map[i] = x->in[i] > 0 ? (d.delta - root) * d.in_scale : root * d.out_scale;
    }
    for (int64_t i = 0; d.border && i < x->count; i++) x->map[i] = v->border[x->first + i] ? 0 : x->map[i];
}

static double least_spacing(const rmseg_evaluator *e, const rmseg_class_view *v)
{
    double least = INFINITY;
    for (int axis = 3 - e->sweep.batch.spatial; axis < 3; axis++) least = fmin(least, v->grid.spacing[axis]);
    return least;
}

static rmseg_status fill_boundary(rmseg_evaluator *e, rmseg_loss_part *part, rmseg_class_view *v)
{
    const char *variant = boundary_options_values(part->term->options)->variant;
    bool kervadec = !strcmp(variant, "kervadec"), normalised = !strcmp(variant, "ma-normalised");
    signed_distance d = {0, 1, 1, false};
    RMSEG_TRY(rmseg_view_truth(v, e));
    if (v->any_fg && v->any_bg) {
        if (kervadec) d.delta = least_spacing(e, v);
        d.border = !kervadec;
        if (d.border) RMSEG_TRY(rmseg_view_border(v));
        if (normalised) {
            double out, in;
            rmseg_view_largest(&out, &in, v);
            d.out_scale = 1 / out, d.in_scale = 1 / in;
        }
    }
    rmseg_view_fill(e, e->sweep.field[part->field].map, v, weigh_signed, &d);
    return RMSEG_OK;
}

static rmseg_status prepare_boundary(rmseg_evaluator *e, rmseg_loss_part *part)
{
    return rmseg_maps_each(e, part, fill_boundary);
}

static double finish_boundary(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    return rmseg_map_finish(e, part, part->weight);
}

/* ---- hausdorff ----------------------------------------------------------------------------------------------- */

static rmseg_status compile_hausdorff(rmseg_evaluator *e, rmseg_loss_part *part)
{
    RMSEG_TRY(rmseg_evaluator_predict(e));
    RMSEG_TRY(rmseg_maps_create(e, part, 0));
    return rmseg_field_add_map(e, part, true);
}

typedef struct powers {
    double alpha;
    bool both; /* D_in + D_out, else D_in */
    bool more; /* added to the map */
} powers;

static void weigh_powers(rmseg_map_block *x, const rmseg_class_view *v, const void *context)
{
    (void)v;
    const powers d = *(const powers *)context;
    double *square = x->in;
    for (int64_t i = 0; d.both && i < x->count; i++) square[i] += x->out[i];
    if (d.alpha == 1)
        for (int64_t i = 0; i < x->count; i++) square[i] = sqrt(square[i]);
    else if (d.alpha != 2)
        for (int64_t i = 0; i < x->count; i++) square[i] = square[i] > 0 ? pow(square[i], d.alpha / 2) : 0;
    for (int64_t i = 0; i < x->count; i++) x->map[i] = d.more ? x->map[i] + square[i] : square[i];
}

static rmseg_status fill_hausdorff(rmseg_evaluator *e, rmseg_loss_part *part, rmseg_class_view *v)
{
    const hausdorff_options *o = hausdorff_options_values(part->term->options);
    const rmseg_batch *b = &e->sweep.batch;
    bool exclusive = e->sweep.head == RMSEG_HEAD_SOFTMAX || (e->sweep.head == RMSEG_HEAD_NONE && b->k > 1);
    powers d = {o->alpha, !strcmp(o->variant, "karimi") || !strcmp(o->variant, "monai"), false};
    RMSEG_TRY(rmseg_view_truth(v, e));
    rmseg_view_fill(e, e->sweep.field[part->field].map, v, weigh_powers, &d);
    d.more = true;
    RMSEG_TRY(rmseg_view_prediction(v, e, exclusive && !strcmp(o->variant, "kervadec")));
    if (v->any_fg && v->any_bg) rmseg_view_fill(e, e->sweep.field[part->field].map, v, weigh_powers, &d);
    return RMSEG_OK;
}

static rmseg_status prepare_hausdorff(rmseg_evaluator *e, rmseg_loss_part *part)
{
    return rmseg_maps_each(e, part, fill_hausdorff);
}

static double finish_hausdorff(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const hausdorff_options *o = hausdorff_options_values(part->term->options);
    double value = rmseg_map_finish(e, part, 2 * part->weight);
    if (strcmp(o->log, "true")) return value;
    rmseg_map_finish(e, part, 2 * part->weight / (1 + value));
    return log1p(value);
}

const rmseg_loss_row rmseg_loss_boundary = {
    .info = {.name = "boundary",
             .arguments = BOUNDARY_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of p phi, phi the signed distance to the truth's border, negative inside",
             .source = "Kervadec et al. 2021; Ma et al. 2020; monai.losses.BoundaryLoss",
             .help = "boundary: a prediction costs the more the farther it lies outside of the truth"},
    .create_options = boundary_options_create,
    .settle = settle,
    .compile = compile_boundary,
    .prepare = prepare_boundary,
    .finish = finish_boundary,
};

const rmseg_loss_row rmseg_loss_hausdorff = {
    .info = {.name = "hausdorff",
             .arguments = HAUSDORFF_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of (p - y)^2 (D(p)^alpha + D(y)^alpha), D the distance to the border",
             .source = "Karimi and Salcudean 2019; Ma et al. 2020; monai.losses.HausdorffDTLoss, LogHausdorffDTLoss",
             .help = "squared error weighed by how far it lies from the borders of truth and prediction"},
    .create_options = hausdorff_options_create,
    .settle = settle,
    .compile = compile_hausdorff,
    .prepare = prepare_hausdorff,
    .finish = finish_hausdorff,
};
