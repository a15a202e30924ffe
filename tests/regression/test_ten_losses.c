/*
 * Ten training losses of small U-Nets and V-Nets against PyTorch, from the same weights and batches (tools/golden_unet.py), on
 * every backend and level this machine can run: numbers that only forward, objective, backward and optimiser can
 * produce together.
 */
#include <math.h>

#include "loss/loss.h"
#include "nn/nn.h"
#include "unit/unit.h"

#define SEED  3
#define STEPS 10

/* Losses: relative; tensors: L2 of the difference over L2. The golden tensors are stored in float, the losses in
 * double. */
typedef struct closeness {
    double losses, tensors;
} closeness;
static const closeness single = {1e-4, 1e-4}, wide = {1e-11, 1e-7};

/* 29 batch norms one behind another, the lowest over four numbers: rounding alone moves float trainings apart, PyTorch's
 * as well (by 5e-4 within ten losses at a learning rate of 0.01). In double they agree as all others. */
static const closeness single_deep = {1e-3, 2e-3};

typedef struct training {
    rmseg_tensor_file golden;
    const rmseg_backend *backend;
    bool wide;
    closeness close;
    rmseg_net *net;
    rmseg_weights *weights;
    rmseg_executor *executor;
    rmseg_objective *objective;
    rmseg_evaluator *evaluator;
    rmseg_batch batch;
    rmseg_sgd sgd;
    void *input, *logits, *dlogits, *map;
    int32_t *index;
    int64_t inputs, outputs, voxels; /* elements; voxels of the whole batch */
} training;

/* ---- the golden file --------------------------------------------------------------------------------------------- */

static const rmseg_named_tensor *golden(const training *t, const char *prefix, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const rmseg_named_tensor *found = rmseg_tensor_file_find(&t->golden, full);
    if (!found) fail_msg("the golden file lacks %s", full);
    return found;
}

static const char *note(const training *t, const char *key)
{
    const char *value = rmseg_tensor_file_value(&t->golden, key);
    if (!value) fail_msg("the golden file lacks %s", key);
    return value;
}

