/* Evaluation: pairing, regions, grids, masks of 255, Drishti-GS trees, cases that fail, and the figures themselves. */
#include "unit.h"

#include <math.h>

#include "image/image.h"
#include "rmseg/run.h"

#define PRED  RMSEG_TEST_TMP "/pred"
#define TRUTH RMSEG_TEST_TMP "/truth"

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.17g, expected %.17g", value, expected);
}

static char log_text[4096];

static void keep_log(void *user, rmseg_log_level level, const char *line)
{
    (void)user, (void)level;
    strncat(log_text, line, sizeof log_text - strlen(log_text) - 2);
    strcat(log_text, "\n");
}

/* A square of `value` from `first` to `last` in both axes, on a ground of 0. */
static void write_square(const char *path, int64_t size, int64_t first, int64_t last, int value)
{
    rmseg_image *image = NULL;
    const int64_t extents[3] = {1, size, size};
    assert_ok(rmseg_image_create(&image, RMSEG_U8, 1, extents));
    for (int64_t y = first; y <= last; y++)
        for (int64_t x = first; x <= last; x++) ((uint8_t *)image->data)[y * size + x] = (uint8_t)value;
    assert_ok(rmseg_image_write(image, path));
    rmseg_image_destroy(image);
}

static void remove_all(const char *folder)
{
    rmseg_names names = {0};
    assert_ok(rmseg_folder_create(folder));
    assert_ok(rmseg_folder_list(&names, folder));
    for (int64_t i = 0; i < names.count; i++) {
        char *path = rmseg_path_join(folder, names.items[i]);
        assert_ok(rmseg_file_remove(path));
        rmseg_free(path);
    }
    rmseg_names_destroy(&names);
}

static int fresh(void **state)
{
    (void)state;
    log_text[0] = '\0';
    rmseg_log_set(keep_log, NULL);
    remove_all(PRED);
    remove_all(TRUTH);
    return 0;
}

/* Pairs of key and value, then NULL. */
static rmseg_status run(rmseg_results **results, ...)
{
    rmseg_options *options = NULL;
    va_list pairs;
    assert_ok(rmseg_evaluate_options_create(&options));
    va_start(pairs, results);
    rmseg_status status = RMSEG_OK;
    for (const char *key; !status && (key = va_arg(pairs, const char *));)
        status = rmseg_options_set(options, key, va_arg(pairs, const char *));
    va_end(pairs);
    if (!status) status = rmseg_evaluate(results, options);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_aggregate aggregate(const rmseg_results *results, const char *region, const char *metric)
{
    rmseg_aggregate a = {0};
    for (int64_t i = 0; i < rmseg_results_aggregates(results); i++) {
        assert_ok(rmseg_results_aggregate(&a, results, i));
        if (!strcmp(a.class_name, region) && !strcmp(a.metric, metric)) return a;
    }
    fail_msg("no %s of %s", metric, region);
    return a;
}

static void shifted_squares_have_known_figures(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 32, 8, 15, 1);
    write_square(TRUTH "/a.png", 32, 11, 18, 1); /* overlap 5 x 5 of 8 x 8 */
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dice,jaccard,hd", NULL));
    assert_near(aggregate(results, "1", "dice").mean, 2 * 25.0 / 128, 1e-12);
    assert_near(aggregate(results, "1", "jaccard").mean, 25.0 / 103, 1e-12);
    assert_near(aggregate(results, "1", "hd").mean, 3 * sqrt(2), 1e-12);
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "hd", "spacing", "0.5,0.5", NULL));
    assert_near(aggregate(results, "1", "hd").mean, 1.5 * sqrt(2), 1e-12);
    rmseg_results_destroy(results);
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "spacing", "image", NULL), RMSEG_ERROR_FORMAT, "voxel");
    rmseg_results_destroy(results);
}

static void cases_without_a_partner_are_told_of(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 16, 3, 9, 1);
    write_square(PRED "/extra.png", 16, 3, 9, 1);
    write_square(TRUTH "/a.png", 16, 3, 9, 1);
    write_square(TRUTH "/missing.png", 16, 3, 9, 1);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, NULL));
    assert_int_equal(aggregate(results, "1", "dice").n, 1);
    rmseg_results_destroy(results);
    assert_non_null(strstr(log_text, "1 case has no prediction: missing"));
    assert_non_null(strstr(log_text, "1 case has no truth: extra"));
    assert_ok(rmseg_file_remove(PRED "/a.png"));
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, NULL), RMSEG_ERROR_ARGUMENT, "extra");
}

static void two_files_are_a_pair_whatever_their_names(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/this.png", 16, 3, 9, 1);
    write_square(TRUTH "/that.png", 16, 3, 9, 1);
    assert_ok(run(&results, "pred", PRED "/this.png", "truth", TRUTH "/that.png", NULL));
    assert_near(aggregate(results, "1", "dice").mean, 1, 0);
    rmseg_results_destroy(results);
}

