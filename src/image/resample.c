/*
 * resample.c - the same field of view on another grid.
 *
 *     linear, along each axis:  out[i] = sum_j w_ij in[j],   w_ij = triangle((j + 1/2 - c_i) / r) / (sum over j),
 *                               c_i = s (i + 1/2),  s = in extent / out extent,  r = max(s, 1),  triangle(x) = max(0, 1
 * - |x|)
 *
 * Where s > 1 this averages over everything that an output voxel covers and more, so that nothing aliases; where s <= 1
 * it is interpolation between the two nearest centres, the image continued by its edge. Both are PyTorch's antialiased
 * "bilinear".
 */
#include <math.h>
#include <string.h>

#include "core/core.h"
#include "image/image.h"

enum { CHUNK_ELEMENTS = 1 << 14 };

/* ---- linear ----------------------------------------------------------------------------------------------------- */

/* Output i is the sum of weight[i * most + j] times input first[i] + j, j < count[i]. */
typedef struct taps {
    int64_t most, *first, *count;
    float *weight;
} taps;

static void taps_destroy(taps *t)
{
    rmseg_free(t->first);
    rmseg_free(t->count);
    rmseg_free(t->weight);
}

static void fill_taps(taps *t, int64_t i, int64_t in, double scale)
{
    double radius = scale > 1 ? scale : 1, center = scale * ((double)i + 0.5), sum = 0;
    int64_t first = (int64_t)fmax(floor(center - radius + 0.5), 0);
    int64_t end = (int64_t)fmin(floor(center + radius + 0.5), (double)in);
    float *weight = t->weight + i * t->most;
    t->first[i] = first;
    t->count[i] = end - first;
    for (int64_t j = first; j < end; j++) sum += fmax(0, 1 - fabs(((double)j + 0.5 - center) / radius));
    for (int64_t j = first; j < end; j++)
        weight[j - first] = (float)(fmax(0, 1 - fabs(((double)j + 0.5 - center) / radius)) / sum);
}

static rmseg_status taps_create(taps *t, int64_t in, int64_t out)
{
    double scale = (double)in / (double)out;
    int64_t most = 2 * (int64_t)ceil(scale > 1 ? scale : 1) + 1, weights = 0;
    if (!rmseg_mul(&weights, most, out)) return rmseg_fail_memory();
    *t = (taps){most, rmseg_alloc(out, sizeof *t->first), rmseg_alloc(out, sizeof *t->count),
                rmseg_alloc(weights, sizeof *t->weight)};
    if (!t->first || !t->count || !t->weight) {
        taps_destroy(t);
        return RMSEG_ERROR_MEMORY;
    }
    for (int64_t i = 0; i < out; i++) fill_taps(t, i, in, scale);
    return RMSEG_OK;
}

/* in [outer][n_in][inner] -> out [outer][n_out][inner]; a line is `inner` output elements. */
typedef struct axis_job {
    float *out;
    const float *in;
    const taps *t;
    int64_t lines, lines_per_chunk, n_in, n_out, inner;
} axis_job;

static float dot(const float *in, const float *weight, int64_t count)
{
    float sum = 0;
    for (int64_t j = 0; j < count; j++) sum += weight[j] * in[j];
    return sum;
}

static void sum_lines(float *restrict out, const float *restrict in, const float *weight, int64_t count, int64_t inner)
{
    for (int64_t x = 0; x < inner; x++) out[x] = weight[0] * in[x];
    for (int64_t j = 1; j < count; j++)
        for (int64_t x = 0; x < inner; x++) out[x] += weight[j] * in[j * inner + x];
}

static void resample_lines(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const axis_job *job = context;
    const taps *t = job->t;
    int64_t end = rmseg_chunk_end(job->lines, job->lines_per_chunk, chunk);
    for (int64_t line = chunk * job->lines_per_chunk; line < end; line++) {
        int64_t i = line % job->n_out;
        const float *in = job->in + (line / job->n_out * job->n_in + t->first[i]) * job->inner;
        const float *weight = t->weight + i * t->most;
        if (job->inner == 1)
            job->out[line] = dot(in, weight, t->count[i]);
        else
            sum_lines(job->out + line * job->inner, in, weight, t->count[i], job->inner);
    }
}

