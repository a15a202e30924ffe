/*
 * metric/overlap.h - how many voxels two masks share, and where.
 */
#ifndef METRIC_OVERLAP_H
#define METRIC_OVERLAP_H

#include "core/core.h"

typedef struct rmseg_overlap {
    int64_t both, prediction, truth; /* set voxels in the intersection and in each mask */
    int64_t voxels;                  /* D*H*W */
    int64_t low[3], high[3]; /* bounding box of the union, high past its end; low >= high where the union is empty */
} rmseg_overlap;

/* One sweep over both masks, dense uint8 [D][H][W], non-zero is set. Threaded. Fails without memory and where D*H*W
 * overflows. */
rmseg_status rmseg_overlap_count(rmseg_overlap *overlap, const uint8_t *prediction, const uint8_t *truth,
                                 const int64_t size[3]);

#endif
