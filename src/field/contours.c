/*
 * contours.c - marching squares on a mask, told as a walk along its boundary.
 *
 * Each point is the midpoint between a set pixel and an unset 4-neighbour, that is one side of one set pixel. One walks
 * with the set pixel on the right; on the north side of `o`, going east, two pixels decide where the next point lies:
 *
 *     . b     a unset:      round the corner, the east side of o
 *     o a     b unset:      straight on, the north side of a
 *             both are set: back north, the west side of b
 *
 * Asking a first keeps pixels apart that touch at a corner only.
 */
#include <string.h>

#include "field/grid.h"

/* Sides in the order of a walk round one pixel, and the way one walks along them: north side eastward, and so on. */
enum { NORTH, EAST, SOUTH, WEST };
static const int step_y[4] = {-1, 0, 1, 0}, step_x[4] = {0, 1, 0, -1}; /* from a pixel across its side */

typedef struct plane {
    const uint8_t *mask;
    int64_t height, width;
} plane;

typedef struct side {
    int64_t y, x;
    int which;
} side;

static bool is_set(const plane *p, int64_t y, int64_t x)
{
    return y >= 0 && y < p->height && x >= 0 && x < p->width && p->mask[y * p->width + x];
}

static bool is_boundary(const plane *p, side s)
{
    return is_set(p, s.y, s.x) && !is_set(p, s.y + step_y[s.which], s.x + step_x[s.which]);
}

static side next_side(const plane *p, side s)
{
    int ahead = (s.which + 1) % 4; /* walking along the north side goes east */
    int64_t ahead_y = s.y + step_y[ahead], ahead_x = s.x + step_x[ahead];
    if (!is_set(p, ahead_y, ahead_x)) return (side){s.y, s.x, ahead};
    int64_t turn_y = ahead_y + step_y[s.which], turn_x = ahead_x + step_x[s.which];
    if (!is_set(p, turn_y, turn_x)) return (side){ahead_y, ahead_x, s.which};
    return (side){turn_y, turn_x, (s.which + 3) % 4};
}

/* Counts all boundary sides, which are the points, and the north ones, of which each polyline has at least one. */
static void count_sides(int64_t *sides, int64_t *north, const plane *p)
{
    *sides = *north = 0;
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++)
            for (int which = NORTH; which <= WEST; which++) {
                int64_t one = is_boundary(p, (side){y, x, which});
                *sides += one;
                if (which == NORTH) *north += one;
            }
}

/* Walks one polyline from its first north side, marking the north sides passed; returns the number of points so far. */
static int64_t walk(double *xy, int64_t points, uint8_t *seen, const plane *p, side start)
{
    side s = start;
    do {
        xy[2 * points] = (double)s.x + 0.5 * step_x[s.which];
        xy[2 * points + 1] = (double)s.y + 0.5 * step_y[s.which];
        points++;
        if (s.which == NORTH) seen[s.y * p->width + s.x] = 1;
        s = next_side(p, s);
    } while (s.y != start.y || s.x != start.x || s.which != start.which);
    return points;
}

static void trace(rmseg_contours *contours, uint8_t *seen, const plane *p)
{
    int64_t points = 0;
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++) {
            side start = {y, x, NORTH};
            if (seen[y * p->width + x] || !is_boundary(p, start)) continue;
            points = walk(contours->xy, points, seen, p, start);
            contours->first[++contours->count] = points;
        }
}

rmseg_status rmseg_contours_trace(rmseg_contours *contours, const uint8_t *mask, int64_t height, int64_t width)
{
    int64_t voxels = 0, sides = 0, north = 0;
    RMSEG_TRY(rmseg_grid_check(&voxels, &(rmseg_grid){{1, height, width}, {1, 1, 1}}));
    plane p = {mask, height, width};
    count_sides(&sides, &north, &p);

    uint8_t *seen = rmseg_alloc(voxels, 1);
    rmseg_contours made = {rmseg_alloc(sides, 2 * sizeof *made.xy), rmseg_alloc(north + 1, sizeof *made.first), 0};
    bool enough = seen && made.xy && made.first;
    if (enough) {
        trace(&made, seen, &p);
        *contours = made;
    } else {
        rmseg_contours_destroy(&made);
    }
    rmseg_free(seen);
    return enough ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

void rmseg_contours_destroy(rmseg_contours *contours)
{
    if (!contours) return;
    rmseg_free(contours->xy);
    rmseg_free(contours->first);
    memset(contours, 0, sizeof *contours);
}
