/* test_report.c - contours where the mask's edge is, sheets, captions, the table. */
#include "unit.h"

#include <math.h>

#include "image/image.h"
#include "report/report.h"

enum { SIDE = 20, LOW = 6, HIGH = 13 }; /* a square of set pixels LOW..HIGH */

static rmseg_image *make(rmseg_dtype dtype, int64_t channels, int64_t height, int64_t width)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, dtype, channels, (int64_t[]){1, height, width}));
    return image;
}

/* A label image with the square at `scale` times the size. */
static rmseg_image *make_square(int64_t scale, uint8_t value)
{
    rmseg_image *label = make(RMSEG_U8, 1, SIDE * scale, SIDE * scale);
    for (int64_t y = LOW * scale; y < (HIGH + 1) * scale; y++)
        for (int64_t x = LOW * scale; x < (HIGH + 1) * scale; x++)
            ((uint8_t *)label->data)[y * SIDE * scale + x] = value;
    return label;
}

static bool is_green(const rmseg_image *picture, int64_t y, int64_t x)
{
    double r = rmseg_image_value(picture, 0, 0, y, x), g = rmseg_image_value(picture, 1, 0, y, x);
    return g > 150 && r < 120;
}

static bool is_blue(const rmseg_image *picture, int64_t y, int64_t x)
{
    double g = rmseg_image_value(picture, 1, 0, y, x), b = rmseg_image_value(picture, 2, 0, y, x);
    return b > 180 && g < 200;
}

/* ---- overlay ----------------------------------------------------------------------------------------------------- */

/* On a picture four times the image's size the line lies on the edge between set and unset pixels, and nowhere else. */
static void contours_lie_on_the_edge(void **state)
{
    (void)state;
    rmseg_image *image = make(RMSEG_U8, 3, SIDE, SIDE), *truth = make_square(1, 1), *picture = NULL;
    assert_ok(rmseg_overlay(&picture, image, NULL, truth, 4));
    assert_int_equal(picture->size[1], 4 * SIDE);
    int64_t middle = 2 * SIDE, edge = 4 * LOW;
    assert_true(is_green(picture, middle, edge) || is_green(picture, middle, edge - 1));
    assert_true(is_green(picture, edge, middle) || is_green(picture, edge - 1, middle));
    for (int64_t x = 0; x < 4 * SIDE; x++) {
        bool near = (x >= edge - 3 && x <= edge + 2) || (x >= 4 * HIGH + 1 && x <= 4 * HIGH + 6);
        if (!near) assert_int_equal((int)rmseg_image_value(picture, 1, 0, middle, x), 0);
    }
    rmseg_image_destroy(image);
    rmseg_image_destroy(truth);
    rmseg_image_destroy(picture);
}

/* A prediction on a grid twice as fine covers the truth's line: both are stretched to the picture. */
static void masks_may_have_grids_of_their_own(void **state)
{
    (void)state;
    rmseg_image *image = make(RMSEG_U16, 1, SIDE, SIDE), *truth = make_square(1, 1), *fine = make_square(2, 7),
                *picture = NULL;
    assert_ok(rmseg_overlay(&picture, image, fine, truth, 4));
    int64_t middle = 2 * SIDE, edge = 4 * LOW;
    assert_true(is_blue(picture, middle, edge) || is_blue(picture, middle, edge - 1));
    rmseg_image_destroy(image);
    rmseg_image_destroy(truth);
    rmseg_image_destroy(fine);
    rmseg_image_destroy(picture);
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    (void)state;
    rmseg_image *volume = NULL, *image = make(RMSEG_U8, 1, SIDE, SIDE), *soft = make(RMSEG_U16, 1, SIDE, SIDE),
                *picture = NULL;
    assert_ok(rmseg_image_create(&volume, RMSEG_U8, 1, (int64_t[]){2, SIDE, SIDE}));
    assert_fails(rmseg_overlay(&picture, volume, NULL, NULL, 1), RMSEG_ERROR_UNSUPPORTED, "2 slices");
    for (int i = 0; i < SIDE * SIDE; i++) ((uint16_t *)soft->data)[i] = (uint16_t)(100 * i);
    assert_fails(rmseg_overlay(&picture, image, soft, NULL, 1), RMSEG_ERROR_ARGUMENT, "soft map needs a threshold");
    assert_null(picture);
    rmseg_image_destroy(volume);
    rmseg_image_destroy(image);
    rmseg_image_destroy(soft);
}

