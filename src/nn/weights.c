/* weights.c - parameters, states, gradients and momenta of a net: one arena each, in a backend's layout. */
#include "nn/weights.h"

#include <math.h>
#include <string.h>

#include "nn/fold.h"

#define LINE 16 /* every tensor starts at a multiple of this many elements: a cache line of floats */

typedef struct arena {
    void *data;
    size_t bytes;
} arena;

struct rmseg_weights {
    const rmseg_net *net;
    const rmseg_backend *backend;
    bool training;
    int64_t *offsets; /* of each tensor in its arena, in elements */
    int64_t elements; /* of the arena of parameters */
    arena kinds[RMSEG_TENSOR_KINDS];
    arena states;
    int64_t batches_tracked;
    arena folded; /* as the values, where convolutions have the norms behind them in them; made when first asked for */
    bool is_folded; /* from the values as they are now */
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

static const rmseg_op_desc *desc_of(const rmseg_weights *weights, const rmseg_tensor_info *info)
{
    return &weights->net->nodes[info->op].desc;
}

/* Elements of a tensor in the backend's layout. */
static int64_t inner_elements(const rmseg_weights *weights, const rmseg_tensor_info *info)
{
    const rmseg_backend *backend = weights->backend;
    switch (info->role) {
    case RMSEG_ROLE_PARAMETER: return backend->param_elements(desc_of(weights, info), info->index);
    case RMSEG_ROLE_STATE: return backend->state_elements(desc_of(weights, info), info->index);
    default: return 0;
    }
}

static rmseg_status lay_out(rmseg_weights *weights, int64_t *states)
{
    int64_t count = rmseg_net_tensors(weights->net);
    weights->offsets = rmseg_alloc(count, sizeof *weights->offsets);
    if (!weights->offsets) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < count; i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(weights->net, i);
        int64_t *end = info->role == RMSEG_ROLE_PARAMETER ? &weights->elements : states;
        weights->offsets[i] = *end;
        *end += (inner_elements(weights, info) + LINE - 1) / LINE * LINE;
    }
    return RMSEG_OK;
}

static rmseg_status reserve(arena *made, const rmseg_weights *weights, int64_t elements)
{
    made->bytes = (size_t)elements * weights->backend->element;
    made->data = rmseg_arena_alloc(made->bytes);
    return made->data ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

/* Every element of a tensor gets the same value. */
static rmseg_status fill(rmseg_weights *weights, int64_t tensor, double value)
{
    int64_t elements = rmseg_net_tensor(weights->net, tensor)->elements;
    double *dense = rmseg_alloc(elements, sizeof *dense);
    if (!dense) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < elements; i++) dense[i] = value;
    rmseg_status status = rmseg_weights_set64(weights, tensor, RMSEG_TENSOR_VALUE, dense);
    rmseg_free(dense);
    return status;
}

static bool is_norm(const rmseg_weights *weights, const rmseg_tensor_info *info)
{
    rmseg_op_kind kind = desc_of(weights, info)->kind;
    return rmseg_op_is_norm(kind);
}

/* A norm starts as the identity: weight 1, running variance 1. */
static bool starts_at_one(const rmseg_weights *weights, const rmseg_tensor_info *info)
{
    if (!is_norm(weights, info)) return false;
    return (info->role == RMSEG_ROLE_PARAMETER && info->index == 0) ||
           (info->role == RMSEG_ROLE_STATE && info->index == 1);
}

static rmseg_status fill_ones(rmseg_weights *weights)
{
    for (int64_t i = 0; i < rmseg_net_tensors(weights->net); i++)
        if (starts_at_one(weights, rmseg_net_tensor(weights->net, i))) RMSEG_TRY(fill(weights, i, 1));
    return RMSEG_OK;
}

