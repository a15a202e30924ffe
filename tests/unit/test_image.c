/* Images in memory and on disk: making, converting, geometry, and that what is written is what is read. */
#include <math.h>
#include <unistd.h>

#include "image/image.h"
#include "unit.h"

static rmseg_image *make(rmseg_dtype dtype, int64_t channels, int64_t d, int64_t h, int64_t w)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, dtype, channels, (int64_t[3]){d, h, w}));
    return image;
}

/* Random bytes; floats get random finite numbers. */
static rmseg_image *make_random(rmseg_dtype dtype, int64_t channels, int64_t d, int64_t h, int64_t w)
{
    rmseg_image *image = make(dtype, channels, d, h, w);
    int64_t elements = channels * rmseg_image_voxels(image);
    rmseg_random random = rmseg_random_stream(3, RMSEG_RANDOM_TEST, (uint32_t)dtype, (uint32_t)elements);
    uint8_t *bytes = image->data;
    for (int64_t i = 0; i < elements * (int64_t)rmseg_dtype_size(dtype); i++)
        bytes[i] = (uint8_t)rmseg_random_u32(&random);
    for (int64_t i = 0; i < elements && dtype == RMSEG_F32; i++)
        ((float *)image->data)[i] = (float)rmseg_random_normal(&random);
    for (int64_t i = 0; i < elements && dtype == RMSEG_F64; i++)
        ((double *)image->data)[i] = rmseg_random_normal(&random);
    return image;
}

static void assert_same(const rmseg_image *a, const rmseg_image *b)
{
    assert_int_equal(a->dtype, b->dtype);
    assert_int_equal(a->channels, b->channels);
    assert_memory_equal(a->size, b->size, sizeof a->size);
    size_t bytes = (size_t)(a->channels * rmseg_image_voxels(a)) * rmseg_dtype_size(a->dtype);
    assert_memory_equal(a->data, b->data, bytes);
}

/* ---- in memory -------------------------------------------------------------------------------------------------- */

static void new_image_is_zero_and_plain(void **state)
{
    (void)state;
    static const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    rmseg_image *image = make(RMSEG_I16, 2, 3, 4, 5);
    assert_int_equal(rmseg_image_voxels(image), 60);
    for (int i = 0; i < 120; i++) assert_int_equal(((int16_t *)image->data)[i], 0);
    for (int i = 0; i < 3; i++) assert_true(image->spacing[i] == 1 && image->origin[i] == 0);
    assert_memory_equal(image->direction, identity, sizeof identity);
    assert_false(image->has_spacing);
    ((int16_t *)image->data)[1 * 60 + 2 * 20 + 3 * 5 + 4] = -7;
    assert_true(rmseg_image_value(image, 1, 2, 3, 4) == -7);
    rmseg_image_destroy(image);
    rmseg_image_destroy(NULL);
}

static void impossible_extents_are_refused(void **state)
{
    (void)state;
    rmseg_image *image = NULL;
    assert_fails(rmseg_image_create(&image, RMSEG_U8, 0, (int64_t[3]){1, 2, 3}), RMSEG_ERROR_ARGUMENT, "0 channels");
    assert_fails(rmseg_image_create(&image, RMSEG_U8, 1, (int64_t[3]){1, -2, 3}), RMSEG_ERROR_ARGUMENT, "1 x -2 x 3");
    assert_fails(rmseg_image_create(&image, RMSEG_U8, 1, (int64_t[3]){INT64_MAX, 2, 3}), RMSEG_ERROR_ARGUMENT,
                 "too large");
    assert_fails(rmseg_image_create(&image, RMSEG_F64, 3, (int64_t[3]){INT64_MAX / 4, 1, 1}), RMSEG_ERROR_MEMORY,
                 "memory");
    assert_null(image);
}

static void check_conversion(rmseg_dtype to, const double *values, const double *expected, int count)
{
    rmseg_image *in = make(RMSEG_F64, 1, 1, 1, count), *out = NULL;
    memcpy(in->data, values, (size_t)count * sizeof *values);
    in->spacing[1] = 0.25;
    assert_ok(rmseg_image_convert(&out, in, to));
    assert_true(out->dtype == to && out->spacing[1] == 0.25);
    for (int i = 0; i < count; i++) assert_true(rmseg_image_value(out, 0, 0, 0, i) == expected[i]);
    rmseg_image_destroy(in);
    rmseg_image_destroy(out);
}

