/* test_metric.c - metrics against closed forms and against themselves; empty masks; what is refused. */
#include "unit.h"

#include <math.h>

#include "core/memory.h"
#include "rmseg/metric.h"

enum { D = 20, H = 24, W = 28, VOXELS = D * H * W };

static const int64_t volume[3] = {D, H, W}, plane[3] = {1, H, W};
static const double unit[3] = {1, 1, 1};
static const char *const all[] = {"dice", "jaccard", "sensitivity", "specificity", "precision", "volume_difference",
                                  "hd",   "hd95",    "asd",         "asd_reverse", "assd"};
enum { ALL = sizeof all / sizeof *all };
enum { DICE, JACCARD, SENSITIVITY, SPECIFICITY, PRECISION, VOLUME_DIFFERENCE, HD, HD95, ASD, ASD_REVERSE, ASSD };

static uint8_t prediction[VOXELS], truth[VOXELS];
static double values[ALL];
static const char *note;

static int clear(void **state)
{
    (void)state;
    memset(prediction, 0, sizeof prediction);
    memset(truth, 0, sizeof truth);
    return 0;
}

static rmseg_metric_settings defaults(void)
{
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    return settings;
}

static void measure(const int64_t size[3], const double spacing[3])
{
    rmseg_metric_settings settings = defaults();
    assert_ok(rmseg_metric_measure(values, &note, prediction, truth, size, spacing, all, ALL, &settings));
}

static void near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-12)) fail_msg("%.17g, expected %.17g", found, expected);
}

static void set_box(uint8_t *mask, const int64_t size[3], const int64_t low[3], const int64_t high[3])
{
    for (int64_t d = low[0]; d < high[0]; d++) {
        for (int64_t h = low[1]; h < high[1]; h++) {
            for (int64_t w = low[2]; w < high[2]; w++) mask[(d * size[1] + h) * size[2] + w] = 255;
        }
    }
}

static void set_noise(uint8_t *mask, uint32_t which)
{
    rmseg_random r = rmseg_random_stream(7, RMSEG_RANDOM_TEST, which, 0);
    for (int i = 0; i < VOXELS; i++) mask[i] = rmseg_random_below(&r, 9) == 0;
}

/* ---- closed forms ------------------------------------------------------------------------------------------------ */

/* A square of 10 x 10 and the same moved by 3 columns: each border pixel's distance to the other square can be counted
 * by hand. */
static void squares_moved_apart(void **state)
{
    (void)state;
    set_box(truth, plane, (int64_t[]){0, 5, 5}, (int64_t[]){1, 15, 15});
    set_box(prediction, plane, (int64_t[]){0, 5, 8}, (int64_t[]){1, 15, 18});
    measure(plane, unit);
    near(values[DICE], 140.0 / 200);
    near(values[JACCARD], 70.0 / 130);
    near(values[SENSITIVITY], 0.7);
    near(values[PRECISION], 0.7);
    near(values[SPECIFICITY], (H * W - 130.0) / (H * W - 100));
    near(values[VOLUME_DIFFERENCE], 0);
    near(values[HD], 3);
    /* of 36 border pixels: the far column's 10 are 3 away, the top and bottom rows' next 2 columns 2 and 1, their next
     * 5 lie on the other border; the near column, inside the other square, is 3 columns from its border but rows 1..3
     * from either end nearer */
    near(values[ASD], (10 * 3 + 2 * (2 + 1) + 2 * (1 + 2) + 4 * 3) / 36.0);
    near(values[ASD_REVERSE], values[ASD]);
    near(values[ASSD], values[ASD]);
    assert_string_equal(note, "");
}

static void nested_cubes(void **state)
{
    (void)state;
    set_box(truth, volume, (int64_t[]){2, 2, 2}, (int64_t[]){17, 17, 17});
    set_box(prediction, volume, (int64_t[]){6, 6, 6}, (int64_t[]){13, 13, 13});
    measure(volume, unit);
    near(values[DICE], 2.0 * 343 / (343 + 3375));
    near(values[PRECISION], 1);
    near(values[SPECIFICITY], 1);
    near(values[VOLUME_DIFFERENCE], (343.0 - 3375) / 3375);
    near(values[ASD], 4);
    near(values[HD], sqrt(16 + 16 + 16));
    measure(volume, (double[]){2, 1, 1});
    near(values[HD], sqrt(64 + 16 + 16));
    /* 168 of the inner cube's 218 border voxels lie on its four sides, 4 away; the inside of the top and the bottom is
     * 8 away from the outer top and bottom, but 5, 6 or 7 from the nearest side */
    near(values[ASD], (168 * 4 + 2 * (16 * 5 + 8 * 6 + 1 * 7)) / 218.0);
}

