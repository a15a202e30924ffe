/*
 * measures.c - what terms that compare numbers of two masks share: dual numbers, penalties, the walk over samples.
 */
#include "loss/measures.h"

#include <math.h>
#include <string.h>

#define STEEPEST 1e6 /* a barrier's slope: its gradient has to fit into float */

/* ---- dual numbers -------------------------------------------------------------------------------------------- */

rmseg_dual rmseg_dual_mix(rmseg_dual a, double x, rmseg_dual b, double y)
{
    a.v = x * a.v + y * b.v;
    for (int i = 0; i < RMSEG_MEASURE_SUMS; i++) a.d[i] = x * a.d[i] + y * b.d[i];
    return a;
}

rmseg_dual rmseg_dual_plus(rmseg_dual a, double x)
{
    a.v += x;
    return a;
}

rmseg_dual rmseg_dual_times(rmseg_dual a, rmseg_dual b)
{
    rmseg_dual product = rmseg_dual_mix(a, b.v, b, a.v);
    product.v = a.v * b.v;
    return product;
}

rmseg_dual rmseg_dual_over(rmseg_dual a, rmseg_dual b)
{
    double ratio = a.v / b.v;
    rmseg_dual quotient = rmseg_dual_mix(a, 1 / b.v, b, -ratio / b.v);
    quotient.v = ratio;
    return quotient;
}

rmseg_dual rmseg_dual_apply(rmseg_dual a, double value, double slope)
{
    for (int i = 0; i < RMSEG_MEASURE_SUMS; i++) a.d[i] *= slope;
    a.v = value;
    return a;
}

rmseg_dual rmseg_dual_hypot(rmseg_dual a, rmseg_dual b)
{
    double length = hypot(a.v, b.v);
    rmseg_dual result = rmseg_dual_mix(a, length > 0 ? a.v / length : 0, b, length > 0 ? b.v / length : 0);
    result.v = length;
    return result;
}

/* ---- penalties ----------------------------------------------------------------------------------------------- */

rmseg_penalty rmseg_penalty_of(const rmseg_evaluator *e, const char *penalty, double margin, const char *bounds,
                               double t, double growth)
{
    rmseg_penalty p = {.margin = margin, .absolute = !strcmp(bounds, "absolute")};
    if (!strcmp(penalty, "band")) p.kind = RMSEG_PENALTY_BAND;
    if (!strcmp(penalty, "log-barrier")) p.kind = RMSEG_PENALTY_BARRIER;
    p.t = fmin(t * pow(growth, 100 * e->sweep.batch.progress), STEEPEST);
    return p;
}

/* psi(z), increasing: without cost deep inside, steep outside; value and slope are continuous at z = -1 / t^2. */
static double barrier(double *slope, double t, double z)
{
    if (z <= -1 / (t * t)) {
        *slope = -1 / (t * z);
        return -log(-z) / t;
    }
    *slope = t;
    return t * z + (1 + 2 * log(t)) / t;
}

static double beyond(double *slope, const rmseg_penalty *penalty, double z)
{
    if (penalty->kind == RMSEG_PENALTY_BARRIER) return barrier(slope, penalty->t, z);
    double out = z > 0 ? z : 0;
    *slope = 2 * out;
    return out * out;
}

double rmseg_penalty_cost(double *slope, const rmseg_penalty *penalty, double p, double y)
{
    if (penalty->kind == RMSEG_PENALTY_MATCH) {
        *slope = 2 * (p - y);
        return (p - y) * (p - y);
    }
    double width = penalty->absolute ? penalty->margin : penalty->margin * fabs(y), low = y - width, above, below;
    if (penalty->absolute && !penalty->negative && low < 0) low = 0;
    double cost = beyond(&above, penalty, p - (y + width)) + beyond(&below, penalty, low - p);
    *slope = above - below;
    return cost;
}

/* ---- compiling ----------------------------------------------------------------------------------------------- */

rmseg_status rmseg_measure_settle(rmseg_loss_term *term)
{
    RMSEG_TRY(rmseg_weights_parse(NULL, 0, rmseg_options_get(term->options, "weights")));
    return rmseg_channels_parse(NULL, NULL, 0, 0, rmseg_options_get(term->options, "channels"));
}

rmseg_status rmseg_measure_channels(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_options *o = part->term->options;
    return rmseg_part_channels(e, part, rmseg_options_get(o, "channels"), rmseg_options_get(o, "weights"));
}

rmseg_status rmseg_measure_monomials(rmseg_evaluator *e, rmseg_loss_part *part, int degree, const char *frame,
                                     const char *units)
{
    rmseg_field_rule rule = {
        .centre = RMSEG_CENTRE_CENTROID, .scale = 1, .volume = !strcmp(frame, "volume"), .mm = !strcmp(units, "mm")};
    bool solid = e->sweep.batch.spatial == 3;
    RMSEG_TRY(rmseg_measure_channels(e, part));
    for (int of = 1; of <= degree; of++)
        for (int d = solid ? of : 0; d >= 0; d--)
            for (int h = of - d; h >= 0; h--)
                RMSEG_TRY(rmseg_field_add(e, part, false, &rule, (int64_t[3]){d, h, of - d - h}));
    return RMSEG_OK;
}

