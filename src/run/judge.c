/* judge.c - one case: two label images are read, compared in geometry, and measured region by region. */
#include <math.h>
#include <string.h>

#include "run/evaluation.h"
#include "run/geometry.h"
#include "run/label.h"

/* Two labels of 4 bytes, two masks, a file of 8 bytes while it is read, and what the metrics take: measured. */
enum { BYTES_A_VOXEL = 40 };

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* What one case is measured from. */
typedef struct trial {
    const rmseg_evaluation *e;
    const char *name;                /* of the prediction, for sentences */
    rmseg_image *prediction, *truth; /* I32, on the grid of the evaluation */
    uint8_t *masks;                  /* [2][voxels] of prediction and truth; NULL where labels are enough */
    int32_t *cleaned;                /* [voxels] the prediction of one region, after cleaning; NULL without */
    bool *seen;                      /* [2][RMSEG_MOST_LABELS] of prediction and truth */
    rmseg_outcome *out;
} trial;

static void relabel_255(rmseg_image *label, bool *seen)
{
    int32_t *value = label->data;
    int64_t voxels = rmseg_image_voxels(label);
    for (int64_t i = 0; i < voxels; i++) value[i] = value[i] == 255 ? 1 : value[i];
    seen[255] = false;
    seen[1] = true;
}

static rmseg_status regrid(rmseg_image **label, const rmseg_evaluation *e)
{
    rmseg_image *raw = *label;
    if (!e->grid_axes) return RMSEG_OK;
    if ((raw->size[0] > 1) != (e->grid_axes == 3))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--grid %s: the files are %s, so %d numbers are expected", e->o->grid,
                          raw->size[0] > 1 ? "volumes" : "2D", raw->size[0] > 1 ? 3 : 2);
    RMSEG_TRY(rmseg_image_resample(label, raw, e->grid, RMSEG_NEAREST));
    rmseg_image_destroy(raw);
    return RMSEG_OK;
}

/* Where the regions are given, a 255 is what it says. */
static rmseg_status read_label(rmseg_image **label, rmseg_found *kind, bool *seen, const trial *t,
                               const rmseg_cases *cases, int64_t index, bool map_255)
{
    RMSEG_TRY(rmseg_cases_label(label, cases, index));
    rmseg_found_see(seen, *label);
    *kind = rmseg_found_kind(seen);
    if (map_255 && *kind == RMSEG_FOUND_255 && !t->e->regions.count) relabel_255(*label, seen);
    return regrid(label, t->e);
}

/* Without regions of the options every label is judged, but not the one to ignore. */
static rmseg_status find_regions(trial *t)
{
    const rmseg_metric_settings *settings = &t->e->settings;
    for (int64_t v = 0; v < RMSEG_MOST_LABELS; v++) t->seen[v] |= t->seen[RMSEG_MOST_LABELS + v];
    if (settings->has_ignore) t->seen[settings->ignore] = false;
    return t->e->regions.count ? RMSEG_OK : rmseg_found_regions(&t->out->found, t->seen);
}

static rmseg_status read_pair(trial *t, int64_t i)
{
    const rmseg_evaluation *e = t->e;
    bool *seen = t->seen = rmseg_alloc(2 * RMSEG_MOST_LABELS, sizeof *seen), *seen_truth = seen + RMSEG_MOST_LABELS;
    if (!seen) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(read_label(&t->prediction, &t->out->prediction_kind, seen, t, &e->pairs.predictions,
                         e->pairs.prediction[i], e->prediction_255));
    RMSEG_TRY(
        read_label(&t->truth, &t->out->truth_kind, seen_truth, t, &e->pairs.truths, e->pairs.truth[i], e->truth_255));
    RMSEG_TRY(rmseg_geometry_agree(t->prediction, t->truth, t->name, !strcmp(e->o->geometry, "ignore")));
    return find_regions(t);
}

/* ---- spacing ----------------------------------------------------------------------------------------------------- */

/* Lengths in mm of a voxel: those that were given, else the truth's, else the prediction's; false where none says. */
static bool find_mm(double mm[3], const trial *t)
{
    const rmseg_image *says = t->truth->has_spacing ? t->truth : t->prediction;
    if (!t->e->spacing_axes && !says->has_spacing) return false;
    memcpy(mm, t->e->spacing_axes ? t->e->spacing : says->spacing, 3 * sizeof *mm);
    return true;
}

