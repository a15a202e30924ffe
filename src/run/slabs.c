/* slabs.c - windows over an image in a temporary file, and what becomes of its planes when no window is left for them. */
#include "run/slabs.h"

#include <stdio.h>
#include <string.h>

/* Of one image. Planes `closed` .. closed + depth - 1 are in the ring, plane d at d mod depth. */
typedef struct slabs {
    const rmseg_slabs_settings *settings;
    int64_t classes; /* K */
    rmseg_large raw;
    rmseg_large_prepared *prepared; /* as the present model sees it */
    const rmseg_image *native;      /* its header */
    rmseg_store *ring;              /* F32 (K + 1, depth, H, W): sums and, last, weights */
    int64_t depth, closed;
    rmseg_store *probabilities; /* F32 (K, native); NULL: planes are decided as they close */
    rmseg_store *sum;           /* F32 (K, out): over the models of an ensemble */
    rmseg_decisions decisions;
    rmseg_image out;       /* header of what is written */
    rmseg_axis_order back; /* from the native axes to its own */
} slabs;

static const rmseg_axis_order identity = {{0, 1, 2}, {false, false, false}};

static rmseg_status check_going(void)
{
    return rmseg_cancelled() ? rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted") : RMSEG_OK;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- the ring ----------------------------------------------------------------------------------------------------- */

/* A box of one channel between the ring and `box`, in two parts where it goes round. */
static rmseg_status move_ring(slabs *s, int64_t channel, const int64_t start[3], const int64_t size[3], float *box,
                              bool out)
{
    for (int64_t done = 0, count; done < size[0]; done += count) {
        int64_t at = (start[0] + done) % s->depth;
        count = least(size[0] - done, s->depth - at);
        int64_t from[3] = {at, start[1], start[2]}, extent[3] = {count, size[1], size[2]};
        float *part = box + done * size[1] * size[2];
        RMSEG_TRY(out ? rmseg_store_read(part, s->ring, channel, from, extent)
                      : rmseg_store_write(s->ring, channel, from, extent, part));
    }
    return RMSEG_OK;
}

/* ---- windows ------------------------------------------------------------------------------------------------------ */

/* What a window covers of the image, and the buffers for it: image (C), sums (K), weights. */
typedef struct cover {
    int64_t start[3], size[3], within[3]; /* in the image; of the window in the part */
    float *image, *sum, *weight;
} cover;

static void find_cover(cover *c, const rmseg_window *window, const int64_t whole[3], const int64_t index[3])
{
    for (int k = 0; k < 3; k++) {
        int64_t start = rmseg_window_start(window, k, whole[k], index[k]);
        c->start[k] = start > 0 ? start : 0;
        c->size[k] = least(start + window->size[k], whole[k]) - c->start[k];
        c->within[k] = start - c->start[k];
    }
}

static rmseg_status run_window(slabs *s, cover *c, int64_t model)
{
    int64_t voxels = c->size[0] * c->size[1] * c->size[2];
    RMSEG_TRY(rmseg_large_prepared_box(c->image, s->prepared, c->start, c->size));
    for (int64_t k = 0; k < s->classes; k++) RMSEG_TRY(move_ring(s, k, c->start, c->size, c->sum + k * voxels, true));
    RMSEG_TRY(move_ring(s, s->classes, c->start, c->size, c->weight, true));
    RMSEG_TRY(rmseg_predictor_add(c->sum, c->weight, s->settings->predictors[model], c->image, c->size, c->within));
    for (int64_t k = 0; k < s->classes; k++) RMSEG_TRY(move_ring(s, k, c->start, c->size, c->sum + k * voxels, false));
    return move_ring(s, s->classes, c->start, c->size, c->weight, false);
}

/* ---- planes that are closed --------------------------------------------------------------------------------------- */

/* As rmseg_label_make: the first of the most probable classes, or each region above one half. p (K, voxels). */
static void decide(uint16_t *decided, const float *p, int64_t classes, int64_t voxels, bool softmax)
{
    for (int64_t i = 0; i < voxels && softmax; i++) {
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            if (p[c * voxels + i] > p[best * voxels + i]) best = c;
        decided[i] = (uint16_t)best;
    }
    for (int64_t i = 0; i < classes * voxels && !softmax; i++) decided[i] = p[i] > 0.5f;
}

static rmseg_status keep_decisions(slabs *s, const float *p, const int64_t start[3], const int64_t size[3])
{
    int64_t voxels = size[0] * size[1] * size[2];
    uint16_t *decided = rmseg_alloc(s->decisions.channels * voxels, sizeof *decided);
    if (!decided) return RMSEG_ERROR_MEMORY;
    decide(decided, p, s->classes, voxels, s->settings->models[0].head == RMSEG_HEAD_SOFTMAX);
    rmseg_status status = RMSEG_OK;
    for (int64_t c = 0; c < s->decisions.channels && !status; c++)
        status = rmseg_store_write(s->decisions.store, c, start, size, decided + c * voxels);
    rmseg_free(decided);
    return status;
}

/* Planes first .. of the ring; `sums` has room for K + 1 channels of them. The ring is 0 there again. */
static rmseg_status close_some(slabs *s, float *sums, int64_t first, int64_t count)
{
    int64_t start[3] = {first, 0, 0}, size[3] = {count, s->native->size[1], s->native->size[2]};
    int64_t voxels = count * size[1] * size[2];
    float *weight = sums + s->classes * voxels;
    for (int64_t c = 0; c <= s->classes; c++) RMSEG_TRY(move_ring(s, c, start, size, sums + c * voxels, true));
    for (int64_t c = 0; c < s->classes; c++)
        for (int64_t i = 0; i < voxels; i++) sums[c * voxels + i] /= weight[i];
    if (!s->probabilities) RMSEG_TRY(keep_decisions(s, sums, start, size));
    for (int64_t c = 0; c < s->classes && s->probabilities; c++)
        RMSEG_TRY(rmseg_store_write(s->probabilities, c, start, size, sums + c * voxels));
    memset(weight, 0, (size_t)voxels * sizeof *weight);
    for (int64_t c = 0; c <= s->classes; c++) RMSEG_TRY(move_ring(s, c, start, size, weight, false));
    return RMSEG_OK;
}

static rmseg_status close_planes(slabs *s, int64_t end)
{
    int64_t planes = rmseg_large_planes(s->native->size, s->classes + 1);
    float *sums = rmseg_alloc((s->classes + 1) * planes * s->native->size[1] * s->native->size[2], sizeof *sums);
    rmseg_status status = sums ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t count; s->closed < end && !status; s->closed += count) {
        count = least(planes, end - s->closed);
        status = close_some(s, sums, s->closed, count);
    }
    rmseg_free(sums);
    return status;
}

