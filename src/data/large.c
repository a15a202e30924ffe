/*
 * large.c - images that do not fit into memory: read once into a temporary file, and prepared part by part.
 *
 * The same bits as rmseg_prepare gives: voxels are moved and resampled by the same code on some planes at a time, sums
 * run over the voxels in the same order, and percentiles are those of the sorted values, found by counting.
 */
#include <math.h>
#include <string.h>

#include "data/prepared.h"

#define MOST_VALUES ((int64_t)1 << 23) /* of a piece that is worked on: 32 MiB of floats */

int64_t rmseg_large_planes(const int64_t size[3], int64_t channels)
{
    int64_t planes = MOST_VALUES / (size[1] * size[2] * channels);
    return planes < 1 ? 1 : planes < size[0] ? planes : size[0];
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

typedef struct reading {
    rmseg_large *large;
    int64_t channel; /* of the file's first */
    const char *path;
} reading;

static rmseg_status check_finite(const rmseg_image *piece, const char *path)
{
    const float *values = piece->data;
    int64_t count = piece->channels * rmseg_image_voxels(piece);
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: a value is %g; expected finite numbers", path,
                              (double)values[i]);
    return RMSEG_OK;
}

static rmseg_status keep_piece(void *user, const rmseg_image *piece, int64_t channel, int64_t first)
{
    reading *r = user;
    rmseg_image *wide = NULL;
    if (rmseg_cancelled()) return rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted");
    RMSEG_TRY(rmseg_image_convert(&wide, piece, RMSEG_F32));
    rmseg_status status = check_finite(wide, r->path);
    int64_t start[3] = {first, 0, 0}, voxels = rmseg_image_voxels(piece);
    for (int64_t c = 0; c < piece->channels && !status; c++)
        status = rmseg_store_write(r->large->store, r->channel + channel + c, start, piece->size,
                                   (const float *)wide->data + c * voxels);
    rmseg_image_destroy(wide);
    return status;
}

static rmseg_status read_files(rmseg_large *large, const rmseg_names *files)
{
    int64_t channel = 0;
    for (int64_t i = 0; i < files->count; i++) {
        rmseg_image header = {0};
        RMSEG_TRY(rmseg_image_read_header(&header, files->items[i]));
        const char *difference = rmseg_image_difference(&header, &large->header);
        if (memcmp(header.size, large->header.size, sizeof header.size) || difference)
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "%s lies elsewhere than %s: their %ss differ; resample the images of a case to one grid",
                              files->items[i], files->items[0], difference ? difference : "size");
        reading r = {large, channel, files->items[i]};
        RMSEG_TRY(rmseg_image_stream(files->items[i], MOST_VALUES, keep_piece, &r));
        channel += header.channels;
    }
    return RMSEG_OK;
}

rmseg_status rmseg_large_read(rmseg_large *large, const rmseg_names *files, const char *folder)
{
    rmseg_large made = {0};
    int64_t channels = 0;
    for (int64_t i = 0; i < files->count; i++) {
        rmseg_image header = {0};
        RMSEG_TRY(rmseg_image_read_header(&header, files->items[i]));
        if (i == 0) made.header = header;
        channels += header.channels;
    }
    made.header.channels = channels;
    made.header.dtype = RMSEG_F32;
    RMSEG_TRY(rmseg_store_create(&made.store, folder, sizeof(float), channels, made.header.size));
    rmseg_status status = read_files(&made, files);
    if (status)
        rmseg_large_destroy(&made);
    else
        *large = made;
    return status;
}

void rmseg_large_destroy(rmseg_large *large)
{
    rmseg_store_destroy(large->store);
    *large = (rmseg_large){0};
}

/* ---- axes --------------------------------------------------------------------------------------------------------- */

static bool is_identity(const rmseg_axis_order *o)
{
    bool same = true;
    for (int a = 0; a < 3; a++) same = same && o->axis[a] == a && !o->flip[a];
    return same;
}

rmseg_status rmseg_large_turned_box(void *box, rmseg_store *store, rmseg_dtype dtype, int64_t channel,
                                    const int64_t whole[3], const rmseg_axis_order *o, const int64_t start[3],
                                    const int64_t size[3])
{
    rmseg_image *part = NULL, *turned = NULL;
    int64_t from[3], extent[3];
    if (is_identity(o)) return rmseg_store_read(box, store, channel, start, size);
    for (int a = 0; a < 3; a++) {
        int axis = o->axis[a];
        extent[axis] = size[a];
        from[axis] = o->flip[a] ? whole[axis] - start[a] - size[a] : start[a];
    }
    RMSEG_TRY(rmseg_image_create(&part, dtype, 1, extent));
    rmseg_status status = rmseg_store_read(part->data, store, channel, from, extent);
    if (!status) status = rmseg_image_reorder(&turned, part, o);
    rmseg_image_destroy(part);
    RMSEG_TRY(status);
    memcpy(box, turned->data, (size_t)rmseg_image_voxels(turned) * rmseg_dtype_size(dtype));
    rmseg_image_destroy(turned);
    return RMSEG_OK;
}

