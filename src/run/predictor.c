/* predictor.c - windows over an image, the network over each, and the probabilities blended as they come. */
#include "run/predictor.h"

#include <math.h>
#include <string.h>

#define MIRRORS 8 /* subsets of the axes */

struct rmseg_predictor {
    const rmseg_model *model;
    rmseg_window window;
    int64_t channels, classes; /* of the network's input and output */
    int64_t size[3];           /* D,H,W that the executor is made for; all 0 before the first image */
    rmseg_executor *executor;
    float *input;     /* (C,D,H,W) of a window */
    float *output;    /* (K,D,H,W): logits, then probabilities */
    float *weight[3]; /* of a window's index along each axis */
};

/* One image under way. */
typedef struct blend {
    rmseg_predictor *p;
    const float *image;  /* (C,D,H,W) of size */
    float *sum, *weight; /* (K,D,H,W) and (D,H,W) */
    int64_t size[3];     /* of the image */
    int64_t start[3];    /* of the window in the image; negative within the padding before it */
    bool flip[3];
} blend;

static int64_t volume(const int64_t size[3]) { return size[0] * size[1] * size[2]; }

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

rmseg_window rmseg_window_default(const rmseg_model *model)
{
    rmseg_window window = {0};
    for (int k = 0; k < 3; k++) {
        window.size[k] = model->patch[k];
        window.stride[k] = (model->patch[k] + 1) / 2;
    }
    return window;
}

typedef struct axis {
    int64_t before, count, stride, last; /* padding before the image; windows; start of the last one, padded */
} axis;

static axis axis_of(int64_t n, int64_t window, int64_t stride)
{
    int64_t padded = n > window ? n : window;
    axis a = {.before = (padded - n) / 2, .stride = stride, .last = padded - window};
    a.count = 1 + (a.last + stride - 1) / stride;
    return a;
}

static int64_t start_of(const axis *a, int64_t i)
{
    int64_t start = i * a->stride;
    return (start < a->last ? start : a->last) - a->before;
}

static bool has_mirror(const rmseg_window *window, int mirror, const int64_t size[3])
{
    bool wanted = mirror == 0 || window->flips;
    for (int k = 0; k < 3; k++) wanted = wanted && !((mirror >> k & 1) && size[k] == 1);
    return wanted;
}

int64_t rmseg_window_count(const rmseg_window *window, const int64_t size[3])
{
    int64_t count = 1, mirrors = 0;
    const int64_t *extent = window->size[0] ? window->size : size;
    for (int k = 0; k < 3 && window->size[0]; k++) count *= axis_of(size[k], window->size[k], window->stride[k]).count;
    for (int mirror = 0; mirror < MIRRORS; mirror++) mirrors += has_mirror(window, mirror, extent);
    return count * mirrors;
}

static int64_t round_up(int64_t n, int64_t divisor) { return (n + divisor - 1) / divisor * divisor; }

rmseg_status rmseg_check_divisible(const int64_t size[3], const rmseg_net *net, const char *what)
{
    int64_t divisor[3], below[3], above[3];
    bool fits = true;
    rmseg_net_divisor(divisor, net);
    for (int k = 0; k < 3; k++) {
        above[k] = round_up(size[k], divisor[k]);
        below[k] = size[k] < divisor[k] ? divisor[k] : size[k] / divisor[k] * divisor[k];
        fits = fits && size[k] == above[k];
    }
    if (fits) return RMSEG_OK;
    int spatial = rmseg_net_get_spec(net)->spatial;
    rmseg_text text[4] = {{0}};
    const int64_t *sizes[4] = {size, divisor, below, above};
    for (int i = 0; i < 4; i++) rmseg_size_text(&text[i], sizes[i], spatial);
    bool one = !memcmp(below, above, sizeof below);
    rmseg_status status = rmseg_fail(
        RMSEG_ERROR_ARGUMENT, "%s %s: this network needs multiples of %s; the nearest %s%s%s%s", what, text[0].data,
        text[1].data, one ? "is " : "are ", one ? "" : text[2].data, one ? "" : " and ", text[3].data);
    for (int i = 0; i < 4; i++) rmseg_text_destroy(&text[i]);
    return status;
}

