/*
 * report/show_surface.c - the masks of a volume become solids, turned as a page is read.
 */
#include <math.h>
#include <string.h>

#include "report/show_volume.h"
#include "report/surface.h"

enum { MARGIN = 3 }; /* unset voxels around what is set */

/* Whether a voxel belongs to the surface's mask. */
static bool belongs(double value, int64_t label) { return label ? value == (double)label : value > 0; }

/* Its values are labels. Grows the box (x, y, z steps from R, A, S) by the set voxels, and says whether there are any. */
static rmseg_status grow_box(bool *found, int64_t first[3], int64_t end[3], const rmseg_image *mask,
                             const rmseg_orientation *o, int64_t label, const char *name)
{
    int64_t count = 0;
    for (int64_t v = 0; v < rmseg_image_voxels(mask); v++) {
        const int64_t at[3] = {v / mask->size[2] / mask->size[1], v / mask->size[2] % mask->size[1], v % mask->size[2]};
        double value = rmseg_image_value(mask, 0, at[0], at[1], at[2]);
        if (value != floor(value))
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "%s has the value %g, so it is no label image; a soft truth needs --threshold", name,
                              value);
        if (!belongs(value, label)) continue;
        count++;
        for (int world = 0; world < 3; world++) {
            int axis = o->axis[world];
            int64_t step = rmseg_orientation_index(o, world, at[axis], mask->size[axis]);
            if (step < first[world]) first[world] = step;
            if (step >= end[world]) end[world] = step + 1;
        }
    }
    *found = count > 0;
    return RMSEG_OK;
}

static rmseg_status fail_empty(const char *name, int64_t label, const char *what)
{
    if (label)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: no voxel is %lld, so there is no %s to draw", name, (long long)label,
                          what);
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: no voxel is set, so there is no %s to draw", name, what);
}

/* The box with a margin of unset voxels, D to inferior, H to posterior, W to the left. */
static rmseg_status make_solid(rmseg_solid *solid, const rmseg_image *mask, const rmseg_orientation *o, int64_t label,
                               const int64_t first[3], const int64_t end[3])
{
    rmseg_grid grid;
    for (int world = 0; world < 3; world++) {
        grid.size[2 - world] = end[world] - first[world] + 2 * MARGIN;
        grid.spacing[2 - world] = o->spacing[world];
    }
    int64_t voxels = 0, at[3];
    if (!rmseg_mul3(&voxels, grid.size[0], grid.size[1], grid.size[2])) return rmseg_fail_memory();
    uint8_t *turned = rmseg_alloc(voxels, 1), *row = turned;
    if (!turned) return RMSEG_ERROR_MEMORY;
    for (int64_t z = first[2]; z < end[2]; z++)
        for (int64_t y = first[1]; y < end[1]; y++) {
            const int64_t step[3] = {0, y, z};
            for (int world = 1; world < 3; world++)
                at[o->axis[world]] = rmseg_orientation_index(o, world, step[world], mask->size[o->axis[world]]);
            row = turned + ((z - first[2] + MARGIN) * grid.size[1] + y - first[1] + MARGIN) * grid.size[2] + MARGIN;
            for (int64_t x = first[0]; x < end[0]; x++, row++) {
                at[o->axis[0]] = rmseg_orientation_index(o, 0, x, mask->size[o->axis[0]]);
                *row = belongs(rmseg_image_value(mask, 0, at[0], at[1], at[2]), label);
            }
        }
    rmseg_status status = rmseg_solid_create(solid, turned, &grid);
    rmseg_free(turned);
    return status;
}

static rmseg_status parse_view(rmseg_surfaces *s, const char *text)
{
    size_t length = strcspn(text, ",");
    char *azimuth = rmseg_strndup(text, length);
    if (!azimuth) return RMSEG_ERROR_MEMORY;
    bool good = text[length] && rmseg_parse_number(&s->azimuth, azimuth) &&
                rmseg_parse_number(&s->elevation, text + length + 1) && fabs(s->azimuth) <= 360 &&
                fabs(s->elevation) <= 90;
    rmseg_free(azimuth);
    return good ? RMSEG_OK
                : rmseg_fail(RMSEG_ERROR_ARGUMENT,
                             "--view %s: expected azimuth (-360 to 360) and elevation (-90 to 90) in degrees, as in "
                             "--view 30,20",
                             text);
}

static rmseg_status draw(rmseg_image **picture, rmseg_solid solids[2], const rmseg_volume *v, const show_options *o)
{
    const rmseg_image *masks[2] = {v->truth, v->prediction};
    const char *names[2] = {o->truth, o->pred};
    int64_t first[3] = {INT64_MAX, INT64_MAX, INT64_MAX}, end[3] = {0, 0, 0};
    bool found[2] = {false, false};
    rmseg_surfaces s = {.scale = o->scale,
                        .by_distance = !strcmp(o->colour, "distance"),
                        .known_sides = v->orientation.known,
                        .unit = v->orientation.has_spacing ? "mm" : "voxels"};
    RMSEG_TRY(parse_view(&s, o->view));
    for (int i = 0; i < 2; i++)
        if (masks[i]) RMSEG_TRY(grow_box(&found[i], first, end, masks[i], &v->orientation, o->label, names[i]));
    int empty = masks[0] && !found[0] ? 0 : 1;
    if (!found[0] && !found[1]) return fail_empty(names[empty], o->label, "surface");
    if (s.by_distance && !(found[0] && found[1])) return fail_empty(names[empty], o->label, "distance");
    for (int i = 0; i < 2; i++) {
        s.nothing[i] = masks[i] && !found[i];
        if (found[i]) RMSEG_TRY(make_solid(&solids[i], masks[i], &v->orientation, o->label, first, end));
    }
    s.truth = found[0] ? &solids[0] : NULL;
    s.prediction = found[1] ? &solids[1] : NULL;
    return rmseg_surfaces_picture(picture, &s);
}

rmseg_status rmseg_show_surface(rmseg_image **picture, const rmseg_volume *volume, const show_options *o)
{
    rmseg_solid solids[2] = {0};
    if (!volume->truth && !volume->prediction)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--surface draws the surfaces of labels: give --truth, --pred or both");
    if (!strcmp(o->colour, "distance") && !(volume->truth && volume->prediction))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--colour distance is that from one surface to the other: give both --truth and --pred");
    rmseg_status status = draw(picture, solids, volume, o);
    for (int i = 0; i < 2; i++) rmseg_solid_destroy(&solids[i]);
    return status;
}
