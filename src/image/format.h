/*
 * image/format.h - what a file format of this room is: one row of formats.c, one file for its code.
 *
 * To add a format: write its file with a decode (and an encode), declare them below, add its row.
 */
#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include "core/core.h"
#include "image/image.h"

/* Where the voxels of a stream go. */
typedef struct rmseg_image_streaming {
    int64_t most; /* voxels of a piece, of all its channels, unless a plane has more */
    rmseg_image_sink sink;
    void *user;
} rmseg_image_streaming;

/* A file in memory, or its start. */
typedef struct rmseg_image_file {
    const uint8_t *bytes;
    size_t length, total;    /* that are here, of the whole file: less than all only where its header is wanted alone */
    const char *path;        /* NULL for bytes that are of no file */
    const char *name;        /* for sentences */
    const char *format;      /* "PNG", for sentences */
    rmseg_file_reader *rest; /* the bytes after those that are here; NULL: as far as they go */
    const rmseg_image_streaming *stream; /* where the voxels go piece by piece; NULL: into the image */
    const char *part; /* of a file that holds several images by name, the one wanted; NULL: "image" */
} rmseg_image_file;

typedef struct rmseg_format {
    rmseg_format_info info;
    const char *package; /* what to install where this build cannot read it */
    bool (*sniff)(const uint8_t *bytes, size_t length);
    size_t header; /* bytes from the start that nearly always hold all that the header needs; 0: the whole file */

    /* Fills an image that is zero; `data` is left NULL when `header_only`. What it leaves there on failure its caller
     * frees. */
    rmseg_status (*decode)(rmseg_image *image, const rmseg_image_file *file, bool header_only);

    /* As rmseg_image_partner, for a path with this format's extension; NULL where a format is always one file. */
    rmseg_status (*partner)(char **partner, const char *path);

    /* Puts the file into `writer`; NULL where the format is not written. `name` is for sentences. Formats that stream take
     * the voxels from `source` where there is one. */
    rmseg_status (*encode)(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                           const char *name);
    bool streams; /* reads and writes piece by piece */
} rmseg_format;

rmseg_status rmseg_png_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only);
rmseg_status rmseg_png_encode(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                              const char *name);
rmseg_status rmseg_jpeg_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only);
rmseg_status rmseg_tiff_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only);
rmseg_status rmseg_tiff_encode(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                               const char *name);

bool rmseg_nifti_sniff(const uint8_t *bytes, size_t length);
rmseg_status rmseg_nifti_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only);
rmseg_status rmseg_nifti_partner(char **partner, const char *path);
rmseg_status rmseg_nifti_encode(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                                const char *name);

bool rmseg_nrrd_sniff(const uint8_t *bytes, size_t length);
rmseg_status rmseg_nrrd_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only);
rmseg_status rmseg_nrrd_partner(char **partner, const char *path);
rmseg_status rmseg_nrrd_encode(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                               const char *name);

bool rmseg_metaimage_sniff(const uint8_t *bytes, size_t length);
rmseg_status rmseg_metaimage_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only);
rmseg_status rmseg_metaimage_partner(char **partner, const char *path);
rmseg_status rmseg_metaimage_encode(rmseg_file_writer *writer, const rmseg_image *image,
                                    const rmseg_image_source *source, const char *name);

rmseg_status rmseg_hdf5_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only);

/* ---- for decoders ----------------------------------------------------------------------------------------------- */

/* Says what the file announces and refuses it where that cannot be: no pixels, more than RMSEG_IMAGE_MOST_PIXELS, or
 * more than the file can hold: `encoded` bytes (before the format's compression, -1 when that overflowed) against at
 * most `expansion` bytes for each byte of the file. Nothing may be allocated by what a file announces before this has
 * passed. */
#define RMSEG_IMAGE_MOST_PIXELS ((int64_t)1 << 30)
rmseg_status rmseg_image_announce(rmseg_image *image, const rmseg_image_file *file, rmseg_dtype dtype, int64_t channels,
                                  const int64_t size[3], int64_t encoded, int64_t expansion);

/* Allocates the data of an announced image. */
rmseg_status rmseg_image_allocate(rmseg_image *image);

/* Elements at .. at+count-1 of one channel, at an index into D*H*W, from samples `stride` apart, in the image's type.
 */
void rmseg_image_put(rmseg_image *image, int64_t channel, int64_t at, const void *samples, int64_t stride,
                     int64_t count);

/* The inverse, for encoders. */
void rmseg_image_get(void *samples, const rmseg_image *image, int64_t channel, int64_t at, int64_t stride,
                     int64_t count);

/* "cup.png: this PNG is damaged or cut short: <reason>; ..." */
rmseg_status rmseg_image_fail_damaged(const rmseg_image_file *file, const char *reason);

/* "u8", "f32", ... */
const char *rmseg_dtype_name(rmseg_dtype dtype);

#endif