static rmseg_status make(rmseg_weights *weights)
{
    int64_t states = 0;
    RMSEG_TRY(lay_out(weights, &states));
    RMSEG_TRY(reserve(&weights->states, weights, states));
    for (int kind = RMSEG_TENSOR_VALUE; kind <= (weights->training ? RMSEG_TENSOR_MOMENTUM : RMSEG_TENSOR_VALUE);
         kind++)
        RMSEG_TRY(reserve(&weights->kinds[kind], weights, weights->elements));
    return fill_ones(weights);
}

rmseg_status rmseg_weights_create(rmseg_weights **weights, const rmseg_net *net, const rmseg_backend *backend,
                                  bool training)
{
    rmseg_weights *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->net = net;
    made->backend = backend;
    made->training = training;
    rmseg_status status = make(made);
    if (status != RMSEG_OK) {
        rmseg_weights_destroy(made);
        return status;
    }
    *weights = made;
    return RMSEG_OK;
}

void rmseg_weights_destroy(rmseg_weights *weights)
{
    if (!weights) return;
    for (int kind = 0; kind < RMSEG_TENSOR_KINDS; kind++)
        rmseg_arena_free(weights->kinds[kind].data, weights->kinds[kind].bytes);
    rmseg_arena_free(weights->states.data, weights->states.bytes);
    rmseg_arena_free(weights->folded.data, weights->folded.bytes);
    rmseg_free(weights->offsets);
    rmseg_free(weights);
}

/* ---- in and out, in PyTorch's order ------------------------------------------------------------------------------ */

static void *tensor_data(const rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind)
{
    const rmseg_tensor_info *info = rmseg_net_tensor(weights->net, tensor);
    void *base = info->role == RMSEG_ROLE_STATE ? weights->states.data : weights->kinds[kind].data;
    return (char *)base + (size_t)weights->offsets[tensor] * weights->backend->element;
}

static rmseg_status check_tensor(const rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind)
{
    const rmseg_tensor_info *info = rmseg_net_tensor(weights->net, tensor);
    if (!info) return rmseg_fail(RMSEG_ERROR_INTERNAL, "the network has no tensor %lld", (long long)tensor);
    if (info->role == RMSEG_ROLE_COUNTER || (kind != RMSEG_TENSOR_VALUE && info->role != RMSEG_ROLE_PARAMETER))
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "%s is no parameter: it has no such numbers", info->name);
    if (kind != RMSEG_TENSOR_VALUE && !weights->kinds[kind].data)
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "%s: these weights keep no %s", info->name,
                          kind == RMSEG_TENSOR_GRADIENT ? "gradients: they are not for training" : "such numbers");
    return RMSEG_OK;
}

/* Between the backend's layout and dense numbers of the backend's element type. */
static void unpack(void *dense, const rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind)
{
    const rmseg_tensor_info *info = rmseg_net_tensor(weights->net, tensor);
    const void *from = tensor_data(weights, tensor, kind);
    if (info->role == RMSEG_ROLE_STATE)
        memcpy(dense, from, (size_t)info->elements * weights->backend->element);
    else
        weights->backend->param_unpack(dense, from, desc_of(weights, info), info->index);
}

static void pack(rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind, const void *dense)
{
    const rmseg_tensor_info *info = rmseg_net_tensor(weights->net, tensor);
    void *to = tensor_data(weights, tensor, kind);
    weights->is_folded = false;
    if (info->role == RMSEG_ROLE_STATE)
        memcpy(to, dense, (size_t)info->elements * weights->backend->element);
    else
        weights->backend->param_pack(to, dense, desc_of(weights, info), info->index);
}

/* Floats to doubles, or doubles to floats. */
static void convert(void *to, const void *from, size_t from_element, int64_t elements)
{
    if (from_element == sizeof(float))
        for (int64_t i = 0; i < elements; i++) ((double *)to)[i] = ((const float *)from)[i];
    else
        for (int64_t i = 0; i < elements; i++) ((float *)to)[i] = (float)((const double *)from)[i];
}

