/* Executors: shared memory changes no number, threads change no bit, running allocates nothing, wrong use is told. */
#include <math.h>

#include "nn/executor.h"
#include "unit.h"

static const rmseg_net_spec batch_norm = {"unet", 2, 3, 2, 4, 2, "batch", "relu", 0.5, false, false};
static const rmseg_net_spec no_norm = {"unet", 3, 1, 3, 5, 1, "none", "leaky-relu", 0, false, false};
static const rmseg_net_spec vnet = {"vnet", 3, 1, 2, 3, 4, "group", "relu", 0.5, false, false};
static const char *const backends[] = {"plain", "plain64", "cpu"};

/* The engine's; NULL where the processor does not run that level, and of "plain". */
static const rmseg_backend *at_level(int level) { return rmseg_backend_at_level(rmseg_level_name(level)); }

typedef struct run {
    rmseg_net *net;
    rmseg_weights *weights;
    rmseg_executor *executor;
    const rmseg_backend *backend;
    void *input, *logits;
    int64_t inputs, outputs; /* elements */
} run;

static run open_run(const rmseg_net_spec *spec, const rmseg_backend *backend, int64_t n, const int64_t size[3],
                    bool training)
{
    run r = {.backend = backend};
    assert_ok(rmseg_net_create(&r.net, spec));
    assert_ok(rmseg_weights_create(&r.weights, r.net, r.backend, training));
    assert_ok(rmseg_weights_init(r.weights, 1));
    assert_ok(rmseg_executor_create(&r.executor, r.net, r.backend, n, size, training));
    r.inputs = n * spec->in_channels * size[0] * size[1] * size[2];
    r.outputs = n * spec->out_channels * size[0] * size[1] * size[2];
    r.input = rmseg_alloc(r.inputs, r.backend->element);
    r.logits = rmseg_alloc(r.outputs, r.backend->element);
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 0, 0);
    for (int64_t i = 0; i < r.inputs; i++) {
        double value = rmseg_random_normal(&random);
        if (r.backend->element == sizeof(double))
            ((double *)r.input)[i] = value;
        else
            ((float *)r.input)[i] = (float)value;
    }
    return r;
}

static void close_run(run *r)
{
    rmseg_free(r->input);
    rmseg_free(r->logits);
    rmseg_executor_destroy(r->executor);
    rmseg_weights_destroy(r->weights);
    rmseg_net_destroy(r->net);
}

/* One step: forward, backward with dlogits = logits, SGD. */
static void step(run *r, int64_t iteration)
{
    rmseg_sgd sgd = {.lr = 1e-3, .momentum = 0.9};
    assert_ok(rmseg_executor_forward(r->logits, r->executor, r->weights, r->input, 5, iteration));
    assert_ok(rmseg_executor_backward(r->executor, r->weights, r->logits));
    assert_ok(rmseg_weights_step(NULL, r->weights, &sgd));
}

static void with_each_backend(void (*test)(const rmseg_backend *backend))
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (rmseg_backend_find(backends[i])) test(rmseg_backend_find(backends[i]));
}

static const int64_t flat[3] = {1, 12, 8}, solid[3] = {4, 6, 4}, deep[3] = {16, 32, 16}, wide[3] = {1, 48, 32};

/* ---- places ------------------------------------------------------------------------------------------------------ */

static void skips_are_written_where_they_are_joined(void **state)
{
    (void)state;
    rmseg_net *net = NULL;
    rmseg_places all = {0};
    assert_ok(rmseg_net_create(&net, &batch_norm));
    rmseg_op_desc *ops = rmseg_alloc(net->node_count, sizeof *ops);
    assert_ok(rmseg_graph_shapes(ops, net, 2, flat));
    assert_ok(rmseg_places_find(&all, net, ops, rmseg_backend_find("plain"), NULL, true, NULL));
    const rmseg_place *places = all.places[RMSEG_PLACE_ACTIVATION], *gradients = all.places[RMSEG_PLACE_GRADIENT];
    int joins = 0;
    for (int64_t op = 0; op < net->node_count; op++) {
        const rmseg_node *node = &net->nodes[op];
        if (node->desc.kind == RMSEG_OP_FORK) {
            assert_int_equal(places[node->in[0]].offset, places[node->out[0]].offset);
            assert_int_equal(places[node->in[0]].offset, places[node->out[1]].offset);
            assert_int_equal(gradients[node->in[0]].offset, gradients[node->out[1]].offset);
            assert_int_not_equal(gradients[node->in[0]].offset, gradients[node->out[0]].offset);
        }
        if (node->desc.kind != RMSEG_OP_CONCAT) continue;
        joins++;
        const rmseg_shape *skip = &ops[op].in[0];
        assert_int_equal(places[node->in[0]].offset, places[node->out[0]].offset);
        assert_int_equal(places[node->in[1]].offset - places[node->out[0]].offset, skip->c * skip->h * skip->w * 4);
        assert_int_equal(places[node->in[1]].n_stride, ops[op].out[0].c * skip->h * skip->w);
        assert_int_equal(gradients[node->in[1]].offset - gradients[node->out[0]].offset,
                         skip->c * skip->h * skip->w * 4);
    }
    assert_int_equal(joins, 2);
    assert_true(gradients[0].offset == SIZE_MAX); /* nobody wants the gradient of the input */
    rmseg_free(ops);
    rmseg_places_destroy(&all);
    rmseg_net_destroy(net);
}

