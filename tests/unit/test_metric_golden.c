/*
 * test_metric_golden.c - every convention equals its tool on the masks of tests/golden/metric/CONVENTION.txt.
 *
 *     test_metric_golden [FILE ...]     other files of the form that tools/golden_metric tells
 */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "rmseg/metric.h"

enum { WORD = 64, LINE = 512 };

typedef struct golden {
    FILE *file;
    char convention[WORD];
    double relative, absolute; /* how far a value may be off */

    char name[WORD], note[WORD];
    int64_t size[3];
    double spacing[3];
    rmseg_metric_settings settings;
    uint8_t *prediction, *truth;

    char metric[WORD];
    double expected;
    bool raises;
    int64_t cases, values;
} golden;

static void read_mask(golden *g, uint8_t **mask)
{
    int64_t voxels = g->size[0] * g->size[1] * g->size[2];
    *mask = calloc((size_t)voxels, 1);
    assert_non_null(*mask);
    int64_t run = 0;
    uint8_t set = 0;
    for (int64_t at = 0; at < voxels; at += run, set = !set) {
        assert_int_equal(fscanf(g->file, "%" SCNd64, &run), 1);
        assert_true(run >= 0 && run <= voxels - at);
        memset(*mask + at, set, (size_t)run);
    }
}

static void read_text(golden *g, char text[WORD]) { assert_int_equal(fscanf(g->file, " %63[^\n]", text), 1); }

static double read_number(golden *g)
{
    double value = 0;
    assert_int_equal(fscanf(g->file, "%lf", &value), 1);
    return value;
}

static void begin_case(golden *g)
{
    free(g->prediction);
    free(g->truth);
    g->prediction = g->truth = NULL;
    rmseg_metric_settings_default(&g->settings);
    g->settings.convention = g->convention;
    read_text(g, g->name);
    g->cases++;
}

/* What a line says of the pair and of the settings; false where the word is none of these. */
static bool read_setting(golden *g, const char *word)
{
    rmseg_metric_settings *s = &g->settings;
    char text[WORD];
    if (!strcmp(word, "case"))
        begin_case(g);
    else if (!strcmp(word, "size"))
        for (int axis = 0; axis < 3; axis++) g->size[axis] = (int64_t)read_number(g);
    else if (!strcmp(word, "spacing"))
        for (int axis = 0; axis < 3; axis++) g->spacing[axis] = read_number(g);
    else if (!strcmp(word, "axes"))
        s->axes = (int)read_number(g);
    else if (!strcmp(word, "prediction"))
        read_mask(g, &g->prediction);
    else if (!strcmp(word, "truth"))
        read_mask(g, &g->truth);
    else if (!strcmp(word, "note")) {
        read_text(g, text);
        strcpy(g->note, strcmp(text, "-") ? text : "");
    } else if (!strcmp(word, "connectivity"))
        s->connectivity = (int)read_number(g);
    else if (!strcmp(word, "percentile"))
        s->percentile = read_number(g);
    else if (!strcmp(word, "tolerance"))
        s->tolerance = read_number(g);
    else if (!strcmp(word, "directed"))
        s->directed = read_number(g) != 0;
    else if (!strcmp(word, "empty")) {
        read_text(g, text);
        assert_ok(rmseg_metric_settings_empty(s, text));
    } else
        return false;
    return true;
}

/* Goes on to the next metric of the file; false at its end. */
static bool read_metric(golden *g)
{
    char text[WORD];
    while (fscanf(g->file, "%63s", g->metric) == 1) {
        if (g->metric[0] == '#')
            assert_true(fscanf(g->file, "%*[^\n]") == 0);
        else if (!strcmp(g->metric, "convention"))
            read_text(g, g->convention);
        else if (!strcmp(g->metric, "within")) {
            g->relative = read_number(g);
            g->absolute = read_number(g);
        } else if (strcmp(g->metric, "end") && !read_setting(g, g->metric)) {
            read_text(g, text);
            g->raises = !strcmp(text, "raises");
            char *end = text;
            if (!g->raises) g->expected = strtod(text, &end);
            if (*end && !g->raises) fail_msg("%s: %s is neither a metric nor a setting", g->name, g->metric);
            return true;
        }
    }
    return false;
}

static bool differ(const golden *g, double found)
{
    if (isnan(g->expected) || isnan(found)) return isnan(g->expected) != isnan(found);
    if (isinf(g->expected) || isinf(found)) return g->expected != found;
    return fabs(found - g->expected) > g->absolute + g->relative * fabs(g->expected);
}

/* Counts what differs, so that all of it is told. */
static int check(const golden *g)
{
    const char *name = g->metric, *note = NULL;
    double value = 0;
    char where[LINE];
    snprintf(where, sizeof where, "%s (connectivity %d, percentile %g, tolerance %g%s%s): %s", g->name,
             g->settings.connectivity, g->settings.percentile, g->settings.tolerance,
             g->settings.directed ? ", directed" : "",
             g->settings.empty == RMSEG_EMPTY_TOOL ? ", empty as the tool" : "", name);
    rmseg_status status =
        rmseg_metric_measure(&value, &note, g->prediction, g->truth, g->size, g->spacing, &name, 1, &g->settings);
    if (status != RMSEG_OK || g->raises) {
        if (status != RMSEG_OK && g->raises) return 0;
        print_error("%s %s\n", where, g->raises ? "should have failed" : rmseg_error_last());
        return 1;
    }
    if (differ(g, value)) {
        print_error("%s is %.17g, the tool says %.17g\n", where, value, g->expected);
        return 1;
    }
    /* a mask without a border, or a full one, is told of where it leaves a value undefined */
    const char *told = strstr(g->note, "empty") || isnan(g->expected) ? g->note : "";
    if (!strcmp(told, note)) return 0;
    print_error("%s: note \"%s\", expected \"%s\"\n", where, note, told);
    return 1;
}

static void check_file(const char *path)
{
    golden g = {.file = fopen(path, "r")};
    if (!g.file) fail_msg("%s cannot be opened: %s", path, strerror(errno));
    int wrong = 0;
    for (; read_metric(&g); g.values++) wrong += check(&g);
    fclose(g.file);
    free(g.prediction);
    free(g.truth);
    print_message("%s: %" PRId64 " values of %" PRId64 " pairs of masks, %d differ\n", g.convention, g.values, g.cases,
                  wrong);
    assert_true(g.values > 0);
    assert_int_equal(wrong, 0);
}

static const char *const *files; /* NULL-terminated; none: every convention's */

static void conventions_equal_their_tools(void **state)
{
    (void)state;
    const rmseg_convention_info *convention;
    char path[4096];
    for (int64_t i = 0; !*files && (convention = rmseg_convention_list(i)); i++) {
        snprintf(path, sizeof path, "%s/metric/%s.txt", RMSEG_GOLDEN, convention->name);
        check_file(path);
    }
    for (; *files; files++) check_file(*files);
}

int main(int argc, char **argv)
{
    (void)argc;
    files = (const char *const *)argv + 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(conventions_equal_their_tools)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
