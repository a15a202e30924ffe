/* labels.c - one region of two label maps as a pair of masks, whole and component by component. */
#include <string.h>

#include "core/core.h"
#include "metric/components.h"
#include "metric/measure.h"

typedef struct region {
    uint8_t *prediction, *truth, *ignored; /* [D*H*W]; ignored is NULL where nothing is */
    int64_t voxels;
    rmseg_pair pair;
} region;

static void region_free(region *r)
{
    rmseg_free(r->prediction);
    rmseg_free(r->truth);
    rmseg_free(r->ignored);
}

static inline int32_t label_at(const rmseg_label_map *map, int64_t i)
{
    return map->type == RMSEG_LABEL_U8 ? ((const uint8_t *)map->data)[i] : ((const int32_t *)map->data)[i];
}

/* Neighbours nearly always carry the same label, so the answer for the last one is kept. */
static void set_mask(uint8_t *mask, const rmseg_label_map *map, int64_t voxels, const int32_t *labels, int64_t count)
{
    int32_t last = 0;
    bool last_is_set = false, asked = false;
    for (int64_t i = 0; i < voxels; i++) {
        int32_t label = label_at(map, i);
        if (!asked || label != last) {
            last_is_set = false;
            for (int64_t k = 0; k < count; k++) last_is_set |= labels[k] == label;
            last = label;
            asked = true;
        }
        mask[i] = last_is_set;
    }
}

static void leave_out(region *r)
{
    for (int64_t i = 0; i < r->voxels; i++) {
        r->prediction[i] &= !r->ignored[i];
        r->truth[i] &= !r->ignored[i];
    }
}

static rmseg_status region_create(region *r, rmseg_label_map prediction, rmseg_label_map truth, const int64_t size[3],
                                  const double spacing[3], const int32_t *labels, int64_t label_count,
                                  const rmseg_metric_settings *settings)
{
    *r = (region){0};
    if (!rmseg_mul3(&r->voxels, size[0], size[1], size[2]) || r->voxels == 0)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "label maps of %lld x %lld x %lld voxels: every extent must be at least 1",
                          (long long)size[0], (long long)size[1], (long long)size[2]);
    r->prediction = rmseg_alloc(r->voxels, 1);
    r->truth = rmseg_alloc(r->voxels, 1);
    r->ignored = settings->has_ignore ? rmseg_alloc(r->voxels, 1) : NULL;
    if (!r->prediction || !r->truth || (settings->has_ignore && !r->ignored)) return RMSEG_ERROR_MEMORY;
    set_mask(r->prediction, &prediction, r->voxels, labels, label_count);
    set_mask(r->truth, &truth, r->voxels, labels, label_count);
    if (r->ignored) {
        set_mask(r->ignored, &truth, r->voxels, &settings->ignore, 1);
        leave_out(r);
    }
    return rmseg_pair_create(&r->pair, r->prediction, r->truth, r->ignored, size, spacing, settings);
}

rmseg_status rmseg_metric_measure_labels(double *values, const char **note, rmseg_label_map prediction,
                                         rmseg_label_map truth, const int64_t size[3], const double spacing[3],
                                         const int32_t *labels, int64_t label_count, const char *const *names,
                                         int64_t count, const rmseg_metric_settings *settings)
{
    region r;
    rmseg_status status = region_create(&r, prediction, truth, size, spacing, labels, label_count, settings);
    if (!status) status = rmseg_pair_measure(values, note, &r.pair, names, count, settings);
    region_free(&r);
    return status;
}

/* ---- component by component ----------------------------------------------------------------------------------------- */

