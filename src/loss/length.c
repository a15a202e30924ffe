/*
 * length.c - the terms `length` and `compactness`: the border of a mask, as a sum over neighbours.
 *
 *     L(p) = p^T Lap p = sum over pairs of neighbours (p_i - p_j)^2       dL/dp = 2 Lap p
 * Lap is the Laplacian of the graph in which a voxel is joined to the 8 around it (26 in 3D); an ignored voxel is joined to
 * none.
 *     length       v = L / Z, Z the sample's valid voxels or 1
 *     compactness  v = L^2 / (S + eps); isoperimetric: L^2 / (4 pi (S + eps)),  S = sum p,  eps = 1e-10
 * compared with the truth's by the term's penalty (measures.h), then their mean.
 *
 * For a binary mask L counts the joined pairs that its border cuts, about 3 for each voxel of a straight border. A soft
 * mask has a smaller L than a sharp one: the terms reward blur. compactness is 0 where the truth is empty or S(p) <=
 * min_size.
 */
#include <math.h>
#include <string.h>

#include "loss/measures.h"
#include "loss/picture.h"

#define PI    3.14159265358979323846
#define ROWS  32  /* of a chunk */
#define BLOCK 256 /* columns at a time */

#define LENGTH_OPTIONS(X)                                                                                              \
    X(pick, units, "fraction", 0, 0, "fraction|voxel", "", "of the sample's voxels, or counted", "voxel")              \
    RMSEG_PENALTY_OPTIONS(X)                                                                                           \
    RMSEG_REDUCTION_OPTIONS(X)
#define COMPACTNESS_OPTIONS(X)                                                                                         \
    X(pick, form, "ratio", 0, 0, "ratio|isoperimetric", "", "L^2 / S, or L^2 / (4 pi S)", "isoperimetric")             \
    RMSEG_PENALTY_OPTIONS(X)                                                                                           \
    RMSEG_MIN_SIZE_OPTION(X)                                                                                           \
    RMSEG_REDUCTION_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(length_options, LENGTH_OPTIONS)
RMSEG_OPTIONS_DEFINE(length_options, LENGTH_OPTIONS)
RMSEG_OPTIONS_DECLARE(compactness_options, COMPACTNESS_OPTIONS)
RMSEG_OPTIONS_DEFINE(compactness_options, COMPACTNESS_OPTIONS)

/* The part's scratch: L of p and of y for each sample and channel, then the same of each chunk. */
typedef struct lengths {
    double p, y;
} lengths;

typedef struct task {
    const rmseg_evaluator *e;
    const rmseg_loss_part *part;
    lengths *partial;
    int64_t chunks; /* of one sample and channel */
} task;

static int64_t chunks_of(const rmseg_batch *b) { return b->size[0] * rmseg_chunk_count(b->size[1], ROWS); }

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    part->scratch = rmseg_alloc(b->n * b->k * (1 + chunks_of(b)), sizeof(lengths));
    if (!part->scratch) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_evaluator_predict(e));
    RMSEG_TRY(rmseg_measure_channels(e, part));
    return rmseg_field_add_map(e, part, false);
}

/* ---- before the sweeps: L, and its slope as a map ------------------------------------------------------------ */

/* Part of a row, of one voxel more at either end: p, y and 1 where the voxel is valid, else 0. Or sums of such. */
typedef struct strip {
    double p[BLOCK + 2], y[BLOCK + 2], there[BLOCK + 2];
} strip;

/* Where a strip lies: columns from `first` to below `end`, and the two beside them where the image has them. */
typedef struct span {
    const task *t;
    int64_t n, c, first, end;
} span;

static void add_row(strip *to, const span *s, int64_t d, int64_t h)
{
    const int64_t *size = s->t->e->sweep.batch.size, voxels = size[0] * size[1] * size[2];
    int64_t low = s->first > 0 ? s->first - 1 : 0, high = s->end < size[2] ? s->end + 1 : size[2];
    int64_t row = (d * size[1] + h) * size[2];
    for (int64_t w = low; w < high; w++) {
        double p = rmseg_picture_p(s->t->e, s->n, s->c, voxels, row + w);
        double y = rmseg_picture_y(s->t->e, s->n, s->c, voxels, row + w);
        to->p[w - s->first + 1] += p < 0 ? 0 : p;
        to->y[w - s->first + 1] += p < 0 ? 0 : y;
        to->there[w - s->first + 1] += p < 0 ? 0 : 1;
    }
}

/* The sum of the rows before, at and behind (d,h) along D. */
static void fill_strip(strip *to, const span *s, int64_t d, int64_t h)
{
    const int64_t *size = s->t->e->sweep.batch.size;
    memset(to, 0, sizeof *to);
    for (int64_t e = d - 1; h >= 0 && h < size[1] && e <= d + 1; e++)
        if (e >= 0 && e < size[0]) add_row(to, s, e, h);
}

static double around(const double *a, const double *b, const double *c, int64_t i)
{
    return a[i - 1] + a[i] + a[i + 1] + b[i - 1] + b[i] + b[i + 1] + c[i - 1] + c[i] + c[i + 1];
}

/* (Lap p)_i = p_i (voxels around) - (sum of p around), the voxel itself in both; p^T Lap p is the sum of p_i times that.
 * `near` are the strips above, at and below the row, in any order. */
