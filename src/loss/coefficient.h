/*
 * loss/coefficient.h - the weights of an objective: numbers, schedules, and what is calculated from them.
 *
 * A weight is a node of one array; a node refers to earlier nodes alone, so one loop evaluates them all. Numbers are
 * folded as they are made: a weight of numbers alone is one node.
 */
#ifndef LOSS_COEFFICIENT_H
#define LOSS_COEFFICIENT_H

#include "core/core.h"
#include "loss/loss.h"

/* How a weight goes with the share f of the training that is done, f = 0 to 1. */
typedef enum rmseg_schedule_shape {
    RMSEG_SCHEDULE_RAMP,
    RMSEG_SCHEDULE_COSINE,
    RMSEG_SCHEDULE_EXPONENTIAL,
    RMSEG_SCHEDULE_STEP,
    RMSEG_SCHEDULE_SHARE
} rmseg_schedule_shape;

/* ramp, cosine, exponential: value[0] up to at[0], value[1] from at[1] on. step: value[i] from at[i] on, at[0] = 0.
 * share: value[0], the share wanted; at[0] unused. */
typedef struct rmseg_schedule {
    rmseg_schedule_shape shape;
    double *value, *at; /* (count) */
    int64_t count;
} rmseg_schedule;

double rmseg_schedule_at(const rmseg_schedule *schedule, double progress); /* not for a share */
const char *rmseg_schedule_name(rmseg_schedule_shape shape);               /* NULL past the last */

typedef enum rmseg_coefficient_kind {
    RMSEG_COEFFICIENT_NUMBER,
    RMSEG_COEFFICIENT_SCHEDULE,
    RMSEG_COEFFICIENT_NAME, /* of a definition: left is its node */
    RMSEG_COEFFICIENT_NEGATIVE,
    RMSEG_COEFFICIENT_SUM,
    RMSEG_COEFFICIENT_DIFFERENCE,
    RMSEG_COEFFICIENT_PRODUCT
} rmseg_coefficient_kind;

typedef struct rmseg_coefficient {
    rmseg_coefficient_kind kind;
    int64_t left, right;     /* the nodes it is made of; NAME: right is the definition */
    double value;            /* NUMBER */
    rmseg_schedule schedule; /* SCHEDULE */
    int64_t share;           /* which share() it holds, -1: none */
    int64_t depth;
} rmseg_coefficient;

typedef struct rmseg_definition {
    char *name;
    int64_t node, place; /* place: where the expression defines it */
    bool used;
} rmseg_definition;

typedef struct rmseg_coefficients {
    rmseg_coefficient *node;
    int64_t count, capacity;
    rmseg_definition *definition;
    int64_t definitions;
    int64_t shares;
} rmseg_coefficients;

/* New nodes. A sentence says what is wrong (argument): a result beyond the range of numbers, a share in a sum or in
 * another share, nesting that is too deep. A schedule's arrays pass over, whatever the outcome. */
rmseg_status rmseg_coefficient_number(int64_t *node, rmseg_coefficients *all, double value);
rmseg_status rmseg_coefficient_schedule(int64_t *node, rmseg_coefficients *all, rmseg_schedule *schedule);
rmseg_status rmseg_coefficient_combine(int64_t *node, rmseg_coefficients *all, rmseg_coefficient_kind kind,
                                       int64_t left, int64_t right);

/* "name = node"; and a node that refers to it. */
rmseg_status rmseg_coefficient_define(rmseg_coefficients *all, const char *name, size_t length, int64_t node);
int64_t rmseg_coefficient_find(const rmseg_coefficients *all, const char *name, size_t length); /* -1: none */
rmseg_status rmseg_coefficient_refer(int64_t *node, rmseg_coefficients *all, int64_t definition);

/* Whether a node is a number, whatever the progress. */
bool rmseg_coefficient_constant(const rmseg_coefficients *all, int64_t node);

/* values[count] of all nodes; `shares` holds what each share() weighs at present. */
void rmseg_coefficients_evaluate(double *values, const rmseg_coefficients *all, double progress, const double *shares);

/* Writes a node so that parsing gives the same node: as a factor, in brackets where it must be. */
void rmseg_coefficient_write(rmseg_text *text, const rmseg_coefficients *all, int64_t node);
void rmseg_coefficients_write_definitions(rmseg_text *text, const rmseg_coefficients *all);

void rmseg_schedule_free(rmseg_schedule *schedule);
void rmseg_coefficients_free(rmseg_coefficients *all);

#endif
