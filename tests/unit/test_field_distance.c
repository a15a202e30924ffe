/* The distance transform against brute force over all pairs of voxels: shapes, spacings, densities, threads, failures.
 */
#include <math.h>

#include "test_field.h"

static const rmseg_grid grids[] = {
    {{1, 1, 1}, {1, 1, 1}},       {{1, 1, 37}, {1, 1, 1}},          {{1, 41, 1}, {1, 1, 1}},
    {{1, 17, 33}, {1, 1, 1}},     {{1, 33, 17}, {9, 0.625, 0.625}}, {{1, 19, 18}, {1, 0.3, 7.1}},
    {{13, 1, 1}, {1, 1, 1}},      {{7, 9, 17}, {1, 1, 1}},          {{17, 5, 3}, {2.5, 2.5, 2.5}},
    {{6, 11, 16}, {3, 0.7, 1.1}}, {{11, 6, 16}, {0.01, 4, 100}},    {{2, 1, 31}, {1, 2, 3}},
};
enum { GRIDS = sizeof grids / sizeof grids[0] };

/* Squared distance of voxels a and b, in whole numbers where the spacings of the axes that exist are equal. */
static double pair_squared(const rmseg_grid *grid, int64_t a, int64_t b)
{
    double sum = 0, scale[3] = {grid->spacing[0], grid->spacing[1], grid->spacing[2]};
    bool isotropic = scale[1] == scale[2] && (grid->size[0] == 1 || scale[0] == scale[1]);
    for (int axis = 2; axis >= 0; axis--) {
        int64_t n = grid->size[axis];
        double step = (double)(a % n - b % n) * (isotropic ? 1 : scale[axis]);
        sum += step * step;
        a /= n, b /= n;
    }
    return isotropic ? sum * (scale[2] * scale[2]) : sum;
}

static double nearest_squared(const rmseg_grid *grid, const uint8_t *mask, int64_t a)
{
    double nearest = INFINITY;
    for (int64_t b = 0; b < voxels_of(grid); b++)
        if (mask[b]) nearest = fmin(nearest, pair_squared(grid, a, b));
    return nearest;
}

/* Equal to the bit where spacings are equal, within rounding elsewhere. */
static void compare(const rmseg_grid *grid, const uint8_t *mask, double tolerance)
{
    int64_t voxels = voxels_of(grid);
    double *squared = rmseg_alloc(voxels, sizeof *squared);
    assert_non_null(squared);
    for (int64_t v = 0; v < voxels; v++) squared[v] = NAN;
    assert_ok(rmseg_distance_squared(squared, mask, grid));
    for (int64_t v = 0; v < voxels; v++) {
        double expected = nearest_squared(grid, mask, v);
        bool equal = squared[v] == expected || fabs(squared[v] - expected) <= tolerance * expected;
        if (!equal) fail_msg("voxel %lld: %.17g, expected %.17g", (long long)v, squared[v], expected);
    }
    rmseg_free(squared);
}

static double tolerance_of(const rmseg_grid *grid)
{
    const double *s = grid->spacing;
    return s[1] == s[2] && (grid->size[0] == 1 || s[0] == s[1]) ? 0 : 1e-14;
}

static void equals_brute_force(void **state)
{
    (void)state;
    static const double densities[] = {0, 0.003, 0.02, 0.3, 0.9, 1};
    for (uint32_t g = 0; g < GRIDS; g++)
        for (uint32_t i = 0; i < sizeof densities / sizeof *densities; i++) {
            uint8_t *mask = random_mask(&grids[g], densities[i], 10 * g + i);
            compare(&grids[g], mask, tolerance_of(&grids[g]));
            rmseg_free(mask);
        }
}

static void single_voxels_everywhere(void **state)
{
    (void)state;
    for (int g = 0; g < GRIDS; g++) {
        int64_t voxels = voxels_of(&grids[g]), step = voxels / 7 + 1;
        uint8_t *mask = rmseg_alloc(voxels, 1);
        assert_non_null(mask);
        for (int64_t v = 0; v < voxels; v += step) {
            mask[v] = 1;
            compare(&grids[g], mask, tolerance_of(&grids[g]));
            mask[v] = 0;
        }
        rmseg_free(mask);
    }
}

static void empty_mask_is_infinitely_far(void **state)
{
    (void)state;
    rmseg_grid grid = {{3, 20, 21}, {1, 2, 3}};
    uint8_t *mask = rmseg_alloc(voxels_of(&grid), 1);
    double *squared = rmseg_alloc(voxels_of(&grid), sizeof *squared);
    assert_true(mask && squared);
    assert_ok(rmseg_distance_squared(squared, mask, &grid));
    for (int64_t v = 0; v < voxels_of(&grid); v++) assert_true(isinf(squared[v]) && squared[v] > 0);
    rmseg_free(squared);
    rmseg_free(mask);
}

