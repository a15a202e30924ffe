/* The parallel-for: every chunk once, at any number of threads, nested, from several threads, after a fork. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static const int thread_counts[] = {1, 2, 3, 7, 2, 7, 1};
#define THREAD_COUNTS (int)(sizeof thread_counts / sizeof *thread_counts)
#define CHUNKS        100

typedef struct tally {
    atomic_int done[CHUNKS];
    atomic_int inside[8]; /* running chunks by thread */
    atomic_int bad;
} tally;

static void count_chunk(void *context, int64_t chunk, int thread)
{
    tally *t = context;
    if (thread < 0 || thread >= rmseg_threads() || atomic_fetch_add(&t->inside[thread], 1) != 0)
        atomic_fetch_add(&t->bad, 1);
    for (volatile int i = 0; i < 200; i++) continue;
    atomic_fetch_add(&t->done[chunk], 1);
    atomic_fetch_sub(&t->inside[thread], 1);
}

static void check_tally(tally *t, int chunks, int times)
{
    assert_int_equal(atomic_load(&t->bad), 0);
    for (int i = 0; i < CHUNKS; i++) assert_int_equal(atomic_load(&t->done[i]), i < chunks ? times : 0);
}

static void every_chunk_runs_once(void **state)
{
    (void)state;
    const int chunk_counts[] = {0, 1, 2, 3, 64, CHUNKS};
    for (int n = 0; n < THREAD_COUNTS; n++) {
        assert_ok(rmseg_threads_set(thread_counts[n]));
        assert_int_equal(rmseg_threads(), thread_counts[n]);
        for (int c = 0; c < 6; c++) {
            tally t = {0};
            for (int repeat = 0; repeat < 50; repeat++) rmseg_parallel_for(chunk_counts[c], count_chunk, &t);
            check_tally(&t, chunk_counts[c], 50);
        }
    }
}

typedef struct partial_sums {
    const double *values;
    int64_t items, size;
    double partial[CHUNKS];
} partial_sums;

static void sum_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    partial_sums *s = context;
    double sum = 0;
    for (int64_t i = chunk * s->size; i < rmseg_chunk_end(s->items, s->size, chunk); i++) sum += s->values[i];
    s->partial[chunk] = sum;
}

static void sum_has_the_same_bits_at_any_number_of_threads(void **state)
{
    (void)state;
    static double values[9973];
    for (int i = 0; i < 9973; i++) values[i] = sin(i) * pow(10, i % 17);
    double first = 0;
    for (int n = 0; n < THREAD_COUNTS; n++) {
        assert_ok(rmseg_threads_set(thread_counts[n]));
        partial_sums s = {.values = values, .items = 9973, .size = 100};
        int64_t chunks = rmseg_chunk_count(s.items, s.size);
        assert_int_equal(chunks, CHUNKS);
        rmseg_parallel_for(chunks, sum_chunk, &s);
        double sum = 0;
        for (int64_t i = 0; i < chunks; i++) sum += s.partial[i];
        if (n == 0) first = sum;
        assert_memory_equal(&sum, &first, sizeof sum);
    }
}

static void note_thread(void *context, int64_t chunk, int thread)
{
    atomic_int *seen = context;
    (void)chunk;
    atomic_store(&seen[thread], 1);
    usleep(2000);
}

static void work_spreads_over_the_threads(void **state)
{
    (void)state;
    atomic_int seen[3] = {0};
    assert_ok(rmseg_threads_set(3));
    rmseg_parallel_for(60, note_thread, seen);
    for (int i = 0; i < 3; i++) assert_int_equal(atomic_load(&seen[i]), 1);
}

typedef struct nest {
    tally outer, inner;
    atomic_int strayed;
} nest;

typedef struct inner_call {
    nest *all;
    int thread;
    pthread_t self;
} inner_call;

static void inner_chunk(void *context, int64_t chunk, int thread)
{
    inner_call *call = context;
    if (thread != call->thread || !pthread_equal(pthread_self(), call->self)) atomic_fetch_add(&call->all->strayed, 1);
    atomic_fetch_add(&call->all->inner.done[chunk], 1);
}

static void outer_chunk(void *context, int64_t chunk, int thread)
{
    nest *all = context;
    inner_call call = {all, thread, pthread_self()};
    rmseg_parallel_for(10, inner_chunk, &call);
    atomic_fetch_add(&all->outer.done[chunk], 1);
}

static void nested_call_stays_on_its_thread(void **state)
{
    (void)state;
    for (int n = 0; n < THREAD_COUNTS; n++) {
        nest all = {0};
        assert_ok(rmseg_threads_set(thread_counts[n]));
        rmseg_parallel_for(20, outer_chunk, &all);
        assert_int_equal(atomic_load(&all.strayed), 0);
        check_tally(&all.outer, 20, 1);
        check_tally(&all.inner, 10, 20);
    }
}

static void *call_alone(void *context)
{
    nest *all = context;
    inner_call call = {all, 0, pthread_self()};
    rmseg_parallel_alone();
    for (int i = 0; i < 100; i++) rmseg_parallel_for(10, inner_chunk, &call);
    return NULL;
}

static void thread_may_stay_alone(void **state)
{
    (void)state;
    nest all = {0};
    pthread_t thread;
    assert_ok(rmseg_threads_set(4));
    assert_int_equal(pthread_create(&thread, NULL, call_alone, &all), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&all.strayed), 0);
    check_tally(&all.inner, 10, 100);
}

static void *call_often(void *context)
{
    tally *t = context;
    for (int i = 0; i < 300; i++) rmseg_parallel_for(20, count_chunk, t);
    return NULL;
}

