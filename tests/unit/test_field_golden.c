/* Distances, borders, components and contours against SciPy's and scikit-image's (tests/golden/field.txt,
 * tools/golden_field.py). */
#include <math.h>

#include "field/field.h"
#include "unit.h"

enum { MOST_VOXELS = 4096 };

/* The mask of the block being read. */
typedef struct block {
    char name[64];
    rmseg_grid grid;
    int64_t voxels;
    uint8_t mask[MOST_VOXELS];
} block;

static double read_number(FILE *file)
{
    double value;
    assert_int_equal(fscanf(file, "%lf", &value), 1);
    return value;
}

static void read_digits(uint8_t *digits, FILE *file, int64_t count)
{
    assert_int_equal(fscanf(file, " "), 0);
    for (int64_t i = 0; i < count; i++) {
        int digit = fgetc(file);
        assert_true(digit == '0' || digit == '1');
        digits[i] = (uint8_t)(digit - '0');
    }
}

static void read_case(block *b, FILE *file)
{
    assert_int_equal(fscanf(file, "%63s", b->name), 1);
    for (int axis = 0; axis < 3; axis++) b->grid.size[axis] = (int64_t)read_number(file);
    for (int axis = 0; axis < 3; axis++) b->grid.spacing[axis] = read_number(file);
    b->voxels = b->grid.size[0] * b->grid.size[1] * b->grid.size[2];
    assert_in_range(b->voxels, 1, MOST_VOXELS);
}

static void check_distance(const block *b, FILE *file)
{
    static double squared[MOST_VOXELS];
    assert_ok(rmseg_distance_squared(squared, b->mask, &b->grid));
    for (int64_t v = 0; v < b->voxels; v++) {
        double expected = read_number(file);
        if (!(fabs(sqrt(squared[v]) - expected) <= 1e-14 * expected))
            fail_msg("%s: voxel %lld: %.17g, SciPy has %.17g", b->name, (long long)v, sqrt(squared[v]), expected);
    }
}

static void check_border(const block *b, FILE *file)
{
    static uint8_t border[MOST_VOXELS], expected[MOST_VOXELS];
    int connectivity = (int)read_number(file);
    read_digits(expected, file, b->voxels);
    assert_ok(rmseg_border(border, b->mask, &b->grid, connectivity, RMSEG_EDGE_IS_OUTSIDE));
    assert_memory_equal(border, expected, (size_t)b->voxels);
}

static void check_components(const block *b, FILE *file)
{
    static int32_t component[MOST_VOXELS];
    int64_t count;
    int connectivity = (int)read_number(file);
    assert_ok(rmseg_components(component, &count, b->mask, &b->grid, connectivity));
    assert_int_equal(count, read_number(file));
    for (int64_t v = 0; v < b->voxels; v++) assert_int_equal(component[v], read_number(file));
}

static void check_contours(const block *b, FILE *file)
{
    rmseg_contours contours;
    assert_ok(rmseg_contours_trace(&contours, b->mask, b->grid.size[1], b->grid.size[2]));
    assert_int_equal(contours.count, read_number(file));
    assert_int_equal(contours.first[contours.count], read_number(file));
    rmseg_contours_destroy(&contours);
}

static void masks_equal_scipy(void **state)
{
    (void)state;
    static block b;
    int cases = 0, checks = 0;
    char word[64];
    FILE *file = fopen(RMSEG_GOLDEN "/field.txt", "r");
    assert_non_null(file);
    while (fscanf(file, "%63s", word) == 1) {
        checks++;
        if (!strcmp(word, "case"))
            read_case(&b, file), cases++;
        else if (!strcmp(word, "mask"))
            read_digits(b.mask, file, b.voxels);
        else if (!strcmp(word, "distance"))
            check_distance(&b, file);
        else if (!strcmp(word, "border"))
            check_border(&b, file);
        else if (!strcmp(word, "components"))
            check_components(&b, file);
        else if (!strcmp(word, "contours"))
            check_contours(&b, file);
        else
            fail_msg("%s: unknown word", word);
    }
    fclose(file);
    assert_true(cases >= 11 && checks > 7 * cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(masks_equal_scipy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
