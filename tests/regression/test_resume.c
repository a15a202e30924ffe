/*
 * A training stopped and resumed is the training that was not stopped, byte for byte, at any number of threads: 5
 * steps, a resume and 5 more equal 10.
 */
#include "training.h"

#include "run/trainer.h"

/* Weights that depend on the step, and on the steps before it. */
#define OBJECTIVE "sigmoid: a*(ce + dice) + (1 - a)*mse + share(10%)*rm(2,0), a = ramp(1 -> 0.5 by 80%)"

static int64_t cancel_after;

static void cancel_then(void *user, const char *stage, int64_t done, int64_t total, const char *note)
{
    (void)user, (void)stage, (void)total, (void)note;
    if (done >= cancel_after) rmseg_cancel();
}

/* Columns of log.csv that do not tell the time, as text. */
static void add_columns(rmseg_text *text, const char *run)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    int seconds = -1, column = 0;
    toy_read(&bytes, &length, run, "log.csv");
    for (char *cell = (char *)bytes; *cell;) {
        size_t quoted = *cell == '"' ? 1 + strcspn(cell + 1, "\"") : 0, end = quoted + strcspn(cell + quoted, ",\n");
        if (end == 7 && !strncmp(cell, "seconds", end)) seconds = column;
        if (column != seconds) rmseg_text_addf(text, "%.*s%c", (int)end, cell, cell[end]);
        column = cell[end] == '\n' ? 0 : column + 1;
        cell += end + 1;
    }
    assert_true(seconds > 0);
    rmseg_free(bytes);
}

static void assert_same_run(const char *a, const char *b)
{
    rmseg_text log_a = {0}, log_b = {0};
    assert_same_file(a, b, "weights.safetensors");
    add_columns(&log_a, a);
    add_columns(&log_b, b);
    assert_non_null(strstr(log_a.data, "weight rm(2,0)"));
    assert_non_null(strstr(log_a.data, "share rm(2,0)"));
    assert_string_equal(log_a.data, log_b.data);
    rmseg_text_destroy(&log_a);
    rmseg_text_destroy(&log_b);
}

static const char *optimizer = "sgd", *ema = "0", *precision = "f32";

static rmseg_options *options_of(const char *run)
{
    return toy_options(run, "overwrite", "yes", "iterations", "10", "objective", OBJECTIVE, "log-gradients", "3",
                       "optimizer", optimizer, "ema", ema, "precision", precision, NULL);
}

static void train_in_two(const char *run, int threads)
{
    assert_ok(rmseg_threads_set(threads));
    cancel_after = 5;
    rmseg_progress_set(cancel_then, NULL);
    assert_fails(toy_train(options_of(run)), RMSEG_ERROR_CANCELLED, "--resume");
    rmseg_cancel_reset();
    rmseg_progress_set(NULL, NULL);
    rmseg_options *options = NULL;
    assert_ok(rmseg_train_options_create(&options));
    assert_ok(rmseg_options_set(options, "out", run));
    assert_ok(rmseg_options_set(options, "resume", "yes"));
    assert_ok(toy_train(options));
}

static void five_and_five_are_ten(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 7};
    const char *whole = RMSEG_TEST_TMP "/whole", *parts = RMSEG_TEST_TMP "/parts";
    toy_data();
    assert_ok(rmseg_threads_set(2));
    assert_ok(toy_train(options_of(whole)));
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        train_in_two(parts, threads[i]);
        assert_same_run(whole, parts);
    }
    assert_ok(rmseg_threads_set(0));
}

static void so_with_adamw_and_averaged_weights(void **state)
{
    optimizer = "adamw", ema = "0.9";
    five_and_five_are_ten(state);
    optimizer = "sgd", ema = "0";
}

static void so_with_activations_in_bf16(void **state)
{
    precision = "bf16";
    five_and_five_are_ten(state);
    precision = "f32";
}

/* Two trainings in one folder would write over each other. */
static void a_folder_at_work_is_closed_to_others(void **state)
{
    (void)state;
    const char *run = RMSEG_TEST_TMP "/shared";
    rmseg_trainer *trainer = NULL;
    toy_data();
    rmseg_options *options = toy_options(run, "overwrite", "yes", "iterations", "2", NULL);
    assert_ok(rmseg_trainer_create(&trainer, options));
    assert_fails(toy_train(toy_options(run, "resume", "yes", NULL)), RMSEG_ERROR_EXISTS, "a training is at work there");
    assert_fails(toy_train(toy_options(run, "overwrite", "yes", NULL)), RMSEG_ERROR_EXISTS, "locked by process");
    rmseg_trainer_destroy(trainer);
    rmseg_options_destroy(options);
    assert_ok(toy_train(toy_options(run, "resume", "yes", "iterations", "2", NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_and_five_are_ten),
        cmocka_unit_test(so_with_adamw_and_averaged_weights),
        cmocka_unit_test(so_with_activations_in_bf16),
        cmocka_unit_test(a_folder_at_work_is_closed_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