/* ---- one model ---------------------------------------------------------------------------------------------------- */

static rmseg_status run_layers(slabs *s, cover *c, int64_t model)
{
    const rmseg_window *window = &s->settings->windows[model];
    const int64_t *whole = s->native->size;
    int64_t along[3], i[3];
    for (int k = 0; k < 3; k++) along[k] = rmseg_window_along(window, k, whole[k]);
    for (i[0] = 0; i[0] < along[0]; i[0]++) {
        for (i[1] = 0; i[1] < along[1]; i[1]++)
            for (i[2] = 0; i[2] < along[2]; i[2]++) {
                find_cover(c, window, whole, i);
                RMSEG_TRY(run_window(s, c, model));
            }
        bool last = i[0] + 1 == along[0];
        RMSEG_TRY(close_planes(s, last ? whole[0] : rmseg_window_start(window, 0, whole[0], i[0] + 1)));
    }
    return RMSEG_OK;
}

static rmseg_status prepare(slabs *s, int64_t model)
{
    const rmseg_preparation *own = &s->settings->models[model].preparation;
    if (s->prepared && !memcmp(own, &s->settings->models[model - 1].preparation, sizeof *own)) return RMSEG_OK;
    rmseg_large_prepared_destroy(s->prepared);
    s->prepared = NULL;
    RMSEG_TRY(rmseg_large_prepare(&s->prepared, &s->raw, own, s->settings->folder));
    s->native = rmseg_large_prepared_header(s->prepared);
    s->back = identity;
    if (!s->settings->native && rmseg_prepared_turns(&s->raw.header, own)) {
        rmseg_axis_order there = rmseg_image_axis_order(&s->raw.header);
        s->back = rmseg_axis_order_inverse(&there);
    }
    return RMSEG_OK;
}

