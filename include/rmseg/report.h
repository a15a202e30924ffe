/*
 * rmseg/report.h - pictures and tables of results, and comparisons of them.
 *                                                                              tier: may change before 1.0
 */
#ifndef RMSEG_REPORT_H
#define RMSEG_REPORT_H

#include "rmseg/core.h"
#include "rmseg/image.h"
#include "rmseg/metric.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An RGB picture of a 2D image with the contours of truth (green) and prediction (blue) as in Fig. 2 of the paper, one
 * line per label value (region), drawn smooth. Masks are label images on any grid of the same field of view; either may
 * be NULL. scale: pixels of the picture per pixel of the image. Errors: unsupported (a volume), argument (a mask of
 * more than 255 values), memory. */
RMSEG_API rmseg_status rmseg_overlay(rmseg_image **picture, const rmseg_image *image, const rmseg_image *prediction,
                                     const rmseg_image *truth, double scale);

/* Pictures side by side and below each other (columns a row), all 8-bit RGB and of one size, `gap` pixels of white
 * between. captions: a line of text above each row, or NULL for none. */
RMSEG_API rmseg_status rmseg_contact_sheet(rmseg_image **picture, const rmseg_image *const *pictures, int64_t count,
                                           int64_t columns, int64_t gap, const char *const *captions);

/* How hard an objective pulls each pixel, in colours with a scale (docs/losses.md): white not at all, red towards the
 * truth, blue away from it, grey ignored; the truth's contour in green, a line of text above. `weights` as
 * rmseg_objective_measure gives them. */
RMSEG_API rmseg_status rmseg_weights_picture(rmseg_image **picture, const rmseg_image *weights, const char *caption);

/* One picture file of options pred and truth (`rmseg show --help` lists them all): their contours on a 2D image or on
 * three slices of a volume, or their surfaces (docs/show.md). */
RMSEG_API rmseg_status rmseg_show_options_create(rmseg_options **options);
RMSEG_API rmseg_status rmseg_show(const rmseg_options *options, const char *image);

/* The aggregates as a text table for a terminal: class, metric, mean, sd, median, 95 % interval, valid/n, empty. Owned;
 * rmseg_text_free. */
RMSEG_API rmseg_status rmseg_results_table(char **text, const rmseg_results *results);

/* ---- comparing results files (docs/compare.md) ------------------------------------------------------------------ */

typedef struct rmseg_comparison rmseg_comparison;

/* Run against baseline, in one metric of one class. Differences are run - baseline. A case is paired when every file of
 * both has it, and counts when its values are all finite. What cannot be said is NaN. Texts are borrowed. */
typedef struct rmseg_contrast {
    const char *run, *class_name, *metric;
    int better;                            /* 1 higher values, -1 lower ones, 0 neither */
    int64_t seeds;                         /* pairs of files */
    int64_t cases, unpaired, n;            /* paired, without a partner, and those that count */
    int64_t invalid_baseline, invalid_run; /* paired cases in which the one, or the other, has an undefined value */
    double baseline_mean, run_mean, difference;
    double median;         /* of the cases' differences */
    double low, high;      /* 95 % bootstrap interval of the mean difference, over cases and, where several, seeds */
    int64_t higher, lower; /* cases in which the run has the higher, or the lower, value */
    rmseg_wilcoxon wilcoxon;
    double wilcoxon_holm; /* its p, adjusted over the contrasts of the comparison */
    double sign_flip;     /* p of the exact sign-flip test of the seeds; with 2 to RMSEG_SIGN_FLIP_MOST of them */
    double sign_flip_holm;
} rmseg_contrast;

/* Compares two or more results files: those of one "run" that differ in their "seed" stand together, and every run is
 * contrasted with the baseline. With options csv / json the files are written too. Errors: argument (what cannot be
 * paired), file, format (no results file; files that were not measured alike), memory. */
RMSEG_API rmseg_status rmseg_compare_options_create(rmseg_options **options);
RMSEG_API rmseg_status rmseg_compare(rmseg_comparison **comparison, const rmseg_options *options,
                                     const char *const *paths, int64_t count);
RMSEG_API void rmseg_comparison_destroy(rmseg_comparison *comparison);

/* One of the contrasts: by run, in the order of the files; then in the baseline's order. NULL past the last. */
RMSEG_API const rmseg_contrast *rmseg_comparison_contrast(const rmseg_comparison *comparison, int64_t index);

/* The comparison as text for a terminal: a table a run, what has no partner, and what the tests assume. Owned;
 * rmseg_text_free. */
RMSEG_API rmseg_status rmseg_comparison_table(char **text, const rmseg_comparison *comparison);

#ifdef __cplusplus
}
#endif
#endif
