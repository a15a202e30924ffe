/*
 * rmseg/report.h - pictures and tables of results.
 *                                                                              tier: may change before 1.0
 */
#ifndef RMSEG_REPORT_H
#define RMSEG_REPORT_H

#include "rmseg/core.h"
#include "rmseg/image.h"
#include "rmseg/metric.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An RGB picture of a 2D image with the contours of truth (green) and prediction (blue) as in Fig. 2 of the paper, one
 * line per label value (region), drawn smooth. Masks are label images on any grid of the same field of view; either may
 * be NULL. scale: pixels of the picture per pixel of the image. Errors: unsupported (a volume), argument (a mask of
 * more than 255 values), memory. */
RMSEG_API rmseg_status rmseg_overlay(rmseg_image **picture, const rmseg_image *image, const rmseg_image *prediction,
                                     const rmseg_image *truth, double scale);

/* Pictures side by side and below each other (columns a row), all 8-bit RGB and of one size, `gap` pixels of white
 * between. captions: a line of text above each row, or NULL for none. */
RMSEG_API rmseg_status rmseg_contact_sheet(rmseg_image **picture, const rmseg_image *const *pictures, int64_t count,
                                           int64_t columns, int64_t gap, const char *const *captions);

/* One picture file: IMAGE with the contours of options pred and truth (`rmseg show --help` lists the options). */
RMSEG_API rmseg_status rmseg_show_options_create(rmseg_options **options);
RMSEG_API rmseg_status rmseg_show(const rmseg_options *options, const char *image);

/* The aggregates as a text table for a terminal: class, metric, mean, sd, median, 95 % interval, valid/n, empty. Owned;
 * rmseg_text_free. */
RMSEG_API rmseg_status rmseg_results_table(char **text, const rmseg_results *results);

#ifdef __cplusplus
}
#endif
#endif
