/* Weights: their first values, in and out of a backend's layout, one step of SGD, and files that fit or do not. */
#include <math.h>

#include "nn/nn.h"
#include "unit.h"

static const rmseg_net_spec spec = {"unet", 2, 3, 2, 4, 1, "batch", "relu", 0, false, false};
static const char *const backends[] = {"plain", "plain64", "cpu"};

typedef struct fixture {
    rmseg_net *net;
    rmseg_weights *weights;
} fixture;

static fixture open_fixture(const char *backend, bool training)
{
    fixture f = {0};
    assert_ok(rmseg_net_create(&f.net, &spec));
    assert_ok(rmseg_weights_create(&f.weights, f.net, rmseg_backend_find(backend), training));
    return f;
}

static void close_fixture(fixture *f)
{
    rmseg_weights_destroy(f->weights);
    rmseg_net_destroy(f->net);
}

static int64_t find(const rmseg_net *net, const char *name)
{
    int64_t i = 0;
    while (strcmp(rmseg_net_tensor(net, i)->name, name) != 0) i++;
    return i;
}

static void get(float *dense, const fixture *f, const char *name, rmseg_tensor_kind kind)
{
    assert_ok(rmseg_weights_get(dense, f->weights, find(f->net, name), kind));
}

/* Every backend there is; a test that takes one is run with each. */
static void with_each_backend(void (*test)(const char *backend))
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (rmseg_backend_find(backends[i])) test(backends[i]);
}

static void check_first_values(const char *backend)
{
    fixture f = open_fixture(backend, false);
    float values[4 * 8 * 9], ones[8];
    assert_ok(rmseg_weights_init(f.weights, 42));
    int64_t head = find(f.net, "up0.conv1.weight");
    assert_int_equal(rmseg_net_tensor(f.net, head)->elements, 4 * 8 * 9);
    assert_ok(rmseg_weights_get(values, f.weights, head, RMSEG_TENSOR_VALUE));
    rmseg_random random = rmseg_random_stream(42, RMSEG_RANDOM_WEIGHTS, (uint32_t)head, 0);
    double largest = 0, bound = 1 / sqrt(8 * 9);
    for (int i = 0; i < 4 * 8 * 9; i++) {
        assert_true(values[i] == (float)((2 * rmseg_random_uniform(&random) - 1) * bound));
        largest = fmax(largest, fabs(values[i]));
    }
    assert_true(largest <= bound && largest > 0.9 * bound);
    get(values, &f, "up0.up.bias", RMSEG_TENSOR_VALUE); /* fan_in of a transposed convolution: OUT channels x kernel */
    for (int i = 0; i < 4; i++) assert_true(fabs(values[i]) <= 1 / sqrt(4 * 4));
    get(ones, &f, "bottom.norm1.weight", RMSEG_TENSOR_VALUE);
    get(values, &f, "bottom.norm1.running_var", RMSEG_TENSOR_VALUE);
    for (int i = 0; i < 8; i++) assert_true(ones[i] == 1 && values[i] == 1);
    get(ones, &f, "bottom.norm1.bias", RMSEG_TENSOR_VALUE);
    get(values, &f, "bottom.norm1.running_mean", RMSEG_TENSOR_VALUE);
    for (int i = 0; i < 8; i++) assert_true(ones[i] == 0 && values[i] == 0);
    close_fixture(&f);
}

static void first_values_are_those_of_the_streams(void **state)
{
    (void)state;
    with_each_backend(check_first_values);
}

