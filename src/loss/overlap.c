/*
 * overlap.c - one minus a ratio of sums, and its gradient.
 *
 *     d/dp = -dN / D + N / D^2 dD,   dN = a dI,  dD = b dI + c dP,   dP = 1 or 2 p,
 *     dI = y;  soft: (1 - sign(p - y)) / 2
 */
#include "loss/overlap.h"

#include <math.h>
#include <string.h>

bool rmseg_overlap_pooled(const rmseg_evaluator *e, const char *batch)
{
    return !strcmp(batch, "true") || (!strcmp(batch, "auto") && e->sweep.batch.spatial == 2);
}

/* Adds to the gradient `both` dI + `alone` dP. */
static void push(rmseg_evaluator *e, const rmseg_overlap *form, int64_t n, int64_t c, double both, double alone)
{
    rmseg_slope *slope = rmseg_slope_at(e, n, c);
    if (form->soft) {
        slope->one += both / 2;
        slope->sign -= both / 2;
    } else {
        slope->y += both;
    }
    if (form->squared)
        slope->p += 2 * alone;
    else
        slope->one += alone;
}

/* From the sums of channel c over samples [n0, n1). `count` is what the value counts. */
static double finish_group(rmseg_evaluator *e, const rmseg_loss_part *part, const rmseg_overlap *form, int64_t c,
                           int64_t n0, int64_t n1, double count)
{
    double both = 0, p = 0, y = 0, absolute = 0;
    for (int64_t n = n0; n < n1; n++) {
        const double *sums = rmseg_sums_at(e, n, c);
        both += sums[RMSEG_SUM_PY];
        p += sums[form->squared ? RMSEG_SUM_PP : RMSEG_SUM_P];
        y += sums[form->squared ? RMSEG_SUM_YY : RMSEG_SUM_Y];
        absolute += sums[RMSEG_SUM_ABS];
    }
    if (form->soft) both = (p + y - absolute) / 2;
    double above = form->a * both + form->smooth_nr;
    double over = form->b * both + form->c * p + form->d * y + form->smooth_dr;
    bool floored = over < form->floor;
    if (floored) over = form->floor;
    double ratio = above / over, pull = count * part->weight / over;
    double rise = floored ? 0 : pull * ratio;
    for (int64_t n = n0; n < n1; n++) push(e, form, n, c, -pull * form->a + rise * form->b, rise * form->c);
    return count * ((form->negative ? 0 : 1) - ratio);
}

double rmseg_overlap_finish(rmseg_evaluator *e, const rmseg_loss_part *part, const rmseg_overlap *form)
{
    const rmseg_batch *b = &e->sweep.batch;
    int64_t group = form->pooled ? b->n : 1;
    double value = 0;
    for (int64_t n = 0; n < b->n; n += group)
        for (int64_t c = 0; c < b->k; c++) {
            if (!part->channels[c]) continue;
            double count = rmseg_part_count(e, part, form->reduction, c);
            /* Where the batch is one group, a mean is over channels alone, and so is a mean over samples. */
            if (form->pooled && strcmp(form->reduction, "sum")) count *= (double)b->n;
            value += finish_group(e, part, form, c, n, n + group, count);
        }
    return value;
}

static rmseg_status settle_background(rmseg_options *options)
{
    const char *choice = rmseg_options_get(options, "include-background");
    if (!choice || !*choice) return RMSEG_OK;
    const char *wanted = !strcmp(choice, "true") ? "all" : "fg";
    RMSEG_TRY(rmseg_options_suggest(options, "channels", wanted));
    const char *channels = rmseg_options_get(options, "channels");
    if (!strcmp(channels, wanted)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "include_background=%s contradicts channels=%.60s; give one of them",
                      choice, channels);
}

rmseg_status rmseg_overlap_settle(rmseg_options *options)
{
    const char *smooth = rmseg_options_get(options, "smooth");
    if (smooth && *smooth) {
        RMSEG_TRY(rmseg_options_suggest(options, "smooth-nr", smooth));
        RMSEG_TRY(rmseg_options_suggest(options, "smooth-dr", smooth));
    }
    RMSEG_TRY(settle_background(options));
    RMSEG_TRY(rmseg_channels_parse(NULL, NULL, 0, 0, rmseg_options_get(options, "channels")));
    return rmseg_weights_parse(NULL, 0, rmseg_options_get(options, "weights"));
}
