/* box.c - where a pair of masks is measured. */
#include "metric/box.h"

#include <string.h>

rmseg_box rmseg_box_around(const rmseg_pair *pair, const rmseg_overlap *overlap, rmseg_edge_rule edge)
{
    rmseg_box box;
    for (int axis = 0; axis < 3; axis++) {
        int64_t low = overlap->low[axis], high = overlap->high[axis];
        bool has_neighbours = axis >= 3 - pair->axes && !(edge == RMSEG_EDGE_OF_BOX && high - low == 1);
        if (has_neighbours && (edge != RMSEG_EDGE_GOES_ON || low > 0)) low--;
        if (has_neighbours && (edge != RMSEG_EDGE_GOES_ON || high < pair->grid.size[axis])) high++;
        box.start[axis] = low;
        box.size[axis] = high - low;
    }
    return box;
}

static void cut_row(uint8_t *cut, const rmseg_box *box, const uint8_t *row, int64_t width)
{
    for (int64_t x = 0; x < box->size[2]; x++) {
        int64_t from = box->start[2] + x;
        cut[x] = from >= 0 && from < width && row[from] != 0;
    }
}

void rmseg_box_cut(uint8_t *cut, const rmseg_box *box, const uint8_t *mask, const int64_t size[3])
{
    for (int64_t d = box->start[0]; d < box->start[0] + box->size[0]; d++) {
        for (int64_t h = box->start[1]; h < box->start[1] + box->size[1]; h++, cut += box->size[2]) {
            bool inside = d >= 0 && d < size[0] && h >= 0 && h < size[1];
            if (inside)
                cut_row(cut, box, mask + (d * size[1] + h) * size[2], size[2]);
            else
                memset(cut, 0, (size_t)box->size[2]);
        }
    }
}

rmseg_status rmseg_box_border(uint8_t *border, uint8_t *mask, const uint8_t *ignored, const rmseg_grid *grid,
                              int connectivity)
{
    int64_t voxels = ignored ? grid->size[0] * grid->size[1] * grid->size[2] : 0;
    int most = grid->size[0] == 1 ? 2 : 3;
    for (int64_t i = 0; i < voxels; i++) mask[i] |= ignored[i]; /* counts as set while the border is found */
    RMSEG_TRY(rmseg_border(border, mask, grid, connectivity < most ? connectivity : most, RMSEG_EDGE_IS_INSIDE));
    for (int64_t i = 0; i < voxels; i++) {
        mask[i] &= !ignored[i];
        border[i] &= !ignored[i];
    }
    return RMSEG_OK;
}

rmseg_grid rmseg_box_grid(double *unit, const int64_t size[3], const double spacing[3])
{
    rmseg_grid grid;
    memcpy(grid.size, size, sizeof grid.size);
    memcpy(grid.spacing, spacing, sizeof grid.spacing);
    *unit = 1;
    double equal = 0;
    for (int axis = 0; axis < 3; axis++) {
        if (size[axis] == 1) continue;
        if (equal != 0 && spacing[axis] != equal) return grid;
        equal = spacing[axis];
    }
    if (equal == 0) return grid;
    *unit = equal;
    for (int axis = 0; axis < 3; axis++) grid.spacing[axis] = 1;
    return grid;
}
