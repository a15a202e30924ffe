/*
 * rmseg/image.h - images and label maps with their geometry: reading, writing, resampling.       tier: may change
 * before 1.0
 *
 * An image is dense, channel by channel: data[c][d][h][w], w fastest. A 2D image has size[0] = D = 1. Formats are
 * recognised by content, never by name:
 *   PNG    1 to 16 bits; fewer than 8 are scaled to 0..255, as the format defines it; palettes are resolved, alpha is
 *          dropped
 *   JPEG   grey and colour; a damaged or truncated file is an error; EXIF orientation is not applied
 *   TIFF   integers of 1, 8, 16, 32 bits, floats of 32, 64; grey, RGB, palette; pages that are alike become D slices
 *   NIfTI  1 and 2, either byte order, plain or gzip, one file or a pair (.hdr names it); every type of real numbers:
 *          int8 becomes I16; uint32, int64 and uint64 F64, an error beyond 2^53; slope and intercept are applied, to
 *          F32 from 16 bits and less, else to F64. File axes i, j, k are W, H, D, a fourth is the channels
 *   NRRD   raw and gzip, one file or a header that names the file of its voxels (.nhdr); either byte order; the types of
 *          NIfTI, converted alike; an axis that is no place (kinds, space directions) becomes the channels
 *   MetaImage  (.mha, .mhd with .raw or .zraw) raw and packed, either byte order, the same types, several channels
 *   HDF5   the dataset `image` of 2 or 3 axes (D, H, W); integers and floats; no geometry. Its library, which
 *          crashes on some damaged files, runs in a forked child: see docs/decisions/008-isolated.md
 * Dots per inch in the first three are about printing and are not taken for a spacing.
 *
 * The world is NIfTI's: millimetres, x to the right, y to anterior, z to superior (RAS+). Voxel (d, h, w) lies at
 *     origin + direction * (spacing[0] d, spacing[1] h, spacing[2] w)
 */
#ifndef RMSEG_IMAGE_H
#define RMSEG_IMAGE_H

#include "rmseg/core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rmseg_dtype { RMSEG_U8, RMSEG_U16, RMSEG_I16, RMSEG_I32, RMSEG_F32, RMSEG_F64 } rmseg_dtype;

/* Bytes of one element. */
RMSEG_API size_t rmseg_dtype_size(rmseg_dtype dtype);

/* What a NIfTI file says of its geometry, as stored: a label image made for it can then say the same. */
typedef struct rmseg_nifti_forms {
    int64_t version; /* of the format, 1 or 2; 0: the image is of no NIfTI file */
    int64_t axes;    /* 1 to 3: extents of 1 may be left out */
    int64_t units, qform_code, sform_code;
    double pixdim[4], quatern[3], qoffset[3], srow[12];
} rmseg_nifti_forms;

typedef struct rmseg_image {
    rmseg_dtype dtype;
    int64_t channels;    /* 1 grey or label, 3 RGB; alpha is dropped when read, palettes are resolved to RGB or grey */
    int64_t size[3];     /* D, H, W; all >= 1 */
    double spacing[3];   /* mm per voxel along D, H, W; 1 where the file does not say */
    bool has_spacing;    /* the file said it */
    double origin[3];    /* world position of voxel (0,0,0), mm; 0 where unknown */
    double direction[9]; /* columns are the world directions of D, H, W; identity where unknown */
    int64_t axes;        /* of its file that hold D, H, W: 1 to 3; 0 where unknown, or it does not matter */
    const char *format;  /* of its file, as rmseg_image_formats() names it; NULL: of none; static */
    rmseg_nifti_forms nifti; /* written again as long as the geometry above is what they say */
    char note[80]; /* who made it, at most 79 characters on a line: for writing alone, where a format has a place
                              * for it: NIfTI's descrip, PNG's and TIFF's Software, NRRD's rmseg:=, MetaImage's Comment */
    void *data;    /* channels * D * H * W elements, owned; NULL after rmseg_image_read_header */
} rmseg_image;

/* A zeroed image with unit spacing. Errors: memory, argument (an extent < 1 or a product that overflows). */
RMSEG_API rmseg_status rmseg_image_create(rmseg_image **image, rmseg_dtype dtype, int64_t channels,
                                          const int64_t size[3]);
RMSEG_API void rmseg_image_destroy(rmseg_image *image);

/* Voxels of one channel (D * H * W). */
RMSEG_API int64_t rmseg_image_voxels(const rmseg_image *image);

/* Reads any format of rmseg_image_formats(). Errors name the file, what was found and what was expected. */
RMSEG_API rmseg_status rmseg_image_read(rmseg_image **image, const char *path);

/* Reads only as far as the header: extents, channels, type, geometry; data stays NULL, nothing is to be freed. Cheap
 * where the format allows it. */
RMSEG_API rmseg_status rmseg_image_read_header(rmseg_image *header, const char *path);

/* Decodes a file's bytes; `name` is used in sentences. */
RMSEG_API rmseg_status rmseg_image_decode(rmseg_image **image, const void *bytes, size_t length, const char *name);

/* Writes atomically in the format that the path's extension names (.png: U8 or U16 with 1 or 3 channels and D = 1;
 * .tif: every type, 1 or 3 channels, one page per slice; both without the geometry; .nii, .nii.gz: every type, 1
 * channel, with the geometry; .nrrd, .mha: every type, any number of channels, packed, with the geometry, in LPS). The
 * same image gives the same bytes. */
RMSEG_API rmseg_status rmseg_image_write(const rmseg_image *image, const char *path);

/* A copy in another type: values are rounded to nearest even and clamped for integers, never scaled. */
RMSEG_API rmseg_status rmseg_image_convert(rmseg_image **out, const rmseg_image *image, rmseg_dtype dtype);

typedef enum rmseg_interpolation { RMSEG_NEAREST, RMSEG_LINEAR } rmseg_interpolation;

/* Resamples to another grid of the same field of view; out spacing = spacing * in size / out size, voxel centres at (i
 * + 1/2). RMSEG_LINEAR gives F32 and is antialiased when shrinking: along an axis with scale s = in/out > 1 the
 * triangle filter has support s (the same numbers as PyTorch's interpolate(mode="bilinear", antialias=True,
 * align_corners=False)). RMSEG_NEAREST keeps the type and takes input index min(floor((i + 1/2) * in/out), in - 1). */
RMSEG_API rmseg_status rmseg_image_resample(rmseg_image **out, const rmseg_image *image, const int64_t size[3],
                                            rmseg_interpolation interpolation);

/* Names and extensions of what can be read, one row each; NULL past the last. */
typedef struct rmseg_format_info {
    const char *name, *extensions;
    bool reads, writes;
} rmseg_format_info;
RMSEG_API const rmseg_format_info *rmseg_image_formats(int64_t index);

#ifdef __cplusplus
}
#endif
#endif
