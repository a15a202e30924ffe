/* places.c - tensors are parts of other tensors; what is part of none gets memory of its own. */
#include "nn/places.h"

#define LINE_BYTES 64

/* A tensor as a part of another: `offset` elements into each of its samples. parent -1: its own memory. */
typedef struct part {
    int64_t parent, offset;
} part;

typedef struct search {
    const rmseg_net *net;
    const rmseg_op_desc *ops;
    const rmseg_backend *backend;
    part *parts;
} search;

static bool is_free(const search *s, int64_t tensor) { return s->parts[tensor].parent < 0; }

static const rmseg_shape *shape_of(const search *s, int64_t tensor)
{
    const rmseg_edge *edge = &s->net->edges[tensor];
    if (edge->producer < 0) return &s->ops[edge->consumer].in[0];
    return &s->ops[edge->producer].out[s->net->nodes[edge->producer].out[1] == tensor];
}

/* A layout in blocks of channels cannot join two tensors in the middle of a block: then the concat copies. */
static void place_concat(search *s, const rmseg_node *node, const rmseg_op_desc *op)
{
    int64_t second = s->backend->channel_offset(&op->out[0], op->in[0].c);
    if (second < 0 || !is_free(s, node->in[0]) || !is_free(s, node->in[1])) return;
    s->parts[node->in[0]] = (part){node->out[0], 0};
    s->parts[node->in[1]] = (part){node->out[0], second};
}

/* In place only behind an op whose backward does not look at its own output. */
static void place_activation(search *s, const rmseg_node *node)
{
    int64_t before = s->net->edges[node->in[0]].producer;
    if (before < 0) return;
    rmseg_op_kind kind = s->ops[before].kind;
    if (kind == RMSEG_OP_CONV || kind == RMSEG_OP_CONV_TRANSPOSE || kind == RMSEG_OP_ADD)
        s->parts[node->in[0]] = (part){node->out[0], 0};
}

static void place_fork(search *s, const rmseg_node *node, bool gradients)
{
    if (!is_free(s, node->in[0])) return;
    s->parts[node->in[0]] = (part){node->out[gradients ? 1 : 0], 0};
    if (!gradients) s->parts[node->out[1]] = (part){node->in[0], 0};
}

static void find_parts(search *s, bool gradients)
{
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) s->parts[tensor] = (part){-1, 0};
    for (int64_t op = 0; op < s->net->node_count; op++) {
        const rmseg_node *node = &s->net->nodes[op];
        switch (s->ops[op].kind) {
        case RMSEG_OP_CONCAT: place_concat(s, node, &s->ops[op]); break;
        case RMSEG_OP_ACTIVATION: place_activation(s, node); break;
        case RMSEG_OP_FORK: place_fork(s, node, gradients); break;
        default: break;
        }
    }
}

/* Gives a tensor memory behind what is already taken. */
static rmseg_status take(rmseg_place *place, size_t *bytes, const search *s, int64_t tensor)
{
    const rmseg_shape *shape = shape_of(s, tensor);
    int64_t size = 0;
    place->n_stride = s->backend->sample_elements(shape);
    if (!rmseg_mul3(&size, shape->n, place->n_stride, (int64_t)s->backend->element) ||
        size > INT64_MAX / 2 - (int64_t)*bytes)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "the network's tensors for this input are more than this machine can address");
    place->offset = *bytes;
    *bytes += ((size_t)size + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    return RMSEG_OK;
}

static rmseg_status place_all(rmseg_place *places, size_t *bytes, const search *s, bool gradients)
{
    *bytes = 0;
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        places[tensor] = (rmseg_place){SIZE_MAX, 0};
        if (is_free(s, tensor) && !(gradients && tensor == 0)) RMSEG_TRY(take(&places[tensor], bytes, s, tensor));
    }
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        int64_t root = tensor, offset = 0;
        for (; !is_free(s, root); root = s->parts[root].parent) offset += s->parts[root].offset;
        if (root == tensor) continue;
        places[tensor].n_stride = places[root].n_stride;
        places[tensor].offset = places[root].offset + (size_t)offset * s->backend->element;
    }
    return RMSEG_OK;
}

rmseg_status rmseg_places_find(rmseg_place *places, size_t *bytes, const rmseg_net *net, const rmseg_op_desc *ops,
                               const rmseg_backend *backend, bool gradients)
{
    search s = {net, ops, backend, rmseg_alloc(net->edge_count, sizeof *s.parts)};
    if (!s.parts) return RMSEG_ERROR_MEMORY;
    find_parts(&s, gradients);
    rmseg_status status = place_all(places, bytes, &s, gradients);
    rmseg_free(s.parts);
    return status;
}
