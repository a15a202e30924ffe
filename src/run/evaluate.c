/*
 * evaluate.c - predictions against truth: pairs of label images -> a mask for each region -> metrics -> results.
 */
#include <stdatomic.h>
#include <string.h>

#include "run/evaluation.h"
#include "run/run.h"

RMSEG_OPTIONS_DEFINE(evaluate_options, EVALUATE_OPTIONS)

rmseg_status rmseg_evaluate_options_create(rmseg_options **options) { return evaluate_options_create(options); }

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

static rmseg_status parse_names(rmseg_names *names, const char *list)
{
    char *copy = rmseg_strdup(list), *rest = NULL;
    rmseg_status status = copy ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (char *name = copy ? strtok_r(copy, ",", &rest) : NULL; name && !status; name = strtok_r(NULL, ",", &rest)) {
        const rmseg_metric_info *metric = NULL;
        status = rmseg_metric_find(&metric, name);
        if (!status) status = rmseg_names_add(names, name);
    }
    rmseg_free(copy);
    if (!status && !names->count)
        status = rmseg_fail(RMSEG_ERROR_ARGUMENT, "--metrics is empty: name at least one (`rmseg metrics` lists them)");
    return status;
}

/* "voxel", "image" or lengths in mm along the axes of the image, D,H,W or H,W. */
static rmseg_status parse_spacing(double spacing[3], const char *text)
{
    spacing[0] = spacing[1] = spacing[2] = !strcmp(text, "voxel");
    if (!strcmp(text, "voxel") || !strcmp(text, "image")) return RMSEG_OK;
    double read[3];
    char *copy = rmseg_strdup(text), *rest = NULL;
    if (!copy) return RMSEG_ERROR_MEMORY;
    int count = 0;
    bool right = true;
    for (char *word = strtok_r(copy, ",", &rest); word && right; word = strtok_r(NULL, ",", &rest))
        right = count < 3 && rmseg_parse_number(&read[count], word) && read[count] > 0 && read[count++] < 1e30;
    rmseg_free(copy);
    if (!right || count < 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--spacing %s: expected voxel, image, or a length in mm for each axis",
                          text);
    spacing[0] = 1;
    memcpy(spacing + 3 - count, read, (size_t)count * sizeof *read);
    return RMSEG_OK;
}

