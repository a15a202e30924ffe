/*
 * run/weights_of.h - how hard an objective pulls each voxel, whatever its terms.
 *
 * The weight of a voxel is the gradient that the objective has at its logit, over the gradient that `mse` has there, where
 * the prediction is the truth but for an error of 0.1 everywhere: probability 0.9 where the truth is set (in softmax the
 * rest divided among the other channels), 0.1 where it is not. So `mse` has the weight 1 everywhere, rm its own weight
 * field, and a term of sums or distances what it pulls with at that prediction. Negative: away from the truth.
 */
#ifndef RUN_WEIGHTS_OF_H
#define RUN_WEIGHTS_OF_H

#include "run/arrays.h"

typedef struct rmseg_weights_of {
    int64_t channel, voxels; /* shown; N*D*H*W */
    double *weight;          /* (N,D,H,W); NaN where ignored */
    bool *target;            /* (N,D,H,W): the channel's truth is set */
    double (*mean)[2];       /* (terms + 1) on background, on target: each term at weight 1, then the whole objective */
} rmseg_weights_of;

/* Of the batch's truth, cut at 1/2; its logits are not read. `channel` is one of the batch's. Errors: format (a label
 * that no channel has), unsupported (a head without probabilities), and an evaluation's. */
rmseg_status rmseg_weights_of_create(rmseg_weights_of *weights, const rmseg_objective *objective,
                                     const rmseg_array_batch *batch, int64_t channel);
void rmseg_weights_of_destroy(rmseg_weights_of *weights);

#endif