/* What a prediction and the gradients need at once, not what they need in all: a V-Net at full size. */
static void what_does_not_live_at_once_shares_memory(void **state)
{
    (void)state;
    const rmseg_net_spec spec = {"vnet", 3, 1, 2, 16, 4, "batch", "relu", 0.5, false, false};
    const int64_t size[3] = {112, 112, 80}, voxels = size[0] * size[1] * size[2];
    const size_t level = (size_t)(16 * voxels) * sizeof(float); /* of a tensor at the top */
    rmseg_net *net = NULL;
    rmseg_executor *inference = NULL, *training = NULL;
    assert_ok(rmseg_net_create(&net, &spec));
    assert_ok(rmseg_executor_plan(&inference, net, rmseg_backend_find("plain"), 1, size, false, false));
    assert_ok(rmseg_executor_plan(&training, net, rmseg_backend_find("plain"), 1, size, true, false));
    assert_true(inference->places.bytes < 3.3 * (double)level); /* skip, in, out */
    assert_true(training->places.bytes < (double)training->places.kept_bytes + 1.3 * (double)level);
    for (int64_t op = 0; op < net->node_count; op++) {
        const rmseg_node *node = &net->nodes[op];
        const rmseg_place *places = training->places.places[RMSEG_PLACE_ACTIVATION],
                          *gradients = training->places.places[RMSEG_PLACE_GRADIENT];
        bool add = node->desc.kind == RMSEG_OP_ADD;
        if (add || node->desc.kind == RMSEG_OP_DROPOUT)
            assert_int_equal(places[node->in[0]].offset, places[node->out[0]].offset);
        for (int i = 0; add && i < 2; i++)
            assert_int_equal(gradients[node->in[i]].offset, gradients[node->out[0]].offset);
    }
    rmseg_executor_destroy(inference);
    rmseg_executor_destroy(training);
    rmseg_net_destroy(net);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* All values and momenta of a run, as bytes. */
static void *snapshot(const run *r, size_t *bytes)
{
    rmseg_tensor_file file = {0};
    assert_ok(rmseg_weights_save(&file, r->weights, true));
    *bytes = 0;
    for (int64_t i = 0; i < file.count; i++) *bytes += file.tensors[i].bytes;
    char *all = rmseg_alloc((int64_t)*bytes, 1);
    size_t at = 0;
    for (int64_t i = 0; i < file.count; at += file.tensors[i].bytes, i++)
        memcpy(all + at, file.tensors[i].data, file.tensors[i].bytes);
    rmseg_tensor_file_destroy(&file);
    return all;
}

static void check_threads(const rmseg_backend *backend)
{
    const rmseg_net_spec half = {"unet", 2, 3, 2, 4, 2, "batch", "relu", 0.5, false, true};
    const rmseg_net_spec *specs[] = {&batch_norm, &no_norm, &vnet, &half};
    const int64_t *sizes[] = {flat, solid, deep, flat};
    const int counts[] = {1, 2, 3, 7};
    for (int s = 0; s < 4; s++) {
        void *first = NULL;
        size_t bytes = 0;
        for (int c = 0; c < 4; c++) {
            assert_ok(rmseg_threads_set(counts[c]));
            run r = open_run(specs[s], backend, 2, sizes[s], true);
            for (int i = 0; i < 3; i++) step(&r, i);
            void *now = snapshot(&r, &bytes);
            if (first) assert_memory_equal(first, now, bytes);
            if (first)
                rmseg_free(now);
            else
                first = now;
            close_run(&r);
        }
        rmseg_free(first);
    }
    assert_ok(rmseg_threads_set(0));
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    with_each_backend(check_threads);
}

/* Norms that write no output change no bit of what those compute that do. */
static void deferred_norms_change_no_bit(void **state)
{
    (void)state;
    const rmseg_net_spec specs[] = {
        {"unet", 2, 3, 2, 16, 2, "batch", "relu", 0.5, false, false},
        {"unet", 3, 1, 3, 20, 1, "group", "leaky-relu", 0, false, false},
        {"vnet", 3, 1, 2, 16, 4, "batch", "relu", 0.5, false, false},
        {"vnet", 3, 2, 2, 5, 4, "instance", "leaky-relu", 0.5, true, false},
        {"vnet", 2, 1, 2, 32, 4, "batch", "relu", 0, false, false},
        {"unet", 2, 3, 2, 8, 2, "batch", "relu", 0, false, false},
        {"vnet", 3, 1, 7, 8, 4, "batch", "relu", 0.5, false, false},
    };
    const int64_t *sizes[] = {flat, solid, deep, deep, wide, flat, deep};
    for (int level = 0; level < RMSEG_LEVELS; level++)
        for (size_t i = 0; at_level(level) && i < sizeof specs / sizeof *specs; i++) {
            const rmseg_backend *backends[2] = {at_level(level)};
            rmseg_backend stores = *backends[0];
            stores.defers = NULL;
            backends[1] = &stores;
            void *bytes[2];
            size_t count = 0, memory[2];
            for (int b = 0; b < 2; b++) {
                run r = open_run(&specs[i], backends[b], 2, sizes[i], true);
                for (int j = 0; j < 2; j++) step(&r, j);
                bytes[b] = snapshot(&r, &count);
                memory[b] = r.executor->places.kept_bytes;
                close_run(&r);
            }
            assert_memory_equal(bytes[0], bytes[1], count);
            assert_true(memory[0] < memory[1]);
            rmseg_free(bytes[0]);
            rmseg_free(bytes[1]);
        }
}

static void check_checkpoints(const rmseg_backend *backend)
{
    const rmseg_net_spec specs[] = {
        {"unet", 2, 3, 2, 16, 2, "batch", "relu", 0.5, false, false},
        {"unet", 3, 1, 3, 5, 1, "none", "leaky-relu", 0, false, false},
        {"vnet", 3, 1, 2, 4, 4, "batch", "relu", 0.5, false, false},
        {"vnet", 3, 2, 2, 2, 4, "group", "leaky-relu", 0.5, false, false},
    };
    const int64_t *sizes[] = {flat, solid, deep, deep};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        void *bytes[2];
        size_t count = 0, memory[2];
        for (int b = 0; b < 2; b++) {
            run r = open_run(&specs[i], backend, 2, sizes[i], true);
            if (b == 1) {
                rmseg_executor_destroy(r.executor);
                assert_ok(rmseg_executor_create_checkpointed(&r.executor, r.net, r.backend, 2, sizes[i]));
            }
            for (int j = 0; j < 2; j++) step(&r, j);
            bytes[b] = snapshot(&r, &count);
            memory[b] = r.executor->places.bytes;
            close_run(&r);
        }
        assert_memory_equal(bytes[0], bytes[1], count);
        assert_true(memory[1] < memory[0]);
        rmseg_free(bytes[0]);
        rmseg_free(bytes[1]);
    }
}

