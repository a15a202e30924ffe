/*
 * report/slices.c - a slice is cut out and turned, then it is a 2D image with contours like any other.
 */
#include "report/slices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/canvas.h"
#include "report/lettering.h"
#include "report/report.h"

enum { LONGEST = 400, MARGIN = 10, STRIP = 26, LETTER = 10, TICK = 7, MOST_PIXELS = 1 << 14, SAMPLES = 1 << 20 };

static const rmseg_rgb pale = {225, 225, 225}, dark = {0, 0, 0};

/* World axes across, down and to the right. */
static const struct plane {
    const char *name;
    int across, down, right;
} planes[3] = {
    {"axial", RMSEG_WORLD_Z, RMSEG_WORLD_Y, RMSEG_WORLD_X},
    {"coronal", RMSEG_WORLD_Y, RMSEG_WORLD_Z, RMSEG_WORLD_X},
    {"sagittal", RMSEG_WORLD_X, RMSEG_WORLD_Z, RMSEG_WORLD_Y},
};

typedef struct sheet {
    const rmseg_orientation *o;
    const rmseg_slices *s;
    int64_t voxels[3], pixels[3]; /* of the part along x, y, z */
    int64_t left[3], top[3];      /* of each plane's panel */
    rmseg_image *picture;
} sheet;

/* ---- one panel --------------------------------------------------------------------------------------------------- */

/* The voxel that lies `step` from the first end of the part along a world axis. */
static int64_t voxel(const sheet *t, int world, int64_t step)
{
    return t->s->first[t->o->axis[world]] + rmseg_orientation_index(t->o, world, step, t->voxels[world]);
}

/* A plane of a volume as doubles; `grey`: the window's values become 0..255 and what is no number 0. */
static rmseg_status cut(rmseg_image **slice, const sheet *t, const struct plane *p, const rmseg_image *from, bool grey)
{
    rmseg_image *made = NULL;
    RMSEG_TRY(rmseg_image_create(&made, RMSEG_F64, 1, (int64_t[]){1, t->voxels[p->down], t->voxels[p->right]}));
    int64_t index[3] = {t->s->at[0], t->s->at[1], t->s->at[2]};
    double *to = made->data;
    for (int64_t y = 0; y < made->size[1]; y++) {
        index[t->o->axis[p->down]] = voxel(t, p->down, y);
        for (int64_t x = 0; x < made->size[2]; x++, to++) {
            index[t->o->axis[p->right]] = voxel(t, p->right, x);
            *to = rmseg_image_value(from, 0, index[0], index[1], index[2]);
            if (grey) *to = 255 * fmin(fmax((*to - t->s->low) / (t->s->high - t->s->low), 0), 1);
        }
    }
    *slice = made;
    return RMSEG_OK;
}

/* The grey values at the picture's resolution. */
static rmseg_status cut_grey(rmseg_image **panel, const sheet *t, const struct plane *p, const rmseg_image *image)
{
    rmseg_image *slice = NULL, *resized = NULL;
    const int64_t size[3] = {1, t->pixels[p->down], t->pixels[p->right]};
    RMSEG_TRY(cut(&slice, t, p, image, true));
    rmseg_status status = rmseg_image_resample(&resized, slice, size, RMSEG_LINEAR);
    if (!status) status = rmseg_image_convert(panel, resized, RMSEG_U8);
    rmseg_image_destroy(slice);
    rmseg_image_destroy(resized);
    return status;
}

static rmseg_status draw_panel(sheet *t, int which, const rmseg_image *image, const rmseg_image *prediction,
                               const rmseg_image *truth)
{
    const struct plane *p = &planes[which];
    rmseg_image *grey = NULL, *blue = NULL, *green = NULL, *panel = NULL;
    rmseg_status status = cut_grey(&grey, t, p, image);
    if (!status && prediction) status = cut(&blue, t, p, prediction, false);
    if (!status && truth) status = cut(&green, t, p, truth, false);
    if (!status) status = rmseg_overlay(&panel, grey, blue, green, 1);
    if (!status) rmseg_canvas_place(t->picture, panel, t->top[which], t->left[which]);
    rmseg_image_destroy(grey);
    rmseg_image_destroy(blue);
    rmseg_image_destroy(green);
    rmseg_image_destroy(panel);
    return status;
}

