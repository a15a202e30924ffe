/* results.c - keeps records and says what they amount to. */
#include "metric/results.h"

#include <math.h>
#include <string.h>

#include "metric/conventions.h"
#include "metric/settings.h"
#include "metric/statistics.h"

#define RESAMPLES      2000
#define BOOTSTRAP_SEED 1

rmseg_status rmseg_results_create(rmseg_results **results, const rmseg_metric_settings *settings, const char *unit)
{
    const rmseg_convention *convention = NULL;
    RMSEG_TRY(rmseg_metric_settings_check(settings, 3));
    RMSEG_TRY(rmseg_convention_find(&convention, settings->convention));
    rmseg_results *r = rmseg_alloc(1, sizeof *r);
    if (!r) return RMSEG_ERROR_MEMORY;
    r->settings = *settings;
    r->settings.convention = convention->info.name;
    r->unit = rmseg_strdup(unit);
    if (!r->unit) {
        rmseg_results_destroy(r);
        return RMSEG_ERROR_MEMORY;
    }
    *results = r;
    return RMSEG_OK;
}

static void record_free(rmseg_record *record)
{
    rmseg_free(record->case_id);
    rmseg_free(record->note);
}

static void column_free(rmseg_column *column)
{
    rmseg_free(column->class_name);
    rmseg_free(column->metric);
}

void rmseg_results_destroy(rmseg_results *results)
{
    if (!results) return;
    for (int64_t i = 0; i < results->count; i++) record_free(&results->records[i]);
    for (int64_t i = 0; i < results->column_count; i++) column_free(&results->columns[i]);
    rmseg_free(results->records);
    rmseg_free(results->columns);
    rmseg_names_destroy(&results->notes);
    rmseg_free(results->unit);
    rmseg_free(results->run);
    rmseg_free(results);
}

rmseg_status rmseg_results_note(rmseg_results *results, const char *key, const char *value)
{
    RMSEG_TRY(rmseg_names_add(&results->notes, key));
    return rmseg_names_add(&results->notes, value);
}

rmseg_status rmseg_results_set_run(rmseg_results *results, const char *run)
{
    char *copy = run ? rmseg_strdup(run) : NULL;
    if (run && !copy) return RMSEG_ERROR_MEMORY;
    rmseg_free(results->run);
    results->run = copy;
    return RMSEG_OK;
}

void rmseg_results_set_seed(rmseg_results *results, int64_t seed)
{
    results->seed = seed;
    results->has_seed = true;
}

/* Room for one more: the block itself or a larger one; NULL without memory, and the old block stays. */
static void *with_room(void *block, int64_t count, int64_t *capacity, size_t size)
{
    if (count < *capacity) return block;
    int64_t more = *capacity ? *capacity * 2 : 16;
    void *larger = rmseg_realloc(block, more, size);
    if (larger) *capacity = more;
    return larger;
}

static rmseg_status find_column(int64_t *index, rmseg_results *r, const char *class_name, const char *metric)
{
    for (int64_t i = 0; i < r->column_count; i++) {
        if (strcmp(r->columns[i].class_name, class_name) || strcmp(r->columns[i].metric, metric)) continue;
        *index = i;
        return RMSEG_OK;
    }
    rmseg_column *columns = with_room(r->columns, r->column_count, &r->column_capacity, sizeof *columns);
    if (!columns) return RMSEG_ERROR_MEMORY;
    r->columns = columns;
    rmseg_column column = {rmseg_strdup(class_name), rmseg_strdup(metric)};
    if (!column.class_name || !column.metric) {
        column_free(&column);
        return RMSEG_ERROR_MEMORY;
    }
    *index = r->column_count;
    r->columns[r->column_count++] = column;
    return RMSEG_OK;
}

rmseg_status rmseg_results_add(rmseg_results *results, const char *case_id, const char *class_name, const char *metric,
                               double value, const char *note)
{
    rmseg_record *records = with_room(results->records, results->count, &results->capacity, sizeof *records);
    if (!records) return RMSEG_ERROR_MEMORY;
    results->records = records;
    rmseg_record record = {rmseg_strdup(case_id), rmseg_strdup(note ? note : ""), value, 0};
    if (!record.case_id || !record.note || find_column(&record.column, results, class_name, metric) != RMSEG_OK) {
        record_free(&record);
        return RMSEG_ERROR_MEMORY;
    }
    records[results->count++] = record;
    return RMSEG_OK;
}

int64_t rmseg_results_aggregates(const rmseg_results *results) { return results->column_count; }

static double deviation(const double *values, int64_t count, double mean)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (values[i] - mean) * (values[i] - mean);
    return count > 1 ? sqrt(sum / (double)(count - 1)) : NAN;
}

static rmseg_status summarise(rmseg_aggregate *a, double *values)
{
    double interval[2] = {NAN, NAN};
    a->mean = rmseg_mean(values, a->valid);
    a->sd = deviation(values, a->valid, a->mean);
    if (a->valid > 1) RMSEG_TRY(rmseg_bootstrap_mean(interval, values, 1, a->valid, RESAMPLES, BOOTSTRAP_SEED));
    a->low = interval[0];
    a->high = interval[1];
    a->median = rmseg_percentile(values, a->valid, 50); /* last: it reorders */
    return RMSEG_OK;
}

static bool says_empty(const char *note)
{
    return !strcmp(note, "truth empty") || !strcmp(note, "prediction empty") || !strcmp(note, "both empty");
}

rmseg_status rmseg_results_aggregate(rmseg_aggregate *aggregate, const rmseg_results *results, int64_t index)
{
    if (index < 0 || index >= results->column_count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "aggregate %lld of %lld: expected 0 to one less", (long long)index,
                          (long long)results->column_count);
    double *values = rmseg_alloc(results->count, sizeof *values);
    if (!values) return RMSEG_ERROR_MEMORY;
    const rmseg_column *column = &results->columns[index];
    rmseg_aggregate a = {column->class_name, column->metric, 0, 0, 0, NAN, NAN, NAN, NAN, NAN};
    for (int64_t i = 0; i < results->count; i++) {
        const rmseg_record *record = &results->records[i];
        if (record->column != index) continue;
        a.n++;
        a.empty += says_empty(record->note);
        if (isfinite(record->value)) values[a.valid++] = record->value;
    }
    rmseg_status status = summarise(&a, values);
    rmseg_free(values);
    if (status == RMSEG_OK) *aggregate = a;
    return status;
}
