/* Arrays in temporary files: boxes written and read anywhere against the same array in memory, zeros where nothing was written,
 * no name left, a full disk, a folder that is none. */
#include <signal.h>
#include <sys/resource.h>

#include "core/core.h"
#include "unit.h"

enum { CHANNELS = 2, D = 40, H = 33, W = 70, VOXELS = D * H * W };

static void draw_box(int64_t start[3], int64_t size[3], rmseg_random *r)
{
    static const int64_t whole[3] = {D, H, W};
    for (int k = 0; k < 3; k++) {
        start[k] = rmseg_random_below(r, whole[k]);
        size[k] = 1 + rmseg_random_below(r, whole[k] - start[k]);
    }
}

static void boxes_are_what_was_written(void **state)
{
    (void)state;
    static uint32_t whole[CHANNELS][D][H][W], box[VOXELS];
    rmseg_store *store = NULL;
    rmseg_random r = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 4, 0);
    assert_ok(rmseg_store_create(&store, RMSEG_TEST_TMP, sizeof(uint32_t), CHANNELS, (int64_t[]){D, H, W}));
    for (uint32_t turn = 0; turn < 120; turn++) {
        int64_t start[3], size[3], c = rmseg_random_below(&r, CHANNELS), at = 0;
        bool reads = turn % 2;
        draw_box(start, size, &r);
        if (reads) assert_ok(rmseg_store_read(box, store, c, start, size));
        for (int64_t d = start[0]; d < start[0] + size[0]; d++)
            for (int64_t h = start[1]; h < start[1] + size[1]; h++)
                for (int64_t w = start[2]; w < start[2] + size[2]; w++, at++) {
                    if (reads) assert_int_equal(box[at], whole[c][d][h][w]);
                    if (!reads) whole[c][d][h][w] = box[at] = turn * 1000003 + (uint32_t)at;
                }
        if (!reads) assert_ok(rmseg_store_write(store, c, start, size, box));
    }
    rmseg_names names = {0};
    assert_ok(rmseg_folder_list(&names, RMSEG_TEST_TMP));
    assert_int_equal(names.count, 0);
    rmseg_names_destroy(&names);
    rmseg_store_destroy(store);
    rmseg_store_destroy(NULL);
}

static void a_full_disk_is_known_at_once(void **state)
{
    (void)state;
    rmseg_store *store = NULL;
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1 << 16;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    rmseg_status status = rmseg_store_create(&store, RMSEG_TEST_TMP, 4, 1, (int64_t[]){D, H, W});
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_fails(status, RMSEG_ERROR_FILE, "free some space");
    assert_fails(rmseg_store_create(&store, RMSEG_TEST_TMP "/nowhere", 4, 1, (int64_t[]){4, 4, 4}), RMSEG_ERROR_FILE,
                 "nowhere");
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int64_t before = rmseg_memory_stats_get().live_bytes;
    for (int64_t tried = 1; status != RMSEG_OK; tried++) {
        rmseg_store *store = NULL;
        rmseg_memory_fail_at(tried);
        status = rmseg_store_create(&store, RMSEG_TEST_TMP, 4, 1, (int64_t[]){3, 4, 5});
        rmseg_memory_fail_at(0);
        rmseg_store_destroy(store);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
    }
}

static void what_is_free_is_known(void **state)
{
    (void)state;
    struct rlimit before, small;
    assert_true(rmseg_memory_available() > 0);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    small = before;
    small.rlim_cur = (rlim_t)64 << 40; /* larger than any machine's, so that sanitizers can live with it */
    assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
    assert_true(rmseg_memory_available() > 0);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_are_what_was_written),
        cmocka_unit_test(a_full_disk_is_known_at_once),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(what_is_free_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
