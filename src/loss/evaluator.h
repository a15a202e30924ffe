/*
 * loss/evaluator.h - an objective compiled for one backend and one batch shape: what the rows' functions work on.
 */
#ifndef LOSS_EVALUATOR_H
#define LOSS_EVALUATOR_H

#include "backend/backend.h"
#include "loss/objective.h"

/* How a weight field's coordinate is made; fields with equal rules and channels are one field. */
typedef enum rmseg_centre {
    RMSEG_CENTRE_PAPER,
    RMSEG_CENTRE_EXACT,
    RMSEG_CENTRE_NONE,
    RMSEG_CENTRE_CENTROID
} rmseg_centre;

typedef struct rmseg_field_rule {
    rmseg_centre centre;
    double scale;
    bool volume, mm;
} rmseg_field_rule;

/* The rule of sweep.field[i], and the exponents of its tables along each axis. */
typedef struct rmseg_field_plan {
    rmseg_field_rule rule;
    int64_t *exponent[3];
} rmseg_field_plan;

struct rmseg_loss_part {
    const rmseg_loss_term *term;
    double weight;  /* in the evaluation under way */
    bool *channels; /* (K) the channels it looks at; NULL: the row does not choose */
    int64_t *place; /* (K) of a channel in the list that the user gave, -1: not in it */
    int64_t channel_count;
    double *weights; /* (K) of classes; NULL: equal */
    int64_t field;   /* the weight field it has parts of, -1: none */
    int64_t *index;  /* (indices) which parts, in the order they were asked for */
    int64_t indices;
    bool each;                          /* its weights are for one channel each, by their place */
    bool aside;                         /* reads no plain sum of its channels but P and NLL: they need not be made */
    int64_t focal;                      /* which of sweep.focal */
    struct rmseg_distance_maps *maps;   /* of terms made of distances: loss/distance_maps.h */
    struct rmseg_signed_target *target; /* of sdf: loss/signed_head.h */
    double *scratch;                    /* of the row's own; freed with the part */
};

/* What stands behind the objective's share()s. */
typedef struct rmseg_shares {
    double *weight; /* (count) the averages; NaN before the first */
    double *target; /* (count) the weights that this evaluation alone would give */
    double *used;   /* (count) what each share() is in the evaluation under way */
    void *gradient; /* as the logits: of some of the terms; NULL without shares */
} rmseg_shares;

struct rmseg_evaluator {
    const rmseg_objective *objective;
    const rmseg_objective_kernels *kernels;
    rmseg_loss_part *part; /* one for each term */
    double *values;        /* (terms) */
    double *coefficient;   /* (objective->coefficients.count) in the evaluation under way */
    rmseg_shares shares;
    rmseg_sweep sweep;
    rmseg_field_plan *plan; /* one for each of sweep.field */
    void *predicted;        /* (N, K, D, H, W) as the logits: what kernels->predict gave, where a row asked for it */
    void *steep;            /* (N, K, D, H, W) as the logits, under the head tanh: loss/signed_head.h; else NULL */
    double *located;        /* (N, K, 4) where a field has its own centres, else NULL */
    double valid;           /* voxels in the sums of this evaluation, all samples together */
    double *partial;        /* (partials) of a gradient's norm */
    int64_t partials;
    size_t scratch_bytes;
    int threads; /* that the scratch suffices for */
};

/* Values of all terms, and the sweep's coefficients for the parts' present weights. */
void rmseg_evaluator_finish(rmseg_evaluator *evaluator);

/* The gradient that these coefficients mean, into sweep.dlogits. */
void rmseg_evaluator_scatter(rmseg_evaluator *evaluator);

/* Allocates what norms of gradients need. */
rmseg_status rmseg_pull_create(rmseg_evaluator *evaluator);

/* Allocates what the objective's shares need; nothing where it has none. */
rmseg_status rmseg_shares_create(rmseg_evaluator *evaluator);
void rmseg_shares_destroy(rmseg_evaluator *evaluator);

/* Between the sweeps: sets shares.used, and the averages too where `keep`. */
void rmseg_shares_settle(rmseg_evaluator *evaluator, bool keep);

/* Reads channels and class weights (text may be ""), one weight for each of the channels in the list's order, into the part. */
rmseg_status rmseg_part_channels(rmseg_evaluator *evaluator, rmseg_loss_part *part, const char *channels,
                                 const char *weights);

