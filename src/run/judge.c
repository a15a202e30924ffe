/* judge.c - which regions are judged, and the metrics of one pair of label images. */
#include <stdatomic.h>
#include <string.h>

#include "run/evaluation.h"
#include "run/label.h"

/* ---- which regions ----------------------------------------------------------------------------------------------- */

enum { MOST_LABELS = 65536, MOST_FOUND = 64 };

typedef struct sight {
    const rmseg_evaluation *e;
    atomic_bool *predicted, *truth; /* [MOST_LABELS] */
} sight;

static void see_labels(atomic_bool *seen, const rmseg_cases *cases, int64_t index)
{
    rmseg_image *label = NULL;
    if (rmseg_cases_label(&label, cases, index)) return; /* told of when its own turn comes */
    const int32_t *value = label->data;
    int64_t voxels = rmseg_image_voxels(label);
    int32_t last = -1;
    for (int64_t i = 0; i < voxels; i++) {
        if (value[i] == last || value[i] < 0 || value[i] >= MOST_LABELS) continue;
        last = value[i];
        atomic_store_explicit(&seen[last], true, memory_order_relaxed);
    }
    rmseg_image_destroy(label);
}

static void see_pair(void *context, int64_t i, int thread)
{
    (void)thread;
    const sight *s = context;
    see_labels(s->predicted, &s->e->pairs.predictions, s->e->pairs.prediction[i]);
    see_labels(s->truth, &s->e->pairs.truths, s->e->pairs.truth[i]);
}

/* Masks of 0 and 255 are common: their 255 is the 1 of a prediction. */
static bool take_255(atomic_bool *seen)
{
    for (int64_t i = 1; i < MOST_LABELS; i++)
        if (seen[i] && i != 255) return false;
    bool is_mask = seen[255];
    seen[255] = false;
    seen[1] = is_mask;
    return is_mask;
}

/* Every label but 0 that a prediction or a truth has. */
static rmseg_status regions_of_files(rmseg_evaluation *e, atomic_bool *predicted, atomic_bool *truth)
{
    int64_t labels[MOST_FOUND], count = 0;
    sight s = {e, predicted, truth};
    rmseg_parallel_for(e->pairs.count, see_pair, &s);
    e->prediction_255 = take_255(predicted);
    e->truth_255 = take_255(truth);
    for (int64_t i = 1; i < MOST_LABELS; i++) {
        if (!predicted[i] && !truth[i]) continue;
        if (count == MOST_FOUND)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                              "the files hold more than %d label values, as images do and label images do not: check "
                              "--pred and --truth, or give --labels or --regions",
                              MOST_FOUND);
        labels[count++] = i;
    }
    if (!count) labels[count++] = 1; /* nothing anywhere: judged as such */
    return rmseg_regions_from_labels(&e->regions, labels, count);
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

rmseg_status rmseg_evaluation_regions(rmseg_evaluation *e)
{
    const evaluate_options *o = e->o;
    if (*o->regions && *o->labels)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--regions and --labels both say what is judged: give one of them");
    if (*o->regions) return rmseg_regions_parse(&e->regions, o->regions);
    if (*o->labels) return regions_of_labels(e);
    const rmseg_dataset *dataset = e->pairs.truths.dataset;
    if (dataset && dataset->region_count) return rmseg_regions_from_dataset(&e->regions, dataset);
    atomic_bool *seen = rmseg_alloc(2 * MOST_LABELS, sizeof *seen);
    rmseg_status status = seen ? regions_of_files(e, seen, seen + MOST_LABELS) : RMSEG_ERROR_MEMORY;
    rmseg_free(seen);
    return status;
}

/* ---- one case ---------------------------------------------------------------------------------------------------- */

static rmseg_status read_label(rmseg_image **label, const rmseg_evaluation *e, const rmseg_cases *cases, int64_t index,
                               bool is_255)
{
    rmseg_image *raw = NULL;
    RMSEG_TRY(rmseg_cases_label(&raw, cases, index));
    int32_t *value = raw->data;
    int64_t voxels = rmseg_image_voxels(raw);
    for (int64_t i = 0; i < voxels && is_255; i++)
        if (value[i] == 255) value[i] = 1;
    if (!e->grid[0]) {
        *label = raw;
        return RMSEG_OK;
    }
    rmseg_status status = rmseg_image_resample(label, raw, e->grid, RMSEG_NEAREST);
    rmseg_image_destroy(raw);
    return status;
}

static rmseg_status check_pair(const rmseg_image *prediction, const rmseg_image *truth, const char *path)
{
    char size[80], expected[80];
    if (!memcmp(prediction->size, truth->size, sizeof truth->size)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s has %s, its truth %s: predict on the images' own grid, or give --grid to resample both", path,
                      rmseg_extent_words(size, prediction->size), rmseg_extent_words(expected, truth->size));
}

static rmseg_status find_spacing(double spacing[3], const rmseg_evaluation *e, const rmseg_image *truth)
{
    bool of_image = e->spacing[0] == 0;
    if (of_image && !truth->has_spacing)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--spacing image: the file of the truth does not say its spacing; give it "
                          "in mm, or use --spacing voxel");
    memcpy(spacing, of_image ? truth->spacing : e->spacing, 3 * sizeof *spacing);
    return RMSEG_OK;
}

static rmseg_status measure(rmseg_outcome *out, const rmseg_evaluation *e, const rmseg_image *prediction,
                            const rmseg_image *truth, uint8_t *masks)
{
    const rmseg_cleaning cleaning = {.largest = e->o->largest_component};
    int64_t voxels = rmseg_image_voxels(truth);
    double spacing[3];
    RMSEG_TRY(find_spacing(spacing, e, truth));
    for (int64_t r = 0; r < e->regions.count; r++) {
        rmseg_region_mask(masks, prediction->data, voxels, &e->regions.items[r]);
        rmseg_region_mask(masks + voxels, truth->data, voxels, &e->regions.items[r]);
        RMSEG_TRY(rmseg_clean(masks, truth->size, &cleaning));
        rmseg_status status =
            rmseg_metric_measure(out->values + r * e->metrics.count, &out->notes[r], masks, masks + voxels, truth->size,
                                 spacing, (const char *const *)e->metrics.items, e->metrics.count, &e->settings);
        if (status) return rmseg_fail_in(status, "region %s", e->regions.items[r].name);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_evaluation_judge(rmseg_outcome *out, const rmseg_evaluation *e, int64_t i)
{
    rmseg_image *prediction = NULL, *truth = NULL;
    uint8_t *masks = NULL;
    out->values = rmseg_alloc(e->regions.count * e->metrics.count, sizeof *out->values);
    out->notes = rmseg_alloc(e->regions.count, sizeof *out->notes);
    rmseg_status status = out->values && out->notes ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status) status = read_label(&prediction, e, &e->pairs.predictions, e->pairs.prediction[i], e->prediction_255);
    if (!status) status = read_label(&truth, e, &e->pairs.truths, e->pairs.truth[i], e->truth_255);
    if (!status && !(masks = rmseg_alloc(2 * rmseg_image_voxels(truth), 1))) status = RMSEG_ERROR_MEMORY;
    if (!status) status = check_pair(prediction, truth, e->pairs.predictions.paths[e->pairs.prediction[i]]);
    if (!status) status = measure(out, e, prediction, truth, masks);
    rmseg_image_destroy(prediction);
    rmseg_image_destroy(truth);
    rmseg_free(masks);
    return status;
}
