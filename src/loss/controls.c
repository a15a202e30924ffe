/*
 * controls.c - the terms `wmse`, `permuted`, `ranked`: rm with its weights moved, to tell what their place does.
 *
 *     w = sum over the orders given of prod_k c_k^(2 q_k), as rm has them
 *     wmse      every voxel weighs the mean of w over the frame: what rm is without place
 *     permuted  blocks of w change places, by a permutation that seed and extents fix: the same weights elsewhere
 *     ranked    the values of w by distance from the truth: the largest farthest outside, or deepest inside
 *     each  sum w' r^2 / Z,  d/dp = 2 w' r / Z
 *
 * permuted: whole blocks among themselves, cut ones among those cut along the same axes, so that the histogram of w is kept
 * bit for bit; voxels outside of the frame keep their w. ranked: the valid voxels of the patch, in order of the signed distance to
 * the truth's border, ties in order of their index; a class that is empty or full gives all the mean.
 */
#include <math.h>
#include <string.h>

#include "loss/distance_maps.h"
#include "loss/residual_moment.h"

#define PERMUTED_OPTIONS(X)                                                                                            \
    RMSEG_RM_OPTIONS(X)                                                                                                \
    X(i64, block, "16", 1, 4096, "", "voxels", "extent of a block along each axis", "8")                               \
    X(i64, seed, "1", 0, INT64_MAX, "", "", "of the permutation", "2")
#define RANKED_OPTIONS(X)                                                                                              \
    RMSEG_RM_OPTIONS(X)                                                                                                \
    X(pick, largest, "far", 0, 0, "far|near", "", "where the largest weights go: far outside of the truth, or inside", \
      "near")
RMSEG_OPTIONS_DECLARE(permuted_options, PERMUTED_OPTIONS)
RMSEG_OPTIONS_DEFINE(permuted_options, PERMUTED_OPTIONS)
RMSEG_OPTIONS_DECLARE(ranked_options, RANKED_OPTIONS)
RMSEG_OPTIONS_DEFINE(ranked_options, RANKED_OPTIONS)

/* ---- w ----------------------------------------------------------------------------------------------------------- */

/* The weights of one sample and channel. Indices count from the patch's first voxel; the frame goes from `low` on. */
typedef struct weights {
    const rmseg_loss_term *term;
    int spatial;
    rmseg_ruler ruler[3];
    int64_t low[3], extent[3];
} weights;

static weights weights_of(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t n, int64_t c)
{
    const rmseg_batch *b = &e->sweep.batch;
    rmseg_field_rule rule = rmseg_rm_rule(part->term->options);
    weights w = {.term = part->term, .spatial = b->spatial};
    bool volume = rule.volume && b->frames;
    for (int axis = 0; axis < 3; axis++) {
        w.ruler[axis] = rmseg_ruler_of(e, &rule, n, c, axis);
        w.low[axis] = volume ? -b->frames[n].offset[axis] : 0;
        w.extent[axis] = volume ? b->frames[n].extent[axis] : b->size[axis];
    }
    return w;
}

/* Orders were checked at compilation. */
static void exponents_of(int64_t exponent[3], const weights *w, int64_t i)
{
    (void)rmseg_term_orders(exponent, w->term, i, w->spatial);
    for (int axis = 0; axis < 3; axis++) exponent[axis] *= 2;
}

/* w of `count` voxels of a row, from `at` on. */
static void weigh(double *to, const weights *w, const int64_t at[3], int64_t count)
{
    memset(to, 0, (size_t)count * sizeof *to);
    for (int64_t i = 0; i < 1 + w->term->mores; i++) {
        int64_t exponent[3];
        exponents_of(exponent, w, i);
        double across =
            rmseg_ruler_power(w->ruler[0], at[0], exponent[0]) * rmseg_ruler_power(w->ruler[1], at[1], exponent[1]);
        for (int64_t x = 0; x < count; x++) to[x] += across * rmseg_ruler_power(w->ruler[2], at[2] + x, exponent[2]);
    }
}

static double mean_of(const weights *w)
{
    double sum = 0;
    for (int64_t i = 0; i < 1 + w->term->mores; i++) {
        int64_t exponent[3];
        double product = 1;
        exponents_of(exponent, w, i);
        for (int axis = 0; axis < 3; axis++) {
            double along = 0;
            for (int64_t x = 0; x < w->extent[axis]; x++)
                along += rmseg_ruler_power(w->ruler[axis], w->low[axis] + x, exponent[axis]);
            product *= along / (double)w->extent[axis];
        }
        sum += product;
    }
    return sum;
}

