/* Evaluation: pairing, regions, grids, masks of 255, Drishti-GS trees, cases that fail, and the figures themselves. */
#include "unit.h"

#include <math.h>
#include <stdatomic.h>

#include "image/image.h"
#include "metric/results.h"
#include "rmseg/run.h"
#include "run/gate.h"
#include "run/geometry.h"
#include "scratch.h"

#define PRED  RMSEG_TEST_TMP "/pred"
#define TRUTH RMSEG_TEST_TMP "/truth"

#define AROUND RMSEG_TEST_TMP "/around"
#define TREE   AROUND "/drishti/Test"

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

static void read_text(rmseg_text *text, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_file_read(&bytes, &length, path, 0));
    rmseg_text_addn(text, (const char *)bytes, length);
    rmseg_free(bytes);
}

static int begin(void **state)
{
    log_text[0] = '\0';
    rmseg_log_set(keep_log, NULL);
    return fresh(state) || rmseg_folder_create(PRED) || rmseg_folder_create(TRUTH) || rmseg_folder_create(AROUND);
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
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, NULL), RMSEG_ERROR_FILE, "2 of the cases had no partner");
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

/* Beside a file that holds other labels too, 255 is a label as well (one to ignore, say), whichever was read first. */
static void a_255_beside_other_labels_is_a_label(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 16, 3, 9, 255);
    write_square(PRED "/b.png", 16, 3, 9, 2);
    write_square(TRUTH "/a.png", 16, 3, 9, 255);
    write_square(TRUTH "/b.png", 16, 3, 9, 255);
    static const char *const jobs[] = {"1", "2"};
    for (int i = 0; i < 2; i++) {
        assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dice", "jobs", jobs[i], NULL));
        assert_int_equal(rmseg_results_aggregates(results), 3);
        assert_near(aggregate(results, "1", "dice").mean, 0, 0); /* all truths are masks: their 255 is 1 */
        assert_near(aggregate(results, "2", "dice").mean, 0, 0);
        assert_near(aggregate(results, "255", "dice").mean, 0, 0);
        rmseg_results_destroy(results);
    }
}

/* A label of one case is judged in all: where neither file has it, both masks are empty. */
static void a_label_of_one_case_is_judged_in_all(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 16, 3, 9, 1);
    write_square(PRED "/b.png", 16, 3, 9, 2);
    write_square(TRUTH "/a.png", 16, 3, 9, 1);
    write_square(TRUTH "/b.png", 16, 3, 9, 2);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dice,hd", NULL));
    for (int label = 1; label <= 2; label++) {
        rmseg_aggregate a = aggregate(results, label == 1 ? "1" : "2", "dice");
        assert_int_equal(a.n, 2);
        assert_int_equal(a.valid, 1);
        assert_int_equal(a.empty, 1);
        assert_near(a.mean, 1, 0);
    }
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "hd", "empty", "diagonal", NULL));
    assert_near(aggregate(results, "1", "hd").mean, 15 * sqrt(2) / 2, 1e-12);
    rmseg_results_destroy(results);
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "hd", "empty", "error", NULL),
                 RMSEG_ERROR_FORMAT, "2 of 2 cases failed; the first: a: hd is undefined (both empty)");
    rmseg_results_destroy(results);
}

static void a_label_that_is_nowhere_is_told_of(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(PRED "/a.png", 16, 3, 9, 1);
    write_square(TRUTH "/a.png", 16, 3, 9, 1);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "labels", "1,9", NULL));
    rmseg_results_destroy(results);
    assert_non_null(strstr(log_text, "region 9: no file holds any of its labels: check --labels"));
    assert_null(strstr(log_text, "region 1"));
}

/* ---- volumes ----------------------------------------------------------------------------------------------------- */

/* A cube of 1 from `first` to `last` in each axis. */
static void write_cube(const char *path, int64_t size, int64_t first, int64_t last)
{
    rmseg_image *image = NULL;
    const int64_t extents[3] = {size, size, size};
    assert_ok(rmseg_image_create(&image, RMSEG_U8, 1, extents));
    for (int64_t z = first; z <= last; z++)
        for (int64_t y = first; y <= last; y++)
            for (int64_t x = first; x <= last; x++) ((uint8_t *)image->data)[(z * size + y) * size + x] = 1;
    assert_ok(rmseg_image_write(image, path));
    rmseg_image_destroy(image);
}

