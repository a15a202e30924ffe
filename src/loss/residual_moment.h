/*
 * loss/residual_moment.h - what rm shares with its controls: options, coordinates, the value made of sums of w r^2.
 */
#ifndef LOSS_RESIDUAL_MOMENT_H
#define LOSS_RESIDUAL_MOMENT_H

#include "loss/evaluator.h"

#define RMSEG_RM_OPTIONS(X)                                                                                            \
    X(pick, center, "paper", 0, 0, "paper|exact|none|centroid", "",                                                    \
      "where the coordinate is 0: n/2, (n+1)/2, the origin, the centroid of the truth", "exact")                       \
    X(pick, scale, "1", 0, 0, "1|2", "", "the coordinate runs over [-1/2,1/2] or [-1,1]", "2")                         \
    X(pick, reduction, "mean", 0, 0, "mean|sum|batchmean", "", "divided by channels x voxels, by 1, by samples",       \
      "sum")                                                                                                           \
    X(pick, frame, "patch", 0, 0, "patch|volume", "", "coordinates in the patch or in the image it was cut from",      \
      "volume")                                                                                                        \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2", "1+2")                                    \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")              \
    X(pick, units, "fraction", 0, 0, "fraction|mm", "", "of each axis' own extent, or of the longest extent in mm",    \
      "mm")

rmseg_status rmseg_rm_options_create(rmseg_options **options); /* of those alone */
rmseg_status rmseg_rm_settle(rmseg_loss_term *term);
rmseg_field_rule rmseg_rm_rule(const rmseg_options *options);

/* Sum over samples and channels of their sum of w r^2, by class weights and over Z, and its coefficients; `factor` (N,K),
 * or NULL, multiplies each. */
double rmseg_rm_finish(rmseg_evaluator *evaluator, const rmseg_loss_part *part, const double *factor);

#endif
