/* layouts.c - the layouts there are, and what all of them share: building a dataset from the files that a layout finds.
 */
#include "data/layouts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const rmseg_layout *const layouts[] = {
    &rmseg_layout_drishti_gs, &rmseg_layout_la,     &rmseg_layout_la_raw, &rmseg_layout_nnunet,
    &rmseg_layout_msd,        &rmseg_layout_folder, &rmseg_layout_csv,
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

const rmseg_layout_info *rmseg_layout_list(int64_t index)
{
    return index >= 0 && index < LAYOUTS ? &layouts[index]->info : NULL;
}

rmseg_status rmseg_layout_find(const rmseg_layout **layout, const char *name)
{
    const char *names[LAYOUTS];
    for (int i = 0; i < LAYOUTS; i++) {
        names[i] = layouts[i]->info.name;
        if (!strcmp(name, names[i])) {
            *layout = layouts[i];
            return RMSEG_OK;
        }
    }
    const char *near = rmseg_nearest(name, names, LAYOUTS);
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "unknown layout \"%s\"%s%s%s; `rmseg layouts` lists what there is", name,
                      near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* ---- for the layouts -------------------------------------------------------------------------------------------- */

rmseg_status rmseg_dataset_add_case(rmseg_case **added, rmseg_dataset *dataset, const char *id)
{
    if (!*id || strchr(id, '/')) /* predictions get that name */
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: a case is called \"%.80s\"; expected a name, without \"/\"",
                          dataset->root, id);
    rmseg_case *cases = rmseg_realloc(dataset->cases, dataset->count + 1, sizeof *cases);
    if (!cases) return RMSEG_ERROR_MEMORY;
    dataset->cases = cases;
    cases[dataset->count] = (rmseg_case){.id = rmseg_strdup(id)};
    if (!cases[dataset->count].id) return RMSEG_ERROR_MEMORY;
    *added = &cases[dataset->count++];
    return RMSEG_OK;
}

rmseg_status rmseg_dataset_add_region(rmseg_dataset *dataset, const char *name, const int32_t *labels, int64_t count)
{
    rmseg_region *regions = rmseg_realloc(dataset->regions, dataset->region_count + 1, sizeof *regions);
    if (!regions) return RMSEG_ERROR_MEMORY;
    dataset->regions = regions;
    rmseg_region *region = &regions[dataset->region_count++];
    *region = (rmseg_region){rmseg_strdup(name), rmseg_alloc(count, sizeof *labels), count, 0};
    if (!region->name || !region->labels) return RMSEG_ERROR_MEMORY;
    memcpy(region->labels, labels, (size_t)count * sizeof *labels);
    return RMSEG_OK;
}

rmseg_status rmseg_path_format(char **path, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : rmseg_alloc((int64_t)length + 1, 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    if (!text) return rmseg_fail_memory();
    *path = text;
    return RMSEG_OK;
}

bool rmseg_is_image_name(const char *name)
{
    size_t whole = strlen(name);
    const rmseg_format_info *format = NULL;
    for (int64_t i = 0; (format = rmseg_image_formats(i)) != NULL; i++)
        for (const char *at = format->extensions; *(at += strspn(at, " "));) { /* ".jpg .jpeg" */
            size_t length = strcspn(at, " ");
            if (format->reads && whole > length && !strncasecmp(name + whole - length, at, length)) return true;
            at += length;
        }
    return false;
}

/* ---- datasets --------------------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const rmseg_case *)a)->id, ((const rmseg_case *)b)->id);
}

static rmseg_status sort_cases(rmseg_dataset *dataset)
{
    qsort(dataset->cases, (size_t)dataset->count, sizeof *dataset->cases, by_id);
    for (int64_t i = 1; i < dataset->count; i++) {
        const rmseg_case *a = &dataset->cases[i - 1], *b = &dataset->cases[i];
        if (!strcmp(a->id, b->id) && !strcmp(a->images.items[0], b->images.items[0]))
            return rmseg_fail(RMSEG_ERROR_FORMAT, "case %s of %s is listed twice: %s", a->id, dataset->root,
                              a->images.items[0]);
        if (!strcmp(a->id, b->id))
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "two images are called \"%s\": %s and %s; rename one, so that each case "
                              "has a name of its own",
                              a->id, a->images.items[0], b->images.items[0]);
    }
    return RMSEG_OK;
}

bool rmseg_region_has(const rmseg_region *region, int32_t label)
{
    for (int64_t i = 0; i < region->count; i++)
        if (region->labels[i] == label) return true;
    return false;
}

/* A region is written as its smallest label that no later region, which would overwrite it, holds. */
static rmseg_status value_regions(rmseg_dataset *dataset)
{
    for (int64_t r = 0; r < dataset->region_count; r++) {
        rmseg_region *region = &dataset->regions[r];
        int32_t wanted = region->value;
        region->value = INT32_MAX;
        for (int64_t i = 0; i < region->count; i++) {
            bool later = false;
            for (int64_t s = r + 1; s < dataset->region_count; s++)
                later = later || rmseg_region_has(&dataset->regions[s], region->labels[i]);
            if (!later && region->labels[i] < region->value) region->value = region->labels[i];
        }
        if (region->value == INT32_MAX)
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "region \"%s\" of %s: each of its labels is in a later region too, so "
                              "that no label would show it; put the larger regions first",
                              region->name, dataset->root);
        if (wanted && wanted != region->value)
            return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                              "region \"%s\" of %s: regions_class_order writes it as %d, rmseg writes it as %d, its "
                              "smallest label that no later region holds; give the regions and their order so",
                              region->name, dataset->root, (int)wanted, (int)region->value);
    }
    return RMSEG_OK;
}

