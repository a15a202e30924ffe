/*
 * loss/signed_head.h - the head tanh: the network's output, z, is a signed distance s = tanh z for each class, negative inside.
 *
 *     p = sigmoid(-1500 s)
 *
 * The sweeps know nothing of it: they see a = -1500 s as the logits of a sigmoid, and what they give at a is carried to z by
 * da/dz = -1500 (1 - s^2), together with the slopes of terms that look at s itself (sdf).
 */
#ifndef LOSS_SIGNED_HEAD_H
#define LOSS_SIGNED_HEAD_H

#include "loss/evaluator.h"

/* What a part wants of s, per channel c: its gradient at s is slope[c].t t + slope[c].s s + slope[c].sign sign(s - t). */
typedef struct rmseg_signed_slope {
    double t, s, sign;
} rmseg_signed_slope;

/* Sums over the batch's voxels of one channel that are not ignored. */
typedef struct rmseg_signed_sums {
    double st, ss, tt, absolute, square, count; /* of s t, s^2, t^2, |s - t|, (s - t)^2, 1 */
} rmseg_signed_sums;

/* A part's wanted distances t, and what is made of them. */
typedef struct rmseg_signed_target {
    void *t;                    /* (N,K,D,H,W) as the logits; NaN where ignored */
    rmseg_signed_sums *sums;    /* (K) */
    rmseg_signed_sums *partial; /* of its chunks */
    rmseg_signed_slope *slope;  /* (K), of the part's weight */
} rmseg_signed_target;

/* Allocates what the head needs, nothing for other heads; and a part's target. */
rmseg_status rmseg_signed_create(rmseg_evaluator *evaluator);
rmseg_status rmseg_signed_target_create(rmseg_evaluator *evaluator, rmseg_loss_part *part);
void rmseg_signed_target_destroy(rmseg_signed_target *target);

/* Before everything else of an evaluation: puts a in the logits' place. */
void rmseg_signed_enter(rmseg_evaluator *evaluator);

/* The sums of a part whose t is filled. */
void rmseg_signed_gather(rmseg_evaluator *evaluator, const rmseg_loss_part *part);

/* After a scatter: turns dlogits from the gradient at a into that at z. */
void rmseg_signed_leave(rmseg_evaluator *evaluator);

#endif
