/* defer.c - which norms write no output: see defer.h. */
#include "nn/defer.h"

typedef struct search {
    rmseg_deferral *deferrals;
    rmseg_op_desc *ops;
    const rmseg_net *net;
    const rmseg_backend *backend;
} search;

/* Whether the one op behind a concat is a convolution, and the concat's first input begins a block of its output. */
static bool joins(const search *s, int64_t concat, int64_t tensor)
{
    const rmseg_node *node = &s->net->nodes[concat];
    int64_t reader = s->net->edges[node->out[0]].consumer;
    bool whole = s->backend->channel_offset(&s->ops[concat].out[0], s->ops[concat].in[0].c) >= 0;
    return node->in[0] == tensor && whole && reader >= 0 && s->ops[reader].kind == RMSEG_OP_CONV;
}

/* Whether all that read a tensor can make it from a norm's input. */
static bool can_load(const search *s, int64_t tensor, bool dropped)
{
    int64_t reader = s->net->edges[tensor].consumer;
    if (reader < 0) return false;
    const rmseg_node *node = &s->net->nodes[reader];
    switch (s->ops[reader].kind) {
    case RMSEG_OP_CONV:
    case RMSEG_OP_CONV_TRANSPOSE:
    case RMSEG_OP_MAXPOOL:
    case RMSEG_OP_ADD: return true;
    case RMSEG_OP_DROPOUT: return !dropped && can_load(s, node->out[0], true);
    case RMSEG_OP_FORK: return can_load(s, node->out[0], dropped) && can_load(s, node->out[1], dropped);
    case RMSEG_OP_CONCAT: return joins(s, reader, tensor);
    default: return false;
    }
}

static void set_load(search *s, int64_t reader, int i, int64_t norm, int64_t dropout)
{
    const rmseg_op_desc *op = &s->ops[norm];
    s->deferrals[reader].norm[i] = norm;
    s->deferrals[reader].dropout[i] = dropout;
    s->ops[reader].loads[i] = (rmseg_load){.norm = true,
                                           .dropout = dropout >= 0,
                                           .by_sample = op->kind == RMSEG_OP_GROUP_NORM,
                                           .activation = op->activation,
                                           .slope = op->slope,
                                           .channels = op->in[0].c};
}

/* Tells all that read a tensor what to do. */
static void tell(search *s, int64_t tensor, int64_t norm, int64_t dropout)
{
    int64_t reader = s->net->edges[tensor].consumer;
    const rmseg_node *node = &s->net->nodes[reader];
    switch (s->ops[reader].kind) {
    case RMSEG_OP_DROPOUT:
        s->ops[reader].deferred = true;
        tell(s, node->out[0], norm, reader);
        break;
    case RMSEG_OP_FORK:
        tell(s, node->out[0], norm, dropout);
        tell(s, node->out[1], norm, dropout);
        break;
    case RMSEG_OP_CONCAT: tell(s, node->out[0], norm, dropout); break;
    default: set_load(s, reader, node->in[0] == tensor ? 0 : 1, norm, dropout);
    }
}

void rmseg_deferrals_find(rmseg_deferral *deferrals, rmseg_op_desc *ops, const rmseg_net *net,
                          const rmseg_backend *backend)
{
    search s = {deferrals, ops, net, backend};
    for (int64_t op = 0; op < net->node_count; op++) deferrals[op] = (rmseg_deferral){{-1, -1}, {-1, -1}};
    for (int64_t op = 0; backend->defers && op < net->node_count; op++) {
        bool norm = rmseg_op_is_norm(ops[op].kind);
        int64_t maker = net->edges[net->nodes[op].in[0]].producer;
        if (!norm || maker < 0 || !rmseg_op_is_conv(ops[maker].kind) || !backend->defers(&ops[op])) continue;
        if (!can_load(&s, net->nodes[op].out[0], false)) continue;
        ops[op].deferred = true;
        tell(&s, net->nodes[op].out[0], op, -1);
    }
}