static void activations_made_again_change_no_bit(void **state)
{
    (void)state;
    with_each_backend(check_checkpoints);
}

/* ---- bf16 -------------------------------------------------------------------------------------------------------- */

static const rmseg_net_spec rounded[] = {
    {"unet", 2, 3, 2, 16, 2, "batch", "relu", 0.5, false, true},
    {"unet", 3, 1, 3, 5, 1, "none", "leaky-relu", 0, false, true},
    {"vnet", 3, 1, 2, 4, 4, "batch", "relu", 0.5, false, true},
    {"vnet", 3, 2, 2, 2, 4, "group", "leaky-relu", 0.5, false, true},
};
static const int64_t *const rounded_sizes[] = {flat, solid, deep, deep};
#define ROUNDED (sizeof rounded / sizeof *rounded)

/* What `like` keeps in bf16 is rounded where `r` keeps it in floats. */
static void round_kept(run *r, const run *like)
{
    const rmseg_executor *e = r->executor;
    const rmseg_place *places = e->places.places[RMSEG_PLACE_ACTIVATION],
                      *halves = like->executor->places.places[RMSEG_PLACE_BF16];
    for (int64_t tensor = 0; tensor < r->net->edge_count; tensor++) {
        const rmseg_edge *edge = &r->net->edges[tensor];
        if (!halves[tensor].kept) continue;
        assert_true(places[tensor].kept && edge->producer >= 0);
        const rmseg_shape *shape = &e->ops[edge->producer].out[r->net->nodes[edge->producer].out[1] == tensor];
        int64_t elements = r->backend->sample_elements(shape);
        uint16_t *half = rmseg_alloc(elements, sizeof *half);
        for (int64_t n = 0; n < shape->n; n++) {
            char *sample = (char *)e->blocks[RMSEG_BLOCK_TENSORS].data + places[tensor].offset +
                           (size_t)(n * places[tensor].n_stride) * r->backend->element;
            r->backend->to_bf16(half, sample, elements);
            r->backend->from_bf16(sample, half, elements);
        }
        rmseg_free(half);
    }
}

