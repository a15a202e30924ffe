/*
 * data/foreground.h - where the classes above 0 of a label lie, in little memory: a crop is put about one of them.
 */
#ifndef DATA_FOREGROUND_H
#define DATA_FOREGROUND_H

#include "core/core.h"
#include "image/image.h"

/* Of a class with more voxels so many are kept, evenly spread in the order of memory. */
enum { RMSEG_FOREGROUND_VOXELS = 4096 };

typedef struct rmseg_foreground {
    int64_t classes; /* present in the label, 0 aside */
    int32_t *label;  /* of each, rising */
    int64_t *first;  /* classes + 1: where its voxels begin */
    int64_t *voxel;  /* index in the label (D,H,W) */
} rmseg_foreground;

/* Two passes over a label (I32, one channel). */
rmseg_status rmseg_foreground_find(rmseg_foreground *foreground, const rmseg_image *label);
void rmseg_foreground_destroy(rmseg_foreground *foreground);

/* A voxel by two numbers in [0,1): each class is equally likely, each voxel kept of it too. -1: there is none. */
int64_t rmseg_foreground_pick(int32_t *label, const rmseg_foreground *foreground, double u_class, double u_voxel);

#endif