static void finish_row(lengths *sum, const span *s, int64_t d, int64_t h, const strip near[3])
{
    const int64_t *size = s->t->e->sweep.batch.size;
    int64_t start = (((s->n * s->t->e->sweep.batch.k + s->c) * size[0] + d) * size[1] + h) * size[2] + s->first;
    strip own;
    memset(&own, 0, sizeof own);
    add_row(&own, s, d, h);
    for (int64_t i = 1; i <= s->end - s->first; i++) {
        double voxels = around(near[0].there, near[1].there, near[2].there, i);
        double slope = own.p[i] * voxels - around(near[0].p, near[1].p, near[2].p, i);
        double truth = own.y[i] * voxels - around(near[0].y, near[1].y, near[2].y, i);
        sum->p += own.p[i] * slope;
        sum->y += own.y[i] * truth;
        rmseg_picture_store(s->t->e, s->t->part, start + i - 1, own.there[i] > 0 ? 2 * slope : 0);
    }
}

static void measure_rows(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const task *t = context;
    const rmseg_batch *b = &t->e->sweep.batch;
    int64_t blocks = rmseg_chunk_count(b->size[1], ROWS), which = chunk / t->chunks;
    int64_t d = chunk % t->chunks / blocks, block = chunk % blocks;
    span s = {.t = t, .n = which / b->k, .c = which % b->k};
    strip near[3];
    lengths sum = {0, 0};
    if (!t->part->channels[s.c]) return;
    for (s.first = 0; s.first < b->size[2]; s.first += BLOCK) {
        s.end = s.first + BLOCK < b->size[2] ? s.first + BLOCK : b->size[2];
        for (int64_t h = block * ROWS, i = 0; h < rmseg_chunk_end(b->size[1], ROWS, block); h++, i++) {
            for (int64_t next = i ? h + 1 : h - 1; next <= h + 1; next++)
                fill_strip(near + (next + 3) % 3, &s, d, next);
            finish_row(&sum, &s, d, h, near);
        }
    }
    t->partial[chunk] = sum;
}

static rmseg_status prepare(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    lengths *of = (lengths *)part->scratch;
    task t = {.e = e, .part = part, .partial = of + b->n * b->k, .chunks = chunks_of(b)};
    rmseg_parallel_for(b->n * b->k * t.chunks, measure_rows, &t);
    for (int64_t i = 0; i < b->n * b->k; i++) {
        of[i] = (lengths){0, 0};
        for (int64_t chunk = 0; part->channels[i % b->k] && chunk < t.chunks; chunk++) {
            of[i].p += t.partial[i * t.chunks + chunk].p;
            of[i].y += t.partial[i * t.chunks + chunk].y;
        }
    }
    return RMSEG_OK;
}

/* ---- between them -------------------------------------------------------------------------------------------- */

static double finish_length(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const length_options *o = length_options_values(part->term->options);
    const rmseg_batch *b = &e->sweep.batch;
    rmseg_penalty penalty = RMSEG_PENALTY_OF(e, o);
    double value = 0, slope;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c] || !(e->sweep.valid[n] > 0)) continue;
            const lengths *of = (const lengths *)part->scratch + n * b->k + c;
            double count = rmseg_part_count(e, part, o->reduction, c);
            double over = !strcmp(o->units, "fraction") ? e->sweep.valid[n] : 1;
            value += count * rmseg_penalty_cost(&slope, &penalty, of->p / over, of->y / over);
            *rmseg_part_coefficient(e, part, 0, n, c) = part->weight * count * slope / over;
        }
    return value;
}

static double finish_compactness(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const compactness_options *o = compactness_options_values(part->term->options);
    const rmseg_batch *b = &e->sweep.batch;
    rmseg_penalty penalty = RMSEG_PENALTY_OF(e, o);
    double unit = !strcmp(o->form, "isoperimetric") ? 1 / (4 * PI) : 1, value = 0, slope;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            const double *sums = rmseg_sums_at(e, n, c);
            if (!part->channels[c] || !(sums[RMSEG_SUM_Y] > 0) || !(sums[RMSEG_SUM_P] > o->min_size)) continue;
            const lengths *of = (const lengths *)part->scratch + n * b->k + c;
            double count = rmseg_part_count(e, part, o->reduction, c), mass = sums[RMSEG_SUM_P] + RMSEG_EPSILON;
            double v = unit * of->p * of->p / mass, truth = unit * of->y * of->y / (sums[RMSEG_SUM_Y] + RMSEG_EPSILON);
            value += count * rmseg_penalty_cost(&slope, &penalty, v, truth);
            *rmseg_part_coefficient(e, part, 0, n, c) = part->weight * count * slope * 2 * unit * of->p / mass;
            rmseg_slope_at(e, n, c)->one -= part->weight * count * slope * v / mass;
        }
    return value;
}

const rmseg_loss_row rmseg_loss_length = {
    .info = {.name = "length",
             .arguments = LENGTH_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "(L(p) - L(y))^2, L = p^T Lap p, the sum of (p_i - p_j)^2 over neighbours, 8 or 26 each",
             .source = "Kervadec et al. 2021",
             .help = "length of the border (3D: its area) matched to the truth's"},
    .create_options = length_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile,
    .prepare = prepare,
    .finish = finish_length,
};

const rmseg_loss_row rmseg_loss_compactness = {
    .info = {.name = "compactness",
             .arguments = COMPACTNESS_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "(v(p) - v(y))^2, v = L^2 / S, L = p^T Lap p",
             .source = "Kervadec et al. 2021",
             .help = "border for its size, matched to the truth's"},
    .create_options = compactness_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile,
    .prepare = prepare,
    .finish = finish_compactness,
};
