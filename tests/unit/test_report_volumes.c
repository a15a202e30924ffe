/* test_report_volumes.c - volumes are turned the same way however they are stored; slices lie where they should. */
#include "unit.h"

#include <math.h>

#include "image/image.h"
#include "report/orientation.h"
#include "report/report.h"
#include "report/slices.h"

/* A scene in the world: nx x ny x nz voxels, bright towards the patient's right, anterior and superior. */
enum { NX = 12, NY = 10, NZ = 7, STRIP = 26 };
static const int64_t extent[3] = {NX, NY, NZ};
static const double pitch[3] = {1, 1.5, 2};

static double grey_of(const int64_t at[3]) { return (double)(at[0] * at[0] + 7 * at[1] + 20 * at[2]); }
static double label_of(const int64_t at[3]) { return at[0] > 2 && at[0] < 8 && at[1] > 4 && at[1] < 9 && at[2] > 3; }

static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/* The scene stored with axis i along world axis order[i], backwards where `mirror` has bit i. */
static rmseg_image *store(const int order[3], int mirror, double (*value)(const int64_t at[3]))
{
    rmseg_image *image = NULL;
    const int64_t size[3] = {extent[order[0]], extent[order[1]], extent[order[2]]};
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 1, size));
    memset(image->direction, 0, sizeof image->direction);
    image->has_spacing = true;
    for (int axis = 0; axis < 3; axis++) {
        image->spacing[axis] = pitch[order[axis]];
        image->direction[3 * order[axis] + axis] = mirror >> axis & 1 ? -1 : 1;
    }
    int64_t voxels = rmseg_image_voxels(image);
    for (int64_t i = 0; i < voxels; i++) {
        const int64_t index[3] = {i / size[2] / size[1], i / size[2] % size[1], i % size[2]};
        int64_t at[3];
        for (int axis = 0; axis < 3; axis++)
            at[order[axis]] = mirror >> axis & 1 ? size[axis] - 1 - index[axis] : index[axis];
        ((float *)image->data)[i] = (float)value(at);
    }
    return image;
}

static rmseg_image *draw(const int order[3], int mirror)
{
    rmseg_image *image = store(order, mirror, grey_of), *label = store(order, mirror, label_of), *picture = NULL;
    rmseg_orientation orientation;
    rmseg_slices slices = {.low = 0, .high = 300, .scale = 8};
    const int64_t at[3] = {5, 6, 4}; /* in the world */
    for (int axis = 0; axis < 3; axis++) {
        slices.end[axis] = image->size[axis];
        int64_t step = at[order[axis]];
        slices.at[axis] = mirror >> axis & 1 ? image->size[axis] - 1 - step : step;
    }
    assert_ok(rmseg_orientation_of(&orientation, image, ""));
    assert_ok(rmseg_slices_picture(&picture, image, NULL, label, &orientation, &slices));
    rmseg_image_destroy(image);
    rmseg_image_destroy(label);
    return picture;
}

/* Below the captions, which name the axes as they are stored. */
static void all_48_ways_to_store_a_volume_give_one_picture(void **state)
{
    (void)state;
    rmseg_image *expected = draw(orders[0], 0);
    for (int order = 0; order < 6; order++)
        for (int mirror = 0; mirror < 8; mirror++) {
            rmseg_image *picture = draw(orders[order], mirror);
            assert_memory_equal(picture->size, expected->size, sizeof expected->size);
            int64_t above = STRIP * picture->size[2], pixels = rmseg_image_voxels(picture);
            for (int64_t c = 0; c < 3; c++)
                assert_memory_equal((uint8_t *)picture->data + c * pixels + above,
                                    (uint8_t *)expected->data + c * pixels + above, (size_t)(pixels - above));
            rmseg_image_destroy(picture);
        }
    rmseg_image_destroy(expected);
}

/* The axial panel is NX * 8 pixels wide and 1.5 NY * 8 high, at (26, 10); right and anterior are brighter. */
static void right_is_left_and_anterior_is_up(void **state)
{
    (void)state;
    rmseg_image *picture = draw(orders[0], 0);
    assert_int_equal(picture->size[2], 10 + 8 * NX + 10 + 8 * NX + 10 + 12 * NY + 10);
    double corner[4];
    for (int i = 0; i < 4; i++)
        corner[i] = rmseg_image_value(picture, 0, 0, STRIP + (i / 2 ? 12 * NY - 3 : 2), 10 + (i % 2 ? 8 * NX - 3 : 2));
    const int64_t at[4][3] = {{NX - 1, NY - 1, 4}, {0, NY - 1, 4}, {NX - 1, 0, 4}, {0, 0, 4}};
    for (int i = 0; i < 4; i++) assert_true(fabs(corner[i] - 255 * grey_of(at[i]) / 300) <= 1);
    /* the label spans x 3..7, which is columns 12-8 to 12-3 of the panel, in voxels of 8 pixels */
    int64_t green = 0, first = picture->size[2], last = 0;
    for (int64_t x = 10; x < 10 + 8 * NX; x++) {
        double r = rmseg_image_value(picture, 0, 0, STRIP + 12 * 3, x),
               g = rmseg_image_value(picture, 1, 0, STRIP + 12 * 3, x);
        if (g < r + 60) continue;
        green++;
        if (x < first) first = x;
        if (x > last) last = x;
    }
    assert_true(green >= 2);
    assert_in_range(first, 10 + 8 * (NX - 8) - 2, 10 + 8 * (NX - 8) + 1);
    assert_in_range(last, 10 + 8 * (NX - 3) - 2, 10 + 8 * (NX - 3) + 1);
    rmseg_image_destroy(picture);
}

