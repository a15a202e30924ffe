/* Phantoms: alike for a seed and a number, unlike otherwise; bright where the label says so; read as layout folder. */
#include "test_data.h"

static void check_case(const rmseg_dataset *dataset, int64_t index, double *share)
{
    rmseg_image *image = NULL, *label = NULL;
    assert_ok(rmseg_case_read(&image, &label, dataset, index));
    int64_t voxels = rmseg_image_voxels(label), count[3] = {0};
    double green[3] = {0};
    for (int64_t i = 0; i < voxels; i++) {
        int32_t value = ((int32_t *)label->data)[i];
        count[value]++;
        green[value] += ((float *)image->data)[voxels + i];
    }
    for (int k = 0; k < 3; k++) {
        assert_true(count[k] > 0);
        green[k] /= (double)count[k];
    }
    assert_true(green[1] > 1.5 * green[0]); /* the disc is brighter than the ground, its core brighter still */
    assert_true(green[2] > 1.05 * green[1]);
    *share += (double)(count[1] + count[2]) / (double)voxels;
    rmseg_image_destroy(image);
    rmseg_image_destroy(label);
}

static void phantoms_are_what_their_labels_say(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    rmseg_dataset *dataset = NULL;
    double share = 0;
    assert_ok(rmseg_phantoms_write(at("p"), COUNT, 3, 96, 5));
    assert_ok(rmseg_dataset_open(&dataset, "folder", at("p"), "train", 128, true));
    assert_int_equal(dataset->count, COUNT);
    assert_string_equal(dataset->cases[0].id, "phantom_0003");
    assert_int_equal(dataset->classes, 3);
    assert_int_equal(dataset->channels, 3);
    assert_int_equal(dataset->region_count, 2);
    assert_string_equal(dataset->regions[0].name, "disc");
    assert_string_equal(dataset->regions[1].name, "cup");
    for (int64_t i = 0; i < COUNT; i++) check_case(dataset, i, &share);
    assert_true(share / COUNT > 0.02 && share / COUNT < 0.06);
    rmseg_dataset_destroy(dataset);
}

static bool same_file(const char *a, const char *b)
{
    uint8_t *one = NULL, *other = NULL;
    size_t length = 0, other_length = 0;
    assert_ok(rmseg_file_read(&one, &length, a, 0));
    assert_ok(rmseg_file_read(&other, &other_length, b, 0));
    bool same = length == other_length && !memcmp(one, other, length);
    rmseg_free(one);
    rmseg_free(other);
    return same;
}

static void a_phantom_depends_on_seed_and_number(void **state)
{
    (void)state;
    assert_ok(rmseg_phantoms_write(at("a"), 3, 0, 64, 5));
    assert_ok(rmseg_phantoms_write(at("b"), 1, 2, 64, 5));
    assert_ok(rmseg_phantoms_write(at("c"), 3, 0, 64, 6));
    assert_true(same_file(at("a/images/phantom_0002.png"), at("b/images/phantom_0002.png")));
    assert_true(same_file(at("a/labels/phantom_0002.png"), at("b/labels/phantom_0002.png")));
    assert_false(same_file(at("a/images/phantom_0002.png"), at("c/images/phantom_0002.png")));
    assert_false(same_file(at("a/images/phantom_0001.png"), at("a/images/phantom_0002.png")));
}

/* With any compiler on any processor. A sine of another library may round a few values the other way, no more. */
static void a_phantom_is_the_same_everywhere(void **state)
{
    (void)state;
    static const double sums[] = {223962, 195412, 191159, 183269};
    assert_ok(rmseg_phantoms_write(at("p"), 4, 0, 32, 0));
    for (int i = 0; i < 4; i++) {
        rmseg_image *image = NULL;
        double sum = 0;
        assert_ok(rmseg_image_read(&image, at("p/images/phantom_%04d.png", i)));
        assert_int_equal(image->dtype, RMSEG_U8);
        for (int64_t j = 0; j < 3 * rmseg_image_voxels(image); j++) sum += ((uint8_t *)image->data)[j];
        assert_true(sum > sums[i] - 4 && sum < sums[i] + 4);
        rmseg_image_destroy(image);
    }
}

static void wrong_phantoms_are_told(void **state)
{
    (void)state;
    assert_fails(rmseg_phantoms_write(at("a"), 1, 0, 15, 0), RMSEG_ERROR_ARGUMENT, "expected 16 to 4096");
    assert_fails(rmseg_phantoms_write(at("a"), -1, 0, 64, 0), RMSEG_ERROR_ARGUMENT, "-1 phantoms");
    assert_false(rmseg_folder_exists(at("a")));
    assert_ok(rmseg_phantoms_write(at("a"), 1, 0, 16, 0));
    write_words(at("file"), "in the way");
    assert_fails(rmseg_phantoms_write(at("file"), 1, 0, 64, 0), RMSEG_ERROR_FILE, "file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(phantoms_are_what_their_labels_say, fresh),
        cmocka_unit_test_setup(a_phantom_depends_on_seed_and_number, fresh),
        cmocka_unit_test_setup(a_phantom_is_the_same_everywhere, fresh),
        cmocka_unit_test_setup(wrong_phantoms_are_told, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
