/*
 * train.c - the way data takes through a training. What is made ready before is in trainer.c, what a step's parts do in
 * step.c, what is written in folder.c and checkpoint.c.
 */
#include <stdio.h>

#include "run/run.h"
#include "run/step.h"

rmseg_status rmseg_trainer_step(rmseg_trainer *t)
{
    rmseg_loaded_batch batch;
    int64_t i = t->state.iteration;
    uint64_t seed = (uint64_t)t->o->seed;
    RMSEG_TRY(rmseg_loader_next(&batch, t->loader, i));
    RMSEG_TRY(rmseg_executor_forward(t->logits, t->executor, t->model.weights, batch.image, seed, i));
    RMSEG_TRY(rmseg_step_judge(t, &batch)); /* value of the objective, gradient at the logits */
    RMSEG_TRY(rmseg_executor_backward(t->executor, t->model.weights, t->dlogits));
    rmseg_step_share(t);
    RMSEG_TRY(rmseg_step_move(t)); /* one process: the gradient is not summed over others first */
    t->state.iteration = i + 1;
    t->state.seconds = rmseg_now_s() - t->clock_s;
    return RMSEG_OK;
}

static bool goes_on(const rmseg_trainer *t)
{
    bool patient = !t->o->patience || t->state.stale < t->o->patience;
    return t->state.iteration < t->o->iterations && patient;
}

static bool validation_is_due(const rmseg_trainer *t)
{
    int64_t i = t->state.iteration;
    return t->validation && (i % t->o->val_every == 0 || i == t->o->iterations);
}

static bool save_is_due(const rmseg_trainer *t)
{
    bool by_steps = t->o->save_every && t->state.iteration % t->o->save_every == 0;
    return by_steps || rmseg_now_s() - t->saved_s >= t->o->save_seconds;
}

static void show(const rmseg_trainer *t)
{
    char note[64];
    snprintf(note, sizeof note, "loss %.4f", t->total);
    rmseg_progress("train", t->state.iteration, t->o->iterations, note);
}

static rmseg_status interrupt(rmseg_trainer *t)
{
    rmseg_text out = {0};
    RMSEG_TRY(rmseg_trainer_save(t));
    rmseg_text_add_word(&out, t->o->out);
    rmseg_status status =
        rmseg_fail(RMSEG_ERROR_CANCELLED,
                   "interrupted after step %lld of %lld; the state is saved: go on with rmseg train --resume --out %s",
                   (long long)t->state.iteration, (long long)t->o->iterations, out.data ? out.data : t->o->out);
    rmseg_text_destroy(&out);
    return status;
}

static rmseg_status train(rmseg_trainer *t)
{
    while (goes_on(t)) {
        RMSEG_TRY(rmseg_trainer_step(t));
        bool validate = validation_is_due(t);
        if (validate) RMSEG_TRY(rmseg_trainer_validate(t));
        RMSEG_TRY(rmseg_step_log(t, validate));
        show(t);
        if (rmseg_cancelled()) return interrupt(t);
        if (save_is_due(t)) RMSEG_TRY(rmseg_trainer_save(t));
    }
    if (t->state.iteration < t->o->iterations)
        rmseg_info("stopped after step %lld: the last %lld validations brought no better Dice than step %lld",
                   (long long)t->state.iteration, (long long)t->state.stale, (long long)t->state.best_iteration);
    return rmseg_trainer_save(t);
}

rmseg_status rmseg_train(const rmseg_options *options)
{
    rmseg_trainer *trainer = NULL;
    RMSEG_TRY(rmseg_trainer_create(&trainer, options));
    rmseg_status status = train(trainer);
    rmseg_trainer_destroy(trainer);
    return status;
}
