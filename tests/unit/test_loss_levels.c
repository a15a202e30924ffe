/*
 * test_loss_levels.c - the engine's sweeps at every processor level against the plain loops in double, on rows of
 * awkward lengths, any number of channels and hostile logits.
 */
#include <math.h>

#include "backend/backend.h"
#include "loss/loss.h"
#include "unit.h"

/* The inputs are floats for both, so what differs is the engine's float arithmetic: probabilities good to some 3e-7,
 * sums of at most 256 floats, a Dice denominator. Largest differences seen: values 7e-7 (1 - Dice of one voxel),
 * gradients 1.1e-6.
 */
#define VALUE_TOLERANCE    2e-6
#define GRADIENT_TOLERANCE 5e-6
#define CANARY             7.25f
#define GUARD              16

typedef struct inputs {
    rmseg_batch batch; /* float */
    int64_t voxels, elements;
    float *logits, *map, *gradient; /* the gradient stands between two guards */
    double *wide_logits, *wide_map, *expected;
    int32_t *index;
} inputs;

static const int64_t shapes[][4] = {
    /* N, D, H, W */
    {1, 1, 1, 1},   {2, 1, 1, 3},   {1, 1, 3, 16},  {1, 1, 2, 17},   {3, 2, 5, 7},    {2, 3, 4, 80},
    {1, 1, 2, 255}, {1, 1, 3, 257}, {1, 1, 2, 513}, {2, 1, 70, 131}, {1, 1, 1, 9000}, {1, 40, 21, 30},
};

static inputs make_inputs(const int64_t shape[4], int64_t k, double spread)
{
    int64_t voxels = shape[1] * shape[2] * shape[3], elements = shape[0] * k * voxels;
    inputs in = {.voxels = voxels, .elements = elements};
    rmseg_random r = rmseg_random_stream(3, RMSEG_RANDOM_TEST, (uint32_t)(elements * 31 + k), (uint32_t)spread);
    in.logits = rmseg_alloc(elements, 4);
    in.map = rmseg_alloc(elements, 4);
    in.gradient = rmseg_alloc(elements + 2 * GUARD, 4);
    in.wide_logits = rmseg_alloc(elements, 8);
    in.wide_map = rmseg_alloc(elements, 8);
    in.expected = rmseg_alloc(elements, 8);
    in.index = rmseg_alloc(shape[0] * voxels, 4);
    for (int64_t i = 0; i < elements; i++) {
        in.logits[i] =
            (float)(spread * (rmseg_random_below(&r, 5) ? rmseg_random_normal(&r) : rmseg_random_uniform(&r) - 0.5));
        in.map[i] = rmseg_random_below(&r, 9) == 0 ? -1
                    : rmseg_random_below(&r, 2)    ? (float)rmseg_random_uniform(&r)
                                                   : 1;
        in.wide_logits[i] = in.logits[i];
        in.wide_map[i] = in.map[i];
    }
    for (int64_t i = 0; i < shape[0] * voxels; i++)
        in.index[i] = (int32_t)rmseg_random_below(&r, 7) ? (int32_t)rmseg_random_below(&r, k > 1 ? k : 2) : 9;
    in.batch = (rmseg_batch){
        .n = shape[0], .k = k, .size = {shape[1], shape[2], shape[3]}, .spatial = shape[1] > 1 ? 3 : 2, .ignore = 9};
    return in;
}

static void free_inputs(inputs *in)
{
    void *arrays[] = {in->logits, in->map, in->gradient, in->wide_logits, in->wide_map, in->expected, in->index};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) rmseg_free(arrays[i]);
}

static uint64_t hash(const void *bytes, size_t length)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < length; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return h;
}

static void run(const rmseg_objective *o, const char *backend, rmseg_batch batch, double *terms, void *gradient)
{
    rmseg_evaluator *e;
    double total;
    assert_ok(rmseg_evaluator_create(&e, o, &batch, backend));
    assert_ok(rmseg_evaluator_run(e, &total, terms, gradient, &batch));
    rmseg_evaluator_destroy(e);
}

