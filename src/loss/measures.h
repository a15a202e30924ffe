/*
 * loss/measures.h - terms that compare numbers of the prediction with those of the truth: a size, a centroid, a spread.
 *
 * A measure is a function of few sums of one mask, written once, on dual numbers: value and derivative at each sum come
 * from the same lines, and prediction and truth go through the same function. What a difference costs is the term's
 * penalty:
 *     match        (v(p) - v(y))^2
 *     band         relu(v(p) - b)^2 + relu(a - v(p))^2
 *     log-barrier  psi(v(p) - b) + psi(a - v(p)),  psi(z) = -log(-z) / t for z <= -1 / t^2, else t z + (1 + 2 log t) / t
 * with the band from a = (1 - m) v(y) to b = (1 + m) v(y), exchanged where v(y) is negative; or, absolute, from
 * v(y) - m to v(y) + m, where a is at least 0 if v can never be negative.
 */
#ifndef LOSS_MEASURES_H
#define LOSS_MEASURES_H

#include "loss/evaluator.h"

/* ---- dual numbers -------------------------------------------------------------------------------------------- */

/* A value and its derivatives at the sums. The most there are: third moments in 2D or second ones in 3D, 10. */
enum { RMSEG_MEASURE_SUMS = 10 };
typedef struct rmseg_dual {
    double v, d[RMSEG_MEASURE_SUMS];
} rmseg_dual;

rmseg_dual rmseg_dual_mix(rmseg_dual a, double x, rmseg_dual b, double y); /* x a + y b */
rmseg_dual rmseg_dual_plus(rmseg_dual a, double x);                        /* a + x */
rmseg_dual rmseg_dual_times(rmseg_dual a, rmseg_dual b);
rmseg_dual rmseg_dual_over(rmseg_dual a, rmseg_dual b);
rmseg_dual rmseg_dual_apply(rmseg_dual a, double value, double slope); /* f(a), of which value and slope are given */
rmseg_dual rmseg_dual_hypot(rmseg_dual a, rmseg_dual b);               /* at 0: no slope */

/* ---- penalties ----------------------------------------------------------------------------------------------- */

#define RMSEG_PENALTY_OPTIONS(X)                                                                                       \
    X(pick, penalty, "match", 0, 0, "match|band|log-barrier", "",                                                      \
      "the squared difference, or what lies outside of a band: squared, or by a barrier", "band")                      \
    X(f64, margin, "0.1", 0, 1e12, "", "", "the band's half width, as a share of the truth's value or absolute",       \
      "0.2")                                                                                                           \
    X(pick, bounds, "relative", 0, 0, "relative|absolute", "", "whether margin is a share of the truth's value",       \
      "absolute")                                                                                                      \
    X(f64, t, "1", 1e-3, 1e6, "", "", "the barrier's steepness at the start of training", "5")                         \
    X(f64, growth, "1.1", 1, 10, "", "",                                                                               \
      "the steepness grows by this factor each hundredth of the training, to 1e6 at most", "1")
#define RMSEG_REDUCTION_OPTIONS(X)                                                                                     \
    X(pick, reduction, "mean", 0, 0, "mean|sum|batchmean", "", "over channels and samples, or over samples", "sum")    \
    X(str, channels, "fg", 0, 0, "", "", "fg, all, or channels such as 1+2", "1+2")                                    \
    X(str, weights, "", 0, 0, "", "", "a weight for each of the channels, joined by '+'; none: 1", "1+2")
#define RMSEG_MIN_SIZE_OPTION(X)                                                                                       \
    X(f64, min_size, "10", 0, 1e9, "", "voxels", "a prediction not larger is left alone", "1")
#define RMSEG_FRAME_OPTION(X)                                                                                          \
    X(pick, frame, "patch", 0, 0, "patch|volume", "", "coordinates in the patch or in the image it was cut from",      \
      "volume")

