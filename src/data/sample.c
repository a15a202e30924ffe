/* sample.c - from a prepared case to a sample: turn, flip and crop are one affine map of indices, so that only the
 * patch is read; rotation, scale and displacement come on top of it where they are drawn; then the values. */
#include "data/sample.h"

#include "data/filter.h"
#include "data/warp.h"

#include <math.h>
#include <string.h>

/* Patch index (i,j,k) lies at start + i*stride[0] + j*stride[1] + k*stride[2] of the image; the image covers the patch
 * indices low .. high-1 of each axis. */
typedef struct view {
    int64_t start, stride[3], low[3], high[3];
} view;

/* Where patch index i lies in the image (D,H,W), going back through crop, flip and turn. */
static int64_t source_index(const int64_t i[3], const int64_t extent[3], const rmseg_sample_record *record)
{
    int64_t turned[3], y[3], x[3];
    int plane[2];
    rmseg_turn_plane(plane, record->pivot);
    rmseg_turned_extent(turned, extent, record->turns, record->pivot);
    for (int k = 0; k < 3; k++) {
        y[k] = record->crop[k] + i[k];
        if (record->flip[k]) y[k] = turned[k] - 1 - y[k];
        x[k] = y[k];
    }
    int a = plane[0], b = plane[1];
    switch (record->turns) {
    case 1: x[a] = y[b], x[b] = extent[b] - 1 - y[a]; break;
    case 2: x[a] = extent[a] - 1 - y[a], x[b] = extent[b] - 1 - y[b]; break;
    case 3: x[a] = extent[a] - 1 - y[b], x[b] = y[a]; break;
    default: break;
    }
    return (x[0] * extent[1] + x[1]) * extent[2] + x[2];
}

static int64_t clamp(int64_t value, int64_t most) { return value < 0 ? 0 : value > most ? most : value; }

static view make_view(const int64_t extent[3], const int64_t patch[3], const rmseg_sample_record *record)
{
    view made;
    int64_t turned[3];
    rmseg_turned_extent(turned, extent, record->turns, record->pivot);
    made.start = source_index((const int64_t[]){0, 0, 0}, extent, record);
    for (int k = 0; k < 3; k++) {
        int64_t one[3] = {k == 0, k == 1, k == 2};
        made.stride[k] = source_index(one, extent, record) - made.start;
        made.low[k] = clamp(-record->crop[k], patch[k]);
        made.high[k] = clamp(turned[k] - record->crop[k], patch[k]);
    }
    return made;
}

/* Of row (i,j): where its first voxel inside the image lies in the patch, and in the image. */
static int64_t row_in_patch(const view *view, const int64_t patch[3], int64_t i, int64_t j)
{
    return (i * patch[1] + j) * patch[2] + view->low[2];
}

static int64_t row_in_image(const view *view, int64_t i, int64_t j)
{
    return view->start + i * view->stride[0] + j * view->stride[1] + view->low[2] * view->stride[2];
}

static bool is_covered(const view *view, const int64_t patch[3])
{
    bool covered = true;
    for (int k = 0; k < 3; k++) covered = covered && view->low[k] == 0 && view->high[k] == patch[k];
    return covered;
}

static void gather_labels(int32_t *out, const int32_t *labels, const view *view, const int64_t patch[3])
{
    int64_t step = view->stride[2], length = view->high[2] - view->low[2];
    for (int64_t i = view->low[0]; i < view->high[0]; i++)
        for (int64_t j = view->low[1]; j < view->high[1]; j++) {
            int32_t *to = out + row_in_patch(view, patch, i, j);
            const int32_t *from = labels + row_in_image(view, i, j);
            for (int64_t k = 0; k < length; k++) to[k] = from[k * step];
        }
}

/* gamma on the fraction of the channel's range, then contrast about its mean and brightness in its sd. */
static void change_row(float *row, int64_t length, const rmseg_channel_stats *stats, const rmseg_sample_record *record)
{
    float low = stats->low, range = stats->high - stats->low, gamma = (float)record->gamma;
    if (record->gamma != 1 && range > 0)
        for (int64_t k = 0; k < length; k++) row[k] = low + range * powf(fmaxf(row[k] - low, 0) / range, gamma);
    if (record->gain == 1 && record->offset == 0) return;
    float gain = (float)record->gain;
    float shift = (float)(stats->mean - record->gain * stats->mean + record->offset * stats->sd);
    for (int64_t k = 0; k < length; k++) row[k] = gain * row[k] + shift;
}

