/*
 * winograd_tiles.c - tiles of x, of dy and of weights into their 36 positions.
 */
#include <string.h>

#include "backend/cpu/load.h"
#include "backend/cpu/transform.h"
#include "backend/cpu/winograd_tiles.h"

/* A square of pixels: where its first one lies, and how many floats apart its rows and its columns are. */
typedef struct square_at {
    const float *from;
    ptrdiff_t row, column;
} square_at;

/* `count` x `count` pixels of a plane from (row, column) on, where they lie, or in `buffer`: with zeros for what is
 * outside, and as `load` makes them. */
static square_at pixels_at(float *buffer, const float *plane, ptrdiff_t step, const winograd_axes *axes, int64_t row,
                           int64_t column, int64_t count, const load_block *load)
{
    const int64_t *size = axes->size;
    bool within = row >= 0 && column >= 0 && row + count <= size[1] && column + count <= size[2];
    ptrdiff_t down = axes->stride[1] * step, along = axes->stride[2] * step;
    if (within && load->plain) return (square_at){plane + row * down + column * along, down, along};
    for (int64_t a = 0; a < count; a++)
        for (int64_t b = 0; b < count; b++) {
            int64_t r = row + a, c = column + b;
            bool inside = within || (r >= 0 && r < size[1] && c >= 0 && c < size[2]);
            pixel x = {0};
            if (inside) x = load_pixel(pixel_load(plane + r * down + c * along), load);
            pixel_store(buffer + (a * count + b) * BLOCK, x);
        }
    return (square_at){buffer, count * BLOCK, BLOCK};
}

/* The plane of a stack; NULL when it is a halo plane outside. */
static const float *plane_at(const winograd_plan *p, const tensor *x, int64_t block, int64_t stack, int64_t plane)
{
    if (plane < 0 || plane >= p->stack_planes) return NULL;
    int64_t planes = p->axes.size[0], sample = p->depth == 1 ? plane / planes : stack;
    return tensor_block(x, sample, block) + (p->depth == 1 ? plane % planes : plane) * p->axes.stride[0] * x->step;
}

float *rmseg_cpu_winograd_plane(const winograd_plan *p, const tensor *x, int64_t block, int64_t stack, int64_t plane)
{
    return (float *)plane_at(p, x, block, stack, plane);
}

void rmseg_cpu_winograd_x(float *v, const winograd_plan *p, const winograd_group *g, const tensor *x, int64_t block)
{
    int64_t step = winograd_v_step(p, p->in_blocks, g->in_rows), halo = p->depth / 2;
    float buffer[POSITIONS * BLOCK];
    v += block * g->in_rows * BLOCK;
    for (int64_t plane = g->plane - halo; plane < g->plane + g->planes + halo; plane++) {
        const float *from = plane_at(p, x, block, g->stack, plane);
        winograd_ahead ahead = winograd_after(p, x, block, g->stack, plane, g->plane + g->planes + halo);
        load_block load = load_of(x, p->depth == 1 ? plane / p->axes.size[0] : g->stack, block);
        for (int64_t t = g->tile; t < g->tile + g->tiles; t++, v += BLOCK) {
            if (!from) {
                for (int64_t position = 0; position < POSITIONS; position++)
                    memset(v + position * step, 0, BLOCK * sizeof *v);
                continue;
            }
            winograd_fetch(&ahead, p, x->step, t, -1, 6);
            square_at at = pixels_at(buffer, from, x->step, &p->axes, t / p->across * TILE - 1,
                                     t % p->across * TILE - 1, 6, &load);
            transform_square(transform_x, 6, 6, at.from, at.row, at.column, v, 6 * step, step, NULL);
        }
    }
}

void rmseg_cpu_winograd_dy(float *v, const winograd_plan *p, const winograd_group *g, const tensor *dy, int64_t block)
{
    int64_t step = winograd_v_step(p, p->out_blocks, g->rows);
    float buffer[TILE * TILE * BLOCK];
    const load_block load = {.plain = true};
    v += block * g->rows * BLOCK;
    for (int64_t plane = g->plane; plane < g->plane + g->planes; plane++) {
        const float *from = plane_at(p, dy, block, g->stack, plane);
        winograd_ahead ahead = winograd_after(p, dy, block, g->stack, plane, g->plane + g->planes);
        for (int64_t t = g->tile; t < g->tile + g->tiles; t++, v += BLOCK) {
            winograd_fetch(&ahead, p, dy->step, t, 0, TILE);
            square_at at =
                pixels_at(buffer, from, dy->step, &p->axes, t / p->across * TILE, t % p->across * TILE, 4, &load);
            transform_square(transform_dy, 4, 6, at.from, at.row, at.column, v, 6 * step, step, NULL);
        }
    }
}

/* to[lane][row] = from[row][lane] */
static void turn_square(float *restrict to, const float *restrict from)
{
    for (int64_t row = 0; row < BLOCK; row++)
        for (int64_t lane = 0; lane < BLOCK; lane++) to[row * BLOCK + lane] = from[lane * BLOCK + row];
}

void rmseg_cpu_winograd_w(float *u, int64_t step, const winograd_gather *pass, int64_t out_block, int64_t in_block,
                          int64_t across)
{
    const winograd_plan *p = pass->plan;
    int64_t pair = pass->turned ? in_block * p->out_blocks + out_block : out_block * p->in_blocks + in_block;
    int64_t plane = pass->turned ? p->depth - 1 - across : across, down = p->axes.tap[1], along = p->axes.tap[2];
    square_at at = {pass->weight + (pair * p->depth * 9 + plane * p->axes.tap[0]) * SQUARE, down * SQUARE,
                    along * SQUARE};
    float turned[9 * SQUARE];
    for (int64_t tap = 0; pass->turned && tap < 9; tap++)
        turn_square(turned + tap * SQUARE, at.from + (2 - tap / 3) * at.row + (2 - tap % 3) * at.column);
    if (pass->turned) at = (square_at){turned, 3 * SQUARE, SQUARE};
    for (int64_t row = 0; row < BLOCK; row++)
        transform_square(transform_w, 3, 6, at.from + row * BLOCK, at.row, at.column, u + row * BLOCK, 6 * step, step,
                         NULL);
}

void rmseg_cpu_winograd_dw(const winograd_weights *pass, int64_t set, const float *du)
{
    const winograd_plan *p = pass->plan;
    int64_t pair = set / p->depth, plane = set % p->depth, down = p->axes.tap[1], along = p->axes.tap[2];
    float *dweight = pass->dweight + (pair * p->depth * 9 + plane * p->axes.tap[0]) * SQUARE;
    for (int64_t row = 0; row < BLOCK; row++)
        transform_square(transform_dw, 6, 3, du + row * BLOCK, 6 * SQUARE, SQUARE, dweight + row * BLOCK, down * SQUARE,
                         along * SQUARE, NULL);
}