static rmseg_status learn_from(rmseg_dataset *dataset, int64_t index)
{
    const rmseg_names *images = &dataset->cases[index].images;
    dataset->model_case = index;
    dataset->spatial = 2;
    dataset->channels = 0;
    for (int64_t i = 0; i < images->count; i++) {
        rmseg_image header = {0};
        RMSEG_TRY(rmseg_image_read_header(&header, images->items[i]));
        dataset->channels += header.channels;
        if (header.size[0] > 1) dataset->spatial = 3;
    }
    if (!dataset->named || dataset->named == dataset->channels) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s has %lld channel%s, but the dataset.json of %s names %lld (channel_names, or modality)",
                      images->items[0], (long long)dataset->channels, dataset->channels == 1 ? "" : "s", dataset->root,
                      (long long)dataset->named);
}

/* The first case that can be read speaks for all; rmseg_case_read compares the others with it. One that cannot fails
 * when it is read itself, unless none can. */
static rmseg_status learn_images(rmseg_dataset *dataset)
{
    for (int64_t i = 0; i < dataset->count; i++) {
        rmseg_status status = learn_from(dataset, i);
        if (status == RMSEG_OK || status == RMSEG_ERROR_MEMORY) return status;
    }
    return learn_from(dataset, 0);
}

static rmseg_status open_cases(rmseg_dataset *dataset, const rmseg_layout *layout, bool labels)
{
    RMSEG_TRY(layout->open(dataset, labels));
    if (dataset->count == 0)
        return rmseg_fail(RMSEG_ERROR_FILE, "%s: no images of split %s; layout %s expects %s", dataset->root,
                          dataset->split, dataset->layout, layout->expected);
    RMSEG_TRY(sort_cases(dataset));
    RMSEG_TRY(value_regions(dataset));
    dataset->warned = rmseg_alloc(dataset->count, sizeof *dataset->warned);
    return dataset->warned ? learn_images(dataset) : RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_dataset_open(rmseg_dataset **dataset, const char *layout, const char *root, const char *split,
                                double threshold, bool labels)
{
    const rmseg_layout *row = NULL;
    RMSEG_TRY(rmseg_layout_find(&row, layout));
    if (strcmp(split, "train") && strcmp(split, "test") && strcmp(split, "all"))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "unknown split \"%s\": expected train, test or all", split);
    if (!rmseg_folder_exists(root) && !(row->by_file && rmseg_file_exists(root)))
        return rmseg_fail(RMSEG_ERROR_FILE, "%s: no such folder; layout %s expects %s", root, layout, row->expected);
    rmseg_dataset *opened = rmseg_alloc(1, sizeof *opened);
    if (!opened) return RMSEG_ERROR_MEMORY;
    opened->threshold = threshold;
    opened->layout = rmseg_strdup(layout);
    opened->root = rmseg_strdup(root);
    opened->split = rmseg_strdup(split);
    rmseg_status status = RMSEG_ERROR_MEMORY;
    if (opened->layout && opened->root && opened->split) status = open_cases(opened, row, labels);
    if (status == RMSEG_OK)
        *dataset = opened;
    else
        rmseg_dataset_destroy(opened);
    return status;
}

void rmseg_dataset_destroy(rmseg_dataset *dataset)
{
    if (!dataset) return;
    for (int64_t i = 0; i < dataset->count; i++) {
        rmseg_free(dataset->cases[i].id);
        rmseg_names_destroy(&dataset->cases[i].images);
        rmseg_names_destroy(&dataset->cases[i].labels);
        rmseg_free(dataset->cases[i].lacks);
    }
    for (int64_t i = 0; i < dataset->region_count; i++) {
        rmseg_free(dataset->regions[i].name);
        rmseg_free(dataset->regions[i].labels);
    }
    rmseg_free(dataset->cases);
    rmseg_free(dataset->regions);
    rmseg_free((void *)dataset->warned);
    rmseg_free(dataset->layout);
    rmseg_free(dataset->root);
    rmseg_free(dataset->split);
    rmseg_free(dataset);
}

rmseg_status rmseg_dataset_fold(bool *held, int64_t count, uint64_t seed, int64_t fold, int64_t folds)
{
    if (folds < 2 || fold < 0 || fold >= folds || folds > count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "fold %lld of %lld over %lld cases: expected 2 to as many folds as there are "
                          "cases, counted from 0",
                          (long long)fold, (long long)folds, (long long)count);
    int64_t *order = rmseg_alloc(count, sizeof *order);
    if (!order) return RMSEG_ERROR_MEMORY;
    rmseg_random random = rmseg_random_stream(seed, RMSEG_RANDOM_SPLIT, 0, 0);
    rmseg_random_order(&random, order, count);
    for (int64_t i = 0; i < count; i++) held[order[i]] = i % folds == fold;
    rmseg_free(order);
    return RMSEG_OK;
}
