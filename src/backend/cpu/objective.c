/*
 * cpu/objective.c - the objective's two sweeps on vectors of voxels along W. Compiled once per processor level.
 *
 * A sweep works on pieces of a row, of 256 voxels at most: truth and probabilities of all channels go into rows that
 * stay in the first-level cache, and each sum is then one short loop over them. Lanes past the piece's end are invalid
 * voxels. Float lanes are added up over one piece, pieces in double over a chunk of some 8192 voxels, chunks in order:
 * the chunks depend on the shape alone, so the bits do not depend on the number of threads.
 */
#include <string.h>

#include "backend/cpu/math.h"

#define PIECE 256  /* voxels of a row worked on at once; a multiple of RMSEG_TABLE_PAD */
#define CHUNK 8192 /* voxels, about, of one partial sum */

/* ---- how a batch is cut, and where things lie ---------------------------------------------------------------- */

typedef struct cut {
    int64_t voxels;        /* of one sample and channel */
    int64_t pieces;        /* of one row */
    int64_t length;        /* of a piece; the last may be shorter */
    int64_t sample_pieces; /* of one sample */
    int64_t chunk, chunks; /* pieces in a chunk, chunks of one sample */
    int64_t partial;       /* doubles of a chunk's sums: (K, width), valid, fault */
} cut;

typedef struct piece {
    int64_t n, at[3]; /* sample, and D, H, W of its first voxel */
    int64_t start;    /* of its first voxel within a sample and channel */
    int64_t length;
} piece;

/* A thread's rows of PIECE floats, K of them where it says so. */
typedef struct rows {
    float *y, *p, *q, *g; /* (K): truth, probability, 1 - p, d/dp; 0 where invalid, but g */
    float *l, *m, *h;     /* (K): -log p, -log(1 - p), what terms of log p add; for focal terms alone */
    float *weight, *dot;  /* one row each */
    int32_t *valid;       /* one row: all bits or none */
    int32_t *label;       /* one row: the index */
    float *nll;           /* (K) of LANES: sums of the piece */
} rows;

static cut cut_of(const rmseg_sweep *s)
{
    const int64_t *size = s->batch.size;
    cut c = {.voxels = size[0] * size[1] * size[2], .pieces = rmseg_chunk_count(size[2], PIECE)};
    c.length = rmseg_chunk_count(rmseg_chunk_count(size[2], c.pieces), RMSEG_TABLE_PAD) * RMSEG_TABLE_PAD;
    c.pieces = rmseg_chunk_count(size[2], c.length);
    c.sample_pieces = size[0] * size[1] * c.pieces;
    c.chunk = rmseg_chunk_count(CHUNK, size[2] < c.length ? size[2] : c.length);
    c.chunks = rmseg_chunk_count(c.sample_pieces, c.chunk);
    c.partial = s->batch.k * s->width + 2;
    return c;
}

static piece piece_at(const rmseg_sweep *s, const cut *c, int64_t n, int64_t index)
{
    const int64_t *size = s->batch.size;
    int64_t row = index / c->pieces;
    piece x = {.n = n, .at = {row / size[1], row % size[1], index % c->pieces * c->length}};
    x.start = row * size[2] + x.at[2];
    x.length = size[2] - x.at[2] < c->length ? size[2] - x.at[2] : c->length;
    return x;
}

/* Floats of one thread's rows, a whole number of cache lines. */
static int64_t row_floats(const rmseg_sweep *s) { return s->batch.k * ((s->focals ? 7 : 4) * PIECE + 16) + 4 * PIECE; }

static int64_t partial_doubles(const rmseg_sweep *s)
{
    cut c = cut_of(s);
    return rmseg_chunk_count(s->batch.n * c.chunks * c.partial, 8) * 8;
}

static size_t scratch_bytes(const rmseg_sweep *s, int threads)
{
    return (size_t)partial_doubles(s) * sizeof(double) + (size_t)(threads * row_floats(s)) * sizeof(float);
}

static rows rows_of(const rmseg_sweep *s, int thread)
{
    int64_t k = s->batch.k * PIECE;
    float *at = (float *)((double *)s->scratch + partial_doubles(s)) + thread * row_floats(s);
    rows r = {.y = at, .p = at + k, .q = at + 2 * k, .g = at + 3 * k};
    at += 4 * k;
    if (s->focals) {
        r.l = at, r.m = at + k, r.h = at + 2 * k;
        at += 3 * k;
    }
    r.weight = at, r.dot = at + PIECE, r.valid = (int32_t *)(at + 2 * PIECE), r.label = (int32_t *)(at + 3 * PIECE);
    r.nll = at + 4 * PIECE;
    return r;
}