/* Where the gradient takes the logits' place nothing can wait in it between the sweeps: that changes no bit. */
static void compare_in_place(const inputs *in, const rmseg_objective *o, rmseg_batch batch)
{
    float *both = rmseg_alloc(in->elements, sizeof *both);
    double terms[16];
    assert_non_null(both);
    memcpy(both, in->logits, (size_t)in->elements * sizeof *both);
    batch.logits = both;
    run(o, "cpu", batch, terms, both);
    assert_memory_equal(both, in->gradient + GUARD, (size_t)in->elements * sizeof *both);
    rmseg_free(both);
}

static void compare(inputs *in, const char *expression, const rmseg_objective *o, bool map)
{
    double found[16], expected[16], largest = 0;
    rmseg_batch batch = in->batch;
    batch.index = map ? NULL : in->index;
    batch.wide = true;
    batch.logits = in->wide_logits;
    batch.map = map ? in->wide_map : NULL;
    run(o, "plain64", batch, expected, in->expected);

    batch.wide = false;
    batch.logits = in->logits;
    batch.map = map ? in->map : NULL;
    for (int64_t i = 0; i < in->elements + 2 * GUARD; i++)
        in->gradient[i] = i < GUARD || i >= GUARD + in->elements ? CANARY : NAN;
    uint64_t before = hash(in->logits, (size_t)in->elements * 4) ^ hash(in->map, (size_t)in->elements * 4);
    run(o, "cpu", batch, found, in->gradient + GUARD);
    assert_true(before == (hash(in->logits, (size_t)in->elements * 4) ^ hash(in->map, (size_t)in->elements * 4)));

    const int64_t *size = batch.size;
    for (int64_t t = 0; t < rmseg_objective_terms(o); t++)
        if (!(fabs(found[t] - expected[t]) <= VALUE_TOLERANCE * fmax(fabs(expected[t]), 1e-2)))
            fail_msg("%s at %s (%lld,%lld,%lld,%lld,%lld), term %lld: %.9g instead of %.9g", expression,
                     rmseg_cpu_level(), (long long)batch.n, (long long)batch.k, (long long)size[0], (long long)size[1],
                     (long long)size[2], (long long)t, found[t], expected[t]);
    for (int64_t i = 0; i < in->elements; i++) largest = fmax(largest, fabs(in->expected[i]));
    for (int64_t i = 0; i < in->elements; i++)
        if (!(fabs(in->gradient[GUARD + i] - in->expected[i]) <= GRADIENT_TOLERANCE * largest))
            fail_msg("%s at %s (%lld,%lld,%lld,%lld,%lld), gradient %lld: %.9g instead of %.9g", expression,
                     rmseg_cpu_level(), (long long)batch.n, (long long)batch.k, (long long)size[0], (long long)size[1],
                     (long long)size[2], (long long)i, in->gradient[GUARD + i], in->expected[i]);
    if (!map) compare_in_place(in, o, batch);
    for (int64_t i = 0; i < GUARD; i++)
        assert_true(in->gradient[i] == CANARY && in->gradient[GUARD + in->elements + i] == CANARY);
}

/* With no voxel left out. */
static void compare_whole(inputs *in, const char *expression, const rmseg_objective *o)
{
    inputs whole = *in;
    whole.batch.ignore = -1;
    whole.index = rmseg_alloc(in->batch.n * in->voxels, sizeof *whole.index);
    for (int64_t i = 0; i < in->batch.n * in->voxels; i++) whole.index[i] = in->index[i] == 9 ? 0 : in->index[i];
    compare(&whole, expression, o, false);
    rmseg_free(whole.index);
}

/* The first is swept by rows of any kind, the others, with softmax over two classes and sigmoid, in registers: with all
 * that both classes may be asked for; as most write it; without a logarithm; with class weights and distances. */
static const char *const mixtures[] = {
    "ce + dice + dice(variant=monai) + rm(%A) + rm(%B) + rm(%C) + rm(%B; center=centroid, channels=all) + "
    "dice(variant=monai, soft_label=true) + 0.5*focal(gamma=1.5) + hausdorff(variant=ma, alpha=1) + moment(%C) + size",
    "ce + dice + dice(variant=monai) + rm(%A; channels=all) + rm(%B; center=centroid, channels=all) + "
    "hausdorff(channels=all) + moment(%C; channels=all) + centroid + size",
    "ce + dice + rm(%A) + rm(%B) + rm(%C)",
    "dice + rm(%C) + moment(%A)",
    "ce(weights=%W) + boundary + mse(channels=0)",
};

