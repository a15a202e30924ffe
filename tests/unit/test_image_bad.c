/* Files that are not what they should be: each gets one sentence that names it, nothing crashes, nothing leaks. */
#include "test_image.h"

#define FOLDER RMSEG_GOLDEN "/image/"

static void bad_files_have_their_sentences(void **state)
{
    (void)state;
    static const bad_file files[] = {
        {"text.png", RMSEG_ERROR_FORMAT,
         "not an image rmseg reads: it starts with \"hello, I am no image\"; expected "},
        {"empty.png", RMSEG_ERROR_FORMAT, "the file is empty; expected "},
        {"gzip.png", RMSEG_ERROR_FORMAT, "what its gzip holds does not start with the header of a NIfTI"},
        {"no-width.png", RMSEG_ERROR_FORMAT, "this PNG has no pixels (0 x 5); expected at least 1 x 1"},
        {"no-height.png", RMSEG_ERROR_FORMAT, "this PNG has no pixels (5 x 0)"},
        {"huge.png", RMSEG_ERROR_FORMAT, "announces 40000 x 40000 pixels, more than its 1012 bytes can hold"},
        {"vast.png", RMSEG_ERROR_FORMAT, "announces 2147483647 x 2147483647 pixels"},
        {"implausible.png", RMSEG_ERROR_FORMAT, "announces 2000 x 2000 pixels"},
        {"depth.png", RMSEG_ERROR_FORMAT, "this PNG is damaged or cut short (1012 bytes)"},
        {"no-palette.png", RMSEG_ERROR_FORMAT, "Missing PLTE"},
        {"no-data.png", RMSEG_ERROR_FORMAT, "damaged or cut short (45 bytes)"},
        {"huge.jpg", RMSEG_ERROR_FORMAT, "this JPEG announces 40000 x 40000 pixels"},
        {"implausible.jpg", RMSEG_ERROR_FORMAT, "this JPEG announces 20000 x 20000 pixels"},
        {"no-height.jpg", RMSEG_ERROR_FORMAT, "this JPEG has no pixels"},
        {"cmyk.jpg", RMSEG_ERROR_UNSUPPORTED,
         "4 components (CMYK, made for printing); expected 1 (grey) or 3 (colour)"},
        {"huge.tif", RMSEG_ERROR_FORMAT, "this TIFF announces 40000 x 40000 pixels"},
        {"huge-tiles.tif", RMSEG_ERROR_FORMAT, "its strips or tiles do not fit its size"},
        {"no-width.tif", RMSEG_ERROR_FORMAT, "this TIFF has no pixels (0 x 9)"},
        {"no-height.tif", RMSEG_ERROR_FORMAT, "this TIFF has no pixels (13 x 0)"},
        {"compression.tif", RMSEG_ERROR_UNSUPPORTED, "compression 34676"},
        {"photometric.tif", RMSEG_ERROR_UNSUPPORTED, "photometric interpretation 5"},
        {"photometric-cielab.tif", RMSEG_ERROR_UNSUPPORTED, "photometric interpretation 8"},
        {"bits.tif", RMSEG_ERROR_UNSUPPORTED, "7 bit unsigned samples"},
        {"float16.tif", RMSEG_ERROR_UNSUPPORTED, "16 bit float samples"},
        {"complex.tif", RMSEG_ERROR_UNSUPPORTED, "64 bit complex samples"},
        {"five-samples.tif", RMSEG_ERROR_UNSUPPORTED, "5 samples a pixel"},
        {"too-large.tif", RMSEG_ERROR_UNSUPPORTED, "unsigned values above 2147483647"},
        {"unlike-pages.tif", RMSEG_ERROR_UNSUPPORTED, "page 2 of this TIFF has 14 x 9 pixels"},
    };
    check_bad_files(FOLDER "bad/", files, sizeof files / sizeof *files);
}

static void missing_files_and_folders_are_named(void **state)
{
    (void)state;
    rmseg_image *image = NULL, header;
    assert_fails(rmseg_image_read(&image, FOLDER "nothing.png"), RMSEG_ERROR_FILE, "nothing.png: No such file");
    assert_fails(rmseg_image_read_header(&header, FOLDER "nothing.png"), RMSEG_ERROR_FILE, "nothing.png: No such file");
    assert_fails(rmseg_image_read(&image, FOLDER "bad"), RMSEG_ERROR_FILE, "image/bad: Is a directory");
}

/* ---- every good file, spoilt ------------------------------------------------------------------------------------ */

typedef void (*check_fn)(const char *name, const uint8_t *bytes, size_t length);

/* Calls `check` for each file of expected.txt; the bytes end where their block ends, so that reading on is seen. */
static void for_each_file(check_fn check)
{
    char name[64], path[512];
    int count = 0;
    FILE *list = fopen(FOLDER "expected.txt", "r");
    assert_non_null(list);
    while (fscanf(list, "%63s%*[^\n]", name) == 1) {
        uint8_t *bytes = NULL;
        size_t length = 0;
        snprintf(path, sizeof path, FOLDER "%s", name);
        assert_ok(rmseg_file_read(&bytes, &length, path, 0));
        if (is_read(name)) check(name, bytes, length);
        rmseg_free(bytes);
        count++;
    }
    fclose(list);
    assert_true(count >= 60);
}

