/*
 * distance_maps.c - masks of a class, their distances, and maps of weights filled from them.
 *
 * Where masks are small there are many of them, and each thread takes its own; a large one is worked on by all threads.
 * Which it is depends on the shape alone, and no result on either.
 */
#include "loss/whole_image.h"

#include <math.h>
#include <string.h>

enum { SMALL_VOXELS = 1 << 16, CHUNK_VOXELS = 1 << 14 };

/* One thread's memory. */
typedef struct room {
    rmseg_distance_plan *plan;
    double *squares; /* (2, voxels) */
    uint8_t *masks;  /* (3, voxels) */
    void *extra;
} room;

struct rmseg_distance_maps {
    room *rooms;
    int64_t count, voxels, size[3];
    bool side_by_side;
    rmseg_whole_image *image; /* NULL: distances within the patch */
    size_t extra;             /* bytes a voxel, of the row's own */
};

/* ---- memory -------------------------------------------------------------------------------------------------- */

static rmseg_status furnish(room *r, const rmseg_distance_maps *m)
{
    r->squares = rmseg_alloc(m->voxels, 2 * sizeof *r->squares);
    r->masks = rmseg_alloc(m->voxels, 3);
    r->extra = rmseg_alloc(m->voxels, m->extra);
    if (!r->squares || !r->masks || !r->extra) return RMSEG_ERROR_MEMORY;
    return rmseg_distance_plan_create(&r->plan, m->size, m->side_by_side);
}

static void clear_room(room *r)
{
    rmseg_distance_plan_destroy(r->plan);
    rmseg_free(r->squares);
    rmseg_free(r->masks);
    rmseg_free(r->extra);
    *r = (room){0};
}

/* A room for each thread that needs one. */
static rmseg_status ensure_rooms(rmseg_distance_maps *m)
{
    int64_t wanted = m->side_by_side ? rmseg_threads() : 1;
    if (m->count >= wanted) return RMSEG_OK;
    room *grown = rmseg_realloc(m->rooms, wanted, sizeof *grown);
    if (!grown) return RMSEG_ERROR_MEMORY;
    m->rooms = grown;
    for (; m->count < wanted; m->count++) {
        m->rooms[m->count] = (room){0};
        rmseg_status status = furnish(m->rooms + m->count, m);
        if (status) clear_room(m->rooms + m->count);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_maps_create(rmseg_evaluator *e, rmseg_loss_part *part, size_t extra)
{
    const rmseg_batch *b = &e->sweep.batch;
    const rmseg_options *o = part->term->options;
    rmseg_distance_maps *m = part->maps = rmseg_alloc(1, sizeof *m);
    if (!m) return RMSEG_ERROR_MEMORY;
    memcpy(m->size, b->size, sizeof m->size);
    m->voxels = b->size[0] * b->size[1] * b->size[2];
    const char *maps = rmseg_options_get(o, "maps");
    if (maps && !strcmp(maps, "image")) RMSEG_TRY(rmseg_whole_image_create(&m->image));
    m->side_by_side = m->voxels <= SMALL_VOXELS && !m->image;
    m->extra = extra;
    part->aside = true;
    RMSEG_TRY(ensure_rooms(m));
    return rmseg_part_channels(e, part, rmseg_options_get(o, "channels"), rmseg_options_get(o, "weights"));
}

void rmseg_maps_destroy(rmseg_distance_maps *m)
{
    if (!m) return;
    for (int64_t i = 0; i < m->count; i++) clear_room(m->rooms + i);
    rmseg_free(m->rooms);
    rmseg_whole_image_destroy(m->image);
    rmseg_free(m);
}

/* ---- every class --------------------------------------------------------------------------------------------- */

typedef struct walk {
    rmseg_evaluator *e;
    rmseg_loss_part *part;
    rmseg_class_fn fn;
} walk;

static rmseg_status visit(void *context, int64_t index, int thread)
{
    const walk *w = context;
    const rmseg_batch *b = &w->e->sweep.batch;
    const rmseg_distance_maps *m = w->part->maps;
    const room *r = m->rooms + (m->side_by_side ? thread : 0);
    rmseg_class_view v = {
        .n = index / b->k, .c = index % b->k, .voxels = m->voxels, .plan = r->plan, .image = m->image};
    if (!w->part->channels[v.c]) return RMSEG_OK;
    const char *units = rmseg_options_get(w->part->term->options, "units");
    bool mm = units && !strcmp(units, "mm") && b->frames;
    v.fg = r->masks, v.open = v.fg + m->voxels, v.border = v.open + m->voxels;
    v.extra = r->extra;
    v.memory[0] = r->squares, v.memory[1] = r->squares + m->voxels;
    for (int axis = 0; axis < 3; axis++) {
        v.grid.size[axis] = m->size[axis];
        v.grid.spacing[axis] = mm ? b->frames[v.n].spacing[axis] : 1;
    }
    return w->fn(w->e, w->part, &v);
}

rmseg_status rmseg_maps_each(rmseg_evaluator *e, rmseg_loss_part *part, rmseg_class_fn fn)
{
    walk w = {e, part, fn};
    int64_t classes = e->sweep.batch.n * e->sweep.batch.k;
    RMSEG_TRY(ensure_rooms(part->maps));
    if (part->maps->side_by_side) return rmseg_parallel_try(classes, visit, &w);
    for (int64_t i = 0; i < classes; i++) RMSEG_TRY(visit(&w, i, 0));
    return RMSEG_OK;
}

/* ---- masks --------------------------------------------------------------------------------------------------- */

/* A value that T cannot hold is none of its labels. */
#define MASK_LABELS(T)                                                                                                 \
    static void mask_##T(uint8_t *restrict fg, uint8_t *restrict open, const T *restrict label, int64_t count,         \
                         int64_t wanted, int64_t ignored)                                                              \
    {                                                                                                                  \
        const T want = (T)wanted, ignore = (T)ignored;                                                                 \
        const uint8_t can_want = want == wanted, can_ignore = ignore == ignored;                                       \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            fg[i] = can_want & (label[i] == want);                                                                     \
            open[i] = fg[i] | (can_ignore & (label[i] == ignore));                                                     \
        }                                                                                                              \
    }
