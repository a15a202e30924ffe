/*
 * image/nifti.h - what the files of NIfTI share: its header, its geometry, its types of voxels. Sources: nifti1.h and
 * nifti2.h of nifti.nimh.nih.gov; where they leave a choice, nibabel's.
 */
#ifndef IMAGE_NIFTI_H
#define IMAGE_NIFTI_H

#include "image/format.h"

/* ---- header: nifti_header.c ------------------------------------------------------------------------------------- */

enum {
    RMSEG_NIFTI_1_BYTES = 348,
    RMSEG_NIFTI_2_BYTES = 540,
    RMSEG_NIFTI_EXTENSION_BYTES = 4 /* the flags of extensions that follow the header of a single file */
};

typedef struct rmseg_nifti_header {
    bool big_endian, pair;
    int64_t dim[8], datatype, bitpix;
    double slope, intercept, offset; /* of the voxels in their file, bytes */
    rmseg_nifti_forms forms;
} rmseg_nifti_header;

/* NIfTI-1, NIfTI-2 or Analyze 7.5 by their first four bytes, in either order. */
bool rmseg_nifti_starts(const uint8_t *bytes, size_t length);

/* Of a header's own length by those four bytes, which must be there. */
size_t rmseg_nifti_header_bytes(const uint8_t *start);

/* Reads the fields as they are; errors: a magic that is none. */
rmseg_status rmseg_nifti_parse(rmseg_nifti_header *header, const uint8_t *bytes, const rmseg_image_file *file);

/* The header of a single file as bytes, little-endian, with the flags behind it; the length is its offset. */
size_t rmseg_nifti_print(uint8_t bytes[RMSEG_NIFTI_2_BYTES + RMSEG_NIFTI_EXTENSION_BYTES],
                         const rmseg_nifti_header *header);

/* ---- geometry: nifti_geometry.c --------------------------------------------------------------------------------- */

/* Spacing, origin and direction of an image whose size is set. Errors: a spacing or a form that is none. */
rmseg_status rmseg_nifti_geometry_read(rmseg_image *image, const rmseg_nifti_forms *forms,
                                       const rmseg_image_file *file);

/* The forms to write for an image: those it was read with where its geometry is still theirs, else new ones. */
void rmseg_nifti_geometry_write(rmseg_nifti_forms *forms, const rmseg_image *image);

/* ---- voxels: nifti_voxels.c ------------------------------------------------------------------------------------- */

typedef struct rmseg_nifti_type {
    int64_t code;
    const char *name; /* "uint8" */
    size_t size;      /* bytes of one voxel in the file */
    bool reads;
    rmseg_dtype dtype, scaled; /* of the image: where values are as stored, and where slope and intercept apply */
} rmseg_nifti_type;

/* NULL for a code that the format does not have. */
const rmseg_nifti_type *rmseg_nifti_type_find(int64_t code);

/* The type that holds an image's. */
const rmseg_nifti_type *rmseg_nifti_type_of(rmseg_dtype dtype);

/* Are values as stored? Slope 0 or none at all says so, and so does 1 with intercept 0. */
bool rmseg_nifti_is_scaled(const rmseg_nifti_header *header);

/* `count` voxels as they lie in the file become elements at .. of an image of the type that find gave. False where an
 * integer is beyond 2^53, which no double holds. `voxels` is overwritten. */
bool rmseg_nifti_voxels_read(rmseg_image *image, int64_t at, void *voxels, int64_t count, const rmseg_nifti_type *type,
                             const rmseg_nifti_header *header);

/* Turns the bytes of each of `count` values around where `big_endian` is not this machine's order. */
void rmseg_nifti_swap(void *values, int64_t count, size_t size, bool big_endian);

#endif