static rmseg_status get(void *dense, size_t element, const rmseg_weights *weights, int64_t tensor,
                        rmseg_tensor_kind kind)
{
    RMSEG_TRY(check_tensor(weights, tensor, kind));
    if (element == weights->backend->element) {
        unpack(dense, weights, tensor, kind);
        return RMSEG_OK;
    }
    int64_t elements = rmseg_net_tensor(weights->net, tensor)->elements;
    void *own = rmseg_alloc(elements, weights->backend->element);
    if (!own) return RMSEG_ERROR_MEMORY;
    unpack(own, weights, tensor, kind);
    convert(dense, own, weights->backend->element, elements);
    rmseg_free(own);
    return RMSEG_OK;
}

static rmseg_status set(rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind, const void *dense,
                        size_t element)
{
    RMSEG_TRY(check_tensor(weights, tensor, kind));
    if (element == weights->backend->element) {
        pack(weights, tensor, kind, dense);
        return RMSEG_OK;
    }
    int64_t elements = rmseg_net_tensor(weights->net, tensor)->elements;
    void *own = rmseg_alloc(elements, weights->backend->element);
    if (!own) return RMSEG_ERROR_MEMORY;
    convert(own, dense, element, elements);
    pack(weights, tensor, kind, own);
    rmseg_free(own);
    return RMSEG_OK;
}

rmseg_status rmseg_weights_get(float *dense, const rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind)
{
    return get(dense, sizeof *dense, weights, tensor, kind);
}

rmseg_status rmseg_weights_get64(double *dense, const rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind)
{
    return get(dense, sizeof *dense, weights, tensor, kind);
}

rmseg_status rmseg_weights_set(rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind, const float *dense)
{
    return set(weights, tensor, kind, dense, sizeof *dense);
}

rmseg_status rmseg_weights_set64(rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind, const double *dense)
{
    return set(weights, tensor, kind, dense, sizeof *dense);
}

int64_t rmseg_weights_batches_tracked(const rmseg_weights *weights) { return weights->batches_tracked; }
void rmseg_weights_set_batches_tracked(rmseg_weights *weights, int64_t count) { weights->batches_tracked = count; }
const rmseg_net *rmseg_weights_net(const rmseg_weights *weights) { return weights->net; }
const rmseg_backend *rmseg_weights_backend(const rmseg_weights *weights) { return weights->backend; }

