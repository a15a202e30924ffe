/* Borders, components and contours against their definitions, spelled out voxel by voxel. */
#include <math.h>

#include "test_field.h"

static const rmseg_grid grids[] = {
    {{1, 1, 1}, {1, 1, 1}}, {{1, 1, 19}, {1, 1, 1}}, {{1, 19, 1}, {1, 1, 1}}, {{1, 12, 15}, {1, 1, 1}},
    {{9, 1, 1}, {1, 1, 1}}, {{5, 7, 6}, {1, 1, 1}},  {{2, 9, 8}, {1, 1, 1}},
};
static const double densities[] = {0, 0.05, 0.35, 0.6, 0.95, 1};
enum { GRIDS = sizeof grids / sizeof *grids, DENSITIES = sizeof densities / sizeof *densities };

static int axes_of(const rmseg_grid *grid) { return grid->size[0] == 1 ? 2 : 3; }

/* ---- neighbours, the slow way ----------------------------------------------------------------------------------- */

static void place(int64_t at[3], const rmseg_grid *grid, int64_t v)
{
    at[2] = v % grid->size[2];
    at[1] = v / grid->size[2] % grid->size[1];
    at[0] = v / grid->size[2] / grid->size[1];
}

static bool in_structure(const int step[3], int connectivity)
{
    return abs(step[0]) + abs(step[1]) + abs(step[2]) <= connectivity;
}

/* The value at `at` + `step`; `outside` beyond the grid. */
static int value_at(const uint8_t *mask, const rmseg_grid *grid, const int64_t at[3], const int step[3], int outside)
{
    int64_t v = 0;
    for (int axis = 0; axis < 3; axis++) {
        int64_t i = at[axis] + step[axis];
        if (i < 0 || i >= grid->size[axis]) return outside;
        v = v * grid->size[axis] + i;
    }
    return mask[v];
}

static bool has_unset_neighbour(const uint8_t *mask, const rmseg_grid *grid, int64_t v, int connectivity, int outside)
{
    int64_t at[3];
    place(at, grid, v);
    for (int i = 0; i < 27; i++) {
        int step[3] = {i / 9 - 1, i / 3 % 3 - 1, i % 3 - 1};
        if (step[0] && axes_of(grid) == 2) continue;
        if (in_structure(step, connectivity) && !value_at(mask, grid, at, step, outside)) return true;
    }
    return false;
}

/* ---- borders ---------------------------------------------------------------------------------------------------- */

static void check_border(const rmseg_grid *grid, const uint8_t *mask, int connectivity, rmseg_border_edge edge)
{
    uint8_t *border = rmseg_alloc(voxels_of(grid), 1);
    assert_non_null(border);
    for (int64_t v = 0; v < voxels_of(grid); v++) border[v] = 77;
    assert_ok(rmseg_border(border, mask, grid, connectivity, edge));
    for (int64_t v = 0; v < voxels_of(grid); v++)
        assert_int_equal(border[v],
                         mask[v] && has_unset_neighbour(mask, grid, v, connectivity, edge == RMSEG_EDGE_IS_INSIDE));
    rmseg_free(border);
}

static void border_equals_its_definition(void **state)
{
    (void)state;
    for (uint32_t g = 0; g < GRIDS; g++)
        for (uint32_t i = 0; i < DENSITIES; i++) {
            uint8_t *mask = random_mask(&grids[g], densities[i], 10 * g + i);
            for (int connectivity = 1; connectivity <= axes_of(&grids[g]); connectivity++) {
                check_border(&grids[g], mask, connectivity, RMSEG_EDGE_IS_OUTSIDE);
                check_border(&grids[g], mask, connectivity, RMSEG_EDGE_IS_INSIDE);
            }
            rmseg_free(mask);
        }
}

static void connectivity_is_checked(void **state)
{
    (void)state;
    uint8_t mask[8] = {1}, out[8];
    int32_t component[8];
    int64_t count;
    rmseg_grid plane = {{1, 2, 4}, {1, 1, 1}}, volume = {{2, 2, 2}, {1, 1, 1}};
    assert_fails(rmseg_border(out, mask, &plane, 3, RMSEG_EDGE_IS_OUTSIDE), RMSEG_ERROR_ARGUMENT,
                 "2D mask has connectivities 1 to 2");
    assert_fails(rmseg_border(out, mask, &volume, 4, RMSEG_EDGE_IS_OUTSIDE), RMSEG_ERROR_ARGUMENT, "1 to 3");
    assert_fails(rmseg_components(component, &count, mask, &volume, 0), RMSEG_ERROR_ARGUMENT, "connectivity 0");
    assert_fails(rmseg_largest_component(mask, &plane, -1), RMSEG_ERROR_ARGUMENT, "connectivity -1");
}

/* ---- components ------------------------------------------------------------------------------------------------- */

