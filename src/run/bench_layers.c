/*
 * bench_layers.c - the time of every op of a network, forward and backward, as the trainer or the predictor runs it.
 */
#include <math.h>
#include <string.h>

#include "run/bench.h"

static const char *const pass_names[RMSEG_PASSES] = {"forward", "backward", "data", "weights"};

/* A sample's row: [op][pass], then what the two loops did beside their ops. */
enum { BESIDE_FORWARD, BESIDE_BACKWARD, BESIDE };

static double sum_of(const double *samples, int64_t ops, bool forward)
{
    double sum = 0;
    for (const double *s = samples; s < samples + ops * RMSEG_PASSES; s += RMSEG_PASSES)
        for (int pass = 0; pass < RMSEG_PASSES; pass++)
            if ((pass == RMSEG_PASS_FORWARD) == forward && !isnan(s[pass])) sum += s[pass];
    return sum;
}

/* What the clock adds: the weights' gradients that were computed a second time. */
static double sum_of_repeats(const double *samples, int64_t ops)
{
    double sum = 0;
    for (const double *s = samples; s < samples + ops * RMSEG_PASSES; s += RMSEG_PASSES)
        if (!isnan(s[RMSEG_PASS_DATA])) sum += s[RMSEG_PASS_WEIGHTS];
    return sum;
}

static void take(double *samples, const rmseg_executor *executor, int64_t ops)
{
    for (int64_t op = 0; op < ops; op++) {
        rmseg_op_profile profile;
        rmseg_executor_profile(&profile, executor, op);
        memcpy(samples + op * RMSEG_PASSES, profile.seconds, sizeof profile.seconds);
    }
}

static rmseg_status once(void *context, double *samples, int64_t round)
{
    rmseg_bench_net *n = context;
    int64_t ops = rmseg_executor_ops(n->executor);
    double *beside = samples + ops * RMSEG_PASSES, start = rmseg_now_s();
    RMSEG_TRY(rmseg_executor_forward(n->logits, n->executor, n->weights, n->image, 1, round + 1));
    double forward = rmseg_now_s() - start, backward = NAN;
    if (n->training) {
        start = rmseg_now_s();
        RMSEG_TRY(rmseg_executor_backward(n->executor, n->weights, n->dlogits));
        backward = rmseg_now_s() - start;
    }
    take(samples, n->executor, ops);
    beside[BESIDE_FORWARD] = fmax(0, forward - sum_of(samples, ops, true));
    beside[BESIDE_BACKWARD] = fmax(0, backward - sum_of(samples, ops, false) - sum_of_repeats(samples, ops));
    return RMSEG_OK;
}

/* Seconds of a round, forward and backward: their median. */
static double median_round(const double *samples, int64_t count, int64_t stride)
{
    double *sums = rmseg_alloc(count, sizeof *sums), median = NAN;
    for (int64_t i = 0; sums && i < count; i++)
        for (int64_t at = 0; at < stride; at++)
            if (!isnan(samples[i * stride + at])) sums[i] += samples[i * stride + at];
    if (sums) median = rmseg_bench_median(sums, count, 1);
    rmseg_free(sums);
    return median;
}

static rmseg_status add_ops(rmseg_bench_net *n, const double *samples, int64_t count, int64_t stride)
{
    double whole = median_round(samples, count, stride);
    for (int64_t op = 0; op < rmseg_executor_ops(n->executor); op++) {
        rmseg_op_profile profile;
        rmseg_executor_profile(&profile, n->executor, op);
        for (int pass = 0; pass < RMSEG_PASSES; pass++) {
            const rmseg_bench_measure row = {.name = profile.name,
                                             .pass = pass_names[pass],
                                             .kind = profile.kind,
                                             .note = profile.algorithm,
                                             .samples = samples + op * RMSEG_PASSES + pass,
                                             .count = count,
                                             .stride = stride,
                                             .whole = whole,
                                             .flops = profile.flops[pass],
                                             .bytes = profile.bytes[pass]};
            if (!isnan(profile.seconds[pass])) RMSEG_TRY(rmseg_bench_add(n->run, &row));
        }
    }
    return RMSEG_OK;
}

