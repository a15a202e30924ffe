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
    bool bf16;           /* what is kept is rounded */
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
 * 2i and backward at end + 2 (count - i); between them, at `end`, logits leave and their gradient comes. At the moment
 * behind an op's forward pass tensors are rounded; at that before its backward pass they are widened, or the segment that
 * it is the last of is made again. */
typedef struct life {
    int64_t first, last, read; /* read: the last moment at which the forward pass reads it */
    int64_t n_stride;          /* elements from sample to sample */
    size_t bytes, offset;      /* bytes 0: it is none, but a part of another */
    bool leaves;               /* a part of it leaves its segment */
} life;

static int64_t end_of(const search *s) { return 2 * s->net->node_count; }
static int64_t moment_forward(int64_t op) { return 2 * op; }
static int64_t moment_back(const search *s, int64_t op) { return end_of(s) + 2 * (s->net->node_count - op); }
static int64_t moment_again(const search *s, int64_t op) { return moment_back(s, s->ends[op] - 1) - 1; }

/* The tensor that an op reads again on its way back, as backend.h says of each kind; -1: none. */
static int64_t read_back(const search *s, int64_t op)
{
    rmseg_op_kind kind = s->ops[op].kind;
    if (rmseg_op_is_conv(kind) || rmseg_op_is_norm(kind) || kind == RMSEG_OP_MAXPOOL) return s->net->nodes[op].in[0];
    return kind == RMSEG_OP_ACTIVATION ? s->net->nodes[op].out[0] : -1;
}

static int64_t root_of(const search *s, int64_t tensor, int64_t *offset)
{
    for (*offset = 0; !is_free(s, tensor); tensor = s->parts[tensor].parent) *offset += s->parts[tensor].offset;
    return tensor;
}

static size_t whole_lines(int64_t bytes) { return ((size_t)bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES; }

static rmseg_status measure(life *life, const search *s, int64_t tensor)
{
    const rmseg_shape *shape = shape_of(s, tensor);
    int64_t size = 0;
    life->n_stride = s->backend->sample_elements(shape);
    if (!rmseg_mul3(&size, shape->n, life->n_stride, (int64_t)s->backend->element) || size > INT64_MAX / 4096)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "the network's tensors for this input are more than this machine can address");
    life->bytes = whole_lines(size);
    return RMSEG_OK;
}

static void live(life *life, int64_t first, int64_t last)
{
    life->first = first < life->first ? first : life->first;
    life->last = last > life->last ? last : life->last;
}

static void live_as_activations(life *lives, const search *s)
{
    int64_t offset;
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        const rmseg_edge *edge = &s->net->edges[tensor];
        life *life = &lives[root_of(s, tensor, &offset)];
        live(life, moment_forward(edge->producer), edge->consumer < 0 ? end_of(s) : moment_forward(edge->consumer));
        life->read = life->last;
    }
    for (int64_t op = 0; s->training && op < s->net->node_count; op++) {
        int64_t tensor = read_back(s, op);
        if (tensor >= 0) live(&lives[root_of(s, tensor, &offset)], moment_forward(op), moment_back(s, op));
    }
}

static void live_as_gradients(life *lives, const search *s)
{
    int64_t offset;
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        const rmseg_edge *edge = &s->net->edges[tensor];
        live(&lives[root_of(s, tensor, &offset)], edge->consumer < 0 ? end_of(s) : moment_back(s, edge->consumer),
             moment_back(s, edge->producer));
    }
}

static rmseg_status find_lives(life *lives, const search *s)
{
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        lives[tensor] = (life){.first = INT64_MAX, .last = INT64_MIN};
        bool nowhere = s->gradients && tensor == 0; /* nobody wants it */
        if (is_free(s, tensor) && !nowhere) RMSEG_TRY(measure(&lives[tensor], s, tensor));
    }
    (s->gradients ? live_as_gradients : live_as_activations)(lives, s);
    return RMSEG_OK;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

/* Whether a tensor is kept, although the training is checkpointed. */
static bool leaves_segment(const search *s, const rmseg_edge *edge)
{
    if (edge->producer < 0 || edge->consumer < 0) return true;
    int64_t end = s->ends[edge->producer];
    return end != s->ends[edge->consumer] || end == s->net->node_count;
}

/* What does not leave its segment gets a second life in `again`; what does must be there when its reader's is made again. */
static void split_lives(life *again, life *lives, const search *s)
{
    int64_t tensors = s->net->edge_count, offset;
    for (int64_t tensor = 0; tensor < tensors; tensor++) {
        const rmseg_edge *edge = &s->net->edges[tensor];
        life *life = &lives[root_of(s, tensor, &offset)];
        if (!leaves_segment(s, edge)) continue;
        life->leaves = true;
        bool read_again = edge->consumer >= 0 && s->ends[edge->consumer] < s->net->node_count;
        if (read_again) live(life, life->first, moment_again(s, edge->consumer));
    }
    for (int64_t tensor = 0; tensor < tensors; tensor++) {
        life *life = &lives[tensor];
        if (!life->bytes || life->leaves) continue;
        int64_t op = s->net->edges[tensor].producer, moment = moment_again(s, op);
        again[tensor] = *life;
        again[tensor].first = moment;
        again[tensor].last = life->last > moment ? life->last : moment;
        life->last = moment_forward(s->ends[op] - 1);
    }
}

