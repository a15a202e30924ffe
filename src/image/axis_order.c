/* axis_order.c - axes put in order and mirrored, so that images which were stored differently lie alike. */
#include <math.h>
#include <string.h>

#include "core/core.h"
#include "image/image.h"

rmseg_axis_order rmseg_image_axis_order(const rmseg_image *image)
{
    rmseg_axis_order o = {{0, 1, 2}, {false, false, false}};
    bool taken[3] = {false, false, false};
    if (!image->has_spacing) return o;
    for (int axis = 2; axis >= 0; axis--) { /* W first, as nibabel goes from i to k: it decides where two are as near */
        int nearest = -1;
        for (int world = 0; world < 3; world++) {
            double length = fabs(image->direction[3 * world + axis]);
            if (!taken[world] && (nearest < 0 || length > fabs(image->direction[3 * nearest + axis]))) nearest = world;
        }
        taken[nearest] = true;
        o.axis[2 - nearest] = axis; /* x lies along W, y along H, z along D */
        o.flip[2 - nearest] = image->direction[3 * nearest + axis] < 0;
    }
    return o;
}

rmseg_axis_order rmseg_axis_order_inverse(const rmseg_axis_order *o)
{
    rmseg_axis_order inverse;
    for (int axis = 0; axis < 3; axis++) {
        inverse.axis[o->axis[axis]] = axis;
        inverse.flip[o->axis[axis]] = o->flip[axis];
    }
    return inverse;
}

void rmseg_axis_order_size(int64_t out[3], const rmseg_axis_order *o, const int64_t size[3])
{
    for (int axis = 0; axis < 3; axis++) out[axis] = size[o->axis[axis]];
}

void rmseg_image_turn_geometry(rmseg_image *out, const rmseg_image *in, const rmseg_axis_order *o)
{
    rmseg_axis_order_size(out->size, o, in->size);
    rmseg_image_copy_geometry(out, in);
    for (int axis = 0; axis < 3; axis++) {
        int from = o->axis[axis];
        double sign = o->flip[axis] ? -1 : 1, length = (double)(in->size[from] - 1) * in->spacing[from];
        out->spacing[axis] = in->spacing[from];
        for (int world = 0; world < 3; world++) {
            out->direction[3 * world + axis] = sign * in->direction[3 * world + from] + 0.0;
            if (o->flip[axis]) out->origin[world] += length * in->direction[3 * world + from];
        }
    }
}

/* Element (d,h,w) of a channel of `out` is at start + d stride[0] + h stride[1] + w stride[2] of `in`'s. */
typedef struct turning {
    rmseg_image *out;
    const rmseg_image *in;
    int64_t start, stride[3];
} turning;

static void turn_row(void *context, int64_t row, int thread)
{
    (void)thread;
    const turning *t = context;
    const int64_t *size = t->out->size;
    int64_t h = row % size[1], d = row / size[1] % size[0], c = row / size[1] / size[0];
    int64_t from = c * rmseg_image_voxels(t->in) + t->start + d * t->stride[0] + h * t->stride[1], to = row * size[2];
#define TURN(type)                                                                                                     \
    for (int64_t w = 0; w < size[2]; w++)                                                                              \
    ((type *)t->out->data)[to + w] = ((const type *)t->in->data)[from + w * t->stride[2]]
    switch (rmseg_dtype_size(t->in->dtype)) {
    case 1: TURN(uint8_t); break;
    case 2: TURN(uint16_t); break;
    case 4: TURN(uint32_t); break;
    default: TURN(uint64_t); break;
    }
#undef TURN
}

rmseg_status rmseg_image_reorder(rmseg_image **out, const rmseg_image *image, const rmseg_axis_order *o)
{
    rmseg_image *made = NULL;
    int64_t size[3], strides[3] = {image->size[1] * image->size[2], image->size[2], 1};
    rmseg_axis_order_size(size, o, image->size);
    RMSEG_TRY(rmseg_image_create(&made, image->dtype, image->channels, size));
    rmseg_image_turn_geometry(made, image, o);
    turning t = {.out = made, .in = image};
    for (int axis = 0; axis < 3; axis++) {
        int64_t stride = strides[o->axis[axis]];
        t.stride[axis] = o->flip[axis] ? -stride : stride;
        if (o->flip[axis]) t.start += (size[axis] - 1) * stride;
    }
    rmseg_parallel_for(image->channels * size[0] * size[1], turn_row, &t);
    *out = made;
    return RMSEG_OK;
}
