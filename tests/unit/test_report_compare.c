/*
 * test_report_compare.c - results files read strictly, paired, and contrasted as SciPy does.
 */
#include "unit.h"

#include <math.h>

#include "report/comparison.h"

#define FOLDER RMSEG_GOLDEN "/statistics/"

/* ---- the reader -------------------------------------------------------------------------------------------------- */

#define HEAD      "{\"rmseg\": \"0.1.0\", \"convention\": \"medpy\", \"unit\": \"mm\", "
#define RECORD(v) "{\"case\": \"7\", \"class\": \"cup\", \"metric\": \"dice\", \"value\": " v "}"

static rmseg_status parse(rmseg_results_file *file, const char *text)
{
    return rmseg_results_file_parse(file, (const uint8_t *)text, strlen(text), "x.json");
}

static void refused(const char *text, const char *words)
{
    rmseg_results_file file = {0};
    assert_fails(parse(&file, text), RMSEG_ERROR_FORMAT, words);
    assert_ptr_equal(strstr(rmseg_error_last(), "x.json"), rmseg_error_last());
}

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    refused("", "line 1, column 0");
    refused("[]", "the file is an array, expected an object");
    refused("{\"rmseg\": 1}", "\"rmseg\" is a number, expected text");
    refused("{\"rmseg\": \"0.1.0\"}", "\"convention\" is nothing, expected text");
    refused("{\"rmseg\": \"a\", \"rmseg\": \"b\"}", "duplicate object key");
    refused(HEAD "\"records\": {}}", "\"records\" is an object, expected an array");
    refused(HEAD "\"run\": 3, \"records\": []}", "\"run\" is a number, expected the name of a run");
    refused(HEAD "\"seed\": \"3\", \"records\": []}", "\"seed\" is text, expected a whole number from 0 on");
    refused(HEAD "\"seed\": -3, \"records\": []}", "expected a whole number from 0 on");
    refused(HEAD "\"spacing\": [1, 2], \"records\": []}",
            "\"spacing\" is an array, expected text, a number, true or false");
    refused(HEAD "\"aggregate\": 1, \"records\": []}", "\"aggregate\" is a number, expected an array");
    refused(HEAD "\"records\": [5]}", "records[0] is a number, expected an object");
    refused(HEAD "\"records\": [{\"case\": \"\"}]}", "records[0] (case \"\"): \"case\" is text, expected a name");
    refused(HEAD "\"records\": [" RECORD("0.5") ", {\"case\": \"7\"}]}",
            "records[1] (case \"7\"): \"class\" is nothing, expected a name");
    refused(HEAD "\"records\": [" RECORD("true") "]}",
            "\"value\" is true or false, expected a number, \"inf\" or null");
    refused(HEAD "\"records\": [" RECORD("\"-inf\"") "]}", "\"value\" is text, expected a number");
    refused(HEAD "\"records\": [" RECORD("NaN") "]}", "undefined value is null");
    refused(HEAD "\"records\": [" RECORD("1, \"vale\": 2") "]}",
            "records[0] has a member \"vale\", expected case, class");
    refused(HEAD "\"records\": [" RECORD("1, \"note\": 2") "]}", "\"note\" is a number, expected text");
    refused(HEAD "\"records\": [" RECORD("1") ", " RECORD("2") "]}",
            "records[0] and records[1] are both metric \"dice\" of class \"cup\" in case \"7\"");
}

static void reads_what_evaluate_writes(void **state)
{
    (void)state;
    rmseg_results_file file = {0};
    assert_ok(rmseg_results_file_read(&file, RMSEG_GOLDEN "/metric/results.json"));
    assert_int_equal(file.count, 6);
    assert_int_equal(file.column_count, 4);
    assert_string_equal(file.columns[2].class_name, "disc"); /* the file's order */
    assert_null(file.run);
    assert_int_equal(file.seed, -1);
    const rmseg_result_column *hd95 = rmseg_results_file_column(&file, "cup", "hd95");
    assert_non_null(hd95);
    assert_true(isnan(rmseg_results_file_find(&file, hd95, "b, second")->value));
    assert_true(rmseg_results_file_find(&file, hd95, "a")->value == INFINITY);
    assert_null(rmseg_results_file_find(&file, hd95, "c"));
    assert_null(rmseg_results_file_column(&file, "disc", "hd95"));
    rmseg_results_file_destroy(&file);
    assert_fails(rmseg_results_file_read(&file, "nowhere.json"), RMSEG_ERROR_FILE, "nowhere.json");
}