/* ---- what stands around and on it -------------------------------------------------------------------------------- */

/* Pixel, from the part's first end, of the centre of the slice across a world axis. */
static double cut_at(const sheet *t, int world)
{
    int axis = t->o->axis[world];
    int64_t step = rmseg_orientation_index(t->o, world, t->s->at[axis] - t->s->first[axis], t->voxels[world]);
    return ((double)step + 0.5) * (double)t->pixels[world] / (double)t->voxels[world] - 0.5;
}

static void draw_ticks(rmseg_pen *pen, const sheet *t, int which)
{
    const struct plane *p = &planes[which];
    double x0 = (double)t->left[which], y0 = (double)t->top[which];
    double x1 = x0 + (double)t->pixels[p->right] - 1, y1 = y0 + (double)t->pixels[p->down] - 1;
    double x = x0 + cut_at(t, p->right), y = y0 + cut_at(t, p->down);
    rmseg_pen_line(pen, x, y0, x, y0 + TICK);
    rmseg_pen_line(pen, x, y1 - TICK, x, y1);
    rmseg_pen_line(pen, x0, y, x0 + TICK, y);
    rmseg_pen_line(pen, x1 - TICK, y, x1, y);
}

/* Beside each tick which side of the patient it is: below and right of it, or before it where the panel ends. */
static void draw_sides(rmseg_pen *pen, const sheet *t, int which)
{
    static const char *const first[3] = {"R", "A", "S"}, *const last[3] = {"L", "P", "I"};
    const struct plane *p = &planes[which];
    double x = (double)t->left[which], y = (double)t->top[which], space = 3, letter = 0.7 * LETTER;
    double width = (double)t->pixels[p->right], height = (double)t->pixels[p->down];
    double right = cut_at(t, p->right) + space + 3, down = cut_at(t, p->down) + space + LETTER + 3;
    if (right + letter + space > width) right -= letter + 2 * (space + 3);
    if (down + space > height) down -= LETTER + 2 * (space + 3);
    rmseg_pen_text(pen, first[p->right], x + space, y + down, LETTER);
    rmseg_pen_text(pen, last[p->right], x + width - space - letter, y + down, LETTER);
    rmseg_pen_text(pen, first[p->down], x + right, y + space + LETTER, LETTER);
    rmseg_pen_text(pen, last[p->down], x + right, y + height - space - 1, LETTER);
}

/* Ticks and letters over a dark rim, so that they are seen on every grey. */
static rmseg_status mark(sheet *t)
{
    for (int rim = 1; rim >= 0; rim--) {
        rmseg_pen pen = {0};
        RMSEG_TRY(rmseg_pen_begin(&pen, t->picture, rim ? 4 : 1.3));
        for (int which = 0; which < 3; which++) {
            draw_ticks(&pen, t, which);
            if (t->o->known) draw_sides(&pen, t, which);
        }
        rmseg_pen_end(&pen, rim ? dark : pale);
    }
    return RMSEG_OK;
}

static rmseg_status write_line(sheet *t, const char *text, double x, double y, rmseg_rgb colour)
{
    rmseg_pen pen = {0};
    RMSEG_TRY(rmseg_pen_begin(&pen, t->picture, 1.4));
    rmseg_pen_text(&pen, text, x, y, LETTER);
    rmseg_pen_end(&pen, colour);
    return RMSEG_OK;
}

static rmseg_status write_captions(sheet *t, bool prediction, bool truth)
{
    static const char axes[3] = {'D', 'H', 'W'};
    rmseg_status status = RMSEG_OK;
    for (int which = 0; which < 3 && !status; which++) {
        char caption[64];
        int axis = t->o->axis[planes[which].across];
        snprintf(caption, sizeof caption, "%s%s%c = %lld", t->o->known ? planes[which].name : "",
                 t->o->known ? ", " : "", axes[axis], (long long)t->s->at[axis]);
        status = write_line(t, caption, (double)t->left[which] + 2, STRIP - 8, pale);
    }
    const char *green = t->s->nothing[0] ? "truth (nothing set)" : "truth";
    const char *blue = t->s->nothing[1] ? "prediction (nothing set)" : "prediction";
    double x = MARGIN + 2, y = (double)t->picture->size[1] - 8;
    if (!status && truth) status = write_line(t, green, x, y, rmseg_truth_green);
    if (truth) x += rmseg_text_width(green, LETTER) + 2 * LETTER;
    return !status && prediction ? write_line(t, blue, x, y, rmseg_prediction_blue) : status;
}