/* ---- plans ------------------------------------------------------------------------------------------------------- */

static void release(rmseg_predictor *p)
{
    rmseg_executor_destroy(p->executor);
    rmseg_free(p->input);
    rmseg_free(p->output);
    for (int k = 0; k < 3; k++) rmseg_free(p->weight[k]);
    p->executor = NULL;
    p->input = p->output = p->weight[0] = p->weight[1] = p->weight[2] = NULL;
    memset(p->size, 0, sizeof p->size);
}

static float *axis_weights(int64_t n, bool gaussian)
{
    float *weight = rmseg_alloc(n, sizeof *weight);
    for (int64_t i = 0; i < n && weight; i++) {
        double z = ((double)i - (double)(n - 1) / 2) / ((double)n / 8);
        weight[i] = gaussian ? (float)exp(-z * z / 2) : 1.0f;
    }
    return weight;
}

/* A whole image may be more than there is memory for; a window was chosen. */
static rmseg_status check_memory(const rmseg_predictor *p, const int64_t size[3])
{
    int spatial = rmseg_net_get_spec(p->model->net)->spatial;
    size_t plan = 0;
    char extent[64];
    if (p->window.size[0]) return RMSEG_OK;
    RMSEG_TRY(rmseg_executor_measure(&plan, p->model->net, p->model->backend, 1, size, false));
    double floats = (double)(p->channels + 2 * p->classes + 1) * (double)volume(size);
    double needed = (double)plan + floats * sizeof(float), available = (double)rmseg_memory_available();
    if (needed <= available) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_MEMORY,
                      "the whole image at once, %s voxels, needs %.1f GB of memory, and %.1f GB are available: predict "
                      "by windows (--window, e.g. %s)",
                      rmseg_extent_text(extent, size, spatial), needed / 1e9, available / 1e9,
                      spatial == 2 ? "512,512" : "112,112,80");
}

static rmseg_status fit(rmseg_predictor *p, const int64_t size[3])
{
    if (!memcmp(size, p->size, sizeof p->size)) return RMSEG_OK;
    release(p);
    RMSEG_TRY(check_memory(p, size));
    RMSEG_TRY(rmseg_executor_create(&p->executor, p->model->net, p->model->backend, 1, size, false));
    p->input = rmseg_alloc(p->channels * volume(size), sizeof *p->input);
    p->output = rmseg_alloc(p->classes * volume(size), sizeof *p->output);
    bool made = p->input && p->output;
    for (int k = 0; k < 3; k++) {
        p->weight[k] = axis_weights(size[k], p->window.gaussian);
        made = made && p->weight[k];
    }
    if (!made) return RMSEG_ERROR_MEMORY;
    memcpy(p->size, size, sizeof p->size);
    return RMSEG_OK;
}

rmseg_status rmseg_predictor_create(rmseg_predictor **predictor, const rmseg_model *model, const rmseg_window *window)
{
    if (window->size[0]) RMSEG_TRY(rmseg_check_divisible(window->size, model->net, "--window"));
    rmseg_predictor *p = rmseg_alloc(1, sizeof *p);
    if (!p) return RMSEG_ERROR_MEMORY;
    p->model = model;
    p->window = *window;
    p->channels = rmseg_net_get_spec(model->net)->in_channels;
    p->classes = rmseg_net_get_spec(model->net)->out_channels;
    *predictor = p;
    return RMSEG_OK;
}

void rmseg_predictor_destroy(rmseg_predictor *predictor)
{
    if (!predictor) return;
    release(predictor);
    rmseg_free(predictor);
}

/* ---- one window -------------------------------------------------------------------------------------------------- */

/* Chunks are rows (d,h) of a window. */
static int64_t row_chunks(const int64_t size[3]) { return size[0] * size[1]; }

/* Index in the image of index i of the window along axis k; outside 0..size-1 in the padding. */
static int64_t image_index(const blend *b, int k, int64_t i)
{
    return b->start[k] + (b->flip[k] ? b->p->size[k] - 1 - i : i);
}

