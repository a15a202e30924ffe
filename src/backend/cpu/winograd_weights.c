/*
 * winograd_weights.c - the gradient of weights by F(4x4, 3x3): see winograd.h.
 *
 * DU [block of y][block of x][depth][36][16][16] is the gradient of the transformed weights, summed over rows by the
 * microkernel with its roles swapped, as in conv_weights.c.
 */
#include <string.h>

#include "backend/cpu/micro.h"
#include "backend/cpu/winograd_tiles.h"

#define SET     (POSITIONS * SQUARE) /* floats of DU for a pair of blocks and one tap along D */
#define STRETCH 32 /* rows summed before their sum joins DU: a sum of thousands in one go loses digits */

typedef struct weights_job {
    const winograd_weights *pass;
    winograd_group group; /* the shared one */
    float *v, *y, *du;    /* V and Y of the shared group; DU, of every chunk where each has its own */
    bool begun, last;     /* whether DU holds sums, and whether the shared group is the last */
} weights_job;

static int64_t sets(const winograd_plan *p) { return p->out_blocks * p->in_blocks * p->depth; }

/* What a group adds to DU between two blocks, for tap d. */
static void add_set(float *du, const float *v, const float *y, const winograd_plan *p, const winograd_group *g,
                    int64_t set, bool begun)
{
    static const float zero[BLOCK];
    int64_t d = set % p->depth, in = set / p->depth % p->in_blocks, out = set / p->depth / p->in_blocks;
    int64_t v_step = winograd_v_step(p->in_blocks, g->in_rows), y_step = winograd_v_step(p->out_blocks, g->rows);
    for (int64_t row = 0; row < g->rows; row += STRETCH) {
        conv_run run = {row * BLOCK, row * BLOCK};
        micro_job job = {
            .runs = &run, .count = 1, .length = least(STRETCH, g->rows - row), .start = begun || row > 0 ? NULL : zero};
        for (int64_t position = 0; position < POSITIONS; position++) {
            job.a = v + position * v_step + (in * g->in_rows + d * g->tiles) * BLOCK;
            job.b = y + position * y_step + out * g->rows * BLOCK;
            micro_rows(rmseg_cpu_micro_weights, &job, BLOCK, 1, du + position * SQUARE, BLOCK);
        }
    }
}

static void add_to(float *du, const float *more)
{
    for (int64_t i = 0; i < SET; i += BLOCK) {
        pixel sum = pixel_load(du + i), next = pixel_load(more + i);
        EACH_VECTOR(v) sum.v[v] += next.v[v];
        pixel_store(du + i, sum);
    }
}

static float *gradient_of(const winograd_weights *pass, int64_t set) { return pass->dweight + set * 9 * SQUARE; }

/* ---- few channels: chunks of the space, each with a DU of its own, added in order -------------------------------- */

static void own_chunk(void *context, int64_t chunk, int thread)
{
    const weights_job *job = context;
    const winograd_weights *pass = job->pass;
    const winograd_plan *p = pass->plan;
    int64_t groups = rmseg_cpu_winograd_groups(p), first = groups * chunk / p->chunks,
            end = groups * (chunk + 1) / p->chunks;
    float *v = pass->scratch + p->common + thread * p->own, *du = job->du + chunk * sets(p) * SET;
    for (int64_t index = first; index < end; index++) {
        winograd_group g = rmseg_cpu_winograd_group(p, index);
        float *y = v + POSITIONS * winograd_v_step(p->in_blocks, g.in_rows);
        for (int64_t in = 0; in < p->in_blocks; in++) rmseg_cpu_winograd_x(v, p, &g, &pass->x, in);
        for (int64_t out = 0; out < p->out_blocks; out++) rmseg_cpu_winograd_dy(y, p, &g, &pass->dy, out);
        for (int64_t set = 0; set < sets(p); set++) add_set(du + set * SET, v, y, p, &g, set, index > first);
    }
}

static void own_finish(void *context, int64_t set, int thread)
{
    (void)thread;
    const weights_job *job = context;
    const winograd_plan *p = job->pass->plan;
    float *du = job->du + set * SET;
    for (int64_t chunk = 1; chunk < p->chunks; chunk++) add_to(du, du + chunk * sets(p) * SET);
    rmseg_cpu_winograd_dw(gradient_of(job->pass, set), du);
}

/* ---- many channels: all threads on one group --------------------------------------------------------------------- */

static void shared_in(void *context, int64_t block, int thread)
{
    (void)thread;
    const weights_job *job = context;
    const winograd_weights *pass = job->pass;
    const winograd_plan *p = pass->plan;
    if (block < p->in_blocks)
        rmseg_cpu_winograd_x(job->v, p, &job->group, &pass->x, block);
    else
        rmseg_cpu_winograd_dy(job->y, p, &job->group, &pass->dy, block - p->in_blocks);
}

/* All blocks of y for one block of x, whose part of V stays in the cache. */
static void shared_sets(void *context, int64_t in, int thread)
{
    (void)thread;
    const weights_job *job = context;
    const winograd_plan *p = job->pass->plan;
    float only[SET];
    for (int64_t out = 0; out < p->out_blocks; out++)
        for (int64_t d = 0; d < p->depth; d++) {
            int64_t set = (out * p->in_blocks + in) * p->depth + d;
            float *du = job->du + set * SET;
            add_set(job->begun || job->last ? only : du, job->v, job->y, p, &job->group, set, false);
            if (job->begun) add_to(job->last ? only : du, job->last ? du : only);
            if (job->last) rmseg_cpu_winograd_dw(gradient_of(job->pass, set), only);
        }
}

void rmseg_cpu_winograd_weights(const winograd_weights *pass)
{
    const winograd_plan *p = pass->plan;
    int64_t groups = rmseg_cpu_winograd_groups(p);
    weights_job job = {.pass = pass, .du = pass->scratch};
    if (!p->shared) {
        winograd_run(p, p->chunks, own_chunk, &job);
        rmseg_parallel_for(sets(p), own_finish, &job);
        return;
    }
    if (groups > 1)
        job.v = pass->scratch + sets(p) * SET;
    else
        job.v = pass->scratch;
    for (int64_t index = 0; index < groups; index++) {
        job.group = rmseg_cpu_winograd_group(p, index);
        job.y = job.v + POSITIONS * winograd_v_step(p->in_blocks, job.group.in_rows);
        job.begun = index > 0, job.last = index == groups - 1;
        rmseg_parallel_for(p->in_blocks + p->out_blocks, shared_in, &job);
        rmseg_parallel_for(p->in_blocks, shared_sets, &job);
    }
}
