/*
 * image/place.h - the place of an image whose file counts in LPS (x to the patient's left, y to posterior), as ITK does,
 * NRRD and MetaImage mostly do, and DICOM too. rmseg's world is RAS+: x and y change their sign.
 */
#ifndef IMAGE_PLACE_H
#define IMAGE_PLACE_H

#include "image/format.h"

/* Of a file's axes i, j, k (W, H, D). Signs say how the file's world becomes RAS+. */
typedef struct rmseg_place {
    double step[3][3]; /* along each axis, world x, y, z: times the scale, from one voxel to the next */
    double scale[3];
    double origin[3];
    double sign[3]; /* {-1, -1, 1} for LPS */
} rmseg_place;

/* The place of a file that says nothing of it: steps of 1 along LPS. */
rmseg_place rmseg_place_unknown(void);

/* Sets spacing, origin and direction. Errors: a step of no length, a coordinate that is none. */
rmseg_status rmseg_place_read(rmseg_image *image, const rmseg_place *place, const rmseg_image_file *file);

/* In LPS; the steps have the length 1, the spacing is the scale. */
void rmseg_place_write(rmseg_place *place, const rmseg_image *image);

/* May this image be written with two axes? It has one slice, its file had two axes or is unknown, and nothing of its
 * place lies off the x-y plane. */
bool rmseg_place_is_flat(const rmseg_image *image);

#endif
