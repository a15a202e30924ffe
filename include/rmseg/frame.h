/*
 * rmseg/frame.h - where a patch lies in its image.                                               tier: may change
 * before 1.0
 */
#ifndef RMSEG_FRAME_H
#define RMSEG_FRAME_H

#include <stdint.h>

/* In the axes AFTER augmentation: index i of the patch along axis k is index offset[k] + i of extent[k]. */
typedef struct rmseg_frame {
    int64_t offset[3], extent[3]; /* D, H, W; 2D: offset[0] = 0, extent[0] = 1; an offset may be negative (padding) */
    double spacing[3];            /* mm */
    const int32_t *whole;         /* the image's labels (extent), in these axes, for terms with maps=image; else NULL */
} rmseg_frame;

#endif
