/*
 * cpu/objective_binary.c - both sweeps over masks (sigmoid) and over two classes (softmax, one label for each voxel).
 *
 * Both are sigmoids: of z, or of z1 - z0. So a voxel costs one exponential, and what else it needs stays in registers.
 *
 * log p needs no logarithm of its own. With e = exp(-|z|) a voxel's loss is log(1 + e) plus a part linear in z, and
 * the sum of log(1 + e) is the log of a product, kept as g = prod (1 + e) - 1, so that small e are not lost:
 * g <- g + e (g + 1). A lane takes up to 64 factors before its logarithm is due, and g stays below 2^64.
 *
 * Two classes have r0 = -r1 and dlogits0 = -dlogits1, so that the second class's gradient alone is calculated, from
 * the difference g1 - g0: its coefficients are those of the first class added or subtracted.
 */
#include "backend/cpu/objective.h"

/* Where the logits of a mask or a pair are, at the piece's first voxel. */
typedef struct source {
    const float *z, *zero; /* zero: of the first class; NULL: a mask */
    int64_t channel;       /* of z */
} source;

static source source_of(const rmseg_sweep *s, const cut *c, const piece *x, int64_t channel)
{
    const float *z = (const float *)s->batch.logits + (x->n * s->batch.k + channel) * c->voxels + x->start;
    return (source){z, s->head == RMSEG_HEAD_SOFTMAX ? z - c->voxels : NULL, channel};
}

INLINE vec logit(const source *from, bool pair, int64_t i, int64_t left)
{
    vec z = load_some(from->z + i, left);
    if (pair) z -= load_some(from->zero + i, left);
    return z;
}

/* ---- gather -------------------------------------------------------------------------------------------------- */

/* Lanes of sums. loss and grown, [0] where the truth is the first class, [1] the second; masks use [0]. */
typedef struct binary_sums {
    vec py, p, pp, y, yy, loss[2], grown[2];
} binary_sums;

INLINE void add_loss(binary_sums *a, bool pair, vec z, vec e, vec y)
{
    vec line = 0.5f * vec_abs(z) + z * (0.5f - y); /* max(z, 0) - z y */
    if (!pair) {
        a->grown[0] += e * (a->grown[0] + 1.0f);
        a->loss[0] += line;
        return;
    }
    vec e_yes = e * y, e_no = e - e_yes;
    a->grown[0] += e_no * (a->grown[0] + 1.0f);
    a->grown[1] += e_yes * (a->grown[1] + 1.0f);
    a->loss[0] += line - line * y;
    a->loss[1] += line * y;
}

/* What of a strip is wanted; known when this is compiled. */
typedef struct wanted {
    bool pair, nll, all; /* all: every lane is valid */
    bool other;          /* the rows of the first class */
} wanted;

INLINE void gather_strip(const source *from, const rows *r, int64_t i, int64_t left, wanted w, binary_sums *a)
{
    float *row_p = r->p + from->channel * ROW;
    ivec valid = w.all ? ivec_of(-1) : *(const ivec *)(r->valid + i);
    vec z = logit(from, w.pair, i, left), y = load(r->y + from->channel * ROW + i);
    if (!w.all) z = vec_keep(z, valid);
    vec e = vec_exp_negative(-vec_abs(z)), over = 1.0f / (e + 1.0f), low = e * over;
    ivec minus = z < 0.0f;
    vec p = vec_pick(minus, low, over);
    if (!w.all) p = vec_keep(p, valid), e = vec_keep(e, valid);
    store(row_p + i, p);
    if (w.other) store(r->p + i, w.all ? vec_pick(minus, over, low) : vec_keep(vec_pick(minus, over, low), valid));
    a->p += p;
    a->py += p * y;
    a->pp += p * p;
    a->y += y;
    if (!w.pair) a->yy += y * y;
    if (w.nll) add_loss(a, w.pair, z, e, y);
}