/* ---- bf16 -------------------------------------------------------------------------------------------------------- */

/* Of what is kept, all but the image, and what the last op reads: its backward pass comes at once. */
static bool is_rounded(const search *s, const life *life)
{
    bool kept = life->bytes && life->last > end_of(s);
    return kept && life->first >= 0 && life->read < moment_forward(s->net->node_count - 1);
}

/* The op for which that was widened which `op` reads on its way back: the first of those that read the same memory with no
 * other convolution between them. What makes a tensor finds it where its reader did. */
static int64_t widened_for(const search *s, int64_t op)
{
    int64_t tensor = read_back(s, op), offset, root = root_of(s, tensor, &offset);
    int64_t reader = s->net->edges[tensor].consumer;
    if (reader > op && read_back(s, reader) == tensor) return widened_for(s, reader);
    for (int64_t before = op + 1; before < s->net->node_count; before++) {
        int64_t other = read_back(s, before);
        if (other >= 0 && root_of(s, other, &offset) == root) return widened_for(s, before);
        if (rmseg_op_is_conv(s->ops[before].kind)) break;
    }
    return op;
}

/* What is rounded lives as floats until its last reader is done, in `bf16` until it is widened for the last time, and in
 * `again`, by the tensor that is read first, from each widening on. */
static void round_lives(rmseg_places *made, life *again, life *bf16, life *lives, const search *s)
{
    int64_t offset;
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        life *life = &lives[tensor];
        if (!is_rounded(s, life)) continue;
        rmseg_rounding rounding = {life->read / 2, tensor, shape_of(s, tensor)->n * life->n_stride, 0, 0};
        made->rounded[made->rounded_count++] = rounding;
        life->last = life->read + 1;
        bf16[tensor] = *life;
        bf16[tensor].first = life->last;
        bf16[tensor].bytes = whole_lines(2 * rounding.elements);
    }
    for (int64_t op = s->net->node_count - 1; op >= 0; op--) {
        int64_t tensor = read_back(s, op), root = tensor < 0 ? -1 : root_of(s, tensor, &offset);
        if (root < 0 || !bf16[root].bytes) continue;
        int64_t first = widened_for(s, op);
        life *wide = &again[read_back(s, first)];
        if (first == op) {
            made->widened[made->widened_count++] =
                (rmseg_rounding){op, root, shape_of(s, root)->n * lives[root].n_stride, 0, 0};
            *wide = lives[root];
            wide->first = bf16[root].last = moment_back(s, op) - 1;
        }
        wide->last = moment_back(s, op);
    }
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

/* Large ones first; of equals the earlier. */
static int by_size(const void *a, const void *b)
{
    const life *x = *(life *const *)a, *y = *(life *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x > y) - (x < y);
}

static bool meet(const life *a, const life *b)
{
    bool in_time = a->first <= b->last && b->first <= a->last;
    return in_time && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* Each at the lowest place that no other takes while it lives; `order` is room for as many. Returns the end of the
 * highest. */
static size_t give_places(life *lives, life **order, int64_t count)
{
    size_t end = 0;
    for (int64_t i = 0; i < count; i++) order[i] = &lives[i];
    qsort(order, (size_t)count, sizeof *order, by_size);
    for (int64_t i = 0; i < count && order[i]->bytes; i++) {
        life *life = order[i];
        for (int64_t j = 0; j < i; j++)
            if (meet(life, order[j])) {
                life->offset = order[j]->offset + order[j]->bytes;
                j = -1;
            }
        if (life->offset + life->bytes > end) end = life->offset + life->bytes;
    }
    return end;
}

/* Parts lie where their roots do, `element` bytes a number. */
static void place_parts(rmseg_place *places, const life *lives, size_t element, const search *s)
{
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        int64_t offset;
        const life *life = &lives[root_of(s, tensor, &offset)];
        places[tensor] = (rmseg_place){SIZE_MAX, life->n_stride, life->bytes && life->last >= end_of(s)};
        if (life->bytes) places[tensor].offset = life->offset + (size_t)offset * element;
    }
}

/* What a checkpointed training made again, where; the rest where it was. */
static void place_again(rmseg_places *made, const life *again, const search *s)
{
    rmseg_place *places = made->places[RMSEG_PLACE_AGAIN];
    place_parts(places, again, s->backend->element, s);
    for (int64_t tensor = 0; tensor < s->net->edge_count; tensor++) {
        bool kept = places[tensor].offset == SIZE_MAX;
        if (kept) places[tensor] = made->places[RMSEG_PLACE_ACTIVATION][tensor];
        places[tensor].kept = kept;
    }
}

