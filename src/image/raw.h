/*
 * image/raw.h - voxels as plain numbers, of any type and in either byte order: what NIfTI, NRRD and MetaImage share.
 * Their headers say how the numbers lie; from there on it is the same work.
 */
#ifndef IMAGE_RAW_H
#define IMAGE_RAW_H

#include "image/format.h"
#include "image/gzip.h"

/* Types of stored numbers. */
typedef enum rmseg_stored {
    RMSEG_STORED_U8,
    RMSEG_STORED_I8,
    RMSEG_STORED_I16,
    RMSEG_STORED_U16,
    RMSEG_STORED_I32,
    RMSEG_STORED_U32,
    RMSEG_STORED_I64,
    RMSEG_STORED_U64,
    RMSEG_STORED_F32,
    RMSEG_STORED_F64
} rmseg_stored;

size_t rmseg_stored_size(rmseg_stored stored);      /* bytes */
const char *rmseg_stored_name(rmseg_stored stored); /* "uint8" */
rmseg_stored rmseg_stored_of(rmseg_dtype dtype);    /* the type that holds an image's */

/* How the voxels of an image lie in its file, or in a file beside it. */
typedef struct rmseg_raw {
    rmseg_stored stored;
    bool big_endian;
    double slope, intercept; /* a value is slope * stored + intercept; slope 0: as stored */
    int64_t inner;           /* voxels of a channel that follow each other: 1 where channels are interleaved, all where
                                each channel lies by itself; of no account with one channel */
    const char *data_file;   /* path, or NULL: the header's own file */
    int64_t start;           /* byte of that file */
    int64_t lines;           /* to pass over there, before unpacking */
    int64_t skip;            /* bytes to pass over after unpacking; -1: the voxels are the end of the file, unpacked */
    rmseg_packing packing;
} rmseg_raw;

/* What the image becomes: the type that holds every value, U32, I64 and U64 in F64; scaled, F32 from 16 bits and less
 * and from F32, else F64. */
rmseg_dtype rmseg_raw_dtype(const rmseg_raw *raw);

/* Announces the image (`channels` of `size`) and, unless `header_only`, reads it. Errors: a file that is missing, holds
 * too little or is damaged, integers beyond 2^53, which no double holds. */
rmseg_status rmseg_raw_decode(rmseg_image *image, const rmseg_raw *raw, int64_t channels, const int64_t size[3],
                              const rmseg_image_file *file, bool header_only);

/* All elements, little-endian, the channels of a voxel side by side; those of `source` unless it is NULL. */
rmseg_status rmseg_raw_put(rmseg_packer *packer, const rmseg_image *image, const rmseg_image_source *source);

/* `name` as a header writes it: beside the header's file `path`, unless it is absolute. Owned. */
rmseg_status rmseg_raw_beside(char **data_file, const char *path, const char *name);

#endif
