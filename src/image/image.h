/*
 * image/image.h - the door of images: the public functions, and what the data room needs besides.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "rmseg/image.h"

/* Element (c, d, h, w) as a double, whatever the type. For small work; kernels convert first. */
double rmseg_image_value(const rmseg_image *image, int64_t c, int64_t d, int64_t h, int64_t w);

/* As rmseg_image_read; of a file that holds several images by name (HDF5) the one called `part`. */
rmseg_status rmseg_image_read_part(rmseg_image **image, const char *path, const char *part);

/* Takes over `from`'s geometry: spacing, origin, direction, and what its file said of them. */
void rmseg_image_copy_geometry(rmseg_image *to, const rmseg_image *from);

/* The second file of an image that lies in two, owned: of NAME.hdr the NAME.img or NAME.img.gz that is there, of NAME.nhdr
 * and NAME.mhd the file that they name. *partner is NULL for every other path. */
rmseg_status rmseg_image_partner(char **partner, const char *path);

#endif
