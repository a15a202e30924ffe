/* slabs_label.c - from decisions in a temporary file to a cleaned label image, plane by plane. */
#include <string.h>

#include "field/field.h"
#include "run/slabs.h"

typedef struct writing {
    const rmseg_decisions *decisions;
    const rmseg_model *model;
    rmseg_image header;
    bool softmax;
    int64_t masks, planes, plane;   /* classes above 0, or regions; planes at a time; voxels of one */
    uint16_t *decided;              /* (channels, planes) */
    uint8_t *mask;                  /* one plane */
    rmseg_component_sweep **sweeps; /* [masks], or NULL where nothing is cleaned */
} writing;

static rmseg_status load(writing *w, int64_t first, int64_t count)
{
    const rmseg_decisions *d = w->decisions;
    int64_t start[3] = {first, 0, 0}, size[3] = {count, w->header.size[1], w->header.size[2]};
    if (rmseg_cancelled()) return rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted");
    for (int64_t c = 0; c < d->channels; c++)
        RMSEG_TRY(rmseg_large_turned_box(w->decided + c * w->planes * w->plane, d->store, RMSEG_U16, c, d->size,
                                         &d->order, start, size));
    return RMSEG_OK;
}

/* Mask m of plane i of those that are loaded. */
static void fill_mask(writing *w, int64_t m, int64_t i)
{
    const uint16_t *decided = w->decided + ((w->softmax ? 0 : m) * w->planes + i) * w->plane;
    for (int64_t v = 0; v < w->plane; v++) w->mask[v] = w->softmax ? decided[v] == m + 1 : decided[v] != 0;
}

static rmseg_status survey(writing *w, const rmseg_cleaning *cleaning)
{
    for (int64_t first = 0, count; first < w->header.size[0]; first += count) {
        count = w->planes < w->header.size[0] - first ? w->planes : w->header.size[0] - first;
        RMSEG_TRY(load(w, first, count));
        for (int64_t m = 0; m < w->masks; m++)
            for (int64_t i = 0; i < count; i++) {
                fill_mask(w, m, i);
                RMSEG_TRY(rmseg_component_sweep_add(w->sweeps[m], w->mask));
            }
    }
    for (int64_t m = 0; m < w->masks; m++)
        rmseg_component_sweep_decide(w->sweeps[m], cleaning->min_size, cleaning->largest);
    return RMSEG_OK;
}

static int32_t value_of(const writing *w, int64_t m)
{
    return w->softmax ? (int32_t)m + 1 : w->model->regions.items[m].value;
}

static rmseg_status give_planes(void *user, void *planes, int64_t first, int64_t count)
{
    writing *w = user;
    RMSEG_TRY(load(w, first, count));
    memset(planes, 0, (size_t)(count * w->plane) * rmseg_dtype_size(w->header.dtype));
    for (int64_t m = 0; m < w->masks; m++)
        for (int64_t i = 0; i < count; i++) {
            fill_mask(w, m, i);
            if (w->sweeps) rmseg_component_sweep_clear(w->sweeps[m], w->mask);
            for (int64_t v = 0; v < w->plane; v++) {
                if (!w->mask[v]) continue;
                if (w->header.dtype == RMSEG_U8)
                    ((uint8_t *)planes)[i * w->plane + v] = (uint8_t)value_of(w, m);
                else
                    ((uint16_t *)planes)[i * w->plane + v] = (uint16_t)value_of(w, m);
            }
        }
    return RMSEG_OK;
}

static rmseg_status make_sweeps(writing *w)
{
    w->sweeps = rmseg_alloc(w->masks, sizeof *w->sweeps);
    if (!w->sweeps) return RMSEG_ERROR_MEMORY;
    for (int64_t m = 0; m < w->masks; m++)
        RMSEG_TRY(rmseg_component_sweep_create(&w->sweeps[m], w->header.size[1], w->header.size[2]));
    return RMSEG_OK;
}

static rmseg_status write(writing *w, const rmseg_cleaning *cleaning, const char *path)
{
    rmseg_image_source source = {.read = give_planes, .user = w, .planes = w->planes};
    w->decided = rmseg_alloc(w->decisions->channels * w->planes * w->plane, sizeof *w->decided);
    w->mask = rmseg_alloc(w->plane, 1);
    if (!w->decided || !w->mask) return RMSEG_ERROR_MEMORY;
    if (cleaning->largest || cleaning->min_size > 1) {
        RMSEG_TRY(make_sweeps(w));
        RMSEG_TRY(survey(w, cleaning));
    }
    return rmseg_image_write_from(&w->header, &source, path);
}

rmseg_status rmseg_decisions_write(const rmseg_decisions *decisions, const rmseg_image *header,
                                   const rmseg_model *model, const rmseg_cleaning *cleaning, const char *path)
{
    writing w = {.decisions = decisions, .model = model, .header = *header};
    w.softmax = model->head == RMSEG_HEAD_SOFTMAX;
    w.header.dtype = rmseg_label_dtype(model);
    w.header.channels = 1;
    w.masks = w.softmax ? rmseg_model_channels(model) - 1 : decisions->channels;
    w.plane = header->size[1] * header->size[2];
    w.planes = rmseg_large_planes(header->size, decisions->channels);
    rmseg_status status = write(&w, cleaning, path);
    for (int64_t m = 0; m < w.masks && w.sweeps; m++) rmseg_component_sweep_destroy(w.sweeps[m]);
    rmseg_free(w.sweeps);
    rmseg_free(w.decided);
    rmseg_free(w.mask);
    return status;
}