static void volumes_come_in_ml(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_cube(PRED "/a.tif", 20, 5, 14);  /* 1000 voxels */
    write_cube(TRUTH "/a.tif", 20, 5, 13); /* 729 */
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "spacing", "2,1,0.5", NULL));
    assert_near(aggregate(results, "1", "volume_pred_ml").mean, 1, 1e-12);
    assert_near(aggregate(results, "1", "volume_truth_ml").mean, 0.729, 1e-12);
    assert_near(aggregate(results, "1", "volume_difference_ml").mean, 0.271, 1e-12);
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, NULL)); /* no spacing: no volumes, as nobody asked for them */
    assert_int_equal(rmseg_results_aggregates(results), 4);
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "volume_pred_ml", NULL));
    assert_int_equal(rmseg_results_aggregates(results), 1);
    assert_int_equal(aggregate(results, "1", "volume_pred_ml").valid, 0);
    rmseg_results_destroy(results);
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "spacing", "2,1", NULL), RMSEG_ERROR_FORMAT,
                 "--spacing 2,1: the files are volumes, so 3 lengths are expected");
    rmseg_results_destroy(results);
    assert_fails(run(&results, "pred", PRED, "truth", TRUTH, "grid", "10,10", NULL), RMSEG_ERROR_FORMAT,
                 "--grid 10,10: the files are volumes, so 3 numbers are expected");
    rmseg_results_destroy(results);
}

/* Every figure of tests/golden/evaluate/medpy.txt (tools/golden_evaluate.py), and a count of what was compared. */
static void volumes_are_measured_as_by_medpy(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    rmseg_text lines = {0};
    int compared = 0;
    assert_ok(run(&results, "pred", RMSEG_GOLDEN "/evaluate/pred", "truth", RMSEG_GOLDEN "/evaluate/truth", "spacing",
                  "image", "metrics",
                  "dice,jaccard,hd,hd95,asd,assd,volume_pred_ml,volume_truth_ml,volume_difference_ml", NULL));
    read_text(&lines, RMSEG_GOLDEN "/evaluate/medpy.txt");
    for (char *line = strtok(lines.data, "\n"); line; line = strtok(NULL, "\n")) {
        char id[32], region[32], metric[64];
        double expected = 0;
        if (sscanf(line, "%31s %31s %63s %lf", id, region, metric, &expected) != 4 || *id == '#') continue;
        for (int64_t i = 0; i < results->count; i++) {
            const rmseg_record *r = &results->records[i];
            const rmseg_column *c = &results->columns[r->column];
            if (strcmp(r->case_id, id) || strcmp(c->class_name, region) || strcmp(c->metric, metric)) continue;
            assert_near(r->value, expected, 1e-9 * fabs(expected) + 1e-12);
            compared++;
        }
    }
    assert_int_equal(compared, 3 * 2 * 3 + 5 * 6);
    rmseg_text_destroy(&lines);
    rmseg_results_destroy(results);
}

/* Truth: pixels 4..12 of both axes; predicted besides: (30,30), 18 sqrt(2) from it, and (4,15), 3 from it. */
static void false_positives_count_from_a_distance_on(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    rmseg_image *image = NULL;
    write_square(TRUTH "/a.png", 32, 4, 12, 1);
    write_square(PRED "/a.png", 32, 4, 12, 1);
    write_square(PRED "/b.png", 32, 4, 12, 1);
    write_square(TRUTH "/b.png", 32, 0, 0, 0);
    assert_ok(rmseg_image_read(&image, PRED "/a.png"));
    ((uint8_t *)image->data)[30 * 32 + 30] = ((uint8_t *)image->data)[4 * 32 + 15] = 1;
    assert_ok(rmseg_image_write(image, PRED "/a.png"));
    rmseg_image_destroy(image);
    static const struct {
        const char *spacing, *beyond;
        double a, b;
    } all[] = {{"voxel", "0", 2, 81},          {"voxel", "2.9", 2, 81},  {"voxel", "3", 1, 81},
               {"voxel", "25.4", 1, 81},       {"voxel", "25.5", 0, 81}, {"0.5,0.5", "1.4", 0.5, 20.25},
               {"0.5,0.5", "1.5", 0.25, 20.25}};
    for (int i = 0; i < (int)(sizeof all / sizeof *all); i++) {
        assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dice", "spacing", all[i].spacing, "fp-beyond",
                      all[i].beyond, NULL));
        assert_near(aggregate(results, "1", "fp_beyond").mean, (all[i].a + all[i].b) / 2, 1e-12);
        rmseg_results_destroy(results);
    }
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "fp-beyond", "3", "largest-component", "yes", NULL));
    assert_near(aggregate(results, "1", "fp_beyond").mean, 81.0 / 2, 1e-12);
    rmseg_results_destroy(results);
}

