/* measure.c - the metrics asked for, of one pair of masks. */
#include "metric/measure.h"

#include <math.h>
#include <string.h>

#include "metric/rim.h"
#include "metric/rows.h"
#include "metric/settings.h"

/* ---- the pair ---------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_pair_create(rmseg_pair *pair, const uint8_t *prediction, const uint8_t *truth,
                               const uint8_t *ignored, const int64_t size[3], const double spacing[3],
                               const rmseg_metric_settings *settings)
{
    rmseg_pair made = {prediction, truth, ignored, {{size[0], size[1], size[2]}, {1, 1, 1}}, settings->axes};
    if (!made.axes) made.axes = size[0] == 1 ? 2 : 3;
    for (int axis = 0; axis < 3; axis++) {
        if (!(spacing[axis] > 0 && isfinite(spacing[axis])))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "spacing %g along axis %d: expected a positive length",
                              spacing[axis], axis);
        made.grid.spacing[axis] = spacing[axis];
    }
    RMSEG_TRY(rmseg_metric_settings_check(settings, made.axes));
    for (int axis = 0; axis < 3 - made.axes; axis++) {
        if (size[axis] != 1)
            return rmseg_fail(
                RMSEG_ERROR_ARGUMENT,
                "a mask of %lld x %lld x %lld voxels has more than %d axes: give axes 0 to take them from "
                "its size",
                (long long)size[0], (long long)size[1], (long long)size[2], made.axes);
    }
    *pair = made;
    return RMSEG_OK;
}

/* ---- where a metric is undefined ----------------------------------------------------------------------------------- */

/* What a mask lacks, in the order of rmseg_tool_answer's letters. */
enum { PREDICTION_EMPTY, TRUTH_EMPTY, BOTH_EMPTY, TRUTH_FULL, NOTHING_LACKS };

static int lack_of(const rmseg_overlap *o)
{
    if (o->prediction + o->truth == 0) return BOTH_EMPTY;
    if (o->truth == 0) return TRUTH_EMPTY;
    if (o->prediction == 0) return PREDICTION_EMPTY;
    return o->truth == o->voxels ? TRUTH_FULL : NOTHING_LACKS;
}

/* "" for a full truth, which alone says nothing until a metric is undefined by it. */
static const char *describe(const rmseg_measurement *m, int lack)
{
    static const char *const notes[] = {"prediction empty", "truth empty", "both empty"};
    if (lack < TRUTH_FULL) return notes[lack];
    if (!m->distances.value || m->has_distances) return "";
    return rmseg_distances_sites(&m->distances, RMSEG_FORWARD) ? "truth without border" : "prediction without border";
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

static rmseg_status fail_undefined(const rmseg_metric_info *info, const char *note, const rmseg_metric_settings *s)
{
    if (s->empty == RMSEG_EMPTY_TOOL)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "%s is undefined (%s), and where it is the tool of the convention %s raises an exception; "
                          "choose the policy nan, inf, diagonal or a number for empty masks",
                          info->name, note, s->convention);
    return rmseg_fail(
        RMSEG_ERROR_ARGUMENT,
        "%s is undefined (%s), and the policy for empty masks is 'error'; choose nan, inf, diagonal or a number",
        info->name, note);
}

/* What stands for a metric that is undefined. Infinity and the diagonal are distances: a ratio has no use for them. */
static rmseg_status substitute(double *value, const rmseg_metric_info *info, const char *note, const rmseg_grid *grid,
                               const rmseg_metric_settings *settings)
{
    bool length = !strcmp(info->unit, RMSEG_UNIT_LENGTH);
    switch (settings->empty) {
    case RMSEG_EMPTY_INF: *value = length ? INFINITY : NAN; break;
    case RMSEG_EMPTY_DIAGONAL: *value = length ? diagonal(grid) : NAN; break;
    case RMSEG_EMPTY_VALUE: *value = settings->empty_value; break;
    case RMSEG_EMPTY_ERROR: return fail_undefined(info, note, settings);
    default: *value = NAN;
    }
    return RMSEG_OK;
}

/* The tool's own answer, where it has one that is not our rule; *answered tells. */
static rmseg_status answer_as_tool(double *value, bool *answered, const rmseg_metric_row *row, const char *note,
                                   const rmseg_measurement *m, int lack)
{
    const rmseg_metric_info *info = &row->info;
    const char *name = info->name;
    bool length = info->surface && !strcmp(info->unit, RMSEG_UNIT_LENGTH);
    double q = m->settings->percentile;
    if (!strcmp(name, "hd") && q > 0 && q < 100) name = "hd95"; /* a percentile like any other */
    char letter = rmseg_convention_answer(m->convention, name, length, lack);
    *answered = letter != '=';
    switch (letter) {
    case '=': return RMSEG_OK;
    case '!': return fail_undefined(info, note, m->settings);
    case 'i': *value = INFINITY; return RMSEG_OK;
    case 'n': *value = NAN; return RMSEG_OK;
    default: *value = letter - '0'; return RMSEG_OK;
    }
}

/* ---- measuring ----------------------------------------------------------------------------------------------------- */

