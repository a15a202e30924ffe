/*
 * rmseg/metric.h - metrics of a pair of masks, results files, aggregates.                  tier: may change before 1.0
 */
#ifndef RMSEG_METRIC_H
#define RMSEG_METRIC_H

#include "rmseg/core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- how a pair is measured ---------------------------------------------------------------------------------- */

/* What to do where a metric is undefined (an empty mask). Dice, Jaccard, NSD and boundary IoU with ONE empty mask are 0
 * by definition. INF and DIAGONAL (the image's, between voxel centres) stand for distances; an undefined ratio stays
 * NaN under them. TOOL answers for empty masks as the convention's own tool does, also where ours would be defined. */
typedef enum rmseg_empty {
    RMSEG_EMPTY_NAN,
    RMSEG_EMPTY_INF,
    RMSEG_EMPTY_DIAGONAL,
    RMSEG_EMPTY_ERROR,
    RMSEG_EMPTY_TOOL,
    RMSEG_EMPTY_VALUE
} rmseg_empty;

typedef struct rmseg_metric_settings {
    const char *convention; /* "medpy" (0.5.2), "monai", "deepmind", ...: rmseg_convention_list has them all */
    rmseg_empty empty;
    double empty_value; /* for RMSEG_EMPTY_VALUE */
    int connectivity;   /* 1..number of axes: of components, and of the border where the convention leaves it open */
    double percentile;  /* for "hd", 0..100; 100 is the maximum */
    double tolerance;   /* for "nsd" and the width of "boundary_iou", in units of the spacing; NaN: not given */
    bool directed;      /* "hd" and "hd95" from prediction to truth only */
    int axes;           /* that a mask has: 1 (D = H = 1), 2 (D = 1) or 3; 0: 2 where D = 1, else 3 */
    bool
        has_ignore; /* `ignore` is the label of truth whose voxels are judged by nothing: rmseg_metric_measure_labels */
    int32_t ignore;
    double component_iou; /* two components match where their IoU is above it; 0: where they overlap at all */
} rmseg_metric_settings;

/* medpy, nan, connectivity 1, percentile 100, no tolerance, undirected, axes from the size, nothing ignored, 0. */
RMSEG_API void rmseg_metric_settings_default(rmseg_metric_settings *settings);

/* Sets the policy for empty masks from text: nan, inf, diagonal, error, tool or a number. */
RMSEG_API rmseg_status rmseg_metric_settings_empty(rmseg_metric_settings *settings, const char *text);

typedef struct rmseg_metric_info {
    const char *name, *formula, *unit, *source;
    bool surface; /* depends on the convention, and needs distance transforms */
} rmseg_metric_info;

typedef struct rmseg_convention_info {
    const char *name, *source; /* "medpy"; the tool and version whose numbers it gives */
    const char *metrics; /* the surface metrics it has, as "hd hd95 asd"; all others are ours in every convention */
} rmseg_convention_info;

/* One row per convention; NULL past the last. */
RMSEG_API const rmseg_convention_info *rmseg_convention_list(int64_t index);

/* One row per metric (dice, jaccard, hd, hd95, asd, asd_reverse, assd, ...); NULL past the last. */
RMSEG_API const rmseg_metric_info *rmseg_metric_list(int64_t index);

/* The row of that name; an unknown name is RMSEG_ERROR_ARGUMENT and the sentence names the nearest. */
RMSEG_API rmseg_status rmseg_metric_find(const rmseg_metric_info **info, const char *name);

/* What is better of a metric: 1 the higher value, -1 the lower, 0 neither (signed metrics, names that are no metric). */
RMSEG_API int rmseg_metric_better(const char *name);

/* ---- one pair of masks --------------------------------------------------------------------------------------- */