/* ---- components, what is ignored ------------------------------------------------------------------------------- */

static double value_of(const rmseg_results *results, const char *id, const char *region, const char *metric)
{
    for (int64_t i = 0; i < results->count; i++) {
        const rmseg_column *c = &results->columns[results->records[i].column];
        if (strcmp(results->records[i].case_id, id) || strcmp(c->class_name, region) || strcmp(c->metric, metric))
            continue;
        return results->records[i].value;
    }
    fail_msg("no %s of %s in %s", metric, region, id);
    return NAN;
}

/* Adds a square of `value` to a file of write_square. */
static void add_square(const char *path, int64_t y, int64_t x, int64_t side, uint8_t value)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_read(&image, path));
    for (int64_t i = 0; i < side * side; i++)
        ((uint8_t *)image->data)[(y + i / side) * image->size[2] + x + i % side] = value;
    assert_ok(rmseg_image_write(image, path));
    rmseg_image_destroy(image);
}

/* Of three true squares one is found as it is, one shifted by a pixel, one not at all; one is predicted for nothing. */
static void components_are_matched_and_measured(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(TRUTH "/a.png", 40, 2, 5, 1);
    write_square(PRED "/a.png", 40, 2, 5, 1);
    add_square(TRUTH "/a.png", 2, 20, 6, 1);
    add_square(PRED "/a.png", 2, 21, 6, 1);
    add_square(TRUTH "/a.png", 20, 2, 3, 1);
    add_square(PRED "/a.png", 30, 30, 5, 1);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dice,hd", "components", "yes", "csv",
                  RMSEG_TEST_TMP "/parts.csv", NULL));
    assert_near(value_of(results, "a", "1", "component_precision"), 2.0 / 3, 1e-12);
    assert_near(value_of(results, "a", "1", "component_recall"), 2.0 / 3, 1e-12);
    assert_near(value_of(results, "a", "1", "component_f1"), 2.0 / 3, 1e-12);
    assert_near(value_of(results, "a/1", "1 component", "dice"), 1, 0);
    assert_near(value_of(results, "a/1", "1 component", "hd"), 0, 0);
    assert_near(value_of(results, "a/2", "1 component", "dice"), 2 * 30.0 / 72, 1e-12);
    assert_near(value_of(results, "a/2", "1 component", "hd"), 1, 0);
    assert_near(value_of(results, "a/3", "1 component", "dice"), 0, 0);
    assert_true(isnan(value_of(results, "a/3", "1 component", "hd")));
    assert_near(value_of(results, "a/fp3", "1 component", "dice"), 0, 0);
    assert_int_equal(aggregate(results, "1 component", "dice").n, 4);
    assert_int_equal(aggregate(results, "1 component", "hd").valid, 2);
    assert_int_equal(aggregate(results, "1 component", "hd").empty, 2);
    rmseg_results_destroy(results);
}

/* The lower half of the truth is unknown: what is predicted there counts for nothing, and the cut makes no border. */
static void what_is_ignored_is_not_judged(void **state)
{
    (void)state;
    rmseg_results *results = NULL;
    write_square(TRUTH "/a.png", 32, 8, 19, 1);
    write_square(PRED "/a.png", 32, 8, 19, 1);
    for (int64_t x = 0; x < 32; x += 16) add_square(TRUTH "/a.png", 16, x, 16, 255);
    add_square(PRED "/a.png", 24, 24, 4, 2);
    assert_ok(
        run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dice,hd,asd", "ignore", "255", "fp-beyond", "0", NULL));
    assert_near(aggregate(results, "1", "dice").mean, 1, 0);
    assert_near(aggregate(results, "1", "hd").mean, 0, 0);
    assert_near(aggregate(results, "1", "fp_beyond").mean, 0, 0);
    assert_int_equal(aggregate(results, "2", "dice").empty, 1);
    assert_int_equal(rmseg_results_aggregates(results), 2 * 4); /* no region 255 */
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dice,hd", "ignore", "255", "largest-component",
                  "yes", NULL));
    assert_near(aggregate(results, "1", "dice").mean, 1, 0);
    rmseg_results_destroy(results);
    assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "metrics", "dice,hd", "labels", "1", NULL));
    assert_near(aggregate(results, "1", "dice").mean, 2 * 96.0 / (144 + 96), 1e-12);
    assert_near(aggregate(results, "1", "hd").mean, 4, 0);
    rmseg_results_destroy(results);
}

