/*
 * run/npy.h - NumPy's file format, version 1.0, for probabilities.
 */
#ifndef RUN_NPY_H
#define RUN_NPY_H

#include "image/image.h"

/* Writes an F32 image as float32 of shape (K,H,W), or (K,D,H,W) where D > 1. Atomic. */
rmseg_status rmseg_npy_write(const rmseg_image *image, const char *path);

#endif