INLINE void gather_strips(const source *from, const rows *r, int64_t length, wanted w, binary_sums *sums)
{
    binary_sums a;
    wanted some = w;
    int64_t whole = length / LANES * LANES;
    source own = *from; /* copies: that the rows are written moves none of these pointers */
    rows in = *r;
    some.all = false;
    memset(&a, 0, sizeof a);
    EACH_STRIP(i, whole) gather_strip(&own, &in, i, LANES, w, &a);
    if (whole < length) gather_strip(&own, &in, whole, length - whole, some, &a);
    *sums = a;
}

/* The same loop, compiled for what objectives want: the usual ones exactly, the others with something to spare. */
static void gather_lanes(const source *from, const rows *r, int64_t length, wanted w, binary_sums *a)
{
    if (w.other)
        gather_strips(from, r, length, (wanted){.pair = true, .nll = true, .other = true}, a);
    else if (w.pair && w.nll && w.all)
        gather_strips(from, r, length, (wanted){.pair = true, .nll = true, .all = true}, a);
    else if (w.pair && w.nll)
        gather_strips(from, r, length, (wanted){.pair = true, .nll = true}, a);
    else if (w.pair)
        gather_strips(from, r, length, (wanted){.pair = true}, a);
    else if (w.nll && w.all)
        gather_strips(from, r, length, (wanted){.nll = true, .all = true}, a);
    else if (w.nll)
        gather_strips(from, r, length, (wanted){.nll = true}, a);
    else
        gather_strips(from, r, length, (wanted){.pair = false}, a);
}

/* Adds the lanes of channel j, and of a pair's first class what is not read from its rows. */
static void add_lanes(const rmseg_sweep *s, const binary_sums *a, int64_t j, double *partial)
{
    double *sums = partial + j * s->width;
    bool pair = s->head == RMSEG_HEAD_SOFTMAX;
    sums[RMSEG_SUM_P] += total(a->p);
    sums[RMSEG_SUM_PY] += total(a->py);
    sums[RMSEG_SUM_PP] += total(a->pp);
    sums[RMSEG_SUM_Y] += total(a->y);
    sums[RMSEG_SUM_YY] += total(pair ? a->y : a->yy);
    if (s->nll) sums[RMSEG_SUM_NLL] += total(a->loss[pair]) + total(vec_log1p(a->grown[pair]));
    if (s->nll && pair) partial[RMSEG_SUM_NLL] += total(a->loss[0]) + total(vec_log1p(a->grown[0]));
}

void rmseg_cpu_gather_binary(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to)
{
    double *partial = to, counts[2] = {0};
    bool pair = s->head == RMSEG_HEAD_SOFTMAX, other = pair && is_looked_at(s, 0);
    wanted w = {.pair = pair, .nll = s->nll, .all = all_valid(s), .other = other};
    rmseg_cpu_read_truth(s, c, x, r, pair && !other, counts);
    for (int64_t j = pair; j < s->batch.k; j++) {
        source from = source_of(s, c, x, j);
        binary_sums a;
        gather_lanes(&from, r, x->length, w, &a);
        store(r->p + j * ROW + strips_end(x->length), vec_of(0));
        add_lanes(s, &a, j, partial);
        rmseg_cpu_field_sums(s, c, x, r, j, partial + j * s->width);
        if (pair && !other) partial[RMSEG_SUM_P] += counts[0] - total(a.p);
    }
    if (other) {
        store(r->p + strips_end(x->length), vec_of(0));
        rmseg_cpu_channel_piece(s, c, x, r, 0, partial);
    }
    partial[s->batch.k * s->width] += counts[0];
    partial[s->batch.k * s->width + 1] += counts[1];
}

/* ---- scatter ------------------------------------------------------------------------------------------------- */

/* g = y y + p p + one + square r + line: d/dp of a mask, g1 - g0 of a pair. */
typedef struct binary_slope {
    float y, p, one;
    float nll[2]; /* where the truth is the first class, the second; masks use [0] */
} binary_slope;

