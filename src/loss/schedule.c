/*
 * schedule.c - how a weight goes with the share f of the training that is done.
 *
 * With t = (f - from) / (by - from), cut off at 0 and 1:
 *     ramp(A -> B)         A + (B - A) t
 *     cosine(A -> B)       A + (B - A) (1 - cos pi t) / 2
 *     exponential(A -> B)  A (B / A)^t
 *     step(A, B at P, ...) A, from f = P on B, ...
 *     share(P)             not of f: the weight that makes the term's gradient P times that of the others
 * The ends are A and B to the last bit.
 */
#include <math.h>

#include "loss/coefficient.h"

static const rmseg_schedule_info rows[] = {
    [RMSEG_SCHEDULE_RAMP] = {"ramp", "ramp(A -> B from P by Q)",
                             "linearly from A to B; from the start to the end unless said"},
    [RMSEG_SCHEDULE_COSINE] = {"cosine", "cosine(A -> B from P by Q)", "along half a cosine, slow at both ends"},
    [RMSEG_SCHEDULE_EXPONENTIAL] = {"exponential", "exponential(A -> B from P by Q)",
                                    "by the same factor in equal times; A and B have one sign"},
    [RMSEG_SCHEDULE_STEP] = {"step", "step(A, B at P, C at Q)", "A at first, from P on B, from Q on C"},
    [RMSEG_SCHEDULE_SHARE] = {"share", "share(P)",
                              "so that the gradient at the logits of what it weighs is P of that of the other terms"},
};

const rmseg_schedule_info *rmseg_schedule_list(int64_t index)
{
    return index >= 0 && index < (int64_t)(sizeof rows / sizeof *rows) ? rows + index : NULL;
}

const char *rmseg_schedule_name(rmseg_schedule_shape shape)
{
    const rmseg_schedule_info *row = rmseg_schedule_list(shape);
    return row ? row->name : NULL;
}

double rmseg_schedule_at(const rmseg_schedule *s, double progress)
{
    if (s->shape == RMSEG_SCHEDULE_STEP) {
        int64_t i = s->count - 1;
        while (i > 0 && !(progress >= s->at[i])) i--;
        return s->value[i];
    }
    double first = s->value[0], last = s->value[1], t = (progress - s->at[0]) / (s->at[1] - s->at[0]);
    if (!(t > 0)) return first;
    if (t >= 1) return last;
    if (s->shape == RMSEG_SCHEDULE_RAMP) return first + (last - first) * t;
    if (s->shape == RMSEG_SCHEDULE_COSINE) return first + (last - first) * (1 - cos(M_PI * t)) / 2;
    return first * pow(last / first, t);
}

void rmseg_schedule_free(rmseg_schedule *schedule)
{
    rmseg_free(schedule->value);
    rmseg_free(schedule->at);
    *schedule = (rmseg_schedule){0};
}
