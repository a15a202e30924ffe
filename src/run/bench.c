/*
 * bench.c - measures: which families, how often, what is kept of it.
 */
#include "run/bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

RMSEG_OPTIONS_DEFINE(bench_options, BENCH_OPTIONS)

rmseg_status rmseg_bench_options_create(rmseg_options **options) { return bench_options_create(options); }

/* ---- the families ------------------------------------------------------------------------------------------------ */

static rmseg_status machine(rmseg_bench_run *run) { return rmseg_bench_machine_peaks(run, true); }

static const struct {
    rmseg_bench_family info;
    rmseg_status (*measure)(rmseg_bench_run *run);
} families[] = {
    {{"machine", "the most this machine does: multiply-adds a second at the level in use, bytes read, copied, added"},
     machine},
    {{"kernels", "single ops at usual shapes, and the optimiser"}, rmseg_bench_kernels},
    {{"layers", "every op of a network, forward and backward"}, rmseg_bench_layers},
    {{"step", "a whole training step: forward, objective, backward, optimiser; its memory"}, rmseg_bench_step},
    {{"predict", "a window of a prediction"}, rmseg_bench_predict},
    {{"loss", "objectives at usual shapes, value and gradient"}, rmseg_bench_loss},
    {{"metrics", "metrics of a pair of masks"}, rmseg_bench_metrics},
};

enum { FAMILIES = sizeof families / sizeof *families };

