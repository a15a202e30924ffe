/* step.c - the parts of a training step: judging the logits, moving the weights, and what follows a step. */
#include "run/step.h"

#include <math.h>
#include <string.h>

#include "run/folder.h"

/* ---- judging ----------------------------------------------------------------------------------------------------- */

typedef struct expansion {
    rmseg_trainer *t;
    const int32_t *label; /* (N,D,H,W) */
    int64_t voxels;       /* D*H*W */
} expansion;

/* Chunk = one region of one sample. */
static void expand_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const expansion *e = context;
    const float *member = e->t->member + chunk % e->t->batch.k * e->t->model.classes;
    const int32_t *label = e->label + chunk / e->t->batch.k * e->voxels;
    float *map = e->t->map + chunk * e->voxels;
    for (int64_t i = 0; i < e->voxels; i++) map[i] = member[label[i]];
}

static const char advice[] = "lower --lr, set --clip-norm, or look at the data; nothing of it is saved";

static rmseg_status check_values(const rmseg_trainer *t)
{
    for (int64_t i = 0; i < rmseg_objective_terms(t->objective); i++)
        if (!isfinite(t->terms[i]))
            return rmseg_fail(RMSEG_ERROR_NUMERIC, "the term %s is %f", rmseg_objective_term_name(t->objective, i),
                              t->terms[i]);
    if (isfinite(t->total)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_NUMERIC, "the objective is %f", t->total);
}

/* Adds the step, the layer where such numbers came up first, and what to do. */
static rmseg_status fail_judging(const rmseg_trainer *t, rmseg_status status)
{
    if (status == RMSEG_ERROR_NUMERIC) {
        const char *layer = rmseg_executor_fault(t->executor);
        rmseg_fail(status, "%s%s%s: %s", rmseg_error_last(), layer ? ", after NaN or infinity in layer " : "",
                   layer ? layer : "", advice);
    }
    return rmseg_fail_in(status, "step %lld", (long long)t->state.iteration + 1);
}

rmseg_status rmseg_step_judge(rmseg_trainer *t, const rmseg_loaded_batch *batch)
{
    rmseg_batch *b = &t->batch;
    b->frames = batch->frames;
    b->progress = (double)t->state.iteration / (double)t->o->iterations;
    if (t->map) {
        expansion e = {t, batch->label, b->size[0] * b->size[1] * b->size[2]};
        rmseg_parallel_for(b->n * b->k, expand_chunk, &e);
    } else {
        b->index = batch->label;
    }
    rmseg_status status = rmseg_evaluator_run(t->evaluator, &t->total, t->terms, t->dlogits, b);
    if (!status) status = check_values(t);
    return status ? fail_judging(t, status) : RMSEG_OK;
}

