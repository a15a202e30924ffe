/*
 * test_run_objective.c - the weights of voxels that `rmseg objective` shows: those of rm by its formula, of every head,
 * whatever the term; ignored voxels; the same bits at any number of threads.
 */
#include <math.h>

#include "run/run.h"
#include "run/weights_of.h"
#include "unit.h"

enum { N = 2, H = 5, W = 8 };

static const char *const labels = RMSEG_TEST_TMP "/labels.npy", *const weights = RMSEG_TEST_TMP "/weights.npy";

/* Labels 0 and 1 (and 2), and 255 in the first column. */
static void write_labels(uint8_t classes)
{
    static uint8_t label[N * H * W];
    for (int i = 0; i < N * H * W; i++) label[i] = i % W == 0 ? 255 : (uint8_t)(i * 7 % 5 % classes);
    rmseg_array array = {.type = RMSEG_ARRAY_U8, .rank = 3, .size = {N, H, W}, .data = label};
    assert_ok(rmseg_npy_write(&array, labels));
}

static rmseg_status measure(const char *expression, const char *channel)
{
    rmseg_options *options = NULL;
    char *text = NULL;
    rmseg_image *picture = NULL;
    assert_ok(rmseg_objective_options_create(&options));
    assert_ok(rmseg_options_set(options, "target", labels));
    assert_ok(rmseg_options_set(options, "weights", weights));
    assert_ok(rmseg_options_set(options, "ignore", "255"));
    if (*channel) assert_ok(rmseg_options_set(options, "channel", channel));
    rmseg_status status = rmseg_objective_measure(&text, &picture, options, expression);
    assert_null(picture);
    rmseg_text_free(text);
    rmseg_options_destroy(options);
    return status;
}

typedef double (*formula)(int n, int h, int w);

static void check(const char *expression, const char *channel, formula expected)
{
    rmseg_array array = {0};
    assert_ok(measure(expression, channel));
    assert_ok(rmseg_npy_read(&array, weights));
    assert_int_equal(array.rank, 3);
    for (int i = 0; i < N * H * W; i++) {
        double found = rmseg_array_value(&array, i), right = expected(i / (H * W), i / W % H, i % W);
        bool ignored = i % W == 0;
        if (ignored ? !isnan(found) : !(fabs(found - right) <= 1e-12))
            fail_msg("%s: voxel %d weighs %.17g, expected %.17g", expression, i, found, right);
    }
    rmseg_array_destroy(&array);
}

static double one(int n, int h, int w) { return (void)n, (void)h, (void)w, 1; }

static double rm20(int n, int h, int w)
{
    (void)n, (void)w;
    return pow((h + 1 - H / 2.0) / H, 4);
}

static double rm20_and_mse(int n, int h, int w) { return 3 * rm20(n, h, w) - 0.5; }
static double per_sum(int n, int h, int w) { return N * H * (W - 1) * rm20(n, h, w); }

static void weights_are_those_of_the_formula(void **state)
{
    (void)state;
    write_labels(2);
    static const char *const heads[] = {"softmax", "sigmoid"};
    for (int i = 0; i < 2; i++) {
        char text[100];
        const struct {
            const char *terms;
            formula weight;
        } cases[] = {{"mse", one},
                     {"rm(2,0)", rm20},
                     {"3*rm(2,0) - 0.5*mse", rm20_and_mse},
                     {"rm(2,0; reduction=sum)", per_sum}};
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            snprintf(text, sizeof text, "%s: %s", heads[i], cases[c].terms);
            check(text, "", cases[c].weight);
        }
    }
    check("none: rm(2,0)", "", rm20);
}

/* With three classes the field is the same in every channel that it weighs. */
static void every_channel_has_its_weights(void **state)
{
    (void)state;
    write_labels(3);
    check("softmax: rm(2,0)", "1", rm20);
    check("softmax: rm(2,0)", "2", rm20);
    check("sigmoid: rm(2,0)", "0", rm20);
    assert_fails(measure("sigmoid: rm(2,0)", "2"), RMSEG_ERROR_ARGUMENT, "there are channels 0 to 1");
}

/* Boundary weighs by its distance map, positive on both sides of the border; a sum may pull away from the truth. */
static void other_terms_have_weights_too(void **state)
{
    (void)state;
    write_labels(2);
    assert_ok(measure("sigmoid: boundary(variant=ma) + dice", ""));
    rmseg_array array = {0};
    assert_ok(rmseg_npy_read(&array, weights));
    for (int i = 0; i < N * H * W; i++) assert_true(i % W == 0 || rmseg_array_value(&array, i) > 0);
    rmseg_array_destroy(&array);
}

static void threads_change_no_bit(void **state)
{
    uint8_t *bytes[3] = {NULL};
    size_t length[3];
    (void)state;
    write_labels(2);
    static const int threads[] = {1, 2, 7};
    for (int i = 0; i < 3; i++) {
        assert_ok(rmseg_threads_set(threads[i]));
        assert_ok(measure("sigmoid: ce + hausdorff + share(10%)*rm(2,2)", ""));
        assert_ok(rmseg_file_read(&bytes[i], &length[i], weights, 0));
    }
    for (int i = 1; i < 3; i++) assert_memory_equal(bytes[i], bytes[0], length[0]);
    for (int i = 0; i < 3; i++) rmseg_free(bytes[i]);
    assert_ok(rmseg_threads_set(0));
}

static void out_of_memory_is_a_status(void **state)
{
    (void)state;
    write_labels(2);
    int64_t failed = 0;
    for (int64_t n = 1; n < 2000; n++) {
        rmseg_options *options = NULL;
        char *text = NULL;
        rmseg_image *picture = NULL;
        assert_ok(rmseg_objective_options_create(&options));
        assert_ok(rmseg_options_set(options, "target", labels));
        assert_ok(rmseg_options_set(options, "weights", RMSEG_TEST_TMP "/w.png"));
        assert_ok(rmseg_options_set(options, "ignore", "255"));
        rmseg_memory_fail_at(n);
        rmseg_status status = rmseg_objective_measure(&text, &picture, options, "sigmoid: ce + boundary + 1*rm(2,0)");
        rmseg_memory_fail_at(0);
        assert_true(status == RMSEG_OK || status == RMSEG_ERROR_MEMORY);
        assert_true(status ? !text && !picture : text && picture);
        rmseg_text_free(text);
        rmseg_image_destroy(picture);
        rmseg_options_destroy(options);
        if (!status) break;
        failed++;
    }
    assert_in_range(failed, 50, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_the_formula), cmocka_unit_test(every_channel_has_its_weights),
        cmocka_unit_test(other_terms_have_weights_too), cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(out_of_memory_is_a_status)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
