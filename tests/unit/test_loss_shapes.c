/*
 * test_loss_shapes.c - terms that compare shapes, on shapes whose numbers are known: boxes, balls, their shifts and turns;
 * penalties by their formula; and finite values and gradients at every extreme.
 */
#include <math.h>

#include "backend/backend.h"
#include "loss/loss.h"
#include "unit.h"

#define PI 3.14159265358979323846
enum { D = 9, H = 24, W = 30, MOST = 2 * D * H * W };

/* Masks as probabilities of one channel: prediction and truth; two channels lie behind each other. */
typedef struct scene {
    rmseg_batch batch;
    double p[MOST], y[MOST], gradient[MOST];
} scene;

static scene make_scene(int spatial, int64_t k)
{
    scene s = {.batch = {.n = 1, .k = k, .size = {spatial == 3 ? D : 1, H, W}, .spatial = spatial, .wide = true}};
    s.batch.ignore = -1;
    return s;
}

/* Sets voxels from `low` to below `high` of channel c. */
static void add_box(const scene *s, double *mask, int64_t c, const int low[3], const int high[3])
{
    for (int d = low[0]; d < high[0]; d++)
        for (int h = low[1]; h < high[1]; h++)
            for (int w = low[2]; w < high[2]; w++) mask[((c * s->batch.size[0] + d) * H + h) * W + w] = 1;
}
#define BOX(s, mask, d0, d1, h0, h1, w0, w1)                                                                           \
    add_box(&(s), (s).mask, 0, (const int[]){d0, h0, w0}, (const int[]){d1, h1, w1})

static double value_of(scene *s, const char *expression)
{
    rmseg_objective *o;
    double total = NAN;
    char full[256];
    snprintf(full, sizeof full, "none: %s", expression);
    s->batch.logits = s->p;
    s->batch.map = s->y;
    assert_ok(rmseg_objective_parse(&o, full));
    assert_ok(rmseg_objective_evaluate(&total, NULL, s->gradient, o, &s->batch));
    rmseg_objective_destroy(o);
    return total;
}

/* The epsilon beside every sum that is divided by is 1e-10. */
static void assert_value(scene *s, const char *expression, double expected)
{
    double found = value_of(s, expression);
    if (!(fabs(found - expected) <= 1e-9 * fmax(fabs(expected), 1e-3)))
        fail_msg("%s: found %.17g, expected %.17g", expression, found, expected);
}

static double squared(double x) { return x * x; }

/* Variance of n voxels in a row. */
static double variance(double n) { return (n * n - 1) / 12; }

/* ---- closed forms -------------------------------------------------------------------------------------------- */

/* A 6 x 10 box against a 4 x 5 one, elsewhere. */
static void test_flat_boxes(void **state)
{
    (void)state;
    scene s = make_scene(2, 1);
    BOX(s, p, 0, 1, 3, 9, 4, 14);
    BOX(s, y, 0, 1, 10, 14, 15, 20);
    assert_value(&s, "size(units=voxel)", squared(60 - 20));
    assert_value(&s, "centroid", squared((5.5 - 11.5) / H) + squared((8.5 - 17) / W));
    assert_value(&s, "centroid(units=voxel)", squared(6) + squared(8.5));
    assert_value(&s, "spread(units=voxel)",
                 squared(sqrt(variance(6)) - sqrt(variance(4))) + squared(sqrt(variance(10)) - sqrt(variance(5))));
    assert_value(&s, "covariance(units=voxel)",
                 squared(variance(6) - variance(4)) + squared(variance(10) - variance(5)));
    double large = (variance(6) + variance(10)) / 60, small = (variance(4) + variance(5)) / 20;
    assert_value(&s, "inertia", squared(large - small));
    assert_value(&s, "hu(invariants=1)", squared(large - small));
    double skew = squared((variance(6) - variance(10)) / 60) - squared((variance(4) - variance(5)) / 20);
    assert_value(&s, "hu(invariants=0+1+1+1+1+1+1)", squared(skew));
    assert_value(&s, "eccentricity",
                 squared(sqrt(1 - variance(6) / variance(10)) - sqrt(1 - variance(4) / variance(5))));
}

