/*
 * cpu/objective_gather.c - the sums of one piece: any head, any number of channels.
 */
#include "backend/cpu/objective.h"

static void add_sums(const piece *x, const float *p, const float *y, double *sums)
{
    vec py = vec_of(0), sp = vec_of(0), pp = vec_of(0), sy = vec_of(0), yy = vec_of(0);
    EACH_STRIP(i, x->length)
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

static double sum_of(const piece *x, const float *p)
{
    vec sum = vec_of(0);
    EACH_STRIP(i, x->length) sum += load(p + i);
    return total(sum);
}

static double absolute_sum(const piece *x, const float *p, const float *y)
{
    vec sum = vec_of(0);
    EACH_STRIP(i, x->length) sum += vec_abs(load(p + i) - load(y + i));
    return total(sum);
}

static void add_focal(const rmseg_focal *f, bool binary, const piece *x, const rows *r, int64_t c, double *sums)
{
    const float *p = r->p + c * ROW, *q = r->q + c * ROW, *y = r->y + c * ROW;
    float gamma = (float)f->gamma;
    vec yes = vec_of(0), no = vec_of(0);
    EACH_STRIP(i, x->length)
    {
        vec truth = load(y + i);
        yes += truth * powered(load(q + i), gamma) * load(r->l + c * ROW + i);
        if (binary) no += (1.0f - truth) * powered(load(p + i), gamma) * load(r->m + c * ROW + i);
    }
    sums[f->first] += total(yes);
    sums[f->first + 1] += total(no);
}

void rmseg_cpu_channel_piece(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j, double *sums)
{
    const float *p = r->p + j * ROW, *y = r->y + j * ROW;
    if (s->looked[j])
        add_sums(x, p, y, sums);
    else
        sums[RMSEG_SUM_P] += sum_of(x, p);
    if (s->absolute) sums[RMSEG_SUM_ABS] += absolute_sum(x, p, y);
    rmseg_cpu_field_sums(s, c, x, r, j, sums);
}

void rmseg_cpu_gather_any(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to)
{
    double *partial = to;
    rmseg_cpu_read_truth(s, c, x, r, 0, partial + s->batch.k * s->width);
    rmseg_cpu_probabilities(s, c, x, r, s->nll);
    for (int64_t j = 0; j < s->batch.k; j++) {
        double *sums = partial + j * s->width;
        if (s->nll) sums[RMSEG_SUM_NLL] += total(load(r->nll + j * LANES));
        rmseg_cpu_channel_piece(s, c, x, r, j, sums);
        for (int64_t f = 0; f < s->focals; f++) add_focal(s->focal + f, is_binary(s), x, r, j, sums);
    }
}
