/*
 * run/evaluation.h - an evaluation under way: pairs of label images, the regions and metrics asked for, what came out.
 */
#ifndef RUN_EVALUATION_H
#define RUN_EVALUATION_H

#include "core/core.h"
#include "metric/metric.h"
#include "run/found.h"
#include "run/pairs.h"
#include "run/quantity.h"
#include "run/regions.h"

/* clang-format off: one option a row */
#define EVALUATE_OPTIONS(X)                                                                                            \
    X(str, pred, "", 0, 0, "", "", "predicted label images: a file, or a folder of them", "predictions")               \
    X(str, truth, "", 0, 0, "", "", "true label images: a file, a folder, or a folder of Drishti-GS", "labels")        \
    X(str, layout, "", 0, 0, "", "", "take the truth from a dataset (`rmseg layouts`)", "drishti-gs")                  \
    X(str, data, "", 0, 0, "", "", "folder of that dataset", "data/drishti-gs")                                        \
    X(pick, split, "test", 0, 0, "train|test|all", "", "which of its cases", "test")                                   \
    X(f64, threshold, "128", 0, 65535, "", "", "soft maps: set where the value reaches this", "191")                   \
    X(str, metrics, "dice,jaccard,hd95,asd", 0, 0, "", "", "what to measure (`rmseg metrics`)", "dice,volume_pred_ml") \
    X(str, convention, "medpy", 0, 0, "", "", "whose definition of border and distance", "medpy")                      \
    X(str, spacing, "voxel", 0, 0, "", "mm", "distances in voxels, by the image's spacing, or by these lengths",       \
      "0.6,0.6")                                                                                                       \
    X(str, labels, "", 0, 0, "", "", "judge each of these label values by itself", "1,2")                              \
    X(str, regions, "", 0, 0, "", "", "judge these sets of label values", "disc=1+2,cup=2")                            \
    X(str, grid, "", 0, 0, "", "voxels", "resample both label images to this grid first (nearest)", "512,512")         \
    X(flag, largest_component, "no", 0, 0, "", "", "keep only the largest component of each predicted region", "")     \
    X(str, empty, "nan", 0, 0, "", "", "undefined distances: nan, inf, diagonal, error, tool or a number", "diagonal") \
    X(f64, fp_beyond, "", 0, 1e30, "", "", "also the volume predicted farther than this from the truth", "10")         \
    X(f64, tolerance, "", 0, 1e30, "", "", "of nsd and boundary_iou: a distance that counts as none", "1")             \
    X(flag, directed, "no", 0, 0, "", "", "hd and hd95 from prediction to truth only", "")                             \
    X(flag, components, "no", 0, 0, "", "", "also match components, and measure each; see docs/metrics.md", "")        \
    X(i64, ignore, "", 0, 65535, "", "", "label of the truth whose voxels are not judged and make no border", "255")   \
    X(f64, percentile, "100", 0, 100, "", "percent", "of the metric hd", "95")                                         \
    X(i64, connectivity, "1", 1, 3, "", "", "of the border: 1 shares faces, 2 edges too, 3 corners too", "2")          \
    X(pick, geometry, "check", 0, 0, "check|ignore", "", "spacing, origin, direction of both: must agree, or any",     \
      "ignore")                                                                                                        \
    X(str, csv, "", 0, 0, "", "", "write one row a case and region to this file", "results.csv")                       \
    X(str, json, "", 0, 0, "", "", "write records and aggregates to this file", "results.json")                        \
    X(str, run, "", 0, 0, "", "", "name of what is judged, for the JSON: compare tells files apart by it", "rm3")      \
    X(i64, seed, "", 0, INT64_MAX, "", "", "seed of the training that is judged: compare pairs files by it", "1")      \
    X(i64, jobs, "0", 0, RMSEG_MOST_THREADS, "", "cases", "measured at the same time; 0: one for each thread", "4")    \
    X(i64, threads, "0", 0, RMSEG_MOST_THREADS, "", "threads", "threads that compute; 0: every processor", "8")
/* clang-format on */

RMSEG_OPTIONS_DECLARE(evaluate_options, EVALUATE_OPTIONS)

/* What became of one case. */
typedef struct rmseg_outcome {
    rmseg_status status;
    char sentence[RMSEG_ERROR_LENGTH];       /* of a failure */
    rmseg_regions found;                     /* a region for each label, where those of the files are judged */
    rmseg_found prediction_kind, truth_kind; /* what values, as they are in the files */
    rmseg_mask_pair scale;                   /* without masks: size and spacing it was measured with */
    double *values;                          /* [regions][columns] */
    rmseg_component_records *parts;          /* [regions], with --components */
    int64_t region_count;
    const char **notes; /* [regions][columns], static texts */
} rmseg_outcome;

typedef struct rmseg_evaluation {
    const rmseg_options *options;
    const evaluate_options *o;
    rmseg_pairs pairs;
    rmseg_regions regions; /* judged in every case; none: each label that the files hold */
    bool default_metrics;
    rmseg_names metrics;  /* of a pair of masks */
    int64_t part_metrics; /* the first of them, which with --components are measured for each component, too */
    bool quantities[RMSEG_QUANTITIES];
    rmseg_names columns; /* names of the metrics, then of the quantities that are asked for */
    rmseg_metric_settings settings;
    int64_t grid[3], grid_axes;     /* 0 axes: as it is */
    double spacing[3];              /* lengths that were given */
    int64_t spacing_axes;           /* how many */
    bool spacing_of_image;          /* else, with no lengths given, voxels */
    bool prediction_255, truth_255; /* a mask of 0 and 255 is read as one of 0 and 1 */
    rmseg_outcome *outcomes;        /* [pairs.count] */
} rmseg_evaluation;

/* Reads the options and finds the pairs. Regions are those of --regions, of --labels, of the truth's dataset; none of
 * these: no regions, and each case has those of its own labels. */
rmseg_status rmseg_evaluation_settle(rmseg_evaluation *evaluation);

/* Name of pair `index`. */
const char *rmseg_evaluation_case(const rmseg_evaluation *evaluation, int64_t index);

/* What judging pair `index` takes at most, as the prediction's header says; 0 where it cannot be read. */
int64_t rmseg_evaluation_bytes(const rmseg_evaluation *evaluation, int64_t index);

/* Measures pair `index` into *outcome, which is zero, and which the caller frees with the evaluation, on failure too.
 */
rmseg_status rmseg_evaluation_judge(rmseg_outcome *outcome, const rmseg_evaluation *evaluation, int64_t index);

/* What an outcome says of a region that it has not met: both masks are empty. values and notes: [columns]. */
rmseg_status rmseg_evaluation_absent(double *values, const char **notes, const rmseg_evaluation *evaluation,
                                     const rmseg_outcome *outcome);

/* Adds the records of all cases, and what is not among the metrics' settings but changes values. `given`: the regions are
 * those of the options, and not found in the files. A case that fails only here has its failure in its outcome. */
rmseg_status rmseg_evaluation_records(rmseg_results *results, rmseg_evaluation *evaluation, bool given);
rmseg_status rmseg_evaluation_note(rmseg_results *results, const rmseg_evaluation *evaluation);

void rmseg_outcome_destroy(rmseg_outcome *outcome);

#endif