static rmseg_status run_model(slabs *s, int64_t model)
{
    const rmseg_window *window = &s->settings->windows[model];
    const int64_t *whole = s->native->size;
    int64_t most = 1;
    for (int k = 0; k < 3; k++) most *= least(window->size[k], whole[k]);
    s->depth = least(window->size[0], whole[0]);
    s->closed = 0;
    rmseg_store_destroy(s->ring);
    s->ring = NULL;
    RMSEG_TRY(rmseg_store_create(&s->ring, s->settings->folder, sizeof(float), s->classes + 1,
                                 (int64_t[]){s->depth, whole[1], whole[2]}));
    cover c = {.image = rmseg_alloc(s->native->channels * most, sizeof(float)),
               .sum = rmseg_alloc(s->classes * most, sizeof(float)),
               .weight = rmseg_alloc(most, sizeof(float))};
    rmseg_status status = c.image && c.sum && c.weight ? run_layers(s, &c, model) : RMSEG_ERROR_MEMORY;
    rmseg_free(c.image);
    rmseg_free(c.sum);
    rmseg_free(c.weight);
    return status;
}

/* ---- probabilities on the grid of the output ------------------------------------------------------------------------ */

/* Of the present model: its axes turned back, then resampled. */
static rmseg_status output_planes(float *to, slabs *s, int64_t channel, int64_t from, int64_t count)
{
    int64_t turned[3], first, planes;
    const int64_t *size = s->out.size;
    rmseg_image *part = NULL, *made = NULL;
    rmseg_axis_order_size(turned, &s->back, s->native->size);
    if (!memcmp(turned, size, sizeof turned))
        return rmseg_large_turned_box(to, s->probabilities, RMSEG_F32, channel, s->native->size, &s->back,
                                      (int64_t[]){from, 0, 0}, (int64_t[]){count, size[1], size[2]});
    rmseg_image_resample_needs(&first, &planes, turned[0], size[0], from, count);
    int64_t extent[3] = {planes, turned[1], turned[2]};
    RMSEG_TRY(rmseg_image_create(&part, RMSEG_F32, 1, extent));
    rmseg_status status = rmseg_large_turned_box(part->data, s->probabilities, RMSEG_F32, channel, s->native->size,
                                                 &s->back, (int64_t[]){first, 0, 0}, extent);
    if (!status) status = rmseg_image_resample_planes(&made, part, turned[0], size, from, count);
    rmseg_image_destroy(part);
    if (!status) memcpy(to, made->data, (size_t)rmseg_image_voxels(made) * sizeof *to);
    rmseg_image_destroy(made);
    return status;
}

/* The mean over the models, once all have run. */
static rmseg_status mean_planes(float *to, slabs *s, int64_t channel, int64_t from, int64_t count)
{
    int64_t start[3] = {from, 0, 0}, size[3] = {count, s->out.size[1], s->out.size[2]};
    if (!s->sum) return output_planes(to, s, channel, from, count);
    RMSEG_TRY(rmseg_store_read(to, s->sum, channel, start, size));
    for (int64_t i = 0; i < size[0] * size[1] * size[2]; i++) to[i] /= (float)s->settings->model_count;
    return RMSEG_OK;
}

static int64_t output_pieces(const slabs *s, int64_t channels)
{
    int64_t turned[3];
    rmseg_axis_order_size(turned, &s->back, s->native->size);
    bool larger = turned[1] * turned[2] > s->out.size[1] * s->out.size[2];
    return least(rmseg_large_planes(larger ? turned : s->out.size, channels), s->out.size[0]);
}

