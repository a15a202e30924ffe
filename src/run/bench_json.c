/*
 * bench_json.c - the rows as JSON, and an earlier run's read back: every row's new value over its old one.
 *
 *     {"rmseg": "0.1.0", "kind": "bench", "build": ..., "level": ..., "processor": ..., "threads": 2, "date": ...,
 *      "rows": [{"family": "layers", "setting": ..., "name": ..., "pass": ..., "unit": "ms", "value": 12.5,
 *                "samples": [...], "gflops": ..., "gbytes": ..., "share": ..., "note": ...}, ...]}
 */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "run/bench.h"

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void add_row(rmseg_json *json, const rmseg_bench_row *row)
{
    double seconds = row->value * 1e-3;
    bool time = !strcmp(row->unit, "ms");
    rmseg_json_open(json, NULL, '{');
    rmseg_json_string(json, "family", row->family);
    rmseg_json_string(json, "setting", row->setting);
    rmseg_json_string(json, "name", row->name);
    rmseg_json_string(json, "pass", row->pass);
    rmseg_json_string(json, "unit", row->unit);
    rmseg_json_number(json, "value", row->value);
    if (time && row->flops > 0) rmseg_json_number(json, "gflops", row->flops / seconds * 1e-9);
    if (time && row->bytes > 0) rmseg_json_number(json, "gbytes", row->bytes / seconds * 1e-9);
    if (!isnan(row->share)) rmseg_json_number(json, "share", row->share);
    if (*row->note) rmseg_json_string(json, "note", row->note);
    rmseg_json_open(json, "samples", '[');
    for (int64_t i = 0; i < row->count; i++) rmseg_json_number(json, NULL, row->samples[i]);
    rmseg_json_close(json, ']');
    rmseg_json_close(json, '}');
}

void rmseg_bench_json(rmseg_json *json, const rmseg_bench_run *run)
{
    char processor[256], date[64] = "";
    time_t now = time(NULL);
    struct tm utc;
    rmseg_processor_name(processor, sizeof processor, RMSEG_CPUINFO);
    if (gmtime_r(&now, &utc)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    rmseg_json_open(json, NULL, '{');
    rmseg_json_string(json, "rmseg", rmseg_version());
    rmseg_json_string(json, "kind", "bench");
    rmseg_json_string(json, "build", rmseg_build());
    rmseg_json_string(json, "level", rmseg_cpu_level());
    rmseg_json_string(json, "processor", processor);
    rmseg_json_integer(json, "threads", rmseg_threads());
    rmseg_json_string(json, "date", date);
    rmseg_json_open(json, "rows", '[');
    for (int64_t i = 0; i < run->count; i++) add_row(json, &run->rows[i]);
    rmseg_json_close(json, ']');
    rmseg_json_close(json, '}');
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

#define MOST_BYTES ((size_t)256 << 20)

static rmseg_status fail_row(const char *path, size_t index, const char *key, const char *expected)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: rows[%zu]: \"%s\" is not %s", path, index, key, expected);
}

static rmseg_status check_row(const json_t *row, size_t index, const char *path)
{
    static const char *const texts[] = {"family", "setting", "name", "pass", "unit"};
    if (!json_is_object(row)) return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: rows[%zu] is not an object", path, index);
    for (int i = 0; i < 5; i++)
        if (!json_is_string(json_object_get(row, texts[i]))) return fail_row(path, index, texts[i], "text");
    const json_t *value = json_object_get(row, "value");
    if (!json_is_number(value) || !(json_number_value(value) >= 0))
        return fail_row(path, index, "value", "a number from 0 on");
    return RMSEG_OK;
}

static rmseg_status check(const json_t *document, const char *path)
{
    const char *kind = json_string_value(json_object_get(document, "kind"));
    const json_t *rows = json_object_get(document, "rows");
    if (!kind || strcmp(kind, "bench") || !json_is_array(rows))
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s is not a file of measurements: expected what `rmseg bench --json` writes", path);
    for (size_t i = 0; i < json_array_size(rows); i++) RMSEG_TRY(check_row(json_array_get(rows, i), i, path));
    return RMSEG_OK;
}

rmseg_status rmseg_bench_old_parse(rmseg_bench_old **old, const uint8_t *bytes, size_t length, const char *path)
{
    json_error_t error;
    json_t *document = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: line %d, column %d: %s; expected what `rmseg bench --json` writes",
                          path, error.line, error.column, error.text);
    rmseg_status status = check(document, path);
    if (status)
        json_decref(document);
    else
        *old = document;
    return status;
}

