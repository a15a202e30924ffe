/*
 * report/orientation.c - from a direction matrix, or three letters, to axes of the screen.
 */
#include "report/orientation.h"

#include <math.h>
#include <string.h>

/* The permutation whose direction cosines are the largest in sum. */
static void take_nearest(rmseg_orientation *o, const double direction[9])
{
    static const int orders[6][3] = {{2, 1, 0}, {2, 0, 1}, {1, 2, 0}, {1, 0, 2}, {0, 2, 1}, {0, 1, 2}};
    double best = -1;
    for (int i = 0; i < 6; i++) {
        double sum = 0;
        for (int world = 0; world < 3; world++) sum += fabs(direction[3 * world + orders[i][world]]);
        if (!(sum > best + 1e-9)) continue;
        best = sum;
        memcpy(o->axis, orders[i], sizeof o->axis);
    }
    for (int world = 0; world < 3; world++) o->towards[world] = direction[3 * world + o->axis[world]] > 0;
}

static rmseg_status take_letters(rmseg_orientation *o, const char *letters)
{
    static const char ends[] = "RLAPSI"; /* of x, y, z; the first of each is where x, y, z grow to */
    int named = 0;
    for (int axis = 0; axis < 3 && strlen(letters) == 3; axis++) {
        const char *end = strchr(ends, letters[axis]);
        if (!end) continue;
        int which = (int)(end - ends);
        o->axis[which / 2] = axis;
        o->towards[which / 2] = which % 2 == 0;
        named |= 1 << which / 2;
    }
    if (named != 7)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--orientation %s: expected where the axes D, H and W grow to, one of R or L, one of A or P, "
                          "one of S or I, as in --orientation SPL",
                          letters);
    return RMSEG_OK;
}

rmseg_status rmseg_orientation_of(rmseg_orientation *orientation, const rmseg_image *image, const char *letters)
{
    rmseg_orientation o = {.axis = {2, 1, 0}, .towards = {false, false, true}, .has_spacing = image->has_spacing};
    if (*letters)
        RMSEG_TRY(take_letters(&o, letters));
    else if (image->has_spacing)
        take_nearest(&o, image->direction);
    o.known = *letters || image->has_spacing;
    for (int world = 0; world < 3; world++) o.spacing[world] = image->spacing[o.axis[world]];
    *orientation = o;
    return RMSEG_OK;
}

int64_t rmseg_orientation_index(const rmseg_orientation *orientation, int world, int64_t step, int64_t n)
{
    return orientation->towards[world] ? n - 1 - step : step;
}
