/*
 * run/checkpoint.h - state.safetensors: all that a training needs to go on.
 *
 * The file holds the parameters, running statistics and momenta under PyTorch's names ("momentum.NAME"), with --select
 * best the best weights so far ("best.NAME"), and as metadata the counters, the averages of share()s, every option ("option.KEY"), the hashes
 * of the data and of the file --init, the build and the processor level.
 *
 * Writing: the new file is made whole as state.next and brought to the disk; the present state.safetensors becomes
 * state.prev; state.next becomes state.safetensors. Killed at any moment, a run has a good state.safetensors (where the
 * file system knows no hard links, for one moment only a state.prev, which is then taken).
 */
#ifndef RUN_CHECKPOINT_H
#define RUN_CHECKPOINT_H

#include "nn/nn.h"

/* What a training counts. */
typedef struct rmseg_training_state {
    int64_t iteration;      /* steps done */
    double seconds;         /* spent training, over all calls */
    double best;            /* largest mean Dice of a validation; NaN before the first */
    int64_t best_iteration; /* when that was */
    int64_t stale;          /* validations since */
} rmseg_training_state;

typedef struct rmseg_checkpoint {
    rmseg_training_state state;
    const double *share; /* writing: (shares) the averages behind the objective's share()s; borrowed */
    int64_t shares;
    const rmseg_options *options; /* writing: borrowed */
    const char *data_hash;        /* borrowed; reading: from `file` */
    const char *init_hash;        /* the same; of the file the first weights came from, empty where they were drawn */
    const rmseg_weights *weights; /* writing: borrowed */
    rmseg_tensor_file best;       /* the best weights; no tensors where there are none */
    rmseg_tensor_file file;       /* reading: tensors of the weights and all metadata */
} rmseg_checkpoint;

/* Whether `run` holds a state to go on from. */
rmseg_status rmseg_checkpoint_exists(bool *exists, const char *run);

/* Errors: format (a damaged file: the sentence says how to go back to state.prev). */
rmseg_status rmseg_checkpoint_read(rmseg_checkpoint *checkpoint, const char *run);

/* Errors: file (no room: the state before is intact), numeric (a weight is NaN or infinite: nothing is written). */
rmseg_status rmseg_checkpoint_write(const rmseg_checkpoint *checkpoint, const char *run);

/* The averages behind `count` share()s, as they were written. Errors: format (one is missing). */
rmseg_status rmseg_checkpoint_shares(double *share, int64_t count, const rmseg_checkpoint *checkpoint);

/* Gives the recorded options to `own` (rmseg_train_options_recall). */
rmseg_status rmseg_checkpoint_recall(const rmseg_checkpoint *checkpoint, rmseg_options *own);

/* Frees what reading made. */
void rmseg_checkpoint_destroy(rmseg_checkpoint *checkpoint);

#endif