/* ---- vectors ------------------------------------------------------------------------------------------------- */

#define EACH_STRIP(i, x) for (int64_t i = 0; i < (x)->length; i += LANES)

INLINE vec load(const float *from) { return *(const vec *)from; }
INLINE void store(float *to, vec x) { *(vec *)to = x; }

/* The first `left` of LANES; the rest are 0. */
INLINE vec load_some(const float *from, int64_t left)
{
    if (left >= LANES) return load(from);
    vec x = vec_of(0);
    memcpy(&x, from, (size_t)left * sizeof(float));
    return x;
}

INLINE void store_some(float *to, vec x, int64_t left)
{
    if (left >= LANES)
        store(to, x);
    else
        memcpy(to, &x, (size_t)left * sizeof(float));
}

INLINE ivec lanes_below(int64_t left)
{
    ivec lane;
    for (int32_t i = 0; i < LANES; i++) lane[i] = i;
    return lane < ivec_of(left < LANES ? (int32_t)left : LANES);
}

/* Quarters first: a piece's few strips are added in float anyway. */
INLINE double total(vec x)
{
    typedef float four __attribute__((vector_size(16)));
    four part[LANES / 4], sum;
    memcpy(part, &x, sizeof part);
    sum = part[0];
    for (int i = 1; i < LANES / 4; i++) sum += part[i];
    return ((double)sum[0] + (double)sum[1]) + ((double)sum[2] + (double)sum[3]);
}

/* ---- truth and probabilities of a piece ---------------------------------------------------------------------- */

/* The index of a piece, in 32 bits. What they cannot hold is no channel and not ignored either. */
static void read_index(const rmseg_batch *b, int64_t start, int64_t length, int32_t *label)
{
    const int64_t *wide = (const int64_t *)b->index + start;
    int32_t stranger = b->ignore == INT32_MIN ? INT32_MAX : INT32_MIN;
    switch (b->index_type) {
    case RMSEG_INDEX_U8:
        for (int64_t i = 0; i < length; i++) label[i] = ((const uint8_t *)b->index)[start + i];
        break;
    case RMSEG_INDEX_I16:
        for (int64_t i = 0; i < length; i++) label[i] = ((const int16_t *)b->index)[start + i];
        break;
    case RMSEG_INDEX_I64:
        for (int64_t i = 0; i < length; i++) label[i] = wide[i] == (int32_t)wide[i] ? (int32_t)wide[i] : stranger;
        break;
    default: memcpy(label, (const int32_t *)b->index + start, (size_t)length * sizeof *label);
    }
}

/* All lanes of a strip that are bad are set in the result. */
INLINE ivec index_strip(const rmseg_sweep *s, const rows *r, int64_t left, int64_t i)
{
    ivec label = *(const ivec *)(r->label + i), valid = lanes_below(left);
    if (s->batch.ignore != -1) valid &= label != ivec_of(s->batch.ignore);
    for (int32_t c = 0; c < s->batch.k; c++)
        store(r->y + c * PIECE + i, vec_keep(vec_of(1), (label == ivec_of(c + s->first_label)) & valid));
    *(ivec *)(r->valid + i) = valid;
    return valid & ((label < 0) | (label >= ivec_of((int32_t)s->batch.k + s->first_label)));
}

INLINE ivec map_strip(const rmseg_sweep *s, const rows *r, const float *from, int64_t voxels, int64_t left, int64_t i)
{
    ivec valid = lanes_below(left), bad = ivec_of(0);
    for (int64_t c = 0; c < s->batch.k; c++) valid &= ~(load_some(from + c * voxels, left) < 0.0f);
    for (int64_t c = 0; c < s->batch.k; c++) {
        vec y = load_some(from + c * voxels, left);
        bad |= valid & ~(y <= 1.0f);
        store(r->y + c * PIECE + i, vec_keep(y, valid));
    }
    *(ivec *)(r->valid + i) = valid;
    return bad;
}

