/*
 * backend/kernels.h - what loss/ and backend/ share: the compiled objective and the two sweeps that evaluate it.
 *
 * p = head(logits), y the truth, r = p - y. An objective's value is a function of few sums over voxels, and its gradient
 * at p is, in every voxel v of sample n and channel c,
 *     g = A y + B p + C + S sign(r) + sum over squared fields of w(v) r + sum over plain fields of w(v)
 * with A, B, C, S and the fields' coefficients constant within n and c. So two sweeps over the logits are enough: `gather`
 * writes every sum; loss/ turns them into values and these constants; `scatter` writes dlogits, through the head's
 * Jacobian. Terms of log p (cross-entropy, focal) go to the logits directly. Probabilities have no array of their
 * own: they are computed twice, or wait in dlogits; only a term that looks at them as a picture asks for `predict`.
 *
 * A weight field w is a sum of separable parts, kept as tables along the axes and never as a map:
 *     w(d,h,w) = sum_t coefficient_t T0[t0][d] T1[t1][h] T2[t2][w]
 * or, for weights that are no such sum (distances), a map.
 *
 * A voxel is invalid where index == ignore, or where any channel of the map is negative: it is in no sum, its dlogits
 * are 0.
 */
#ifndef BACKEND_KERNELS_H
#define BACKEND_KERNELS_H

#include "core/core.h"
#include "rmseg/loss.h"

/* Sums over the valid voxels of one sample and channel: P of every channel, the others where they are wanted (looked,
 * absolute, nll below) and what a kernel likes elsewhere. ABS: |r|. NLL: softmax and exclusive probabilities: y * -log p;
 * sigmoid and a single channel of probabilities: binary cross-entropy. Behind them follow those of all fields, then two
 * of each focal term. */
enum { RMSEG_SUM_PY, RMSEG_SUM_P, RMSEG_SUM_PP, RMSEG_SUM_Y, RMSEG_SUM_YY, RMSEG_SUM_ABS, RMSEG_SUM_NLL, RMSEG_SUMS };

/* Probabilities handed over (head none) are cut off here before a logarithm or a division. */
#define RMSEG_PROBABILITY_FLOOR 1e-12

/* The float tables of axis W are padded with zeros to a multiple of this, so that vectors may read past a row's end. */
#define RMSEG_TABLE_PAD 16

typedef struct rmseg_weight_part {
    int64_t table[3]; /* which table along D, H, W */
} rmseg_weight_part;

typedef struct rmseg_weight_field {
    bool squared;            /* weighs r^2, else p and y */
    bool *channels;          /* (K): the channels it weighs */
    rmseg_weight_part *part; /* (parts) */
    int64_t parts;
    double *coefficient; /* (N, K, parts) of the gradient: written between the sweeps */
    int64_t first;       /* of its sums: squared: sum w r^2 of part t at first + t; else sum w p at first + 2 t, and
                            sum w y behind it */
    bool own_centres;    /* tables differ by channel (centroids) */
    int64_t tables[3];   /* how many along each axis */
    int64_t stride[3];   /* elements from one table to the next: at least the axis' extent */
    double *table[3];    /* (N, own_centres ? K : 1, tables, stride) */
    float *narrow;       /* table[2] in float, for float kernels */
    void *map;           /* (N, K, D, H, W), as the logits: w itself, instead of tables; one part */
} rmseg_weight_field;

/* y (1 - p)^gamma (-log p) and, where channels are binary, (1 - y) p^gamma (-log(1 - p)): two sums, at first and behind
 * it, and what a unit of each counts in the gradient. */
typedef struct rmseg_focal {
    double gamma;
    int64_t first;
    double *slope; /* (K, 2) */
} rmseg_focal;

typedef struct rmseg_slope {
    double y, p, one, sign; /* A, B, C, S above */
} rmseg_slope;

/* One evaluation: what both sweeps read and write. */
typedef struct rmseg_sweep {
    rmseg_batch batch;
    rmseg_head head;
    int32_t first_label; /* the index value of channel 0: 0 where it is the background, 1 where it is foreground */
    bool nll, absolute;  /* whether RMSEG_SUM_NLL, RMSEG_SUM_ABS are wanted (else left 0) */
    bool *looked;        /* (K): whether the channel's PY, PP, Y, YY are wanted */
    int64_t fields;
    rmseg_weight_field *field;
    int64_t focals;
    rmseg_focal *focal;

    int64_t width; /* sums per sample and channel */
    double *sums;  /* (N, K, width) */
    double *valid; /* (N) */
    bool fault;    /* an index out of range, or a map above 1 or NaN, was met */

    rmseg_slope *slope; /* (N, K) */
    double *nll_slope;  /* (K): softmax: dlogits[c] += p[c] sum_j nll_slope[j] y[j] - nll_slope[c] y[c]; sigmoid: +=
                           nll_slope[c] r */
    void *dlogits;      /* as the logits; NULL: no gradient is wanted */
    void *kept;         /* the dlogits in which gather left what the next scatter into them need not calculate again;
                           NULL: none, and after that scatter */
    void *scratch;      /* scratch_bytes(), aligned to 64 */
} rmseg_sweep;

struct rmseg_objective_kernels {
    const char *name;
    /* Of a sweep whose shape, head and fields are set; grows with the number of threads. */
    size_t (*scratch_bytes)(const rmseg_sweep *sweep, int threads);
    void (*gather)(rmseg_sweep *sweep);
    void (*scatter)(const rmseg_sweep *sweep);
    /* Sums of y and of i y along D, H, W (i = 0 .. extent-1) per sample and channel: sums (N, K, 4), of channels that a
     * field with own centres weighs; the others' may be 0. */
    void (*locate)(double *sums, const rmseg_sweep *sweep);
    /* Probabilities (N, K, D, H, W), as the logits; -1 where the voxel is invalid. */
    void (*predict)(void *p, const rmseg_sweep *sweep);
};
typedef struct rmseg_objective_kernels rmseg_objective_kernels;

/* Index value number i of the batch's. */
static inline int64_t rmseg_index_at(const rmseg_batch *batch, int64_t i)
{
    switch (batch->index_type) {
    case RMSEG_INDEX_U8: return ((const uint8_t *)batch->index)[i];
    case RMSEG_INDEX_I16: return ((const int16_t *)batch->index)[i];
    case RMSEG_INDEX_I64: return ((const int64_t *)batch->index)[i];
    default: return ((const int32_t *)batch->index)[i];
    }
}

/* The coefficients of sample n and channel c. */
static inline double *rmseg_field_coefficients(const rmseg_weight_field *field, int64_t k, int64_t n, int64_t c)
{
    return field->coefficient + (n * k + c) * field->parts;
}

/* The naive loops, for float and for double logits: what the sweeps mean. */
extern const rmseg_objective_kernels rmseg_objective_plain, rmseg_objective_plain64;

#endif