/* ---- contrasts --------------------------------------------------------------------------------------------------- */

static rmseg_status compare(rmseg_comparison **comparison, const char *const *paths, int64_t count, const char *key,
                            const char *value)
{
    rmseg_options *options = NULL;
    assert_ok(rmseg_compare_options_create(&options));
    if (key) assert_ok(rmseg_options_set(options, key, value));
    rmseg_status status = rmseg_compare(comparison, options, paths, count);
    rmseg_options_destroy(options);
    return status;
}

static const char *const six[] = {FOLDER "base-2.json", FOLDER "rm-3.json",   FOLDER "base-1.json",
                                  FOLDER "rm-1.json",   FOLDER "base-3.json", FOLDER "rm-2.json"};

static void near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-12)) fail_msg("%.17g, expected %.17g", found, expected);
}

/* The order of files is not that of seeds: they are paired by what they say. */
static void contrasts_equal_scipy(void **state)
{
    (void)state;
    rmseg_comparison *comparison = NULL;
    assert_ok(compare(&comparison, six, 6, NULL, NULL));
    FILE *file = fopen(FOLDER "contrasts.txt", "r");
    assert_non_null(file);
    char class_name[16], metric[16];
    int64_t at = 0;
    for (; fscanf(file, "%15s %15s", class_name, metric) == 2; at++) {
        const rmseg_contrast *c = rmseg_comparison_contrast(comparison, at);
        assert_non_null(c);
        assert_string_equal(c->class_name, class_name);
        assert_string_equal(c->metric, metric);
        assert_string_equal(c->run, "rm");
        assert_int_equal(c->seeds, 3);
        const double found[] = {(double)c->cases,
                                (double)c->unpaired,
                                (double)c->n,
                                (double)c->invalid_baseline,
                                (double)c->invalid_run,
                                c->baseline_mean,
                                c->run_mean,
                                c->difference,
                                c->median,
                                c->low,
                                c->high,
                                (double)c->higher,
                                (double)c->lower,
                                c->wilcoxon.statistic,
                                c->wilcoxon.p,
                                c->wilcoxon_holm,
                                c->sign_flip,
                                c->sign_flip_holm};
        for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
            double expected;
            assert_int_equal(fscanf(file, "%lf", &expected), 1);
            near(found[i], expected);
        }
    }
    fclose(file);
    assert_int_equal(at, 4);
    assert_null(rmseg_comparison_contrast(comparison, at));
    rmseg_comparison_destroy(comparison);
}

static void the_baseline_may_be_any(void **state)
{
    (void)state;
    rmseg_comparison *comparison = NULL, *mirrored = NULL;
    assert_ok(compare(&comparison, six, 6, NULL, NULL));
    assert_ok(compare(&mirrored, six, 6, "baseline", "rm"));
    for (int64_t i = 0; i < 4; i++) {
        const rmseg_contrast *a = rmseg_comparison_contrast(comparison, i), *b = rmseg_comparison_contrast(mirrored, i);
        assert_string_equal(b->run, "base");
        near(a->difference, -b->difference);
        near(a->wilcoxon_holm, b->wilcoxon_holm);
        near(a->sign_flip, b->sign_flip);
        assert_true(a->higher == b->lower && a->invalid_run == b->invalid_baseline);
    }
    rmseg_comparison_destroy(mirrored);
    assert_ok(compare(&mirrored, six, 6, "baseline", FOLDER "rm-2.json"));
    assert_string_equal(rmseg_comparison_contrast(mirrored, 0)->run, "base");
    rmseg_comparison_destroy(mirrored);
    rmseg_comparison_destroy(comparison);
}

