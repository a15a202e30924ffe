/*
 * test_loss.c - what holds of every evaluation: Theorem 1, identities between terms, limits, bits, memory, refusals.
 */
#include <math.h>

#include "backend/backend.h"
#include "loss/loss.h"
#include "unit.h"

/* A batch with random logits and labels, in double, that owns its arrays. */
typedef struct sample {
    rmseg_batch batch;
    int64_t voxels, elements;
    double *logits, *gradient;
    int32_t *index;
} sample;

static sample make_sample(int64_t n, int64_t k, int64_t d, int64_t h, int64_t w, int spatial)
{
    sample s = {.voxels = d * h * w, .elements = n * k * d * h * w};
    rmseg_random random =
        rmseg_random_stream(7, RMSEG_RANDOM_TEST, (uint32_t)(n * 31 + k), (uint32_t)(d * 1009 + h * 31 + w));
    s.logits = rmseg_alloc(s.elements, sizeof(double));
    s.gradient = rmseg_alloc(s.elements, sizeof(double));
    s.index = rmseg_alloc(n * s.voxels, sizeof(int32_t));
    for (int64_t i = 0; i < s.elements; i++) s.logits[i] = 2 * rmseg_random_normal(&random);
    for (int64_t i = 0; i < n * s.voxels; i++) s.index[i] = (int32_t)rmseg_random_below(&random, k > 1 ? k : 2);
    s.batch = (rmseg_batch){.n = n,
                            .k = k,
                            .size = {d, h, w},
                            .spatial = spatial,
                            .logits = s.logits,
                            .index = s.index,
                            .wide = true,
                            .ignore = -1};
    return s;
}

static void free_sample(sample *s)
{
    rmseg_free(s->logits);
    rmseg_free(s->gradient);
    rmseg_free(s->index);
}

/* The objective's total; its gradient in s->gradient. */
static double evaluate(sample *s, const char *expression)
{
    rmseg_objective *o;
    double total = NAN;
    assert_ok(rmseg_objective_parse(&o, expression));
    assert_ok(rmseg_objective_evaluate(&total, NULL, s->gradient, o, &s->batch));
    rmseg_objective_destroy(o);
    return total;
}

static void assert_close(double found, double expected, double relative)
{
    if (!(fabs(found - expected) <= relative * fabs(expected)))
        fail_msg("found %.17g, expected %.17g", found, expected);
}

static double power(double x, int64_t n)
{
    double y = 1;
    while (n-- > 0) y *= x;
    return y;
}

/* p - y of foreground channel c, written anew. */
static double residual(const sample *s, int64_t n, int64_t c, int64_t v)
{
    double sum = 0;
    for (int64_t j = 0; j < s->batch.k; j++) sum += exp(s->logits[(n * s->batch.k + j) * s->voxels + v]);
    return exp(s->logits[(n * s->batch.k + c) * s->voxels + v]) / sum - (s->index[n * s->voxels + v] == c);
}

/* The central moment of r^2 of orders e about n/2 in pixels, i = 1..n, over all samples and foreground channels (Eq.
 * 2). */
static double moment(const sample *s, const int64_t e[3])
{
    const rmseg_batch *b = &s->batch;
    double sum = 0;
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 1; c < b->k; c++)
            for (int64_t v = 0; v < s->voxels; v++) {
                int64_t at[3] = {v / (b->size[1] * b->size[2]), v / b->size[2] % b->size[1], v % b->size[2]};
                double r = residual(s, n, c, v), w = 1;
                for (int a = 0; a < 3; a++) w *= power((double)(at[a] + 1) - (double)b->size[a] / 2, e[a]);
                sum += w * r * r;
            }
    return sum;
}

/* Theorem 1: l^(p,q)(p,y) = m_(2p,2q)(r^2), times n_1^2p n_2^2q in pixels. */
static void test_theorem_2d(void **state)
{
    (void)state;
    sample s = make_sample(2, 3, 1, 6, 9, 2);
    for (int64_t p = 0; p <= 3; p++)
        for (int64_t q = 0; q <= 3; q++) {
            char expression[64];
            snprintf(expression, sizeof expression, "softmax: rm(%lld,%lld; reduction=sum)", (long long)p,
                     (long long)q);
            double scale = power(6, 2 * p) * power(9, 2 * q);
            assert_close(evaluate(&s, expression) * scale, moment(&s, (int64_t[3]){0, 2 * p, 2 * q}), 1e-12);
        }
    free_sample(&s);
}

