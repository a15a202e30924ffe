/*
 * test_gradient_loss.c - gradients against differences, in double: every term with every choice of every option, and
 * 200 random expressions.
 *
 * Along a random direction u the derivative is estimated by central differences at steps h and h/2 and Richardson's
 * combination of them. The two estimates' distance measures the truncation error of the better one from above, so the
 * tolerance is measured too: that distance, and what rounding the values leaves. The last test damages gradients by one
 * part in a thousand and asks that the check sees it.
 */
#include <math.h>

#include "loss/loss.h"
#include "unit/unit.h"

typedef struct problem {
    rmseg_batch batch;
    rmseg_frame frames[3];
    int32_t whole[3][1000]; /* labels of the whole images, which have 8 x 10 x 11 voxels at most */
    int64_t elements, voxels;
    double *x, *moved, *gradient, *direction, *map;
    int32_t *index;
    rmseg_random random;
} problem;

static problem make_problem(uint32_t seed)
{
    problem p = {.random = rmseg_random_stream(11, RMSEG_RANDOM_TEST, seed, 1)};
    rmseg_random *r = &p.random;
    int64_t d = 1 + rmseg_random_below(r, 3), h = 1 + rmseg_random_below(r, 5), w = 1 + rmseg_random_below(r, 6);
    int spatial = 2 + (int)rmseg_random_below(r, 2);
    if (spatial == 2) d = 1;
    p.batch = (rmseg_batch){.n = 1 + rmseg_random_below(r, 3),
                            .k = 1 + rmseg_random_below(r, 3),
                            .size = {d, h, w},
                            .spatial = spatial,
                            .wide = true,
                            .ignore = -1,
                            .progress = seed % 4 / 16.0};
    p.voxels = d * h * w;
    p.elements = p.batch.n * p.batch.k * p.voxels;
    double **arrays[] = {&p.x, &p.moved, &p.gradient, &p.direction, &p.map};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) *arrays[i] = rmseg_alloc(p.elements, sizeof(double));
    p.index = rmseg_alloc(p.batch.n * p.voxels, sizeof(int32_t));
    for (int64_t n = 0; n < p.batch.n; n++)
        for (int axis = 0; axis < 3; axis++) {
            p.frames[n].offset[axis] = rmseg_random_below(r, 4);
            p.frames[n].extent[axis] = p.batch.size[axis] + p.frames[n].offset[axis] + rmseg_random_below(r, 3);
            p.frames[n].spacing[axis] = 0.5 + rmseg_random_uniform(r);
        }
    return p;
}

static void free_problem(problem *p)
{
    double *arrays[] = {p->x, p->moved, p->gradient, p->direction, p->map};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) rmseg_free(arrays[i]);
    rmseg_free(p->index);
}

/* hausdorff jumps as well where another channel becomes the largest: lifts the largest of a voxel clear of the others. */
static void part_largest(problem *p, int64_t n, int64_t voxel, double edge)
{
    double *z = p->x + n * p->batch.k * p->voxels + voxel, *largest = z, second = -INFINITY;
    for (int64_t c = 1; c < p->batch.k; c++)
        if (z[c * p->voxels] > *largest) largest = z + c * p->voxels;
    for (int64_t c = 0; c < p->batch.k; c++)
        if (z + c * p->voxels != largest && z[c * p->voxels] > second) second = z[c * p->voxels];
    if (*largest - second >= 0.02) return;
    *largest += 0.05;
    if (fabs(*largest - edge) < 0.02) *largest = edge + 0.03;
}

/* Random logits (or probabilities), truth as an index or a map, with or without ignored voxels; one in eight has an
 * empty truth. */
