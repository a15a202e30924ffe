/*
 * report/overlay.c - contours of truth and prediction on an image, as in Fig. 2 of the paper; pictures side by side.
 */
#include <math.h>
#include <string.h>

#include "field/field.h"
#include "report/canvas.h"
#include "report/lettering.h"
#include "report/report.h"

enum { MOST_LABELS = 255 };

/* Point i of a closed polyline of n points after one smoothing step (1/4, 1/2, 1/4), stretched to the canvas. */
static void smooth_point(double point[2], const double *xy, int64_t n, int64_t i, const double scale[2])
{
    const double *before = xy + 2 * ((i + n - 1) % n), *here = xy + 2 * (i % n), *after = xy + 2 * ((i + 1) % n);
    for (int k = 0; k < 2; k++) point[k] = (0.25 * before[k] + 0.5 * here[k] + 0.25 * after[k] + 0.5) * scale[k] - 0.5;
}

static void draw_contours(rmseg_pen *pen, const rmseg_contours *contours, const double scale[2])
{
    for (int64_t line = 0; line < contours->count; line++) {
        const double *xy = contours->xy + 2 * contours->first[line];
        int64_t n = contours->first[line + 1] - contours->first[line];
        double from[2], to[2];
        smooth_point(from, xy, n, 0, scale);
        for (int64_t i = 1; i <= n; i++) {
            smooth_point(to, xy, n, i, scale);
            rmseg_pen_line(pen, from[0], from[1], to[0], to[1]);
            memcpy(from, to, sizeof from);
        }
    }
}

/* The smallest value of a label image above `value`; `value` itself when there is none. */
static double next_value(const rmseg_image *label, double value)
{
    int64_t width = label->size[2], pixels = label->size[1] * width;
    double next = INFINITY;
    for (int64_t i = 0; i < pixels; i++) {
        double here = rmseg_image_value(label, 0, 0, i / width, i % width);
        if (here > value && here < next) next = here;
    }
    return isinf(next) ? value : next;
}

static rmseg_status draw_value(rmseg_pen *pen, uint8_t *mask, const rmseg_image *label, double value)
{
    int64_t height = label->size[1], width = label->size[2];
    const double scale[2] = {(double)pen->canvas->size[2] / (double)width,
                             (double)pen->canvas->size[1] / (double)height};
    for (int64_t i = 0; i < height * width; i++)
        mask[i] = rmseg_image_value(label, 0, 0, i / width, i % width) == value;
    rmseg_contours contours = {0};
    RMSEG_TRY(rmseg_contours_trace(&contours, mask, height, width));
    draw_contours(pen, &contours, scale);
    rmseg_contours_destroy(&contours);
    return RMSEG_OK;
}

/* The outline of every label value. Neighbouring labels share a line, so nested and separate regions both come out
 * right. */
static rmseg_status draw_labels(rmseg_image *canvas, const rmseg_image *label, rmseg_rgb colour, double line_width)
{
    rmseg_pen pen = {0};
    RMSEG_TRY(rmseg_pen_begin(&pen, canvas, line_width));
    uint8_t *mask = rmseg_alloc(label->size[1] * label->size[2], 1);
    rmseg_status status = mask ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    int count = 0;
    for (double last = 0, value; status == RMSEG_OK && (value = next_value(label, last)) > last; last = value) {
        if (count++ == MOST_LABELS)
            status = rmseg_fail(
                RMSEG_ERROR_ARGUMENT,
                "overlay: a mask has more than %d values, so it is no label image; a soft map needs a threshold",
                MOST_LABELS);
        else
            status = draw_value(&pen, mask, label, value);
    }
    rmseg_free(mask);
    rmseg_pen_end(&pen, colour);
    return status;
}

rmseg_status rmseg_overlay(rmseg_image **picture, const rmseg_image *image, const rmseg_image *prediction,
                           const rmseg_image *truth, double scale)
{
    if (image->size[0] != 1)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "overlay: the image has %lld slices, expected one (a 2D image)",
                          (long long)image->size[0]);
    int64_t height = llround((double)image->size[1] * scale), width = llround((double)image->size[2] * scale);
    double line_width = fmax(1.5, 0.005 * (double)(height < width ? height : width));
    rmseg_image *canvas = NULL;
    RMSEG_TRY(rmseg_canvas_create(&canvas, image, height, width));
    rmseg_status status = RMSEG_OK;
    if (truth) status = draw_labels(canvas, truth, rmseg_truth_green, line_width);
    if (status == RMSEG_OK && prediction) status = draw_labels(canvas, prediction, rmseg_prediction_blue, line_width);
    if (status == RMSEG_OK)
        *picture = canvas;
    else
        rmseg_image_destroy(canvas);
    return status;
}

/* ---- contact sheet ----------------------------------------------------------------------------------------------- */

static rmseg_status check_alike(const rmseg_image *const *pictures, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (pictures[i]->dtype != RMSEG_U8 || pictures[i]->channels != 3 ||
            memcmp(pictures[i]->size, pictures[0]->size, sizeof pictures[i]->size) != 0)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                              "contact sheet: picture %lld is not an 8-bit RGB picture of the first one's size",
                              (long long)i);
    return RMSEG_OK;
}

/* Each row is `step` pixels high; its caption stands in the upper `strip` of them. */
static rmseg_status write_captions(rmseg_image *sheet, const char *const *captions, int64_t rows, int64_t step,
                                   int64_t strip)
{
    double height = 0.45 * (double)strip;
    rmseg_pen pen = {0};
    RMSEG_TRY(rmseg_pen_begin(&pen, sheet, height / 8));
    for (int64_t row = 0; row < rows; row++)
        rmseg_pen_text(&pen, captions[row], height / 4, (double)(row * step) + 0.7 * (double)strip, height);
    rmseg_pen_end(&pen, rmseg_ink);
    return RMSEG_OK;
}

rmseg_status rmseg_contact_sheet(rmseg_image **picture, const rmseg_image *const *pictures, int64_t count,
                                 int64_t columns, int64_t gap, const char *const *captions)
{
    if (count < 1 || columns < 1 || gap < 0)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "contact sheet: got %lld pictures in %lld columns, %lld pixels apart",
                          (long long)count, (long long)columns, (long long)gap);
    RMSEG_TRY(check_alike(pictures, count));
    int64_t height = pictures[0]->size[1], width = pictures[0]->size[2], rows = (count + columns - 1) / columns;
    int64_t strip = captions ? height / 8 : 0, step = strip + height + gap;
    const int64_t size[3] = {1, rows * step - gap, columns * (width + gap) - gap};
    rmseg_image *sheet = NULL;
    RMSEG_TRY(rmseg_image_create(&sheet, RMSEG_U8, 3, size));
    memset(sheet->data, 255, (size_t)(3 * size[1] * size[2]));
    for (int64_t i = 0; i < count; i++)
        rmseg_canvas_place(sheet, pictures[i], i / columns * step + strip, i % columns * (width + gap));
    rmseg_status status = captions ? write_captions(sheet, captions, rows, step, strip) : RMSEG_OK;
    if (status == RMSEG_OK)
        *picture = sheet;
    else
        rmseg_image_destroy(sheet);
    return status;
}