static void test_theorem_3d(void **state)
{
    (void)state;
    sample s = make_sample(1, 2, 4, 5, 7, 3);
    for (int64_t i = 0; i < 27; i++) {
        int64_t q[3] = {i / 9, i / 3 % 3, i % 3};
        char expression[64];
        snprintf(expression, sizeof expression, "rm(%lld,%lld,%lld; reduction=sum)", (long long)q[0], (long long)q[1],
                 (long long)q[2]);
        double scale = power(4, 2 * q[0]) * power(5, 2 * q[1]) * power(7, 2 * q[2]);
        assert_close(evaluate(&s, expression) * scale, moment(&s, (int64_t[3]){2 * q[0], 2 * q[1], 2 * q[2]}), 1e-12);
    }
    free_sample(&s);
}

/* Hu's first invariant of r^2, image-centred, is (l(1,0) + l(0,1)) / l(0,0)^2 in pixels. */
static void test_hu_first(void **state)
{
    (void)state;
    sample s = make_sample(1, 2, 1, 8, 8, 2);
    double sum = 64 * evaluate(&s, "rm(1,0; reduction=sum) + rm(0,1; reduction=sum)"),
           mass = evaluate(&s, "rm(0,0; reduction=sum)");
    double m00 = moment(&s, (int64_t[3]){0, 0, 0});
    double hu = (moment(&s, (int64_t[3]){0, 2, 0}) + moment(&s, (int64_t[3]){0, 0, 2})) / (m00 * m00);
    assert_close(sum / (mass * mass), hu, 1e-12);
    free_sample(&s);
}

/* Both sides, values and gradients: factor * left == right. */
static void check_identity(sample *s, const char *left, double factor, const char *right)
{
    double *gradient = rmseg_alloc(s->elements, sizeof *gradient), value = evaluate(s, left), largest = 0;
    memcpy(gradient, s->gradient, (size_t)s->elements * sizeof *gradient);
    double other = evaluate(s, right);
    if (!(fabs(factor * value - other) <= 1e-12 * fabs(other)))
        fail_msg("%s, %s: %.17g, %.17g", left, right, factor * value, other);
    for (int64_t i = 0; i < s->elements; i++) largest = fmax(largest, fabs(s->gradient[i]));
    for (int64_t i = 0; i < s->elements; i++)
        if (!(fabs(factor * gradient[i] - s->gradient[i]) <= 1e-12 * largest))
            fail_msg("gradients of %s and %s differ", left, right);
    rmseg_free(gradient);
}

static void test_identities(void **state)
{
    (void)state;
    sample s = make_sample(3, 2, 1, 7, 5, 2);
    check_identity(&s, "mse", 1, "rm(0,0)");
    check_identity(&s, "rm(2,0)", 16, "rm(2,0; scale=2)");
    check_identity(&s, "rm(2,2)", 256, "rm(2,2; scale=2)");
    check_identity(&s, "rm(2,1; reduction=sum)", 2, "rm(2,1; reduction=sum, channels=all)");
    check_identity(&s, "rm(2,1)", 1, "rm(2,1; channels=all)");
    check_identity(&s, "rm(2,1)", 3 * 35, "rm(2,1; reduction=sum)");
    check_identity(&s, "rm(2,1; reduction=batchmean)", 3, "rm(2,1; reduction=sum)");
    check_identity(&s, "dice(variant=monai, batch=true, channels=fg)", 1, "dice(squared_pred=false)");
    check_identity(&s, "0.5*(ce + dice) - 2*(rm(1,0) - 3*mse)", 1, "0.5*ce + dice*0.5 + 6*mse - 2*rm(1,0)");
    check_identity(&s, "dice(variant=monai)", 1, "dice(variant=monai, smooth=1e-5)");
    check_identity(&s, "ce(weights=2+2)", 1, "ce");
    check_identity(&s, "softmax: rm(2,0) + rm(2,0) + rm(0,2) + rm(2,0; center=exact)", 1,
                   "2*rm(2,0) + rm(0,2) + rm(2,0; center=exact)");
    free_sample(&s);
    sample solid = make_sample(1, 2, 3, 4, 5, 3);
    check_identity(&solid, "rm(2,2,2)", 4096, "rm(2,2,2; scale=2)");
    free_sample(&solid);
}

