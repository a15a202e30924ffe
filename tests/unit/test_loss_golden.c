/*
 * test_loss_golden.c - values and gradients of objectives against float64 PyTorch (tests/golden/loss.txt, written by
 * tools/golden_loss, which also checks its reference against MONAI and nnU-Net's formula).
 */
#include <math.h>

#include "backend/backend.h"
#include "loss/loss.h"
#include "unit.h"

#define MOST_TERMS 8

/* Double repeats the reference's arithmetic in another order: 1e-11 of the largest number, most of it where a soft overlap
 * is a small difference of sums. Float carries the 6e-8 of
 * its logits and probabilities through some ten operations and, in small Dice denominators, a division: 2e-5. */
#define TOLERANCE64 1e-11
#define TOLERANCE32 2e-5

typedef struct golden {
    char *line; /* the file, read line by line */
    char *next;
    rmseg_batch batch;
    int64_t elements, voxels;
    double *logits, *map;
    int32_t *index;
    char expression[1024];
    rmseg_frame frames[8];
    double values[MOST_TERMS], total, *gradient;
} golden;

static bool next_line(golden *g)
{
    do {
        g->line = g->next;
        if (!g->line || !*g->line) return false;
        g->next = strchr(g->line, '\n');
        if (g->next) *g->next++ = 0;
    } while (*g->line == '#');
    return true;
}

static int64_t read_numbers(golden *g, double *out, int64_t most)
{
    assert_true(next_line(g));
    char *at = g->line, *end;
    int64_t count = 0;
    for (; count < most; count++, at = end) {
        out[count] = strtod(at, &end);
        if (end == at) break;
    }
    return count;
}

static void read_batch(golden *g)
{
    rmseg_batch *b = &g->batch;
    long long n, k, d, h, w;
    assert_int_equal(sscanf(g->line, "batch %*s %lld %lld %lld %lld %lld %d", &n, &k, &d, &h, &w, &b->spatial), 6);
    *b = (rmseg_batch){.n = n, .k = k, .size = {d, h, w}, .spatial = b->spatial};
    g->voxels = d * h * w;
    g->elements = n * k * g->voxels;
    g->logits = realloc(g->logits, (size_t)g->elements * sizeof(double));
    g->map = realloc(g->map, (size_t)g->elements * sizeof(double));
    g->gradient = realloc(g->gradient, (size_t)g->elements * sizeof(double));
    g->index = realloc(g->index, (size_t)(n * g->voxels) * sizeof(int32_t));
    assert_int_equal(read_numbers(g, g->logits, g->elements), g->elements);
    assert_int_equal(read_numbers(g, g->gradient, g->elements), n * g->voxels);
    for (int64_t i = 0; i < n * g->voxels; i++) g->index[i] = (int32_t)g->gradient[i];
    assert_int_equal(read_numbers(g, g->map, g->elements), g->elements);
}

static void read_frame(golden *g, rmseg_frame *frame)
{
    double row[9];
    assert_int_equal(read_numbers(g, row, 9), 9);
    for (int axis = 0; axis < 3; axis++) {
        frame->offset[axis] = (int64_t)row[axis];
        frame->extent[axis] = (int64_t)row[3 + axis];
        frame->spacing[axis] = row[6 + axis];
    }
}

/* The inputs a case is evaluated on, changed as its generator changes them: one voxel of three ignored, probabilities.
 */
static void prepare_inputs(const golden *g, bool map, int ignore, double *logits, int32_t *index, double *truth)
{
    int64_t k = g->batch.k, width = g->batch.size[2];
    for (int64_t i = 0; i < g->elements; i++) {
        bool last = i / g->voxels % k == k - 1, third = i % width % 3 == 0;
        logits[i] = strncmp(g->expression, "none", 4) ? g->logits[i] : 1 / (1 + exp(-g->logits[i]));
        if (!strncmp(g->expression, "tanh", 4) && i % 2 == 0) logits[i] *= 4e-4;
        truth[i] = map && ignore != -1 && last && third ? -1 : g->map[i];
    }
    for (int64_t i = 0; i < g->batch.n * g->voxels; i++)
        index[i] = ignore != -1 && i % width % 3 == 0 ? ignore : g->index[i];
}

static void assert_near(const char *what, const golden *g, double found, double expected, double most)
{
    if (!(fabs(found - expected) <= most))
        fail_msg("%s of \"%s\": found %.17g, expected %.17g, allowed %g", what, g->expression, found, expected, most);
}