/* `mixture` with the orders of an expression in `spatial` axes and a weight for each of the k channels. */
static void write_expression(char *text, const char *head, const char *mixture, int spatial, int64_t k)
{
    static const char *const orders[2][3] = {{"2,0", "0,2", "2,2"}, {"2,0,0", "0,0,2", "2,1,2"}};
    text += sprintf(text, "%s: ", head);
    for (const char *from = mixture; *from; from++)
        if (*from != '%')
            *text++ = *from;
        else if (*++from != 'W')
            text += sprintf(text, "%s", orders[spatial - 2][*from - 'A']);
        else
            for (int64_t c = 0; c < k; c++) text += sprintf(text, "%s%d.5", c ? "+" : "", (int)c);
    *text = 0;
}

static void check_shape(const int64_t shape[4], int64_t k, double spread)
{
    static const char *const heads[] = {"sigmoid", "softmax", "none"};
    inputs in = make_inputs(shape, k, spread);
    for (int h = 0; h < 3; h++) {
        if (h == 1 && k == 1) continue;
        for (int64_t i = 0; h == 2 && i < in.elements; i++)
            in.wide_logits[i] = in.logits[i] = (float)(0.001 + fabs(fmod(in.logits[i], 0.998)));
        for (size_t i = 0; i < (k <= 3 ? sizeof mixtures / sizeof *mixtures : 1); i++) {
            char expression[512];
            rmseg_objective *o;
            write_expression(expression, heads[h], mixtures[i], in.batch.spatial, k);
            assert_ok(rmseg_objective_parse(&o, expression));
            compare(&in, expression, o, false);
            compare(&in, expression, o, true);
            compare_whole(&in, expression, o);
            rmseg_objective_destroy(o);
        }
    }
    free_inputs(&in);
}

/* The engine at each level this processor runs; RMSEG_CPU is put back afterwards. */
static void at_every_level(void (*check)(void))
{
    const char *given = getenv("RMSEG_CPU");
    char *before = given ? rmseg_strdup(given) : NULL;
    int ran = 0;
    assert_string_equal(rmseg_cpu_level_list(0), "plain");
    for (int64_t i = 1; rmseg_cpu_level_list(i); i++) {
        if (!rmseg_cpu_level_runs(rmseg_cpu_level_list(i))) continue;
        setenv("RMSEG_CPU", rmseg_cpu_level_list(i), 1);
        check();
        print_message("%s agrees\n", rmseg_cpu_level_list(i));
        ran++;
    }
    if (before)
        setenv("RMSEG_CPU", before, 1);
    else
        unsetenv("RMSEG_CPU");
    rmseg_free(before);
    assert_true(ran > 0);
}

static void check_shapes(void)
{
    static const int64_t channels[] = {1, 2, 3, 5, 17};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int j = 0; j < 5; j++) check_shape(shapes[i], channels[j], 2);
}

static void check_hostile(void)
{
    static const double spreads[] = {80, 1000, 1e4};
    for (int i = 0; i < 3; i++)
        for (int64_t k = 1; k <= 3; k++) check_shape(shapes[9], k, spreads[i]);
}

/* One voxel's cross-entropy is log1p(exp(-d)): small values keep their digits, down to where exp is cut off. */
static void check_small_values(void)
{
    rmseg_objective *o;
    assert_ok(rmseg_objective_parse(&o, "softmax: ce"));
    for (double d = -90; d < 86; d += 0.173) {
        float logits[2] = {0.25f, (float)(0.25 + d)}, gradient[2];
        int32_t label = 1;
        double found;
        rmseg_batch batch = {
            .n = 1, .k = 2, .size = {1, 1, 1}, .spatial = 2, .logits = logits, .index = &label, .ignore = -1};
        run(o, "cpu", batch, &found, gradient);
        double z = (double)logits[1] - (double)logits[0], expected = z > 0 ? log1p(exp(-z)) : log1p(exp(z)) - z;
        /* z itself is rounded to float: that alone moves the value by |z| 6e-8 of it. */
        if (!(fabs(found - expected) <= (4e-7 + 6e-8 * fabs(z)) * expected))
            fail_msg("log1p(exp(%g)): %.9g instead of %.9g", -z, found, expected);
    }
    rmseg_objective_destroy(o);
}

