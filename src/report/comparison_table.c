/*
 * report/comparison_table.c - a comparison as text for a terminal: a table a run, then what is to be known of it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/comparison.h"

#define MOST_NAMES 8 /* of cases without a partner, in a table; the JSON has all */

static const char *figure(char buffer[32], const char *format, double value)
{
    if (isnan(value)) return "-";
    snprintf(buffer, 32, format, value);
    return buffer;
}

/* "0.0123", "2.1e-06", with a '~' where it is approximate. */
static const char *chance(char buffer[32], double p, bool exact)
{
    if (isnan(p)) return "-";
    snprintf(buffer, 32, p < 0.0001 ? "%.1e%s" : "%.4f%s", p, exact ? "" : "~");
    return buffer;
}

/* Which way the run differs. */
static const char *verdict(const rmseg_contrast *c)
{
    double gain = c->difference * c->better;
    return gain > 0 ? "better" : gain < 0 ? "worse" : "";
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static void add_head(rmseg_text *text, const rmseg_comparison *comparison, const rmseg_contrast *c)
{
    rmseg_text_addf(text, "%s against %s", c->run, comparison->baseline->name);
    if (c->seeds > 1) rmseg_text_addf(text, ", %lld pairs of files", (long long)c->seeds);
    rmseg_text_addf(text, "\n%-12s %-18s %9s %9s %10s %-6s  %-20s %9s %8s", "class", "metric", "baseline", "run",
                    "difference", "", "95 % interval", "wilcoxon", "holm");
    if (c->seeds > 1) rmseg_text_addf(text, " %9s %8s", "sign-flip", "holm");
    rmseg_text_add(text, "   n/cases\n");
}

static void add_row(rmseg_text *text, const rmseg_contrast *c)
{
    char a[32], b[32], d[32], low[32], high[32], p[32], q[32], interval[80] = "-";
    if (!isnan(c->low))
        snprintf(interval, sizeof interval, "[%s, %s]", figure(low, "%+.4f", c->low), figure(high, "%+.4f", c->high));
    rmseg_text_addf(text, "%-12s %-18s %9s %9s %10s %-6s  %-20s %9s %8s", c->class_name, c->metric,
                    figure(a, "%.4f", c->baseline_mean), figure(b, "%.4f", c->run_mean),
                    figure(d, "%+.4f", c->difference), verdict(c), interval,
                    chance(p, c->wilcoxon.p, c->wilcoxon.exact), chance(q, c->wilcoxon_holm, true));
    if (c->seeds > 1)
        rmseg_text_addf(text, " %9s %8s", chance(p, c->sign_flip, true), chance(q, c->sign_flip_holm, true));
    rmseg_text_addf(text, "   %lld/%lld\n", (long long)c->n, (long long)c->cases);
}

/* ---- what does not count ----------------------------------------------------------------------------------------- */

static bool same_unpaired(const rmseg_unpaired_list *a, const rmseg_unpaired_list *b)
{
    if (a->count != b->count) return false;
    for (int64_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i].case_id, b->items[i].case_id) || strcmp(a->items[i].path, b->items[i].path))
            return false;
    return true;
}

static void add_unpaired(rmseg_text *text, const rmseg_contrast_row *row, bool all)
{
    const rmseg_unpaired_list *list = &row->unpaired;
    if (!list->count) return;
    rmseg_text_add(text, "without a partner");
    if (!all) rmseg_text_addf(text, " in %s of %s", row->values.metric, row->values.class_name);
    rmseg_text_addf(text, ": %lld case%s:", (long long)list->count, list->count > 1 ? "s" : "");
    for (int64_t i = 0; i < list->count && i < MOST_NAMES; i++)
        rmseg_text_addf(text, "%s %s (not in %s)", i ? "," : "", list->items[i].case_id, list->items[i].path);
    rmseg_text_add(text, list->count > MOST_NAMES ? ", ...\n" : "\n");
}

/* One line where all contrasts of the run lack the same cases, else one each. */
static void add_all_unpaired(rmseg_text *text, const rmseg_contrast_row *rows, int64_t count)
{
    bool same = true;
    for (int64_t i = 1; i < count; i++) same = same && same_unpaired(&rows[0].unpaired, &rows[i].unpaired);
    for (int64_t i = 0; i < (same ? 1 : count); i++) add_unpaired(text, &rows[i], same);
}

static void add_invalid(rmseg_text *text, const rmseg_comparison *comparison, const rmseg_contrast *c)
{
    if (c->n == c->cases) return;
    rmseg_text_addf(text,
                    "left out: %lld of %lld cases, where %s of %s is undefined or infinite: %lld in %s, %lld in %s\n",
                    (long long)(c->cases - c->n), (long long)c->cases, c->metric, c->class_name,
                    (long long)c->invalid_baseline, comparison->baseline->name, (long long)c->invalid_run, c->run);
}