static rmseg_status check_orders(const rmseg_evaluator *e, const rmseg_loss_part *part)
{
    int64_t order[3];
    for (int64_t i = 0; i < 1 + part->term->mores; i++)
        RMSEG_TRY(rmseg_term_orders(order, part->term, i, e->sweep.batch.spatial));
    return RMSEG_OK;
}

static rmseg_status choose(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_options *o = part->term->options;
    part->aside = true;
    RMSEG_TRY(check_orders(e, part));
    return rmseg_part_channels(e, part, rmseg_options_get(o, "channels"), rmseg_options_get(o, "weights"));
}

/* A map that is filled from weights, whose centres may be those of the truth. */
static rmseg_status add_map(rmseg_evaluator *e, rmseg_loss_part *part)
{
    RMSEG_TRY(rmseg_field_add_map(e, part, true));
    e->sweep.field[part->field].own_centres = rmseg_rm_rule(part->term->options).centre == RMSEG_CENTRE_CENTROID;
    return RMSEG_OK;
}

/* Writes values to the part's map, from element `at` on. */
static void store(const rmseg_evaluator *e, const rmseg_loss_part *part, int64_t at, const double *value, int64_t count)
{
    void *map = e->sweep.field[part->field].map;
    for (int64_t i = 0; i < count; i++) {
        if (e->sweep.batch.wide)
            ((double *)map)[at + i] = value[i];
        else
            ((float *)map)[at + i] = (float)value[i];
    }
}

static double finish(rmseg_evaluator *e, const rmseg_loss_part *part) { return rmseg_rm_finish(e, part, NULL); }

/* ---- wmse -------------------------------------------------------------------------------------------------------- */

static rmseg_status compile_wmse(rmseg_evaluator *e, rmseg_loss_part *part)
{
    rmseg_field_rule rule = rmseg_rm_rule(part->term->options);
    RMSEG_TRY(choose(e, part));
    part->scratch = rmseg_alloc(e->sweep.batch.n * e->sweep.batch.k, sizeof *part->scratch);
    if (!part->scratch) return RMSEG_ERROR_MEMORY;
    return rmseg_field_add(e, part, true, &rule, (const int64_t[3]){0});
}

static rmseg_status prepare_wmse(rmseg_evaluator *e, rmseg_loss_part *part)
{
    for (int64_t i = 0; i < e->sweep.batch.n * e->sweep.batch.k; i++) {
        weights w = weights_of(e, part, i / e->sweep.batch.k, i % e->sweep.batch.k);
        part->scratch[i] = mean_of(&w);
    }
    return RMSEG_OK;
}

static double finish_wmse(rmseg_evaluator *e, const rmseg_loss_part *part)
{
    return rmseg_rm_finish(e, part, part->scratch);
}

/* Over the samples and the channels it looks at. */
static double mean_weight_wmse(const rmseg_evaluator *e, const rmseg_loss_part *part)
{
    double sum = 0;
    for (int64_t i = 0; i < e->sweep.batch.n * e->sweep.batch.k; i++)
        if (part->channels[i % e->sweep.batch.k]) sum += part->scratch[i];
    return sum / (double)(e->sweep.batch.n * part->channel_count);
}

/* ---- permuted ------------------------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Where `index` of `count` goes: a Feistel network over the next even power of two, walked until it is inside. */
static int64_t permute(int64_t index, int64_t count, uint64_t key)
{
    int half = 1;
    while ((int64_t)1 << (2 * half) < count) half++;
    const uint64_t low = ((uint64_t)1 << half) - 1;
    uint64_t x = (uint64_t)index;
    if (count < 2) return index;
    do
        for (uint64_t round = 0; round < 6; round++) {
            uint64_t left = x >> half, right = x & low;
            x = right << half | (left ^ (mixed(key + 0x9e3779b97f4a7c15u * (8 * right + round + 1)) & low));
        }
    while ((int64_t)x >= count);
    return (int64_t)x;
}

/* The block that takes the place of `block`; a cut one is the last along its axes. */
static void take_place(int64_t block[3], const int64_t whole[3], uint64_t seed)
{
    int64_t count = 1, index = 0;
    uint64_t cut = 0;
    for (int axis = 0; axis < 3; axis++) {
        if (block[axis] == whole[axis]) {
            cut |= (uint64_t)1 << axis;
            continue;
        }
        count *= whole[axis];
        index = index * whole[axis] + block[axis];
    }
    index = permute(index, count, mixed(8 * seed + cut));
    for (int axis = 2; axis >= 0; axis--) {
        if (block[axis] == whole[axis]) continue;
        block[axis] = index % whole[axis];
        index /= whole[axis];
    }
}

