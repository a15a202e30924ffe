/*
 * metric/results.h - what a rmseg_results holds; for the files that fill it and write it.
 */
#ifndef METRIC_RESULTS_H
#define METRIC_RESULTS_H

#include "core/core.h"
#include "metric/metric.h"

typedef struct rmseg_record {
    char *case_id, *note;
    double value;
    int64_t column;
} rmseg_record;

/* A metric of a class. One aggregate each. */
typedef struct rmseg_column {
    char *class_name, *metric;
} rmseg_column;

struct rmseg_results {
    rmseg_metric_settings settings; /* its convention is ours: a row's name */
    char *unit;
    char *run; /* NULL: not said */
    int64_t seed;
    bool has_seed;
    rmseg_names notes;     /* key, value, key, value, ... */
    rmseg_record *records; /* in the order they came */
    int64_t count, capacity;
    rmseg_column *columns; /* in order of first record */
    int64_t column_count, column_capacity;
};

#endif