MASK_LABELS(int32_t)
MASK_LABELS(uint8_t)
MASK_LABELS(int16_t)
MASK_LABELS(int64_t)

/* `first` is the first of k channels, which are `apart` elements from one another. */
#define MASK_MAP(T)                                                                                                    \
    static void mask_##T(uint8_t *restrict fg, uint8_t *restrict open, const T *first, int64_t count, int64_t k,       \
                         int64_t c, int64_t apart)                                                                     \
    {                                                                                                                  \
        memset(open, 0, (size_t)count);                                                                                \
        for (int64_t j = 0; j < k; j++)                                                                                \
            for (int64_t i = 0; i < count; i++) open[i] |= first[j * apart + i] < 0;                                   \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            fg[i] = !open[i] & (first[c * apart + i] > (T)0.5);                                                        \
            open[i] |= fg[i];                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    /* Channel c is the largest; the first of equals is. */                                                            \
    static void mask_largest_##T(uint8_t *restrict fg, uint8_t *restrict open, const T *first, int64_t count,          \
                                 int64_t k, int64_t c, int64_t apart)                                                  \
    {                                                                                                                  \
        const T *p = first + c * apart;                                                                                \
        memset(fg, 1, (size_t)count);                                                                                  \
        for (int64_t j = 0; j < k; j++)                                                                                \
            for (int64_t i = 0; i < count; i++)                                                                        \
                fg[i] &= j < c ? first[j * apart + i] < p[i] : first[j * apart + i] <= p[i];                           \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            fg[i] &= p[i] >= 0;                                                                                        \
            open[i] = fg[i] | (p[i] < 0);                                                                              \
        }                                                                                                              \
    }
MASK_MAP(float)
MASK_MAP(double)