static rmseg_status find_scale(const trial *t)
{
    const rmseg_evaluation *e = t->e;
    rmseg_mask_pair *scale = &t->out->scale;
    double mm[3] = {1, 1, 1};
    bool known = find_mm(mm, t), volume = t->truth->size[0] > 1;
    if (e->spacing_of_image && !known)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--spacing image: neither %s nor its truth says its spacing; give it in mm, or use --spacing "
                          "voxel",
                          t->name);
    if (e->spacing_axes && (e->spacing_axes == 3) != volume)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--spacing %s: the files are %s, so %d lengths are expected",
                          e->o->spacing, volume ? "volumes" : "2D", volume ? 3 : 2);
    bool in_mm = e->spacing_of_image || e->spacing_axes;
    scale->voxel_ml = known && volume ? mm[0] * mm[1] * mm[2] / 1000 : NAN;
    for (int axis = 0; axis < 3; axis++) {
        scale->size[axis] = t->truth->size[axis];
        scale->spacing[axis] = in_mm ? mm[axis] : 1;
    }
    return RMSEG_OK;
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

/* One region of two label images; the masks are there where quantities are asked for. */
typedef struct view {
    rmseg_label_map prediction, truth;
    const int32_t *labels;
    int64_t label_count;
    rmseg_mask_pair pair;
} view;

static rmseg_status measure_view(double *values, const char **notes, const rmseg_evaluation *e, const view *v)
{
    int64_t at = e->metrics.count;
    if (at) {
        const char *const *names = (const char *const *)e->metrics.items, *note = "";
        RMSEG_TRY(rmseg_metric_measure_labels(values, &note, v->prediction, v->truth, v->pair.size, v->pair.spacing,
                                              v->labels, v->label_count, names, at, &e->settings));
        for (int64_t m = 0; m < at; m++) notes[m] = note;
    }
    for (int q = 0; q < RMSEG_QUANTITIES; q++) {
        if (!e->quantities[q]) continue;
        RMSEG_TRY(rmseg_quantity_measure(&values[at], &notes[at], q, &v->pair, e->o->fp_beyond));
        at++;
    }
    return RMSEG_OK;
}

/* The masks of a region, the prediction's cleaned; what is to be ignored is in neither. */
static rmseg_status make_masks(trial *t, const rmseg_region *region)
{
    const rmseg_cleaning cleaning = {.largest = t->e->o->largest_component};
    const rmseg_metric_settings *settings = &t->e->settings;
    const int32_t *truth = t->truth->data;
    int64_t voxels = rmseg_image_voxels(t->truth);
    uint8_t *prediction_mask = t->masks, *truth_mask = t->masks + voxels;
    rmseg_region_mask(prediction_mask, t->prediction->data, voxels, region);
    rmseg_region_mask(truth_mask, truth, voxels, region);
    RMSEG_TRY(rmseg_clean(prediction_mask, t->out->scale.size, &cleaning));
    for (int64_t i = 0; i < voxels && t->cleaned; i++) t->cleaned[i] = prediction_mask[i] ? region->labels[0] : -1;
    for (int64_t i = 0; i < voxels && settings->has_ignore; i++)
        if (truth[i] == settings->ignore) prediction_mask[i] = truth_mask[i] = 0;
    return RMSEG_OK;
}

static rmseg_status measure_region(trial *t, int64_t r, const rmseg_region *region)
{
    const rmseg_evaluation *e = t->e;
    rmseg_outcome *out = t->out;
    int64_t at = r * e->columns.count;
    view v = {.truth = {t->truth->data, RMSEG_LABEL_I32}, .labels = region->labels, .label_count = region->count};
    v.prediction = (rmseg_label_map){t->cleaned ? t->cleaned : t->prediction->data, RMSEG_LABEL_I32};
    v.pair = out->scale;
    v.pair.prediction = t->masks;
    v.pair.truth = t->masks + rmseg_image_voxels(t->truth);
    if (t->masks) RMSEG_TRY(make_masks(t, region));
    RMSEG_TRY(measure_view(out->values + at, out->notes + at, e, &v));
    if (!e->o->components) return RMSEG_OK;
    return rmseg_metric_measure_components(&out->parts[r], v.prediction, v.truth, v.pair.size, v.pair.spacing, v.labels,
                                           v.label_count, (const char *const *)e->metrics.items, e->part_metrics,
                                           &e->settings);
}

