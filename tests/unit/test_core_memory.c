/* Memory: zeroed, aligned, counted, failing on demand, products checked. */
#include "unit.h"

static rmseg_memory_stats before;

static int note_before(void **state)
{
    (void)state;
    before = rmseg_memory_stats_get();
    return 0;
}

static int nothing_is_left(void **state)
{
    (void)state;
    return rmseg_memory_stats_get().live_bytes != before.live_bytes;
}

static bool is_zero(const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (((const char *)bytes)[i]) return false;
    return true;
}

static void block_is_zeroed_aligned_and_counted(void **state)
{
    (void)state;
    double *block = rmseg_alloc(1000, sizeof *block);
    assert_non_null(block);
    assert_true(is_zero(block, 8000));
    assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
    rmseg_memory_stats now = rmseg_memory_stats_get();
    assert_int_equal(now.allocations - before.allocations, 1);
    assert_int_equal(now.live_bytes - before.live_bytes, 8000);
    assert_true(now.peak_bytes >= now.live_bytes);
    rmseg_free(block);
    rmseg_free(NULL);
    assert_int_equal(rmseg_memory_stats_get().live_bytes, before.live_bytes);
    assert_int_equal(rmseg_memory_stats_get().peak_bytes, now.peak_bytes);
}

static void empty_block_is_valid(void **state)
{
    (void)state;
    char *block = rmseg_alloc(0, sizeof(double));
    assert_non_null(block);
    block = rmseg_realloc(block, 0, 1);
    assert_non_null(block);
    rmseg_free(block);
}

static void realloc_keeps_the_content(void **state)
{
    (void)state;
    int *block = rmseg_realloc(NULL, 4, sizeof *block);
    assert_non_null(block);
    for (int i = 0; i < 4; i++) block[i] = i + 1;
    int *grown = rmseg_realloc(block, 100000, sizeof *block);
    assert_non_null(grown);
    for (int i = 0; i < 4; i++) assert_int_equal(grown[i], i + 1);
    assert_int_equal(rmseg_memory_stats_get().live_bytes - before.live_bytes, 400000);
    int *shrunk = rmseg_realloc(grown, 2, sizeof *block);
    assert_non_null(shrunk);
    assert_int_equal(shrunk[1], 2);
    assert_int_equal(rmseg_memory_stats_get().live_bytes - before.live_bytes, 2 * sizeof(int));
    rmseg_free(shrunk);
}

static void impossible_sizes_fail_with_the_sentence(void **state)
{
    (void)state;
    char *block = rmseg_alloc(10, 1);
    assert_null(rmseg_alloc(-1, 8));
    assert_null(rmseg_alloc(INT64_MAX, 8));
    assert_null(rmseg_alloc(INT64_MAX, 1));
    assert_null(rmseg_alloc(INT64_MAX / 8 + 1, 16));
    rmseg_fail(RMSEG_ERROR_FILE, "something else");
    assert_null(rmseg_realloc(block, INT64_MAX, 2));
    assert_non_null(strstr(rmseg_error_last(), "out of memory"));
    assert_null(rmseg_realloc(block, -1, 2));
    block[9] = 1; /* still ours */
    rmseg_free(block);
}

static void nth_allocation_fails_once(void **state)
{
    (void)state;
    rmseg_memory_fail_at(3);
    void *first = rmseg_alloc(1, 1), *second = rmseg_arena_alloc(100), *third = rmseg_strdup("text");
    void *fourth = rmseg_alloc(1, 1);
    assert_true(first && second && !third && fourth);
    rmseg_memory_fail_at(1);
    assert_null(rmseg_realloc(first, 2, 1));
    rmseg_memory_fail_at(1);
    assert_null(rmseg_arena_alloc(100));
    rmseg_memory_fail_at(1);
    rmseg_memory_fail_at(0);
    first = rmseg_realloc(first, 2, 1);
    assert_non_null(first);
    rmseg_free(first);
    rmseg_arena_free(second, 100);
    rmseg_free(fourth);
}

static void strings_are_copied(void **state)
{
    (void)state;
    char *copy = rmseg_strdup("voxel"), *cut = rmseg_strndup("voxel", 3), *whole = rmseg_strndup("voxel", 99);
    assert_string_equal(copy, "voxel");
    assert_string_equal(cut, "vox");
    assert_string_equal(whole, "voxel");
    rmseg_free(copy);
    rmseg_free(cut);
    rmseg_free(whole);
}

static void arena_is_aligned_and_zeroed(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 1000, (2 << 20) - 1, 2 << 20, (5 << 20) + 12345};
    for (int i = 0; i < 6; i++) {
        char *arena = rmseg_arena_alloc(sizes[i]);
        assert_non_null(arena);
        assert_int_equal((uintptr_t)arena % (sizes[i] >= 2 << 20 ? 2 << 20 : 64), 0);
        assert_true(is_zero(arena, sizes[i]));
        assert_int_equal(rmseg_memory_stats_get().live_bytes - before.live_bytes, sizes[i]);
        memset(arena, 1, sizes[i]); /* so that the next one is not zero by luck */
        rmseg_arena_free(arena, sizes[i]);
    }
    rmseg_arena_free(NULL, 100);
    assert_null(rmseg_arena_alloc(SIZE_MAX / 2));
}

static void products_are_checked(void **state)
{
    (void)state;
    int64_t p = -7;
    assert_true(rmseg_mul(&p, 3, 5) && p == 15);
    assert_true(rmseg_mul(&p, 0, INT64_MAX) && p == 0);
    assert_true(rmseg_mul(&p, INT64_MAX, 0) && p == 0);
    assert_true(rmseg_mul(&p, INT64_MAX, 1) && p == INT64_MAX);
    assert_true(rmseg_mul(&p, INT64_MAX / 7, 7) && p == INT64_MAX / 7 * 7);
    p = -7;
    assert_false(rmseg_mul(&p, INT64_MAX / 7 + 1, 7));
    assert_false(rmseg_mul(&p, (int64_t)1 << 32, (int64_t)1 << 31));
    assert_false(rmseg_mul(&p, -1, 5));
    assert_false(rmseg_mul(&p, 5, -1));
    assert_int_equal(p, -7);
    assert_true(rmseg_mul3(&p, 2, 3, 4) && p == 24);
    assert_true(rmseg_mul3(&p, (int64_t)1 << 31, (int64_t)1 << 31, 1) && p == (int64_t)1 << 62);
    p = -7;
    assert_false(rmseg_mul3(&p, (int64_t)1 << 31, (int64_t)1 << 31, 2));
    assert_false(rmseg_mul3(&p, (int64_t)1 << 40, (int64_t)1 << 40, 0));
    assert_false(rmseg_mul3(&p, 1, 1, -1));
    assert_int_equal(p, -7);
}

#define counted(test) cmocka_unit_test_setup_teardown(test, note_before, nothing_is_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        counted(block_is_zeroed_aligned_and_counted), counted(empty_block_is_valid),
        counted(realloc_keeps_the_content),           counted(impossible_sizes_fail_with_the_sentence),
        counted(nth_allocation_fails_once),           counted(strings_are_copied),
        counted(arena_is_aligned_and_zeroed),         counted(products_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