/* The forward pass of a training with bf16 is that of one without, and its backward pass that of one whose kept
 * activations are rounded between the two: to the last bit. */
static void check_rounding(const rmseg_backend *backend)
{
    const rmseg_sgd sgd = {.lr = 1e-3, .momentum = 0.9};
    for (size_t s = 0; s < ROUNDED; s++) {
        rmseg_net_spec spec = rounded[s];
        run half = open_run(&spec, backend, 2, rounded_sizes[s], true);
        spec.bf16 = false;
        run full = open_run(&spec, backend, 2, rounded_sizes[s], true), *const both[] = {&half, &full};
        for (int i = 0; i < 2; i++) {
            for (int b = 0; b < 2; b++)
                assert_ok(
                    rmseg_executor_forward(both[b]->logits, both[b]->executor, both[b]->weights, both[b]->input, 5, i));
            assert_memory_equal(half.logits, full.logits, (size_t)half.outputs * backend->element);
            round_kept(&full, &half);
            for (int b = 0; b < 2; b++) {
                assert_ok(rmseg_executor_backward(both[b]->executor, both[b]->weights, both[b]->logits));
                assert_ok(rmseg_weights_step(NULL, both[b]->weights, &sgd));
            }
        }
        size_t count = 0;
        void *found = snapshot(&half, &count), *truth = snapshot(&full, &count);
        assert_memory_equal(found, truth, count);
        assert_true(half.executor->places.bytes < full.executor->places.bytes);
        rmseg_free(found);
        rmseg_free(truth);
        close_run(&half);
        close_run(&full);
    }
}

static void bf16_rounds_what_is_kept_and_nothing_else(void **state)
{
    (void)state;
    check_rounding(rmseg_backend_find("plain"));
    check_rounding(rmseg_backend_find("plain64"));
    for (int level = 0; level < RMSEG_LEVELS; level++)
        if (at_level(level)) check_rounding(at_level(level));
}

/* At full size: of what is kept in floats, half, but for the image and what the last convolution reads; and that the skips
 * wait as floats until the forward pass has read them costs no more than that leaves. */
static void bf16_takes_less_memory(void **state)
{
    (void)state;
    static const struct {
        rmseg_net_spec spec;
        int64_t size[3];
        double kept, all; /* of what floats take, at most */
    } nets[] = {{{"vnet", 3, 1, 2, 16, 4, "batch", "relu", 0.5, false, true}, {112, 112, 80}, 0.6, 0.72},
                {{"unet", 2, 3, 2, 64, 4, "batch", "relu", 0, false, true}, {1, 512, 512}, 0.56, 0.85}};
    for (size_t i = 0; i < sizeof nets / sizeof *nets && rmseg_backend_find("cpu"); i++) {
        rmseg_executor *executor[2];
        rmseg_net *net[2];
        for (int b = 0; b < 2; b++) {
            rmseg_net_spec spec = nets[i].spec;
            spec.bf16 = b;
            assert_ok(rmseg_net_create(&net[b], &spec));
            assert_ok(
                rmseg_executor_plan(&executor[b], net[b], rmseg_backend_find("cpu"), 1, nets[i].size, true, false));
        }
        const rmseg_places *full = &executor[0]->places, *half = &executor[1]->places;
        printf("  %s: %.3f of what is kept, %.3f of the arena\n", nets[i].spec.net,
               (double)half->kept_bytes / (double)full->kept_bytes, (double)half->bytes / (double)full->bytes);
        assert_true((double)half->kept_bytes < nets[i].kept * (double)full->kept_bytes);
        assert_true((double)half->bytes < nets[i].all * (double)full->bytes);
        for (int b = 0; b < 2; b++) rmseg_executor_destroy(executor[b]), rmseg_net_destroy(net[b]);
    }
}

/* All gradients of parameters after one forward and backward pass with all numbers positive; owned. */
static float *positive_gradients(rmseg_net_spec spec, bool bf16, int64_t *count)
{
    spec.bf16 = bf16;
    run r = open_run(&spec, rmseg_backend_find("cpu"), 2, solid, true);
    for (int64_t i = 0; i < r.inputs; i++) ((float *)r.input)[i] = fabsf(((float *)r.input)[i]);
    float *all = rmseg_alloc(rmseg_net_parameter_count(r.net), sizeof *all);
    for (int64_t i = 0; i < rmseg_net_tensors(r.net); i++) {
        assert_ok(rmseg_weights_get(all, r.weights, i, RMSEG_TENSOR_VALUE));
        for (int64_t j = 0; j < rmseg_net_tensor(r.net, i)->elements; j++) all[j] = fabsf(all[j]);
        assert_ok(rmseg_weights_set(r.weights, i, RMSEG_TENSOR_VALUE, all));
    }
    assert_ok(rmseg_executor_forward(r.logits, r.executor, r.weights, r.input, 5, 0));
    assert_ok(rmseg_executor_backward(r.executor, r.weights, r.logits));
    *count = 0;
    for (int64_t i = 0; i < rmseg_net_tensors(r.net); *count += rmseg_net_tensor(r.net, i)->elements, i++)
        assert_ok(rmseg_weights_get(all + *count, r.weights, i, RMSEG_TENSOR_GRADIENT));
    close_run(&r);
    return all;
}