/* ---- the sheet --------------------------------------------------------------------------------------------------- */

static rmseg_status lay_out(sheet *t, bool legend)
{
    double shortest = INFINITY, longest = 0;
    for (int world = 0; world < 3; world++) {
        t->voxels[world] = t->s->end[t->o->axis[world]] - t->s->first[t->o->axis[world]];
        shortest = fmin(shortest, t->o->spacing[world]);
        longest = fmax(longest, t->o->spacing[world] * (double)t->voxels[world]);
    }
    double scale = isnan(t->s->scale) ? LONGEST / longest : t->s->scale / shortest;
    for (int world = 0; world < 3; world++) {
        double pixels = t->o->spacing[world] * (double)t->voxels[world] * scale;
        if (pixels > MOST_PIXELS)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                              "a side of the slices would have %.0f pixels, at most %d are drawn: "
                              "give a smaller --scale",
                              pixels, MOST_PIXELS);
        t->pixels[world] = pixels < 1 ? 1 : llround(pixels);
    }
    int64_t height = 0, x = MARGIN;
    for (int which = 0; which < 3; which++) {
        int64_t rows = t->pixels[planes[which].down];
        if (rows > height) height = rows;
    }
    for (int which = 0; which < 3; which++) {
        t->left[which] = x;
        t->top[which] = STRIP + (height - t->pixels[planes[which].down]) / 2;
        x += t->pixels[planes[which].right] + MARGIN;
    }
    return rmseg_image_create(&t->picture, RMSEG_U8, 3, (int64_t[]){1, STRIP + height + (legend ? STRIP : MARGIN), x});
}

rmseg_status rmseg_slices_picture(rmseg_image **picture, const rmseg_image *image, const rmseg_image *prediction,
                                  const rmseg_image *truth, const rmseg_orientation *orientation,
                                  const rmseg_slices *slices)
{
    sheet t = {.o = orientation, .s = slices};
    RMSEG_TRY(lay_out(&t, prediction || truth));
    rmseg_status status = RMSEG_OK;
    for (int which = 0; which < 3 && !status; which++) status = draw_panel(&t, which, image, prediction, truth);
    if (!status) status = mark(&t);
    if (!status) status = write_captions(&t, prediction, truth);
    if (status)
        rmseg_image_destroy(t.picture);
    else
        *picture = t.picture;
    return status;
}

/* ---- window ------------------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sampling meets all columns of a row when its stride has no divisor in common with their number. */
static bool share_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a > 1;
}

rmseg_status rmseg_slices_window(double *low, double *high, const rmseg_image *image, const double percent[2])
{
    int64_t voxels = rmseg_image_voxels(image), stride = 1 + (voxels - 1) / SAMPLES, count = 0;
    while (share_divisor(stride, image->size[2])) stride++;
    double *values = rmseg_alloc(1 + (voxels - 1) / stride, sizeof *values);
    if (!values) return RMSEG_ERROR_MEMORY;
    int64_t width = image->size[2], height = image->size[1];
    for (int64_t i = 0; i < voxels; i += stride) {
        double value = rmseg_image_value(image, 0, i / width / height, i / width % height, i % width);
        if (isfinite(value)) values[count++] = value;
    }
    qsort(values, (size_t)count, sizeof *values, compare);
    *low = count ? values[llround(percent[0] / 100 * (double)(count - 1))] : 0;
    *high = count ? values[llround(percent[1] / 100 * (double)(count - 1))] : 1;
    if (!(*high > *low)) *high = *low + fmax(1, fabs(*low));
    rmseg_free(values);
    return RMSEG_OK;
}