/* Adds the present model's probabilities to the sum, of which it may be the first. */
static rmseg_status add_model(slabs *s, int64_t model, float *more, float *sum, int64_t planes)
{
    for (int64_t c = 0; c < s->classes; c++)
        for (int64_t from = 0, count; from < s->out.size[0]; from += count) {
            count = least(planes, s->out.size[0] - from);
            int64_t start[3] = {from, 0, 0}, size[3] = {count, s->out.size[1], s->out.size[2]};
            RMSEG_TRY(check_going());
            RMSEG_TRY(output_planes(more, s, c, from, count));
            if (model > 0) {
                RMSEG_TRY(rmseg_store_read(sum, s->sum, c, start, size));
                for (int64_t i = 0; i < size[0] * size[1] * size[2]; i++) sum[i] += more[i];
            }
            RMSEG_TRY(rmseg_store_write(s->sum, c, start, size, model > 0 ? sum : more));
        }
    return RMSEG_OK;
}

static rmseg_status add_to_sum(slabs *s, int64_t model)
{
    int64_t planes = output_pieces(s, 2), values = planes * s->out.size[1] * s->out.size[2];
    if (s->settings->native && memcmp(s->native->size, s->out.size, sizeof s->out.size))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the runs were trained on different grids: leave --grid native out");
    if (!s->sum) RMSEG_TRY(rmseg_store_create(&s->sum, s->settings->folder, sizeof(float), s->classes, s->out.size));
    float *more = rmseg_alloc(values, sizeof *more), *sum = rmseg_alloc(values, sizeof *sum);
    rmseg_status status = more && sum ? add_model(s, model, more, sum, planes) : RMSEG_ERROR_MEMORY;
    rmseg_free(more);
    rmseg_free(sum);
    return status;
}

static rmseg_status decide_all(slabs *s)
{
    int64_t planes = output_pieces(s, s->classes + 1), plane = s->out.size[1] * s->out.size[2];
    float *p = rmseg_alloc(s->classes * planes * plane, sizeof *p);
    rmseg_status status = p ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t from = 0, count; from < s->out.size[0] && !status; from += count) {
        count = least(planes, s->out.size[0] - from);
        status = check_going();
        for (int64_t c = 0; c < s->classes && !status; c++)
            status = mean_planes(p + c * count * plane, s, c, from, count);
        int64_t start[3] = {from, 0, 0}, size[3] = {count, s->out.size[1], s->out.size[2]};
        if (!status) status = keep_decisions(s, p, start, size);
    }
    rmseg_free(p);
    return status;
}

/* As predict.c writes them: float32 (K,H,W), or (K,D,H,W) where D > 1. */
static rmseg_status put_probabilities(rmseg_file_writer *writer, slabs *s)
{
    int64_t planes = output_pieces(s, 2), plane = s->out.size[1] * s->out.size[2];
    float *p = rmseg_alloc(planes * plane, sizeof *p);
    rmseg_status status = p ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t c = 0; c < s->classes; c++)
        for (int64_t from = 0, count; from < s->out.size[0] && !status; from += count) {
            count = least(planes, s->out.size[0] - from);
            status = check_going();
            if (!status) status = mean_planes(p, s, c, from, count);
            if (!status) status = rmseg_file_put(writer, p, (size_t)(count * plane) * sizeof *p);
        }
    rmseg_free(p);
    return status;
}

