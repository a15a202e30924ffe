/*
 * run/trainer.h - a training under way: everything that train.c moves data through.
 */
#ifndef RUN_TRAINER_H
#define RUN_TRAINER_H

#include "run/checkpoint.h"
#include "run/journal.h"
#include "run/model.h"
#include "run/train_options.h"
#include "run/validation.h"

typedef struct rmseg_trainer {
    rmseg_options *options; /* own: given, recalled, suggested */
    const train_options *o; /* their values */

    rmseg_lock *lock; /* of the run's folder, once that is there */
    rmseg_dataset *dataset;
    char data_hash[65], init_hash[65]; /* of the files; init: of --init, empty where the weights were drawn */
    int64_t *cases;                    /* [dataset->count] indices: train_count to learn from, then the held-out ones */
    int64_t train_count, held_count;
    char *cache_folder; /* of --cache mmap */
    rmseg_loader *loader;

    rmseg_objective *objective;
    rmseg_model model;
    rmseg_executor *executor;
    rmseg_evaluator *evaluator;
    rmseg_validation *validation; /* NULL where nothing is held out */
    rmseg_batch batch;            /* shape of a batch, and what the evaluator reads of it */
    float *logits, *dlogits;      /* (N,K,D,H,W) */
    float *map;                   /* (N,K,D,H,W), 0 or 1 per region; NULL for a softmax */
    float *member;                /* (K,classes), 1 where the label is in the region; NULL for a softmax */

    double *terms; /* of the last step, unweighted */
    double *share; /* of each term in the last step's gradient; NaN where it was not measured */
    double total, norm, lr;

    rmseg_training_state state;
    rmseg_tensor_file best; /* weights of the best validation; no tensors without --select best or before the first */
    rmseg_journal journal;
    double clock_s; /* when this call's first step began, less the seconds before this call */
    double saved_s; /* when the state was last saved */
} rmseg_trainer;

/* Everything ready for the next step: options settled, data and network checked against each other, run's folder made
 * or, with --resume, read. Nothing but prepared cases (--cache mmap) is written before every check has passed. */
rmseg_status rmseg_trainer_create(rmseg_trainer **trainer, const rmseg_options *options);
void rmseg_trainer_destroy(rmseg_trainer *trainer);

/* One step: batch, forward, objective, backward, optimiser. Errors: numeric, naming iteration and term. */
rmseg_status rmseg_trainer_step(rmseg_trainer *trainer);

/* Measures the held-out cases and remembers the best weights. */
rmseg_status rmseg_trainer_validate(rmseg_trainer *trainer);

/* Writes state, weights, log and run.json. */
rmseg_status rmseg_trainer_save(rmseg_trainer *trainer);

/* Learning rate of step `step` (0 first) of `steps`. With x = step / steps: constant 1; step 1, 0.1 from x = 5/12, 0.01
 * from x = 10/12; poly (1 - x)^0.9; cosine (1 + cos(pi x)) / 2; all times lr, and times (step + 1) / warmup during the
 * warmup. */
double rmseg_learning_rate(const train_options *o, int64_t step);

#endif
