/*
 * run/step.h - the parts of a training step that belong to no other room.
 */
#ifndef RUN_STEP_H
#define RUN_STEP_H

#include "run/trainer.h"

/* Logits and truth -> terms, total and dlogits. Errors: numeric, naming the step and the term that is NaN or infinite.
 */
rmseg_status rmseg_step_judge(rmseg_trainer *trainer, const rmseg_loaded_batch *batch);

/* Every --log-gradients steps, the first one included: how the gradient at the logits is divided among the terms, for
 * log.csv. After the backward pass, whose dlogits it writes over. */
void rmseg_step_share(rmseg_trainer *trainer);

/* Gradients -> weights, with the learning rate of this step. Errors: numeric, when the gradient is NaN or infinite. */
rmseg_status rmseg_step_move(rmseg_trainer *trainer);

/* The step's row of log.csv; with the Dice when it was just measured. */
rmseg_status rmseg_step_log(rmseg_trainer *trainer, bool validated);

#endif
