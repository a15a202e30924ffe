/*
 * What a training promises beside its bits: nothing lost and nothing half-written when something goes wrong, sentences
 * that say what to do, no allocation once it runs.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/trainer.h"
#include "training.h"

#define RUN   RMSEG_TEST_TMP "/run"
#define STATE RUN "/state.safetensors"

static rmseg_status train(const char *iterations, const char *key, const char *value)
{
    return toy_train(toy_options(RUN, "iterations", iterations, key, value, NULL));
}

/* A run of six steps, saved after each other one. */
static int six_steps(void **state)
{
    (void)state;
    toy_data();
    return toy_train(toy_options(RUN, "overwrite", "yes", "iterations", "6", "save-every", "2", NULL));
}

static int64_t iteration_of(const char *path)
{
    rmseg_tensor_file file = {0};
    int64_t iteration = -1;
    assert_ok(rmseg_tensor_file_read(&file, path));
    assert_true(rmseg_parse_integer(&iteration, rmseg_tensor_file_value(&file, "rmseg.iteration")));
    rmseg_tensor_file_destroy(&file);
    return iteration;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static void a_run_is_not_replaced_by_chance(void **state)
{
    (void)state;
    assert_fails(train("6", "seed", "1"), RMSEG_ERROR_EXISTS, "--resume");
    assert_ok(train("3", "overwrite", "yes"));
    assert_int_equal(iteration_of(STATE), 3);
}

static void wrong_options_write_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *words;
    } wrong[] = {
        {"patch", "18,24", "nearest are 16,24 and 20,24"},
        {"grid", "33,32", "nearest are 32,32 and 36,32"},
        {"objective", "ce + dise", "dice"},
        {"objective", "none: mse", "softmax, sigmoid or tanh"},
        {"data", RMSEG_TEST_TMP "/nowhere", "nowhere"},
        {"layout", "foldr", "folder"},
        {"net", "unit", "unet"},
        {"augment", "flop-w", "flip-w"},
        {"augment", "rotate(degrees=200)", "augment: rotate: option degrees"},
        {"rng", "la-reference", "expected augment la-reference alone"},
        /* the toy training rotates */
        {"objective", "sigmoid: rm(2,0; frame=volume)", "off the axes of its image, where frame=volume"},
        {"objective", "softmax: boundary(maps=image)", "off the axes of its image, where maps=image"},
        {"fold", "5/5", "0/5"},
        {"patch", "20,24,24", "2 numbers"},
        {"init", RMSEG_TEST_TMP "/no.safetensors", "no.safetensors"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rmseg_options *options =
            toy_options(RMSEG_TEST_TMP "/never", "iterations", "1", wrong[i].key, wrong[i].value, NULL);
        if (!strcmp(wrong[i].key, "fold")) assert_ok(rmseg_options_set(options, "val-fraction", "0"));
        rmseg_status status = toy_train(options);
        if (!status) fail_msg("--%s %s was accepted", wrong[i].key, wrong[i].value);
        if (!strstr(rmseg_error_last(), wrong[i].words))
            fail_msg("--%s %s: \"%s\" does not say \"%s\"", wrong[i].key, wrong[i].value, rmseg_error_last(),
                     wrong[i].words);
        assert_false(rmseg_folder_exists(RMSEG_TEST_TMP "/never"));
    }
    rmseg_options *options = toy_options(RMSEG_TEST_TMP "/never", "patch", "64,64", "pad", "none", NULL);
    assert_fails(toy_train(options), RMSEG_ERROR_ARGUMENT, "patch");
    assert_false(rmseg_folder_exists(RMSEG_TEST_TMP "/never"));
}

/* A case that cannot be read is known before the first step, wherever it would have come up. */
static void a_broken_case_writes_nothing(void **state)
{
    (void)state;
    static const char *const caches[] = {"ram", "none"}, *const broken[] = {"phantom_0001", "phantom_0003"};
    for (int i = 0; i < 4; i++) { /* of the cases to learn from, and of those held out */
        char path[512];
        assert_ok(rmseg_phantoms_write(RMSEG_TEST_TMP "/broken", TOY_CASES, 0, TOY_SIZE, 1));
        snprintf(path, sizeof path, RMSEG_TEST_TMP "/broken/images/%s.png", broken[i / 2]);
        assert_int_equal(truncate(path, 600), 0);
        assert_fails(toy_train(toy_options(RMSEG_TEST_TMP "/never", "data", RMSEG_TEST_TMP "/broken", "cache",
                                           caches[i % 2], NULL)),
                     RMSEG_ERROR_FORMAT, broken[i / 2]);
        assert_false(rmseg_folder_exists(RMSEG_TEST_TMP "/never"));
    }
}

