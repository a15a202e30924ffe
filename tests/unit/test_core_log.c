/* Log, progress and cancelling: what arrives, how often, from any thread. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

typedef struct lines {
    int count, warnings, nested, inside, overlaps;
    char last[4096];
} lines;

static void keep_line(void *user, rmseg_log_level level, const char *line)
{
    lines *l = user;
    l->overlaps += l->inside++; /* a plain int: the sanitizers see it if two threads are in here */
    l->count++;
    l->warnings += level == RMSEG_LOG_WARNING;
    snprintf(l->last, sizeof l->last, "%s", line);
    l->inside--;
}

static void lines_arrive_with_their_level(void **state)
{
    (void)state;
    lines l = {0};
    rmseg_info("nobody listens");
    rmseg_log_set(keep_line, &l);
    rmseg_info("%d of %d", 3, 4);
    assert_string_equal(l.last, "3 of 4");
    assert_int_equal(l.warnings, 0);
    rmseg_warn("careful: %s", "x");
    assert_string_equal(l.last, "careful: x");
    assert_int_equal(l.warnings, 1);
    rmseg_warn("%5000d", 1);
    assert_int_equal(strlen(l.last), 2047);
    rmseg_log_set(NULL, NULL);
    rmseg_info("nobody listens");
    assert_int_equal(l.count, 3);
}

static void *log_often(void *unused)
{
    for (int i = 0; i < 500; i++) rmseg_info("line %d", i);
    return unused;
}

static void lines_come_one_at_a_time(void **state)
{
    (void)state;
    lines l = {0};
    pthread_t threads[4];
    rmseg_log_set(keep_line, &l);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, log_often, NULL), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    rmseg_log_set(NULL, NULL);
    assert_int_equal(l.count, 2000);
    assert_int_equal(l.overlaps, 0);
}

static void answer_once(void *user, rmseg_log_level level, const char *line)
{
    lines *l = user;
    (void)level;
    (void)line;
    l->count++;
    if (l->nested++ == 0) rmseg_info("from inside the callback");
}

static void callback_may_log(void **state)
{
    (void)state;
    lines l = {0};
    rmseg_log_set(answer_once, &l);
    rmseg_info("outside");
    rmseg_log_set(NULL, NULL);
    assert_int_equal(l.count, 2);
}

static void child_may_log_though_others_logged_at_the_fork(void **state)
{
    (void)state;
#ifdef THREAD_SANITIZER
    skip();
#endif
    lines l = {0};
    pthread_t thread;
    rmseg_log_set(keep_line, &l);
    assert_int_equal(pthread_create(&thread, NULL, log_often, NULL), 0);
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(10); /* a hang is a failure */
            rmseg_info("child");
            _exit(0);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    rmseg_log_set(NULL, NULL);
}

typedef struct reports {
    int count;
    int64_t done, total;
    char stage[20], note[20];
} reports;

static void keep_report(void *user, const char *stage, int64_t done, int64_t total, const char *note)
{
    reports *r = user;
    r->count++;
    r->done = done;
    r->total = total;
    snprintf(r->stage, sizeof r->stage, "%s", stage);
    snprintf(r->note, sizeof r->note, "%s", note);
}

static void progress_is_first_last_and_now_and_then(void **state)
{
    (void)state;
    reports r = {0};
    rmseg_progress("train", 0, 10, "");
    rmseg_progress_set(keep_report, &r);
    rmseg_progress("train", 0, 1000000, NULL);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.note, "");
    double start = rmseg_now_s();
    for (int i = 1; i <= 1000; i++) rmseg_progress("train", i, 1000000, "loss 0.4");
    assert_true(r.count - 1 <= (rmseg_now_s() - start) / 0.1 + 1);
    int before = r.count;
    usleep(110000);
    rmseg_progress("train", 2000, 1000000, "loss 0.3");
    assert_int_equal(r.count, before + 1);
    assert_string_equal(r.note, "loss 0.3");
    rmseg_progress("train", 1000000, 1000000, "end");
    assert_int_equal(r.count, before + 2);
    assert_true(r.done == 1000000 && r.total == 1000000);
    rmseg_progress("predict", 0, 5, "");
    assert_int_equal(r.count, before + 3);
    assert_string_equal(r.stage, "predict");
    rmseg_progress("predict", 5, 5, "");
    rmseg_progress("predict", 0, 5, ""); /* the same work again: its first report counts */
    assert_int_equal(r.count, before + 5);
    rmseg_progress_set(NULL, NULL);
    rmseg_progress("predict", 5, 5, "");
    assert_int_equal(r.count, before + 5);
}

static void on_signal(int number)
{
    (void)number;
    rmseg_cancel();
}

static void cancelling_works_from_a_signal(void **state)
{
    (void)state;
    assert_false(rmseg_cancelled());
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    assert_true(rmseg_cancelled());
    assert_true(rmseg_cancelled());
    rmseg_cancel_reset();
    assert_false(rmseg_cancelled());
}

static void clock_runs_forward_in_seconds(void **state)
{
    (void)state;
    double start = rmseg_now_s();
    usleep(20000);
    double passed = rmseg_now_s() - start;
    assert_true(passed >= 0.02 && passed < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_arrive_with_their_level),
        cmocka_unit_test(lines_come_one_at_a_time),
        cmocka_unit_test(callback_may_log),
        cmocka_unit_test(child_may_log_though_others_logged_at_the_fork),
        cmocka_unit_test(progress_is_first_last_and_now_and_then),
        cmocka_unit_test(cancelling_works_from_a_signal),
        cmocka_unit_test(clock_runs_forward_in_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