static void masks_of_255_meet_predictions_of_1(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 16, 3, 9, 1);
    write_square(TRUTH "/a.png", 16, 3, 9, 255);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, NULL));
    assert_near(aggregate(results, "1", "dice").mean, 1, 0);
    rmseg_results_destroy(results);
}

static void sizes_must_agree_or_a_grid_be_given(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 16, 4, 11, 1);
    write_square(TRUTH "/a.png", 32, 8, 23, 1);
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, NULL), RMSEG_ERROR_FORMAT, "--grid");
    assert_non_null(strstr(rmseg_error_last(), PRED "/a.png has 16 x 16 pixels, its truth 32 x 32 pixels"));
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "grid", "64,64", NULL));
    assert_near(aggregate(results, "1", "dice").mean, 1, 0);
    assert_non_null(strstr(log_text, "resampled to the grid 64,64"));
    rmseg_results_destroy(results);
}

static void a_case_that_fails_leaves_the_others(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    const char *cases[] = {PRED "/a.png", PRED "/b.png", PRED "/c.png", TRUTH "/a.png", TRUTH "/b.png", TRUTH "/c.png"};
    for (int i = 0; i < 6; i++) write_square(cases[i], 16, 3, 9, 1);
    assert_ok(rmseg_file_write(PRED "/b.png", "no image", 8));
    static const char *const jobs[] = {"1", "3"};
    for (int i = 0; i < 2; i++) {
        results = NULL;
        assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "jobs", jobs[i], "csv", RMSEG_TEST_TMP "/r.csv",
                         "json", RMSEG_TEST_TMP "/r.json", NULL),
                     RMSEG_ERROR_FORMAT, "1 of 3 cases failed; the first: b:");
        assert_non_null(results);
        assert_int_equal(aggregate(results, "1", "dice").n, 2);
        rmseg_results_destroy(results);
        assert_true(rmseg_file_exists(RMSEG_TEST_TMP "/r.csv") && rmseg_file_exists(RMSEG_TEST_TMP "/r.json"));
    }
}

static void files_that_cannot_be_written_leave_the_results(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 16, 3, 9, 1);
    write_square(TRUTH "/a.png", 16, 3, 9, 1);
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "json", PRED "/a.png/r.json", NULL), RMSEG_ERROR_FILE,
                 "a.png");
    assert_int_equal(aggregate(results, "1", "dice").n, 1);
    rmseg_results_destroy(results);
}

static void regions_and_labels_choose_what_is_judged(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 16, 3, 9, 2);
    write_square(TRUTH "/a.png", 16, 3, 9, 1);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "regions", "disc=1+2,cup=2", NULL));
    assert_near(aggregate(results, "disc", "dice").mean, 1, 0);
    assert_near(aggregate(results, "cup", "dice").mean, 0, 0);
    assert_int_equal(aggregate(results, "cup", "hd95").valid, 0);
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "labels", "1,2", NULL));
    assert_near(aggregate(results, "1", "dice").mean, 0, 0);
    assert_near(aggregate(results, "2", "dice").mean, 0, 0);
    rmseg_results_destroy(results);
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "regions", "disc", NULL), RMSEG_ERROR_ARGUMENT,
                 "disc=1+2");
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "labels", "1", "regions", "a=1", NULL),
                 RMSEG_ERROR_ARGUMENT, "one of them");
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dise", NULL), RMSEG_ERROR_ARGUMENT, "dice");
    assert_fails(run(&results, "pred", PRED, NULL), RMSEG_ERROR_ARGUMENT, "--truth");
}

static void far_islands_go_with_the_largest_component(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    rmseg_image *image = NULL;
    write_square(TRUTH "/a.png", 32, 4, 12, 1);
    write_square(PRED "/a.png", 32, 4, 12, 1);
    assert_ok(rmseg_image_read(&image, PRED "/a.png"));
    ((uint8_t *)image->data)[30 * 32 + 30] = 1;
    assert_ok(rmseg_image_write(image, PRED "/a.png"));
    rmseg_image_destroy(image);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "hd", NULL));
    assert_true(aggregate(results, "1", "hd").mean > 20);
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "hd", "largest-component", "yes", NULL));
    assert_near(aggregate(results, "1", "hd").mean, 0, 0);
    rmseg_results_destroy(results);
}

#define AROUND RMSEG_TEST_TMP "/around"
#define TREE   AROUND "/drishti/Test"

