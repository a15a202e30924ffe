/*
 * cpu/objective_fields.c - weight fields over one piece.
 *
 * A field's weight is a sum of products T0[d] T1[h] T2[w]. Along a row of W, T0 and T1 are numbers: one pass with each
 * table of axis W serves all parts that use it.
 */
#include "backend/cpu/objective.h"

/* A row of W, or the part of one that the piece holds. */
typedef struct row {
    int64_t at[3]; /* D, H, W of its first voxel */
    int64_t first; /* where it starts in the thread's rows */
} row;

static row row_of(const rmseg_sweep *s, const piece *x, int64_t index)
{
    int64_t h = s->batch.size[1], at = x->row + index;
    return (row){{at / h, at % h, x->from}, index * x->width};
}

/* The tables of the field that weigh sample n and channel c. */
static int64_t table_set(const rmseg_weight_field *f, int64_t k, int64_t n, int64_t c)
{
    return f->own_centres ? n * k + c : n;
}

static const float *row_table(const rmseg_weight_field *f, int64_t set, int64_t t, const row *w)
{
    return f->narrow + (set * f->tables[2] + t) * f->stride[2] + w->at[2];
}

/* T0 T1 of a part at the row. */
static double row_weight(const rmseg_weight_field *f, int64_t set, const rmseg_weight_part *part, const row *w)
{
    return f->table[0][(set * f->tables[0] + part->table[0]) * f->stride[0] + w->at[0]] *
           f->table[1][(set * f->tables[1] + part->table[1]) * f->stride[1] + w->at[1]];
}

static const float *map_at(const rmseg_sweep *s, const rmseg_weight_field *f, const cut *c, const piece *x, int64_t j)
{
    return (const float *)f->map + (x->n * s->batch.k + j) * c->voxels + x->start;
}

/* ---- sums ---------------------------------------------------------------------------------------------------- */

/* Sums of w r^2, or of w p and w y. Tables are 0 behind their end, so that what stands there in p and y is nothing. */
INLINE void weighed(bool squared, int64_t length, const float *weight, int64_t readable, const float *p, const float *y,
                    double sums[2])
{
    vec first = vec_of(0), second = vec_of(0);
    EACH_STRIP(i, length)
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
    sums[1] = squared ? 0 : total(second);
}

static void add_row(const rmseg_weight_field *f, int64_t set, const row *w, int64_t width, const float *p,
                    const float *y, double *sums)
{
    for (int64_t t = 0; t < f->tables[2]; t++) {
        double along[2];
        if (f->squared)
            weighed(true, width, row_table(f, set, t, w), width + LANES, p, y, along);
        else
            weighed(false, width, row_table(f, set, t, w), width + LANES, p, y, along);
        for (int64_t j = 0; j < f->parts; j++) {
            if (f->part[j].table[2] != t) continue;
            double weight = row_weight(f, set, f->part + j, w);
            sums[f->squared ? j : 2 * j] += weight * along[0];
            if (!f->squared) sums[2 * j + 1] += weight * along[1];
        }
    }
}

static void add_map(const rmseg_weight_field *f, const float *map, int64_t length, const float *p, const float *y,
                    double *sums)
{
    double along[2];
    weighed(f->squared, length, map, length, p, y, along);
    sums[0] += along[0];
    if (!f->squared) sums[1] += along[1];
}

void rmseg_cpu_field_sums(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j, double *sums)
{
    const float *p = r->p + j * ROW, *y = r->y + j * ROW;
    for (int64_t i = 0; i < s->fields; i++) {
        const rmseg_weight_field *f = s->field + i;
        if (!f->channels[j]) continue;
        if (f->map) add_map(f, map_at(s, f, c, x, j), x->length, p, y, sums + f->first);
        for (int64_t k = 0; k < x->rows && !f->map; k++) {
            row w = row_of(s, x, k);
            add_row(f, table_set(f, s->batch.k, x->n, j), &w, x->width, p + w.first, y + w.first, sums + f->first);
        }
    }
}

/* ---- weights ------------------------------------------------------------------------------------------------- */

/* Rows from first to last: what a vector writes past the end of one is overwritten by the next, so that adding takes
 * care where setting need not. */
static void weigh_row(const rmseg_weight_field *f, int64_t set, const double *coefficient, double sign, const row *w,
                      int64_t width, bool add, float *to)
{
    for (int64_t t = 0; t < f->tables[2]; t += 2) {
        int64_t next = least(t + 1, f->tables[2] - 1);
        const float *table = row_table(f, set, t, w), *other = row_table(f, set, next, w);
        double factor[2] = {0, 0};
        for (int64_t j = 0; j < f->parts; j++) {
            int64_t at = f->part[j].table[2] - t;
            if (at == 0 || at == 1) factor[at] += coefficient[j] * row_weight(f, set, f->part + j, w);
        }
        vec by = vec_of((float)(sign * factor[0])), and = vec_of((float)(sign * factor[1]));
        if (t || add)
            EACH_STRIP(i, width) add_to(to + i, by * load(table + i) + and*load(other + i));
        else
            EACH_STRIP(i, width) store(to + i, by * load(table + i) + and*load(other + i));
    }
}

static void weigh_map(const float *map, double coefficient, int64_t length, bool add, float *to)
{
    EACH_STRIP(i, length)
    {
        vec w = (float)coefficient * load_some(map + i, length - i);
        if (add) w += load(to + i);
        store(to + i, w);
    }
}

void rmseg_cpu_weigh(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j, double sign,
                     bool started[2])
{
    int64_t k = s->batch.k;
    for (int64_t i = 0; i < s->fields; i++) {
        const rmseg_weight_field *f = s->field + i;
        const double *coefficient = rmseg_field_coefficients(f, k, x->n, j);
        float *to = f->squared ? r->square : r->line;
        double by = f->squared ? 1 : sign;
        bool *begun = &started[!f->squared];
        if (!f->channels[j]) continue;
        if (f->map) weigh_map(map_at(s, f, c, x, j), by * *coefficient, x->length, *begun, to);
        for (int64_t l = 0; l < x->rows && !f->map; l++) {
            row w = row_of(s, x, l);
            weigh_row(f, table_set(f, k, x->n, j), coefficient, by, &w, x->width, *begun, to + w.first);
        }
        *begun = true;
    }
}