static void draw_inputs(problem *p, rmseg_head head)
{
    rmseg_random *r = &p->random;
    bool ignoring = rmseg_random_below(r, 2), empty = rmseg_random_below(r, 8) == 0;
    double edge = head == RMSEG_HEAD_NONE ? 0.5 : 0; /* hausdorff jumps where p passes 1/2 */
    int64_t labels =
        head == RMSEG_HEAD_SIGMOID || head == RMSEG_HEAD_TANH || p->batch.k == 1 ? p->batch.k + 1 : p->batch.k;
    for (int64_t i = 0; i < p->elements; i++) {
        p->x[i] = head == RMSEG_HEAD_NONE ? 0.1 + 0.8 * rmseg_random_uniform(r) : 1.5 * rmseg_random_normal(r);
        if (fabs(p->x[i] - edge) < 0.02) p->x[i] = edge + 0.03;
        if (head == RMSEG_HEAD_TANH) p->x[i] /= RMSEG_TANH_STEEPNESS; /* where p is neither 0 nor 1 */
        p->direction[i] = rmseg_random_normal(r);
        p->map[i] = empty ? 0 : rmseg_random_below(r, 2) ? rmseg_random_uniform(r) : (double)rmseg_random_below(r, 2);
        if (ignoring && rmseg_random_below(r, 6) == 0) p->map[i] = -1;
    }
    bool exclusive = head == RMSEG_HEAD_SOFTMAX || head == RMSEG_HEAD_NONE;
    for (int64_t i = 0; exclusive && i < p->batch.n * p->voxels; i++)
        part_largest(p, i / p->voxels, i % p->voxels, edge);
    for (int64_t i = 0; i < p->batch.n * p->voxels; i++) {
        p->index[i] = empty ? 0 : (int32_t)rmseg_random_below(r, labels);
        if (ignoring && rmseg_random_below(r, 5) == 0) p->index[i] = 255;
    }
    for (int64_t i = 0; i < 3000; i++) p->whole[i / 1000][i % 1000] = (int32_t)rmseg_random_below(r, labels);
    bool map = rmseg_random_below(r, 2);
    p->batch.index = map ? NULL : p->index;
    p->batch.map = map ? p->map : NULL;
    p->batch.ignore = ignoring ? 255 : -1;
}

/* `terms` and `gradient` may be NULL. */
static double value_at(problem *p, const rmseg_objective *o, double step, double *terms, double *gradient)
{
    double total = NAN;
    for (int64_t i = 0; i < p->elements; i++) p->moved[i] = p->x[i] + step * p->direction[i];
    p->batch.logits = p->moved;
    p->batch.frames = p->frames;
    if (rmseg_objective_wants_whole(o)) { /* of labels alone */
        p->batch.map = NULL, p->batch.index = p->index;
        for (int64_t n = 0; n < p->batch.n; n++) p->frames[n].whole = p->whole[n];
    }
    assert_ok(rmseg_objective_evaluate(&total, terms, gradient, o, &p->batch));
    return total;
}

enum { MOST_TERMS = 32 };

/* How far the gradient (times `damage`) is from the differences, in units of what their own error allows: right
 * below 1. */
static double distance(problem *p, const rmseg_objective *o, double damage)
{
    const double h = rmseg_objective_head(o) == RMSEG_HEAD_TANH ? 3e-4 / RMSEG_TANH_STEEPNESS : 3e-4;
    double terms[MOST_TERMS], slope = 0, size = 0;
    assert_true(rmseg_objective_terms(o) <= MOST_TERMS);
    value_at(p, o, 0, terms, p->gradient);
    for (int64_t i = 0; i < p->elements; i++) slope += p->gradient[i] * p->direction[i];
    double far = (value_at(p, o, h, NULL, NULL) - value_at(p, o, -h, NULL, NULL)) / (2 * h);
    double near = (value_at(p, o, h / 2, NULL, NULL) - value_at(p, o, -h / 2, NULL, NULL)) / h;
    for (int64_t t = 0; t < rmseg_objective_terms(o); t++) /* terms may cancel, their roundings do not */
        size += fabs(rmseg_objective_term_weight(o, t)) * (1 + fabs(terms[t]));
    double truncation = fabs(far - near), rounding = 64 * 2.2e-16 * size / h;
    double richardson = near + (near - far) / 3;
    return fabs(slope * damage - richardson) / (truncation + rounding);
}

