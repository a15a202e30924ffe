/* filter.c - blur, low resolution and noise. Each pass goes along one axis: (outer, n, inner) with inner contiguous. */
#include "data/filter.h"

#include <math.h>
#include <string.h>

typedef struct pass {
    int64_t outer, n, inner;
} pass;

static pass pass_along(const int64_t size[3], int axis)
{
    pass p = {1, size[axis], 1};
    for (int k = 0; k < 3; k++) {
        if (k < axis) p.outer *= size[k];
        if (k > axis) p.inner *= size[k];
    }
    return p;
}

static int64_t clamp(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* The result of several passes, each from one of the two to the other, ends in `values`. */
static void settle(float *values, const float *last, const int64_t size[3])
{
    if (last != values) memcpy(values, last, (size_t)(size[0] * size[1] * size[2]) * sizeof *values);
}

/* ---- blur --------------------------------------------------------------------------------------------------------- */

static void find_kernel(float *kernel, int64_t reach, double sigma)
{
    double sum = 1;
    for (int64_t j = 1; j <= reach; j++) sum += 2 * exp(-0.5 * (double)(j * j) / (sigma * sigma));
    for (int64_t j = 0; j <= reach; j++) kernel[j] = (float)(exp(-0.5 * (double)(j * j) / (sigma * sigma)) / sum);
}

static void blur_lines(float *out, const float *in, const pass *p, const float *kernel, int64_t reach)
{
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t i = 0; i < p->n; i++) {
            const float *slab = in + o * p->n * p->inner, *middle = slab + i * p->inner;
            float *to = out + (o * p->n + i) * p->inner;
            for (int64_t k = 0; k < p->inner; k++) to[k] = kernel[0] * middle[k];
            for (int64_t j = 1; j <= reach; j++) {
                const float *a = slab + clamp(i - j, p->n) * p->inner, *b = slab + clamp(i + j, p->n) * p->inner;
                for (int64_t k = 0; k < p->inner; k++) to[k] += kernel[j] * (a[k] + b[k]);
            }
        }
}

/* Along W: each row is copied with its ends repeated. */
static void blur_rows(float *out, const float *in, const pass *p, const float *kernel, int64_t reach, float *line)
{
    for (int64_t o = 0; o < p->outer; o++) {
        const float *row = in + o * p->n, *middle = line + reach;
        float *to = out + o * p->n;
        for (int64_t k = -reach; k < p->n + reach; k++) line[k + reach] = row[clamp(k, p->n)];
        for (int64_t k = 0; k < p->n; k++) to[k] = kernel[0] * middle[k];
        for (int64_t j = 1; j <= reach; j++)
            for (int64_t k = 0; k < p->n; k++) to[k] += kernel[j] * (middle[k - j] + middle[k + j]);
    }
}

void rmseg_filter_blur(float *values, float *spare, float *line, const int64_t size[3], const double sigma[3])
{
    float *from = values, *to = spare;
    for (int axis = 0; axis < 3; axis++) {
        int64_t reach = rmseg_blur_reach(sigma[axis]);
        if (size[axis] == 1 || reach == 0) continue;
        pass p = pass_along(size, axis);
        float *kernel = line, *row = line + reach + 1;
        find_kernel(kernel, reach, sigma[axis]);
        if (axis == 2)
            blur_rows(to, from, &p, kernel, reach, row);
        else
            blur_lines(to, from, &p, kernel, reach);
        float *held = from;
        from = to, to = held;
    }
    settle(values, from, size);
}

/* ---- low resolution ----------------------------------------------------------------------------------------------- */

/* Which two lines of the original line i becomes a mixture of. */
static float mixture(int64_t line[2], int64_t i, int64_t n, int64_t m)
{
    double x = ((double)i + 0.5) * (double)m / (double)n - 0.5;
    x = x > 0 ? x < (double)(m - 1) ? x : (double)(m - 1) : 0;
    int64_t below = (int64_t)x;
    for (int j = 0; j < 2; j++) {
        int64_t coarse = clamp(below + j, m);
        line[j] = clamp((int64_t)(((double)coarse + 0.5) * (double)n / (double)m), n);
    }
    return (float)(x - (double)below);
}

static void coarsen(float *out, const float *in, const pass *p, int64_t m)
{
    for (int64_t i = 0; i < p->n; i++) {
        int64_t line[2];
        float part = mixture(line, i, p->n, m);
        for (int64_t o = 0; o < p->outer; o++) {
            const float *a = in + (o * p->n + line[0]) * p->inner, *b = in + (o * p->n + line[1]) * p->inner;
            float *to = out + (o * p->n + i) * p->inner;
            for (int64_t k = 0; k < p->inner; k++) to[k] = a[k] + part * (b[k] - a[k]);
        }
    }
}

void rmseg_filter_lowres(float *values, float *spare, const int64_t size[3], const double share[3])
{
    float *from = values, *to = spare;
    for (int axis = 0; axis < 3; axis++) {
        int64_t m = (int64_t)(share[axis] * (double)size[axis] + 0.5);
        if (m < 1) m = 1;
        if (m >= size[axis]) continue;
        pass p = pass_along(size, axis);
        coarsen(to, from, &p, m);
        float *held = from;
        from = to, to = held;
    }
    settle(values, from, size);
}

/* ---- noise -------------------------------------------------------------------------------------------------------- */

/* Four normal numbers of a block: each pair of words is a radius and an angle. */
static void normals(float out[4], const rmseg_random *stream, int64_t block)
{
    uint32_t word[4], counter[4] = {(uint32_t)block, stream->counter[1], stream->counter[2], stream->counter[3]};
    rmseg_random_block(word, counter, stream->key);
    for (int i = 0; i < 4; i += 2) {
        float radius = (float)sqrt(-2 * log(1 - word[i] * 0x1p-32));
        float angle = (float)(2 * M_PI * (word[i + 1] * 0x1p-32)); /* sines of floats are several times as fast */
        out[i] = radius * cosf(angle);
        out[i + 1] = radius * sinf(angle);
    }
}

void rmseg_filter_noise(float *values, const uint8_t *inside, int64_t count, int64_t first, double sd,
                        const rmseg_random *stream)
{
    for (int64_t i = 0; i < count; i += 4) {
        float normal[4];
        normals(normal, stream, (first + i) / 4);
        for (int64_t k = i; k < i + 4 && k < count; k++)
            if (inside[k]) values[k] += (float)sd * normal[k - i];
    }
}