/* What an op reads on its way back lies in what was widened for it; the rest where it was. */
static void place_rounded(rmseg_places *made, const life *again, const life *bf16, const life *lives, const search *s)
{
    rmseg_place *places = made->places[RMSEG_PLACE_AGAIN];
    int64_t offset;
    place_parts(made->places[RMSEG_PLACE_BF16], bf16, sizeof(uint16_t), s);
    place_parts(places, lives, s->backend->element, s);
    for (int64_t op = 0; op < s->net->node_count; op++) {
        int64_t tensor = read_back(s, op);
        if (tensor < 0 || !made->places[RMSEG_PLACE_BF16][tensor].kept) continue;
        root_of(s, tensor, &offset);
        places[tensor].offset = again[read_back(s, widened_for(s, op))].offset + (size_t)offset * s->backend->element;
    }
    for (int64_t i = 0; i < made->rounded_count; i++) {
        rmseg_rounding *r = &made->rounded[i];
        r->floats = lives[r->tensor].offset;
        r->bf16 = bf16[r->tensor].offset;
    }
    for (int64_t i = 0; i < made->widened_count; i++) {
        rmseg_rounding *r = &made->widened[i];
        r->floats = again[read_back(s, r->op)].offset;
        r->bf16 = bf16[r->tensor].offset;
    }
}

static rmseg_status place_all(rmseg_places *made, life *lives, life **order, const search *s, int searches)
{
    int64_t tensors = s->net->edge_count;
    life *again = lives + RMSEG_PLACE_AGAIN * tensors, *bf16 = lives + RMSEG_PLACE_BF16 * tensors;
    for (int i = 0; i < searches; i++) RMSEG_TRY(find_lives(lives + i * tensors, &s[i]));
    if (s->ends) split_lives(again, lives, s);
    if (s->bf16) round_lives(made, again, bf16, lives, s);
    made->bytes = give_places(lives, order, RMSEG_PLACE_KINDS * tensors);
    for (int64_t i = 0; i < tensors; i++)
        made->kept_bytes +=
            (lives[i].last > end_of(s) ? lives[i].bytes : 0) + (bf16[i].last > end_of(s) ? bf16[i].bytes : 0);
    for (int i = 0; i < searches; i++) place_parts(made->places[i], lives + i * tensors, s->backend->element, &s[i]);
    if (s->ends) place_again(made, again, s);
    if (s->bf16) place_rounded(made, again, bf16, lives, s);
    return RMSEG_OK;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static rmseg_status make_room(rmseg_places *places, const search *s, int searches)
{
    int64_t tensors = s->net->edge_count;
    const bool wanted[RMSEG_PLACE_KINDS] = {true, searches > 1, s->ends || s->bf16, s->bf16};
    for (int i = 0; i < RMSEG_PLACE_KINDS; i++) {
        if (!wanted[i]) continue;
        places->places[i] = rmseg_alloc(tensors, sizeof *places->places[i]);
        if (!places->places[i]) return RMSEG_ERROR_MEMORY;
    }
    if (!s->bf16) return RMSEG_OK;
    places->rounded = rmseg_alloc(tensors, sizeof *places->rounded);
    places->widened = rmseg_alloc(s->net->node_count, sizeof *places->widened);
    return places->rounded && places->widened ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_places_find(rmseg_places *places, const rmseg_net *net, const rmseg_op_desc *ops,
                               const rmseg_backend *backend, const rmseg_fold *folds, bool training,
                               const int64_t *ends)
{
    int64_t tensors = net->edge_count, count = RMSEG_PLACE_KINDS * tensors;
    int searches = training ? 2 : 1;
    search s[2];
    part *parts = rmseg_alloc(2 * tensors, sizeof *parts);
    life *lives = rmseg_alloc(count, sizeof *lives), **order = rmseg_alloc(count, sizeof *order);
    for (int i = 0; i < 2; i++)
        s[i] =
            (search){net, ops, backend, folds, training, i == 1, ends, training && net->spec.bf16, parts + i * tensors};
    rmseg_status status = parts && lives && order ? make_room(places, s, searches) : RMSEG_ERROR_MEMORY;
    for (int i = 0; i < searches && !status; i++) find_parts(&s[i]);
    if (!status) status = place_all(places, lives, order, s, searches);
    rmseg_free(parts);
    rmseg_free(lives);
    rmseg_free(order);
    return status;
}

void rmseg_places_destroy(rmseg_places *places)
{
    for (int i = 0; i < RMSEG_PLACE_KINDS; i++) rmseg_free(places->places[i]);
    rmseg_free(places->rounded);
    rmseg_free(places->widened);
}
