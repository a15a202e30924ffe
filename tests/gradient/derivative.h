/*
 * derivative.h - a directional derivative that knows how good it is.
 *
 * D(h) = (f(h) - f(-h)) / 2h has an error of c h^2 + O(h^4); so D(h) - D(h/2) = 3/4 c h^2 + O(h^4), and
 * R = (4 D(h/2) - D(h)) / 3 is better than D(h/2) by about that difference: a bound measured, not guessed. A gradient
 * is wrong when it is farther from R than that bound and the rounding of f allow; a bound that is no good fails too.
 */
#ifndef DERIVATIVE_H
#define DERIVATIVE_H

#include <float.h>
#include <math.h>

#include "unit/unit.h"

/* f along a line: its value at distance t from the point where the gradient was taken. */
typedef double (*line_fn)(void *context, double t);

static inline double central_difference(line_fn f, void *context, double h, double *size)
{
    double ahead = f(context, h), behind = f(context, -h);
    *size = fmax(fabs(ahead), fabs(behind));
    return (ahead - behind) / (2 * h);
}

/* Fails the test unless `slope` is the derivative of f at 0. A step h short enough steps over no kink (ReLU,
 * max-pooling). */
static inline void check_slope(const char *name, line_fn f, void *context, double h, double slope)
{
    double size = 0, coarse = central_difference(f, context, h, &size),
           fine = central_difference(f, context, h / 2, &size);
    double best = (4 * fine - coarse) / 3, bound = fabs(coarse - fine) + 64 * DBL_EPSILON * size / h;
    double relative = fabs(best - slope) / fabs(best);
    printf("  %-44s slope %+.9e  relative difference %.1e  bound %.1e\n", name, slope, relative, bound / fabs(best));
    if (!(bound < 1e-5 * fabs(best)))
        fail_msg("%s: the difference quotients agree only within %g", name, bound / fabs(best));
    if (!(fabs(best - slope) <= bound)) fail_msg("%s: gradient says %.12g, differences say %.12g", name, slope, best);
}

#endif