static rmseg_status status_of(const rmseg_objective *o, const rmseg_batch *batch, float *gradient)
{
    rmseg_evaluator *e;
    double total;
    assert_ok(rmseg_evaluator_create(&e, o, batch, "cpu"));
    rmseg_status status = rmseg_evaluator_run(e, &total, NULL, gradient, batch);
    rmseg_evaluator_destroy(e);
    return status;
}

/* A NaN is seen wherever it stands, unless its voxel is ignored; so are truths out of range. */
static void check_faults(void)
{
    static const char *const expressions[] = {"sigmoid: dice", "none: mse", "softmax: mse"};
    for (int64_t k = 1; k <= 3; k++)
        for (int j = 0; j < (k > 1 ? 3 : 2); j++) {
            inputs in = make_inputs((int64_t[4]){1, 1, 3, 37}, k, 1);
            rmseg_objective *o;
            assert_ok(rmseg_objective_parse(&o, expressions[j]));
            in.batch.logits = in.logits;
            in.batch.index = in.index;
            memset(in.index, 0, 111 * sizeof *in.index);
            for (int64_t i = 0; i < in.elements; i += 5) {
                float kept = in.logits[i];
                in.logits[i] = NAN;
                assert_int_equal(status_of(o, &in.batch, NULL), RMSEG_ERROR_NUMERIC);
                in.index[i % in.voxels] = 9;
                assert_int_equal(status_of(o, &in.batch, in.gradient), RMSEG_OK);
                assert_true(in.gradient[i] == 0);
                in.index[i % in.voxels] = 8;
                in.logits[i] = kept;
                assert_int_equal(status_of(o, &in.batch, NULL), RMSEG_ERROR_ARGUMENT);
                in.index[i % in.voxels] = 0;
            }
            in.batch.index = NULL;
            in.batch.map = in.map;
            in.map[35] = -1;
            in.map[36] = 1.001f;
            assert_int_equal(status_of(o, &in.batch, NULL), RMSEG_ERROR_ARGUMENT);
            in.map[36] = -1;
            assert_int_equal(status_of(o, &in.batch, NULL), RMSEG_OK);
            rmseg_objective_destroy(o);
            free_inputs(&in);
        }
}

/* The index as each of its types; of `in`, whose values fit them all. */
static void *index_of_type(const inputs *in, rmseg_index_type type)
{
    int64_t count = in->batch.n * in->voxels;
    void *index = rmseg_alloc(count, sizeof(int64_t));
    for (int64_t i = 0; i < count; i++) switch (type) {
        case RMSEG_INDEX_I32: ((int32_t *)index)[i] = in->index[i]; break;
        case RMSEG_INDEX_U8: ((uint8_t *)index)[i] = (uint8_t)in->index[i]; break;
        case RMSEG_INDEX_I16: ((int16_t *)index)[i] = (int16_t)in->index[i]; break;
        case RMSEG_INDEX_I64: ((int64_t *)index)[i] = in->index[i]; break;
        }
    return index;
}

static void check_types_on(const char *backend, inputs *in, const rmseg_objective *o)
{
    double first[8], terms[8];
    rmseg_batch batch = in->batch;
    batch.wide = !strcmp(backend, "plain64");
    batch.logits = batch.wide ? (void *)in->wide_logits : (void *)in->logits;
    size_t bytes = (size_t)in->elements * (batch.wide ? 8 : 4);
    void *gradient = rmseg_alloc(in->elements, 8), *expected = rmseg_alloc(in->elements, 8);
    for (int type = RMSEG_INDEX_I32; type <= RMSEG_INDEX_I64; type++) {
        void *index = index_of_type(in, type);
        batch.index = index;
        batch.index_type = type;
        memset(type ? terms : first, 0, sizeof terms);
        run(o, backend, batch, type ? terms : first, type ? gradient : expected);
        if (type) assert_memory_equal(terms, first, sizeof first);
        if (type) assert_memory_equal(gradient, expected, bytes);
        rmseg_free(index);
    }
    rmseg_free(gradient);
    rmseg_free(expected);
}