/* Spreads `label` from v by asking every voxel again and again: slow and beyond doubt. */
static void flood(int32_t *component, const uint8_t *mask, const rmseg_grid *grid, int64_t v, int connectivity,
                  int32_t label)
{
    component[v] = label;
    for (bool grown = true; grown;) {
        grown = false;
        for (int64_t u = 0; u < voxels_of(grid); u++) {
            if (component[u] != label) continue;
            int64_t at[3];
            place(at, grid, u);
            for (int i = 0; i < 27; i++) {
                int step[3] = {i / 9 - 1, i / 3 % 3 - 1, i % 3 - 1};
                if (!in_structure(step, connectivity) || !value_at(mask, grid, at, step, 0)) continue;
                int64_t w = ((at[0] + step[0]) * grid->size[1] + at[1] + step[1]) * grid->size[2] + at[2] + step[2];
                if (!component[w]) component[w] = label, grown = true;
            }
        }
    }
}

static int32_t flood_all(int32_t *component, const uint8_t *mask, const rmseg_grid *grid, int connectivity)
{
    int32_t count = 0;
    memset(component, 0, (size_t)voxels_of(grid) * sizeof *component);
    for (int64_t v = 0; v < voxels_of(grid); v++)
        if (mask[v] && !component[v]) flood(component, mask, grid, v, connectivity, ++count);
    return count;
}

static void check_components(const rmseg_grid *grid, const uint8_t *mask, int connectivity)
{
    int64_t voxels = voxels_of(grid), count = -1;
    int32_t *component = rmseg_alloc(voxels, sizeof *component), *expected = rmseg_alloc(voxels, sizeof *expected);
    assert_true(component && expected);
    memset(component, 0x5a, (size_t)voxels * sizeof *component);
    assert_ok(rmseg_components(component, &count, mask, grid, connectivity));
    assert_int_equal(count, flood_all(expected, mask, grid, connectivity));
    assert_memory_equal(component, expected, (size_t)voxels * sizeof *expected);
    rmseg_free(component);
    rmseg_free(expected);
}

static void components_equal_flooding(void **state)
{
    (void)state;
    for (uint32_t g = 0; g < GRIDS; g++)
        for (uint32_t i = 0; i < DENSITIES; i++) {
            uint8_t *mask = random_mask(&grids[g], densities[i], 1000 + 10 * g + i);
            for (int connectivity = 1; connectivity <= axes_of(&grids[g]); connectivity++)
                check_components(&grids[g], mask, connectivity);
            rmseg_free(mask);
        }
}

/* A comb and a spiral: trees that join late and deep. */
static void long_components_are_one(void **state)
{
    (void)state;
    enum { N = 101 };
    rmseg_grid grid = {{1, N, N}, {1, 1, 1}};
    static uint8_t mask[N * N];
    static int32_t component[N * N];
    int64_t count = 0;
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) mask[y * N + x] = x % 2 == 0 || y == N - 1;
    assert_ok(rmseg_components(component, &count, mask, &grid, 1));
    assert_int_equal(count, 1);
    for (int y = 0; y < N; y++) /* a snake through the rows */
        for (int x = 0; x < N; x++) mask[y * N + x] = y % 2 == 0 || x == (y % 4 == 1 ? N - 1 : 0);
    assert_ok(rmseg_components(component, &count, mask, &grid, 1));
    assert_int_equal(count, 1);
}

static void largest_component_stays(void **state)
{
    (void)state;
    rmseg_grid grid = {{1, 3, 8}, {1, 1, 1}};
    uint8_t mask[] = "\1\1\0\2\2\0\0\7"
                     "\0\0\0\2\0\0\3\0"
                     "\1\1\0\0\0\3\3\0";
    uint8_t four[] = "\0\0\0\2\2\0\0\0"
                     "\0\0\0\2\0\0\0\0"
                     "\0\0\0\0\0\0\0\0"; /* the first of two of 3 */
    uint8_t eight[] = "\0\0\0\0\0\0\0\7"
                      "\0\0\0\0\0\0\3\0"
                      "\0\0\0\0\0\3\3\0"; /* the corner makes 4 */
    uint8_t copy[24];
    memcpy(copy, mask, 24);
    assert_ok(rmseg_largest_component(copy, &grid, 1));
    assert_memory_equal(copy, four, 24);
    assert_ok(rmseg_largest_component(mask, &grid, 2));
    assert_memory_equal(mask, eight, 24);
    memset(mask, 0, 24);
    assert_ok(rmseg_largest_component(mask, &grid, 1));
    for (int v = 0; v < 24; v++) assert_int_equal(mask[v], 0);
}

/* ---- contours --------------------------------------------------------------------------------------------------- */

/* Twice the enclosed area, by the shoelace formula; positive where the set pixels lie inside (clockwise on a screen).
 */
