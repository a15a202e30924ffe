/*
 * winograd_weights.c - the gradient of weights by F(4x4, 3x3): see winograd.h.
 *
 * DU [block of y][block of x][depth][36][16][16] is the gradient of the transformed weights, summed over rows by the
 * microkernel with its roles swapped, as in conv_weights.c.
 */
#include <string.h>

#include "backend/cpu/micro.h"
#include "backend/cpu/winograd_tiles.h"

#define SET       (POSITIONS * SQUARE) /* floats of DU for a pair of blocks and one tap across planes */
#define STRETCH   32 /* rows summed before their sum joins DU: a sum of thousands in one go loses digits */
#define MOST_SETS 4  /* on the stack: 3 taps of a block of x, or 4 blocks */

typedef struct weights_job {
    const winograd_weights *pass;
    winograd_group group; /* the shared one */
    float *v, *y, *du;    /* V and Y of the shared group; DU, of every chunk where each has its own */
    bool begun, last;     /* whether DU holds sums, and whether the shared group is the last */
} weights_job;

static int64_t sets(const winograd_plan *p) { return p->out_blocks * p->in_blocks * p->depth; }

/* What a group adds to DU between one block of y and some of x, from `in` on, for all taps across planes. At each position a
 * stretch of y stays in the first cache for all of them. */
static void add_sets(float *du, const weights_job *job, const winograd_group *g, int64_t out, int64_t in, int64_t count,
                     bool begun)
{
    static const float zero[BLOCK];
    const winograd_plan *p = job->pass->plan;
    int64_t v_step = winograd_v_step(p, p->in_blocks, g->in_rows), y_step = winograd_v_step(p, p->out_blocks, g->rows);
    conv_run run = {0, 0};
    micro_job micro = {.runs = &run, .count = 1};
    for (int64_t position = 0; position < POSITIONS; position++)
        for (int64_t row = 0; row < g->rows; row += STRETCH) {
            micro.length = least(STRETCH, g->rows - row);
            micro.start = begun || row > 0 ? NULL : zero;
            micro.b = job->y + position * y_step + (out * g->rows + row) * BLOCK;
            for (int64_t set = 0; set < count * p->depth; set++) {
                int64_t i = in + set / p->depth, d = set % p->depth;
                micro.a = job->v + position * v_step + (i * g->in_rows + d * g->tiles + row) * BLOCK;
                micro_rows(rmseg_cpu_micro_weights, &micro, BLOCK, 1, du + set * SET + position * SQUARE, BLOCK);
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

/* ---- few channels: chunks of the space, each with a DU of its own, added in pairs, pairs of pairs, ... ------------ */

static void own_chunk(void *context, int64_t chunk, int thread)
{
    weights_job job = *(const weights_job *)context;
    const winograd_weights *pass = job.pass;
    const winograd_plan *p = pass->plan;
    int64_t groups = rmseg_cpu_winograd_groups(p), first = groups * chunk / p->chunks,
            end = groups * (chunk + 1) / p->chunks;
    float *du = job.du + chunk * sets(p) * SET;
    job.v = pass->scratch + p->common + thread * p->own;
    for (int64_t index = first; index < end; index++) {
        winograd_group g = rmseg_cpu_winograd_group(p, index);
        job.y = job.v + POSITIONS * winograd_v_step(p, p->in_blocks, g.in_rows);
        for (int64_t in = 0; in < p->in_blocks; in++) rmseg_cpu_winograd_x(job.v, p, &g, &pass->x, in);
        for (int64_t out = 0; out < p->out_blocks; out++) rmseg_cpu_winograd_dy(job.y, p, &g, &pass->dy, out);
        for (int64_t out = 0; out < p->out_blocks; out++)
            add_sets(du + out * p->in_blocks * p->depth * SET, &job, &g, out, 0, p->in_blocks, index > first);
    }
}

static void own_finish(void *context, int64_t set, int thread)
{
    (void)thread;
    const weights_job *job = context;
    const winograd_plan *p = job->pass->plan;
    float *du = job->du + set * SET;
    int64_t step = sets(p) * SET;
    for (int64_t apart = 1; apart < p->chunks; apart *= 2)
        for (int64_t chunk = 0; chunk + apart < p->chunks; chunk += 2 * apart)
            add_to(du + chunk * step, du + (chunk + apart) * step);
    rmseg_cpu_winograd_dw(job->pass, set, du);
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

/* All blocks of y for a few blocks of x, whose part of V stays in the cache. */
static void shared_sets(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const weights_job *job = context;
    const winograd_plan *p = job->pass->plan;
    float only[MOST_SETS * SET];
    int64_t in = chunk * p->together, count = least(p->together, p->in_blocks - in);
    for (int64_t out = 0; out < p->out_blocks; out++) {
        int64_t first = (out * p->in_blocks + in) * p->depth;
        float *du = job->du + first * SET;
        add_sets(job->begun || job->last ? only : du, job, &job->group, out, in, count, false);
        for (int64_t set = 0; set < count * p->depth; set++, du += SET) {
            float *group = only + set * SET;
            if (job->begun) add_to(job->last ? group : du, job->last ? du : group);
            if (job->last) rmseg_cpu_winograd_dw(job->pass, first + set, group);
        }
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
        job.y = job.v + POSITIONS * winograd_v_step(p, p->in_blocks, job.group.in_rows);
        job.begun = index > 0, job.last = index == groups - 1;
        rmseg_parallel_for(p->in_blocks + p->out_blocks, shared_in, &job);
        rmseg_parallel_for(split(p->in_blocks, p->together), shared_sets, &job);
    }
}
