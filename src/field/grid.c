/* grid.c - the checks at the door of each function of this room. */
#include "field/grid.h"

/* Their squares, and the quotients of those, are still finite and not zero. */
#define SPACING_MIN 1e-50
#define SPACING_MAX 1e50

rmseg_status rmseg_grid_check(int64_t *voxels, const rmseg_grid *grid)
{
    const int64_t *n = grid->size;
    if (n[0] < 1 || n[1] < 1 || n[2] < 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "a mask of %lld x %lld x %lld voxels: every extent of a grid must be at least 1",
                          (long long)n[0], (long long)n[1], (long long)n[2]);
    int64_t bytes = 0;
    if (!rmseg_mul3(voxels, n[0], n[1], n[2]) || !rmseg_mul(&bytes, *voxels, sizeof(double)))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "a mask of %lld x %lld x %lld voxels is too large to address",
                          (long long)n[0], (long long)n[1], (long long)n[2]);
    for (int axis = 0; axis < 3; axis++)
        if (!(grid->spacing[axis] >= SPACING_MIN && grid->spacing[axis] <= SPACING_MAX))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "spacing %g of axis %d: expected a positive number (%g to %g)",
                              grid->spacing[axis], axis, SPACING_MIN, SPACING_MAX);
    return RMSEG_OK;
}

int rmseg_grid_axes(const rmseg_grid *grid) { return grid->size[0] == 1 ? 2 : 3; }

rmseg_status rmseg_grid_check_connectivity(const rmseg_grid *grid, int connectivity)
{
    int axes = rmseg_grid_axes(grid);
    if (connectivity >= 1 && connectivity <= axes) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "connectivity %d: a %dD mask has connectivities 1 to %d", connectivity,
                      axes, axes);
}
