/*
 * conv_plan.c - how a pass is cut: into which tiles, how many blocks at a time. Shapes alone decide, never a timing or
 * the number of threads, so that a sum is cut the same way everywhere.
 */
#include "backend/cpu/conv.h"

#define TASKS         32   /* at least so many, where there is enough to do: for balance */
#define FEWEST_PIXELS 64   /* of a tile, when tiles are made smaller to have enough tasks */
#define GROUP_WEIGHTS 6144 /* floats of a group of blocks of x and one of y in a phase: they stay in the first cache */
#define MOST_PARTIALS (2 << 20) /* floats of private sums of weights, when the space is cut into chunks */
#define WEIGHTS_GROUP 2         /* blocks of x packed at once in a weights pass */
#define ROW_COST      8 /* in pixels copied: what a row, and what a call of the microkernel, cost beside their work */

static int64_t product(const int64_t a[3]) { return a[0] * a[1] * a[2]; }

conv_window rmseg_cpu_conv_window(const int64_t kernel[3], const int64_t stride[3], const int64_t pad[3],
                                  const int64_t spread[3], int64_t in_channels, int64_t block)
{
    conv_window w = {
        .block = block, .in_block = block_in(in_channels, block), .taps = product(kernel) * product(spread)};
    for (int a = 0; a < 3; a++)
        w.kernel[a] = kernel[a], w.stride[a] = stride[a], w.pad[a] = pad[a], w.spread[a] = spread[a];
    w.runs = kernel[0] * kernel[1];
    w.length = kernel[2] * w.in_block;
    w.pixel = stride[2] * w.in_block;
    return w;
}

conv_pack rmseg_cpu_conv_pack(const conv_window *w, const int64_t tile[3])
{
    conv_pack pack;
    for (int a = 0; a < 2; a++) pack.rows[a] = (tile[a] - 1) * w->stride[a] + w->kernel[a];
    pack.row = (tile[2] - 1) * w->pixel + w->length;
    pack.block = pack.rows[0] * pack.rows[1] * pack.row;
    return pack;
}

void rmseg_cpu_conv_runs(conv_run *runs, const conv_window *w, const conv_pack *pack)
{
    for (int64_t r = 0; r < w->runs; r++) {
        int64_t d = r / w->kernel[1], h = r % w->kernel[1];
        runs[r] = (conv_run){(d * pack->rows[1] + h) * pack->row, r * w->length * w->block};
    }
}

int64_t rmseg_cpu_conv_parts(const conv_plan *plan) { return plan->samples * product(plan->tiles); }

conv_part rmseg_cpu_conv_part(const conv_plan *plan, int64_t index)
{
    conv_part part;
    for (int a = 2; a >= 0; a--) {
        part.first[a] = index % plan->tiles[a] * plan->tile[a];
        part.extent[a] = least(plan->tile[a], plan->grid[a] - part.first[a]);
        index /= plan->tiles[a];
    }
    part.sample = index;
    return part;
}

/* ---- choosing a tile --------------------------------------------------------------------------------------------- */

/* What a sample costs besides its multiplications, in pixels copied. */
static double tile_cost(const conv_plan *plan, const int64_t tile[3], int64_t pixels)
{
    conv_pack pack = rmseg_cpu_conv_pack(&plan->window, tile);
    double tiles = 1;
    for (int a = 0; a < 3; a++) tiles *= (double)split(plan->grid[a], tile[a]);
    double copied = (double)(pack.block / plan->window.block + pack.rows[0] * pack.rows[1] * ROW_COST);
    return tiles * (copied + (double)(tile[0] * tile[1] * split(tile[2], pixels) * ROW_COST));
}

/* The largest extent that cuts `grid` into more parts than `extent` does; 0 after the last. */
static int64_t next_extent(int64_t grid, int64_t extent)
{
    return extent == 1 ? 0 : split(grid, split(grid, extent - 1));
}

/* The cheapest tile whose packed group fits the buffer and that has at most `most_pixels`; false when none fits. Of
 * equally cheap ones the first: rows that follow each other in memory rather than rows of several planes. */
static bool choose_tile(conv_plan *plan, int64_t most_pixels, int64_t pixels)
{
    double best = 0;
    int64_t t[3];
    for (t[1] = plan->grid[1]; t[1]; t[1] = next_extent(plan->grid[1], t[1]))
        for (t[0] = plan->grid[0]; t[0]; t[0] = next_extent(plan->grid[0], t[0]))
            for (t[2] = plan->grid[2]; t[2]; t[2] = next_extent(plan->grid[2], t[2])) {
                if (t[2] > MOST_ROW || rmseg_cpu_conv_pack(&plan->window, t).block * plan->in_group > TILE_FLOATS)
                    continue;
                if (product(t) > most_pixels && product(t) > 1) continue;
                double cost = tile_cost(plan, t, pixels);
                if (best > 0 && cost >= best) continue;
                best = cost;
                for (int a = 0; a < 3; a++) plan->tile[a] = t[a], plan->tiles[a] = split(plan->grid[a], t[a]);
            }
    return best > 0;
}

/* The same, with fewer blocks at a time while none fits. */
static rmseg_status cut(conv_plan *plan, int64_t most_pixels, int64_t pixels)
{
    const int64_t *k = plan->window.kernel;
    plan->in_group = least(plan->in_group, most(1, MOST_RUNS / plan->window.runs));
    if (plan->window.runs <= MOST_RUNS)
        for (; plan->in_group > 0; plan->in_group /= 2)
            if (choose_tile(plan, most(most_pixels, FEWEST_PIXELS), pixels)) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_UNSUPPORTED,
        "cpu: a convolution of kernel %lldx%lldx%lld is larger than this backend takes; RMSEG_CPU=plain computes it, "
        "slowly",
        (long long)k[0], (long long)k[1], (long long)k[2]);
}

rmseg_status rmseg_cpu_plan_gather(conv_plan *plan, int64_t pixels)
{
    int64_t used = plan->window.runs * plan->window.length * plan->window.block,
            all = plan->samples * product(plan->grid);
    plan->in_group = least(plan->in_blocks, most(1, GROUP_WEIGHTS / used));
    RMSEG_TRY(cut(plan, all * plan->out_blocks / TASKS, pixels));
    plan->out_group = split(plan->out_blocks, least(plan->out_blocks, split(TASKS, rmseg_cpu_conv_parts(plan))));
    plan->chunks = 1;
    return RMSEG_OK;
}

rmseg_status rmseg_cpu_plan_weights(conv_plan *plan, int64_t pixels)
{
    int64_t pair = plan->window.taps * plan->window.in_block * plan->window.block,
            elements = plan->in_blocks * plan->out_blocks * pair;
    plan->in_group = least(plan->in_blocks, WEIGHTS_GROUP);
    plan->out_group = plan->out_blocks;
    int64_t tasks = split(plan->in_blocks, plan->in_group), all = plan->samples * product(plan->grid);
    while (plan->out_group > 1 && split(TASKS, tasks) > 1 && split(TASKS, tasks) * elements > MOST_PARTIALS) {
        plan->out_group = split(plan->out_group, 2);
        tasks = split(plan->in_blocks, plan->in_group) * split(plan->out_blocks, plan->out_group);
    }
    plan->chunks = split(TASKS, tasks);
    RMSEG_TRY(cut(plan, split(all, plan->chunks), pixels));
    plan->chunks = least(plan->chunks, rmseg_cpu_conv_parts(plan));
    plan->scratch_bytes = plan->chunks > 1 ? (size_t)(plan->chunks * elements) * sizeof(float) : 0;
    return RMSEG_OK;
}