static void check_expression(const char *expression, uint32_t seed)
{
    rmseg_objective *o;
    problem p = make_problem(seed);
    assert_ok(rmseg_objective_parse(&o, expression));
    draw_inputs(&p, rmseg_objective_head(o));
    double found = distance(&p, o, 1);
    if (!(found < 1))
        fail_msg("%s at seed %u (%lld,%lld,%lld,%lld,%lld): %g times the error of the differences", expression, seed,
                 (long long)p.batch.n, (long long)p.batch.k, (long long)p.batch.size[0], (long long)p.batch.size[1],
                 (long long)p.batch.size[2], found);
    rmseg_objective_destroy(o);
    free_problem(&p);
}

/* Orders that fit the seed's problem, and a head that fits its channels. */
static const char *orders_of(const problem *p, int64_t a, int64_t b, int64_t c, char buffer[32])
{
    if (p->batch.spatial == 2)
        snprintf(buffer, 32, "%lld,%lld", (long long)a, (long long)b);
    else
        snprintf(buffer, 32, "%lld,%lld,%lld", (long long)a, (long long)b, (long long)c);
    return buffer;
}

static int64_t heads_of(const problem *p) { return p->batch.k > 1 ? 4 : 3; }

static const char *head_of(const problem *p, int64_t pick)
{
    static const char *const heads[] = {"sigmoid", "tanh", "none", "softmax"};
    return heads[pick % heads_of(p)];
}

/* ---- every term, every choice -------------------------------------------------------------------------------- */

static bool flat_alone(const char *term) { return !strcmp(term, "eccentricity") || !strcmp(term, "polar"); }

/* Whether the term takes the problem's shape with this choice. */
static bool takes(const problem *p, int64_t head, const char *term, const char *key, const char *value)
{
    bool exclusive = head == 3 || (head == 2 && p->batch.k > 1), solid = p->batch.spatial == 3;
    if (!strcmp(term, "sdf") && head != 1) return false;
    if (!strcmp(term, "focal") && !strcmp(key, "alpha") && exclusive) return false;
    if (solid && (flat_alone(term) || (!strcmp(key, "invariants") && strlen(value) > 5))) return false;
    return strcmp(term, "class_centroid") || (p->batch.k > 1 && (strcmp(key, "channels") || !strcmp(value, "all")));
}

/* What makes the choice matter: any size is enough, there are two channels, the penalty has a band. */
static void add_company(rmseg_text *text, const rmseg_loss_info *info, const char *key)
{
    if (strstr(info->arguments, "min_size=") && strcmp(key, "min_size")) rmseg_text_add(text, ", min_size=0");
    if (!strcmp(info->name, "class_centroid") && strcmp(key, "channels") && strcmp(key, "weights"))
        rmseg_text_add(text, ", channels=all");
    if (!strcmp(key, "margin") || !strcmp(key, "bounds")) rmseg_text_add(text, ", penalty=band");
    if (!strcmp(key, "t") || !strcmp(key, "growth")) rmseg_text_add(text, ", penalty=log-barrier");
}

/* "rm(2,1; scale=2)" with one option set. */
static void check_choice(const rmseg_loss_info *info, const char *key, const char *value, uint32_t seed)
{
    char orders[32];
    const char *term = info->name;
    problem p = make_problem(seed);
    bool rm = info->arguments[0] == 'q';
    for (int64_t head = 0; head < heads_of(&p); head++) {
        if (!takes(&p, head, term, key, value)) continue;
        rmseg_text text = {0};
        rmseg_text_addf(&text, "%s: %s(%s%s", head_of(&p, head), term, rm ? orders_of(&p, 2, 1, 1, orders) : "",
                        rm ? "; " : "");
        if (!strcmp(key, "weights"))
            rmseg_text_addf(&text, "weights=%s%s",
                            p.batch.k == 3   ? "2+0.5+1"
                            : p.batch.k == 2 ? "2+0.5"
                                             : "3",
                            strcmp(term, "ce") ? ", channels=all" : "");
        else
            rmseg_text_addf(&text, "%s=%s", key, value);
        add_company(&text, info, key);
        rmseg_text_add(&text, ")");
        check_expression(text.data, seed);
        rmseg_text_destroy(&text);
    }
    free_problem(&p);
}