static bool inside(const blend *b, int k, int64_t index) { return index >= 0 && index < b->size[k]; }

static void cut_row(void *context, int64_t row, int thread)
{
    (void)thread;
    const blend *b = context;
    const int64_t *w = b->p->size, voxels = volume(b->size);
    int64_t d = image_index(b, 0, row / w[1]), h = image_index(b, 1, row % w[1]);
    bool padding = !inside(b, 0, d) || !inside(b, 1, h);
    for (int64_t c = 0; c < b->p->channels; c++) {
        float *to = b->p->input + (c * w[0] * w[1] + row) * w[2];
        const float *from = b->image + c * voxels + (padding ? 0 : (d * b->size[1] + h) * b->size[2]);
        for (int64_t i = 0; i < w[2]; i++) {
            int64_t x = image_index(b, 2, i);
            to[i] = padding || !inside(b, 2, x) ? 0.0f : from[x];
        }
    }
}

/* Softmax over the channels, each `stride` elements after the last; in place. */
static void softmax(float *x, int64_t channels, int64_t stride)
{
    float top = x[0], sum = 0;
    for (int64_t c = 1; c < channels; c++) top = fmaxf(top, x[c * stride]);
    for (int64_t c = 0; c < channels; c++) sum += x[c * stride] = expf(x[c * stride] - top);
    for (int64_t c = 0; c < channels; c++) x[c * stride] /= sum;
}

static void add_row(void *context, int64_t row, int thread)
{
    (void)thread;
    const blend *b = context;
    const rmseg_predictor *p = b->p;
    const int64_t *w = p->size, voxels = volume(b->size), window = volume(w);
    int64_t di = row / w[1], hi = row % w[1], d = image_index(b, 0, di), h = image_index(b, 1, hi);
    if (!inside(b, 0, d) || !inside(b, 1, h)) return;
    float row_weight = p->weight[0][di] * p->weight[1][hi];
    for (int64_t i = 0; i < w[2]; i++) {
        int64_t x = image_index(b, 2, i), at = (d * b->size[1] + h) * b->size[2] + x;
        if (!inside(b, 2, x)) continue;
        float *output = p->output + row * w[2] + i, weight = row_weight * p->weight[2][i];
        if (p->model->head == RMSEG_HEAD_SOFTMAX) softmax(output, p->classes, window);
        for (int64_t c = 0; c < p->classes; c++) {
            float value = output[c * window];
            if (p->model->head == RMSEG_HEAD_TANH) value = -(float)RMSEG_TANH_STEEPNESS * tanhf(value);
            if (p->model->head != RMSEG_HEAD_SOFTMAX) value = 1.0f / (1.0f + expf(-value));
            b->sum[c * voxels + at] += weight * value;
        }
        b->weight[at] += weight;
    }
}

static rmseg_status run_window(blend *b)
{
    rmseg_predictor *p = b->p;
    if (rmseg_cancelled() && !p->window.to_finish) return rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted");
    rmseg_parallel_for(row_chunks(p->size), cut_row, b);
    RMSEG_TRY(rmseg_executor_forward(p->output, p->executor, p->model->weights, p->input, 0, 0));
    rmseg_parallel_for(row_chunks(p->size), add_row, b);
    return RMSEG_OK;
}

/* The window as it is and, with flips, its mirror images along every axis longer than 1. */
static rmseg_status run_flips(blend *b)
{
    const rmseg_window *window = &b->p->window;
    for (int mirror = 0; mirror < MIRRORS; mirror++) {
        if (!has_mirror(window, mirror, b->p->size)) continue;
        for (int k = 0; k < 3; k++) b->flip[k] = mirror >> k & 1;
        RMSEG_TRY(run_window(b));
        if (window->progress) window->progress(window->user);
    }
    return RMSEG_OK;
}

/* ---- all windows ------------------------------------------------------------------------------------------------- */