/* Fills y and valid; adds to the counts of valid and of bad voxels. */
static void read_truth(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, double counts[2])
{
    ivec valid = ivec_of(0), bad = ivec_of(0);
    if (s->batch.index) read_index(&s->batch, x->n * c->voxels + x->start, x->length, r->label);
    EACH_STRIP(i, x)
    {
        int64_t left = x->length - i, at = x->start + i;
        if (s->batch.index)
            bad += index_strip(s, r, left, i);
        else
            bad +=
                map_strip(s, r, (const float *)s->batch.map + x->n * s->batch.k * c->voxels + at, c->voxels, left, i);
        valid += *(ivec *)(r->valid + i);
    }
    counts[0] -= total(__builtin_convertvector(valid, vec));
    counts[1] -= total(__builtin_convertvector(bad, vec));
}

INLINE void add_to(float *sum, vec x) { store(sum, load(sum) + x); }

/* Two classes are one sigmoid of the difference. */
INLINE void softmax_pair(const float *z, int64_t voxels, const piece *x, const rows *r, bool nll)
{
    EACH_STRIP(i, x)
    {
        int64_t left = x->length - i;
        ivec valid = *(ivec *)(r->valid + i);
        vec d = load_some(z + voxels + i, left) - load_some(z + i, left);
        ivec minus = d < 0.0f;
        vec e = vec_exp_negative(-vec_abs(d)), over = 1.0f / (e + 1.0f);
        vec high = vec_keep(over, valid), low = vec_keep(e * over, valid);
        store(r->p + i, vec_pick(minus, high, low));
        store(r->p + PIECE + i, vec_pick(minus, low, high));
        if (!nll && !r->l) continue;
        vec rest = vec_log1p(e);
        if (r->l) {
            store(r->q + i, load(r->p + PIECE + i));
            store(r->q + PIECE + i, load(r->p + i));
            store(r->l + i, vec_keep(rest + vec_keep(d, ~minus), valid));
            store(r->l + PIECE + i, vec_keep(rest - vec_keep(d, minus), valid));
        }
        if (!nll) continue;
        add_to(r->nll, load(r->y + i) * vec_keep(rest + vec_keep(d, ~minus), valid));
        add_to(r->nll + LANES, load(r->y + PIECE + i) * vec_keep(rest - vec_keep(d, minus), valid));
    }
}

/* `rest` is the sum of exp(z - top) without one top's own 1, so that its logarithm keeps small values. */
INLINE void softmax_any(const float *z, int64_t k, int64_t voxels, const piece *x, const rows *r, bool nll)
{
    EACH_STRIP(i, x)
    {
        int64_t left = x->length - i;
        ivec valid = *(ivec *)(r->valid + i), tops = ivec_of(1);
        vec top = load_some(z + i, left), rest = vec_of(0);
        for (int64_t c = 1; c < k; c++) top = vec_larger(load_some(z + c * voxels + i, left), top);
        for (int64_t c = 0; c < k; c++) {
            vec from = load_some(z + c * voxels + i, left) - top, e = vec_exp_negative(from);
            ivec is_top = from == 0.0f;
            store(r->p + c * PIECE + i, e);
            rest += vec_keep(e, ~is_top);
            tops += is_top;
        }
        rest += __builtin_convertvector(-tops, vec);
        vec over = vec_keep(1.0f / (rest + 1.0f), valid), log_rest = nll || r->l ? vec_log1p(rest) : vec_of(0);
        for (int64_t c = 0; c < k; c++) {
            float *p = r->p + c * PIECE + i;
            vec e = load(p), from = load_some(z + c * voxels + i, left) - top;
            store(p, vec_keep(e * over, valid));
            vec loss = log_rest - from;
            if (r->l) {
                store(r->q + c * PIECE + i, vec_pick(from == 0.0f, rest, rest + 1.0f - e) * over);
                store(r->l + c * PIECE + i, vec_keep(loss, valid));
            }
            if (nll) add_to(r->nll + c * LANES, load(r->y + c * PIECE + i) * vec_keep(loss, valid));
        }
    }
}

