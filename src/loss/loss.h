/*
 * loss/loss.h - the door of losses: the public functions, and the evaluation that the trainer keeps ready.
 *
 * rmseg_objective_evaluate allocates its scratch each time; a trainer makes an evaluator once and allocates nothing
 * after.
 */
#ifndef LOSS_LOSS_H
#define LOSS_LOSS_H

#include "rmseg/loss.h"

typedef struct rmseg_evaluator
    rmseg_evaluator; /* an objective compiled for a backend and a batch shape, with its scratch */

/* `shape` gives n, k, size, spatial, wide; its pointers are not read. `backend` is "plain" or "cpu"
 * (backend/backend.h). */
rmseg_status rmseg_evaluator_create(rmseg_evaluator **evaluator, const rmseg_objective *objective,
                                    const rmseg_batch *shape, const char *backend);
rmseg_status rmseg_evaluator_run(rmseg_evaluator *evaluator, double *total, double *terms, void *dlogits,
                                 const rmseg_batch *batch);

/* The weight of term `index` in the last evaluation. */
double rmseg_evaluator_weight(const rmseg_evaluator *evaluator, int64_t index);

/* The averages behind the objective's share()s, NaN before the first; they move with every evaluation that gives a
 * gradient. Borrowed; a training saves them and puts them back. */
double *rmseg_evaluator_shares(rmseg_evaluator *evaluator, int64_t *count);

/* Mean over the voxels of the last batch of the spatial weight of term `index`: what an rm term of this weight times
 * alpha weighs as a plain mse. 1 for mse, NaN for a term that is no rm and before the first batch. For results files.
 */
double rmseg_evaluator_mean_weight(const rmseg_evaluator *evaluator, int64_t index);
void rmseg_evaluator_destroy(rmseg_evaluator *evaluator);

#endif
