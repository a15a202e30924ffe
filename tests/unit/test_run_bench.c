/* What `rmseg bench` says: which rows there are, never how fast they were. */
#include "unit.h"

#include "run/run.h"

static char *bench(const char *family, const char *const *pairs)
{
    rmseg_options *options = NULL;
    char *text = NULL;
    assert_ok(rmseg_bench_options_create(&options));
    assert_ok(rmseg_options_set(options, "rounds", "1"));
    for (; *pairs; pairs += 2) assert_ok(rmseg_options_set(options, pairs[0], pairs[1]));
    assert_ok(rmseg_bench(&text, options, family));
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
    assert_ok(rmseg_bench_options_create(&options));
    assert_ok(rmseg_options_set(options, key, value));
    assert_int_equal(rmseg_bench(&text, options, family), RMSEG_ERROR_ARGUMENT);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_inference),
        cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
