/*
 * report/comparison.h - results files set against each other: files -> arms -> contrasts.
 *
 * An arm is what one run name stands for: one file, or several that differ in their seed. The files of an arm and of the
 * baseline are paired by seed, then the cases of a pair by name.
 */
#ifndef REPORT_COMPARISON_H
#define REPORT_COMPARISON_H

#include "core/core.h"
#include "report/report.h"
#include "report/results_file.h"

/* clang-format off: one option a row */
#define COMPARE_OPTIONS(X)                                                                                             \
    X(str, baseline, "", 0, 0, "", "", "run or file that every other is contrasted with; the first unless said",       \
      "base")                                                                                                          \
    X(str, metrics, "", 0, 0, "", "", "metrics to contrast; all that the baseline has unless said", "dice,hd95")       \
    X(str, classes, "", 0, 0, "", "", "classes to contrast; all that the baseline has unless said", "cup,disc")        \
    X(i64, resamples, "10000", 100, 10000000, "", "", "resamples of the bootstrap", "2000")                            \
    X(i64, seed, "1", 0, INT64_MAX, "", "", "where the bootstrap's draws start from", "2")                             \
    X(str, csv, "", 0, 0, "", "", "write one row a contrast to this file", "comparison.csv")                           \
    X(str, json, "", 0, 0, "", "", "write the contrasts and all that is said of them to this file", "comparison.json")
/* clang-format on */

RMSEG_OPTIONS_DECLARE(compare_options, COMPARE_OPTIONS)

typedef struct rmseg_arm {
    const char *name;                 /* borrowed from a file */
    const rmseg_results_file **files; /* by seed, ascending; borrowed */
    int64_t count;
} rmseg_arm;

/* Files of the baseline and of another arm, pair by pair. */
typedef struct rmseg_file_pairs {
    const rmseg_results_file **files; /* [2 count]: baseline, run, baseline, run, ... */
    int64_t count;
} rmseg_file_pairs;

/* A case, or a whole file (case_id NULL: of `path`), that has no partner. */
typedef struct rmseg_unpaired {
    const char *case_id, *path; /* `path` is the file that lacks the case */
} rmseg_unpaired;

typedef struct rmseg_unpaired_list {
    rmseg_unpaired *items;
    int64_t count, capacity;
} rmseg_unpaired_list;

rmseg_status rmseg_unpaired_add(rmseg_unpaired_list *list, const char *case_id, const char *path);

typedef struct rmseg_contrast_row {
    rmseg_contrast values;
    rmseg_unpaired_list unpaired; /* cases */
} rmseg_contrast_row;

struct rmseg_comparison {
    rmseg_results_file *files;
    int64_t file_count;
    rmseg_arm *arms;
    int64_t arm_count;
    const rmseg_arm *baseline;
    rmseg_unpaired_list unpaired_files;
    rmseg_contrast_row *rows; /* by arm, then in the baseline's order */
    int64_t count, capacity;
    int64_t resamples, seed;
};

/* From comparison->files to everything else. */
rmseg_status rmseg_comparison_make(rmseg_comparison *comparison, const compare_options *o);

/* ---- arms.c ------------------------------------------------------------------------------------------------------ */

/* All files were measured alike: the same convention, unit, spacing, ... */
rmseg_status rmseg_arms_check_settings(const rmseg_comparison *comparison);

/* Sorts the files into arms, in order of first file, and finds the baseline ("": the first). */
rmseg_status rmseg_arms_find(rmseg_comparison *comparison, const char *baseline);

/* Pairs the files of an arm with the baseline's; what has no partner goes to unpaired_files. pairs->files is owned, on
 * failure too. */
rmseg_status rmseg_arms_pair(rmseg_file_pairs *pairs, rmseg_comparison *comparison, const rmseg_arm *arm);

/* ---- contrast.c -------------------------------------------------------------------------------------------------- */

/* Fills a zeroed row's numbers, but for Holm's, for a class and metric that all the files have. */
rmseg_status rmseg_contrast_measure(rmseg_contrast_row *row, const rmseg_comparison *comparison,
                                    const rmseg_file_pairs *pairs, const char *class_name, const char *metric);

/* ---- comparison_io.c --------------------------------------------------------------------------------------------- */

/* What a test assumes, in a sentence without its end. */
extern const char rmseg_assumes_interval[], rmseg_assumes_wilcoxon[], rmseg_assumes_sign_flip[];

rmseg_status rmseg_comparison_write_json(const rmseg_comparison *comparison, const char *path);
rmseg_status rmseg_comparison_write_csv(const rmseg_comparison *comparison, const char *path);

#endif