static void check_in_and_out(const char *backend)
{
    fixture f = open_fixture(backend, true);
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 0, 0);
    float in[8 * 8 * 9], out[8 * 8 * 9];
    double wide[8 * 8 * 9];
    for (int64_t i = 0; i < rmseg_net_tensors(f.net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(f.net, i);
        int last = info->role == RMSEG_ROLE_PARAMETER ? RMSEG_TENSOR_MOMENTUM : RMSEG_TENSOR_VALUE;
        if (info->role == RMSEG_ROLE_COUNTER) continue;
        for (int kind = 0; kind <= last; kind++) {
            for (int64_t j = 0; j < info->elements; j++) in[j] = (float)rmseg_random_normal(&random);
            assert_ok(rmseg_weights_set(f.weights, i, (rmseg_tensor_kind)kind, in));
            assert_ok(rmseg_weights_get(out, f.weights, i, (rmseg_tensor_kind)kind));
            assert_memory_equal(in, out, (size_t)info->elements * sizeof *in);
            assert_ok(rmseg_weights_get64(wide, f.weights, i, (rmseg_tensor_kind)kind));
            assert_ok(rmseg_weights_set64(f.weights, i, (rmseg_tensor_kind)kind, wide));
            assert_ok(rmseg_weights_get(out, f.weights, i, (rmseg_tensor_kind)kind));
            assert_memory_equal(in, out, (size_t)info->elements * sizeof *in);
        }
    }
    close_fixture(&f);
}

static void tensors_go_in_and_out(void **state)
{
    (void)state;
    with_each_backend(check_in_and_out);
}