/* The metadata differ: that started from a file is another training. */
static void assert_same_tensors(const char *path_a, const char *path_b)
{
    rmseg_tensor_file a = {0}, b = {0};
    assert_ok(rmseg_tensor_file_read(&a, path_a));
    assert_ok(rmseg_tensor_file_read(&b, path_b));
    assert_int_equal(a.count, b.count);
    for (int64_t i = 0; i < a.count; i++) {
        const rmseg_named_tensor *x = &a.tensors[i], *y = rmseg_tensor_file_find(&b, x->name);
        assert_non_null(y);
        assert_int_equal(x->bytes, y->bytes);
        assert_memory_equal(x->data, y->data, x->bytes);
    }
    rmseg_tensor_file_destroy(&a);
    rmseg_tensor_file_destroy(&b);
}

/* Cases in memory, in files, and read again: the same bits. A second run finds the files of the first. */
static void a_cache_changes_nothing(void **state)
{
    (void)state;
    static const char *const caches[] = {"ram", "none", "mmap", "mmap"}, *const folders[] = {"", "", "none",
                                                                                             RUN "-kept"};
    static const char *const runs[] = {RUN "-ram", RUN "-none", RUN "-mmap", RUN "-shared"};
    for (int i = 0; i < 4; i++) {
        assert_ok(toy_train(toy_options(runs[i], "overwrite", "yes", "iterations", "8", "cache", caches[i], "cache-dir",
                                        folders[i], "workers", i ? "2" : "1", NULL)));
        assert_same_file(runs[0], runs[i], "weights.safetensors");
    }
    assert_true(rmseg_folder_exists(RUN "-mmap/cache") && !rmseg_folder_exists(RUN "-shared/cache"));
    rmseg_names names = {0};
    assert_ok(rmseg_folder_list(&names, RUN "-kept"));
    assert_int_equal(names.count, TOY_CASES); /* the held-out ones too */
    rmseg_names_destroy(&names);
}

static void no_steps_write_the_initial_weights(void **state)
{
    (void)state;
    rmseg_tensor_file file = {0};
    assert_ok(train("0", "overwrite", "yes"));
    assert_ok(rmseg_tensor_file_read(&file, RUN "/weights.safetensors"));
    const rmseg_named_tensor *weight = rmseg_tensor_file_find(&file, "down0.conv1.weight");
    assert_non_null(weight);
    assert_true(((const float *)weight->data)[0] != 0);
    rmseg_tensor_file_destroy(&file);
    assert_int_equal(iteration_of(RUN "/weights.safetensors"), 0);
    assert_ok(toy_train(toy_options(RMSEG_TEST_TMP "/other", "overwrite", "yes", "iterations", "0", "seed", "9", "init",
                                    RUN "/weights.safetensors", NULL)));
    assert_same_tensors(RUN "/weights.safetensors", RMSEG_TEST_TMP "/other/weights.safetensors");
}

static void what_does_not_fit_into_memory_is_refused(void **state)
{
    (void)state;
    const char *out = RMSEG_TEST_TMP "/large";
    assert_fails(toy_train(toy_options(out, "patch", "16384,16384", "batch", "60000", NULL)), RMSEG_ERROR_MEMORY, "GB");
    assert_false(rmseg_folder_exists(out));
}

static void samples_are_listed(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(toy_train(toy_options(RUN, "overwrite", "yes", "iterations", "5", "samples", "yes", NULL)));
    toy_read(&bytes, &length, RUN, "samples.csv");
    int64_t lines = 0;
    for (size_t i = 0; i < length; i++) lines += bytes[i] == '\n';
    assert_int_equal(lines, 1 + 5 * 2);
    assert_non_null(strstr((char *)bytes, "iteration,sample,case,turns,plane,flip_d,"));
    assert_non_null(strstr((char *)bytes, "4,1,phantom_"));
    rmseg_free(bytes);
    assert_ok(train("2", "overwrite", "yes"));
    assert_false(rmseg_file_exists(RUN "/samples.csv"));
}

/* ---- the checkpoint ---------------------------------------------------------------------------------------------- */