/* The sums of one sample and channel; their gradient coefficients. */
static inline const double *rmseg_sums_at(const rmseg_evaluator *e, int64_t n, int64_t c)
{
    return e->sweep.sums + (n * e->sweep.batch.k + c) * e->sweep.width;
}
static inline rmseg_slope *rmseg_slope_at(const rmseg_evaluator *e, int64_t n, int64_t c)
{
    return e->sweep.slope + n * e->sweep.batch.k + c;
}

/* A weight prod_k c_k^exponent_k along D, H, W, of r^2 (`squared`) or of p and y, in the field of this rule and the part's
 * channels (made if new); it becomes the part's next index. All weights of a part have one rule. */
rmseg_status rmseg_field_add(rmseg_evaluator *evaluator, rmseg_loss_part *part, bool squared,
                             const rmseg_field_rule *rule, const int64_t exponent[3]);

/* The weights of the term's orders: one for all of the part's channels, or of several lists one for each channel, in the
 * order in which the user named the channels. Exponents are 2 q (`squared`) or q. */
rmseg_status rmseg_part_orders(rmseg_evaluator *evaluator, rmseg_loss_part *part, bool squared,
                               const rmseg_field_rule *rule);

/* The part as channel c, one of its own, sees it: with that channel's weight alone where each has one. Borrows from `part`. */
rmseg_loss_part rmseg_part_of_channel(const rmseg_loss_part *part, int64_t c);

/* A field of its own for the part, whose weight is a map that the row's prepare step fills. */
rmseg_status rmseg_field_add_map(rmseg_evaluator *evaluator, rmseg_loss_part *part, bool squared);

/* A focal term's sums: part->focal. */
rmseg_status rmseg_focal_add(rmseg_evaluator *evaluator, rmseg_loss_part *part, double gamma);

/* Sums of the part's i-th weight: of w r^2; of w p; of w y. And the coefficient of its gradient. */
static inline double rmseg_part_square(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t i, int64_t n,
                                       int64_t c)
{
    return rmseg_sums_at(e, n, c)[e->sweep.field[part->field].first + part->index[i]];
}
static inline double rmseg_part_p(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t i, int64_t n,
                                  int64_t c)
{
    return rmseg_sums_at(e, n, c)[e->sweep.field[part->field].first + 2 * part->index[i]];
}
static inline double rmseg_part_y(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t i, int64_t n,
                                  int64_t c)
{
    return rmseg_sums_at(e, n, c)[e->sweep.field[part->field].first + 2 * part->index[i] + 1];
}
static inline double *rmseg_part_coefficient(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t i,
                                             int64_t n, int64_t c)
{
    return rmseg_field_coefficients(e->sweep.field + part->field, e->sweep.batch.k, n, c) + part->index[i];
}

/* What a sample and channel's value counts: its class weight, over channels and samples (mean), 1 (sum), samples
 * (batchmean). */
double rmseg_part_count(const rmseg_evaluator *evaluator, const rmseg_loss_part *part, const char *reduction,
                        int64_t c);

/* At compilation: asks for e->predicted in every evaluation. */
rmseg_status rmseg_evaluator_predict(rmseg_evaluator *evaluator);

/* Where index i of the patch lies along an axis: c = step (origin + i - middle), origin 1 in a patch. */
typedef struct rmseg_ruler {
    double step, origin, middle;
} rmseg_ruler;
double rmseg_ruler_power(rmseg_ruler ruler, int64_t index, int64_t exponent); /* c^exponent */
rmseg_ruler rmseg_ruler_of(const rmseg_evaluator *evaluator, const rmseg_field_rule *rule, int64_t n, int64_t c,
                           int axis);

/* Once all terms are compiled: allocates the tables. In every evaluation: fills them from the batch's frames and truth.
 */
rmseg_status rmseg_fields_finish(rmseg_evaluator *evaluator);
void rmseg_fields_fill(rmseg_evaluator *evaluator);
double rmseg_field_mean(const rmseg_evaluator *evaluator, const rmseg_loss_part *part); /* of the part's weight */
void rmseg_fields_destroy(rmseg_evaluator *evaluator);

#endif