static void gather_channel(float *out, const float *values, const view *view, const int64_t patch[3],
                           const rmseg_channel_stats *stats, const rmseg_sample_record *record)
{
    int64_t step = view->stride[2], length = view->high[2] - view->low[2];
    for (int64_t i = view->low[0]; i < view->high[0]; i++)
        for (int64_t j = view->low[1]; j < view->high[1]; j++) {
            float *to = out + row_in_patch(view, patch, i, j);
            const float *from = values + row_in_image(view, i, j);
            for (int64_t k = 0; k < length; k++) to[k] = from[k * step];
            change_row(to, length, stats, record);
        }
}

/* ---- where a sample lies ------------------------------------------------------------------------------------------ */

static bool is_warped(const rmseg_sample_record *r)
{
    return r->angle[0] != 0 || r->angle[1] != 0 || r->angle[2] != 0 || r->scale != 1 || r->elastic[0] > 0;
}

static void turned_spacing(double spacing[3], const rmseg_image *image, const rmseg_sample_record *record)
{
    int plane[2], odd = record->turns % 2 != 0;
    rmseg_turn_plane(plane, record->pivot);
    spacing[record->pivot] = image->spacing[record->pivot];
    for (int k = 0; k < 2; k++) spacing[plane[k]] = image->spacing[plane[odd ? 1 - k : k]];
}