static void what_a_tensor_lacks_is_told(void **state)
{
    (void)state;
    fixture f = open_fixture("plain", false);
    float x[8 * 8 * 9];
    int64_t counter = find(f.net, "down0.norm1.num_batches_tracked"), running = find(f.net, "down0.norm1.running_mean");
    assert_fails(rmseg_weights_get(x, f.weights, counter, RMSEG_TENSOR_VALUE), RMSEG_ERROR_INTERNAL,
                 "num_batches_tracked");
    assert_fails(rmseg_weights_get(x, f.weights, running, RMSEG_TENSOR_GRADIENT), RMSEG_ERROR_INTERNAL, "no parameter");
    assert_fails(rmseg_weights_get(x, f.weights, 0, RMSEG_TENSOR_GRADIENT), RMSEG_ERROR_INTERNAL, "not for training");
    assert_fails(rmseg_weights_get(x, f.weights, 999, RMSEG_TENSOR_VALUE), RMSEG_ERROR_INTERNAL, "999");
    assert_fails(rmseg_weights_step(NULL, f.weights, &(rmseg_sgd){.lr = 1}), RMSEG_ERROR_INTERNAL, "not for training");
    close_fixture(&f);
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

/* Sets one tensor's value and gradient to constants, all other gradients to 0. */
static void set_constants(fixture *f, int64_t tensor, float value, float gradient)
{
    float x[8 * 8 * 9];
    for (int64_t i = 0; i < rmseg_net_tensors(f->net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(f->net, i);
        if (info->role != RMSEG_ROLE_PARAMETER) continue;
        for (int64_t j = 0; j < info->elements; j++) x[j] = i == tensor ? gradient : 0;
        assert_ok(rmseg_weights_set(f->weights, i, RMSEG_TENSOR_GRADIENT, x));
        for (int64_t j = 0; j < info->elements; j++) x[j] = value;
        if (i == tensor) assert_ok(rmseg_weights_set(f->weights, i, RMSEG_TENSOR_VALUE, x));
    }
}

static void check_step(const char *backend)
{
    fixture f = open_fixture(backend, true);
    int64_t tensor = find(f.net, "head.bias");
    float x[2];
    double norm = 0;
    rmseg_sgd sgd = {.lr = 0.1, .momentum = 0.9, .decay = 0.01};
    set_constants(&f, tensor, 2, 3);
    double w = 2, v = 0;
    for (int step = 0; step < 3; step++) {
        assert_ok(rmseg_weights_step(&norm, f.weights, &sgd));
        v = 0.9 * v + (3 + 0.01 * w);
        w -= 0.1 * v;
        assert_float_equal(norm, 3 * sqrt(2), 1e-6);
        assert_ok(rmseg_weights_get(x, f.weights, tensor, RMSEG_TENSOR_VALUE));
        assert_true(fabs(x[1] - w) < 1e-6 * fabs(w) + 1e-6);
        assert_ok(rmseg_weights_get(x, f.weights, tensor, RMSEG_TENSOR_MOMENTUM));
        assert_true(fabs(x[1] - v) < 1e-6 * fabs(v));
    }
    sgd.clip = sqrt(2); /* a third of the norm: the gradient counts as 1 */
    sgd.nesterov = true;
    assert_ok(rmseg_weights_step(&norm, f.weights, &sgd));
    double g = 1 + 0.01 * w;
    v = 0.9 * v + g;
    w -= 0.1 * (g + 0.9 * v);
    assert_float_equal(norm, 3 * sqrt(2), 1e-6);
    assert_ok(rmseg_weights_get(x, f.weights, tensor, RMSEG_TENSOR_VALUE));
    assert_true(fabs(x[0] - w) < 3e-6);
    set_constants(&f, tensor, 2, NAN);
    assert_fails(rmseg_weights_step(&norm, f.weights, &sgd), RMSEG_ERROR_NUMERIC, "NaN at head.bias");
    set_constants(&f, tensor, 2, INFINITY);
    assert_fails(rmseg_weights_step(&norm, f.weights, &sgd), RMSEG_ERROR_NUMERIC, "infinite");
    assert_ok(rmseg_weights_get(x, f.weights, tensor, RMSEG_TENSOR_VALUE));
    assert_true(x[0] == 2);
    close_fixture(&f);
}

/* By PyTorch's formula, in double; the average beside it. */
static void check_adamw_step(const char *backend)
{
    fixture f = open_fixture(backend, true);
    int64_t tensor = find(f.net, "head.bias");
    float x[2];
    double w = 2, m = 0, s = 0, average = 2;
    rmseg_adamw adamw = {.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .decay = 0.5};
    set_constants(&f, tensor, 2, 3);
    assert_fails(rmseg_weights_step_adamw(NULL, f.weights, &adamw, 0), RMSEG_ERROR_INTERNAL, "mean squares");
    assert_ok(rmseg_weights_keep(f.weights, RMSEG_TENSOR_SQUARE));
    assert_ok(rmseg_weights_keep(f.weights, RMSEG_TENSOR_AVERAGE));
    for (int step = 1; step <= 3; step++) {
        adamw.step = step;
        assert_ok(rmseg_weights_step_adamw(NULL, f.weights, &adamw, 0));
        rmseg_weights_average(f.weights, 0.75);
        m = 0.9 * m + 0.1 * 3;
        s = 0.99 * s + 0.01 * 9;
        w -= 0.1 * 0.5 * w;
        w -= 0.1 / (1 - pow(0.9, step)) * m / (sqrt(s / (1 - pow(0.99, step))) + 1e-8);
        average = 0.75 * average + 0.25 * w;
        assert_ok(rmseg_weights_get(x, f.weights, tensor, RMSEG_TENSOR_VALUE));
        assert_true(fabs(x[1] - w) < 1e-5);
    }
    rmseg_weights_swap(f.weights);
    assert_ok(rmseg_weights_get(x, f.weights, tensor, RMSEG_TENSOR_VALUE));
    assert_true(fabs(x[1] - average) < 1e-5);
    close_fixture(&f);
}

static void adamw_is_pytorchs(void **state)
{
    (void)state;
    with_each_backend(check_adamw_step);
}

static void a_step_is_sgd_with_momentum_and_decay(void **state)
{
    (void)state;
    with_each_backend(check_step);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void check_round_trip(const char *backend)
{
    fixture a = open_fixture(backend, true), b = open_fixture(backend, true);
    rmseg_tensor_file file = {0}, again = {0};
    rmseg_sgd sgd = {.lr = 0.1, .momentum = 0.9};
    assert_ok(rmseg_weights_init(a.weights, 3));
    set_constants(&a, find(a.net, "head.bias"), 1, 1);
    assert_ok(rmseg_weights_step(NULL, a.weights, &sgd));
    rmseg_weights_set_batches_tracked(a.weights, 17);
    assert_ok(rmseg_weights_save(&file, a.weights, true));
    assert_ok(rmseg_weights_load(b.weights, &file, true, "a"));
    assert_int_equal(rmseg_weights_batches_tracked(b.weights), 17);
    assert_ok(rmseg_weights_save(&again, b.weights, true));
    assert_int_equal(file.count, again.count);
    for (int64_t i = 0; i < file.count; i++) {
        assert_string_equal(file.tensors[i].name, again.tensors[i].name);
        assert_memory_equal(file.tensors[i].data, again.tensors[i].data, file.tensors[i].bytes);
    }
    assert_ok(rmseg_weights_load(b.weights, &file, false, "a")); /* a state serves as weights */
    rmseg_tensor_file_destroy(&file);
    rmseg_tensor_file_destroy(&again);
    close_fixture(&a);
    close_fixture(&b);
}

static void weights_survive_a_file(void **state)
{
    (void)state;
    with_each_backend(check_round_trip);
}

static void files_that_do_not_fit_change_nothing(void **state)
{
    (void)state;
    fixture f = open_fixture("plain", true);
    rmseg_tensor_file file = {0};
    float before[2], after[2];
    assert_ok(rmseg_weights_init(f.weights, 3));
    get(before, &f, "head.bias", RMSEG_TENSOR_VALUE);
    rmseg_weights_save(&file, f.weights, false);
    rmseg_named_tensor *last = &file.tensors[file.count - 1];
    ((float *)last->data)[0] = 9;
    assert_fails(rmseg_weights_load(f.weights, &file, true, "w"), RMSEG_ERROR_FORMAT,
                 "w: momentum.down0.conv1.weight is missing");
    last->dims[0] = 1;
    assert_fails(rmseg_weights_load(f.weights, &file, false, "w"), RMSEG_ERROR_FORMAT,
                 "head.bias is 1 of F32; this network expects 2");
    last->dims[0] = 2;
    last->dtype = "I64";
    assert_fails(rmseg_weights_load(f.weights, &file, false, "w"), RMSEG_ERROR_FORMAT, "head.bias is 2 of I64");
    last->dtype = "F32";
    last->name[0] = 'd';
    assert_fails(rmseg_weights_load(f.weights, &file, false, "w"), RMSEG_ERROR_FORMAT, "head.bias is missing");
    last->name[0] = 'h';
    assert_ok(rmseg_tensor_file_add(&file, "head.biases", "F32", 1, (const int64_t[1]){2}, before));
    assert_fails(rmseg_weights_load(f.weights, &file, false, "w"), RMSEG_ERROR_FORMAT,
                 "head.biases belongs to no layer of this network; the nearest name is head.bias");
    get(after, &f, "head.bias", RMSEG_TENSOR_VALUE);
    assert_memory_equal(before, after, sizeof before);
    rmseg_tensor_file_destroy(&file);
    close_fixture(&f);
}

static void a_spec_survives_a_file(void **state)
{
    (void)state;
    rmseg_net_spec in = {"unet", 3, 1, 7, 12, 3, "batch", "leaky-relu", 0.1, true, false}, out = {0};
    rmseg_tensor_file file = {0}, empty = {0};
    assert_ok(rmseg_net_spec_save(&file, &in));
    assert_ok(rmseg_net_spec_load(&out, &file, "w"));
    assert_string_equal(out.net, in.net);
    assert_string_equal(out.norm, in.norm);
    assert_string_equal(out.activation, in.activation);
    assert_true(out.spatial == in.spatial && out.in_channels == in.in_channels && out.out_channels == in.out_channels);
    assert_true(out.width == in.width && out.depth == in.depth && out.dropout == in.dropout && out.exact == in.exact);
    assert_fails(rmseg_net_spec_load(&out, &empty, "w"), RMSEG_ERROR_FORMAT, "w: the metadata lacks rmseg.net");
    rmseg_free(file.values[4]);
    file.values[4] = rmseg_strdup("wide");
    assert_fails(rmseg_net_spec_load(&out, &file, "w"), RMSEG_ERROR_FORMAT, "w: rmseg.width is \"wide\"");
    rmseg_tensor_file_destroy(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_values_are_those_of_the_streams),
        cmocka_unit_test(tensors_go_in_and_out),
        cmocka_unit_test(what_a_tensor_lacks_is_told),
        cmocka_unit_test(a_step_is_sgd_with_momentum_and_decay),
        cmocka_unit_test(adamw_is_pytorchs),
        cmocka_unit_test(weights_survive_a_file),
        cmocka_unit_test(files_that_do_not_fit_change_nothing),
        cmocka_unit_test(a_spec_survives_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
