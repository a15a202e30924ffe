/*
 * Prediction in pieces: the files are those of the usual way, byte for byte, whatever the order of axes, the preparation, the
 * windows and what is done to the labels; what goes wrong leaves nothing behind.
 */
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "image/image.h"
#include "training.h"

#define DATA   RMSEG_TEST_TMP "/volumes"
#define INPUTS RMSEG_TEST_TMP "/inputs"
#define RUNS   RMSEG_TEST_TMP "/runs"
#define USUAL  RMSEG_TEST_TMP "/usual"
#define PIECES RMSEG_TEST_TMP "/pieces"

/* A bright ball in noise, three channels of it or one. */
static rmseg_image *make_ball(int64_t channels, int64_t d, int64_t h, int64_t w, uint32_t which, bool label)
{
    rmseg_image *image = NULL;
    rmseg_random r = rmseg_random_stream(9, RMSEG_RANDOM_TEST, which, 0);
    assert_ok(rmseg_image_create(&image, label ? RMSEG_U8 : RMSEG_F32, channels, (int64_t[]){d, h, w}));
    for (int64_t v = 0; v < channels * d * h * w; v++) {
        int64_t x = v % w - w / 2, y = v / w % h - h / 2, z = v / w / h % d - d / 2;
        bool inside = x * x + y * y + z * z < 40;
        if (label)
            ((uint8_t *)image->data)[v] = inside;
        else
            ((float *)image->data)[v] = (float)(3 * inside + rmseg_random_normal(&r));
    }
    for (int k = 0; k < 3; k++) image->spacing[k] = 1 + 0.25 * k, image->origin[k] = 10 * k - 7;
    image->has_spacing = true;
    return image;
}

static void write_to(rmseg_image *image, const char *folder, const char *name)
{
    char *path = rmseg_path_join(folder, name);
    assert_ok(rmseg_folder_create_for(path));
    assert_ok(rmseg_image_write(image, path));
    rmseg_free(path);
    rmseg_image_destroy(image);
}

static void write_inputs(void)
{
    static const char *const names[] = {"a.nii", "b.nii.gz", "c.nrrd", "d.mha", "e.nii", "f.nii"};
    static const rmseg_axis_order orders[] = {{{0, 1, 2}, {false, false, false}}, {{0, 2, 1}, {true, false, true}},
                                              {{1, 0, 2}, {false, true, false}},  {{2, 1, 0}, {true, true, true}},
                                              {{1, 2, 0}, {false, true, true}},   {{2, 0, 1}, {true, false, false}}};
    for (uint32_t i = 0; i < 6; i++) {
        rmseg_image *ball = make_ball(1, 37 + i, 35, 40, 20 + i, false), *turned = NULL;
        assert_ok(rmseg_image_reorder(&turned, ball, &orders[i]));
        rmseg_image_destroy(ball);
        write_to(turned, INPUTS, names[i]);
    }
    write_to(make_ball(1, 5, 35, 9, 40, false), INPUTS, "small.nii"); /* smaller than the window */
}

static void train(const char *run, const char *key, const char *value, const char *other, const char *more)
{
    assert_ok(toy_train(toy_options(run, "data", DATA, "objective", "softmax: ce + dice", "net", "unet", "width", "2",
                                    "depth", "1", "patch", "16,16,16", "augment", "none", "dropout", "0", "iterations",
                                    "12", "lr", "0.1", "schedule", "constant", "val-fraction", "0", "overwrite", "yes",
                                    key, value, other, more, NULL)));
}

static int prepare(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        const char *names[] = {"x.nii", "y.nii", "z.nii"};
        write_to(make_ball(1, 24, 22, 20, i, false), DATA "/images", names[i]);
        write_to(make_ball(1, 24, 22, 20, i, true), DATA "/labels", names[i]);
    }
    write_inputs();
    train(RUNS "/plain", "normalize", "zscore", "seed", "1");
    train(RUNS "/resampled", "spacing", "1.3,0.9,1.6", "clip", "1,99");
    train(RUNS "/file", "orientation", "file", "normalize", "range");
    train(RUNS "/masks", "objective", "sigmoid: ce + dice", "normalize", "ct");
    train(RUNS "/grid", "grid", "20,24,28", "patch", "16,16,16");
    return 0;
}

static rmseg_status predict(const char *input, const char *out, const char *slabs, const char *const *pairs)
{
    rmseg_options *options = NULL;
    assert_ok(rmseg_predict_options_create(&options));
    assert_ok(rmseg_options_set(options, "out", out));
    assert_ok(rmseg_options_set(options, "slabs", slabs));
    assert_ok(rmseg_options_set(options, "overwrite", "yes"));
    for (; *pairs; pairs += 2) assert_ok(rmseg_options_set(options, pairs[0], pairs[1]));
    rmseg_status status = rmseg_predict(options, &input, 1);
    rmseg_options_destroy(options);
    return status;
}

