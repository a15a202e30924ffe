/* records.c - from the outcomes of all cases to records. */
#include <math.h>
#include <string.h>

#include "run/evaluation.h"

const char *rmseg_evaluation_case(const rmseg_evaluation *e, int64_t i)
{
    return e->pairs.truths.ids[e->pairs.truth[i]];
}

/* Row of a region in an outcome's arrays; -1 where the case has not met it. */
static int64_t row_of(const rmseg_outcome *out, int64_t region, const rmseg_regions *regions, bool given)
{
    if (given) return region;
    for (int64_t r = 0; r < out->found.count; r++)
        if (out->found.items[r].value == regions->items[region].value) return r;
    return -1;
}

typedef struct writer {
    rmseg_results *results;
    rmseg_evaluation *e;
    bool given;         /* the regions are the same in every case */
    bool volumes;       /* some case has one */
    double *absent;     /* [columns] of the present case, for regions it has not met */
    const char **notes; /* [columns] */
} writer;

static rmseg_status add_row(const writer *w, const char *id, int64_t region, const double *values, const char **notes)
{
    const rmseg_evaluation *e = w->e;
    for (int64_t c = 0; c < e->columns.count; c++) {
        if (!w->volumes && rmseg_quantity_find(e->columns.items[c]) < RMSEG_FP_BEYOND) continue;
        RMSEG_TRY(
            rmseg_results_add(w->results, id, e->regions.items[region].name, e->columns.items[c], values[c], notes[c]));
    }
    return RMSEG_OK;
}

/* A component of the truth is CASE/NUMBER, one of the prediction without a partner CASE/fpNUMBER. */
static rmseg_status add_parts(const writer *w, const char *id, const char *region, const rmseg_component_records *parts)
{
    rmseg_text name = {0}, class_name = {0};
    rmseg_status status = RMSEG_OK;
    rmseg_text_addf(&class_name, "%s component", region);
    for (int64_t p = 0; p < parts->count && !status; p++) {
        const rmseg_component_pair *pair = &parts->pairs[p];
        name.length = 0;
        rmseg_text_addf(&name, pair->truth ? "%s/%lld" : "%s/fp%lld", id,
                        (long long)(pair->truth ? pair->truth : pair->prediction));
        if (name.failed || class_name.failed) status = rmseg_fail_memory();
        for (int64_t m = 0; m < w->e->part_metrics && !status; m++)
            status = rmseg_results_add(w->results, name.data, class_name.data, w->e->metrics.items[m],
                                       parts->values[p * w->e->part_metrics + m], pair->note);
    }
    rmseg_text_destroy(&name);
    rmseg_text_destroy(&class_name);
    return status;
}

static rmseg_status add_case(const writer *w, int64_t i)
{
    const rmseg_evaluation *e = w->e;
    rmseg_outcome *out = &e->outcomes[i];
    bool met = true;
    for (int64_t r = 0; r < e->regions.count; r++) met &= row_of(out, r, &e->regions, w->given) >= 0;
    if (!met) out->status = rmseg_evaluation_absent(w->absent, w->notes, e, out);
    if (out->status) {
        rmseg_fail_in(out->status, "%s", rmseg_evaluation_case(e, i));
        rmseg_error_take(out->sentence);
        return out->status == RMSEG_ERROR_MEMORY ? out->status : RMSEG_OK;
    }
    for (int64_t r = 0; r < e->regions.count; r++) {
        int64_t row = row_of(out, r, &e->regions, w->given), at = row * e->columns.count;
        RMSEG_TRY(add_row(w, rmseg_evaluation_case(e, i), r, row < 0 ? w->absent : out->values + at,
                          row < 0 ? w->notes : out->notes + at));
        if (row >= 0) RMSEG_TRY(add_parts(w, rmseg_evaluation_case(e, i), e->regions.items[r].name, &out->parts[row]));
    }
    return RMSEG_OK;
}

rmseg_status rmseg_evaluation_records(rmseg_results *results, rmseg_evaluation *e, bool given)
{
    writer w = {results, e, given, !e->default_metrics, NULL, NULL};
    w.absent = rmseg_alloc(e->columns.count, sizeof *w.absent);
    w.notes = rmseg_alloc(e->columns.count, sizeof *w.notes);
    rmseg_status status = w.absent && w.notes ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < e->pairs.count; i++)
        w.volumes |= !e->outcomes[i].status && !isnan(e->outcomes[i].scale.voxel_ml);
    for (int64_t i = 0; i < e->pairs.count && !status; i++)
        if (!e->outcomes[i].status) status = add_case(&w, i);
    rmseg_free(w.absent);
    rmseg_free(w.notes);
    return status;
}

/* What changes the values and is not among the metrics' settings. */
rmseg_status rmseg_evaluation_note(rmseg_results *results, const rmseg_evaluation *e)
{
    const evaluate_options *o = e->o;
    char number[32];
    if (*o->run) RMSEG_TRY(rmseg_results_set_run(results, o->run));
    if (rmseg_options_given(e->options, "seed")) rmseg_results_set_seed(results, o->seed);
    if (*o->grid) RMSEG_TRY(rmseg_results_note(results, "grid", o->grid));
    if (strcmp(o->spacing, "voxel")) RMSEG_TRY(rmseg_results_note(results, "spacing", o->spacing));
    if (o->largest_component) RMSEG_TRY(rmseg_results_note(results, "largest_component", "predictions"));
    if (!isnan(o->tolerance))
        RMSEG_TRY(rmseg_results_note(results, "tolerance", rmseg_number_text(number, o->tolerance)));
    if (o->directed) RMSEG_TRY(rmseg_results_note(results, "directed", "prediction to truth"));
    if (e->settings.has_ignore)
        RMSEG_TRY(rmseg_results_note(results, "ignore", rmseg_options_get(e->options, "ignore")));
    if (isnan(o->fp_beyond)) return RMSEG_OK;
    return rmseg_results_note(results, "fp_beyond", rmseg_number_text(number, o->fp_beyond));
}
