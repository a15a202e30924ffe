/*
 * report/contrast.c - one contrast: the same metric of the same class, of a run and of the baseline, case by case.
 */
#include <math.h>
#include <string.h>

#include "metric/metric.h"
#include "report/comparison.h"

typedef struct table {
    const rmseg_file_pairs *pairs;
    const rmseg_result_column **columns; /* [2 pairs], as the files */
    const char **cases;                  /* [n] that count: with a finite value in every file */
    int64_t n;
    double *differences;       /* [pairs][n]: run - baseline */
    double *of_case, *of_seed; /* [n], [pairs]: their means over the other axis */
} table;

static const rmseg_result *find(const table *t, int64_t file, const char *case_id)
{
    return rmseg_results_file_find(t->pairs->files[file], t->columns[file], case_id);
}

/* The first file that has the case, or that lacks it; -1 for none. */
static int64_t first_file(const table *t, const char *case_id, bool has)
{
    for (int64_t f = 0; f < 2 * t->pairs->count; f++)
        if ((find(t, f, case_id) != NULL) == has) return f;
    return -1;
}

/* A case of every file: it counts where all its values are finite. */
static void add_case(table *t, rmseg_contrast *c, const char *case_id)
{
    bool invalid[2] = {false, false};
    for (int64_t f = 0; f < 2 * t->pairs->count; f++)
        if (!isfinite(find(t, f, case_id)->value)) invalid[f % 2] = true;
    c->cases++;
    c->invalid_baseline += invalid[0];
    c->invalid_run += invalid[1];
    if (!invalid[0] && !invalid[1]) t->cases[t->n++] = case_id;
}

/* Meets each case once, in the first file that has it. */
static rmseg_status pair_cases(table *t, rmseg_contrast_row *row)
{
    for (int64_t f = 0; f < 2 * t->pairs->count; f++)
        for (int64_t i = 0; i < t->columns[f]->count; i++) {
            const char *case_id = t->pairs->files[f]->results[t->columns[f]->first + i].case_id;
            if (first_file(t, case_id, true) != f) continue;
            int64_t lacking = first_file(t, case_id, false);
            if (lacking < 0)
                add_case(t, &row->values, case_id);
            else
                RMSEG_TRY(rmseg_unpaired_add(&row->unpaired, case_id, t->pairs->files[lacking]->path));
        }
    row->values.n = t->n;
    row->values.unpaired = row->unpaired.count;
    return RMSEG_OK;
}

static void fill(table *t, rmseg_contrast *c)
{
    double sums[2] = {0, 0};
    for (int64_t s = 0; s < c->seeds; s++)
        for (int64_t i = 0; i < t->n; i++) {
            double baseline = find(t, 2 * s, t->cases[i])->value, run = find(t, 2 * s + 1, t->cases[i])->value;
            t->differences[s * t->n + i] = run - baseline;
            t->of_case[i] += run - baseline;
            t->of_seed[s] += run - baseline;
            sums[0] += baseline;
            sums[1] += run;
        }
    for (int64_t i = 0; i < t->n; i++) {
        t->of_case[i] /= (double)c->seeds;
        c->higher += t->of_case[i] > 0;
        c->lower += t->of_case[i] < 0;
    }
    for (int64_t s = 0; s < c->seeds; s++) t->of_seed[s] /= (double)t->n;
    c->baseline_mean = sums[0] / (double)(c->seeds * t->n);
    c->run_mean = sums[1] / (double)(c->seeds * t->n);
}

/* Only the cases are many enough to be drawn from where there is one file of each; of one case there is no interval. */
static rmseg_status judge(table *t, rmseg_contrast *c, const rmseg_comparison *comparison)
{
    double interval[2] = {NAN, NAN};
    RMSEG_TRY(rmseg_wilcoxon_test(&c->wilcoxon, t->of_case, t->n));
    if (c->seeds > 1 && c->seeds <= RMSEG_SIGN_FLIP_MOST)
        RMSEG_TRY(rmseg_sign_flip_test(&c->sign_flip, t->of_seed, c->seeds));
    if (t->n > 1)
        RMSEG_TRY(rmseg_bootstrap_mean(interval, t->differences, c->seeds, t->n, comparison->resamples,
                                       (uint64_t)comparison->seed));
    c->low = interval[0];
    c->high = interval[1];
    c->difference = rmseg_mean(t->of_case, t->n);
    c->median = rmseg_percentile(t->of_case, t->n, 50); /* last: it reorders */
    return RMSEG_OK;
}

static rmseg_status measure(table *t, rmseg_contrast_row *row, const rmseg_comparison *comparison)
{
    RMSEG_TRY(pair_cases(t, row));
    if (t->n == 0) return RMSEG_OK;
    t->differences = rmseg_alloc(row->values.seeds * t->n, sizeof *t->differences);
    t->of_case = rmseg_alloc(t->n, sizeof *t->of_case);
    t->of_seed = rmseg_alloc(row->values.seeds, sizeof *t->of_seed);
    if (!t->differences || !t->of_case || !t->of_seed) return RMSEG_ERROR_MEMORY;
    fill(t, &row->values);
    return judge(t, &row->values, comparison);
}

rmseg_status rmseg_contrast_measure(rmseg_contrast_row *row, const rmseg_comparison *comparison,
                                    const rmseg_file_pairs *pairs, const char *class_name, const char *metric)
{
    rmseg_contrast *c = &row->values;
    c->class_name = class_name;
    c->metric = metric;
    c->better = rmseg_metric_better(metric);
    c->seeds = pairs->count;
    c->baseline_mean = c->run_mean = c->difference = c->median = c->low = c->high = NAN;
    c->wilcoxon.p = c->wilcoxon.statistic = c->sign_flip = NAN;
    table t = {.pairs = pairs, .columns = rmseg_alloc(2 * pairs->count, sizeof *t.columns)};
    rmseg_status status = t.columns ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t f = 0; f < 2 * pairs->count && !status; f++)
        t.columns[f] = rmseg_results_file_column(pairs->files[f], class_name, metric);
    if (!status) t.cases = rmseg_alloc(t.columns[0]->count, sizeof *t.cases);
    if (!status) status = t.cases ? measure(&t, row, comparison) : RMSEG_ERROR_MEMORY;
    rmseg_free(t.columns);
    rmseg_free(t.cases);
    rmseg_free(t.differences);
    rmseg_free(t.of_case);
    rmseg_free(t.of_seed);
    return status;
}