INLINE void sigmoid(const float *z, int64_t k, int64_t voxels, const piece *x, const rows *r, bool nll)
{
    for (int64_t c = 0; c < k; c++) EACH_STRIP(i, x)
        {
            ivec valid = *(ivec *)(r->valid + i);
            vec a = load_some(z + c * voxels + i, x->length - i), y = load(r->y + c * PIECE + i);
            ivec minus = a < 0.0f;
            vec e = vec_exp_negative(-vec_abs(a)), over = 1.0f / (e + 1.0f);
            vec high = vec_keep(over, valid), low = vec_keep(e * over, valid);
            store(r->p + c * PIECE + i, vec_pick(minus, low, high));
            store(r->q + c * PIECE + i, vec_pick(minus, high, low));
            if (r->l) {
                vec rest = vec_log1p(e);
                store(r->l + c * PIECE + i, vec_keep(rest - vec_keep(a, minus), valid));
                store(r->m + c * PIECE + i, vec_keep(rest + vec_keep(a, ~minus), valid));
            }
            if (nll) add_to(r->nll + c * LANES, vec_keep(vec_log1p(e) + vec_keep(a, ~minus) - y * a, valid));
        }
}

INLINE vec floored(vec p) { return vec_larger(vec_of((float)RMSEG_PROBABILITY_FLOOR), p); }

INLINE void given(const float *z, int64_t k, int64_t voxels, const piece *x, const rows *r, bool nll)
{
    for (int64_t c = 0; c < k; c++) EACH_STRIP(i, x)
        {
            ivec valid = *(ivec *)(r->valid + i);
            vec p = vec_keep(load_some(z + c * voxels + i, x->length - i), valid), q = vec_keep(1.0f - p, valid);
            vec y = load(r->y + c * PIECE + i);
            store(r->p + c * PIECE + i, p);
            store(r->q + c * PIECE + i, q);
            if (r->l) {
                store(r->l + c * PIECE + i, vec_keep(-vec_log_sum(floored(p), vec_of(0)), valid));
                store(r->m + c * PIECE + i, vec_keep(-vec_log_sum(floored(q), vec_of(0)), valid));
            }
            if (!nll) continue;
            vec loss = y * -vec_log_sum(floored(p), vec_of(0));
            if (k == 1) loss -= (1.0f - y) * vec_log_sum(floored(q), vec_of(0));
            add_to(r->nll + c * LANES, vec_keep(loss, valid));
        }
}

INLINE void probabilities(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, bool nll)
{
    int64_t k = s->batch.k;
    const float *z = (const float *)s->batch.logits + x->n * k * c->voxels + x->start;
    if (s->head == RMSEG_HEAD_SOFTMAX && k == 2)
        softmax_pair(z, c->voxels, x, r, nll);
    else if (s->head == RMSEG_HEAD_SOFTMAX)
        softmax_any(z, k, c->voxels, x, r, nll);
    else if (s->head == RMSEG_HEAD_SIGMOID)
        sigmoid(z, k, c->voxels, x, r, nll);
    else
        given(z, k, c->voxels, x, r, nll);
}

/* ---- gather -------------------------------------------------------------------------------------------------- */

static void add_sums(const piece *x, const float *p, const float *y, double *sums)
{
    vec py = vec_of(0), sp = vec_of(0), pp = vec_of(0), sy = vec_of(0), yy = vec_of(0);
    EACH_STRIP(i, x)
    {
        vec a = load(p + i), b = load(y + i);
        py += a * b;
        sp += a;
        pp += a * a;
        sy += b;
        yy += b * b;
    }
    sums[RMSEG_SUM_PY] += total(py);
    sums[RMSEG_SUM_P] += total(sp);
    sums[RMSEG_SUM_PP] += total(pp);
    sums[RMSEG_SUM_Y] += total(sy);
    sums[RMSEG_SUM_YY] += total(yy);
}

static double absolute_sum(const piece *x, const float *p, const float *y)
{
    vec sum = vec_of(0);
    EACH_STRIP(i, x) sum += vec_abs(load(p + i) - load(y + i));
    return total(sum);
}

/* The tables of the field that weigh sample n and channel c. */
static int64_t table_set(const rmseg_weight_field *f, int64_t k, int64_t n, int64_t c)
{
    return f->own_centres ? n * k + c : n;
}

static const float *row_table(const rmseg_weight_field *f, int64_t set, int64_t t, const piece *x)
{
    return f->narrow + (set * f->tables[2] + t) * f->stride[2] + x->at[2];
}

