/*
 * hu.c - the term `hu`: moment invariants of the prediction compared with the truth's.
 *
 *     nu_pq = mu_pq / S^(1 + (p+q)/2),  mu_pq = sum (x - v_x)^p (y - v_y)^q p,  S = sum p
 *     a = nu30 + nu12,  b = nu21 + nu03,  e = nu30 - 3 nu12,  f = 3 nu21 - nu03,  g = nu20 - nu02
 *     I1 = nu20 + nu02                     I2 = g^2 + 4 nu11^2               I3 = e^2 + f^2       I4 = a^2 + b^2
 *     I5 = e a (a^2 - 3 b^2) + f b (3 a^2 - b^2)                             I6 = g (a^2 - b^2) + 4 nu11 a b
 *     I7 = f a (a^2 - 3 b^2) - e b (3 a^2 - b^2)
 * 3D: trace, sum of the principal 2 x 2 minors and determinant of nu_2 = mu_2 / S^(5/3).
 * value = sum_j w_j penalty(I_j(p), I_j(y)), w from `invariants`.
 *
 * No shift, scaling or rotation of a mask changes an I (a reflection turns the sign of I7): the term knows no place. It is
 * 0 where the truth is empty or S(p) <= min_size.
 */
#include <math.h>
#include <string.h>

#include "loss/measures.h"

#define HU_OPTIONS(X)                                                                                                  \
    X(str, invariants, "1+1", 0, 0, "", "",                                                                            \
      "weights of I1, I2, ... joined by '+', up to 7 in 2D and 3 in 3D; of the rest: 0", "1+1+0.5")                    \
    RMSEG_PENALTY_OPTIONS(X)                                                                                           \
    RMSEG_MIN_SIZE_OPTION(X)                                                                                           \
    RMSEG_FRAME_OPTION(X)                                                                                              \
    X(pick, units, "voxel", 0, 0, "fraction|voxel|mm", "",                                                             \
      "coordinates: of each axis' own extent, in voxels, or of the longest extent in mm", "mm")                        \
    RMSEG_REDUCTION_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(hu_options, HU_OPTIONS)
RMSEG_OPTIONS_DEFINE(hu_options, HU_OPTIONS)

/* How many weights there are, and whether each of them is one. */
static rmseg_status parse_invariants(double weights[RMSEG_MEASURE_VALUES], int64_t *count, const char *text)
{
    *count = 1;
    for (const char *at = text; *at; at++) *count += *at == '+';
    if (*text && *count <= RMSEG_MEASURE_VALUES && rmseg_weights_parse(weights, *count, text) == RMSEG_OK)
        return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                      "invariants=%.60s: expected 1 to 7 numbers of at least 0 joined by '+', such as 1+1", text);
}

static rmseg_status settle(rmseg_loss_term *term)
{
    double weights[RMSEG_MEASURE_VALUES];
    int64_t count;
    RMSEG_TRY(parse_invariants(weights, &count, rmseg_options_get(term->options, "invariants")));
    return rmseg_measure_settle(term);
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const hu_options *o = hu_options_values(part->term->options);
    int64_t count;
    part->scratch = rmseg_alloc(RMSEG_MEASURE_VALUES, sizeof *part->scratch);
    if (!part->scratch) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(parse_invariants(part->scratch, &count, o->invariants));
    if (e->sweep.batch.spatial == 3 && count > 3)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "invariants=%.60s: in 3D there are three, found %lld", o->invariants,
                          (long long)count);
    return rmseg_measure_monomials(e, part, count > 2 && e->sweep.batch.spatial == 2 ? 3 : 2, o->frame, o->units);
}

/* nu of a central moment mu of degree q. */
static rmseg_dual normalised(rmseg_dual mu, const rmseg_dual *sums, const rmseg_place *place, int q)
{
    double power = 1 + (double)q / place->axes, mass = (sums[0].v + RMSEG_EPSILON) * place->cell;
    double over = pow(mass, -power) * place->cell;
    return rmseg_dual_times(mu, rmseg_dual_apply(sums[0], over, -power * over / mass * place->cell));
}

static rmseg_dual second(const rmseg_dual *sums, const rmseg_place *place, int a, int b)
{
    return normalised(rmseg_measure_second(sums, place->axes, a, b), sums, place, 2);
}

/* 2D, of x^(3-w) y^w: the binomial sum of the raw moments over powers of the centroid. */
static rmseg_dual third(const rmseg_dual *sums, const rmseg_place *place, int w)
{
    static const int choose[4][4] = {{1}, {1, 1}, {1, 2, 1}, {1, 3, 3, 1}}, start[4] = {0, 1, 3, 6};
    rmseg_dual none = {0}, mu = none, back[2];
    for (int k = 0; k < 2; k++) back[k] = rmseg_dual_mix(rmseg_measure_centre(sums, k), -1, none, 0);
    for (int i = 0; i <= 3 - w; i++)
        for (int j = 0; j <= w; j++) {
            rmseg_dual term = sums[start[i + j] + j];
            for (int n = i; n < 3 - w; n++) term = rmseg_dual_times(term, back[0]);
            for (int n = j; n < w; n++) term = rmseg_dual_times(term, back[1]);
            mu = rmseg_dual_mix(mu, 1, term, choose[3 - w][i] * choose[w][j]);
        }
    return normalised(mu, sums, place, 3);
}

