/*
 * report/results_file.c - JSON to results. Nothing is believed before it is checked.
 */
#include "report/results_file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "text", "a number", ...: for sentences. */
static const char *kind_of(const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    default: return value ? "null" : "nothing";
    }
}

/* ---- the members beside the records ------------------------------------------------------------------------------ */

static rmseg_status fail_member(const rmseg_results_file *file, const char *key, const json_t *found,
                                const char *expected)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: \"%s\" is %s, expected %s; a results file is what `rmseg evaluate "
                      "--json` writes",
                      file->path, key, kind_of(found), expected);
}

static bool is_filled_text(const json_t *value) { return json_is_string(value) && json_string_length(value) > 0; }

static rmseg_status read_identity(rmseg_results_file *file)
{
    static const char *const needed[] = {"rmseg", "convention", "unit"};
    for (int i = 0; i < 3; i++) {
        const json_t *value = json_object_get(file->document, needed[i]);
        if (!is_filled_text(value)) return fail_member(file, needed[i], value, "text");
    }
    const json_t *run = json_object_get(file->document, "run"), *seed = json_object_get(file->document, "seed");
    if (run && !is_filled_text(run)) return fail_member(file, "run", run, "the name of a run");
    if (seed && (!json_is_integer(seed) || json_integer_value(seed) < 0))
        return fail_member(file, "seed", seed, "a whole number from 0 on");
    const json_t *aggregate = json_object_get(file->document, "aggregate");
    if (aggregate && !json_is_array(aggregate)) return fail_member(file, "aggregate", aggregate, "an array");
    file->convention = json_string_value(json_object_get(file->document, "convention"));
    file->unit = json_string_value(json_object_get(file->document, "unit"));
    file->run = json_string_value(run);
    file->seed = seed ? json_integer_value(seed) : -1;
    return RMSEG_OK;
}

/* What does not decide a value. */
static bool is_no_setting(const char *key)
{
    static const char *const others[] = {"rmseg", "run", "seed", "records", "aggregate"};
    for (int i = 0; i < 5; i++)
        if (!strcmp(key, others[i])) return true;
    return false;
}

static rmseg_status add_setting(rmseg_results_file *file, const char *key, const json_t *value)
{
    if (json_is_object(value) || json_is_array(value) || json_is_null(value))
        return fail_member(file, key, value, "text, a number, true or false");
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    char **pair = file->settings + 2 * file->setting_count++;
    pair[0] = rmseg_strdup(key);
    pair[1] = text ? rmseg_strdup(text) : NULL;
    free(text);
    return pair[0] && pair[1] ? RMSEG_OK : rmseg_fail_memory();
}

static int by_key(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static rmseg_status read_settings(rmseg_results_file *file)
{
    const char *key;
    json_t *value;
    file->settings = rmseg_alloc(2 * (int64_t)json_object_size(file->document), sizeof *file->settings);
    if (!file->settings) return RMSEG_ERROR_MEMORY;
    json_object_foreach(file->document, key, value)
    {
        if (!is_no_setting(key)) RMSEG_TRY(add_setting(file, key, value));
    }
    qsort(file->settings, (size_t)file->setting_count, 2 * sizeof *file->settings, by_key);
    return RMSEG_OK;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static rmseg_status fail_record(const rmseg_results_file *file, int64_t place, const char *key, const json_t *found,
                                const char *expected)
{
    const json_t *record = json_array_get(json_object_get(file->document, "records"), (size_t)place);
    const char *name = json_string_value(json_object_get(record, "case"));
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: records[%lld]%s%s%s: \"%s\" is %s, expected %s", file->path,
                      (long long)place, name ? " (case \"" : "", name ? name : "", name ? "\")" : "", key,
                      kind_of(found), expected);
}

static rmseg_status read_value(double *value, const rmseg_results_file *file, int64_t place, const json_t *found)
{
    const char *text = json_string_value(found);
    if (json_is_number(found))
        *value = json_number_value(found);
    else if (found && json_is_null(found))
        *value = NAN;
    else if (text && !strcmp(text, "inf"))
        *value = INFINITY;
    else
        return fail_record(file, place, "value", found, "a number, \"inf\" or null");
    return RMSEG_OK;
}

static rmseg_status check_keys(const rmseg_results_file *file, int64_t place, json_t *record)
{
    static const char *const known[] = {"case", "class", "metric", "value", "note"};
    const char *key;
    json_t *value;
    json_object_foreach(record, key, value)
    {
        int i = 0;
        while (i < 5 && strcmp(key, known[i])) i++;
        if (i == 5)
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "%s: records[%lld] has a member \"%s\", expected case, class, metric, value and note",
                              file->path, (long long)place, key);
    }
    return RMSEG_OK;
}

static rmseg_status read_record(rmseg_result *result, const rmseg_results_file *file, int64_t place, json_t *record)
{
    if (!json_is_object(record))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: records[%lld] is %s, expected an object", file->path,
                          (long long)place, kind_of(record));
    const json_t *case_id = json_object_get(record, "case"), *class_name = json_object_get(record, "class"),
                 *metric = json_object_get(record, "metric"), *note = json_object_get(record, "note");
    if (!is_filled_text(case_id)) return fail_record(file, place, "case", case_id, "a name");
    if (!is_filled_text(class_name)) return fail_record(file, place, "class", class_name, "a name");
    if (!is_filled_text(metric)) return fail_record(file, place, "metric", metric, "a name");
    if (note && !json_is_string(note)) return fail_record(file, place, "note", note, "text");
    RMSEG_TRY(check_keys(file, place, record));
    *result =
        (rmseg_result){json_string_value(case_id), json_string_value(class_name), json_string_value(metric), 0, place};
    return read_value(&result->value, file, place, json_object_get(record, "value"));
}

