/* Layouts: the trees that are read, the labels they give, and a sentence for each that is wrong. Hash and folds. */
#include <math.h>

#include "data/sha256.h"
#include "test_data.h"

static int grey(int64_t c, int64_t h, int64_t w) { return (int)(c * 50 + h * 7 + w) % 256; }
static int stripes(int64_t c, int64_t h, int64_t w) { return (void)c, (void)h, (int)(w % 3); }
static int zero(int64_t c, int64_t h, int64_t w) { return (void)c, (void)h, (void)w, 0; }

/* Soft maps over 12 columns: the experts agree more and more from left to right; the cup reaches out of the disc. */
static int disc_map(int64_t c, int64_t h, int64_t w)
{
    static const int values[12] = {0, 0, 64, 64, 128, 128, 191, 191, 255, 255, 255, 0};
    return (void)c, (void)h, values[w % 12];
}
static int cup_map(int64_t c, int64_t h, int64_t w)
{
    return (void)c, (void)h, w % 12 >= 9 ? 255 : w % 12 == 8 ? 128 : 0;
}
static int odd_map(int64_t c, int64_t h, int64_t w) { return (void)c, h == 0 && w < 5 ? 127 : 255; }
static int deep_map(int64_t c, int64_t h, int64_t w) { return (void)c, (void)h, (void)w, 65535; }

static rmseg_dataset *open_ok(const char *layout, const char *root, const char *split)
{
    rmseg_dataset *dataset = NULL;
    assert_ok(rmseg_dataset_open(&dataset, layout, root, split, 128, true));
    return dataset;
}

#define assert_open_fails(layout, root, split, status, words)                                                          \
    do {                                                                                                               \
        rmseg_dataset *opened_ = NULL;                                                                                 \
        assert_fails(rmseg_dataset_open(&opened_, layout, root, split, 128, true), status, words);                     \
        assert_null(opened_);                                                                                          \
    } while (0)

/* ---- drishti-gs ------------------------------------------------------------------------------------------------- */

/* One case: the image below `images` and its two maps below `truth`. */
static void write_case(const char *root, const char *images, const char *truth, int number)
{
    write_image(at("%s/%s/drishtiGS_%03d.png", root, images, number), RMSEG_U8, 3, 8, 12, grey);
    const char *maps = at("%s/%s/drishtiGS_%03d/SoftMap/drishtiGS_%03d", root, truth, number, number);
    char path[8192];
    snprintf(path, sizeof path, "%s_ODsegSoftmap.png", maps);
    write_image(path, RMSEG_U8, 1, 8, 12, disc_map);
    snprintf(path, sizeof path, "%s_cupsegSoftmap.png", maps);
    write_image(path, RMSEG_U8, 1, 8, 12, cup_map);
}

static void check_ids(const rmseg_dataset *dataset, const char *const *ids, int64_t count)
{
    assert_int_equal(dataset->count, count);
    for (int64_t i = 0; i < count; i++) {
        assert_string_equal(dataset->cases[i].id, ids[i]);
        assert_int_equal(dataset->cases[i].images.count, 1);
        assert_true(rmseg_file_exists(dataset->cases[i].images.items[0]));
    }
}

static void drishti_is_read_in_all_its_variants(void **state)
{
    (void)state;
    write_case("a", "Training/Images", "Training/GT", 4);
    write_case("a", "Training/Images", "Training/GT", 2);
    write_case("a", "Test/Images", "Test/Test_GT", 1);
    write_case("b/inner", "Training/Images/GLAUCOMA", "Training/GT", 4);
    write_case("b/inner", "Training/Images/NORMAL", "Training/GT", 2);
    write_case("b/inner", "Training/Images/ALL", "Training/GT", 2);
    write_case("b/inner", "Training/Images/ALL", "Training/GT", 4);
    write_case("b/inner", "Test/Images/normal", "Test/GT", 1);
    write_words(at("b/read me.txt"), "a note beside the data");
    write_words(at("a/Training/Images/Thumbs.db"), "no image");
    for (int i = 0; i < 2; i++) {
        const char *root = at("%s", i ? "b" : "a");
        rmseg_dataset *train = open_ok("drishti-gs", root, "train"), *test = open_ok("drishti-gs", root, "test");
        rmseg_dataset *all = open_ok("drishti-gs", root, "all");
        check_ids(train, (const char *[]){"drishtiGS_002", "drishtiGS_004"}, 2);
        check_ids(test, (const char *[]){"drishtiGS_001"}, 1);
        check_ids(all, (const char *[]){"drishtiGS_001", "drishtiGS_002", "drishtiGS_004"}, 3);
        assert_int_equal(train->classes, 3);
        assert_int_equal(train->spatial, 2);
        assert_int_equal(train->channels, 3);
        assert_int_equal(train->region_count, 2);
        assert_string_equal(train->regions[0].name, "disc");
        assert_int_equal(train->regions[0].count, 2);
        assert_int_equal(train->regions[0].value, 1);
        assert_string_equal(train->regions[1].name, "cup");
        assert_int_equal(train->regions[1].value, 2);
        rmseg_dataset_destroy(train);
        rmseg_dataset_destroy(test);
        rmseg_dataset_destroy(all);
    }
}