static void a_voxel_against_a_voxel(void **state)
{
    (void)state;
    prediction[0] = truth[VOXELS - 1] = 1;
    measure(volume, (double[]){0.5, 2, 3});
    double expected = sqrt(pow(0.5 * (D - 1), 2) + pow(2.0 * (H - 1), 2) + pow(3.0 * (W - 1), 2));
    for (int i = HD; i <= ASSD; i++) near(values[i], expected);
    near(values[DICE], 0);
}

static void the_same_mask_is_perfect(void **state)
{
    (void)state;
    set_noise(truth, 1);
    memcpy(prediction, truth, VOXELS);
    measure(volume, unit);
    for (int i = DICE; i <= PRECISION; i++) near(values[i], 1);
    for (int i = VOLUME_DIFFERENCE; i <= ASSD; i++) near(values[i], 0);
}

/* ---- metamorphic ------------------------------------------------------------------------------------------------- */

static void swapping_the_masks_swaps_what_has_a_direction(void **state)
{
    (void)state;
    double before[ALL];
    set_noise(prediction, 1);
    set_noise(truth, 2);
    prediction[7] = 1, truth[7] = 0; /* not of equal size by chance */
    measure(volume, (double[]){2, 1, 0.5});
    memcpy(before, values, sizeof values);
    set_noise(truth, 1);
    set_noise(prediction, 2);
    truth[7] = 1, prediction[7] = 0;
    measure(volume, (double[]){2, 1, 0.5});
    const int symmetric[] = {DICE, JACCARD, HD, HD95, ASSD};
    for (size_t i = 0; i < sizeof symmetric / sizeof *symmetric; i++) near(values[symmetric[i]], before[symmetric[i]]);
    near(values[ASD], before[ASD_REVERSE]);
    near(values[ASD_REVERSE], before[ASD]);
    near(values[SENSITIVITY], before[PRECISION]);
}

static void distances_scale_with_the_spacing(void **state)
{
    (void)state;
    double before[ALL];
    set_noise(prediction, 3);
    set_noise(truth, 4);
    measure(volume, (double[]){2, 1, 0.5});
    memcpy(before, values, sizeof values);
    measure(volume, (double[]){20, 10, 5});
    for (int i = DICE; i <= VOLUME_DIFFERENCE; i++) near(values[i], before[i]);
    for (int i = HD; i <= ASSD; i++) near(values[i], 10 * before[i]);
}

static void margins_do_not_matter(void **state)
{
    (void)state;
    double before[ALL];
    const int64_t roomy[3] = {D / 2 + 6, H / 2 + 9, W / 2 + 3}, tight[3] = {D / 2, H / 2, W / 2};
    rmseg_random r = rmseg_random_stream(7, RMSEG_RANDOM_TEST, 5, 0);
    uint8_t pair[2][VOXELS / 8];
    for (int i = 0; i < VOXELS / 8; i++) {
        pair[0][i] = rmseg_random_below(&r, 5) == 0;
        pair[1][i] = rmseg_random_below(&r, 5) == 0;
    }
    memcpy(prediction, pair[0], sizeof pair[0]);
    memcpy(truth, pair[1], sizeof pair[1]);
    measure(tight, unit);
    memcpy(before, values, sizeof values);
    clear(NULL);
    for (int64_t i = 0; i < VOXELS / 8; i++) {
        int64_t w = i % tight[2], h = i / tight[2] % tight[1], d = i / tight[2] / tight[1];
        int64_t at = ((d + 2) * roomy[1] + h + 5) * roomy[2] + w + 3;
        prediction[at] = pair[0][i];
        truth[at] = pair[1][i];
    }
    measure(roomy, unit);
    for (int i = DICE; i < ALL; i++) {
        if (i != SPECIFICITY) near(values[i], before[i]);
    }
}

static void a_lower_percentile_is_a_smaller_distance(void **state)
{
    (void)state;
    rmseg_metric_settings settings = defaults();
    double last = -1;
    const char *const hd[] = {"hd"};
    set_box(truth, volume, (int64_t[]){1, 1, 1}, (int64_t[]){4, 9, 5});
    set_box(prediction, volume, (int64_t[]){6, 3, 9}, (int64_t[]){17, 20, 22});
    for (settings.percentile = 0; settings.percentile <= 100; settings.percentile += 12.5) {
        assert_ok(rmseg_metric_measure(values, NULL, prediction, truth, volume, unit, hd, 1, &settings));
        assert_true(values[0] >= last);
        last = values[0];
    }
    measure(volume, unit);
    near(values[HD], last);
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    double before[ALL];
    set_noise(prediction, 6);
    set_noise(truth, 7);
    assert_ok(rmseg_threads_set(1));
    measure(volume, (double[]){0.7, 0.7, 3});
    memcpy(before, values, sizeof values);
    assert_ok(rmseg_threads_set(3));
    measure(volume, (double[]){0.7, 0.7, 3});
    assert_ok(rmseg_threads_set(0));
    assert_memory_equal(values, before, sizeof values);
}

