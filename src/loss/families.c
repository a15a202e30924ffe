/*
 * families.c - the table of losses: one row each.
 */
#include <string.h>

#include "loss/objective.h"

static const rmseg_loss_row *const rows[] = {
    &rmseg_loss_ce,          &rmseg_loss_dice,           &rmseg_loss_jaccard,
    &rmseg_loss_tversky,     &rmseg_loss_focal,          &rmseg_loss_mse,
    &rmseg_loss_rm,          &rmseg_loss_wmse,           &rmseg_loss_permuted,
    &rmseg_loss_ranked,      &rmseg_loss_moment,         &rmseg_loss_size,
    &rmseg_loss_centroid,    &rmseg_loss_boundary,       &rmseg_loss_hausdorff,
    &rmseg_loss_sdf,         &rmseg_loss_class_centroid, &rmseg_loss_spread,
    &rmseg_loss_covariance,  &rmseg_loss_inertia,        &rmseg_loss_eccentricity,
    &rmseg_loss_hu,          &rmseg_loss_polar,          &rmseg_loss_length,
    &rmseg_loss_compactness, &rmseg_loss_rays,
};

const rmseg_loss_row *rmseg_loss_row_at(int64_t index)
{
    int64_t count = (int64_t)(sizeof rows / sizeof *rows);
    return index >= 0 && index < count ? rows[index] : NULL;
}

const rmseg_loss_row *rmseg_loss_row_find(const char *name, size_t length)
{
    const rmseg_loss_row *row;
    for (int64_t i = 0; (row = rmseg_loss_row_at(i)); i++)
        if (strlen(row->info.name) == length && !memcmp(row->info.name, name, length)) return row;
    return NULL;
}

const rmseg_loss_info *rmseg_loss_list(int64_t index)
{
    const rmseg_loss_row *row = rmseg_loss_row_at(index);
    return row ? &row->info : NULL;
}