static void wrong_drishti_is_told(void **state)
{
    (void)state;
    write_case("a", "Training/Images", "Training/GT", 2);
    assert_open_fails("drishti-gs", at("a"), "test", RMSEG_ERROR_FILE, "no folder Test");
    assert_open_fails("drishti-gs", at("missing"), "train", RMSEG_ERROR_FILE, "missing: no such folder");
    write_case("b", "Training/Images", "Training/GT", 2);
    assert_open_fails("drishti-gs", RMSEG_TEST_TMP, "train", RMSEG_ERROR_ARGUMENT, "more than one Drishti-GS");
    assert_open_fails("drishti-gs", at("a/Training/Images"), "train", RMSEG_ERROR_FILE, "neither Training nor Test");
    write_image(at("a/Training/Images/drishtiGS_009.png"), RMSEG_U8, 3, 8, 12, grey);
    assert_open_fails("drishti-gs", at("a"), "train", RMSEG_ERROR_FILE,
                      "case drishtiGS_009: its disc soft map is missing: expected");
    write_image(at("c/Training/Images/x.png"), RMSEG_U8, 3, 8, 12, grey);
    assert_open_fails("drishti-gs", at("c"), "train", RMSEG_ERROR_FILE, "folder of the truth is missing");
    assert_ok(rmseg_folder_create(at("d/Training/Images")));
    assert_ok(rmseg_folder_create(at("d/Training/GT")));
    assert_open_fails("drishti-gs", at("d"), "train", RMSEG_ERROR_FILE, "no images of split train");
}

static void truth_may_be_absent_for_prediction(void **state)
{
    (void)state;
    write_case("a", "Test/Images", "Test/GT", 1);
    write_image(at("a/Test/Images/drishtiGS_003.png"), RMSEG_U8, 3, 8, 12, grey);
    rmseg_dataset *dataset = NULL;
    rmseg_image *image = NULL, *label = NULL;
    assert_ok(rmseg_dataset_open(&dataset, "drishti-gs", at("a"), "test", 128, false));
    assert_int_equal(dataset->count, 2);
    assert_int_equal(dataset->cases[0].labels.count, 2);
    assert_int_equal(dataset->cases[1].labels.count, 0);
    assert_ok(rmseg_case_read(&image, NULL, dataset, 1));
    rmseg_image_destroy(image);
    image = NULL;
    assert_fails(rmseg_case_read(&image, &label, dataset, 1), RMSEG_ERROR_FILE,
                 "its disc soft map is missing: expected");
    assert_fails(rmseg_case_read(&image, &label, dataset, 2), RMSEG_ERROR_ARGUMENT, "there is no case 2");
    assert_null(image);
    assert_null(label);
    rmseg_dataset_destroy(dataset);
}