/* Without a norm the gradients at the activations are those of floats, bit for bit: ReLU asks for signs alone, which
 * rounding keeps. So a weight's gradient is sum x dy with x off by 2^-8 of itself at most, half the last of 8 bits, and
 * where all is positive the sum is too; 1e-5 for the sums of floats. */
static void gradients_are_off_by_the_rounding_alone(void **state)
{
    (void)state;
    const rmseg_net_spec spec = {"unet", 3, 1, 3, 16, 1, "none", "relu", 0, false, false};
    if (!rmseg_backend_find("cpu")) return;
    int64_t count = 0;
    float *full = positive_gradients(spec, false, &count), *half = positive_gradients(spec, true, &count);
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        assert_true(full[i] > 0);
        worst = fmax(worst, fabs((double)half[i] / full[i] - 1));
    }
    printf("  gradients are off by %.2e, 2^-8 is %.2e\n", worst, 0x1p-8);
    assert_true(worst > 0 && worst < 0x1p-8 + 1e-5);
    rmseg_free(full);
    rmseg_free(half);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void check_allocations(const rmseg_backend *backend)
{
    enum { WHOLE, CHECKPOINTED, BF16, WAYS };
    for (int way = 0; way < WAYS; way++) {
        rmseg_net_spec spec = batch_norm;
        spec.bf16 = way == BF16;
        run r = open_run(&spec, backend, 2, flat, true);
        if (way == CHECKPOINTED) {
            rmseg_executor_destroy(r.executor);
            assert_ok(rmseg_executor_create_checkpointed(&r.executor, r.net, r.backend, 2, flat));
        }
        step(&r, 0);
        int64_t before = rmseg_memory_stats_get().allocations;
        for (int i = 1; i < 4; i++) step(&r, i);
        assert_int_equal(rmseg_memory_stats_get().allocations, before);
        close_run(&r);
    }
}

static void running_allocates_nothing(void **state)
{
    (void)state;
    with_each_backend(check_allocations);
}

static double element(const run *r, int64_t i)
{
    return r->backend->element == sizeof(double) ? ((double *)r->logits)[i] : ((float *)r->logits)[i];
}

/* All gradients after one forward and backward, as doubles; owned. */
static double *gradients(const rmseg_net_spec *spec, const rmseg_backend *backend, const int64_t size[3],
                         int64_t *count)
{
    run r = open_run(spec, backend, 2, size, true);
    assert_ok(rmseg_executor_forward(r.logits, r.executor, r.weights, r.input, 5, 0));
    assert_ok(rmseg_executor_backward(r.executor, r.weights, r.logits));
    double *all = rmseg_alloc(rmseg_net_parameter_count(r.net), sizeof *all);
    *count = 0;
    for (int64_t i = 0; i < rmseg_net_tensors(r.net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(r.net, i);
        if (info->role != RMSEG_ROLE_PARAMETER) continue;
        assert_ok(rmseg_weights_get64(all + *count, r.weights, i, RMSEG_TENSOR_GRADIENT));
        *count += info->elements;
    }
    close_run(&r);
    return all;
}

static void check_against_plain64(const rmseg_net_spec *spec, const rmseg_backend *backend, const int64_t size[3])
{
    int64_t count = 0;
    double *truth = gradients(spec, rmseg_backend_find("plain64"), size, &count);
    double *found = gradients(spec, backend, size, &count), difference = 0, all = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += (found[i] - truth[i]) * (found[i] - truth[i]);
        all += truth[i] * truth[i];
    }
    printf("  %-6s %dD, width %lld, norm %-5s: gradient differs by %.1e\n", backend->name, spec->spatial,
           (long long)spec->width, spec->norm, sqrt(difference / all));
    assert_true(sqrt(difference / all) < (spec == &vnet ? 1e-4 : 1e-5)); /* 29 norms make much of rounding */
    rmseg_free(truth);
    rmseg_free(found);
}

/* Widths of 16 join in whole blocks of channels, others do not: the two ways a concat goes in a blocked layout. Layers of
 * 8 have a block of their own. */