/* The longest line: its largest squared distance is no longer exact in 32 bits. */
static void long_lines_stay_exact(void **state)
{
    (void)state;
    for (int axis = 0; axis < 3; axis++) {
        rmseg_grid grid = {{1, 1, 1}, {1, 1, 1}};
        int64_t n = grid.size[axis] = 100001;
        uint8_t *mask = rmseg_alloc(n, 1);
        double *squared = rmseg_alloc(n, sizeof *squared);
        assert_true(mask && squared);
        mask[0] = 1;
        assert_ok(rmseg_distance_squared(squared, mask, &grid));
        for (int64_t i = 0; i < n; i++) assert_true(squared[i] == (double)i * (double)i);
        rmseg_free(squared);
        rmseg_free(mask);
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    rmseg_grid grid = {{21, 47, 53}, {3, 0.7, 1.1}};
    int64_t voxels = voxels_of(&grid);
    uint8_t *mask = random_mask(&grid, 0.001, 99);
    double *one = rmseg_alloc(voxels, sizeof *one), *many = rmseg_alloc(voxels, sizeof *many);
    assert_true(one && many);
    assert_ok(rmseg_threads_set(1));
    assert_ok(rmseg_distance_squared(one, mask, &grid));
    for (int threads = 2; threads <= 7; threads++) {
        assert_ok(rmseg_threads_set(threads));
        assert_ok(rmseg_distance_squared(many, mask, &grid));
        assert_memory_equal(one, many, (size_t)voxels * sizeof *one);
    }
    assert_ok(rmseg_threads_set(0));
    rmseg_free(one);
    rmseg_free(many);
    rmseg_free(mask);
}

/* The other forms say the same as the squared one. */
static void forms_agree(const rmseg_grid *grid, const uint8_t *mask)
{
    int64_t voxels = voxels_of(grid);
    uint8_t *outside = rmseg_alloc(voxels, 1);
    double *out = rmseg_alloc(voxels, sizeof *out), *in = rmseg_alloc(voxels, sizeof *in);
    double *at = rmseg_alloc(voxels, sizeof *at);
    float *plain = rmseg_alloc(voxels, sizeof *plain), *both = rmseg_alloc(voxels, sizeof *both);
    assert_true(outside && out && in && at && plain && both);
    for (int64_t v = 0; v < voxels; v++) outside[v] = !mask[v], at[v] = (double)(voxels - 1 - v);
    assert_ok(rmseg_distance_squared(out, mask, grid));
    assert_ok(rmseg_distance_squared(in, outside, grid));
    assert_ok(rmseg_distance(plain, mask, grid));
    assert_ok(rmseg_distance_signed(both, mask, grid));
    assert_ok(rmseg_distance_at(at, mask, voxels, grid));
    for (int64_t v = 0; v < voxels; v++) {
        assert_true(plain[v] == (float)sqrt(out[v]));
        assert_true(both[v] == (float)(mask[v] ? -sqrt(in[v]) : sqrt(out[v])));
        double expected = out[voxels - 1 - v];
        assert_true(at[v] == expected || fabs(at[v] - expected) <= tolerance_of(grid) * expected);
    }
    rmseg_free(outside);
    rmseg_free(out), rmseg_free(in), rmseg_free(at);
    rmseg_free(plain), rmseg_free(both);
}

static void other_forms_say_the_same(void **state)
{
    (void)state;
    static const double densities[] = {0, 0.02, 0.5, 1};
    for (uint32_t g = 0; g < GRIDS; g++)
        for (uint32_t i = 0; i < sizeof densities / sizeof *densities; i++) {
            uint8_t *mask = random_mask(&grids[g], densities[i], 1000 + 10 * g + i);
            forms_agree(&grids[g], mask);
            rmseg_free(mask);
        }
}

static void queries_outside_are_refused(void **state)
{
    (void)state;
    rmseg_grid grid = {{1, 2, 2}, {1, 1, 1}};
    uint8_t mask[4] = {1};
    double below[2] = {0, -1}, above[2] = {4, 0};
    assert_fails(rmseg_distance_at(below, mask, 2, &grid), RMSEG_ERROR_ARGUMENT, "query 1 is voxel -1");
    assert_fails(rmseg_distance_at(above, mask, 2, &grid), RMSEG_ERROR_ARGUMENT, "voxels 0 to 3");
    assert_ok(rmseg_distance_at(NULL, mask, 0, &grid));
}

static void bad_grids_are_refused(void **state)
{
    (void)state;
    uint8_t mask[4] = {0};
    double squared[4];
    rmseg_grid none = {{1, 0, 4}, {1, 1, 1}}, huge = {{INT64_MAX, 2, 2}, {1, 1, 1}}, flat = {{1, 2, 2}, {1, 0, 1}},
               unknown = {{1, 2, 2}, {1, 1, NAN}}, endless = {{1, 2, 2}, {INFINITY, 1, 1}};
    assert_fails(rmseg_distance_squared(squared, mask, &none), RMSEG_ERROR_ARGUMENT, "1 x 0 x 4");
    assert_fails(rmseg_distance_squared(squared, mask, &huge), RMSEG_ERROR_ARGUMENT, "too large");
    assert_fails(rmseg_distance_squared(squared, mask, &flat), RMSEG_ERROR_ARGUMENT, "spacing 0 of axis 1");
    assert_fails(rmseg_distance_squared(squared, mask, &unknown), RMSEG_ERROR_ARGUMENT, "of axis 2");
    assert_fails(rmseg_distance_squared(squared, mask, &endless), RMSEG_ERROR_ARGUMENT, "of axis 0");
}

static void no_memory_is_said_and_nothing_leaks(void **state)
{
    (void)state;
    rmseg_grid grid = {{2, 3, 4}, {1, 1, 1}};
    uint8_t mask[24] = {1};
    double squared[24];
    int64_t live = rmseg_memory_stats_get().live_bytes;
    rmseg_memory_fail_at(1);
    assert_fails(rmseg_distance_squared(squared, mask, &grid), RMSEG_ERROR_MEMORY, "memory");
    assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
    assert_ok(rmseg_distance_squared(squared, mask, &grid));
    assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_brute_force),
        cmocka_unit_test(single_voxels_everywhere),
        cmocka_unit_test(long_lines_stay_exact),
        cmocka_unit_test(empty_mask_is_infinitely_far),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(other_forms_say_the_same),
        cmocka_unit_test(queries_outside_are_refused),
        cmocka_unit_test(bad_grids_are_refused),
        cmocka_unit_test(no_memory_is_said_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
