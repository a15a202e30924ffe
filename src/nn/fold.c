/* fold.c - which ops a convolution takes over at inference. */
#include "nn/fold.h"

bool rmseg_fold_holds_norm(const rmseg_net *net, int64_t op)
{
    const rmseg_op_desc *desc = &net->nodes[op].desc;
    return rmseg_op_is_conv(desc->kind) && desc->feeds_norm && desc->bias;
}

/* The op that reads the last tensor of `op`, -1 for the logits. */
static int64_t reader_of(const rmseg_fold *folds, const rmseg_net *net, int64_t op)
{
    return net->edges[folds[op].output].consumer;
}

static void take_over(rmseg_fold *folds, const rmseg_net *net, int64_t op, int64_t taken)
{
    folds[taken].by = op;
    folds[op].output = net->nodes[taken].out[0];
}

static void fold_activation(rmseg_fold *folds, rmseg_op_desc *ops, const rmseg_net *net, int64_t op)
{
    int64_t reader = reader_of(folds, net, op);
    bool activation = reader >= 0 && ops[reader].kind == RMSEG_OP_ACTIVATION;
    folds[op].norm = rmseg_fold_holds_norm(net, op);
    if (!folds[op].norm && !activation) return;
    ops[op].activation = ops[reader].activation;
    ops[op].slope = ops[reader].slope;
    take_over(folds, net, op, reader);
}

static void fold_sum(rmseg_fold *folds, rmseg_op_desc *ops, const rmseg_net *net, int64_t op)
{
    int64_t reader = reader_of(folds, net, op);
    if (reader < 0 || ops[reader].kind != RMSEG_OP_ADD) return;
    const rmseg_node *sum = &net->nodes[reader];
    if (sum->in[0] != folds[op].output || net->edges[sum->in[1]].producer >= op) return;
    ops[op].adds = true;
    ops[op].in[1] = ops[op].out[0];
    folds[op].adds = sum->in[1];
    take_over(folds, net, op, reader);
}

void rmseg_fold_find(rmseg_fold *folds, rmseg_op_desc *ops, const rmseg_net *net)
{
    for (int64_t op = 0; op < net->node_count; op++)
        folds[op] = (rmseg_fold){.by = -1, .output = net->nodes[op].out[0], .adds = -1};
    for (int64_t op = 0; op < net->node_count; op++) {
        if (!rmseg_op_is_conv(ops[op].kind)) continue;
        fold_activation(folds, ops, net, op);
        fold_sum(folds, ops, net, op);
    }
}
