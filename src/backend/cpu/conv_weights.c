/*
 * conv_weights.c - the pass that makes the gradient of weights.
 *
 *     dw[o][i][tap] = sum over samples, p of dy[p][o] * x[p * stride - pad + tap][i]
 *
 * The microkernel with its roles swapped: its rows are the input channels of a run of taps (of a narrow x: of several
 * runs), its steps are pixels, its vector is dy. A task is one chunk of the space, a group of blocks of x and a group of
 * blocks of y. It walks the parts of its chunk, packs x under each, and takes the rows of dy some STRETCH pixels at a
 * time, which stay in the first cache while every block and tap is done with them.
 */
#include "backend/cpu/load.h"
#include "backend/cpu/micro.h"

#define STRETCH 256 /* pixels; a part's row may be longer than what is left */

typedef struct weights_task {
    const conv_weights *pass;
    float *dweight; /* of this chunk of the space */
    int64_t in_first, in_end, out_first, out_end;
    conv_part part;
    conv_pack pack;
    conv_run taps[MOST_RUNS];
    const float *tile;
    conv_fetch fetch;
    bool begun; /* dweight holds sums already */
} weights_task;

/* What the rows in `job` add to the weights of a narrow x: the microkernel's rows come from as many runs of taps as fit. */
static void add_taps(const weights_task *task, micro_job *job, float *dweight)
{
    const conv_window *window = &task->pass->plan->window;
    ptrdiff_t rows[TAPS];
    job->rows = rows;
    for (int64_t first = 0, all = window->runs * window->length, count; first < all; first += count) {
        count = split(all - first, split(all - first, TAPS));
        for (int64_t p = 0; p < count; p++)
            rows[p] = task->taps[(first + p) / window->length].a + (first + p) % window->length;
        rmseg_cpu_micro_taps[count](job, 0, dweight + first * BLOCK, BLOCK);
    }
}

/* What the rows in `job` add to the weights between one packed block of x and one block of y. */
static void add_pair(const weights_task *task, micro_job *job, int64_t in, int64_t out)
{
    const conv_plan *plan = task->pass->plan;
    static const float zero[BLOCK];
    job->start = task->begun ? NULL : zero;
    int64_t pair = plan->window.taps * plan->window.in_block * BLOCK;
    float *dweight = task->dweight + (out * plan->in_blocks + in) * pair;
    const float *block = task->tile + (in - task->in_first) * task->pack.block;
    job->a = block;
    if (plan->window.in_block < BLOCK) {
        add_taps(task, job, dweight);
        return;
    }
    const micro_fn *micro = job->pixel == BLOCK ? rmseg_cpu_micro_weights : rmseg_cpu_micro_weights_apart;
    for (int64_t t = 0; t < plan->window.runs; t++) {
        job->a = block + task->taps[t].a;
        micro_rows(micro, job, plan->window.length, 1, dweight + task->taps[t].b, BLOCK);
    }
}

/* `count` rows of the part, from row `first` on: every pair of blocks. A dy in other steps than blocks, or one that becomes
 * another as it is loaded, is copied to a block a pixel. */
static void add_rows(weights_task *task, int64_t first, int64_t count)
{
    const conv_window *window = &task->pass->plan->window;
    const tensor *dy = &task->pass->dy;
    const conv_part *part = &task->part;
    conv_run rows[STRETCH];
    float wide[(STRETCH + MOST_ROW) * BLOCK];
    int64_t width = part->extent[2];
    micro_job job = {.runs = rows, .count = count, .length = width, .pixel = window->pixel, .fetch = &task->fetch};
    for (int64_t out = task->out_first; out < task->out_end; out++) {
        const float *from = tensor_block(dy, part->sample, out);
        load_block load = load_of(dy, part->sample, out);
        bool narrow = dy->block < BLOCK, copied = dy->step != BLOCK || !load.plain;
        job.b = copied ? wide : from;
        for (int64_t r = 0; r < count; r++) {
            int64_t d = (first + r) / part->extent[1], h = (first + r) % part->extent[1];
            ptrdiff_t y =
                (((part->first[0] + d) * dy->size[1] + part->first[1] + h) * dy->size[2] + part->first[2]) * dy->step;
            rows[r].a = (d * window->stride[0] * task->pack.rows[1] + h * window->stride[1]) * task->pack.row;
            rows[r].b = copied ? r * width * BLOCK : y;
            float *to = wide + r * width * BLOCK;
            if (narrow) pixels_spread(to, from + y, dy->step, width, dy->block);
            for (int64_t p = 0; copied && !narrow && p < width; p++)
                pixel_store(to + p * BLOCK, load_pixel(pixel_load(from + y + p * dy->step), &load));
        }
        for (int64_t in = task->in_first; in < task->in_end; in++) {
            rmseg_cpu_pack_ahead(&task->fetch, task->pass->plan, part, &task->pass->x, task->in_first,
                                 task->in_end - task->in_first);
            add_pair(task, &job, in, out);
        }
    }
}

static void add_part(weights_task *task, int64_t index, float *tile)
{
    const conv_plan *plan = task->pass->plan;
    task->part = rmseg_cpu_conv_part(plan, index);
    task->pack = rmseg_cpu_conv_pack(&plan->window, task->part.extent);
    rmseg_cpu_conv_runs(task->taps, &plan->window, &task->pack);
    rmseg_cpu_pack_tile(tile, plan, &task->part, &task->pass->x, task->in_first, task->in_end - task->in_first);
    task->fetch = (conv_fetch){0};
    int64_t rows = task->part.extent[0] * task->part.extent[1], some = most(1, STRETCH / task->part.extent[2]);
    for (int64_t first = 0; first < rows; first += some) {
        add_rows(task, first, least(some, rows - first));
        task->begun = true;
    }
}

static void weights_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const conv_weights *pass = context;
    const conv_plan *plan = pass->plan;
    float tile[TILE_FLOATS] __attribute__((aligned(64)));
    int64_t in_groups = split(plan->in_blocks, plan->in_group), out_groups = split(plan->out_blocks, plan->out_group);
    int64_t space = chunk / (in_groups * out_groups), in = chunk % in_groups, out = chunk / in_groups % out_groups;
    int64_t elements = plan->out_blocks * plan->in_blocks * plan->window.taps * plan->window.in_block * BLOCK;
    int64_t parts = rmseg_cpu_conv_parts(plan);
    weights_task task = {.pass = pass, .tile = tile, .dweight = pass->dweight + space * elements};
    task.in_first = in * plan->in_group, task.in_end = least(plan->in_blocks, task.in_first + plan->in_group);
    task.out_first = out * plan->out_group, task.out_end = least(plan->out_blocks, task.out_first + plan->out_group);
    for (int64_t index = parts * space / plan->chunks; index < parts * (space + 1) / plan->chunks; index++)
        add_part(&task, index, tile);
}

void rmseg_cpu_conv_weights(const conv_weights *pass)
{
    const conv_plan *plan = pass->plan;
    int64_t pairs = split(plan->in_blocks, plan->in_group) * split(plan->out_blocks, plan->out_group);
    rmseg_parallel_for(plan->chunks * pairs, weights_chunk, (void *)pass);
}