void rmseg_weights_count_batch(rmseg_weights *weights)
{
    weights->batches_tracked++;
    weights->is_folded = false; /* running statistics have moved */
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_weights_measure(size_t *values, size_t *states, const rmseg_net *net, const rmseg_backend *backend)
{
    rmseg_weights planned = {.net = net, .backend = backend};
    int64_t state_elements = 0;
    rmseg_status status = lay_out(&planned, &state_elements);
    *values = (size_t)planned.elements * backend->element;
    *states = (size_t)state_elements * backend->element;
    rmseg_free(planned.offsets);
    return status;
}

size_t rmseg_weights_bytes(const rmseg_weights *weights, rmseg_tensor_kind kind) { return weights->kinds[kind].bytes; }

/* ---- initial values ---------------------------------------------------------------------------------------------- */

/* fan_in of PyTorch: the second extent times the kernel, for a transposed convolution too. */
static double init_bound(const rmseg_tensor_info *weight)
{
    double fan_in = 1;
    for (int axis = 1; axis < weight->rank; axis++) fan_in *= (double)weight->dims[axis];
    return 1 / sqrt(fan_in);
}

static rmseg_status init_uniform(rmseg_weights *weights, int64_t tensor, double bound, uint64_t seed)
{
    int64_t elements = rmseg_net_tensor(weights->net, tensor)->elements;
    float *dense = rmseg_alloc(elements, sizeof *dense);
    if (!dense) return RMSEG_ERROR_MEMORY;
    rmseg_random random = rmseg_random_stream(seed, RMSEG_RANDOM_WEIGHTS, (uint32_t)tensor, 0);
    for (int64_t i = 0; i < elements; i++) dense[i] = (float)((2 * rmseg_random_uniform(&random) - 1) * bound);
    rmseg_status status = rmseg_weights_set(weights, tensor, RMSEG_TENSOR_VALUE, dense);
    rmseg_free(dense);
    return status;
}

rmseg_status rmseg_weights_init(rmseg_weights *weights, uint64_t seed)
{
    memset(weights->kinds[RMSEG_TENSOR_VALUE].data, 0, weights->kinds[RMSEG_TENSOR_VALUE].bytes);
    memset(weights->states.data, 0, weights->states.bytes);
    weights->batches_tracked = 0;
    for (int64_t i = 0; i < rmseg_net_tensors(weights->net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(weights->net, i);
        if (info->role != RMSEG_ROLE_PARAMETER || is_norm(weights, info)) continue;
        const rmseg_tensor_info *weight = rmseg_net_tensor(weights->net, weights->net->nodes[info->op].first_info);
        RMSEG_TRY(init_uniform(weights, i, init_bound(weight), seed));
    }
    return fill_ones(weights);
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

/* The parameter nearest to the output whose gradient is not finite: there the way back went wrong. */
static rmseg_status fail_gradient(const rmseg_weights *weights, double length)
{
    const char *name = "";
    for (int64_t i = rmseg_net_tensors(weights->net) - 1; i >= 0 && !*name; i--) {
        const rmseg_tensor_info *info = rmseg_net_tensor(weights->net, i);
        const void *gradient = tensor_data(weights, i, RMSEG_TENSOR_GRADIENT);
        bool parameter = info->role == RMSEG_ROLE_PARAMETER;
        if (parameter && !isfinite(weights->backend->sum_of_squares(gradient, inner_elements(weights, info))))
            name = info->name;
    }
    return rmseg_fail(RMSEG_ERROR_NUMERIC,
                      "the gradient has become %s%s%s; lower the learning rate or clip the gradient",
                      isnan(length) ? "NaN" : "infinite", *name ? " at " : "", name);
}

/* Checks that a step can be taken; *scale shortens the gradient to `clip`. */
static rmseg_status measure_gradient(double *norm, double *scale, const rmseg_weights *weights, double clip)
{
    if (!weights->training)
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "weights that are not for training cannot take a step");
    double length =
        sqrt(weights->backend->sum_of_squares(weights->kinds[RMSEG_TENSOR_GRADIENT].data, weights->elements));
    if (!isfinite(length)) return fail_gradient(weights, length);
    *scale = clip > 0 && length > clip ? clip / length : 1;
    if (norm) *norm = length;
    return RMSEG_OK;
}

rmseg_status rmseg_weights_step(double *norm, rmseg_weights *weights, const rmseg_sgd *sgd)
{
    double scale = 1;
    RMSEG_TRY(measure_gradient(norm, &scale, weights, sgd->clip));
    weights->is_folded = false;
    weights->backend->sgd(weights->kinds[RMSEG_TENSOR_VALUE].data, weights->kinds[RMSEG_TENSOR_MOMENTUM].data,
                          weights->kinds[RMSEG_TENSOR_GRADIENT].data, weights->elements, sgd->lr, sgd->momentum,
                          sgd->decay, scale, sgd->nesterov);
    return RMSEG_OK;
}

rmseg_status rmseg_weights_step_adamw(double *norm, rmseg_weights *weights, const rmseg_adamw *adamw, double clip)
{
    double scale = 1;
    RMSEG_TRY(measure_gradient(norm, &scale, weights, clip));
    if (!weights->kinds[RMSEG_TENSOR_SQUARE].data)
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "weights that keep no mean squares cannot take a step of AdamW");
    weights->is_folded = false;
    weights->backend->adamw(weights->kinds[RMSEG_TENSOR_VALUE].data, weights->kinds[RMSEG_TENSOR_MOMENTUM].data,
                            weights->kinds[RMSEG_TENSOR_SQUARE].data, weights->kinds[RMSEG_TENSOR_GRADIENT].data,
                            weights->elements, adamw, scale);
    return RMSEG_OK;
}

/* ---- averages ---------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_weights_keep(rmseg_weights *weights, rmseg_tensor_kind kind)
{
    arena *kept = &weights->kinds[kind];
    if (!kept->data) RMSEG_TRY(reserve(kept, weights, weights->elements));
    if (kind == RMSEG_TENSOR_AVERAGE) memcpy(kept->data, weights->kinds[RMSEG_TENSOR_VALUE].data, kept->bytes);
    return RMSEG_OK;
}

void rmseg_weights_average(rmseg_weights *weights, double keep)
{
    weights->backend->average(weights->kinds[RMSEG_TENSOR_AVERAGE].data, weights->kinds[RMSEG_TENSOR_VALUE].data,
                              weights->elements, keep);
}

void rmseg_weights_swap(rmseg_weights *weights)
{
    arena values = weights->kinds[RMSEG_TENSOR_VALUE];
    weights->kinds[RMSEG_TENSOR_VALUE] = weights->kinds[RMSEG_TENSOR_AVERAGE];
    weights->kinds[RMSEG_TENSOR_AVERAGE] = values;
    weights->is_folded = false;
}

bool rmseg_weights_keeps(const rmseg_weights *weights, rmseg_tensor_kind kind) { return weights->kinds[kind].data; }

/* ---- for the executor -------------------------------------------------------------------------------------------- */

rmseg_status rmseg_weights_check(const rmseg_weights *weights, const rmseg_net *net, const rmseg_backend *backend,
                                 bool training)
{
    if (weights->net != net || weights->backend != backend)
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "these weights were made for another network or backend");
    if (training && !weights->training)
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "these weights have no gradients; create them for training");
    return RMSEG_OK;
}

