/*
 * nn/ops.h - what the network knows of an op kind: one row each. What an op computes is the backend's (backend/plain).
 */
#ifndef NN_OPS_H
#define NN_OPS_H

#include "backend/backend.h"
#include "core/core.h"

typedef struct rmseg_op_row {
    const char *name; /* "conv" */
    int inputs, outputs;
    const char *params[RMSEG_OP_PARAMS]; /* PyTorch's names, NULL past the last */
    const char *states[RMSEG_OP_STATES];
    bool counts_batches; /* has a num_batches_tracked in PyTorch */

    /* Fills the extents of op->out from op->in (a convolution's out[0].c is given). `name` is for the sentence. */
    rmseg_status (*shape)(rmseg_op_desc *op, const char *name);

    /* PyTorch's shape of parameter or state `index`; returns its rank. spatial is 2 or 3. NULL: a vector of in[0].c. */
    int (*dims)(int64_t dims[5], const rmseg_op_desc *op, int index, int spatial);

    /* Multiply-accumulates of a forward, as a double: it is only ever shown. NULL: 0. */
    double (*macs)(const rmseg_op_desc *op);
} rmseg_op_row;

const rmseg_op_row *rmseg_op_row_get(rmseg_op_kind kind);

#endif