/* A frame that is the patch itself changes nothing; with `volume` an offset moves the weights along. */
static void test_frames(void **state)
{
    (void)state;
    sample s = make_sample(1, 2, 1, 6, 8, 2);
    double patch = evaluate(&s, "rm(2,1; center=exact)");
    rmseg_frame frame = {.offset = {0, 0, 0}, .extent = {1, 6, 8}, .spacing = {1, 1, 1}};
    s.batch.frames = &frame;
    assert_close(evaluate(&s, "rm(2,1; center=exact, frame=volume)"), patch, 1e-15);
    frame = (rmseg_frame){.offset = {0, 3, 4}, .extent = {1, 12, 16}, .spacing = {1, 1, 1}};
    /* The middle half of an image twice as large: coordinates are half as long. */
    assert_close(evaluate(&s, "rm(2,1; center=exact, frame=volume)") * 64, patch, 1e-12);
    assert_close(evaluate(&s, "rm(2,1; center=exact)"), patch, 1e-15);
    frame.spacing[1] = 2; /* 24 x 16 mm: axis 1 is the longest and keeps its fraction, axis 2 has 16/24 of it */
    assert_close(evaluate(&s, "rm(2,1; center=exact, frame=volume, units=mm)") * 64, patch * 4 / 9, 1e-12);
    free_sample(&s);
}

static void fill(sample *s, double background, double foreground)
{
    for (int64_t i = 0; i < s->elements; i++) s->logits[i] = i / s->voxels % s->batch.k ? foreground : background;
}

static void test_limits(void **state)
{
    (void)state;
    sample s = make_sample(2, 2, 1, 4, 4, 2);
    fill(&s, 0, 0);
    assert_close(evaluate(&s, "ce"), log(2), 1e-15);
    assert_close(evaluate(&s, "sigmoid: ce"), log(2), 1e-15);
    assert_close(evaluate(&s, "mse"), 0.25, 1e-15);
    for (int64_t i = 0; i < s.elements; i++) s.logits[i] = (s.index[i / 32 * 16 + i % 16] == i / 16 % 2) ? 1000 : -1000;
    assert_true(evaluate(&s, "ce") == 0);
    assert_true(fabs(evaluate(&s, "dice")) < 1e-15);
    assert_close(evaluate(&s, "dice(variant=nnunet)"), -1, 1e-15);
    memset(s.index, 0, 32 * sizeof *s.index);
    fill(&s, 80, -80);
    assert_true(fabs(evaluate(&s, "dice")) < 1e-12); /* both empty */
    fill(&s, -80, 80);
    assert_close(evaluate(&s, "ce"), 160, 1e-15);
    assert_close(evaluate(&s, "dice"), 1, 1e-6); /* truth empty, prediction full */
    for (int64_t i = 0; i < s.elements; i++) assert_true(isfinite(s.gradient[i]));
    free_sample(&s);
}

/* Ignored voxels: the value is that of the others, the gradient there is 0, and what their logits are does not matter.
 */
static void test_ignored(void **state)
{
    (void)state;
    const char *expression = "ce + dice + dice(variant=monai) + rm(2,1) + rm(1,1; center=centroid)";
    sample s = make_sample(1, 3, 1, 5, 6, 2), top = make_sample(1, 3, 1, 3, 6, 2);
    s.batch.ignore = 9;
    for (int64_t v = 18; v < 30; v++) s.index[v] = 9;
    for (int64_t c = 0; c < 3; c++) memcpy(top.logits + c * 18, s.logits + c * 30, 18 * sizeof(double));
    memcpy(top.index, s.index, 18 * sizeof *s.index);
    rmseg_frame frame = {.extent = {1, 5, 6}, .spacing = {1, 1, 1}};
    top.batch.frames = &frame;
    double expected = evaluate(&top, "ce + dice + dice(variant=monai) + rm(2,1; frame=volume) + "
                                     "rm(1,1; center=centroid, frame=volume)");
    assert_close(evaluate(&s, expression), expected, 1e-12);
    for (int64_t c = 0; c < 3; c++)
        for (int64_t v = 18; v < 30; v++) {
            assert_true(s.gradient[c * 30 + v] == 0);
            s.logits[c * 30 + v] = NAN;
        }
    assert_close(evaluate(&s, expression), expected, 1e-12);
    for (int64_t v = 0; v < 30; v++) s.index[v] = 9;
    assert_true(fabs(evaluate(&s, expression)) < 1e-15); /* none left */
    for (int64_t i = 0; i < s.elements; i++) assert_true(s.gradient[i] == 0);
    free_sample(&s);
    free_sample(&top);
}

