/*
 * rmseg/loss.h - the objective: one expression, parsed once, evaluated to a value and the gradient at the logits.
 *                                                                                              tier: may change
 * before 1.0
 *
 *     softmax: ce + dice + 1*rm(2,0) + 1*rm(0,2) + 1*rm(2,2)
 *     sigmoid: 0.5*(ce + dice(variant=monai)) + 0.01*rm(2,0,0; reduction=sum, frame=volume)
 *     a*(ce + dice) + (1 - a)*mse, a = ramp(1 -> 0.01 by 2%)
 *
 * head: softmax (default) | sigmoid | tanh | none; then a sum of terms with factors and groups; then names of factors. A factor
 * is a number, a schedule, or calculated from them. Arguments in brackets: orders first, then ';' and name=value pairs
 * (a term without orders starts with its pairs). rm(2,0 / 0,2; channels=1+2): orders for each channel.
 */
#ifndef RMSEG_LOSS_H
#define RMSEG_LOSS_H

#include "rmseg/core.h"
#include "rmseg/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rmseg_objective rmseg_objective; /* a parsed expression; immutable, may be shared by threads */

/* A syntax error's sentence has the expression, the column and what was expected; an unknown name brings the nearest
 * one. */
RMSEG_API rmseg_status rmseg_objective_parse(rmseg_objective **objective, const char *expression);
RMSEG_API void rmseg_objective_destroy(rmseg_objective *objective);

/* What the logits are: of classes that exclude each other; of a mask per channel; no logits but probabilities; signed
 * distances s = tanh(logit), negative inside, one per channel like the masks of a sigmoid: p = sigmoid(-1500 s). */
typedef enum rmseg_head { RMSEG_HEAD_SOFTMAX, RMSEG_HEAD_SIGMOID, RMSEG_HEAD_NONE, RMSEG_HEAD_TANH } rmseg_head;
#define RMSEG_TANH_STEEPNESS 1500.0
RMSEG_API rmseg_head rmseg_objective_head(const rmseg_objective *objective);
RMSEG_API const char *rmseg_head_name(rmseg_head head);
RMSEG_API rmseg_status rmseg_head_parse(rmseg_head *head, const char *name);

/* Terms after expansion of groups, in the order written. */
RMSEG_API int64_t rmseg_objective_terms(const rmseg_objective *objective);
RMSEG_API const char *rmseg_objective_term_name(const rmseg_objective *objective,
                                                int64_t index); /* "rm(2,0)"; unique */

/* The weight of a term before the first step; a share() is counted as 1 in it. `varies`: it changes in the course of
 * training, by a schedule or a share(). */
RMSEG_API double rmseg_objective_term_weight(const rmseg_objective *objective, int64_t index);
RMSEG_API bool rmseg_objective_term_varies(const rmseg_objective *objective, int64_t index);

/* Whether a term counts indices in the whole image (frame=volume): its batches need frames that say where they lie. */
RMSEG_API bool rmseg_objective_wants_place(const rmseg_objective *objective);

/* Whether a term looks at the whole image (maps=image): its batches need frames with `whole` set. */
RMSEG_API bool rmseg_objective_wants_whole(const rmseg_objective *objective);

/* The expression in canonical form, with every option written out: goes into every results file. */
RMSEG_API const char *rmseg_objective_text(const rmseg_objective *objective);

/* `arguments`: one a line, "name=default  choices  help". */
typedef struct rmseg_loss_info {
    const char *name, *arguments, *formula, *source, *help;
} rmseg_loss_info;
RMSEG_API const rmseg_loss_info *rmseg_loss_list(int64_t index); /* `rmseg losses`; NULL past the last */

/* How weights may change in the course of training: "ramp(A -> B from P by Q)", and what that means. */
typedef struct rmseg_schedule_info {
    const char *name, *form, *help;
} rmseg_schedule_info;
RMSEG_API const rmseg_schedule_info *rmseg_schedule_list(int64_t index); /* NULL past the last */

/* The integers of an index. It is read as it is stored, without a copy: a uint8 label image is used where it lies, and
 * so is PyTorch's int64. */
typedef enum rmseg_index_type { RMSEG_INDEX_I32, RMSEG_INDEX_U8, RMSEG_INDEX_I16, RMSEG_INDEX_I64 } rmseg_index_type;

/* One batch. Shapes: logits (N,K,D,H,W) dense; the truth is either `index` (N,D,H,W) or `map` (N,K,D,H,W) with values
 * in [0,1]: exactly one of the two is set. index c is channel c; with sigmoid and tanh, and with K = 1, 0 is the background and
 * c + 1 is channel c. `spatial` is 2 or 3: how many of D,H,W count (2: H,W, and D = 1). */
