/*
 * backend/cpu/objective.h - the inner door of the objective's sweeps: how a batch is cut, and a thread's rows.
 *
 * A sweep works on pieces of 256 voxels at most: several whole rows of W, or a part of a long one. Their voxels are
 * contiguous, so vectors run across the rows' ends and only a piece's last strip is partly empty: its other lanes are
 * invalid voxels. Truth and probabilities of a piece go into rows that stay in the first-level cache, and each sum is
 * one short loop over them. Float lanes are added up over one piece, pieces in double over a chunk of some 8192 voxels,
 * chunks in order: all of it depends on the shape alone, so the bits do not depend on the number of threads.
 *
 *     objective.c         chunks and their sums; the table of kernels
 *     objective_rows.c    truth and probabilities into rows, for every head
 *     objective_fields.c  weight fields: their sums over a piece, their weights along it
 *     objective_gather.c, objective_scatter.c   a piece of either sweep: any head, any number of channels, focal terms
 *     objective_binary.c  both for what most networks have, one mask or two classes: in registers
 */
#ifndef BACKEND_CPU_OBJECTIVE_H
#define BACKEND_CPU_OBJECTIVE_H

#include <string.h>

#include "backend/cpu/math.h"

#define PIECE 256  /* voxels worked on at once; a multiple of RMSEG_TABLE_PAD */
#define CHUNK 8192 /* voxels, about, of one partial sum */
#define ROW   (PIECE + RMSEG_TABLE_PAD)

typedef struct cut {
    int64_t voxels;        /* of one sample and channel */
    int64_t rows, width;   /* of a piece, the last may have less: one row, or whole ones */
    int64_t across;        /* pieces along one row, 1 if they hold whole ones */
    int64_t sample_pieces; /* of one sample */
    int64_t chunk, chunks; /* pieces in a chunk, chunks of one sample */
    int64_t partial;       /* doubles of a chunk's sums: (K, width), valid, fault */
} cut;

typedef struct piece {
    int64_t n;           /* sample */
    int64_t row, rows;   /* of D*H: the first, and how many */
    int64_t from, width; /* along W: of each row */
    int64_t start;       /* of its first voxel within a sample and channel */
    int64_t length;      /* rows * width */
} piece;

/* A thread's rows of ROW floats, K of them where it says so: a piece and a strip behind it, since vectors along a row of
 * W reach beyond the piece's end. There y and p are 0. */
typedef struct rows {
    float *y, *p, *q, *g; /* (K): truth, probability, 1 - p, d/dp; 0 where invalid, but g */
    float *l, *m, *h;     /* (K): -log p, -log(1 - p), what terms of log p add; for focal terms alone */
    float *square, *line; /* one row each: what multiplies r, and what is added to d/dp, of all fields */
    float *dot;           /* one row: sum over channels of p g, and what terms of log p add */
    int32_t *valid;       /* one row: all bits or none */
    int32_t *label;       /* one row: the index */
    float *nll;           /* (K) of LANES: sums of the piece */
} rows;

static inline piece piece_at(const rmseg_sweep *s, const cut *c, int64_t n, int64_t index)
{
    const int64_t *size = s->batch.size;
    int64_t all = size[0] * size[1], row = index / c->across * c->rows, from = index % c->across * c->width;
    piece x = {.n = n, .row = row, .rows = least(c->rows, all - row), .from = from};
    x.width = least(c->width, size[2] - from);
    x.start = row * size[2] + from;
    x.length = x.rows * x.width;
    return x;
}

/* A mask per channel, each against its own background, rather than classes that exclude each other. */
static inline bool is_binary(const rmseg_sweep *s)
{
    return s->head == RMSEG_HEAD_SIGMOID || (s->head == RMSEG_HEAD_NONE && s->batch.k == 1);
}

/* Whether anything asks for more of channel c than RMSEG_SUM_P and RMSEG_SUM_NLL. */
static inline bool is_looked_at(const rmseg_sweep *s, int64_t c)
{
    bool looked = s->looked[c];
    for (int64_t f = 0; f < s->fields && !looked; f++) looked = s->field[f].channels[c];
    return looked;
}

/* ---- vectors ------------------------------------------------------------------------------------------------- */

/* Behind a row's last strip. */
INLINE int64_t strips_end(int64_t length) { return split(length, LANES) * LANES; }

#define EACH_STRIP(i, length) for (int64_t i = 0; i < (length); i += LANES)