static void check_refusal(const rmseg_batch *batch, const char *expression, rmseg_status expected, const char *says)
{
    rmseg_objective *o;
    double total = 5;
    assert_ok(rmseg_objective_parse(&o, expression));
    assert_fails(rmseg_objective_evaluate(&total, NULL, NULL, o, batch), expected, says);
    assert_true(total == 5);
    rmseg_objective_destroy(o);
}

static void test_refusals(void **state)
{
    (void)state;
    sample s = make_sample(2, 2, 1, 4, 5, 2);
    rmseg_batch *b = &s.batch;
    check_refusal(b, "ce + rm(2,0,0)", RMSEG_ERROR_ARGUMENT, "rm(2,0,0) has 3 orders but the batch is 2D");
    check_refusal(b, "ce + mse(channels=2)", RMSEG_ERROR_ARGUMENT, "channels=2: the batch has the channels 0 to 1");
    check_refusal(b, "ce(weights=1+2+3)", RMSEG_ERROR_ARGUMENT, "found 3 weights for 2 channels");
    s.index[33] = 2;
    check_refusal(b, "ce", RMSEG_ERROR_ARGUMENT, "the index at sample 1, voxel (0,2,3) is 2; expected 0 to 1");
    assert_true(isfinite(evaluate(&s, "sigmoid: ce"))); /* there 2 is channel 1, 0 the background */
    s.index[33] = -1;
    check_refusal(b, "sigmoid: ce", RMSEG_ERROR_ARGUMENT, "voxel (0,2,3) is -1; expected 0 to 2");
    s.index[33] = 1;
    s.logits[21] = NAN;
    check_refusal(b, "mse(channels=1)", RMSEG_ERROR_NUMERIC,
                  "the logits of sample 0 hold a NaN or an infinity (channel 1)");
    s.logits[21] = INFINITY;
    check_refusal(b, "ce", RMSEG_ERROR_NUMERIC, "the logits of sample 0 hold a NaN or an infinity (channel 1)");
    s.logits[21] = 0;
    b->index = NULL;
    check_refusal(b, "ce", RMSEG_ERROR_ARGUMENT, "expected logits and one of index and map");
    b->map = s.gradient;
    s.gradient[7] = 1.5;
    check_refusal(b, "ce", RMSEG_ERROR_ARGUMENT, "the map holds a value above 1 or a NaN");
    b->map = NULL;
    b->index = s.index;
    rmseg_frame frames[2] = {{.extent = {1, 4, 5}, .spacing = {1, 1, 1}}, {.extent = {1, 4, 5}, .spacing = {1, 0, 1}}};
    b->frames = frames;
    check_refusal(b, "ce", RMSEG_ERROR_ARGUMENT, "sample 1's frame has extent 4 and spacing 0 along axis 1");
    b->frames = NULL;
    b->spatial = 4;
    check_refusal(b, "ce", RMSEG_ERROR_ARGUMENT, "spatial is 4");
    b->spatial = 3;
    check_refusal(b, "rm(2,0)", RMSEG_ERROR_ARGUMENT, "give one for each axis, as in rm(2,0,0)");
    b->size[1] = 0;
    check_refusal(b, "ce", RMSEG_ERROR_ARGUMENT, "not one of positive extents");
    free_sample(&s);
    sample one = make_sample(1, 1, 1, 2, 2, 2);
    check_refusal(&one.batch, "ce", RMSEG_ERROR_ARGUMENT, "softmax needs two channels or more");
    one.batch.spatial = 2;
    one.batch.size[0] = 2;
    check_refusal(&one.batch, "sigmoid: ce", RMSEG_ERROR_ARGUMENT, "a 2D batch has depth 1, found 2");
    free_sample(&one);
}

