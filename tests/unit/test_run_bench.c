/* What `rmseg bench` says: which rows there are, never how fast they were. */
#include "unit.h"

#include <math.h>

#include "run/bench.h"
#include "run/run.h"

static char *bench(const char *family, const char *const *pairs)
{
    rmseg_options *options = NULL;
    char *text = NULL;
    int64_t worse = -1;
    assert_ok(rmseg_bench_options_create(&options));
    assert_ok(rmseg_options_set(options, "rounds", "1"));
    for (; *pairs; pairs += 2) assert_ok(rmseg_options_set(options, pairs[0], pairs[1]));
    assert_ok(rmseg_bench(&text, &worse, options, family));
    assert_int_equal(worse, 0);
    rmseg_options_destroy(options);
    return text;
}

static int count(const char *text, const char *part)
{
    int found = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) found++;
    return found;
}

#define SMALL "net", "unet", "grid", "16,16", "width", "4", "depth", "1"

/* The first convolution needs no gradient at its input. */
static void test_layers(void **state)
{
    (void)state;
    char *text = bench("layers", (const char *const[]){SMALL, NULL});
    assert_non_null(strstr(text, "layers: unet 4, 16,16, batch 1, 3 in, 2 out, depth 1\n"));
    assert_int_equal(count(text, "down0.conv1 "), 2);
    assert_int_equal(count(text, "down0.conv2 "), 3);
    assert_int_equal(count(text, "down0.norm1 "), 2);
    assert_int_equal(count(text, "all conv "), 3);
    assert_int_equal(count(text, "input and logits "), 2);
    rmseg_free(text);
}

static void test_inference(void **state)
{
    (void)state;
    char *text = bench("layers", (const char *const[]){SMALL, "inference", "yes", "only", "conv1", NULL});
    assert_non_null(strstr(text, ", inference\n"));
    assert_int_equal(count(text, "down0.conv1 "), 1);
    assert_int_equal(count(text, " data "), 0);
    assert_int_equal(count(text, "down0.conv2"), 0);
    rmseg_free(text);
}

static void fails(const char *family, const char *key, const char *value, const char *sentence)
{
    rmseg_options *options = NULL;
    char *text = NULL;
    int64_t worse = 0;
    assert_ok(rmseg_bench_options_create(&options));
    assert_ok(rmseg_options_set(options, key, value));
    assert_int_equal(rmseg_bench(&text, &worse, options, family), RMSEG_ERROR_ARGUMENT);
    assert_non_null(strstr(rmseg_error_last(), sentence));
    assert_null(text);
    rmseg_options_destroy(options);
}

static void test_wrong_use(void **state)
{
    (void)state;
    fails("layer", "rounds", "1", "there is no family \"layer\"; did you mean layers?");
    fails("layers", "grid", "7", "option grid: got \"7\", expected H,W or D,H,W");
    fails("layers", "grid", "100,100,100", "must be a multiple of 16");
    fails("machine", "only", "no such row", "option only: no row holds \"no such row\"");
}

/* Every phase of a step, its memory, and what a head's truth must be; predict, loss, kernels and metrics by one row. */
static void test_other_families(void **state)
{
    (void)state;
    static const char *const phases[] = {"whole",     "forward",   "objective", "backward",
                                         "optimiser", "allocated", "resident"};
    char *text = bench("step", (const char *const[]){SMALL, "objective", "sigmoid: ce + dice", "batch", "2", NULL});
    for (int i = 0; i < 7; i++) assert_int_equal(count(text, phases[i]), 1);
    assert_non_null(strstr(text, "sigmoid: ce + dice"));
    rmseg_free(text);
    text = bench("predict", (const char *const[]){SMALL, "batch", "3", NULL});
    assert_int_equal(count(text, "window "), 1);
    rmseg_free(text);
    text = bench("loss", (const char *const[]){"only", "softmax: ce + dice + 0.1*boundary", NULL});
    assert_int_equal(count(text, "boundary"), 3);
    rmseg_free(text);
    text = bench("metrics", (const char *const[]){"only", "dice", NULL});
    assert_int_equal(count(text, "  dice "), 3);
    rmseg_free(text);
    text = bench("kernels", (const char *const[]){"only", "transpose 4 x 256", NULL});
    assert_int_equal(count(text, "transpose 4 x 256 x 16x16 -> 128"), 3);
    rmseg_free(text);
}