static bool needs_masks(const rmseg_evaluation *e)
{
    bool needs = e->o->largest_component;
    for (int q = 0; q < RMSEG_QUANTITIES; q++) needs |= e->quantities[q];
    return needs;
}

static rmseg_status measure(trial *t)
{
    const rmseg_regions *regions = t->e->regions.count ? &t->e->regions : &t->out->found;
    int64_t voxels = rmseg_image_voxels(t->truth), cells = regions->count * t->e->columns.count;
    bool masks = needs_masks(t->e), clean = t->e->o->largest_component, enough;
    rmseg_outcome *out = t->out;
    if (masks) t->masks = rmseg_alloc(2 * voxels, 1);
    if (clean) t->cleaned = rmseg_alloc(voxels, sizeof *t->cleaned);
    out->values = rmseg_alloc(cells, sizeof *out->values);
    out->notes = rmseg_alloc(cells, sizeof *out->notes);
    out->parts = rmseg_alloc(regions->count, sizeof *out->parts);
    out->region_count = regions->count;
    enough = (t->masks || !masks) && (t->cleaned || !clean) && out->values && out->notes && out->parts;
    rmseg_status status = enough ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t r = 0; r < regions->count && !status; r++) {
        status = measure_region(t, r, &regions->items[r]);
        if (status) rmseg_fail_in(status, "region %s", regions->items[r].name);
    }
    return status;
}

int64_t rmseg_evaluation_bytes(const rmseg_evaluation *e, int64_t i)
{
    rmseg_image header = {0};
    int64_t grid = e->grid[0] * e->grid[1] * e->grid[2], bytes = 0;
    if (rmseg_image_read_header(&header, e->pairs.predictions.paths[e->pairs.prediction[i]])) return 0;
    int64_t voxels = rmseg_image_voxels(&header);
    return rmseg_mul(&bytes, voxels > grid ? voxels : grid, BYTES_A_VOXEL) ? bytes : INT64_MAX;
}

rmseg_status rmseg_evaluation_judge(rmseg_outcome *out, const rmseg_evaluation *e, int64_t i)
{
    const rmseg_cases *predictions = &e->pairs.predictions;
    trial t = {.e = e, .out = out, .name = predictions->paths[e->pairs.prediction[i]]};
    rmseg_status status = read_pair(&t, i);
    if (!status) status = find_scale(&t);
    if (!status) status = measure(&t);
    rmseg_image_destroy(t.prediction);
    rmseg_image_destroy(t.truth);
    rmseg_free(t.masks);
    rmseg_free(t.cleaned);
    rmseg_free(t.seen);
    return status;
}

rmseg_status rmseg_evaluation_absent(double *values, const char **notes, const rmseg_evaluation *e,
                                     const rmseg_outcome *out)
{
    static const int32_t one = 1;
    view v = {.labels = &one, .label_count = 1, .pair = out->scale};
    uint8_t *nothing = rmseg_alloc(v.pair.size[0] * v.pair.size[1] * v.pair.size[2], 1);
    if (!nothing) return RMSEG_ERROR_MEMORY;
    v.pair.prediction = v.pair.truth = nothing;
    v.prediction = v.truth = (rmseg_label_map){nothing, RMSEG_LABEL_U8};
    rmseg_status status = measure_view(values, notes, e, &v);
    rmseg_free(nothing);
    return status;
}

void rmseg_outcome_destroy(rmseg_outcome *out)
{
    for (int64_t r = 0; r < out->region_count && out->parts; r++) rmseg_component_records_free(&out->parts[r]);
    rmseg_regions_destroy(&out->found);
    rmseg_free(out->values);
    rmseg_free(out->notes);
    rmseg_free(out->parts);
    *out = (rmseg_outcome){0};
}
