/*
 * report/weights_picture.c - how hard an objective pulls each pixel: a map in colours, the truth's contour, a scale.
 *
 * One scale for all pictures: white is no pull, red the strongest one towards the truth, blue as strong a one away from
 * it; grey is ignored.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/canvas.h"
#include "report/lettering.h"
#include "report/report.h"

enum { PANEL = 224, MARGIN = 8, BAR = 12, NUMBERS = 62, CAPTION = 20, LETTER = 9 };

/* Colour of t from -1 to 1. */
static void colour_of(uint8_t rgb[3], double t)
{
    static const double anchors[5][3] = {
        {33, 102, 172}, {146, 197, 222}, {255, 255, 255}, {244, 165, 130}, {178, 24, 43}};
    double place = 2 * (fmin(fmax(t, -1), 1) + 1);
    int below = place < 4 ? (int)place : 3;
    for (int c = 0; c < 3; c++) {
        double mixed = anchors[below][c] + (place - below) * (anchors[below + 1][c] - anchors[below][c]);
        rgb[c] = isnan(t) ? 160 : (uint8_t)lrint(mixed);
    }
}

static void set_pixel(rmseg_image *image, int64_t pixel, const uint8_t rgb[3])
{
    for (int c = 0; c < 3; c++) ((uint8_t *)image->data)[c * rmseg_image_voxels(image) + pixel] = rgb[c];
}

typedef struct range {
    double low, high, most; /* most: the larger of the two without their signs, never 0 */
} range;

static range range_of(const double *values, int64_t count)
{
    range r = {0, 0, 1};
    for (int64_t i = 0; i < count; i++) {
        if (values[i] < r.low) r.low = values[i];
        if (values[i] > r.high) r.high = values[i];
    }
    double most = fmax(-r.low, r.high);
    if (most > 0) r.most = most;
    return r;
}

/* The map with the truth's contour, its longer side PANEL pixels. */
static rmseg_status draw_panel(rmseg_image **panel, const rmseg_image *weights, const range *r)
{
    const double *value = weights->data;
    int64_t pixels = rmseg_image_voxels(weights);
    rmseg_image *map = NULL, *truth = NULL;
    rmseg_status status = rmseg_image_create(&map, RMSEG_U8, 3, weights->size);
    if (!status) status = rmseg_image_create(&truth, RMSEG_U8, 1, weights->size);
    for (int64_t i = 0; i < pixels && !status; i++) {
        uint8_t rgb[3];
        colour_of(rgb, value[i] / r->most);
        set_pixel(map, i, rgb);
        ((uint8_t *)truth->data)[i] = value[pixels + i] > 0;
    }
    int64_t longest = weights->size[1] > weights->size[2] ? weights->size[1] : weights->size[2];
    if (!status) status = rmseg_overlay(panel, map, NULL, truth, (double)PANEL / (double)longest);
    rmseg_image_destroy(map);
    rmseg_image_destroy(truth);
    return status;
}

static void write_number(rmseg_pen *pen, double value, double x, double y)
{
    char text[32];
    snprintf(text, sizeof text, "%.3g", value);
    rmseg_pen_text(pen, text, x, y, LETTER);
}

/* The colours between the smallest and the largest weight, with these and 0 beside them. */
static void draw_bar(rmseg_image *sheet, rmseg_pen *pen, const range *r, int64_t top, int64_t left, int64_t height)
{
    double span = r->high > r->low ? r->high - r->low : 1;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < BAR; x++) {
            uint8_t rgb[3];
            colour_of(rgb, (r->high - span * (double)y / (double)(height - 1)) / r->most);
            set_pixel(sheet, (top + y) * sheet->size[2] + left + x, rgb);
        }
    double x0 = (double)left, x1 = x0 + BAR, y0 = (double)top, y1 = (double)(top + height - 1), text = x1 + 5;
    rmseg_pen_line(pen, x0, y0, x1, y0);
    rmseg_pen_line(pen, x1, y0, x1, y1);
    rmseg_pen_line(pen, x1, y1, x0, y1);
    rmseg_pen_line(pen, x0, y1, x0, y0);
    write_number(pen, r->high, text, y0 + LETTER);
    write_number(pen, r->low, text, y1);
    double zero = y0 + r->high / span * (y1 - y0);
    if (zero < y0 + 3 * LETTER || zero > y1 - 3 * LETTER) return;
    rmseg_pen_line(pen, x0, zero, x1 + 2, zero);
    write_number(pen, 0, text, zero + LETTER / 2.0);
}

/* As large as it fits, up to LETTER. */
static void write_caption(rmseg_pen *pen, const char *caption, double width)
{
    double height = LETTER, needed = rmseg_text_width(caption, LETTER);
    if (needed > width) height *= width / needed;
    rmseg_pen_text(pen, caption, MARGIN, CAPTION - 4, height);
}

static rmseg_status assemble(rmseg_image **sheet, const rmseg_image *panel, const range *r, const char *caption)
{
    int64_t height = panel->size[1], width = panel->size[2], bar_height = height < 60 ? 60 : height;
    const int64_t size[3] = {1, CAPTION + bar_height + 2 * MARGIN, width + 3 * MARGIN + BAR + NUMBERS};
    rmseg_pen pen = {0};
    RMSEG_TRY(rmseg_image_create(sheet, RMSEG_U8, 3, size));
    memset((*sheet)->data, 255, (size_t)(3 * size[1] * size[2]));
    rmseg_canvas_place(*sheet, panel, CAPTION + MARGIN, MARGIN);
    RMSEG_TRY(rmseg_pen_begin(&pen, *sheet, 1.2));
    draw_bar(*sheet, &pen, r, CAPTION + MARGIN, 2 * MARGIN + width, bar_height);
    write_caption(&pen, caption, (double)(size[2] - 2 * MARGIN));
    rmseg_pen_end(&pen, rmseg_ink);
    return RMSEG_OK;
}

rmseg_status rmseg_weights_picture(rmseg_image **picture, const rmseg_image *weights, const char *caption)
{
    if (weights->dtype != RMSEG_F64 || weights->channels != 2 || weights->size[0] != 1)
        return rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "picture of weights: expected one slice of two channels in double, the weights and the truth");
    rmseg_image *panel = NULL, *sheet = NULL;
    range r = range_of(weights->data, rmseg_image_voxels(weights));
    RMSEG_TRY(draw_panel(&panel, weights, &r));
    rmseg_status status = assemble(&sheet, panel, &r, caption);
    rmseg_image_destroy(panel);
    if (status)
        rmseg_image_destroy(sheet);
    else
        *picture = sheet;
    return status;
}
