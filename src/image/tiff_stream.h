/*
 * image/tiff_stream.h - a TIFF file in memory, and what libtiff says about it. Only tiff.c uses it.
 */
#ifndef IMAGE_TIFF_STREAM_H
#define IMAGE_TIFF_STREAM_H

#include <tiffio.h>

#include "image/format.h"

typedef struct rmseg_tiff_stream {
    const uint8_t *bytes; /* reading: set by the caller, with `length` */
    size_t length, at;
    uint8_t *buffer; /* writing: what `bytes` points at; the caller's to free */
    size_t capacity;
    bool ended_early; /* a read wanted more than there is, which libtiff may take for the end of the pages */
    bool strict;      /* a warning counts as an error: set while pixels are being read */
    bool failed;
    char reason[256]; /* of the first failure; nothing is printed */
} rmseg_tiff_stream;

/* Opens it: `mode` "rmh" reads (m: there is nothing to map; h: the first directory is the caller's to read), "w" and
 * "w8" write. NULL where that fails; TIFFClose what it gives
 * before the stream goes. libtiff may take 256 MiB at once beyond the file's length. */
TIFF *rmseg_tiff_open(rmseg_tiff_stream *stream, const char *name, const char *mode);

#endif