static void soft_maps_become_labels(void **state)
{
    (void)state;
    static const double thresholds[3] = {64, 128, 191};
    write_case("a", "Training/Images", "Training/GT", 2);
    for (int t = 0; t < 3; t++) {
        rmseg_dataset *dataset = NULL;
        rmseg_image *image = NULL, *label = NULL;
        fresh_log();
        assert_ok(rmseg_dataset_open(&dataset, "drishti-gs", at("a"), "train", thresholds[t], true));
        assert_ok(rmseg_case_read(&image, &label, dataset, 0));
        assert_int_equal(warnings, 0);
        assert_int_equal(image->dtype, RMSEG_F32);
        assert_int_equal(label->dtype, RMSEG_I32);
        for (int64_t h = 0; h < 8; h++)
            for (int64_t w = 0; w < 12; w++) {
                int expected = cup_map(0, h, w) >= thresholds[t] ? 2 : disc_map(0, h, w) >= thresholds[t] ? 1 : 0;
                assert_int_equal(((int32_t *)label->data)[h * 12 + w], expected);
                for (int64_t c = 0; c < 3; c++)
                    assert_true(((float *)image->data)[(c * 8 + h) * 12 + w] == (float)grey(c, h, w));
            }
        rmseg_image_destroy(image);
        rmseg_image_destroy(label);
        rmseg_dataset_destroy(dataset);
    }
}

static void odd_soft_maps_are_told_of(void **state)
{
    (void)state;
    write_case("a", "Training/Images", "Training/GT", 2);
    const char *disc = at("a/Training/GT/drishtiGS_002/SoftMap/drishtiGS_002_ODsegSoftmap.png");
    rmseg_dataset *dataset = open_ok("drishti-gs", at("a"), "train");
    rmseg_image *image = NULL, *label = NULL;
    write_image(disc, RMSEG_U8, 1, 8, 12, odd_map);
    fresh_log();
    for (int i = 0; i < 2; i++) { /* told of once, however often it is read */
        assert_ok(rmseg_case_read(&image, &label, dataset, 0));
        rmseg_image_destroy(image);
        rmseg_image_destroy(label);
    }
    image = label = NULL;
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(logged, "drishtiGS_002_ODsegSoftmap.png: 5 pixels have values other than"));
    write_image(disc, RMSEG_U16, 1, 8, 12, deep_map);
    assert_fails(rmseg_case_read(&image, &label, dataset, 0), RMSEG_ERROR_FORMAT, "a soft map of 16 bits");
    write_image(disc, RMSEG_U8, 1, 8, 11, disc_map);
    assert_fails(rmseg_case_read(&image, &label, dataset, 0), RMSEG_ERROR_FORMAT,
                 "drishtiGS_002_ODsegSoftmap.png is a mask of 11 x 8 pixels, but its image");
    write_image(disc, RMSEG_U8, 3, 8, 12, grey);
    assert_fails(rmseg_case_read(&image, &label, dataset, 0), RMSEG_ERROR_FORMAT, "3 channels that differ");
    write_image(disc, RMSEG_U8, 3, 8, 12, disc_map); /* equal channels are one */
    assert_ok(rmseg_case_read(&image, &label, dataset, 0));
    rmseg_image_destroy(image);
    rmseg_image_destroy(label);
    image = label = NULL;
    write_image(at("a/Training/Images/drishtiGS_002.png"), RMSEG_U8, 3, 9, 12, grey);
    assert_fails(rmseg_case_read(&image, &label, dataset, 0), RMSEG_ERROR_FORMAT,
                 "is a mask of 12 x 8 pixels, but its image");
    assert_non_null(strstr(rmseg_error_last(), "has 12 x 9 pixels"));
    assert_null(image);
    assert_null(label);
    rmseg_dataset_destroy(dataset);
}

static void real_drishti_is_read(void **state)
{
    (void)state;
    const char *data = getenv("RMSEG_DATA");
    char root[4096];
    snprintf(root, sizeof root, "%s/drishti-gs", data ? data : "");
    if (!data || !rmseg_folder_exists(root)) {
        print_message("RMSEG_DATA names no folder that holds drishti-gs: the test on real data is skipped\n");
        skip();
    }
    rmseg_dataset *train = open_ok("drishti-gs", root, "train"), *test = open_ok("drishti-gs", root, "test");
    assert_int_equal(train->count, 50);
    assert_int_equal(test->count, 51);
    double disc = 0, cup = 0;
    fresh_log();
    for (int64_t i = 0; i < 10; i++) {
        rmseg_image *image = NULL, *label = NULL;
        assert_ok(rmseg_case_read(&image, &label, train, i));
        int64_t voxels = rmseg_image_voxels(label);
        const int32_t *value = label->data;
        for (int64_t v = 0; v < voxels; v++) {
            disc += (value[v] > 0) / (double)voxels / 10;
            cup += (value[v] == 2) / (double)voxels / 10;
        }
        rmseg_image_destroy(image);
        rmseg_image_destroy(label);
    }
    assert_int_equal(warnings, 0);
    assert_true(disc > 0.02 && disc < 0.045); /* published: 3.1 % and 1.7 % of the image on average */
    assert_true(cup > 0.01 && cup < 0.025);
    rmseg_dataset_destroy(train);
    rmseg_dataset_destroy(test);
}

