/*
 * sums.c - sums over many parts, always in the order of the parts: partial gradients of weights, channels over a
 * tensor; and weights turned for a pass the other way.
 */
#include <string.h>

#include "backend/cpu/sums.h"

#define ELEMENTS 4096 /* of a task that adds partial gradients */

static void partial_sum_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const partial_sum *sum = context;
    int64_t first = chunk * ELEMENTS, count = rmseg_chunk_end(sum->elements, ELEMENTS, chunk) - first;
    float *restrict to = sum->to + first;
    memcpy(to, sum->from + first, (size_t)count * sizeof *to);
    for (int64_t part = 1; part < sum->parts; part++) {
        const float *restrict from = sum->from + part * sum->elements + first;
        for (int64_t i = 0; i < count; i++) to[i] += from[i];
    }
}

void rmseg_cpu_partial_sum(const partial_sum *sum)
{
    rmseg_parallel_for(rmseg_chunk_count(sum->elements, ELEMENTS), partial_sum_chunk, (void *)sum);
}

/* ---- channels ---------------------------------------------------------------------------------------------------- */

typedef struct channel_job {
    double *partial;
    const tensor *x;
    bool squares;
} channel_job;

/* The sum alone needs no point to be taken around: gradients have their mean near zero. */
static void sum_add(channel_stats *stats, const float *row, int64_t count, ptrdiff_t step)
{
    for (int64_t p = 0; p < count; p++)
        EACH_VECTOR(v) stats->some_sum.v[v] += *(const vec *)(row + p * step + v * LANES);
    stats_flush(stats);
}

static void channel_sums_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const channel_job *job = context;
    const tensor *x = job->x;
    int64_t part = chunk / x->blocks, block = chunk % x->blocks, ranges = rmseg_chunk_count(x->pixels, CHANNEL_PIXELS);
    int64_t first = part % ranges * CHANNEL_PIXELS, end = rmseg_chunk_end(x->pixels, CHANNEL_PIXELS, part % ranges);
    const float *from = tensor_block(x, part / ranges, block);
    channel_stats stats = {0};
    float wide[FLOAT_PIXELS * BLOCK];
    for (int64_t p = first; p < end; p += FLOAT_PIXELS) {
        int64_t count = least(FLOAT_PIXELS, end - p);
        const float *row = from + p * x->step;
        int64_t step = x->step;
        if (x->block < BLOCK) {
            pixels_spread(wide, row, step, count, x->block);
            row = wide, step = BLOCK;
        }
        if (job->squares)
            stats_add(&stats, row, count, step);
        else
            sum_add(&stats, row, count, step);
    }
    stats_store((double(*)[2])(job->partial + chunk * BLOCK * 2), &stats);
}

void rmseg_cpu_channel_sums(double *sums, double *partial, const tensor *x, bool squares)
{
    channel_job job = {partial, x, squares};
    int64_t parts = rmseg_cpu_channel_parts(x);
    rmseg_parallel_for(parts * x->blocks, channel_sums_chunk, &job);
    rmseg_cpu_add_sums(sums, padded(x->c), partial, parts, x->blocks * BLOCK);
}

/* ---- weights turned ---------------------------------------------------------------------------------------------- */

static void turn_pair(void *context, int64_t pair, int thread)
{
    (void)thread;
    const conv_turn *turn = context;
    int64_t inner_blocks = blocks_in(turn->inner, BLOCK), outer_blocks = blocks_in(turn->outer, BLOCK);
    int64_t i = pair % inner_blocks, o = pair / inner_blocks, from_rows = block_in(turn->inner, BLOCK),
            to_rows = block_in(turn->outer, BLOCK);
    const float *from = turn->from + pair * turn->taps * from_rows * BLOCK;
    float *to = turn->to + (i * outer_blocks + o) * turn->taps * to_rows * BLOCK;
    for (int64_t tap = 0; tap < turn->taps; tap++) {
        const float *square = from + (turn->flip ? turn->taps - 1 - tap : tap) * from_rows * BLOCK;
        for (int64_t row = 0; row < to_rows; row++, to += BLOCK)
            for (int64_t lane = 0; lane < BLOCK; lane++) to[lane] = lane < from_rows ? square[lane * BLOCK + row] : 0;
    }
}

void rmseg_cpu_conv_turn(const conv_turn *turn)
{
    rmseg_parallel_for(blocks_in(turn->inner, BLOCK) * blocks_in(turn->outer, BLOCK), turn_pair, (void *)turn);
}
