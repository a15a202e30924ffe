/*
 * optimiser.c - SGD and AdamW over an arena of parameters, their moving average, and the sum of squares that clipping
 * needs.
 */
#include <math.h>

#include "backend/cpu/vector.h"

#define ELEMENTS 32768 /* of a task */
#define PARTS    64    /* of a sum: an arena is cut into so many, whatever its size */
#define STRETCH  256   /* floats squared and summed before double takes over */

typedef struct sgd_job {
    float *restrict w, *restrict v;
    const float *restrict g;
    int64_t elements;
    float lr, momentum, decay, scale;
    bool nesterov;
} sgd_job;

static void sgd_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    sgd_job job = *(const sgd_job *)context;
    for (int64_t i = chunk * ELEMENTS, end = rmseg_chunk_end(job.elements, ELEMENTS, chunk); i < end; i++) {
        float g = job.g[i] * job.scale + job.decay * job.w[i];
        job.v[i] = job.momentum * job.v[i] + g;
        job.w[i] -= job.lr * (job.nesterov ? g + job.momentum * job.v[i] : job.v[i]);
    }
}

void rmseg_cpu_sgd(void *w, void *v, const void *g, int64_t elements, double lr, double momentum, double decay,
                   double scale, bool nesterov)
{
    sgd_job job = {w, v, g, elements, (float)lr, (float)momentum, (float)decay, (float)scale, nesterov};
    rmseg_parallel_for(rmseg_chunk_count(elements, ELEMENTS), sgd_chunk, &job);
}

/* step: lr over the correction of m; root: 1 over the root of that of s. */
typedef struct adamw_job {
    float *restrict w, *restrict m, *restrict s;
    const float *restrict g;
    int64_t elements;
    float shrink, beta1, beta2, rest1, rest2, step, root, eps, scale;
} adamw_job;

static void adamw_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    adamw_job job = *(const adamw_job *)context;
    for (int64_t i = chunk * ELEMENTS, end = rmseg_chunk_end(job.elements, ELEMENTS, chunk); i < end; i++) {
        float g = job.g[i] * job.scale;
        job.m[i] = job.beta1 * job.m[i] + job.rest1 * g;
        job.s[i] = job.beta2 * job.s[i] + job.rest2 * g * g;
        job.w[i] = job.shrink * job.w[i] - job.step * job.m[i] / (sqrtf(job.s[i]) * job.root + job.eps);
    }
}

void rmseg_cpu_adamw(void *w, void *m, void *s, const void *g, int64_t elements, const rmseg_adamw *a, double scale)
{
    adamw_job job = {.w = w,
                     .m = m,
                     .s = s,
                     .g = g,
                     .elements = elements,
                     .shrink = (float)(1 - a->lr * a->decay),
                     .beta1 = (float)a->beta1,
                     .beta2 = (float)a->beta2,
                     .rest1 = (float)(1 - a->beta1),
                     .rest2 = (float)(1 - a->beta2),
                     .step = (float)(a->lr / (1 - pow(a->beta1, (double)a->step))),
                     .root = (float)(1 / sqrt(1 - pow(a->beta2, (double)a->step))),
                     .eps = (float)a->eps,
                     .scale = (float)scale};
    rmseg_parallel_for(rmseg_chunk_count(elements, ELEMENTS), adamw_chunk, &job);
}

typedef struct average_job {
    float *restrict to;
    const float *restrict w;
    int64_t elements;
    float keep, rest;
} average_job;

static void average_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    average_job job = *(const average_job *)context;
    for (int64_t i = chunk * ELEMENTS, end = rmseg_chunk_end(job.elements, ELEMENTS, chunk); i < end; i++)
        job.to[i] = job.keep * job.to[i] + job.rest * job.w[i];
}

void rmseg_cpu_average(void *average, const void *w, int64_t elements, double keep)
{
    average_job job = {average, w, elements, (float)keep, (float)(1 - keep)};
    rmseg_parallel_for(rmseg_chunk_count(elements, ELEMENTS), average_chunk, &job);
}

typedef struct squares_job {
    const float *x;
    int64_t elements, part; /* of the arena, of each part */
    double sum[PARTS];
} squares_job;

static double sum_stretch(const float *x, int64_t count)
{
    float sum[LINE] = {0}, all = 0;
    int64_t whole = count / LINE * LINE;
    for (int64_t i = 0; i < whole; i += LINE)
        for (int64_t lane = 0; lane < LINE; lane++) sum[lane] += x[i + lane] * x[i + lane];
    for (int64_t i = whole; i < count; i++) all += x[i] * x[i];
    for (int64_t lane = 0; lane < LINE; lane++) all += sum[lane];
    return all;
}

static void squares_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    squares_job *job = context;
    int64_t end = least(job->elements, (chunk + 1) * job->part);
    double sum = 0;
    for (int64_t i = chunk * job->part; i < end; i += STRETCH) sum += sum_stretch(job->x + i, least(STRETCH, end - i));
    job->sum[chunk] = sum;
}

double rmseg_cpu_sum_of_squares(const void *x, int64_t elements)
{
    squares_job job = {.x = x, .elements = elements, .part = split(elements, PARTS)};
    double sum = 0;
    rmseg_parallel_for(PARTS, squares_chunk, &job);
    for (int part = 0; part < PARTS; part++) sum += job.sum[part];
    return sum;
}