/* ---- folder ----------------------------------------------------------------------------------------------------- */

static void write_pair(const char *images, const char *labels, const char *stem, pixel_fn label)
{
    write_image(at("%s/%s.png", images, stem), RMSEG_U8, 1, 6, 9, grey);
    write_image(at("%s/%s.png", labels, stem), RMSEG_U8, 1, 6, 9, label);
}

static void folders_are_paired_and_split(void **state)
{
    (void)state;
    write_pair("a/images", "a/labels", "one.b", stripes);
    write_pair("a/images", "a/labels", "one", stripes);
    write_image(at("a/images/two.png"), RMSEG_U8, 1, 6, 9, grey);
    write_image(at("a/labels/two.tif"), RMSEG_U8, 1, 6, 9, stripes);
    write_pair("a/test_images", "a/test_labels", "last", zero);
    write_words(at("a/images/notes.txt"), "not an image");
    write_pair("b/train/images", "b/train/labels", "x", stripes);
    write_pair("b/test/images", "b/test/labels", "y", stripes);
    rmseg_dataset *train = open_ok("folder", at("a"), "train"), *test = open_ok("folder", at("a"), "test");
    rmseg_dataset *all = open_ok("folder", at("a"), "all"), *other = open_ok("folder", at("b"), "all");
    check_ids(train, (const char *[]){"one", "one.b", "two"}, 3);
    check_ids(test, (const char *[]){"last"}, 1);
    check_ids(all, (const char *[]){"last", "one", "one.b", "two"}, 4);
    check_ids(other, (const char *[]){"x", "y"}, 2);
    assert_non_null(strstr(train->cases[0].labels.items[0], "/a/labels/one.png"));
    assert_non_null(strstr(train->cases[2].labels.items[0], "/a/labels/two.tif"));
    assert_int_equal(train->classes, 3);
    assert_int_equal(train->channels, 1);
    assert_int_equal(train->region_count, 2);
    assert_string_equal(train->regions[1].name, "2");
    assert_int_equal(test->classes, 2); /* an empty split still has a foreground to look for */
    rmseg_dataset_destroy(train);
    rmseg_dataset_destroy(test);
    rmseg_dataset_destroy(all);
    rmseg_dataset_destroy(other);
}

static void wrong_folders_are_told(void **state)
{
    (void)state;
    assert_ok(rmseg_folder_create(at("a")));
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FILE, "no folder of images for split train");
    assert_ok(rmseg_folder_create(at("a/images")));
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FILE, "labels: no such folder");
    assert_ok(rmseg_folder_create(at("a/labels")));
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FILE, "images: no images in it");
    write_pair("a/images", "a/labels", "one", stripes);
    assert_open_fails("folder", at("a"), "test", RMSEG_ERROR_FILE, "no folder of images for split test");
    assert_open_fails("folder", at("a"), "validation", RMSEG_ERROR_ARGUMENT, "expected train, test or all");
    assert_open_fails("fodler", at("a"), "train", RMSEG_ERROR_ARGUMENT, "did you mean \"folder\"?");
    write_image(at("a/images/two.png"), RMSEG_U8, 1, 6, 9, grey);
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FILE, "case two: its label is missing");
    write_image(at("a/labels/two.png"), RMSEG_U8, 1, 6, 9, stripes);
    write_image(at("a/labels/three.png"), RMSEG_U8, 1, 6, 9, stripes);
    fresh_log();
    rmseg_dataset_destroy(open_ok("folder", at("a"), "train"));
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(logged, "are left out: 1"));
    write_image(at("a/images/two.tif"), RMSEG_U8, 1, 6, 9, grey);
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT, "two.png and two.tif belong to one case");
    assert_ok(rmseg_file_remove(at("a/images/two.tif")));
    write_pair("a/train/images", "a/train/labels", "z", stripes);
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_ARGUMENT, "has both images and train/images");
    write_pair("b/images", "b/labels", "same", stripes);
    write_pair("b/test_images", "b/test_labels", "same", stripes);
    assert_open_fails("folder", at("b"), "all", RMSEG_ERROR_FORMAT, "two images are called \"same\"");
    write_words(at("a/labels/two.png"), "not a picture");
    assert_ok(rmseg_file_remove(at("a/train/images/z.png")));
    assert_int_equal(rmdir(at("a/train/images")), 0);
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT, "two.png");
}