/* Float logits of a batch larger than one chunk of any backend. */
typedef struct field32 {
    rmseg_batch batch;
    int64_t elements;
    float *logits, *gradient;
} field32;

static field32 make_field32(sample *s)
{
    field32 f = {.batch = s->batch, .elements = s->elements};
    f.logits = rmseg_alloc(f.elements, sizeof(float));
    f.gradient = rmseg_alloc(f.elements, sizeof(float));
    for (int64_t i = 0; i < f.elements; i++) f.logits[i] = (float)s->logits[i];
    f.batch.logits = f.logits;
    f.batch.wide = false;
    return f;
}

#define PAPER "ce + dice + rm(2,0) + rm(0,2) + rm(2,2; center=exact)"
#define SHARE " + share(10%)*rm(1,1)"

static void test_threads_change_no_bit(void **state)
{
    (void)state;
    sample s = make_sample(2, 2, 1, 190, 301, 2);
    field32 f = make_field32(&s);
    float *first = rmseg_alloc(f.elements, sizeof *first);
    rmseg_objective *o;
    double total, reference = 0;
    int counts[] = {1, 2, 3, 7};
    assert_ok(rmseg_objective_parse(&o, PAPER SHARE));
    for (int i = 0; i < 4; i++) {
        assert_ok(rmseg_threads_set(counts[i]));
        assert_ok(rmseg_objective_evaluate(&total, NULL, f.gradient, o, &f.batch));
        if (i == 0) {
            reference = total;
            memcpy(first, f.gradient, (size_t)f.elements * sizeof *first);
        }
        assert_true(total == reference);
        assert_memory_equal(first, f.gradient, (size_t)f.elements * sizeof *first);
    }
    assert_ok(rmseg_threads_set(0));
    rmseg_objective_destroy(o);
    rmseg_free(first);
    rmseg_free(f.logits);
    rmseg_free(f.gradient);
    free_sample(&s);
}

static void test_evaluator_allocates_once(void **state)
{
    (void)state;
    sample s = make_sample(2, 2, 1, 40, 30, 2);
    field32 f = make_field32(&s);
    rmseg_objective *o;
    rmseg_evaluator *e;
    double total, terms[7];
    assert_ok(
        rmseg_objective_parse(&o, PAPER " + ramp(1 -> 0)*rm(1,0; center=centroid, frame=volume) + share(10%)*mse"));
    assert_ok(rmseg_evaluator_create(&e, o, &f.batch, NULL));
    assert_ok(rmseg_evaluator_run(e, &total, terms, f.gradient, &f.batch));
    int64_t before = rmseg_memory_stats_get().allocations;
    for (int i = 0; i < 3; i++) assert_ok(rmseg_evaluator_run(e, &total, terms, f.gradient, &f.batch));
    assert_int_equal(rmseg_memory_stats_get().allocations, before);
    f.batch.n = 1;
    assert_fails(rmseg_evaluator_run(e, &total, terms, f.gradient, &f.batch), RMSEG_ERROR_ARGUMENT, "shape or type");
    assert_fails(rmseg_evaluator_create(&e, o, &f.batch, "abacus"), RMSEG_ERROR_UNSUPPORTED, "abacus");
    rmseg_evaluator_destroy(e);
    rmseg_objective_destroy(o);
    rmseg_free(f.logits);
    rmseg_free(f.gradient);
    free_sample(&s);
}

/* 1/12, 1/80, 1/6400 and their like, up to the sampling of the axes. */
static void test_mean_weights(void **state)
{
    (void)state;
    sample s = make_sample(1, 2, 1, 600, 500, 2);
    rmseg_objective *o;
    rmseg_evaluator *e;
    double total;
    assert_ok(
        rmseg_objective_parse(&o, "ce + mse + rm(1,0; center=exact) + rm(0,2; center=exact) + rm(2,2; center=exact) + "
                                  "rm(2,2; center=exact, scale=2)"));
    assert_ok(rmseg_evaluator_create(&e, o, &s.batch, "plain64"));
    assert_ok(rmseg_evaluator_run(e, &total, NULL, NULL, &s.batch));
    assert_true(isnan(rmseg_evaluator_mean_weight(e, 0)));
    const double expected[] = {1, 1.0 / 12, 1.0 / 80, 1.0 / 6400, 256.0 / 6400};
    for (int64_t t = 0; t < 5; t++) assert_close(rmseg_evaluator_mean_weight(e, t + 1), expected[t], 1e-4);
    rmseg_evaluator_destroy(e);
    rmseg_objective_destroy(o);
    free_sample(&s);
}

