/*
 * report/canvas.h - an RGB picture to draw smooth lines on.
 */
#ifndef REPORT_CANVAS_H
#define REPORT_CANVAS_H

#include "core/core.h"
#include "field/field.h"
#include "image/image.h"
#include "report/report.h"

typedef struct rmseg_rgb {
    uint8_t r, g, b;
} rmseg_rgb;

/* An 8-bit RGB picture of the first slice of an image: grey is repeated, other types than U8 are stretched from their
 * minimum and maximum to 0..255. height, width are the picture's; the image is resampled to them. */
rmseg_status rmseg_canvas_create(rmseg_image **canvas, const rmseg_image *image, int64_t height, int64_t width);

/* Draws closed polylines, antialiased. (x, y) on the mask's grid of mask_height x mask_width is stretched to the
 * canvas. */
rmseg_status rmseg_canvas_draw(rmseg_image *canvas, const rmseg_contours *contours, int64_t mask_height,
                               int64_t mask_width, rmseg_rgb colour, double line_width);

#endif
