/*
 * test_metric_paired.c - paired tests, adjustment and interval equal SciPy and statsmodels
 * (tests/golden/statistics/paired.txt, made by tools/golden_statistics.py).
 */
#include "unit.h"

#include <inttypes.h>
#include <math.h>

#include "rmseg/metric.h"

#define TOLERANCE 1e-12
#define MOST      512

static double read_number(FILE *file)
{
    double value;
    assert_int_equal(fscanf(file, "%lf", &value), 1);
    return value;
}

static int64_t read_integer(FILE *file)
{
    int64_t value;
    assert_int_equal(fscanf(file, "%" SCNd64, &value), 1);
    return value;
}

static void read_list(double *values, FILE *file, int64_t count)
{
    assert_true(count <= MOST);
    for (int64_t i = 0; i < count; i++) values[i] = read_number(file);
}

static void near(const char *name, const char *what, double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%s: %s is %.17g, expected %.17g", name, what, found, expected);
}

static void check_wilcoxon(FILE *file, const char *name)
{
    double d[MOST], statistic = read_number(file), p = read_number(file);
    int64_t count = read_integer(file);
    read_list(d, file, count);
    rmseg_wilcoxon found;
    assert_ok(rmseg_wilcoxon_test(&found, d, count));
    near(name, "the statistic", found.statistic, statistic, 0);
    near(name, "p", found.p, p, TOLERANCE * p);
    for (int64_t i = 0; i < count; i++) d[i] = -d[i];
    rmseg_wilcoxon mirrored;
    assert_ok(rmseg_wilcoxon_test(&mirrored, d, count));
    assert_true(mirrored.p == found.p && mirrored.statistic == found.statistic);
}

static void check_flip(FILE *file, const char *name)
{
    double d[MOST], found, p = read_number(file);
    int64_t count = read_integer(file);
    read_list(d, file, count);
    assert_ok(rmseg_sign_flip_test(&found, d, count));
    near(name, "p", found, p, TOLERANCE);
}

static void check_holm(FILE *file, const char *name)
{
    double p[MOST], expected[MOST], found[MOST];
    int64_t count = read_integer(file);
    read_list(p, file, count);
    read_list(expected, file, count);
    assert_ok(rmseg_holm(found, p, count));
    for (int64_t i = 0; i < count; i++) near(name, "an adjusted p", found[i], expected[i], TOLERANCE);
}

static void check_bootstrap(FILE *file, const char *name)
{
    double values[MOST], same[2], limit[2], found[2];
    int64_t seed = read_integer(file), resamples = read_integer(file);
    int64_t rows = read_integer(file), columns = read_integer(file);
    read_list(same, file, 2);
    read_list(limit, file, 2);
    read_list(values, file, rows * columns);
    assert_ok(rmseg_bootstrap_mean(found, values, rows, columns, resamples, (uint64_t)seed));
    double half = (limit[1] - limit[0]) / 2;
    for (int i = 0; i < 2; i++) {
        near(name, "an end", found[i], same[i], TOLERANCE);
        near(name, "an end, far on", found[i], limit[i], 0.06 * half + TOLERANCE);
    }
}

static void equals_scipy(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        void (*check)(FILE *file, const char *name);
        int least; /* cases */
    } kinds[] = {{"wilcoxon", check_wilcoxon, 48},
                 {"flip", check_flip, 11},
                 {"holm", check_holm, 6},
                 {"bootstrap", check_bootstrap, 5}};
    int cases[4] = {0};
    char kind[32], name[64];
    FILE *file = fopen(RMSEG_GOLDEN "/statistics/paired.txt", "r");
    assert_non_null(file);
    while (fscanf(file, "%31s %63s", kind, name) == 2) {
        int k = 0;
        while (k < 4 && strcmp(kinds[k].kind, kind)) k++;
        assert_true(k < 4);
        kinds[k].check(file, name);
        cases[k]++;
    }
    fclose(file);
    for (int k = 0; k < 4; k++) assert_true(cases[k] >= kinds[k].least);
}