/* T0 T1 of a part at the piece's row. */
static double row_weight(const rmseg_weight_field *f, int64_t set, const rmseg_weight_part *part, const piece *x)
{
    return f->table[0][(set * f->tables[0] + part->table[0]) * f->stride[0] + x->at[0]] *
           f->table[1][(set * f->tables[1] + part->table[1]) * f->stride[1] + x->at[1]];
}

/* Sums of w r^2, or of w p and w y, along the piece. A table reaches beyond the piece's end, a map does not. */
INLINE void weighed_sums(bool squared, const piece *x, const float *weight, int64_t readable, const float *p,
                         const float *y, double sums[2])
{
    vec first = vec_of(0), second = vec_of(0);
    EACH_STRIP(i, x)
    {
        vec w = load_some(weight + i, readable - i), a = load(p + i), b = load(y + i);
        if (squared) {
            first += w * ((a - b) * (a - b));
        } else {
            first += w * a;
            second += w * b;
        }
    }
    sums[0] = total(first);
    sums[1] = total(second);
}

/* One pass along the row for each table of axis W serves all parts that use it. */
static void add_moments(const rmseg_weight_field *f, int64_t set, const piece *x, const float *p, const float *y,
                        double *sums)
{
    for (int64_t t = 0; t < f->tables[2]; t++) {
        double along[2];
        weighed_sums(f->squared, x, row_table(f, set, t, x), x->length + LANES, p, y, along);
        for (int64_t j = 0; j < f->parts; j++) {
            if (f->part[j].table[2] != t) continue;
            double weight = row_weight(f, set, f->part + j, x);
            sums[f->first + (f->squared ? j : 2 * j)] += weight * along[0];
            if (!f->squared) sums[f->first + 2 * j + 1] += weight * along[1];
        }
    }
}

static const float *row_map(const rmseg_weight_field *f, int64_t k, const cut *c, const piece *x, int64_t channel)
{
    return (const float *)f->map + (x->n * k + channel) * c->voxels + x->start;
}

static void add_field(const rmseg_sweep *s, const rmseg_weight_field *f, const cut *c, const piece *x, const rows *r,
                      int64_t channel, double *sums)
{
    int64_t k = s->batch.k;
    const float *p = r->p + channel * PIECE, *y = r->y + channel * PIECE;
    if (!f->map) {
        add_moments(f, table_set(f, k, x->n, channel), x, p, y, sums);
        return;
    }
    double along[2];
    weighed_sums(f->squared, x, row_map(f, k, c, x, channel), x->length, p, y, along);
    sums[f->first] += along[0];
    if (!f->squared) sums[f->first + 1] += along[1];
}

/* q^gamma of q from 0 to 1; 0^0 = 1. */
INLINE vec powered(vec q, float gamma)
{
    vec floor = vec_of(1.2e-38f);
    if (gamma == 0) return vec_of(1);
    return vec_keep(vec_exp_negative(gamma * vec_log_sum(vec_larger(q, floor), vec_of(0))), q > 0.0f);
}

static void add_focal(const rmseg_focal *f, bool binary, const piece *x, const rows *r, int64_t c, double *sums)
{
    const float *p = r->p + c * PIECE, *q = r->q + c * PIECE, *y = r->y + c * PIECE;
    float gamma = (float)f->gamma;
    vec yes = vec_of(0), no = vec_of(0);
    EACH_STRIP(i, x)
    {
        vec truth = load(y + i);
        yes += truth * powered(load(q + i), gamma) * load(r->l + c * PIECE + i);
        if (binary) no += (1.0f - truth) * powered(load(p + i), gamma) * load(r->m + c * PIECE + i);
    }
    sums[f->first] += total(yes);
    sums[f->first + 1] += total(no);
}

static bool is_binary(const rmseg_sweep *s)
{
    return s->head == RMSEG_HEAD_SIGMOID || (s->head == RMSEG_HEAD_NONE && s->batch.k == 1);
}

static void gather_piece(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, double *partial)
{
    int64_t k = s->batch.k;
    read_truth(s, c, x, r, partial + k * s->width);
    if (s->nll) {
        memset(r->nll, 0, (size_t)(k * LANES) * sizeof(float));
        probabilities(s, c, x, r, true);
        for (int64_t j = 0; j < k; j++) partial[j * s->width + RMSEG_SUM_NLL] += total(load(r->nll + j * LANES));
    } else {
        probabilities(s, c, x, r, false);
    }
    for (int64_t j = 0; j < k; j++) {
        double *sums = partial + j * s->width;
        add_sums(x, r->p + j * PIECE, r->y + j * PIECE, sums);
        if (s->absolute) sums[RMSEG_SUM_ABS] += absolute_sum(x, r->p + j * PIECE, r->y + j * PIECE);
        for (int64_t f = 0; f < s->fields; f++)
            if (s->field[f].channels[j]) add_field(s, s->field + f, c, x, r, j, sums);
        for (int64_t f = 0; f < s->focals; f++) add_focal(s->focal + f, is_binary(s), x, r, j, sums);
    }
}

