/* geometry.c - do two images lie in the same place? */
#include <math.h>

#include "image/image.h"

static double smallest(const double values[3]) { return fmin(values[0], fmin(values[1], values[2])); }

/* A difference that is NaN is one, too. */
static bool apart(double a, double b, double tolerance) { return !(fabs(a - b) <= tolerance); }

const char *rmseg_image_difference(const rmseg_image *a, const rmseg_image *b)
{
    if (!a->has_spacing || !b->has_spacing) return NULL;
    for (int axis = a->size[0] == 1; axis < 3; axis++)
        if (apart(a->spacing[axis], b->spacing[axis], RMSEG_SPACING_TOLERANCE * b->spacing[axis])) return "spacing";
    for (int i = 0; i < 9; i++)
        if (apart(a->direction[i], b->direction[i], RMSEG_DIRECTION_TOLERANCE)) return "direction";
    for (int world = 0; world < 3; world++)
        if (apart(a->origin[world], b->origin[world], RMSEG_ORIGIN_TOLERANCE * smallest(b->spacing))) return "origin";
    return NULL;
}