static void both_ways_give_the_same_files(void **state)
{
    (void)state;
    static const char *const ways[][12] = {
        {"run", RUNS "/plain"},
        {"run", RUNS "/resampled", "probabilities", "yes", "largest-component", "yes"},
        {"run", RUNS "/file", "min-size", "5", "blend", "gaussian", "flips", "yes"},
        {"run", RUNS "/masks", "window", "18,20,22", "stride", "7,11,13", "min-size", "3", "largest-component", "yes"},
        {"run", RUNS "/grid", "grid", "native", "largest-component", "yes"},
        {"run", RUNS "/plain," RUNS "/resampled," RUNS "/file", "probabilities", "yes"},
        {"run", RUNS "/plain," RUNS "/plain", "grid", "native", "probabilities", "yes"},
    };
    int64_t files = 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        rmseg_names names = {0};
        assert_ok(predict(INPUTS, USUAL, "never", ways[i]));
        assert_ok(predict(INPUTS, PIECES, "always", ways[i]));
        assert_ok(rmseg_folder_list(&names, USUAL));
        for (int64_t n = 0; n < names.count; n++) assert_same_file(USUAL, PIECES, names.items[n]);
        files = names.count;
        rmseg_names_destroy(&names);
    }
    assert_int_equal(files, 14); /* seven label images and seven of probabilities; no temporary file */
}

/* Whole images have no windows; PNG and TIFF are not read in pieces. */
static void what_cannot_be_done_is_said(void **state)
{
    (void)state;
    static const char *const whole[] = {"run", RUNS "/plain", "whole", "yes", NULL}, *const plain[] = {
                                                                                         "run", RUNS "/plain", NULL};
    assert_fails(predict(INPUTS "/a.nii", PIECES "-never", "always", whole), RMSEG_ERROR_FORMAT, "--window");
    write_to(make_ball(1, 20, 20, 20, 1, false), RMSEG_TEST_TMP "/other", "t.tif");
    assert_fails(predict(RMSEG_TEST_TMP "/other/t.tif", PIECES "-never", "always", plain), RMSEG_ERROR_UNSUPPORTED,
                 "pieces");
    rmseg_image *image = make_ball(1, 20, 20, 20, 1, false);
    ((float *)image->data)[4000] = NAN;
    write_to(image, RMSEG_TEST_TMP "/other", "n.nii");
    assert_fails(predict(RMSEG_TEST_TMP "/other/n.nii", PIECES "-never", "always", plain), RMSEG_ERROR_FORMAT,
                 "n.nii: a value is nan");
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const plain[] = {"run", RUNS "/plain", NULL};
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t most = 500; most < 400000; most *= 5) {
        rmseg_names names = {0};
        small = before, small.rlim_cur = most;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        rmseg_status status = predict(INPUTS "/a.nii", PIECES "-full", "always", plain);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_fails(status, RMSEG_ERROR_FILE, "free some space");
        assert_ok(rmseg_folder_list(&names, PIECES "-full"));
        assert_int_equal(names.count, 0);
        rmseg_names_destroy(&names);
    }
}

static void an_interrupted_prediction_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const plain[] = {"run", RUNS "/plain", NULL};
    rmseg_names names = {0};
    rmseg_cancel();
    rmseg_status status = predict(INPUTS "/a.nii", PIECES "-stopped", "always", plain);
    rmseg_cancel_reset();
    assert_fails(status, RMSEG_ERROR_CANCELLED, "interrupted");
    assert_ok(rmseg_folder_list(&names, PIECES "-stopped"));
    assert_int_equal(names.count, 0);
    rmseg_names_destroy(&names);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const ways[] = {"run", RUNS "/resampled," RUNS "/plain", "largest-component", "yes", NULL};
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int64_t step = 1;
    for (int64_t tried = 1; status != RMSEG_OK; tried += step) {
        int64_t before = rmseg_memory_stats_get().live_bytes;
        rmseg_memory_fail_at(tried);
        rmseg_options *options = NULL;
        const char *input = INPUTS "/small.nii";
        status = rmseg_predict_options_create(&options);
        if (!status) status = rmseg_options_set(options, "out", PIECES "-memory");
        if (!status) status = rmseg_options_set(options, "slabs", "always");
        if (!status) status = rmseg_options_set(options, "overwrite", "yes");
        for (int i = 0; ways[i] && !status; i += 2) status = rmseg_options_set(options, ways[i], ways[i + 1]);
        if (!status) status = rmseg_predict(options, &input, 1);
        rmseg_memory_fail_at(0);
        rmseg_options_destroy(options);
        if (status) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
        step = 1 + tried / 60; /* all of the first, then one of several */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_give_the_same_files),
        cmocka_unit_test(what_cannot_be_done_is_said),
        cmocka_unit_test(a_full_disk_leaves_nothing_behind),
        cmocka_unit_test(an_interrupted_prediction_leaves_nothing_behind),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
