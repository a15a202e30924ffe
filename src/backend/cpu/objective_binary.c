/*
 * cpu/objective_binary.c - both sweeps over masks (sigmoid) and over two classes (softmax, one label for each voxel).
 *
 * Both are sigmoids: of z, or of z1 - z0. So a voxel costs one exponential, and what else it needs stays in registers.
 *
 * log p needs no logarithm of its own. With e = exp(-|z|) a voxel's loss is log(1 + e) plus a part linear in z, and
 * the sum of log(1 + e) is the log of a product, kept as g = prod (1 + e) - 1, so that small e are not lost:
 * g <- g + e (g + 1). A lane takes up to 64 factors before its logarithm is due, and g stays below 2^64.
 *
 * With p, the smaller of p and 1 - p, whose digits are all there, and two bits that no float up to 0.5 uses, gather can
 * leave all that scatter asks of a voxel in 32 bits of dlogits. Where it could not, scatter makes the same bits again.
 *
 * Two classes have r0 = -r1 and dlogits0 = -dlogits1, so that the second class's gradient alone is calculated, from
 * the difference g1 - g0: its coefficients are those of the first class added or subtracted.
 */
#include "backend/cpu/objective.h"

/* Where the logits of a mask or a pair are, at the piece's first voxel. */
typedef struct source {
    const float *z, *zero; /* zero: of the first class; NULL: a mask */
    int64_t channel;       /* of z */
    float *kept;           /* bits of its voxels, for scatter; NULL: nobody wants them */
} source;

static source source_of(const rmseg_sweep *s, const cut *c, const piece *x, int64_t channel)
{
    const float *z = (const float *)s->batch.logits + (x->n * s->batch.k + channel) * c->voxels + x->start;
    float *kept = s->kept ? (float *)s->kept + (z - (const float *)s->batch.logits) : NULL;
    return (source){z, s->head == RMSEG_HEAD_SOFTMAX ? z - c->voxels : NULL, channel, kept};
}

INLINE vec logit(const source *from, bool pair, int64_t i, int64_t left)
{
    vec z = load_some(from->z + i, left);
    if (pair) z -= load_some(from->zero + i, left);
    return z;
}

/* ---- a voxel in 32 bits --------------------------------------------------------------------------------------- */

/* The smaller of p and q, at most 0.5; the sign: that is p; bit 30: y is 1. Invalid: p = -0, which no valid voxel has. */
#define KEPT_YES     0x40000000
#define KEPT_INVALID INT32_MIN

/* All bits where y, 0 or 1, is 1. */
INLINE ivec yes_of(vec y) { return (ivec)y << 2 >> 31; }

INLINE ivec kept_of(vec z, vec low, vec y, ivec valid, bool all)
{
    ivec bits = (ivec)low | ((ivec)z & INT32_MIN) | ((ivec)y << 1 & KEPT_YES);
    if (!all) bits = (bits & valid) | (ivec_of(KEPT_INVALID) & ~valid);
    return bits;
}

/* ---- gather -------------------------------------------------------------------------------------------------- */

/* Lanes of sums. loss: twice the linear parts; pairs: [0] of all voxels, [1] of those of the second class. grown: pairs: [0]
 * where the truth is the first class, [1] the second. Masks use [0]. */
typedef struct binary_sums {
    vec py, p, pp, y, yy, loss[2], grown[2];
} binary_sums;

INLINE void add_loss(binary_sums *a, bool pair, vec z, vec e, vec y)
{
    if (!pair) {
        a->grown[0] += e * (a->grown[0] + 1.0f);
        a->loss[0] += vec_abs(z) + z * (1.0f - 2.0f * y); /* 2 (max(z, 0) - z y) */
        return;
    }
    ivec yes = yes_of(y);
    vec line = vec_abs(z) + (vec)((ivec)z ^ (yes & INT32_MIN)); /* 2 max(z, 0), 2 max(-z, 0) where y */
    a->grown[0] += vec_keep(e, ~yes) * (a->grown[0] + 1.0f);
    a->grown[1] += vec_keep(e, yes) * (a->grown[1] + 1.0f);
    a->loss[0] += line;
    a->loss[1] += vec_keep(line, yes);
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
    if (from->kept) store_some(from->kept + i, (vec)kept_of(z, low, y, valid, w.all), left);
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
    if (s->nll) sums[RMSEG_SUM_NLL] += 0.5 * total(a->loss[pair]) + total(vec_log1p(a->grown[pair]));
    if (s->nll && pair) partial[RMSEG_SUM_NLL] += 0.5 * total(a->loss[0] - a->loss[1]) + total(vec_log1p(a->grown[0]));
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
    float nll[2];               /* where y is 0, where it is 1 */
    const float *square, *line; /* rows; NULL: none */
} binary_slope;