INLINE vec load(const float *from) { return *(const vec *)from; }
INLINE void store(float *to, vec x) { *(vec *)to = x; }
INLINE void add_to(float *sum, vec x) { store(sum, load(sum) + x); }

/* The first `left` of LANES; the rest are 0. */
INLINE vec load_some(const float *from, int64_t left)
{
    if (left >= LANES) return load(from);
    vec x = vec_of(0);
    memcpy(&x, from, (size_t)left * sizeof(float));
    return x;
}

INLINE void store_some(float *to, vec x, int64_t left)
{
    if (left >= LANES)
        store(to, x);
    else
        memcpy(to, &x, (size_t)left * sizeof(float));
}

INLINE ivec lanes_below(int64_t left)
{
    ivec lane;
    for (int32_t i = 0; i < LANES; i++) lane[i] = i;
    return lane < ivec_of(left < LANES ? (int32_t)left : LANES);
}

/* Quarters first: a piece's few strips are added in float anyway. */
INLINE double total(vec x)
{
    typedef float four __attribute__((vector_size(16)));
    four part[LANES / 4], sum;
    memcpy(part, &x, sizeof part);
    sum = part[0];
    for (int i = 1; i < LANES / 4; i++) sum += part[i];
    return ((double)sum[0] + (double)sum[1]) + ((double)sum[2] + (double)sum[3]);
}

INLINE vec floored(vec p) { return vec_larger(vec_of((float)RMSEG_PROBABILITY_FLOOR), p); }

/* q^gamma of q from 0 to 1; 0^0 = 1. */
INLINE vec powered(vec q, float gamma)
{
    vec floor = vec_of(1.2e-38f);
    if (gamma == 0) return vec_of(1);
    return vec_keep(vec_exp_negative(gamma * vec_log_sum(vec_larger(q, floor), vec_of(0))), q > 0.0f);
}

/* ---- per level ----------------------------------------------------------------------------------------------- */

#define rmseg_cpu_read_truth     RMSEG_AT_LEVEL(rmseg_cpu_read_truth)
#define rmseg_cpu_probabilities  RMSEG_AT_LEVEL(rmseg_cpu_probabilities)
#define rmseg_cpu_channel_piece  RMSEG_AT_LEVEL(rmseg_cpu_channel_piece)
#define rmseg_cpu_field_sums     RMSEG_AT_LEVEL(rmseg_cpu_field_sums)
#define rmseg_cpu_weigh          RMSEG_AT_LEVEL(rmseg_cpu_weigh)
#define rmseg_cpu_gather_any     RMSEG_AT_LEVEL(rmseg_cpu_gather_any)
#define rmseg_cpu_scatter_any    RMSEG_AT_LEVEL(rmseg_cpu_scatter_any)
#define rmseg_cpu_gather_binary  RMSEG_AT_LEVEL(rmseg_cpu_gather_binary)
#define rmseg_cpu_scatter_binary RMSEG_AT_LEVEL(rmseg_cpu_scatter_binary)

/* Fills valid, and y of the channels from `first` on; adds to the counts of valid and of bad voxels. */
void rmseg_cpu_read_truth(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t first,
                          double counts[2]);

/* Whether every lane of whole strips is valid, whatever the truth is. */
static inline bool all_valid(const rmseg_sweep *s) { return s->batch.index && s->batch.ignore == -1; }

/* Fills p, and q for binary heads; with focal terms l, m; with `nll` its sums. */
void rmseg_cpu_probabilities(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, bool nll);

/* Adds what is wanted of the rows p and y of channel j: its plain sums, and those of its fields. */
void rmseg_cpu_channel_piece(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j,
                             double *sums);

/* Adds the sums of all fields that weigh channel j. */
void rmseg_cpu_field_sums(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j, double *sums);

/* Adds to r->square and r->line the weights of all fields at channel j, by their coefficients there; those of plain
 * fields times `sign`. `started` tells which of the two rows hold something; the others are overwritten. */
void rmseg_cpu_weigh(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, int64_t j, double sign,
                     bool started[2]);

/* What a sweep does with one piece. Gathering adds to the sums of a chunk, `to`; scattering writes dlogits, `to`. */
typedef void (*piece_fn)(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to);
void rmseg_cpu_gather_any(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to);
void rmseg_cpu_scatter_any(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to);
void rmseg_cpu_gather_binary(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to);
void rmseg_cpu_scatter_binary(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to);

#endif
