/*
 * component_sweep.c - which components of a mask stay, from its planes one after the other.
 *
 * A voxel without an earlier neighbour in the mask begins a tree of a union-find; any other joins its neighbours' trees. That
 * depends on the mask alone, so the second round meets the same trees again without their having been kept for each voxel. A
 * root is the oldest of its trees: the component's first voxel.
 */
#include <string.h>

#include "field/field.h"

struct rmseg_component_sweep {
    int64_t height, width;
    int64_t *before, *now;    /* [height * width] tree + 1 of each voxel of the plane before and of this one; 0: none */
    int64_t *parent, *voxels; /* [room] of each tree */
    int64_t count, room, met; /* trees; those met again in the second round */
};

rmseg_status rmseg_component_sweep_create(rmseg_component_sweep **sweep, int64_t height, int64_t width)
{
    int64_t plane = 0;
    rmseg_component_sweep *s = rmseg_alloc(1, sizeof *s);
    if (!s) return RMSEG_ERROR_MEMORY;
    s->height = height;
    s->width = width;
    if (!rmseg_mul(&plane, height, width)) rmseg_fail_memory();
    if (plane) s->before = rmseg_alloc(plane, sizeof *s->before);
    if (plane) s->now = rmseg_alloc(plane, sizeof *s->now);
    if (s->before && s->now) {
        *sweep = s;
        return RMSEG_OK;
    }
    rmseg_component_sweep_destroy(s);
    return RMSEG_ERROR_MEMORY;
}

void rmseg_component_sweep_destroy(rmseg_component_sweep *s)
{
    if (!s) return;
    rmseg_free(s->before);
    rmseg_free(s->now);
    rmseg_free(s->parent);
    rmseg_free(s->voxels);
    rmseg_free(s);
}

static int64_t find_root(int64_t *parent, int64_t tree)
{
    while (parent[tree] != tree) tree = parent[tree] = parent[parent[tree]];
    return tree;
}

/* The older of two trees' roots takes the other. */
static int64_t join(int64_t *parent, int64_t a, int64_t b)
{
    a = find_root(parent, a);
    b = find_root(parent, b);
    int64_t older = a < b ? a : b;
    parent[a] = parent[b] = older;
    return older;
}

static rmseg_status make_room(rmseg_component_sweep *s)
{
    if (s->count < s->room) return RMSEG_OK;
    int64_t room = s->room ? 2 * s->room : 1024;
    int64_t *parent = rmseg_realloc(s->parent, room, sizeof *parent);
    if (!parent) return RMSEG_ERROR_MEMORY;
    s->parent = parent;
    int64_t *voxels = rmseg_realloc(s->voxels, room, sizeof *voxels);
    if (!voxels) return RMSEG_ERROR_MEMORY;
    s->voxels = voxels;
    s->room = room;
    return RMSEG_OK;
}

/* Tree + 1 of the neighbours that come before a voxel; 0 where they are not in the mask. */
typedef struct earlier {
    int64_t deep, high, left;
} earlier;

static earlier earlier_of(const rmseg_component_sweep *s, int64_t h, int64_t w)
{
    int64_t at = h * s->width + w;
    return (earlier){s->before[at], h > 0 ? s->now[at - s->width] : 0, w > 0 ? s->now[at - 1] : 0};
}

static void next_plane(rmseg_component_sweep *s)
{
    int64_t *held = s->before;
    s->before = s->now;
    s->now = held;
}

rmseg_status rmseg_component_sweep_add(rmseg_component_sweep *s, const uint8_t *plane)
{
    for (int64_t h = 0, at = 0; h < s->height; h++)
        for (int64_t w = 0; w < s->width; w++, at++) {
            s->now[at] = 0;
            if (!plane[at]) continue;
            earlier e = earlier_of(s, h, w);
            int64_t tree = (e.deep ? e.deep : e.high ? e.high : e.left) - 1;
            if (tree < 0) {
                RMSEG_TRY(make_room(s));
                tree = s->count++;
                s->parent[tree] = tree;
                s->voxels[tree] = 0;
            }
            if (e.high) tree = join(s->parent, tree, e.high - 1);
            if (e.left) tree = join(s->parent, tree, e.left - 1);
            s->voxels[tree]++;
            s->now[at] = tree + 1;
        }
    next_plane(s);
    return RMSEG_OK;
}

void rmseg_component_sweep_decide(rmseg_component_sweep *s, int64_t min_size, bool largest)
{
    int64_t first = -1;
    for (int64_t t = 0; t < s->count; t++) {
        int64_t root = find_root(s->parent, t);
        if (root != t) s->voxels[root] += s->voxels[t], s->voxels[t] = 0;
    }
    for (int64_t t = 0; t < s->count; t++)
        if (s->voxels[t] > 0 && (first < 0 || s->voxels[t] > s->voxels[first])) first = t;
    for (int64_t t = 0; t < s->count; t++)
        if (s->voxels[t] < min_size || (largest && t != first)) s->voxels[t] = 0;
    s->met = 0;
    memset(s->before, 0, (size_t)(s->height * s->width) * sizeof *s->before);
}

void rmseg_component_sweep_clear(rmseg_component_sweep *s, uint8_t *plane)
{
    for (int64_t h = 0, at = 0; h < s->height; h++)
        for (int64_t w = 0; w < s->width; w++, at++) {
            s->now[at] = 0;
            if (!plane[at]) continue;
            earlier e = earlier_of(s, h, w);
            int64_t one = e.deep ? e.deep : e.high ? e.high : e.left;
            int64_t tree = one ? one - 1 : s->met++;
            s->now[at] = tree + 1;
            plane[at] = s->voxels[find_root(s->parent, tree)] > 0;
        }
    next_plane(s);
}
