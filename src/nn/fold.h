/*
 * nn/fold.h - at inference a convolution does, as it stores, what comes right behind it: batch norm, activation, sum.
 *
 * A batch norm is in its parameters (rmseg_weights_fold); an activation follows, or none; then, where the sum's other
 * input is there by then, that is added. Their tensors are one and the same.
 */
#ifndef NN_FOLD_H
#define NN_FOLD_H

#include "nn/graph.h"

typedef struct rmseg_fold {
    int64_t by;     /* the convolution that does this op's work; -1: it does its own */
    int64_t output; /* of an op that does its own: the last tensor that it makes */
    int64_t adds;   /* of a convolution: the tensor that it adds, or -1 */
    bool norm;      /* of a convolution: its parameters hold the norm behind it */
} rmseg_fold;

/* Whether the parameters of op `op` can hold the norm behind it, which is op + 1. */
bool rmseg_fold_holds_norm(const rmseg_net *net, int64_t op);

/* folds[node_count] for the shapes in ops[node_count], and what it makes of the convolutions' descs. */
void rmseg_fold_find(rmseg_fold *folds, rmseg_op_desc *ops, const rmseg_net *net);

#endif
