/*
 * winograd_tiles.c - tiles of x, of dy and of weights into their 36 positions.
 */
#include <string.h>

#include "backend/cpu/load.h"
#include "backend/cpu/transform.h"
#include "backend/cpu/winograd_tiles.h"

/* `count` x `count` pixels of a plane from (h, w) on, where they lie, or in `buffer`: with zeros for what is outside, and
 * as `load` makes them. */
static const float *pixels_at(ptrdiff_t *row, float *buffer, const float *plane, const int64_t size[3], int64_t h,
                              int64_t w, int64_t count, const load_block *load)
{
    bool within = h >= 0 && w >= 0 && h + count <= size[1] && w + count <= size[2];
    *row = size[2] * BLOCK;
    if (within && load->plain) return plane + (h * size[2] + w) * BLOCK;
    *row = count * BLOCK;
    for (int64_t a = 0; within && a < count; a++) {
        const float *from = plane + ((h + a) * size[2] + w) * BLOCK;
        for (int64_t b = 0; b < count; b++)
            pixel_store(buffer + (a * count + b) * BLOCK, load_pixel(pixel_load(from + b * BLOCK), load));
    }
    if (within) return buffer;
    for (int64_t a = 0; a < count; a++)
        for (int64_t b = 0; b < count; b++) {
            bool inside = h + a >= 0 && h + a < size[1] && w + b >= 0 && w + b < size[2];
            pixel x = {0};
            if (inside) x = load_pixel(pixel_load(plane + ((h + a) * size[2] + w + b) * BLOCK), load);
            pixel_store(buffer + (a * count + b) * BLOCK, x);
        }
    return buffer;
}

/* The plane of a stack; NULL when it is a halo plane outside. */
static const float *plane_at(const winograd_plan *p, const tensor *x, int64_t block, int64_t stack, int64_t plane)
{
    if (plane < 0 || plane >= p->stack_planes) return NULL;
    int64_t sample = p->depth == 1 ? plane / p->size[0] : stack, d = p->depth == 1 ? plane % p->size[0] : plane;
    return tensor_block(x, sample, block) + d * p->size[1] * p->size[2] * BLOCK;
}

float *rmseg_cpu_winograd_plane(const winograd_plan *p, const tensor *x, int64_t block, int64_t stack, int64_t plane)
{
    return (float *)plane_at(p, x, block, stack, plane);
}

void rmseg_cpu_winograd_x(float *v, const winograd_plan *p, const winograd_group *g, const tensor *x, int64_t block)
{
    int64_t step = winograd_v_step(p->in_blocks, g->in_rows), halo = p->depth / 2;
    float buffer[POSITIONS * BLOCK];
    v += block * g->in_rows * BLOCK;
    for (int64_t plane = g->plane - halo; plane < g->plane + g->planes + halo; plane++) {
        const float *from = plane_at(p, x, block, g->stack, plane);
        load_block load = load_of(x, p->depth == 1 ? plane / p->size[0] : g->stack, block);
        for (int64_t t = g->tile; t < g->tile + g->tiles; t++, v += BLOCK) {
            ptrdiff_t row;
            if (!from) {
                for (int64_t position = 0; position < POSITIONS; position++)
                    memset(v + position * step, 0, BLOCK * sizeof *v);
                continue;
            }
            const float *pixels =
                pixels_at(&row, buffer, from, p->size, t / p->across * TILE - 1, t % p->across * TILE - 1, 6, &load);
            transform_square(transform_x, 6, 6, pixels, row, BLOCK, v, 6 * step, step, NULL);
        }
    }
}

void rmseg_cpu_winograd_dy(float *v, const winograd_plan *p, const winograd_group *g, const tensor *dy, int64_t block)
{
    int64_t step = winograd_v_step(p->out_blocks, g->rows);
    float buffer[TILE * TILE * BLOCK];
    const load_block load = {.plain = true};
    v += block * g->rows * BLOCK;
    for (int64_t plane = g->plane; plane < g->plane + g->planes; plane++) {
        const float *from = plane_at(p, dy, block, g->stack, plane);
        for (int64_t t = g->tile; t < g->tile + g->tiles; t++, v += BLOCK) {
            ptrdiff_t row;
            const float *pixels =
                pixels_at(&row, buffer, from, p->size, t / p->across * TILE, t % p->across * TILE, 4, &load);
            transform_square(transform_dy, 4, 6, pixels, row, BLOCK, v, 6 * step, step, NULL);
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
                          int64_t tap_d)
{
    const winograd_plan *p = pass->plan;
    int64_t pair = pass->turned ? in_block * p->out_blocks + out_block : out_block * p->in_blocks + in_block;
    int64_t d = pass->turned ? p->depth - 1 - tap_d : tap_d;
    const float *taps = pass->weight + (pair * p->depth + d) * 9 * SQUARE;
    float turned[9 * SQUARE];
    if (pass->turned) {
        for (int64_t tap = 0; tap < 9; tap++) turn_square(turned + tap * SQUARE, taps + (8 - tap) * SQUARE);
        taps = turned;
    }
    for (int64_t row = 0; row < BLOCK; row++)
        transform_square(transform_w, 3, 6, taps + row * BLOCK, 3 * SQUARE, SQUARE, u + row * BLOCK, 6 * step, step,
                         NULL);
}

void rmseg_cpu_winograd_dw(float *dweight, const float *du)
{
    for (int64_t row = 0; row < BLOCK; row++)
        transform_square(transform_dw, 6, 3, du + row * BLOCK, 6 * SQUARE, SQUARE, dweight + row * BLOCK, 3 * SQUARE,
                         SQUARE, NULL);
}