/* The metrics named in `names` (count of them) of one pair of masks: dense uint8 [D][H][W], non-zero is set, D = 1 in
 * 2D. Spacing is per axis, in the same order (1,1,1 for voxels). All surface metrics come from one pair of distance
 * transforms. values[i] is NaN where undefined under RMSEG_EMPTY_NAN. *note (optional) points at a static text: "truth
 * empty", "prediction empty", "both empty", "truth full" where that leaves specificity undefined, "prediction without
 * border" or "truth without border" where the convention finds none in a mask that is not empty, else "". Errors:
 * argument (an unknown name, a metric that the convention's tool does not have, "nsd" without a tolerance, a setting out
 * of range), memory. */
RMSEG_API rmseg_status rmseg_metric_measure(double *values, const char **note, const uint8_t *prediction,
                                            const uint8_t *truth, const int64_t size[3], const double spacing[3],
                                            const char *const *names, int64_t count,
                                            const rmseg_metric_settings *settings);

/* ---- one pair of label maps ---------------------------------------------------------------------------------- */

typedef enum rmseg_label_type { RMSEG_LABEL_U8, RMSEG_LABEL_I32 } rmseg_label_type;

/* Dense [D][H][W], borrowed. */
typedef struct rmseg_label_map {
    const void *data;
    rmseg_label_type type;
} rmseg_label_map;

/* The same for one region of two label maps: a voxel is set where its label is one of `labels` (label_count of them).
 * Where settings->has_ignore, voxels that carry the ignore label in the truth are in no count, and a mask has no border
 * against them. */
RMSEG_API rmseg_status rmseg_metric_measure_labels(double *values, const char **note, rmseg_label_map prediction,
                                                   rmseg_label_map truth, const int64_t size[3],
                                                   const double spacing[3], const int32_t *labels, int64_t label_count,
                                                   const char *const *names, int64_t count,
                                                   const rmseg_metric_settings *settings);

/* ---- components ---------------------------------------------------------------------------------------------- */

/* A component of the truth and its partner in the prediction. Components are matched one to one: of all pairs whose IoU
 * is above settings->component_iou the one of the largest IoU first (then of the lower truth, then of the lower
 * prediction number), until no pair is left. */
typedef struct rmseg_component_pair {
    int64_t truth, prediction; /* numbers from 1 in order of first voxel; 0: this component has no partner */
    int64_t truth_voxels, prediction_voxels, both;
    double iou;       /* 0 without a partner */
    const char *note; /* as of rmseg_metric_measure: "prediction empty" where a truth component was missed */
} rmseg_component_pair;

typedef struct rmseg_component_records {
    rmseg_component_pair *pairs; /* truth components in order, then predictions without a partner */
    double *values;              /* [count][metrics] */
    int64_t count;
    int64_t truths, predictions, matched; /* components of each mask, and pairs */
} rmseg_component_records;

/* The metrics of each component and its partner: every pair is measured as if it were alone in the image; a component
 * without a partner is measured against an empty mask. The masks' own component_precision (matched / predictions),
 * component_recall (matched / truths) and component_f1 come from rmseg_metric_measure and need no call of this.
 * Label maps, region and ignore label as above; free with rmseg_component_records_free. */
RMSEG_API rmseg_status rmseg_metric_measure_components(rmseg_component_records *records, rmseg_label_map prediction,
                                                       rmseg_label_map truth, const int64_t size[3],
                                                       const double spacing[3], const int32_t *labels,
                                                       int64_t label_count, const char *const *names, int64_t count,
                                                       const rmseg_metric_settings *settings);
RMSEG_API void rmseg_component_records_free(rmseg_component_records *records);

/* ---- results -------------------------------------------------------------------------------------------------- */

typedef struct rmseg_results rmseg_results; /* records (case, class, metric, value, note) and how they were made */

RMSEG_API rmseg_status rmseg_results_create(rmseg_results **results, const rmseg_metric_settings *settings,
                                            const char *unit);
RMSEG_API void rmseg_results_destroy(rmseg_results *results);

/* Copies its texts; note may be NULL. One call per case, class and metric. */
RMSEG_API rmseg_status rmseg_results_add(rmseg_results *results, const char *case_id, const char *class_name,
                                         const char *metric, double value, const char *note);

/* What else decided the values, for the JSON, as in "grid", "512,512": the texts are copied and written beside the
 * settings. */