static void holm_counts_what_is_asked_for(void **state)
{
    (void)state;
    rmseg_comparison *comparison = NULL;
    assert_ok(compare(&comparison, six, 6, "metrics", "hd95"));
    const rmseg_contrast *c = rmseg_comparison_contrast(comparison, 1);
    assert_string_equal(c->class_name, "cup");
    assert_int_equal(c->better, -1);
    near(c->wilcoxon_holm, 2 * 0.03125);
    assert_null(rmseg_comparison_contrast(comparison, 2));
    rmseg_comparison_destroy(comparison);
    assert_fails(compare(&comparison, six, 6, "metrics", "dice,hd59"), RMSEG_ERROR_ARGUMENT, "did you mean hd95?");
    assert_fails(compare(&comparison, six, 6, "classes", "cap"), RMSEG_ERROR_ARGUMENT, "no such class");
    assert_fails(compare(&comparison, six, 6, "baseline", "bass"), RMSEG_ERROR_ARGUMENT, "none of the runs: base, rm");
}

/* One file each: the cases alone speak, whatever the seeds. A seed without a partner is left out. */
static void pairs_of_files(void **state)
{
    (void)state;
    rmseg_comparison *comparison = NULL;
    assert_ok(compare(&comparison, (const char *[]){six[0], six[1]}, 2, NULL, NULL));
    const rmseg_contrast *c = rmseg_comparison_contrast(comparison, 0);
    assert_true(c->seeds == 1 && c->n == 9 && isnan(c->sign_flip) && isnan(c->sign_flip_holm));
    rmseg_comparison_destroy(comparison);
    assert_ok(compare(&comparison, (const char *[]){six[0], six[1], six[5]}, 3, NULL, NULL));
    assert_int_equal(rmseg_comparison_contrast(comparison, 0)->seeds, 1);
    assert_int_equal(comparison->unpaired_files.count, 1);
    assert_string_equal(comparison->unpaired_files.items[0].path, six[1]);
    rmseg_comparison_destroy(comparison);
    assert_fails(compare(&comparison, (const char *[]){six[0], six[1], six[3]}, 3, NULL, NULL), RMSEG_ERROR_ARGUMENT,
                 "have no seed in common");
    assert_fails(compare(&comparison, (const char *[]){six[0], six[1], six[0]}, 3, NULL, NULL), RMSEG_ERROR_ARGUMENT,
                 "both of run \"base\" with seed 2");
    assert_fails(compare(&comparison, (const char *[]){six[0], six[2]}, 2, NULL, NULL), RMSEG_ERROR_ARGUMENT,
                 "nothing to compare it with");
    assert_fails(compare(&comparison, six, 1, NULL, NULL), RMSEG_ERROR_ARGUMENT, "expected two or more");
}

/* ---- small files of our own -------------------------------------------------------------------------------------- */

/* a.json or b.json. */
static const char *write(const char *name, const char *head, const char *records)
{
    static char paths[2][256];
    char *path = paths[name[0] == 'b'];
    rmseg_text text = {0};
    snprintf(path, sizeof paths[0], RMSEG_TEST_TMP "/%s", name);
    rmseg_text_addf(&text, HEAD "%s\"records\": [%s]}", head, records);
    assert_ok(rmseg_text_write(&text, path));
    rmseg_text_destroy(&text);
    return path;
}

static void cannot(const char *const paths[2], rmseg_status status, const char *words)
{
    rmseg_comparison *comparison = NULL;
    assert_fails(compare(&comparison, paths, 2, NULL, NULL), status, words);
    assert_null(comparison);
}

