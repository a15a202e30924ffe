/*
 * weight_field.c - the weight fields of an evaluator: which parts share one, and the tables along its axes.
 *
 *     T[d][h] etc. = c_k^q,   c_k = scale (i_k - m_k) / n_k,  in mm: scale s_k (i_k - m_k) / max_j(n_j s_j)
 * with i_k = 1..n_k; frame=volume: i_k counts in the whole image, n_k is its extent, and outside of it c simply
 * continues.
 */
#include <string.h>

#include "loss/evaluator.h"

/* ---- which parts share a field ------------------------------------------------------------------------------- */

static bool same_rule(const rmseg_field_rule *a, const rmseg_field_rule *b)
{
    return a->centre == b->centre && a->scale == b->scale && a->volume == b->volume && a->mm == b->mm;
}

/* As many fields as terms at most, one for each: the arrays were made for that. */
static rmseg_status new_field(rmseg_evaluator *e, rmseg_loss_part *part, bool squared)
{
    rmseg_sweep *s = &e->sweep;
    rmseg_weight_field *field = s->field + s->fields;
    field->channels = rmseg_alloc(s->batch.k, 1);
    if (!field->channels) return RMSEG_ERROR_MEMORY;
    memcpy(field->channels, part->channels, (size_t)s->batch.k);
    field->squared = squared;
    part->field = s->fields++;
    return RMSEG_OK;
}

static rmseg_status find_field(rmseg_evaluator *e, rmseg_loss_part *part, bool squared, const rmseg_field_rule *rule)
{
    rmseg_sweep *s = &e->sweep;
    for (int64_t f = 0; f < s->fields; f++)
        if (s->field[f].squared == squared && !s->field[f].map && same_rule(&e->plan[f].rule, rule) &&
            !memcmp(s->field[f].channels, part->channels, (size_t)s->batch.k)) {
            part->field = f;
            return RMSEG_OK;
        }
    RMSEG_TRY(new_field(e, part, squared));
    s->field[part->field].own_centres = rule->centre == RMSEG_CENTRE_CENTROID;
    e->plan[part->field].rule = *rule;
    return RMSEG_OK;
}

/* The table of c^exponent along one axis. */
static rmseg_status find_table(rmseg_evaluator *e, int64_t *index, int64_t f, int axis, int64_t exponent)
{
    rmseg_weight_field *field = e->sweep.field + f;
    int64_t **exponents = &e->plan[f].exponent[axis], count = field->tables[axis];
    for (int64_t i = 0; i < count; i++)
        if ((*exponents)[i] == exponent) {
            *index = i;
            return RMSEG_OK;
        }
    int64_t *grown = rmseg_realloc(*exponents, count + 1, sizeof **exponents);
    if (!grown) return RMSEG_ERROR_MEMORY;
    grown[count] = exponent;
    *exponents = grown;
    *index = count;
    field->tables[axis]++;
    return RMSEG_OK;
}

static rmseg_status find_part(rmseg_weight_field *field, int64_t *index, const rmseg_weight_part *fresh)
{
    for (int64_t t = 0; t < field->parts; t++)
        if (!memcmp(field->part[t].table, fresh->table, sizeof fresh->table)) {
            *index = t;
            return RMSEG_OK;
        }
    rmseg_weight_part *grown = rmseg_realloc(field->part, field->parts + 1, sizeof *grown);
    if (!grown) return RMSEG_ERROR_MEMORY;
    grown[field->parts] = *fresh;
    field->part = grown;
    *index = field->parts++;
    return RMSEG_OK;
}

static rmseg_status note_index(rmseg_loss_part *part, int64_t index)
{
    int64_t *grown = rmseg_realloc(part->index, part->indices + 1, sizeof *grown);
    if (!grown) return RMSEG_ERROR_MEMORY;
    grown[part->indices++] = index;
    part->index = grown;
    return RMSEG_OK;
}

