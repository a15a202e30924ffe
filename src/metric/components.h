/*
 * metric/components.h - components of two masks, and which of them belong together.
 */
#ifndef METRIC_COMPONENTS_H
#define METRIC_COMPONENTS_H

#include "metric/box.h"

typedef struct rmseg_component_counts {
    int64_t truths, predictions, matched;
} rmseg_component_counts;

typedef struct rmseg_matching {
    rmseg_box box;
    int32_t *truth, *prediction;               /* [box] number of the component, 0 outside */
    int64_t *truth_voxels, *prediction_voxels; /* [truths + 1], [predictions + 1] by number */
    int64_t *partner;                          /* [truths + 1] number in the prediction; 0 for none */
    int64_t *shared;                           /* [truths + 1] voxels in both */
    rmseg_component_counts counts;
} rmseg_matching;

/* Numbers the components of both masks in order of first voxel and matches them, the rule of rmseg_component_pair. The
 * union may be empty. Errors: memory, and unsupported for a box of 2^31 voxels. On failure nothing is kept. */
rmseg_status rmseg_matching_find(rmseg_matching *matching, const rmseg_pair *pair, const rmseg_overlap *overlap,
                                 int connectivity, double iou);
void rmseg_matching_free(rmseg_matching *matching);

#endif