static void conversion_rounds_to_even_and_clamps(void **state)
{
    (void)state;
    static const double values[] = {-0.5, 0.5, 1.5, 2.5, 2.500001, 254.5, 255.5, 1e30, -1e30, NAN, -INFINITY, 40000.5};
    static const double u8[] = {0, 0, 2, 2, 3, 254, 255, 255, 0, 0, 0, 255};
    static const double u16[] = {0, 0, 2, 2, 3, 254, 256, 65535, 0, 0, 0, 40000};
    static const double i16[] = {0, 0, 2, 2, 3, 254, 256, 32767, -32768, 0, -32768, 32767};
    static const double i32[] = {0, 0, 2, 2, 3, 254, 256, INT32_MAX, INT32_MIN, 0, INT32_MIN, 40000};
    check_conversion(RMSEG_U8, values, u8, 12);
    check_conversion(RMSEG_U16, values, u16, 12);
    check_conversion(RMSEG_I16, values, i16, 12);
    check_conversion(RMSEG_I32, values, i32, 12);
    check_conversion(RMSEG_F64, values, values, 9);
}

/* A type that holds every value of another takes it there and back. */
static void wider_types_lose_nothing(void **state)
{
    (void)state;
    static const rmseg_dtype pairs[][2] = {{RMSEG_U8, RMSEG_F32},  {RMSEG_U16, RMSEG_F32}, {RMSEG_I16, RMSEG_I32},
                                           {RMSEG_I32, RMSEG_F64}, {RMSEG_F32, RMSEG_F64}, {RMSEG_U8, RMSEG_U8}};
    for (int i = 0; i < 6; i++) {
        rmseg_image *image = make_random(pairs[i][0], 3, 2, 150, 170), *wide = NULL, *back = NULL;
        assert_ok(rmseg_image_convert(&wide, image, pairs[i][1]));
        assert_ok(rmseg_image_convert(&back, wide, pairs[i][0]));
        assert_same(image, back);
        rmseg_image_destroy(image);
        rmseg_image_destroy(wide);
        rmseg_image_destroy(back);
    }
}

/* ---- resampling and geometry ------------------------------------------------------------------------------------ */