typedef struct permuting {
    const rmseg_evaluator *e;
    const rmseg_loss_part *part;
} permuting;

enum { LONGEST = 256 };

/* The source of `count` voxels from `at` on, all of one block. */
static void weigh_elsewhere(double *to, const weights *w, const int64_t at[3], int64_t count, int64_t extent,
                            uint64_t seed)
{
    int64_t block[3], whole[3], from[3];
    for (int axis = 0; axis < 3; axis++) {
        block[axis] = (at[axis] - w->low[axis]) / extent;
        whole[axis] = w->extent[axis] / extent;
        from[axis] = (at[axis] - w->low[axis]) % extent;
    }
    take_place(block, whole, seed);
    for (int axis = 0; axis < 3; axis++) from[axis] += block[axis] * extent + w->low[axis];
    weigh(to, w, from, count);
}

static bool within(const weights *w, int axis, int64_t at)
{
    return at >= w->low[axis] && at < w->low[axis] + w->extent[axis];
}

/* One row of the map. */
static void permute_row(void *context, int64_t row, int thread)
{
    (void)thread;
    const permuting *p = context;
    const rmseg_batch *b = &p->e->sweep.batch;
    const permuted_options *o = permuted_options_values(p->part->term->options);
    int64_t plane = row / (b->size[0] * b->size[1]), rest = row % (b->size[0] * b->size[1]), count;
    if (!p->part->channels[plane % b->k]) return;
    weights w = weights_of(p->e, p->part, plane / b->k, plane % b->k);
    int64_t at[3] = {rest / b->size[1], rest % b->size[1], 0};
    bool rows_within = within(&w, 0, at[0]) && within(&w, 1, at[1]);
    for (; at[2] < b->size[2]; at[2] += count) {
        double value[LONGEST];
        bool inside = rows_within && within(&w, 2, at[2]);
        count = inside ? o->block - (at[2] - w.low[2]) % o->block : 1;
        if (inside && count > w.low[2] + w.extent[2] - at[2]) count = w.low[2] + w.extent[2] - at[2];
        if (count > b->size[2] - at[2]) count = b->size[2] - at[2];
        if (count > LONGEST) count = LONGEST;
        if (inside)
            weigh_elsewhere(value, &w, at, count, o->block, (uint64_t)o->seed);
        else
            weigh(value, &w, at, count);
        store(p->e, p->part, row * b->size[2] + at[2], value, count);
    }
}

static rmseg_status compile_permuted(rmseg_evaluator *e, rmseg_loss_part *part)
{
    RMSEG_TRY(choose(e, part));
    return add_map(e, part);
}

static rmseg_status prepare_permuted(rmseg_evaluator *e, rmseg_loss_part *part)
{
    const rmseg_batch *b = &e->sweep.batch;
    permuting p = {e, part};
    rmseg_parallel_for(b->n * b->k * b->size[0] * b->size[1], permute_row, &p);
    return RMSEG_OK;
}

/* ---- ranked --------------------------------------------------------------------------------------------------- */

typedef struct item {
    uint64_t key;
    int64_t voxel;
} item;

/* Of all voxels: two arrays of items, and the sorted weights. */
enum { RANK_BYTES = 2 * sizeof(item) + sizeof(double) };

/* By key, equal ones in their order; byte by byte from the lowest. Returns which of the two arrays has them. */
static item *sort_items(item *from, item *to, int64_t count)
{
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t start[257] = {0};
        for (int64_t i = 0; i < count; i++) start[1 + (from[i].key >> shift & 255)]++;
        if (start[1 + (from[0].key >> shift & 255)] == count) continue;
        for (int digit = 0; digit < 256; digit++) start[digit + 1] += start[digit];
        for (int64_t i = 0; i < count; i++) to[start[from[i].key >> shift & 255]++] = from[i];
        item *other = from;
        from = to;
        to = other;
    }
    return from;
}

/* Bits that grow with x. */
static uint64_t key_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static bool is_valid(const rmseg_class_view *v, int64_t voxel) { return v->fg[voxel] || !v->open[voxel]; }

