/*
 * data/reference.h - the turns, mirrors and crops that the reference loader of the left atrium draws, fault and all.
 *
 * SegWithDistMap's train_LA.py (UA-MT's alike) seeds NumPy once; its 4 workers are forked with that state at the start
 * of every epoch and seed only Python's `random`, which nothing draws from. So each worker begins every epoch with the
 * same numbers: 24,000 samples show 112 different patches. Batch j of an epoch is worker j mod 4's; a sample takes five
 * numpy.random.randint, in this order: turns below 4, mirror below 2 (0: axis D), and the crop along D, H, W below
 * extent - patch, which leaves out the last place. (The order of the cases is PyTorch's there, and rmseg's own here.)
 */
#ifndef DATA_REFERENCE_H
#define DATA_REFERENCE_H

#include "data/data.h"

/* NumPy's RandomState(seed): MT19937. */
typedef struct rmseg_reference {
    uint32_t state[624];
    int next;
} rmseg_reference;

void rmseg_reference_seed(rmseg_reference *reference, uint32_t seed);

/* numpy.random.randint(0, n), n from 1 to 2^31: masked and rejected; n = 1 draws nothing. */
int64_t rmseg_reference_below(rmseg_reference *reference, int64_t n);

/* One sample: turns, pivot, flip and crop of the record, for an image of `extent`. Where an axis is no longer than the
 * patch, every axis is padded on both sides by max((patch - extent) // 2 + 3, 0) first, as the reference does. */
void rmseg_reference_draw(rmseg_sample_record *record, rmseg_reference *reference, const int64_t extent[3],
                          const int64_t patch[3]);

#endif
