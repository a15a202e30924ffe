/*
 * surface_elements.c - the surface of a mask as seen at the corners of its voxels.
 *
 * At a corner 2 x 2 (x 2) voxels meet. Which of them are set is its code; a code that is neither empty nor full is a
 * piece of surface. The code is what google-deepmind/surface-distance (Apache-2.0) calls neighbour code, so that its
 * bits can be compared: 2D [[8,4],[2,1]], 3D [[[128,64],[32,16]],[[8,4],[2,1]]] over the lower and upper neighbour along
 * each axis.
 */
#include <math.h>
#include <string.h>

#include "field/grid.h"

enum { CHUNK_CORNERS = 1 << 15 };

/* ---- codes ------------------------------------------------------------------------------------------------------- */

typedef struct codes_job {
    uint8_t *code;
    const uint8_t *mask;
    int64_t height, width;               /* of the mask */
    int64_t rows_per_slice, rows, chunk; /* of corners */
    bool deep;
} codes_job;

/* Two rows of voxels, the upper one first, give the 4 bits of each corner between them. */
static void add_bits(uint8_t *code, const uint8_t *upper, const uint8_t *lower, int64_t corners)
{
    for (int64_t x = 0; x < corners; x++)
        code[x] = (uint8_t)(code[x] << 4 | (upper[x] != 0) << 3 | (upper[x + 1] != 0) << 2 | (lower[x] != 0) << 1 |
                            (lower[x + 1] != 0));
}

static void code_rows(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const codes_job *job = context;
    int64_t end = rmseg_chunk_end(job->rows, job->chunk, chunk), corners = job->width - 1;
    for (int64_t row = chunk * job->chunk; row < end; row++) {
        int64_t d = row / job->rows_per_slice, h = row % job->rows_per_slice, slice = job->height * job->width;
        const uint8_t *mask = job->mask + d * slice + h * job->width;
        uint8_t *code = job->code + row * corners;
        memset(code, 0, (size_t)corners);
        add_bits(code, mask, mask + job->width, corners);
        if (job->deep) add_bits(code, mask + slice, mask + slice + job->width, corners);
    }
}

rmseg_status rmseg_corner_codes(uint8_t *code, const uint8_t *mask, const rmseg_grid *grid)
{
    int64_t voxels = 0;
    RMSEG_TRY(rmseg_grid_check(&voxels, grid));
    const int64_t *n = grid->size;
    if (n[1] < 2 || n[2] < 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "corners inside %lld x %lld pixels: expected at least 2 x 2",
                          (long long)n[1], (long long)n[2]);
    bool deep = rmseg_grid_axes(grid) == 3;
    int64_t slices = deep ? n[0] - 1 : 1;
    codes_job job = {code, mask, n[1], n[2], n[1] - 1, slices * (n[1] - 1), 1 + CHUNK_CORNERS / n[2], deep};
    rmseg_parallel_for(rmseg_chunk_count(job.rows, job.chunk), code_rows, &job);
    return RMSEG_OK;
}

/* ---- how much surface a code stands for -------------------------------------------------------------------------- */

enum { CORNERS_3D = 8, CODES_2D = 16, CODES_3D = 256 };

static bool is_set(int code, int axes, int d, int h, int w)
{
    int last = axes == 3 ? 7 : 3;
    return code >> (last - (4 * d + 2 * h + w)) & 1;
}

/* Marching cubes with the vertices at the middle of the edges: the triangles of one code of each kind, the kinds being
 * those that no turn, mirror image or exchange of set and unset takes into each other. A triangle is the absolute value
 * of its normal in eighths of a voxel's face, its length the area. Kind by kind these are the values that
 * surface-distance's lookup_tables.py lists for all 256 codes. */