static rmseg_dual square(rmseg_dual a) { return rmseg_dual_times(a, a); }

/* x a b + y c d */
static rmseg_dual products(rmseg_dual a, rmseg_dual b, double x, rmseg_dual c, rmseg_dual d, double y)
{
    return rmseg_dual_mix(rmseg_dual_times(a, b), x, rmseg_dual_times(c, d), y);
}

static void low_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    rmseg_dual xx = second(sums, place, 0, 0), xy = second(sums, place, 0, 1), yy = second(sums, place, 1, 1);
    rmseg_dual g = rmseg_dual_mix(xx, 1, yy, -1);
    v[0] = rmseg_dual_mix(xx, 1, yy, 1);
    v[1] = products(g, g, 1, xy, xy, 4);
}

static void all_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    rmseg_dual n30 = third(sums, place, 0), n21 = third(sums, place, 1), n12 = third(sums, place, 2),
               n03 = third(sums, place, 3), n11 = second(sums, place, 0, 1);
    rmseg_dual a = rmseg_dual_mix(n30, 1, n12, 1), b = rmseg_dual_mix(n21, 1, n03, 1);
    rmseg_dual e = rmseg_dual_mix(n30, 1, n12, -3), f = rmseg_dual_mix(n21, 3, n03, -1);
    rmseg_dual g = rmseg_dual_mix(second(sums, place, 0, 0), 1, second(sums, place, 1, 1), -1);
    rmseg_dual aa = square(a), bb = square(b), ab = rmseg_dual_times(a, b);
    rmseg_dual along = rmseg_dual_times(a, rmseg_dual_mix(aa, 1, bb, -3));
    rmseg_dual across = rmseg_dual_times(b, rmseg_dual_mix(aa, 3, bb, -1));
    low_of(v, sums, place);
    v[2] = products(e, e, 1, f, f, 1);
    v[3] = rmseg_dual_mix(aa, 1, bb, 1);
    v[4] = products(e, along, 1, f, across, 1);
    v[5] = products(g, rmseg_dual_mix(aa, 1, bb, -1), 1, n11, ab, 4);
    v[6] = products(f, along, 1, e, across, -1);
}

static void solid_of(rmseg_dual *v, const rmseg_dual *sums, const rmseg_place *place)
{
    rmseg_dual n[3][3], minor[3];
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) n[a][b] = second(sums, place, a < b ? a : b, a < b ? b : a);
    for (int k = 0; k < 3; k++) {
        int a = (k + 1) % 3, b = (k + 2) % 3;
        minor[k] = products(n[a][a], n[b][b], 1, n[a][b], n[a][b], -1);
    }
    v[0] = rmseg_dual_mix(rmseg_dual_mix(n[0][0], 1, n[1][1], 1), 1, n[2][2], 1);
    v[1] = rmseg_dual_mix(rmseg_dual_mix(minor[0], 1, minor[1], 1), 1, minor[2], 1);
    /* Expanded along the first row. */
    rmseg_dual left = products(n[1][2], n[0][2], 1, n[0][1], n[2][2], -1);
    rmseg_dual right = products(n[0][1], n[1][2], 1, n[1][1], n[0][2], -1);
    v[2] = rmseg_dual_mix(rmseg_dual_times(n[0][0], minor[0]), 1, products(n[0][1], left, 1, n[0][2], right, 1), 1);
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const hu_options *o = hu_options_values(part->term->options);
    bool solid = e->sweep.batch.spatial == 3, all = !solid && part->indices > 5;
    rmseg_measure m = {.of = solid ? solid_of
                             : all ? all_of
                                   : low_of,
                       .values = solid ? 3
                                 : all ? 7
                                       : 2,
                       .share = part->scratch,
                       .ratio = true,
                       .min_size = o->min_size,
                       .reduction = o->reduction,
                       .voxel = !strcmp(o->units, "voxel"),
                       .penalty = RMSEG_PENALTY_OF(e, o)};
    m.penalty.negative = true;
    return rmseg_measure_finish(e, part, &m);
}

const rmseg_loss_row rmseg_loss_hu = {
    .info = {.name = "hu",
             .arguments = HU_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "sum_j w_j (I_j(p) - I_j(y))^2, I_1..I_7 Hu's invariants; 3D: those of the matrix of second "
                        "moments",
             .source = "Hu 1962",
             .help = "shape matched to the truth's, whatever its place, size and direction"},
    .create_options = hu_options_create,
    .settle = settle,
    .compile = compile,
    .finish = finish,
};