typedef struct rmseg_batch {
    int64_t n, k, size[3];
    int spatial;
    const void *logits; /* float, or double when `wide` */
    const void *index;  /* of index_type: int32_t unless set */
    rmseg_index_type index_type;
    const void *map; /* float, or double when `wide` */
    bool wide;
    int32_t ignore; /* an index value whose voxels are in no sum, one its type can hold or not; -1: none. In a map, a
                       voxel with a negative channel is. */
    const rmseg_frame *frames; /* n of them, or NULL: the patch is the whole image, spacing 1 */
    double progress;           /* share of the training that is done, 0 to 1: moves the schedules */
} rmseg_batch;

/* Value of each term (unweighted; may be NULL), their weighted sum, and its gradient at the logits (may be NULL; same
 * shape and type as the logits). Deterministic: the same bits at any number of threads. Errors: argument (orders do not
 * fit `spatial`, K does not fit, an index out of range), numeric (a logit is NaN, or the total is not finite). */
RMSEG_API rmseg_status rmseg_objective_evaluate(double *total, double *terms, void *dlogits,
                                                const rmseg_objective *objective, const rmseg_batch *batch);

/* An objective made ready for one batch shape, with all memory it needs: what a training loop wants.
 * rmseg_objective_evaluate makes one and throws it away.
 *
 *     rmseg_evaluator_create(&e, objective, &batch, NULL);
 *     while (...) rmseg_evaluator_run(e, &total, terms, dlogits, &batch);     // allocates nothing from its second call on
 *     rmseg_evaluator_destroy(e);
 *
 * It belongs to one thread at a time (a run uses all of the library's threads by itself); two threads take an evaluator
 * each and may share the objective, which must outlive them. */
typedef struct rmseg_evaluator rmseg_evaluator;

/* `shape` gives n, k, size, spatial and wide; its pointers are not read. `backend` is "cpu", "plain" (the naive loops
 * that say what is meant) or NULL, the fastest there is; double has the naive loops alone, whatever is asked for. Errors: argument (the shape and the terms do not fit), unsupported (no such backend), memory. */
RMSEG_API rmseg_status rmseg_evaluator_create(rmseg_evaluator **evaluator, const rmseg_objective *objective,
                                              const rmseg_batch *shape, const char *backend);

/* As rmseg_objective_evaluate, of a batch of that shape (an argument error otherwise). The outputs are set on success
 * alone, but dlogits may have been written. More threads than in earlier calls allocate once more. */
RMSEG_API rmseg_status rmseg_evaluator_run(rmseg_evaluator *evaluator, double *total, double *terms, void *dlogits,
                                           const rmseg_batch *batch);
RMSEG_API void rmseg_evaluator_destroy(rmseg_evaluator *evaluator); /* NULL is legal */

/* What term `index` weighed in the last run, schedules and shares settled; NaN past the last term. */
RMSEG_API double rmseg_evaluator_weight(const rmseg_evaluator *evaluator, int64_t index);

/* How hard one term pulls: the gradient at the logits of term `index` alone, at `weight`, for the batch of the last run,
 * whose arrays must be as they were. Writes dlogits (as _run does) and returns its L2 norm; NaN, and nothing written,
 * past the last term and before the first run. Costs one sweep over the logits; shares and values stay as they are. */
RMSEG_API double rmseg_evaluator_term_gradient(rmseg_evaluator *evaluator, int64_t index, double weight, void *dlogits);

/* L2 norm of an array of the logits' shape and type: the same bits at any number of threads. */
RMSEG_API double rmseg_evaluator_norm(rmseg_evaluator *evaluator, const void *gradient);

/* The state that runs carry over: the averages behind the objective's share()s, *count of them, NaN before the first;
 * they move with every run that gives a gradient. Borrowed: a training saves them in its checkpoint and, to go on,
 * writes them back here. */
RMSEG_API double *rmseg_evaluator_shares(rmseg_evaluator *evaluator, int64_t *count);

/* Mean over the voxels of the last batch of the spatial weight of term `index`: alpha times an rm term weighs as much as
 * alpha times this of a plain mse. 1 for mse; NaN for terms that have no such weight, and before the first run. */
RMSEG_API double rmseg_evaluator_mean_weight(const rmseg_evaluator *evaluator, int64_t index);

#ifdef __cplusplus
}
#endif
#endif
