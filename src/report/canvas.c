/*
 * report/canvas.c - a picture and the smooth lines on it.
 *
 * A contour is first drawn into a map of coverage, segment by segment, keeping the largest value at each pixel; the
 * colour is laid on once at the end. So joints and overlaps of half-covered pixels come out even.
 */
#include "report/canvas.h"

#include <math.h>

static void stretch(uint8_t *to, const rmseg_image *image, int64_t channel)
{
    int64_t pixels = image->size[1] * image->size[2];
    const float *from = (const float *)image->data + channel * image->size[0] * pixels;
    float low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < pixels; i++) {
        if (from[i] < low) low = from[i];
        if (from[i] > high) high = from[i];
    }
    float scale = high > low ? 255.0f / (high - low) : 0.0f;
    for (int64_t i = 0; i < pixels; i++) to[i] = (uint8_t)lrintf((from[i] - low) * scale);
}

static void round_to_bytes(uint8_t *to, const rmseg_image *image, int64_t channel)
{
    int64_t pixels = image->size[1] * image->size[2];
    const float *from = (const float *)image->data + channel * image->size[0] * pixels;
    for (int64_t i = 0; i < pixels; i++) to[i] = (uint8_t)lrintf(fminf(fmaxf(from[i], 0.0f), 255.0f));
}

rmseg_status rmseg_canvas_create(rmseg_image **canvas, const rmseg_image *image, int64_t height, int64_t width)
{
    const int64_t size[3] = {1, height, width}, grid[3] = {image->size[0], height, width};
    rmseg_image *resized = NULL, *picture = NULL;
    RMSEG_TRY(rmseg_image_resample(&resized, image, grid, RMSEG_LINEAR));
    rmseg_status status = rmseg_image_create(&picture, RMSEG_U8, 3, size);
    for (int64_t c = 0; c < 3 && status == RMSEG_OK; c++) {
        int64_t from = image->channels >= 3 ? c : 0;
        uint8_t *plane = (uint8_t *)picture->data + c * height * width;
        if (image->dtype == RMSEG_U8)
            round_to_bytes(plane, resized, from);
        else
            stretch(plane, resized, from);
    }
    rmseg_image_destroy(resized);
    if (status == RMSEG_OK) *canvas = picture;
    return status;
}

/* Distance of the point p to the segment a-b. */
static double distance_to_segment(double px, double py, const double a[2], const double b[2])
{
    double dx = b[0] - a[0], dy = b[1] - a[1], length = dx * dx + dy * dy;
    double t = length > 0 ? ((px - a[0]) * dx + (py - a[1]) * dy) / length : 0;
    t = fmin(fmax(t, 0), 1);
    return hypot(px - a[0] - t * dx, py - a[1] - t * dy);
}

static int64_t clamp(double value, int64_t high)
{
    int64_t whole = (int64_t)floor(value);
    return whole < 0 ? 0 : whole > high ? high : whole;
}

static void cover_segment(float *coverage, int64_t height, int64_t width, const double a[2], const double b[2],
                          double radius)
{
    int64_t x0 = clamp(fmin(a[0], b[0]) - radius - 1, width - 1), x1 = clamp(fmax(a[0], b[0]) + radius + 1, width - 1);
    int64_t y0 = clamp(fmin(a[1], b[1]) - radius - 1, height - 1),
            y1 = clamp(fmax(a[1], b[1]) + radius + 1, height - 1);
    for (int64_t y = y0; y <= y1; y++)
        for (int64_t x = x0; x <= x1; x++) {
            double part = radius + 0.5 - distance_to_segment((double)x, (double)y, a, b);
            float *at = coverage + y * width + x;
            if (part > *at) *at = (float)fmin(part, 1);
        }
}

/* Point i of a closed polyline of n points after one smoothing step (1/4, 1/2, 1/4), in canvas coordinates. */
static void smooth_point(double point[2], const double *xy, int64_t n, int64_t i, double scale_x, double scale_y)
{
    const double *before = xy + 2 * ((i + n - 1) % n), *here = xy + 2 * (i % n), *after = xy + 2 * ((i + 1) % n);
    double x = 0.25 * before[0] + 0.5 * here[0] + 0.25 * after[0],
           y = 0.25 * before[1] + 0.5 * here[1] + 0.25 * after[1];
    point[0] = (x + 0.5) * scale_x - 0.5;
    point[1] = (y + 0.5) * scale_y - 0.5;
}

static void lay_on(rmseg_image *canvas, const float *coverage, rmseg_rgb colour)
{
    const uint8_t value[3] = {colour.r, colour.g, colour.b};
    int64_t pixels = canvas->size[1] * canvas->size[2];
    for (int c = 0; c < 3; c++) {
        uint8_t *plane = (uint8_t *)canvas->data + c * pixels;
        for (int64_t i = 0; i < pixels; i++)
            if (coverage[i] > 0) plane[i] = (uint8_t)lrintf((1 - coverage[i]) * plane[i] + coverage[i] * value[c]);
    }
}

rmseg_status rmseg_canvas_draw(rmseg_image *canvas, const rmseg_contours *contours, int64_t mask_height,
                               int64_t mask_width, rmseg_rgb colour, double line_width)
{
    int64_t height = canvas->size[1], width = canvas->size[2];
    double scale_y = (double)height / (double)mask_height, scale_x = (double)width / (double)mask_width;
    float *coverage = rmseg_alloc(height * width, sizeof *coverage);
    if (!coverage) return RMSEG_ERROR_MEMORY;
    for (int64_t line = 0; line < contours->count; line++) {
        const double *xy = contours->xy + 2 * contours->first[line];
        int64_t n = contours->first[line + 1] - contours->first[line];
        double from[2], to[2];
        smooth_point(from, xy, n, 0, scale_x, scale_y);
        for (int64_t i = 1; i <= n; i++) {
            smooth_point(to, xy, n, i, scale_x, scale_y);
            cover_segment(coverage, height, width, from, to, line_width / 2);
            from[0] = to[0];
            from[1] = to[1];
        }
    }
    lay_on(canvas, coverage, colour);
    rmseg_free(coverage);
    return RMSEG_OK;
}
