/* surface.c - the borders of two masks and the distances between them, from one pair of distance transforms. */
#include "metric/surface.h"

#include <math.h>
#include <string.h>

#include "metric/statistics.h"

/* What the work needs inside the box; each array has one element per voxel of it. */
typedef struct box {
    int64_t start[3];
    rmseg_grid grid;
    int64_t voxels;
    uint8_t *mask, *prediction, *truth; /* a mask cut out; the two borders */
    double *squared;
} box;

/* Outside the union's box both masks are background, so a border found and a distance between borders measured inside
 * it is that of the whole image. One voxel of margin, where the image has it, keeps an object of one slice an object of
 * a volume, and shows the border rules that care what is the image's edge and what only the box's. */
static rmseg_status box_create(box *b, const rmseg_grid *grid, const rmseg_overlap *overlap)
{
    for (int axis = 0; axis < 3; axis++) {
        int64_t low = overlap->low[axis], high = overlap->high[axis];
        b->start[axis] = low > 0 ? low - 1 : 0;
        b->grid.size[axis] = (high < grid->size[axis] ? high + 1 : high) - b->start[axis];
        b->grid.spacing[axis] = grid->spacing[axis];
    }
    b->voxels =
        b->grid.size[0] * b->grid.size[1] * b->grid.size[2]; /* within the image's own product, which was checked */
    b->mask = rmseg_alloc(b->voxels, sizeof *b->mask);
    b->prediction = rmseg_alloc(b->voxels, sizeof *b->prediction);
    b->truth = rmseg_alloc(b->voxels, sizeof *b->truth);
    b->squared = rmseg_alloc(b->voxels, sizeof *b->squared);
    return b->mask && b->prediction && b->truth && b->squared ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static void box_free(box *b)
{
    rmseg_free(b->mask);
    rmseg_free(b->prediction);
    rmseg_free(b->truth);
    rmseg_free(b->squared);
}

static void cut(const box *b, const uint8_t *mask, const rmseg_grid *grid)
{
    const int64_t *size = b->grid.size;
    uint8_t *to = b->mask;
    for (int64_t d = 0; d < size[0]; d++) {
        for (int64_t h = 0; h < size[1]; h++, to += size[2]) {
            int64_t row = (b->start[0] + d) * grid->size[1] + b->start[1] + h;
            memcpy(to, mask + row * grid->size[2] + b->start[2], (size_t)size[2]);
        }
    }
}

static int64_t count_set(const uint8_t *mask, int64_t voxels)
{
    int64_t count = 0;
    for (int64_t i = 0; i < voxels; i++) count += mask[i] != 0;
    return count;
}

/* Writes the distance of every voxel of `from` to the nearest one of `to`. */
static rmseg_status directed(double *distance, const box *b, const uint8_t *from, const uint8_t *to)
{
    RMSEG_TRY(rmseg_distance_squared(b->squared, to, &b->grid));
    for (int64_t i = 0; i < b->voxels; i++) {
        if (from[i]) *distance++ = sqrt(b->squared[i]);
    }
    return RMSEG_OK;
}

static rmseg_status measure_in(rmseg_surface *surface, box *b)
{
    surface->forward = count_set(b->prediction, b->voxels);
    surface->backward = count_set(b->truth, b->voxels);
    int64_t count = surface->forward + surface->backward;
    surface->distance = rmseg_alloc(count, sizeof *surface->distance);
    surface->scratch = rmseg_alloc(count, sizeof *surface->scratch);
    if (!surface->distance || !surface->scratch) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(directed(surface->distance, b, b->prediction, b->truth));
    return directed(surface->distance + surface->forward, b, b->truth, b->prediction);
}

rmseg_status rmseg_surface_measure(rmseg_surface *surface, const uint8_t *prediction, const uint8_t *truth,
                                   const rmseg_grid *grid, const rmseg_overlap *overlap, rmseg_border_edge edge,
                                   int connectivity)
{
    box b = {0};
    rmseg_surface found = {0};
    rmseg_status status = box_create(&b, grid, overlap);
    if (status == RMSEG_OK) {
        cut(&b, prediction, grid);
        status = rmseg_border(b.prediction, b.mask, &b.grid, connectivity, edge);
    }
    if (status == RMSEG_OK) {
        cut(&b, truth, grid);
        status = rmseg_border(b.truth, b.mask, &b.grid, connectivity, edge);
    }
    if (status == RMSEG_OK) status = measure_in(&found, &b);
    box_free(&b);
    if (status == RMSEG_OK)
        *surface = found;
    else
        rmseg_surface_free(&found);
    return status;
}

void rmseg_surface_free(rmseg_surface *surface)
{
    rmseg_free(surface->distance);
    rmseg_free(surface->scratch);
    *surface = (rmseg_surface){0};
}

double rmseg_surface_mean_forward(const rmseg_surface *surface)
{
    return rmseg_mean(surface->distance, surface->forward);
}

double rmseg_surface_mean_backward(const rmseg_surface *surface)
{
    return rmseg_mean(surface->distance + surface->forward, surface->backward);
}

double rmseg_surface_mean_pooled(const rmseg_surface *surface)
{
    return rmseg_mean(surface->distance, surface->forward + surface->backward);
}

double rmseg_surface_percentile_pooled(const rmseg_surface *surface, double q)
{
    int64_t count = surface->forward + surface->backward;
    memcpy(surface->scratch, surface->distance, (size_t)count * sizeof *surface->scratch);
    return rmseg_percentile(surface->scratch, count, q);
}
