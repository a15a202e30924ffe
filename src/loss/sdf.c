/*
 * sdf.c - the term `sdf`: the network regresses a signed distance (head tanh: s = tanh z, negative inside).
 *
 *     t = D_out / max - D_in / max, 0 on the inner border: foreground beside background along an axis, never the image's edge
 *     product+l1   -(sum s t + e) / D + mean |s - t|,  D = sum s t + sum s^2 + sum t^2 + e        (Xue et al. 2020)
 *     l1           mean |s - t|
 *     l2           mean (s - t)^2
 * each sum over the whole batch, for each channel, which are then averaged (`sum`: added up).
 *
 *     d/ds = -t / D + (sum s t + e) (t + 2 s) / D^2 + sign(s - t) / N,   l2: 2 (s - t) / N
 *
 * A class without foreground has t = 1 everywhere, without background -1. The least value, -1/3, is at s = t.
 */
#include <math.h>
#include <string.h>

#include "loss/distance_maps.h"
#include "loss/signed_head.h"

#define SDF_OPTIONS(X)                                                                                                 \
    X(pick, variant, "product+l1", 0, 0, "product+l1|l1|l2", "", "what is asked of s and t", "l1")                     \
    X(f64, smooth, "1e-05", 1e-12, 1e9, "", "", "e: added to both sides of the product's fraction", "1")               \
    X(pick, units, "voxel", 0, 0, "voxel|mm", "", "of the distances, before they are divided by their largest", "mm")  \
    X(pick, maps, "crop", 0, 0, "crop|image", "", "the truth's distances within the patch, or within the whole image", \
      "image")                                                                                                         \
    X(pick, reduction, "mean", 0, 0, "mean|sum", "", "over the channels", "sum")                                       \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2", "1+2")                                    \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")
RMSEG_OPTIONS_DECLARE(sdf_options, SDF_OPTIONS)
RMSEG_OPTIONS_DEFINE(sdf_options, SDF_OPTIONS)

static rmseg_status settle(rmseg_loss_term *term)
{
    RMSEG_TRY(rmseg_weights_parse(NULL, 0, rmseg_options_get(term->options, "weights")));
    return rmseg_channels_parse(NULL, NULL, 0, 0, rmseg_options_get(term->options, "channels"));
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    if (!e->steep)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "sdf is about signed distances, which the head %s does not give: write "
                          "the head tanh, as in tanh: dice + 10*sdf",
                          rmseg_head_name(e->objective->head));
    RMSEG_TRY(rmseg_maps_create(e, part, 0));
    return rmseg_signed_target_create(e, part);
}

/* ---- what s shall be ------------------------------------------------------------------------------------------- */

typedef struct scales {
    double out, in; /* 1 / the largest distance */
} scales;

static void weigh_target(rmseg_map_block *x, const rmseg_class_view *v, const void *context)
{
    const scales *scale = context;
    const uint8_t *fg = v->fg + x->first, *open = v->open + x->first, *border = v->border + x->first;
    bool measured = v->any_fg && v->any_bg;
    for (int64_t i = 0; i < x->count; i++) {
        double side = fg[i] ? -1 : 1, largest = fg[i] ? scale->in : scale->out;
        double share = measured ? sqrt(x->out[i] + x->in[i]) * largest : 1;
        x->map[i] = side * share;
        if (measured && border[i]) x->map[i] = 0;
        if (open[i] && !fg[i]) x->map[i] = NAN; /* ignored */
    }
}

static rmseg_status fill_target(rmseg_evaluator *e, rmseg_loss_part *part, rmseg_class_view *v)
{
    scales scale = {1, 1};
    RMSEG_TRY(rmseg_view_truth(v, e));
    if (v->any_fg && v->any_bg) {
        double out, in;
        RMSEG_TRY(rmseg_view_border(v));
        rmseg_view_largest(&out, &in, v);
        scale = (scales){1 / out, 1 / in};
    }
    rmseg_view_fill(e, part->target->t, v, weigh_target, &scale);
    return RMSEG_OK;
}

static rmseg_status prepare(rmseg_evaluator *e, rmseg_loss_part *part)
{
    RMSEG_TRY(rmseg_maps_each(e, part, fill_target));
    rmseg_signed_gather(e, part);
    return RMSEG_OK;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

/* Of one channel; its slope times `weight`. */
static double value_of(rmseg_signed_slope *slope, const rmseg_signed_sums *a, const sdf_options *o, double weight)
{
    *slope = (rmseg_signed_slope){0};
    if (!(a->count > 0)) return 0;
    if (!strcmp(o->variant, "l2")) {
        slope->s = 2 * weight / a->count;
        slope->t = -slope->s;
        return a->square / a->count;
    }
    slope->sign = weight / a->count;
    if (!strcmp(o->variant, "l1")) return a->absolute / a->count;
    double upper = a->st + o->smooth, lower = a->st + a->ss + a->tt + o->smooth;
    slope->t = weight * (upper / lower - 1) / lower;
    slope->s = weight * 2 * upper / (lower * lower);
    return a->absolute / a->count - upper / lower;
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const sdf_options *o = sdf_options_values(part->term->options);
    double sum = 0, over = strcmp(o->reduction, "sum") ? (double)part->channel_count : 1;
    for (int64_t c = 0; c < e->sweep.batch.k; c++) {
        if (!part->channels[c]) continue;
        double count = (part->weights ? part->weights[c] : 1) / over;
        sum += count * value_of(part->target->slope + c, part->target->sums + c, o, part->weight * count);
    }
    return sum;
}

const rmseg_loss_row rmseg_loss_sdf = {
    .info = {.name = "sdf",
             .arguments = SDF_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "-(sum s t + e) / (sum s t + sum s^2 + sum t^2 + e) + mean |s - t|, s = tanh of the logit",
             .source = "Xue et al. 2020; Ma et al. 2020",
             .help = "regression of the signed distance to the border, under the head tanh; published as tanh: dice + "
                     "10*sdf"},
    .create_options = sdf_options_create,
    .settle = settle,
    .compile = compile,
    .prepare = prepare,
    .finish = finish,
};
