/* test_metric_results.c - aggregates, and the files as text. */
#include "unit.h"

#include <math.h>

#include "core/file.h"
#include "core/memory.h"
#include "metric/statistics.h"
#include "rmseg/metric.h"

static rmseg_results *make(void)
{
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    rmseg_results *results = NULL;
    assert_ok(rmseg_results_create(&results, &settings, "voxel"));
    return results;
}

static void add(rmseg_results *results, const char *case_id, const char *class_name, const char *metric, double value,
                const char *note)
{
    assert_ok(rmseg_results_add(results, case_id, class_name, metric, value, note));
}

static void near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-14)) fail_msg("%.17g, expected %.17g", found, expected);
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Selection against sorting, on lists of all lengths up to 60 with many ties. */
static void percentiles_are_those_of_a_sorted_list(void **state)
{
    (void)state;
    rmseg_random r = rmseg_random_stream(3, RMSEG_RANDOM_TEST, 0, 0);
    double values[60], sorted[60];
    for (int64_t count = 1; count <= 60; count++) {
        for (double q = 0; q <= 100; q += 3.125) {
            for (int64_t i = 0; i < count; i++) sorted[i] = values[i] = (double)rmseg_random_below(&r, 12);
            qsort(sorted, (size_t)count, sizeof *sorted, ascending);
            double place = q / 100 * (double)(count - 1), whole = floor(place);
            int64_t rank = (int64_t)whole;
            double above = rank + 1 < count ? sorted[rank + 1] : sorted[rank];
            near(rmseg_percentile(values, count, q), sorted[rank] + (above - sorted[rank]) * (place - whole));
        }
    }
    assert_true(isnan(rmseg_percentile(values, 0, 50)));
}

/* ---- aggregates -------------------------------------------------------------------------------------------------- */

static void aggregates_are_over_the_valid(void **state)
{
    (void)state;
    rmseg_results *results = make();
    const double dice[] = {0.9, 0.5, NAN, 0.7, 0.8};
    for (int i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), 0};
        add(results, name, "cup", "dice", dice[i], isnan(dice[i]) ? "both empty" : NULL);
        add(results, name, "cup", "hd", i < 3 ? INFINITY : 4, NULL);
        add(results, name, "disc", "hd", INFINITY, NULL);
    }
    assert_int_equal(rmseg_results_aggregates(results), 3);
    rmseg_aggregate a;
    assert_ok(rmseg_results_aggregate(&a, results, 0));
    assert_string_equal(a.class_name, "cup");
    assert_string_equal(a.metric, "dice");
    assert_int_equal(a.n, 5);
    assert_int_equal(a.valid, 4);
    near(a.mean, 0.725);
    near(a.sd, sqrt((0.175 * 0.175 + 0.225 * 0.225 + 0.025 * 0.025 + 0.075 * 0.075) / 3));
    near(a.median, 0.75);
    assert_true(a.low >= 0.5 && a.low < a.mean && a.mean < a.high && a.high <= 0.9);
    assert_ok(rmseg_results_aggregate(&a, results, 1));
    assert_int_equal(a.valid, 2);
    near(a.mean, 4);
    near(a.low, 4);
    assert_ok(rmseg_results_aggregate(&a, results, 2));
    assert_string_equal(a.class_name, "disc");
    assert_int_equal(a.n, 5);
    assert_int_equal(a.valid, 0);
    assert_true(isnan(a.mean) && isnan(a.sd) && isnan(a.median) && isnan(a.low) && isnan(a.high));
    assert_fails(rmseg_results_aggregate(&a, results, 3), RMSEG_ERROR_ARGUMENT, "aggregate 3 of 3");
    rmseg_results_destroy(results);
}

static void one_valid_case_has_no_spread(void **state)
{
    (void)state;
    rmseg_results *results = make();
    add(results, "a", "cup", "dice", 0.5, NULL);
    rmseg_aggregate a;
    assert_ok(rmseg_results_aggregate(&a, results, 0));
    near(a.mean, 0.5);
    near(a.median, 0.5);
    assert_true(isnan(a.sd) && isnan(a.low) && isnan(a.high));
    rmseg_results_destroy(results);
}

/* For many draws of a known distribution the interval must be close to the normal one, and not depend on what else is
 * there. */
static void the_interval_is_that_of_the_mean(void **state)
{
    (void)state;
    rmseg_results *results = make(), *alone = make();
    rmseg_random r = rmseg_random_stream(3, RMSEG_RANDOM_TEST, 1, 0);
    for (int i = 0; i < 400; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        double x = 5 + 2 * rmseg_random_normal(&r);
        add(results, name, "cup", "other", 1, NULL);
        add(results, name, "cup", "x", x, NULL);
        add(alone, name, "cup", "x", x, NULL);
    }
    rmseg_aggregate a, b;
    assert_ok(rmseg_results_aggregate(&a, results, 1));
    assert_ok(rmseg_results_aggregate(&b, alone, 0));
    double half = 1.96 * a.sd / sqrt(400);
    assert_true(fabs(a.low - (a.mean - half)) < 0.1 * half && fabs(a.high - (a.mean + half)) < 0.1 * half);
    assert_true(a.low == b.low && a.high == b.high);
    rmseg_results_destroy(results);
    rmseg_results_destroy(alone);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static rmseg_results *make_example(void)
{
    rmseg_results *results = make();
    add(results, "b, second", "cup", "dice", 0.5, "");
    add(results, "b, second", "cup", "hd95", NAN, "truth empty");
    add(results, "b, second", "disc", "dice", 0.25, NULL);
    add(results, "a", "cup", "dice", 0.5, "");
    add(results, "a", "cup", "hd95", INFINITY, "prediction empty");
    add(results, "a", "disc", "asd", 1.5, "");
    return results;
}

static char *text_of(const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_file_read(&bytes, &length, path, 0));
    return (char *)bytes;
}

