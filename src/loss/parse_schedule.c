/*
 * parse_schedule.c - reads schedules.
 *
 *     schedule = ('ramp' | 'cosine' | 'exponential') '(' value '->' value [ 'from' share ] [ 'by' share ] ')'
 *              | 'step' '(' value { ',' value 'at' share } ')'
 *              | 'share' '(' share ')'
 *     value    = [ '-' ] number [ '%' ]
 *     share    = number [ '%' ]                of the training; at most 1, which is 100 %
 */
#include <ctype.h>
#include <string.h>

#include "loss/parser.h"

#define LARGEST_SHARE 1000 /* share(P): a term a thousand times as strong as all others is no share */

static rmseg_schedule_shape shape_at(const rmseg_parser *p)
{
    size_t length = rmseg_run_length(p->at, "_");
    rmseg_schedule_shape shape = 0;
    const char *name;
    while ((name = rmseg_schedule_name(shape)) && (strlen(name) != length || memcmp(name, p->at, length))) shape++;
    return shape;
}

bool rmseg_starts_schedule(const rmseg_parser *p) { return rmseg_schedule_name(shape_at(p)) != NULL; }

/* Digits with or without a % behind them. */
static rmseg_status take_plain(rmseg_parser *p, double *value, const char *expected)
{
    rmseg_skip_space(p);
    if (!isdigit((unsigned char)*p->at) && *p->at != '.') return rmseg_fail_unexpected(p, expected);
    RMSEG_TRY(rmseg_take_number(p, value));
    if (rmseg_take(p, '%')) *value /= 100;
    return RMSEG_OK;
}

static rmseg_status take_value(rmseg_parser *p, double *value)
{
    bool minus = rmseg_take(p, '-');
    RMSEG_TRY(take_plain(p, value, "a number"));
    if (minus) *value = -*value;
    return RMSEG_OK;
}

static rmseg_status take_moment(rmseg_parser *p, double *at)
{
    rmseg_skip_space(p);
    const char *here = p->at;
    RMSEG_TRY(take_plain(p, at, "a share of the training, such as 10%"));
    if (*at <= 1) return RMSEG_OK;
    return rmseg_fail_at(p, here, "a time is a share of the training, from 0 to 1 or 0%% to 100%%; found %g", *at);
}

static rmseg_status append(rmseg_schedule *s, double value, double at)
{
    double *values = rmseg_realloc(s->value, s->count + 1, sizeof *values);
    if (!values) return RMSEG_ERROR_MEMORY;
    s->value = values;
    double *moments = rmseg_realloc(s->at, s->count + 1, sizeof *moments);
    if (!moments) return RMSEG_ERROR_MEMORY;
    s->at = moments;
    values[s->count] = value;
    moments[s->count++] = at;
    return RMSEG_OK;
}

static rmseg_status take_arrow(rmseg_parser *p)
{
    rmseg_skip_space(p);
    if (p->at[0] != '-' || p->at[1] != '>') return rmseg_fail_unexpected(p, "'->' and the last value");
    p->at += 2;
    return RMSEG_OK;
}

static rmseg_status take_course(rmseg_parser *p, rmseg_schedule *s)
{
    const char *start = p->at;
    double first, last, from = 0, by = 1;
    RMSEG_TRY(take_value(p, &first));
    RMSEG_TRY(take_arrow(p));
    RMSEG_TRY(take_value(p, &last));
    if (rmseg_take_word(p, "from")) RMSEG_TRY(take_moment(p, &from));
    if (rmseg_take_word(p, "by")) RMSEG_TRY(take_moment(p, &by));
    if (!(from < by))
        return rmseg_fail_at(p, start, "the schedule goes from %g to %g of the training: the second is to be later",
                             from, by);
    if (s->shape == RMSEG_SCHEDULE_EXPONENTIAL && !(first * last > 0))
        return rmseg_fail_at(p, start, "exponential(%g -> %g): both values are to have one sign, and neither to be 0",
                             first, last);
    RMSEG_TRY(append(s, first, from));
    return append(s, last, by);
}

static rmseg_status take_steps(rmseg_parser *p, rmseg_schedule *s)
{
    double value, at = 0;
    RMSEG_TRY(take_value(p, &value));
    RMSEG_TRY(append(s, value, 0));
    while (rmseg_take(p, ',')) {
        double before = at;
        RMSEG_TRY(take_value(p, &value));
        if (!rmseg_take_word(p, "at")) return rmseg_fail_unexpected(p, "'at' and a share of the training");
        const char *here = p->at;
        RMSEG_TRY(take_moment(p, &at));
        if (!(at > before)) return rmseg_fail_at(p, here, "steps are to be in the order of their times");
        RMSEG_TRY(append(s, value, at));
    }
    return RMSEG_OK;
}

static rmseg_status take_share(rmseg_parser *p, rmseg_schedule *s)
{
    double share;
    rmseg_skip_space(p);
    const char *here = p->at;
    RMSEG_TRY(take_plain(p, &share, "a share of the gradient, such as 10%"));
    if (!(share > 0 && share <= LARGEST_SHARE))
        return rmseg_fail_at(p, here, "a share is above 0, as in share(10%%); found %g", share);
    return append(s, share, 0);
}

static rmseg_status take_inside(rmseg_parser *p, rmseg_schedule *s)
{
    if (!rmseg_take(p, '(')) return rmseg_fail_unexpected(p, "'('");
    if (s->shape == RMSEG_SCHEDULE_STEP)
        RMSEG_TRY(take_steps(p, s));
    else if (s->shape == RMSEG_SCHEDULE_SHARE)
        RMSEG_TRY(take_share(p, s));
    else
        RMSEG_TRY(take_course(p, s));
    return rmseg_take(p, ')') ? RMSEG_OK : rmseg_fail_unexpected(p, "')'");
}

rmseg_status rmseg_take_schedule(rmseg_parser *p, int64_t *node)
{
    const char *start = p->at;
    rmseg_schedule schedule = {.shape = shape_at(p)};
    p->at += rmseg_run_length(p->at, "_");
    rmseg_status status = take_inside(p, &schedule);
    if (!status)
        return rmseg_fail_inside(p, start, rmseg_coefficient_schedule(node, &p->objective->coefficients, &schedule));
    rmseg_schedule_free(&schedule);
    return status;
}
