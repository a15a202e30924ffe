/*
 * report/results_file.h - a results file (docs/metrics.md) as it was read: what was measured, how, and of which run.
 *
 * Any JSON of that form is taken, whoever wrote it; a convention or a metric need not be one of ours. What is not of
 * that form is refused with the place, what was found there and what was expected.
 */
#ifndef REPORT_RESULTS_FILE_H
#define REPORT_RESULTS_FILE_H

#include "core/core.h"

typedef struct rmseg_result {
    const char *case_id, *class_name, *metric;
    double value;  /* NaN for null, +infinity for "inf" */
    int64_t place; /* index in the file */
} rmseg_result;

/* Results of one class and metric: `count` of them from `first` on, by case. */
typedef struct rmseg_result_column {
    const char *class_name, *metric;
    int64_t first, count;
    int64_t place; /* of the earliest */
} rmseg_result_column;

/* All texts but the path belong to the document. */
typedef struct rmseg_results_file {
    char *path;
    const char *convention, *unit;
    const char *run; /* NULL: not said */
    int64_t seed;    /* -1: not said */
    char **settings; /* key, value, ... of all that decided the values; keys ascending, values as JSON */
    int64_t setting_count;
    rmseg_result *results; /* by class, metric, case (bytes ascending) */
    int64_t count;
    rmseg_result_column *columns; /* in the file's order */
    int64_t column_count;
    struct json_t *document;
} rmseg_results_file;

/* Bytes of JSON into a zeroed *file; `path` is what sentences and the file call it. Nothing is left to destroy after a
 * failure. */
rmseg_status rmseg_results_file_parse(rmseg_results_file *file, const uint8_t *bytes, size_t length, const char *path);
rmseg_status rmseg_results_file_read(rmseg_results_file *file, const char *path);
void rmseg_results_file_destroy(rmseg_results_file *file);

/* NULL where the file has none. */
const rmseg_result_column *rmseg_results_file_column(const rmseg_results_file *file, const char *class_name,
                                                     const char *metric);
/* The result of a case in a column of the file; NULL where it has none. */
const rmseg_result *rmseg_results_file_find(const rmseg_results_file *file, const rmseg_result_column *column,
                                            const char *case_id);

#endif
