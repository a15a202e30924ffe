/*
 * nn/executor.h - the executor's inside, for describe.c: a plan can be made, and looked at, without its memory.
 */
#ifndef NN_EXECUTOR_H
#define NN_EXECUTOR_H

#include "nn/defer.h"
#include "nn/places.h"
#include "nn/segments.h"

typedef enum rmseg_block_kind {
    RMSEG_BLOCK_TENSORS, /* activations and their gradients */
    RMSEG_BLOCK_SAVED,   /* what each layer's forward leaves for its backward */
    RMSEG_BLOCK_SCRATCH, /* shared by all layers */
    RMSEG_BLOCK_SUMS,    /* from a convolution to the norm right behind it */
    RMSEG_BLOCKS
} rmseg_block_kind;

typedef struct rmseg_block {
    void *data;
    size_t bytes;
} rmseg_block;

struct rmseg_executor {
    const rmseg_net *net;
    const rmseg_backend *backend;
    bool training, forwarded;  /* forwarded: backward has a forward to work on */
    rmseg_op_desc *ops;        /* [node_count], with the shapes of this batch */
    rmseg_fold *folds;         /* [node_count]; NULL where every op does its own work */
    rmseg_deferral *deferrals; /* [node_count]; NULL at inference */
    rmseg_layer **layers;      /* [node_count]; NULL of an op whose work another does */
    rmseg_op_io *io;           /* [node_count]; parameters are bound at each run */
    int64_t *ends;             /* [node_count], of segments; NULL: the training is not checkpointed */
    rmseg_op_io *back;         /* [node_count], of the backward pass: io, unless activations then lie elsewhere */
    rmseg_places places;       /* in TENSORS */
    size_t *saved_at;          /* [node_count]: bytes into the block SAVED */
    rmseg_block blocks[RMSEG_BLOCKS];
    double *seconds; /* [node_count][RMSEG_PASSES], filled by every run; NULL: nobody looks at the clock */
};

/* One op forward or backward, its time noted: what the two loops do where `seconds` is set. */
void rmseg_executor_clock_forward(rmseg_executor *executor, int64_t op);
void rmseg_executor_clock_backward(rmseg_executor *executor, int64_t op);

/* Shapes, layers and the size of every block; no block yet. Destroyed like a whole executor. */
rmseg_status rmseg_executor_plan(rmseg_executor **executor, const rmseg_net *net, const rmseg_backend *backend,
                                 int64_t n, const int64_t size[3], bool training, bool checkpoints);

/* What computes op `op`. */
rmseg_layer_info rmseg_executor_layer(const rmseg_executor *executor, int64_t op);

#endif