/* Walks the lines of a row's arguments: "key=default  choice|choice  help". */
static int64_t check_arguments(const rmseg_loss_info *info, uint32_t seed)
{
    int64_t checked = 0;
    for (const char *line = info->arguments; *line; line = strchr(line, '\n') + 1) {
        char key[32], choices[64];
        if (sscanf(line, "%31[a-z_]=%*[^ ]  %63[^ ]", key, choices) != 2 &&
            sscanf(line, "%31[a-z_]=  %63[^ ]", key, choices) != 2)
            continue;
        if (!strcmp(key, "channels")) strcpy(choices, "fg|all|0");
        if (!strncmp(key, "smooth", 6)) strcpy(choices, "0.1|1");
        if (!strcmp(key, "min_size")) strcpy(choices, "0|0.5");
        if (!strcmp(key, "alpha") && !strcmp(info->name, "hausdorff"))
            strcpy(choices, "1|2.5");
        else if (!strcmp(key, "alpha"))
            strcpy(choices, strcmp(info->name, "focal") ? "0|0.3|1.5" : "0.25");
        if (!strcmp(key, "beta")) strcpy(choices, strcmp(info->name, "rays") ? "0|0.7|2" : "0.02|0.5");
        if (!strcmp(key, "margin")) strcpy(choices, "0|0.3");
        if (!strcmp(key, "t")) strcpy(choices, "1|7");
        if (!strcmp(key, "growth")) strcpy(choices, "1|1.05");
        if (!strcmp(key, "invariants")) strcpy(choices, "1|0+1+2|0+0+1+1+1+1+1");
        if (!strcmp(key, "gamma")) strcpy(choices, "0|0.5|1|3");
        if (!strchr(choices, '|') && strcmp(key, "weights")) continue;
        for (char *save, *choice = strtok_r(choices, "|", &save); choice;
             choice = strtok_r(NULL, "|", &save), checked++)
            check_choice(info, key, choice, seed + (uint32_t)checked);
    }
    return checked;
}

static void test_every_choice(void **state)
{
    (void)state;
    const rmseg_loss_info *info;
    int64_t checked = 0;
    for (int64_t i = 0; (info = rmseg_loss_list(i)); i++)
        for (uint32_t seed = 0; seed < 4; seed++) checked += check_arguments(info, seed * 97);
    print_message("%lld choices of options\n", (long long)checked);
    assert_true(checked > 4 * 40);
}

/* ---- random expressions -------------------------------------------------------------------------------------- */

static const char *pick(rmseg_random *r, const char *const *from, int64_t count)
{
    return from[rmseg_random_below(r, count)];
}
#define PICK(r, ...)                                                                                                   \
    pick(r, (const char *const[]){__VA_ARGS__}, (int64_t)(sizeof(const char *const[]){__VA_ARGS__} / sizeof(char *)))

/* "2,0", or a list for each of the problem's channels: "2,0 / 1,3". */
static void add_orders(rmseg_text *text, const problem *p, rmseg_random *r, bool each)
{
    char orders[32];
    for (int64_t i = 0; i < (each ? p->batch.k : 1); i++)
        rmseg_text_addf(
            text, "%s%s", i ? " / " : "",
            orders_of(p, rmseg_random_below(r, 4), rmseg_random_below(r, 4), rmseg_random_below(r, 3), orders));
}

static void add_rm(rmseg_text *text, problem *p, rmseg_random *r)
{
    bool each = rmseg_random_below(r, 2);
    rmseg_text_add(text, "rm(");
    add_orders(text, p, r, each);
    rmseg_text_addf(text, "; center=%s, scale=%s, reduction=%s, ", PICK(r, "paper", "exact", "none", "centroid"),
                    PICK(r, "1", "2"), PICK(r, "mean", "sum", "batchmean"));
    rmseg_text_addf(text, "frame=%s, channels=%s, units=%s)", PICK(r, "patch", "volume"),
                    each ? "all" : PICK(r, "fg", "all", "0"), PICK(r, "fraction", "mm"));
}