/* ---- empty masks ------------------------------------------------------------------------------------------------- */

static void one_empty_mask(void **state)
{
    (void)state;
    truth[5] = 1;
    measure(volume, unit);
    assert_string_equal(note, "prediction empty");
    near(values[DICE], 0);
    near(values[JACCARD], 0);
    near(values[SENSITIVITY], 0);
    near(values[VOLUME_DIFFERENCE], -1);
    assert_true(isnan(values[PRECISION]));
    for (int i = HD; i <= ASSD; i++) assert_true(isnan(values[i]));
    clear(NULL);
    prediction[5] = 1;
    measure(volume, unit);
    assert_string_equal(note, "truth empty");
    near(values[DICE], 0);
    near(values[PRECISION], 0);
    assert_true(isnan(values[SENSITIVITY]) && isnan(values[VOLUME_DIFFERENCE]) && isnan(values[HD]));
}

static void both_masks_empty(void **state)
{
    (void)state;
    measure(volume, unit);
    assert_string_equal(note, "both empty");
    for (int i = 0; i < ALL; i++) {
        if (i == SPECIFICITY)
            near(values[i], 1);
        else
            assert_true(isnan(values[i]));
    }
}

static void a_full_truth_leaves_specificity_undefined(void **state)
{
    (void)state;
    const char *const names[] = {"specificity"};
    rmseg_metric_settings settings = defaults();
    memset(truth, 1, sizeof truth);
    prediction[0] = 1;
    assert_ok(rmseg_metric_measure(values, &note, prediction, truth, volume, unit, names, 1, &settings));
    assert_true(isnan(values[0]));
    assert_string_equal(note, "truth full");
}

static void measure_with_policy(const char *policy)
{
    rmseg_metric_settings settings = defaults();
    assert_ok(rmseg_metric_settings_empty(&settings, policy));
    assert_ok(rmseg_metric_measure(values, &note, prediction, truth, volume, (double[]){3, 1, 1}, all, ALL, &settings));
}

static void policies_for_the_undefined(void **state)
{
    (void)state;
    truth[0] = 1;
    measure_with_policy("inf");
    assert_true(isinf(values[HD]) && isinf(values[ASSD]) && isnan(values[PRECISION]));
    near(values[DICE], 0);
    measure_with_policy("diagonal");
    near(values[HD95], sqrt(9.0 * (D - 1) * (D - 1) + (H - 1) * (H - 1) + (W - 1) * (W - 1)));
    assert_true(isnan(values[PRECISION]));
    measure_with_policy("-2.5");
    near(values[HD], -2.5);
    near(values[PRECISION], -2.5);
    near(values[DICE], 0);
    measure_with_policy("nan");
    assert_true(isnan(values[HD]));
}

