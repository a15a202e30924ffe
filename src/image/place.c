/* place.c - from LPS or another world to RAS+ and back. */
#include "image/place.h"

#include <math.h>

rmseg_place rmseg_place_unknown(void)
{
    return (rmseg_place){.step = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, .scale = {1, 1, 1}, .sign = {-1, -1, 1}};
}

/* Lengths that are 1 but for rounding are 1, so that unit vectors stay what they are. */
static double length_of(const double v[3])
{
    double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    return fabs(length - 1) < 1e-15 ? 1 : length;
}

rmseg_status rmseg_place_read(rmseg_image *image, const rmseg_place *place, const rmseg_image_file *file)
{
    for (int axis = 0; axis < 3; axis++) {
        double length = length_of(place->step[axis]), spacing = length * place->scale[axis];
        if (!isfinite(spacing) || !(spacing > 0))
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "%s: this %s has a spacing of %g along axis %d; expected a number above 0: put the right "
                              "one into the header",
                              file->name, file->format, spacing, axis);
        image->spacing[2 - axis] = spacing;
        for (int world = 0; world < 3; world++)
            image->direction[3 * world + 2 - axis] = place->sign[world] * place->step[axis][world] / length + 0.0;
    }
    for (int world = 0; world < 3; world++) {
        if (!isfinite(place->origin[world]))
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: the origin of this %s has a coordinate %g; expected a number",
                              file->name, file->format, place->origin[world]);
        image->origin[world] = place->sign[world] * place->origin[world] + 0.0; /* no -0 */
    }
    return RMSEG_OK;
}

void rmseg_place_write(rmseg_place *place, const rmseg_image *image)
{
    *place = rmseg_place_unknown();
    for (int axis = 0; axis < 3; axis++) {
        place->scale[axis] = image->spacing[2 - axis];
        for (int world = 0; world < 3; world++)
            place->step[axis][world] = place->sign[world] * image->direction[3 * world + 2 - axis] + 0.0;
    }
    for (int world = 0; world < 3; world++) place->origin[world] = place->sign[world] * image->origin[world] + 0.0;
}

bool rmseg_place_is_flat(const rmseg_image *image)
{
    const double *d = image->direction; /* columns D, H, W */
    if (image->size[0] > 1 || image->axes > 2) return false;
    if (!image->has_spacing) return true;
    return image->origin[2] == 0 && d[0] == 0 && d[3] == 0 && d[6] == 1 && d[7] == 0 && d[8] == 0;
}
