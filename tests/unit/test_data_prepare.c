/* Preparation: axes put in order, spacing, percentiles and windows by their definitions, the crop around the truth. */
#include <dirent.h>
#include <math.h>

#include "test_data.h"

/* ---- orientation ------------------------------------------------------------------------------------------------ */

static void world_of(double at[3], const rmseg_image *image, const int64_t index[3])
{
    for (int world = 0; world < 3; world++) {
        at[world] = image->origin[world];
        for (int axis = 0; axis < 3; axis++)
            at[world] += image->direction[3 * world + axis] * image->spacing[axis] * (double)index[axis];
    }
}

/* The value of the voxel of `image` that lies nearest to a place. */
static double value_at(const rmseg_image *image, const double place[3])
{
    int64_t index[3];
    for (int axis = 0; axis < 3; axis++) {
        double along = 0;
        for (int world = 0; world < 3; world++)
            along += image->direction[3 * world + axis] * (place[world] - image->origin[world]);
        index[axis] = lround(along / image->spacing[axis]);
        assert_true(fabs(along / image->spacing[axis] - (double)index[axis]) < 1e-4);
        assert_in_range(index[axis], 0, image->size[axis] - 1);
    }
    return rmseg_image_value(image, 0, index[0], index[1], index[2]);
}

static void check_orientation(const char *path)
{
    rmseg_image *image = NULL, *turned = NULL, *back = NULL;
    assert_ok(rmseg_image_read(&image, path));
    rmseg_axis_order o = rmseg_image_axis_order(image), inverse = rmseg_axis_order_inverse(&o);
    assert_ok(rmseg_image_reorder(&turned, image, &o));
    assert_true(turned->direction[2] > 0.5 && turned->direction[4] > 0.5 && turned->direction[6] > 0.5);
    int64_t i[3];
    for (i[0] = 0; i[0] < image->size[0]; i[0]++)
        for (i[1] = 0; i[1] < image->size[1]; i[1]++)
            for (i[2] = 0; i[2] < image->size[2]; i[2]++) {
                double place[3];
                world_of(place, image, i);
                assert_true(value_at(turned, place) == rmseg_image_value(image, 0, i[0], i[1], i[2]));
            }
    assert_ok(rmseg_image_reorder(&back, turned, &inverse));
    assert_memory_equal(back->size, image->size, sizeof back->size);
    assert_memory_equal(back->spacing, image->spacing, sizeof back->spacing);
    size_t bytes = (size_t)rmseg_image_voxels(image) * rmseg_dtype_size(image->dtype);
    assert_memory_equal(back->data, image->data, bytes);
    for (int k = 0; k < 3; k++) assert_true(fabs(back->origin[k] - image->origin[k]) < 1e-9);
    rmseg_image_destroy(image);
    rmseg_image_destroy(turned);
    rmseg_image_destroy(back);
}

/* In all 48 orders and senses, and slanted. */
static void axes_are_put_in_order(void **state)
{
    (void)state;
    int count = 0;
    DIR *folder = opendir(RMSEG_GOLDEN "/image/nifti");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[512];
        if (strncmp(entry->d_name, "axes-", 5) || !strcmp(entry->d_name + 5, "many.nii")) continue;
        snprintf(path, sizeof path, RMSEG_GOLDEN "/image/nifti/%s", entry->d_name);
        check_orientation(path);
        count++;
    }
    closedir(folder);
    assert_int_equal(count, 48);
    check_orientation(RMSEG_GOLDEN "/image/nifti/sform.nii");
    check_orientation(RMSEG_GOLDEN "/image/volumes/gzip.nrrd");
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static rmseg_image *make(int64_t depth, int64_t height, int64_t width)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 1, (int64_t[3]){depth, height, width}));
    rmseg_random random = rmseg_random_stream(3, RMSEG_RANDOM_TEST, (uint32_t)width, 0);
    for (int64_t i = 0; i < rmseg_image_voxels(image); i++)
        ((float *)image->data)[i] = (float)rmseg_random_below(&random, 50); /* many are equal */
    return image;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* As numpy.percentile says it, from the sorted values. */
