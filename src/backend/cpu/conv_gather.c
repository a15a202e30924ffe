/*
 * conv_gather.c - the pass that makes pixels: forward, and backward data.
 *
 * A task is one part of the space and one group of blocks of y. It packs the first few blocks of x under its part, runs
 * over all its rows of y with them, packs the next blocks, and adds: so the weights in use stay in the first cache, the
 * tile in the second. A row of y is written by the microkernel where it belongs, or, when y is narrow, in a block a
 * pixel first.
 */
#include <string.h>

#include "backend/cpu/micro.h"
#include "backend/cpu/store.h"
#include "backend/cpu/sums.h"

typedef struct gather_task {
    const conv_gather *pass;
    conv_part part;
    conv_pack pack;
    conv_run *runs;
    micro_job job;
    const micro_fn *micro;
    conv_fetch fetch;
    int64_t in_first, in_count; /* packed blocks */
    channel_stats *stats;       /* of the block of y at work, or NULL */
    const conv_store *store;    /* of sums that are complete, or NULL */
    const float *other;         /* its block of the other tensor, or NULL */
    float *row;                 /* room for a row of a narrow y */
} gather_task;

/* A row of a narrow y takes a block a pixel while it is added to. */
static void narrow_row(gather_task *task, int64_t a_offset, float *y, const float *other, int64_t step)
{
    float *row = task->row;
    int64_t block = task->pass->y.block, count = task->part.extent[2];
    micro_job job = task->job;
    if (!job.start) pixels_spread(row, y, step, count, block);
    job.a += a_offset;
    micro_rows(task->micro, &job, count, job.pixel, row, BLOCK);
    if (task->stats) stats_add(task->stats, row, count, BLOCK);
    if (task->store) store_row(row, NULL, count, BLOCK, task->store->slope);
    for (int64_t p = 0; p < count && other; p++)
        for (int64_t c = 0; c < block; c++) row[p * BLOCK + c] += other[p * step + c];
    pixels_narrow(y, step, row, count, block);
}

static void wide_row(gather_task *task, int64_t a_offset, float *y, const float *other, int64_t step)
{
    micro_job job = task->job;
    job.a += a_offset;
    micro_rows(task->micro, &job, task->part.extent[2], job.pixel, y, step);
    if (task->stats) stats_add(task->stats, y, task->part.extent[2], step);
    if (task->store) store_row(y, other, task->part.extent[2], step, task->store->slope);
}

/* All rows of the part in one block of y, for one phase of the spread. */
static void phase_rows(gather_task *task, float *y, const int64_t phase[3])
{
    const conv_window *window = &task->pass->plan->window;
    const tensor *to = &task->pass->y;
    for (int64_t d = 0; d < task->part.extent[0]; d++)
        for (int64_t h = 0; h < task->part.extent[1]; h++) {
            int64_t a = (d * window->stride[0] * task->pack.rows[1] + h * window->stride[1]) * task->pack.row;
            int64_t z = (task->part.first[0] + d) * window->spread[0] + phase[0];
            int64_t x = (task->part.first[1] + h) * window->spread[1] + phase[1];
            int64_t row =
                ((z * to->size[1] + x) * to->size[2] + task->part.first[2] * window->spread[2] + phase[2]) * to->step;
            const float *other = task->other ? task->other + row : NULL;
            rmseg_cpu_pack_ahead(&task->fetch, task->pass->plan, &task->part, &task->pass->x, task->in_first,
                                 task->in_count);
            (to->block == BLOCK ? wide_row : narrow_row)(task, a, y + row, other, window->spread[2] * to->step);
        }
}

/* One block of y: adds what the packed blocks of x, from `in_block` on, contribute. */
static void gather_block(gather_task *task, int64_t out_block, int64_t in_block)
{
    const conv_gather *pass = task->pass;
    const conv_window *window = &pass->plan->window;
    static const float zero[BLOCK];
    int64_t pair = window->taps * window->in_block * BLOCK, tap = 0, phase[3];
    const float *weight = pass->weight + (out_block * pass->plan->in_blocks + in_block) * pair;
    task->job.start = in_block > 0 ? NULL : pass->start ? pass->start + out_block * BLOCK : zero;
    float *y = tensor_block(&pass->y, task->part.sample, out_block);
    bool adds = task->store && task->store->other.data;
    task->other = adds ? tensor_block(&task->store->other, task->part.sample, out_block) : NULL;
    for (phase[0] = 0; phase[0] < window->spread[0]; phase[0]++)
        for (phase[1] = 0; phase[1] < window->spread[1]; phase[1]++)
            for (phase[2] = 0; phase[2] < window->spread[2]; phase[2]++) {
                task->job.b = weight + tap++ * window->in_block * BLOCK;
                phase_rows(task, y, phase);
            }
}

/* The runs of `blocks` packed blocks. */
static void list_runs(gather_task *task, int64_t blocks)
{
    const conv_window *window = &task->pass->plan->window;
    rmseg_cpu_conv_runs(task->runs, window, &task->pack);
    for (int64_t r = window->runs; r < blocks * window->runs; r++)
        task->runs[r] = (conv_run){task->runs[r - window->runs].a + task->pack.block,
                                   task->runs[r - window->runs].b + window->taps * window->in_block * BLOCK};
    task->job.count = blocks * window->runs;
}

static void gather_part(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const conv_gather *pass = context;
    const conv_plan *plan = pass->plan;
    int64_t parts = rmseg_cpu_conv_parts(plan), index = chunk % parts, first = chunk / parts * plan->out_group;
    int64_t end = least(plan->out_blocks, first + plan->out_group);
    float tile[TILE_FLOATS] __attribute__((aligned(64))), row[MOST_ROW * BLOCK];
    conv_run runs[MOST_RUNS];
    gather_task task = {.pass = pass, .part = rmseg_cpu_conv_part(plan, index), .runs = runs, .row = row};
    task.pack = rmseg_cpu_conv_pack(&plan->window, task.part.extent);
    task.job = (micro_job){.runs = runs, .length = plan->window.length, .a = tile, .pixel = plan->window.pixel};
    task.job.fetch = &task.fetch;
    task.micro = task.job.pixel == BLOCK ? rmseg_cpu_micro_gather : rmseg_cpu_micro_gather_apart;
    for (int64_t in = 0; in < plan->in_blocks; in += plan->in_group) {
        int64_t blocks = least(plan->in_group, plan->in_blocks - in);
        rmseg_cpu_pack_tile(tile, plan, &task.part, &pass->x, in, blocks);
        task.fetch = (conv_fetch){0};
        task.in_first = in, task.in_count = blocks;
        list_runs(&task, blocks);
        bool last = in + blocks == plan->in_blocks;
        for (int64_t out = first; out < end; out++) {
            channel_stats stats = {0};
            task.stats = last && pass->sums ? &stats : NULL;
            task.store = last ? pass->store : NULL;
            gather_block(&task, out, in);
            if (task.stats)
                stats_store((double(*)[2])(pass->sums + (index * plan->out_blocks + out) * BLOCK * 2), &stats);
        }
    }
}

void rmseg_cpu_conv_gather(const conv_gather *pass)
{
    const conv_plan *plan = pass->plan;
    rmseg_parallel_for(rmseg_cpu_conv_parts(plan) * split(plan->out_blocks, plan->out_group), gather_part,
                       (void *)pass);
}