rmseg_status rmseg_bench_old_read(rmseg_bench_old **old, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, path, MOST_BYTES));
    rmseg_status status = rmseg_bench_old_parse(old, bytes, length, path);
    rmseg_free(bytes);
    return status;
}

void rmseg_bench_old_destroy(rmseg_bench_old *old) { json_decref(old); }

/* ---- comparing ------------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_same(const json_t *old, const rmseg_bench_row *row)
{
    return !strcmp(text_of(old, "name"), row->name) && !strcmp(text_of(old, "pass"), row->pass) &&
           !strcmp(text_of(old, "setting"), row->setting) && !strcmp(text_of(old, "family"), row->family) &&
           !strcmp(text_of(old, "unit"), row->unit);
}

/* Rows come in the same order in both, mostly: the search begins behind the last one found. */
static const json_t *find(const json_t *rows, size_t *next, const rmseg_bench_row *row)
{
    size_t count = json_array_size(rows);
    for (size_t i = 0; i < count; i++) {
        size_t at = (*next + i) % count;
        if (!is_same(json_array_get(rows, at), row)) continue;
        *next = at + 1;
        return json_array_get(rows, at);
    }
    return NULL;
}

static bool is_rate(const char *unit) { return strstr(unit, "/s") != NULL; }

/* What else differs, so that a ratio is not taken for what it is not. */
static void add_differences(rmseg_text *text, const json_t *old)
{
    char processor[256];
    rmseg_processor_name(processor, sizeof processor, RMSEG_CPUINFO);
    const char *const pairs[][3] = {{"version", text_of(old, "rmseg"), rmseg_version()},
                                    {"build", text_of(old, "build"), rmseg_build()},
                                    {"level", text_of(old, "level"), rmseg_cpu_level()},
                                    {"processor", text_of(old, "processor"), processor}};
    for (int i = 0; i < 4; i++)
        if (strcmp(pairs[i][1], pairs[i][2]))
            rmseg_text_addf(text, "%s: %s then, %s now\n", pairs[i][0], pairs[i][1], pairs[i][2]);
    json_int_t threads = json_integer_value(json_object_get(old, "threads"));
    if (threads != rmseg_threads())
        rmseg_text_addf(text, "threads: %lld then, %d now\n", (long long)threads, rmseg_threads());
}

/* One row; returns whether it is worse than `threshold` percent allow. */
static bool add_ratio(rmseg_text *text, const rmseg_bench_row *row, const json_t *old, double threshold)
{
    double before = json_number_value(json_object_get(old, "value")), ratio = row->value / before;
    double worse = is_rate(row->unit) ? 1 / ratio : ratio;
    bool marked = before > 0 && !(worse <= 1 + threshold / 100); /* what is no number is no good either */
    rmseg_text_addf(text, "%s%-34s %-9s %10.3f %10.3f %-7s", marked ? "! " : "  ", row->name, row->pass, before,
                    row->value, row->unit);
    if (before > 0)
        rmseg_text_addf(text, " %6.2f\n", ratio);
    else
        rmseg_text_add(text, "\n");
    return marked;
}

int64_t rmseg_bench_compare(rmseg_text *text, const rmseg_bench_row *rows, int64_t count, const rmseg_bench_old *old,
                            const char *path, double threshold)
{
    const json_t *then = json_object_get(old, "rows");
    int64_t worse = 0, alone = 0;
    size_t next = 0;
    const rmseg_bench_row *block = NULL;
    rmseg_text_addf(text, "\nbeside %s (%s); ! marks what is worse by more than %g %%\n", path, text_of(old, "date"),
                    threshold);
    add_differences(text, old);
    for (const rmseg_bench_row *row = rows; row < rows + count; row++) {
        const json_t *found = find(then, &next, row);
        if (!found) {
            alone++;
            continue;
        }
        if (!block || strcmp(block->family, row->family) || strcmp(block->setting, row->setting))
            rmseg_text_addf(text, "\n%s%s%s\n  %-34s %-9s %10s %10s %-7s %6s\n", row->family, *row->setting ? ": " : "",
                            row->setting, "", "pass", "old", "new", "", "new/old");
        block = row;
        worse += add_ratio(text, row, found, threshold);
    }
    rmseg_text_addf(text, "\n%lld of %lld rows are worse by more than %g %%", (long long)worse,
                    (long long)(count - alone), threshold);
    if (alone) rmseg_text_addf(text, "; %lld are not in the old file", (long long)alone);
    rmseg_text_add(text, "\n");
    return worse;
}
