/*
 * test_field.h - masks for the tests of the field room.
 */
#ifndef TEST_FIELD_H
#define TEST_FIELD_H

#include "field/field.h"
#include "unit.h"

static inline int64_t voxels_of(const rmseg_grid *grid) { return grid->size[0] * grid->size[1] * grid->size[2]; }

/* Set voxels have random values from 1 to 255: any non-zero value is set. Free with rmseg_free. */
static inline uint8_t *random_mask(const rmseg_grid *grid, double density, uint32_t which)
{
    int64_t voxels = voxels_of(grid);
    uint8_t *mask = rmseg_alloc(voxels, 1);
    assert_non_null(mask);
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, which, 0);
    for (int64_t v = 0; v < voxels; v++)
        if (rmseg_random_uniform(&random) < density) mask[v] = (uint8_t)(1 + rmseg_random_below(&random, 255));
    return mask;
}

#endif
