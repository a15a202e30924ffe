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

/* ---- piece by piece: for what does not fit into memory -------------------------------------------------------------- */

/* Takes a piece of an image: planes `first` .. of its channels `channel` .. (extents and channels are the piece's own). */
typedef rmseg_status (*rmseg_image_sink)(void *user, const rmseg_image *piece, int64_t channel, int64_t first);

/* Can this file be read so? NIfTI, NRRD and MetaImage can, packed or not, unless their channels lie within a plane's rows in
 * an odd way; `header` is what rmseg_image_read_header gave. */
bool rmseg_image_streams(const rmseg_image *header);

/* Reads the file once from its start to its end and hands its voxels over in pieces of at most `most` voxels (or of one
 * plane) in the type of rmseg_image_read. Errors: those of reading, and of the sink. */
rmseg_status rmseg_image_stream(const char *path, int64_t most, rmseg_image_sink sink, void *user);

/* Gives planes first .. first+count-1 of an image of one channel, in its type. */
typedef struct rmseg_image_source {
    rmseg_status (*read)(void *user, void *planes, int64_t first, int64_t count);
    void *user;
    int64_t planes; /* at a time */
} rmseg_image_source;

/* As rmseg_image_write, of an image whose data are NULL and which has one channel; every plane is asked for once, in order. */
rmseg_status rmseg_image_write_from(const rmseg_image *image, const rmseg_image_source *source, const char *path);

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

/* The geometry of such a copy, and of rmseg_image_resample's to `size`: everything but type, channels and data. */
void rmseg_image_turn_geometry(rmseg_image *out, const rmseg_image *image, const rmseg_axis_order *o);
void rmseg_image_scale_geometry(rmseg_image *out, const rmseg_image *image, const int64_t size[3]);

/* A copy in that order, in the same place of the world. */
rmseg_status rmseg_image_reorder(rmseg_image **out, const rmseg_image *image, const rmseg_axis_order *o);

/* Planes from .. from+count-1 of what rmseg_image_resample would make linearly of an image of `whole` planes, of which
 * `part`, F32, holds those that rmseg_image_resample_needs names. The same bits; the geometry is not set. */
void rmseg_image_resample_needs(int64_t *first, int64_t *planes, int64_t whole, int64_t depth, int64_t from,
                                int64_t count);
rmseg_status rmseg_image_resample_planes(rmseg_image **out, const rmseg_image *part, int64_t whole,
                                         const int64_t size[3], int64_t from, int64_t count);

/* The second file of an image that lies in two, owned: of NAME.hdr the NAME.img or NAME.img.gz that is there, of NAME.nhdr
 * and NAME.mhd the file that they name. *partner is NULL for every other path. */
rmseg_status rmseg_image_partner(char **partner, const char *path);

#endif
