/*
 * pack.c - the part of x under a tile of y, copied with its halo.
 *
 * [block of x][row along D][row along H][floats of a row]; what lies outside x is zero, so that padding costs no test
 * later. A pixel takes a block, in one of three forms (conv_window.form):
 *     neighbours   stride 1 along w: pixels one after another; the taps of a window lie a block apart
 *     windowed     narrow x: each pixel of y has its own copy of its window along w, kw * block floats
 *     phases       any stride s: the pixels 0, s, 2s, ..., then 1, s+1, ...: one tap's pixels follow each other again
 */
#include <string.h>

#include "backend/cpu/load.h"

/* What every row of a tile has in common. */
typedef struct row_job {
    const conv_window *window;
    int64_t width, step; /* of x; floats from pixel to pixel */
    int64_t first;       /* pixel of x under the first tap of the row's first pixel; may lie outside */
    int64_t count;       /* pixels of y */
    load_block load;
} row_job;

static void pack_neighbours(float *to, const float *row, const row_job *job)
{
    int64_t count = job->count + job->window->kernel[2] - 1;
    int64_t left = least(count, most(0, -job->first)), end = most(left, least(count, job->width - job->first));
    memset(to, 0, (size_t)left * BLOCK * sizeof *to);
    const float *from = row + job->first * job->step;
    if (job->load.plain && job->step == BLOCK)
        memcpy(to + left * BLOCK, from + left * BLOCK, (size_t)(end - left) * BLOCK * sizeof *to);
    else
        for (int64_t p = left; p < end; p++)
            pixel_store(to + p * BLOCK, load_pixel(pixel_load(from + p * job->step), &job->load));
    memset(to + end * BLOCK, 0, (size_t)(count - end) * BLOCK * sizeof *to);
}

static void pack_windows(float *to, const float *row, const row_job *job)
{
    int64_t block = job->window->in_block, floats = job->width * block;
    for (int64_t p = 0; p < job->count; p++, to += BLOCK) {
        int64_t from = (job->first + p * job->window->stride[2]) * block;
        if (from >= 0 && from + BLOCK <= floats) {
            pixel_store(to, pixel_load(row + from)); /* what follows the window is never looked at */
            continue;
        }
        for (int64_t j = 0; j < job->window->length; j++)
            to[j] = from + j >= 0 && from + j < floats ? row[from + j] : 0;
    }
}

static void pack_phases(float *to, const float *row, const row_job *job)
{
    int64_t block = job->window->in_block, stride = job->window->stride[2];
    int64_t count = job->count + (job->window->kernel[2] - 1) / stride;
    for (int64_t phase = 0; phase < stride; phase++)
        for (int64_t p = 0; p < count; p++, to += BLOCK) {
            int64_t from = job->first + p * stride + phase;
            pixel x = {0};
            if (from >= 0 && from < job->width)
                x = block == BLOCK ? load_pixel(pixel_load(row + from * job->step), &job->load)
                                   : pixel_load_some(row + from * block, block);
            pixel_store(to, x);
        }
}

typedef void (*pack_fn)(float *to, const float *row, const row_job *job);
static const pack_fn forms[] = {
    [CONV_NEIGHBOURS] = pack_neighbours, [CONV_WINDOWS] = pack_windows, [CONV_PHASES] = pack_phases};

void rmseg_cpu_pack_tile(float *tile, const conv_plan *plan, const conv_part *part, const tensor *x,
                         int64_t first_block, int64_t blocks)
{
    const conv_window *window = &plan->window;
    conv_pack pack = rmseg_cpu_conv_pack(window, part->extent);
    int64_t first[3];
    for (int a = 0; a < 3; a++) first[a] = part->first[a] * window->stride[a] - window->pad[a];
    pack_fn pack_row = forms[window->form];
    row_job job = {.window = window, .width = x->size[2], .step = x->step, .first = first[2], .count = part->extent[2]};
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
