/*
 * field/grid.h - what the files of this room share: a grid is checked once, at each function's door.
 */
#ifndef FIELD_GRID_H
#define FIELD_GRID_H

#include "field/field.h"

/* The voxels of a grid. Errors: argument (an extent < 1, a product that overflows, a spacing that is not positive and
 * finite). */
rmseg_status rmseg_grid_check(int64_t *voxels, const rmseg_grid *grid);

/* Axes that an image has: 2 where D = 1, else 3. */
int rmseg_grid_axes(const rmseg_grid *grid);

/* Errors: argument (connectivity is not 1 .. number of axes). */
rmseg_status rmseg_grid_check_connectivity(const rmseg_grid *grid, int connectivity);

#endif
