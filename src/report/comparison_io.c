/*
 * report/comparison_io.c - a comparison as JSON and as CSV, and what its tests assume, in words.
 */
#include <math.h>

#include "report/comparison.h"

const char rmseg_assumes_interval[] =
    "95 % percentile bootstrap of the mean difference, over cases (and seeds, where there are several)";
const char rmseg_assumes_wilcoxon[] = "signed-rank test of the cases' differences; assumes independent cases, and "
                                      "differences symmetric about their middle";
const char rmseg_assumes_sign_flip[] =
    "exact test of the seeds' mean differences; assumes that without an effect each could as well have the other sign";

static const char *better_word(int better) { return better > 0 ? "higher" : better < 0 ? "lower" : NULL; }
static const char *method_word(const rmseg_contrast *c)
{
    return c->n == 0 ? NULL : c->wilcoxon.exact ? "exact" : "normal";
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void write_numbers(rmseg_json *json, const rmseg_contrast *c)
{
    rmseg_json_integer(json, "seeds", c->seeds);
    rmseg_json_integer(json, "cases", c->cases);
    rmseg_json_integer(json, "n", c->n);
    rmseg_json_integer(json, "invalid_baseline", c->invalid_baseline);
    rmseg_json_integer(json, "invalid_run", c->invalid_run);
    rmseg_json_number(json, "baseline_mean", c->baseline_mean);
    rmseg_json_number(json, "run_mean", c->run_mean);
    rmseg_json_number(json, "difference", c->difference);
    rmseg_json_open(json, "ci95", '[');
    rmseg_json_number(json, NULL, c->low);
    rmseg_json_number(json, NULL, c->high);
    rmseg_json_close(json, ']');
    rmseg_json_number(json, "median", c->median);
    rmseg_json_integer(json, "higher", c->higher);
    rmseg_json_integer(json, "lower", c->lower);
}

static void write_tests(rmseg_json *json, const rmseg_contrast *c)
{
    rmseg_json_open(json, "wilcoxon", '{');
    rmseg_json_string(json, "method", method_word(c));
    rmseg_json_integer(json, "n", c->wilcoxon.used);
    rmseg_json_number(json, "statistic", c->wilcoxon.statistic);
    rmseg_json_number(json, "p", c->wilcoxon.p);
    rmseg_json_number(json, "p_holm", c->wilcoxon_holm);
    rmseg_json_close(json, '}');
    rmseg_json_open(json, "sign_flip", '{');
    rmseg_json_integer(json, "n", c->seeds);
    rmseg_json_number(json, "p", c->sign_flip);
    rmseg_json_number(json, "p_holm", c->sign_flip_holm);
    rmseg_json_close(json, '}');
}

static void write_unpaired(rmseg_json *json, const rmseg_unpaired_list *list)
{
    rmseg_json_open(json, "unpaired", '[');
    for (int64_t i = 0; i < list->count; i++) {
        rmseg_json_open(json, NULL, '{');
        rmseg_json_string(json, "case", list->items[i].case_id);
        rmseg_json_string(json, "not_in", list->items[i].path);
        rmseg_json_close(json, '}');
    }
    rmseg_json_close(json, ']');
}

static void write_contrast(rmseg_json *json, const rmseg_contrast_row *row)
{
    const rmseg_contrast *c = &row->values;
    rmseg_json_open(json, NULL, '{');
    rmseg_json_string(json, "run", c->run);
    rmseg_json_string(json, "class", c->class_name);
    rmseg_json_string(json, "metric", c->metric);
    rmseg_json_string(json, "better", better_word(c->better));
    write_numbers(json, c);
    write_tests(json, c);
    write_unpaired(json, &row->unpaired);
    rmseg_json_close(json, '}');
}

static bool is_unpaired(const rmseg_comparison *comparison, const rmseg_results_file *file)
{
    for (int64_t i = 0; i < comparison->unpaired_files.count; i++)
        if (comparison->unpaired_files.items[i].path == file->path) return true;
    return false;
}

static void write_inputs(rmseg_json *json, const rmseg_comparison *comparison)
{
    rmseg_json_open(json, "files", '[');
    for (int64_t i = 0; i < comparison->file_count; i++) {
        const rmseg_results_file *file = &comparison->files[i];
        rmseg_json_open(json, NULL, '{');
        rmseg_json_string(json, "path", file->path);
        rmseg_json_string(json, "run", file->run);
        if (file->seed >= 0)
            rmseg_json_integer(json, "seed", file->seed);
        else
            rmseg_json_string(json, "seed", NULL);
        rmseg_json_bool(json, "paired", !is_unpaired(comparison, file));
        rmseg_json_close(json, '}');
    }
    rmseg_json_close(json, ']');
}

static void write_assumptions(rmseg_json *json)
{
    rmseg_json_open(json, "assumes", '{');
    rmseg_json_string(json, "ci95", rmseg_assumes_interval);
    rmseg_json_string(json, "wilcoxon", rmseg_assumes_wilcoxon);
    rmseg_json_string(json, "sign_flip", rmseg_assumes_sign_flip);
    rmseg_json_close(json, '}');
}

rmseg_status rmseg_comparison_write_json(const rmseg_comparison *comparison, const char *path)
{
    rmseg_json json = {0};
    rmseg_json_open(&json, NULL, '{');
    rmseg_json_string(&json, "rmseg", RMSEG_VERSION);
    rmseg_json_string(&json, "baseline", comparison->baseline->name);
    rmseg_json_string(&json, "convention", comparison->files[0].convention);
    rmseg_json_string(&json, "unit", comparison->files[0].unit);
    rmseg_json_integer(&json, "resamples", comparison->resamples);
    rmseg_json_integer(&json, "seed", comparison->seed);
    write_inputs(&json, comparison);
    write_assumptions(&json);
    rmseg_json_open(&json, "contrasts", '[');
    for (int64_t i = 0; i < comparison->count; i++) write_contrast(&json, &comparison->rows[i]);
    rmseg_json_close(&json, ']');
    rmseg_json_close(&json, '}');
    rmseg_status status = rmseg_text_write(&json.text, path);
    rmseg_text_destroy(&json.text);
    return status;
}

/* ---- CSV --------------------------------------------------------------------------------------------------------- */

static void write_row(rmseg_text *text, const char *baseline, const rmseg_contrast *c)
{
    const char *const words[] = {baseline, c->run, c->class_name, c->metric, better_word(c->better)};
    const double numbers[] = {(double)c->seeds,
                              (double)c->cases,
                              (double)c->unpaired,
                              (double)c->n,
                              (double)c->invalid_baseline,
                              (double)c->invalid_run,
                              c->baseline_mean,
                              c->run_mean,
                              c->difference,
                              c->low,
                              c->high,
                              c->median,
                              (double)c->higher,
                              (double)c->lower,
                              c->wilcoxon.statistic,
                              c->wilcoxon.p,
                              c->wilcoxon_holm,
                              c->sign_flip,
                              c->sign_flip_holm};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) rmseg_csv_cell(text, words[i] ? words[i] : "");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) rmseg_csv_number(text, numbers[i]);
    rmseg_csv_cell(text, method_word(c) ? method_word(c) : "");
    rmseg_csv_end(text);
}

rmseg_status rmseg_comparison_write_csv(const rmseg_comparison *comparison, const char *path)
{
    rmseg_text text = {0};
    rmseg_text_add(&text, "baseline,run,class,metric,better,seeds,cases,unpaired,n,invalid_baseline,invalid_run,"
                          "baseline_mean,run_mean,difference,ci95_low,ci95_high,median,higher,lower,wilcoxon_statistic,"
                          "wilcoxon_p,wilcoxon_p_holm,sign_flip_p,sign_flip_p_holm,wilcoxon_method\n");
    for (int64_t i = 0; i < comparison->count; i++)
        write_row(&text, comparison->baseline->name, &comparison->rows[i].values);
    rmseg_status status = rmseg_text_write(&text, path);
    rmseg_text_destroy(&text);
    return status;
}