static void resampling_keeps_the_field_of_view(void **state)
{
    (void)state;
    rmseg_image *in = make(RMSEG_U8, 1, 4, 6, 10), *out = NULL;
    double turned[9] = {0, 1, 0, 1, 0, 0, 0, 0, -1}; /* D runs along y, H along x, W against z */
    memcpy(in->direction, turned, sizeof turned);
    in->spacing[0] = 3, in->spacing[1] = 0.5, in->spacing[2] = 2;
    in->origin[0] = 10, in->origin[1] = 20, in->origin[2] = 30;
    in->has_spacing = true;
    memset(in->data, 77, 240);
    for (int mode = RMSEG_NEAREST; mode <= RMSEG_LINEAR; mode++) {
        assert_ok(rmseg_image_resample(&out, in, (int64_t[3]){2, 12, 5}, (rmseg_interpolation)mode));
        assert_true(out->has_spacing);
        assert_true(out->spacing[0] == 6 && out->spacing[1] == 0.25 && out->spacing[2] == 4);
        assert_true(out->origin[0] == 10 - 0.125 && out->origin[1] == 20 + 1.5 && out->origin[2] == 30 - 1);
        for (int64_t i = 0; i < 120; i++) /* a constant stays one: the weights add to 1 */
            assert_true(fabs(rmseg_image_value(out, 0, i / 60, i / 5 % 12, i % 5) - 77) < 1e-4);
        rmseg_image_destroy(out);
    }
    assert_fails(rmseg_image_resample(&out, in, (int64_t[3]){1, 0, 5}, RMSEG_LINEAR), RMSEG_ERROR_ARGUMENT,
                 "axis 1 to 0");
    assert_fails(rmseg_image_resample(&out, in, (int64_t[3]){1, 1, INT64_MAX / 4}, RMSEG_NEAREST), RMSEG_ERROR_ARGUMENT,
                 "axis 2");
    rmseg_image_destroy(in);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    rmseg_image *in = make_random(RMSEG_U16, 3, 5, 123, 210), *one = NULL, *many = NULL;
    assert_ok(rmseg_threads_set(1));
    assert_ok(rmseg_image_resample(&one, in, (int64_t[3]){3, 77, 333}, RMSEG_LINEAR));
    for (int threads = 2; threads <= 7; threads++) {
        assert_ok(rmseg_threads_set(threads));
        assert_ok(rmseg_image_resample(&many, in, (int64_t[3]){3, 77, 333}, RMSEG_LINEAR));
        assert_same(one, many);
        rmseg_image_destroy(many);
    }
    assert_ok(rmseg_threads_set(0));
    rmseg_image_destroy(one);
    rmseg_image_destroy(in);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static bool writes(const char *format)
{
    const rmseg_format_info *info;
    for (int64_t i = 0; (info = rmseg_image_formats(i)); i++)
        if (!strcmp(info->name, format)) return info->writes;
    return false;
}

static void check_round_trip(const char *path, rmseg_dtype dtype, int64_t channels, int64_t d, int64_t h, int64_t w)
{
    rmseg_image *image = make_random(dtype, channels, d, h, w), *back = NULL;
    for (int64_t i = 0; i < channels * d * h * w && dtype == RMSEG_U8; i++) ((uint8_t *)image->data)[i] /= 64;
    assert_ok(rmseg_image_write(image, path));
    assert_ok(rmseg_image_read(&back, path));
    assert_same(image, back);
    rmseg_image_destroy(image);
    rmseg_image_destroy(back);
    assert_ok(rmseg_file_remove(path));
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const char *png = RMSEG_TEST_TMP "/round.png", *tiff = RMSEG_TEST_TMP "/round.TIF";
    for (int64_t channels = 1; channels <= 3; channels += 2) {
        for (int dtype = RMSEG_U8; dtype <= RMSEG_U16 && writes("PNG"); dtype++) {
            check_round_trip(png, (rmseg_dtype)dtype, channels, 1, 1, 1);
            check_round_trip(png, (rmseg_dtype)dtype, channels, 1, 61, 47);
        }
        for (int dtype = RMSEG_U8; dtype <= RMSEG_F64 && writes("TIFF"); dtype++) {
            check_round_trip(tiff, (rmseg_dtype)dtype, channels, 1, 61, 47);
            check_round_trip(tiff, (rmseg_dtype)dtype, channels, 5, 17, 1);
        }
    }
}

static int64_t files_in_scratch(void)
{
    rmseg_names names = {0};
    assert_ok(rmseg_folder_list(&names, RMSEG_TEST_TMP));
    int64_t count = names.count;
    rmseg_names_destroy(&names);
    return count;
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    rmseg_image *floats = make(RMSEG_F32, 1, 1, 4, 4), *slices = make(RMSEG_U8, 1, 2, 4, 4),
                *five = make(RMSEG_U8, 5, 1, 4, 4);
    int64_t before = files_in_scratch();
    if (writes("PNG")) {
        assert_fails(rmseg_image_write(floats, RMSEG_TEST_TMP "/f.png"), RMSEG_ERROR_ARGUMENT,
                     "this image is f32 with 1 channels");
        assert_fails(rmseg_image_write(slices, RMSEG_TEST_TMP "/s.png"), RMSEG_ERROR_ARGUMENT, "2 slices");
        assert_fails(rmseg_image_write(five, RMSEG_TEST_TMP "/c.png"), RMSEG_ERROR_ARGUMENT, "5 channels");
        assert_fails(rmseg_image_write(slices, RMSEG_TEST_TMP "/none/s.png"), RMSEG_ERROR_FILE, "none/s.png");
    }
    if (writes("TIFF"))
        assert_fails(rmseg_image_write(five, RMSEG_TEST_TMP "/c.tif"), RMSEG_ERROR_ARGUMENT, "this image has 5");
    assert_fails(rmseg_image_write(slices, RMSEG_TEST_TMP "/s.jpeg"), RMSEG_ERROR_UNSUPPORTED, "JPEG");
    assert_fails(rmseg_image_write(slices, RMSEG_TEST_TMP "/s.pn"), RMSEG_ERROR_ARGUMENT, "extension \".pn\"");
    assert_fails(rmseg_image_write(slices, RMSEG_TEST_TMP "/png"), RMSEG_ERROR_ARGUMENT, "extension \"\"");
    assert_int_equal(files_in_scratch(), before);
    rmseg_image_destroy(floats);
    rmseg_image_destroy(slices);
    rmseg_image_destroy(five);
}

/* A device that is always full stands for a full disk. */
static void a_full_disk_is_said(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK)) skip();
    rmseg_image *image = make_random(RMSEG_U16, 3, 1, 200, 200);
    if (writes("PNG")) {
        (void)unlink(RMSEG_TEST_TMP "/full.png");
        assert_int_equal(symlink("/dev/full", RMSEG_TEST_TMP "/full.png"), 0);
        assert_fails(rmseg_image_write(image, RMSEG_TEST_TMP "/full.png"), RMSEG_ERROR_FILE, "No space left");
        assert_int_equal(unlink(RMSEG_TEST_TMP "/full.png"), 0);
    }
    rmseg_image_destroy(image);
}