/* The sums over all ops of a kind in a pass: sample by sample, so that they are medians of sums. */
static rmseg_status add_kind(rmseg_bench_net *n, const char *kind, int pass, const double *samples, int64_t count,
                             int64_t stride)
{
    double *sums = rmseg_alloc(count, sizeof *sums);
    if (!sums) return RMSEG_ERROR_MEMORY;
    rmseg_text name = {0};
    rmseg_text_addf(&name, "all %s", kind);
    rmseg_bench_measure row = {.name = name.data, .pass = pass_names[pass], .kind = "sum", .samples = sums};
    row.whole = median_round(samples, count, stride);
    for (int64_t op = 0; op < rmseg_executor_ops(n->executor); op++) {
        rmseg_op_profile profile;
        rmseg_executor_profile(&profile, n->executor, op);
        if (strcmp(profile.kind, kind) || isnan(profile.seconds[pass])) continue;
        for (int64_t i = 0; i < count; i++) sums[i] += samples[i * stride + op * RMSEG_PASSES + pass];
        row.flops += profile.flops[pass], row.bytes += profile.bytes[pass], row.count = count;
    }
    rmseg_status status = name.failed ? RMSEG_ERROR_MEMORY : row.count ? rmseg_bench_add(n->run, &row) : RMSEG_OK;
    rmseg_text_destroy(&name);
    rmseg_free(sums);
    return status;
}

static bool is_first_of_kind(const rmseg_executor *executor, int64_t op)
{
    rmseg_op_profile profile, before;
    rmseg_executor_profile(&profile, executor, op);
    for (int64_t i = 0; i < op; i++) {
        rmseg_executor_profile(&before, executor, i);
        if (!strcmp(before.kind, profile.kind)) return false;
    }
    return true;
}

static rmseg_status add_sums(rmseg_bench_net *n, const double *samples, int64_t count, int64_t stride)
{
    int64_t ops = rmseg_executor_ops(n->executor);
    bool bf16 = n->training && rmseg_net_get_spec(n->net)->bf16;
    for (int64_t op = 0; op < ops; op++) {
        rmseg_op_profile profile;
        rmseg_executor_profile(&profile, n->executor, op);
        for (int pass = 0; pass < RMSEG_PASSES && is_first_of_kind(n->executor, op); pass++)
            RMSEG_TRY(add_kind(n, profile.kind, pass, samples, count, stride));
    }
    for (int i = 0; i < (n->training ? BESIDE : 1); i++) {
        const rmseg_bench_measure row = {.name = "input and logits",
                                         .pass = pass_names[i],
                                         .kind = "sum",
                                         .note = bf16 ? "in and out of the layout, and of bf16"
                                                      : "in and out of the layout",
                                         .samples = samples + ops * RMSEG_PASSES + i,
                                         .count = count,
                                         .stride = stride,
                                         .whole = median_round(samples, count, stride)};
        RMSEG_TRY(rmseg_bench_add(n->run, &row));
    }
    return RMSEG_OK;
}

static rmseg_status measure(rmseg_bench_net *n)
{
    double *samples = NULL;
    int64_t count = 0;
    RMSEG_TRY(rmseg_executor_clock(n->executor));
    int64_t stride = rmseg_executor_ops(n->executor) * RMSEG_PASSES + BESIDE;
    RMSEG_TRY(rmseg_bench_repeat(&samples, &count, n->run, stride, once, n));
    rmseg_status status = add_ops(n, samples, count, stride);
    if (!status) status = add_sums(n, samples, count, stride);
    rmseg_free(samples);
    return status;
}

rmseg_status rmseg_bench_layers(rmseg_bench_run *run)
{
    rmseg_bench_net n = {0};
    rmseg_status status = rmseg_bench_net_create(&n, run, !run->o->inference);
    if (!status) status = measure(&n);
    rmseg_bench_net_destroy(&n);
    return status;
}