static int mask(int64_t c, int64_t h, int64_t w) { return (void)c, h > 2 && w > 3 ? 255 : 0; }
static int three_levels(int64_t c, int64_t h, int64_t w) { return (void)c, (void)h, (int)(w % 3) * 127; }

static void classes_are_counted(void **state)
{
    (void)state;
    rmseg_image *image = NULL, *label = NULL;
    write_pair("a/images", "a/labels", "one", mask);
    write_pair("a/images", "a/labels", "two", zero);
    rmseg_dataset *dataset = open_ok("folder", at("a"), "train");
    assert_int_equal(dataset->classes, 2);
    assert_true(dataset->mask_255);
    assert_ok(rmseg_case_read(&image, &label, dataset, 0));
    for (int64_t i = 0; i < 54; i++) assert_int_equal(((int32_t *)label->data)[i], mask(0, i / 9, i % 9) == 255);
    rmseg_image_destroy(image);
    rmseg_image_destroy(label);
    image = label = NULL;
    write_image(at("a/labels/one.png"), RMSEG_U8, 1, 6, 9, three_levels); /* changed behind our back */
    assert_fails(rmseg_case_read(&image, &label, dataset, 0), RMSEG_ERROR_FORMAT,
                 "label 127 is not one of the classes 0 to 1");
    rmseg_dataset_destroy(dataset);
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT,
                      "use only 3 of the values 0 to 254, the largest in");
    write_image(at("a/labels/one.png"), RMSEG_U16, 1, 6, 9, deep_map);
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT, "use only 2 of the values 0 to 65535");
    write_image(at("a/labels/one.png"), RMSEG_U8, 3, 6, 9, grey);
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT, "one.png: it has 3 channels that differ");
}

static void images_must_be_alike(void **state)
{
    (void)state;
    rmseg_image *image = NULL;
    write_pair("a/images", "a/labels", "one", stripes);
    write_pair("a/images", "a/labels", "two", stripes);
    write_image(at("a/images/two.png"), RMSEG_U8, 3, 6, 9, grey);
    rmseg_dataset *dataset = open_ok("folder", at("a"), "train");
    assert_fails(rmseg_case_read(&image, NULL, dataset, 1), RMSEG_ERROR_FORMAT, "two.png has 3 channels, but");
    write_words(at("a/images/two.png"), "text");
    assert_fails(rmseg_case_read(&image, NULL, dataset, 1), RMSEG_ERROR_FORMAT, "two.png");
    rmseg_dataset_destroy(dataset);
}

static void an_image_that_cannot_be_read_leaves_the_others(void **state)
{
    (void)state;
    rmseg_image *image = NULL;
    write_pair("a/images", "a/labels", "one", stripes);
    write_pair("a/images", "a/labels", "three", stripes);
    write_pair("a/images", "a/labels", "two", stripes);
    write_words(at("a/images/one.png"), "text");
    write_image(at("a/images/two.png"), RMSEG_U8, 3, 6, 9, grey);
    rmseg_dataset *dataset = open_ok("folder", at("a"), "train");
    assert_fails(rmseg_case_read(&image, NULL, dataset, 0), RMSEG_ERROR_FORMAT, "one.png");
    assert_ok(rmseg_case_read(&image, NULL, dataset, 1));
    rmseg_image_destroy(image);
    assert_fails(rmseg_case_read(&image, NULL, dataset, 2), RMSEG_ERROR_FORMAT, "three.png has 1");
    rmseg_dataset_destroy(dataset);
    write_words(at("a/images/two.png"), "text");
    write_words(at("a/images/three.png"), "text");
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT, "one.png");
}