static rmseg_image *decode(const char *name, const uint8_t *bytes, size_t length)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_decode(&image, bytes, length, name));
    return image;
}

/* Decodes a copy that ends at `length`; it must fail with a sentence that names it, or give the same pixels. */
static bool fails_when_cut(const char *name, const uint8_t *bytes, size_t length, const rmseg_image *whole)
{
    rmseg_image *image = NULL;
    uint8_t *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    rmseg_status status = rmseg_image_decode(&image, copy, length, name);
    free(copy);
    if (status != RMSEG_OK) {
        assert_int_equal(strncmp(rmseg_error_last(), name, strlen(name)), 0);
        return true;
    }
    size_t data = (size_t)(whole->channels * rmseg_image_voxels(whole)) * rmseg_dtype_size(whole->dtype);
    if (memcmp(image->data, whole->data, data)) fail_msg("%s: cut to %zu bytes it gives other pixels", name, length);
    rmseg_image_destroy(image);
    return false;
}

static void cut_everywhere(const char *name, const uint8_t *bytes, size_t length)
{
    rmseg_image *whole = decode(name, bytes, length);
    bool must_fail = !strstr(name, ".tif"); /* a TIFF may end with bytes that nothing needs */
    for (size_t cut = 0; cut < length; cut++)
        if (!fails_when_cut(name, bytes, cut, whole) && must_fail)
            fail_msg("%s: %zu of %zu bytes are read", name, cut, length);
    rmseg_image_destroy(whole);
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    for_each_file(cut_everywhere);
}

static void flip_everywhere(const char *name, const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    for (size_t i = 0; i < length; i++) {
        rmseg_image *image = NULL;
        copy[i] = (uint8_t)~bytes[i];
        rmseg_status status = rmseg_image_decode(&image, copy, length, name);
        if (status != RMSEG_OK) assert_non_null(strstr(rmseg_error_last(), name));
        rmseg_image_destroy(image);
        copy[i] = bytes[i];
    }
    free(copy);
}

static void a_wrong_byte_anywhere_is_survived(void **state)
{
    (void)state;
    for_each_file(flip_everywhere);
}

static void run_out_of_memory(const char *name, const uint8_t *bytes, size_t length)
{
    int64_t live = rmseg_memory_stats_get().live_bytes, n = 0;
    for (rmseg_status status = RMSEG_ERROR_MEMORY; status != RMSEG_OK;) {
        rmseg_image *image = NULL;
        rmseg_memory_fail_at(++n);
        status = rmseg_image_decode(&image, bytes, length, name);
        rmseg_memory_fail_at(0);
        if (status != RMSEG_OK && status != RMSEG_ERROR_MEMORY) fail_msg("%s: %s", name, rmseg_error_last());
        rmseg_image_destroy(image);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
        assert_true(n < 1000);
    }
    assert_true(n > 2);
}

static void failing_memory_leaks_nothing(void **state)
{
    (void)state;
    for_each_file(run_out_of_memory);
}

/* ---- JPEG: what is only doubtful -------------------------------------------------------------------------------- */

static void keep_line(void *user, rmseg_log_level level, const char *line)
{
    assert_int_equal(level, RMSEG_LOG_WARNING);
    snprintf(user, 256, "%s", line);
}

/* Some cameras leave bytes before the last marker: the picture is whole, so it is read and the caller told. */
static void left_over_bytes_in_a_jpeg_are_warned_about(void **state)
{
    (void)state;
    if (!is_read("grey.jpg")) skip();
    uint8_t *bytes = NULL;
    size_t length = 0;
    char line[256] = "";
    assert_ok(rmseg_file_read(&bytes, &length, FOLDER "grey.jpg", 0));
    rmseg_image *whole = decode("grey.jpg", bytes, length), *image = NULL;
    uint8_t *longer = calloc(length + 5, 1);
    assert_non_null(longer);
    memcpy(longer, bytes, length - 2);
    memcpy(longer + length + 3, bytes + length - 2, 2);
    rmseg_log_set(keep_line, line);
    assert_ok(rmseg_image_decode(&image, longer, length + 5, "longer.jpg"));
    rmseg_log_set(NULL, NULL);
    assert_non_null(strstr(line, "longer.jpg: this JPEG may be damaged"));
    assert_memory_equal(image->data, whole->data, (size_t)rmseg_image_voxels(whole));
    rmseg_image_destroy(image);
    rmseg_image_destroy(whole);
    rmseg_free(bytes);
    free(longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_have_their_sentences), cmocka_unit_test(missing_files_and_folders_are_named),
        cmocka_unit_test(truncated_files_are_refused),    cmocka_unit_test(a_wrong_byte_anywhere_is_survived),
        cmocka_unit_test(failing_memory_leaks_nothing),   cmocka_unit_test(left_over_bytes_in_a_jpeg_are_warned_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