/* Replaces *image by one with `n_out` voxels along an axis. */
static rmseg_status resample_axis(rmseg_image **image, int axis, int64_t n_out)
{
    rmseg_image *in = *image, *out = NULL;
    int64_t size[3] = {in->size[0], in->size[1], in->size[2]}, inner = 1;
    if (size[axis] == n_out) return RMSEG_OK;
    size[axis] = n_out;
    for (int a = axis + 1; a < 3; a++) inner *= size[a];

    taps t;
    RMSEG_TRY(taps_create(&t, in->size[axis], n_out));
    rmseg_status status = rmseg_image_create(&out, RMSEG_F32, in->channels, size);
    if (status == RMSEG_OK) {
        int64_t lines = in->channels * rmseg_image_voxels(out) / inner;
        axis_job job = {out->data, in->data, &t, lines, 1 + CHUNK_ELEMENTS / inner, in->size[axis], n_out, inner};
        rmseg_parallel_for(rmseg_chunk_count(lines, job.lines_per_chunk), resample_lines, &job);
        rmseg_image_destroy(in);
        *image = out;
    }
    taps_destroy(&t);
    return status;
}

static rmseg_status resample_linear(rmseg_image **out, const rmseg_image *image, const int64_t size[3])
{
    rmseg_image *made = NULL;
    RMSEG_TRY(rmseg_image_convert(&made, image, RMSEG_F32));
    rmseg_status status = RMSEG_OK;
    for (int axis = 2; axis >= 0 && status == RMSEG_OK; axis--) status = resample_axis(&made, axis, size[axis]);
    if (status == RMSEG_OK)
        *out = made;
    else
        rmseg_image_destroy(made);
    return status;
}

/* ---- some planes ------------------------------------------------------------------------------------------------ */

void rmseg_image_resample_needs(int64_t *first, int64_t *planes, int64_t whole, int64_t depth, int64_t from,
                                int64_t count)
{
    *first = from;
    *planes = count;
    if (whole == depth) return;
    double scale = (double)whole / (double)depth, radius = scale > 1 ? scale : 1;
    double low = scale * ((double)from + 0.5) - radius, high = scale * ((double)(from + count) - 0.5) + radius;
    *first = (int64_t)fmax(floor(low + 0.5), 0);
    *planes = (int64_t)fmin(floor(high + 0.5), (double)whole) - *first;
}

/* The axis D of `rows`, which are planes `first` .. of the whole. */
static rmseg_status resample_depth(rmseg_image **out, const rmseg_image *rows, int64_t whole, int64_t depth,
                                   int64_t from, int64_t count, int64_t first)
{
    taps t;
    RMSEG_TRY(taps_create(&t, whole, depth));
    for (int64_t i = from; i < from + count; i++) t.first[i] -= first;
    taps some = {t.most, t.first + from, t.count + from, t.weight + from * t.most};
    int64_t inner = rows->size[1] * rows->size[2], lines = rows->channels * count;
    rmseg_status status =
        rmseg_image_create(out, RMSEG_F32, rows->channels, (int64_t[]){count, rows->size[1], rows->size[2]});
    if (status == RMSEG_OK) {
        axis_job job = {(*out)->data,  rows->data, &some, lines, 1 + CHUNK_ELEMENTS / inner,
                        rows->size[0], count,      inner};
        rmseg_parallel_for(rmseg_chunk_count(lines, job.lines_per_chunk), resample_lines, &job);
    }
    taps_destroy(&t);
    return status;
}

rmseg_status rmseg_image_resample_planes(rmseg_image **out, const rmseg_image *part, int64_t whole,
                                         const int64_t size[3], int64_t from, int64_t count)
{
    rmseg_image *rows = NULL, *made = NULL;
    int64_t first, planes;
    rmseg_image_resample_needs(&first, &planes, whole, size[0], from, count);
    RMSEG_TRY(rmseg_image_convert(&rows, part, RMSEG_F32));
    rmseg_status status = resample_axis(&rows, 2, size[2]);
    if (!status) status = resample_axis(&rows, 1, size[1]);
    if (!status && whole != size[0]) {
        status = resample_depth(&made, rows, whole, size[0], from, count, first);
        if (!status) {
            rmseg_image_destroy(rows);
            rows = made;
        }
    }
    if (status)
        rmseg_image_destroy(rows);
    else
        *out = rows;
    return status;
}