static void compare(const golden *g, const double *terms, int64_t count, double total, const double *gradient,
                    double tolerance)
{
    double largest = 0, sum = 0;
    for (int64_t t = 0; t < count; t++) {
        assert_near("term", g, terms[t], g->values[t], tolerance * fmax(fabs(g->values[t]), 1e-3));
        sum += fabs(g->values[t]);
    }
    assert_near("total", g, total, g->total, tolerance * 4 * fmax(sum, 1e-3));
    for (int64_t i = 0; i < g->elements; i++) largest = fmax(largest, fabs(g->gradient[i]));
    for (int64_t i = 0; i < g->elements; i++)
        assert_near("gradient", g, gradient[i], g->gradient[i], tolerance * fmax(largest, 1e-6));
}

static void narrow(float *to, const double *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] = (float)from[i];
}

/* Runs the case on one backend. */
static void run_case(const golden *g, const rmseg_objective *objective, const char *backend, rmseg_batch batch,
                     double tolerance)
{
    rmseg_evaluator *evaluator;
    double total, terms[MOST_TERMS], *gradient = malloc((size_t)g->elements * sizeof *gradient);
    float *logits = malloc((size_t)g->elements * 4), *map = malloc((size_t)g->elements * 4),
          *small = malloc((size_t)g->elements * 4);
    batch.wide = !strcmp(backend, "plain64");
    if (!batch.wide) {
        narrow(logits, batch.logits, g->elements);
        batch.logits = logits;
        if (batch.map) narrow(map, batch.map, g->elements);
        if (batch.map) batch.map = map;
    }
    assert_ok(rmseg_evaluator_create(&evaluator, objective, &batch, backend));
    assert_ok(rmseg_evaluator_run(evaluator, &total, terms, batch.wide ? (void *)gradient : small, &batch));
    for (int64_t i = 0; i < g->elements && !batch.wide; i++) gradient[i] = small[i];
    compare(g, terms, rmseg_objective_terms(objective), total, gradient, tolerance);
    rmseg_evaluator_destroy(evaluator);
    free(gradient);
    free(logits);
    free(map);
    free(small);
}

static void read_case(golden *g, bool *map, int *ignore, int *frames)
{
    char truth[16];
    int used;
    assert_int_equal(sscanf(g->line, "case %15s %d %d %n", truth, ignore, frames, &used), 3);
    snprintf(g->expression, sizeof g->expression, "%s", g->line + used);
    *map = !strcmp(truth, "map");
    for (int i = 0; i < *frames; i++) read_frame(g, g->frames + i);
    read_numbers(g, g->values, MOST_TERMS);
    read_numbers(g, &g->total, 1);
    assert_int_equal(read_numbers(g, g->gradient, g->elements), g->elements);
}

static void test_case(golden *g)
{
    bool map;
    int ignore, frames;
    read_case(g, &map, &ignore, &frames);
    double *logits = malloc((size_t)g->elements * sizeof *logits), *truth = malloc((size_t)g->elements * sizeof *truth);
    int32_t *index = malloc((size_t)(g->batch.n * g->voxels) * sizeof *index);
    prepare_inputs(g, map, ignore, logits, index, truth);
    rmseg_batch batch = g->batch;
    batch.logits = logits;
    batch.index = map ? NULL : index;
    batch.map = map ? truth : NULL;
    batch.ignore = ignore;
    batch.frames = frames ? g->frames : NULL;
    rmseg_objective *objective;
    assert_ok(rmseg_objective_parse(&objective, g->expression));
    assert_true(rmseg_objective_terms(objective) <= MOST_TERMS);
    run_case(g, objective, "plain64", batch, TOLERANCE64);
    run_case(g, objective, "plain", batch, TOLERANCE32);
    if (rmseg_backend_find("cpu")) run_case(g, objective, "cpu", batch, TOLERANCE32);
    rmseg_objective_destroy(objective);
    free(logits);
    free(truth);
    free(index);
}

static void test_golden(void **state)
{
    (void)state;
    golden g = {0};
    uint8_t *bytes;
    size_t length;
    int64_t cases = 0;
    assert_ok(rmseg_file_read(&bytes, &length, RMSEG_GOLDEN "/loss.txt", 0));
    g.next = (char *)bytes;
    while (next_line(&g)) {
        if (!strncmp(g.line, "batch", 5)) {
            read_batch(&g);
        } else {
            test_case(&g);
            cases++;
        }
    }
    assert_true(cases >= 200);
    print_message("%lld objectives agree with float64 PyTorch\n", (long long)cases);
    rmseg_free(bytes);
    free(g.logits);
    free(g.map);
    free(g.index);
    free(g.gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
