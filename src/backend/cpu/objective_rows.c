/*
 * cpu/objective_rows.c - truth and probabilities of a piece, written into a thread's rows.
 */
#include "backend/cpu/objective.h"

/* ---- truth --------------------------------------------------------------------------------------------------- */

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

/* Fills valid, and y of channels from `first` on; returns lanes that are set where a label is bad. */
INLINE ivec index_strip(const rmseg_sweep *s, bool all, const rows *r, int64_t i, ivec known, int64_t first)
{
    ivec here = *(const ivec *)(r->label + i), end = ivec_of((int32_t)s->batch.k + s->first_label);
    if (!all) known &= here != ivec_of(s->batch.ignore);
    *(ivec *)(r->valid + i) = known;
    for (int64_t j = first; j < s->batch.k; j++)
        store(r->y + j * ROW + i, vec_keep(vec_of(1), (here == ivec_of((int32_t)j + s->first_label)) & known));
    return known & ((here < 0) | (here >= end));
}

INLINE ivec index_strips(const rmseg_sweep *s, bool all, const rows *r, int64_t length, int64_t first)
{
    int64_t whole = length / LANES * LANES;
    rows to = *r;
    ivec bad = ivec_of(0);
    EACH_STRIP(i, whole) bad |= index_strip(s, all, &to, i, ivec_of(-1), first);
    if (whole < length) bad |= index_strip(s, all, &to, whole, lanes_below(length - whole), first);
    return bad;
}

INLINE void map_strip(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t i, ivec *bad)
{
    const float *from = (const float *)s->batch.map + x->n * s->batch.k * c->voxels + x->start + i;
    int64_t left = x->length - i;
    ivec valid = lanes_below(left);
    for (int64_t j = 0; j < s->batch.k; j++) valid &= ~(load_some(from + j * c->voxels, left) < 0.0f);
    for (int64_t j = 0; j < s->batch.k; j++) {
        vec y = load_some(from + j * c->voxels, left);
        *bad |= valid & ~(y <= 1.0f);
        store(r->y + j * ROW + i, vec_keep(y, valid));
    }
    *(ivec *)(r->valid + i) = valid;
}

void rmseg_cpu_read_truth(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t first,
                          double counts[2])
{
    int64_t k = s->batch.k, end = strips_end(x->length);
    ivec bad = ivec_of(0), valid = ivec_of(0);
    if (s->batch.index) {
        read_index(&s->batch, x->n * c->voxels + x->start, x->length, r->label);
        for (int64_t i = x->length; i < end; i++) r->label[i] = 0; /* a channel there is, or none */
        if (all_valid(s))
            bad = index_strips(s, true, r, x->length, first);
        else
            bad = index_strips(s, false, r, x->length, first);
    } else {
        EACH_STRIP(i, x->length) map_strip(s, c, x, r, i, &bad);
    }
    for (int64_t j = first; j < k; j++) store(r->y + j * ROW + end, vec_of(0));
    if (!all_valid(s)) EACH_STRIP(i, x->length) valid += *(const ivec *)(r->valid + i);
    counts[0] += all_valid(s) ? (double)x->length : -total(__builtin_convertvector(valid, vec));
    counts[1] -= total(__builtin_convertvector(bad, vec));
}

/* ---- probabilities ------------------------------------------------------------------------------------------- */

/* Two classes are one sigmoid of the difference. */
INLINE void softmax_pair(const float *z, int64_t voxels, const piece *x, const rows *r, bool nll)
{
    EACH_STRIP(i, x->length)
    {
        int64_t left = x->length - i;
        ivec valid = *(ivec *)(r->valid + i);
        vec d = load_some(z + voxels + i, left) - load_some(z + i, left);
        ivec minus = d < 0.0f;
        vec e = vec_exp_negative(-vec_abs(d)), over = 1.0f / (e + 1.0f);
        vec high = vec_keep(over, valid), low = vec_keep(e * over, valid);
        store(r->p + i, vec_pick(minus, high, low));
        store(r->p + ROW + i, vec_pick(minus, low, high));
        if (!nll && !r->l) continue;
        vec rest = vec_log1p(e);
        if (r->l) {
            store(r->q + i, load(r->p + ROW + i));
            store(r->q + ROW + i, load(r->p + i));
            store(r->l + i, vec_keep(rest + vec_keep(d, ~minus), valid));
            store(r->l + ROW + i, vec_keep(rest - vec_keep(d, minus), valid));
        }
        if (!nll) continue;
        add_to(r->nll, load(r->y + i) * vec_keep(rest + vec_keep(d, ~minus), valid));
        add_to(r->nll + LANES, load(r->y + ROW + i) * vec_keep(rest - vec_keep(d, minus), valid));
    }
}