static void write_volume(const char *path, int64_t depth, int64_t height)
{
    rmseg_image *volume = NULL;
    assert_ok(rmseg_image_create(&volume, RMSEG_U8, 1, (const int64_t[]){depth, height, 5}));
    for (int64_t i = 0; i < depth * height * 5; i++) ((uint8_t *)volume->data)[i] = (uint8_t)(i % 2);
    assert_ok(rmseg_image_write(volume, path));
    rmseg_image_destroy(volume);
}

static void volumes_are_read(void **state)
{
    (void)state;
    rmseg_image *image = NULL, *label = NULL;
    assert_ok(rmseg_folder_create(at("a/images")));
    assert_ok(rmseg_folder_create(at("a/labels")));
    write_volume(at("a/images/one.tif"), 3, 4);
    write_volume(at("a/labels/one.tif"), 3, 4);
    rmseg_dataset *dataset = open_ok("folder", at("a"), "train");
    assert_int_equal(dataset->spatial, 3);
    assert_int_equal(dataset->classes, 2);
    assert_ok(rmseg_case_read(&image, &label, dataset, 0));
    assert_int_equal(image->size[0], 3);
    for (int i = 0; i < 60; i++) assert_int_equal(((int32_t *)label->data)[i], i % 2);
    rmseg_image_destroy(image);
    rmseg_image_destroy(label);
    image = label = NULL;
    write_volume(at("a/labels/one.tif"), 2, 4);
    assert_fails(rmseg_case_read(&image, &label, dataset, 0), RMSEG_ERROR_FORMAT, "is a mask of 5 x 4 x 2 voxels, but");
    rmseg_dataset_destroy(dataset);
    write_volume(at("a/images/a first, flat one.tif"), 1, 4);
    write_volume(at("a/labels/a first, flat one.tif"), 1, 4);
    dataset = open_ok("folder", at("a"), "train");
    assert_int_equal(dataset->spatial, 2);
    assert_fails(rmseg_case_read(&image, &label, dataset, 1), RMSEG_ERROR_FORMAT, "one.tif has 3 slices, but");
    rmseg_dataset_destroy(dataset);
}

static void images_must_be_finite(void **state)
{
    (void)state;
    rmseg_image *image = NULL;
    write_pair("a/images", "a/labels", "one", stripes);
    assert_ok(rmseg_file_remove(at("a/images/one.png")));
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 1, (const int64_t[]){1, 6, 9}));
    ((float *)image->data)[20] = NAN;
    assert_ok(rmseg_image_write(image, at("a/images/one.tif")));
    rmseg_image_destroy(image);
    image = NULL;
    rmseg_dataset *dataset = open_ok("folder", at("a"), "train");
    assert_fails(rmseg_case_read(&image, NULL, dataset, 0), RMSEG_ERROR_FORMAT, "one.tif: a value is");
    assert_null(image);
    rmseg_dataset_destroy(dataset);
}

static void files_of_a_case_are_stacked(void **state)
{
    (void)state;
    write_image(at("a.png"), RMSEG_U8, 1, 6, 9, grey);
    write_image(at("b.png"), RMSEG_U8, 3, 6, 9, grey);
    write_image(at("c.png"), RMSEG_U8, 1, 6, 8, grey);
    char *files[3] = {(char *)at("a.png"), (char *)at("b.png"), (char *)at("c.png")};
    rmseg_case one = {.id = (char *)"x", .images = {files, 2}};
    rmseg_dataset dataset = {
        .layout = (char *)"folder", .root = (char *)"here", .cases = &one, .count = 1, .spatial = 2, .channels = 4};
    rmseg_image *image = NULL;
    assert_ok(rmseg_case_read(&image, NULL, &dataset, 0));
    assert_int_equal(image->channels, 4);
    for (int64_t c = 0; c < 4; c++)
        for (int64_t i = 0; i < 54; i++)
            assert_true(((float *)image->data)[c * 54 + i] == (float)grey(c ? c - 1 : 0, i / 9, i % 9));
    rmseg_image_destroy(image);
    image = NULL;
    one.images.count = 3;
    assert_fails(rmseg_case_read(&image, NULL, &dataset, 0), RMSEG_ERROR_FORMAT, "must be of one size");
    assert_null(image);
}

