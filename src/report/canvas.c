/*
 * report/canvas.c - a picture and the smooth lines on it.
 */
#include "report/canvas.h"

#include <math.h>
#include <string.h>

const rmseg_rgb rmseg_truth_green = {60, 230, 80}, rmseg_prediction_blue = {70, 130, 255}, rmseg_ink = {40, 40, 40};

typedef struct range {
    float low, high;
} range;

static range range_of(const float *values, int64_t count)
{
    range r = {INFINITY, -INFINITY};
    for (int64_t i = 0; i < count; i++) {
        if (values[i] < r.low) r.low = values[i];
        if (values[i] > r.high) r.high = values[i];
    }
    return r;
}

/* Values to bytes, `r` becoming 0..255; what is not a number becomes 0. */
static void to_bytes(uint8_t *to, const float *from, int64_t count, range r)
{
    float scale = r.high > r.low ? 255.0f / (r.high - r.low) : 0.0f;
    for (int64_t i = 0; i < count; i++) {
        float value = (from[i] - r.low) * scale;
        to[i] = value > 0 ? (uint8_t)lrintf(fminf(value, 255.0f)) : 0;
    }
}

rmseg_status rmseg_canvas_create(rmseg_image **canvas, const rmseg_image *image, int64_t height, int64_t width)
{
    const int64_t size[3] = {1, height, width}, grid[3] = {image->size[0], height, width};
    bool enlarges = height >= image->size[1] && width >= image->size[2];
    rmseg_image *values = NULL, *resized = NULL, *picture = NULL;
    RMSEG_TRY(rmseg_image_convert(&values, image, RMSEG_F32));
    rmseg_status status = rmseg_image_resample(&resized, values, grid, enlarges ? RMSEG_NEAREST : RMSEG_LINEAR);
    rmseg_image_destroy(values);
    if (status == RMSEG_OK) status = rmseg_image_create(&picture, RMSEG_U8, 3, size);
    for (int64_t c = 0; c < 3 && status == RMSEG_OK; c++) {
        int64_t channel = image->channels >= 3 ? c : 0;
        const float *from = (const float *)resized->data + channel * rmseg_image_voxels(resized);
        range r = image->dtype == RMSEG_U8 ? (range){0, 255} : range_of(from, height * width);
        to_bytes((uint8_t *)picture->data + c * height * width, from, height * width, r);
    }
    rmseg_image_destroy(resized);
    if (status == RMSEG_OK) *canvas = picture;
    return status;
}

void rmseg_canvas_place(rmseg_image *canvas, const rmseg_image *picture, int64_t top, int64_t left)
{
    int64_t height = picture->size[1], width = picture->size[2];
    for (int64_t row = 0; row < 3 * height; row++) {
        int64_t to = (row / height * canvas->size[1] + top + row % height) * canvas->size[2] + left;
        memcpy((uint8_t *)canvas->data + to, (const uint8_t *)picture->data + row * width, (size_t)width);
    }
}

/* ---- pen --------------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_pen_begin(rmseg_pen *pen, rmseg_image *canvas, double line_width)
{
    *pen = (rmseg_pen){canvas, rmseg_alloc(rmseg_image_voxels(canvas), sizeof *pen->coverage), line_width / 2};
    return pen->coverage ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static double distance_to_segment(double x, double y, double x0, double y0, double x1, double y1)
{
    double dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
    double t = length > 0 ? ((x - x0) * dx + (y - y0) * dy) / length : 0;
    t = fmin(fmax(t, 0), 1);
    return hypot(x - x0 - t * dx, y - y0 - t * dy);
}

static int64_t clamp(double value, int64_t high)
{
    return value < 0 ? 0 : value > (double)high ? high : (int64_t)value;
}

void rmseg_pen_line(rmseg_pen *pen, double x0, double y0, double x1, double y1)
{
    int64_t height = pen->canvas->size[1], width = pen->canvas->size[2];
    double reach = pen->radius + 1;
    int64_t left = clamp(fmin(x0, x1) - reach, width - 1), right = clamp(fmax(x0, x1) + reach, width - 1);
    int64_t top = clamp(fmin(y0, y1) - reach, height - 1), bottom = clamp(fmax(y0, y1) + reach, height - 1);
    for (int64_t y = top; y <= bottom; y++)
        for (int64_t x = left; x <= right; x++) {
            double covered = pen->radius + 0.5 - distance_to_segment((double)x, (double)y, x0, y0, x1, y1);
            float *at = pen->coverage + y * width + x;
            if (covered > *at) *at = (float)fmin(covered, 1);
        }
}

void rmseg_pen_end(rmseg_pen *pen, rmseg_rgb colour)
{
    const uint8_t value[3] = {colour.r, colour.g, colour.b};
    int64_t pixels = rmseg_image_voxels(pen->canvas);
    for (int c = 0; c < 3; c++) {
        uint8_t *plane = (uint8_t *)pen->canvas->data + c * pixels;
        for (int64_t i = 0; i < pixels; i++) {
            float covered = pen->coverage[i];
            if (covered > 0) plane[i] = (uint8_t)lrintf((1 - covered) * plane[i] + covered * value[c]);
        }
    }
    rmseg_free(pen->coverage);
    pen->coverage = NULL;
}
