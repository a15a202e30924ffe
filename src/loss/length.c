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

#define PI   3.14159265358979323846
#define ROWS 32 /* of a chunk */

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

static int64_t chunks_of(const rmseg_batch *b) { return rmseg_chunk_count(b->size[0] * b->size[1], ROWS); }

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

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* One voxel against the others of its 3 x 3 (x 3): returns (Lap p)_i, adds the squares (each pair is met twice). */
static double voxel_slope(const task *t, int64_t n, int64_t c, const int64_t at[3], lengths *sum)
{
    const int64_t *size = t->e->sweep.batch.size, voxels = size[0] * size[1] * size[2];
    int64_t i = (at[0] * size[1] + at[1]) * size[2] + at[2], low[3], high[3];
    double p = rmseg_picture_p(t->e, n, c, voxels, i), slope = 0;
    if (p < 0) return 0;
    double y = rmseg_picture_y(t->e, n, c, voxels, i);
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = at[axis] > 0 ? at[axis] - 1 : 0;
        high[axis] = least(at[axis] + 1, size[axis] - 1);
    }
    for (int64_t d = low[0]; d <= high[0]; d++)
        for (int64_t h = low[1]; h <= high[1]; h++)
            for (int64_t w = low[2]; w <= high[2]; w++) {
                int64_t j = (d * size[1] + h) * size[2] + w;
                double q = rmseg_picture_p(t->e, n, c, voxels, j);
                if (q < 0) continue;
                double step = y - rmseg_picture_y(t->e, n, c, voxels, j);
                slope += p - q;
                sum->p += (p - q) * (p - q) / 2;
                sum->y += step * step / 2;
            }
    return slope;
}

static void measure_rows(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const task *t = context;
    const rmseg_batch *b = &t->e->sweep.batch;
    int64_t which = chunk / t->chunks, n = which / b->k, c = which % b->k, rows = b->size[0] * b->size[1];
    if (!t->part->channels[c]) return;
    lengths sum = {0, 0};
    for (int64_t row = chunk % t->chunks * ROWS; row < rmseg_chunk_end(rows, ROWS, chunk % t->chunks); row++)
        for (int64_t w = 0; w < b->size[2]; w++) {
            const int64_t at[3] = {row / b->size[1], row % b->size[1], w};
            double slope = voxel_slope(t, n, c, at, &sum);
            rmseg_picture_store(t->e, t->part, (which * rows + row) * b->size[2] + w, 2 * slope);
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