static void formats_are_listed(void **state)
{
    (void)state;
    int64_t count = 0;
    for (const rmseg_format_info *info; (info = rmseg_image_formats(count)); count++)
        assert_true(strlen(info->name) && info->extensions[0] == '.' && (info->reads || !info->writes));
    assert_true(count >= 3);
    assert_null(rmseg_image_formats(-1));
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

typedef rmseg_status (*work_fn)(const rmseg_image *image);

static rmseg_status shrink(const rmseg_image *image)
{
    rmseg_image *out = NULL;
    rmseg_status status = rmseg_image_resample(&out, image, (int64_t[3]){2, 3, 4}, RMSEG_LINEAR);
    rmseg_image_destroy(out);
    return status;
}

static rmseg_status pick(const rmseg_image *image)
{
    rmseg_image *out = NULL;
    rmseg_status status = rmseg_image_resample(&out, image, (int64_t[3]){2, 3, 4}, RMSEG_NEAREST);
    rmseg_image_destroy(out);
    return status;
}

static rmseg_status write_png(const rmseg_image *image)
{
    return writes("PNG") ? rmseg_image_write(image, RMSEG_TEST_TMP "/m.png") : RMSEG_OK;
}

static rmseg_status write_tiff(const rmseg_image *image)
{
    return writes("TIFF") ? rmseg_image_write(image, RMSEG_TEST_TMP "/m.tif") : RMSEG_OK;
}

static void failing_memory_leaks_nothing(void **state)
{
    (void)state;
    static const work_fn work[] = {shrink, pick, write_png, write_tiff};
    rmseg_image *image = make_random(RMSEG_U8, 3, 1, 9, 12);
    for (int i = 0; i < 4; i++) {
        assert_ok(work[i](image)); /* threads are there now */
        int64_t live = rmseg_memory_stats_get().live_bytes, files = files_in_scratch(), n = 0;
        for (rmseg_status status = RMSEG_ERROR_MEMORY; status != RMSEG_OK;) {
            rmseg_memory_fail_at(++n);
            status = work[i](image);
            rmseg_memory_fail_at(0);
            if (status != RMSEG_OK) assert_non_null(strstr(rmseg_error_last(), "out of memory"));
            assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
            assert_int_equal(files_in_scratch(), files);
            assert_true(n < 1000);
        }
    }
    rmseg_image_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_image_is_zero_and_plain),
        cmocka_unit_test(impossible_extents_are_refused),
        cmocka_unit_test(conversion_rounds_to_even_and_clamps),
        cmocka_unit_test(wider_types_lose_nothing),
        cmocka_unit_test(resampling_keeps_the_field_of_view),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_cannot_be_written_leaves_nothing),
        cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(formats_are_listed),
        cmocka_unit_test(failing_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
