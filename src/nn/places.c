/* places.c - tensors are parts of other tensors; what is part of none gets memory for as long as it lives. */
#include "nn/places.h"

#include <stdlib.h>

#define LINE_BYTES 64

/* A tensor as a part of another: `offset` elements into each of its samples. parent -1: its own memory. */
typedef struct part {
    int64_t parent, offset;
} part;

/* One for the activations, one for the gradients. */
typedef struct search {
    const rmseg_net *net;
    const rmseg_op_desc *ops;
    const rmseg_backend *backend;
    const rmseg_fold *folds; /* NULL: none */
    bool training, gradients;
    const int64_t *ends; /* of the segments of a checkpointed training; NULL: every activation is kept */
    part *parts;         /* [edge_count] */
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

/* Whether the op that makes a tensor looks at it again on its way back. */
static bool looks_back(const search *s, int64_t tensor)
{
    int64_t maker = s->net->edges[tensor].producer;
    rmseg_op_kind kind = maker < 0 ? RMSEG_OP_ACTIVATION : s->ops[maker].kind;
    return !rmseg_op_is_conv(kind) && kind != RMSEG_OP_ADD && !rmseg_op_is_norm(kind);
}

static void place_in_place(search *s, const rmseg_node *node)
{
    if (is_free(s, node->in[0]) && !looks_back(s, node->in[0])) s->parts[node->in[0]] = (part){node->out[0], 0};
}

/* The sum over its first input. The gradients of both inputs are the output's own where nobody changes it before both
 * have read it: on the way back the norm of the first reads first, and whatever made the second may have it then. */
static void place_add(search *s, const rmseg_node *node, const rmseg_op_desc *op)
{
    int64_t maker = s->net->edges[node->in[0]].producer, other = s->net->edges[node->in[1]].producer;
    bool norm = maker >= 0 && rmseg_op_is_norm(s->ops[maker].kind);
    bool raw = !s->gradients && op->loads[0].norm; /* the norm will look at it again */
    if (norm && !raw && maker > other && is_free(s, node->in[0])) s->parts[node->in[0]] = (part){node->out[0], 0};
    if (s->gradients && is_free(s, node->in[1])) s->parts[node->in[1]] = (part){node->out[0], 0};
}

static void place_fork(search *s, const rmseg_node *node)
{
    if (!is_free(s, node->in[0])) return;
    s->parts[node->in[0]] = (part){node->out[s->gradients ? 1 : 0], 0};
    if (!s->gradients) s->parts[node->out[1]] = (part){node->in[0], 0};
}

/* The gradient behind a norm becomes the one before it, unless it is that of a sum's other input too. What is deferred has
 * no output but its input. */
static void place_norm(search *s, const rmseg_node *node, const rmseg_op_desc *op)
{
    int64_t reader = s->net->edges[node->out[0]].consumer;
    bool sum = reader >= 0 && s->ops[reader].kind == RMSEG_OP_ADD;
    bool one = s->gradients ? node->in[0] != 0 && !sum : op->deferred;
    if (one && is_free(s, node->in[0])) s->parts[node->in[0]] = (part){node->out[0], 0};
}

/* What one op does for another is one tensor. */
static void place_folded(search *s, const rmseg_node *node) { s->parts[node->in[0]] = (part){node->out[0], 0}; }

static void find_parts(search *s)
{
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) s->parts[tensor] = (part){-1, 0};
    for (int64_t op = 0; op < s->net->node_count; op++) {
        const rmseg_node *node = &s->net->nodes[op];
        if (s->folds && s->folds[op].by >= 0) {
            place_folded(s, node);
            continue;
        }
        switch (s->ops[op].kind) {
        case RMSEG_OP_CONCAT: place_concat(s, node, &s->ops[op]); break;
        case RMSEG_OP_ACTIVATION:
        case RMSEG_OP_DROPOUT: place_in_place(s, node); break;
        case RMSEG_OP_ADD: place_add(s, node, &s->ops[op]); break;
        case RMSEG_OP_FORK: place_fork(s, node); break;
        case RMSEG_OP_NORM:
        case RMSEG_OP_GROUP_NORM: place_norm(s, node, &s->ops[op]); break;
        default: break;
        }
    }
}

/* ---- memory of their own ----------------------------------------------------------------------------------------- */

