/*
 * image/image.h - the door of images: the public functions, and what the data room needs besides.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "rmseg/image.h"

/* Reads only as far as the header: extents, channels, type; data stays NULL. Cheap where the format allows it. */
rmseg_status rmseg_image_read_header(rmseg_image *header, const char *path);

/* Element (c, d, h, w) as a double, whatever the type. For small work; kernels convert first. */
double rmseg_image_value(const rmseg_image *image, int64_t c, int64_t d, int64_t h, int64_t w);

/* Takes over `from`'s geometry (spacing, origin, direction); extents must agree. */
void rmseg_image_copy_geometry(rmseg_image *to, const rmseg_image *from);

#endif