static rmseg_status run_windows(blend *b)
{
    const rmseg_window *window = &b->p->window;
    axis along[3];
    for (int k = 0; k < 3; k++)
        along[k] = axis_of(b->size[k], b->p->size[k], window->size[0] ? window->stride[k] : b->p->size[k]);
    for (int64_t d = 0; d < along[0].count; d++)
        for (int64_t h = 0; h < along[1].count; h++)
            for (int64_t w = 0; w < along[2].count; w++) {
                b->start[0] = start_of(&along[0], d);
                b->start[1] = start_of(&along[1], h);
                b->start[2] = start_of(&along[2], w);
                RMSEG_TRY(run_flips(b));
            }
    return RMSEG_OK;
}

static void divide_row(void *context, int64_t row, int thread)
{
    (void)thread;
    const blend *b = context;
    int64_t voxels = volume(b->size), first = row * b->size[2];
    for (int64_t c = 0; c < b->p->classes; c++)
        for (int64_t i = first; i < first + b->size[2]; i++) b->sum[c * voxels + i] /= b->weight[i];
}

static rmseg_status check_image(const rmseg_predictor *p, const rmseg_image *image)
{
    if (image->dtype != RMSEG_F32)
        return rmseg_fail(RMSEG_ERROR_INTERNAL, "the predictor was given an image that is not prepared");
    if (image->channels != p->channels)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the image has %lld channel%s, but the network was trained on %lld",
                          (long long)image->channels, image->channels > 1 ? "s" : "", (long long)p->channels);
    if (image->size[0] > 1 && rmseg_net_get_spec(p->model->net)->spatial == 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the image has %lld slices, but the network is 2D",
                          (long long)image->size[0]);
    if (image->size[0] == 1 && rmseg_net_get_spec(p->model->net)->spatial == 3)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the image is a single slice, but the network was trained on volumes");
    return RMSEG_OK;
}

rmseg_status rmseg_predictor_run(rmseg_image **probabilities, rmseg_predictor *predictor, const rmseg_image *image)
{
    rmseg_predictor *p = predictor;
    int64_t size[3], divisor[3];
    RMSEG_TRY(check_image(p, image));
    rmseg_net_divisor(divisor, p->model->net);
    for (int k = 0; k < 3; k++) size[k] = p->window.size[0] ? p->window.size[k] : round_up(image->size[k], divisor[k]);
    RMSEG_TRY(fit(p, size));

    rmseg_image *out = NULL;
    RMSEG_TRY(rmseg_image_create(&out, RMSEG_F32, p->classes, image->size));
    rmseg_image_copy_geometry(out, image);
    blend b = {.p = p, .image = image->data, .sum = out->data};
    memcpy(b.size, image->size, sizeof b.size);
    b.weight = rmseg_alloc(volume(b.size), sizeof *b.weight);
    rmseg_status status = b.weight ? run_windows(&b) : RMSEG_ERROR_MEMORY;
    if (!status) rmseg_parallel_for(row_chunks(b.size), divide_row, &b);
    rmseg_free(b.weight);
    if (status)
        rmseg_image_destroy(out);
    else
        *probabilities = out;
    return status;
}

/* ---- a window at a time ------------------------------------------------------------------------------------------ */

int64_t rmseg_window_along(const rmseg_window *window, int k, int64_t extent)
{
    return axis_of(extent, window->size[k], window->stride[k]).count;
}

int64_t rmseg_window_start(const rmseg_window *window, int k, int64_t extent, int64_t i)
{
    axis a = axis_of(extent, window->size[k], window->stride[k]);
    return start_of(&a, i);
}

rmseg_status rmseg_predictor_ready(rmseg_predictor *p, const rmseg_image *header)
{
    if (!p->window.size[0])
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "an image that is larger than memory is predicted by windows: give --window");
    RMSEG_TRY(check_image(p, header));
    return fit(p, p->window.size);
}

rmseg_status rmseg_predictor_add(float *sum, float *weight, rmseg_predictor *p, const float *image,
                                 const int64_t size[3], const int64_t start[3])
{
    blend b = {.p = p, .image = image, .sum = sum, .weight = weight};
    memcpy(b.size, size, sizeof b.size);
    memcpy(b.start, start, sizeof b.start);
    return run_flips(&b);
}