static void regions_are_named(void **state)
{
    (void)state;
    write_pair("a/images", "a/labels", "one", stripes);
    write_words(at("a/regions.txt"), "# nested\n\n disc = 1 + 2\r\ncup=2\n");
    rmseg_dataset *dataset = open_ok("folder", at("a"), "train");
    assert_int_equal(dataset->region_count, 2);
    assert_string_equal(dataset->regions[0].name, "disc");
    assert_int_equal(dataset->regions[0].count, 2);
    assert_int_equal(dataset->regions[0].labels[1], 2);
    assert_int_equal(dataset->regions[0].value, 1);
    assert_int_equal(dataset->regions[1].value, 2);
    rmseg_dataset_destroy(dataset);
    write_words(at("a/regions.txt"), "disc: 1\n");
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT, "regions.txt: line 1 is not like");
    write_words(at("a/regions.txt"), "\ndisc = 1+x\n");
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT, "regions.txt: line 2 is not like");
    write_words(at("a/regions.txt"), "disc = 1+3\n");
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT,
                      "region \"disc\" has label 3, but the labels end at 2");
    write_words(at("a/regions.txt"), "cup = 2\ndisc = 1+2\n");
    assert_open_fails("folder", at("a"), "train", RMSEG_ERROR_FORMAT, "region \"cup\"");
}

/* ---- hash, folds, memory ---------------------------------------------------------------------------------------- */

static void sha256_gives_the_known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
        int times;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 1},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", 1},
        {"aaaaaaaaaa", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 100000},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        rmseg_sha256 hash;
        char hex[65];
        rmseg_sha256_begin(&hash);
        for (int n = 0; n < known[i].times; n++) rmseg_sha256_add(&hash, known[i].text, strlen(known[i].text));
        rmseg_sha256_end(hex, &hash);
        assert_string_equal(hex, known[i].hex);
    }
}

static void add_file(rmseg_sha256 *hash, const char *name, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_file_read(&bytes, &length, path, 0));
    assert_true(length < 65536);
    rmseg_sha256_add(hash, name, strlen(name) + 1);
    rmseg_sha256_add(hash, (const uint8_t[]){(uint8_t)length, (uint8_t)(length >> 8), 0, 0, 0, 0, 0, 0}, 8);
    rmseg_sha256_add(hash, bytes, length);
    rmseg_free(bytes);
}

static void hash_is_what_the_manual_says(void **state)
{
    (void)state;
    char expected[65], hex[65];
    rmseg_sha256 hash;
    write_pair("a/images", "a/labels", "one", stripes);
    rmseg_dataset *dataset = open_ok("folder", at("a"), "train");
    rmseg_sha256_begin(&hash);
    rmseg_sha256_add(&hash, "one", 4);
    add_file(&hash, "one.png", at("a/images/one.png"));
    add_file(&hash, "one.png", at("a/labels/one.png"));
    rmseg_sha256_end(expected, &hash);
    assert_ok(rmseg_dataset_hash(hex, dataset));
    assert_string_equal(hex, expected);
    rmseg_dataset_destroy(dataset);
}

static void hash_knows_the_data_not_its_place(void **state)
{
    (void)state;
    char here[65], there[65], other[65];
    for (int i = 0; i < 2; i++) {
        write_pair(i ? "b/images" : "a/images", i ? "b/labels" : "a/labels", "one", stripes);
        write_pair(i ? "b/images" : "a/images", i ? "b/labels" : "a/labels", "two", stripes);
    }
    rmseg_dataset *a = open_ok("folder", at("a"), "train"), *b = open_ok("folder", at("b"), "train");
    assert_ok(rmseg_dataset_hash(here, a));
    assert_ok(rmseg_dataset_hash(there, b));
    assert_int_equal(strlen(here), 64);
    assert_string_equal(here, there);
    write_image(at("b/labels/two.png"), RMSEG_U8, 1, 6, 9, mask);
    assert_ok(rmseg_dataset_hash(other, b));
    assert_string_not_equal(here, other);
    rmseg_dataset_destroy(a);
    rmseg_dataset_destroy(b);
}

