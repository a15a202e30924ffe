/*
 * report/surface_picture.c - surfaces side by side, with captions, the axes of the patient, and a scale.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/lettering.h"
#include "report/surface.h"

enum { LONGEST = 400, MARGIN = 12, STRIP = 28, LETTER = 11, AXIS = 22, BAR = 12, NUMBERS = 64 };
enum { MOST_PIXELS = 1 << 13 };

static const rmseg_rgb green = {126, 214, 138}, blue = {128, 168, 245};

typedef struct sheet {
    const rmseg_surfaces *s;
    rmseg_camera camera;
    double usual, most; /* distances; what lies above the usual ones has their colour */
    rmseg_image *picture;
    rmseg_pen pen;
    int64_t left; /* of the next panel */
} sheet;

/* ---- framing ----------------------------------------------------------------------------------------------------- */

/* Extent of what lies inside, as seen: to the right and upwards. */
typedef struct extent {
    double low[2], high[2];
} extent;

static void grow(extent *e, const rmseg_solid *solid, const rmseg_camera *camera)
{
    const int64_t *n = solid->grid.size;
    const double *spacing = solid->grid.spacing, *const screen[2] = {camera->right, camera->up};
    for (int64_t v = 0; v < n[0] * n[1] * n[2]; v++) {
        if (!(solid->distance[v] < 0)) continue;
        const int64_t at[3] = {v / n[2] / n[1], v / n[2] % n[1], v % n[2]};
        for (int i = 0; i < 2; i++) {
            double middle = 0, half = 0;
            for (int axis = 0; axis < 3; axis++) {
                middle += screen[i][axis] * (double)at[axis] * spacing[axis];
                half += fabs(screen[i][axis]) * spacing[axis] / 2;
            }
            e->low[i] = fmin(e->low[i], middle - half);
            e->high[i] = fmax(e->high[i], middle + half);
        }
    }
}

static rmseg_status frame(rmseg_camera *camera, const rmseg_surfaces *s)
{
    extent e = {{INFINITY, INFINITY}, {-INFINITY, -INFINITY}};
    const double *spacing = (s->truth ? s->truth : s->prediction)->grid.spacing;
    rmseg_camera_turn(camera, s->azimuth, s->elevation);
    if (s->truth) grow(&e, s->truth, camera);
    if (s->prediction) grow(&e, s->prediction, camera);
    double width = e.high[0] - e.low[0], height = e.high[1] - e.low[1];
    for (int axis = 0; axis < 3; axis++)
        camera->centre[axis] =
            (e.low[0] + width / 2) * camera->right[axis] + (e.low[1] + height / 2) * camera->up[axis];
    camera->pixel =
        isnan(s->scale) ? fmax(width, height) / LONGEST : fmin(spacing[0], fmin(spacing[1], spacing[2])) / s->scale;
    double across = width / camera->pixel, down = height / camera->pixel;
    if (fmax(across, down) > MOST_PIXELS)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "a side of the surfaces would have %.0f pixels, at most %d are drawn: give a smaller --scale",
                          fmax(across, down), MOST_PIXELS);
    camera->width = (int64_t)ceil(across) + 4;
    camera->height = (int64_t)ceil(down) + 4;
    return RMSEG_OK;
}

/* ---- what stands beside ------------------------------------------------------------------------------------------ */

/* An axis of the patient as it is seen, in pixels; `letter` is where along it its letter stands. False: it points at the
 * eye or away, and is not drawn. */
static bool see_axis(double *right, double *up, double *letter, const rmseg_camera *camera, int axis)
{
    double length = hypot(camera->right[axis], camera->up[axis]);
    *right = -AXIS * camera->right[axis];
    *up = -AXIS * camera->up[axis];
    *letter = 1 + 8 / (AXIS * length);
    return length > 0.3;
}

/* How far the axes and their letters reach up (sign 1) or down (-1) from where they meet. */
static double reach(const rmseg_camera *camera, int sign)
{
    double most = 0, right, up, letter;
    for (int axis = 0; axis < 3; axis++)
        if (see_axis(&right, &up, &letter, camera, axis)) most = fmax(most, sign * letter * up);
    return most + 7;
}

/* Where superior, anterior and right are: against D, H and W. */
static void draw_axes(rmseg_pen *pen, const rmseg_camera *camera, double x, double y)
{
    static const char *const letters[3] = {"S", "A", "R"};
    double right, up, letter;
    for (int axis = 0; axis < 3; axis++) {
        if (!see_axis(&right, &up, &letter, camera, axis)) continue;
        rmseg_pen_line(pen, x, y, x + right, y - up);
        rmseg_pen_text(pen, letters[axis], x + letter * right - 3, y - letter * up + 4.5, 9);
    }
}