typedef struct masking {
    rmseg_class_view *view;
    const rmseg_evaluator *e;
    const void *map; /* (N,K,D,H,W), or NULL: the index */
    bool largest;
} masking;

static void mask_index(const masking *m, int64_t first, int64_t count)
{
    const rmseg_batch *b = &m->e->sweep.batch;
    uint8_t *fg = m->view->fg + first, *open = m->view->open + first;
    int64_t at = m->view->n * m->view->voxels + first, wanted = m->view->c + m->e->sweep.first_label,
            ignored = b->ignore == -1 ? INT64_MIN : b->ignore;
    switch (b->index_type) {
    case RMSEG_INDEX_U8: mask_uint8_t(fg, open, (const uint8_t *)b->index + at, count, wanted, ignored); break;
    case RMSEG_INDEX_I16: mask_int16_t(fg, open, (const int16_t *)b->index + at, count, wanted, ignored); break;
    case RMSEG_INDEX_I64: mask_int64_t(fg, open, (const int64_t *)b->index + at, count, wanted, ignored); break;
    default: mask_int32_t(fg, open, (const int32_t *)b->index + at, count, wanted, ignored);
    }
}

static void mask_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const masking *m = context;
    const rmseg_class_view *v = m->view;
    const rmseg_batch *b = &m->e->sweep.batch;
    int64_t first = chunk * CHUNK_VOXELS, count = rmseg_chunk_end(v->voxels, CHUNK_VOXELS, chunk) - first;
    int64_t at = v->n * b->k * v->voxels + first;
    uint8_t *fg = v->fg + first, *open = v->open + first;
    if (!m->map)
        mask_index(m, first, count);
    else if (b->wide)
        (m->largest ? mask_largest_double : mask_double)(fg, open, (const double *)m->map + at, count, b->k, v->c,
                                                         v->voxels);
    else
        (m->largest ? mask_largest_float : mask_float)(fg, open, (const float *)m->map + at, count, b->k, v->c,
                                                       v->voxels);
}

static void make_masks(rmseg_class_view *v, masking m)
{
    rmseg_parallel_for(rmseg_chunk_count(v->voxels, CHUNK_VOXELS), mask_chunk, &m);
}

static rmseg_status measure(rmseg_class_view *v)
{
    v->of_image = false;
    v->any_fg = memchr(v->fg, 1, (size_t)v->voxels) != NULL;
    v->any_bg = memchr(v->open, 0, (size_t)v->voxels) != NULL;
    if (!v->any_fg || !v->any_bg) return RMSEG_OK;
    RMSEG_TRY(rmseg_distance_plan_run(&v->out, v->plan, v->memory[0], v->fg, true, v->grid.spacing));
    return rmseg_distance_plan_run(&v->in, v->plan, v->memory[1], v->open, false, v->grid.spacing);
}

rmseg_status rmseg_view_truth(rmseg_class_view *v, const rmseg_evaluator *e)
{
    make_masks(v, (masking){.view = v, .e = e, .map = e->sweep.batch.map});
    return v->image ? rmseg_whole_image_measure(v, e) : measure(v);
}

rmseg_status rmseg_view_prediction(rmseg_class_view *v, const rmseg_evaluator *e, bool largest)
{
    make_masks(v, (masking){.view = v, .e = e, .map = e->predicted, .largest = largest});
    return measure(v);
}

rmseg_status rmseg_view_border(rmseg_class_view *v)
{
    if (v->of_image) return RMSEG_OK;
    return rmseg_border(v->border, v->open, &v->grid, 1, RMSEG_EDGE_IS_INSIDE);
}

/* ---- maps ---------------------------------------------------------------------------------------------------- */

static void read_squares(double *to, const rmseg_squares *s, int64_t first, int64_t count)
{
    for (int64_t i = 0; s->whole && i < count; i++) to[i] = s->whole[first + i] * s->factor;
    for (int64_t i = 0; s->real && i < count; i++) to[i] = s->real[first + i] * s->factor;
}

