/*
 * micro.c - the microkernel for each number of rows, in its two shapes.
 */
#include "backend/cpu/micro.h"

/* Sums in registers: the counts are constants, the loops unroll. */
INLINE void micro(const int rows, const int a_row, const int a_step, const micro_job *job, ptrdiff_t a_offset, float *c,
                  ptrdiff_t c_step)
{
    static const float zero[BLOCK] __attribute__((aligned(64)));
    const float *start = job->start ? job->start : zero;
    bool add = !job->start;
    for (int64_t r = 0, end; r < job->count; r = end, start = zero, add = true) {
        vec sum[PIXELS][VECTORS];
        UNROLL for (int p = 0; p < rows; p++) EACH_VECTOR(v) sum[p][v] = *(const vec *)(start + v * LANES);
        for (end = job->stretch ? least(r + job->stretch, job->count) : job->count; r < end; r++) {
            const float *a = job->a + a_offset + job->runs[r].a, *b = job->b + job->runs[r].b;
            for (int64_t k = 0; k < job->length; k++, a += a_step, b += BLOCK) {
                vec line[VECTORS];
                EACH_VECTOR(v) line[v] = *(const vec *)(b + v * LANES);
                UNROLL for (int p = 0; p < rows; p++) EACH_VECTOR(v) sum[p][v] += line[v] * a[p * a_row];
            }
        }
        if (add)
            UNROLL for (int p = 0; p < rows; p++) EACH_VECTOR(v) sum[p][v] +=
                *(const vec *)(c + p * c_step + v * LANES);
        UNROLL for (int p = 0; p < rows; p++) EACH_VECTOR(v) * (vec *)(c + p * c_step + v * LANES) = sum[p][v];
    }
}

#define MICRO(name, rows, a_row, a_step)                                                                               \
    static void name##_##rows(const micro_job *job, ptrdiff_t a_offset, float *c, ptrdiff_t c_step)                    \
    {                                                                                                                  \
        micro(rows, a_row, a_step, job, a_offset, c, c_step);                                                          \
    }
#define GATHER(rows)  MICRO(gather, rows, BLOCK, 1)
#define WEIGHTS(rows) MICRO(weights, rows, 1, BLOCK)

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
EACH_COUNT(WEIGHTS)

#define GATHER_ROW(rows)  [rows] = gather_##rows,
#define WEIGHTS_ROW(rows) [rows] = weights_##rows,
const micro_fn rmseg_cpu_micro_gather[PIXELS + 1] = {EACH_COUNT(GATHER_ROW)};
const micro_fn rmseg_cpu_micro_weights[PIXELS + 1] = {EACH_COUNT(WEIGHTS_ROW)};
