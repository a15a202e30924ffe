/* components.c - components of two masks, matched one to one by how much they overlap. */
#include "metric/components.h"

#include <stdlib.h>

/* ---- which components overlap, and by how much ------------------------------------------------------------------- */

typedef struct meeting {
    int32_t truth, prediction;
    int64_t both;
    double iou;
} meeting;

typedef struct meetings {
    meeting *items;
    int64_t count, capacity;
} meetings;

static rmseg_status add_meeting(meetings *m, int32_t truth, int32_t prediction)
{
    if (m->count && m->items[m->count - 1].truth == truth && m->items[m->count - 1].prediction == prediction) {
        m->items[m->count - 1].both++;
        return RMSEG_OK;
    }
    if (m->count == m->capacity) {
        int64_t more = m->capacity ? 2 * m->capacity : 64;
        meeting *larger = rmseg_realloc(m->items, more, sizeof *larger);
        if (!larger) return RMSEG_ERROR_MEMORY;
        m->items = larger;
        m->capacity = more;
    }
    m->items[m->count++] = (meeting){truth, prediction, 1, 0};
    return RMSEG_OK;
}

static int by_numbers(const void *left, const void *right)
{
    const meeting *a = left, *b = right;
    if (a->truth != b->truth) return a->truth < b->truth ? -1 : 1;
    return (a->prediction > b->prediction) - (a->prediction < b->prediction);
}

static int by_iou(const void *left, const void *right)
{
    const meeting *a = left, *b = right;
    if (a->iou != b->iou) return a->iou > b->iou ? -1 : 1;
    return by_numbers(left, right);
}

/* Runs of voxels of the same two components become one meeting each. */
static void join_runs(meetings *m)
{
    if (!m->count) return;
    qsort(m->items, (size_t)m->count, sizeof *m->items, by_numbers);
    int64_t last = 0;
    for (int64_t i = 1; i < m->count; i++) {
        if (by_numbers(&m->items[last], &m->items[i]))
            m->items[++last] = m->items[i];
        else
            m->items[last].both += m->items[i].both;
    }
    m->count = last + 1;
}

static void pair_up(rmseg_matching *matching, meetings *m, bool *taken, double iou)
{
    for (int64_t i = 0; i < m->count; i++) {
        meeting *one = &m->items[i];
        int64_t all = matching->truth_voxels[one->truth] + matching->prediction_voxels[one->prediction] - one->both;
        one->iou = (double)one->both / (double)all;
    }
    if (m->count) qsort(m->items, (size_t)m->count, sizeof *m->items, by_iou);
    for (int64_t i = 0; i < m->count && m->items[i].iou > iou; i++) {
        const meeting *best = &m->items[i];
        if (matching->partner[best->truth] || taken[best->prediction]) continue;
        matching->partner[best->truth] = best->prediction;
        matching->shared[best->truth] = best->both;
        taken[best->prediction] = true;
        matching->counts.matched++;
    }
}

static rmseg_status match(rmseg_matching *matching, double iou)
{
    meetings m = {0};
    rmseg_status status = RMSEG_OK;
    const int64_t *n = matching->box.size;
    for (int64_t i = 0; i < n[0] * n[1] * n[2] && !status; i++)
        if (matching->truth[i] && matching->prediction[i])
            status = add_meeting(&m, matching->truth[i], matching->prediction[i]);
    bool *taken = status ? NULL : rmseg_alloc(matching->counts.predictions + 1, sizeof *taken);
    if (taken) {
        join_runs(&m);
        pair_up(matching, &m, taken, iou);
    }
    rmseg_free(m.items);
    rmseg_free(taken);
    return taken ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

/* ---- components -------------------------------------------------------------------------------------------------- */

/* Numbers of the components of one mask and the voxels of each. */
static rmseg_status number(int32_t **component, int64_t **voxels_of, int64_t *count, const rmseg_box *box,
                           const uint8_t *mask, const rmseg_pair *pair, int connectivity)
{
    const int64_t *n = box->size;
    int64_t voxels = n[0] * n[1] * n[2];
    rmseg_grid grid = {{n[0], n[1], n[2]}, {1, 1, 1}};
    int most = n[0] == 1 ? 2 : 3;
    uint8_t *cut = rmseg_alloc(voxels, sizeof *cut);
    *component = rmseg_alloc(voxels, sizeof **component);
    rmseg_status status = cut && *component ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status) {
        rmseg_box_cut(cut, box, mask, pair->grid.size);
        status = rmseg_components(*component, count, cut, &grid, connectivity < most ? connectivity : most);
    }
    rmseg_free(cut);
    if (status) return status;
    *voxels_of = rmseg_alloc(*count + 1, sizeof **voxels_of);
    if (!*voxels_of) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < voxels; i++) (*voxels_of)[(*component)[i]]++;
    return RMSEG_OK;
}

rmseg_status rmseg_matching_find(rmseg_matching *matching, const rmseg_pair *pair, const rmseg_overlap *overlap,
                                 int connectivity, double iou)
{
    rmseg_matching m = {.box = {{0, 0, 0}, {1, 1, 1}}}; /* of an empty union: any voxel */
    if (overlap->prediction + overlap->truth) m.box = rmseg_box_around(pair, overlap, RMSEG_EDGE_OF_BOX);
    rmseg_status status = number(&m.truth, &m.truth_voxels, &m.counts.truths, &m.box, pair->truth, pair, connectivity);
    if (!status)
        status = number(&m.prediction, &m.prediction_voxels, &m.counts.predictions, &m.box, pair->prediction, pair,
                        connectivity);
    if (!status) {
        m.partner = rmseg_alloc(m.counts.truths + 1, sizeof *m.partner);
        m.shared = rmseg_alloc(m.counts.truths + 1, sizeof *m.shared);
        status = m.partner && m.shared ? match(&m, iou) : RMSEG_ERROR_MEMORY;
    }
    if (status)
        rmseg_matching_free(&m);
    else
        *matching = m;
    return status;
}

void rmseg_matching_free(rmseg_matching *matching)
{
    rmseg_free(matching->truth);
    rmseg_free(matching->prediction);
    rmseg_free(matching->truth_voxels);
    rmseg_free(matching->prediction_voxels);
    rmseg_free(matching->partner);
    rmseg_free(matching->shared);
    *matching = (rmseg_matching){0};
}
