/*
 * pack.c - the part of x under a tile of y, copied with its halo; and what the next tile will copy.
 *
 * [block of x][row along D][row along H][pixels of a row][channels of the block]; what lies outside x is zero, so that
 * padding costs no test later. Pixels keep their order and their width: the taps of a window along w are a stretch of
 * the row, and the windows of neighbouring pixels of y start stride * block floats apart (conv_window.pixel).
 */
#include <string.h>

#include "backend/cpu/load.h"

/* What every row of a tile has in common. */
typedef struct row_job {
    int64_t block, step; /* of x: channels of a block, floats from pixel to pixel */
    int64_t width;       /* pixels of x */
    int64_t first;       /* pixel of x under the first tap of the row's first pixel; may lie outside */
    int64_t count;       /* pixels of x */
    load_block load;
} row_job;

static void pack_row(float *to, const float *row, const row_job *job)
{
    load_block load = job->load; /* a copy, which no store can change */
    int64_t block = job->block, left = least(job->count, most(0, -job->first));
    int64_t end = most(left, least(job->count, job->width - job->first));
    const float *from = row + job->first * job->step;
    memset(to, 0, (size_t)(left * block) * sizeof *to);
    if (load.plain && job->step == block)
        memcpy(to + left * block, from + left * block, (size_t)((end - left) * block) * sizeof *to);
    else
        for (int64_t p = left; p < end; p++)
            pixel_store(to + p * BLOCK, load_pixel(pixel_load(from + p * job->step), &load));
    memset(to + end * block, 0, (size_t)((job->count - end) * block) * sizeof *to);
}

void rmseg_cpu_pack_tile(float *tile, const conv_plan *plan, const conv_part *part, const tensor *x,
                         int64_t first_block, int64_t blocks)
{
    const conv_window *window = &plan->window;
    conv_pack pack = rmseg_cpu_conv_pack(window, part->extent);
    int64_t first[3];
    for (int a = 0; a < 3; a++) first[a] = part->first[a] * window->stride[a] - window->pad[a];
    row_job job = {
        .block = x->block, .step = x->step, .width = x->size[2], .first = first[2], .count = pack.row / x->block};
    for (int64_t b = first_block; b < first_block + blocks; b++) {
        job.load = load_of(x, part->sample, b);
        for (int64_t d = first[0]; d < first[0] + pack.rows[0]; d++)
            for (int64_t h = first[1]; h < first[1] + pack.rows[1]; h++, tile += pack.row) {
                if (d < 0 || d >= x->size[0] || h < 0 || h >= x->size[1])
                    memset(tile, 0, (size_t)pack.row * sizeof *tile);
                else
                    pack_row(tile, tensor_block(x, part->sample, b) + (d * x->size[1] + h) * x->size[2] * x->step,
                             &job);
            }
    }
}

/* Goes on to the next stretch when one is asked for: a plane of a block, the rows under the tile that follows along h.
 * Where tiles do not span x along w, they do not follow each other so. */
void rmseg_cpu_pack_ahead(conv_fetch *fetch, const conv_plan *plan, const conv_part *part, const tensor *x,
                          int64_t first_block, int64_t blocks)
{
    const conv_window *window = &plan->window;
    int64_t planes = (part->extent[0] - 1) * window->stride[0] + window->kernel[0];
    if (fetch->next < fetch->end || fetch->index == blocks * planes || plan->tiles[2] > 1) return;
    int64_t block = first_block + fetch->index / planes, floats = x->size[2] * x->step;
    int64_t plane = part->first[0] * window->stride[0] - window->pad[0] + fetch->index % planes;
    int64_t row = (part->first[1] + part->extent[1]) * window->stride[1];
    int64_t rows = least(part->extent[1] * window->stride[1], x->size[1] - row);
    fetch->index++;
    if (plane < 0 || plane >= x->size[0] || rows <= 0) return;
    fetch->next = tensor_block(x, part->sample, block) + (plane * x->size[1] + row) * floats;
    fetch->end = fetch->next + rows * floats;
}