/* ---- prepared ----------------------------------------------------------------------------------------------------- */

struct rmseg_large_prepared {
    const rmseg_large *raw;
    rmseg_image header;
    rmseg_axis_order order; /* of the raw image's axes */
    rmseg_store *resampled; /* F32; NULL where the grid is the turned image's own */
    rmseg_value_map *maps;  /* one for each channel */
};

/* Moved and resampled, not yet normalised. */
static rmseg_status moved_box(float *box, const rmseg_large_prepared *p, int64_t channel, const int64_t start[3],
                              const int64_t size[3])
{
    if (p->resampled) return rmseg_store_read(box, p->resampled, channel, start, size);
    return rmseg_large_turned_box(box, p->raw->store, RMSEG_F32, channel, p->raw->header.size, &p->order, start, size);
}

rmseg_status rmseg_large_prepared_box(float *box, const rmseg_large_prepared *p, const int64_t start[3],
                                      const int64_t size[3])
{
    int64_t voxels = size[0] * size[1] * size[2];
    for (int64_t c = 0; c < p->header.channels; c++) {
        RMSEG_TRY(moved_box(box + c * voxels, p, c, start, size));
        rmseg_value_map_apply(&p->maps[c], box + c * voxels, voxels);
    }
    return RMSEG_OK;
}

const rmseg_image *rmseg_large_prepared_header(const rmseg_large_prepared *p) { return &p->header; }

void rmseg_large_prepared_destroy(rmseg_large_prepared *p)
{
    if (!p) return;
    rmseg_store_destroy(p->resampled);
    rmseg_free(p->maps);
    rmseg_free(p);
}

/* Planes from .. of one channel, from those of the turned image that they need. */
static rmseg_status resample_some(const rmseg_large_prepared *p, const int64_t turned[3], int64_t channel, int64_t from,
                                  int64_t count)
{
    rmseg_image *part = NULL, *made = NULL;
    int64_t first, planes;
    rmseg_image_resample_needs(&first, &planes, turned[0], p->header.size[0], from, count);
    int64_t start[3] = {first, 0, 0}, size[3] = {planes, turned[1], turned[2]};
    RMSEG_TRY(rmseg_image_create(&part, RMSEG_F32, 1, size));
    rmseg_status status = rmseg_large_turned_box(part->data, p->raw->store, RMSEG_F32, channel, p->raw->header.size,
                                                 &p->order, start, size);
    if (!status) status = rmseg_image_resample_planes(&made, part, turned[0], p->header.size, from, count);
    rmseg_image_destroy(part);
    if (!status) status = rmseg_store_write(p->resampled, channel, (int64_t[]){from, 0, 0}, made->size, made->data);
    rmseg_image_destroy(made);
    return status;
}

static rmseg_status resample_all(rmseg_large_prepared *p, const int64_t turned[3], const char *folder)
{
    const int64_t *size = p->header.size, *larger = turned[1] * turned[2] > size[1] * size[2] ? turned : size;
    int64_t planes = rmseg_large_planes(larger, 2);
    RMSEG_TRY(rmseg_store_create(&p->resampled, folder, sizeof(float), p->header.channels, size));
    for (int64_t c = 0; c < p->header.channels; c++)
        for (int64_t from = 0; from < size[0]; from += planes) {
            if (rmseg_cancelled()) return rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted");
            RMSEG_TRY(resample_some(p, turned, c, from, planes < size[0] - from ? planes : size[0] - from));
        }
    return RMSEG_OK;
}

/* ---- values of all of it ------------------------------------------------------------------------------------------ */

/* Calls `each` for the values of one channel, plane by plane in order. */
typedef void (*values_fn)(void *user, float *values, int64_t count);

static rmseg_status for_all(const rmseg_large_prepared *p, int64_t channel, values_fn each, void *user)
{
    const int64_t *whole = p->header.size;
    int64_t planes = rmseg_large_planes(whole, 1), plane = whole[1] * whole[2];
    float *values = rmseg_alloc(planes * plane, sizeof *values);
    rmseg_status status = values ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t from = 0; from < whole[0] && !status; from += planes) {
        int64_t count = planes < whole[0] - from ? planes : whole[0] - from;
        status = rmseg_cancelled() ? rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted") : RMSEG_OK;
        if (!status)
            status = moved_box(values, p, channel, (int64_t[]){from, 0, 0}, (int64_t[]){count, whole[1], whole[2]});
        if (!status) each(user, values, count * plane);
    }
    rmseg_free(values);
    return status;
}

/* ---- percentiles by counting -------------------------------------------------------------------------------------- */

enum { HALVES = 1 << 16, RANKS = 4 };

