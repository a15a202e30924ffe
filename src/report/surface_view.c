/*
 * report/surface_view.c - rays from a far eye to a surface, and the light there.
 */
#include <math.h>
#include <string.h>

#include "report/surface.h"

enum { RAYS = 3, CHUNK_ROWS = 4, BISECTIONS = 12 }; /* RAYS x RAYS of them a pixel */

#define DEGREE 0.017453292519943295

void rmseg_camera_turn(rmseg_camera *camera, double azimuth, double elevation)
{
    double sa = sin(azimuth * DEGREE), ca = cos(azimuth * DEGREE);
    double se = sin(elevation * DEGREE), ce = cos(elevation * DEGREE);
    const double right[3] = {0, sa, ca}, up[3] = {-ce, se * ca, -se * sa}, towards[3] = {-se, -ca * ce, sa * ce};
    memcpy(camera->right, right, sizeof right);
    memcpy(camera->up, up, sizeof up);
    memcpy(camera->towards, towards, sizeof towards);
}

static double dot(const double a[3], const double b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* ---- light ------------------------------------------------------------------------------------------------------- */

double rmseg_surface_light(const double normal[3])
{
    static const double key[3] = {-0.42, 0.56, 0.714}, fill[3] = {0.88, -0.1, 0.4644}; /* of length 1 */
    return 0.3 + 0.66 * fmax(0, dot(normal, key)) + 0.22 * fmax(0, dot(normal, fill));
}

void rmseg_surface_heat(double rgb[3], double t)
{
    static const double anchors[4][3] = {{238, 228, 205}, {250, 190, 100}, {228, 88, 48}, {128, 8, 48}};
    double place = 3 * fmin(fmax(t, 0), 1);
    int below = place < 3 ? (int)place : 2;
    for (int c = 0; c < 3; c++)
        rgb[c] = anchors[below][c] + (place - below) * (anchors[below + 1][c] - anchors[below][c]);
}

/* The direction in which the distance grows: differences over two voxels, interpolated, so that it turns smoothly. */
static void find_normal(double normal[3], const rmseg_solid *solid, const double position[3])
{
    double length = 0;
    for (int axis = 0; axis < 3; axis++) {
        double ahead[3] = {position[0], position[1], position[2]}, behind[3] = {position[0], position[1], position[2]};
        ahead[axis] += solid->grid.spacing[axis];
        behind[axis] -= solid->grid.spacing[axis];
        normal[axis] = (rmseg_solid_at(solid, ahead) - rmseg_solid_at(solid, behind)) / (2 * solid->grid.spacing[axis]);
        length += normal[axis] * normal[axis];
    }
    for (int axis = 0; axis < 3; axis++) normal[axis] /= length > 0 ? sqrt(length) : 1;
}

static void shade(double rgb[3], const rmseg_solid *solid, const rmseg_paint *paint, const rmseg_camera *camera,
                  const double position[3])
{
    double normal[3], colour[3] = {paint->colour.r, paint->colour.g, paint->colour.b};
    find_normal(normal, solid, position);
    const double seen[3] = {dot(normal, camera->right), dot(normal, camera->up), dot(normal, camera->towards)};
    if (paint->other) rmseg_surface_heat(colour, fabs(rmseg_solid_at(paint->other, position)) / paint->most);
    double light = rmseg_surface_light(seen);
    for (int c = 0; c < 3; c++) rgb[c] = fmin(255, colour[c] * light);
}

/* ---- rays -------------------------------------------------------------------------------------------------------- */

typedef struct view {
    const rmseg_solid *solid;
    const rmseg_paint *paint;
    const rmseg_camera *camera;
    double step, slack; /* the shortest step; how much nearer than its distance says the surface may be */
    rmseg_image *picture;
} view;

static void along(double position[3], const double start[3], const double direction[3], double way)
{
    for (int axis = 0; axis < 3; axis++) position[axis] = start[axis] + way * direction[axis];
}

/* Where the ray is in the grid; false: nowhere. */
static bool clip(double *near, double *far, const rmseg_grid *grid, const double start[3], const double direction[3])
{
    *near = -INFINITY;
    *far = INFINITY;
    for (int axis = 0; axis < 3; axis++) {
        double high = (double)(grid->size[axis] - 1) * grid->spacing[axis];
        if (fabs(direction[axis]) < 1e-12) {
            if (start[axis] < 0 || start[axis] > high) return false;
            continue;
        }
        double a = -start[axis] / direction[axis], b = (high - start[axis]) / direction[axis];
        *near = fmax(*near, fmin(a, b));
        *far = fmin(*far, fmax(a, b));
    }
    return *near < *far;
}

/* As far as the surface cannot be, then in half voxels, then by halving. */
static bool march(double position[3], const view *v, const double start[3])
{
    const double *towards = v->camera->towards, direction[3] = {-towards[0], -towards[1], -towards[2]};
    double way, far;
    if (!clip(&way, &far, &v->solid->grid, start, direction)) return false;
    double step = 0;
    for (; way < far; way += step) {
        along(position, start, direction, way);
        double distance = rmseg_solid_at(v->solid, position);
        if (distance < 0) break;
        step = fmax(v->step, distance - v->slack);
    }
    if (way >= far) return false;
    double outside = way - step, inside = way;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = 0.5 * (outside + inside);
        along(position, start, direction, middle);
        if (rmseg_solid_at(v->solid, position) < 0)
            inside = middle;
        else
            outside = middle;
    }
    along(position, start, direction, inside);
    return true;
}

static void draw_pixel(const view *v, int64_t y, int64_t x)
{
    const rmseg_camera *c = v->camera;
    double sum[3] = {0, 0, 0};
    for (int ray = 0; ray < RAYS * RAYS; ray++) {
        double across = (double)x + (ray % RAYS + 0.5) / RAYS - (double)c->width / 2;
        double down = (double)y + (ray / RAYS + 0.5) / RAYS - (double)c->height / 2;
        double start[3], hit[3], rgb[3] = {255, 255, 255};
        along(start, c->centre, c->right, across * c->pixel);
        along(start, start, c->up, -down * c->pixel);
        if (march(hit, v, start)) shade(rgb, v->solid, v->paint, c, hit);
        for (int k = 0; k < 3; k++) sum[k] += rgb[k];
    }
    for (int k = 0; k < 3; k++)
        ((uint8_t *)v->picture->data)[(k * c->height + y) * c->width + x] = (uint8_t)lrint(sum[k] / (RAYS * RAYS));
}

static void draw_rows(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const view *v = context;
    int64_t end = rmseg_chunk_end(v->camera->height, CHUNK_ROWS, chunk);
    for (int64_t y = chunk * CHUNK_ROWS; y < end; y++)
        for (int64_t x = 0; x < v->camera->width; x++) draw_pixel(v, y, x);
}

rmseg_status rmseg_surface_render(rmseg_image **picture, const rmseg_solid *solid, const rmseg_paint *paint,
                                  const rmseg_camera *camera)
{
    const double *s = solid->grid.spacing;
    view v = {solid, paint, camera, fmin(s[0], fmin(s[1], s[2])) / 2, 2 * sqrt(dot(s, s)), NULL};
    RMSEG_TRY(rmseg_image_create(&v.picture, RMSEG_U8, 3, (int64_t[]){1, camera->height, camera->width}));
    rmseg_parallel_for(rmseg_chunk_count(camera->height, CHUNK_ROWS), draw_rows, &v);
    *picture = v.picture;
    return RMSEG_OK;
}