/* A h x w box cuts 2 (h + w) pairs along the axes and 4 (h + w - 1) diagonal ones; none with the outside. */
static void test_length(void **state)
{
    (void)state;
    scene s = make_scene(2, 1);
    BOX(s, p, 0, 1, 3, 9, 4, 14);
    BOX(s, y, 0, 1, 10, 14, 15, 20);
    assert_value(&s, "length(units=voxel)", squared((6 * 16 - 4) - (6 * 9 - 4)));
    assert_value(&s, "length", squared((6.0 * 16 - 6 * 9) / (H * W)));
    double large = squared(6 * 16 - 4) / 60, small = squared(6 * 9 - 4) / 20;
    assert_value(&s, "compactness", squared(large - small));
    assert_value(&s, "compactness(form=isoperimetric)", squared((large - small) / (4 * PI)));
    BOX(s, p, 0, 1, 0, H, 0, W);
    assert_value(&s, "length(units=voxel)", squared(6 * 9 - 4));
    scene solid = make_scene(3, 1);
    BOX(solid, y, 4, 5, 10, 11, 15, 16);
    assert_value(&solid, "length(units=voxel)", squared(26));
    for (int64_t w = 0; w < W; w++) solid.y[(4 * H + 11) * W + w] = -1; /* ignored: 9 neighbours fewer */
    assert_value(&solid, "length(units=voxel)", squared(23));
}

static void test_solid_boxes(void **state)
{
    (void)state;
    scene s = make_scene(3, 1);
    BOX(s, p, 1, 5, 3, 9, 4, 14);
    BOX(s, y, 2, 7, 10, 14, 15, 18);
    const double a[3] = {4, 6, 10}, b[3] = {5, 4, 3};
    double spread = 0, covariance = 0, nu[2][3];
    for (int k = 0; k < 3; k++) {
        spread += squared(sqrt(variance(a[k])) - sqrt(variance(b[k])));
        covariance += squared(variance(a[k]) - variance(b[k]));
        nu[0][k] = variance(a[k]) / pow(240, 2.0 / 3);
        nu[1][k] = variance(b[k]) / pow(60, 2.0 / 3);
    }
    assert_value(&s, "centroid(units=voxel)", squared(2.5 - 4) + squared(5.5 - 11.5) + squared(8.5 - 16));
    assert_value(&s, "spread(units=voxel)", spread);
    assert_value(&s, "covariance(units=voxel)", covariance);
    double trace[2], minors[2], product[2];
    for (int m = 0; m < 2; m++) {
        trace[m] = nu[m][0] + nu[m][1] + nu[m][2];
        minors[m] = nu[m][0] * nu[m][1] + nu[m][1] * nu[m][2] + nu[m][0] * nu[m][2];
        product[m] = nu[m][0] * nu[m][1] * nu[m][2];
    }
    assert_value(&s, "inertia", squared(trace[0] - trace[1]));
    assert_value(&s, "hu(invariants=0+1)", squared(minors[0] - minors[1]));
    assert_value(&s, "hu(invariants=0+0+1000)", 1000 * squared(product[0] - product[1]));
}

/* A disc has 1 / (2 pi) and no eccentricity; a ball 3/5 (4 pi / 3)^(-2/3): as far as voxels make one. */
static void test_balls(void **state)
{
    (void)state;
    scene s = make_scene(2, 1), far = make_scene(2, 1);
    for (int h = 0; h < H; h++)
        for (int w = 0; w < W; w++) s.p[h * W + w] = squared(h - 11) + squared(w - 14) < squared(9.6);
    BOX(s, y, 0, 1, 2, 5, 2, 12);
    memcpy(far.p, s.y, sizeof s.y);
    memcpy(far.y, s.y, sizeof s.y);
    double box = (variance(3) + variance(10)) / 30;
    assert_true(fabs(sqrt(value_of(&s, "inertia")) - (box - 1 / (2 * PI))) < 1e-3);
    assert_true(fabs(sqrt(value_of(&s, "eccentricity")) - sqrt(1 - variance(3) / variance(10))) < 1e-4);
    assert_value(&far, "inertia + eccentricity + hu(invariants=1+1+1+1+1+1+1)", 0);
}

