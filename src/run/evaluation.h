/*
 * run/evaluation.h - an evaluation under way: pairs of label images, the regions and metrics asked for, what came out.
 */
#ifndef RUN_EVALUATION_H
#define RUN_EVALUATION_H

#include "core/core.h"
#include "metric/metric.h"
#include "run/pairs.h"
#include "run/regions.h"

/* clang-format off: one option a row */
#define EVALUATE_OPTIONS(X)                                                                                            \
    X(str, pred, "", 0, 0, "", "", "predicted label images: a file, or a folder of them", "predictions")               \
    X(str, truth, "", 0, 0, "", "", "true label images: a file, a folder, or a folder of Drishti-GS", "labels")        \
    X(str, layout, "", 0, 0, "", "", "take the truth from a dataset (`rmseg layouts`)", "drishti-gs")                  \
    X(str, data, "", 0, 0, "", "", "folder of that dataset", "data/drishti-gs")                                        \
    X(pick, split, "test", 0, 0, "train|test|all", "", "which of its cases", "test")                                   \
    X(f64, threshold, "128", 0, 65535, "", "", "soft maps: set where the value reaches this", "191")                   \
    X(str, metrics, "dice,jaccard,hd95,asd", 0, 0, "", "", "what to measure (`rmseg metrics`)", "dice,hd95")           \
    X(str, convention, "medpy", 0, 0, "", "", "whose definition of border and distance", "medpy")                      \
    X(str, spacing, "voxel", 0, 0, "", "mm", "distances in voxels, by the image's spacing, or by these lengths",       \
      "0.6,0.6")                                                                                                       \
    X(str, labels, "", 0, 0, "", "", "judge each of these label values by itself", "1,2")                              \
    X(str, regions, "", 0, 0, "", "", "judge these sets of label values", "disc=1+2,cup=2")                            \
    X(str, grid, "", 0, 0, "", "voxels", "resample both label images to this grid first (nearest)", "512,512")         \
    X(flag, largest_component, "no", 0, 0, "", "", "keep only the largest component of each predicted region", "")     \
    X(str, empty, "nan", 0, 0, "", "", "undefined distances: nan, inf, diagonal, error, tool or a number", "diagonal") \
    X(f64, percentile, "100", 0, 100, "", "percent", "of the metric hd", "95")                                         \
    X(i64, connectivity, "1", 1, 3, "", "", "of the border: 1 shares faces, 2 edges too, 3 corners too", "2")          \
    X(str, csv, "", 0, 0, "", "", "write one row a case and region to this file", "results.csv")                       \
    X(str, json, "", 0, 0, "", "", "write records and aggregates to this file", "results.json")                        \
    X(i64, jobs, "0", 0, 4096, "", "cases", "measured at the same time; 0: one for each thread", "4")                  \
    X(i64, threads, "0", 0, 4096, "", "threads", "threads that compute; 0: every processor", "8")
/* clang-format on */

RMSEG_OPTIONS_DECLARE(evaluate_options, EVALUATE_OPTIONS)
/* What became of one case. */
typedef struct rmseg_outcome {
    rmseg_status status;
    char sentence[RMSEG_ERROR_LENGTH]; /* of a failure */
    double *values;                    /* [regions][metrics] */
    const char **notes;                /* [regions], static texts */
} rmseg_outcome;

typedef struct rmseg_evaluation {
    const evaluate_options *o;
    rmseg_pairs pairs;
    rmseg_regions regions;
    rmseg_names metrics;
    rmseg_metric_settings settings;
    int64_t grid[3];                /* all 0: as it is */
    double spacing[3];              /* all 0: the image's own */
    bool prediction_255, truth_255; /* masks of 0 and 255: 255 is read as 1 */
    rmseg_outcome *outcomes;        /* [pairs.count] */
} rmseg_evaluation;

/* Settles which regions are judged: those of --regions, of --labels, of the truth's dataset, else every label value but
 * 0 that is found in the files. */
rmseg_status rmseg_evaluation_regions(rmseg_evaluation *evaluation);

/* Measures pair `index` into *outcome, which the caller frees with the evaluation, on failure too. */
rmseg_status rmseg_evaluation_judge(rmseg_outcome *outcome, const rmseg_evaluation *evaluation, int64_t index);

#endif
