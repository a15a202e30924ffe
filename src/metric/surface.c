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

enum { CHUNK_SITES = 1 << 15, BLOCK = 128 };

/* Sites of the prediction, of the truth, and of both; of a chunk, and then of all chunks before it. */
typedef struct site_counts {
    int64_t of[2], common;
} site_counts;

typedef struct listing {
    const workplace *b;
    site_counts *chunk;
    double size_of[256]; /* by what a site holds */
    bool sized;          /* if not, common sites are left out of the lists: their distance is 0 */
    int side;            /* whose list is made */
    double *value, *size;
} listing;

/* In blocks whose count fits a byte, for the compiler to make vectors of. */
static void count_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const listing *l = context;
    const uint8_t *p = l->b->site[0], *t = l->b->site[1];
    int64_t end = rmseg_chunk_end(l->b->site_count, CHUNK_SITES, chunk);
    site_counts sum = {{0, 0}, 0};
    for (int64_t from = chunk * CHUNK_SITES; from < end; from += BLOCK) {
        int64_t count = end - from < BLOCK ? end - from : BLOCK;
        uint8_t in_p = 0, in_t = 0, in_both = 0;
        for (int64_t i = from; i < from + count; i++) {
            uint8_t a = p[i] != 0, b = t[i] != 0;
            in_p += a, in_t += b, in_both += a & b;
        }
        sum.of[0] += in_p, sum.of[1] += in_t, sum.common += in_both;
    }
    l->chunk[chunk] = sum;
}

static bool empty_row(const uint8_t *row)
{
    uint64_t bytes;
    memcpy(&bytes, row, sizeof bytes);
    return !bytes;
}

/* The sites of one list, in voxel order, and their sizes. */
static void list_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const listing *l = context;
    const uint8_t *own = l->b->site[l->side], *other = l->b->site[!l->side];
    int64_t end = rmseg_chunk_end(l->b->site_count, CHUNK_SITES, chunk);
    int64_t at = l->chunk[chunk].of[l->side] - (l->sized ? 0 : l->chunk[chunk].common);
    for (int64_t i = chunk * CHUNK_SITES; i < end; i++) {
        if (i + 8 <= end && empty_row(own + i)) {
            i += 7;
            continue;
        }
        if (!own[i] || (!l->sized && other[i])) continue;
        if (l->sized) l->size[at] = l->size_of[own[i]];
        l->value[at++] = (double)i;
    }
}

/* Counts the sites; each chunk's entry becomes the counts of those before it. */
static site_counts count_sites(listing *l, int64_t chunks)
{
    site_counts sum = {{0, 0}, 0};
    rmseg_parallel_for(chunks, count_chunk, l);
    for (int64_t i = 0; i < chunks; i++) {
        site_counts here = l->chunk[i];
        l->chunk[i] = sum;
        sum.of[0] += here.of[0], sum.of[1] += here.of[1], sum.common += here.common;
    }
    return sum;
}

/* The list holds where its sites are before it holds how far: no second one is needed. */
static rmseg_status measure_side(rmseg_distances *d, listing *l, int64_t chunks, int side)
{
    int64_t first = side ? d->count[0] : 0, count = d->count[side];
    if (!count) return RMSEG_OK;
    l->side = side;
    l->value = d->value + first;
    l->size = d->size ? d->size + first : NULL;
    rmseg_parallel_for(chunks, list_chunk, l);
    RMSEG_TRY(rmseg_distance_at(l->value, l->b->site[!side], count, &l->b->sites));
    for (int64_t i = 0; i < count; i++) l->value[i] = l->b->unit * sqrt(l->value[i]);
    return RMSEG_OK;
}

static rmseg_status measure_in(rmseg_distances *d, const workplace *b, const rmseg_pair *pair,
                               const rmseg_site_rule *rule)
{
    int64_t chunks = rmseg_chunk_count(b->site_count, CHUNK_SITES);
    listing l = {.b = b, .sized = has_corners(rule), .chunk = rmseg_alloc(chunks, sizeof *l.chunk)};
    if (!l.chunk) return RMSEG_ERROR_MEMORY;
    if (rule->kind == RMSEG_SITES_ELEMENTS) rmseg_element_sizes(l.size_of, pair->axes, pair->grid.spacing);
    if (rule->kind == RMSEG_SITES_VERTICES) rmseg_vertex_sizes(l.size_of, pair->axes, pair->grid.spacing);
    site_counts sum = count_sites(&l, chunks);
    for (int side = 0; side < 2; side++) {
        d->zeros[side] = l.sized ? 0 : sum.common;
        d->count[side] = sum.of[side] - d->zeros[side];
    }
    int64_t count = d->count[0] + d->count[1];
    d->value = rmseg_alloc(count, sizeof *d->value);
    d->size = l.sized ? rmseg_alloc(count, sizeof *d->size) : NULL;
    rmseg_status status = d->value && (d->size || !l.sized) ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int side = 0; side < 2 && status == RMSEG_OK; side++) status = measure_side(d, &l, chunks, side);
    rmseg_free(l.chunk);
    return status;
}

static rmseg_status add_scratch(rmseg_distances *d)
{
    int64_t all = d->count[0] + d->count[1], longer = d->count[0] > d->count[1] ? d->count[0] : d->count[1];
    d->scratch = rmseg_alloc(d->size ? 2 * longer : all, sizeof *d->scratch);
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
