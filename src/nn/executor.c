/* executor.c - plans and memory of a net for one shape; forward is one loop up, backward one loop down. */
#include "nn/executor.h"

#include <math.h>

#include "nn/weights.h"

#define LINE_BYTES 64

/* ---- planning ---------------------------------------------------------------------------------------------------- */

/* A norm of a single value is that value minus itself: there is nothing to train. */
static rmseg_status check_norms(const rmseg_executor *executor)
{
    for (int64_t op = 0; executor->training && op < executor->net->node_count; op++) {
        const rmseg_op_desc *desc = &executor->ops[op];
        const rmseg_shape *s = &desc->in[0];
        int64_t voxels = s->d * s->h * s->w;
        bool alone = (desc->kind == RMSEG_OP_NORM && s->n * voxels == 1) ||
                     (desc->kind == RMSEG_OP_GROUP_NORM && s->c / desc->groups * voxels == 1);
        if (alone)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s would normalise a single value; train with %sa larger input",
                              executor->net->nodes[op].name, desc->kind == RMSEG_OP_NORM ? "a larger batch or " : "");
    }
    return RMSEG_OK;
}

static size_t whole_lines(size_t bytes) { return (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES; }

static void at_least(rmseg_block *block, size_t bytes)
{
    if (bytes > block->bytes) block->bytes = bytes;
}

static bool is_folded(const rmseg_executor *executor, int64_t op)
{
    return executor->folds && executor->folds[op].by >= 0;
}

rmseg_layer_info rmseg_executor_layer(const rmseg_executor *executor, int64_t op)
{
    if (executor->layers[op]) return executor->backend->layer_info(executor->layers[op]);
    return (rmseg_layer_info){
        .algorithm = "done by the convolution before it", .reason = "as it stores", .deterministic = true};
}

static rmseg_status create_layers(rmseg_executor *executor)
{
    for (int64_t op = 0; op < executor->net->node_count; op++) {
        rmseg_op_desc *desc = &executor->ops[op];
        if (is_folded(executor, op)) continue;
        desc->feeds_norm = desc->feeds_norm && executor->training;
        rmseg_status status = executor->backend->layer_create(&executor->layers[op], desc, executor->training);
        if (status != RMSEG_OK) return rmseg_fail_in(status, "%s", executor->net->nodes[op].name);
        rmseg_layer_info info = executor->backend->layer_info(executor->layers[op]);
        executor->saved_at[op] = executor->blocks[RMSEG_BLOCK_SAVED].bytes;
        executor->blocks[RMSEG_BLOCK_SAVED].bytes += whole_lines(info.saved_bytes);
        at_least(&executor->blocks[RMSEG_BLOCK_SCRATCH], info.scratch_bytes);
        at_least(&executor->blocks[RMSEG_BLOCK_SUMS], info.sums_bytes);
    }
    return RMSEG_OK;
}

static rmseg_status find_segments(rmseg_executor *executor)
{
    int64_t count = executor->net->node_count;
    if (executor->net->spec.bf16)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "precision bf16 and checkpointed activations exclude each other: what is made again from "
                          "rounded activations would be others than the forward pass had");
    executor->ends = rmseg_alloc(count, sizeof *executor->ends);
    if (!executor->ends) return RMSEG_ERROR_MEMORY;
    rmseg_segments_find(executor->ends, executor->net);
    return RMSEG_OK;
}

static rmseg_status plan(rmseg_executor *executor, int64_t n, const int64_t size[3], bool checkpoints)
{
    const rmseg_net *net = executor->net;
    executor->ops = rmseg_alloc(net->node_count, sizeof *executor->ops);
    executor->layers = rmseg_alloc(net->node_count, sizeof *executor->layers);
    executor->io = rmseg_alloc(net->node_count, sizeof *executor->io);
    executor->saved_at = rmseg_alloc(net->node_count, sizeof *executor->saved_at);
    if (!executor->ops || !executor->layers || !executor->io || !executor->saved_at) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_net_check_input(net, n, size));
    RMSEG_TRY(rmseg_graph_shapes(executor->ops, net, n, size));
    RMSEG_TRY(check_norms(executor));
    if (!executor->training && executor->backend->norm_fold) {
        executor->folds = rmseg_alloc(net->node_count, sizeof *executor->folds);
        if (!executor->folds) return RMSEG_ERROR_MEMORY;
        rmseg_fold_find(executor->folds, executor->ops, net);
    }
    if (executor->training) {
        executor->deferrals = rmseg_alloc(net->node_count, sizeof *executor->deferrals);
        if (!executor->deferrals) return RMSEG_ERROR_MEMORY;
        rmseg_deferrals_find(executor->deferrals, executor->ops, net, executor->backend);
    }
    if (checkpoints) RMSEG_TRY(find_segments(executor));
    RMSEG_TRY(rmseg_places_find(&executor->places, net, executor->ops, executor->backend, executor->folds,
                                executor->training, executor->ends));
    bool elsewhere = executor->places.places[RMSEG_PLACE_AGAIN];
    executor->back = elsewhere ? rmseg_alloc(net->node_count, sizeof *executor->back) : executor->io;
    if (!executor->back) return RMSEG_ERROR_MEMORY;
    executor->blocks[RMSEG_BLOCK_TENSORS].bytes = executor->places.bytes;
    return create_layers(executor);
}

