/* prepare.c - from a case as read to what the network sees: put in order, resampled, then normalised. Prediction does the
 * same. */
#include <math.h>
#include <string.h>

#include "data/crop.h"
#include "data/prepared.h"

void rmseg_channel_sums_add(rmseg_channel_sums *sums, const float *values, int64_t count)
{
    if (!sums->count && count) sums->low = sums->high = values[0];
    for (int64_t i = 0; i < count; i++) {
        sums->sum += values[i];
        sums->low = values[i] < sums->low ? values[i] : sums->low;
        sums->high = values[i] > sums->high ? values[i] : sums->high;
    }
    sums->count += count;
}

void rmseg_channel_sums_square(rmseg_channel_sums *sums, const float *values, int64_t count)
{
    double mean = sums->sum / (double)sums->count;
    for (int64_t i = 0; i < count; i++) sums->squares += (values[i] - mean) * (values[i] - mean);
}

void rmseg_channel_sums_end(rmseg_channel_stats *stats, const rmseg_channel_sums *sums)
{
    double n = (double)sums->count;
    *stats = (rmseg_channel_stats){
        .mean = sums->sum / n, .sd = sqrt(sums->squares / n), .low = sums->low, .high = sums->high};
}

void rmseg_channel_stats_of(rmseg_channel_stats *stats, const float *values, int64_t count)
{
    rmseg_channel_sums sums = {0};
    rmseg_channel_sums_add(&sums, values, count);
    rmseg_channel_sums_square(&sums, values, count);
    rmseg_channel_sums_end(stats, &sums);
}

