/*
 * data/filter.h - what is done to the values of a patch (D,H,W) after it was read.
 */
#ifndef DATA_FILTER_H
#define DATA_FILTER_H

#include "core/core.h"

/* Voxels that a Gaussian of this sigma reaches to each side: 4 sigma, as SciPy. */
static inline int64_t rmseg_blur_reach(double sigma) { return (int64_t)(4 * sigma + 0.5); }

/* scipy.ndimage.gaussian_filter(mode="nearest"). `spare`: as many floats; `line`: the largest extent + 3 times the
 * largest reach + 1. */
void rmseg_filter_blur(float *values, float *spare, float *line, const int64_t size[3], const double sigma[3]);

/* Each axis to max(1, round(share n)) voxels, the nearest, and back, linear: scipy.ndimage.zoom of order 0, then 1, with
 * grid_mode=True and mode="nearest". */
void rmseg_filter_lowres(float *values, float *spare, const int64_t size[3], const double share[3]);

/* Adds sd times a normal number to each voxel that is inside; voxel i takes number first + i of the stream: block
 * (first + i) / 4, words (u, v) and (u', v') of it, sqrt(-2 ln(1 - u)) times cos(2 pi v), then sin(2 pi v). `first` is a
 * multiple of 4. */
void rmseg_filter_noise(float *values, const uint8_t *inside, int64_t count, int64_t first, double sd,
                        const rmseg_random *stream);

#endif
