/* border.c - the voxels that an erosion takes away. */
#include <string.h>

#include "field/grid.h"

enum { CHUNK_VOXELS = 1 << 15 };

typedef struct border_job {
    uint8_t *border;
    const uint8_t *mask;
    int64_t depth, height, width, rows_per_chunk;
    int axes, connectivity;
    bool edge_is_border;
} border_job;

static inline uint8_t lower(uint8_t a, uint8_t b) { return a < b ? a : b; }

/* Lowers least[x] to row[x] and, when `wide`, to those beside it. */
static void lower_to(uint8_t *restrict least, const uint8_t *row, int64_t width, bool wide, bool edge_is_border)
{
    if (!wide) {
        for (int64_t x = 0; x < width; x++) least[x] = lower(least[x], row[x]);
        return;
    }
    for (int64_t x = 1; x < width - 1; x++) least[x] = lower(lower(least[x], row[x]), lower(row[x - 1], row[x + 1]));
    for (int64_t x = 0; x<width; x += width> 1 ? width - 1 : 1) {
        least[x] = lower(least[x], row[x]);
        if (x > 0) least[x] = lower(least[x], row[x - 1]);
        if (x < width - 1) least[x] = lower(least[x], row[x + 1]);
        if (edge_is_border) least[x] = 0;
    }
}

static bool any_set(const uint8_t *row, int64_t width)
{
    uint8_t any = 0;
    for (int64_t x = 0; x < width; x++) any |= row[x];
    return any;
}

/* A voxel is set inside when the least of it and its neighbours is not 0. */
static void trace_row(const border_job *job, int64_t d, int64_t h)
{
    int64_t width = job->width, slice = job->height * width, here = d * slice + h * width;
    const uint8_t *row = job->mask + here;
    uint8_t *border = job->border + here;
    if (!any_set(row, width)) {
        memset(border, 0, (size_t)width);
        return;
    }
    memcpy(border, row, (size_t)width);
    int deep = job->axes == 3;
    for (int dd = -deep; dd <= deep; dd++) {
        for (int dh = -1; dh <= 1; dh++) {
            int steps = (dd != 0) + (dh != 0);
            if (steps > job->connectivity) continue;
            bool inside = d + dd >= 0 && d + dd < job->depth && h + dh >= 0 && h + dh < job->height;
            if (inside)
                lower_to(border, row + dd * slice + dh * width, width, steps < job->connectivity, job->edge_is_border);
            else if (job->edge_is_border)
                memset(border, 0, (size_t)width);
        }
    }
    for (int64_t x = 0; x < width; x++) border[x] = row[x] && !border[x];
}

static void trace_rows(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const border_job *job = context;
    int64_t end = rmseg_chunk_end(job->depth * job->height, job->rows_per_chunk, chunk);
    for (int64_t row = chunk * job->rows_per_chunk; row < end; row++)
        trace_row(job, row / job->height, row % job->height);
}

rmseg_status rmseg_border(uint8_t *border, const uint8_t *mask, const rmseg_grid *grid, int connectivity,
                          rmseg_border_edge edge)
{
    int64_t voxels = 0;
    RMSEG_TRY(rmseg_grid_check(&voxels, grid));
    RMSEG_TRY(rmseg_grid_check_connectivity(grid, connectivity));
    const int64_t *n = grid->size;
    border_job job = {border,
                      mask,
                      n[0],
                      n[1],
                      n[2],
                      1 + CHUNK_VOXELS / n[2],
                      rmseg_grid_axes(grid),
                      connectivity,
                      edge == RMSEG_EDGE_IS_OUTSIDE};
    rmseg_parallel_for(rmseg_chunk_count(n[0] * n[1], job.rows_per_chunk), trace_rows, &job);
    return RMSEG_OK;
}