/* ---- what no golden holds ---------------------------------------------------------------------------------------- */

static void nothing_to_rank(void **state)
{
    (void)state;
    const double zeros[40] = {0};
    rmseg_wilcoxon w;
    assert_ok(rmseg_wilcoxon_test(&w, zeros, 0));
    assert_true(isnan(w.p) && w.used == 0);
    assert_ok(rmseg_wilcoxon_test(&w, zeros, 40));
    assert_true(w.p == 1 && w.used == 0 && w.statistic == 0);
    const double bad[2] = {1, INFINITY};
    assert_fails(rmseg_wilcoxon_test(&w, bad, 2), RMSEG_ERROR_ARGUMENT,
                 "difference 1 is inf, expected a finite number");
}

static void the_limits_of_counting(void **state)
{
    (void)state;
    double d[51], p;
    rmseg_wilcoxon w;
    for (int i = 0; i < 51; i++) d[i] = i + 1;
    assert_ok(rmseg_wilcoxon_test(&w, d, 50));
    assert_true(w.exact && w.p == ldexp(1, -49));
    assert_ok(rmseg_wilcoxon_test(&w, d, 51));
    assert_false(w.exact);
    d[1] = d[0];
    assert_ok(rmseg_wilcoxon_test(&w, d, 13));
    assert_true(w.exact);
    assert_ok(rmseg_wilcoxon_test(&w, d, 14));
    assert_false(w.exact);
    assert_ok(rmseg_sign_flip_test(&p, d, 24));
    assert_true(p == ldexp(1, -23));
    assert_fails(rmseg_sign_flip_test(&p, d, 25), RMSEG_ERROR_UNSUPPORTED, "25 differences, expected 24 or fewer");
    assert_fails(rmseg_sign_flip_test(&p, d, 0), RMSEG_ERROR_ARGUMENT, "no differences");
    d[2] = NAN;
    assert_fails(rmseg_sign_flip_test(&p, d, 4), RMSEG_ERROR_ARGUMENT, "not all finite");
}

static void a_missing_p_is_of_no_family(void **state)
{
    (void)state;
    double p[] = {0.02, NAN, 0.01};
    assert_ok(rmseg_holm(p, p, 3));
    near("holm", "the larger", p[0], 0.02, 0);
    near("holm", "the smaller", p[2], 0.02, 0);
    assert_true(isnan(p[1]));
}

/* Rows that are all the same add nothing: the interval is that of the cases, up to the draws. */
static void equal_rows_are_one_row(void **state)
{
    (void)state;
    double values[3 * 10], one[2], three[2];
    for (int i = 0; i < 30; i++) values[i] = i % 10;
    assert_ok(rmseg_bootstrap_mean(one, values, 1, 10, 20000, 1));
    assert_ok(rmseg_bootstrap_mean(three, values, 3, 10, 20000, 1));
    for (int i = 0; i < 2; i++) near("equal rows", "an end", three[i], one[i], 0.1);
    assert_fails(rmseg_bootstrap_mean(one, values, 0, 10, 10, 1), RMSEG_ERROR_ARGUMENT, "0 x 10 values");
}

static void what_is_better(void **state)
{
    (void)state;
    assert_int_equal(rmseg_metric_better("dice"), 1);
    assert_int_equal(rmseg_metric_better("specificity"), 1);
    assert_int_equal(rmseg_metric_better("hd95"), -1);
    assert_int_equal(rmseg_metric_better("assd"), -1);
    assert_int_equal(rmseg_metric_better("volume_difference"), 0);
    assert_int_equal(rmseg_metric_better("nothing of ours"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scipy),           cmocka_unit_test(nothing_to_rank),
        cmocka_unit_test(the_limits_of_counting), cmocka_unit_test(a_missing_p_is_of_no_family),
        cmocka_unit_test(equal_rows_are_one_row), cmocka_unit_test(what_is_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
