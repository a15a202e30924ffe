/*
 * image/isolated.h - a decoder whose library may crash on a damaged file, in a process of its own.
 *
 * docs/decisions/008-isolated.md has the reasons and what it costs.
 */
#ifndef IMAGE_ISOLATED_H
#define IMAGE_ISOLATED_H

#include "image/format.h"

typedef struct rmseg_isolation {
    const char *library; /* "libhdf5", for sentences */
    rmseg_status (*decode)(rmseg_image *image, const rmseg_image_file *file, bool header_only);
    int64_t seconds; /* of processor time for a header; the voxels have more, by their number */
} rmseg_isolation;

/* As isolation->decode of images of one channel and no geometry, which runs in a forked child. A crash there, work without end and more memory than the file can
 * need become a sentence about the file. Any thread may call it, several at a time, whatever others do. Where the system
 * lets nobody fork, and under ThreadSanitizer, `decode` runs here, one at a time. */
rmseg_status rmseg_isolated_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only,
                                   const rmseg_isolation *isolation);

#endif
