/*
 * components.c - connected components by union-find in the output itself.
 *
 * While the trees grow, component[v] is 1 + the index of v's parent, and a parent always comes before its child; so a
 * root is its component's first voxel, and one sweep in order replaces links by labels: whatever it points at has its
 * label already.
 */
#include <inttypes.h>

#include "field/grid.h"

/* Neighbours that come before a voxel in memory: half of the structure, 13 at most. */
typedef struct neighbours {
    int step[13][3]; /* along D, H, W; each -1, 0 or 1 */
    int count;
} neighbours;

static neighbours earlier_neighbours(int axes, int connectivity)
{
    neighbours before = {.count = 0};
    int deep = axes == 3;
    for (int d = -deep; d <= 0; d++)
        for (int h = -1; h <= 1; h++)
            for (int w = -1; w <= 1; w++) {
                bool is_earlier = d < 0 || (d == 0 && (h < 0 || (h == 0 && w < 0)));
                if (!is_earlier || (d != 0) + (h != 0) + (w != 0) > connectivity) continue;
                int *step = before.step[before.count++];
                step[0] = d, step[1] = h, step[2] = w;
            }
    return before;
}

/* The root of v; every other link on the way is shortened. */
static int32_t find_root(int32_t *component, int32_t v)
{
    while (component[v] != v + 1) {
        component[v] = component[component[v] - 1];
        v = component[v] - 1;
    }
    return v;
}

static void join(int32_t *component, int32_t a, int32_t b)
{
    a = find_root(component, a);
    b = find_root(component, b);
    if (a < b) component[b] = a + 1;
    if (b < a) component[a] = b + 1;
}

static void join_voxel(int32_t *component, const neighbours *before, const int64_t size[3], const int64_t at[3])
{
    int32_t v = (int32_t)((at[0] * size[1] + at[1]) * size[2] + at[2]);
    component[v] = v + 1;
    for (int i = 0; i < before->count; i++) {
        const int *step = before->step[i];
        int64_t d = at[0] + step[0], h = at[1] + step[1], w = at[2] + step[2];
        if (d < 0 || h < 0 || h >= size[1] || w < 0 || w >= size[2]) continue;
        int32_t u = (int32_t)((d * size[1] + h) * size[2] + w);
        if (component[u]) join(component, u, v);
    }
}

static int64_t label_trees(int32_t *component, int64_t voxels)
{
    int32_t count = 0;
    for (int64_t v = 0; v < voxels; v++) {
        if (!component[v]) continue;
        component[v] = component[v] == v + 1 ? ++count : component[component[v] - 1];
    }
    return count;
}

rmseg_status rmseg_components(int32_t *component, int64_t *count, const uint8_t *mask, const rmseg_grid *grid,
                              int connectivity)
{
    int64_t voxels = 0;
    RMSEG_TRY(rmseg_grid_check(&voxels, grid));
    RMSEG_TRY(rmseg_grid_check_connectivity(grid, connectivity));
    if (voxels >= INT32_MAX)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "connected components of %" PRId64 " voxels: at most %d are supported", voxels,
                          INT32_MAX - 1);
    neighbours before = earlier_neighbours(rmseg_grid_axes(grid), connectivity);
    const int64_t *n = grid->size;
    int64_t v = 0;
    for (int64_t d = 0; d < n[0]; d++)
        for (int64_t h = 0; h < n[1]; h++)
            for (int64_t w = 0; w < n[2]; w++, v++) {
                component[v] = 0;
                if (mask[v]) join_voxel(component, &before, n, (int64_t[3]){d, h, w});
            }
    *count = label_trees(component, voxels);
    return RMSEG_OK;
}

static int64_t largest_label(const int64_t *voxels_of, int64_t count)
{
    int64_t largest = 1;
    for (int64_t label = 2; label <= count; label++)
        if (voxels_of[label] > voxels_of[largest]) largest = label;
    return largest;
}

rmseg_status rmseg_largest_component(uint8_t *mask, const rmseg_grid *grid, int connectivity)
{
    int64_t voxels = 0, count = 0, *voxels_of = NULL;
    RMSEG_TRY(rmseg_grid_check(&voxels, grid));
    int32_t *component = rmseg_alloc(voxels, sizeof *component);
    if (!component) return RMSEG_ERROR_MEMORY;
    rmseg_status status = rmseg_components(component, &count, mask, grid, connectivity);
    if (status == RMSEG_OK && !(voxels_of = rmseg_alloc(count + 1, sizeof *voxels_of))) status = RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK && count > 1) {
        for (int64_t v = 0; v < voxels; v++) voxels_of[component[v]]++;
        int64_t largest = largest_label(voxels_of, count);
        for (int64_t v = 0; v < voxels; v++)
            if (component[v] != largest) mask[v] = 0;
    }
    rmseg_free(voxels_of);
    rmseg_free(component);
    return status;
}
