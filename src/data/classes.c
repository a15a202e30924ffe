/* classes.c - which classes a dataset has, where nothing but its labels says so. */
#include <stdio.h>

#include "data/layouts.h"

typedef struct census {
    const rmseg_dataset *dataset;
    bool *seen; /* (threads, RMSEG_MOST_CLASSES) */
} census;

static rmseg_status see_values(void *context, int64_t index, int thread)
{
    const census *census = context;
    rmseg_image *label = NULL;
    RMSEG_TRY(rmseg_label_read(&label, census->dataset->cases[index].labels.items[0]));
    bool *seen = census->seen + (int64_t)thread * RMSEG_MOST_CLASSES;
    const int32_t *value = label->data;
    int64_t voxels = rmseg_image_voxels(label);
    for (int64_t i = 0; i < voxels; i++) seen[value[i]] = true;
    rmseg_image_destroy(label);
    return RMSEG_OK;
}

/* The first label file that holds `value`. */
static const char *file_with(const rmseg_dataset *dataset, int32_t value)
{
    bool found = false;
    for (int64_t i = 0; i < dataset->count; i++) {
        const char *path = dataset->cases[i].labels.items[0];
        rmseg_image *label = NULL;
        if (rmseg_label_read(&label, path)) continue;
        int64_t voxels = rmseg_image_voxels(label);
        for (int64_t v = 0; v < voxels && !found; v++) found = ((const int32_t *)label->data)[v] == value;
        rmseg_image_destroy(label);
        if (found) return path;
    }
    return "a file that is gone";
}

/* Classes are 0 .. largest value; 0 and 255 alone are a mask. Most numbers between unused means that the values are
 * grey levels or colours, which a network of so many outputs would hide. */
static rmseg_status settle_classes(rmseg_dataset *dataset, const bool *seen)
{
    int64_t used = 0, largest = 0;
    for (int64_t v = 0; v < RMSEG_MOST_CLASSES; v++) {
        if (!seen[v]) continue;
        largest = v;
        used++;
    }
    dataset->mask_255 = largest == 255 && used == 1 + seen[0];
    dataset->classes = dataset->mask_255 || largest == 0 ? 2 : largest + 1;
    if (dataset->classes <= 2 || largest + 1 <= 2 * used) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: the labels use only %lld of the values 0 to %lld, the largest in %s; expected classes "
                      "numbered 0, 1, 2, ... (or masks of 0 and 255): renumber them",
                      dataset->root, (long long)used, (long long)largest, file_with(dataset, (int32_t)largest));
}

rmseg_status rmseg_dataset_count_classes(rmseg_dataset *dataset)
{
    int threads = rmseg_threads();
    census census = {dataset, rmseg_alloc(threads, RMSEG_MOST_CLASSES * sizeof *census.seen)};
    if (!census.seen) return RMSEG_ERROR_MEMORY;
    rmseg_status status = rmseg_parallel_try(dataset->count, see_values, &census);
    for (int64_t i = RMSEG_MOST_CLASSES; i < (int64_t)threads * RMSEG_MOST_CLASSES; i++)
        census.seen[i % RMSEG_MOST_CLASSES] |= census.seen[i];
    if (status == RMSEG_OK) status = settle_classes(dataset, census.seen);
    rmseg_free(census.seen);
    return status;
}

rmseg_status rmseg_dataset_region_per_label(rmseg_dataset *dataset)
{
    for (int32_t label = 1; label < dataset->classes; label++) {
        char name[16];
        snprintf(name, sizeof name, "%d", (int)label);
        RMSEG_TRY(rmseg_dataset_add_region(dataset, name, &label, 1));
    }
    return RMSEG_OK;
}
