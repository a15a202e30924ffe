/*
 * loss/objective.h - a parsed objective, and the rows that losses are.
 *
 * Adding a loss: one file with its options, its formula and three functions (see dice.c), and one row in families.c.
 * The row gives it to the parser, to `rmseg losses`, to the fuzzer's dictionary and to every test that walks the table.
 */
#ifndef LOSS_OBJECTIVE_H
#define LOSS_OBJECTIVE_H

#include "core/core.h"
#include "loss/coefficient.h"
#include "loss/loss.h"

typedef struct rmseg_loss_row rmseg_loss_row;
typedef struct rmseg_loss_part rmseg_loss_part; /* a term compiled for a shape: loss/evaluator.h */

typedef struct rmseg_loss_term {
    const rmseg_loss_row *row;
    rmseg_options *options;   /* values of the row's options */
    int64_t coefficient;      /* its weight, a node of the objective's coefficients */
    int64_t order[3], orders; /* rm: one order per spatial axis, 2 or 3 of them */
    int64_t (*more)[3];       /* (mores) further lists of as many: added up, or one for each channel, as the row says */
    int64_t mores;
    int64_t column; /* where the expression names it, 1-based */
    char *name;     /* as reported: with the options that are not defaults */
} rmseg_loss_term;

struct rmseg_objective {
    rmseg_head head;
    rmseg_loss_term *term;
    int64_t terms, capacity;
    rmseg_coefficients coefficients;
    double *start; /* values of all coefficients before the first step, each share() counted as 1 */
    char *text;    /* canonical form */
};

/* One kind of term. */
struct rmseg_loss_row {
    rmseg_loss_info info;
    bool orders; /* takes orders before its options */
    bool summed; /* several of them, '|' between, are added up; else one for each channel, '/' between */
    rmseg_status (*create_options)(rmseg_options **options);

    /* Called once the options are set, at parsing: derived defaults, syntax of lists. May be NULL. */
    rmseg_status (*settle)(rmseg_loss_term *term);

    /* Fits the term to a batch's shape: checks it, fills `part`, asks the sweeps for what it needs. Called once. */
    rmseg_status (*compile)(rmseg_evaluator *evaluator, rmseg_loss_part *part);

    /* Before the sweeps, in every evaluation: fills the part's map from truth and prediction. May be NULL. */
    rmseg_status (*prepare)(rmseg_evaluator *evaluator, rmseg_loss_part *part);

    /* Between the sweeps, in every evaluation: returns the value and adds weight * gradient to the sweep's
     * coefficients. */
    double (*finish)(rmseg_evaluator *evaluator, const rmseg_loss_part *part);

    /* Mean of its weights over the batch, where that is not the field's own. May be NULL. */
    double (*mean_weight)(const rmseg_evaluator *evaluator, const rmseg_loss_part *part);
};

/* The rows; NULL past the last. */
const rmseg_loss_row *rmseg_loss_row_at(int64_t index);
const rmseg_loss_row *rmseg_loss_row_find(const char *name, size_t length);

/* One file each. */
extern const rmseg_loss_row rmseg_loss_ce, rmseg_loss_dice, rmseg_loss_jaccard, rmseg_loss_tversky, rmseg_loss_focal,
    rmseg_loss_mse, rmseg_loss_rm, rmseg_loss_moment, rmseg_loss_size, rmseg_loss_centroid, rmseg_loss_boundary,
    rmseg_loss_hausdorff, rmseg_loss_sdf, rmseg_loss_wmse, rmseg_loss_permuted, rmseg_loss_ranked,
    rmseg_loss_class_centroid, rmseg_loss_spread, rmseg_loss_covariance, rmseg_loss_inertia, rmseg_loss_eccentricity,
    rmseg_loss_hu, rmseg_loss_polar, rmseg_loss_length, rmseg_loss_compactness, rmseg_loss_rays;

/* A row's `arguments`, written from its option rows: one line each, "name=default  choices  help". */
#define RMSEG_LOSS_ARGUMENT(type, field, fallback, minimum, maximum, choices, unit, help, example)                     \
#field "=" fallback "  " choices "  " help "\n"

/* The first of its arguments, of a row that takes orders. */
#define RMSEG_ORDERS_ARGUMENT "q1,q2[,q3]  0..20  one order for each axis, axis 0 first"

/* An option's name as expressions and Python spell it: with '_'. Into a buffer of RMSEG_LOSS_NAME. */
#define RMSEG_LOSS_NAME 64
const char *rmseg_loss_option_name(char *buffer, const char *key);

/* Room for one more term, zeroed, at the end; not yet counted in objective->terms. */
rmseg_status rmseg_objective_grow(rmseg_objective *objective);

/* List `index` of the term's orders, along D, H, W. Errors: argument, unless there is one for each of the `spatial` axes. */
rmseg_status rmseg_term_orders(int64_t order[3], const rmseg_loss_term *term, int64_t index, int spatial);

/* Fills in the names and the canonical text of a parsed objective. */
rmseg_status rmseg_objective_describe(rmseg_objective *objective);

/* "fg", "all" or channels joined by '+': place[0..k-1] becomes the channel's place in that list, -1 where it is not in it,
 * and counts. `first` is the first foreground channel. Without a place, checks the syntax alone. */
rmseg_status rmseg_channels_parse(int64_t *place, int64_t *count, int64_t k, int64_t first, const char *text);

/* Numbers >= 0 joined by '+', one for each of `expected` channels. Without `weights`, checks the syntax alone. */
rmseg_status rmseg_weights_parse(double *weights, int64_t expected, const char *text);

#endif