static void test_class_centroid(void **state)
{
    (void)state;
    scene s = make_scene(2, 2);
    add_box(&s, s.p, 0, (int[]){0, 0, 0}, (int[]){1, 5, 5});
    add_box(&s, s.p, 1, (int[]){0, 10, 8}, (int[]){1, 15, 13});
    add_box(&s, s.y, 0, (int[]){0, 1, 0}, (int[]){1, 6, 5});
    add_box(&s, s.y, 1, (int[]){0, 9, 11}, (int[]){1, 14, 16});
    double predicted = squared(10) + squared(8), truth = squared(8) + squared(11);
    assert_value(&s, "class_centroid(units=voxel, channels=all)", squared(predicted - truth));
    assert_value(&s, "class_centroid(units=voxel, channels=all, penalty=band, margin=1, bounds=absolute)",
                 squared(truth - 1 - predicted));
    assert_value(&s, "class_centroid(units=voxel, channels=all, weights=2+3)", 6 * squared(predicted - truth));
    memset(s.y, 0, sizeof s.y / 4);
    assert_value(&s, "class_centroid(channels=all, min_size=25)", 0);
}

static void test_polar_and_rays(void **state)
{
    (void)state;
    scene s = make_scene(2, 1);
    s.p[3 * W + 4] = 1;
    s.y[6 * W + 2] = 1;
    double u[2] = {4.0 / W / (H * W), 2.0 / W / (H * W)}, v[2] = {3.0 / H / (H * W), 6.0 / H / (H * W)}, angle[2],
           far[2];
    for (int m = 0; m < 2; m++) {
        angle[m] = atan(v[m] / (u[m] + 1e-8));
        far[m] = sqrt(u[m] * u[m] + v[m] * v[m] + 1e-8);
    }
    double longer = fmax(far[0], far[1]), shorter = fmin(far[0], far[1]);
    assert_value(&s, "polar", 4 / (PI * PI) * squared(angle[0] - angle[1]) + 1 - shorter / (longer + 1e-8));
    /* Two rows and two columns see one voxel, of 1 / n, at x: above and below beta. */
    double rows = 0, columns = 0, at[2][2] = {{3, 6}, {4, 2}};
    for (int m = 0; m < 2; m++) {
        double x = 2 * at[1][m] / (W - 1) - 1, z = 2 * at[0][m] / (H - 1) - 1;
        rows += 1.0 / W - 0.01 + (fabs(x) / W < 0.02 ? squared(x / W) / 0.04 : fabs(x) / W - 0.01);
        columns += 1.0 / H - 0.01 + (fabs(z) / H < 0.02 ? squared(z / H) / 0.04 : fabs(z) / H - 0.01);
    }
    assert_value(&s, "rays", rows / (4 * H) + columns / (4 * W));
}

/* ---- what changes nothing ------------------------------------------------------------------------------------ */