/* The clock computes the weights' gradients a second time; every gradient stays what it was. */
static void test_clock_changes_nothing(void **state)
{
    (void)state;
    rmseg_options *options = NULL;
    rmseg_bench_run run = {0};
    rmseg_bench_net n;
    assert_ok(rmseg_bench_options_create(&options));
    const char *const pairs[] = {"net", "vnet", "grid", "16,32,16", "width", "4", "dropout", "0.5"};
    for (int i = 0; i < 8; i += 2) assert_ok(rmseg_options_set(options, pairs[i], pairs[i + 1]));
    run.o = bench_options_values(options);
    assert_ok(rmseg_backend_default(&run.backend));
    float *gradients[2][400] = {{0}};
    int64_t tensors = 0;
    for (int timed = 0; timed < 2; timed++) {
        assert_ok(rmseg_bench_net_create(&n, &run, true));
        if (timed) assert_ok(rmseg_executor_clock(n.executor));
        assert_ok(rmseg_executor_forward(n.logits, n.executor, n.weights, n.image, 1, 1));
        assert_ok(rmseg_executor_backward(n.executor, n.weights, n.dlogits));
        tensors = rmseg_net_tensors(n.net);
        assert_true(tensors <= 400);
        for (int64_t i = 0; i < tensors; i++) {
            const rmseg_tensor_info *info = rmseg_net_tensor(n.net, i);
            if (info->role != RMSEG_ROLE_PARAMETER) continue;
            gradients[timed][i] = rmseg_alloc(info->elements, sizeof(float));
            assert_ok(rmseg_weights_get(gradients[timed][i], n.weights, i, RMSEG_TENSOR_GRADIENT));
            if (timed) assert_memory_equal(gradients[0][i], gradients[1][i], (size_t)info->elements * sizeof(float));
        }
        rmseg_bench_net_destroy(&n);
    }
    for (int64_t i = 0; i < tensors; i++) rmseg_free(gradients[0][i]), rmseg_free(gradients[1][i]);
    rmseg_free(run.setting);
    rmseg_options_destroy(options);
}

/* ---- an earlier run's file --------------------------------------------------------------------------------------- */

#define ROW(name, unit, value)                                                                                         \
    "{\"family\":\"step\",\"setting\":\"s\",\"name\":\"" name "\",\"pass\":\"p\",\"unit\":\"" unit                     \
    "\",\"value\":" value "}"
#define FILE_OF(rows) "{\"rmseg\":\"0\",\"kind\":\"bench\",\"threads\":77,\"rows\":[" rows "]}"

static rmseg_status parse(rmseg_bench_old **old, const char *text)
{
    return rmseg_bench_old_parse(old, (const uint8_t *)text, strlen(text), "old.json");
}

static rmseg_bench_row row_of(const char *name, const char *unit, double value)
{
    return (rmseg_bench_row){
        .family = "step", .setting = "s", .name = (char *)name, .pass = "p", .unit = unit, .value = value};
}

static int64_t worse_than(const char *file, rmseg_bench_row row, double threshold)
{
    rmseg_bench_old *old = NULL;
    rmseg_text text = {0};
    assert_ok(parse(&old, file));
    int64_t worse = rmseg_bench_compare(&text, &row, 1, old, "old.json", threshold);
    assert_int_equal(count(text.data, "\n! "), worse);
    assert_non_null(strstr(text.data, "threads: 77 then, "));
    rmseg_text_destroy(&text);
    rmseg_bench_old_destroy(old);
    return worse;
}

/* Times and bytes are worse when they grow, rates when they shrink. */
static void test_compare(void **state)
{
    (void)state;
    const char *file = FILE_OF(ROW("a", "ms", "10") "," ROW("b", "GB/s", "10") "," ROW("c", "ms", "0"));
    assert_int_equal(worse_than(file, row_of("a", "ms", 10.9), 10), 0);
    assert_int_equal(worse_than(file, row_of("a", "ms", 11.1), 10), 1);
    assert_int_equal(worse_than(file, row_of("a", "ms", 11.1), 20), 0);
    assert_int_equal(worse_than(file, row_of("a", "ms", 5), 0), 0);
    assert_int_equal(worse_than(file, row_of("b", "GB/s", 12), 10), 0);
    assert_int_equal(worse_than(file, row_of("b", "GB/s", 8), 10), 1);
    assert_int_equal(worse_than(file, row_of("b", "GB/s", 0), 10), 1);
    assert_int_equal(worse_than(file, row_of("c", "ms", 1), 10), 0);  /* nothing to divide by */
    assert_int_equal(worse_than(file, row_of("d", "ms", 99), 10), 0); /* not in the file */
    assert_int_equal(worse_than(file, row_of("a", "MB", 99), 10), 0); /* another unit is another row */
}