/* The weights of the valid voxels, by growing size; returns how many. */
static int64_t sort_weights(double *sorted, item *items[2], const rmseg_class_view *v, const weights *w)
{
    int64_t count = 0, width = v->grid.size[2];
    double row[LONGEST];
    for (int64_t voxel = 0, length; voxel < v->voxels; voxel += length) {
        int64_t at[3] = {voxel / width / v->grid.size[1], voxel / width % v->grid.size[1], voxel % width};
        length = width - at[2] < LONGEST ? width - at[2] : LONGEST;
        weigh(row, w, at, length);
        for (int64_t i = 0; i < length; i++)
            if (is_valid(v, voxel + i)) {
                memcpy(&items[0][count].key, &row[i], sizeof row[i]); /* bits of what is not negative grow with it */
                items[0][count++].voxel = voxel + i;
            }
    }
    const item *from = count ? sort_items(items[0], items[1], count) : items[0];
    for (int64_t i = 0; i < count; i++) memcpy(sorted + i, &from[i].key, sizeof *sorted);
    return count;
}

static double signed_square(const rmseg_class_view *v, int64_t i)
{
    const rmseg_squares *s = v->fg[i] ? &v->in : &v->out;
    double square = s->whole ? s->whole[i] : s->real[i];
    return v->fg[i] ? -square : square;
}

static rmseg_status fill_ranked(rmseg_evaluator *e, rmseg_loss_part *part, rmseg_class_view *v)
{
    const ranked_options *o = ranked_options_values(part->term->options);
    item *items[2] = {v->extra, (item *)v->extra + v->voxels};
    double *sorted = (double *)(items[1] + v->voxels), sum = 0;
    int64_t start = (v->n * e->sweep.batch.k + v->c) * v->voxels, count, place = 0;
    weights w = weights_of(e, part, v->n, v->c);
    RMSEG_TRY(rmseg_view_truth(v, e));
    count = sort_weights(sorted, items, v, &w);
    if (!v->any_fg || !v->any_bg) {
        for (int64_t i = 0; i < count; i++) sum += sorted[i] / (double)count;
        for (int64_t i = 0; i < v->voxels; i++) store(e, part, start + i, &sum, 1);
        return RMSEG_OK;
    }
    for (int64_t i = 0; i < v->voxels; i++)
        if (is_valid(v, i)) items[0][place++] = (item){key_of(signed_square(v, i)), i};
    const item *ranked = sort_items(items[0], items[1], count);
    bool far = !strcmp(o->largest, "far");
    for (int64_t i = 0; i < count; i++) store(e, part, start + ranked[i].voxel, sorted + (far ? i : count - 1 - i), 1);
    return RMSEG_OK;
}

static rmseg_status compile_ranked(rmseg_evaluator *e, rmseg_loss_part *part)
{
    RMSEG_TRY(check_orders(e, part));
    RMSEG_TRY(rmseg_maps_create(e, part, RANK_BYTES));
    return add_map(e, part);
}

static rmseg_status prepare_ranked(rmseg_evaluator *e, rmseg_loss_part *part)
{
    return rmseg_maps_each(e, part, fill_ranked);
}

#define ORDERS RMSEG_ORDERS_ARGUMENT "; several rm together: 2,0 | 0,2 | 2,2\n"

const rmseg_loss_row rmseg_loss_wmse = {
    .info = {.name = "wmse",
             .arguments = ORDERS RMSEG_RM_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of m (p - y)^2, m the mean of the weights of rm with these orders",
             .source = "a control of rm",
             .help = "what rm of these orders is without place: one weight for all, rm's mean"},
    .orders = true,
    .summed = true,
    .create_options = rmseg_rm_options_create,
    .settle = rmseg_rm_settle,
    .compile = compile_wmse,
    .prepare = prepare_wmse,
    .finish = finish_wmse,
    .mean_weight = mean_weight_wmse,
};

const rmseg_loss_row rmseg_loss_permuted = {
    .info = {.name = "permuted",
             .arguments = ORDERS PERMUTED_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula =
                 "mean of w(s(i)) (p - y)^2, w the weights of rm with these orders, s a fixed permutation of blocks",
             .source = "a control of rm",
             .help = "the weights of rm in other places: blocks of them permuted once"},
    .orders = true,
    .summed = true,
    .create_options = permuted_options_create,
    .settle = rmseg_rm_settle,
    .compile = compile_permuted,
    .prepare = prepare_permuted,
    .finish = finish,
};

const rmseg_loss_row rmseg_loss_ranked = {
    .info = {.name = "ranked",
             .arguments = ORDERS RANKED_OPTIONS(RMSEG_LOSS_ARGUMENT),
             .formula = "mean of w' (p - y)^2, w' the sorted weights of rm by the rank of the distance to the truth",
             .source = "a control of rm",
             .help = "the weights of rm given out by distance from the truth instead of place in the image"},
    .orders = true,
    .summed = true,
    .create_options = ranked_options_create,
    .settle = rmseg_rm_settle,
    .compile = compile_ranked,
    .prepare = prepare_ranked,
    .finish = finish,
};