/* ---- several at once --------------------------------------------------------------------------------------------- */

static void jobs_and_threads_change_nothing(void **state)
{
    (void)state;
    rmseg_text first = {0};
    for (int i = 0; i < 7; i++) {
        char path[256];
        snprintf(path, sizeof path, PRED "/c%d.png", i);
        write_square(path, 40, 4 + i, 20 + i, 1 + i % 3);
        snprintf(path, sizeof path, TRUTH "/c%d.png", i);
        write_square(path, 40, 8, 21 + 2 * i, 1 + i % 2);
    }
    static const char *const ways[][2] = {{"1", "1"}, {"3", "1"}, {"1", "4"}, {"4", "4"}, {"16", "2"}};
    for (int i = 0; i < 5; i++) {
        rmseg_results *results = NULL;
        rmseg_text json = {0};
        assert_ok(run(&results, "pred", PRED, "truth", TRUTH, "jobs", ways[i][0], "threads", ways[i][1], "fp-beyond",
                      "2", "json", RMSEG_TEST_TMP "/jobs.json", "csv", RMSEG_TEST_TMP "/jobs.csv", "run", "rm3", "seed",
                      "7", NULL));
        rmseg_results_destroy(results);
        read_text(&json, RMSEG_TEST_TMP "/jobs.json");
        read_text(&json, RMSEG_TEST_TMP "/jobs.csv");
        assert_non_null(strstr(json.data, "\"run\": \"rm3\",\n  \"seed\": 7,"));
        if (i == 0)
            rmseg_text_add(&first, json.data);
        else
            assert_string_equal(first.data, json.data);
        rmseg_text_destroy(&json);
    }
    rmseg_text_destroy(&first);
    assert_ok(rmseg_threads_set(0));
}

typedef struct crowd {
    rmseg_gate gate;
    atomic_llong inside, most;
} crowd;

static void pass(void *context, int64_t visitor, int thread)
{
    (void)thread;
    crowd *c = context;
    int64_t bytes = visitor % 8 == 7 ? 1000 : 30; /* some are larger than the limit, and go through alone */
    rmseg_gate_enter(&c->gate, bytes);
    long long now = atomic_fetch_add(&c->inside, bytes) + bytes, most = atomic_load(&c->most);
    while (now > most && now != 1000 && !atomic_compare_exchange_weak(&c->most, &most, now)) continue;
    if (now > 1000) atomic_store(&c->most, now);
    for (volatile int i = 0; i < 10000; i++) continue;
    atomic_fetch_sub(&c->inside, bytes);
    rmseg_gate_leave(&c->gate, bytes);
}

static void no_more_than_the_limit_is_inside(void **state)
{
    (void)state;
    crowd c = {.most = 0};
    rmseg_gate_init(&c.gate, 100);
    assert_ok(rmseg_threads_set(8));
    rmseg_parallel_for(64, pass, &c);
    assert_ok(rmseg_threads_set(0));
    assert_int_equal(c.gate.inside, 0);
    assert_in_range(atomic_load(&c.most), 30, 100);
    rmseg_gate_destroy(&c.gate);
}

/* ---- geometry ---------------------------------------------------------------------------------------------------- */

static rmseg_image *scanned(double spacing, double origin)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, RMSEG_I32, 1, (int64_t[]){2, 4, 8}));
    for (int axis = 0; axis < 3; axis++) image->spacing[axis] = spacing;
    image->origin[1] = origin;
    image->has_spacing = true;
    return image;
}

