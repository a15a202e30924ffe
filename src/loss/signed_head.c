/*
 * signed_head.c - the head tanh: logits to steep ones and back, and sums of signed distances.
 */
#include "loss/signed_head.h"

#include <math.h>

enum { CHUNK_VOXELS = 1 << 13 };

static int64_t voxels_of(const rmseg_batch *b) { return b->size[0] * b->size[1] * b->size[2]; }
static int64_t chunks_of(const rmseg_batch *b) { return rmseg_chunk_count(voxels_of(b), CHUNK_VOXELS); }
static size_t element(const rmseg_batch *b) { return b->wide ? sizeof(double) : sizeof(float); }

rmseg_status rmseg_signed_create(rmseg_evaluator *e)
{
    const rmseg_batch *b = &e->sweep.batch;
    if (e->objective->head != RMSEG_HEAD_TANH) return RMSEG_OK;
    e->steep = rmseg_alloc(b->n * b->k * voxels_of(b), element(b));
    return e->steep ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_signed_target_create(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    rmseg_signed_target *t = part->target = rmseg_alloc(1, sizeof *t);
    if (!t) return RMSEG_ERROR_MEMORY;
    t->t = rmseg_alloc(b->n * b->k * voxels_of(b), element(b));
    t->sums = rmseg_alloc(b->k, sizeof *t->sums);
    t->partial = rmseg_alloc(b->n * b->k * chunks_of(b), sizeof *t->partial);
    t->slope = rmseg_alloc(b->k, sizeof *t->slope);
    return t->t && t->sums && t->partial && t->slope ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

void rmseg_signed_target_destroy(rmseg_signed_target *t)
{
    if (!t) return;
    rmseg_free(t->t);
    rmseg_free(t->sums);
    rmseg_free(t->partial);
    rmseg_free(t->slope);
    rmseg_free(t);
}

/* ---- loops over voxels ----------------------------------------------------------------------------------------- */

/* An infinite logit is to be found by whoever looks for NaN. A voxel without gradient has none, whatever its s. */
#define SIGNED(T, TANH)                                                                                                \
    static void steepen_##T(T *to, const T *z, int64_t count)                                                          \
    {                                                                                                                  \
        for (int64_t i = 0; i < count; i++) to[i] = (T)-RMSEG_TANH_STEEPNESS * TANH(z[i]) + 0 * z[i];                  \
    }                                                                                                                  \
    static void add_up_##T(rmseg_signed_sums *sums, const T *steep, const T *target, int64_t count)                    \
    {                                                                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            if (isnan(target[i])) continue;                                                                            \
            double s = (double)steep[i] / -RMSEG_TANH_STEEPNESS, t = (double)target[i];                                \
            sums->st += s * t;                                                                                         \
            sums->ss += s * s;                                                                                         \
            sums->tt += t * t;                                                                                         \
            sums->absolute += fabs(s - t);                                                                             \
            sums->square += (s - t) * (s - t);                                                                         \
            sums->count++;                                                                                             \
        }                                                                                                              \
    }                                                                                                                  \
    static void add_slope_##T(T *d, const T *steep, const T *target, int64_t count, rmseg_signed_slope slope)          \
    {                                                                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            if (isnan(target[i])) continue;                                                                            \
            double s = (double)steep[i] / -RMSEG_TANH_STEEPNESS, t = (double)target[i];                                \
            double sign = (s > t) - (s < t);                                                                           \
            d[i] += (T)((slope.t * t + slope.s * s + slope.sign * sign) / -RMSEG_TANH_STEEPNESS);                      \
        }                                                                                                              \
    }                                                                                                                  \
    static void flatten_##T(T *d, const T *steep, int64_t count)                                                       \
    {                                                                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            T s = steep[i] / (T)-RMSEG_TANH_STEEPNESS;                                                                 \
            d[i] = d[i] == 0 ? 0 : (T)-RMSEG_TANH_STEEPNESS * d[i] * (1 - s * s);                                      \
        }                                                                                                              \
    }
