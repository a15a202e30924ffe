/*
 * cpu/objective_scatter.c - the gradient of one piece: any head, any number of channels.
 */
#include "backend/cpu/objective.h"

/* g = A y + B p + C + S sign(r) and the fields, of channel j. */
static void slopes(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j)
{
    rmseg_slope slope = s->slope[x->n * s->batch.k + j];
    vec by_y = vec_of((float)slope.y), by_p = vec_of((float)slope.p), one = vec_of((float)slope.one);
    vec up = vec_of((float)slope.sign);
    const float *p = r->p + j * ROW, *y = r->y + j * ROW;
    float *g = r->g + j * ROW;
    bool started[2] = {false, false};
    rmseg_cpu_weigh(s, c, x, r, j, 1, started);
    EACH_STRIP(i, x->length) store(g + i, by_y * load(y + i) + (by_p * load(p + i) + one));
    if (started[0]) EACH_STRIP(i, x->length) add_to(g + i, load(r->square + i) * (load(p + i) - load(y + i)));
    if (started[1]) EACH_STRIP(i, x->length) add_to(g + i, load(r->line + i));
    if (s->absolute) EACH_STRIP(i, x->length)
        {
            vec a = load(p + i), b = load(y + i);
            add_to(g + i, vec_keep(up, a > b) - vec_keep(up, a < b));
        }
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
        const float *p = r->p + c * ROW, *q = r->q + c * ROW, *y = r->y + c * ROW;
        EACH_STRIP(i, x->length)
        {
            vec a = load(p + i), b = load(q + i), truth = load(y + i), h = vec_of(0);
            vec to_y = sigmoid ? b : vec_of(1), to_n = a;
            if (given) to_y = 1.0f / floored(a), to_n = 1.0f / floored(b);
            for (int64_t f = 0; f < s->focals; f++) {
                const rmseg_focal *focal = s->focal + f;
                float gamma = (float)focal->gamma, yes = (float)focal->slope[2 * c],
                      no = (float)focal->slope[2 * c + 1];
                h += yes * truth * focal_pull(a, b, load(r->l + c * ROW + i), gamma) * to_y;
                if (binary) h -= no * (1.0f - truth) * focal_pull(b, a, load(r->m + c * ROW + i), gamma) * to_n;
            }
            store(r->h + c * ROW + i, vec_keep(h, *(ivec *)(r->valid + i)));
        }
    }
}

/* Adds them to what the other terms wrote. */
static void add_focal_slopes(const piece *x, const rows *r, int64_t c, float *out)
{
    EACH_STRIP(i, x->length)
    {
        int64_t left = x->length - i;
        store_some(out + i, load_some(out + i, left) + load(r->h + c * ROW + i), left);
    }
}

/* dot = sum_c p g + h, h = - nll_slope y and what focal terms add, so that dlogits = p (g - dot) + h. */
static void softmax_dot(const rmseg_sweep *s, const piece *x, const rows *r)
{
    EACH_STRIP(i, x->length)
    {
        vec dot = vec_of(0);
        for (int64_t c = 0; c < s->batch.k; c++)
            dot +=
                load(r->p + c * ROW + i) * load(r->g + c * ROW + i) - (float)s->nll_slope[c] * load(r->y + c * ROW + i);
        for (int64_t c = 0; s->focals && c < s->batch.k; c++) dot += load(r->h + c * ROW + i);
        store(r->dot + i, dot);
    }
}

static void through_softmax(const piece *x, const rows *r, int64_t c, float nll, float *out)
{
    const float *p = r->p + c * ROW, *y = r->y + c * ROW, *g = r->g + c * ROW;
    EACH_STRIP(i, x->length)
    store_some(out + i, load(p + i) * (load(g + i) - load(r->dot + i)) - nll * load(y + i), x->length - i);
}

static void through_sigmoid(const piece *x, const rows *r, int64_t c, float nll, float *out)
{
    const float *p = r->p + c * ROW, *y = r->y + c * ROW, *g = r->g + c * ROW, *q = r->q + c * ROW;
    EACH_STRIP(i, x->length)
    {
        vec a = load(p + i);
        store_some(out + i, a * load(q + i) * load(g + i) + nll * (a - load(y + i)), x->length - i);
    }
}

static void through_given(const piece *x, const rows *r, int64_t c, float nll, bool binary, float *out)
{
    const float *p = r->p + c * ROW, *y = r->y + c * ROW, *g = r->g + c * ROW, *q = r->q + c * ROW;
    EACH_STRIP(i, x->length)
    {
        vec a = load(y + i), d = load(g + i) - nll * a / floored(load(p + i));
        if (binary) d += nll * (1.0f - a) / floored(load(q + i));
        store_some(out + i, vec_keep(d, *(ivec *)(r->valid + i)), x->length - i);
    }
}

void rmseg_cpu_scatter_any(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to)
{
    int64_t k = s->batch.k;
    double counts[2] = {0};
    rmseg_cpu_read_truth(s, c, x, r, 0, counts);
    rmseg_cpu_probabilities(s, c, x, r, false);
    for (int64_t j = 0; j < k; j++) slopes(s, c, x, r, j);
    if (s->focals) focal_slopes(s, x, r);
    if (s->head == RMSEG_HEAD_SOFTMAX) softmax_dot(s, x, r);
    for (int64_t j = 0; j < k; j++) {
        float *out = (float *)to + (x->n * k + j) * c->voxels + x->start, nll = (float)s->nll_slope[j];
        if (s->head == RMSEG_HEAD_SOFTMAX)
            through_softmax(x, r, j, nll, out);
        else if (s->head == RMSEG_HEAD_SIGMOID)
            through_sigmoid(x, r, j, nll, out);
        else
            through_given(x, r, j, nll, k == 1, out);
        if (s->focals) add_focal_slopes(x, r, j, out);
    }
}
