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
 * A class that is empty or full has no border: all distances 0. Ignored voxels are neither foreground nor background, so
 * that no border arises at their rim. Distances are those within the patch.
 */
#include <math.h>
#include <string.h>

#include "field/field.h"
#include "loss/evaluator.h"

#define SHARED_OPTIONS(X)                                                                                              \
    X(pick, units, "voxel", 0, 0, "voxel|mm", "", "of the distances", "mm")                                            \
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

/* One mask and its squared distances; slices of part->scratch, (D,H,W) each. */
typedef struct view {
    double *out, *in; /* squared */
    uint8_t *fg, *bg;
    rmseg_grid grid;
    int64_t voxels;
} view;

static view view_of(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n)
{
    const rmseg_batch *b = &e->sweep.batch;
    bool mm = !strcmp(rmseg_options_get(part->term->options, "units"), "mm") && b->frames;
    view v = {.voxels = b->size[0] * b->size[1] * b->size[2]};
    v.out = part->scratch, v.in = v.out + v.voxels;
    v.fg = (uint8_t *)(v.in + v.voxels), v.bg = v.fg + v.voxels;
    for (int axis = 0; axis < 3; axis++) {
        v.grid.size[axis] = b->size[axis];
        v.grid.spacing[axis] = mm ? b->frames[n].spacing[axis] : 1;
    }
    return v;
}

static rmseg_status settle(rmseg_loss_term *term)
{
    RMSEG_TRY(rmseg_weights_parse(NULL, 0, rmseg_options_get(term->options, "weights")));
    return rmseg_channels_parse(NULL, NULL, 0, 0, rmseg_options_get(term->options, "channels"));
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part, bool squared)
{
    const rmseg_batch *b = &e->sweep.batch;
    int64_t voxels = b->size[0] * b->size[1] * b->size[2];
    const rmseg_options *o = part->term->options;
    part->scratch = rmseg_alloc(2 * voxels + rmseg_chunk_count(2 * voxels, sizeof(double)), sizeof(double));
    if (!part->scratch) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_part_channels(e, part, rmseg_options_get(o, "channels"), rmseg_options_get(o, "weights")));
    return rmseg_field_add_map(e, part, squared);
}

static rmseg_status compile_boundary(rmseg_evaluator *e, rmseg_loss_part *part) { return compile(e, part, false); }

static rmseg_status compile_hausdorff(rmseg_evaluator *e, rmseg_loss_part *part)
{
    RMSEG_TRY(rmseg_evaluator_predict(e));
    return compile(e, part, true);
}

/* ---- masks and distances ------------------------------------------------------------------------------------- */

static void mask_truth(const rmseg_evaluator *e, const view *v, int64_t n, int64_t c)
{
    for (int64_t i = 0; i < v->voxels; i++) {
        double y = rmseg_truth_at(e, n, c, i);
        v->fg[i] = y > 0.5;
        v->bg[i] = y >= 0 && !v->fg[i];
    }
}

static double predicted_at(const rmseg_evaluator *e, const view *v, int64_t n, int64_t c, int64_t i)
{
    int64_t at = (n * e->sweep.batch.k + c) * v->voxels + i;
    return e->sweep.batch.wide ? ((const double *)e->predicted)[at] : (double)((const float *)e->predicted)[at];
}

/* Channel c is the largest; the first of equals is. */
static bool is_largest(const rmseg_evaluator *e, const view *v, int64_t n, int64_t c, int64_t i)
{
    double p = predicted_at(e, v, n, c, i);
    for (int64_t j = 0; j < e->sweep.batch.k; j++) {
        double other = predicted_at(e, v, n, j, i);
        if (other > p || (other == p && j < c)) return false;
    }
    return true;
}

static void mask_prediction(const rmseg_evaluator *e, const view *v, int64_t n, int64_t c, bool largest)
{
    for (int64_t i = 0; i < v->voxels; i++) {
        double p = predicted_at(e, v, n, c, i);
        v->fg[i] = largest ? p >= 0 && is_largest(e, v, n, c, i) : p > 0.5;
        v->bg[i] = p >= 0 && !v->fg[i];
    }
}

/* *any is false, and nothing computed, where the mask is empty or full. */
static rmseg_status measure(bool *any, const view *v)
{
    bool fg = memchr(v->fg, 1, (size_t)v->voxels) != NULL, bg = memchr(v->bg, 1, (size_t)v->voxels) != NULL;
    *any = fg && bg;
    if (!*any) return RMSEG_OK;
    RMSEG_TRY(rmseg_distance_squared(v->out, v->fg, &v->grid));
    return rmseg_distance_squared(v->in, v->bg, &v->grid);
}

/* A voxel beside background along an axis. */
static bool beside_background(const view *v, int64_t i)
{
    const int64_t *n = v->grid.size, step[3] = {n[1] * n[2], n[2], 1};
    const int64_t at[3] = {i / step[0], i / n[2] % n[1], i % n[2]};
    for (int axis = 0; axis < 3; axis++) {
        if (at[axis] > 0 && v->bg[i - step[axis]]) return true;
        if (at[axis] + 1 < n[axis] && v->bg[i + step[axis]]) return true;
    }
    return false;
}