static rmseg_status evaluate(double *values, const char **note, const rmseg_measurement *m,
                             const rmseg_metric_row *const *rows, int64_t count)
{
    int lack = lack_of(&m->overlap);
    const char *said = describe(m, lack);
    const char *why = *said ? said : lack == TRUTH_FULL ? "truth full" : "no border"; /* of a metric without a value */
    bool as_tool = m->settings->empty == RMSEG_EMPTY_TOOL && lack != NOTHING_LACKS;
    for (int64_t i = 0; i < count; i++) {
        bool answered = false;
        if (as_tool) RMSEG_TRY(answer_as_tool(&values[i], &answered, rows[i], why, m, lack));
        if (answered) continue;
        values[i] = rows[i]->value(m);
        if (!isnan(values[i])) continue;
        said = why;
        RMSEG_TRY(substitute(&values[i], &rows[i]->info, said, &m->pair->grid, m->settings));
    }
    *note = said;
    return RMSEG_OK;
}

static rmseg_status look_up(const rmseg_metric_row **rows, int *needs, const char *const *names, int64_t count,
                            const rmseg_measurement *m)
{
    *needs = 0;
    for (int64_t i = 0; i < count; i++) {
        RMSEG_TRY(rmseg_metric_row_find(&rows[i], names[i]));
        RMSEG_TRY(rmseg_metric_row_check(rows[i], m->convention, m->settings));
        *needs |= rows[i]->needs;
    }
    if (*needs & RMSEG_NEEDS_DISTANCES && m->convention->axes_most && m->pair->axes > m->convention->axes_most)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the convention %s is of masks of %d axes, and this one has %d",
                          m->convention->info.name, m->convention->axes_most, m->pair->axes);
    return RMSEG_OK;
}

static int64_t count_set(const uint8_t *mask, int64_t voxels)
{
    int64_t count = 0;
    for (int64_t i = 0; i < voxels; i++) count += mask[i] != 0;
    return count;
}

static rmseg_status measure_distances(rmseg_measurement *m)
{
    if (m->overlap.prediction == 0 || m->overlap.truth == 0) return RMSEG_OK;
    rmseg_site_rule rule = rmseg_convention_sites(m->convention, m->pair->axes, m->settings->connectivity);
    RMSEG_TRY(rmseg_surface_measure(&m->distances, m->pair, &m->overlap, &rule));
    m->has_distances = rmseg_distances_sites(&m->distances, RMSEG_FORWARD) > 0 &&
                       rmseg_distances_sites(&m->distances, RMSEG_BACKWARD) > 0;
    return RMSEG_OK;
}

static rmseg_status measure(rmseg_measurement *m, int needs)
{
    const rmseg_metric_settings *s = m->settings;
    RMSEG_TRY(rmseg_overlap_count(&m->overlap, m->pair->prediction, m->pair->truth, m->pair->grid.size));
    if (m->pair->ignored) m->overlap.voxels -= count_set(m->pair->ignored, m->overlap.voxels);
    if (needs & RMSEG_NEEDS_DISTANCES) RMSEG_TRY(measure_distances(m));
    if (needs & RMSEG_NEEDS_RIMS && m->overlap.prediction + m->overlap.truth) {
        int64_t rims[2];
        RMSEG_TRY(rmseg_rims_count(rims, &m->rims.both, m->pair, &m->overlap, s->connectivity, s->tolerance));
        m->rims.prediction = rims[0];
        m->rims.truth = rims[1];
    }
    if (needs & RMSEG_NEEDS_COMPONENTS) {
        rmseg_matching matching;
        RMSEG_TRY(rmseg_matching_find(&matching, m->pair, &m->overlap, s->connectivity, s->component_iou));
        m->components = matching.counts;
        rmseg_matching_free(&matching);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_pair_measure(double *values, const char **note, const rmseg_pair *pair, const char *const *names,
                                int64_t count, const rmseg_metric_settings *settings)
{
    rmseg_measurement m = {.pair = pair, .settings = settings};
    RMSEG_TRY(rmseg_convention_find(&m.convention, settings->convention));
    const rmseg_metric_row **rows = rmseg_alloc(count, sizeof *rows);
    double *found = rmseg_alloc(count, sizeof *found);
    int needs = 0;
    const char *said = "";
    rmseg_status status = rows && found ? look_up(rows, &needs, names, count, &m) : RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK) status = measure(&m, needs);
    if (status == RMSEG_OK) status = evaluate(found, &said, &m, rows, count);
    if (status == RMSEG_OK) {
        memcpy(values, found, (size_t)count * sizeof *values);
        if (note) *note = said;
    }
    rmseg_distances_free(&m.distances);
    rmseg_free(found);
    rmseg_free(rows);
    return status;
}

rmseg_status rmseg_metric_measure(double *values, const char **note, const uint8_t *prediction, const uint8_t *truth,
                                  const int64_t size[3], const double spacing[3], const char *const *names,
                                  int64_t count, const rmseg_metric_settings *settings)
{
    rmseg_pair pair;
    RMSEG_TRY(rmseg_pair_create(&pair, prediction, truth, NULL, size, spacing, settings));
    return rmseg_pair_measure(values, note, &pair, names, count, settings);
}