static rmseg_status write_probabilities(slabs *s, const char *path)
{
    rmseg_array array = {.type = RMSEG_ARRAY_F32, .rank = 3};
    rmseg_file_writer *writer = NULL;
    array.size[0] = s->classes;
    if (s->out.size[0] > 1) array.size[array.rank++ - 2] = s->out.size[0];
    array.size[array.rank - 2] = s->out.size[1];
    array.size[array.rank - 1] = s->out.size[2];
    RMSEG_TRY(rmseg_npy_begin(&writer, &array, path));
    rmseg_status status = put_probabilities(writer, s);
    if (!status) return rmseg_file_commit(writer);
    rmseg_file_abandon(writer);
    return status;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static rmseg_status make_stores(slabs *s, bool probabilities)
{
    const rmseg_slabs_settings *o = s->settings;
    int64_t turned[3];
    rmseg_axis_order_size(turned, &s->back, s->native->size);
    s->out = o->native ? *s->native : s->raw.header;
    snprintf(s->out.note, sizeof s->out.note, "%s", o->note);
    bool at_once = o->model_count == 1 && !probabilities && !memcmp(turned, s->out.size, sizeof turned);
    s->decisions.channels = o->models[0].head == RMSEG_HEAD_SOFTMAX ? 1 : s->classes;
    s->decisions.order = at_once ? s->back : identity;
    memcpy(s->decisions.size, at_once ? s->native->size : s->out.size, sizeof s->decisions.size);
    return rmseg_store_create(&s->decisions.store, o->folder, sizeof(uint16_t), s->decisions.channels,
                              s->decisions.size);
}

static rmseg_status run_models(slabs *s, const char *npy_path)
{
    const rmseg_slabs_settings *o = s->settings;
    for (int64_t m = 0; m < o->model_count; m++) {
        RMSEG_TRY(prepare(s, m));
        RMSEG_TRY(rmseg_predictor_ready(o->predictors[m], s->native));
        if (m == 0) RMSEG_TRY(make_stores(s, npy_path != NULL));
        rmseg_store_destroy(s->probabilities);
        s->probabilities = NULL;
        int64_t turned[3];
        rmseg_axis_order_size(turned, &s->back, s->native->size);
        if (o->model_count > 1 || npy_path || memcmp(turned, s->out.size, sizeof turned))
            RMSEG_TRY(rmseg_store_create(&s->probabilities, o->folder, sizeof(float), s->classes, s->native->size));
        RMSEG_TRY(run_model(s, m));
        if (o->model_count > 1) RMSEG_TRY(add_to_sum(s, m));
    }
    return RMSEG_OK;
}

static rmseg_status predict(slabs *s, const rmseg_names *files, const char *label_path, const char *npy_path)
{
    const rmseg_slabs_settings *o = s->settings;
    s->classes = rmseg_model_channels(&o->models[0]);
    RMSEG_TRY(rmseg_large_read(&s->raw, files, o->folder));
    RMSEG_TRY(run_models(s, npy_path));
    if (s->probabilities) RMSEG_TRY(decide_all(s));
    if (npy_path) RMSEG_TRY(write_probabilities(s, npy_path));
    return rmseg_decisions_write(&s->decisions, &s->out, &o->models[0], &o->cleaning, label_path);
}

rmseg_status rmseg_slabs_predict(const rmseg_slabs_settings *settings, const rmseg_names *files, const char *label_path,
                                 const char *npy_path)
{
    slabs s = {.settings = settings};
    rmseg_status status = predict(&s, files, label_path, npy_path);
    rmseg_large_prepared_destroy(s.prepared);
    rmseg_large_destroy(&s.raw);
    rmseg_store_destroy(s.ring);
    rmseg_store_destroy(s.probabilities);
    rmseg_store_destroy(s.sum);
    rmseg_store_destroy(s.decisions.store);
    return status;
}

/* The image as read, turned, prepared and, with clipping, copied; sums and weights; of an ensemble the mean. */
int64_t rmseg_slabs_memory(const rmseg_slabs_settings *o, const rmseg_image *header)
{
    double raw = (double)rmseg_image_voxels(header), bytes = 0;
    for (int64_t m = 0; m < o->model_count; m++) {
        int64_t size[3];
        rmseg_prepared_size(size, header, &o->models[m].preparation);
        double native = (double)size[0] * (double)size[1] * (double)size[2];
        double classes = (double)rmseg_model_channels(&o->models[m]), channels = (double)header->channels;
        double reading = raw * (channels * 4 + 2 * (double)rmseg_dtype_size(header->dtype) * channels);
        double predicting = raw * channels * 4 + native * (channels * 4 + (classes + 1) * 4);
        if (native != raw) predicting += raw * classes * 4;
        if (o->model_count > 1) predicting += raw * classes * 4;
        double need = reading > predicting ? reading : predicting;
        bytes = need > bytes ? need : bytes;
    }
    return bytes < 0x1p62 ? (int64_t)bytes : INT64_MAX;
}
