/*
 * loss/picture.h - prediction and truth voxel by voxel, for terms that look at them as a picture, and the map such a term
 * fills.
 */
#ifndef LOSS_PICTURE_H
#define LOSS_PICTURE_H

#include "loss/evaluator.h"

static inline double rmseg_picture_at(const void *picture, bool wide, int64_t i)
{
    return wide ? ((const double *)picture)[i] : (double)((const float *)picture)[i];
}

/* Of voxel v: the prediction, -1 where the voxel is invalid; the truth, where it is valid. */
static inline double rmseg_picture_p(const rmseg_evaluator *e, int64_t n, int64_t c, int64_t voxels, int64_t v)
{
    return rmseg_picture_at(e->predicted, e->sweep.batch.wide, (n * e->sweep.batch.k + c) * voxels + v);
}
static inline double rmseg_picture_y(const rmseg_evaluator *e, int64_t n, int64_t c, int64_t voxels, int64_t v)
{
    const rmseg_batch *b = &e->sweep.batch;
    if (b->index) return rmseg_index_at(b, n * voxels + v) == c + e->sweep.first_label;
    return rmseg_picture_at(b->map, b->wide, (n * b->k + c) * voxels + v);
}

static inline void rmseg_picture_store(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t at, double value)
{
    void *map = e->sweep.field[part->field].map;
    if (e->sweep.batch.wide)
        ((double *)map)[at] = value;
    else
        ((float *)map)[at] = (float)value;
}

#endif
