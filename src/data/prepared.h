/*
 * data/prepared.h - prepared cases, and the shelf that keeps them for all workers.
 */
#ifndef DATA_PREPARED_H
#define DATA_PREPARED_H

#include "data/data.h"

/* Of one channel of a prepared image; population sd. */
typedef struct rmseg_channel_stats {
    double mean, sd;
    float low, high;
} rmseg_channel_stats;

void rmseg_channel_stats_of(rmseg_channel_stats *stats, const float *values, int64_t count);

typedef struct rmseg_prepared {
    rmseg_image *image, *label;    /* F32 (C,D,H,W) and I32 (D,H,W) */
    rmseg_channel_stats *channels; /* C of them */
} rmseg_prepared;

typedef struct rmseg_shelf rmseg_shelf;

/* A shelf for the cases of a dataset (borrowed). `keep`: what was loaded once stays; otherwise it goes when given back.
 */
rmseg_status rmseg_shelf_create(rmseg_shelf **shelf, const rmseg_dataset *dataset, const rmseg_preparation *preparation,
                                bool keep);
void rmseg_shelf_destroy(rmseg_shelf *shelf); /* when nobody holds a case any more */

/* Case `index`, loaded by the caller unless it is there; if another thread is loading it, waits for that. A failed load
 * is tried again by whoever takes the case next. Any thread. */
rmseg_status rmseg_shelf_take(const rmseg_prepared **prepared, rmseg_shelf *shelf, int64_t index);
void rmseg_shelf_give(rmseg_shelf *shelf, const rmseg_prepared *prepared);

#endif
