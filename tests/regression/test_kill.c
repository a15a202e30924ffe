/*
 * A training killed at random moments, writes of the checkpoint included, and resumed each time ends with the bytes of
 * one that was left alone.
 *
 *     test_kill [KILLS [STEPS]]      quick by default; `test_kill 50 200` is the long one
 *
 * Every step saves, so that much of the time is spent in writing checkpoints.
 */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "training.h"
#include "unit/scratch.h"

static int64_t kills = 8;
static char *steps = "24", *program;

#define WHOLE  RMSEG_TEST_TMP "/whole"
#define KILLED RMSEG_TEST_TMP "/killed"

static int train(const char *run, const char *how)
{
    rmseg_status status = toy_train(toy_options(run, how, "yes", "iterations", steps, "save-every", "1", NULL));
    if (status) fprintf(stderr, "%s\n", rmseg_error_last());
    return status != RMSEG_OK;
}

/* Trains in a process of its own, this program called with --train; returns its id. */
static pid_t start(const char *run, const char *how)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) return child;
    execl(program, program, "--train", steps, run, how, (char *)NULL);
    _exit(127);
}

/* Whether it ended by itself, and well. */
static bool finish(pid_t child)
{
    int code = 0;
    assert_int_equal(waitpid(child, &code, 0), child);
    if (WIFSIGNALED(code)) assert_int_equal(WTERMSIG(code), SIGKILL);
    if (WIFEXITED(code) && WEXITSTATUS(code)) fail_msg("the training failed");
    return WIFEXITED(code);
}

static void pause_s(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

static void killed_at_any_moment_is_as_good_as_never(void **state)
{
    (void)state;
    toy_data();
    double began = rmseg_now_s();
    assert_true(finish(start(WHOLE, "overwrite")));
    double whole_s = rmseg_now_s() - began;

    rmseg_random r = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 0, 0);
    const char *how = "overwrite";
    for (int64_t killed = 0; killed < kills;) {
        pid_t child = start(KILLED, how);
        pause_s(rmseg_random_uniform(&r) * 2 * whole_s / (double)kills);
        kill(child, SIGKILL);
        if (finish(child)) { /* it was faster than thought: once more */
            assert_same_file(WHOLE, KILLED, "weights.safetensors");
            whole_s /= 2;
            how = "overwrite";
        } else {
            killed++;
            how = "resume";
        }
    }
    assert_true(finish(start(KILLED, "resume")));
    assert_same_file(WHOLE, KILLED, "weights.safetensors");

    rmseg_names names = {0};
    assert_ok(rmseg_folder_list(&names, KILLED));
    for (int64_t i = 0; i < names.count; i++) assert_null(strstr(names.items[i], ".tmp"));
    rmseg_names_destroy(&names);
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 5 && !strcmp(argv[1], "--train")) {
        steps = argv[2];
        return train(argv[3], argv[4]);
    }
    if (argc > 1 && !rmseg_parse_integer(&kills, argv[1])) return 2;
    if (argc > 2) steps = argv[2];
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(killed_at_any_moment_is_as_good_as_never, fresh)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