rmseg_status rmseg_field_add(rmseg_evaluator *e, rmseg_loss_part *part, bool squared, const rmseg_field_rule *rule,
                             const int64_t exponent[3])
{
    rmseg_weight_part fresh = {{0}};
    int64_t index;
    if (part->field < 0) RMSEG_TRY(find_field(e, part, squared, rule));
    for (int axis = 0; axis < 3; axis++)
        RMSEG_TRY(find_table(e, &fresh.table[axis], part->field, axis, exponent[axis]));
    RMSEG_TRY(find_part(e->sweep.field + part->field, &index, &fresh));
    return note_index(part, index);
}

rmseg_status rmseg_field_add_map(rmseg_evaluator *e, rmseg_loss_part *part, bool squared)
{
    const rmseg_batch *b = &e->sweep.batch;
    int64_t elements = b->n * b->k * b->size[0] * b->size[1] * b->size[2], index;
    RMSEG_TRY(new_field(e, part, squared));
    rmseg_weight_field *field = e->sweep.field + part->field;
    field->map = rmseg_alloc(elements, b->wide ? sizeof(double) : sizeof(float));
    if (!field->map) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(find_part(field, &index, &(rmseg_weight_part){{0}}));
    return note_index(part, index);
}

rmseg_status rmseg_focal_add(rmseg_evaluator *e, rmseg_loss_part *part, double gamma)
{
    rmseg_sweep *s = &e->sweep;
    rmseg_focal *focal = s->focal + s->focals;
    focal->slope = rmseg_alloc(s->batch.k, 2 * sizeof *focal->slope);
    if (!focal->slope) return RMSEG_ERROR_MEMORY;
    focal->gamma = gamma;
    part->focal = s->focals++;
    return RMSEG_OK;
}

/* ---- the tables ---------------------------------------------------------------------------------------------- */

static int64_t sets_of(const rmseg_sweep *s, const rmseg_weight_field *field)
{
    return s->batch.n * (field->own_centres ? s->batch.k : 1);
}