/* The same bits whatever integers the index is stored in; a centroid and a distance read it by other ways. */
static void check_types(void)
{
    rmseg_objective *o;
    assert_ok(rmseg_objective_parse(
        &o, "softmax: ce + dice + rm(1,1; center=centroid) + boundary + hausdorff + focal + moment(1,0)"));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (shapes[i][1] > 1) continue;
        inputs in = make_inputs(shapes[i], 3, 2);
        check_types_on("cpu", &in, o);
        check_types_on("plain", &in, o);
        check_types_on("plain64", &in, o);
        free_inputs(&in);
    }
    rmseg_objective_destroy(o);
}

static void check_strange(const void *index, rmseg_index_type type, int32_t ignore, const char *says)
{
    float logits[2 * 3] = {0}, gradient[2 * 3];
    rmseg_objective *o;
    rmseg_batch batch = {.n = 1,
                         .k = 2,
                         .size = {1, 1, 3},
                         .spatial = 2,
                         .logits = logits,
                         .index = index,
                         .index_type = type,
                         .ignore = ignore};
    assert_ok(rmseg_objective_parse(&o, "ce"));
    assert_int_equal(status_of(o, &batch, gradient), says ? RMSEG_ERROR_ARGUMENT : RMSEG_OK);
    if (says && !strstr(rmseg_error_last(), says)) fail_msg("'%s' lacks '%s'", rmseg_error_last(), says);
    rmseg_objective_destroy(o);
}

/* What a type can hold and 32 bits cannot is neither a channel nor ignored, whatever its lower bits say. */
static void check_strangers(void)
{
    const int64_t wraps[] = {0, 1, (int64_t)1 << 32}, wraps_to_ignored[] = {0, 1, ((int64_t)1 << 32) + 255};
    const int64_t torch[] = {0, -100, 1}, lowest[] = {0, INT64_MIN, 1}, least[] = {0, INT32_MIN, 1};
    const int16_t negative[] = {0, 1, -3};
    const uint8_t bytes[] = {0, 255, 1};
    check_strange(wraps, RMSEG_INDEX_I64, -1, "voxel (0,0,2) is 4294967296; expected 0 to 1");
    check_strange(wraps_to_ignored, RMSEG_INDEX_I64, 255, "is 4294967551; expected 0 to 1 or the ignored value");
    check_strange(torch, RMSEG_INDEX_I64, -100, NULL);
    check_strange(torch, RMSEG_INDEX_I64, -1, "is -100;");
    check_strange(lowest, RMSEG_INDEX_I64, INT32_MIN, "is -9223372036854775808;");
    check_strange(least, RMSEG_INDEX_I64, INT32_MIN, NULL);
    check_strange(negative, RMSEG_INDEX_I16, 7, "voxel (0,0,2) is -3;");
    check_strange(bytes, RMSEG_INDEX_U8, 255, NULL);
    check_strange(bytes, RMSEG_INDEX_U8, -1, "voxel (0,0,1) is 255;");
    check_strange(bytes, (rmseg_index_type)4, -1, "the index type is 4; expected 0 to 3");
}

static void test_types(void **state)
{
    (void)state;
    at_every_level(check_types);
    at_every_level(check_strangers);
}

static void test_faults(void **state)
{
    (void)state;
    at_every_level(check_faults);
}

static void test_shapes(void **state)
{
    (void)state;
    at_every_level(check_shapes);
}

static void test_hostile(void **state)
{
    (void)state;
    at_every_level(check_hostile);
}

static void test_small_values(void **state)
{
    (void)state;
    at_every_level(check_small_values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_hostile),
                                       cmocka_unit_test(test_small_values), cmocka_unit_test(test_faults),
                                       cmocka_unit_test(test_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
