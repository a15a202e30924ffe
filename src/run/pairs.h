/*
 * run/pairs.h - which prediction belongs to which truth.
 */
#ifndef RUN_PAIRS_H
#define RUN_PAIRS_H

#include "run/cases.h"

typedef struct rmseg_pairs {
    rmseg_cases predictions, truths;
    int64_t *prediction, *truth; /* [count] indices into the two */
    int64_t count;
    int64_t alone; /* cases without a partner, which were told of */
} rmseg_pairs;

/* Where the truth comes from: a layout's split, or a file or folder. */
typedef struct rmseg_truth {
    const char *path;                  /* "" with a layout */
    const char *layout, *data, *split; /* layout "": none */
    double threshold;                  /* of soft maps */
} rmseg_truth;

/* Pairs by the cases' names; two single files are a pair whatever they are called. A folder of Drishti-GS, or one in
 * it, is recognised and read as that layout. Cases without a partner are told of. Errors: argument, when no pair is
 * found. */
rmseg_status rmseg_pairs_find(rmseg_pairs *pairs, const char *predictions, const rmseg_truth *truth);
void rmseg_pairs_destroy(rmseg_pairs *pairs);

#endif
