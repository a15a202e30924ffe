/*
 * report/overlay.c - contours of truth and prediction on an image, as in Fig. 2 of the paper; pictures side by side.
 */
#include "report/canvas.h"

#include <math.h>
#include <string.h>

static const rmseg_rgb truth_green = {60, 230, 80}, prediction_blue = {70, 130, 255};

/* Draws the outline of every label value. Neighbouring labels share a line, so nested and separate regions both come
 * out right. */
static rmseg_status draw_labels(rmseg_image *canvas, const rmseg_image *label, rmseg_rgb colour, double line_width)
{
    int64_t height = label->size[1], width = label->size[2], pixels = height * width;
    int64_t most = 0;
    for (int64_t i = 0; i < pixels; i++) {
        int64_t value = (int64_t)rmseg_image_value(label, 0, 0, i / width, i % width);
        if (value > most) most = value;
    }
    uint8_t *mask = rmseg_alloc(pixels, 1);
    if (!mask) return RMSEG_ERROR_MEMORY;
    rmseg_status status = RMSEG_OK;
    for (int64_t value = 1; value <= most && status == RMSEG_OK; value++) {
        bool any = false;
        for (int64_t i = 0; i < pixels; i++) {
            mask[i] = (int64_t)rmseg_image_value(label, 0, 0, i / width, i % width) == value;
            any = any || mask[i];
        }
        if (!any) continue;
        rmseg_contours contours = {0};
        status = rmseg_contours_trace(&contours, mask, height, width);
        if (status == RMSEG_OK) status = rmseg_canvas_draw(canvas, &contours, height, width, colour, line_width);
        rmseg_contours_destroy(&contours);
    }
    rmseg_free(mask);
    return status;
}

rmseg_status rmseg_overlay(rmseg_image **picture, const rmseg_image *image, const rmseg_image *prediction,
                           const rmseg_image *truth, double scale)
{
    if (image->size[0] != 1)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "overlay: the image has %lld slices, expected one (a 2D image)",
                          (long long)image->size[0]);
    int64_t height = llround((double)image->size[1] * scale), width = llround((double)image->size[2] * scale);
    double line_width = fmax(1.5, 0.004 * (double)(height < width ? height : width));
    rmseg_image *canvas = NULL;
    RMSEG_TRY(rmseg_canvas_create(&canvas, image, height, width));
    rmseg_status status = RMSEG_OK;
    if (truth) status = draw_labels(canvas, truth, truth_green, line_width);
    if (status == RMSEG_OK && prediction) status = draw_labels(canvas, prediction, prediction_blue, line_width);
    if (status == RMSEG_OK)
        *picture = canvas;
    else
        rmseg_image_destroy(canvas);
    return status;
}

static void place(rmseg_image *sheet, const rmseg_image *picture, int64_t top, int64_t left)
{
    int64_t height = picture->size[1], width = picture->size[2];
    for (int64_t c = 0; c < 3; c++)
        for (int64_t y = 0; y < height; y++) {
            const uint8_t *from = (const uint8_t *)picture->data + (c * height + y) * width;
            uint8_t *to = (uint8_t *)sheet->data + (c * sheet->size[1] + top + y) * sheet->size[2] + left;
            memcpy(to, from, (size_t)width);
        }
}

rmseg_status rmseg_contact_sheet(rmseg_image **picture, const rmseg_image *const *pictures, int64_t count,
                                 int64_t columns, int64_t gap)
{
    int64_t height = pictures[0]->size[1], width = pictures[0]->size[2], rows = (count + columns - 1) / columns;
    for (int64_t i = 0; i < count; i++)
        if (pictures[i]->dtype != RMSEG_U8 || pictures[i]->channels != 3 || pictures[i]->size[1] != height ||
            pictures[i]->size[2] != width)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                              "contact sheet: picture %lld is not an 8-bit RGB picture of the first one's size",
                              (long long)i);
    const int64_t size[3] = {1, rows * (height + gap) - gap, columns * (width + gap) - gap};
    rmseg_image *sheet = NULL;
    RMSEG_TRY(rmseg_image_create(&sheet, RMSEG_U8, 3, size));
    memset(sheet->data, 255, (size_t)(3 * size[1] * size[2]));
    for (int64_t i = 0; i < count; i++)
        place(sheet, pictures[i], i / columns * (height + gap), i % columns * (width + gap));
    *picture = sheet;
    return RMSEG_OK;
}
