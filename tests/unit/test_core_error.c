/* Status names, the sentence, its context and its way from thread to thread; what the build says of itself. */
#include <pthread.h>

#include "unit.h"

static void sentence_is_built_and_returned_with_its_status(void **state)
{
    (void)state;
    assert_int_equal(rmseg_fail(RMSEG_ERROR_FILE, "%s: line %d", "a.txt", 3), RMSEG_ERROR_FILE);
    assert_string_equal(rmseg_error_last(), "a.txt: line 3");
    assert_int_equal(rmseg_fail_in(RMSEG_ERROR_FORMAT, "case %d", 7), RMSEG_ERROR_FORMAT);
    assert_string_equal(rmseg_error_last(), "case 7: a.txt: line 3");
    rmseg_fail(RMSEG_ERROR_FILE, "again: %s", rmseg_error_last());
    assert_string_equal(rmseg_error_last(), "again: case 7: a.txt: line 3");
    assert_int_equal(rmseg_fail_memory(), RMSEG_ERROR_MEMORY);
    assert_non_null(strstr(rmseg_error_last(), "out of memory"));
}

static void long_sentence_is_cut(void **state)
{
    (void)state;
    char text[3 * RMSEG_ERROR_LENGTH];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    rmseg_fail(RMSEG_ERROR_FILE, "%s", text);
    assert_int_equal(strlen(rmseg_error_last()), RMSEG_ERROR_LENGTH - 1);
    rmseg_fail_in(RMSEG_ERROR_FILE, "%s", text);
    assert_int_equal(strlen(rmseg_error_last()), RMSEG_ERROR_LENGTH - 1);
    rmseg_fail_in(RMSEG_ERROR_FILE, "short");
    assert_int_equal(strlen(rmseg_error_last()), RMSEG_ERROR_LENGTH - 1);
    assert_memory_equal(rmseg_error_last(), "short: xxx", 10);
}

static void *fail_elsewhere(void *taken)
{
    assert_string_equal(rmseg_error_last(), "");
    rmseg_fail(RMSEG_ERROR_FILE, "from the worker");
    rmseg_error_take(taken);
    return NULL;
}

static void each_thread_has_its_own_sentence(void **state)
{
    (void)state;
    char taken[RMSEG_ERROR_LENGTH];
    pthread_t thread;
    rmseg_fail(RMSEG_ERROR_FILE, "from the caller");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, taken), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(rmseg_error_last(), "from the caller");
    rmseg_error_give(taken);
    assert_string_equal(rmseg_error_last(), "from the worker");
}

static rmseg_status try_both(rmseg_status first, int *reached)
{
    RMSEG_TRY(first);
    *reached = 1;
    return RMSEG_OK;
}

static void try_returns_at_the_first_failure(void **state)
{
    (void)state;
    int reached = 0;
    assert_int_equal(try_both(RMSEG_ERROR_EXISTS, &reached), RMSEG_ERROR_EXISTS);
    assert_int_equal(reached, 0);
    assert_int_equal(try_both(RMSEG_OK, &reached), RMSEG_OK);
    assert_int_equal(reached, 1);
}

static void every_status_has_its_name(void **state)
{
    (void)state;
    for (int a = RMSEG_OK; a <= RMSEG_ERROR_INTERNAL; a++) {
        assert_string_not_equal(rmseg_status_name((rmseg_status)a), "unknown");
        for (int b = RMSEG_OK; b < a; b++)
            assert_string_not_equal(rmseg_status_name((rmseg_status)a), rmseg_status_name((rmseg_status)b));
    }
    assert_string_equal(rmseg_status_name((rmseg_status)-1), "unknown");
}

static void build_is_told(void **state)
{
    (void)state;
    assert_string_equal(rmseg_version(), RMSEG_VERSION);
    assert_true(strlen(rmseg_build()) > 10);
    rmseg_library_info info;
    int64_t count = rmseg_library_count();
    assert_true(count > 0);
    for (int64_t i = 0; i < count; i++) {
        assert_ok(rmseg_library_get(&info, i));
        assert_true(strlen(info.name) > 0 && info.version && strlen(info.purpose) > 0);
    }
    assert_fails(rmseg_library_get(&info, count), RMSEG_ERROR_ARGUMENT, "library");
    assert_fails(rmseg_library_get(&info, -1), RMSEG_ERROR_ARGUMENT, "library -1");
}

static void a_sentence_is_one_line(void **state)
{
    (void)state;
    rmseg_fail(RMSEG_ERROR_FILE, "%s: a name", "a\x1b[2Jb\n\x7f\xc3\xa4");
    assert_string_equal(rmseg_error_last(), "a?[2Jb??\xc3\xa4: a name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_is_one_line),
        cmocka_unit_test(sentence_is_built_and_returned_with_its_status),
        cmocka_unit_test(long_sentence_is_cut),
        cmocka_unit_test(each_thread_has_its_own_sentence),
        cmocka_unit_test(try_returns_at_the_first_failure),
        cmocka_unit_test(every_status_has_its_name),
        cmocka_unit_test(build_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
