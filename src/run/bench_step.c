/*
 * bench_step.c - the time of a whole training step: forward, objective, backward, optimiser; and the memory it takes.
 *
 * The work is that of `rmseg train`, without the loader.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "run/bench.h"

enum { WHOLE, FORWARD, OBJECTIVE, BACKWARD, OPTIMISER, PHASES };

typedef struct step {
    rmseg_bench_net n;
    rmseg_objective *objective;
    rmseg_evaluator *evaluator;
    rmseg_bench_truth truth;
    rmseg_batch batch;
} step;

static rmseg_status prepare(step *s)
{
    const bench_options *o = s->n.run->o;
    RMSEG_TRY(rmseg_objective_parse(&s->objective, o->objective));
    RMSEG_TRY(rmseg_bench_net_create(&s->n, s->n.run, true));
    RMSEG_TRY(rmseg_bench_setting(s->n.run, "%s, %s", s->n.run->setting, o->objective));
    s->batch = (rmseg_batch){.n = o->batch, .k = o->classes, .spatial = s->n.spatial, .ignore = -1};
    memcpy(s->batch.size, s->n.size, sizeof s->batch.size);
    s->batch.logits = s->n.logits;
    RMSEG_TRY(rmseg_bench_truth_create(&s->truth, &s->batch, s->objective));
    return rmseg_evaluator_create(&s->evaluator, s->objective, &s->batch, s->n.run->backend->name);
}

static rmseg_status once(void *context, double *samples, int64_t round)
{
    step *s = context;
    const rmseg_sgd sgd = {.lr = 1e-3, .momentum = 0.9, .decay = 1e-4};
    double total, norm, t[PHASES];
    t[0] = rmseg_now_s();
    RMSEG_TRY(rmseg_executor_forward(s->n.logits, s->n.executor, s->n.weights, s->n.image, 1, round + 1));
    t[FORWARD] = rmseg_now_s();
    RMSEG_TRY(rmseg_evaluator_run(s->evaluator, &total, NULL, s->n.dlogits, &s->batch));
    t[OBJECTIVE] = rmseg_now_s();
    RMSEG_TRY(rmseg_executor_backward(s->n.executor, s->n.weights, s->n.dlogits));
    t[BACKWARD] = rmseg_now_s();
    RMSEG_TRY(rmseg_weights_step(&norm, s->n.weights, &sgd));
    t[OPTIMISER] = rmseg_now_s();
    samples[WHOLE] = t[OPTIMISER] - t[0];
    for (int phase = FORWARD; phase < PHASES; phase++) samples[phase] = t[phase] - t[phase - 1];
    return RMSEG_OK;
}

/* Of the two passes, in floating-point operations. */
static void count_flops(double flops[PHASES], const rmseg_executor *executor)
{
    for (int64_t op = 0; op < rmseg_executor_ops(executor); op++) {
        rmseg_op_profile profile;
        rmseg_executor_profile(&profile, executor, op);
        for (int pass = 0; pass < RMSEG_PASSES; pass++)
            flops[pass == RMSEG_PASS_FORWARD ? FORWARD : BACKWARD] += profile.flops[pass];
    }
    flops[WHOLE] = flops[FORWARD] + flops[BACKWARD];
}

static rmseg_status add_memory(rmseg_bench_run *run, const char *pass, double bytes, const char *note)
{
    double megabytes = bytes * 1e-6;
    const rmseg_bench_measure row = {
        .name = "memory", .pass = pass, .note = note, .unit = "MB", .samples = &megabytes, .count = 1};
    return rmseg_bench_add(run, &row);
}

static rmseg_status measure(step *s)
{
    static const char *const names[PHASES] = {"whole", "forward", "objective", "backward", "optimiser"};
    double flops[PHASES] = {0}, *samples = NULL;
    int64_t count = 0;
    RMSEG_TRY(rmseg_bench_repeat(&samples, &count, s->n.run, PHASES, once, s));
    count_flops(flops, s->n.executor);
    rmseg_status status = RMSEG_OK;
    for (int phase = 0; phase < PHASES && !status; phase++) {
        const rmseg_bench_measure row = {.name = "step",
                                         .pass = names[phase],
                                         .samples = samples + phase,
                                         .count = count,
                                         .stride = PHASES,
                                         .flops = flops[phase],
                                         .whole = phase ? rmseg_bench_median(samples, count, PHASES) : 0};
        status = rmseg_bench_add(s->n.run, &row);
    }
    rmseg_free(samples);
    return status;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Linux keeps a process's peak, and forgets it when told so. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return;
    fputs("5\n", file);
    fclose(file);
}

/* Bytes; elsewhere than on Linux the peak of the whole process so far. */
static double resident_peak(void)
{
    char line[256];
    double kilobytes = NAN;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "VmHWM:", 6)) kilobytes = strtod(line + 6, NULL);
    if (file) fclose(file);
    struct rusage usage;
    if (isnan(kilobytes) && !getrusage(RUSAGE_SELF, &usage)) kilobytes = (double)usage.ru_maxrss;
    return kilobytes * 1024;
}

rmseg_status rmseg_bench_step(rmseg_bench_run *run)
{
    step s = {.n.run = run};
    int64_t before = rmseg_memory_stats_get().live_bytes;
    rmseg_memory_peak_reset();
    forget_peak();
    rmseg_status status = prepare(&s);
    if (!status) status = measure(&s);
    double allocated = (double)(rmseg_memory_stats_get().peak_bytes - before);
    if (!status) status = add_memory(run, "allocated", allocated, "asked for, at most");
    if (!status) status = add_memory(run, "resident", resident_peak(), "in use by the process, at most");
    rmseg_evaluator_destroy(s.evaluator);
    rmseg_objective_destroy(s.objective);
    rmseg_bench_truth_destroy(&s.truth);
    rmseg_bench_net_destroy(&s.n);
    return status;
}
