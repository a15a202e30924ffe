/* evaluation.c - from the options to what is measured: columns, regions, spacing, grid, pairs of files. */
#include "run/evaluation.h"

#include <math.h>
#include <string.h>

#include "run/run.h"

RMSEG_OPTIONS_DEFINE(evaluate_options, EVALUATE_OPTIONS)

rmseg_status rmseg_evaluate_options_create(rmseg_options **options) { return evaluate_options_create(options); }

const rmseg_metric_info *rmseg_evaluate_metric_list(int64_t index)
{
    return index >= 0 && index < RMSEG_QUANTITIES ? rmseg_quantity_info((rmseg_quantity)index) : NULL;
}

static bool has_name(const rmseg_names *names, const char *name)
{
    bool has = false;
    for (int64_t i = 0; i < names->count; i++) has |= !strcmp(names->items[i], name);
    return has;
}

static rmseg_status add_measure(rmseg_evaluation *e, const char *name)
{
    const rmseg_metric_info *metric = NULL;
    rmseg_quantity quantity = rmseg_quantity_find(name);
    if (quantity < RMSEG_FP_BEYOND) e->quantities[quantity] = true;
    if (quantity < RMSEG_FP_BEYOND || has_name(&e->metrics, name)) return RMSEG_OK;
    if (quantity == RMSEG_FP_BEYOND)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--metrics fp_beyond: say from which distance on by --fp-beyond");
    RMSEG_TRY(rmseg_metric_find(&metric, name));
    return rmseg_names_add(&e->metrics, name);
}

static rmseg_status parse_metrics(rmseg_evaluation *e, const char *list)
{
    char *copy = rmseg_strdup(list), *rest = NULL;
    rmseg_status status = copy ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (char *name = copy ? strtok_r(copy, ",", &rest) : NULL; name && !status; name = strtok_r(NULL, ",", &rest))
        status = add_measure(e, name);
    rmseg_free(copy);
    return status;
}

/* The metrics of whole masks that say how many components met stand last: they are not measured for a component. */
static rmseg_status add_component_metrics(rmseg_evaluation *e)
{
    static const char *const names[] = {"component_precision", "component_recall", "component_f1"};
    rmseg_names kept = {0};
    rmseg_status status = RMSEG_OK;
    for (int64_t m = 0; m < e->metrics.count && !status; m++)
        if (strncmp(e->metrics.items[m], "component_", 10)) status = rmseg_names_add(&kept, e->metrics.items[m]);
    e->part_metrics = kept.count;
    for (int i = 0; i < 3 && !status; i++) status = rmseg_names_add(&kept, names[i]);
    rmseg_names_destroy(&e->metrics);
    e->metrics = kept;
    return status;
}

/* The columns of the results. Volumes come beside the default metrics; where no case has any they are left out again. */
static rmseg_status settle_columns(rmseg_evaluation *e)
{
    RMSEG_TRY(parse_metrics(e, e->o->metrics));
    if (e->o->components) RMSEG_TRY(add_component_metrics(e));
    e->default_metrics = !rmseg_options_given(e->options, "metrics");
    for (int q = 0; q < RMSEG_FP_BEYOND; q++) e->quantities[q] |= e->default_metrics;
    e->quantities[RMSEG_FP_BEYOND] = !isnan(e->o->fp_beyond);
    for (int64_t m = 0; m < e->metrics.count; m++) RMSEG_TRY(rmseg_names_add(&e->columns, e->metrics.items[m]));
    for (int q = 0; q < RMSEG_QUANTITIES; q++)
        if (e->quantities[q]) RMSEG_TRY(rmseg_names_add(&e->columns, rmseg_quantity_info(q)->name));
    if (e->columns.count) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--metrics is empty: name at least one (`rmseg metrics` lists them)");
}

/* "voxel", "image" or lengths in mm along the axes of the image, D,H,W or H,W. */
static rmseg_status parse_spacing(rmseg_evaluation *e, const char *text)
{
    e->spacing_of_image = !strcmp(text, "image");
    if (e->spacing_of_image || !strcmp(text, "voxel")) return RMSEG_OK;
    double read[3];
    char *copy = rmseg_strdup(text), *rest = NULL;
    if (!copy) return RMSEG_ERROR_MEMORY;
    int count = 0;
    bool right = true;
    for (char *word = strtok_r(copy, ",", &rest); word && right; word = strtok_r(NULL, ",", &rest))
        right = count < 3 && rmseg_parse_number(&read[count], word) && read[count] > 0 && read[count++] < 1e30;
    rmseg_free(copy);
    if (!right || count < 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--spacing %s: expected voxel, image, or a length in mm for each axis",
                          text);
    e->spacing[0] = 1;
    e->spacing_axes = count;
    memcpy(e->spacing + 3 - count, read, (size_t)count * sizeof *read);
    return RMSEG_OK;
}

