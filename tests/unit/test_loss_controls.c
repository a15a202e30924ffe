/*
 * test_loss_controls.c - wmse, permuted, ranked: the weights they give are those of rm, in other places. The gradient of
 * a sum of w r^2 at probabilities is 2 w r, so that weights are read off it.
 */
#include <math.h>

#include "loss/loss.h"
#include "unit.h"

typedef struct scene {
    rmseg_batch batch;
    int64_t voxels;
    double *p, *y, *gradient;
    rmseg_frame frame;
} scene;

/* One channel, p = 1/2, a ball as truth; `ignoring`: some voxels are ignored. */
static scene make_scene(int64_t d, int64_t h, int64_t w, bool ignoring)
{
    scene s = {.voxels = d * h * w};
    s.p = rmseg_alloc(s.voxels, sizeof *s.p);
    s.y = rmseg_alloc(s.voxels, sizeof *s.y);
    s.gradient = rmseg_alloc(s.voxels, sizeof *s.gradient);
    for (int64_t v = 0; v < s.voxels; v++) {
        double z = (double)(v / (h * w)) - (double)d / 3, y = (double)(v / w % h) - (double)h / 3,
               x = (double)(v % w) - (double)w / 2;
        s.p[v] = 0.5;
        s.y[v] = ignoring && v % 11 == 0 ? -1 : z * z + y * y + x * x < 20;
    }
    s.batch = (rmseg_batch){.n = 1,
                            .k = 1,
                            .size = {d, h, w},
                            .spatial = d > 1 ? 3 : 2,
                            .logits = s.p,
                            .map = s.y,
                            .wide = true,
                            .ignore = -1};
    return s;
}

static void free_scene(scene *s)
{
    rmseg_free(s->p);
    rmseg_free(s->y);
    rmseg_free(s->gradient);
}

/* The weights of an expression's only term; NAN where ignored. */
static double *weights_of(scene *s, const char *term)
{
    char expression[160];
    rmseg_objective *o;
    double total, *weight = rmseg_alloc(s->voxels, sizeof *weight);
    snprintf(expression, sizeof expression, "none: %s", term);
    assert_ok(rmseg_objective_parse(&o, expression));
    assert_ok(rmseg_objective_evaluate(&total, NULL, s->gradient, o, &s->batch));
    for (int64_t v = 0; v < s->voxels; v++) weight[v] = s->y[v] < 0 ? NAN : s->gradient[v] / (2 * (s->p[v] - s->y[v]));
    rmseg_objective_destroy(o);
    return weight;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) - isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

static double *sorted(scene *s, const char *term)
{
    double *weight = weights_of(s, term);
    qsort(weight, (size_t)s->voxels, sizeof *weight, by_size);
    return weight;
}

static void check_histogram(scene *s, const char *term, const char *rm)
{
    double *found = sorted(s, term), *expected = sorted(s, rm);
    for (int64_t v = 0; v < s->voxels; v++)
        if (fabs(found[v] - expected[v]) > 1e-13 || isnan(found[v]) != isnan(expected[v]))
            fail_msg("%s: the weight number %lld is %.17g instead of %.17g", term, (long long)v, found[v], expected[v]);
    rmseg_free(found);
    rmseg_free(expected);
}

static int64_t moved(scene *s, const char *term, const char *other)
{
    double *a = weights_of(s, term), *b = weights_of(s, other);
    int64_t count = 0;
    for (int64_t v = 0; v < s->voxels; v++) count += fabs(a[v] - b[v]) > 1e-13;
    rmseg_free(a);
    rmseg_free(b);
    return count;
}

static void test_same_weights_elsewhere(void **state)
{
    (void)state;
    scene flat = make_scene(1, 70, 83, false), solid = make_scene(20, 17, 35, false);
    check_histogram(&flat, "permuted(2,0; reduction=sum)", "rm(2,0; reduction=sum)");
    check_histogram(&flat, "permuted(2,1; reduction=sum, block=5, seed=7, center=centroid, scale=2)",
                    "rm(2,1; reduction=sum, center=centroid, scale=2)");
    check_histogram(&flat, "ranked(2,0; reduction=sum)", "rm(2,0; reduction=sum)");
    check_histogram(&solid, "permuted(1,0,2; reduction=sum, block=4)", "rm(1,0,2; reduction=sum)");
    check_histogram(&solid, "ranked(0,0,2; reduction=sum, largest=near)", "rm(0,0,2; reduction=sum)");
    assert_true(moved(&flat, "permuted(2,1; reduction=sum)", "rm(2,1; reduction=sum)") > flat.voxels / 2);
    assert_true(moved(&flat, "permuted(2,1; reduction=sum)", "permuted(2,1; reduction=sum, seed=2)") > flat.voxels / 2);
    assert_true(moved(&flat, "permuted(2,1; reduction=sum)", "permuted(2,1; reduction=sum)") == 0);
    free_scene(&flat);
    free_scene(&solid);
    scene holes = make_scene(1, 40, 31, true); /* ranked: the valid voxels' own weights */
    check_histogram(&holes, "ranked(2,1; reduction=sum)", "rm(2,1; reduction=sum)");
    free_scene(&holes);
}

