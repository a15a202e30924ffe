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

/* How much two images of one place may differ: what a float and a short decimal lose, far less than what moves a metric. */
#define RMSEG_SPACING_TOLERANCE   1e-3 /* of the spacing of that axis */
#define RMSEG_ORIGIN_TOLERANCE    1e-2 /* of the smallest spacing */
#define RMSEG_DIRECTION_TOLERANCE 1e-3 /* of a direction cosine */

/* "spacing", "direction" or "origin", the first in which two images of one size differ; NULL where they lie in the same
 * place, or one of them does not say. */
const char *rmseg_image_difference(const rmseg_image *a, const rmseg_image *b);

/* How an image's axes are put in order: axis a of the result is axis[a] of the image, mirrored where flip[a]. */
typedef struct rmseg_axis_order {
    int axis[3];
    bool flip[3];
} rmseg_axis_order;

/* What brings the image nearest to RAS+, as nibabel's as_closest_canonical: W to the patient's right, H to anterior, D to
 * superior. Nothing where the image does not say how it lies. */
rmseg_axis_order rmseg_image_axis_order(const rmseg_image *image);
rmseg_axis_order rmseg_axis_order_inverse(const rmseg_axis_order *o);
void rmseg_axis_order_size(int64_t out[3], const rmseg_axis_order *o, const int64_t size[3]);

/* A copy in that order, in the same place of the world. */
rmseg_status rmseg_image_reorder(rmseg_image **out, const rmseg_image *image, const rmseg_axis_order *o);

/* The second file of an image that lies in two, owned: of NAME.hdr the NAME.img or NAME.img.gz that is there, of NAME.nhdr
 * and NAME.mhd the file that they name. *partner is NULL for every other path. */
rmseg_status rmseg_image_partner(char **partner, const char *path);

#endif