/* ---- evaluating ---------------------------------------------------------------------------------------------- */

/* What a sum of the part's i-th weight counts, from the field's coordinates to voxels. */
static double voxel_unit(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t i, int64_t n, int64_t c)
{
    const rmseg_field_plan *plan = e->plan + part->field;
    const rmseg_weight_part *weight = e->sweep.field[part->field].part + part->index[i];
    double unit = 1;
    for (int axis = 0; axis < 3; axis++) {
        double step = rmseg_ruler_of(e, &plan->rule, n, c, axis).step;
        for (int64_t q = plan->exponent[axis][weight->table[axis]]; q > 0; q--) unit /= step;
    }
    return unit;
}

rmseg_place rmseg_measure_place(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n, int64_t c, bool voxel)
{
    int axes = e->sweep.batch.spatial;
    rmseg_place place = {.axes = axes, .cell = 1, .voxels = e->sweep.valid[n]};
    for (int k = 0; part->field >= 0 && k < axes; k++) {
        rmseg_ruler r = rmseg_ruler_of(e, &e->plan[part->field].rule, n, c, 3 - axes + k);
        double step = voxel ? 1 : r.step;
        place.first[k] = step * (1 - r.middle);
        place.cell *= step;
    }
    return place;
}

void rmseg_measure_sums(rmseg_dual *sums, const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n, int64_t c,
                        bool truth, bool voxel)
{
    memset(sums, 0, (size_t)(1 + part->indices) * sizeof *sums);
    sums[0].v = rmseg_sums_at(e, n, c)[truth ? RMSEG_SUM_Y : RMSEG_SUM_P];
    sums[0].d[0] = 1;
    for (int64_t i = 0; i < part->indices; i++) {
        double unit = voxel ? voxel_unit(e, part, i, n, c) : 1;
        sums[1 + i].v = unit * (truth ? rmseg_part_y(e, part, i, n, c) : rmseg_part_p(e, part, i, n, c));
        sums[1 + i].d[1 + i] = unit;
    }
}

/* One sample and channel; `count` is what its gradient counts. */
static double measure_one(rmseg_evaluator *e, const rmseg_loss_part *part, const rmseg_measure *m, int64_t n, int64_t c,
                          double count)
{
    rmseg_dual sums[RMSEG_MEASURE_SUMS], p[RMSEG_MEASURE_VALUES], y[RMSEG_MEASURE_VALUES];
    rmseg_place place = rmseg_measure_place(e, part, n, c, m->voxel);
    double pull[RMSEG_MEASURE_SUMS] = {0}, value = 0;
    rmseg_measure_sums(sums, e, part, n, c, true, m->voxel);
    if (m->ratio && !(sums[0].v > 0)) return 0;
    m->of(y, sums, &place);
    rmseg_measure_sums(sums, e, part, n, c, false, m->voxel);
    if (m->ratio && !(sums[0].v > m->min_size)) return 0;
    m->of(p, sums, &place);
    for (int64_t j = 0; j < m->values; j++) {
        double share = m->share ? m->share[j] : 1, slope;
        value += share * rmseg_penalty_cost(&slope, &m->penalty, p[j].v, y[j].v);
        for (int64_t i = 0; i <= part->indices; i++) pull[i] += share * slope * p[j].d[i];
    }
    rmseg_slope_at(e, n, c)->one += count * pull[0];
    for (int64_t i = 0; i < part->indices; i++) *rmseg_part_coefficient(e, part, i, n, c) += count * pull[1 + i];
    return value;
}

double rmseg_measure_finish(rmseg_evaluator *e, const rmseg_loss_part *part, const rmseg_measure *m)
{
    const rmseg_batch *b = &e->sweep.batch;
    double value = 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c] || !(e->sweep.valid[n] > 0)) continue;
            double count = rmseg_part_count(e, part, m->reduction, c);
            const rmseg_loss_part own = rmseg_part_of_channel(part, c);
            value += count * measure_one(e, &own, m, n, c, part->weight * count);
        }
    return value;
}

/* ---- moments about the centroid ------------------------------------------------------------------------------ */

rmseg_dual rmseg_measure_centre(const rmseg_dual *sums, int axis)
{
    return rmseg_dual_over(sums[1 + axis], rmseg_dual_plus(sums[0], RMSEG_EPSILON));
}

/* sum (x_a - v_a) (x_b - v_b) p */
rmseg_dual rmseg_measure_second(const rmseg_dual *sums, int axes, int a, int b)
{
    rmseg_dual va = rmseg_measure_centre(sums, a), vb = rmseg_measure_centre(sums, b);
    rmseg_dual cross = rmseg_dual_mix(rmseg_dual_times(va, sums[1 + b]), 1, rmseg_dual_times(vb, sums[1 + a]), 1);
    rmseg_dual whole = rmseg_dual_times(rmseg_dual_times(va, vb), sums[0]);
    return rmseg_dual_mix(rmseg_dual_mix(sums[rmseg_second(axes, a, b)], 1, cross, -1), 1, whole, 1);
}