static void add_dice(rmseg_text *text, rmseg_random *r)
{
    rmseg_text_addf(text, "dice(variant=%s, channels=%s, batch=%s, ", PICK(r, "ua-mt", "monai", "nnunet"),
                    PICK(r, "fg", "all", "0"), PICK(r, "true", "false", "auto"));
    rmseg_text_addf(text, "squared_pred=%s, jaccard=%s, smooth_nr=%g, smooth_dr=%g)", PICK(r, "true", "false"),
                    PICK(r, "true", "false"), rmseg_random_uniform(r), 0.1 + rmseg_random_uniform(r));
}

static void add_overlap(rmseg_text *text, rmseg_random *r)
{
    if (rmseg_random_below(r, 2))
        rmseg_text_addf(text, "tversky(alpha=%g, beta=%g, ", rmseg_random_uniform(r), 2 * rmseg_random_uniform(r));
    else
        rmseg_text_add(text, "jaccard(");
    rmseg_text_addf(text, "channels=%s, batch=%s, soft_label=%s, reduction=%s)", PICK(r, "fg", "all", "0"),
                    PICK(r, "true", "false", "auto"), PICK(r, "true", "false"), PICK(r, "mean", "sum", "batchmean"));
}

static void add_moment(rmseg_text *text, problem *p, rmseg_random *r)
{
    char orders[32];
    orders_of(p, rmseg_random_below(r, 4), rmseg_random_below(r, 4), rmseg_random_below(r, 3), orders);
    rmseg_text_addf(text, "moment(%s; center=%s, normalize=%s, ", orders, PICK(r, "paper", "exact", "none", "centroid"),
                    PICK(r, "voxels", "none"));
}

static void add_shape(rmseg_text *text, problem *p, rmseg_random *r)
{
    int64_t kind = rmseg_random_below(r, 6);
    bool flat = p->batch.spatial == 2;
    if (kind == 0) add_moment(text, p, r);
    if (kind == 1) rmseg_text_addf(text, "%s(units=%s, ", PICK(r, "size", "length"), PICK(r, "fraction", "voxel"));
    if (kind == 2 || kind == 3)
        rmseg_text_addf(text, "%s(min_size=0, units=%s, frame=%s, ",
                        PICK(r, "centroid", "spread", "covariance", "inertia", flat ? "eccentricity" : "spread"),
                        PICK(r, "fraction", "voxel", "mm"), PICK(r, "patch", "volume"));
    if (kind == 4)
        rmseg_text_addf(text, "hu(min_size=0, invariants=%s, units=%s, ",
                        PICK(r, "1+1", "2+1+1", flat ? "1+1+1+1+1+1+1" : "0+0+1"), PICK(r, "fraction", "voxel", "mm"));
    if (kind == 5) rmseg_text_addf(text, "compactness(min_size=0, form=%s, ", PICK(r, "ratio", "isoperimetric"));
    rmseg_text_addf(text, "penalty=%s, margin=%g, bounds=%s, t=%g, ", PICK(r, "match", "band", "log-barrier"),
                    rmseg_random_uniform(r), PICK(r, "relative", "absolute"), 1 + rmseg_random_uniform(r));
    rmseg_text_addf(text, "growth=%g, channels=%s, reduction=%s)", 1 + 0.05 * rmseg_random_uniform(r),
                    PICK(r, "fg", "all", "0"), PICK(r, "mean", "sum", "batchmean"));
}

static void add_line(rmseg_text *text, problem *p, rmseg_random *r)
{
    bool polar = p->batch.spatial == 2 && rmseg_random_below(r, 2);
    if (!polar) rmseg_text_addf(text, "rays(beta=%g, ", 0.01 + rmseg_random_uniform(r));
    if (polar) rmseg_text_addf(text, "polar(units=%s, ", PICK(r, "fraction", "mm"));
    rmseg_text_addf(text, "frame=%s, channels=%s, reduction=%s)", PICK(r, "patch", "volume"), PICK(r, "fg", "all", "0"),
                    PICK(r, "mean", "sum", "batchmean"));
}