static void the_error_policy_fails_and_writes_nothing(void **state)
{
    (void)state;
    rmseg_metric_settings settings = defaults();
    assert_ok(rmseg_metric_settings_empty(&settings, "error"));
    truth[0] = 1;
    for (int i = 0; i < ALL; i++) values[i] = 77;
    rmseg_status status = rmseg_metric_measure(values, &note, prediction, truth, volume, unit, all, ALL, &settings);
    assert_int_equal(status, RMSEG_ERROR_ARGUMENT);
    assert_string_equal(rmseg_error_last(),
                        "precision is undefined (prediction empty), and the policy for empty masks is "
                        "'error'; choose nan, inf, diagonal or a number");
    for (int i = 0; i < ALL; i++) near(values[i], 77);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static rmseg_status try(const char *metric, const rmseg_metric_settings *settings, const int64_t size[3],
                        const double spacing[3])
{
    return rmseg_metric_measure(values, &note, prediction, truth, size, spacing, &metric, 1, settings);
}

static void wrong_names_are_told_the_nearest(void **state)
{
    (void)state;
    rmseg_metric_settings settings = defaults();
    assert_fails(try("assdd", &settings, volume, unit), RMSEG_ERROR_ARGUMENT,
                 "unknown metric 'assdd': did you mean 'assd'?");
    assert_fails(try("betti", &settings, volume, unit), RMSEG_ERROR_ARGUMENT, "asd_reverse");
    const rmseg_metric_info *info = NULL;
    assert_fails(rmseg_metric_find(&info, "dise"), RMSEG_ERROR_ARGUMENT, "'dice'");
    assert_ok(rmseg_metric_find(&info, "assd"));
    assert_true(info->surface);
    settings.convention = "medpi";
    assert_fails(try("dice", &settings, volume, unit), RMSEG_ERROR_ARGUMENT, "did you mean 'medpy'?");
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    rmseg_metric_settings settings = defaults();
    settings.percentile = 101;
    assert_fails(try("hd", &settings, volume, unit), RMSEG_ERROR_ARGUMENT, "percentile 101");
    settings.percentile = NAN;
    assert_fails(try("hd", &settings, volume, unit), RMSEG_ERROR_ARGUMENT, "percentile");
    settings = defaults();
    settings.connectivity = 3;
    assert_fails(try("hd", &settings, plane, unit), RMSEG_ERROR_ARGUMENT, "connectivity 3: expected 1 to 2");
    assert_ok(try("hd", &settings, volume, unit));
    settings = defaults();
    assert_fails(try("hd", &settings, volume, (double[]){1, 0, 1}), RMSEG_ERROR_ARGUMENT, "spacing 0 along axis 1");
    assert_fails(try("hd", &settings, (int64_t[]){1, 0, 5}, unit), RMSEG_ERROR_ARGUMENT, "1 x 0 x 5");
    assert_fails(try("hd", &settings, (int64_t[]){INT64_MAX, 2, 2}, unit), RMSEG_ERROR_ARGUMENT, "below 2^63");
    assert_ok(rmseg_metric_settings_empty(&settings, "tool")); /* MedPy raises */
    assert_int_equal(settings.empty, RMSEG_EMPTY_TOOL);
    assert_fails(rmseg_metric_settings_empty(&settings, "zero"), RMSEG_ERROR_ARGUMENT,
                 "expected nan, inf, diagonal, error");
}

static void the_list_names_every_metric_once(void **state)
{
    (void)state;
    int64_t count = 0;
    for (const rmseg_metric_info *info; (info = rmseg_metric_list(count)); count++) {
        assert_true(strlen(info->name) && strlen(info->formula) && strlen(info->unit) && strlen(info->source));
        const rmseg_metric_info *found = NULL;
        assert_ok(rmseg_metric_find(&found, info->name));
        assert_ptr_equal(found, info);
    }
    assert_true(count > ALL);
    assert_null(rmseg_metric_list(-1));
    assert_string_equal(rmseg_convention_list(0)->name, "medpy");
    assert_non_null(rmseg_convention_list(14));
    assert_null(rmseg_convention_list(15));
}

/* Each allocation fails once: the sentence is that of memory, and nothing leaks. */
static void failing_allocations_are_survived(void **state)
{
    (void)state;
    rmseg_metric_settings settings = defaults();
    set_noise(prediction, 8);
    set_noise(truth, 9);
    measure(volume, unit); /* the pool of threads and its like now exist */
    int64_t live = rmseg_memory_stats_get().live_bytes;
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int failures = 0;
    for (; status != RMSEG_OK && failures < 100; failures++) {
        rmseg_memory_fail_at(failures + 1);
        status = rmseg_metric_measure(values, &note, prediction, truth, volume, unit, all, ALL, &settings);
        if (status != RMSEG_OK) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
    }
    rmseg_memory_fail_at(0);
    assert_int_equal(status, RMSEG_OK);
    assert_true(failures > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(squares_moved_apart, clear),
        cmocka_unit_test_setup(nested_cubes, clear),
        cmocka_unit_test_setup(a_voxel_against_a_voxel, clear),
        cmocka_unit_test_setup(the_same_mask_is_perfect, clear),
        cmocka_unit_test_setup(swapping_the_masks_swaps_what_has_a_direction, clear),
        cmocka_unit_test_setup(distances_scale_with_the_spacing, clear),
        cmocka_unit_test_setup(margins_do_not_matter, clear),
        cmocka_unit_test_setup(a_lower_percentile_is_a_smaller_distance, clear),
        cmocka_unit_test_setup(threads_do_not_change_a_bit, clear),
        cmocka_unit_test_setup(one_empty_mask, clear),
        cmocka_unit_test_setup(both_masks_empty, clear),
        cmocka_unit_test_setup(a_full_truth_leaves_specificity_undefined, clear),
        cmocka_unit_test_setup(policies_for_the_undefined, clear),
        cmocka_unit_test_setup(the_error_policy_fails_and_writes_nothing, clear),
        cmocka_unit_test_setup(wrong_names_are_told_the_nearest, clear),
        cmocka_unit_test_setup(wrong_settings_are_refused, clear),
        cmocka_unit_test_setup(the_list_names_every_metric_once, clear),
        cmocka_unit_test_setup(failing_allocations_are_survived, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
