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

/* Options of each: about the channels, and about what is summed. */
#define RMSEG_OVERLAP_BACKGROUND(X)                                                                                    \
    X(pick, include_background, "", 0, 0, "true|false", "", "another way to say channels=all or channels=fg", "true")
#define RMSEG_OVERLAP_SUMS(X)                                                                                          \
    X(f64, smooth, "", 1e-12, 1e9, "", "", "smooth_nr and smooth_dr at once", "1")                                     \
    X(f64, smooth_nr, "1e-05", 0, 1e9, "", "", "added to the numerator", "0")                                          \
    X(f64, smooth_dr, "1e-05", 1e-12, 1e9, "", "", "added to the denominator", "1e-5")                                 \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")              \
    X(pick, reduction, "mean", 0, 0, "mean|sum|batchmean", "", "over channels and samples, or over samples", "sum")

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
