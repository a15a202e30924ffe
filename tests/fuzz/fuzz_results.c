/*
 * fuzz_results.c - hostile results files: parsing any bytes, and comparing what was accepted.
 *
 * The bytes up to the first zero are one file, those after it another. Built two ways (tests/fuzz/CMakeLists.txt):
 *   fuzz_results     with clang and -DRMSEG_FUZZ=ON: libFuzzer searches,     ./fuzz_results FOLDER
 *   replay_results   everywhere, an ordinary test: every file of tests/fuzz/corpus/results and of the goldens, once
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/comparison.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check(bool holds)
{
    if (!holds) abort();
}

/* Each result is found, in the column of its names, which ascends. */
static void check_file(const rmseg_results_file *file)
{
    int64_t count = 0;
    for (int64_t i = 0; i < file->column_count; i++) {
        const rmseg_result_column *column = &file->columns[i];
        check(rmseg_results_file_column(file, column->class_name, column->metric) == column);
        for (int64_t k = 0; k < column->count; k++, count++) {
            const rmseg_result *result = &file->results[column->first + k];
            check(rmseg_results_file_find(file, column, result->case_id) == result);
            check(result->value != -INFINITY && *result->case_id);
        }
    }
    check(count == file->count);
}

static bool is_chance(double p) { return isnan(p) || (p >= 0 && p <= 1); }

static void check_contrast(const rmseg_contrast *c)
{
    check(c->n <= c->cases && c->higher + c->lower <= c->n && c->seeds >= 1);
    check(c->cases - c->n <= c->invalid_baseline + c->invalid_run);
    check(is_chance(c->wilcoxon.p) && is_chance(c->wilcoxon_holm) && is_chance(c->sign_flip));
    check(isnan(c->wilcoxon.p) || c->wilcoxon_holm >= c->wilcoxon.p);
    check(isnan(c->low) || isinf(c->low) || isnan(c->high) || c->low <= c->high);
}

static void compare(rmseg_comparison *comparison)
{
    rmseg_options *options = NULL;
    char *table = NULL;
    check(rmseg_compare_options_create(&options) == RMSEG_OK);
    check(rmseg_options_set(options, "resamples", "100") == RMSEG_OK);
    if (rmseg_comparison_make(comparison, compare_options_values(options)) == RMSEG_OK) {
        check(rmseg_comparison_contrast(comparison, 0) != NULL);
        for (int64_t i = 0; rmseg_comparison_contrast(comparison, i); i++)
            check_contrast(rmseg_comparison_contrast(comparison, i));
        check(rmseg_comparison_table(&table, comparison) == RMSEG_OK);
    } else {
        check(strlen(rmseg_error_last()) > 10);
    }
    rmseg_text_free(table);
    rmseg_options_destroy(options);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const uint8_t *zero = length ? memchr(bytes, 0, length) : NULL;
    size_t first = zero ? (size_t)(zero - bytes) : length;
    rmseg_comparison *comparison = rmseg_alloc(1, sizeof *comparison);
    check(comparison && (comparison->files = rmseg_alloc(2, sizeof *comparison->files)));
    rmseg_status a = rmseg_results_file_parse(&comparison->files[0], bytes, first, "a"), b = a;
    if (!a) check_file(&comparison->files[comparison->file_count++]);
    if (!a && zero)
        b = rmseg_results_file_parse(&comparison->files[1], zero + 1, length - first - 1, "b");
    else if (!a)
        b = rmseg_results_file_parse(&comparison->files[1], bytes, first, "b");
    if (!a && !b) check_file(&comparison->files[comparison->file_count++]);
    if (!a && !b) compare(comparison);
    rmseg_comparison_destroy(comparison);
    return 0;
}