/* ---- weights that change --------------------------------------------------------------------------------------- */

static void test_schedules(void **state)
{
    (void)state;
    static const struct {
        const char *factor;
        double progress, expected;
    } rows[] = {
        {"ramp(3 -> 1)", 0, 3},
        {"ramp(3 -> 1)", 0.25, 2.5},
        {"ramp(3 -> 1)", 1, 1},
        {"ramp(1 -> 0.01 by 2%)", 0.01, 0.505},
        {"ramp(1 -> 0.01 by 2%)", 0.02, 0.01},
        {"ramp(1 -> 0 from 50% by 75%)", 0.5, 1},
        {"ramp(1 -> 0 from 50% by 75%)", 0.6875, 0.25},
        {"cosine(2 -> 0)", 0.5, 1},
        {"cosine(2 -> 0)", 1.0 / 3, 1.5},
        {"exponential(1 -> 0.01)", 0.5, 0.1},
        {"exponential(-8 -> -1 by 75%)", 0.25, -4},
        {"step(1, 0.1 at 25%, 0.01 at 50%)", 0.249, 1},
        {"step(1, 0.1 at 25%, 0.01 at 50%)", 0.25, 0.1},
        {"step(1, 0.1 at 25%, 0.01 at 50%)", 1, 0.01},
        {"(2 - 3*a)*a", 0.5, 0.25},
    };
    sample s = make_sample(1, 2, 1, 3, 4, 2);
    double ce = evaluate(&s, "ce"), dice = evaluate(&s, "dice");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expression[128];
        snprintf(expression, sizeof expression, "%s*ce + dice%s", rows[i].factor,
                 strchr(rows[i].factor, 'a') == rows[i].factor + 7 ? ", a = ramp(0 -> 1)" : "");
        s.batch.progress = rows[i].progress;
        double found = evaluate(&s, expression), expected = rows[i].expected * ce + dice;
        if (!(fabs(found - expected) < 1e-14)) fail_msg("%s at %g: %.17g", expression, rows[i].progress, found);
    }
    s.batch.progress = 1.5;
    check_refusal(&s.batch, "ce", RMSEG_ERROR_ARGUMENT, "the progress is 1.5; expected 0 to 1");
    free_sample(&s);
}

static double norm_of(sample *s, const char *expression)
{
    double sum = 0;
    evaluate(s, expression);
    for (int64_t i = 0; i < s->elements; i++) sum += s->gradient[i] * s->gradient[i];
    return sqrt(sum);
}

