/* foreground.c - the voxels of a label's classes: counted, then kept. */
#include "data/foreground.h"

typedef struct tally {
    int64_t count, room;       /* voxels of the class, and how many of them are kept */
    int64_t first, seen, kept; /* while they are */
} tally;

static int32_t largest_label(const rmseg_image *label)
{
    const int32_t *value = label->data;
    int64_t voxels = rmseg_image_voxels(label);
    int32_t most = 0;
    for (int64_t i = 0; i < voxels; i++) most = value[i] > most ? value[i] : most;
    return most;
}

static rmseg_status make_rooms(rmseg_foreground *f, tally *of_label, int32_t most)
{
    int64_t total = 0, at = 0;
    for (int32_t c = 1; c <= most; c++) {
        tally *t = &of_label[c];
        t->room = t->count < RMSEG_FOREGROUND_VOXELS ? t->count : RMSEG_FOREGROUND_VOXELS;
        t->first = total;
        total += t->room;
        f->classes += t->count > 0;
    }
    f->label = rmseg_alloc(f->classes + 1, sizeof *f->label);
    f->first = rmseg_alloc(f->classes + 1, sizeof *f->first);
    f->voxel = rmseg_alloc(total + 1, sizeof *f->voxel);
    if (!f->label || !f->first || !f->voxel) return RMSEG_ERROR_MEMORY;
    for (int32_t c = 1; c <= most; c++) {
        if (!of_label[c].count) continue;
        f->label[at] = c;
        f->first[at++] = of_label[c].first;
    }
    f->first[at] = total;
    return RMSEG_OK;
}

/* Of `count` voxels the k-th that is kept stands in the middle of the k-th of `room` equal shares. */
static void keep(rmseg_foreground *f, tally *t, int64_t voxel)
{
    int64_t wanted = (int64_t)(((double)t->kept + 0.5) * (double)t->count / (double)t->room);
    if (t->seen++ == wanted) f->voxel[t->first + t->kept++] = voxel;
}

rmseg_status rmseg_foreground_find(rmseg_foreground *foreground, const rmseg_image *label)
{
    const int32_t *value = label->data;
    int64_t voxels = rmseg_image_voxels(label);
    int32_t most = largest_label(label);
    rmseg_foreground made = {0};
    tally *of_label = rmseg_alloc((int64_t)most + 1, sizeof *of_label);
    if (!of_label) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < voxels; i++)
        if (value[i] > 0) of_label[value[i]].count++;
    rmseg_status status = make_rooms(&made, of_label, most);
    for (int64_t i = 0; i < voxels && !status; i++)
        if (value[i] > 0) keep(&made, &of_label[value[i]], i);
    rmseg_free(of_label);
    if (status)
        rmseg_foreground_destroy(&made);
    else
        *foreground = made;
    return status;
}

void rmseg_foreground_destroy(rmseg_foreground *foreground)
{
    rmseg_free(foreground->label);
    rmseg_free(foreground->first);
    rmseg_free(foreground->voxel);
    *foreground = (rmseg_foreground){0};
}

int64_t rmseg_foreground_pick(int32_t *label, const rmseg_foreground *foreground, double u_class, double u_voxel)
{
    if (!foreground->classes) return -1;
    int64_t c = (int64_t)(u_class * (double)foreground->classes);
    int64_t first = foreground->first[c], count = foreground->first[c + 1] - first;
    *label = foreground->label[c];
    return foreground->voxel[first + (int64_t)(u_voxel * (double)count)];
}
