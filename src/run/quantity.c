/*
 * quantity.c - volumes and false positives far from the truth.
 *
 * P, T are the set voxels. fp_beyond = |{x in P : d(x, T) > B}| times a voxel's volume, with d the distance between
 * voxel centres: in voxels, or mm^3 (mm^2 in 2D), as distances are. Without a truth every voxel of P is beyond.
 */
#include "run/quantity.h"

#include <math.h>
#include <string.h>

#include "field/field.h"

static const rmseg_metric_info rows[] = {
    [RMSEG_VOLUME_PRED] = {"volume_pred_ml", "|P| times a voxel's volume", "ml", "", false},
    [RMSEG_VOLUME_TRUTH] = {"volume_truth_ml", "|T| times a voxel's volume", "ml", "", false},
    [RMSEG_VOLUME_DIFFERENCE] = {"volume_difference_ml", "(|P| - |T|) times a voxel's volume", "ml", "", false},
    [RMSEG_FP_BEYOND] = {"fp_beyond", "volume of P farther from T than --fp-beyond", "spacing", "", true},
};

const rmseg_metric_info *rmseg_quantity_info(rmseg_quantity quantity) { return &rows[quantity]; }

rmseg_quantity rmseg_quantity_find(const char *name)
{
    rmseg_quantity quantity = 0;
    while (quantity < RMSEG_QUANTITIES && strcmp(rows[quantity].name, name)) quantity++;
    return quantity;
}

static int64_t count_set(const uint8_t *mask, const int64_t size[3])
{
    int64_t count = 0, voxels = size[0] * size[1] * size[2];
    for (int64_t i = 0; i < voxels; i++) count += mask[i] != 0;
    return count;
}

/* The part of the image that holds both masks. */
typedef struct box {
    int64_t start[3];
    rmseg_grid grid;
} box;

static box find_box(const rmseg_mask_pair *pair)
{
    int64_t low[3] = {INT64_MAX, INT64_MAX, INT64_MAX}, high[3] = {0, 0, 0}, i = 0;
    for (int64_t d = 0; d < pair->size[0]; d++)
        for (int64_t h = 0; h < pair->size[1]; h++)
            for (int64_t w = 0; w < pair->size[2]; w++, i++) {
                if (!(pair->prediction[i] | pair->truth[i])) continue;
                const int64_t at[3] = {d, h, w};
                for (int axis = 0; axis < 3; axis++) {
                    if (at[axis] < low[axis]) low[axis] = at[axis];
                    if (at[axis] >= high[axis]) high[axis] = at[axis] + 1;
                }
            }
    box b;
    for (int axis = 0; axis < 3; axis++) {
        b.start[axis] = low[axis];
        b.grid.size[axis] = high[axis] - low[axis];
        b.grid.spacing[axis] = pair->spacing[axis];
    }
    return b;
}

static void cut(uint8_t *out, const uint8_t *mask, const int64_t size[3], const box *b)
{
    const int64_t *n = b->grid.size;
    for (int64_t d = 0; d < n[0]; d++)
        for (int64_t h = 0; h < n[1]; h++, out += n[2])
            memcpy(out, mask + ((b->start[0] + d) * size[1] + b->start[1] + h) * size[2] + b->start[2], (size_t)n[2]);
}

/* Both masks have a voxel set. */
static rmseg_status count_beyond(int64_t *count, const rmseg_mask_pair *pair, double beyond)
{
    box b = find_box(pair);
    int64_t voxels = b.grid.size[0] * b.grid.size[1] * b.grid.size[2];
    uint8_t *mask = rmseg_alloc(voxels, 1);
    double *squared = rmseg_alloc(voxels, sizeof *squared);
    rmseg_status status = mask && squared ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    *count = 0;
    if (!status) {
        cut(mask, pair->truth, pair->size, &b);
        status = rmseg_distance_squared(squared, mask, &b.grid);
    }
    if (!status) cut(mask, pair->prediction, pair->size, &b);
    for (int64_t i = 0; i < voxels && !status; i++) *count += mask[i] && sqrt(squared[i]) > beyond;
    rmseg_free(mask);
    rmseg_free(squared);
    return status;
}

static const char *describe(int64_t predicted, int64_t true_ones)
{
    if (!predicted && !true_ones) return "both empty";
    return !true_ones ? "truth empty" : !predicted ? "prediction empty" : "";
}

static double voxel_volume(const rmseg_mask_pair *pair)
{
    return (pair->size[0] > 1 ? pair->spacing[0] : 1) * pair->spacing[1] * pair->spacing[2];
}

rmseg_status rmseg_quantity_measure(double *value, const char **note, rmseg_quantity quantity,
                                    const rmseg_mask_pair *pair, double beyond)
{
    int64_t predicted = count_set(pair->prediction, pair->size), truth = count_set(pair->truth, pair->size);
    int64_t far = predicted;
    switch (quantity) {
    case RMSEG_VOLUME_PRED: *value = (double)predicted * pair->voxel_ml; break;
    case RMSEG_VOLUME_TRUTH: *value = (double)truth * pair->voxel_ml; break;
    case RMSEG_VOLUME_DIFFERENCE: *value = (double)(predicted - truth) * pair->voxel_ml; break;
    default:
        if (predicted && truth) RMSEG_TRY(count_beyond(&far, pair, beyond));
        *value = (double)far * voxel_volume(pair);
    }
    *note = describe(predicted, truth);
    if (isnan(*value)) *note = pair->size[0] > 1 ? "no spacing in mm" : "no volume in 2D";
    return RMSEG_OK;
}
