/* whole_image.c - distances in the whole image, cut to the patch. */
#include "loss/whole_image.h"

#include <string.h>

enum { CHUNK_VOXELS = 1 << 14 };

struct rmseg_whole_image {
    rmseg_distance_plan *plan;
    int64_t size[3], voxels, room; /* room: voxels that the memory suffices for */
    double *squares[2];            /* out, in */
    uint8_t *fg, *open, *border;
};

rmseg_status rmseg_whole_image_create(rmseg_whole_image **image)
{
    *image = rmseg_alloc(1, sizeof **image);
    return *image ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static void empty(rmseg_whole_image *w)
{
    rmseg_distance_plan_destroy(w->plan);
    for (int side = 0; side < 2; side++) rmseg_free(w->squares[side]);
    rmseg_free(w->fg);
    rmseg_free(w->open);
    rmseg_free(w->border);
    memset(w, 0, sizeof *w);
}

void rmseg_whole_image_destroy(rmseg_whole_image *image)
{
    if (image) empty(image);
    rmseg_free(image);
}

/* Nothing is allocated for an image of the last one's size, and no arrays for one that is smaller than an earlier. */
static rmseg_status fit(rmseg_whole_image *w, const int64_t size[3])
{
    int64_t voxels;
    if (w->plan && !memcmp(w->size, size, sizeof w->size)) return RMSEG_OK;
    if (!rmseg_mul3(&voxels, size[0], size[1], size[2])) return rmseg_fail_memory();
    if (voxels > w->room) {
        empty(w);
        for (int side = 0; side < 2; side++) w->squares[side] = rmseg_alloc(voxels, sizeof(double));
        w->fg = rmseg_alloc(voxels, 1);
        w->open = rmseg_alloc(voxels, 1);
        w->border = rmseg_alloc(voxels, 1);
        if (!w->squares[0] || !w->squares[1] || !w->fg || !w->open || !w->border) return RMSEG_ERROR_MEMORY;
        w->room = voxels;
    }
    rmseg_distance_plan_destroy(w->plan);
    w->plan = NULL;
    w->voxels = voxels;
    memcpy(w->size, size, sizeof w->size);
    return rmseg_distance_plan_create(&w->plan, size, false);
}

/* ---- in the whole image ---------------------------------------------------------------------------------------- */

typedef struct masking {
    rmseg_whole_image *w;
    const int32_t *label;
    int32_t wanted, ignored;
    bool ignores;
} masking;

static void mask_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const masking *m = context;
    int64_t end = rmseg_chunk_end(m->w->voxels, CHUNK_VOXELS, chunk);
    for (int64_t i = chunk * CHUNK_VOXELS; i < end; i++) {
        m->w->fg[i] = m->label[i] == m->wanted;
        m->w->open[i] = m->w->fg[i] || (m->ignores && m->label[i] == m->ignored);
    }
}

/* ---- cut to the patch ------------------------------------------------------------------------------------------ */

typedef struct cutting {
    rmseg_class_view *view;
    const rmseg_frame *frame;
    rmseg_squares from[2];
} cutting;

static int64_t inside(int64_t index, int64_t extent) { return index < 0 ? 0 : index >= extent ? extent - 1 : index; }

static double square_at(const rmseg_squares *s, int64_t i) { return s->whole ? s->whole[i] : s->real[i]; }

static void cut_slice(void *context, int64_t d, int thread)
{
    (void)thread;
    const cutting *c = context;
    const rmseg_class_view *v = c->view;
    const int64_t *size = v->grid.size, *offset = c->frame->offset, *extent = c->frame->extent;
    double *out = v->memory[0], *in = v->memory[1];
    for (int64_t h = 0; h < size[1]; h++)
        for (int64_t w = 0; w < size[2]; w++) {
            int64_t to = (d * size[1] + h) * size[2] + w;
            int64_t row = inside(d + offset[0], extent[0]) * extent[1] + inside(h + offset[1], extent[1]);
            int64_t at = row * extent[2] + inside(w + offset[2], extent[2]);
            out[to] = square_at(c->from, at);
            in[to] = square_at(c->from + 1, at);
            v->border[to] = v->image->border[at];
        }
}

rmseg_status rmseg_whole_image_measure(rmseg_class_view *v, const rmseg_evaluator *e)
{
    const rmseg_batch *b = &e->sweep.batch;
    const rmseg_frame *frame = b->frames ? b->frames + v->n : NULL;
    rmseg_whole_image *w = v->image;
    if (!b->index || !frame || !frame->whole)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "maps=image needs the labels of the whole image, and sample %lld has %s; `rmseg train` gives "
                          "them where classes exclude each other; take maps=crop here",
                          (long long)v->n,
                          b->index ? "those of its patch alone" : "a map of the truth instead of labels");
    RMSEG_TRY(fit(w, frame->extent));
    rmseg_grid grid = v->grid;
    memcpy(grid.size, frame->extent, sizeof grid.size);
    masking m = {w, frame->whole, (int32_t)v->c + e->sweep.first_label, b->ignore, b->ignore != -1};
    rmseg_parallel_for(rmseg_chunk_count(w->voxels, CHUNK_VOXELS), mask_chunk, &m);
    v->of_image = true;
    v->any_fg = memchr(w->fg, 1, (size_t)w->voxels) != NULL;
    v->any_bg = memchr(w->open, 0, (size_t)w->voxels) != NULL;
    if (!v->any_fg || !v->any_bg) return RMSEG_OK;
    cutting c = {.view = v, .frame = frame};
    RMSEG_TRY(rmseg_distance_plan_run(&c.from[0], w->plan, w->squares[0], w->fg, true, grid.spacing));
    RMSEG_TRY(rmseg_distance_plan_run(&c.from[1], w->plan, w->squares[1], w->open, false, grid.spacing));
    RMSEG_TRY(rmseg_border(w->border, w->open, &grid, 1, RMSEG_EDGE_IS_INSIDE));
    v->largest[0] = rmseg_squares_largest(&c.from[0], w->open, 0, w->voxels);
    v->largest[1] = rmseg_squares_largest(&c.from[1], w->fg, 1, w->voxels);
    rmseg_parallel_for(v->grid.size[0], cut_slice, &c);
    v->out = (rmseg_squares){NULL, v->memory[0], c.from[0].factor};
    v->in = (rmseg_squares){NULL, v->memory[1], c.from[1].factor};
    return RMSEG_OK;
}
