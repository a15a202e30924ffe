/* Every kind of image file against the pixels it was made of, and resampling against PyTorch's (tools/golden_image.py).
 */
#include "test_image.h"

#define FOLDER RMSEG_GOLDEN "/image/"

static int64_t read_integer(FILE *file)
{
    long long value;
    assert_int_equal(fscanf(file, "%lld", &value), 1);
    return value;
}

/* ---- decoding --------------------------------------------------------------------------------------------------- */

/* JPEG decoders may round differently; everything else is exact. */
static double tolerance_of(const char *name) { return strstr(name, ".jpg") || strstr(name, "jpeg") ? 1 : 0; }

static void check_header(const char *path, const rmseg_image *image)
{
    rmseg_image header;
    assert_ok(rmseg_image_read_header(&header, path));
    assert_null(header.data);
    assert_int_equal(header.dtype, image->dtype);
    assert_int_equal(header.channels, image->channels);
    assert_memory_equal(header.size, image->size, sizeof header.size);
}

static void check_image(const char *name, const char *type, FILE *expected)
{
    char path[512];
    rmseg_image *image = NULL;
    snprintf(path, sizeof path, FOLDER "%s", name);
    assert_ok(rmseg_image_read(&image, path));
    if (image->dtype != type_of(type)) fail_msg("%s: not %s", name, type);
    int64_t shape[4] = {image->channels, image->size[0], image->size[1], image->size[2]}, at[4];
    for (int i = 0; i < 4; i++) {
        int64_t extent = read_integer(expected);
        if (extent != shape[i])
            fail_msg("%s: extent %d is %lld, expected %lld", name, i, (long long)shape[i], (long long)extent);
    }
    for (at[0] = 0; at[0] < shape[0]; at[0]++)
        for (at[1] = 0; at[1] < shape[1]; at[1]++)
            for (at[2] = 0; at[2] < shape[2]; at[2]++)
                for (at[3] = 0; at[3] < shape[3]; at[3]++) {
                    double found = rmseg_image_value(image, at[0], at[1], at[2], at[3]), value = read_number(expected);
                    if (!(fabs(found - value) <= tolerance_of(name)))
                        fail_msg("%s: (%lld,%lld,%lld,%lld) is %.17g, expected %.17g", name, (long long)at[0],
                                 (long long)at[1], (long long)at[2], (long long)at[3], found, value);
                }
    check_header(path, image);
    rmseg_image_destroy(image);
}

static void files_have_the_pixels_they_were_made_of(void **state)
{
    (void)state;
    char name[64], type[8];
    int count = 0;
    FILE *expected = fopen(FOLDER "expected.txt", "r");
    assert_non_null(expected);
    while (fscanf(expected, "%63s %7s", name, type) == 2) {
        if (is_read(name))
            check_image(name, type, expected);
        else
            assert_int_equal(fscanf(expected, "%*[^\n]"), 0);
        count++;
    }
    fclose(expected);
    assert_true(count >= 60);
}

/* ---- resampling ------------------------------------------------------------------------------------------------- */

static void check_resampled(const char *mode, FILE *file)
{
    int64_t channels = read_integer(file), size[3], out_size[3];
    for (int axis = 0; axis < 3; axis++) size[axis] = read_integer(file);
    for (int axis = 0; axis < 3; axis++) out_size[axis] = read_integer(file);
    rmseg_image *in = NULL, *out = NULL;
    assert_ok(rmseg_image_create(&in, RMSEG_I16, channels, size));
    for (int64_t i = 0; i < channels * rmseg_image_voxels(in); i++)
        ((int16_t *)in->data)[i] = (int16_t)read_integer(file);
    bool linear = !strcmp(mode, "linear");
    assert_ok(rmseg_image_resample(&out, in, out_size, linear ? RMSEG_LINEAR : RMSEG_NEAREST));
    assert_int_equal(out->dtype, linear ? RMSEG_F32 : RMSEG_I16);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t d = 0; d < out_size[0]; d++)
            for (int64_t h = 0; h < out_size[1]; h++)
                for (int64_t w = 0; w < out_size[2]; w++) {
                    double found = rmseg_image_value(out, c, d, h, w), expected = read_number(file);
                    if (!(fabs(found - expected) <= (linear ? 1e-4 : 0)))
                        fail_msg("%s (%lld,%lld,%lld,%lld): %.9g, PyTorch has %.9g", mode, (long long)c, (long long)d,
                                 (long long)h, (long long)w, found, expected);
                }
    rmseg_image_destroy(in);
    rmseg_image_destroy(out);
}

static void resampling_equals_pytorch(void **state)
{
    (void)state;
    char mode[16];
    int count = 0;
    FILE *file = fopen(FOLDER "resample.txt", "r");
    assert_non_null(file);
    for (; fscanf(file, "%15s", mode) == 1; count++) check_resampled(mode, file);
    fclose(file);
    assert_int_equal(count, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_the_pixels_they_were_made_of),
        cmocka_unit_test(resampling_equals_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