typedef struct rmseg_penalty {
    enum { RMSEG_PENALTY_MATCH, RMSEG_PENALTY_BAND, RMSEG_PENALTY_BARRIER } kind;
    double margin, t;
    bool absolute;
    bool negative; /* v may be: a band's lower end is not cut off at 0 */
} rmseg_penalty;

/* `o` is a typed struct with RMSEG_PENALTY_OPTIONS. */
#define RMSEG_PENALTY_OF(e, o) rmseg_penalty_of(e, (o)->penalty, (o)->margin, (o)->bounds, (o)->t, (o)->growth)
rmseg_penalty rmseg_penalty_of(const rmseg_evaluator *evaluator, const char *penalty, double margin, const char *bounds,
                               double t, double growth);

/* The cost of v(p) = `p` where the truth has `y`; *slope is its derivative at `p`. */
double rmseg_penalty_cost(double *slope, const rmseg_penalty *penalty, double p, double y);

/* ---- measures ------------------------------------------------------------------------------------------------ */

#define RMSEG_EPSILON 1e-10 /* beside every sum that is divided by */

/* Where the sums' coordinates stand: of axis k, the place x = 0 (the first voxel) is `first` from their zero; `cell` is
 * a voxel's volume in their unit; `voxels` are the sample's valid ones. Axes are the 2 or 3 that count. */
typedef struct rmseg_place {
    int axes;
    double first[3], cell, voxels;
} rmseg_place;

/* The numbers of one mask from its sums: sums[0] of 1, the others of the monomials the part asked for, in their order.
 */
typedef void (*rmseg_measure_fn)(rmseg_dual *values, const rmseg_dual *sums, const rmseg_place *place);

enum { RMSEG_MEASURE_VALUES = 7 };
typedef struct rmseg_measure {
    rmseg_measure_fn of;
    int64_t values;
    const double *share; /* (values) what each counts; NULL: 1 */
    bool ratio; /* divides by the mask's sum: 0 where the truth is empty or the prediction not above min_size */
    double min_size;
    const char *reduction;
    bool voxel; /* coordinates in voxels, else as the field's rule makes them */
    rmseg_penalty penalty;
} rmseg_measure;

/* Value over all samples and channels; the gradient goes to the sweep. */
double rmseg_measure_finish(rmseg_evaluator *evaluator, const rmseg_loss_part *part, const rmseg_measure *measure);

/* The sums of one sample and channel as the measure sees them: of y, or of p. */
void rmseg_measure_sums(rmseg_dual *sums, const rmseg_evaluator *evaluator, const rmseg_loss_part *part, int64_t n,
                        int64_t c, bool truth, bool voxel);
rmseg_place rmseg_measure_place(const rmseg_evaluator *evaluator, const rmseg_loss_part *part, int64_t n, int64_t c,
                                bool voxel);

/* A row's settle: checks the syntax of channels and weights. And what its compile starts with: reads them. */
rmseg_status rmseg_measure_settle(rmseg_loss_term *term);
rmseg_status rmseg_measure_channels(rmseg_evaluator *evaluator, rmseg_loss_part *part);

/* Asks for the sums of all monomials of degree 1 to `degree` of coordinates from the truth's centroid (differences of
 * large sums would lose digits), in ascending degree: in 2D h, w, hh, hw, ww, hhh, hhw, hww, www. */
rmseg_status rmseg_measure_monomials(rmseg_evaluator *evaluator, rmseg_loss_part *part, int degree, const char *frame,
                                     const char *units);

/* Index among the sums of the second moment of the axes a <= b (0 .. axes-1). */
static inline int rmseg_second(int axes, int a, int b) { return 1 + axes + a * axes - a * (a - 1) / 2 + b - a; }

/* Centroid along an axis, from the coordinates' zero; second moment about the centroid. */
rmseg_dual rmseg_measure_centre(const rmseg_dual *sums, int axis);
rmseg_dual rmseg_measure_second(const rmseg_dual *sums, int axes, int a, int b);

#endif