static double twice_area(const rmseg_contours *contours, int64_t i)
{
    double sum = 0;
    int64_t first = contours->first[i], end = contours->first[i + 1];
    for (int64_t p = first; p < end; p++) {
        int64_t q = p + 1 < end ? p + 1 : first;
        const double *a = contours->xy + 2 * p, *b = contours->xy + 2 * q;
        double length = hypot(b[0] - a[0], b[1] - a[1]);
        assert_true(length == 1 || fabs(length - sqrt(0.5)) < 1e-12);
        sum += a[0] * b[1] - b[0] * a[1];
    }
    return sum;
}

static int64_t boundary_sides(const uint8_t *mask, const rmseg_grid *grid)
{
    int64_t sides = 0;
    for (int64_t v = 0; v < voxels_of(grid); v++) {
        int64_t at[3];
        place(at, grid, v);
        for (int i = 0; mask[v] && i < 4; i++)
            sides += !value_at(mask, grid, at, (int[3]){0, i < 2 ? 2 * i - 1 : 0, i < 2 ? 0 : 2 * i - 5}, 0);
    }
    return sides;
}

/* 4-connected components of the mask, and holes: 8-connected components of the rest, padded, without the outer one. */
static void count_parts(int64_t *components, int64_t *holes, const uint8_t *mask, int64_t height, int64_t width)
{
    rmseg_grid grid = {{1, height, width}, {1, 1, 1}}, padded = {{1, height + 2, width + 2}, {1, 1, 1}};
    int32_t *label = rmseg_alloc(voxels_of(&padded), sizeof *label);
    uint8_t *rest = rmseg_alloc(voxels_of(&padded), 1);
    assert_true(label && rest);
    assert_ok(rmseg_components(label, components, mask, &grid, 1));
    memset(rest, 1, (size_t)voxels_of(&padded));
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) rest[(y + 1) * (width + 2) + x + 1] = !mask[y * width + x];
    assert_ok(rmseg_components(label, holes, rest, &padded, 2));
    *holes -= 1;
    rmseg_free(rest);
    rmseg_free(label);
}

static void check_contours(const rmseg_grid *grid, const uint8_t *mask)
{
    rmseg_contours contours;
    int64_t components, holes, outer = 0, inner = 0;
    assert_ok(rmseg_contours_trace(&contours, mask, grid->size[1], grid->size[2]));
    assert_int_equal(contours.first[0], 0);
    assert_int_equal(contours.first[contours.count], boundary_sides(mask, grid));
    for (int64_t i = 0; i < contours.count; i++)
        if (twice_area(&contours, i) > 0)
            outer++;
        else
            inner++;
    count_parts(&components, &holes, mask, grid->size[1], grid->size[2]);
    assert_int_equal(outer, components);
    assert_int_equal(inner, holes);
    rmseg_contours_destroy(&contours);
    assert_null(contours.xy);
}

static void contours_enclose_components_and_holes(void **state)
{
    (void)state;
    for (uint32_t g = 0; g < GRIDS; g++)
        for (uint32_t i = 0; i < DENSITIES && grids[g].size[0] == 1; i++) {
            uint8_t *mask = random_mask(&grids[g], densities[i], 2000 + 10 * g + i);
            check_contours(&grids[g], mask);
            rmseg_free(mask);
        }
}

static void contour_of_one_pixel_is_a_diamond(void **state)
{
    (void)state;
    uint8_t mask[6] = {0, 0, 0, 0, 9, 0}; /* 2 x 3: row 1, column 1 */
    static const double diamond[8] = {1, 0.5, 1.5, 1, 1, 1.5, 0.5, 1};
    rmseg_contours contours;
    assert_ok(rmseg_contours_trace(&contours, mask, 2, 3));
    assert_int_equal(contours.count, 1);
    assert_int_equal(contours.first[1], 4);
    assert_memory_equal(contours.xy, diamond, sizeof diamond);
    rmseg_contours_destroy(&contours);
    rmseg_contours_destroy(NULL);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static void failing_memory_leaks_nothing(void **state)
{
    (void)state;
    rmseg_grid grid = {{1, 3, 3}, {1, 1, 1}};
    uint8_t mask[9] = {1, 0, 1, 0, 1, 0, 1, 1, 0};
    int64_t live = rmseg_memory_stats_get().live_bytes;
    for (int64_t n = 1; n <= 3; n++) {
        rmseg_contours contours;
        rmseg_memory_fail_at(n);
        assert_fails(rmseg_contours_trace(&contours, mask, 3, 3), RMSEG_ERROR_MEMORY, "memory");
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
    }
    for (int64_t n = 1; n <= 2; n++) {
        rmseg_memory_fail_at(n);
        assert_fails(rmseg_largest_component(mask, &grid, 1), RMSEG_ERROR_MEMORY, "memory");
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(border_equals_its_definition),      cmocka_unit_test(connectivity_is_checked),
        cmocka_unit_test(components_equal_flooding),         cmocka_unit_test(long_components_are_one),
        cmocka_unit_test(largest_component_stays),           cmocka_unit_test(contours_enclose_components_and_holes),
        cmocka_unit_test(contour_of_one_pixel_is_a_diamond), cmocka_unit_test(failing_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
