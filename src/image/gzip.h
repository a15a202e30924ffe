/*
 * image/gzip.h - bytes that may be packed by gzip, read as a stream; and files written plain or packed.
 *
 * Reading holds the caller's bytes (and goes on with the rest of the file where it has one) and gives any number of them at a time; a packed stream may have several members, as
 * gzip allows, and what follows the last is ignored, as gzip does.
 */
#ifndef IMAGE_GZIP_H
#define IMAGE_GZIP_H

#include "image/format.h"

/* Most bytes that one byte of a deflate stream can become. */
enum { RMSEG_DEFLATE_EXPANSION = 1032 };

bool rmseg_is_gzip(const uint8_t *bytes, size_t length);

typedef enum rmseg_packing {
    RMSEG_PACKING_NONE,
    RMSEG_PACKING_GZIP, /* by its magic: without it the bytes are as they are */
    RMSEG_PACKING_ZLIB  /* zlib's own header and checksum, or gzip's */
} rmseg_packing;

typedef struct rmseg_unpacker rmseg_unpacker;

/* `file` (its bytes, and its name for sentences) must outlive the unpacker. */
rmseg_status rmseg_unpack_open(rmseg_unpacker **unpacker, const rmseg_image_file *file, rmseg_packing packing);

/* The next `count` bytes to `to` (NULL: they are passed over). Errors: the file ends before, a damaged stream. */
rmseg_status rmseg_unpack(rmseg_unpacker *unpacker, void *to, size_t count);

/* Goes to the end, so that the checksum of all is compared: what was read before it is only then known to be whole. */
rmseg_status rmseg_unpack_end(rmseg_unpacker *unpacker);
void rmseg_unpack_close(rmseg_unpacker *unpacker); /* NULL is legal */

typedef struct rmseg_packer rmseg_packer;

/* Writes into `writer`, packed or as it comes; without one, into `text`. The same bytes give the same file: no name, no
 * time is put in. */
rmseg_status rmseg_pack_open(rmseg_packer **packer, rmseg_file_writer *writer, rmseg_text *text, rmseg_packing packing);
rmseg_status rmseg_pack(rmseg_packer *packer, const void *bytes, size_t count);
rmseg_status rmseg_pack_end(rmseg_packer *packer); /* what is still on its way goes out */
void rmseg_pack_close(rmseg_packer *packer);       /* NULL is legal */

#endif