static rmseg_status allocate(rmseg_sweep *s, rmseg_weight_field *field)
{
    int64_t sets = sets_of(s, field), elements = 0;
    field->coefficient = rmseg_alloc(s->batch.n * s->batch.k * field->parts, sizeof *field->coefficient);
    if (!field->coefficient) return RMSEG_ERROR_MEMORY;
    if (field->map) return RMSEG_OK;
    for (int axis = 0; axis < 3; axis++) {
        field->stride[axis] = s->batch.size[axis];
        if (axis == 2) field->stride[2] = rmseg_chunk_count(s->batch.size[2], RMSEG_TABLE_PAD) * RMSEG_TABLE_PAD;
        if (!rmseg_mul3(&elements, sets, field->tables[axis], field->stride[axis])) return rmseg_fail_memory();
        field->table[axis] = rmseg_alloc(elements, sizeof(double));
        if (!field->table[axis]) return RMSEG_ERROR_MEMORY;
    }
    field->narrow = rmseg_alloc(elements, sizeof(float));
    return field->narrow ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_fields_finish(rmseg_evaluator *e)
{
    rmseg_sweep *s = &e->sweep;
    s->width = RMSEG_SUMS;
    bool located = false;
    for (int64_t f = 0; f < s->fields; f++) {
        s->field[f].first = s->width;
        s->width += s->field[f].parts * (s->field[f].squared ? 1 : 2);
        located |= s->field[f].own_centres;
        RMSEG_TRY(allocate(s, s->field + f));
    }
    for (int64_t f = 0; f < s->focals; f++, s->width += 2) s->focal[f].first = s->width;
    if (located) e->located = rmseg_alloc(s->batch.n * s->batch.k * 4, sizeof(double));
    return !located || e->located ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

void rmseg_fields_destroy(rmseg_evaluator *e)
{
    for (int64_t f = 0; f < e->sweep.fields; f++) {
        rmseg_weight_field *field = e->sweep.field + f;
        for (int axis = 0; axis < 3; axis++) {
            rmseg_free(field->table[axis]);
            rmseg_free(e->plan[f].exponent[axis]);
        }
        rmseg_free(field->narrow);
        rmseg_free(field->map);
        rmseg_free(field->coefficient);
        rmseg_free(field->part);
        rmseg_free(field->channels);
    }
    for (int64_t f = 0; f < e->sweep.focals; f++) rmseg_free(e->sweep.focal[f].slope);
    rmseg_free(e->sweep.focal);
    rmseg_free(e->sweep.field);
    rmseg_free(e->plan);
    rmseg_free(e->located);
}

static double power(double base, int64_t exponent)
{
    double result = 1;
    for (; exponent; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

rmseg_ruler rmseg_ruler_of(const rmseg_evaluator *e, const rmseg_field_rule *rule, int64_t n, int64_t c, int axis)
{
    const rmseg_batch *b = &e->sweep.batch;
    const rmseg_frame *frame = b->frames ? b->frames + n : NULL;
    bool whole = !rule->volume || !frame;
    double extent = (double)(whole ? b->size[axis] : frame->extent[axis]), longest = extent, spacing = 1;
    rmseg_ruler r = {.origin = whole ? 1 : (double)frame->offset[axis] + 1};
    if (rule->mm) {
        spacing = frame ? frame->spacing[axis] : 1;
        longest = 0;
        for (int a = 3 - b->spatial; a < 3; a++) {
            double length = (double)(whole ? b->size[a] : frame->extent[a]) * (frame ? frame->spacing[a] : 1);
            if (length > longest) longest = length;
        }
    }
    r.step = rule->scale * spacing / longest;
    if (rule->centre == RMSEG_CENTRE_PAPER) r.middle = extent / 2;
    if (rule->centre == RMSEG_CENTRE_EXACT) r.middle = (extent + 1) / 2;
    if (rule->centre == RMSEG_CENTRE_CENTROID) {
        const double *located = e->located + (n * b->k + c) * 4;
        r.middle = located[0] > 0 ? r.origin + located[1 + axis] / located[0] : (extent + 1) / 2;
    }
    return r;
}

double rmseg_ruler_power(rmseg_ruler r, int64_t index, int64_t exponent)
{
    return power(r.step * (r.origin + (double)index - r.middle), exponent);
}

/* All tables of one axis of one set (a sample, or a sample and channel). */
static void fill_axis(rmseg_weight_field *field, const int64_t *exponents, int axis, int64_t set, int64_t extent,
                      rmseg_ruler r)
{
    for (int64_t t = 0; t < field->tables[axis]; t++) {
        int64_t start = (set * field->tables[axis] + t) * field->stride[axis];
        for (int64_t i = 0; i < extent; i++) {
            double value = rmseg_ruler_power(r, i, exponents[t]);
            field->table[axis][start + i] = value;
            if (axis == 2) field->narrow[start + i] = (float)value;
        }
    }
}

void rmseg_fields_fill(rmseg_evaluator *e)
{
    const rmseg_batch *b = &e->sweep.batch;
    for (int64_t f = 0; f < e->sweep.fields; f++) {
        rmseg_weight_field *field = e->sweep.field + f;
        int64_t sets = field->map ? 0 : sets_of(&e->sweep, field), channels = field->own_centres ? b->k : 1;
        for (int64_t set = 0; set < sets; set++)
            for (int axis = 0; axis < 3; axis++) {
                rmseg_ruler r = rmseg_ruler_of(e, &e->plan[f].rule, set / channels, set % channels, axis);
                fill_axis(field, e->plan[f].exponent[axis], axis, set, b->size[axis], r);
            }
    }
}

/* Of the part's first weight, in one set of tables. */
static double mean_of_set(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t set)
{
    const rmseg_weight_field *field = e->sweep.field + part->field;
    double product = 1;
    for (int axis = 0; axis < 3; axis++) {
        int64_t extent = e->sweep.batch.size[axis],
                row = set * field->tables[axis] + field->part[part->index[0]].table[axis];
        double along = 0;
        for (int64_t i = 0; i < extent; i++) along += field->table[axis][row * field->stride[axis] + i];
        product *= along / (double)extent;
    }
    return product;
}

double rmseg_field_mean(const rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    bool own_centres = e->sweep.field[part->field].own_centres;
    double sum = 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c]) continue;
            const rmseg_loss_part own = rmseg_part_of_channel(part, c);
            sum += mean_of_set(e, &own, own_centres ? n * b->k + c : n);
        }
    return sum / (double)(b->n * part->channel_count);
}
