/* rim.c - the rims of two masks, inside the union's box. */
#include "metric/rim.h"

#include <math.h>

typedef struct workplace {
    rmseg_box box;
    rmseg_grid grid;
    double unit;
    int64_t voxels;
    uint8_t *mask, *ignored, *rim[2]; /* ignored is NULL where nothing is */
    double *squared;                  /* NULL where the border is the rim */
} workplace;

static rmseg_status create(workplace *w, const rmseg_pair *pair, const rmseg_overlap *overlap, bool wide)
{
    w->box = rmseg_box_around(pair, overlap, RMSEG_EDGE_ENDS);
    w->grid = rmseg_box_grid(&w->unit, w->box.size, pair->grid.spacing);
    if (!rmseg_mul3(&w->voxels, w->box.size[0], w->box.size[1], w->box.size[2])) return rmseg_fail_memory();
    w->mask = rmseg_alloc(w->voxels, sizeof *w->mask);
    for (int side = 0; side < 2; side++) w->rim[side] = rmseg_alloc(w->voxels, sizeof *w->rim[side]);
    w->ignored = pair->ignored ? rmseg_alloc(w->voxels, sizeof *w->ignored) : NULL;
    w->squared = wide ? rmseg_alloc(w->voxels, sizeof *w->squared) : NULL;
    bool enough = w->mask && w->rim[0] && w->rim[1] && (w->squared || !wide) && (w->ignored || !pair->ignored);
    if (!enough) return RMSEG_ERROR_MEMORY;
    if (w->ignored) rmseg_box_cut(w->ignored, &w->box, pair->ignored, pair->grid.size);
    return RMSEG_OK;
}

static rmseg_status find_rim(uint8_t *rim, workplace *w, const uint8_t *mask, const rmseg_pair *pair, int connectivity,
                             double width)
{
    rmseg_box_cut(w->mask, &w->box, mask, pair->grid.size);
    RMSEG_TRY(rmseg_box_border(rim, w->mask, w->ignored, &w->grid, connectivity));
    if (!w->squared) return RMSEG_OK;
    RMSEG_TRY(rmseg_distance_squared(w->squared, rim, &w->grid));
    for (int64_t i = 0; i < w->voxels; i++) rim[i] = w->mask[i] && w->unit * sqrt(w->squared[i]) < width;
    return RMSEG_OK;
}

rmseg_status rmseg_rims_count(int64_t rims[2], int64_t *both, const rmseg_pair *pair, const rmseg_overlap *overlap,
                              int connectivity, double width)
{
    workplace w = {0};
    rmseg_status status = create(&w, pair, overlap, width > 0);
    if (!status) status = find_rim(w.rim[0], &w, pair->prediction, pair, connectivity, width);
    if (!status) status = find_rim(w.rim[1], &w, pair->truth, pair, connectivity, width);
    int64_t count[3] = {0};
    for (int64_t i = 0; !status && i < w.voxels; i++) {
        count[0] += w.rim[0][i];
        count[1] += w.rim[1][i];
        count[2] += w.rim[0][i] & w.rim[1][i];
    }
    if (!status) rims[0] = count[0], rims[1] = count[1], *both = count[2];
    rmseg_free(w.mask);
    rmseg_free(w.ignored);
    rmseg_free(w.rim[0]);
    rmseg_free(w.rim[1]);
    rmseg_free(w.squared);
    return status;
}