static void gather_chunk(void *context, int64_t chunk, int thread)
{
    const rmseg_sweep *s = context;
    cut c = cut_of(s);
    rows r = rows_of(s, thread);
    double *partial = (double *)s->scratch + chunk * c.partial;
    memset(partial, 0, (size_t)c.partial * sizeof *partial);
    int64_t end = rmseg_chunk_end(c.sample_pieces, c.chunk, chunk % c.chunks);
    for (int64_t i = chunk % c.chunks * c.chunk; i < end; i++) {
        piece x = piece_at(s, &c, chunk / c.chunks, i);
        gather_piece(s, &c, &x, &r, partial);
    }
}

static void gather(rmseg_sweep *s)
{
    cut c = cut_of(s);
    int64_t sums = s->batch.k * s->width;
    rmseg_parallel_for(s->batch.n * c.chunks, gather_chunk, s);
    memset(s->sums, 0, (size_t)(s->batch.n * sums) * sizeof *s->sums);
    memset(s->valid, 0, (size_t)s->batch.n * sizeof *s->valid);
    s->fault = false;
    for (int64_t i = 0; i < s->batch.n * c.chunks; i++) {
        const double *partial = (const double *)s->scratch + i * c.partial;
        int64_t n = i / c.chunks;
        for (int64_t j = 0; j < sums; j++) s->sums[n * sums + j] += partial[j];
        s->valid[n] += partial[sums];
        s->fault |= partial[sums + 1] > 0;
    }
}

/* ---- scatter ------------------------------------------------------------------------------------------------- */

/* The weight field along the piece: sum over tables of axis W of T2 times what the other axes give. */
static void weigh_row(const rmseg_weight_field *f, int64_t set, const double *coefficient, const piece *x,
                      float *weight)
{
    for (int64_t t = 0; t < f->tables[2]; t++) {
        const float *table = row_table(f, set, t, x);
        double factor = 0;
        for (int64_t j = 0; j < f->parts; j++)
            if (f->part[j].table[2] == t) factor += coefficient[j] * row_weight(f, set, f->part + j, x);
        vec by = vec_of((float)factor);
        EACH_STRIP(i, x) store(weight + i, t ? load(weight + i) + by * load(table + i) : by * load(table + i));
    }
}

static void weigh_row_by_map(const float *map, double coefficient, const piece *x, float *weight)
{
    EACH_STRIP(i, x) store(weight + i, (float)coefficient * load_some(map + i, x->length - i));
}

/* Adds a field's share of d/dp to all its channels. Channels of equal coefficients share the row of weights. */
static void add_slopes(const rmseg_sweep *s, const rmseg_weight_field *f, const cut *c, const piece *x, const rows *r)
{
    int64_t k = s->batch.k;
    const double *before = NULL;
    for (int64_t j = 0; j < k; j++) {
        if (!f->channels[j]) continue;
        const double *coefficient = rmseg_field_coefficients(f, k, x->n, j);
        const float *p = r->p + j * PIECE, *y = r->y + j * PIECE;
        if (f->map)
            weigh_row_by_map(row_map(f, k, c, x, j), *coefficient, x, r->weight);
        else if (!before || f->own_centres || memcmp(before, coefficient, (size_t)f->parts * sizeof *before))
            weigh_row(f, table_set(f, k, x->n, j), coefficient, x, r->weight);
        before = coefficient;
        if (f->squared)
            EACH_STRIP(i, x) add_to(r->g + j * PIECE + i, load(r->weight + i) * (load(p + i) - load(y + i)));
        else
            EACH_STRIP(i, x) add_to(r->g + j * PIECE + i, load(r->weight + i));
    }
}

