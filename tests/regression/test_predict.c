/*
 * Prediction from a run's folder: geometry of what is written, ensembles, refusals, cases that fail.
 */
#include "image/image.h"
#include "nn/nn.h"
#include "training.h"

#define RUN    RMSEG_TEST_TMP "/run"
#define SECOND RMSEG_TEST_TMP "/second"
#define OUT    RMSEG_TEST_TMP "/out"
#define IMAGES RMSEG_TEST_TMP "/images"

/* Two runs of other seeds on a grid of 32, and images of another size. */
static int prepare(void **state)
{
    (void)state;
    toy_data();
    const char *runs[] = {RUN, SECOND}, *seeds[] = {"1", "2"};
    for (int i = 0; i < 2; i++)
        assert_ok(toy_train(
            toy_options(runs[i], "overwrite", "yes", "iterations", "12", "seed", seeds[i], "grid", "32,32", NULL)));
    assert_ok(rmseg_phantoms_write(RMSEG_TEST_TMP, 3, 20, 50, 4));
    return 0;
}

/* Pairs of key and value, then NULL. */
static rmseg_status predict(const char *const *inputs, int64_t count, ...)
{
    rmseg_options *options = NULL;
    va_list pairs;
    assert_ok(rmseg_predict_options_create(&options));
    va_start(pairs, count);
    for (const char *key; (key = va_arg(pairs, const char *));)
        assert_ok(rmseg_options_set(options, key, va_arg(pairs, const char *)));
    va_end(pairs);
    rmseg_status status = rmseg_predict(options, inputs, count);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_image *read(const char *folder, const char *name)
{
    rmseg_image *image = NULL;
    char *path = rmseg_path_join(folder, name);
    assert_ok(rmseg_image_read(&image, path));
    rmseg_free(path);
    return image;
}

static const char *const images[] = {IMAGES};
#define CASE "phantom_0021"

static void labels_lie_on_the_inputs_grid(void **state)
{
    (void)state;
    assert_ok(predict(images, 1, "run", RUN, "out", OUT, "overwrite", "yes", NULL));
    rmseg_image *label = read(OUT, CASE ".png");
    assert_true(label->size[1] == 50 && label->size[2] == 50 && label->channels == 1 && label->dtype == RMSEG_U8);
    int64_t seen[3] = {0};
    for (int64_t i = 0; i < 2500; i++) {
        assert_true(((const uint8_t *)label->data)[i] <= 2);
        seen[((const uint8_t *)label->data)[i]]++;
    }
    assert_true(seen[0] > 0);
    rmseg_image_destroy(label);
    assert_ok(predict(images, 1, "run", RUN, "out", OUT "-native", "overwrite", "yes", "grid", "native", NULL));
    label = read(OUT "-native", CASE ".png");
    assert_true(label->size[1] == 32 && label->size[2] == 32);
    rmseg_image_destroy(label);
}

/* A file of weights alone is enough. */
static void weights_are_sufficient_alone(void **state)
{
    (void)state;
    assert_ok(predict(images, 1, "run", RUN, "out", OUT "-a", "overwrite", "yes", NULL));
    assert_ok(predict(images, 1, "weights", RUN "/weights.safetensors", "out", OUT "-b", "overwrite", "yes", NULL));
    assert_same_file(OUT "-a", OUT "-b", CASE ".png");
}

static float *read_npy(const char *folder, const char *shape)
{
    static uint8_t *bytes; /* freed at the next call, and at the end with NULL */
    size_t length = 0;
    rmseg_free(bytes);
    bytes = NULL;
    if (!folder) return NULL;
    toy_read(&bytes, &length, folder, CASE ".npy");
    assert_memory_equal(bytes, "\x93NUMPY\x01\0", 8);
    size_t header = 10 + bytes[8] + 256 * (size_t)bytes[9];
    assert_int_equal(header % 64, 0);
    assert_non_null(strstr((char *)bytes + 10, shape));
    assert_int_equal(length - header, 2 * 50 * 50 * sizeof(float));
    return (float *)(bytes + header);
}

static void an_ensemble_is_the_mean_of_its_runs(void **state)
{
    (void)state;
    enum { N = 2 * 50 * 50 };
    static float first[N], second[N];
    const char *more[] = {SECOND, IMAGES};
    assert_ok(predict(images, 1, "run", RUN, "out", OUT, "overwrite", "yes", "probabilities", "yes", NULL));
    memcpy(first, read_npy(OUT, "'shape': (2, 50, 50)"), sizeof first);
    assert_ok(predict(images, 1, "run", SECOND, "out", OUT, "overwrite", "yes", "probabilities", "yes", NULL));
    memcpy(second, read_npy(OUT, "'descr': '<f4'"), sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    for (int way = 0; way < 2; way++) { /* runs with a comma between, or among the inputs */
        assert_ok(predict(way ? more : images, way ? 2 : 1, "run", way ? RUN : RUN "," SECOND, "out", OUT, "overwrite",
                          "yes", "probabilities", "yes", NULL));
        const float *mean = read_npy(OUT, "'fortran_order': False");
        for (int i = 0; i < N; i++) assert_true(mean[i] == (first[i] + second[i]) / 2);
    }
    read_npy(NULL, "");
}

static void what_is_there_is_not_replaced(void **state)
{
    (void)state;
    const char *own[] = {IMAGES "/" CASE ".png"};
    assert_ok(predict(images, 1, "run", RUN, "out", OUT, "overwrite", "yes", NULL));
    assert_fails(predict(images, 1, "run", RUN, "out", OUT, NULL), RMSEG_ERROR_EXISTS, "--overwrite");
    assert_fails(predict(own, 1, "run", RUN, "out", IMAGES, "overwrite", "yes", NULL), RMSEG_ERROR_ARGUMENT,
                 "its own input");
}

static void a_case_that_fails_leaves_the_others(void **state)
{
    (void)state;
    const char *inputs[] = {IMAGES "/phantom_0020.png", RMSEG_TEST_TMP "/bad.png", IMAGES "/phantom_0022.png"};
    assert_ok(rmseg_file_write(RMSEG_TEST_TMP "/bad.png", "text", 4));
    assert_fails(predict(inputs, 3, "run", RUN, "out", OUT "-some", "overwrite", "yes", NULL), RMSEG_ERROR_FORMAT,
                 "1 of 3 cases failed; the first: " RMSEG_TEST_TMP);
    assert_true(rmseg_file_exists(OUT "-some/phantom_0020.png") && rmseg_file_exists(OUT "-some/phantom_0022.png"));
    assert_false(rmseg_file_exists(OUT "-some/bad.png"));
}

static void volumes_come_back_as_tiff(void **state)
{
    (void)state;
#define VOLUMES RMSEG_TEST_TMP "/volumes"
    static const char *const inputs[] = {VOLUMES "/images"};
    const int64_t size[3] = {4, 8, 8};
    for (int part = 0; part < 2; part++) {
        rmseg_image *image = NULL;
        assert_ok(rmseg_folder_create(part ? VOLUMES "/labels" : VOLUMES "/images"));
        assert_ok(rmseg_image_create(&image, RMSEG_U8, 1, size));
        for (int i = 80; i < 160; i++) ((uint8_t *)image->data)[i] = (uint8_t)(part ? 1 : i);
        assert_ok(rmseg_image_write(image, part ? VOLUMES "/labels/a.tif" : VOLUMES "/images/a.tif"));
        rmseg_image_destroy(image);
    }
    assert_ok(toy_train(toy_options(RUN "-3d", "data", VOLUMES, "objective", "ce + rm(2,0,0)", "iterations", "2",
                                    "val-fraction", "0", "overwrite", "yes", NULL)));
    assert_ok(predict(inputs, 1, "run", RUN "-3d", "out", OUT "-3d", "overwrite", "yes", NULL));
    rmseg_image *label = read(OUT "-3d", "a.tif");
    assert_memory_equal(label->size, size, sizeof size);
    rmseg_image_destroy(label);
}

static void wrong_calls_have_their_sentence(void **state)
{
    (void)state;
    const char *twins[] = {IMAGES, IMAGES "/" CASE ".png"}, *nowhere[] = {RMSEG_TEST_TMP "/nowhere.png"};
    assert_fails(predict(images, 1, "out", OUT, NULL), RMSEG_ERROR_ARGUMENT, "--run");
    assert_fails(predict(images, 1, "run", RUN, NULL), RMSEG_ERROR_ARGUMENT, "--out");
    assert_fails(predict(NULL, 0, "run", RUN, "out", OUT, NULL), RMSEG_ERROR_ARGUMENT, "nothing to predict");
    assert_fails(predict(nowhere, 1, "run", RUN, "out", OUT, NULL), RMSEG_ERROR_FILE, "nowhere.png");
    assert_fails(predict(images, 1, "run", RMSEG_TEST_TMP, "out", OUT, NULL), RMSEG_ERROR_FILE, "weights.safetensors");
    assert_fails(predict(twins, 2, "run", RUN, "out", OUT, NULL), RMSEG_ERROR_ARGUMENT, "both called " CASE);
    assert_fails(predict(images, 1, "run", RUN, "out", OUT, "window", "32,32", "whole", "yes", NULL),
                 RMSEG_ERROR_ARGUMENT, "exclude");
    assert_fails(predict(images, 1, "run", RUN, "out", OUT, "window", "30,32", NULL), RMSEG_ERROR_ARGUMENT,
                 "nearest are 28,32 and 32,32");
    assert_fails(predict(images, 1, "run", RUN, "out", OUT, "stride", "8,8", NULL), RMSEG_ERROR_ARGUMENT, "--window");
    assert_fails(predict(images, 1, "run", RUN, "out", OUT, "window", "32,32", "stride", "8,40", NULL),
                 RMSEG_ERROR_ARGUMENT, "left out");
}

static void a_layouts_split_is_predicted(void **state)
{
    (void)state;
    assert_ok(predict(NULL, 0, "run", RUN, "layout", "folder", "data", TOY_DATA, "split", "train", "out", OUT "-split",
                      "overwrite", "yes", NULL));
    rmseg_names names = {0};
    assert_ok(rmseg_folder_list(&names, OUT "-split"));
    assert_int_equal(names.count, TOY_CASES);
    rmseg_names_destroy(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_lie_on_the_inputs_grid),       cmocka_unit_test(weights_are_sufficient_alone),
        cmocka_unit_test(an_ensemble_is_the_mean_of_its_runs), cmocka_unit_test(what_is_there_is_not_replaced),
        cmocka_unit_test(a_case_that_fails_leaves_the_others), cmocka_unit_test(wrong_calls_have_their_sentence),
        cmocka_unit_test(a_layouts_split_is_predicted),        cmocka_unit_test(volumes_come_back_as_tiff),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