static void backends_agree(void **state)
{
    (void)state;
    const rmseg_net_spec wide = {"unet", 2, 3, 2, 16, 2, "batch", "relu", 0.5, false, false},
                         volume = {"unet", 3, 1, 3, 16, 1, "none", "relu", 0, false, false},
                         halves = {"unet", 2, 3, 2, 8, 2, "batch", "relu", 0, false, false};
    for (int level = 0; level < RMSEG_LEVELS; level++) {
        const rmseg_backend *backend = level == RMSEG_LEVEL_plain ? rmseg_backend_find("plain") : at_level(level);
        if (!backend) continue;
        check_against_plain64(&wide, backend, flat);
        check_against_plain64(&volume, backend, solid);
        check_against_plain64(&halves, backend, flat);
        check_against_plain64(&batch_norm, backend, flat);
        check_against_plain64(&no_norm, backend, solid);
        check_against_plain64(&vnet, backend, deep);
    }
}

/* Samples of a batch do not see one another at inference; two executors share the weights. */
static void check_inference(const rmseg_backend *backend)
{
    run pair = open_run(&batch_norm, backend, 2, flat, true);
    for (int i = 0; i < 3; i++) step(&pair, i);
    rmseg_executor *two = NULL, *one = NULL;
    assert_ok(rmseg_executor_create(&two, pair.net, pair.backend, 2, flat, false));
    assert_ok(rmseg_executor_create(&one, pair.net, pair.backend, 1, flat, false));
    int64_t batches = rmseg_weights_batches_tracked(pair.weights);
    assert_int_equal(batches, 3);
    assert_ok(rmseg_executor_forward(pair.logits, two, pair.weights, pair.input, 0, 0));
    double last = element(&pair, pair.outputs - 1);
    const char *second = (const char *)pair.input + (size_t)(pair.inputs / 2) * pair.backend->element;
    assert_ok(rmseg_executor_forward(pair.logits, one, pair.weights, second, 99, 99));
    assert_true(fabs(element(&pair, pair.outputs / 2 - 1) - last) < 1e-5);
    assert_int_equal(rmseg_weights_batches_tracked(pair.weights), batches);
    assert_true(rmseg_executor_bytes(one) < rmseg_executor_bytes(two));
    rmseg_executor_destroy(one);
    rmseg_executor_destroy(two);
    close_run(&pair);
}

static void inference_uses_running_statistics_and_no_dropout(void **state)
{
    (void)state;
    with_each_backend(check_inference);
}

/* Every parameter and running statistic away from where it starts, norms of both signs: the same on every backend. */
static void stir(rmseg_weights *weights, const rmseg_net *net)
{
    for (int64_t i = 0; i < rmseg_net_tensors(net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(net, i);
        if (info->role == RMSEG_ROLE_COUNTER || info->rank > 1) continue;
        rmseg_random random = rmseg_random_stream(9, RMSEG_RANDOM_TEST, (uint32_t)i, 0);
        float *values = rmseg_alloc(info->elements, sizeof *values);
        for (int64_t j = 0; j < info->elements; j++) {
            double z = rmseg_random_normal(&random);
            bool variance = info->role == RMSEG_ROLE_STATE && info->index == 1;
            values[j] = (float)(variance ? 0.2 + z * z : info->role == RMSEG_ROLE_STATE ? 0.3 * z : 1 - 0.5 * z);
        }
        assert_ok(rmseg_weights_set(weights, i, RMSEG_TENSOR_VALUE, values));
        rmseg_free(values);
    }
}

/* Logits of two samples, as doubles; owned. */
static double *predictions(const rmseg_net_spec *spec, const rmseg_backend *backend, const int64_t size[3],
                           int64_t *count)
{
    run r = open_run(spec, backend, 2, size, false);
    stir(r.weights, r.net);
    assert_ok(rmseg_executor_forward(r.logits, r.executor, r.weights, r.input, 0, 0));
    double *all = rmseg_alloc(r.outputs, sizeof *all);
    for (*count = 0; *count < r.outputs; ++*count) all[*count] = element(&r, *count);
    close_run(&r);
    return all;
}

/* One spec at every level, with Winograd's algorithm and without. */
static void check_prediction(rmseg_net_spec spec, const int64_t size[3])
{
    int64_t count = 0;
    double *truth = predictions(&spec, rmseg_backend_find("plain64"), size, &count), largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(truth[i]));
    for (int run = 0; run < 2 * RMSEG_LEVELS; run++) {
        const rmseg_backend *backend = at_level(run / 2);
        if (!backend) continue;
        spec.exact = run % 2;
        double *found = predictions(&spec, backend, size, &count), difference = 0;
        for (int64_t i = 0; i < count; i++) difference = fmax(difference, fabs(found[i] - truth[i]));
        printf("  %-6s %s %dD, width %lld, norm %s%s: logits differ by %.1e of the largest\n",
               rmseg_level_name(run / 2), spec.net, spec.spatial, (long long)spec.width, spec.norm,
               spec.exact ? ", exact" : "", difference / largest);
        assert_true(difference < 1e-5 * largest); /* some 30 layers of float, a few eps each */
        rmseg_free(found);
    }
    rmseg_free(truth);
}

