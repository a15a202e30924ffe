/*
 * winograd_gather.c - forward and backward data by F(4x4, 3x3): see winograd.h.
 */
#include "backend/cpu/micro.h"
#include "backend/cpu/store.h"
#include "backend/cpu/sums.h"
#include "backend/cpu/transform.h"
#include "backend/cpu/winograd_tiles.h"

#define STRETCH 4 /* blocks of x summed before their sum joins M: a sum of hundreds in one go loses digits */

typedef struct gather_job {
    const winograd_gather *pass;
    winograd_group group; /* the shared one */
    int64_t index;        /* of it */
    float *u, *v;         /* common: transformed weights, the shared group's V */
} gather_job;

/* A thread's own part of the scratch: M, then V or the weights of one group of blocks. */
static float *own_part(const winograd_gather *pass, int thread)
{
    return pass->scratch + pass->plan->common + thread * pass->plan->own;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* U between one block of y and a group of blocks of x. */
static void transform_weights(float *u, const winograd_gather *pass, int64_t out, int64_t in, int64_t count)
{
    const winograd_plan *p = pass->plan;
    for (int64_t i = 0; i < count; i++)
        for (int64_t d = 0; d < p->depth; d++)
            rmseg_cpu_winograd_w(u + (i * p->depth + d) * SQUARE, winograd_u_step(p), pass, out, in + i, d);
}

static float *weights_of(const gather_job *job, int64_t out, int64_t in)
{
    const winograd_plan *p = job->pass->plan;
    return job->u + (out * split(p->in_blocks, p->in_group) + in / p->in_group) * POSITIONS * winograd_u_step(p);
}

static void weights_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const gather_job *job = context;
    const winograd_plan *p = job->pass->plan;
    int64_t groups = split(p->in_blocks, p->in_group), in = chunk % groups * p->in_group, out = chunk / groups;
    transform_weights(weights_of(job, out, in), job->pass, out, in, least(p->in_group, p->in_blocks - in));
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* M = or += V U over `count` blocks of x from `in` on, at every position, for some blocks of y: their M and U lie m_block
 * and u_block floats apart, and what is read of V is still in the cache for the second. */
typedef struct product {
    float *m;
    const float *v, *u;
    int64_t outs, m_block, u_block, in, count;
} product;

static void multiply(const product *of, const winograd_plan *p, const winograd_group *g)
{
    static const float zero[BLOCK];
    conv_run runs[MOST_RUNS];
    int64_t v_step = winograd_v_step(p, p->in_blocks, g->in_rows), m_step = winograd_v_step(p, 1, g->rows), n = 0;
    for (int64_t i = 0; i < of->count; i++)
        for (int64_t d = 0; d < p->depth; d++, n++)
            runs[n] = (conv_run){((of->in + i) * g->in_rows + d * g->tiles) * BLOCK, n * SQUARE};
    micro_job job = {.runs = runs, .count = n, .length = BLOCK, .stretch = STRETCH, .start = of->in > 0 ? NULL : zero};
    for (int64_t position = 0; position < POSITIONS; position++) {
        job.a = of->v + position * v_step;
        for (int64_t out = 0; out < of->outs; out++) {
            job.b = of->u + out * of->u_block + position * winograd_u_step(p);
            micro_rows(rmseg_cpu_micro_gather, &job, g->rows, BLOCK, of->m + out * of->m_block + position * m_step,
                       BLOCK);
        }
    }
}

/* ---- pixels of y ------------------------------------------------------------------------------------------------- */

static void store_tile(float *plane, const float *other, const float *m, int64_t m_step, const winograd_gather *pass,
                       int64_t tile, const float *start, channel_stats *stats)
{
    const winograd_plan *p = pass->plan;
    int64_t row = tile / p->across * TILE, column = tile % p->across * TILE;
    int64_t high = least(TILE, p->axes.size[1] - row), wide = least(TILE, p->axes.size[2] - column);
    ptrdiff_t along = p->axes.stride[2] * pass->y.step, down = p->axes.stride[1] * pass->y.step,
              at = row * down + column * along;
    float *y = plane + at, buffer[TILE * TILE * BLOCK];
    if (high == TILE && wide == TILE) {
        transform_square(transform_y, 6, 4, m, 6 * m_step, m_step, y, down, along, start);
    } else {
        transform_square(transform_y, 6, 4, m, 6 * m_step, m_step, buffer, TILE * BLOCK, BLOCK, start);
        for (int64_t a = 0; a < high; a++)
            for (int64_t b = 0; b < wide; b++)
                pixel_store(y + a * down + b * along, pixel_load(buffer + (a * TILE + b) * BLOCK));
    }
    for (int64_t a = 0; stats && a < high; a++) stats_add(stats, y + a * down, wide, along);
    for (int64_t a = 0; pass->store && a < high; a++)
        store_row(y + a * down, other ? other + at + a * down : NULL, wide, along, pass->store->slope);
}

/* One block of y of a group, from M; `index` of the group. */
static void store_block(const float *m, const winograd_gather *pass, const winograd_group *g, int64_t index,
                        int64_t out)
{
    const winograd_plan *p = pass->plan;
    static const float zero[BLOCK];
    const float *start = pass->start ? pass->start + out * BLOCK : zero;
    bool adds = pass->store && pass->store->other.data;
    channel_stats stats = {0};
    int64_t m_step = winograd_v_step(p, 1, g->rows);
    for (int64_t plane = g->plane; plane < g->plane + g->planes; plane++) {
        float *y = rmseg_cpu_winograd_plane(p, &pass->y, out, g->stack, plane);
        const float *other = adds ? rmseg_cpu_winograd_plane(p, &pass->store->other, out, g->stack, plane) : NULL;
        winograd_ahead ahead = winograd_after(p, &pass->y, out, g->stack, plane, g->plane + g->planes);
        for (int64_t tile = g->tile; tile < g->tile + g->tiles; tile++, m += BLOCK) {
            winograd_fetch(&ahead, p, pass->y.step, tile, 0, TILE);
            store_tile(y, other, m, m_step, pass, tile, start, pass->sums ? &stats : NULL);
        }
    }
    if (pass->sums) stats_store((double(*)[2])(pass->sums + (index * p->out_blocks + out) * BLOCK * 2), &stats);
}

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

/* A group of its own: V, then every block of y. */
static void own_group(void *context, int64_t chunk, int thread)
{
    const gather_job *job = context;
    const winograd_gather *pass = job->pass;
    const winograd_plan *p = pass->plan;
    winograd_group g = rmseg_cpu_winograd_group(p, chunk);
    float *m = own_part(pass, thread), *v = m + POSITIONS * winograd_v_step(p, 1, g.rows);
    for (int64_t in = 0; in < p->in_blocks; in++) rmseg_cpu_winograd_x(v, p, &g, &pass->x, in);
    for (int64_t out = 0; out < p->out_blocks; out++) {
        product of = {.m = m, .v = v, .u = weights_of(job, out, 0), .outs = 1, .count = p->in_blocks};
        multiply(&of, p, &g);
        store_block(m, pass, &g, chunk, out);
    }
}

static void shared_x(void *context, int64_t block, int thread)
{
    (void)thread;
    const gather_job *job = context;
    rmseg_cpu_winograd_x(job->v, job->pass->plan, &job->group, &job->pass->x, block);
}

static void shared_y(void *context, int64_t chunk, int thread)
{
    const gather_job *job = context;
    const winograd_gather *pass = job->pass;
    const winograd_plan *p = pass->plan;
    int64_t first = chunk * p->together, u_size = POSITIONS * winograd_u_step(p);
    product of = {.m = own_part(pass, thread),
                  .v = job->v,
                  .outs = least(p->together, p->out_blocks - first),
                  .m_block = POSITIONS * winograd_v_step(p, 1, job->group.rows),
                  .u_block = p->late ? u_size : split(p->in_blocks, p->in_group) * u_size};
    float *own_u = of.m + p->together * of.m_block;
    for (of.in = 0; of.in < p->in_blocks; of.in += p->in_group) {
        of.count = least(p->in_group, p->in_blocks - of.in);
        of.u = p->late ? own_u : weights_of(job, first, of.in);
        for (int64_t out = 0; p->late && out < of.outs; out++)
            transform_weights(own_u + out * u_size, pass, first + out, of.in, of.count);
        multiply(&of, p, &job->group);
    }
    for (int64_t out = 0; out < of.outs; out++)
        store_block(of.m + out * of.m_block, pass, &job->group, job->index, first + out);
}

void rmseg_cpu_winograd_gather(const winograd_gather *pass)
{
    const winograd_plan *p = pass->plan;
    int64_t groups = rmseg_cpu_winograd_groups(p), in_groups = split(p->in_blocks, p->in_group);
    gather_job job = {.pass = pass, .u = pass->scratch, .v = pass->scratch};
    if (!p->late) {
        job.v += p->out_blocks * in_groups * POSITIONS * winograd_u_step(p);
        rmseg_parallel_for(p->out_blocks * in_groups, weights_chunk, &job);
    }
    if (!p->shared) winograd_run(p, groups, own_group, &job);
    for (job.index = 0; p->shared && job.index < groups; job.index++) {
        job.group = rmseg_cpu_winograd_group(p, job.index);
        rmseg_parallel_for(p->in_blocks, shared_x, &job);
        winograd_run(p, split(p->out_blocks, p->together), shared_y, &job);
    }
}