rmseg_status rmseg_executor_plan(rmseg_executor **executor, const rmseg_net *net, const rmseg_backend *backend,
                                 int64_t n, const int64_t size[3], bool training, bool checkpoints)
{
    rmseg_executor *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->net = net;
    made->backend = backend;
    made->training = training;
    rmseg_status status = plan(made, n, size, checkpoints);
    if (status != RMSEG_OK) {
        rmseg_executor_destroy(made);
        return status;
    }
    *executor = made;
    return RMSEG_OK;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void *at(const rmseg_executor *executor, size_t offset)
{
    return (char *)executor->blocks[RMSEG_BLOCK_TENSORS].data + offset;
}

static rmseg_view view(const rmseg_executor *executor, rmseg_place_kind kind, int64_t tensor)
{
    const rmseg_place *places = executor->places.places[kind], *place = places ? &places[tensor] : NULL;
    if (!place || place->offset == SIZE_MAX) return (rmseg_view){NULL, 0};
    return (rmseg_view){at(executor, place->offset), place->n_stride};
}

/* Of all ops: ios, with activations in places of a kind. */
static void connect(const rmseg_executor *executor, rmseg_op_io *ios, rmseg_place_kind kind, int64_t op)
{
    const rmseg_node *node = &executor->net->nodes[op];
    const rmseg_op_row *row = rmseg_op_row_get(executor->ops[op].kind);
    rmseg_op_io *io = &ios[op];
    for (int i = 0; i < row->inputs; i++) {
        io->in[i] = view(executor, kind, node->in[i]);
        io->din[i] = view(executor, RMSEG_PLACE_GRADIENT, node->in[i]);
        if (!executor->ops[op].loads[i].norm) continue;
        const rmseg_deferral *deferral = &executor->deferrals[op];
        io->norm[i] = &executor->io[deferral->norm[i]];
        if (deferral->dropout[i] >= 0) io->dropout[i] = &executor->io[deferral->dropout[i]];
    }
    for (int i = 0; i < row->outputs; i++) {
        io->out[i] = view(executor, kind, node->out[i]);
        io->dout[i] = view(executor, RMSEG_PLACE_GRADIENT, node->out[i]);
    }
    io->saved = (char *)executor->blocks[RMSEG_BLOCK_SAVED].data + executor->saved_at[op];
    io->scratch = executor->blocks[RMSEG_BLOCK_SCRATCH].data;
    if (executor->ops[op].adds) io->in[1] = view(executor, kind, executor->folds[op].adds);
    bool writes_sums = rmseg_executor_layer(executor, op).sums_bytes > 0;
    bool reads_sums = op > 0 && executor->ops[op - 1].feeds_norm && ios[op - 1].sums;
    if (writes_sums || reads_sums) io->sums = executor->blocks[RMSEG_BLOCK_SUMS].data;
}

static rmseg_status fail_memory(const rmseg_executor *executor)
{
    const rmseg_shape *in = &executor->ops[0].in[0];
    return rmseg_fail(RMSEG_ERROR_MEMORY,
                      "out of memory: %s with %lld x %lld x %lld x %lld voxels at a time takes %.4g GB for the network "
                      "alone, and this machine has %.4g GB in all: use a smaller patch (or window), batch or width",
                      executor->training ? "training" : "prediction", (long long)in->n, (long long)in->d,
                      (long long)in->h, (long long)in->w, (double)rmseg_executor_bytes(executor) / 1e9,
                      (double)rmseg_memory_of_machine() / 1e9);
}

/* What does not fit is refused before it is touched: the system would give it, and then end the process. */
static rmseg_status allocate(rmseg_executor *executor)
{
    if (rmseg_executor_bytes(executor) > (size_t)rmseg_memory_of_machine()) return fail_memory(executor);
    for (int block = 0; block < RMSEG_BLOCKS; block++) {
        executor->blocks[block].data = rmseg_arena_alloc(executor->blocks[block].bytes);
        if (!executor->blocks[block].data) return fail_memory(executor);
    }
    return RMSEG_OK;
}

static rmseg_status create(rmseg_executor **executor, const rmseg_net *net, const rmseg_backend *backend, int64_t n,
                           const int64_t size[3], bool training, bool checkpoints)
{
    rmseg_executor *made = NULL;
    RMSEG_TRY(rmseg_executor_plan(&made, net, backend, n, size, training, checkpoints));
    rmseg_status status = allocate(made);
    if (status) {
        rmseg_executor_destroy(made);
        return status;
    }
    for (int64_t op = 0; op < net->node_count; op++) {
        connect(made, made->io, RMSEG_PLACE_ACTIVATION, op);
        if (made->back != made->io) connect(made, made->back, RMSEG_PLACE_AGAIN, op);
        made->back[op].again = checkpoints;
    }
    *executor = made;
    return RMSEG_OK;
}

rmseg_status rmseg_executor_create(rmseg_executor **executor, const rmseg_net *net, const rmseg_backend *backend,
                                   int64_t n, const int64_t size[3], bool training)
{
    return create(executor, net, backend, n, size, training, false);
}

rmseg_status rmseg_executor_create_checkpointed(rmseg_executor **executor, const rmseg_net *net,
                                                const rmseg_backend *backend, int64_t n, const int64_t size[3])
{
    return create(executor, net, backend, n, size, true, true);
}

rmseg_status rmseg_executor_measure(size_t *bytes, const rmseg_net *net, const rmseg_backend *backend, int64_t n,
                                    const int64_t size[3], bool training)
{
    rmseg_executor *planned = NULL;
    RMSEG_TRY(rmseg_executor_plan(&planned, net, backend, n, size, training, false));
    *bytes = rmseg_executor_bytes(planned);
    rmseg_executor_destroy(planned);
    return RMSEG_OK;
}

void rmseg_executor_destroy(rmseg_executor *executor)
{
    if (!executor) return;
    for (int block = 0; block < RMSEG_BLOCKS; block++)
        rmseg_arena_free(executor->blocks[block].data, executor->blocks[block].bytes);
    for (int64_t op = 0; executor->layers && op < executor->net->node_count; op++)
        if (executor->layers[op]) executor->backend->layer_destroy(executor->layers[op]);
    rmseg_free(executor->ops);
    rmseg_free(executor->folds);
    rmseg_free(executor->deferrals);
    rmseg_free(executor->layers);
    if (executor->back != executor->io) rmseg_free(executor->back);
    rmseg_free(executor->io);
    rmseg_free(executor->ends);
    rmseg_free(executor->saved_at);
    rmseg_places_destroy(&executor->places);
    rmseg_free(executor->seconds);
    rmseg_free(executor);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Behind the forward pass of an op: what the rest of it does not read is kept in half the bytes. */
static void round_behind(const rmseg_executor *executor, int64_t op)
{
    const rmseg_places *places = &executor->places;
    for (const rmseg_rounding *r = places->rounded; r < places->rounded + places->rounded_count; r++)
        if (r->op == op) executor->backend->to_bf16(at(executor, r->bf16), at(executor, r->floats), r->elements);
}

/* Before the backward pass of an op: what it reads. */
static void widen_before(const rmseg_executor *executor, int64_t op)
{
    const rmseg_places *places = &executor->places;
    for (const rmseg_rounding *r = places->widened; r < places->widened + places->widened_count; r++)
        if (r->op == op) executor->backend->from_bf16(at(executor, r->floats), at(executor, r->bf16), r->elements);
}

rmseg_status rmseg_executor_forward(void *logits, rmseg_executor *executor, rmseg_weights *weights, const void *input,
                                    uint64_t seed, int64_t iteration)
{
    const rmseg_backend *backend = executor->backend;
    int64_t last = executor->net->node_count - 1;
    RMSEG_TRY(rmseg_weights_check(weights, executor->net, backend, executor->training));
    if (executor->folds) RMSEG_TRY(rmseg_weights_fold(weights));
    backend->tensor_pack(executor->io[0].in[0], input, &executor->ops[0].in[0]);
    for (int64_t op = 0; op <= last; op++) {
        rmseg_op_io *io = &executor->io[op];
        if (is_folded(executor, op)) continue;
        rmseg_weights_bind(io, weights, op);
        if (executor->folds && executor->folds[op].norm) rmseg_weights_bind_folded(io, weights, op);
        io->seed = seed;
        io->iteration = (uint32_t)iteration;
        if (executor->seconds)
            rmseg_executor_clock_forward(executor, op);
        else
            backend->layer_forward(executor->layers[op], io);
        round_behind(executor, op);
    }
    backend->tensor_unpack(logits, executor->io[last].out[0], &executor->ops[last].out[0]);
    executor->forwarded = executor->training;
    if (executor->training) rmseg_weights_count_batch(weights);
    return RMSEG_OK;
}

/* Makes again what the segment that ends with op `last` did not keep. */
static void run_again(rmseg_executor *executor, int64_t last)
{
    const rmseg_place *places = executor->places.places[RMSEG_PLACE_AGAIN];
    int64_t first = last;
    while (first > 0 && executor->ends[first - 1] == last + 1) first--;
    for (int64_t op = first; op <= last; op++) {
        if (places[executor->net->nodes[op].out[0]].kept) continue;
        executor->backend->layer_forward(executor->layers[op], &executor->back[op]);
    }
}

rmseg_status rmseg_executor_backward(rmseg_executor *executor, rmseg_weights *weights, const void *dlogits)
{
    const rmseg_backend *backend = executor->backend;
    int64_t last = executor->net->node_count - 1;
    RMSEG_TRY(rmseg_weights_check(weights, executor->net, backend, true));
    if (!executor->forwarded)
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "a backward pass needs a training forward pass before it");
    for (int64_t op = 0; op <= last; op++) {
        rmseg_weights_bind(&executor->back[op], weights, op);
        executor->back[op].seed = executor->io[op].seed;
        executor->back[op].iteration = executor->io[op].iteration;
    }
    backend->tensor_pack(executor->back[last].dout[0], dlogits, &executor->ops[last].out[0]);
    for (int64_t op = last; op >= 0; op--) {
        bool segment_ends = executor->ends && executor->ends[op] == op + 1 && op < last;
        if (segment_ends) run_again(executor, op);
        widen_before(executor, op);
        if (executor->seconds)
            rmseg_executor_clock_backward(executor, op);
        else
            backend->layer_backward(executor->layers[op], &executor->back[op]);
    }
    return RMSEG_OK;
}

/* Whether a tensor has no NaN or infinity, whose squares would come through. */
static bool is_finite(const rmseg_executor *executor, const rmseg_place *place, const rmseg_shape *shape)
{
    const rmseg_backend *backend = executor->backend;
    for (int64_t n = 0; n < shape->n; n++) {
        const char *sample = at(executor, place->offset + (size_t)(n * place->n_stride) * backend->element);
        if (!isfinite(backend->sum_of_squares(sample, backend->sample_elements(shape)))) return false;
    }
    return true;
}

/* The same of one in bfloat16: there an exponent of all ones. */
static bool is_finite_bf16(const rmseg_executor *executor, const rmseg_place *place, const rmseg_shape *shape)
{
    const uint16_t *halves = at(executor, place->offset);
    for (int64_t n = 0; n < shape->n; n++)
        for (int64_t i = 0; i < executor->backend->sample_elements(shape); i++)
            if ((~halves[n * place->n_stride + i] & 0x7f80) == 0) return false;
    return true;
}

const char *rmseg_executor_fault(const rmseg_executor *executor)
{
    const rmseg_place *floats = executor->places.places[RMSEG_PLACE_ACTIVATION],
                      *bf16 = executor->places.places[RMSEG_PLACE_BF16];
    for (int64_t op = 0; executor->training && op < executor->net->node_count; op++) {
        const rmseg_node *node = &executor->net->nodes[op];
        const rmseg_shape *shape = &executor->ops[op].out[0];
        int64_t out = node->out[0];
        if (floats[out].kept && !is_finite(executor, &floats[out], shape)) return node->name;
        if (bf16 && bf16[out].kept && !is_finite_bf16(executor, &bf16[out], shape)) return node->name;
    }
    return NULL;
}

size_t rmseg_executor_bytes(const rmseg_executor *executor)
{
    size_t bytes = 0;
    for (int block = 0; block < RMSEG_BLOCKS; block++) bytes += executor->blocks[block].bytes;
    return bytes;
}

void rmseg_executor_algorithms(const rmseg_executor *executor, rmseg_text *text)
{
    for (int64_t op = 0; op < executor->net->node_count; op++) {
        rmseg_layer_info info = rmseg_executor_layer(executor, op);
        rmseg_text_addf(text, "%s: %s (%s)\n", executor->net->nodes[op].name, info.algorithm, info.reason);
    }
}
