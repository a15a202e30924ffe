/* places.c - tensors are parts of other tensors; what is part of none gets memory for as long as it lives. */
#include "nn/places.h"

#include <stdlib.h>

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

static bool is_norm(rmseg_op_kind kind) { return kind == RMSEG_OP_NORM || kind == RMSEG_OP_GROUP_NORM; }

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

/* Whether the op that makes a tensor looks at it again on its way back. */
static bool looks_back(const search *s, int64_t tensor)
{
    int64_t maker = s->net->edges[tensor].producer;
    rmseg_op_kind kind = maker < 0 ? RMSEG_OP_ACTIVATION : s->ops[maker].kind;
    return kind != RMSEG_OP_CONV && kind != RMSEG_OP_CONV_TRANSPOSE && kind != RMSEG_OP_ADD && !is_norm(kind);
}

static void place_in_place(search *s, const rmseg_node *node)
{
    if (is_free(s, node->in[0]) && !looks_back(s, node->in[0])) s->parts[node->in[0]] = (part){node->out[0], 0};
}

/* The sum over its first input. The gradients of both inputs are the output's own where nobody changes it before both
 * have read it: on the way back the norm of the first reads first, and whatever made the second may have it then. */
static void place_add(search *s, const rmseg_node *node, bool gradients)
{
    int64_t maker = s->net->edges[node->in[0]].producer, other = s->net->edges[node->in[1]].producer;
    bool norm = maker >= 0 && is_norm(s->ops[maker].kind);
    if (norm && maker > other && is_free(s, node->in[0])) s->parts[node->in[0]] = (part){node->out[0], 0};
    if (gradients && is_free(s, node->in[1])) s->parts[node->in[1]] = (part){node->out[0], 0};
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
        case RMSEG_OP_ACTIVATION:
        case RMSEG_OP_DROPOUT: place_in_place(s, node); break;
        case RMSEG_OP_ADD: place_add(s, node, gradients); break;
        case RMSEG_OP_FORK: place_fork(s, node, gradients); break;
        default: break;
        }
    }
}

/* ---- memory of their own ----------------------------------------------------------------------------------------- */

/* A tensor with all its parts: how large it is, and from which op to which it is in use. */
typedef struct life {
    int64_t tensor, first, last;
    size_t bytes, offset;
} life;

static rmseg_status measure(rmseg_place *place, life *life, const search *s)
{
    const rmseg_shape *shape = shape_of(s, life->tensor);
    int64_t size = 0;
    place->n_stride = s->backend->sample_elements(shape);
    if (!rmseg_mul3(&size, shape->n, place->n_stride, (int64_t)s->backend->element) || size > INT64_MAX / 4096)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "the network's tensors for this input are more than this machine can address");
    life->bytes = ((size_t)size + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    return RMSEG_OK;
}

static int64_t root_of(const search *s, int64_t tensor, int64_t *offset)
{
    for (*offset = 0; !is_free(s, tensor); tensor = s->parts[tensor].parent) *offset += s->parts[tensor].offset;
    return tensor;
}

/* lives[tensor] of the roots; those of the others stay without bytes. */
static rmseg_status find_lives(life *lives, rmseg_place *places, const search *s, rmseg_arena arena)
{
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        lives[tensor] = (life){.tensor = tensor, .first = s->net->node_count, .last = -1};
        places[tensor] = (rmseg_place){SIZE_MAX, 0};
        bool nowhere = arena == RMSEG_ARENA_GRADIENTS && tensor == 0; /* nobody wants it */
        if (is_free(s, tensor) && !nowhere) RMSEG_TRY(measure(&places[tensor], &lives[tensor], s));
    }
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        const rmseg_edge *edge = &s->net->edges[tensor];
        int64_t offset, reader = edge->consumer < 0 ? s->net->node_count : edge->consumer;
        life *life = &lives[root_of(s, tensor, &offset)];
        if (arena == RMSEG_ARENA_TRAINING) reader = s->net->node_count;
        life->first = edge->producer < life->first ? edge->producer : life->first;
        life->last = reader > life->last ? reader : life->last;
    }
    return RMSEG_OK;
}

/* Large ones first; of equals the earlier. */
static int by_size(const void *a, const void *b)
{
    const life *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

static bool meet(const life *a, const life *b)
{
    bool in_time = a->first <= b->last && b->first <= a->last;
    return in_time && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* Each tensor at the lowest place that no other takes while it lives. Returns the bytes of them all. */
static size_t give_places(life *lives, int64_t count)
{
    size_t bytes = 0;
    qsort(lives, (size_t)count, sizeof *lives, by_size);
    for (int64_t i = 0; i < count; i++) {
        life *life = &lives[i];
        for (int64_t j = 0; j < i; j++)
            if (meet(life, &lives[j])) {
                life->offset = lives[j].offset + lives[j].bytes;
                j = -1;
            }
        if (life->offset + life->bytes > bytes) bytes = life->offset + life->bytes;
    }
    return bytes;
}

static rmseg_status place_all(rmseg_place *places, size_t *bytes, const search *s, rmseg_arena arena)
{
    life *lives = rmseg_alloc(s->net->edge_count, sizeof *lives);
    rmseg_status status = lives ? find_lives(lives, places, s, arena) : RMSEG_ERROR_MEMORY;
    if (!status) *bytes = give_places(lives, s->net->edge_count);
    for (int64_t i = 0; !status && i < s->net->edge_count; i++)
        if (lives[i].bytes) places[lives[i].tensor].offset = lives[i].offset;
    rmseg_free(lives);
    for (int64_t tensor = 0; !status && tensor < s->net->edge_count; tensor++) {
        int64_t offset = 0, root = root_of(s, tensor, &offset);
        if (root == tensor) continue;
        places[tensor].n_stride = places[root].n_stride;
        places[tensor].offset = places[root].offset + (size_t)offset * s->backend->element;
    }
    return status;
}

rmseg_status rmseg_places_find(rmseg_place *places, size_t *bytes, const rmseg_net *net, const rmseg_op_desc *ops,
                               const rmseg_backend *backend, rmseg_arena arena)
{
    search s = {net, ops, backend, rmseg_alloc(net->edge_count, sizeof *s.parts)};
    if (!s.parts) return RMSEG_ERROR_MEMORY;
    find_parts(&s, arena == RMSEG_ARENA_GRADIENTS);
    rmseg_status status = place_all(places, bytes, &s, arena);
    rmseg_free(s.parts);
    return status;
}