/* ---- sheets ------------------------------------------------------------------------------------------------------ */

static int dark_pixels(const rmseg_image *sheet, int64_t top, int64_t bottom)
{
    int count = 0;
    for (int64_t y = top; y < bottom; y++)
        for (int64_t x = 0; x < sheet->size[2]; x++) count += rmseg_image_value(sheet, 0, 0, y, x) < 128;
    return count;
}

static void a_sheet_has_rows_columns_and_captions(void **state)
{
    (void)state;
    rmseg_image *white = make(RMSEG_U8, 3, 80, 100), *other = make(RMSEG_U8, 3, 81, 100), *sheet = NULL;
    memset(white->data, 255, 3 * 80 * 100);
    const rmseg_image *const pictures[] = {white, white, white}, *const unlike[] = {white, other};
    assert_ok(rmseg_contact_sheet(&sheet, pictures, 3, 2, 5, NULL));
    assert_int_equal(sheet->size[1], 2 * 80 + 5);
    assert_int_equal(sheet->size[2], 2 * 100 + 5);
    rmseg_image_destroy(sheet);

    const char *const captions[] = {"", "Dice"};
    assert_ok(rmseg_contact_sheet(&sheet, pictures, 3, 2, 5, captions));
    assert_int_equal(sheet->size[1], 2 * (10 + 80) + 5);
    assert_int_equal(dark_pixels(sheet, 0, 95), 0);
    assert_true(dark_pixels(sheet, 95, 105) > 5);
    assert_int_equal(dark_pixels(sheet, 105, 185), 0);
    rmseg_image_destroy(sheet);

    sheet = NULL;
    assert_fails(rmseg_contact_sheet(&sheet, unlike, 2, 2, 5, NULL), RMSEG_ERROR_ARGUMENT, "picture 1");
    assert_fails(rmseg_contact_sheet(&sheet, pictures, 3, 0, 5, NULL), RMSEG_ERROR_ARGUMENT, "0 columns");
    rmseg_image_destroy(white);
    rmseg_image_destroy(other);
}

/* ---- show -------------------------------------------------------------------------------------------------------- */

static void set(rmseg_options *options, const char *key, const char *value)
{
    assert_ok(rmseg_options_set(options, key, value));
}

/* Two soft maps, cut to their box and a third of it around: pixels 6 - 8/3 to 14 + 8/3, rounded. */
static void show_reads_soft_maps_and_zooms(void **state)
{
    (void)state;
    rmseg_image *image = make(RMSEG_U8, 3, SIDE, SIDE), *soft = make_square(1, 191), *picture = NULL;
    assert_ok(rmseg_image_write(image, RMSEG_TEST_TMP "/image.png"));
    assert_ok(rmseg_image_write(soft, RMSEG_TEST_TMP "/soft.png"));
    rmseg_options *options = NULL;
    assert_ok(rmseg_show_options_create(&options));
    assert_fails(rmseg_show(options, RMSEG_TEST_TMP "/image.png"), RMSEG_ERROR_ARGUMENT, "--out");
    set(options, "out", RMSEG_TEST_TMP "/picture.png");
    set(options, "truth", RMSEG_TEST_TMP "/soft.png," RMSEG_TEST_TMP "/soft.png");
    set(options, "threshold", "128");
    set(options, "zoom", "true");
    assert_ok(rmseg_show(options, RMSEG_TEST_TMP "/image.png"));
    assert_ok(rmseg_image_read(&picture, RMSEG_TEST_TMP "/picture.png"));
    assert_int_equal(picture->size[1], 14);
    rmseg_image_destroy(picture);

    set(options, "threshold", "200"); /* nothing is set: the whole image, no line */
    assert_ok(rmseg_show(options, RMSEG_TEST_TMP "/image.png"));
    assert_ok(rmseg_image_read(&picture, RMSEG_TEST_TMP "/picture.png"));
    assert_int_equal(picture->size[1], SIDE);
    for (int64_t i = 0; i < SIDE * SIDE; i++) assert_false(is_green(picture, i / SIDE, i % SIDE));
    rmseg_image_destroy(picture);
    rmseg_options_destroy(options);
    rmseg_image_destroy(image);
    rmseg_image_destroy(soft);
}

