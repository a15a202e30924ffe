/*
 * optimiser.c - SGD over an arena of parameters, and the sum of squares its clipping needs.
 */
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

typedef struct squares_job {
    const float *x;
    int64_t elements, part; /* of the arena, of each part */
    double sum[PARTS];
} squares_job;

static double sum_stretch(const float *x, int64_t count)
{
    float sum[BLOCK] = {0}, all = 0;
    int64_t whole = count / BLOCK * BLOCK;
    for (int64_t i = 0; i < whole; i += BLOCK)
        for (int64_t lane = 0; lane < BLOCK; lane++) sum[lane] += x[i + lane] * x[i + lane];
    for (int64_t i = whole; i < count; i++) all += x[i] * x[i];
    for (int64_t lane = 0; lane < BLOCK; lane++) all += sum[lane];
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