/* g = A y + B p + C + S sign(r) and the fields, for all channels. */
static void slopes(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r)
{
    for (int64_t j = 0; j < s->batch.k; j++) {
        rmseg_slope slope = s->slope[x->n * s->batch.k + j];
        vec by_y = vec_of((float)slope.y), by_p = vec_of((float)slope.p), one = vec_of((float)slope.one);
        vec up = vec_of((float)slope.sign);
        const float *p = r->p + j * PIECE, *y = r->y + j * PIECE;
        EACH_STRIP(i, x) store(r->g + j * PIECE + i, by_y * load(y + i) + (by_p * load(p + i) + one));
        if (s->absolute) EACH_STRIP(i, x)
            {
                vec a = load(p + i), b = load(y + i);
                add_to(r->g + j * PIECE + i, vec_keep(up, a > b) - vec_keep(up, a < b));
            }
    }
    for (int64_t f = 0; f < s->fields; f++) add_slopes(s, s->field + f, c, x, r);
}

/* p d/dp of (1 - p)^gamma (-log p), which is finite everywhere; q = 1 - p, loss = -log p. */
INLINE vec focal_pull(vec p, vec q, vec loss, float gamma)
{
    vec far = powered(q, gamma);
    if (gamma == 0) return -far;
    /* q^(gamma - 1) loss = far (loss / q), and loss / q is between 1 and loss + 1. */
    vec ratio = vec_keep(loss / vec_larger(q, vec_of(1.2e-38f)), q > 0.0f);
    return -far * (gamma * p * ratio + 1.0f);
}

/* h of the focal terms for all channels. */
static void focal_slopes(const rmseg_sweep *s, const piece *x, const rows *r)
{
    bool binary = is_binary(s), given = s->head == RMSEG_HEAD_NONE, sigmoid = s->head == RMSEG_HEAD_SIGMOID;
    for (int64_t c = 0; c < s->batch.k; c++) {
        const float *p = r->p + c * PIECE, *q = r->q + c * PIECE, *y = r->y + c * PIECE;
        EACH_STRIP(i, x)
        {
            vec a = load(p + i), b = load(q + i), truth = load(y + i), h = vec_of(0);
            vec to_y = sigmoid ? b : vec_of(1), to_n = a;
            if (given) to_y = 1.0f / floored(a), to_n = 1.0f / floored(b);
            for (int64_t f = 0; f < s->focals; f++) {
                const rmseg_focal *focal = s->focal + f;
                float gamma = (float)focal->gamma, yes = (float)focal->slope[2 * c],
                      no = (float)focal->slope[2 * c + 1];
                h += yes * truth * focal_pull(a, b, load(r->l + c * PIECE + i), gamma) * to_y;
                if (binary) h -= no * (1.0f - truth) * focal_pull(b, a, load(r->m + c * PIECE + i), gamma) * to_n;
            }
            store(r->h + c * PIECE + i, vec_keep(h, *(ivec *)(r->valid + i)));
        }
    }
}

/* Adds them to what the other terms wrote. */
static void add_focal_slopes(const piece *x, const rows *r, int64_t c, float *out)
{
    EACH_STRIP(i, x)
    {
        int64_t left = x->length - i;
        store_some(out + i, load_some(out + i, left) + load(r->h + c * PIECE + i), left);
    }
}

/* dot = sum_c p g + h, h = - nll_slope y and what focal terms add, so that dlogits = p (g - dot) + h. */
static void softmax_dot(const rmseg_sweep *s, const piece *x, const rows *r)
{
    EACH_STRIP(i, x)
    {
        vec dot = vec_of(0);
        for (int64_t c = 0; c < s->batch.k; c++)
            dot += load(r->p + c * PIECE + i) * load(r->g + c * PIECE + i) -
                   (float)s->nll_slope[c] * load(r->y + c * PIECE + i);
        for (int64_t c = 0; s->focals && c < s->batch.k; c++) dot += load(r->h + c * PIECE + i);
        store(r->dot + i, dot);
    }
}

static void through_softmax(const piece *x, const rows *r, int64_t c, float nll, float *out)
{
    const float *p = r->p + c * PIECE, *y = r->y + c * PIECE, *g = r->g + c * PIECE;
    EACH_STRIP(i, x)
    store_some(out + i, load(p + i) * (load(g + i) - load(r->dot + i)) - nll * load(y + i), x->length - i);
}