/* What a run writes is what the next one reads, and nothing of it is worse than itself. */
static void test_round_trip(void **state)
{
    (void)state;
    char *path = RMSEG_TEST_TMP "/bench.json", threshold[] = "1000000";
    char *text = bench("layers", (const char *const[]){SMALL, "json", path, NULL});
    rmseg_free(text);
    text = bench("layers", (const char *const[]){SMALL, "compare", path, "threshold", threshold, NULL});
    assert_non_null(strstr(text, "\n0 of "));
    assert_null(strstr(text, "not in the old file"));
    rmseg_free(text);
    text = bench("layers", (const char *const[]){SMALL, "json", "-", NULL});
    rmseg_bench_old *old = NULL;
    assert_ok(parse(&old, text));
    assert_non_null(strstr(text, "\"processor\": "));
    rmseg_bench_old_destroy(old);
    rmseg_free(text);
}

static void refuses(const char *file, const char *sentence)
{
    rmseg_bench_old *old = NULL;
    assert_int_equal(parse(&old, file), RMSEG_ERROR_FORMAT);
    if (!strstr(rmseg_error_last(), sentence)) fail_msg("%s", rmseg_error_last());
    assert_null(old);
}

static void test_bad_files(void **state)
{
    (void)state;
    refuses("", "expected what `rmseg bench --json` writes");
    refuses("{", "old.json: line 1, column 1");
    refuses("3", "expected what `rmseg bench --json` writes");
    refuses("[]", "old.json is not a file of measurements");
    refuses("{\"kind\":\"bench\"}", "old.json is not a file of measurements");
    refuses("{\"kind\":\"bench\",\"rows\":{}}", "old.json is not a file of measurements");
    refuses("{\"kind\":1,\"rows\":[]}", "old.json is not a file of measurements");
    refuses(FILE_OF("3"), "rows[0] is not an object");
    refuses(FILE_OF("{}"), "rows[0]: \"family\" is not text");
    refuses(FILE_OF(ROW("a", "ms", "1") "," ROW("a", "ms", "null")), "rows[1]: \"value\" is not a number from 0 on");
    refuses(FILE_OF(ROW("a", "ms", "-1")), "rows[0]: \"value\" is not a number from 0 on");
    refuses(FILE_OF(ROW("a", "ms", "1e999")), "old.json: line 1");
    refuses("{\"kind\":\"bench\",\"kind\":\"bench\",\"rows\":[]}", "duplicate");
}

/* Bytes of a good file changed or cut off anywhere: read, or refused with a sentence. */
static void test_broken_files(void **state)
{
    (void)state;
    static const char good[] = FILE_OF(ROW("a", "ms", "10") "," ROW("b", "GB/s", "10"));
    rmseg_random random = rmseg_random_stream(3, RMSEG_RANDOM_TEST, 0, 0);
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        char broken[sizeof good];
        size_t length = sizeof good - 1;
        memcpy(broken, good, sizeof good);
        if (i % 2) length = (size_t)rmseg_random_below(&random, (int64_t)length);
        for (int64_t changes = rmseg_random_below(&random, 4); changes >= 0 && length; changes--)
            broken[rmseg_random_below(&random, (int64_t)length)] = (char)rmseg_random_below(&random, 256);
        rmseg_bench_old *old = NULL;
        rmseg_text text = {0};
        rmseg_bench_row row = row_of("a", "ms", 1);
        if (rmseg_bench_old_parse(&old, (const uint8_t *)broken, length, "old.json")) {
            assert_non_null(strstr(rmseg_error_last(), "old.json"));
            refused++;
        } else {
            rmseg_bench_compare(&text, &row, 1, old, "old.json", 10);
        }
        rmseg_text_destroy(&text);
        rmseg_bench_old_destroy(old);
    }
    assert_true(refused > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),         cmocka_unit_test(test_inference),
        cmocka_unit_test(test_other_families), cmocka_unit_test(test_clock_changes_nothing),
        cmocka_unit_test(test_compare),        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bad_files),      cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
