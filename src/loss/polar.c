/*
 * polar.c - the term `polar`: direction and distance of the first moment from the image's corner, 2D.
 *
 *     u = mean(x p) / W,  v = mean(y p) / H,  x = 0..W-1 along the rows, y = 0..H-1 down; not divided by the mass
 *     A = atan(v / (u + 1e-8)),  length = sqrt(u^2 + v^2 + 1e-8)
 *     value = 4 / pi^2 (A(p) - A(y))^2 + 1 - min / (max + 1e-8) of the two lengths
 * of each sample and channel, then their mean (Liu et al. 2024, scale and location sensitive loss).
 *
 * A place and a size in one: a smaller mask farther away may cost nothing. An empty mask has A = 0 and length 1e-4.
 */
#include <math.h>
#include <string.h>

#include "loss/measures.h"

#define SMALL 1e-8
#define PI    3.14159265358979323846

#define POLAR_OPTIONS(X)                                                                                               \
    RMSEG_FRAME_OPTION(X)                                                                                              \
    X(pick, units, "fraction", 0, 0, "fraction|mm", "", "of each axis' own extent, or of the longest extent in mm",    \
      "mm")                                                                                                            \
    RMSEG_REDUCTION_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(polar_options, POLAR_OPTIONS)
RMSEG_OPTIONS_DEFINE(polar_options, POLAR_OPTIONS)

/* The coordinate i / n, i = 1.., less its first value: see polar_of. */
static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const polar_options *o = polar_options_values(part->term->options);
    rmseg_field_rule rule = {
        .centre = RMSEG_CENTRE_NONE, .scale = 1, .volume = !strcmp(o->frame, "volume"), .mm = !strcmp(o->units, "mm")};
    if (e->sweep.batch.spatial != 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "polar is an angle and a length in the plane: it takes 2D batches, this "
                          "is %dD; in 3D centroid and size compare the same",
                          e->sweep.batch.spatial);
    RMSEG_TRY(rmseg_measure_channels(e, part));
    RMSEG_TRY(rmseg_field_add(e, part, false, &rule, (int64_t[3]){0, 1, 0}));
    return rmseg_field_add(e, part, false, &rule, (int64_t[3]){0, 0, 1});
}

/* Angle and length. */
static void polar_of(rmseg_dual v[2], const rmseg_dual *sums, const rmseg_place *place)
{
    rmseg_dual down = rmseg_dual_mix(sums[1], 1 / place->voxels, sums[0], -place->first[0] / place->voxels);
    rmseg_dual along = rmseg_dual_mix(sums[2], 1 / place->voxels, sums[0], -place->first[1] / place->voxels);
    rmseg_dual slope = rmseg_dual_over(down, rmseg_dual_plus(along, SMALL));
    double length = sqrt(down.v * down.v + along.v * along.v + SMALL);
    v[0] = rmseg_dual_apply(slope, atan(slope.v), 1 / (1 + slope.v * slope.v));
    v[1] = rmseg_dual_mix(down, down.v / length, along, along.v / length);
    v[1].v = length;
}

static double polar_one(rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n, int64_t c, double count)
{
    rmseg_dual sums[RMSEG_MEASURE_SUMS], p[2], y[2];
    rmseg_place place = rmseg_measure_place(e, part, n, c, false);
    rmseg_measure_sums(sums, e, part, n, c, true, false);
    polar_of(y, sums, &place);
    rmseg_measure_sums(sums, e, part, n, c, false, false);
    polar_of(p, sums, &place);
    double turn = p[0].v - y[0].v, least = fmin(p[1].v, y[1].v), most = fmax(p[1].v, y[1].v) + SMALL;
    double push = p[1].v < y[1].v ? -1 / most : least / (most * most);
    rmseg_dual pull = rmseg_dual_mix(p[0], 8 / (PI * PI) * turn, p[1], push);
    rmseg_slope_at(e, n, c)->one += count * pull.d[0];
    for (int64_t i = 0; i < part->indices; i++) *rmseg_part_coefficient(e, part, i, n, c) += count * pull.d[1 + i];
    return 4 / (PI * PI) * turn * turn + 1 - least / most;
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const polar_options *o = polar_options_values(part->term->options);
    const rmseg_batch *b = &e->sweep.batch;
    double value = 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c] || !(e->sweep.valid[n] > 0)) continue;
            double count = rmseg_part_count(e, part, o->reduction, c);
            value += count * polar_one(e, part, n, c, part->weight * count);
        }
    return value;
}

const rmseg_loss_row rmseg_loss_polar = {
    .info = {.name = "polar",
             .arguments = POLAR_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula =
                 "4/pi^2 (A(p) - A(y))^2 + 1 - min/max of the lengths; A, length: the first moment (mean(x p)/W, "
                 "mean(y p)/H) in polar form; 2D",
             .source = "Liu et al. 2024 (MSHNet), the location part of the SLS loss",
             .help = "direction and distance of the first moment from the corner, matched to the truth's"},
    .create_options = polar_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile,
    .finish = finish,
};