/* ---- boundary ------------------------------------------------------------------------------------------------ */

static void store(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t at, double value)
{
    void *map = e->sweep.field[part->field].map;
    if (e->sweep.batch.wide)
        ((double *)map)[at] = value;
    else
        ((float *)map)[at] = (float)value;
}

static double least_spacing(const rmseg_evaluator *e, const view *v)
{
    double least = INFINITY;
    for (int axis = 3 - e->sweep.batch.spatial; axis < 3; axis++) least = fmin(least, v->grid.spacing[axis]);
    return least;
}

/* The largest distances of either side. */
static void largest(const view *v, double *out, double *in)
{
    *out = *in = 0;
    for (int64_t i = 0; i < v->voxels; i++) {
        if (v->bg[i]) *out = fmax(*out, sqrt(v->out[i]));
        if (v->fg[i]) *in = fmax(*in, sqrt(v->in[i]));
    }
}

static void fill_boundary(rmseg_evaluator *e, rmseg_loss_part *part, const view *v, int64_t n, int64_t c, bool any)
{
    const char *variant = boundary_options_values(part->term->options)->variant;
    bool kervadec = !strcmp(variant, "kervadec");
    double out = 1, in = 1, delta = kervadec ? least_spacing(e, v) : 0;
    if (any && !strcmp(variant, "ma-normalised")) largest(v, &out, &in);
    for (int64_t i = 0; i < v->voxels; i++) {
        double phi = 0;
        if (any && v->bg[i]) phi = sqrt(v->out[i]) / out;
        if (any && v->fg[i] && (kervadec || !beside_background(v, i))) phi = -(sqrt(v->in[i]) - delta) / in;
        store(e, part, (n * e->sweep.batch.k + c) * v->voxels + i, phi);
    }
}

static rmseg_status prepare_boundary(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c]) continue;
            view v = view_of(e, part, n);
            bool any;
            mask_truth(e, &v, n, c);
            RMSEG_TRY(measure(&any, &v));
            fill_boundary(e, part, &v, n, c, any);
        }
    return RMSEG_OK;
}

/* ---- hausdorff ----------------------------------------------------------------------------------------------- */

/* Adds D^alpha of the view's mask to the map, or sets it. */
static void add_distances(rmseg_evaluator *e, rmseg_loss_part *part, const view *v, int64_t start, bool any, bool first)
{
    const hausdorff_options *o = hausdorff_options_values(part->term->options);
    bool both = !strcmp(o->variant, "karimi") || !strcmp(o->variant, "monai");
    const void *map = e->sweep.field[part->field].map;
    for (int64_t i = 0; i < v->voxels; i++) {
        double before = 0, squared = 0;
        if (!first)
            before = e->sweep.batch.wide ? ((const double *)map)[start + i] : (double)((const float *)map)[start + i];
        if (any && v->fg[i]) squared = v->in[i];
        if (any && both && v->bg[i]) squared = v->out[i];
        store(e, part, start + i, before + (any && squared > 0 ? pow(squared, o->alpha / 2) : 0));
    }
}

static rmseg_status prepare_hausdorff(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    const char *variant = hausdorff_options_values(part->term->options)->variant;
    bool exclusive = e->sweep.head == RMSEG_HEAD_SOFTMAX || (e->sweep.head == RMSEG_HEAD_NONE && b->k > 1);
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c]) continue;
            view v = view_of(e, part, n);
            int64_t start = (n * b->k + c) * v.voxels;
            bool any;
            mask_truth(e, &v, n, c);
            RMSEG_TRY(measure(&any, &v));
            add_distances(e, part, &v, start, any, true);
            mask_prediction(e, &v, n, c, !strcmp(variant, "kervadec") && exclusive);
            RMSEG_TRY(measure(&any, &v));
            add_distances(e, part, &v, start, any, false);
        }
    return RMSEG_OK;
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static double divisor(const rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const char *reduction = rmseg_options_get(part->term->options, "reduction");
    if (!strcmp(reduction, "sum")) return 1;
    return !strcmp(reduction, "mean") ? (double)part->channel_count * e->valid : (double)e->sweep.batch.n;
}

/* Sum of the map's sums, and its coefficients times `factor`. */
static double add_up(rmseg_evaluator *e, const rmseg_loss_part *part, double factor)
{
    const rmseg_batch *b = &e->sweep.batch;
    bool squared = e->sweep.field[part->field].squared;
    double over = divisor(e, part), sum = 0;
    if (!(over > 0)) return 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c]) continue;
            double count = (part->weights ? part->weights[c] : 1) / over;
            sum += count * (squared ? rmseg_part_square(e, part, 0, n, c) : rmseg_part_p(e, part, 0, n, c));
            *rmseg_part_coefficient(e, part, 0, n, c) = factor * count;
        }
    return sum;
}

static double finish_boundary(rmseg_evaluator *e, const rmseg_loss_part *part) { return add_up(e, part, part->weight); }

static double finish_hausdorff(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const hausdorff_options *o = hausdorff_options_values(part->term->options);
    double value = add_up(e, part, 2 * part->weight);
    if (strcmp(o->log, "true")) return value;
    add_up(e, part, 2 * part->weight / (1 + value));
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
