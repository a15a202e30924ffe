/*
 * report/slices.h - three orthogonal slices of a volume side by side, with contours.
 */
#ifndef REPORT_SLICES_H
#define REPORT_SLICES_H

#include "report/orientation.h"

typedef struct rmseg_slices {
    int64_t at[3];            /* the voxel (d, h, w) that all three go through */
    int64_t first[3], end[3]; /* the part of the volume that is drawn; `at` lies in it */
    bool nothing[2];          /* no voxel is set in the truth, in the prediction: the legend says so */
    double low, high;         /* the values that become black and white; low < high */
    double scale;             /* pixels per shortest voxel side; NaN: the longest side of the part is 400 pixels */
} rmseg_slices;

/* Axial, coronal and sagittal slice in one scale and in their true proportions, turned as `orientation` says; the values
 * are interpolated linearly. Truth green, prediction blue, either may be NULL; both have the image's grid. Ticks at the
 * edges show where the other slices lie; letters say which way is which where that is known. Errors: argument (a picture
 * of more than 2^14 pixels along a side, a mask of more than 255 values), memory. */
rmseg_status rmseg_slices_picture(rmseg_image **picture, const rmseg_image *image, const rmseg_image *prediction,
                                  const rmseg_image *truth, const rmseg_orientation *orientation,
                                  const rmseg_slices *slices);

/* The values below which `percent[0]` and `percent[1]` of a volume's finite values lie, of a million of them evenly taken
 * where it has more; at least apart. Errors: memory. */
rmseg_status rmseg_slices_window(double *low, double *high, const rmseg_image *image, const double percent[2]);

#endif