/* Norms, activations and sums that convolutions take over, against the net op by op in double. */
static void what_convolutions_take_over_changes_no_prediction(void **state)
{
    (void)state;
    const rmseg_net_spec specs[] = {
        {"unet", 2, 3, 2, 16, 2, "batch", "relu", 0.5, false, false},
        {"unet", 3, 1, 3, 5, 1, "batch", "leaky-relu", 0, false, false},
        {"unet", 3, 1, 3, 16, 1, "none", "leaky-relu", 0, false, false},
        {"unet", 2, 3, 2, 4, 2, "instance", "relu", 0, false, false},
        {"vnet", 3, 1, 2, 16, 4, "batch", "relu", 0.5, false, false},
        {"vnet", 3, 1, 2, 3, 4, "batch", "leaky-relu", 0.5, false, false},
        {"vnet", 3, 2, 2, 4, 4, "none", "relu", 0, false, false},
        {"vnet", 3, 1, 2, 8, 4, "batch", "relu", 0, false, false},
        {"unet", 2, 3, 6, 8, 2, "batch", "relu", 0, false, false},
    };
    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++)
        check_prediction(specs[s], specs[s].net[0] == 'v' ? deep : specs[s].spatial == 2 ? flat : solid);
}

/* No norm is left, nor an activation or a sum, and the sum's skip is not written over before it is read. */
static void inference_leaves_convolutions_alone(void **state)
{
    (void)state;
    const rmseg_net_spec spec = {"vnet", 3, 1, 2, 16, 4, "batch", "relu", 0.5, false, false};
    run r = open_run(&spec, rmseg_backend_find("cpu"), 1, deep, false);
    for (int64_t op = 0; op < r.net->node_count; op++) {
        rmseg_op_kind kind = r.net->nodes[op].desc.kind;
        bool gone = kind == RMSEG_OP_NORM || kind == RMSEG_OP_ADD;
        assert_int_equal(r.executor->layers[op] == NULL, gone);
        if (!r.executor->ops[op].adds) continue;
        assert_ptr_not_equal(r.executor->io[op].in[1].data, r.executor->io[op].out[0].data);
    }
    close_run(&r);
}

/* Predictions follow the weights: whatever changes them is seen. */
static void check_following(const rmseg_backend *backend)
{
    run r = open_run(&batch_norm, backend, 2, flat, true);
    rmseg_executor *inference = NULL;
    double seen[5];
    float doubled[3 * 4 * 9] = {0};
    assert_ok(rmseg_executor_create(&inference, r.net, r.backend, 2, flat, false));
    assert_ok(rmseg_weights_keep(r.weights, RMSEG_TENSOR_AVERAGE));
    for (int change = 0; change < 5; change++) {
        if (change == 1) step(&r, 0);
        if (change == 2) assert_ok(rmseg_executor_forward(r.logits, r.executor, r.weights, r.input, 5, 1));
        if (change == 3) rmseg_weights_swap(r.weights);
        if (change == 4) assert_ok(rmseg_weights_get(doubled, r.weights, 0, RMSEG_TENSOR_VALUE));
        for (int i = 0; i < 3 * 4 * 9; i++) doubled[i] *= 2;
        if (change == 4) assert_ok(rmseg_weights_set(r.weights, 0, RMSEG_TENSOR_VALUE, doubled));
        assert_ok(rmseg_executor_forward(r.logits, inference, r.weights, r.input, 0, 0));
        seen[change] = element(&r, 0);
        for (int i = 0; i < change; i++) assert_true(seen[i] != seen[change]);
    }
    rmseg_executor_destroy(inference);
    close_run(&r);
}

static void predictions_follow_the_weights(void **state)
{
    (void)state;
    with_each_backend(check_following);
}

static void check_dropout(const rmseg_backend *backend)
{
    run r = open_run(&batch_norm, backend, 2, flat, true);
    double seen[3];
    for (int i = 0; i < 3; i++) {
        assert_ok(rmseg_executor_forward(r.logits, r.executor, r.weights, r.input, 5, i / 2));
        seen[i] = element(&r, 0);
    }
    assert_true(seen[0] == seen[1]);
    assert_true(seen[0] != seen[2]);
    close_run(&r);
}

static void dropout_depends_on_the_iteration_alone(void **state)
{
    (void)state;
    with_each_backend(check_dropout);
}

/* ---- wrong use --------------------------------------------------------------------------------------------------- */

