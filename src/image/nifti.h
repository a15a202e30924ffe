/*
 * image/nifti.h - what the files of NIfTI share: its header and its geometry. Sources: nifti1.h and
 * nifti2.h of nifti.nimh.nih.gov; where they leave a choice, nibabel's.
 */
#ifndef IMAGE_NIFTI_H
#define IMAGE_NIFTI_H

#include "image/raw.h"

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
    const char *note; /* writing: descrip, at most 79 characters; NULL: none */
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

#endif
