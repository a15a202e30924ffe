/*
 * cli/jobs.c - train, predict, evaluate, compare, show, objective, bench: the library's jobs, called as they are.
 */
#include "cli/cli.h"

rmseg_status cli_train(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)operands, (void)count;
    return rmseg_train(options);
}

rmseg_status cli_predict(const rmseg_options *options, const char *const *operands, int64_t count)
{
    return rmseg_predict(options, operands, count);
}

/* The table is printed even when some cases failed: what is known is not withheld. */
rmseg_status cli_evaluate(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)operands, (void)count;
    rmseg_results *results = NULL;
    char *table = NULL;
    rmseg_status status = rmseg_evaluate(&results, options);
    bool any = results && rmseg_results_aggregates(results) > 0;
    if (any && rmseg_results_table(&table, results) == RMSEG_OK) fputs(table, stdout);
    rmseg_text_free(table);
    rmseg_results_destroy(results);
    return status;
}

rmseg_status cli_compare(const rmseg_options *options, const char *const *operands, int64_t count)
{
    rmseg_comparison *comparison = NULL;
    char *table = NULL;
    CLI_TRY(rmseg_compare(&comparison, options, operands, count));
    rmseg_status status = rmseg_comparison_table(&table, comparison);
    if (status == RMSEG_OK) fputs(table, stdout);
    rmseg_text_free(table);
    rmseg_comparison_destroy(comparison);
    return status;
}

rmseg_status cli_show(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)count;
    return rmseg_show(options, operands[0]);
}

/* The picture's caption is the expression as it was written. */
static rmseg_status write_picture(const rmseg_image *weights, const char *expression, const char *path)
{
    rmseg_image *picture = NULL;
    CLI_TRY(rmseg_weights_picture(&picture, weights, expression));
    rmseg_status status = rmseg_image_write(picture, path);
    rmseg_image_destroy(picture);
    return status;
}

rmseg_status cli_objective(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)count;
    char *text = NULL;
    rmseg_image *weights = NULL;
    CLI_TRY(rmseg_objective_measure(&text, &weights, options, operands[0]));
    fputs(text, stdout);
    rmseg_status status = RMSEG_OK;
    if (weights) status = write_picture(weights, operands[0], rmseg_options_get(options, "weights"));
    rmseg_text_free(text);
    rmseg_image_destroy(weights);
    return status;
}

rmseg_status cli_bench(const rmseg_options *options, const char *const *operands, int64_t count)
{
    char *text = NULL;
    int64_t worse = 0;
    CLI_TRY(rmseg_bench(&text, &worse, options, count ? operands[0] : NULL));
    fputs(text, stdout);
    rmseg_text_free(text);
    if (!worse || !cli_switch(options, "fail-worse")) return RMSEG_OK;
    return cli_fail(RMSEG_ERROR_NUMERIC, "%lld row%s worse than in %s by more than %s %%", (long long)worse,
                    worse > 1 ? "s are" : " is", rmseg_options_get(options, "compare"),
                    rmseg_options_get(options, "threshold"));
}