/* Bits that sort as the floats do. */
static uint32_t sortable(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float unsorted(uint32_t bits)
{
    float value;
    bits = bits & 0x80000000u ? bits & 0x7fffffffu : ~bits;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef struct counting {
    int64_t (*counts)[HALVES]; /* [1 + RANKS]: by the upper half of the bits; by the lower half, of those in `upper` */
    int64_t rank[RANKS];       /* to be found; then among those of the same upper half */
    uint32_t upper[RANKS];
} counting;

static void count_upper(void *user, float *values, int64_t count)
{
    counting *c = user;
    for (int64_t i = 0; i < count; i++) c->counts[0][sortable(values[i]) >> 16]++;
}

static void count_lower(void *user, float *values, int64_t count)
{
    counting *c = user;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = sortable(values[i]);
        for (int r = 0; r < RANKS; r++)
            if (bits >> 16 == c->upper[r]) c->counts[1 + r][bits & 0xffff]++;
    }
}

/* The half in which a rank lies; *rank becomes that within it. */
static uint32_t find_half(const int64_t *counts, int64_t *rank)
{
    uint32_t half = 0;
    while (half < HALVES - 1 && *rank >= counts[half]) *rank -= counts[half++];
    return half;
}

static rmseg_status find_limits(rmseg_value_map *map, const rmseg_large_prepared *p, int64_t channel,
                                const double clip[2])
{
    int64_t voxels = rmseg_image_voxels(&p->header);
    rmseg_percentile_ranks ranks[2] = {rmseg_percentile_ranks_of(voxels, clip[0]),
                                       rmseg_percentile_ranks_of(voxels, clip[1])};
    counting c = {.rank = {ranks[0].below, ranks[0].above, ranks[1].below, ranks[1].above}};
    float found[RANKS];
    c.counts = rmseg_alloc(1 + RANKS, sizeof *c.counts);
    if (!c.counts) return RMSEG_ERROR_MEMORY;
    rmseg_status status = for_all(p, channel, count_upper, &c);
    for (int r = 0; r < RANKS; r++) c.upper[r] = find_half(c.counts[0], &c.rank[r]);
    if (!status) status = for_all(p, channel, count_lower, &c);
    for (int r = 0; r < RANKS; r++) found[r] = unsorted(c.upper[r] << 16 | find_half(c.counts[1 + r], &c.rank[r]));
    rmseg_free(c.counts);
    map->clips = true;
    map->low = rmseg_percentile_between(&ranks[0], found[0], found[1]);
    map->high = rmseg_percentile_between(&ranks[1], found[2], found[3]);
    return status;
}

/* ---- mean and deviation ------------------------------------------------------------------------------------------- */

typedef struct summing {
    const rmseg_value_map *map;
    rmseg_channel_sums sums;
} summing;

static void add_up(void *user, float *values, int64_t count)
{
    summing *s = user;
    rmseg_value_map_clip(s->map, values, count);
    rmseg_channel_sums_add(&s->sums, values, count);
}

static void add_squares(void *user, float *values, int64_t count)
{
    summing *s = user;
    rmseg_value_map_clip(s->map, values, count);
    rmseg_channel_sums_square(&s->sums, values, count);
}

static rmseg_status settle_channel(rmseg_large_prepared *p, int64_t channel, const rmseg_preparation *preparation)
{
    rmseg_value_map *map = &p->maps[channel];
    rmseg_channel_stats stats = {0};
    summing s = {.map = map};
    if (preparation->clip[0] != 0 || preparation->clip[1] != 0)
        RMSEG_TRY(find_limits(map, p, channel, preparation->clip));
    if (rmseg_value_map_needs_stats(preparation)) {
        RMSEG_TRY(for_all(p, channel, add_up, &s));
        RMSEG_TRY(for_all(p, channel, add_squares, &s));
        rmseg_channel_sums_end(&stats, &s.sums);
    }
    rmseg_value_map_settle(map, preparation, &stats);
    return RMSEG_OK;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static rmseg_status set_up(rmseg_large_prepared *p, const rmseg_preparation *preparation, const char *folder)
{
    const rmseg_image *raw = &p->raw->header;
    rmseg_image turned = *raw;
    int64_t size[3];
    if (rmseg_prepared_turns(raw, preparation)) {
        p->order = rmseg_image_axis_order(raw);
        rmseg_image_turn_geometry(&turned, raw, &p->order);
    }
    p->header = turned;
    rmseg_prepared_size(size, raw, preparation);
    if (memcmp(size, turned.size, sizeof size)) {
        rmseg_image_scale_geometry(&p->header, &turned, size);
        RMSEG_TRY(resample_all(p, turned.size, folder));
    }
    for (int64_t c = 0; c < p->header.channels; c++) RMSEG_TRY(settle_channel(p, c, preparation));
    return RMSEG_OK;
}

rmseg_status rmseg_large_prepare(rmseg_large_prepared **prepared, const rmseg_large *raw,
                                 const rmseg_preparation *preparation, const char *folder)
{
    rmseg_large_prepared *p = rmseg_alloc(1, sizeof *p);
    if (!p) return RMSEG_ERROR_MEMORY;
    p->raw = raw;
    p->order = (rmseg_axis_order){{0, 1, 2}, {false, false, false}};
    p->maps = rmseg_alloc(raw->header.channels, sizeof *p->maps);
    rmseg_status status = p->maps ? set_up(p, preparation, folder) : RMSEG_ERROR_MEMORY;
    if (status)
        rmseg_large_prepared_destroy(p);
    else
        *prepared = p;
    return status;
}