static rmseg_status parse_grid(rmseg_evaluation *e, const char *text)
{
    int64_t read[3], count = 0;
    if (!*text) return RMSEG_OK;
    RMSEG_TRY(rmseg_parse_list(read, &count, 3, 1, "grid", text));
    if (count < 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--grid %s: expected height,width or depth,height,width", text);
    e->grid[0] = 1;
    e->grid_axes = count;
    memcpy(e->grid + 3 - count, read, (size_t)count * sizeof *read);
    rmseg_info("label images are resampled to the grid %s (nearest) before they are measured", text);
    return RMSEG_OK;
}

static rmseg_status regions_of_labels(rmseg_evaluation *e)
{
    int64_t most = (int64_t)strlen(e->o->labels), count = 0, *labels = rmseg_alloc(most, sizeof *labels);
    if (!labels) return RMSEG_ERROR_MEMORY;
    rmseg_status status = rmseg_parse_list(labels, &count, most, 0, "labels", e->o->labels);
    if (!status) status = rmseg_regions_from_labels(&e->regions, labels, count);
    rmseg_free(labels);
    return status;
}

static rmseg_status settle_regions(rmseg_evaluation *e)
{
    const evaluate_options *o = e->o;
    const rmseg_dataset *dataset = e->pairs.truths.dataset;
    if (*o->regions && *o->labels)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--regions and --labels both say what is judged: give one of them");
    if (*o->regions) return rmseg_regions_parse(&e->regions, o->regions);
    if (*o->labels) return regions_of_labels(e);
    return dataset && dataset->region_count ? rmseg_regions_from_dataset(&e->regions, dataset) : RMSEG_OK;
}

/* The truth of a region of nothing but the ignored label would be empty everywhere. */
static rmseg_status check_ignored(const rmseg_evaluation *e)
{
    for (int64_t r = 0; r < e->regions.count && e->settings.has_ignore; r++) {
        const rmseg_region *region = &e->regions.items[r];
        bool other = false;
        for (int64_t j = 0; j < region->count; j++) other |= region->labels[j] != e->settings.ignore;
        if (!other)
            return rmseg_fail(
                RMSEG_ERROR_ARGUMENT,
                "region %s: --ignore %d takes its only label out of the truth, so nothing is left to judge",
                region->name, (int)e->settings.ignore);
    }
    return RMSEG_OK;
}

/* What is wrong with names, convention and settings together is wrong for two pixels, too: told before any file is read.
 */
static rmseg_status check_settings(const rmseg_evaluation *e)
{
    static const uint8_t nothing[2] = {0, 0};
    rmseg_metric_settings settings = e->settings;
    settings.empty = RMSEG_EMPTY_NAN;
    settings.connectivity = 1;
    double *values = rmseg_alloc(e->metrics.count, sizeof *values);
    if (!values) return RMSEG_ERROR_MEMORY;
    rmseg_status status =
        rmseg_metric_measure(values, NULL, nothing, nothing, (int64_t[]){1, 1, 2}, (double[]){1, 1, 1},
                             (const char *const *)e->metrics.items, e->metrics.count, &settings);
    rmseg_free(values);
    return status;
}

rmseg_status rmseg_evaluation_settle(rmseg_evaluation *e)
{
    const evaluate_options *o = e->o;
    rmseg_truth truth = {o->truth, o->layout, o->data, o->split, o->threshold};
    rmseg_metric_settings_default(&e->settings);
    e->settings.convention = o->convention;
    e->settings.percentile = o->percentile;
    e->settings.connectivity = (int)o->connectivity;
    e->settings.tolerance = o->tolerance;
    e->settings.directed = o->directed;
    e->settings.has_ignore = rmseg_options_given(e->options, "ignore");
    e->settings.ignore = (int32_t)o->ignore;
    e->prediction_255 = e->truth_255 = true;
    RMSEG_TRY(rmseg_metric_settings_empty(&e->settings, o->empty));
    RMSEG_TRY(settle_columns(e));
    RMSEG_TRY(check_settings(e));
    RMSEG_TRY(parse_spacing(e, o->spacing));
    RMSEG_TRY(parse_grid(e, o->grid));
    if (o->threads) RMSEG_TRY(rmseg_threads_set((int)o->threads));
    RMSEG_TRY(rmseg_pairs_find(&e->pairs, o->pred, &truth));
    RMSEG_TRY(settle_regions(e));
    return check_ignored(e);
}
