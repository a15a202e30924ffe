/*
 * rays.c - the term `rays`: the first two moments of every line of voxels along every axis.
 *
 *     m_k = sum x^k p / n,  k = 0, 1,  x in [-1,1] along the line, n its valid voxels
 *     value = mean over axes, k and lines of smooth-L1(m_k(p) - m_k(y)),  smooth-L1(d) = d^2 / (2 beta) for |d| < beta, else
 *             |d| - beta / 2,  beta = 0.02
 *     d/dp = sum over the lines through the voxel of smooth-L1'(m_k(p) - m_k(y)) x^k / (n * lines * 2 * axes)
 * of each sample and channel, then their mean. A line without a valid voxel is none.
 *
 * 0 for p = y and for few other p. An axis of one voxel has x = 0.
 */
#include <math.h>
#include <string.h>

#include "loss/measures.h"
#include "loss/picture.h"

#define RAYS_OPTIONS(X)                                                                                                \
    X(f64, beta, "0.02", 1e-9, 1e9, "", "", "smooth-L1 is a square below this", "0.1")                                 \
    RMSEG_FRAME_OPTION(X)                                                                                              \
    RMSEG_REDUCTION_OPTIONS(X)
RMSEG_OPTIONS_DECLARE(rays_options, RAYS_OPTIONS)
RMSEG_OPTIONS_DEFINE(rays_options, RAYS_OPTIONS)

/* A line: first its moments of p - y, then what each adds to the gradient. */
typedef struct ray {
    double moment[2], valid;
} ray;

/* One sample and channel: a slice of the part's scratch. */
typedef struct bundle {
    double *value, *x[3]; /* along each axis: its share of the value; places */
    ray *line[3];         /* along D, H, W, in the order of the two other axes */
    int64_t lines[3], n, c;
} bundle;

typedef struct task {
    const rmseg_evaluator *e;
    const rmseg_loss_part *part;
    double beta;
    bool volume;
} task;

static int64_t doubles_of(const rmseg_batch *b)
{
    const int64_t *s = b->size;
    return 3 + s[0] + s[1] + s[2] + 3 * (s[1] * s[2] + s[0] * s[2] + s[0] * s[1]);
}

static bundle bundle_of(const task *t, int64_t which)
{
    const rmseg_batch *b = &t->e->sweep.batch;
    bundle r = {.n = which / b->k, .c = which % b->k};
    double *at = t->part->scratch + which * doubles_of(b);
    r.value = at;
    at += 3;
    for (int axis = 0; axis < 3; at += b->size[axis++]) r.x[axis] = at;
    for (int axis = 0; axis < 3; at += 3 * r.lines[axis++]) {
        r.line[axis] = (ray *)at;
        r.lines[axis] = b->size[0] * b->size[1] * b->size[2] / b->size[axis];
    }
    return r;
}

static rmseg_status compile(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    int64_t doubles;
    if (!rmseg_mul3(&doubles, b->n, b->k, doubles_of(b))) return rmseg_fail_memory();
    part->scratch = rmseg_alloc(doubles, sizeof(double));
    if (!part->scratch) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_evaluator_predict(e));
    RMSEG_TRY(rmseg_measure_channels(e, part));
    return rmseg_field_add_map(e, part, false);
}

/* ---- before the sweeps --------------------------------------------------------------------------------------- */

/* The line along `axis` through (d,h,w). */
static inline ray *line_at(const bundle *r, const int64_t *size, int axis, int64_t d, int64_t h, int64_t w)
{
    return r->line[axis] + (axis == 0 ? h * size[2] + w : axis == 1 ? d * size[2] + w : d * size[1] + h);
}

/* x from -1 at the frame's first voxel to 1 at its last. */
static void fill_places(const task *t, const bundle *r, int axis)
{
    const rmseg_batch *b = &t->e->sweep.batch;
    const rmseg_frame *frame = t->volume ? b->frames + r->n : NULL;
    double last = (double)(frame ? frame->extent[axis] : b->size[axis]) - 1;
    double start = frame ? (double)frame->offset[axis] : 0;
    for (int64_t i = 0; i < b->size[axis]; i++) r->x[axis][i] = last > 0 ? 2 * (start + (double)i) / last - 1 : 0;
}

