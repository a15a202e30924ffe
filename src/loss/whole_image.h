/*
 * loss/whole_image.h - maps=image: the truth's distances as they are in the whole image, of which the patch is a part.
 *
 * A border beyond the patch then counts. Where a patch is padded, a voxel outside of the image has the distances of the
 * nearest one inside.
 */
#ifndef LOSS_WHOLE_IMAGE_H
#define LOSS_WHOLE_IMAGE_H

#include "loss/distance_maps.h"

/* Memory for images of any size; it grows with the largest that was met. */
typedef struct rmseg_whole_image rmseg_whole_image;
rmseg_status rmseg_whole_image_create(rmseg_whole_image **image);
void rmseg_whole_image_destroy(rmseg_whole_image *image);

/* What rmseg_view_truth, _border and _largest give, of view->image: distances and border cut to the patch, and whether
 * either side has voxels, and the largest distances, of all of it. The masks are the patch's already. Errors: argument,
 * where the batch has no labels of the whole image; memory. */
rmseg_status rmseg_whole_image_measure(rmseg_class_view *view, const rmseg_evaluator *evaluator);

#endif