static void a_cut_state_is_refused_and_the_one_before_is_there(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(stat(STATE, &info), 0);
    for (int i = 1; i < 8; i++) {
        assert_int_equal(truncate(STATE, info.st_size * (8 - i) / 8), 0);
        assert_fails(train("8", "resume", "yes"), RMSEG_ERROR_FORMAT, "state.prev");
    }
    assert_int_equal(iteration_of(RUN "/state.prev"), 6); /* the last step saves, and so does the end */
    assert_int_equal(rename(RUN "/state.prev", STATE), 0);
    assert_ok(train("8", "resume", "yes"));
    assert_int_equal(iteration_of(STATE), 8);
}

static void a_state_that_is_gone_is_replaced_by_the_one_before(void **state)
{
    (void)state;
    assert_ok(rmseg_file_remove(STATE));
    assert_ok(train("7", "resume", "yes"));
    assert_int_equal(iteration_of(STATE), 7);
}

static void a_full_disk_leaves_the_state_as_it_was(void **state)
{
    (void)state;
    struct rlimit before, little = {20000, 20000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    little.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    rmseg_status status = train("9", "resume", "yes");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, RMSEG_ERROR_FILE);
    assert_non_null(strstr(rmseg_error_last(), "state.next"));
    assert_int_equal(iteration_of(STATE), 6);
    assert_ok(train("9", "resume", "yes"));
    assert_int_equal(iteration_of(STATE), 9);
}

static void another_training_is_not_gone_on_with(void **state)
{
    (void)state;
    assert_ok(train("6", "resume", "yes")); /* nothing left to do */
    assert_fails(toy_train(toy_options(RUN, "resume", "yes", "lr", "0.1", NULL)), RMSEG_ERROR_ARGUMENT, "--lr 0.1");
    assert_fails(toy_train(toy_options(RUN, "resume", "yes", "patch", "16,16", NULL)), RMSEG_ERROR_ARGUMENT, "--patch");
    assert_fails(train("5", "resume", "yes"), RMSEG_ERROR_ARGUMENT, "--iterations 5: the run has done 6");
    assert_fails(toy_train(toy_options(RUN, "resume", "yes", "overwrite", "yes", NULL)), RMSEG_ERROR_ARGUMENT,
                 "exclude");
    assert_ok(rmseg_phantoms_write(RMSEG_TEST_TMP "/others", TOY_CASES, 0, TOY_SIZE, 2));
    assert_fails(toy_train(toy_options(RUN, "resume", "yes", "data", RMSEG_TEST_TMP "/others", NULL)),
                 RMSEG_ERROR_ARGUMENT, "not the files the run was trained on");
}

static char warned[1024];

static void keep_warning(void *user, rmseg_log_level level, const char *line)
{
    (void)user;
    if (level == RMSEG_LOG_WARNING) snprintf(warned, sizeof warned, "%s", line);
}

