/* prepare.c - from a case as read to what the network sees: resampled, then normalised. Prediction does the same. */
#include <math.h>
#include <string.h>

#include "data/prepared.h"

void rmseg_channel_stats_of(rmseg_channel_stats *stats, const float *values, int64_t count)
{
    double sum = 0, squares = 0;
    float low = values[0], high = values[0];
    for (int64_t i = 0; i < count; i++) {
        sum += values[i];
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    double mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
    *stats = (rmseg_channel_stats){.mean = mean, .sd = sqrt(squares / (double)count), .low = low, .high = high};
}

/* Resampling leaves a constant channel constant but for rounding, which must not be blown up to a deviation of 1. */
static bool is_constant(const rmseg_channel_stats *stats)
{
    return stats->high - stats->low <= 1e-6f * fmaxf(fabsf(stats->low), fabsf(stats->high));
}

static void normalize_channel(float *values, int64_t count, rmseg_normalize normalize)
{
    rmseg_channel_stats stats;
    if (normalize == RMSEG_NORMALIZE_NONE) return;
    rmseg_channel_stats_of(&stats, values, count);
    bool zscore = normalize == RMSEG_NORMALIZE_ZSCORE, constant = is_constant(&stats);
    double shift = zscore ? stats.mean : stats.low, scale = zscore ? stats.sd : stats.high - stats.low;
    for (int64_t i = 0; i < count; i++) values[i] = constant ? 0 : (float)((values[i] - shift) / scale);
}

/* A copy on the preparation's grid: the image's own where none is asked for. */
static rmseg_status regrid(rmseg_image **out, const rmseg_image *image, const int64_t grid[3], rmseg_interpolation how,
                           rmseg_dtype dtype)
{
    bool keep = grid[0] == 0 || !memcmp(grid, image->size, sizeof image->size);
    if (keep) return rmseg_image_convert(out, image, dtype);
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

rmseg_status rmseg_prepare(rmseg_image **image, rmseg_image **label, const rmseg_image *raw_image,
                           const rmseg_image *raw_label, const rmseg_preparation *preparation)
{
    rmseg_image *made = NULL, *made_label = NULL;
    rmseg_status status = regrid(&made, raw_image, preparation->grid, RMSEG_LINEAR, RMSEG_F32);
    if (status == RMSEG_OK && label && raw_label)
        status = regrid(&made_label, raw_label, preparation->grid, RMSEG_NEAREST, RMSEG_I32);
    if (status != RMSEG_OK) {
        rmseg_image_destroy(made);
        return status;
    }
    int64_t voxels = rmseg_image_voxels(made);
    for (int64_t c = 0; c < made->channels; c++)
        normalize_channel((float *)made->data + c * voxels, voxels, preparation->normalize);
    *image = made;
    if (made_label) *label = made_label;
    return RMSEG_OK;
}
