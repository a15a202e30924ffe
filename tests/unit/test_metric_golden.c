/*
 * test_metric_golden.c - every metric equals MedPy 0.5.2 on the masks of tests/golden/metric/medpy.txt, within 1e-9.
 *
 *     test_metric_golden [FILE]     another file of that form, such as tools/golden_metric.py --drishti DIR FILE writes
 */
#include "unit.h"

#include <inttypes.h>
#include <math.h>

#include "rmseg/metric.h"

#define TOLERANCE    1e-9
#define MOST_METRICS 32
#define WORD         64

typedef struct golden {
    char name[WORD], note[WORD];
    int64_t size[3];
    double spacing[3];
    rmseg_metric_settings settings;
    uint8_t *prediction, *truth;
    char names[MOST_METRICS][WORD];
    double expected[MOST_METRICS];
    int64_t count;
} golden;

static const char *golden_path = RMSEG_GOLDEN "/metric/medpy.txt";

static void read_mask(FILE *file, uint8_t **mask, const golden *g)
{
    int64_t voxels = g->size[0] * g->size[1] * g->size[2];
    *mask = calloc((size_t)voxels, 1);
    assert_non_null(*mask);
    int64_t run = 0;
    uint8_t set = 0;
    for (int64_t at = 0; at < voxels; at += run, set = !set) {
        assert_int_equal(fscanf(file, "%" SCNd64, &run), 1);
        assert_true(run >= 0 && run <= voxels - at);
        memset(*mask + at, set, (size_t)run);
    }
}

/* One line of a case, whose first word was read; false at its end. */
static bool read_line(FILE *file, golden *g, const char *word)
{
    double *s = g->spacing;
    int64_t *n = g->size;
    if (!strcmp(word, "end")) return false;
    if (!strcmp(word, "case"))
        assert_int_equal(fscanf(file, "%63s", g->name), 1);
    else if (!strcmp(word, "size"))
        assert_int_equal(fscanf(file, "%" SCNd64 "%" SCNd64 "%" SCNd64, &n[0], &n[1], &n[2]), 3);
    else if (!strcmp(word, "spacing"))
        assert_int_equal(fscanf(file, "%lf%lf%lf", &s[0], &s[1], &s[2]), 3);
    else if (!strcmp(word, "connectivity"))
        assert_int_equal(fscanf(file, "%d", &g->settings.connectivity), 1);
    else if (!strcmp(word, "percentile"))
        assert_int_equal(fscanf(file, "%lf", &g->settings.percentile), 1);
    else if (!strcmp(word, "prediction"))
        read_mask(file, &g->prediction, g);
    else if (!strcmp(word, "truth"))
        read_mask(file, &g->truth, g);
    else if (!strcmp(word, "note"))
        assert_int_equal(fscanf(file, " %63[^\n]", g->note), 1);
    else {
        assert_true(g->count < MOST_METRICS);
        strcpy(g->names[g->count], word);
        assert_int_equal(fscanf(file, "%lf", &g->expected[g->count++]), 1);
    }
    return true;
}

static bool read_case(FILE *file, golden *g)
{
    char word[WORD];
    *g = (golden){0};
    rmseg_metric_settings_default(&g->settings);
    while (fscanf(file, "%63s", word) == 1) {
        if (!read_line(file, g, word)) return true;
    }
    assert_string_equal(g->name, ""); /* the file ends between cases */
    return false;
}

static bool differ(double found, double expected)
{
    if (isnan(expected) || isnan(found)) return isnan(expected) != isnan(found);
    return fabs(found - expected) > TOLERANCE;
}

static void check_case(const golden *g)
{
    const char *names[MOST_METRICS], *note = NULL;
    double values[MOST_METRICS];
    for (int64_t i = 0; i < g->count; i++) names[i] = g->names[i];
    assert_ok(rmseg_metric_measure(values, &note, g->prediction, g->truth, g->size, g->spacing, names, g->count,
                                   &g->settings));
    for (int64_t i = 0; i < g->count; i++) {
        if (differ(values[i], g->expected[i]))
            fail_msg("%s: %s is %.17g, MedPy says %.17g", g->name, names[i], values[i], g->expected[i]);
    }
    if (strcmp(note, strcmp(g->note, "-") ? g->note : ""))
        fail_msg("%s: note \"%s\", expected \"%s\"", g->name, note, g->note);
}

static void equals_medpy(void **state)
{
    (void)state;
    FILE *file = fopen(golden_path, "r");
    if (!file) fail_msg("%s cannot be opened", golden_path);
    golden g;
    int cases = 0;
    for (; read_case(file, &g); cases++) {
        check_case(&g);
        free(g.prediction);
        free(g.truth);
    }
    fclose(file);
    assert_true(cases > 0);
    print_message("%d pairs of masks equal MedPy\n", cases);
}

int main(int argc, char **argv)
{
    if (argc > 1) golden_path = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_medpy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
