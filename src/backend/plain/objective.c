/*
 * plain/objective.c - the objective's two sweeps as naive loops, from one source for float and double: what they mean.
 */
#include <math.h>

#include "backend/backend.h"

/* A mask per channel, each against its own background, rather than classes that exclude each other. */
static bool is_binary(const rmseg_sweep *s)
{
    return s->head == RMSEG_HEAD_SIGMOID || (s->head == RMSEG_HEAD_NONE && s->batch.k == 1);
}

/* T0 T1 T2 of one part at one voxel. */
static double table_weight(const rmseg_weight_field *field, const rmseg_sweep *s, int64_t n, int64_t c, int64_t part,
                           const int64_t at[3])
{
    int64_t set = field->own_centres ? n * s->batch.k + c : n;
    double weight = 1;
    for (int axis = 0; axis < 3; axis++) {
        int64_t table = set * field->tables[axis] + field->part[part].table[axis];
        weight *= field->table[axis][table * field->stride[axis] + at[axis]];
    }
    return weight;
}

static void clear_sums(rmseg_sweep *s)
{
    for (int64_t i = 0; i < s->batch.n * s->batch.k * s->width; i++) s->sums[i] = 0;
    for (int64_t n = 0; n < s->batch.n; n++) s->valid[n] = 0;
    s->fault = false;
}

#define REAL    float
#define NAME(x) x##_f32
#define EXP     expf
#define LOG     logf
#define LOG1P   log1pf
#define POW     powf
#include "backend/plain/objective.inc"
#undef REAL
#undef NAME
#undef EXP
#undef LOG
#undef LOG1P
#undef POW

#define REAL    double
#define NAME(x) x##_f64
#define EXP     exp
#define LOG     log
#define LOG1P   log1p
#define POW     pow
#include "backend/plain/objective.inc"

const rmseg_objective_kernels rmseg_objective_plain = {"plain",     scratch_bytes_f32, gather_f32,
                                                       scatter_f32, locate_f32,        predict_f32};
const rmseg_objective_kernels rmseg_objective_plain64 = {"plain64",   scratch_bytes_f64, gather_f64,
                                                         scatter_f64, locate_f64,        predict_f64};