static const struct {
    uint8_t code;
    uint8_t triangle[4][3];
} cubes[] = {
    {1, {{1, 1, 1}}},
    {3, {{2, 2, 0}, {2, 2, 0}}},
    {6, {{1, 1, 1}, {1, 1, 1}}},
    {7, {{1, 1, 1}, {2, 2, 2}, {4, 0, 0}}},
    {15, {{4, 0, 0}, {4, 0, 0}}},
    {22, {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}},
    {23, {{1, 1, 1}, {1, 1, 1}, {2, 2, 2}, {2, 2, 2}}},
    {24, {{1, 1, 1}, {1, 1, 1}}},
    {25, {{0, 2, 2}, {0, 2, 2}, {1, 1, 1}}},
    {27, {{0, 2, 2}, {1, 1, 1}, {2, 0, 2}, {3, 3, 3}}},
    {30, {{1, 1, 1}, {1, 1, 1}, {2, 2, 2}, {4, 0, 0}}},
    {60, {{2, 2, 0}, {2, 2, 0}, {2, 2, 0}, {2, 2, 0}}},
    {105, {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}}},
};
enum { CUBES = sizeof cubes / sizeof *cubes };

static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/* The code after axis i is taken from axis order[i] and mirrored where `mirror` has bit i. */
static int turn(int code, const int order[3], int mirror)
{
    int turned = 0;
    for (int corner = 0; corner < CORNERS_3D; corner++) {
        int at[3] = {corner >> 2 & 1, corner >> 1 & 1, corner & 1}, to[3];
        for (int axis = 0; axis < 3; axis++) to[axis] = at[order[axis]] ^ (mirror >> axis & 1);
        if (is_set(code, 3, at[0], at[1], at[2])) turned |= 1 << (7 - (4 * to[0] + 2 * to[1] + to[2]));
    }
    return turned;
}

static double triangles_area(const uint8_t triangle[4][3], const int order[3], const double spacing[3])
{
    const double face[3] = {spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1]};
    double area = 0;
    for (int i = 0; i < 4; i++) {
        double squared = 0;
        for (int axis = 0; axis < 3; axis++) {
            double side = 0.125 * triangle[i][order[axis]] * face[axis];
            squared += side * side;
        }
        area += sqrt(squared);
    }
    return area;
}

static void element_areas(double area[CODES_3D], const double spacing[3])
{
    for (int cube = 0; cube < CUBES; cube++)
        for (int order = 0; order < 6; order++)
            for (int mirror = 0; mirror < 8; mirror++) {
                int code = turn(cubes[cube].code, orders[order], mirror);
                area[code] = area[255 - code] = triangles_area(cubes[cube].triangle, orders[order], spacing);
            }
}

/* Marching squares: one straight piece along an axis, half a diagonal round one corner, two of them where set pixels
 * touch at the corner only. */
static void element_lengths(double length[CODES_2D], double height, double width)
{
    double half_diagonal = 0.5 * sqrt(height * height + width * width);
    for (int code = 1; code < CODES_2D - 1; code++) length[code] = half_diagonal;
    length[3] = length[12] = width;
    length[5] = length[10] = height;
    length[6] = length[9] = 2 * half_diagonal;
}

void rmseg_element_sizes(double size[256], int axes, const double spacing[3])
{
    memset(size, 0, CODES_3D * sizeof *size);
    if (axes == 3)
        element_areas(size, spacing);
    else
        element_lengths(size, spacing[1], spacing[2]);
}

/* The faces between two voxels that meet at a corner reach half a voxel along each axis but their own. */
void rmseg_vertex_sizes(double size[256], int axes, const double spacing[3])
{
    double half[3] = {axes == 3 ? 0.5 * spacing[0] : 1, 0.5 * spacing[1], 0.5 * spacing[2]};
    memset(size, 0, CODES_3D * sizeof *size);
    for (int code = 0; code < (axes == 3 ? CODES_3D : CODES_2D); code++) {
        for (int corner = 0; corner < (axes == 3 ? 8 : 4); corner++) {
            int d = corner >> 2, h = corner >> 1 & 1, w = corner & 1;
            bool set = is_set(code, axes, d, h, w);
            if (!d && axes == 3 && set != is_set(code, axes, 1, h, w)) size[code] += half[1] * half[2];
            if (!h && set != is_set(code, axes, d, 1, w)) size[code] += half[0] * half[2];
            if (!w && set != is_set(code, axes, d, h, 1)) size[code] += half[0] * half[1];
        }
    }
}