/* Fills r->square and r->line too. */
static binary_slope slope_of(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j)
{
    const rmseg_slope *yes = s->slope + x->n * s->batch.k + j, *no = s->slope + x->n * s->batch.k;
    bool pair = s->head == RMSEG_HEAD_SOFTMAX, started[2] = {false, false};
    binary_slope g = {(float)yes->y, (float)yes->p, (float)yes->one, {(float)s->nll_slope[j]}};
    rmseg_cpu_weigh(s, c, x, r, j, 1, started);
    if (pair) {
        g = (binary_slope){(float)(yes->y + no->y),
                           (float)(yes->p + no->p),
                           (float)(yes->one - no->one - no->y - no->p),
                           {(float)s->nll_slope[0], (float)s->nll_slope[1]}};
        rmseg_cpu_weigh(s, c, x, r, 0, -1, started);
    }
    if (!started[0]) memset(r->square, 0, PIECE * sizeof *r->square);
    if (!started[1]) memset(r->line, 0, PIECE * sizeof *r->line);
    return g;
}

/* Where the gradient goes; zero: of a pair's first class. */
typedef struct sink {
    float *out, *zero;
} sink;

static sink sink_of(const rmseg_sweep *s, const cut *c, const piece *x, int64_t channel, float *dlogits)
{
    float *out = dlogits + (x->n * s->batch.k + channel) * c->voxels + x->start;
    return (sink){out, s->head == RMSEG_HEAD_SOFTMAX ? out - c->voxels : NULL};
}

INLINE void scatter_strip(const source *from, const rows *r, int64_t i, int64_t left, bool pair, bool all,
                          const binary_slope *g, const sink *to)
{
    ivec valid = all ? ivec_of(-1) : *(const ivec *)(r->valid + i);
    vec z = logit(from, pair, i, left), y = load(r->y + from->channel * ROW + i);
    vec e = vec_exp_negative(-vec_abs(z)), over = 1.0f / (e + 1.0f), low = e * over;
    ivec minus = z < 0.0f;
    vec p = vec_pick(minus, low, over), q = vec_pick(minus, over, low), rest = p - y;
    vec slope = g->y * y + (g->p * p + g->one) + (load(r->square + i) * rest + load(r->line + i));
    vec d = over * low * slope;
    if (pair) {
        vec no = g->nll[0] * p, yes = g->nll[1] * q;
        d += no - y * (no + yes);
    } else {
        d += g->nll[0] * rest;
    }
    if (!all) d = vec_keep(d, valid);
    store_some(to->out + i, d, left);
    if (pair) store_some(to->zero + i, 0.0f - d, left);
}

INLINE void scatter_strips(const source *from, const rows *r, int64_t length, bool pair, bool all,
                           const binary_slope *g, const sink *to)
{
    int64_t whole = length / LANES * LANES;
    source own = *from;
    rows in = *r;
    binary_slope slope = *g;
    sink out = *to;
    EACH_STRIP(i, whole) scatter_strip(&own, &in, i, LANES, pair, all, &slope, &out);
    if (whole < length) scatter_strip(&own, &in, whole, length - whole, pair, false, &slope, &out);
}

void rmseg_cpu_scatter_binary(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to)
{
    double counts[2] = {0};
    bool pair = s->head == RMSEG_HEAD_SOFTMAX;
    rmseg_cpu_read_truth(s, c, x, r, pair, counts);
    for (int64_t j = pair; j < s->batch.k; j++) {
        source from = source_of(s, c, x, j);
        binary_slope g = slope_of(s, c, x, r, j);
        sink out = sink_of(s, c, x, j, to);
        if (pair && all_valid(s))
            scatter_strips(&from, r, x->length, true, true, &g, &out);
        else if (pair)
            scatter_strips(&from, r, x->length, true, false, &g, &out);
        else if (all_valid(s))
            scatter_strips(&from, r, x->length, false, true, &g, &out);
        else
            scatter_strips(&from, r, x->length, false, false, &g, &out);
    }
}