void rmseg_step_share(rmseg_trainer *t)
{
    int64_t terms = rmseg_objective_terms(t->objective), every = t->o->log_gradients;
    bool due = every && t->state.iteration % every == 0;
    double sum = 0;
    for (int64_t i = 0; i < terms; i++) {
        double weight = rmseg_evaluator_weight(t->evaluator, i);
        t->share[i] = due ? rmseg_evaluator_term_gradient(t->evaluator, i, weight, t->dlogits) : NAN;
        sum += t->share[i];
    }
    for (int64_t i = 0; i < terms; i++) t->share[i] /= sum;
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

double rmseg_learning_rate(const train_options *o, int64_t step)
{
    double x = (double)step / (double)o->iterations, factor = 1;
    if (!strcmp(o->schedule, "step"))
        factor = 12.0 * (double)step < 5.0 * (double)o->iterations    ? 1
                 : 12.0 * (double)step < 10.0 * (double)o->iterations ? 0.1
                                                                      : 0.01;
    else if (!strcmp(o->schedule, "poly"))
        factor = pow(1 - x, 0.9);
    else if (!strcmp(o->schedule, "cosine"))
        factor = (1 + cos(M_PI * x)) / 2;
    if (step < o->warmup) factor *= (double)(step + 1) / (double)o->warmup;
    return o->lr * factor;
}

static rmseg_status move(rmseg_trainer *t)
{
    const train_options *o = t->o;
    if (!strcmp(o->optimizer, "sgd")) {
        rmseg_sgd sgd = {.lr = t->lr, .momentum = o->momentum, .decay = o->weight_decay, .clip = o->clip_norm};
        return rmseg_weights_step(&t->norm, t->model.weights, &sgd);
    }
    rmseg_adamw adamw = {.lr = t->lr,
                         .beta1 = o->momentum,
                         .beta2 = o->beta2,
                         .eps = 1e-8, /* PyTorch's */
                         .decay = o->weight_decay,
                         .step = t->state.iteration + 1};
    return rmseg_weights_step_adamw(&t->norm, t->model.weights, &adamw, o->clip_norm);
}

rmseg_status rmseg_step_move(rmseg_trainer *t)
{
    double step = (double)t->state.iteration;
    t->lr = rmseg_learning_rate(t->o, t->state.iteration);
    rmseg_status status = move(t);
    if (status) return rmseg_fail_in(status, "step %lld", (long long)t->state.iteration + 1);
    /* A young average leans on the first weights less. */
    if (t->o->ema > 0) rmseg_weights_average(t->model.weights, fmin(t->o->ema, (1 + step) / (10 + step)));
    return RMSEG_OK;
}

/* ---- after a step ------------------------------------------------------------------------------------------------ */

rmseg_status rmseg_step_log(rmseg_trainer *t, bool validated)
{
    rmseg_journal *j = &t->journal;
    rmseg_journal_integer(j, t->state.iteration);
    for (int64_t i = 0; i < rmseg_objective_terms(t->objective); i++) rmseg_journal_number(j, t->terms[i]);
    for (int64_t i = 0; i < rmseg_objective_terms(t->objective); i++)
        if (rmseg_objective_term_varies(t->objective, i))
            rmseg_journal_number(j, rmseg_evaluator_weight(t->evaluator, i));
    for (int64_t i = 0; i < rmseg_objective_terms(t->objective); i++) rmseg_journal_number(j, t->share[i]);
    rmseg_journal_number(j, t->total);
    rmseg_journal_number(j, t->norm);
    rmseg_journal_number(j, t->lr);
    rmseg_journal_number(j, t->state.seconds);
    for (int64_t i = 0; t->validation && i < t->model.regions.count; i++)
        rmseg_journal_number(j, validated ? rmseg_validation_dice(t->validation, i) : NAN);
    return rmseg_journal_end(j);
}

static rmseg_status validate(rmseg_trainer *t)
{
    RMSEG_TRY(rmseg_validation_run(t->validation));
    double mean = rmseg_validation_mean(t->validation);
    bool better = !isnan(mean) && !(mean <= t->state.best); /* the best is NaN before the first */
    t->state.stale = better ? 0 : t->state.stale + 1;
    if (!better) return RMSEG_OK;
    t->state.best = mean;
    t->state.best_iteration = t->state.iteration;
    if (strcmp(t->o->select, "best")) return RMSEG_OK;
    rmseg_tensor_file best = {0};
    rmseg_status status = rmseg_weights_save(&best, t->model.weights, false);
    rmseg_tensor_file_destroy(status ? &best : &t->best);
    if (!status) t->best = best;
    return status;
}

/* With --ema it is the averages that are judged and kept. */
rmseg_status rmseg_trainer_validate(rmseg_trainer *t)
{
    if (t->o->ema > 0) rmseg_weights_swap(t->model.weights);
    rmseg_status status = validate(t);
    if (t->o->ema > 0) rmseg_weights_swap(t->model.weights);
    return status;
}

rmseg_status rmseg_trainer_save(rmseg_trainer *t)
{
    int64_t shares;
    const double *share = rmseg_evaluator_shares(t->evaluator, &shares);
    rmseg_checkpoint checkpoint = {.state = t->state,
                                   .share = share,
                                   .shares = shares,
                                   .options = t->options,
                                   .data_hash = t->data_hash,
                                   .init_hash = t->init_hash,
                                   .weights = t->model.weights,
                                   .best = t->best};
    RMSEG_TRY(rmseg_journal_sync(&t->journal));
    RMSEG_TRY(rmseg_checkpoint_write(&checkpoint, t->o->out));
    RMSEG_TRY(rmseg_folder_weights(t));
    t->saved_s = rmseg_now_s();
    return rmseg_folder_record(t);
}
