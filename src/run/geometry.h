/*
 * run/geometry.h - whether two images lie on the same voxels of the world.
 */
#ifndef RUN_GEOMETRY_H
#define RUN_GEOMETRY_H

#include "image/image.h"

/* Whether prediction and truth have one size and, where both files say them (a PNG says none), one spacing, origin and
 * direction. `name` is the prediction's, for the sentence, which says what differs, by how much, and what to do.
 * Errors: format. `size_only`: the others are not looked at. */
rmseg_status rmseg_geometry_agree(const rmseg_image *prediction, const rmseg_image *truth, const char *name,
                                  bool size_only);

#endif