static void geometry_must_agree_where_both_say_it(void **state)
{
    (void)state;
    rmseg_image *a = scanned(0.625, 10), *b = scanned(0.625, 10);
    assert_ok(rmseg_geometry_agree(a, b, "p.nii", false));
    a->spacing[2] = 0.6255;
    a->origin[1] = 10.006;
    a->direction[1] = 0.0009;
    assert_ok(rmseg_geometry_agree(a, b, "p.nii", false)); /* within what a header loses */
    a->spacing[2] = 0.63;
    assert_fails(rmseg_geometry_agree(a, b, "p.nii", false), RMSEG_ERROR_FORMAT,
                 "p.nii has a spacing of 0.63 x 0.625 x 0.625 mm, its truth 0.625 x 0.625 x 0.625 mm: ");
    assert_ok(rmseg_geometry_agree(a, b, "p.nii", true));
    a->has_spacing = false;
    assert_ok(rmseg_geometry_agree(a, b, "p.nii", false));
    a->has_spacing = true;
    a->spacing[2] = 0.625;
    a->origin[1] = 10.1;
    assert_fails(rmseg_geometry_agree(a, b, "p.nii", false), RMSEG_ERROR_FORMAT,
                 "p.nii has its origin at (0, 10.1, 0) mm, its truth at (0, 10, 0): ");
    a->direction[0] = -1;
    assert_fails(rmseg_geometry_agree(a, b, "p.nii", false), RMSEG_ERROR_FORMAT,
                 "p.nii has axes along (0, 0, 1), (0.0009, 1, 0), (-1, 0, 0), its truth along (0, 0, 1), (0, 1, 0), "
                 "(1, 0, 0): ");
    a->origin[1] = NAN;
    a->direction[0] = 1;
    assert_fails(rmseg_geometry_agree(a, b, "p.nii", false), RMSEG_ERROR_FORMAT, "origin");
    rmseg_image_destroy(a);
    a = NULL;
    assert_ok(rmseg_image_create(&a, RMSEG_I32, 1, (int64_t[]){2, 4, 9}));
    assert_fails(rmseg_geometry_agree(a, b, "p.nii", true), RMSEG_ERROR_FORMAT,
                 "p.nii has 9 x 4 x 2 voxels, its truth 8 x 4 x 2 voxels: ");
    rmseg_image_destroy(a);
    rmseg_image_destroy(b);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

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
    assert_non_null(strstr(rmseg_error_last(), "drishtiGS_001: its cup soft map is missing: expected"));
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
        cmocka_unit_test_setup(shifted_squares_have_known_figures, begin),
        cmocka_unit_test_setup(cases_without_a_partner_are_told_of, begin),
        cmocka_unit_test_setup(two_files_are_a_pair_whatever_their_names, begin),
        cmocka_unit_test_setup(masks_of_255_meet_predictions_of_1, begin),
        cmocka_unit_test_setup(sizes_must_agree_or_a_grid_be_given, begin),
        cmocka_unit_test_setup(a_case_that_fails_leaves_the_others, begin),
        cmocka_unit_test_setup(files_that_cannot_be_written_leave_the_results, begin),
        cmocka_unit_test_setup(regions_and_labels_choose_what_is_judged, begin),
        cmocka_unit_test_setup(far_islands_go_with_the_largest_component, begin),
        cmocka_unit_test_setup(a_folder_of_drishti_is_recognised, begin),
        cmocka_unit_test_setup(of_a_whole_drishti_the_predicted_split_is_read, begin),
        cmocka_unit_test_setup(a_truth_that_is_missing_leaves_the_others, begin),
        cmocka_unit_test_setup(a_255_beside_other_labels_is_a_label, begin),
        cmocka_unit_test_setup(a_label_of_one_case_is_judged_in_all, begin),
        cmocka_unit_test_setup(a_label_that_is_nowhere_is_told_of, begin),
        cmocka_unit_test_setup(volumes_come_in_ml, begin),
        cmocka_unit_test_setup(volumes_are_measured_as_by_medpy, begin),
        cmocka_unit_test_setup(false_positives_count_from_a_distance_on, begin),
        cmocka_unit_test_setup(components_are_matched_and_measured, begin),
        cmocka_unit_test_setup(what_is_ignored_is_not_judged, begin),
        cmocka_unit_test_setup(jobs_and_threads_change_nothing, begin),
        cmocka_unit_test(no_more_than_the_limit_is_inside),
        cmocka_unit_test_setup(geometry_must_agree_where_both_say_it, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
