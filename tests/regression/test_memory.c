/*
 * Whichever allocation of a training, a prediction or an evaluation fails: the status says so, nothing crashes, all
 * memory is given back, and a run that was there is still good.
 *
 *     test_memory [STRIDE]      each 13th allocation by default; `test_memory 1` tries them all
 */
#include "training.h"

#define RUN RMSEG_TEST_TMP "/run"
#define OUT RMSEG_TEST_TMP "/out"

static int64_t stride = 13;

static rmseg_status set_all(rmseg_options *options, const char *const *pairs)
{
    for (int i = 0; pairs[i]; i += 2) RMSEG_TRY(rmseg_options_set(options, pairs[i], pairs[i + 1]));
    return RMSEG_OK;
}

static rmseg_status train_with(const char *const *pairs)
{
    rmseg_options *options = NULL;
    RMSEG_TRY(rmseg_train_options_create(&options));
    rmseg_status status = set_all(options, pairs);
    if (!status) status = rmseg_train(options);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_status train(void)
{
    static const char *const pairs[] = {"data",       TOY_DATA,
                                        "out",        RUN,
                                        "overwrite",  "yes",
                                        "width",      "2",
                                        "depth",      "1",
                                        "batch",      "2",
                                        "iterations", "2",
                                        "fold",       "0/3",
                                        "val-every",  "1",
                                        "select",     "best",
                                        "objective",  "sigmoid: ce + dice + 1*rm(2,0)",
                                        NULL};
    return train_with(pairs);
}

static rmseg_status resume(void)
{
    static const char *const pairs[] = {"out", RUN, "resume", "yes", "iterations", "2", NULL};
    return train_with(pairs);
}

static rmseg_status predict(void)
{
    static const char *const pairs[] = {
        "run",   RUN "," RUN,         "out", OUT,        "overwrite", "yes",           "window",
        "16,16", "largest-component", "yes", "min-size", "2",         "probabilities", "yes",
        NULL};
    static const char *const inputs[] = {TOY_DATA "/images"};
    rmseg_options *options = NULL;
    RMSEG_TRY(rmseg_predict_options_create(&options));
    rmseg_status status = set_all(options, pairs);
    if (!status) status = rmseg_predict(options, inputs, 1);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_status evaluate(void)
{
    static const char *const pairs[] = {
        "pred", OUT,     "truth", TOY_DATA "/labels", "json", RMSEG_TEST_TMP "/r.json", "csv", RMSEG_TEST_TMP "/r.csv",
        "grid", "24,24", NULL};
    rmseg_options *options = NULL;
    rmseg_results *results = NULL;
    RMSEG_TRY(rmseg_evaluate_options_create(&options));
    rmseg_status status = set_all(options, pairs);
    if (!status) status = rmseg_evaluate(&results, options);
    rmseg_results_destroy(results);
    rmseg_options_destroy(options);
    return status;
}

/* Lets the n-th allocation fail for each `stride`-th n, until the job no longer comes to it. */
static void sweep(rmseg_status (*job)(void))
{
    assert_ok(job()); /* what is kept for good is there now */
    int64_t before = rmseg_memory_stats_get().live_bytes, failures = 0;
    for (int64_t n = 1;; n += stride) {
        int64_t made = rmseg_memory_stats_get().allocations;
        rmseg_memory_fail_at(n);
        rmseg_status status = job();
        rmseg_memory_fail_at(0);
        if (rmseg_memory_stats_get().live_bytes != before) fail_msg("allocation %lld: memory is lost", (long long)n);
        if (status == RMSEG_OK && rmseg_memory_stats_get().allocations - made < n) break;
        if (status && status != RMSEG_ERROR_MEMORY)
            fail_msg("allocation %lld: %s: %s", (long long)n, rmseg_status_name(status), rmseg_error_last());
        if (status) assert_non_null(strstr(rmseg_error_last(), "out of memory"));
        failures += status != RMSEG_OK;
    }
    print_message("%lld failures\n", (long long)failures);
    assert_true(failures > 10);
    assert_ok(job());
}

static int prepare(void **state)
{
    (void)state;
    toy_data();
    return train();
}

static void a_training_may_run_out_of_memory(void **state)
{
    (void)state;
    sweep(train);
}

static void a_resumed_training_may_run_out_of_memory(void **state)
{
    (void)state;
    sweep(resume);
}

static void a_prediction_may_run_out_of_memory(void **state)
{
    (void)state;
    sweep(predict);
}

static void an_evaluation_may_run_out_of_memory(void **state)
{
    (void)state;
    assert_ok(predict());
    sweep(evaluate);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !rmseg_parse_integer(&stride, argv[1])) return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_may_run_out_of_memory),
        cmocka_unit_test(a_resumed_training_may_run_out_of_memory),
        cmocka_unit_test(a_prediction_may_run_out_of_memory),
        cmocka_unit_test(an_evaluation_may_run_out_of_memory),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