static int by_name(const void *left, const void *right)
{
    const rmseg_result *a = left, *b = right;
    int order = strcmp(a->class_name, b->class_name);
    if (!order) order = strcmp(a->metric, b->metric);
    return order ? order : strcmp(a->case_id, b->case_id);
}

static int by_name_and_place(const void *left, const void *right)
{
    const rmseg_result *a = left, *b = right;
    int order = by_name(a, b);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static rmseg_status check_once(const rmseg_results_file *file)
{
    for (int64_t i = 1; i < file->count; i++) {
        const rmseg_result *a = &file->results[i - 1], *b = &file->results[i];
        if (by_name(a, b)) continue;
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: records[%lld] and records[%lld] are both metric \"%s\" of class \"%s\" in case \"%s\", "
                          "expected one",
                          file->path, (long long)a->place, (long long)b->place, b->metric, b->class_name, b->case_id);
    }
    return RMSEG_OK;
}

static rmseg_status read_records(rmseg_results_file *file)
{
    const json_t *records = json_object_get(file->document, "records");
    if (!json_is_array(records)) return fail_member(file, "records", records, "an array");
    file->count = (int64_t)json_array_size(records);
    file->results = rmseg_alloc(file->count, sizeof *file->results);
    if (!file->results) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < file->count; i++)
        RMSEG_TRY(read_record(&file->results[i], file, i, json_array_get(records, (size_t)i)));
    qsort(file->results, (size_t)file->count, sizeof *file->results, by_name_and_place);
    return check_once(file);
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

static int by_place(const void *left, const void *right)
{
    const rmseg_result_column *a = left, *b = right;
    return (a->place > b->place) - (a->place < b->place);
}

static rmseg_status find_columns(rmseg_results_file *file)
{
    file->columns = rmseg_alloc(file->count, sizeof *file->columns);
    if (!file->columns) return RMSEG_ERROR_MEMORY;
    rmseg_result_column *column = NULL;
    for (int64_t i = 0; i < file->count; i++) {
        const rmseg_result *r = &file->results[i];
        if (!column || strcmp(column->class_name, r->class_name) || strcmp(column->metric, r->metric)) {
            column = &file->columns[file->column_count++];
            *column = (rmseg_result_column){r->class_name, r->metric, i, 0, r->place};
        }
        column->count++;
        if (r->place < column->place) column->place = r->place;
    }
    qsort(file->columns, (size_t)file->column_count, sizeof *file->columns, by_place);
    return RMSEG_OK;
}

const rmseg_result_column *rmseg_results_file_column(const rmseg_results_file *file, const char *class_name,
                                                     const char *metric)
{
    for (int64_t i = 0; i < file->column_count; i++)
        if (!strcmp(file->columns[i].class_name, class_name) && !strcmp(file->columns[i].metric, metric))
            return &file->columns[i];
    return NULL;
}

const rmseg_result *rmseg_results_file_find(const rmseg_results_file *file, const rmseg_result_column *column,
                                            const char *case_id)
{
    const rmseg_result wanted = {.case_id = case_id, .class_name = column->class_name, .metric = column->metric};
    return bsearch(&wanted, file->results + column->first, (size_t)column->count, sizeof wanted, by_name);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static rmseg_status load(rmseg_results_file *file, const uint8_t *bytes, size_t length)
{
    json_error_t error;
    file->document = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, &error);
    if (!file->document && json_error_code(&error) == json_error_out_of_memory) return rmseg_fail_memory();
    if (!file->document)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: line %d, column %d: %s; expected JSON as `rmseg evaluate --json` writes it (there an "
                          "undefined value is null, an infinite one \"inf\")",
                          file->path, error.line, error.column, error.text);
    if (!json_is_object(file->document))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: the file is %s, expected an object with \"records\"", file->path,
                          kind_of(file->document));
    RMSEG_TRY(read_identity(file));
    RMSEG_TRY(read_settings(file));
    RMSEG_TRY(read_records(file));
    return find_columns(file);
}

rmseg_status rmseg_results_file_parse(rmseg_results_file *file, const uint8_t *bytes, size_t length, const char *path)
{
    rmseg_results_file made = {.path = rmseg_strdup(path)};
    if (!made.path) return RMSEG_ERROR_MEMORY;
    rmseg_status status = load(&made, bytes, length);
    if (status == RMSEG_OK)
        *file = made;
    else
        rmseg_results_file_destroy(&made);
    return status;
}

rmseg_status rmseg_results_file_read(rmseg_results_file *file, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, path, 0));
    rmseg_status status = rmseg_results_file_parse(file, bytes, length, path);
    rmseg_free(bytes);
    return status;
}

void rmseg_results_file_destroy(rmseg_results_file *file)
{
    for (int64_t i = 0; i < 2 * file->setting_count; i++) rmseg_free(file->settings[i]);
    rmseg_free(file->settings);
    rmseg_free(file->results);
    rmseg_free(file->columns);
    rmseg_free(file->path);
    json_decref(file->document);
    *file = (rmseg_results_file){0};
}