/* ||x - expected|| / ||expected||, and the squares to add up elsewhere. */
static double distance(const double *x, const rmseg_named_tensor *expected, double *difference, double *size)
{
    const float *y = expected->data;
    double d = 0, s = 0;
    for (size_t i = 0; i < expected->bytes / sizeof *y; i++) {
        d += (x[i] - y[i]) * (x[i] - y[i]);
        s += (double)y[i] * y[i];
    }
    if (difference) *difference += d;
    if (size) *size += s;
    return sqrt(d / s);
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

static double number_at(const training *t, const void *array, int64_t i)
{
    return t->wide ? ((const double *)array)[i] : ((const float *)array)[i];
}

static void set_number(const training *t, void *array, int64_t i, double value)
{
    if (t->wide)
        ((double *)array)[i] = value;
    else
        ((float *)array)[i] = (float)value;
}

static void draw_batch(training *t, const rmseg_net_spec *spec)
{
    rmseg_random x = rmseg_random_stream(SEED, RMSEG_RANDOM_TEST, 1, 0),
                 u = rmseg_random_stream(SEED, RMSEG_RANDOM_TEST, 2, 0);
    bool map = rmseg_objective_head(t->objective) == RMSEG_HEAD_SIGMOID;
    for (int64_t i = 0; i < t->inputs; i++) set_number(t, t->input, i, (float)(2 * rmseg_random_uniform(&x) - 1));
    for (int64_t i = 0; map && i < t->outputs; i++) set_number(t, t->map, i, rmseg_random_uniform(&u) < 0.4);
    for (int64_t i = 0; !map && i < t->voxels; i++)
        t->index[i] = (int32_t)floor(rmseg_random_uniform(&u) * (double)spec->out_channels);
    t->batch.index = map ? NULL : t->index;
    t->batch.map = map ? t->map : NULL;
}

static void make_batch(training *t, const rmseg_net_spec *spec, int64_t n, const int64_t size[3])
{
    t->voxels = n * size[0] * size[1] * size[2];
    t->inputs = t->voxels * spec->in_channels;
    t->outputs = t->voxels * spec->out_channels;
    t->input = rmseg_alloc(t->inputs, t->backend->element);
    t->logits = rmseg_alloc(t->outputs, t->backend->element);
    t->dlogits = rmseg_alloc(t->outputs, t->backend->element);
    t->map = rmseg_alloc(t->outputs, t->backend->element);
    t->index = rmseg_alloc(t->voxels, sizeof *t->index);
    t->batch = (rmseg_batch){.n = n,
                             .k = spec->out_channels,
                             .size = {size[0], size[1], size[2]},
                             .spatial = spec->spatial,
                             .logits = t->logits,
                             .wide = t->wide,
                             .ignore = -1};
    draw_batch(t, spec);
}

static void open_training(training *t, const rmseg_backend *backend, const char *name)
{
    char path[512];
    rmseg_net_spec spec;
    snprintf(path, sizeof path, "%s/unet/%s.safetensors", RMSEG_GOLDEN, name);
    *t = (training){.backend = backend, .sgd = {.momentum = 0.9, .decay = 1e-4}};
    t->wide = backend->element == sizeof(double);
    t->close = t->wide ? wide : strcmp(name, "vnet_batch") == 0 ? single_deep : single;
    assert_ok(rmseg_tensor_file_read(&t->golden, path));
    assert_ok(rmseg_net_spec_load(&spec, &t->golden, path));
    assert_true(rmseg_parse_number(&t->sgd.lr, note(t, "rmseg.lr")));
    assert_ok(rmseg_objective_parse(&t->objective, note(t, "rmseg.objective")));
    const int64_t *dims = golden(t, "", "logits")->dims; /* (N,K,H,W) or (N,K,D,H,W) */
    int64_t size[3] = {1, dims[2], dims[3]};
    if (spec.spatial == 3) memcpy(size, dims + 2, sizeof size);
    assert_ok(rmseg_net_create(&t->net, &spec));
    assert_ok(rmseg_weights_create(&t->weights, t->net, backend, true));
    assert_ok(rmseg_weights_init(t->weights, SEED));
    assert_ok(rmseg_executor_create(&t->executor, t->net, backend, dims[0], size, true));
    make_batch(t, &spec, dims[0], size);
    bool plain = strncmp(backend->name, "plain", 5) == 0;
    assert_ok(rmseg_evaluator_create(&t->evaluator, t->objective, &t->batch, plain ? "plain" : "cpu"));
}

static void close_training(training *t)
{
    rmseg_evaluator_destroy(t->evaluator);
    rmseg_objective_destroy(t->objective);
    rmseg_executor_destroy(t->executor);
    rmseg_weights_destroy(t->weights);
    rmseg_net_destroy(t->net);
    rmseg_tensor_file_destroy(&t->golden);
    rmseg_free(t->input);
    rmseg_free(t->logits);
    rmseg_free(t->dlogits);
    rmseg_free(t->map);
    rmseg_free(t->index);
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* Its values as doubles, owned. */
static double *tensor_of(const training *t, int64_t i, rmseg_tensor_kind kind)
{
    double *x = rmseg_alloc(rmseg_net_tensor(t->net, i)->elements, sizeof *x);
    assert_ok(rmseg_weights_get64(x, t->weights, i, kind));
    return x;
}

static void check_first_weights(const training *t)
{
    const double *first = golden(t, "", "init_first")->data, *sums = golden(t, "", "init_sum")->data;
    int64_t parameter = 0;
    for (int64_t i = 0; i < rmseg_net_tensors(t->net); i++) {
        if (rmseg_net_tensor(t->net, i)->role != RMSEG_ROLE_PARAMETER) continue;
        double *x = tensor_of(t, i, RMSEG_TENSOR_VALUE), sum = 0;
        for (int64_t j = 0; j < rmseg_net_tensor(t->net, i)->elements; j++) sum += x[j];
        assert_true(x[0] == first[parameter]);
        assert_true(fabs(sum - sums[parameter]) < 1e-11);
        parameter++;
        rmseg_free(x);
    }
    assert_int_equal(parameter, golden(t, "", "init_first")->dims[0]);
}

static double check_logits(const training *t, const char *name)
{
    double *x = rmseg_alloc(t->outputs, sizeof *x);
    for (int64_t i = 0; i < t->outputs; i++) x[i] = number_at(t, t->logits, i);
    double found = distance(x, golden(t, "", name), NULL, NULL);
    rmseg_free(x);
    if (!(found < t->close.tensors)) fail_msg("%s differ by %g", name, found);
    return found;
}

/* All gradients together, and each alone unless PyTorch's is rounding noise (the bias before a norm). */
static double check_gradients(const training *t)
{
    double difference = 0, size = 0;
    for (int64_t i = 0; i < rmseg_net_tensors(t->net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(t->net, i);
        if (info->role != RMSEG_ROLE_PARAMETER) continue;
        const rmseg_named_tensor *expected = golden(t, "gradient.", info->name);
        double own_difference = 0, own_size = 0, *x = tensor_of(t, i, RMSEG_TENSOR_GRADIENT);
        double found = distance(x, expected, &own_difference, &own_size);
        rmseg_free(x);
        if (own_size > 1e-20 && !(found < t->close.tensors))
            fail_msg("the gradient of %s differs by %g", info->name, found);
        difference += own_difference;
        size += own_size;
    }
    if (!(sqrt(difference / size) < t->close.tensors)) fail_msg("the gradient differs by %g", sqrt(difference / size));
    return sqrt(difference / size);
}

static void check_states(const training *t)
{
    for (int64_t i = 0; i < rmseg_net_tensors(t->net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(t->net, i);
        if (info->role != RMSEG_ROLE_STATE) continue;
        double *x = tensor_of(t, i, RMSEG_TENSOR_VALUE),
               found = distance(x, golden(t, "state.", info->name), NULL, NULL);
        rmseg_free(x);
        if (!(found < t->close.tensors)) fail_msg("%s differs by %g", info->name, found);
    }
}

static double check_steps(training *t, double *logits, double *gradient)
{
    const double *expected = golden(t, "", "losses")->data, *in_float = golden(t, "", "losses_f32")->data;
    double loss = 0, worst = 0;
    for (int step = 0; step < STEPS; step++) {
        assert_ok(rmseg_executor_forward(t->logits, t->executor, t->weights, t->input, SEED, step));
        assert_ok(rmseg_evaluator_run(t->evaluator, &loss, NULL, t->dlogits, &t->batch));
        assert_ok(rmseg_executor_backward(t->executor, t->weights, t->dlogits));
        if (step == 0) *logits = check_logits(t, "logits");
        if (step == 0) *gradient = check_gradients(t);
        double far = fabs(loss - expected[step]) / expected[step];
        if (!(far < t->close.losses))
            fail_msg("loss %d is %.9g; PyTorch has %.9g, in float32 %.9g", step, loss, expected[step], in_float[step]);
        worst = fmax(worst, far);
        assert_ok(rmseg_weights_step(NULL, t->weights, &t->sgd));
    }
    return worst;
}

static double check_evaluation(training *t)
{
    rmseg_executor *inference = NULL;
    assert_ok(rmseg_executor_create(&inference, t->net, t->backend, t->batch.n, t->batch.size, false));
    assert_ok(rmseg_executor_forward(t->logits, inference, t->weights, t->input, 0, 0));
    rmseg_executor_destroy(inference);
    return check_logits(t, "eval_logits");
}

static void check_case(const rmseg_backend *backend, const char *level, const char *name)
{
    training t;
    double logits = 0, gradient = 0;
    open_training(&t, backend, name);
    check_first_weights(&t);
    double losses = check_steps(&t, &logits, &gradient);
    check_states(&t);
    double evaluation = check_evaluation(&t);
    printf("  %-8s %-3s %-14s losses %.1e  logits %.1e  gradient %.1e  after ten steps %.1e\n", backend->name, level,
           name, losses, logits, gradient, evaluation);
    close_training(&t);
}

/* ---- backends ---------------------------------------------------------------------------------------------------- */

static void check_cases(const rmseg_backend *backend, const char *level)
{
    check_case(backend, level, "flat_batch");
    check_case(backend, level, "flat_none");
    check_case(backend, level, "solid_batch");
    check_case(backend, level, "flat_group");
    check_case(backend, level, "solid_instance");
    check_case(backend, level, "vnet_batch");
    check_case(backend, level, "vnet_none");
}

static void plain(void **state)
{
    (void)state;
    check_cases(rmseg_backend_find("plain"), "");
}

static void plain_in_double(void **state)
{
    (void)state;
    check_cases(rmseg_backend_find("plain64"), "");
}

static void cpu_at_every_level_that_runs(void **state)
{
    (void)state;
    int ran = 0;
    for (int level = 0; level < RMSEG_LEVELS; level++) {
        const rmseg_backend *backend = rmseg_backend_at_level(rmseg_level_name(level));
        if (!backend) continue;
        check_cases(backend, rmseg_level_name(level));
        ran++;
    }
    if (ran == 0) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(plain_in_double),
        cmocka_unit_test(cpu_at_every_level_that_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