static void letters_overrule_the_file(void **state)
{
    (void)state;
    rmseg_image *image = store(orders[0], 0, grey_of);
    rmseg_orientation o;
    assert_ok(rmseg_orientation_of(&o, image, "ILA"));
    assert_int_equal(o.axis[0], 1);
    assert_int_equal(o.axis[1], 2);
    assert_int_equal(o.axis[2], 0);
    assert_false(o.towards[0]);
    assert_true(o.towards[1]);
    assert_false(o.towards[2]);
    static const char *const bad[] = {"RLA", "RAX", "RA", "RASI", "ras"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(rmseg_orientation_of(&o, image, bad[i]), RMSEG_ERROR_ARGUMENT, bad[i]);
    image->has_spacing = false;
    assert_ok(rmseg_orientation_of(&o, image, ""));
    assert_false(o.known);
    assert_int_equal(o.axis[2], 0);
    assert_true(o.towards[2]);
    rmseg_image_destroy(image);
}

/* An oblique volume is taken along its own axes, also where one of them is near none of the world's. */
static void oblique_axes_go_to_the_nearest(void **state)
{
    (void)state;
    rmseg_image *image = store(orders[0], 0, grey_of);
    rmseg_orientation o;
    double c = cos(0.6), s = sin(0.6);
    const double direction[9] = {0, -s, c, 0, c, s, 1, 0, 0};
    memcpy(image->direction, direction, sizeof direction);
    assert_ok(rmseg_orientation_of(&o, image, ""));
    assert_int_equal(o.axis[0], 2);
    assert_int_equal(o.axis[1], 1);
    assert_int_equal(o.axis[2], 0);
    assert_true(o.towards[0] && o.towards[1] && o.towards[2]);
    rmseg_image_destroy(image);
}

/* Percentiles of what is a number; a constant volume has a window, too. */
static void the_window_passes_over_what_is_no_number(void **state)
{
    (void)state;
    rmseg_image *image = NULL;
    double low = 0, high = 0;
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 1, (int64_t[]){3, 67, 1}));
    float *value = image->data;
    for (int i = 0; i < 201; i++) value[i] = (float)((i * 37) % 201);
    assert_ok(rmseg_slices_window(&low, &high, image, (double[]){10, 90}));
    assert_true(low == 20 && high == 180);
    value[0] = NAN;
    value[1] = INFINITY;
    assert_ok(rmseg_slices_window(&low, &high, image, (double[]){0, 100}));
    assert_true(low == 1 && high == 200);
    for (int i = 0; i < 201; i++) value[i] = -5;
    assert_ok(rmseg_slices_window(&low, &high, image, (double[]){1, 99}));
    assert_true(low == -5 && high > low);
    for (int i = 0; i < 201; i++) value[i] = NAN;
    assert_ok(rmseg_slices_window(&low, &high, image, (double[]){1, 99}));
    assert_true(high > low);
    rmseg_image_destroy(image);
}

/* A large body in the middle, a small one towards right, anterior and superior. */
static double bodies_of(const int64_t at[3])
{
    bool large = at[0] > 2 && at[0] < 8 && at[1] > 1 && at[1] < 6 && at[2] > 1 && at[2] < 4;
    return large || (at[0] > 9 && at[1] > 7 && at[2] > 4);
}

static rmseg_image *show_surface(const rmseg_image *label, const char *view)
{
    rmseg_options *options = NULL;
    rmseg_image *picture = NULL;
    assert_ok(rmseg_image_write(label, RMSEG_TEST_TMP "/label.nii.gz"));
    assert_ok(rmseg_show_options_create(&options));
    assert_ok(rmseg_options_set(options, "truth", RMSEG_TEST_TMP "/label.nii.gz"));
    assert_ok(rmseg_options_set(options, "out", RMSEG_TEST_TMP "/surface.png"));
    assert_ok(rmseg_options_set(options, "surface", "true"));
    assert_ok(rmseg_options_set(options, "scale", "4"));
    assert_ok(rmseg_options_set(options, "view", view));
    assert_ok(rmseg_show(options, RMSEG_TEST_TMP "/label.nii.gz"));
    assert_ok(rmseg_image_read(&picture, RMSEG_TEST_TMP "/surface.png"));
    rmseg_options_destroy(options);
    return picture;
}