static void another_processor_level_is_told_of(void **state)
{
    (void)state;
    rmseg_tensor_file file = {0};
    rmseg_log_set(keep_warning, NULL);
    assert_ok(train("7", "resume", "yes"));
    assert_string_equal(warned, "");
    assert_ok(rmseg_tensor_file_read(&file, STATE));
    for (int64_t i = 0; i < file.metadata; i++)
        if (!strcmp(file.keys[i], "rmseg.level")) file.values[i][0] = '?';
    assert_ok(rmseg_tensor_file_write(&file, STATE));
    rmseg_tensor_file_destroy(&file);
    assert_ok(train("8", "resume", "yes"));
    assert_non_null(strstr(warned, "not the same bits"));
    rmseg_log_set(NULL, NULL);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void numbers_that_overflow_stop_the_training(void **state)
{
    (void)state;
    rmseg_options *options = toy_options(RUN, "overwrite", "yes", "iterations", "40", "norm", "none", "lr", "1000",
                                         "save-every", "1", "schedule", "constant", NULL);
    assert_fails(toy_train(options), RMSEG_ERROR_NUMERIC, "step ");
    rmseg_tensor_file file = {0};
    assert_ok(rmseg_tensor_file_read(&file, STATE));
    for (int64_t t = 0; t < file.count; t++) {
        const rmseg_named_tensor *tensor = &file.tensors[t];
        for (size_t i = 0; !strcmp(tensor->dtype, "F32") && i < tensor->bytes / sizeof(float); i++)
            assert_true(((const float *)tensor->data)[i] - ((const float *)tensor->data)[i] == 0); /* finite */
    }
    rmseg_tensor_file_destroy(&file);
}

static void the_best_weights_are_kept(void **state)
{
    (void)state;
    assert_ok(
        toy_train(toy_options(RUN, "overwrite", "yes", "iterations", "12", "select", "best", "val-every", "1", NULL)));
    rmseg_tensor_file file = {0};
    assert_ok(rmseg_tensor_file_read(&file, STATE));
    int64_t best = -1;
    assert_true(rmseg_parse_integer(&best, rmseg_tensor_file_value(&file, "rmseg.best_iteration")));
    assert_non_null(rmseg_tensor_file_find(&file, "best.down0.conv1.weight"));
    rmseg_tensor_file_destroy(&file);
    assert_int_equal(iteration_of(RUN "/weights.safetensors"), best);
    assert_fails(toy_train(toy_options(RUN, "overwrite", "yes", "select", "best", "val-fraction", "0", NULL)),
                 RMSEG_ERROR_ARGUMENT, "--fold");
}

static void the_learning_rate_takes_its_course(void **state)
{
    (void)state;
    static const struct {
        const char *schedule;
        int64_t step;
        double factor;
    } points[] = {{"constant", 59, 1}, {"step", 24, 1},    {"step", 25, 0.1}, {"step", 49, 0.1},
                  {"step", 50, 0.01},  {"cosine", 30, .5}, {"poly", 0, 1},    {"poly", 59, 0.02510}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        train_options o = {.lr = 0.5, .iterations = 60, .schedule = points[i].schedule};
        double lr = rmseg_learning_rate(&o, points[i].step);
        if (!(lr > 0.5 * points[i].factor * 0.999 && lr < 0.5 * points[i].factor * 1.001))
            fail_msg("%s at %lld: %g", points[i].schedule, (long long)points[i].step, lr);
    }
    train_options o = {.lr = 0.5, .iterations = 60, .schedule = "constant", .warmup = 4};
    assert_true(rmseg_learning_rate(&o, 0) == 0.125 && rmseg_learning_rate(&o, 4) == 0.5);
}

static void nothing_is_allocated_after_the_third_step(void **state)
{
    (void)state;
    static const char *const objectives[] = {"softmax: ce + dice", "sigmoid: ce + dice + 1*rm(2,0)"};
    for (int i = 0; i < 2; i++) {
        rmseg_trainer *trainer = NULL;
        rmseg_options *options = toy_options(RUN, "overwrite", "yes", "objective", objectives[i], NULL);
        assert_ok(rmseg_trainer_create(&trainer, options));
        for (int step = 0; step < 3; step++) assert_ok(rmseg_trainer_step(trainer));
        int64_t before = rmseg_memory_stats_get().allocations;
        for (int step = 0; step < 5; step++) assert_ok(rmseg_trainer_step(trainer));
        assert_int_equal(rmseg_memory_stats_get().allocations, before);
        rmseg_trainer_destroy(trainer);
        rmseg_options_destroy(options);
    }
}

static void all_memory_is_given_back(void **state)
{
    (void)state;
    assert_ok(train("2", "overwrite", "yes"));
    int64_t before = rmseg_memory_stats_get().live_bytes;
    assert_ok(train("2", "overwrite", "yes"));
    assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_is_not_replaced_by_chance, six_steps),
        cmocka_unit_test_setup(wrong_options_write_nothing, six_steps),
        cmocka_unit_test(a_broken_case_writes_nothing),
        cmocka_unit_test(a_cache_changes_nothing),
        cmocka_unit_test(no_steps_write_the_initial_weights),
        cmocka_unit_test(what_does_not_fit_into_memory_is_refused),
        cmocka_unit_test(samples_are_listed),
        cmocka_unit_test_setup(a_cut_state_is_refused_and_the_one_before_is_there, six_steps),
        cmocka_unit_test_setup(a_state_that_is_gone_is_replaced_by_the_one_before, six_steps),
        cmocka_unit_test_setup(a_full_disk_leaves_the_state_as_it_was, six_steps),
        cmocka_unit_test_setup(another_training_is_not_gone_on_with, six_steps),
        cmocka_unit_test_setup(another_processor_level_is_told_of, six_steps),
        cmocka_unit_test(numbers_that_overflow_stop_the_training),
        cmocka_unit_test(the_best_weights_are_kept),
        cmocka_unit_test(the_learning_rate_takes_its_course),
        cmocka_unit_test(nothing_is_allocated_after_the_third_step),
        cmocka_unit_test(all_memory_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