RMSEG_API rmseg_status rmseg_results_note(rmseg_results *results, const char *key, const char *value);

/* Which training the results are of, for the JSON: a name (or NULL), and its seed. `compare` tells files apart by the one
 * and pairs them by the other. */
RMSEG_API rmseg_status rmseg_results_set_run(rmseg_results *results, const char *run);
RMSEG_API void rmseg_results_set_seed(rmseg_results *results, int64_t seed);

typedef struct rmseg_aggregate {
    const char *class_name, *metric; /* borrowed from the results */
    int64_t n, valid;                /* cases, and those with a finite value */
    int64_t empty;                   /* cases whose note says that a mask is empty, valid or not */
    double mean, sd, median;         /* over the valid; sd with n - 1; NaN where there is none */
    double low, high;                /* 95 % bootstrap interval of the mean (percentile, 2000 resamples, fixed seed) */
} rmseg_aggregate;

/* How many (class, metric) pairs there are, and one of them; in order of first record. sd and the interval are NaN
 * where fewer than two cases are valid. */
RMSEG_API int64_t rmseg_results_aggregates(const rmseg_results *results);
RMSEG_API rmseg_status rmseg_results_aggregate(rmseg_aggregate *aggregate, const rmseg_results *results, int64_t index);

/* evaluate's JSON (docs/metrics.md shows it) and CSV (one row per case and class, one column per metric and one for the
 * note), written atomically. */
RMSEG_API rmseg_status rmseg_results_write_json(const rmseg_results *results, const char *path);
RMSEG_API rmseg_status rmseg_results_write_csv(const rmseg_results *results, const char *path);

/* ---- paired statistics ---------------------------------------------------------------------------------------- */

/* What docs/compare.md tells in words: what each of these assumes, and when it says nothing. All differences are finite
 * (RMSEG_ERROR_ARGUMENT where one is not) and all tests are two-sided. */

typedef struct rmseg_wilcoxon {
    int64_t used;     /* differences that are not 0 */
    bool exact;       /* the null distribution was counted; else approximated by a normal one */
    double statistic; /* the smaller of the rank sums of positive and negative differences */
    double p;         /* 1 where every difference is 0; NaN where there is none */
} rmseg_wilcoxon;

/* Wilcoxon's signed-rank test: the p of scipy.stats.wilcoxon(differences, correction=True) in SciPy 1.17. Zeros are
 * dropped, ties share their mean rank. Exact for count <= 50 without zeros and ties and for count <= 13 with them; else
 * a normal approximation with the variance corrected for ties, and a continuity correction of 1/2. */
RMSEG_API rmseg_status rmseg_wilcoxon_test(rmseg_wilcoxon *result, const double *differences, int64_t count);

/* The exact sign-flip (paired permutation) test of the mean: the share of the 2^count ways to choose the signs whose mean
 * is at least as far from 0. *p is never below 2 / 2^count. count is 1 .. RMSEG_SIGN_FLIP_MOST, more is RMSEG_ERROR_UNSUPPORTED. */
#define RMSEG_SIGN_FLIP_MOST 24 /* 8 million sums: some 30 ms */
RMSEG_API rmseg_status rmseg_sign_flip_test(double *p, const double *differences, int64_t count);

/* The 95 % percentile interval of the mean of values[rows][columns] (rows >= 1, columns >= 1), by `resamples` draws of
 * the columns and, where there are several rows, of the rows too (each with replacement, crossed). The same numbers for
 * the same `seed`. Errors: argument, memory. */
RMSEG_API rmseg_status rmseg_bootstrap_mean(double interval[2], const double *values, int64_t rows, int64_t columns,
                                            int64_t resamples, uint64_t seed);

/* Holm's step-down adjustment: adjusted[i] <= a for as many i as one likes keeps the chance of any false one below a.
 * The family are the p that are not NaN; a NaN stays one. `adjusted` may be `p`. */
RMSEG_API rmseg_status rmseg_holm(double *adjusted, const double *p, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