/* Several orders are one sum of weights. */
static void test_several_orders(void **state)
{
    (void)state;
    scene s = make_scene(1, 33, 48, false);
    check_histogram(&s, "permuted(2,0 | 0,2 | 2,2; reduction=sum)",
                    "rm(2,0; reduction=sum) + rm(0,2; reduction=sum) + rm(2,2; reduction=sum)");
    check_histogram(&s, "ranked(2,0|0,1; reduction=sum)", "rm(2,0; reduction=sum) + rm(0,1; reduction=sum)");
    rmseg_objective *o;
    assert_ok(rmseg_objective_parse(&o, "wmse( 2,0|0,2 |2,2;scale=2)"));
    assert_string_equal(rmseg_objective_term_name(o, 0), "wmse(2,0 | 0,2 | 2,2; scale=2)");
    rmseg_objective_destroy(o);
    assert_fails(rmseg_objective_parse(&o, "wmse(2,0 | 0,2,1)"), RMSEG_ERROR_ARGUMENT,
                 "column 12: 2 orders stand before, 3 here");
    assert_fails(rmseg_objective_parse(&o, "rm(2,0 | 0,2)"), RMSEG_ERROR_ARGUMENT, "column 8");
    free_scene(&s);
}

static void test_one_weight(void **state)
{
    (void)state;
    scene s = make_scene(1, 33, 48, false);
    double *rm = weights_of(&s, "rm(2,0; reduction=sum) + rm(1,2; reduction=sum)"), mean = 0, total;
    double *flat = weights_of(&s, "wmse(2,0 | 1,2; reduction=sum)");
    rmseg_objective *o;
    rmseg_evaluator *e;
    for (int64_t v = 0; v < s.voxels; v++) mean += rm[v] / (double)s.voxels;
    for (int64_t v = 0; v < s.voxels; v++) assert_true(fabs(flat[v] - mean) < 1e-13 * mean);
    assert_ok(rmseg_objective_parse(&o, "none: wmse(2,0 | 1,2)"));
    assert_ok(rmseg_evaluator_create(&e, o, &s.batch, NULL));
    assert_ok(rmseg_evaluator_run(e, &total, NULL, NULL, &s.batch));
    assert_true(fabs(rmseg_evaluator_mean_weight(e, 0) - mean) < 1e-13 * mean);
    assert_true(fabs(total - 0.25 * mean) < 1e-13 * mean);
    rmseg_evaluator_destroy(e);
    rmseg_objective_destroy(o);
    rmseg_free(rm);
    rmseg_free(flat);
    free_scene(&s);
}

/* A crop of a volume has the volume's permuted weights, and the volume's mean. */
static void test_frames(void **state)
{
    (void)state;
    scene whole = make_scene(1, 60, 70, false), crop = make_scene(1, 20, 30, false);
    crop.batch.frames = &crop.frame;
    crop.frame = (rmseg_frame){.offset = {0, 25, 37}, .extent = {1, 60, 70}, .spacing = {1, 1, 1}};
    static const char *const terms[][2] = {
        {"permuted(2,1; reduction=sum, frame=volume)", "permuted(2,1; reduction=sum)"},
        {"wmse(2,1; reduction=sum, frame=volume)", "wmse(2,1; reduction=sum)"}};
    for (int i = 0; i < 2; i++) {
        double *part = weights_of(&crop, terms[i][0]), *all = weights_of(&whole, terms[i][1]);
        for (int64_t v = 0; v < crop.voxels; v++)
            assert_true(fabs(part[v] - all[(v / 30 + 25) * 70 + v % 30 + 37]) < 1e-13);
        rmseg_free(part);
        rmseg_free(all);
    }
    crop.frame.offset[1] = -5; /* above the image rm's coordinate simply continues */
    double *part = weights_of(&crop, "permuted(2,1; reduction=sum, frame=volume)"),
           *rm = weights_of(&crop, "rm(2,1; reduction=sum, frame=volume)");
    for (int64_t v = 0; v < 5 * 30; v++) assert_true(fabs(part[v] - rm[v]) < 1e-13);
    rmseg_free(part);
    rmseg_free(rm);
    free_scene(&whole);
    free_scene(&crop);
}

static double signed_distance(const scene *s, int64_t v)
{
    int64_t width = s->batch.size[2];
    double least = INFINITY;
    for (int64_t u = 0; u < s->voxels; u++)
        if ((s->y[u] > 0.5) != (s->y[v] > 0.5))
            least = fmin(least, hypot((double)(u / width - v / width), (double)(u % width - v % width)));
    return s->y[v] > 0.5 ? -least : least;
}

/* The farther outside the larger, or the smaller. */
static void test_ranks(void **state)
{
    (void)state;
    scene s = make_scene(1, 19, 22, false);
    double *far = weights_of(&s, "ranked(2,1; reduction=sum)"),
           *near = weights_of(&s, "ranked(2,1; reduction=sum, largest=near)");
    for (int64_t v = 0; v < s.voxels; v++)
        for (int64_t u = 0; u < s.voxels; u += 7) {
            if (!(signed_distance(&s, u) > signed_distance(&s, v) + 1e-9)) continue;
            assert_true(far[u] >= far[v]);
            assert_true(near[u] <= near[v]);
        }
    for (int64_t v = 0; v < s.voxels; v++) s.y[v] = 0; /* no border: the mean for all */
    double *none = weights_of(&s, "ranked(2,1; reduction=sum)"), *mean = weights_of(&s, "wmse(2,1; reduction=sum)");
    for (int64_t v = 0; v < s.voxels; v++) assert_true(fabs(none[v] - mean[v]) < 1e-13);
    rmseg_free(far);
    rmseg_free(near);
    rmseg_free(none);
    rmseg_free(mean);
    free_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_weights_elsewhere),
        cmocka_unit_test(test_several_orders),
        cmocka_unit_test(test_one_weight),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