/* Distances from 0 at the bottom to the usual ones. */
static void draw_scale(sheet *t, int64_t height)
{
    rmseg_image *sheet = t->picture;
    rmseg_pen *pen = &t->pen;
    int64_t left = t->left;
    int64_t pixels = rmseg_image_voxels(sheet);
    for (int64_t y = 0; y < height; y++) {
        double rgb[3];
        rmseg_surface_heat(rgb, 1 - (double)y / (double)(height - 1));
        for (int64_t i = 0; i < 3 * BAR; i++)
            ((uint8_t *)sheet->data)[i % 3 * pixels + (STRIP + y) * sheet->size[2] + left + i / 3] =
                (uint8_t)rgb[i % 3];
    }
    double x0 = (double)left, x1 = x0 + BAR - 1, y0 = STRIP, y1 = y0 + (double)height - 1;
    rmseg_pen_line(pen, x0, y0, x1, y0);
    rmseg_pen_line(pen, x1, y0, x1, y1);
    rmseg_pen_line(pen, x1, y1, x0, y1);
    rmseg_pen_line(pen, x0, y1, x0, y0);
    rmseg_pen_text(pen, t->s->unit, x0, STRIP - 10, LETTER - 1);
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s%.3g", i == 2 && t->most > t->usual ? "> " : "", t->usual * i / 2);
        double y = y1 + (y0 - y1) * i / 2;
        rmseg_pen_line(pen, x1, y, x1 + 3, y);
        rmseg_pen_text(pen, text, x1 + 7, fmin(fmax(y + 4, y0 + 8), y1), 9);
    }
}

/* ---- the sheet --------------------------------------------------------------------------------------------------- */

static rmseg_status add_panel(sheet *t, const rmseg_solid *solid, const rmseg_solid *other, const char *caption,
                              rmseg_rgb colour)
{
    rmseg_image *panel = NULL;
    const rmseg_paint paint = {colour, t->s->by_distance ? other : NULL, t->usual};
    RMSEG_TRY(rmseg_surface_render(&panel, solid, &paint, &t->camera));
    rmseg_canvas_place(t->picture, panel, STRIP, t->left);
    rmseg_pen_text(&t->pen, caption, (double)t->left, STRIP - 10, LETTER);
    t->left += panel->size[2] + 2 * MARGIN;
    rmseg_image_destroy(panel);
    return RMSEG_OK;
}

static rmseg_status add_panels(sheet *t)
{
    const rmseg_surfaces *s = t->s;
    const rmseg_solid *solids[2] = {s->truth, s->prediction};
    const rmseg_rgb colours[2] = {green, blue};
    static const char *const captions[2][2] = {{"truth", "truth (nothing set)"},
                                               {"prediction", "prediction (nothing set)"}};
    for (int i = 0; i < 2; i++) {
        if (solids[i]) RMSEG_TRY(add_panel(t, solids[i], solids[1 - i], captions[i][0], colours[i]));
        if (!s->nothing[i]) continue;
        rmseg_pen_text(&t->pen, captions[i][1], (double)t->left, STRIP - 10, LETTER);
        t->left += t->camera.width + 2 * MARGIN;
    }
    return RMSEG_OK;
}

static rmseg_status compose(sheet *t)
{
    const rmseg_surfaces *s = t->s;
    int64_t bar = t->camera.height < 60 ? 60 : t->camera.height,
            count = (s->truth != NULL) + (s->prediction != NULL) + s->nothing[0] + s->nothing[1];
    double above = reach(&t->camera, 1), below = reach(&t->camera, -1);
    int64_t bottom = s->known_sides ? (int64_t)(above + below) + MARGIN : MARGIN,
            scale = s->by_distance ? BAR + NUMBERS : 0;
    const int64_t size[3] = {1, STRIP + bar + bottom, MARGIN + count * (t->camera.width + 2 * MARGIN) + scale};
    RMSEG_TRY(rmseg_image_create(&t->picture, RMSEG_U8, 3, size));
    memset(t->picture->data, 255, (size_t)(3 * size[1] * size[2]));
    RMSEG_TRY(rmseg_pen_begin(&t->pen, t->picture, 1.4));
    t->left = MARGIN;
    rmseg_status status = add_panels(t);
    if (s->by_distance) draw_scale(t, bar);
    if (s->known_sides) draw_axes(&t->pen, &t->camera, MARGIN + AXIS + 14, (double)size[1] - MARGIN / 2 - below);
    rmseg_pen_end(&t->pen, rmseg_ink);
    return status;
}

rmseg_status rmseg_surfaces_picture(rmseg_image **picture, const rmseg_surfaces *surfaces)
{
    sheet t = {.s = surfaces};
    RMSEG_TRY(frame(&t.camera, surfaces));
    if (surfaces->by_distance) RMSEG_TRY(rmseg_solids_apart(&t.usual, &t.most, surfaces->truth, surfaces->prediction));
    rmseg_status status = compose(&t);
    if (status)
        rmseg_image_destroy(t.picture);
    else
        *picture = t.picture;
    return status;
}