void rmseg_weights_bind(rmseg_op_io *io, const rmseg_weights *weights, int64_t op)
{
    int64_t tensor = weights->net->nodes[op].first_info;
    const rmseg_op_row *row = rmseg_op_row_get(weights->net->nodes[op].desc.kind);
    for (int i = 0; i < RMSEG_OP_PARAMS && row->params[i]; i++, tensor++) {
        io->param[i] = tensor_data(weights, tensor, RMSEG_TENSOR_VALUE);
        io->dparam[i] = weights->training ? tensor_data(weights, tensor, RMSEG_TENSOR_GRADIENT) : NULL;
    }
    for (int i = 0; i < RMSEG_OP_STATES && row->states[i]; i++, tensor++)
        io->state[i] = tensor_data(weights, tensor, RMSEG_TENSOR_VALUE);
}

/* ---- norms in convolutions --------------------------------------------------------------------------------------- */

void rmseg_weights_bind_folded(rmseg_op_io *io, const rmseg_weights *weights, int64_t op)
{
    int64_t tensor = weights->net->nodes[op].first_info;
    for (int i = 0; i < RMSEG_OP_PARAMS; i++)
        io->param[i] = (char *)weights->folded.data + (size_t)weights->offsets[tensor + i] * weights->backend->element;
}

rmseg_status rmseg_weights_fold(rmseg_weights *weights)
{
    const rmseg_net *net = weights->net;
    if (weights->is_folded) return RMSEG_OK;
    if (!weights->folded.data) RMSEG_TRY(reserve(&weights->folded, weights, weights->elements));
    for (int64_t op = 0; op < net->node_count; op++) {
        if (!rmseg_fold_holds_norm(net, op)) continue;
        rmseg_op_io conv = {0}, norm = {0}, folded = {0};
        rmseg_weights_bind(&conv, weights, op);
        rmseg_weights_bind(&norm, weights, op + 1);
        rmseg_weights_bind_folded(&folded, weights, op);
        weights->backend->norm_fold((void *)folded.param[0], (void *)folded.param[1], &net->nodes[op].desc, &conv,
                                    &net->nodes[op + 1].desc, &norm);
    }
    weights->is_folded = true;
    return RMSEG_OK;
}
