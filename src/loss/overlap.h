/*
 * loss/overlap.h - what dice, jaccard and tversky share: one minus a ratio of sums of p and y.
 *
 *     value = 1 - N / D,   N = a I + smooth_nr,   D = b I + c P + d Y + smooth_dr
 * with I = sum p y, P = sum p or p^2, Y = sum y or y^2; `soft`, without squares: I = (P + Y - sum |p - y|) / 2, which is
 * sum min(p, y): a prediction equal to a soft truth has no loss then.
 */
#ifndef LOSS_OVERLAP_H
#define LOSS_OVERLAP_H

#include "loss/evaluator.h"

typedef struct rmseg_overlap {
    double a, b, c, d, smooth_nr, smooth_dr;
    double floor;  /* D is at least this */
    bool squared;  /* squares in P and Y */
    bool soft;     /* asks for sweep.absolute */
    bool negative; /* -N / D instead */
    bool pooled;   /* sums over the whole batch, else of each sample */
    const char *reduction;
} rmseg_overlap;

/* The value over all channels (and samples), and its gradient into the sweep. */
double rmseg_overlap_finish(rmseg_evaluator *evaluator, const rmseg_loss_part *part, const rmseg_overlap *form);

/* "batch": true, false, or auto, which is true in 2D. */
bool rmseg_overlap_pooled(const rmseg_evaluator *evaluator, const char *batch);

/* smooth, where given, sets smooth_nr and smooth_dr unless those are given; include_background sets channels. */
rmseg_status rmseg_overlap_settle(rmseg_options *options);

#endif
