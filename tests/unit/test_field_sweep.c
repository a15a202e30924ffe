/* Components plane by plane: the same voxels stay as when the whole mask is there. */
#include "test_field.h"

/* The two cleanings by labels of all voxels. */
static void clean(uint8_t *mask, const rmseg_grid *grid, int64_t min_size, bool largest)
{
    int64_t voxels = voxels_of(grid), count = 0;
    int32_t *component = rmseg_alloc(voxels, sizeof *component);
    assert_ok(rmseg_components(component, &count, mask, grid, 1));
    int64_t *size = rmseg_alloc(count + 1, sizeof *size);
    for (int64_t v = 0; v < voxels; v++) size[component[v]]++;
    for (int64_t v = 0; v < voxels; v++) mask[v] = component[v] > 0 && size[component[v]] >= min_size;
    rmseg_free(component);
    rmseg_free(size);
    if (largest) assert_ok(rmseg_largest_component(mask, grid, 1));
}

static void check(const rmseg_grid *grid, double density, uint32_t which, int64_t min_size, bool largest)
{
    int64_t plane = grid->size[1] * grid->size[2];
    uint8_t *mask = random_mask(grid, density, which), *expected = random_mask(grid, density, which);
    rmseg_component_sweep *sweep = NULL;
    clean(expected, grid, min_size, largest);
    assert_ok(rmseg_component_sweep_create(&sweep, grid->size[1], grid->size[2]));
    for (int64_t d = 0; d < grid->size[0]; d++) assert_ok(rmseg_component_sweep_add(sweep, mask + d * plane));
    rmseg_component_sweep_decide(sweep, min_size, largest);
    for (int64_t d = 0; d < grid->size[0]; d++) rmseg_component_sweep_clear(sweep, mask + d * plane);
    for (int64_t v = 0; v < voxels_of(grid); v++) assert_int_equal(mask[v] != 0, expected[v] != 0);
    rmseg_component_sweep_destroy(sweep);
    rmseg_free(mask);
    rmseg_free(expected);
}

static void the_same_voxels_stay(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {{1, 1, 1}, {1, 9, 12}, {12, 1, 9}, {9, 12, 1}, {13, 11, 17}, {30, 20, 20}};
    static const double densities[] = {0, 0.05, 0.3, 0.45, 0.6, 1};
    uint32_t which = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t d = 0; d < sizeof densities / sizeof *densities; d++)
            for (int way = 0; way < 4; way++) {
                rmseg_grid grid = {.spacing = {1, 1, 1}};
                memcpy(grid.size, sizes[s], sizeof grid.size);
                check(&grid, densities[d], which++, way & 1 ? 4 : 0, way & 2);
            }
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static uint8_t mask[64 * 64];
    for (int i = 0; i < 64 * 64; i++) mask[i] = (i / 64 + i % 64) % 2; /* 2048 components */
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int64_t before = rmseg_memory_stats_get().live_bytes;
    for (int64_t tried = 1; status != RMSEG_OK; tried++) {
        rmseg_component_sweep *sweep = NULL;
        rmseg_memory_fail_at(tried);
        status = rmseg_component_sweep_create(&sweep, 64, 64);
        if (!status) status = rmseg_component_sweep_add(sweep, mask);
        rmseg_memory_fail_at(0);
        rmseg_component_sweep_destroy(sweep);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_voxels_stay),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
