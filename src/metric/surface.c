/* surface.c - from two masks to two lists of distances, by one pair of distance transforms. */
#include "metric/surface.h"

#include <math.h>
#include <string.h>

typedef struct workplace {
    rmseg_box box;
    rmseg_grid voxels, sites; /* the box; the same, or the corners inside it, in the transform's units */
    int64_t site_count;
    uint8_t *mask, *ignored; /* cut out; ignored is NULL where nothing is */
    uint8_t *site[2];        /* prediction's and truth's: 0 where there is none, else 1 or the corner's code */
    uint8_t *touched;        /* corners of ignored voxels; NULL where nothing is ignored */
    double unit;             /* of the transform's distances */
} workplace;

static bool has_corners(const rmseg_site_rule *rule)
{
    return rule->kind == RMSEG_SITES_ELEMENTS || rule->kind == RMSEG_SITES_VERTICES;
}

static rmseg_status create(workplace *b, const rmseg_pair *pair, const rmseg_overlap *overlap,
                           const rmseg_site_rule *rule)
{
    bool corners = has_corners(rule);
    int64_t m[3], voxels = 0;
    b->box = rmseg_box_around(pair, overlap, corners ? RMSEG_EDGE_ENDS : rule->edge);
    const int64_t *n = b->box.size;
    for (int axis = 0; axis < 3; axis++) m[axis] = corners && axis >= 3 - pair->axes ? n[axis] - 1 : n[axis];
    b->voxels = rmseg_box_grid(&b->unit, n, pair->grid.spacing);
    b->sites = rmseg_box_grid(&b->unit, m, pair->grid.spacing);
    if (!rmseg_mul3(&voxels, n[0], n[1], n[2])) return rmseg_fail_memory();
    b->site_count = m[0] * m[1] * m[2];
    b->mask = rmseg_alloc(voxels, sizeof *b->mask);
    b->ignored = pair->ignored ? rmseg_alloc(voxels, sizeof *b->ignored) : NULL;
    for (int side = 0; side < 2; side++) b->site[side] = rmseg_alloc(b->site_count, sizeof *b->site[side]);
    b->touched = b->ignored && corners ? rmseg_alloc(b->site_count, sizeof *b->touched) : NULL;
    bool enough = b->mask && b->site[0] && b->site[1] && (b->touched || !b->ignored || !corners) &&
                  (b->ignored || !pair->ignored);
    return enough ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static void destroy(workplace *b)
{
    rmseg_free(b->mask);
    rmseg_free(b->ignored);
    rmseg_free(b->site[0]);
    rmseg_free(b->site[1]);
    rmseg_free(b->touched);
}

/* ---- sites ------------------------------------------------------------------------------------------------------- */

/* The codes of the mask, but 0 inside it; `touched` takes those of the ignored voxels, at which no piece of
 * surface may lie. */
static rmseg_status find_corners(uint8_t *site, uint8_t *touched, const workplace *b, int axes)
{
    const uint8_t inside = axes == 3 ? 255 : 15;
    RMSEG_TRY(rmseg_corner_codes(site, b->mask, &b->voxels));
    for (int64_t i = 0; i < b->site_count; i++) site[i] = site[i] == inside ? 0 : site[i];
    if (!b->ignored) return RMSEG_OK;
    RMSEG_TRY(rmseg_corner_codes(touched, b->ignored, &b->voxels));
    for (int64_t i = 0; i < b->site_count; i++) site[i] = touched[i] ? 0 : site[i];
    return RMSEG_OK;
}

static rmseg_status find_sites(int side, workplace *b, const rmseg_pair *pair, const rmseg_site_rule *rule)
{
    rmseg_box_cut(b->mask, &b->box, side ? pair->truth : pair->prediction, pair->grid.size);
    if (has_corners(rule)) return find_corners(b->site[side], b->touched, b, pair->axes);
    bool one_voxel = rule->edge == RMSEG_EDGE_OF_BOX && b->site_count == 1; /* no neighbours that could be unset */
    if (rule->kind == RMSEG_SITES_BORDER && !one_voxel)
        return rmseg_box_border(b->site[side], b->mask, b->ignored, &b->voxels, rule->connectivity);
    memcpy(b->site[side], b->mask, (size_t)b->site_count);
    return RMSEG_OK;
}

/* ---- distances --------------------------------------------------------------------------------------------------- */

/* Sites of one mask, those of both masks counted apart unless they have sizes. */
static void count_sites(int64_t *count, int64_t *zeros, const workplace *b, int side, bool sized)
{
    const uint8_t *own = b->site[side], *other = b->site[!side];
    int64_t all = 0, common = 0;
    for (int64_t i = 0; i < b->site_count; i++) {
        all += own[i] != 0;
        common += own[i] && other[i];
    }
    *zeros = sized ? 0 : common;
    *count = all - *zeros;
}

static bool empty_row(const uint8_t *row)
{
    uint64_t bytes;
    memcpy(&bytes, row, sizeof bytes);
    return !bytes;
}

/* The sites of one list, in voxel order, and their sizes. */
static void list_sites(int64_t *query, double *size, const workplace *b, int side, const double size_of[256])
{
    const uint8_t *own = b->site[side], *other = b->site[!side];
    for (int64_t i = 0; i < b->site_count; i++) {
        if (i + 8 <= b->site_count && empty_row(own + i)) {
            i += 7;
            continue;
        }
        if (!own[i] || (!size && other[i])) continue;
        *query++ = i;
        if (size) *size++ = size_of[own[i]];
    }
}

static rmseg_status measure_side(double *value, double *size, int64_t count, const workplace *b, int side,
                                 const double size_of[256])
{
    int64_t *query = rmseg_alloc(count, sizeof *query);
    if (!query) return RMSEG_ERROR_MEMORY;
    list_sites(query, size, b, side, size_of);
    rmseg_status status = rmseg_distance_at(value, b->site[!side], query, count, &b->sites);
    for (int64_t i = 0; status == RMSEG_OK && i < count; i++) value[i] = b->unit * sqrt(value[i]);
    rmseg_free(query);
    return status;
}

static rmseg_status measure_in(rmseg_distances *d, workplace *b, const rmseg_pair *pair, const rmseg_site_rule *rule)
{
    double size_of[256];
    bool sized = has_corners(rule);
    if (rule->kind == RMSEG_SITES_ELEMENTS) rmseg_element_sizes(size_of, pair->axes, pair->grid.spacing);
    if (rule->kind == RMSEG_SITES_VERTICES) rmseg_vertex_sizes(size_of, pair->axes, pair->grid.spacing);
    for (int side = 0; side < 2; side++) count_sites(&d->count[side], &d->zeros[side], b, side, sized);
    int64_t count = d->count[0] + d->count[1];
    d->value = rmseg_alloc(count, sizeof *d->value);
    d->size = sized ? rmseg_alloc(count, sizeof *d->size) : NULL;
    if (!d->value || (sized && !d->size)) return RMSEG_ERROR_MEMORY;
    for (int side = 0; side < 2; side++) {
        int64_t first = side ? d->count[0] : 0;
        if (!d->count[side]) continue;
        RMSEG_TRY(measure_side(d->value + first, sized ? d->size + first : NULL, d->count[side], b, side, size_of));
    }
    return RMSEG_OK;
}

static rmseg_status add_scratch(rmseg_distances *d)
{
    int64_t count = d->count[0] + d->count[1];
    d->scratch = rmseg_alloc(count, (d->size ? 2 : 1) * sizeof *d->scratch);
    return d->scratch ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_surface_measure(rmseg_distances *distances, const rmseg_pair *pair, const rmseg_overlap *overlap,
                                   const rmseg_site_rule *rule)
{
    workplace b = {0};
    rmseg_distances found = {0};
    if (has_corners(rule) && pair->axes < 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "a mask of one axis has no surface elements: they need 2 or 3 axes");
    rmseg_status status = create(&b, pair, overlap, rule);
    if (status == RMSEG_OK && b.ignored) rmseg_box_cut(b.ignored, &b.box, pair->ignored, pair->grid.size);
    for (int side = 0; side < 2 && status == RMSEG_OK; side++) status = find_sites(side, &b, pair, rule);
    if (status == RMSEG_OK) status = measure_in(&found, &b, pair, rule);
    destroy(&b);
    if (status == RMSEG_OK) status = add_scratch(&found);
    if (status == RMSEG_OK)
        *distances = found;
    else
        rmseg_distances_free(&found);
    return status;
}