/* Hu's invariants of a crooked, soft mask against those of it shifted, turned by a quarter and mirrored. */
static void test_hu_invariance(void **state)
{
    (void)state;
    enum { SIDE = 9 };
    rmseg_random r = rmseg_random_stream(3, RMSEG_RANDOM_TEST, 1, 1);
    double mask[SIDE][SIDE];
    for (int h = 0; h < SIDE; h++)
        for (int w = 0; w < SIDE; w++) mask[h][w] = rmseg_random_below(&r, 2) ? rmseg_random_uniform(&r) : 0;
    for (int turn = 0; turn < 5; turn++) {
        scene s = make_scene(2, 1);
        for (int h = 0; h < SIDE; h++)
            for (int w = 0; w < SIDE; w++) {
                int row = turn == 1 ? w : turn == 2 ? SIDE - 1 - h : h;
                int column = turn == 1 ? SIDE - 1 - h : turn == 2 ? SIDE - 1 - w : turn == 4 ? SIDE - 1 - w : w;
                s.p[(2 + h) * W + 3 + w] = mask[h][w];
                s.y[(11 + row) * W + 17 + column] = mask[h][w];
            }
        double found = value_of(&s, "hu(invariants=1+1+1e3+1e3+1e6+1e3, min_size=1)");
        if (!(found < 1e-18)) fail_msg("turn %d: %g", turn, found);
        double seventh = value_of(&s, "hu(invariants=0+0+0+0+0+0+1e12, min_size=1)");
        if (turn == 4 ? !(seventh > 1e-12) : !(seventh < 1e-15)) fail_msg("I7, turn %d: %g", turn, seventh);
        assert_true(value_of(&s, "centroid") > 1e-3);
    }
}

/* A patch sees with frame=volume what the image sees: a band of the centroid is wide by the place in the image. */
static void test_frame(void **state)
{
    (void)state;
    scene s = make_scene(2, 1);
    BOX(s, p, 0, 1, 3, 9, 4, 14);
    BOX(s, y, 0, 1, 4, 10, 4, 14);
    rmseg_frame frame = {.offset = {0, 40, 7}, .extent = {1, 100, 100}, .spacing = {1, 1, 1}};
    s.batch.frames = &frame;
    assert_value(&s, "centroid(units=voxel, penalty=band, margin=0.01)", squared(6.5 * 0.99 - 5.5));
    assert_value(&s, "centroid(units=voxel, penalty=band, margin=0.01, frame=volume)", squared(46.5 * 0.99 - 45.5));
    assert_value(&s, "centroid(frame=volume)", squared(0.01));
    assert_value(&s, "spread(frame=volume) + covariance(frame=volume) + hu(frame=volume)", 0);
}

/* Two patches of one image, both around the masks: with frame=volume the same values. */
static double value_in_patch(int patch, const char *expression)
{
    rmseg_frame frame = {.offset = {0, 20, 40}, .extent = {1, 70, 90}, .spacing = {1, 0.5, 2}};
    scene s = make_scene(2, 1);
    int h = patch ? -3 : 0, w = patch ? 4 : 0;
    BOX(s, p, 0, 1, 5 + h, 11 + h, 6 + w, 12 + w);
    BOX(s, p, 0, 1, 9 + h, 15 + h, 11 + w, 14 + w);
    BOX(s, y, 0, 1, 6 + h, 14 + h, 7 + w, 18 + w);
    frame.offset[1] -= h;
    frame.offset[2] -= w;
    s.batch.frames = &frame;
    return value_of(&s, expression);
}

static void test_patches(void **state)
{
    (void)state;
    static const char *const terms[] = {"centroid(units=mm",       "spread(units=voxel",
                                        "covariance(units=mm",     "inertia(units=mm",
                                        "eccentricity(min_size=9", "hu(invariants=1+1+1+1+1+1+1",
                                        "moment(2,1; units=mm",    "moment(1,2; center=centroid"};
    static const char *const penalties[] = {"", ", penalty=band, margin=0.01", ", penalty=log-barrier, t=3"};
    static const char *const others[] = {"polar(frame=volume)", "polar(frame=volume, units=mm)", "rays(frame=volume)"};
    for (size_t i = 0; i < 8 * 3 + 3; i++) {
        char expression[128];
        if (i < 24)
            snprintf(expression, sizeof expression, "%s, frame=volume%s)", terms[i / 3], penalties[i % 3]);
        else
            snprintf(expression, sizeof expression, "%s", others[i - 24]);
        double first = value_in_patch(0, expression), second = value_in_patch(1, expression);
        if (!(fabs(first - second) <= 1e-11 * fabs(first)) || first == 0)
            fail_msg("%s: %.17g and %.17g", expression, first, second);
    }
}