static void assert_same_file(const char *written, const char *golden)
{
    char *found = text_of(written), *expected = text_of(golden);
    assert_string_equal(found, expected);
    rmseg_free(found);
    rmseg_free(expected);
}

static void files_as_text(void **state)
{
    (void)state;
    rmseg_results *results = make_example();
    assert_ok(rmseg_results_write_json(results, RMSEG_TEST_TMP "/results.json"));
    assert_ok(rmseg_results_write_csv(results, RMSEG_TEST_TMP "/results.csv"));
    assert_same_file(RMSEG_TEST_TMP "/results.json", RMSEG_GOLDEN "/metric/results.json");
    assert_same_file(RMSEG_TEST_TMP "/results.csv", RMSEG_GOLDEN "/metric/results.csv");
    rmseg_results_destroy(results);
}

static void no_records_is_a_table_of_no_rows(void **state)
{
    (void)state;
    rmseg_results *results = make();
    assert_ok(rmseg_results_write_csv(results, RMSEG_TEST_TMP "/empty.csv"));
    char *text = text_of(RMSEG_TEST_TMP "/empty.csv");
    assert_string_equal(text, "case,class,note\n");
    rmseg_free(text);
    assert_ok(rmseg_results_write_json(results, RMSEG_TEST_TMP "/empty.json"));
    assert_fails(rmseg_results_write_csv(results, RMSEG_TEST_TMP "/nowhere/a.csv"), RMSEG_ERROR_FILE, "nowhere");
    rmseg_results_destroy(results);
}

static void the_policy_is_written_as_it_is_read(void **state)
{
    (void)state;
    const char *const policies[] = {"nan", "inf", "diagonal", "error", "-0.25"};
    for (int i = 0; i < 5; i++) {
        rmseg_metric_settings settings;
        rmseg_metric_settings_default(&settings);
        assert_ok(rmseg_metric_settings_empty(&settings, policies[i]));
        rmseg_results *results = NULL;
        assert_ok(rmseg_results_create(&results, &settings, "mm"));
        assert_ok(rmseg_results_write_json(results, RMSEG_TEST_TMP "/policy.json"));
        char words[32], *text = text_of(RMSEG_TEST_TMP "/policy.json");
        snprintf(words, sizeof words, "\"empty\": \"%s\"", policies[i]);
        assert_non_null(strstr(text, words));
        rmseg_free(text);
        rmseg_results_destroy(results);
    }
}

static void an_unknown_convention_makes_no_results(void **state)
{
    (void)state;
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    settings.convention = "medpyy";
    rmseg_results *results = NULL;
    assert_fails(rmseg_results_create(&results, &settings, "mm"), RMSEG_ERROR_ARGUMENT, "did you mean 'medpy'?");
    assert_null(results);
}

static rmseg_status fill(rmseg_results **made)
{
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    rmseg_results *results = NULL;
    rmseg_status status = rmseg_results_create(&results, &settings, "mm");
    for (int i = 0; i < 40 && status == RMSEG_OK; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i / 2);
        status = rmseg_results_add(results, name, "cup", i % 2 ? "dice" : "hd", i, "note");
    }
    if (status == RMSEG_OK) status = rmseg_results_write_json(results, RMSEG_TEST_TMP "/fill.json");
    if (status == RMSEG_OK) status = rmseg_results_write_csv(results, RMSEG_TEST_TMP "/fill.csv");
    *made = results;
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    int64_t live = rmseg_memory_stats_get().live_bytes;
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int failures = 0;
    for (; status != RMSEG_OK && failures < 1000; failures++) {
        rmseg_memory_fail_at(failures + 1);
        status = fill(&results);
        if (status != RMSEG_OK) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        rmseg_results_destroy(results);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
    }
    rmseg_memory_fail_at(0);
    assert_int_equal(status, RMSEG_OK);
    assert_true(failures > 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_those_of_a_sorted_list),
        cmocka_unit_test(aggregates_are_over_the_valid),
        cmocka_unit_test(one_valid_case_has_no_spread),
        cmocka_unit_test(the_interval_is_that_of_the_mean),
        cmocka_unit_test(files_as_text),
        cmocka_unit_test(no_records_is_a_table_of_no_rows),
        cmocka_unit_test(the_policy_is_written_as_it_is_read),
        cmocka_unit_test(an_unknown_convention_makes_no_results),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