/* The contrasts of one run, `count` of them. */
static void add_run(rmseg_text *text, const rmseg_comparison *comparison, const rmseg_contrast_row *rows, int64_t count)
{
    add_head(text, comparison, &rows->values);
    for (int64_t i = 0; i < count; i++) add_row(text, &rows[i].values);
    add_all_unpaired(text, rows, count);
    for (int64_t i = 0; i < count; i++) add_invalid(text, comparison, &rows[i].values);
    rmseg_text_add(text, "\n");
}

/* ---- what the numbers mean --------------------------------------------------------------------------------------- */

/* "higher is better: dice, jaccard" */
static void add_direction(rmseg_text *text, const rmseg_comparison *comparison, int better, const char *words)
{
    int64_t named = 0;
    for (int64_t i = 0; i < comparison->count; i++) {
        const rmseg_contrast *c = &comparison->rows[i].values;
        bool known = c->better != better;
        for (int64_t k = 0; k < i && !known; k++) known = !strcmp(comparison->rows[k].values.metric, c->metric);
        if (!known) rmseg_text_addf(text, "%s%s", named++ ? ", " : words, c->metric);
    }
    if (named) rmseg_text_add(text, "; ");
}

/* With few pairs even the clearest difference has a p above 0.05. */
static void add_least(rmseg_text *text, const char *test, const char *pairs, int64_t count)
{
    if (count > 0 && count < 6)
        rmseg_text_addf(text, "           with %lld %s no p of the %s test can be below %g\n", (long long)count, pairs,
                        test, ldexp(1, 1 - (int)count));
}

static void add_tests(rmseg_text *text, const rmseg_comparison *comparison)
{
    int64_t fewest_cases = INT64_MAX, fewest_seeds = INT64_MAX, tested = 0;
    bool approximate = false;
    for (int64_t i = 0; i < comparison->count; i++) {
        const rmseg_contrast *c = &comparison->rows[i].values;
        if (c->n && c->n < fewest_cases) fewest_cases = c->n;
        if (c->seeds > 1 && c->seeds < fewest_seeds) fewest_seeds = c->seeds;
        tested += c->n > 0;
        approximate = approximate || (c->n && !c->wilcoxon.exact);
    }
    rmseg_text_addf(text, "interval:  %s; %lld resamples\n", rmseg_assumes_interval, (long long)comparison->resamples);
    rmseg_text_addf(text, "wilcoxon:  %s%s\n", rmseg_assumes_wilcoxon,
                    approximate ? "; ~ is a normal approximation" : "");
    add_least(text, "signed-rank", "cases", fewest_cases);
    if (fewest_seeds < INT64_MAX) {
        rmseg_text_addf(text, "sign-flip: %s\n", rmseg_assumes_sign_flip);
        add_least(text, "sign-flip", "seeds", fewest_seeds);
    }
    rmseg_text_addf(text, "holm:      p adjusted for the %lld contrast%s of this comparison; every p is two-sided\n",
                    (long long)tested, tested == 1 ? "" : "s");
}

static void add_meaning(rmseg_text *text, const rmseg_comparison *comparison)
{
    rmseg_text_add(text, "direction: difference is run - baseline, better or worse is its sign alone; ");
    add_direction(text, comparison, 1, "higher is better: ");
    add_direction(text, comparison, -1, "lower is better: ");
    add_direction(text, comparison, 0, "neither is better by itself: ");
    rmseg_text_addf(text, "distances in %s\n", comparison->files[0].unit);
    add_tests(text, comparison);
}

rmseg_status rmseg_comparison_table(char **text, const rmseg_comparison *comparison)
{
    rmseg_text table = {0};
    const rmseg_contrast_row *rows = comparison->rows;
    for (int64_t i = 0, next; i < comparison->count; i = next) {
        for (next = i; next < comparison->count && rows[next].values.run == rows[i].values.run; next++) {
        }
        add_run(&table, comparison, rows + i, next - i);
    }
    for (int64_t i = 0; i < comparison->unpaired_files.count; i++)
        rmseg_text_addf(&table, "without a partner: %s (no file of that seed to pair it with)\n",
                        comparison->unpaired_files.items[i].path);
    add_meaning(&table, comparison);
    if (table.failed) {
        rmseg_text_destroy(&table);
        return rmseg_fail_memory();
    }
    *text = table.data;
    return RMSEG_OK;
}