/* Coloured pixels in a quarter of what lies below the caption and above the axes: 0 1 / 2 3. */
static void count_quarters(int64_t count[4], const rmseg_image *picture)
{
    int64_t bottom = 0, top = picture->size[1], left = picture->size[2], right = 0;
    memset(count, 0, 4 * sizeof *count);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t y = 0; y < picture->size[1]; y++)
            for (int64_t x = 0; x < picture->size[2]; x++) {
                double r = rmseg_image_value(picture, 0, 0, y, x), g = rmseg_image_value(picture, 1, 0, y, x);
                if (g < r + 20) continue;
                if (pass) count[2 * (2 * y > top + bottom) + (2 * x > left + right)]++;
                if (pass) continue;
                if (y < top) top = y;
                if (y > bottom) bottom = y;
                if (x < left) left = x;
                if (x > right) right = x;
            }
}

/* From the front the small body, at the patient's right and above, is at the upper left; from the left side anterior is
 * left, from above anterior is down, from behind the right is right. And however the file is stored. */
static void surfaces_are_seen_from_where_the_eye_is(void **state)
{
    (void)state;
    static const struct {
        const char *view;
        int quarter;
    } views[] = {{"0,0", 0}, {"90,0", 0}, {"180,0", 1}, {"-90,0", 1}, {"0,90", 2}, {"0,-90", 0}};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        rmseg_image *label = store(orders[5], 0, bodies_of), *picture = show_surface(label, views[i].view);
        int64_t count[4];
        count_quarters(count, picture);
        int opposite = 3 - views[i].quarter;
        if (!(count[opposite] > 2 * count[views[i].quarter] && count[views[i].quarter] > 20))
            fail_msg("--view %s: %d %d / %d %d", views[i].view, (int)count[0], (int)count[1], (int)count[2],
                     (int)count[3]);
        for (int order = 0; order < 6; order++) {
            rmseg_image *other = store(orders[order], 3 + order % 4, bodies_of),
                        *again = show_surface(other, views[i].view);
            assert_memory_equal(again->size, picture->size, sizeof picture->size);
            assert_memory_equal(again->data, picture->data, (size_t)(3 * rmseg_image_voxels(picture)));
            rmseg_image_destroy(other);
            rmseg_image_destroy(again);
        }
        rmseg_image_destroy(label);
        rmseg_image_destroy(picture);
    }
}

/* Every allocation fails once, and nothing is left behind; then it succeeds. */
static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    rmseg_image *label = store(orders[1], 5, bodies_of);
    assert_ok(rmseg_image_write(label, RMSEG_TEST_TMP "/label.nii.gz"));
    for (int surface = 0; surface < 2; surface++) {
        rmseg_options *options = NULL;
        assert_ok(rmseg_show_options_create(&options));
        assert_ok(rmseg_options_set(options, "truth", RMSEG_TEST_TMP "/label.nii.gz"));
        assert_ok(rmseg_options_set(options, "pred", RMSEG_TEST_TMP "/label.nii.gz"));
        assert_ok(rmseg_options_set(options, "out", RMSEG_TEST_TMP "/out-of-memory.png"));
        assert_ok(rmseg_options_set(options, "colour", "distance"));
        assert_ok(rmseg_options_set(options, "scale", "1"));
        if (surface) assert_ok(rmseg_options_set(options, "surface", "true"));
        rmseg_status status = RMSEG_ERROR_MEMORY;
        int64_t failed = 0, before = rmseg_memory_stats_get().live_bytes;
        while (status) {
            rmseg_memory_fail_at(failed + 1);
            status = rmseg_show(options, RMSEG_TEST_TMP "/label.nii.gz");
            rmseg_memory_fail_at(0);
            if (!status) break;
            failed++;
            assert_int_equal(status, RMSEG_ERROR_MEMORY);
            assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
        }
        assert_true(failed > 20);
        rmseg_options_destroy(options);
    }
    rmseg_image_destroy(label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_48_ways_to_store_a_volume_give_one_picture),
        cmocka_unit_test(right_is_left_and_anterior_is_up),
        cmocka_unit_test(letters_overrule_the_file),
        cmocka_unit_test(oblique_axes_go_to_the_nearest),
        cmocka_unit_test(the_window_passes_over_what_is_no_number),
        cmocka_unit_test(surfaces_are_seen_from_where_the_eye_is),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
