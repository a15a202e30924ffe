/*
 * report/show_volume.h - a volume that is shown, between its reading and the two ways to draw it.
 */
#ifndef REPORT_SHOW_VOLUME_H
#define REPORT_SHOW_VOLUME_H

#include "report/orientation.h"
#include "report/show.h"

typedef struct rmseg_volume {
    rmseg_image *image, *prediction, *truth; /* the masks lie on the image's voxels; NULL where not given */
    rmseg_orientation orientation;
} rmseg_volume;

/* Truth and prediction as surfaces side by side. Errors: argument (no masks), format (an empty one, one that holds no
 * labels), memory. */
rmseg_status rmseg_show_surface(rmseg_image **picture, const rmseg_volume *volume, const show_options *o);

#endif