static rmseg_frame make_frame(const rmseg_image *image, const rmseg_sample_record *record, const int64_t patch[3])
{
    rmseg_frame frame = {.whole = NULL};
    turned_spacing(frame.spacing, image, record);
    rmseg_turned_extent(frame.extent, image->size, record->turns, record->pivot);
    for (int k = 0; k < 3; k++) frame.offset[k] = record->crop[k];
    if (!is_warped(record)) return frame;
    memcpy(frame.extent, patch, sizeof frame.extent);
    memset(frame.offset, 0, sizeof frame.offset);
    return frame;
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

struct rmseg_sample_room {
    rmseg_warp_room *warp;
    uint8_t *inside; /* (patch): where a voxel of the image is, not padding */
    float *spare;    /* (patch) */
    float *line;     /* for blur */
};

rmseg_status rmseg_sample_room_create(rmseg_sample_room **room, const rmseg_augmentation *augmentation,
                                      const int64_t patch[3])
{
    const rmseg_augmentation *a = augmentation;
    int64_t voxels = patch[0] * patch[1] * patch[2], longest = patch[0];
    for (int k = 1; k < 3; k++) longest = patch[k] > longest ? patch[k] : longest;
    rmseg_sample_room *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    bool warps = rmseg_augmentation_warps(a), filters = a->blur_p > 0 || a->lowres_p > 0;
    rmseg_status status = warps ? rmseg_warp_room_create(&made->warp, patch, a->elastic_p > 0) : RMSEG_OK;
    if (warps || filters || a->noise_p > 0) made->inside = rmseg_alloc(voxels, 1);
    if (filters) made->spare = rmseg_alloc(voxels, sizeof *made->spare);
    if (a->blur_p > 0) made->line = rmseg_alloc(longest + 3 * rmseg_blur_reach(a->blur[1]) + 1, sizeof *made->line);
    bool enough = (made->inside || !(warps || filters || a->noise_p > 0)) && (made->spare || !filters) &&
                  (made->line || a->blur_p == 0);
    if (!status && !enough) status = RMSEG_ERROR_MEMORY;
    if (status)
        rmseg_sample_room_destroy(made);
    else
        *room = made;
    return status;
}

void rmseg_sample_room_destroy(rmseg_sample_room *room)
{
    if (!room) return;
    rmseg_warp_room_destroy(room->warp);
    rmseg_free(room->inside);
    rmseg_free(room->spare);
    rmseg_free(room->line);
    rmseg_free(room);
}

/* ---- making ------------------------------------------------------------------------------------------------------- */

void rmseg_sample_whole(int32_t *label, const rmseg_prepared *prepared, const rmseg_sample_record *record)
{
    rmseg_sample_record whole = *record;
    int64_t turned[3];
    memset(whole.crop, 0, sizeof whole.crop);
    rmseg_turned_extent(turned, prepared->image->size, record->turns, record->pivot);
    view view = make_view(prepared->image->size, turned, &whole);
    gather_labels(label, prepared->label->data, &view, turned);
}

/* Along the image's axes. */
static void read_straight(float *image, int32_t *label, const rmseg_prepared *prepared,
                          const rmseg_sample_record *record, const int64_t patch[3], uint8_t *inside)
{
    view view = make_view(prepared->image->size, patch, record);
    int64_t channels = prepared->image->channels, voxels = rmseg_image_voxels(prepared->image);
    int64_t size = patch[0] * patch[1] * patch[2];
    const float *values = prepared->image->data;
    if (!is_covered(&view, patch)) {
        memset(image, 0, (size_t)(channels * size) * sizeof *image);
        memset(label, 0, (size_t)size * sizeof *label);
    }
    for (int64_t c = 0; c < channels; c++)
        gather_channel(image + c * size, values + c * voxels, &view, patch, &prepared->channels[c], record);
    gather_labels(label, prepared->label->data, &view, patch);
    if (!inside) return;
    memset(inside, 0, (size_t)size);
    for (int64_t i = view.low[0]; i < view.high[0]; i++)
        for (int64_t j = view.low[1]; j < view.high[1] && view.high[2] > view.low[2]; j++)
            memset(inside + row_in_patch(&view, patch, i, j), 1, (size_t)(view.high[2] - view.low[2]));
}

static void read_warped(float *image, int32_t *label, const rmseg_prepared *prepared, const rmseg_sample_record *record,
                        const int64_t patch[3], rmseg_sample_room *room)
{
    rmseg_sample_record whole = *record;
    rmseg_view seen;
    memset(whole.crop, 0, sizeof whole.crop);
    rmseg_turned_extent(seen.extent, prepared->image->size, record->turns, record->pivot);
    turned_spacing(seen.spacing, prepared->image, record);
    view view = make_view(prepared->image->size, seen.extent, &whole);
    seen.start = view.start;
    memcpy(seen.stride, view.stride, sizeof seen.stride);
    int64_t voxels = rmseg_image_voxels(prepared->image), size = patch[0] * patch[1] * patch[2];
    rmseg_warp_begin(room->warp, &seen, record);
    for (int64_t row = 0; row < patch[0] * patch[1]; row++) {
        int64_t first = row * patch[2];
        rmseg_warp_row(room->inside + first, room->warp, row / patch[1], row % patch[1]);
        rmseg_warp_labels(label + first, room->warp, prepared->label->data);
        for (int64_t c = 0; c < prepared->image->channels; c++) {
            float *to = image + c * size + first;
            rmseg_warp_values(to, room->warp, (const float *)prepared->image->data + c * voxels);
            change_row(to, patch[2], &prepared->channels[c], record);
            for (int64_t k = 0; k < patch[2]; k++)
                if (!room->inside[first + k]) to[k] = 0;
        }
    }
}

/* Blur and lost resolution go by the finest axis' edge: along coarser axes they are less. */
static void filter_channel(float *values, int64_t channel, const rmseg_prepared *prepared,
                           const rmseg_sample_record *record, const int64_t patch[3], const double spacing[3],
                           rmseg_sample_room *room)
{
    int64_t size = patch[0] * patch[1] * patch[2];
    double finest = 0, sigma[3], share[3];
    for (int k = 0; k < 3; k++)
        if (patch[k] > 1 && (finest == 0 || spacing[k] < finest)) finest = spacing[k];
    for (int k = 0; k < 3; k++) {
        sigma[k] = record->blur * finest / spacing[k];
        share[k] = fmin(1, record->lowres * spacing[k] / finest);
    }
    if (record->blur > 0) rmseg_filter_blur(values, room->spare, room->line, patch, sigma);
    if (record->lowres < 1) rmseg_filter_lowres(values, room->spare, patch, share);
    if (record->blur > 0 || record->lowres < 1)
        for (int64_t i = 0; i < size; i++) values[i] = room->inside[i] ? values[i] : 0;
    rmseg_random stream = rmseg_random_stream(record->seed, RMSEG_RANDOM_NOISE, record->iteration, record->sample);
    if (record->noise > 0)
        rmseg_filter_noise(values, room->inside, size, channel * rmseg_chunk_count(size, 4) * 4,
                           record->noise * prepared->channels[channel].sd, &stream);
}

void rmseg_sample_make(float *image, int32_t *label, rmseg_frame *frame, const rmseg_prepared *prepared,
                       const rmseg_sample_record *record, const int64_t patch[3], rmseg_sample_room *room)
{
    int64_t size = patch[0] * patch[1] * patch[2];
    bool filtered = record->blur > 0 || record->lowres < 1 || record->noise > 0;
    *frame = make_frame(prepared->image, record, patch);
    if (is_warped(record))
        read_warped(image, label, prepared, record, patch, room);
    else
        read_straight(image, label, prepared, record, patch, filtered ? room->inside : NULL);
    for (int64_t c = 0; c < prepared->image->channels && filtered; c++)
        filter_channel(image + c * size, c, prepared, record, patch, frame->spacing, room);
}