/* ---- penalties ----------------------------------------------------------------------------------------------- */

static double barrier(double z, double t)
{
    return z <= -1 / (t * t) ? -log(-z) / t : t * z - log(1 / (t * t)) / t + 1 / t;
}

static void test_penalties(void **state)
{
    (void)state;
    scene s = make_scene(2, 1);
    BOX(s, p, 0, 1, 3, 9, 4, 14);    /* 60 */
    BOX(s, y, 0, 1, 10, 14, 15, 20); /* 20 */
    assert_value(&s, "size(units=voxel, penalty=band)", squared(60 - 22));
    assert_value(&s, "size(units=voxel, penalty=band, margin=1.9)", squared(60 - 58));
    assert_value(&s, "size(units=voxel, penalty=band, margin=2)", 0);
    assert_value(&s, "size(units=voxel, penalty=band, margin=25, bounds=absolute)", squared(60 - 45));
    assert_value(&s, "size(units=voxel, penalty=log-barrier)", barrier(60 - 22, 1) + barrier(18 - 60, 1));
    assert_value(&s, "size(units=voxel, penalty=log-barrier, margin=30, bounds=absolute, t=3)",
                 barrier(60 - 50, 3) + barrier(0 - 60, 3));
    assert_value(&s, "size(units=voxel, penalty=log-barrier, margin=2.5)", barrier(60 - 70, 1) + barrier(-30 - 60, 1));
    s.batch.progress = 0.25;
    double t = 5 * pow(1.1, 25);
    assert_value(&s, "size(units=voxel, penalty=log-barrier, t=5)", barrier(60 - 22, t) + barrier(18 - 60, t));
    assert_value(&s, "size(units=voxel, penalty=log-barrier, t=5, growth=1)",
                 barrier(60 - 22, 5) + barrier(18 - 60, 5));
    /* A negative truth: the first moment along the rows of a mask left of the middle. */
    double p = 60 * (9.5 - (W + 1) / 2.0) / W, y = 10 * (4.0 - (W + 1) / 2.0) / W;
    memset(s.y, 0, sizeof s.y);
    BOX(s, y, 0, 1, 10, 12, 1, 6);
    assert_true(p < 0 && y < 0 && p < 1.1 * y);
    assert_value(&s, "moment(0,1; normalize=none, penalty=band)", squared(1.1 * y - p));
    assert_value(&s, "moment(0,1; normalize=none, penalty=band, margin=7, bounds=absolute)",
                 squared(fmax(y - 7 - p, 0)));
}

/* ---- extremes ------------------------------------------------------------------------------------------------ */

static void assert_finite(const scene *s, const char *expression, double total)
{
    if (!isfinite(total)) fail_msg("%s is %g", expression, total);
    for (int64_t i = 0; i < s->batch.k * s->batch.size[0] * H * W; i++)
        if (!isfinite(s->gradient[i])) fail_msg("%s: gradient %g at %lld", expression, s->gradient[i], (long long)i);
}

/* One logit everywhere (`where` 0), at one voxel alone, in a box: against an empty, a full, a single-voxel truth. */
static void fill_extreme(scene *s, int64_t where, int64_t truth, double logit)
{
    int64_t voxels = s->batch.size[0] * H * W, elements = s->batch.k * voxels;
    for (int64_t i = 0; i < elements; i++) {
        int64_t v = i % voxels;
        bool in = where == 0 || (where == 1 ? v == 77 : v / W % H < 9 && v % W < 5);
        s->p[i] = in ? logit : -logit;
        s->y[i] = truth == 0 ? 0 : truth == 1 ? 1 : v == 301;
    }
}

