/* results_io.c - results as JSON (what compare and report read) and as a CSV table. */
#include <stdlib.h>
#include <string.h>

#include "metric/results.h"
#include "metric/settings.h"

static void write_records(rmseg_json *json, const rmseg_results *r)
{
    rmseg_json_open(json, "records", '[');
    for (int64_t i = 0; i < r->count; i++) {
        const rmseg_record *record = &r->records[i];
        rmseg_json_open(json, NULL, '{');
        rmseg_json_string(json, "case", record->case_id);
        rmseg_json_string(json, "class", r->columns[record->column].class_name);
        rmseg_json_string(json, "metric", r->columns[record->column].metric);
        rmseg_json_number(json, "value", record->value);
        rmseg_json_string(json, "note", record->note);
        rmseg_json_close(json, '}');
    }
    rmseg_json_close(json, ']');
}

static rmseg_status write_aggregates(rmseg_json *json, const rmseg_results *r)
{
    rmseg_json_open(json, "aggregate", '[');
    for (int64_t i = 0; i < r->column_count; i++) {
        rmseg_aggregate a;
        RMSEG_TRY(rmseg_results_aggregate(&a, r, i));
        rmseg_json_open(json, NULL, '{');
        rmseg_json_string(json, "class", a.class_name);
        rmseg_json_string(json, "metric", a.metric);
        rmseg_json_integer(json, "n", a.n);
        rmseg_json_integer(json, "valid", a.valid);
        rmseg_json_integer(json, "empty", a.empty);
        rmseg_json_number(json, "mean", a.mean);
        rmseg_json_number(json, "sd", a.sd);
        rmseg_json_number(json, "median", a.median);
        rmseg_json_open(json, "ci95", '[');
        rmseg_json_number(json, NULL, a.low);
        rmseg_json_number(json, NULL, a.high);
        rmseg_json_close(json, ']');
        rmseg_json_close(json, '}');
    }
    rmseg_json_close(json, ']');
    return RMSEG_OK;
}

rmseg_status rmseg_results_write_json(const rmseg_results *results, const char *path)
{
    rmseg_json json = {0};
    char policy[32];
    rmseg_json_open(&json, NULL, '{');
    rmseg_json_string(&json, "rmseg", RMSEG_VERSION);
    if (results->run) rmseg_json_string(&json, "run", results->run);
    if (results->has_seed) rmseg_json_integer(&json, "seed", results->seed);
    rmseg_json_string(&json, "convention", results->settings.convention);
    rmseg_json_string(&json, "unit", results->unit);
    rmseg_json_string(&json, "empty", rmseg_empty_text(policy, &results->settings));
    rmseg_json_integer(&json, "connectivity", results->settings.connectivity);
    rmseg_json_number(&json, "percentile", results->settings.percentile);
    for (int64_t i = 0; i + 1 < results->notes.count; i += 2)
        rmseg_json_string(&json, results->notes.items[i], results->notes.items[i + 1]);
    write_records(&json, results);
    rmseg_status status = write_aggregates(&json, results);
    rmseg_json_close(&json, '}');
    if (status == RMSEG_OK) status = rmseg_text_write(&json.text, path);
    rmseg_text_destroy(&json.text);
    return status;
}

/* ---- CSV: one row per case and class, one column per metric, in order of first record --------------------------- */

typedef struct cell {
    const rmseg_record *record;
    const char *class_name;
    int64_t metric; /* index into the table's metrics */
    int64_t row;    /* index of the first record of its case and class */
} cell;

static int by_case_class_record(const void *left, const void *right)
{
    const cell *a = left, *b = right;
    int order = strcmp(a->record->case_id, b->record->case_id);
    if (!order) order = strcmp(a->class_name, b->class_name);
    return order ? order : (a->record > b->record) - (a->record < b->record);
}

static int by_row_metric(const void *left, const void *right)
{
    const cell *a = left, *b = right;
    if (a->row != b->row) return a->row < b->row ? -1 : 1;
    return (a->metric > b->metric) - (a->metric < b->metric);
}

/* The distinct metric names of the columns; returns how many. metric_of[column] is an index into names. */
static int64_t list_metrics(const char **names, int64_t *metric_of, const rmseg_results *r)
{
    int64_t count = 0;
    for (int64_t i = 0; i < r->column_count; i++) {
        int64_t m = 0;
        while (m < count && strcmp(names[m], r->columns[i].metric)) m++;
        if (m == count) names[count++] = r->columns[i].metric;
        metric_of[i] = m;
    }
    return count;
}

/* Sorts the records into rows: first all of one case and class together, then the rows as they first appeared. */
static void lay_out(cell *cells, const rmseg_results *r, const int64_t *metric_of)
{
    for (int64_t i = 0; i < r->count; i++) {
        const rmseg_record *record = &r->records[i];
        cells[i] = (cell){record, r->columns[record->column].class_name, metric_of[record->column], i};
    }
    qsort(cells, (size_t)r->count, sizeof *cells, by_case_class_record);
    for (int64_t i = 1; i < r->count; i++) {
        const cell *before = &cells[i - 1];
        if (!strcmp(before->record->case_id, cells[i].record->case_id) &&
            !strcmp(before->class_name, cells[i].class_name))
            cells[i].row = before->row;
    }
    qsort(cells, (size_t)r->count, sizeof *cells, by_row_metric);
}

/* One row from the cells at `cells`; returns how many it used. */
static int64_t write_row(rmseg_text *text, const cell *cells, int64_t count, int64_t metrics)
{
    const char *note = "";
    int64_t used = 0;
    rmseg_csv_cell(text, cells->record->case_id);
    rmseg_csv_cell(text, cells->class_name);
    for (int64_t m = 0; m < metrics; m++) {
        bool here = used < count && cells[used].row == cells->row && cells[used].metric == m;
        if (here)
            rmseg_csv_number(text, cells[used].record->value);
        else
            rmseg_csv_cell(text, "");
        if (here && !*note) note = cells[used].record->note;
        used += here;
    }
    rmseg_csv_cell(text, note);
    rmseg_csv_end(text);
    return used;
}

static void write_table(rmseg_text *text, const cell *cells, const rmseg_results *r, const char *const *names,
                        int64_t metrics)
{
    rmseg_csv_cell(text, "case");
    rmseg_csv_cell(text, "class");
    for (int64_t m = 0; m < metrics; m++) rmseg_csv_cell(text, names[m]);
    rmseg_csv_cell(text, "note");
    rmseg_csv_end(text);
    for (int64_t i = 0; i < r->count;) i += write_row(text, cells + i, r->count - i, metrics);
}

rmseg_status rmseg_results_write_csv(const rmseg_results *results, const char *path)
{
    rmseg_text text = {0};
    cell *cells = rmseg_alloc(results->count, sizeof *cells);
    const char **names = rmseg_alloc(results->column_count, sizeof *names);
    int64_t *metric_of = rmseg_alloc(results->column_count, sizeof *metric_of);
    rmseg_status status = cells && names && metric_of ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK) {
        int64_t metrics = list_metrics(names, metric_of, results);
        lay_out(cells, results, metric_of);
        write_table(&text, cells, results, names, metrics);
        status = rmseg_text_write(&text, path);
    }
    rmseg_text_destroy(&text);
    rmseg_free(metric_of);
    rmseg_free(names);
    rmseg_free(cells);
    return status;
}