/* Fills the rows it points to. */
static binary_slope slope_of(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j)
{
    const rmseg_slope *yes = s->slope + x->n * s->batch.k + j, *no = s->slope + x->n * s->batch.k;
    bool pair = s->head == RMSEG_HEAD_SOFTMAX, started[2] = {false, false};
    float nll = (float)s->nll_slope[j];
    binary_slope g = {(float)yes->y, (float)yes->p, (float)yes->one, {nll, nll}, NULL, NULL};
    rmseg_cpu_weigh(s, c, x, r, j, 1, started);
    if (pair) {
        g = (binary_slope){(float)(yes->y + no->y),
                           (float)(yes->p + no->p),
                           (float)(yes->one - no->one - no->y - no->p),
                           {(float)s->nll_slope[0], nll},
                           NULL,
                           NULL};
        rmseg_cpu_weigh(s, c, x, r, 0, -1, started);
    }
    if (started[0]) g.square = r->square;
    if (started[1]) g.line = r->line;
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

INLINE vec fields_slope(const binary_slope *g, int64_t i, vec residual, vec slope)
{
    if (g->square) slope += load(g->square + i) * residual;
    if (g->line) slope += load(g->line + i);
    return slope;
}

/* The residual is p or -q: no digits are lost where they are small. */
INLINE vec gradient_of(ivec bits, int64_t i, bool all, const binary_slope *g)
{
    ivec yes = bits << 1 >> 31, minus = bits >> 31;
    vec low = (vec)(bits & (KEPT_YES - 1)), high = 1.0f - low;
    vec p = vec_pick(minus, low, high), size = vec_pick(yes ^ minus, low, high);
    vec residual = (vec)((ivec)size | (yes & INT32_MIN));
    vec slope = g->p * p + vec_pick(yes, vec_of(g->y + g->one), vec_of(g->one));
    slope = fields_slope(g, i, residual, slope);
    vec d = high * low * slope + vec_pick(yes, vec_of(g->nll[1]), vec_of(g->nll[0])) * residual;
    return all ? d : vec_keep(d, bits != KEPT_INVALID);
}

/* What gather would have kept. */
INLINE ivec kept_again(const source *from, const rows *r, int64_t i, int64_t left, bool pair)
{
    vec z = logit(from, pair, i, left), e = vec_exp_negative(-vec_abs(z));
    return kept_of(z, e * (1.0f / (e + 1.0f)), load(r->y + from->channel * ROW + i), *(const ivec *)(r->valid + i),
                   false);
}

INLINE void scatter_strip(const source *from, const rows *r, int64_t i, int64_t left, bool pair, bool all, bool kept,
                          const binary_slope *g, const sink *to)
{
    ivec bits = kept ? (ivec)load_some(to->out + i, left) : kept_again(from, r, i, left, pair);
    vec d = gradient_of(bits, i, all, g);
    store_some(to->out + i, d, left);
    if (pair) store_some(to->zero + i, 0.0f - d, left);
}

INLINE void scatter_strips(const source *from, const rows *r, int64_t length, bool pair, bool all, bool kept,
                           const binary_slope *g, const sink *to)
{
    int64_t whole = length / LANES * LANES;
    source own = *from;
    rows in = *r;
    binary_slope slope = *g;
    sink out = *to;
    EACH_STRIP(i, whole) scatter_strip(&own, &in, i, LANES, pair, all, kept, &slope, &out);
    if (whole < length) scatter_strip(&own, &in, whole, length - whole, pair, all, kept, &slope, &out);
}

/* Masks whose truth is any number from 0 to 1. */
static void scatter_map(const source *from, const rows *r, int64_t length, const binary_slope *g, const sink *to)
{
    EACH_STRIP(i, length)
    {
        vec z = logit(from, false, i, length - i), y = load(r->y + from->channel * ROW + i);
        vec e = vec_exp_negative(-vec_abs(z)), over = 1.0f / (e + 1.0f), low = e * over;
        vec p = vec_pick(z < 0.0f, low, over), residual = p - y;
        vec slope = fields_slope(g, i, residual, g->y * y + (g->p * p + g->one));
        vec d = over * low * slope + g->nll[0] * residual;
        store_some(to->out + i, vec_keep(d, *(const ivec *)(r->valid + i)), length - i);
    }
}

/* Those of an index: of the bits that are kept, or made anew. */
static void scatter_lanes(const source *from, const rows *r, int64_t length, bool pair, bool all, bool kept,
                          const binary_slope *g, const sink *to)
{
    if (pair && all && kept)
        scatter_strips(from, r, length, true, true, true, g, to);
    else if (pair && kept)
        scatter_strips(from, r, length, true, false, true, g, to);
    else if (pair)
        scatter_strips(from, r, length, true, false, false, g, to);
    else if (kept)
        scatter_strips(from, r, length, false, false, true, g, to);
    else
        scatter_strips(from, r, length, false, false, false, g, to);
}

void rmseg_cpu_scatter_binary(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to)
{
    double counts[2] = {0};
    bool pair = s->head == RMSEG_HEAD_SOFTMAX, kept = s->kept && s->kept == to;
    if (!kept) rmseg_cpu_read_truth(s, c, x, r, pair, counts);
    for (int64_t j = pair; j < s->batch.k; j++) {
        source from = source_of(s, c, x, j);
        binary_slope g = slope_of(s, c, x, r, j);
        sink out = sink_of(s, c, x, j, to);
        if (s->batch.map)
            scatter_map(&from, r, x->length, &g, &out);
        else
            scatter_lanes(&from, r, x->length, pair, all_valid(s), kept, &g, &out);
    }
}
