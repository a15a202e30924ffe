/*
 * rmseg/run.h - the jobs: train, predict, evaluate, objective, bench.                                        tier: may change before 1.0
 *
 * Each job has options by key (rmseg_..._options_create gives the defaults; `rmseg train --help` lists the same rows)
 * and one call. docs/running.md tells what they do and what a run's folder holds.
 */
#ifndef RMSEG_RUN_H
#define RMSEG_RUN_H

#include "rmseg/core.h"
#include "rmseg/image.h"
#include "rmseg/metric.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Trains a network and fills a run's folder (config.ini, log.csv, state.safetensors, weights.safetensors, run.json).
 * RMSEG_ERROR_CANCELLED after rmseg_cancel(): state is saved, the sentence says how to go on. */
RMSEG_API rmseg_status rmseg_train_options_create(rmseg_options **options);
RMSEG_API rmseg_status rmseg_train(const rmseg_options *options);

/* Predicts label images on the inputs' own grids with the weights of a run (or several: an ensemble). `inputs` are
 * files or folders; a run's folder among them joins the ensemble. With option layout the split's cases are taken and
 * inputs may be empty. A case that fails is reported, the others go on, the call then fails. */
RMSEG_API rmseg_status rmseg_predict_options_create(rmseg_options **options);
RMSEG_API rmseg_status rmseg_predict(const rmseg_options *options, const char *const *inputs, int64_t count);

/* Measures predictions against truth; *results is owned by the caller. With csv / json options the files are written
 * too. Cases without a partner are listed. When some cases fail or have no partner, *results holds the others and the
 * status is that of the first failure. */
RMSEG_API rmseg_status rmseg_evaluate_options_create(rmseg_options **options);
RMSEG_API rmseg_status rmseg_evaluate(rmseg_results **results, const rmseg_options *options);

/* What rmseg_evaluate measures besides the metrics of rmseg_metric_list: volumes in ml, false positives far away. NULL
 * past the last. */
RMSEG_API const rmseg_metric_info *rmseg_evaluate_metric_list(int64_t index);

/* An objective on arrays in .npy files: value, weight and gradient of every term. *text, owned (rmseg_text_free), is a
 * table, or JSON where option json is "-"; options gradient, json and weights=NAME.npy write files. *weights is NULL
 * but with weights=NAME.png: then an F64 image of two channels, how hard each pixel of the first sample's middle slice
 * is pulled (1: as by mse; NaN: ignored) and whether the truth is set there, for rmseg_weights_picture. Errors:
 * argument (the expression, an option), format and numeric (the arrays do not fit each other or the objective). */
RMSEG_API rmseg_status rmseg_objective_options_create(rmseg_options **options);
RMSEG_API rmseg_status rmseg_objective_measure(char **text, rmseg_image **weights, const rmseg_options *options,
                                               const char *expression);

/* Measures how fast rmseg is on this machine: the rows of a family, or of all where it is NULL or "". *text, owned
 * (rmseg_text_free), is a table, or JSON where option json is "-"; *worse counts the rows that are slower than in the
 * file of option compare by more than option threshold. */
RMSEG_API rmseg_status rmseg_bench_options_create(rmseg_options **options);
RMSEG_API rmseg_status rmseg_bench(char **text, int64_t *worse, const rmseg_options *options, const char *family);

typedef struct rmseg_bench_family {
    const char *name, *help;
} rmseg_bench_family;
RMSEG_API const rmseg_bench_family *rmseg_bench_family_list(int64_t index); /* NULL past the last */

#ifdef __cplusplus
}
#endif
#endif