/* An image of 32 x 32; its disc is 20 x 20, its cup 8 x 8. */
static void write_drishti(const char *part, const char *truth, const char *id)
{
    char path[512];
    snprintf(path, sizeof path, AROUND "/drishti/%s/Images", part);
    assert_ok(rmseg_folder_create(path));
    snprintf(path, sizeof path, AROUND "/drishti/%s/Images/%s.png", part, id);
    write_square(path, 32, 0, 31, 77);
    snprintf(path, sizeof path, AROUND "/drishti/%s/%s/%s/SoftMap", part, truth, id);
    assert_ok(rmseg_folder_create(path));
    snprintf(path, sizeof path, AROUND "/drishti/%s/%s/%s/SoftMap/%s_ODsegSoftmap.png", part, truth, id, id);
    write_square(path, 32, 4, 23, 255);
    snprintf(path, sizeof path, AROUND "/drishti/%s/%s/%s/SoftMap/%s_cupsegSoftmap.png", part, truth, id, id);
    write_square(path, 32, 8, 15, 128);
}

static void a_folder_of_drishti_is_recognised(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_drishti("Test", "Test_GT", "drishtiGS_001");
    write_square(PRED "/drishtiGS_001.png", 32, 8, 15, 2);
    static const char *const truths[] = {AROUND, AROUND "/drishti", TREE, TREE "/Test_GT", TREE "/Test_GT/"};
    for (int i = 0; i < 5; i++) {
        assert_ok(run(&results, "pred", PRED, "truth", truths[i], NULL));
        assert_near(aggregate(results, "cup", "dice").mean, 1, 0);
        assert_near(aggregate(results, "disc", "jaccard").mean, 64.0 / 400, 1e-12);
        rmseg_results_destroy(results);
    }
    assert_non_null(strstr(log_text, "--layout drishti-gs"));
    assert_ok(run(&results, "pred", PRED, "layout", "drishti-gs", "data", AROUND, "threshold", "200", NULL));
    assert_near(aggregate(results, "cup", "dice").mean, 0, 0);
    rmseg_results_destroy(results);
}

static void of_a_whole_drishti_the_predicted_split_is_read(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_drishti("Test", "Test_GT", "drishtiGS_001");
    write_drishti("Training", "GT", "drishtiGS_002");
    write_square(PRED "/drishtiGS_002.png", 32, 8, 15, 2);
    assert_ok(run(&results, "pred", PRED, "truth", AROUND, NULL));
    rmseg_results_destroy(results);
    assert_non_null(strstr(log_text, "--split train"));
    assert_null(strstr(log_text, "no prediction"));
    write_square(PRED "/drishtiGS_001.png", 32, 8, 15, 2);
    assert_ok(run(&results, "pred", PRED, "truth", AROUND, NULL));
    assert_int_equal(aggregate(results, "cup", "dice").n, 2);
    rmseg_results_destroy(results);
}

static void a_truth_that_is_missing_leaves_the_others(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_drishti("Test", "Test_GT", "drishtiGS_001");
    write_drishti("Test", "Test_GT", "drishtiGS_003");
    write_square(PRED "/drishtiGS_001.png", 32, 8, 15, 2);
    write_square(PRED "/drishtiGS_003.png", 32, 8, 15, 2);
    assert_ok(rmseg_file_remove(TREE "/Test_GT/drishtiGS_001/SoftMap/drishtiGS_001_cupsegSoftmap.png"));
    assert_fails(run(&results, "pred", PRED, "layout", "drishti-gs", "data", AROUND, NULL), RMSEG_ERROR_FILE,
                 "1 of 2 cases failed; the first: drishtiGS_001");
    assert_non_null(strstr(rmseg_error_last(), "drishtiGS_001.png: its label is missing"));
    assert_int_equal(aggregate(results, "cup", "dice").n, 1);
    rmseg_results_destroy(results);
    results = NULL;
    assert_ok(rmseg_file_remove(TREE "/Test_GT/drishtiGS_003/SoftMap/drishtiGS_003_cupsegSoftmap.png"));
    assert_fails(run(&results, "pred", PRED, "layout", "drishti-gs", "data", AROUND, NULL), RMSEG_ERROR_FILE,
                 "its cup soft map is missing");
    assert_null(results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shifted_squares_have_known_figures, fresh),
        cmocka_unit_test_setup(cases_without_a_partner_are_told_of, fresh),
        cmocka_unit_test_setup(two_files_are_a_pair_whatever_their_names, fresh),
        cmocka_unit_test_setup(masks_of_255_meet_predictions_of_1, fresh),
        cmocka_unit_test_setup(sizes_must_agree_or_a_grid_be_given, fresh),
        cmocka_unit_test_setup(a_case_that_fails_leaves_the_others, fresh),
        cmocka_unit_test_setup(files_that_cannot_be_written_leave_the_results, fresh),
        cmocka_unit_test_setup(regions_and_labels_choose_what_is_judged, fresh),
        cmocka_unit_test_setup(far_islands_go_with_the_largest_component, fresh),
        cmocka_unit_test_setup(a_folder_of_drishti_is_recognised, fresh),
        cmocka_unit_test_setup(of_a_whole_drishti_the_predicted_split_is_read, fresh),
        cmocka_unit_test_setup(a_truth_that_is_missing_leaves_the_others, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
