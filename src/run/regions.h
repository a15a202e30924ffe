/*
 * run/regions.h - named sets of label values: the channels of a sigmoid head, the rows of an evaluation.
 *
 * As text, on the command line and in a weights file alike: "disc=1+2,cup=2".
 */
#ifndef RUN_REGIONS_H
#define RUN_REGIONS_H

#include "data/data.h"

typedef struct rmseg_regions {
    rmseg_region *items;
    int64_t count;
} rmseg_regions;

/* "disc=1+2,cup=2". A region's value, what is written where it is predicted, is its place in the list from 1. Errors:
 * argument, naming the part that is wrong. */
rmseg_status rmseg_regions_parse(rmseg_regions *regions, const char *text);

/* One region per label value, named after it: {1, 2} -> "1", "2". */
rmseg_status rmseg_regions_from_labels(rmseg_regions *regions, const int64_t *labels, int64_t count);

/* A copy of the dataset's regions; where it has none, one per label value but 0. */
rmseg_status rmseg_regions_from_dataset(rmseg_regions *regions, const rmseg_dataset *dataset);

void rmseg_regions_destroy(rmseg_regions *regions);

/* The text that _parse reads. */
void rmseg_regions_text(rmseg_text *text, const rmseg_regions *regions);

/* The same names of the same label values, in the same order. */
bool rmseg_regions_equal(const rmseg_regions *a, const rmseg_regions *b);

/* mask[i] = 1 where label[i] is in the region, else 0. */
void rmseg_region_mask(uint8_t *mask, const int32_t *label, int64_t count, const rmseg_region *region);

#endif