static double percentile_of(const rmseg_image *image, double percent)
{
    int64_t count = rmseg_image_voxels(image);
    float *sorted = malloc((size_t)count * sizeof *sorted);
    assert_non_null(sorted);
    memcpy(sorted, image->data, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    double rank = percent / 100 * (double)(count - 1), whole = floor(rank);
    int64_t k = (int64_t)whole;
    double value = sorted[k] + (rank - whole) * ((double)sorted[k + (k + 1 < count)] - sorted[k]);
    free(sorted);
    return value;
}

static void values_are_clipped_to_percentiles(void **state)
{
    (void)state;
    static const double clips[][2] = {{0.5, 99.5}, {0, 50}, {25, 100}, {49, 51}, {10, 90}};
    for (int64_t width = 1; width <= 40; width += 13)
        for (size_t k = 0; k < sizeof clips / sizeof *clips; k++) {
            rmseg_image *image = make(2, 3, width), *made = NULL;
            rmseg_preparation p = {.normalize = RMSEG_NORMALIZE_NONE, .clip = {clips[k][0], clips[k][1]}};
            float low = (float)percentile_of(image, clips[k][0]), high = (float)percentile_of(image, clips[k][1]);
            assert_ok(rmseg_prepare(&made, NULL, image, NULL, &p));
            for (int64_t i = 0; i < rmseg_image_voxels(image); i++) {
                float v = ((float *)image->data)[i], expected = v < low ? low : v > high ? high : v;
                assert_true(((float *)made->data)[i] == expected);
            }
            rmseg_image_destroy(image);
            rmseg_image_destroy(made);
        }
}

static void a_window_becomes_0_to_1(void **state)
{
    (void)state;
    rmseg_image *image = make(1, 1, 4), *made = NULL;
    memcpy(image->data, (float[4]){-1000, -160, 40, 3000}, 16);
    rmseg_preparation p = {.normalize = RMSEG_NORMALIZE_CT, .window = {-160, 240}};
    assert_ok(rmseg_prepare(&made, NULL, image, NULL, &p));
    assert_memory_equal(made->data, ((float[4]){0, 0, 0.5, 1}), 16);
    rmseg_image_destroy(image);
    rmseg_image_destroy(made);
}

/* ---- spacing ---------------------------------------------------------------------------------------------------- */

static void check_size(const rmseg_image *image, const rmseg_preparation *p, int64_t d, int64_t h, int64_t w)
{
    rmseg_image *made = NULL;
    int64_t size[3];
    assert_ok(rmseg_prepare(&made, NULL, image, NULL, p));
    rmseg_prepared_size(size, image, p);
    assert_memory_equal(size, made->size, sizeof size);
    assert_memory_equal(size, ((int64_t[3]){d, h, w}), sizeof size);
    rmseg_image_destroy(made);
}

static void images_are_resampled_to_a_spacing(void **state)
{
    (void)state;
    rmseg_image *image = make(11, 20, 30);
    memcpy(image->spacing, (double[3]){3, 0.5, 0.75}, sizeof image->spacing);
    memcpy(image->direction, (double[9]){0, -1, 0, 0, 0, 1, 1, 0, 0}, sizeof image->direction); /* H to x, W to y */
    image->has_spacing = true;
    check_size(image, &(rmseg_preparation){.spacing = {3, 1, 0.75}}, 11, 10, 30);
    check_size(image, &(rmseg_preparation){.spacing = {1, 0.5, 1.5}}, 33, 20, 15);
    check_size(image, &(rmseg_preparation){.spacing = {1000, 1000, 1000}}, 1, 1, 1);
    check_size(image, &(rmseg_preparation){.spacing = {3, 1, 0.75}, .canonical = true}, 11, 23, 13);
    check_size(image, &(rmseg_preparation){.canonical = true}, 11, 30, 20);
    check_size(image, &(rmseg_preparation){.grid = {2, 3, 4}, .canonical = true}, 2, 3, 4);
    rmseg_image_destroy(image);
    image = make(1, 20, 30); /* a slice keeps its axes, and its thickness */
    image->has_spacing = true;
    check_size(image, &(rmseg_preparation){.spacing = {7, 2, 2}, .canonical = true}, 1, 10, 15);
    rmseg_image_destroy(image);
}

/* ---- the crop --------------------------------------------------------------------------------------------------- */

static void a_case_is_cut_around_its_label(void **state)
{
    (void)state;
    rmseg_image *image = NULL, *label = NULL, *cut = NULL, *cut_label = NULL;
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 1, (int64_t[3]){3, 200, 300}));
    assert_ok(rmseg_image_create(&label, RMSEG_U8, 1, image->size));
    for (int64_t i = 0; i < 3 * 200 * 300; i++) ((float *)image->data)[i] = (float)i;
    for (int64_t h = 60; h <= 80; h++)
        for (int64_t w = 100; w <= 250; w++) ((uint8_t *)label->data)[(200 + h) * 300 + w] = 255;
    for (int i = 0; i < 2; i++) assert_ok(rmseg_folder_create(at(i ? "a" : "b")));
    assert_ok(rmseg_image_write(image, at("a/lgemri.nrrd")));
    assert_ok(rmseg_image_write(label, at("a/laendo.nrrd")));
    memset(label->data, 0, 3 * 200 * 300);
    assert_ok(rmseg_image_write(image, at("b/lgemri.nrrd")));
    assert_ok(rmseg_image_write(label, at("b/laendo.nrrd")));
    rmseg_dataset *dataset = NULL;
    rmseg_preparation p = {.normalize = RMSEG_NORMALIZE_NONE, .crop_label = true};
    assert_ok(rmseg_dataset_open(&dataset, "la-raw", at("."), "train", 128, true));
    assert_ok(rmseg_case_prepare(&cut, &cut_label, dataset, 0, &p));
    assert_int_equal(cut->size[0], 3);
    /* H: 21 voxels, widened by (112 - 20) / 2 each side, and 10..19 before: from 0; W: 151 voxels */
    int64_t w0 = (int64_t)((float *)cut->data)[0] % 300, h0 = (int64_t)((float *)cut->data)[0] / 300;
    assert_int_equal(h0, 0);
    assert_in_range(cut->size[1], 81 + 9 + 46, 81 + 18 + 46);
    assert_in_range(w0, 100 - 19, 100 - 10);
    assert_in_range(w0 + cut->size[2], 251 + 9, 251 + 18);
    int64_t size[3], inside = 0;
    for (int64_t i = 0; i < rmseg_image_voxels(cut_label); i++) inside += ((int32_t *)cut_label->data)[i];
    assert_int_equal(inside, 21 * 151);
    assert_ok(rmseg_case_extent(size, dataset, 0, &p));
    assert_memory_equal(size, cut->size, sizeof size);
    rmseg_image_destroy(cut);
    rmseg_image_destroy(cut_label);
    assert_fails(rmseg_case_prepare(&cut, &cut_label, dataset, 1, &p), RMSEG_ERROR_FORMAT,
                 "laendo.nrrd is empty, so --crop label has nothing to cut around");
    rmseg_dataset_destroy(dataset);
    rmseg_image_destroy(image);
    rmseg_image_destroy(label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_are_put_in_order),
        cmocka_unit_test(values_are_clipped_to_percentiles),
        cmocka_unit_test(a_window_becomes_0_to_1),
        cmocka_unit_test(images_are_resampled_to_a_spacing),
        cmocka_unit_test_setup(a_case_is_cut_around_its_label, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