static void several_threads_may_call(void **state)
{
    (void)state;
    assert_ok(rmseg_threads_set(3));
    tally tallies[4] = {0};
    pthread_t callers[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&callers[i], NULL, call_often, &tallies[i]), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(callers[i], NULL), 0);
    for (int i = 0; i < 4; i++) check_tally(&tallies[i], 20, 300);
}

static void pool_allocates_nothing(void **state)
{
    (void)state;
    tally t = {0};
    assert_ok(rmseg_threads_set(3));
    rmseg_parallel_for(CHUNKS, count_chunk, &t);
    int64_t before = rmseg_memory_stats_get().allocations;
    for (int i = 0; i < 10; i++) rmseg_parallel_for(CHUNKS, count_chunk, &t);
    assert_int_equal(rmseg_memory_stats_get().allocations, before);
}

static int child_work(void)
{
    tally t = {0};
    for (int i = 0; i < 20; i++) rmseg_parallel_for(CHUNKS, count_chunk, &t);
    for (int i = 0; i < CHUNKS; i++)
        if (atomic_load(&t.done[i]) != 20) return 1;
    atomic_int seen[3] = {0};
    rmseg_parallel_for(60, note_thread, seen);
    return atomic_load(&seen[0]) && atomic_load(&seen[1]) && atomic_load(&seen[2]) ? 0 : 2;
}

static int fork_and_work(void)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(20); /* a hang is a failure */
        _exit(child_work());
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *fork_while_others_work(void *context)
{
    int *result = context;
    *result = fork_and_work();
    return NULL;
}

static void forked_child_has_a_pool_of_its_own(void **state)
{
    (void)state;
#ifdef THREAD_SANITIZER
    skip();
#endif
    tally t = {0};
    assert_ok(rmseg_threads_set(3));
    rmseg_parallel_for(CHUNKS, count_chunk, &t);
    assert_int_equal(fork_and_work(), 0);
    rmseg_parallel_for(CHUNKS, count_chunk, &t);
    check_tally(&t, CHUNKS, 2);

    pthread_t forker; /* while this thread has the pool */
    int result = -1;
    assert_int_equal(pthread_create(&forker, NULL, fork_while_others_work, &result), 0);
    for (int i = 0; i < 2000; i++) rmseg_parallel_for(CHUNKS, count_chunk, &t);
    assert_int_equal(pthread_join(forker, NULL), 0);
    assert_int_equal(result, 0);
    check_tally(&t, CHUNKS, 2002);
}

static void number_of_threads_is_checked(void **state)
{
    (void)state;
    assert_ok(rmseg_threads_set(5));
    assert_fails(rmseg_threads_set(-1), RMSEG_ERROR_ARGUMENT, "threads: got -1");
    assert_fails(rmseg_threads_set(1000000), RMSEG_ERROR_ARGUMENT, "1000000");
    assert_int_equal(rmseg_threads(), 5);
}

static void keep_line(void *line, rmseg_log_level level, const char *text)
{
    if (level == RMSEG_LOG_WARNING) snprintf(line, 200, "%s", text);
}

static void default_comes_from_the_environment(void **state)
{
    (void)state;
    char line[200] = "";
    rmseg_log_set(keep_line, line);
    setenv("RMSEG_THREADS", "6", 1);
    assert_ok(rmseg_threads_set(0));
    assert_int_equal(rmseg_threads(), 6);
    assert_string_equal(line, "");
    setenv("RMSEG_THREADS", "many", 1);
    assert_ok(rmseg_threads_set(0));
    int processors = rmseg_threads();
    assert_non_null(strstr(line, "RMSEG_THREADS=many"));
    unsetenv("RMSEG_THREADS");
    assert_ok(rmseg_threads_set(0));
    assert_int_equal(rmseg_threads(), processors);
    assert_in_range(processors, 1, sysconf(_SC_NPROCESSORS_CONF));
    rmseg_log_set(NULL, NULL);
}

static rmseg_status fail_from(void *context, int64_t chunk, int thread)
{
    (void)thread;
    return chunk < *(int64_t *)context ? RMSEG_OK : rmseg_fail(RMSEG_ERROR_FORMAT, "chunk %d", (int)chunk);
}

static void the_lowest_failure_is_returned(void **state)
{
    (void)state;
    for (int threads = 1; threads < 6; threads++) {
        assert_ok(rmseg_threads_set(threads));
        for (int64_t first = 0; first < 40; first += 13)
            for (int i = 0; i < 20; i++) {
                char words[16];
                snprintf(words, sizeof words, "chunk %d", (int)first);
                assert_fails(rmseg_parallel_try(40, fail_from, &first), RMSEG_ERROR_FORMAT, words);
                assert_string_equal(rmseg_error_last(), words);
            }
        int64_t none = 40;
        assert_ok(rmseg_parallel_try(40, fail_from, &none));
    }
    assert_ok(rmseg_threads_set(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_failure_is_returned),
        cmocka_unit_test(every_chunk_runs_once),
        cmocka_unit_test(sum_has_the_same_bits_at_any_number_of_threads),
        cmocka_unit_test(work_spreads_over_the_threads),
        cmocka_unit_test(nested_call_stays_on_its_thread),
        cmocka_unit_test(thread_may_stay_alone),
        cmocka_unit_test(several_threads_may_call),
        cmocka_unit_test(pool_allocates_nothing),
        cmocka_unit_test(forked_child_has_a_pool_of_its_own),
        cmocka_unit_test(number_of_threads_is_checked),
        cmocka_unit_test(default_comes_from_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
