/*
 * evaluate.c - predictions against truth: pairs of label images -> a mask for each region -> metrics -> results.
 */
#include <stdatomic.h>
#include <string.h>

#include "run/evaluation.h"
#include "run/gate.h"
#include "run/run.h"

/* ---- all cases --------------------------------------------------------------------------------------------------- */

typedef struct queue {
    rmseg_evaluation *e;
    const int64_t *cases; /* [count] indices of pairs */
    int64_t count;
    atomic_llong next, done;
    bool several; /* at once */
    rmseg_gate gate;
} queue;

static void judge(rmseg_evaluation *e, int64_t i)
{
    rmseg_outcome *out = &e->outcomes[i];
    rmseg_outcome_destroy(out);
    out->status = rmseg_evaluation_judge(out, e, i);
    if (!out->status) return;
    rmseg_fail_in(out->status, "%s", rmseg_evaluation_case(e, i));
    rmseg_error_take(out->sentence);
}

/* Takes cases until there are none. Which worker takes which one changes nothing. */
static void work(void *context, int64_t worker, int thread)
{
    (void)worker;
    (void)thread;
    queue *q = context;
    for (int64_t i; (i = atomic_fetch_add(&q->next, 1)) < q->count && !rmseg_cancelled();) {
        int64_t bytes = q->several ? rmseg_evaluation_bytes(q->e, q->cases[i]) : 0;
        rmseg_gate_enter(&q->gate, bytes);
        judge(q->e, q->cases[i]);
        rmseg_gate_leave(&q->gate, bytes);
        rmseg_progress("evaluate", atomic_fetch_add(&q->done, 1) + 1, q->count, "");
    }
}

static rmseg_status judge_cases(rmseg_evaluation *e, const int64_t *cases, int64_t count)
{
    queue q = {.e = e, .cases = cases, .count = count};
    int64_t jobs = e->o->jobs ? e->o->jobs : rmseg_threads();
    if (jobs > count) jobs = count;
    q.several = jobs > 1;
    rmseg_gate_init(&q.gate, 0);
    if (q.several)
        rmseg_parallel_for(jobs, work, &q);
    else
        work(&q, 0, 0); /* the threads are then free for the inside of a case */
    rmseg_gate_destroy(&q.gate);
    return rmseg_cancelled() ? rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted; nothing was written") : RMSEG_OK;
}

/* Masks of 0 and 255 are common, and their 255 is the 1 of others. But it is a label like any other where another file
 * of that side holds one: then the cases in which it was taken for a 1 are judged again. */
static rmseg_status judge_again(rmseg_evaluation *e, int64_t *cases)
{
    int64_t count = 0;
    for (int64_t i = 0; i < e->pairs.count; i++) {
        if (e->outcomes[i].prediction_kind == RMSEG_FOUND_OTHERS) e->prediction_255 = false;
        if (e->outcomes[i].truth_kind == RMSEG_FOUND_OTHERS) e->truth_255 = false;
    }
    for (int64_t i = 0; i < e->pairs.count; i++) {
        const rmseg_outcome *out = &e->outcomes[i];
        if ((out->prediction_kind == RMSEG_FOUND_255 && !e->prediction_255) ||
            (out->truth_kind == RMSEG_FOUND_255 && !e->truth_255))
            cases[count++] = i;
    }
    return count ? judge_cases(e, cases, count) : RMSEG_OK;
}

/* The regions of all cases together. */
static rmseg_status join_found(rmseg_evaluation *e)
{
    bool *seen = rmseg_alloc(RMSEG_MOST_LABELS, sizeof *seen), any = false;
    if (!seen) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < e->pairs.count; i++)
        for (int64_t r = 0; r < e->outcomes[i].found.count; r++) any = seen[e->outcomes[i].found.items[r].value] = true;
    seen[1] |= !any; /* nothing anywhere: judged as such */
    rmseg_status status = rmseg_found_regions(&e->regions, seen);
    rmseg_free(seen);
    return status;
}

static rmseg_status judge_all(rmseg_evaluation *e)
{
    bool given = e->regions.count > 0;
    int64_t *cases = rmseg_alloc(e->pairs.count, sizeof *cases);
    e->outcomes = rmseg_alloc(e->pairs.count, sizeof *e->outcomes);
    rmseg_status status = cases && e->outcomes ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < e->pairs.count && !status; i++) cases[i] = i;
    if (!status) status = judge_cases(e, cases, e->pairs.count);
    if (!status && !given) status = judge_again(e, cases);
    if (!status && !given) status = join_found(e);
    rmseg_free(cases);
    return status;
}

/* ---- the job ----------------------------------------------------------------------------------------------------- */

static rmseg_status write_results(const rmseg_results *results, const rmseg_evaluation *e)
{
    const char *csv = e->o->csv, *json = e->o->json;
    if (*csv) RMSEG_TRY(rmseg_folder_create_for(csv));
    if (*csv) RMSEG_TRY(rmseg_results_write_csv(results, csv));
    if (*json) RMSEG_TRY(rmseg_folder_create_for(json));
    return *json ? rmseg_results_write_json(results, json) : RMSEG_OK;
}

/* A name that was mistyped, or a label of another dataset, looks like a case without that organ otherwise. */
static void tell_nowhere(const rmseg_evaluation *e)
{
    for (int64_t r = 0; r < e->regions.count; r++) {
        bool somewhere = false, judged = false;
        for (int64_t i = 0; i < e->pairs.count; i++) {
            const rmseg_outcome *out = &e->outcomes[i];
            judged |= !out->status;
            somewhere |= !out->status && strcmp(out->notes[r * e->columns.count], "both empty");
        }
        if (judged && !somewhere)
            rmseg_warn("region %s: no file holds any of its labels: check --%s", e->regions.items[r].name,
                       *e->o->regions ? "regions" : "labels");
    }
}

/* Tells of the cases that failed; the status is the first one's, else that of cases that have no partner. */
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
    if (failed) return rmseg_cases_fail(first->status, first->sentence, failed, e->pairs.count);
    if (!e->pairs.alone) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FILE, "%lld of the cases had no partner and %s not in the results",
                      (long long)e->pairs.alone, e->pairs.alone > 1 ? "are" : "is");
}

static rmseg_status fill(rmseg_results *results, rmseg_evaluation *e)
{
    bool given = e->regions.count > 0;
    RMSEG_TRY(rmseg_evaluation_note(results, e));
    RMSEG_TRY(judge_all(e));
    RMSEG_TRY(rmseg_evaluation_records(results, e, given));
    if (given) tell_nowhere(e);
    return RMSEG_OK;
}

static rmseg_status evaluate(rmseg_results **results, rmseg_evaluation *e)
{
    rmseg_results *made = NULL;
    const char *unit = !strcmp(e->o->spacing, "voxel") ? "voxel" : "mm";
    RMSEG_TRY(rmseg_evaluation_settle(e));
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
    rmseg_evaluation e = {.o = evaluate_options_values(options), .options = options};
    if (!e.o) return RMSEG_ERROR_ARGUMENT;
    rmseg_status status = evaluate(results, &e);
    for (int64_t i = 0; i < e.pairs.count && e.outcomes; i++) rmseg_outcome_destroy(&e.outcomes[i]);
    rmseg_free(e.outcomes);
    rmseg_names_destroy(&e.metrics);
    rmseg_names_destroy(&e.columns);
    rmseg_regions_destroy(&e.regions);
    rmseg_pairs_destroy(&e.pairs);
    return status;
}
