/*
 * bench_machine.c - what this machine can do at most, measured when it is asked for: multiply-adds a second at the
 * level in use on all threads; bytes a second to and from memory, by long arrays.
 */
#include <math.h>

#include "run/bench.h"

enum { TIMES = 5, CHUNKS = 16 /* per thread */ };

#define FLOATS ((int64_t)16 << 20) /* of each array: 64 MB, more than most caches hold */
#define SLICE  ((int64_t)1 << 16)

typedef struct memory_probe {
    const rmseg_probe *probe;
    float *array[3];
    double sums[FLOATS / SLICE];
    int kind; /* 0 read, 1 copy, 2 triad */
} memory_probe;

static void multiply_chunk(void *context, int64_t chunk, int thread)
{
    (void)chunk, (void)thread;
    float sink[2] = {0.999f, 1e-3f};
    ((const rmseg_probe *)context)->multiply_add(sink);
}

static void memory_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    memory_probe *m = context;
    float *a = m->array[0] + chunk * SLICE, *b = m->array[1] + chunk * SLICE, *c = m->array[2] + chunk * SLICE;
    if (m->kind == 0) m->sums[chunk] = m->probe->read(a, SLICE);
    if (m->kind == 1) m->probe->copy(b, a, SLICE);
    if (m->kind == 2) m->probe->triad(c, a, b, SLICE);
}

/* `amount` a second, in each of some times; the best of them is what the machine can do. */
static double rates(double samples[TIMES], double amount, int64_t chunks, rmseg_chunk_fn fn, void *context)
{
    double best = 0;
    rmseg_parallel_for(chunks, fn, context);
    for (int time = 0; time < TIMES; time++) {
        double start = rmseg_now_s();
        rmseg_parallel_for(chunks, fn, context);
        samples[time] = amount / (rmseg_now_s() - start);
        best = fmax(best, samples[time]);
    }
    return best;
}

static rmseg_status add(rmseg_bench_run *run, const char *name, const char *unit, double samples[TIMES], bool wanted)
{
    for (int i = 0; i < TIMES; i++) samples[i] *= 1e-9;
    const rmseg_bench_measure row = {.name = name, .unit = unit, .samples = samples, .count = TIMES};
    return wanted ? rmseg_bench_add(run, &row) : RMSEG_OK;
}

static rmseg_status measure_memory(rmseg_bench_run *run, memory_probe *m, bool rows)
{
    static const char *const names[] = {"read", "copy", "triad"};
    double *const peaks[] = {&run->peaks.read, &run->peaks.copy, &run->peaks.triad};
    double samples[TIMES];
    for (m->kind = 0; m->kind < 3; m->kind++) {
        double bytes = (double)(m->kind + 1) * (double)FLOATS * sizeof(float);
        *peaks[m->kind] = rates(samples, bytes, FLOATS / SLICE, memory_chunk, m);
        RMSEG_TRY(add(run, names[m->kind], "GB/s", samples, rows));
    }
    return RMSEG_OK;
}

rmseg_status rmseg_bench_machine_peaks(rmseg_bench_run *run, bool rows)
{
    const rmseg_probe *probe = run->backend->probe;
    run->peaks = (rmseg_bench_peaks){NAN, NAN, NAN, NAN};
    if (!probe) return RMSEG_OK;
    double samples[TIMES];
    float sink[2] = {0.999f, 1e-3f};
    int64_t chunks = CHUNKS * rmseg_threads();
    double flops = probe->multiply_add(sink) * (double)chunks;
    run->peaks.flops = rates(samples, flops, chunks, multiply_chunk, (void *)probe);
    RMSEG_TRY(add(run, "multiply-add", "GFLOP/s", samples, rows));

    size_t bytes = (size_t)FLOATS * sizeof(float);
    memory_probe *m = rmseg_alloc(1, sizeof *m);
    if (!m) return RMSEG_ERROR_MEMORY;
    m->probe = probe;
    bool made = true;
    for (int i = 0; i < 3; i++) made = (m->array[i] = rmseg_arena_alloc(bytes)) && made;
    rmseg_status status = made ? measure_memory(run, m, rows) : RMSEG_ERROR_MEMORY;
    for (int i = 0; i < 3; i++) rmseg_arena_free(m->array[i], bytes);
    rmseg_free(m);
    return status;
}