/* The weight behind a share is that share of the norms' ratio, averaged over evaluations with a gradient. */
static void test_share(void **state)
{
    (void)state;
    sample s = make_sample(2, 2, 1, 5, 6, 2);
    double ratio = norm_of(&s, "ce + 0.5*dice") / norm_of(&s, "rm(2,0) + 2*rm(0,2)"), total, *average;
    double mse = norm_of(&s, "ce + 0.5*dice") / norm_of(&s, "mse");
    rmseg_objective *o;
    rmseg_evaluator *e;
    int64_t count;
    assert_ok(rmseg_objective_parse(&o, "ce + 0.5*dice + share(10%)*(rm(2,0) + 2*rm(0,2)) + share(2)*mse"));
    assert_true(!rmseg_objective_term_varies(o, 1) && rmseg_objective_term_varies(o, 2));
    assert_ok(rmseg_evaluator_create(&e, o, &s.batch, "plain64"));
    average = rmseg_evaluator_shares(e, &count);
    assert_int_equal(count, 2);
    assert_ok(rmseg_evaluator_run(e, &total, NULL, NULL, &s.batch));
    assert_true(isnan(average[0]) && isnan(average[1])); /* measured, but not kept */
    assert_close(rmseg_evaluator_weight(e, 3), 0.2 * ratio, 1e-12);
    assert_ok(rmseg_evaluator_run(e, &total, NULL, s.gradient, &s.batch));
    assert_close(average[0], 0.1 * ratio, 1e-12);
    assert_close(average[1], 2 * mse, 1e-12);
    assert_close(rmseg_evaluator_weight(e, 4), 2 * mse, 1e-12);
    average[0] = 5;
    assert_ok(rmseg_evaluator_run(e, &total, NULL, s.gradient, &s.batch));
    assert_close(average[0], 0.99 * 5 + 0.01 * 0.1 * ratio, 1e-12);
    assert_close(rmseg_evaluator_weight(e, 2), average[0], 0);
    double kept = average[0];
    for (int64_t i = 0; i < s.elements; i++) s.logits[i] = s.index[i / 60 * 30 + i % 30] == i / 30 % 2 ? 1000 : -1000;
    assert_ok(rmseg_evaluator_run(e, &total, NULL, s.gradient, &s.batch)); /* all gradients are 0 */
    assert_close(average[0], kept, 0);
    rmseg_evaluator_destroy(e);
    rmseg_objective_destroy(o);
    free_sample(&s);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    sample s = make_sample(2, 3, 1, 4, 5, 2);
    rmseg_objective *o;
    assert_ok(rmseg_objective_parse(&o, "ce(weights=1+2+3) + " PAPER " + rm(1,0; center=centroid) + share(1%)*mse"));
    int64_t live = rmseg_memory_stats_get().live_bytes, n = 1;
    for (rmseg_status status = RMSEG_ERROR_MEMORY; status != RMSEG_OK; n++) {
        double total;
        rmseg_memory_fail_at(n);
        status = rmseg_objective_evaluate(&total, NULL, s.gradient, o, &s.batch);
        rmseg_memory_fail_at(0);
        if (status != RMSEG_OK) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
    }
    assert_true(n > 20);
    rmseg_objective_destroy(o);
    free_sample(&s);
}

/* The terms' gradients add up to the whole one, whose run they leave as it was. */
static void test_gradients_of_single_terms(void **state)
{
    static const char *const expressions[] = {
        "softmax: ce + 0.5*dice - 2*rm(2,0) + hausdorff(log=true)",
        "sigmoid: a*focal + (1 - a)*size + share(10%)*centroid + boundary, a = ramp(1 -> 0)"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        rmseg_objective *o;
        rmseg_evaluator *e;
        double total, norm = 0;
        sample s = make_sample(2, 2, 1, 9, 7, 2);
        s.batch.progress = 0.3;
        double *sum = rmseg_alloc(s.elements, sizeof *sum), *alone = rmseg_alloc(s.elements, sizeof *alone);
        assert_ok(rmseg_objective_parse(&o, expressions[i]));
        assert_ok(rmseg_evaluator_create(&e, o, &s.batch, NULL));
        assert_true(isnan(rmseg_evaluator_term_gradient(e, 0, 1, alone)));
        assert_ok(rmseg_evaluator_run(e, &total, NULL, s.gradient, &s.batch));
        for (int64_t t = 0; t < rmseg_objective_terms(o); t++) {
            double weight = rmseg_evaluator_weight(e, t), pull = rmseg_evaluator_term_gradient(e, t, weight, alone);
            double half = rmseg_evaluator_term_gradient(e, t, weight / 2, alone);
            assert_close(half, pull / 2, 1e-13);
            assert_close(rmseg_evaluator_norm(e, alone), half, 1e-15);
            assert_true(rmseg_evaluator_weight(e, t) == weight);
            for (int64_t v = 0; v < s.elements; v++) sum[v] += 2 * alone[v];
        }
        assert_true(isnan(rmseg_evaluator_term_gradient(e, rmseg_objective_terms(o), 1, alone)));
        for (int64_t v = 0; v < s.elements; v++) {
            norm += s.gradient[v] * s.gradient[v];
            assert_true(fabs(sum[v] - s.gradient[v]) < 1e-14);
        }
        assert_close(rmseg_evaluator_norm(e, s.gradient), sqrt(norm), 1e-14);
        rmseg_evaluator_destroy(e);
        rmseg_objective_destroy(o);
        rmseg_free(sum);
        rmseg_free(alone);
        free_sample(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_theorem_2d),
        cmocka_unit_test(test_theorem_3d),
        cmocka_unit_test(test_hu_first),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_evaluator_allocates_once),
        cmocka_unit_test(test_mean_weights),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_gradients_of_single_terms),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
