/*
 * nn/defer.h - which norms of a training write no output: whoever reads it makes it as it loads the norm's input.
 *
 * So the output takes no memory, and what the backward pass wants of it is made again. A norm behind a convolution can be
 * deferred where the backend does so and all that read it load so: convolutions, max-pooling and sums; it may come to
 * them through forks, a dropout (which is deferred with it) and as the first part of a concat that one convolution reads.
 */
#ifndef NN_DEFER_H
#define NN_DEFER_H

#include "nn/graph.h"

/* The deferred ops whose work an op does on each of its inputs; -1: none. */
typedef struct rmseg_deferral {
    int64_t norm[RMSEG_OP_TENSORS], dropout[RMSEG_OP_TENSORS];
} rmseg_deferral;

/* deferrals[node_count] for a training of the shapes in ops[node_count], and what they make of the descs. */
void rmseg_deferrals_find(rmseg_deferral *deferrals, rmseg_op_desc *ops, const rmseg_net *net,
                          const rmseg_backend *backend);

#endif