/* ---- nearest ---------------------------------------------------------------------------------------------------- */

/* Input index of each output: floor((i + 1/2) in / out), in whole numbers. */
static int64_t *nearest_indices(int64_t in, int64_t out)
{
    int64_t *index = rmseg_alloc(out, sizeof *index);
    for (int64_t i = 0; index && i < out; i++) index[i] = (2 * i + 1) * in / (2 * out);
    return index;
}

static void gather(void *out, const void *in, const int64_t *index, int64_t count, size_t size)
{
#define GATHER(type)                                                                                                   \
    for (int64_t i = 0; i < count; i++) ((type *)out)[i] = ((const type *)in)[index[i]]
    switch (size) {
    case 1: GATHER(uint8_t); break;
    case 2: GATHER(uint16_t); break;
    case 4: GATHER(uint32_t); break;
    case 8: GATHER(uint64_t); break;
    }
#undef GATHER
}

static void gather_rows(rmseg_image *out, const rmseg_image *in, int64_t *const index[3])
{
    size_t bytes = rmseg_dtype_size(in->dtype);
    char *to = out->data;
    const char *from = in->data;
    int64_t row = 0;
    for (int64_t c = 0; c < in->channels; c++)
        for (int64_t d = 0; d < out->size[0]; d++)
            for (int64_t h = 0; h < out->size[1]; h++, row++) {
                int64_t source = (c * in->size[0] + index[0][d]) * in->size[1] + index[1][h];
                gather(to + (size_t)(row * out->size[2]) * bytes, from + (size_t)(source * in->size[2]) * bytes,
                       index[2], out->size[2], bytes);
            }
}

static rmseg_status resample_nearest(rmseg_image **out, const rmseg_image *image, const int64_t size[3])
{
    rmseg_image *made = NULL;
    RMSEG_TRY(rmseg_image_create(&made, image->dtype, image->channels, size));
    int64_t *index[3];
    bool enough = true;
    for (int axis = 0; axis < 3; axis++)
        enough &= (index[axis] = nearest_indices(image->size[axis], size[axis])) != NULL;
    if (enough) {
        gather_rows(made, image, index);
        *out = made;
    } else {
        rmseg_image_destroy(made);
    }
    for (int axis = 0; axis < 3; axis++) rmseg_free(index[axis]);
    return enough ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

/* The field of view stays: voxels grow as their number shrinks, and the first centre moves by half the difference. */
void rmseg_image_scale_geometry(rmseg_image *out, const rmseg_image *in, const int64_t size[3])
{
    memcpy(out->size, size, sizeof out->size);
    rmseg_image_copy_geometry(out, in);
    for (int axis = 0; axis < 3; axis++) {
        out->spacing[axis] = in->spacing[axis] * (double)in->size[axis] / (double)out->size[axis];
        for (int world = 0; world < 3; world++)
            out->origin[world] += in->direction[3 * world + axis] * (out->spacing[axis] - in->spacing[axis]) / 2;
    }
}

rmseg_status rmseg_image_resample(rmseg_image **out, const rmseg_image *image, const int64_t size[3],
                                  rmseg_interpolation interpolation)
{
    int64_t product = 0; /* that nearest_indices forms */
    for (int axis = 0; axis < 3; axis++)
        if (size[axis] < 1 || !rmseg_mul3(&product, 2, size[axis], image->size[axis]))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "cannot resample %lld voxels of axis %d to %lld",
                              (long long)image->size[axis], axis, (long long)size[axis]);
    rmseg_image *made = NULL;
    RMSEG_TRY(interpolation == RMSEG_LINEAR ? resample_linear(&made, image, size)
                                            : resample_nearest(&made, image, size));
    rmseg_image_scale_geometry(made, image, size);
    *out = made;
    return RMSEG_OK;
}