/* ---- table ------------------------------------------------------------------------------------------------------- */

static void the_table_shows_aggregates(void **state)
{
    (void)state;
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    rmseg_results *results = NULL;
    char *table = NULL;
    assert_ok(rmseg_results_create(&results, &settings, "voxel"));
    assert_ok(rmseg_results_add(results, "a", "cup", "dice", 0.5, NULL));
    assert_ok(rmseg_results_add(results, "b", "cup", "dice", 0.7, NULL));
    assert_ok(rmseg_results_add(results, "a", "cup", "hd95", NAN, "prediction empty"));
    assert_ok(rmseg_results_table(&table, results));
    assert_string_equal(table, "class  metric    mean      sd  median  95 % interval     valid/cases  empty\n"
                               "cup    dice    0.6000  0.1414  0.6000  [0.5000, 0.7000]  2/2              0\n"
                               "cup    hd95         -       -       -  [-, -]            0/1              1\n");
    rmseg_text_free(table);
    rmseg_results_destroy(results);
}

/* A name of any length, letters of more than one byte, figures of any size: the columns stay below their titles. */
static void the_table_is_as_wide_as_its_cells(void **state)
{
    (void)state;
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    rmseg_results *results = NULL;
    char *table = NULL;
    assert_ok(rmseg_results_create(&results, &settings, "mm"));
    assert_ok(rmseg_results_add(results, "a", "left atrial appendage", "volume_difference_ml", 1e12, NULL));
    assert_ok(rmseg_results_add(results, "a", "\xc3\xa9", "dice", 1, NULL));
    assert_ok(rmseg_results_table(&table, results));
    assert_string_equal(table, "class                  metric                  mean  sd  median  95 % interval  "
                               "valid/cases  empty\n"
                               "left atrial appendage  volume_difference_ml   1e+12   -   1e+12  [-, -]         "
                               "1/1              0\n"
                               "\xc3\xa9                      dice                  1.0000   -  1.0000  [-, -]         "
                               "1/1              0\n");
    rmseg_text_free(table);
    rmseg_results_destroy(results);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static void assert_colour(const rmseg_image *picture, int64_t y, int64_t x, int r, int g, int b)
{
    assert_int_equal(rmseg_image_value(picture, 0, 0, y, x), r);
    assert_int_equal(rmseg_image_value(picture, 1, 0, y, x), g);
    assert_int_equal(rmseg_image_value(picture, 2, 0, y, x), b);
}

/* Towards the truth red, away from it blue, nothing white, ignored grey; the panel begins at (28, 8). */
static void weights_have_one_scale_of_colours(void **state)
{
    (void)state;
    rmseg_image *weights = make(RMSEG_F64, 2, 2, 2), *picture = NULL;
    memcpy(weights->data, (double[8]){2, -2, 0, NAN}, 8 * sizeof(double));
    assert_ok(rmseg_weights_picture(&picture, weights, "a*ce + rm(2,0) > _"));
    assert_colour(picture, 28 + 20, 8 + 20, 178, 24, 43);
    assert_colour(picture, 28 + 20, 8 + 200, 33, 102, 172);
    assert_colour(picture, 28 + 200, 8 + 20, 255, 255, 255);
    assert_colour(picture, 28 + 200, 8 + 200, 160, 160, 160);
    rmseg_image_destroy(picture);
    weights->channels = 1;
    assert_fails(rmseg_weights_picture(&picture, weights, ""), RMSEG_ERROR_ARGUMENT, "two channels");
    rmseg_image_destroy(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contours_lie_on_the_edge),          cmocka_unit_test(masks_may_have_grids_of_their_own),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),   cmocka_unit_test(a_sheet_has_rows_columns_and_captions),
        cmocka_unit_test(show_reads_soft_maps_and_zooms),    cmocka_unit_test(the_table_shows_aggregates),
        cmocka_unit_test(the_table_is_as_wide_as_its_cells), cmocka_unit_test(weights_have_one_scale_of_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