const rmseg_bench_family *rmseg_bench_family_list(int64_t index)
{
    return index >= 0 && index < FAMILIES ? &families[index].info : NULL;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_bench_setting(rmseg_bench_run *run, const char *format, ...)
{
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    rmseg_free(run->setting);
    run->setting = rmseg_strdup(buffer);
    return run->setting ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static bool holds(const char *text, const char *part) { return text && strstr(text, part); }

static bool is_wanted(const rmseg_bench_run *run, const rmseg_bench_measure *m)
{
    const char *only = run->o->only;
    return holds(m->name, only) || holds(m->kind, only) || holds(m->pass, only) || holds(m->note, only);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double rmseg_bench_median(const double *samples, int64_t count, int64_t stride)
{
    double *sorted = rmseg_alloc(count, sizeof *sorted);
    if (!sorted) return NAN;
    for (int64_t i = 0; i < count; i++) sorted[i] = samples[i * stride];
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    double median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    rmseg_free(sorted);
    return median;
}

/* A row's samples in its own unit, and their median. */
static rmseg_status take_samples(rmseg_bench_row *row, const rmseg_bench_measure *m)
{
    row->samples = rmseg_alloc(m->count, sizeof *row->samples);
    if (!row->samples) return RMSEG_ERROR_MEMORY;
    row->count = m->count;
    for (int64_t i = 0; i < m->count; i++)
        row->samples[i] = m->samples[i * (m->stride ? m->stride : 1)] * (m->unit ? 1 : 1e3);
    row->value = rmseg_bench_median(row->samples, row->count, 1);
    return isnan(row->value) ? RMSEG_ERROR_MEMORY : RMSEG_OK;
}

/* The time that the slower of arithmetic and memory needs at least, as a share of the time it took. */
static double share_of(const rmseg_bench_run *run, const rmseg_bench_measure *m, double seconds)
{
    double least = fmax(m->flops > 0 ? m->flops / run->peaks.flops : 0, m->bytes > 0 ? m->bytes / run->peaks.copy : 0);
    return m->unit || least <= 0 ? NAN : least / seconds;
}

static rmseg_status fill_row(rmseg_bench_row *row, const rmseg_bench_run *run, const rmseg_bench_measure *m)
{
    row->family = run->family;
    row->unit = m->unit ? m->unit : "ms";
    row->pass = m->pass ? m->pass : "";
    row->flops = m->flops;
    row->bytes = m->bytes;
    row->name = rmseg_strdup(m->name);
    row->note = rmseg_strdup(m->note ? m->note : "");
    row->setting = rmseg_strdup(run->setting ? run->setting : "");
    if (!row->name || !row->note || !row->setting) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(take_samples(row, m));
    row->share = share_of(run, m, row->value * 1e-3);
    row->part = m->whole > 0 ? row->value * 1e-3 / m->whole : NAN;
    return RMSEG_OK;
}

rmseg_status rmseg_bench_add(rmseg_bench_run *run, const rmseg_bench_measure *measure)
{
    if (!is_wanted(run, measure)) return RMSEG_OK;
    if (run->count == run->room) {
        int64_t room = run->room ? 2 * run->room : 64;
        rmseg_bench_row *rows = rmseg_realloc(run->rows, room, sizeof *rows);
        if (!rows) return RMSEG_ERROR_MEMORY;
        run->rows = rows;
        run->room = room;
    }
    run->rows[run->count] = (rmseg_bench_row){0};
    return fill_row(&run->rows[run->count++], run, measure);
}

bool rmseg_bench_wanted(const rmseg_bench_run *run, const char *name) { return holds(name, run->o->only); }

void rmseg_bench_rows_destroy(rmseg_bench_row *rows, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        rmseg_free(rows[i].setting);
        rmseg_free(rows[i].name);
        rmseg_free(rows[i].note);
        rmseg_free(rows[i].samples);
    }
    rmseg_free(rows);
}

/* ---- repeating ----------------------------------------------------------------------------------------------------- */

enum { LEAST_ROUNDS = 3, MOST_ROUNDS = 1000 };

static bool goes_on(const bench_options *o, int64_t count, double spent)
{
    if (o->rounds) return count < o->rounds;
    return count < LEAST_ROUNDS || (count < MOST_ROUNDS && spent < o->seconds);
}

static rmseg_status repeat(double **samples, int64_t *count, rmseg_bench_run *run, int64_t width, rmseg_bench_once once,
                           void *context)
{
    const bench_options *o = run->o;
    int64_t room = o->rounds ? o->rounds : MOST_ROUNDS;
    *samples = rmseg_alloc(width, sizeof **samples);
    if (!*samples) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(once(context, *samples, -1));
    for (double start = rmseg_now_s(); goes_on(o, *count, rmseg_now_s() - start); (*count)++) {
        double *more = rmseg_realloc(*samples, (*count + 1) * width, sizeof *more);
        if (!more) return RMSEG_ERROR_MEMORY;
        *samples = more;
        RMSEG_TRY(once(context, more + *count * width, *count));
        rmseg_progress(run->family, *count + 1, room, run->setting ? run->setting : "");
        if (rmseg_cancelled()) return rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted; nothing was written");
    }
    return RMSEG_OK;
}

rmseg_status rmseg_bench_repeat(double **samples, int64_t *count, rmseg_bench_run *run, int64_t width,
                                rmseg_bench_once once, void *context)
{
    double *made = NULL;
    *count = 0;
    rmseg_status status = repeat(&made, count, run, width, once, context);
    if (status)
        rmseg_free(made);
    else
        *samples = made;
    return status;
}

/* ---- the job ----------------------------------------------------------------------------------------------------- */

static rmseg_status check_family(const char *family)
{
    const char *names[FAMILIES];
    for (int i = 0; i < FAMILIES; i++) names[i] = families[i].info.name;
    for (int i = 0; i < FAMILIES; i++)
        if (!*family || !strcmp(family, names[i])) return RMSEG_OK;
    rmseg_text list = {0};
    for (int i = 0; i < FAMILIES; i++) rmseg_text_addf(&list, "%s%s", i ? ", " : "", names[i]);
    const char *near = rmseg_nearest(family, names, FAMILIES);
    rmseg_status status =
        rmseg_fail(RMSEG_ERROR_ARGUMENT, "there is no family \"%s\"%s%s%s; expected one of %s", family,
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "", list.data ? list.data : "");
    rmseg_text_destroy(&list);
    return status;
}

static rmseg_status measure(rmseg_bench_run *run, const char *family)
{
    RMSEG_TRY(rmseg_backend_default(&run->backend));
    RMSEG_TRY(check_family(family));
    bool peaks = *family && strcmp(family, "machine");
    if (peaks) RMSEG_TRY(rmseg_bench_machine_peaks(run, false));
    for (int i = 0; i < FAMILIES; i++) {
        if (*family && strcmp(family, families[i].info.name)) continue;
        run->family = families[i].info.name;
        RMSEG_TRY(rmseg_bench_setting(run, "%s", ""));
        RMSEG_TRY(families[i].measure(run));
    }
    if (run->count) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "option only: no row holds \"%s\"", run->o->only);
}

static rmseg_status give(char **text, rmseg_text *made)
{
    if (made->failed) {
        rmseg_text_destroy(made);
        return RMSEG_ERROR_MEMORY;
    }
    *text = made->data;
    return RMSEG_OK;
}

/* The table, and the comparison behind it; or JSON. */
static rmseg_status report(char **text, int64_t *worse, const rmseg_bench_run *run, const rmseg_bench_old *old)
{
    const bench_options *o = run->o;
    rmseg_json json = {0};
    rmseg_text table = {0};
    int64_t count = 0;
    if (*o->json) rmseg_bench_json(&json, run);
    if (!strcmp(o->json, "-")) return give(text, &json.text);
    rmseg_status status = *o->json ? rmseg_text_write(&json.text, o->json) : RMSEG_OK;
    rmseg_text_destroy(&json.text);
    if (status) return status;
    rmseg_bench_head(&table, run);
    rmseg_bench_table(&table, run);
    if (old) count = rmseg_bench_compare(&table, run->rows, run->count, old, o->compare, o->threshold);
    RMSEG_TRY(give(text, &table));
    *worse = count;
    return RMSEG_OK;
}

/* The old file is read before anything is measured: a wrong name shows at once. */
static rmseg_status bench(char **text, int64_t *worse, rmseg_bench_run *run, const char *family)
{
    const bench_options *o = run->o;
    rmseg_bench_old *old = NULL;
    if (*o->compare && !strcmp(o->json, "-"))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--json - and --compare exclude each other: give --json a file");
    if (*o->compare) RMSEG_TRY(rmseg_bench_old_read(&old, o->compare));
    rmseg_status status = measure(run, family);
    if (!status) status = report(text, worse, run, old);
    rmseg_bench_old_destroy(old);
    return status;
}

rmseg_status rmseg_bench(char **text, int64_t *worse, const rmseg_options *options, const char *family)
{
    rmseg_bench_run run = {.o = bench_options_values(options)};
    if (!run.o) return RMSEG_ERROR_ARGUMENT;
    *worse = 0;
    rmseg_status status = bench(text, worse, &run, family ? family : "");
    rmseg_bench_rows_destroy(run.rows, run.count);
    rmseg_free(run.setting);
    return status;
}