static void add_voxels(const task *t, const bundle *r, int axis)
{
    const int64_t *s = t->e->sweep.batch.size, voxels = s[0] * s[1] * s[2];
    int64_t at[3], i = 0;
    memset(r->line[axis], 0, (size_t)r->lines[axis] * sizeof(ray));
    for (at[0] = 0; at[0] < s[0]; at[0]++)
        for (at[1] = 0; at[1] < s[1]; at[1]++)
            for (at[2] = 0; at[2] < s[2]; at[2]++, i++) {
                double p = rmseg_picture_p(t->e, r->n, r->c, voxels, i);
                if (p < 0) continue;
                double far = p - rmseg_picture_y(t->e, r->n, r->c, voxels, i);
                ray *line = line_at(r, s, axis, at[0], at[1], at[2]);
                line->moment[0] += far;
                line->moment[1] += far * r->x[axis][at[axis]];
                line->valid++;
            }
}

static double smooth_l1(double *slope, double far, double beta)
{
    if (fabs(far) < beta) {
        *slope = far / beta;
        return far * far / (2 * beta);
    }
    *slope = far > 0 ? 1 : -1;
    return fabs(far) - beta / 2;
}

/* The lines of one sample, channel and axis. */
static void measure_axis(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const task *t = context;
    const rmseg_batch *b = &t->e->sweep.batch;
    int axis = (int)(chunk % 3);
    bundle r = bundle_of(t, chunk / 3);
    int64_t lines = 0;
    r.value[axis] = 0;
    if (!t->part->channels[r.c] || axis < 3 - b->spatial) return;
    fill_places(t, &r, axis);
    add_voxels(t, &r, axis);
    for (int64_t i = 0; i < r.lines[axis]; i++) lines += r.line[axis][i].valid > 0;
    double over = (double)(lines * 2 * b->spatial);
    for (int64_t i = 0; i < r.lines[axis]; i++) {
        ray *line = r.line[axis] + i;
        for (int k = 0; k < 2 && line->valid > 0; k++) {
            double slope;
            r.value[axis] += smooth_l1(&slope, line->moment[k] / line->valid, t->beta) / over;
            line->moment[k] = slope / (line->valid * over);
        }
    }
}

/* The slope at every voxel of one plane of a sample and channel. */
static void fill_plane(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const task *t = context;
    const rmseg_batch *b = &t->e->sweep.batch;
    const int64_t *s = b->size;
    bundle r = bundle_of(t, chunk / s[0]);
    if (!t->part->channels[r.c]) return;
    int64_t at[3] = {chunk % s[0], 0, 0}, i = chunk * s[1] * s[2];
    for (at[1] = 0; at[1] < s[1]; at[1]++)
        for (at[2] = 0; at[2] < s[2]; at[2]++, i++) {
            double slope = 0;
            for (int axis = 3 - b->spatial; axis < 3; axis++) {
                const ray *line = line_at(&r, s, axis, at[0], at[1], at[2]);
                slope += line->moment[0] + line->moment[1] * r.x[axis][at[axis]];
            }
            rmseg_picture_store(t->e, t->part, i, slope);
        }
}

static rmseg_status prepare(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rays_options *o = rays_options_values(part->term->options);
    const rmseg_batch *b = &e->sweep.batch;
    task t = {.e = e, .part = part, .beta = o->beta, .volume = !strcmp(o->frame, "volume") && b->frames};
    rmseg_parallel_for(b->n * b->k * 3, measure_axis, &t);
    rmseg_parallel_for(b->n * b->k * b->size[0], fill_plane, &t);
    return RMSEG_OK;
}

/* ---- between them -------------------------------------------------------------------------------------------- */

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    const char *reduction = rays_options_values(part->term->options)->reduction;
    double value = 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c] || !(e->sweep.valid[n] > 0)) continue;
            const double *along = part->scratch + (n * b->k + c) * doubles_of(b);
            double count = rmseg_part_count(e, part, reduction, c);
            value += count * (along[0] + along[1] + along[2]);
            *rmseg_part_coefficient(e, part, 0, n, c) = part->weight * count;
        }
    return value;
}

const rmseg_loss_row rmseg_loss_rays = {
    .info = {.name = "rays",
             .arguments = RAYS_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean over lines and k = 0, 1 of smooth-L1(m_k(p) - m_k(y)), m_k = sum x^k p / n along a line",
             .source = "projections and their first moments; smooth-L1, Girshick 2015",
             .help = "mass and place along every line of every axis, matched to the truth's"},
    .create_options = rays_options_create,
    .settle = rmseg_measure_settle,
    .compile = compile,
    .prepare = prepare,
    .finish = finish,
};
