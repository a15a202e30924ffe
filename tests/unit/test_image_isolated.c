/* Decoding in a child process: what the library does there cannot hurt here. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "image/isolated.h"
#include "unit.h"

static const rmseg_image_file file = {
    .bytes = (const uint8_t *)"bytes", .length = 5, .total = 5, .name = "a.x", .format = "X"};

static rmseg_status decode_with(rmseg_image *image, bool header_only,
                                rmseg_status (*decode)(rmseg_image *, const rmseg_image_file *, bool))
{
    *image = (rmseg_image){0};
    return rmseg_isolated_decode(image, &file, header_only,
                                 &(rmseg_isolation){.library = "libx", .decode = decode, .seconds = 1});
}

static rmseg_status decode_well(rmseg_image *image, const rmseg_image_file *from, bool header_only)
{
    RMSEG_TRY(rmseg_image_announce(image, from, RMSEG_U16, 1, (int64_t[3]){3, 200, 500}, 0, 1));
    image->axes = 3;
    if (header_only) return RMSEG_OK;
    RMSEG_TRY(rmseg_image_allocate(image));
    for (int64_t i = 0; i < rmseg_image_voxels(image); i++) ((uint16_t *)image->data)[i] = (uint16_t)i;
    return RMSEG_OK;
}

static void check_well(void)
{
    rmseg_image image;
    assert_ok(decode_with(&image, false, decode_well));
    assert_int_equal(image.dtype, RMSEG_U16);
    assert_int_equal(image.axes, 3);
    assert_int_equal(image.size[1], 200);
    for (int64_t i = 0; i < 300000; i++)
        if (((uint16_t *)image.data)[i] != (uint16_t)i) fail_msg("voxel %lld", (long long)i);
    rmseg_free(image.data);
}

static void an_image_comes_over_whole(void **state)
{
    (void)state;
    rmseg_image header;
    check_well();
    assert_ok(decode_with(&header, true, decode_well));
    assert_null(header.data);
    assert_int_equal(header.size[2], 500);
}

static rmseg_status refuse(rmseg_image *image, const rmseg_image_file *from, bool header_only)
{
    (void)image;
    return header_only ? rmseg_image_announce(image, from, RMSEG_U8, 1, (int64_t[3]){1, 2, 2}, 0, 1)
                       : rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: no such thing", from->name);
}

static void its_own_sentence_comes_over(void **state)
{
    (void)state;
    rmseg_image image;
    assert_fails(decode_with(&image, false, refuse), RMSEG_ERROR_UNSUPPORTED, "a.x: no such thing");
    assert_null(image.data);
}

#ifndef THREAD_SANITIZER

static bool at_header; /* when the decoders below do what they do */

static rmseg_status misbehave(rmseg_image *image, const rmseg_image_file *from, bool header_only, void (*how)(void))
{
    if (header_only == at_header) how();
    return decode_well(image, from, header_only);
}

static void crash(void) { raise(SIGSEGV); }
static void stop(void) { abort(); }
static void leave(void) { _exit(0); }
static void loop(void)
{
    for (volatile unsigned i = 0;; i++) continue;
}

static rmseg_status decode_crash(rmseg_image *i, const rmseg_image_file *f, bool h)
{
    return misbehave(i, f, h, crash);
}
static rmseg_status decode_stop(rmseg_image *i, const rmseg_image_file *f, bool h) { return misbehave(i, f, h, stop); }
static rmseg_status decode_leave(rmseg_image *i, const rmseg_image_file *f, bool h)
{
    return misbehave(i, f, h, leave);
}
static rmseg_status decode_loop(rmseg_image *i, const rmseg_image_file *f, bool h) { return misbehave(i, f, h, loop); }

#ifndef ADDRESS_SANITIZER /* which has its own memory and no limit */
static void grow(void)
{
    for (;;)
        if (!memset(rmseg_alloc(1 << 20, 1), 1, 1)) leave();
}

static rmseg_status decode_grow(rmseg_image *i, const rmseg_image_file *f, bool h) { return misbehave(i, f, h, grow); }
#endif

static rmseg_status decode_nonsense(rmseg_image *image, const rmseg_image_file *from, bool header_only)
{
    rmseg_status status = decode_well(image, from, header_only);
    image->size[1] = 0;
    return status;
}

/* What the header is and the voxels are not. */
static rmseg_status decode_less(rmseg_image *image, const rmseg_image_file *from, bool header_only)
{
    rmseg_status status = decode_well(image, from, header_only);
    if (!header_only) image->size[0] = 2;
    return status;
}

static void what_kills_the_library_is_a_sentence(void **state)
{
    (void)state;
    static const char crashed[] = "a.x: this X is damaged or cut short (5 bytes): libx crashed while reading it";
    static const struct {
        rmseg_status (*decode)(rmseg_image *, const rmseg_image_file *, bool);
        const char *words;
    } cases[] = {{decode_crash, crashed},
                 {decode_stop, crashed},
                 {decode_leave, crashed},
                 {decode_loop, "libx found no end of reading it"},
#ifndef ADDRESS_SANITIZER
                 {decode_grow, crashed},
#endif
                 {decode_nonsense, "what was read of it makes no sense"},
                 {decode_less, crashed}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int header = 0; header < 2; header++) {
            rmseg_image image;
            at_header = header;
            if (cases[i].decode == decode_less && header) continue;
            assert_fails(decode_with(&image, false, cases[i].decode), RMSEG_ERROR_FORMAT, cases[i].words);
            rmseg_free(image.data);
        }
    check_well();
}

/* The caller takes no notice of its children: nobody is left to wait for. */
static void it_works_where_children_are_ignored(void **state)
{
    (void)state;
    rmseg_image image;
    signal(SIGCHLD, SIG_IGN);
    check_well();
    at_header = true;
    assert_fails(decode_with(&image, false, decode_crash), RMSEG_ERROR_FORMAT, "libx crashed");
    signal(SIGCHLD, SIG_DFL);
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

static _Atomic bool done;

static void *allocate_all_the_time(void *context)
{
    (void)context;
    while (!done) free(malloc(1000));
    return NULL;
}

static void *read_often(void *wrong)
{
    rmseg_image image;
    for (int i = 0; i < 20; i++) {
        rmseg_status status = decode_with(&image, false, i % 3 ? decode_well : decode_stop);
        if ((status == RMSEG_OK) != (i % 3 != 0)) *(_Atomic int *)wrong += 1;
        rmseg_free(image.data);
    }
    return NULL;
}

static void threads_read_while_others_allocate(void **state)
{
    (void)state;
    pthread_t readers[4], busy[2];
    _Atomic int wrong = 0;
    at_header = false;
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&busy[i], NULL, allocate_all_the_time, NULL), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&readers[i], NULL, read_often, &wrong), 0);
    for (int i = 0; i < 4; i++) pthread_join(readers[i], NULL);
    done = true;
    for (int i = 0; i < 2; i++) pthread_join(busy[i], NULL);
    assert_int_equal(wrong, 0);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_comes_over_whole),
        cmocka_unit_test(its_own_sentence_comes_over),
#ifndef THREAD_SANITIZER
        cmocka_unit_test(what_kills_the_library_is_a_sentence),
        cmocka_unit_test(it_works_where_children_are_ignored),
        cmocka_unit_test(threads_read_while_others_allocate),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