/* `rest` is the sum of exp(z - top) without one top's own 1, so that its logarithm keeps small values. */
INLINE void softmax_any(const float *z, int64_t k, int64_t voxels, const piece *x, const rows *r, bool nll)
{
    EACH_STRIP(i, x->length)
    {
        int64_t left = x->length - i;
        ivec valid = *(ivec *)(r->valid + i), tops = ivec_of(1);
        vec top = load_some(z + i, left), rest = vec_of(0);
        for (int64_t c = 1; c < k; c++) top = vec_larger(load_some(z + c * voxels + i, left), top);
        for (int64_t c = 0; c < k; c++) {
            vec from = load_some(z + c * voxels + i, left) - top, e = vec_exp_negative(from);
            ivec is_top = from == 0.0f;
            store(r->p + c * ROW + i, e);
            rest += vec_keep(e, ~is_top);
            tops += is_top;
        }
        rest += __builtin_convertvector(-tops, vec);
        vec over = vec_keep(1.0f / (rest + 1.0f), valid), log_rest = nll || r->l ? vec_log1p(rest) : vec_of(0);
        for (int64_t c = 0; c < k; c++) {
            float *p = r->p + c * ROW + i;
            vec e = load(p), from = load_some(z + c * voxels + i, left) - top;
            store(p, vec_keep(e * over, valid));
            vec loss = log_rest - from;
            if (r->l) {
                store(r->q + c * ROW + i, vec_pick(from == 0.0f, rest, rest + 1.0f - e) * over);
                store(r->l + c * ROW + i, vec_keep(loss, valid));
            }
            if (nll) add_to(r->nll + c * LANES, load(r->y + c * ROW + i) * vec_keep(loss, valid));
        }
    }
}

INLINE void sigmoid(const float *z, int64_t k, int64_t voxels, const piece *x, const rows *r, bool nll)
{
    for (int64_t c = 0; c < k; c++) EACH_STRIP(i, x->length)
        {
            ivec valid = *(ivec *)(r->valid + i);
            vec a = load_some(z + c * voxels + i, x->length - i), y = load(r->y + c * ROW + i);
            ivec minus = a < 0.0f;
            vec e = vec_exp_negative(-vec_abs(a)), over = 1.0f / (e + 1.0f);
            vec high = vec_keep(over, valid), low = vec_keep(e * over, valid);
            store(r->p + c * ROW + i, vec_pick(minus, low, high));
            store(r->q + c * ROW + i, vec_pick(minus, high, low));
            if (r->l) {
                vec rest = vec_log1p(e);
                store(r->l + c * ROW + i, vec_keep(rest - vec_keep(a, minus), valid));
                store(r->m + c * ROW + i, vec_keep(rest + vec_keep(a, ~minus), valid));
            }
            if (nll) add_to(r->nll + c * LANES, vec_keep(vec_log1p(e) + vec_keep(a, ~minus) - y * a, valid));
        }
}

INLINE void given(const float *z, int64_t k, int64_t voxels, const piece *x, const rows *r, bool nll)
{
    for (int64_t c = 0; c < k; c++) EACH_STRIP(i, x->length)
        {
            ivec valid = *(ivec *)(r->valid + i);
            vec p = vec_keep(load_some(z + c * voxels + i, x->length - i), valid), q = vec_keep(1.0f - p, valid);
            vec y = load(r->y + c * ROW + i);
            store(r->p + c * ROW + i, p);
            store(r->q + c * ROW + i, q);
            if (r->l) {
                store(r->l + c * ROW + i, vec_keep(-vec_log_sum(floored(p), vec_of(0)), valid));
                store(r->m + c * ROW + i, vec_keep(-vec_log_sum(floored(q), vec_of(0)), valid));
            }
            if (!nll) continue;
            vec loss = y * -vec_log_sum(floored(p), vec_of(0));
            if (k == 1) loss -= (1.0f - y) * vec_log_sum(floored(q), vec_of(0));
            add_to(r->nll + c * LANES, vec_keep(loss, valid));
        }
}

void rmseg_cpu_probabilities(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, bool nll)
{
    int64_t k = s->batch.k;
    const float *z = (const float *)s->batch.logits + x->n * k * c->voxels + x->start;
    if (nll) memset(r->nll, 0, (size_t)(k * LANES) * sizeof *r->nll);
    if (s->head == RMSEG_HEAD_SOFTMAX && k == 2)
        softmax_pair(z, c->voxels, x, r, nll);
    else if (s->head == RMSEG_HEAD_SOFTMAX)
        softmax_any(z, k, c->voxels, x, r, nll);
    else if (s->head == RMSEG_HEAD_SIGMOID)
        sigmoid(z, k, c->voxels, x, r, nll);
    else
        given(z, k, c->voxels, x, r, nll);
    for (int64_t j = 0; j < k; j++) store(r->p + j * ROW + strips_end(x->length), vec_of(0));
}
