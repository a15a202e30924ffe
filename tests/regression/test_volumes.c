/*
 * A V-Net on small volumes, from files to label images: trained on crops, stopped and resumed, validated and predicted by
 * windows, given back on the input's own voxels of the world.
 */
#include "image/image.h"
#include "training.h"

#define DATA  RMSEG_TEST_TMP "/volumes"
#define WHOLE RMSEG_TEST_TMP "/whole"
#define PARTS RMSEG_TEST_TMP "/parts"
#define OUT   RMSEG_TEST_TMP "/out"

enum { CASES = 4, D = 18, H = 35, W = 20 };

static char *case_path(const char *folder, int i)
{
    rmseg_text path = {0};
    rmseg_text_addf(&path, DATA "/%s/ball_%d.nii.gz", folder, i);
    assert_false(path.failed);
    return path.data;
}

static void write_volume(const char *folder, int i, rmseg_image *image)
{
    char *path = case_path(folder, i);
    for (int k = 0; k < 3; k++) image->spacing[k] = 1 + 0.5 * k, image->origin[k] = 10 * k - 7;
    image->has_spacing = true;
    assert_ok(rmseg_image_write(image, path));
    rmseg_text_free(path);
    rmseg_image_destroy(image);
}

/* A bright ball in noise, elsewhere in each case. */
static void write_case(int i)
{
    rmseg_image *image = NULL, *label = NULL;
    const int64_t size[3] = {D, H, W};
    rmseg_random r = rmseg_random_stream(9, RMSEG_RANDOM_TEST, (uint32_t)i, 0);
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 1, size));
    assert_ok(rmseg_image_create(&label, RMSEG_U8, 1, size));
    for (int64_t v = 0; v < D * H * W; v++) {
        int64_t d = v / (H * W) - 8, h = v / W % H - 12 - 3 * i, w = v % W - 10;
        bool inside = d * d + h * h + w * w < 36;
        ((uint8_t *)label->data)[v] = inside;
        ((float *)image->data)[v] = (float)(3 * inside + rmseg_random_normal(&r));
    }
    write_volume("images", i, image);
    write_volume("labels", i, label);
}

static int prepare(void **state)
{
    (void)state;
    assert_ok(rmseg_folder_create(DATA));
    assert_ok(rmseg_folder_create(DATA "/images"));
    assert_ok(rmseg_folder_create(DATA "/labels"));
    for (int i = 0; i < CASES; i++) write_case(i);
    return 0;
}

/* The crop is deeper than the volumes along W, so that it is padded there. */
static rmseg_options *options_of(const char *out, const char *iterations)
{
    rmseg_options *options = NULL;
    const char *const pairs[] = {"layout",
                                 "folder",
                                 "data",
                                 DATA,
                                 "out",
                                 out,
                                 "net",
                                 "vnet",
                                 "width",
                                 "2",
                                 "patch",
                                 "16,32,32",
                                 "batch",
                                 "2",
                                 "augment",
                                 "rot90-dh,flip",
                                 "pad",
                                 "zero",
                                 "iterations",
                                 iterations,
                                 "val-every",
                                 "5",
                                 "lr",
                                 "0.05",
                                 "select",
                                 "best",
                                 "overwrite",
                                 "yes",
                                 "val-fraction",
                                 "0.25",
                                 "objective",
                                 "softmax: ce + dice + rm(2,0,0; frame=volume)",
                                 NULL};
    assert_ok(rmseg_train_options_create(&options));
    for (int i = 0; pairs[i]; i += 2) assert_ok(rmseg_options_set(options, pairs[i], pairs[i + 1]));
    return options;
}

static void a_resumed_training_of_volumes_is_the_whole_one(void **state)
{
    (void)state;
    assert_ok(toy_train(options_of(WHOLE, "10")));
    assert_ok(toy_train(options_of(PARTS, "5")));
    rmseg_options *options = options_of(PARTS, "10");
    assert_ok(rmseg_options_set(options, "overwrite", "no"));
    assert_ok(rmseg_options_set(options, "resume", "yes"));
    assert_ok(toy_train(options));
    assert_same_file(WHOLE, PARTS, "weights.safetensors");
}

static double ratio_of_agreement(const rmseg_image *label, const rmseg_image *truth)
{
    double both = 0, either = 0;
    for (int64_t v = 0; v < D * H * W; v++) {
        int a = ((const uint8_t *)label->data)[v], b = ((const uint8_t *)truth->data)[v];
        both += 2 * (a && b);
        either += a + b;
    }
    return both / either;
}

/* What is learned from 200 crops is seen in every voxel, and lies where the input lies. */
static void balls_are_found_where_they_are(void **state)
{
    (void)state;
    const char *const inputs[] = {DATA "/images"};
    rmseg_options *options = NULL;
    assert_ok(toy_train(options_of(WHOLE, "100")));
    assert_ok(rmseg_predict_options_create(&options));
    const char *const pairs[] = {"run", WHOLE, "out", OUT, "overwrite", "yes", "stride", "5,9,16", NULL};
    for (int i = 0; pairs[i]; i += 2) assert_ok(rmseg_options_set(options, pairs[i], pairs[i + 1]));
    assert_ok(rmseg_predict(options, inputs, 1));
    rmseg_options_destroy(options);
    for (int i = 0; i < CASES; i++) {
        rmseg_image *label = NULL, *truth = NULL;
        rmseg_text path = {0};
        char *truth_path = case_path("labels", i);
        rmseg_text_addf(&path, OUT "/ball_%d.nii.gz", i);
        assert_ok(rmseg_image_read(&label, path.data));
        assert_ok(rmseg_image_read(&truth, truth_path));
        assert_memory_equal(label->size, truth->size, sizeof truth->size);
        assert_memory_equal(label->spacing, truth->spacing, sizeof truth->spacing);
        assert_memory_equal(label->origin, truth->origin, sizeof truth->origin);
        assert_memory_equal(label->direction, truth->direction, sizeof truth->direction);
        double agreement = ratio_of_agreement(label, truth);
        printf("  case %d: Dice %.3f\n", i, agreement);
        assert_true(agreement > 0.6);
        rmseg_text_destroy(&path);
        rmseg_text_free(truth_path);
        rmseg_image_destroy(label);
        rmseg_image_destroy(truth);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_training_of_volumes_is_the_whole_one),
        cmocka_unit_test(balls_are_found_where_they_are),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