/* A tensor with all its parts: how large it is, and from which moment to which it is in use. Op i runs forward at moment
 * i and backward at count + 2 (count - i); between them, at `count`, logits leave and their gradient comes. A segment is
 * made again in the moment before its last op runs backward. */
typedef struct life {
    int64_t index, first, last; /* index: kind of place * tensors + tensor */
    size_t bytes, offset;
    bool leaves; /* a part of it leaves its segment */
} life;

static int64_t end_of(const search *s) { return s->net->node_count; }
static int64_t moment_back(const search *s, int64_t op) { return end_of(s) + 2 * (end_of(s) - op); }
static int64_t moment_again(const search *s, int64_t op) { return moment_back(s, s->ends[op] - 1) - 1; }

/* What backend.h says of each kind. */
static bool reads_in(rmseg_op_kind kind)
{
    return rmseg_op_is_conv(kind) || rmseg_op_is_norm(kind) || kind == RMSEG_OP_MAXPOOL;
}
static bool reads_out(rmseg_op_kind kind) { return kind == RMSEG_OP_ACTIVATION; }

static int64_t last_moment(const search *s, const rmseg_edge *edge)
{
    int64_t last = edge->consumer < 0 ? end_of(s) : edge->consumer;
    if (!s->training) return last;
    if (edge->consumer >= 0 && reads_in(s->ops[edge->consumer].kind)) last = moment_back(s, edge->consumer);
    bool maker_reads = edge->producer >= 0 && reads_out(s->ops[edge->producer].kind);
    return maker_reads ? moment_back(s, edge->producer) : last;
}

static rmseg_status measure(rmseg_place *place, life *life, const search *s, int64_t tensor)
{
    const rmseg_shape *shape = shape_of(s, tensor);
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
static rmseg_status find_lives(life *lives, rmseg_place *places, const search *s)
{
    int64_t behind = s->gradients ? s->net->edge_count : 0;
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        lives[tensor] = (life){.index = behind + tensor, .first = INT64_MAX, .last = -1};
        places[tensor] = (rmseg_place){.offset = SIZE_MAX};
        bool nowhere = s->gradients && tensor == 0; /* nobody wants it */
        if (is_free(s, tensor) && !nowhere) RMSEG_TRY(measure(&places[tensor], &lives[tensor], s, tensor));
    }
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        const rmseg_edge *edge = &s->net->edges[tensor];
        int64_t offset, first = edge->producer, last = s->gradients ? 0 : last_moment(s, edge);
        if (s->gradients) {
            first = edge->consumer < 0 ? end_of(s) : moment_back(s, edge->consumer);
            last = moment_back(s, edge->producer);
        }
        life *life = &lives[root_of(s, tensor, &offset)];
        life->first = first < life->first ? first : life->first;
        life->last = last > life->last ? last : life->last;
    }
    return RMSEG_OK;
}

/* Whether a tensor is kept, although the training is checkpointed. */
static bool leaves_segment(const search *s, const rmseg_edge *edge)
{
    if (edge->producer < 0 || edge->consumer < 0) return true;
    int64_t end = s->ends[edge->producer];
    return end != s->ends[edge->consumer] || end == end_of(s);
}

/* What does not leave its segment gets a second life in `again`; what does must be there when its reader's is made again. */
static void split_lives(life *again, life *lives, const rmseg_place *places, rmseg_place *again_places, const search *s)
{
    int64_t tensors = s->net->edge_count, offset;
    for (int64_t tensor = 0; tensor < tensors; tensor++) {
        const rmseg_edge *edge = &s->net->edges[tensor];
        life *life = &lives[root_of(s, tensor, &offset)];
        again[tensor] = (struct life){.index = RMSEG_PLACE_AGAIN * tensors + tensor};
        again_places[tensor] = (rmseg_place){.n_stride = places[tensor].n_stride, .kept = true};
        if (!leaves_segment(s, edge)) continue;
        life->leaves = true;
        bool read_again = edge->consumer >= 0 && s->ends[edge->consumer] < end_of(s);
        int64_t moment = read_again ? moment_again(s, edge->consumer) : 0;
        if (moment > life->last) life->last = moment;
    }
    for (int64_t tensor = 0; tensor < tensors; tensor++) {
        life *life = &lives[tensor];
        if (!life->bytes || life->leaves) continue;
        int64_t op = s->net->edges[tensor].producer, moment = moment_again(s, op);
        again[tensor].first = moment;
        again[tensor].last = life->last > moment ? life->last : moment;
        again[tensor].bytes = life->bytes;
        again_places[tensor].kept = false;
        life->last = s->ends[op] - 1;
    }
}

