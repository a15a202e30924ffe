/*
 * data/crop.h - the crop around the truth by which the shared form of the left atrium was made.
 */
#ifndef DATA_CROP_H
#define DATA_CROP_H

#include "data/data.h"

/* Replaces both by their part around the label, as rmseg_case_prepare says. Errors: a label that is empty. */
rmseg_status rmseg_crop_to_label(rmseg_image **image, rmseg_image **label, const rmseg_case *one);

#endif