typedef struct filling {
    void *map;
    bool wide;
    const rmseg_class_view *view;
    rmseg_weigh_fn weigh;
    const void *context;
} filling;

static void fill_block(const filling *f, rmseg_map_block *x)
{
    double *wide = (double *)f->map + x->first;
    float *narrow = (float *)f->map + x->first;
    if (f->view->any_fg && f->view->any_bg) {
        read_squares(x->out, &f->view->out, x->first, x->count);
        read_squares(x->in, &f->view->in, x->first, x->count);
    } else {
        memset(x->out, 0, sizeof x->out);
        memset(x->in, 0, sizeof x->in);
    }
    for (int64_t i = 0; f->wide && i < x->count; i++) x->map[i] = wide[i];
    for (int64_t i = 0; !f->wide && i < x->count; i++) x->map[i] = (double)narrow[i];
    f->weigh(x, f->view, f->context);
    for (int64_t i = 0; f->wide && i < x->count; i++) wide[i] = x->map[i];
    for (int64_t i = 0; !f->wide && i < x->count; i++) narrow[i] = (float)x->map[i];
}

static void fill_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const filling *f = context;
    rmseg_map_block x;
    int64_t end = rmseg_chunk_end(f->view->voxels, CHUNK_VOXELS, chunk);
    for (x.first = chunk * CHUNK_VOXELS; x.first < end; x.first += x.count) {
        x.count = end - x.first < RMSEG_MAP_BLOCK ? end - x.first : RMSEG_MAP_BLOCK;
        fill_block(f, &x);
    }
}

void rmseg_view_fill(const rmseg_evaluator *e, void *map, const rmseg_class_view *v, rmseg_weigh_fn weigh,
                     const void *context)
{
    size_t element = e->sweep.batch.wide ? sizeof(double) : sizeof(float);
    size_t start = (size_t)((v->n * e->sweep.batch.k + v->c) * v->voxels);
    filling f = {(char *)map + start * element, e->sweep.batch.wide, v, weigh, context};
    rmseg_parallel_for(rmseg_chunk_count(v->voxels, CHUNK_VOXELS), fill_chunk, &f);
}

double rmseg_squares_largest(const rmseg_squares *s, const uint8_t *mask, uint8_t value, int64_t voxels)
{
    int32_t whole = 0;
    double real = 0;
    for (int64_t i = 0; s->whole && i < voxels; i++)
        whole = mask[i] == value && s->whole[i] > whole ? s->whole[i] : whole;
    for (int64_t i = 0; s->real && i < voxels; i++) real = mask[i] == value && s->real[i] > real ? s->real[i] : real;
    return sqrt((s->whole ? whole : real) * s->factor);
}

void rmseg_view_largest(double *out, double *in, const rmseg_class_view *v)
{
    if (v->of_image) {
        *out = v->largest[0], *in = v->largest[1];
        return;
    }
    *out = rmseg_squares_largest(&v->out, v->open, 0, v->voxels);
    *in = rmseg_squares_largest(&v->in, v->fg, 1, v->voxels);
}

double rmseg_map_divisor(const rmseg_evaluator *e, const rmseg_loss_part *part)
{
    const char *reduction = rmseg_options_get(part->term->options, "reduction");
    if (!strcmp(reduction, "sum")) return 1;
    return !strcmp(reduction, "mean") ? (double)part->channel_count * e->valid : (double)e->sweep.batch.n;
}

double rmseg_map_finish(rmseg_evaluator *e, const rmseg_loss_part *part, double factor)
{
    const rmseg_batch *b = &e->sweep.batch;
    bool squared = e->sweep.field[part->field].squared;
    double over = rmseg_map_divisor(e, part), sum = 0;
    if (!(over > 0)) return 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c]) continue;
            double count = (part->weights ? part->weights[c] : 1) / over;
            sum += count * (squared ? rmseg_part_square(e, part, 0, n, c) : rmseg_part_p(e, part, 0, n, c));
            *rmseg_part_coefficient(e, part, 0, n, c) = factor * count;
        }
    return sum;
}
