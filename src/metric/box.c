/* box.c - where a pair of masks is measured. */
#include "metric/box.h"

#include <string.h>

enum { CHUNK_VOXELS = 1 << 15 };

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

typedef struct cutting {
    uint8_t *cut;
    const rmseg_box *box;
    const uint8_t *mask;
    const int64_t *size; /* of the mask */
    int64_t rows_per_chunk;
} cutting;

/* Row after row of the box: what lies in the image between the two parts that may lie beyond it. */
static void cut_rows(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const cutting *c = context;
    const int64_t *start = c->box->start, *box = c->box->size, *size = c->size;
    int64_t end = rmseg_chunk_end(box[0] * box[1], c->rows_per_chunk, chunk);
    int64_t before = start[2] < 0 ? -start[2] : 0;
    int64_t until = start[2] + box[2] > size[2] ? size[2] - start[2] : box[2];
    for (int64_t row = chunk * c->rows_per_chunk; row < end; row++) {
        int64_t d = start[0] + row / box[1], h = start[1] + row % box[1];
        uint8_t *restrict cut = c->cut + row * box[2];
        if (d < 0 || d >= size[0] || h < 0 || h >= size[1]) {
            memset(cut, 0, (size_t)box[2]);
            continue;
        }
        const uint8_t *from = c->mask + (d * size[1] + h) * size[2] + start[2] + before;
        memset(cut, 0, (size_t)before);
        for (int64_t x = 0; x < until - before; x++) cut[before + x] = from[x] != 0;
        memset(cut + until, 0, (size_t)(box[2] - until));
    }
}

void rmseg_box_cut(uint8_t *cut, const rmseg_box *box, const uint8_t *mask, const int64_t size[3])
{
    cutting c = {cut, box, mask, size, 1 + CHUNK_VOXELS / box->size[2]};
    rmseg_parallel_for(rmseg_chunk_count(box->size[0] * box->size[1], c.rows_per_chunk), cut_rows, &c);
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