static rmseg_status list_pairs(rmseg_component_records *records, const rmseg_matching *m, int64_t metrics)
{
    bool *taken = rmseg_alloc(m->counts.predictions + 1, sizeof *taken);
    int64_t most = m->counts.truths + m->counts.predictions - m->counts.matched, values = 0;
    if (!rmseg_mul(&values, most, metrics)) values = -1;
    records->pairs = rmseg_alloc(most, sizeof *records->pairs);
    records->values = values < 0 ? NULL : rmseg_alloc(values, sizeof *records->values);
    if (!taken || !records->pairs || !records->values) {
        rmseg_free(taken);
        return values < 0 ? rmseg_fail_memory() : RMSEG_ERROR_MEMORY;
    }
    for (int64_t t = 1; t <= m->counts.truths; t++) {
        rmseg_component_pair *pair = &records->pairs[records->count++];
        int64_t p = m->partner[t];
        *pair = (rmseg_component_pair){.truth = t, .prediction = p, .truth_voxels = m->truth_voxels[t], .note = ""};
        if (!p) continue;
        taken[p] = true;
        pair->prediction_voxels = m->prediction_voxels[p];
        pair->both = m->shared[t];
        pair->iou = (double)pair->both / (double)(pair->truth_voxels + pair->prediction_voxels - pair->both);
    }
    for (int64_t p = 1; p <= m->counts.predictions; p++) {
        if (taken[p]) continue;
        records->pairs[records->count++] =
            (rmseg_component_pair){.prediction = p, .prediction_voxels = m->prediction_voxels[p], .note = ""};
    }
    rmseg_free(taken);
    return RMSEG_OK;
}

/* Leaves of both masks only the components of that pair. */
static void single_out(region *r, const rmseg_matching *m, const rmseg_component_pair *pair)
{
    const int64_t *n = m->box.size, *size = r->pair.grid.size;
    memset(r->prediction, 0, (size_t)r->voxels);
    memset(r->truth, 0, (size_t)r->voxels);
    int64_t i = 0;
    for (int64_t d = 0; d < n[0]; d++)
        for (int64_t h = 0; h < n[1]; h++)
            for (int64_t w = 0; w < n[2]; w++, i++) {
                if (!m->truth[i] && !m->prediction[i]) continue; /* the margin may lie beyond the image */
                int64_t at = ((m->box.start[0] + d) * size[1] + m->box.start[1] + h) * size[2] + m->box.start[2] + w;
                r->truth[at] = m->truth[i] && m->truth[i] == pair->truth;
                r->prediction[at] = m->prediction[i] && m->prediction[i] == pair->prediction;
            }
}

static rmseg_status measure_pairs(rmseg_component_records *records, region *r, const rmseg_matching *m,
                                  const char *const *names, int64_t count, const rmseg_metric_settings *settings)
{
    RMSEG_TRY(list_pairs(records, m, count));
    records->truths = m->counts.truths;
    records->predictions = m->counts.predictions;
    records->matched = m->counts.matched;
    for (int64_t i = 0; i < records->count; i++) {
        single_out(r, m, &records->pairs[i]);
        RMSEG_TRY(
            rmseg_pair_measure(records->values + i * count, &records->pairs[i].note, &r->pair, names, count, settings));
    }
    return RMSEG_OK;
}

rmseg_status rmseg_metric_measure_components(rmseg_component_records *records, rmseg_label_map prediction,
                                             rmseg_label_map truth, const int64_t size[3], const double spacing[3],
                                             const int32_t *labels, int64_t label_count, const char *const *names,
                                             int64_t count, const rmseg_metric_settings *settings)
{
    region r;
    rmseg_overlap overlap;
    rmseg_matching matching = {0};
    rmseg_component_records made = {0};
    rmseg_status status = region_create(&r, prediction, truth, size, spacing, labels, label_count, settings);
    if (!status) status = rmseg_overlap_count(&overlap, r.prediction, r.truth, size);
    if (!status)
        status = rmseg_matching_find(&matching, &r.pair, &overlap, settings->connectivity, settings->component_iou);
    if (!status) status = measure_pairs(&made, &r, &matching, names, count, settings);
    rmseg_matching_free(&matching);
    region_free(&r);
    if (status)
        rmseg_component_records_free(&made);
    else
        *records = made;
    return status;
}

void rmseg_component_records_free(rmseg_component_records *records)
{
    if (!records) return;
    rmseg_free(records->pairs);
    rmseg_free(records->values);
    *records = (rmseg_component_records){0};
}