static void through_sigmoid(const piece *x, const rows *r, int64_t c, float nll, float *out)
{
    const float *p = r->p + c * PIECE, *y = r->y + c * PIECE, *g = r->g + c * PIECE, *q = r->q + c * PIECE;
    EACH_STRIP(i, x)
    {
        vec a = load(p + i);
        store_some(out + i, a * load(q + i) * load(g + i) + nll * (a - load(y + i)), x->length - i);
    }
}

static void through_given(const piece *x, const rows *r, int64_t c, float nll, bool binary, float *out)
{
    const float *p = r->p + c * PIECE, *y = r->y + c * PIECE, *g = r->g + c * PIECE, *q = r->q + c * PIECE;
    EACH_STRIP(i, x)
    {
        vec a = load(y + i), d = load(g + i) - nll * a / floored(load(p + i));
        if (binary) d += nll * (1.0f - a) / floored(load(q + i));
        store_some(out + i, vec_keep(d, *(ivec *)(r->valid + i)), x->length - i);
    }
}

static void scatter_piece(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r)
{
    int64_t k = s->batch.k;
    double counts[2] = {0};
    read_truth(s, c, x, r, counts);
    probabilities(s, c, x, r, false);
    slopes(s, c, x, r);
    if (s->focals) focal_slopes(s, x, r);
    if (s->head == RMSEG_HEAD_SOFTMAX) softmax_dot(s, x, r);
    for (int64_t j = 0; j < k; j++) {
        float *out = (float *)s->dlogits + (x->n * k + j) * c->voxels + x->start, nll = (float)s->nll_slope[j];
        if (s->head == RMSEG_HEAD_SOFTMAX)
            through_softmax(x, r, j, nll, out);
        else if (s->head == RMSEG_HEAD_SIGMOID)
            through_sigmoid(x, r, j, nll, out);
        else
            through_given(x, r, j, nll, k == 1, out);
        if (s->focals) add_focal_slopes(x, r, j, out);
    }
}

static void scatter_chunk(void *context, int64_t chunk, int thread)
{
    const rmseg_sweep *s = context;
    cut c = cut_of(s);
    rows r = rows_of(s, thread);
    int64_t end = rmseg_chunk_end(c.sample_pieces, c.chunk, chunk % c.chunks);
    for (int64_t i = chunk % c.chunks * c.chunk; i < end; i++) {
        piece x = piece_at(s, &c, chunk / c.chunks, i);
        scatter_piece(s, &c, &x, &r);
    }
}

static void scatter(const rmseg_sweep *s)
{
    cut c = cut_of(s);
    rmseg_parallel_for(s->batch.n * c.chunks, scatter_chunk, (void *)s);
}

/* Read once per evaluation, and only for centroids: the plain loops, in our scratch, which is the larger. */
static void locate(double *sums, const rmseg_sweep *s) { rmseg_objective_plain.locate(sums, s); }

/* ---- the picture --------------------------------------------------------------------------------------------- */

typedef struct picture {
    const rmseg_sweep *sweep;
    float *p; /* (N, K, D, H, W) */
} picture;

static void predict_chunk(void *context, int64_t chunk, int thread)
{
    const picture *out = context;
    const rmseg_sweep *s = out->sweep;
    cut c = cut_of(s);
    rows r = rows_of(s, thread);
    int64_t end = rmseg_chunk_end(c.sample_pieces, c.chunk, chunk % c.chunks);
    for (int64_t j = chunk % c.chunks * c.chunk; j < end; j++) {
        piece x = piece_at(s, &c, chunk / c.chunks, j);
        double counts[2] = {0};
        read_truth(s, &c, &x, &r, counts);
        probabilities(s, &c, &x, &r, false);
        for (int64_t channel = 0; channel < s->batch.k; channel++) {
            float *to = out->p + (x.n * s->batch.k + channel) * c.voxels + x.start;
            EACH_STRIP(i, &x)
            {
                vec p = vec_pick(*(ivec *)(r.valid + i), load(r.p + channel * PIECE + i), vec_of(-1));
                store_some(to + i, p, x.length - i);
            }
        }
    }
}

static void predict(void *p, const rmseg_sweep *s)
{
    cut c = cut_of(s);
    rmseg_parallel_for(s->batch.n * c.chunks, predict_chunk, &(picture){s, p});
}

const rmseg_objective_kernels rmseg_objective_cpu = {"cpu", scratch_bytes, gather, scatter, locate, predict};