static rmseg_status parse_grid(int64_t grid[3], const char *text)
{
    int64_t read[3], count = 0;
    if (!*text) return RMSEG_OK;
    RMSEG_TRY(rmseg_parse_list(read, &count, 3, 1, "grid", text));
    if (count < 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--grid %s: expected height,width or depth,height,width", text);
    grid[0] = 1;
    memcpy(grid + 3 - count, read, (size_t)count * sizeof *read);
    rmseg_info("label images are resampled to the grid %s (nearest) before they are measured", text);
    return RMSEG_OK;
}

static rmseg_status settle(rmseg_evaluation *e)
{
    const evaluate_options *o = e->o;
    rmseg_truth truth = {o->truth, o->layout, o->data, o->split, o->threshold};
    rmseg_metric_settings_default(&e->settings);
    e->settings.convention = o->convention;
    e->settings.percentile = o->percentile;
    e->settings.connectivity = (int)o->connectivity;
    RMSEG_TRY(rmseg_metric_settings_empty(&e->settings, o->empty));
    RMSEG_TRY(parse_names(&e->metrics, o->metrics));
    RMSEG_TRY(parse_spacing(e->spacing, o->spacing));
    RMSEG_TRY(parse_grid(e->grid, o->grid));
    if (o->threads) RMSEG_TRY(rmseg_threads_set((int)o->threads));
    return rmseg_pairs_find(&e->pairs, o->pred, &truth);
}

/* ---- all cases --------------------------------------------------------------------------------------------------- */

typedef struct queue {
    rmseg_evaluation *e;
    atomic_llong next, done;
} queue;

static const char *case_id(const rmseg_evaluation *e, int64_t i) { return e->pairs.truths.ids[e->pairs.truth[i]]; }

/* Takes cases until there are none. Which worker takes which one changes nothing. */
static void work(void *context, int64_t worker, int thread)
{
    (void)worker;
    (void)thread;
    queue *q = context;
    rmseg_evaluation *e = q->e;
    for (int64_t i; (i = atomic_fetch_add(&q->next, 1)) < e->pairs.count && !rmseg_cancelled();) {
        rmseg_outcome *out = &e->outcomes[i];
        out->status = rmseg_evaluation_judge(out, e, i);
        if (out->status) {
            rmseg_fail_in(out->status, "%s", case_id(e, i));
            rmseg_error_take(out->sentence);
        }
        rmseg_progress("evaluate", atomic_fetch_add(&q->done, 1) + 1, e->pairs.count, "");
    }
}

static rmseg_status judge_all(rmseg_evaluation *e)
{
    queue q = {.e = e};
    int64_t jobs = e->o->jobs ? e->o->jobs : rmseg_threads();
    e->outcomes = rmseg_alloc(e->pairs.count, sizeof *e->outcomes);
    if (!e->outcomes) return RMSEG_ERROR_MEMORY;
    if (jobs > e->pairs.count) jobs = e->pairs.count;
    if (jobs > 1)
        rmseg_parallel_for(jobs, work, &q);
    else
        work(&q, 0, 0); /* the threads are then free for the inside of a case */
    return rmseg_cancelled() ? rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted; nothing was written") : RMSEG_OK;
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static rmseg_status add_records(rmseg_results *results, const rmseg_evaluation *e, int64_t i)
{
    const rmseg_outcome *out = &e->outcomes[i];
    for (int64_t r = 0; r < e->regions.count && !out->status; r++)
        for (int64_t m = 0; m < e->metrics.count; m++)
            RMSEG_TRY(rmseg_results_add(results, case_id(e, i), e->regions.items[r].name, e->metrics.items[m],
                                        out->values[r * e->metrics.count + m], out->notes[r]));
    return RMSEG_OK;
}

/* What changes the values and is not among the metrics' settings. */
static rmseg_status note_options(rmseg_results *results, const evaluate_options *o)
{
    if (*o->grid) RMSEG_TRY(rmseg_results_note(results, "grid", o->grid));
    if (strcmp(o->spacing, "voxel")) RMSEG_TRY(rmseg_results_note(results, "spacing", o->spacing));
    return o->largest_component ? rmseg_results_note(results, "largest_component", "predictions") : RMSEG_OK;
}

static rmseg_status write_results(const rmseg_results *results, const rmseg_evaluation *e)
{
    const char *csv = e->o->csv, *json = e->o->json;
    if (*csv) RMSEG_TRY(rmseg_folder_create_for(csv));
    if (*csv) RMSEG_TRY(rmseg_results_write_csv(results, csv));
    if (*json) RMSEG_TRY(rmseg_folder_create_for(json));
    return *json ? rmseg_results_write_json(results, json) : RMSEG_OK;
}

/* Tells of the cases that failed; the status is the first one's. */
static rmseg_status report_failures(const rmseg_evaluation *e)
{
    const rmseg_outcome *first = NULL;
    int64_t failed = 0;
    for (int64_t i = 0; i < e->pairs.count; i++) {
        const rmseg_outcome *out = &e->outcomes[i];
        if (!out->status) continue;
        if (e->pairs.count > 1) rmseg_warn("%s", out->sentence);
        if (!failed++) first = out;
    }
    return failed ? rmseg_cases_fail(first->status, first->sentence, failed, e->pairs.count) : RMSEG_OK;
}

static rmseg_status fill(rmseg_results *results, rmseg_evaluation *e)
{
    RMSEG_TRY(note_options(results, e->o));
    RMSEG_TRY(judge_all(e));
    for (int64_t i = 0; i < e->pairs.count; i++) RMSEG_TRY(add_records(results, e, i));
    return RMSEG_OK;
}

static rmseg_status evaluate(rmseg_results **results, rmseg_evaluation *e)
{
    rmseg_results *made = NULL;
    const char *unit = !strcmp(e->o->spacing, "voxel") ? "voxel" : "mm";
    RMSEG_TRY(settle(e));
    RMSEG_TRY(rmseg_evaluation_regions(e));
    RMSEG_TRY(rmseg_results_create(&made, &e->settings, unit)); /* before the work: an unknown convention ends here */
    rmseg_status status = fill(made, e);
    if (status) {
        rmseg_results_destroy(made);
        return status;
    }
    *results = made; /* also where the files cannot be written: what was measured is not lost */
    rmseg_status failures = report_failures(e), written = write_results(made, e);
    return written ? written : failures;
}

rmseg_status rmseg_evaluate(rmseg_results **results, const rmseg_options *options)
{
    rmseg_evaluation e = {.o = evaluate_options_values(options)};
    if (!e.o) return RMSEG_ERROR_ARGUMENT;
    rmseg_status status = evaluate(results, &e);
    for (int64_t i = 0; i < e.pairs.count && e.outcomes; i++) {
        rmseg_free(e.outcomes[i].values);
        rmseg_free(e.outcomes[i].notes);
    }
    rmseg_free(e.outcomes);
    rmseg_names_destroy(&e.metrics);
    rmseg_regions_destroy(&e.regions);
    rmseg_pairs_destroy(&e.pairs);
    return status;
}