/* Resampling leaves a constant channel constant but for rounding, which must not be blown up to a deviation of 1. */
static bool is_constant(const rmseg_channel_stats *stats)
{
    return stats->high - stats->low <= 1e-6f * fmaxf(fabsf(stats->low), fabsf(stats->high));
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* The k-th smallest (0 first) moves to its place, those before it are no larger (Hoare's selection). */
static float select_rank(float *values, int64_t count, int64_t k)
{
    for (int64_t low = 0, high = count - 1; low < high;) {
        float pivot = values[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i > j) break;
            float held = values[i];
            values[i++] = values[j];
            values[j--] = held;
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return values[k];
}

/* As numpy.percentile: between the two ranks that are nearest. `values` change their order. */
static float percentile(float *values, int64_t count, double percent)
{
    rmseg_percentile_ranks r = rmseg_percentile_ranks_of(count, percent);
    double low = select_rank(values, count, r.below), high = select_rank(values, count, r.above);
    return rmseg_percentile_between(&r, low, high);
}

rmseg_percentile_ranks rmseg_percentile_ranks_of(int64_t count, double percent)
{
    double rank = percent / 100 * (double)(count - 1);
    int64_t below = (int64_t)rank;
    return (rmseg_percentile_ranks){below, below + 1 < count ? below + 1 : below, rank - (double)below};
}

float rmseg_percentile_between(const rmseg_percentile_ranks *r, double low, double high)
{
    return (float)(low + r->share * (high - low));
}

static void limit(float *values, int64_t count, float low, float high)
{
    for (int64_t i = 0; i < count; i++) values[i] = values[i] < low ? low : values[i] > high ? high : values[i];
}

static rmseg_status find_limits(rmseg_value_map *map, const float *values, int64_t count, const double clip[2])
{
    float *copy = rmseg_alloc(count, sizeof *copy);
    if (!copy) return RMSEG_ERROR_MEMORY;
    memcpy(copy, values, (size_t)count * sizeof *copy);
    map->clips = true;
    map->low = percentile(copy, count, clip[0]), map->high = percentile(copy, count, clip[1]);
    rmseg_free(copy);
    return RMSEG_OK;
}

void rmseg_value_map_settle(rmseg_value_map *map, const rmseg_preparation *p, const rmseg_channel_stats *stats)
{
    bool zscore = p->normalize == RMSEG_NORMALIZE_ZSCORE;
    map->normalize = p->normalize;
    if (p->normalize == RMSEG_NORMALIZE_NONE) return;
    if (p->normalize == RMSEG_NORMALIZE_CT) {
        map->shift = p->window[0];
        map->scale = p->window[1] - p->window[0];
        map->window_low = (float)p->window[0], map->window_high = (float)p->window[1];
        return;
    }
    map->constant = is_constant(stats);
    map->shift = zscore ? stats->mean : stats->low;
    map->scale = zscore ? stats->sd : stats->high - stats->low;
}

bool rmseg_value_map_needs_stats(const rmseg_preparation *p)
{
    return p->normalize == RMSEG_NORMALIZE_ZSCORE || p->normalize == RMSEG_NORMALIZE_RANGE;
}

void rmseg_value_map_clip(const rmseg_value_map *map, float *values, int64_t count)
{
    if (map->clips) limit(values, count, map->low, map->high);
}

void rmseg_value_map_apply(const rmseg_value_map *map, float *values, int64_t count)
{
    rmseg_value_map_clip(map, values, count);
    if (map->normalize == RMSEG_NORMALIZE_NONE) return;
    if (map->normalize == RMSEG_NORMALIZE_CT) limit(values, count, map->window_low, map->window_high);
    for (int64_t i = 0; i < count; i++) values[i] = map->constant ? 0 : (float)((values[i] - map->shift) / map->scale);
}

static rmseg_status settle_values(rmseg_image *image, const rmseg_preparation *p)
{
    int64_t voxels = rmseg_image_voxels(image);
    for (int64_t c = 0; c < image->channels; c++) {
        float *values = (float *)image->data + c * voxels;
        rmseg_value_map map = {0};
        rmseg_channel_stats stats = {0};
        if (p->clip[0] != 0 || p->clip[1] != 0) RMSEG_TRY(find_limits(&map, values, voxels, p->clip));
        rmseg_value_map_clip(&map, values, voxels);
        map.clips = false; /* done */
        if (rmseg_value_map_needs_stats(p)) rmseg_channel_stats_of(&stats, values, voxels);
        rmseg_value_map_settle(&map, p, &stats);
        rmseg_value_map_apply(&map, values, voxels);
    }
    return RMSEG_OK;
}

/* ---- voxels ----------------------------------------------------------------------------------------------------- */

bool rmseg_prepared_turns(const rmseg_image *raw, const rmseg_preparation *p)
{
    return p->canonical && raw->has_spacing && raw->size[0] > 1;
}

static void find_grid(int64_t size[3], const rmseg_image *turned, const rmseg_preparation *p)
{
    for (int axis = 0; axis < 3; axis++) {
        double exact =
            (double)turned->size[axis] * turned->spacing[axis] / (p->spacing[axis] > 0 ? p->spacing[axis] : 1);
        int64_t wanted = exact < 1 ? 1 : exact > 0x1p40 ? (int64_t)1 << 40 : (int64_t)(exact + 0.5);
        bool by_spacing = !p->grid[0] && p->spacing[axis] > 0 && turned->size[axis] > 1;
        size[axis] = p->grid[0] ? p->grid[axis] : by_spacing ? wanted : turned->size[axis];
    }
}

void rmseg_prepared_size(int64_t size[3], const rmseg_image *raw, const rmseg_preparation *p)
{
    rmseg_image turned = *raw;
    rmseg_axis_order o = rmseg_image_axis_order(raw);
    for (int axis = 0; axis < 3 && rmseg_prepared_turns(raw, p); axis++) {
        turned.size[axis] = raw->size[o.axis[axis]];
        turned.spacing[axis] = raw->spacing[o.axis[axis]];
    }
    find_grid(size, &turned, p);
}

/* A copy of `dtype` on the preparation's grid: the image's own where none is asked for. */
static rmseg_status regrid(rmseg_image **out, const rmseg_image *image, const rmseg_preparation *p,
                           rmseg_interpolation how, rmseg_dtype dtype)
{
    int64_t grid[3];
    find_grid(grid, image, p);
    if (!memcmp(grid, image->size, sizeof image->size)) return rmseg_image_convert(out, image, dtype);
    rmseg_image *moved = NULL;
    RMSEG_TRY(rmseg_image_resample(&moved, image, grid, how));
    if (moved->dtype == dtype) {
        *out = moved;
        return RMSEG_OK;
    }
    rmseg_status status = rmseg_image_convert(out, moved, dtype);
    rmseg_image_destroy(moved);
    return status;
}

static rmseg_status move(rmseg_image **out, const rmseg_image *raw, const rmseg_preparation *p, rmseg_interpolation how,
                         rmseg_dtype dtype)
{
    if (!rmseg_prepared_turns(raw, p)) return regrid(out, raw, p, how, dtype);
    rmseg_image *turned = NULL;
    rmseg_axis_order o = rmseg_image_axis_order(raw);
    RMSEG_TRY(rmseg_image_reorder(&turned, raw, &o));
    rmseg_status status = regrid(out, turned, p, how, dtype);
    rmseg_image_destroy(turned);
    return status;
}

rmseg_status rmseg_prepare(rmseg_image **image, rmseg_image **label, const rmseg_image *raw_image,
                           const rmseg_image *raw_label, const rmseg_preparation *preparation)
{
    rmseg_image *made = NULL, *made_label = NULL;
    rmseg_status status = move(&made, raw_image, preparation, RMSEG_LINEAR, RMSEG_F32);
    if (status == RMSEG_OK && label && raw_label)
        status = move(&made_label, raw_label, preparation, RMSEG_NEAREST, RMSEG_I32);
    if (status == RMSEG_OK) status = settle_values(made, preparation);
    if (status != RMSEG_OK) {
        rmseg_image_destroy(made);
        rmseg_image_destroy(made_label);
        return status;
    }
    *image = made;
    if (made_label) *label = made_label;
    return RMSEG_OK;
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

rmseg_status rmseg_case_prepare(rmseg_image **image, rmseg_image **label, const rmseg_dataset *dataset, int64_t index,
                                const rmseg_preparation *preparation)
{
    rmseg_image *raw_image = NULL, *raw_label = NULL, *made = NULL, *made_label = NULL;
    RMSEG_TRY(rmseg_case_read(&raw_image, &raw_label, dataset, index));
    rmseg_status status = rmseg_prepare(&made, &made_label, raw_image, raw_label, preparation);
    rmseg_image_destroy(raw_image);
    rmseg_image_destroy(raw_label);
    if (!status && preparation->crop_label) status = rmseg_crop_to_label(&made, &made_label, &dataset->cases[index]);
    if (status) {
        rmseg_image_destroy(made);
        rmseg_image_destroy(made_label);
        return status;
    }
    *image = made;
    *label = made_label;
    return RMSEG_OK;
}

rmseg_status rmseg_case_extent(int64_t size[3], const rmseg_dataset *dataset, int64_t index,
                               const rmseg_preparation *preparation)
{
    rmseg_image header = {0}, *image = NULL, *label = NULL;
    if (!preparation->crop_label && preparation->grid[0]) {
        memcpy(size, preparation->grid, sizeof preparation->grid);
        return RMSEG_OK;
    }
    if (!preparation->crop_label) {
        RMSEG_TRY(rmseg_image_read_header(&header, dataset->cases[index].images.items[0]));
        rmseg_prepared_size(size, &header, preparation);
        return RMSEG_OK;
    }
    RMSEG_TRY(rmseg_case_prepare(&image, &label, dataset, index, preparation));
    memcpy(size, image->size, sizeof image->size);
    rmseg_image_destroy(image);
    rmseg_image_destroy(label);
    return RMSEG_OK;
}