static void refuses_what_cannot_be_compared(void **state)
{
    (void)state;
    const char *a = write("a.json", "\"percentile\": 100, ", RECORD("1"));
    cannot((const char *[]){a, a}, RMSEG_ERROR_ARGUMENT, "is given twice");
    cannot((const char *[]){a, write("b.json", "\"percentile\": 95, ", RECORD("1"))}, RMSEG_ERROR_FORMAT,
           "\"percentile\" is 100 in the first and 95 in the second");
    cannot((const char *[]){a, write("b.json", "", RECORD("1"))}, RMSEG_ERROR_FORMAT, "and not said in the second");
    cannot((const char *[]){a, write("b.json", "\"percentile\": 100, \"grid\": \"8,8\", ", RECORD("1"))},
           RMSEG_ERROR_FORMAT, "\"grid\" is not said in the first and \"8,8\" in the second");
    cannot((const char *[]){a, write("b.json", "\"percentile\": 100, ", "")}, RMSEG_ERROR_ARGUMENT,
           "nothing to contrast");
    cannot((const char *[]){a, write("b.json", "\"percentile\": 100, ",
                                     "{\"case\": \"8\", \"class\": \"cup\", \"metric\": \"dice\", \"value\": 1}")},
           RMSEG_ERROR_ARGUMENT, "no case in common");
    cannot((const char *[]){write("a.json", "\"run\": \"r\", ", RECORD("1")),
                            write("b.json", "\"run\": \"r\", ", RECORD("1"))},
           RMSEG_ERROR_ARGUMENT, "no seed to tell them apart");
}

/* A contrast in which no case counts stays, with its counts, and enters no family. */
static void nothing_that_counts(void **state)
{
    (void)state;
    const char *a = write("a.json", "", RECORD("null")), *b = write("b.json", "", RECORD("\"inf\""));
    rmseg_comparison *comparison = NULL;
    char *table = NULL;
    assert_ok(compare(&comparison, (const char *[]){a, b}, 2, "json", RMSEG_TEST_TMP "/new/out.json"));
    const rmseg_contrast *c = rmseg_comparison_contrast(comparison, 0);
    assert_true(c->cases == 1 && c->n == 0 && c->invalid_baseline == 1 && c->invalid_run == 1);
    assert_true(isnan(c->difference) && isnan(c->wilcoxon.p) && isnan(c->wilcoxon_holm) && isnan(c->low));
    assert_ok(rmseg_comparison_table(&table, comparison));
    assert_non_null(strstr(table, "left out: 1 of 1 cases"));
    rmseg_text_free(table);
    rmseg_comparison_destroy(comparison);
    assert_true(rmseg_file_exists(RMSEG_TEST_TMP "/new/out.json"));
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    rmseg_options *options = NULL;
    assert_ok(rmseg_compare_options_create(&options));
    assert_ok(rmseg_options_set(options, "json", RMSEG_TEST_TMP "/fail.json"));
    assert_ok(rmseg_options_set(options, "csv", RMSEG_TEST_TMP "/fail.csv"));
    assert_ok(rmseg_options_set(options, "resamples", "100"));
    int64_t live = rmseg_memory_stats_get().live_bytes;
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int failures = 0;
    for (; status != RMSEG_OK && failures < 2000; failures++) {
        rmseg_comparison *comparison = NULL;
        char *table = NULL;
        rmseg_memory_fail_at(failures + 1);
        status = rmseg_compare(&comparison, options, six, 6);
        if (status == RMSEG_OK) status = rmseg_comparison_table(&table, comparison);
        if (status != RMSEG_OK) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        rmseg_text_free(table);
        rmseg_comparison_destroy(comparison);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
    }
    rmseg_memory_fail_at(0);
    rmseg_options_destroy(options);
    assert_int_equal(status, RMSEG_OK);
    assert_true(failures > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(reads_what_evaluate_writes),
        cmocka_unit_test(contrasts_equal_scipy),
        cmocka_unit_test(the_baseline_may_be_any),
        cmocka_unit_test(holm_counts_what_is_asked_for),
        cmocka_unit_test(pairs_of_files),
        cmocka_unit_test(refuses_what_cannot_be_compared),
        cmocka_unit_test(nothing_that_counts),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
