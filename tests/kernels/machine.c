/*
 * machine.c - what this machine can do at most, measured when it is asked for: multiply-adds a second with a level's
 * vectors on all threads, bytes a second to and from memory.
 */
#include <math.h>
#include <time.h>

#include "check.h"

#define TIMES  5
#define CHUNKS 16                  /* per thread */
#define FLOATS ((int64_t)16 << 20) /* of each of two arrays of 64 MB: more than caches hold */
#define SLICE  ((int64_t)1 << 16)

static bool processor_time;

void use_processor_time(void)
{
    processor_time = true;
    rmseg_threads_set(1);
}

double clock_s(void)
{
    struct timespec t;
    if (!processor_time) return rmseg_now_s();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void flops_chunk(void *context, int64_t chunk, int thread)
{
    (void)chunk, (void)thread;
    float sink[2] = {0.999f, 1e-3f};
    ((const rmseg_probe *)context)->multiply_add(sink);
}

static double best_seconds(int64_t chunks, rmseg_chunk_fn fn, const void *context)
{
    double best = HUGE_VAL;
    for (int time = 0; time < TIMES; time++) {
        double start = clock_s();
        rmseg_parallel_for(chunks, fn, (void *)context);
        best = fmin(best, clock_s() - start);
    }
    return best;
}

double peak_gflops(const char *level)
{
    static double peak;
    float sink[2] = {0.999f, 1e-3f};
    const rmseg_backend *backend = rmseg_backend_at_level(level);
    if (peak == 0 && backend) {
        int64_t chunks = CHUNKS * rmseg_threads();
        double flops = backend->probe->multiply_add(sink) * (double)chunks;
        peak = flops / best_seconds(chunks, flops_chunk, backend->probe) * 1e-9;
    }
    return peak;
}

static void copy_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    float *const *arrays = context;
    const float *restrict from = arrays[0] + chunk * SLICE;
    float *restrict to = arrays[1] + chunk * SLICE;
    for (int64_t i = 0; i < SLICE; i++) to[i] = from[i] + 1;
}

double peak_gbytes(void)
{
    static double peak;
    if (peak > 0) return peak;
    size_t bytes = (size_t)FLOATS * sizeof(float);
    float *arrays[2] = {rmseg_arena_alloc(bytes), rmseg_arena_alloc(bytes)};
    if (arrays[0] && arrays[1]) peak = 2.0 * (double)bytes / best_seconds(FLOATS / SLICE, copy_chunk, arrays) * 1e-9;
    rmseg_arena_free(arrays[0], bytes);
    rmseg_arena_free(arrays[1], bytes);
    return peak;
}
