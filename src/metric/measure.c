/* measure.c - the metrics asked for, of one pair of masks. */
#include <math.h>
#include <string.h>

#include "metric/rows.h"
#include "metric/settings.h"

static rmseg_status check(const rmseg_grid *grid, const rmseg_metric_settings *settings)
{
    for (int axis = 0; axis < 3; axis++) {
        double s = grid->spacing[axis];
        if (!(s > 0 && isfinite(s)))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "spacing %g along axis %d: expected a positive length", s, axis);
    }
    return rmseg_metric_settings_check(settings, grid->size[0] == 1 ? 2 : 3);
}

static const char *describe(const rmseg_overlap *o)
{
    if (o->prediction + o->truth == 0) return "both empty";
    if (o->truth == 0) return "truth empty";
    if (o->prediction == 0) return "prediction empty";
    return "";
}

static double diagonal(const rmseg_grid *grid)
{
    double sum = 0;
    for (int axis = 0; axis < 3; axis++) {
        double length = (double)(grid->size[axis] - 1) * grid->spacing[axis];
        sum += length * length;
    }
    return sqrt(sum);
}

/* What stands for a metric that is undefined. Infinity and the diagonal are distances: a ratio has no use for them. */
static rmseg_status substitute(double *value, const rmseg_metric_info *info, const char *note, const rmseg_grid *grid,
                               const rmseg_metric_settings *settings)
{
    *value = NAN;
    switch (settings->empty) {
    case RMSEG_EMPTY_NAN: break;
    case RMSEG_EMPTY_INF:
        if (info->surface) *value = INFINITY;
        break;
    case RMSEG_EMPTY_DIAGONAL:
        if (info->surface) *value = diagonal(grid);
        break;
    case RMSEG_EMPTY_VALUE: *value = settings->empty_value; break;
    case RMSEG_EMPTY_ERROR:
        return rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "%s is undefined (%s), and the policy for empty masks is 'error'; choose nan, inf, diagonal or a number",
            info->name, note);
    }
    return RMSEG_OK;
}

static rmseg_status evaluate(double *values, const char **note, const rmseg_measurement *m,
                             const rmseg_metric_row *const *rows, int64_t count, const rmseg_grid *grid,
                             const rmseg_metric_settings *settings)
{
    const char *said = describe(&m->overlap);
    for (int64_t i = 0; i < count; i++) {
        bool known = !rows[i]->info.surface || m->surface.distance;
        values[i] = known ? rows[i]->value(m) : NAN;
        if (!isnan(values[i])) continue;
        if (!*said)
            said = "truth full"; /* the one ratio without a denominator where neither mask is empty: specificity */
        RMSEG_TRY(substitute(&values[i], &rows[i]->info, said, grid, settings));
    }
    *note = said;
    return RMSEG_OK;
}

static rmseg_status look_up(const rmseg_metric_row **rows, bool *surface, const char *const *names, int64_t count)
{
    *surface = false;
    for (int64_t i = 0; i < count; i++) {
        RMSEG_TRY(rmseg_metric_row_find(&rows[i], names[i]));
        *surface |= rows[i]->info.surface;
    }
    return RMSEG_OK;
}

static rmseg_status measure(rmseg_measurement *m, const uint8_t *prediction, const uint8_t *truth,
                            const rmseg_grid *grid, bool surface, const rmseg_metric_settings *settings)
{
    RMSEG_TRY(rmseg_convention_find(&m->convention, settings->convention));
    m->percentile = settings->percentile;
    RMSEG_TRY(rmseg_overlap_count(&m->overlap, prediction, truth, grid->size));
    if (!surface || m->overlap.prediction == 0 || m->overlap.truth == 0) return RMSEG_OK;
    return rmseg_surface_measure(&m->surface, prediction, truth, grid, &m->overlap, m->convention->edge,
                                 settings->connectivity);
}

rmseg_status rmseg_metric_measure(double *values, const char **note, const uint8_t *prediction, const uint8_t *truth,
                                  const int64_t size[3], const double spacing[3], const char *const *names,
                                  int64_t count, const rmseg_metric_settings *settings)
{
    rmseg_grid grid = {{size[0], size[1], size[2]}, {spacing[0], spacing[1], spacing[2]}};
    RMSEG_TRY(check(&grid, settings));
    const rmseg_metric_row **rows = rmseg_alloc(count, sizeof *rows);
    double *found = rmseg_alloc(count, sizeof *found);
    rmseg_measurement m = {0};
    bool surface = false;
    const char *said = "";
    rmseg_status status = rows && found ? look_up(rows, &surface, names, count) : RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK) status = measure(&m, prediction, truth, &grid, surface, settings);
    if (status == RMSEG_OK) status = evaluate(found, &said, &m, rows, count, &grid, settings);
    if (status == RMSEG_OK) {
        memcpy(values, found, (size_t)count * sizeof *values);
        if (note) *note = said;
    }
    rmseg_surface_free(&m.surface);
    rmseg_free(found);
    rmseg_free(rows);
    return status;
}