SIGNED(float, tanhf)
SIGNED(double, tanh)

/* ---- chunks ---------------------------------------------------------------------------------------------------- */

/* A chunk lies within one sample and channel. */
typedef struct stretch {
    int64_t c, first, count; /* channel; in the whole array */
} stretch;

static stretch stretch_of(const rmseg_batch *b, int64_t chunk)
{
    int64_t chunks = chunks_of(b), plane = chunk / chunks, start = chunk % chunks * CHUNK_VOXELS;
    return (stretch){plane % b->k, plane * voxels_of(b) + start,
                     rmseg_chunk_end(voxels_of(b), CHUNK_VOXELS, chunk % chunks) - start};
}

static void enter_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const rmseg_evaluator *e = context;
    const rmseg_batch *b = &e->sweep.batch;
    stretch x = stretch_of(b, chunk);
    if (b->wide)
        steepen_double((double *)e->steep + x.first, (const double *)b->logits + x.first, x.count);
    else
        steepen_float((float *)e->steep + x.first, (const float *)b->logits + x.first, x.count);
}

void rmseg_signed_enter(rmseg_evaluator *e)
{
    rmseg_batch *b = &e->sweep.batch;
    rmseg_parallel_for(b->n * b->k * chunks_of(b), enter_chunk, e);
    b->logits = e->steep;
}

typedef struct gathering {
    const rmseg_evaluator *e;
    const rmseg_loss_part *part;
} gathering;

static void gather_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const gathering *g = context;
    const rmseg_signed_target *t = g->part->target;
    const rmseg_batch *b = &g->e->sweep.batch;
    stretch x = stretch_of(b, chunk);
    t->partial[chunk] = (rmseg_signed_sums){0};
    if (!g->part->channels[x.c]) return;
    if (b->wide)
        add_up_double(t->partial + chunk, (double *)g->e->steep + x.first, (double *)t->t + x.first, x.count);
    else
        add_up_float(t->partial + chunk, (float *)g->e->steep + x.first, (float *)t->t + x.first, x.count);
}

void rmseg_signed_gather(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    const rmseg_signed_target *t = part->target;
    gathering g = {e, part};
    int64_t chunks = b->n * b->k * chunks_of(b);
    rmseg_parallel_for(chunks, gather_chunk, &g);
    for (int64_t c = 0; c < b->k; c++) t->sums[c] = (rmseg_signed_sums){0};
    for (int64_t i = 0; i < chunks; i++) {
        rmseg_signed_sums *to = t->sums + stretch_of(b, i).c, from = t->partial[i];
        to->st += from.st;
        to->ss += from.ss;
        to->tt += from.tt;
        to->absolute += from.absolute;
        to->square += from.square;
        to->count += from.count;
    }
}

static void leave_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const rmseg_evaluator *e = context;
    const rmseg_batch *b = &e->sweep.batch;
    stretch x = stretch_of(b, chunk);
    double *wide = (double *)e->sweep.dlogits + x.first, *wide_steep = (double *)e->steep + x.first;
    float *narrow = (float *)e->sweep.dlogits + x.first, *narrow_steep = (float *)e->steep + x.first;
    for (int64_t i = 0; i < e->objective->terms; i++) {
        const rmseg_loss_part *part = e->part + i;
        if (!part->target || !part->channels[x.c] || part->weight == 0) continue;
        if (b->wide)
            add_slope_double(wide, wide_steep, (double *)part->target->t + x.first, x.count, part->target->slope[x.c]);
        else
            add_slope_float(narrow, narrow_steep, (float *)part->target->t + x.first, x.count,
                            part->target->slope[x.c]);
    }
    if (b->wide)
        flatten_double(wide, wide_steep, x.count);
    else
        flatten_float(narrow, narrow_steep, x.count);
}

void rmseg_signed_leave(rmseg_evaluator *e)
{
    const rmseg_batch *b = &e->sweep.batch;
    rmseg_parallel_for(b->n * b->k * chunks_of(b), leave_chunk, e);
}