static void add_distance(rmseg_text *text, rmseg_random *r)
{
    if (rmseg_random_below(r, 2))
        rmseg_text_addf(text, "boundary(variant=%s, ", PICK(r, "kervadec", "ma", "ma-normalised"));
    else
        rmseg_text_addf(text, "hausdorff(variant=%s, alpha=%g, log=%s, ", PICK(r, "karimi", "ma", "kervadec"),
                        1 + rmseg_random_uniform(r), PICK(r, "true", "false"));
    rmseg_text_addf(text, "units=%s, channels=%s, reduction=%s)", PICK(r, "voxel", "mm"), PICK(r, "fg", "all", "0"),
                    PICK(r, "mean", "sum", "batchmean"));
}

#define KINDS 11

static void add_term(rmseg_text *text, problem *p, rmseg_random *r, int64_t kind)
{
    if (kind == 0) rmseg_text_addf(text, "ce(reduction=%s)", PICK(r, "mean", "sum", "batchmean"));
    if (kind == 1) add_dice(text, r);
    if (kind == 2) rmseg_text_addf(text, "mse(channels=%s)", PICK(r, "fg", "all"));
    if (kind == 3 || kind == 4) add_rm(text, p, r);
    if (kind == 5) add_overlap(text, r);
    if (kind == 7 || kind == 9) add_shape(text, p, r);
    if (kind == 10) add_line(text, p, r);
    if (kind == 8) add_distance(text, r);
    if (kind == 6)
        rmseg_text_addf(text, "focal(gamma=%g, channels=%s)", 3 * rmseg_random_uniform(r), PICK(r, "fg", "all"));
}

static void add_terms(rmseg_text *text, problem *p, rmseg_random *r, int depth)
{
    int64_t terms = 1 + rmseg_random_below(r, 4);
    for (int64_t i = 0; i < terms; i++) {
        rmseg_text_addf(text, "%s%g*",
                        i == 0                     ? ""
                        : rmseg_random_below(r, 2) ? " + "
                                                   : " - ",
                        2 * rmseg_random_uniform(r));
        int64_t kind = rmseg_random_below(r, depth < 2 ? KINDS + 1 : KINDS);
        add_term(text, p, r, kind);
        if (kind < KINDS) continue;
        rmseg_text_add(text, "(");
        add_terms(text, p, r, depth + 1);
        rmseg_text_add(text, ")");
    }
}

static void test_random_expressions(void **state)
{
    (void)state;
    for (uint32_t seed = 1000; seed < 1200; seed++) {
        problem p = make_problem(seed);
        rmseg_random r = rmseg_random_stream(13, RMSEG_RANDOM_TEST, seed, 2);
        rmseg_text text = {0};
        rmseg_text_addf(&text, "%s: ", head_of(&p, rmseg_random_below(&r, 12)));
        add_terms(&text, &p, &r, 0);
        assert_false(text.failed);
        check_expression(text.data, seed);
        rmseg_text_destroy(&text);
        free_problem(&p);
    }
}

/* A gradient that is wrong by one part in a thousand is seen: by any of ten problems, as some have an empty truth. */
static void test_the_check_can_fail(void **state)
{
    (void)state;
    static const char *const terms[] = {"ce", "dice", "mse", "dice(variant=nnunet, jaccard=true)",
                                        "mse(reduction=sum)"};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        char expression[80];
        rmseg_objective *o;
        double seen = 0;
        snprintf(expression, sizeof expression, "sigmoid: %s", terms[i]);
        assert_ok(rmseg_objective_parse(&o, expression));
        for (uint32_t seed = 0; seed < 10; seed++) {
            problem p = make_problem(seed);
            draw_inputs(&p, RMSEG_HEAD_SIGMOID);
            seen = fmax(seen, distance(&p, o, 1.001));
            free_problem(&p);
        }
        if (!(seen > 10)) fail_msg("%s: a damage of 1e-3 is %g times the error of the differences", expression, seen);
        rmseg_objective_destroy(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_choice),
        cmocka_unit_test(test_random_expressions),
        cmocka_unit_test(test_the_check_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
