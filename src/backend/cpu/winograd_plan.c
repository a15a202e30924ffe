/*
 * winograd_plan.c - into which groups of tiles a pass is cut. Shapes decide, as in conv_plan.c.
 *
 * Few channels: a group's V fits the second cache, and each thread has groups of its own. Many: the weights are what is
 * large, so all threads transform one large group, then share out the blocks of y.
 */
#include "backend/cpu/winograd.h"

#define OWN_FLOATS      (96 << 10)  /* of V, when each thread has its own */
#define MOST_OWN        (160 << 10) /* the same where that is too few rows; of V and Y in a weights pass */
#define SHARED_FLOATS   (5 << 19)   /* when all share it: 10 MB */
#define WEIGHTS_FLOATS  (3 << 20)   /* of V and Y, when all share them */
#define FEWEST_CHANNELS 8 /* with fewer the direct sum is short, and its error less than the transforms make */
#define MOST_ROWS       192
#define FEWEST_ROWS     16
#define OWN_ROWS        24  /* fewer than these and the weights cross the cache too often */
#define OWN_SQUARES     16  /* squares of weights whose private sums are still small */
#define OWN_SUMS        192 /* of those, in all chunks: the more chunks, the fewer digits the sum of each loses */
#define TASKS           16
#define MOST_TOGETHER   4
#define TRANSFORM       1.3 /* a tile of a block to or from its positions, in products of 16 channels by 16 */
#define VISIT           1.7 /* the same for going to another plane, where memory has to be found anew */
#define LATE_BLOCKS     4   /* blocks of x whose transformed weights stay in the second cache */

static int64_t plane_tiles(const winograd_axes *a) { return split(a->size[1], TILE) * split(a->size[2], TILE); }
static int64_t tiles_of(const winograd_axes *a) { return a->size[0] * plane_tiles(a); }

/* Those with the fewest tiles; where others have as many, rows as they lie in memory. */
static winograd_axes axes_of(const rmseg_op_desc *op)
{
    static const int orders[][3] = {{0, 1, 2}, {1, 0, 2}, {2, 0, 1}};
    const rmseg_shape *x = &op->in[0];
    const int64_t size[3] = {x->d, x->h, x->w}, stride[3] = {x->h * x->w, x->w, 1}, tap[3] = {9, 3, 1};
    winograd_axes best = {0};
    for (int i = 0; i < (op->kernel[0] == 3 ? 3 : 1); i++) {
        winograd_axes axes;
        for (int a = 0; a < 3; a++) {
            int of = axes.axis[a] = orders[i][a];
            axes.size[a] = size[of], axes.stride[a] = stride[of], axes.tap[a] = tap[of];
        }
        if (i == 0 || tiles_of(&axes) < tiles_of(&best)) best = axes;
    }
    return best;
}

bool rmseg_cpu_winograd_fits(const rmseg_op_desc *op)
{
    const int64_t *k = op->kernel, *s = op->stride, *p = op->pad;
    bool square = k[1] == 3 && k[2] == 3 && p[1] == 1 && p[2] == 1 && s[0] == 1 && s[1] == 1 && s[2] == 1;
    bool deep = (k[0] == 1 && p[0] == 0) || (k[0] == 3 && p[0] == 1);
    if (op->kind != RMSEG_OP_CONV || !square || !deep || least(op->in[0].c, op->out[0].c) < FEWEST_CHANNELS)
        return false;
    winograd_axes axes = axes_of(op);
    int64_t pixels = axes.size[0] * axes.size[1] * axes.size[2], tiles = tiles_of(&axes);
    return op->in[0].n * tiles >= FEWEST_ROWS && 3 * pixels >= tiles * TILE * TILE;
}

static winograd_plan plan_of(const rmseg_op_desc *op, int64_t in_channels, int64_t out_channels)
{
    int64_t samples = op->in[0].n, block = rmseg_cpu_block(op);
    winograd_plan p = {.axes = axes_of(op),
                       .depth = op->kernel[0],
                       .block = block,
                       .in_blocks = blocks_in(in_channels, block),
                       .out_blocks = blocks_in(out_channels, block),
                       .threads = rmseg_threads(),
                       .chunks = 1};
    p.across = split(p.axes.size[2], TILE);
    p.plane_tiles = plane_tiles(&p.axes);
    p.stacks = p.depth == 1 ? 1 : samples;
    p.stack_planes = p.depth == 1 ? samples * p.axes.size[0] : p.axes.size[0];
    return p;
}

/* Planes and tiles of a group of at most `rows` rows of input: those that leave least to do twice, in the longest
 * stretches. */
