/*
 * report/canvas.h - an RGB picture (U8, 3 channels, one slice) and a pen that draws smooth lines on it.
 *
 * Coordinates are those of pixel centres, x = column, y = row.
 */
#ifndef REPORT_CANVAS_H
#define REPORT_CANVAS_H

#include "core/core.h"
#include "image/image.h"

typedef struct rmseg_rgb {
    uint8_t r, g, b;
} rmseg_rgb;

extern const rmseg_rgb rmseg_truth_green, rmseg_prediction_blue, rmseg_ink; /* contours, and letters on white */

/* A picture of the first slice of an image, height x width pixels: enlarged, its pixels stay what they are, shrunk,
 * they are averaged; grey is repeated, other types than U8 are stretched from their smallest and largest value to
 * 0..255. */
rmseg_status rmseg_canvas_create(rmseg_image **canvas, const rmseg_image *image, int64_t height, int64_t width);

/* Copies an RGB picture into a larger one, its upper left pixel to (top, left). */
void rmseg_canvas_place(rmseg_image *canvas, const rmseg_image *picture, int64_t top, int64_t left);

/* Lines that are laid on together: first drawn into a map of coverage, keeping the largest value at each pixel, then
 * coloured once. So joints and overlaps of half-covered pixels come out even. */
typedef struct rmseg_pen {
    rmseg_image *canvas;
    float *coverage; /* (H,W), 0..1 */
    double radius;   /* half the line's width, pixels */
} rmseg_pen;

rmseg_status rmseg_pen_begin(rmseg_pen *pen, rmseg_image *canvas, double line_width);
void rmseg_pen_line(rmseg_pen *pen, double x0, double y0, double x1, double y1);
void rmseg_pen_end(rmseg_pen *pen, rmseg_rgb colour); /* colours the lines and frees the pen's memory */

#endif