/* Large ones first; of equals the earlier. */
static int by_size(const void *a, const void *b)
{
    const life *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static bool meet(const life *a, const life *b)
{
    bool in_time = a->first <= b->last && b->first <= a->last;
    return in_time && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* Each tensor at the lowest place that no other takes while it lives. */
static void give_places(rmseg_places *made, life *lives, int64_t count, const search *s)
{
    qsort(lives, (size_t)count, sizeof *lives, by_size);
    for (int64_t i = 0; i < count; i++) {
        life *life = &lives[i];
        for (int64_t j = 0; j < i; j++)
            if (meet(life, &lives[j])) {
                life->offset = lives[j].offset + lives[j].bytes;
                j = -1;
            }
        if (life->offset + life->bytes > made->bytes) made->bytes = life->offset + life->bytes;
        if (life->index < s->net->edge_count && life->last > end_of(s)) made->kept_bytes += life->bytes;
    }
}

/* Parts lie where their roots do. */
static void place_parts(rmseg_place *places, const search *s)
{
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        int64_t offset = 0, root = root_of(s, tensor, &offset);
        if (root == tensor) continue;
        places[tensor] = places[root];
        places[tensor].offset += (size_t)offset * s->backend->element;
    }
}

static rmseg_status place_all(rmseg_places *made, const search *s, int searches)
{
    int kinds = made->places[RMSEG_PLACE_AGAIN] ? RMSEG_PLACE_KINDS : searches;
    int64_t tensors = s->net->edge_count, count = kinds * tensors;
    life *lives = rmseg_alloc(count, sizeof *lives);
    rmseg_status status = lives ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int i = 0; i < searches && !status; i++) status = find_lives(lives + i * tensors, made->places[i], &s[i]);
    rmseg_place *first = made->places[RMSEG_PLACE_ACTIVATION], *again = made->places[RMSEG_PLACE_AGAIN];
    if (again && !status) split_lives(lives + RMSEG_PLACE_AGAIN * tensors, lives, first, again, s);
    if (!status) give_places(made, lives, count, s);
    for (int64_t i = 0; i < count && !status; i++) {
        int64_t kind = lives[i].index / tensors;
        rmseg_place *place = &made->places[kind][lives[i].index % tensors];
        if (lives[i].bytes) place->offset = lives[i].offset;
        if (kind != RMSEG_PLACE_AGAIN) place->kept = lives[i].last >= end_of(s);
    }
    for (int64_t i = 0; i < tensors && again && !status; i++)
        if (again[i].kept) again[i].offset = first[i].offset;
    for (int i = 0; i < kinds && !status; i++) place_parts(made->places[i], &s[i % 2]);
    rmseg_free(lives);
    return status;
}

rmseg_status rmseg_places_find(rmseg_places *places, const rmseg_net *net, const rmseg_op_desc *ops,
                               const rmseg_backend *backend, const rmseg_fold *folds, bool training,
                               const int64_t *ends)
{
    search s[2] = {{net, ops, backend, folds, training, false, ends, NULL},
                   {net, ops, backend, folds, training, true, ends, NULL}};
    int searches = training ? 2 : 1;
    rmseg_status status = RMSEG_OK;
    for (int i = 0; i < searches && !status; i++) {
        s[i].parts = rmseg_alloc(net->edge_count, sizeof *s[i].parts);
        places->places[i] = rmseg_alloc(net->edge_count, sizeof *places->places[i]);
        if (!s[i].parts || !places->places[i])
            status = RMSEG_ERROR_MEMORY;
        else
            find_parts(&s[i]);
    }
    if (ends && !status) {
        places->places[RMSEG_PLACE_AGAIN] = rmseg_alloc(net->edge_count, sizeof *places->places[0]);
        if (!places->places[RMSEG_PLACE_AGAIN]) status = RMSEG_ERROR_MEMORY;
    }
    if (!status) status = place_all(places, s, searches);
    for (int i = 0; i < searches; i++) rmseg_free(s[i].parts);
    return status;
}

void rmseg_places_destroy(rmseg_places *places)
{
    for (int i = 0; i < RMSEG_PLACE_KINDS; i++) rmseg_free(places->places[i]);
}