static void choose_group(winograd_plan *p, int64_t rows, int64_t pixels)
{
    double best = 0;
    int64_t halo = p->depth - 1, share = LINE / p->block; /* a smaller block has fewer products to a tile */
    rows = most(rows, p->depth);
    for (int64_t planes = 1; planes <= p->stack_planes && planes + halo <= rows; planes++) {
        int64_t tiles = least(p->plane_tiles, rows / (planes + halo));
        int64_t along = split(p->stack_planes, planes), over = split(p->plane_tiles, tiles);
        int64_t even_planes = split(p->stack_planes, along), even_tiles = split(p->plane_tiles, over);
        int64_t products = split(even_planes * even_tiles, pixels) * pixels * p->in_blocks * p->out_blocks * p->depth;
        int64_t visits = (even_planes + halo) * p->in_blocks + even_planes * p->out_blocks;
        double visit = (double)share * (TRANSFORM * (double)even_tiles + VISIT);
        double cost = (double)(along * over) * ((double)products + (double)visits * visit);
        if (best > 0 && cost >= best) continue;
        best = cost;
        p->planes = even_planes, p->tiles = even_tiles;
        p->groups[0] = along, p->groups[1] = over;
    }
}

static int64_t in_rows(const winograd_plan *p) { return (p->planes + p->depth - 1) * p->tiles; }
static int64_t rows(const winograd_plan *p) { return p->planes * p->tiles; }
static int64_t all_rows(const winograd_plan *p) { return p->stacks * p->stack_planes * p->plane_tiles; }

/* Of many blocks a few at once, so that what is read from beyond the second cache serves more than one; and yet enough
 * tasks are left. */
static int64_t together(int64_t blocks) { return most(1, least(MOST_TOGETHER, blocks / 8)); }

static void add_up(winograd_plan *p) { p->scratch_bytes = (size_t)(p->common + p->own * p->threads) * sizeof(float); }

winograd_plan rmseg_cpu_winograd_plan_gather(const rmseg_op_desc *op, int64_t in_channels, int64_t out_channels,
                                             int64_t pixels)
{
    winograd_plan p = plan_of(op, in_channels, out_channels);
    int64_t row = POSITIONS * p.in_blocks * p.block;
    p.shared = MOST_OWN / row < OWN_ROWS;
    int64_t own = OWN_FLOATS / row < OWN_ROWS ? MOST_OWN / row : OWN_FLOATS / row;
    int64_t share = most(FEWEST_ROWS, split(all_rows(&p), TASKS));
    choose_group(&p, p.shared ? least(MOST_ROWS, SHARED_FLOATS / row) : least(least(MOST_ROWS, share), own), pixels);
    p.late = p.shared && rmseg_cpu_winograd_groups(&p) == 1;
    p.in_group = least(p.in_blocks, p.late ? LATE_BLOCKS : MOST_RUNS / p.depth);
    int64_t v = POSITIONS * winograd_v_step(&p, p.in_blocks, in_rows(&p)),
            m = POSITIONS * winograd_v_step(&p, 1, rows(&p));
    int64_t u = POSITIONS * winograd_u_step(&p);
    p.common = (p.shared ? v : 0) + (p.late ? 0 : p.out_blocks * split(p.in_blocks, p.in_group) * u);
    p.together = p.shared ? together(p.out_blocks) : 1;
    p.own = p.together * (m + (p.late ? u : 0)) + (p.shared ? 0 : v);
    add_up(&p);
    return p;
}

winograd_plan rmseg_cpu_winograd_plan_weights(const rmseg_op_desc *op, int64_t pixels)
{
    winograd_plan p = plan_of(op, op->in[0].c, op->out[0].c);
    int64_t row = POSITIONS * (p.in_blocks + p.out_blocks) * p.block, squares = p.in_blocks * p.out_blocks * p.depth;
    p.shared = squares > OWN_SQUARES;
    choose_group(&p, p.shared ? WEIGHTS_FLOATS / row : least(split(all_rows(&p), TASKS), MOST_OWN / row), pixels);
    int64_t vy =
        POSITIONS * (winograd_v_step(&p, p.in_blocks, in_rows(&p)) + winograd_v_step(&p, p.out_blocks, rows(&p)));
    int64_t groups = rmseg_cpu_winograd_groups(&p);
    p.chunks = p.shared ? 1 : least(groups, most(TASKS, OWN_SUMS / squares));
    p.together = p.depth > 1 ? 1 : together(p.in_blocks);
    p.common = (p.shared ? vy : 0) + (p.shared && groups == 1 ? 0 : p.chunks * squares * POSITIONS * p.block * p.block);
    p.own = p.shared ? 0 : vy;
    add_up(&p);
    return p;
}

int64_t rmseg_cpu_winograd_groups(const winograd_plan *p) { return p->stacks * p->groups[0] * p->groups[1]; }

winograd_group rmseg_cpu_winograd_group(const winograd_plan *p, int64_t index)
{
    int64_t over = index % p->groups[1], along = index / p->groups[1] % p->groups[0];
    winograd_group g = {
        .stack = index / (p->groups[0] * p->groups[1]), .plane = along * p->planes, .tile = over * p->tiles};
    g.planes = least(p->planes, p->stack_planes - g.plane);
    g.tiles = least(p->tiles, p->plane_tiles - g.tile);
    g.rows = g.planes * g.tiles;
    g.in_rows = (g.planes + p->depth - 1) * g.tiles;
    return g;
}