static void wrong_use_is_told(void **state)
{
    (void)state;
    run r = open_run(&batch_norm, rmseg_backend_find("plain"), 2, flat, true),
        half = open_run(&rounded[0], rmseg_backend_find("plain"), 2, flat, true),
        other = open_run(&no_norm, rmseg_backend_find("plain"), 1, solid, false);
    rmseg_executor *executor = NULL;
    const int64_t odd[3] = {1, 10, 8}, least[3] = {1, 4, 4};
    assert_fails(rmseg_executor_backward(r.executor, r.weights, r.logits), RMSEG_ERROR_INTERNAL, "training forward");
    assert_fails(rmseg_executor_forward(r.logits, r.executor, other.weights, r.input, 0, 0), RMSEG_ERROR_INTERNAL,
                 "another network");
    assert_ok(rmseg_executor_forward(other.logits, other.executor, other.weights, other.input, 0, 0));
    assert_fails(rmseg_executor_backward(other.executor, other.weights, other.logits), RMSEG_ERROR_INTERNAL,
                 "no gradients");
    assert_fails(rmseg_executor_create(&executor, r.net, r.backend, 2, odd, true), RMSEG_ERROR_ARGUMENT,
                 "8 x 8 and 12 x 8");
    assert_fails(rmseg_executor_create(&executor, r.net, r.backend, 1, least, true), RMSEG_ERROR_ARGUMENT,
                 "single value");
    assert_fails(rmseg_executor_create_checkpointed(&executor, half.net, half.backend, 2, flat), RMSEG_ERROR_ARGUMENT,
                 "exclude each other");
    assert_ok(rmseg_executor_create(&executor, r.net, r.backend, 1, least, false));
    rmseg_executor_destroy(executor);
    rmseg_executor_destroy(NULL);
    close_run(&r);
    close_run(&half);
    close_run(&other);
}

/* The first layer whose output is not finite is named, in whichever form it was kept. */
static void a_fault_is_found(void **state)
{
    (void)state;
    for (int bf16 = 0; bf16 < 2; bf16++) {
        rmseg_net_spec spec = batch_norm;
        spec.bf16 = bf16;
        run r = open_run(&spec, rmseg_backend_find("plain"), 2, flat, true);
        float weight[4 * 4 * 9];
        assert_ok(rmseg_executor_forward(r.logits, r.executor, r.weights, r.input, 5, 0));
        assert_null(rmseg_executor_fault(r.executor));
        for (int64_t i = 0; i < rmseg_net_tensors(r.net); i++) {
            if (strcmp(rmseg_net_tensor(r.net, i)->name, "down0.conv2.weight")) continue;
            assert_int_equal(rmseg_net_tensor(r.net, i)->elements, sizeof weight / sizeof *weight);
            assert_ok(rmseg_weights_get(weight, r.weights, i, RMSEG_TENSOR_VALUE));
            weight[0] = NAN;
            assert_ok(rmseg_weights_set(r.weights, i, RMSEG_TENSOR_VALUE, weight));
        }
        assert_ok(rmseg_executor_forward(r.logits, r.executor, r.weights, r.input, 5, 0));
        assert_string_equal(rmseg_executor_fault(r.executor), "down0.conv2");
        close_run(&r);
    }
}

static void running_out_of_memory_is_told_and_nothing_leaks(void **state)
{
    (void)state;
    run r = open_run(&rounded[0], rmseg_backend_find("plain"), 2, flat, true);
    int64_t before = rmseg_memory_stats_get().live_bytes;
    rmseg_executor *executor = NULL;
    rmseg_status status = RMSEG_ERROR_MEMORY;
    for (int64_t n = 1; status != RMSEG_OK; n++) {
        assert_int_equal(status, RMSEG_ERROR_MEMORY);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
        rmseg_memory_fail_at(n);
        status = rmseg_executor_create(&executor, r.net, r.backend, 2, flat, true);
    }
    rmseg_memory_fail_at(0);
    rmseg_executor_destroy(executor);
    assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
    close_run(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skips_are_written_where_they_are_joined),
        cmocka_unit_test(what_does_not_live_at_once_shares_memory),
        cmocka_unit_test(backends_agree),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(deferred_norms_change_no_bit),
        cmocka_unit_test(activations_made_again_change_no_bit),
        cmocka_unit_test(bf16_rounds_what_is_kept_and_nothing_else),
        cmocka_unit_test(bf16_takes_less_memory),
        cmocka_unit_test(gradients_are_off_by_the_rounding_alone),
        cmocka_unit_test(running_allocates_nothing),
        cmocka_unit_test(inference_uses_running_statistics_and_no_dropout),
        cmocka_unit_test(what_convolutions_take_over_changes_no_prediction),
        cmocka_unit_test(inference_leaves_convolutions_alone),
        cmocka_unit_test(predictions_follow_the_weights),
        cmocka_unit_test(dropout_depends_on_the_iteration_alone),
        cmocka_unit_test(wrong_use_is_told),
        cmocka_unit_test(a_fault_is_found),
        cmocka_unit_test(running_out_of_memory_is_told_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