static void check_extremes(const rmseg_loss_info *info, const char *penalty, int spatial)
{
    char expression[192];
    static float narrow[MOST], map[MOST], gradient[MOST];
    scene s = make_scene(spatial, 2);
    bool sized = strstr(info->arguments, "min_size="), punished = strstr(info->arguments, "penalty=");
    if ((!punished && *penalty != 'm') || (spatial == 3 && strstr(info->formula, "; 2D"))) return;
    snprintf(expression, sizeof expression, "%s: %s(%s%s%s%s%s)", strcmp(info->name, "sdf") ? "sigmoid" : "tanh",
             info->name, info->arguments[0] == 'q' ? spatial == 2 ? "1,2; " : "1,0,2; " : "",
             strstr(info->arguments, "channels=") ? "channels=all" : "reduction=sum", sized ? ", min_size=0" : "",
             punished ? ", penalty=" : "", punished ? penalty : "");
    rmseg_objective *o;
    assert_ok(rmseg_objective_parse(&o, expression));
    for (int64_t where = 0; where < 3; where++)
        for (int64_t truth = 0; truth < 3; truth++)
            for (int sign = -1; sign <= 1; sign += 2) {
                double total;
                s.batch.progress = where / 2.0;
                fill_extreme(&s, where, truth, 80 * sign);
                s.batch.logits = s.p, s.batch.map = s.y, s.batch.wide = true;
                assert_ok(rmseg_objective_evaluate(&total, NULL, s.gradient, o, &s.batch));
                assert_finite(&s, expression, total);
                for (int64_t i = 0; i < MOST; i++) narrow[i] = (float)s.p[i], map[i] = (float)s.y[i];
                s.batch.logits = narrow, s.batch.map = map, s.batch.wide = false;
                assert_ok(rmseg_objective_evaluate(&total, NULL, gradient, o, &s.batch));
                for (int64_t i = 0; i < MOST; i++) s.gradient[i] = gradient[i];
                assert_finite(&s, expression, total);
            }
    rmseg_objective_destroy(o);
}

static void test_extremes(void **state)
{
    (void)state;
    static const char *const penalties[] = {"match", "band", "log-barrier"};
    const rmseg_loss_info *info;
    for (int64_t i = 0; (info = rmseg_loss_list(i)); i++)
        for (int k = 0; k < 3; k++)
            for (int spatial = 2; spatial <= 3; spatial++) check_extremes(info, penalties[k], spatial);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        int spatial;
        const char *expression, *says;
    } rows[] = {
        {3, "sigmoid: eccentricity", "eccentricity is that of an ellipse"},
        {3, "sigmoid: polar", "it takes 2D batches"},
        {3, "sigmoid: hu(invariants=1+1+1+1)", "in 3D there are three, found 4"},
        {2, "sigmoid: class_centroid(channels=1)", "two channels or more"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scene s = make_scene(rows[i].spatial, 2);
        rmseg_objective *o;
        double total;
        s.batch.logits = s.p;
        s.batch.map = s.y;
        assert_ok(rmseg_objective_parse(&o, rows[i].expression));
        assert_fails(rmseg_objective_evaluate(&total, NULL, s.gradient, o, &s.batch), RMSEG_ERROR_ARGUMENT,
                     rows[i].says);
        rmseg_objective_destroy(o);
    }
    rmseg_objective *o = NULL;
    assert_fails(rmseg_objective_parse(&o, "hu(invariants=1+1+1+1+1+1+1+1)"), RMSEG_ERROR_ARGUMENT, "1 to 7 numbers");
    assert_fails(rmseg_objective_parse(&o, "hu(invariants=1+x)"), RMSEG_ERROR_ARGUMENT, "1 to 7 numbers");
    assert_fails(rmseg_objective_parse(&o, "size(penalty=bend)"), RMSEG_ERROR_ARGUMENT, "band");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_boxes),     cmocka_unit_test(test_length),
        cmocka_unit_test(test_solid_boxes),    cmocka_unit_test(test_balls),
        cmocka_unit_test(test_class_centroid), cmocka_unit_test(test_polar_and_rays),
        cmocka_unit_test(test_hu_invariance),  cmocka_unit_test(test_frame),
        cmocka_unit_test(test_patches),        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_extremes),       cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