static void every_case_is_held_out_once(void **state)
{
    (void)state;
    enum { COUNT = 23, FOLDS = 5 };
    int times[COUNT] = {0};
    bool held[COUNT];
    for (int fold = 0; fold < FOLDS; fold++) {
        int in_fold = 0;
        assert_ok(rmseg_dataset_fold(held, COUNT, 3, fold, FOLDS));
        for (int i = 0; i < COUNT; i++) {
            times[i] += held[i];
            in_fold += held[i];
        }
        assert_true(in_fold == 4 || in_fold == 5);
    }
    for (int i = 0; i < COUNT; i++) assert_int_equal(times[i], 1);
    assert_fails(rmseg_dataset_fold(held, COUNT, 3, 5, 5), RMSEG_ERROR_ARGUMENT, "fold 5 of 5");
    assert_fails(rmseg_dataset_fold(held, 3, 3, 0, 5), RMSEG_ERROR_ARGUMENT, "over 3 cases");
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    write_case("a", "Training/Images", "Training/GT", 2);
    write_pair("b/images", "b/labels", "one", stripes);
    write_words(at("b/regions.txt"), "all = 1+2\n");
    for (int i = 0; i < 2; i++) {
        rmseg_status status = RMSEG_ERROR_MEMORY;
        int64_t tried = 0, before = rmseg_memory_stats_get().live_bytes;
        while (status != RMSEG_OK) {
            rmseg_dataset *dataset = NULL;
            rmseg_image *image = NULL, *label = NULL;
            rmseg_memory_fail_at(++tried);
            status =
                rmseg_dataset_open(&dataset, i ? "folder" : "drishti-gs", i ? at("b") : at("a"), "train", 128, true);
            if (status == RMSEG_OK) status = rmseg_case_read(&image, &label, dataset, 0);
            rmseg_memory_fail_at(0);
            if (status != RMSEG_OK) assert_int_equal(status, RMSEG_ERROR_MEMORY);
            rmseg_image_destroy(image);
            rmseg_image_destroy(label);
            rmseg_dataset_destroy(dataset);
            assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
        }
        assert_true(tried > 20);
    }
}

static void layouts_are_listed(void **state)
{
    (void)state;
    static const char *const names[] = {"drishti-gs", "la", "la-raw", "nnunet", "msd", "folder", "csv"};
    assert_string_equal(rmseg_layout_list(0)->defaults, "grid=512,512 augment=flip-w");
    for (int i = 0; i < 7; i++) assert_string_equal(rmseg_layout_list(i)->name, names[i]);
    assert_null(rmseg_layout_list(7));
    assert_null(rmseg_layout_list(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_listed),
        cmocka_unit_test_setup(drishti_is_read_in_all_its_variants, fresh),
        cmocka_unit_test_setup(wrong_drishti_is_told, fresh),
        cmocka_unit_test_setup(truth_may_be_absent_for_prediction, fresh),
        cmocka_unit_test_setup(soft_maps_become_labels, fresh),
        cmocka_unit_test_setup(odd_soft_maps_are_told_of, fresh),
        cmocka_unit_test(real_drishti_is_read),
        cmocka_unit_test_setup(folders_are_paired_and_split, fresh),
        cmocka_unit_test_setup(wrong_folders_are_told, fresh),
        cmocka_unit_test_setup(classes_are_counted, fresh),
        cmocka_unit_test_setup(images_must_be_alike, fresh),
        cmocka_unit_test_setup(an_image_that_cannot_be_read_leaves_the_others, fresh),
        cmocka_unit_test_setup(volumes_are_read, fresh),
        cmocka_unit_test_setup(images_must_be_finite, fresh),
        cmocka_unit_test_setup(files_of_a_case_are_stacked, fresh),
        cmocka_unit_test_setup(regions_are_named, fresh),
        cmocka_unit_test(sha256_gives_the_known_answers),
        cmocka_unit_test_setup(hash_is_what_the_manual_says, fresh),
        cmocka_unit_test_setup(hash_knows_the_data_not_its_place, fresh),
        cmocka_unit_test(every_case_is_held_out_once),
        cmocka_unit_test_setup(memory_may_end_anywhere, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
