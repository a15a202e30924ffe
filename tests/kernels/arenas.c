/*
 * arenas.c - what a backend does beside layers: layouts of tensors and parameters, SGD, sums of squares.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static float *random_integers(int64_t count, uint32_t which)
{
    rmseg_random random = rmseg_random_stream(11, RMSEG_RANDOM_TEST, which, 1);
    float *values = malloc((size_t)(count + 1) * sizeof *values);
    if (!values) abort();
    for (int64_t i = 0; i < count; i++) values[i] = (float)(rmseg_random_below(&random, 5) - 2);
    return values;
}

static float *copied(const float *values, int64_t count)
{
    float *copy = malloc((size_t)(count + 1) * sizeof *copy);
    if (!copy) abort();
    return memcpy(copy, values, (size_t)count * sizeof *copy);
}

static bool equal(const float *a, const float *b, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count; i++)
        if (a[i] != b[i]) {
            printf("    %s differs at element %lld: got %.9g, expected %.9g\n", what, (long long)i, a[i], b[i]);
            return false;
        }
    return true;
}

/* ---- layouts ----------------------------------------------------------------------------------------------------- */

/* What is packed comes back; and from where channel_offset says, the rest of the channels are a tensor of their own. */
static bool check_tensor(const rmseg_backend *b, rmseg_shape s)
{
    int64_t plane = s.d * s.h * s.w, dense = s.n * s.c * plane, stride = b->sample_elements(&s);
    float *values = random_integers(dense, (uint32_t)s.c), *back = random_integers(dense, 99);
    float *inside = malloc((size_t)(s.n * stride) * sizeof *inside);
    if (!inside) abort();
    b->tensor_pack((rmseg_view){inside, stride}, values, &s);
    b->tensor_unpack(back, (rmseg_view){inside, stride}, &s);
    bool ok = equal(back, values, dense, "a tensor packed and unpacked");
    for (int64_t c = 0; c < s.c && ok; c++) {
        int64_t offset = b->channel_offset(&s, c);
        rmseg_shape rest = {s.n, s.c - c, s.d, s.h, s.w};
        if (offset < 0) continue;
        b->tensor_unpack(back, (rmseg_view){inside + offset, stride}, &rest);
        for (int64_t n = 0; n < s.n && ok; n++)
            ok = equal(back + n * rest.c * plane, values + (n * s.c + c) * plane, rest.c * plane,
                       "a view of the last channels");
    }
    free(values), free(back), free(inside);
    return ok;
}

static bool check_param(const rmseg_backend *b, const rmseg_op_desc *op, int64_t dense)
{
    int64_t elements = b->param_elements(op, 0);
    float *values = random_integers(dense, 5), *back = random_integers(dense, 6),
          *inside = random_integers(elements, 7);
    double sum = 0, sum_inside = 0;
    b->param_pack(inside, values, op, 0);
    b->param_unpack(back, inside, op, 0);
    for (int64_t i = 0; i < dense; i++) sum += values[i] * values[i];
    for (int64_t i = 0; i < elements; i++) sum_inside += inside[i] * inside[i];
    bool ok = equal(back, values, dense, "a weight packed and unpacked") && sum == sum_inside;
    free(values), free(back), free(inside);
    return ok;
}

bool check_layouts(const rmseg_backend *b)
{
    static const int64_t channels[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 21, 24, 32, 33, 48};
    bool ok = true;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (size_t o = 0; o < sizeof channels / sizeof *channels; o++) {
            rmseg_op_desc op = {
                .kind = i % 2 ? RMSEG_OP_CONV : RMSEG_OP_CONV_TRANSPOSE, .kernel = {1, 2, 2}, .stride = {1, 2, 2}};
            op.in[0].c = channels[i], op.out[0].c = channels[o];
            ok = check_param(b, &op, channels[i] * channels[o] * 4) && ok;
            if (o == 0) ok = check_tensor(b, (rmseg_shape){2, channels[i], 2, 3, 5}) && ok;
        }
    return ok;
}

/* ---- the optimiser ----------------------------------------------------------------------------------------------- */

/* Integers and powers of two: nothing is rounded, so all backends agree to the last bit. */
static bool check_sgd(const rmseg_backend *b, int64_t count, bool nesterov)
{
    const rmseg_backend *plain = rmseg_backend_find("plain");
    float *w = random_integers(count, 1), *v = random_integers(count, 2), *g = random_integers(count, 3);
    float *want_w = copied(w, count), *want_v = copied(v, count);
    plain->sgd(want_w, want_v, g, count, 0.125, 0.5, 0.25, 2, nesterov);
    b->sgd(w, v, g, count, 0.125, 0.5, 0.25, 2, nesterov);
    bool ok = equal(w, want_w, count, "a weight after SGD") && equal(v, want_v, count, "a momentum after SGD");
    free(w), free(v), free(g), free(want_w), free(want_v);
    return ok;
}

/* Roots and quotients round, in another order on each backend. */
static bool close(const float *got, const float *want, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(got[i] - want[i]) <= 4 * FLT_EPSILON * (1 + fabsf(want[i])))) {
            printf("    %s: element %lld is %.9g, expected %.9g\n", what, (long long)i, got[i], want[i]);
            return false;
        }
    return true;
}

static bool check_adamw(const rmseg_backend *b, int64_t count)
{
    const rmseg_backend *plain = rmseg_backend_find("plain");
    float *w = random_integers(count, 1), *m = random_integers(count, 2), *g = random_integers(count, 3);
    float *s = random_integers(count, 4);
    for (int64_t i = 0; i < count; i++) s[i] *= s[i];
    float *want_w = copied(w, count), *want_m = copied(m, count), *want_s = copied(s, count);
    const rmseg_adamw adamw = {.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-3, .decay = 0.5, .step = 3};
    plain->adamw(want_w, want_m, want_s, g, count, &adamw, 0.7);
    b->adamw(w, m, s, g, count, &adamw, 0.7);
    bool ok = close(w, want_w, count, "a weight after AdamW") && close(m, want_m, count, "its mean gradient") &&
              close(s, want_s, count, "its mean square");
    plain->average(want_m, want_w, count, 0.75);
    b->average(m, w, count, 0.75);
    ok = ok && close(m, want_m, count, "a moving average");
    free(w), free(m), free(s), free(g), free(want_w), free(want_m), free(want_s);
    return ok;
}

static bool check_squares(const rmseg_backend *b, int64_t count)
{
    float *x = random_integers(count, 4);
    double want = 0;
    for (int64_t i = 0; i < count; i++) want += x[i] * x[i];
    double got = b->sum_of_squares(x, count);
    bool ok = got == want;
    x[count / 2] = NAN;
    ok = ok && isnan(b->sum_of_squares(x, count));
    x[count / 2] = -INFINITY;
    ok = ok && isinf(b->sum_of_squares(x, count));
    if (!ok)
        printf("    sum of squares of %lld: got %.17g, expected %.17g, and NaN and infinity to come through\n",
               (long long)count, got, want);
    free(x);
    return ok;
}

bool check_optimiser(const rmseg_backend *b)
{
    static const int64_t counts[] = {1, 3, 16, 255, 257, 4096, 100003};
    bool ok = true;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        ok = check_sgd(b, counts[i], false) && ok;
        ok = check_sgd(b, counts[i], true) && ok;
        ok = check_adamw(b, counts[i]) && ok;
        ok = check_squares(b, counts[i]) && ok;
    }
    return ok;
}
