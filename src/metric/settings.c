/* settings.c - how metrics are computed: defaults, checks, the policy for empty masks as a word. */
#include "metric/settings.h"

#include <math.h>
#include <string.h>

#include "metric/conventions.h"

static const char *const empty_words[] = {[RMSEG_EMPTY_NAN] = "nan",
                                          [RMSEG_EMPTY_INF] = "inf",
                                          [RMSEG_EMPTY_DIAGONAL] = "diagonal",
                                          [RMSEG_EMPTY_ERROR] = "error",
                                          [RMSEG_EMPTY_TOOL] = "tool"};

void rmseg_metric_settings_default(rmseg_metric_settings *settings)
{
    *settings = (rmseg_metric_settings){
        .convention = "medpy", .empty = RMSEG_EMPTY_NAN, .connectivity = 1, .percentile = 100, .tolerance = NAN};
}

rmseg_status rmseg_metric_settings_check(const rmseg_metric_settings *settings, int axes)
{
    const rmseg_convention *convention = NULL;
    RMSEG_TRY(rmseg_convention_find(&convention, settings->convention));
    if (!(settings->percentile >= 0 && settings->percentile <= 100))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "percentile %g: expected 0 to 100, where 100 is the maximum",
                          settings->percentile);
    if (settings->axes < 0 || settings->axes > 3)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "axes %d: expected 1, 2, 3, or 0 to take them from the masks",
                          settings->axes);
    if (settings->tolerance < 0 || isinf(settings->tolerance))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "tolerance %g: expected a length of at least 0", settings->tolerance);
    if (!(settings->component_iou >= 0 && settings->component_iou < 1))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "component IoU %g: expected 0 to below 1", settings->component_iou);
    if (settings->connectivity < 1 || settings->connectivity > axes)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "connectivity %d: expected 1 to %d for a mask of %d axes",
                          settings->connectivity, axes, axes);
    return RMSEG_OK;
}

rmseg_status rmseg_metric_settings_empty(rmseg_metric_settings *settings, const char *text)
{
    for (int policy = RMSEG_EMPTY_NAN; policy < RMSEG_EMPTY_VALUE; policy++) {
        if (strcmp(text, empty_words[policy])) continue;
        settings->empty = (rmseg_empty)policy;
        return RMSEG_OK;
    }
    double value = 0;
    if (!rmseg_parse_number(&value, text) || !isfinite(value))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "'%.60s' is no policy for empty masks: expected nan, inf, diagonal, error, tool or a number",
                          text);
    settings->empty = RMSEG_EMPTY_VALUE;
    settings->empty_value = value;
    return RMSEG_OK;
}

const char *rmseg_empty_text(char *buffer, const rmseg_metric_settings *settings)
{
    return settings->empty == RMSEG_EMPTY_VALUE ? rmseg_number_text(buffer, settings->empty_value)
                                                : empty_words[settings->empty];
}
