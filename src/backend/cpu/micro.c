/*
 * micro.c - the microkernel for each number of rows, in its shapes.
 */
#include "backend/cpu/micro.h"

/* Where row p lies at step 0. Regular rows are reached from every fourth one: with a step that is known only at run
 * time, an address for each of 16 would not fit the registers. */
typedef struct row_addresses {
    const float *quad[(PIXELS + 3) / 4];
    ptrdiff_t step;
    const ptrdiff_t *rows; /* NULL: regular */
} row_addresses;

INLINE const float *row_of(const row_addresses *at, const int p)
{
    return at->rows ? at->quad[0] + at->rows[p] : at->quad[p / 4] + p % 4 * at->step;
}

INLINE void fetch_lines(conv_fetch *fetch, const int lines)
{
    if (!fetch || fetch->next >= fetch->end) return;
    UNROLL for (int i = 0; i < lines; i++) __builtin_prefetch(fetch->next + i * LINE, 0, 2);
    fetch->next += lines * LINE;
}

/* Sums in registers: the counts are constants, the loops unroll. */
INLINE void micro(const int rows, const ptrdiff_t a_row, const ptrdiff_t a_step, const ptrdiff_t *a_rows,
                  const micro_job *job, ptrdiff_t a_offset, float *c, ptrdiff_t c_step)
{
    static const float zero[BLOCK] __attribute__((aligned(64)));
    const float *start = job->start ? job->start : zero;
    bool add = !job->start;
    if (a_step == 1) /* pixels of y, which may be in no cache yet */
        UNROLL for (int p = 0; p < rows; p++) __builtin_prefetch(c + p * c_step, 1);
    for (int64_t r = 0, end; r < job->count; r = end, start = zero, add = true) {
        vec sum[PIXELS][VECTORS];
        UNROLL for (int p = 0; p < rows; p++) EACH_VECTOR(v) sum[p][v] = *(const vec *)(start + v * LANES);
        for (end = job->stretch ? least(r + job->stretch, job->count) : job->count; r < end; r++) {
            const float *a = job->a + a_offset + job->runs[r].a, *b = job->b + job->runs[r].b;
            fetch_lines(job->fetch, rows);
            row_addresses at = {.step = a_row, .rows = a_rows};
            UNROLL for (int q = 0; q < (PIXELS + 3) / 4; q++) at.quad[q] = a + q * 4 * a_row;
            for (int64_t k = 0; k < job->length; k++, b += BLOCK) {
                vec line[VECTORS];
                EACH_VECTOR(v) line[v] = *(const vec *)(b + v * LANES);
                UNROLL for (int p = 0; p < rows; p++) EACH_VECTOR(v) sum[p][v] += line[v] * row_of(&at, p)[k * a_step];
            }
        }
        if (add)
            UNROLL for (int p = 0; p < rows; p++) EACH_VECTOR(v) sum[p][v] +=
                *(const vec *)(c + p * c_step + v * LANES);
        UNROLL for (int p = 0; p < rows; p++) EACH_VECTOR(v) * (vec *)(c + p * c_step + v * LANES) = sum[p][v];
    }
}

#define MICRO(name, n, a_row, a_step, a_rows)                                                                          \
    static void name##_##n(const micro_job *job, ptrdiff_t a_offset, float *c, ptrdiff_t c_step)                       \
    {                                                                                                                  \
        micro(n, a_row, a_step, a_rows, job, a_offset, c, c_step);                                                     \
    }
#define GATHER(n)        MICRO(gather, n, BLOCK, 1, NULL)
#define GATHER_APART(n)  MICRO(gather_apart, n, job->pixel, 1, NULL)
#define WEIGHTS(n)       MICRO(weights, n, 1, BLOCK, NULL)
#define WEIGHTS_APART(n) MICRO(weights_apart, n, 1, job->pixel, NULL)
#define ANY_TAPS(n)      MICRO(taps, n, 0, job->pixel, job->rows)

#if PIXELS == 16
#define EACH_COUNT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)
#elif PIXELS == 12
#define EACH_COUNT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#elif PIXELS == 6
#define EACH_COUNT(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define EACH_COUNT(X) X(1) X(2) X(3)
#endif

EACH_COUNT(GATHER)
EACH_COUNT(GATHER_APART)
EACH_COUNT(WEIGHTS)
EACH_COUNT(WEIGHTS_APART)
EACH_COUNT(ANY_TAPS)

#define GATHER_ROW(n)        [n] = gather_##n,
#define GATHER_APART_ROW(n)  [n] = gather_apart_##n,
#define WEIGHTS_ROW(n)       [n] = weights_##n,
#define WEIGHTS_APART_ROW(n) [n] = weights_apart_##n,
#define TAPS_ROW(n)          [n] = taps_##n,
const micro_fn rmseg_cpu_micro_gather[PIXELS + 1] = {EACH_COUNT(GATHER_ROW)};
const micro_fn rmseg_cpu_micro_gather_apart[PIXELS + 1] = {EACH_COUNT(GATHER_APART_ROW)};
const micro_fn rmseg_cpu_micro_weights[PIXELS + 1] = {EACH_COUNT(WEIGHTS_ROW)};
const micro_fn rmseg_cpu_micro_weights_apart[PIXELS + 1] = {EACH_COUNT(WEIGHTS_APART_ROW)};
const micro_fn rmseg_cpu_micro_taps[PIXELS + 1] = {EACH_COUNT(TAPS_ROW)};
