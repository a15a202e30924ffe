/* Files: whole in, whole out, nothing left behind by a failure, links and pipes, folders, names, paths. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static const char folder[] = RMSEG_TEST_TMP "/files";
static const char path[] = RMSEG_TEST_TMP "/files/a.txt";

static void remove_all(const char *where)
{
    rmseg_names names = {0};
    assert_ok(rmseg_folder_list(&names, where));
    for (int64_t i = 0; i < names.count; i++) {
        char *inside = rmseg_path_join(where, names.items[i]);
        struct stat info;
        if (lstat(inside, &info) == 0 && S_ISDIR(info.st_mode))
            remove_all(inside);
        else
            assert_int_equal(unlink(inside), 0);
        rmseg_free(inside);
    }
    rmseg_names_destroy(&names);
    assert_int_equal(rmdir(where), 0);
}

static int create_folder(void **state)
{
    (void)state;
    if (rmseg_folder_exists(folder)) remove_all(folder);
    return rmseg_folder_create(folder);
}

static int remove_folder(void **state)
{
    (void)state;
    remove_all(folder);
    return 0;
}

static void check_content(const char *file, const char *expected)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_file_read(&bytes, &length, file, 0));
    assert_int_equal(length, strlen(expected));
    assert_string_equal((char *)bytes, expected);
    rmseg_free(bytes);
}

static void check_count(int64_t expected)
{
    rmseg_names names = {0};
    assert_ok(rmseg_folder_list(&names, folder));
    if (names.count != expected)
        fail_msg("%lld files, the last is %s", (long long)names.count, names.items[names.count - 1]);
    rmseg_names_destroy(&names);
}

static void write_text(const char *file, const char *text) { assert_ok(rmseg_file_write(file, text, strlen(text))); }

static void what_is_written_is_read(void **state)
{
    (void)state;
    static uint8_t data[300001];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 37 >> 3);
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_file_write(path, data, sizeof data));
    assert_ok(rmseg_file_read(&bytes, &length, path, sizeof data));
    assert_int_equal(length, sizeof data);
    assert_memory_equal(bytes, data, sizeof data);
    assert_int_equal(bytes[length], 0);
    rmseg_free(bytes);
    write_text(path, "short");
    check_content(path, "short");
    write_text(path, "");
    check_content(path, "");
    check_count(1);
}

static void file_above_the_limit_is_refused(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t length = 0;
    write_text(path, "12345");
    assert_fails(rmseg_file_read(&bytes, &length, path, 4), RMSEG_ERROR_FORMAT, "a.txt has more than 4 bytes");
    assert_null(bytes);
}

static void wrong_paths_are_named_with_their_cause(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_fails(rmseg_file_read(&bytes, &length, path, 0), RMSEG_ERROR_FILE,
                 "a.txt: No such file or directory; check");
    assert_fails(rmseg_file_read(&bytes, &length, folder, 0), RMSEG_ERROR_FILE, "cannot read");
    assert_fails(rmseg_file_write(folder, "x", 1), RMSEG_ERROR_FILE, "it is a folder");
    assert_fails(rmseg_file_write("/nowhere/at/all.txt", "x", 1), RMSEG_ERROR_FILE,
                 "cannot write /nowhere/at/all.txt: No");
    assert_fails(rmseg_file_write("", "x", 1), RMSEG_ERROR_FILE, "without a name");
}

static void what_has_no_end_or_no_room_is_refused(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t length = 0, total = 0;
    assert_fails(rmseg_file_read(&bytes, &length, "/dev/zero", 0), RMSEG_ERROR_FILE,
                 "/dev/zero is a device that goes on for more than 67108864 bytes; expected a file");
    assert_fails(rmseg_file_read_start(&bytes, &length, &total, "/dev/zero", 0), RMSEG_ERROR_FILE, "is a device");
    assert_ok(rmseg_file_read(&bytes, &length, "/dev/null", 0));
    assert_int_equal(length, 0);
    rmseg_free(bytes);
    FILE *file = fopen("vast", "wb");
    assert_non_null(file);
    if (ftruncate(fileno(file), (off_t)1 << 43) == 0) /* 8 TiB of nothing, where the file system has holes */
        assert_fails(rmseg_file_read(&bytes, &length, "vast", 0), RMSEG_ERROR_MEMORY, "vast is larger than the ");
    fclose(file);
    remove("vast");
}

static void old_content_stays_until_commit(void **state)
{
    (void)state;
    rmseg_file_writer *writer = NULL, *other = NULL;
    write_text(path, "old");
    assert_ok(rmseg_file_begin(&writer, path));
    assert_ok(rmseg_file_begin(&other, path)); /* two writers of one path do not meet */
    assert_ok(rmseg_file_put(writer, "ne", 2));
    assert_ok(rmseg_file_put(other, "other", 5));
    assert_ok(rmseg_file_put(writer, "w", 1));
    check_content(path, "old");
    assert_ok(rmseg_file_commit(writer));
    check_content(path, "new");
    rmseg_file_abandon(other);
    check_content(path, "new");
    check_count(1);
    rmseg_file_abandon(NULL);
}

static void permissions_follow_the_mask(void **state)
{
    (void)state;
    struct stat info;
    mode_t before = umask(027);
    write_text(path, "x");
    umask(before);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

/* A full disk, as one process alone can have it: no file may grow beyond a few bytes. */
static void full_disk_leaves_the_old_file_and_nothing_else(void **state)
{
    (void)state;
    static char big[200000];
    struct rlimit limit, small;
    rmseg_file_writer *writer = NULL;
    write_text(path, "old");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 10000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    rmseg_status at_once = rmseg_file_write(path, big, sizeof big);
    const char *at_once_says = rmseg_error_last();
    bool names_it = strstr(at_once_says, "a.txt: File too large; free some space") != NULL;

    assert_ok(rmseg_file_begin(&writer, path)); /* bit by bit: seen at the latest by commit */
    rmseg_status status = RMSEG_OK;
    for (int i = 0; i < 110 && !status; i++) status = rmseg_file_put(writer, big, 100);
    if (status)
        rmseg_file_abandon(writer);
    else
        status = rmseg_file_commit(writer);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(at_once, RMSEG_ERROR_FILE);
    assert_true(names_it);
    assert_int_equal(status, RMSEG_ERROR_FILE);
    check_content(path, "old");
    check_count(1);
}

static void link_stays_and_its_target_is_replaced(void **state)
{
    (void)state;
    char link[] = RMSEG_TEST_TMP "/files/link";
    struct stat info;
    write_text(path, "old");
    assert_int_equal(symlink("a.txt", link), 0);
    write_text(link, "new");
    check_content(path, "new");
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    check_count(2);
}

static void pipe_is_written_and_read_directly(void **state)
{
    (void)state;
    char fifo[] = RMSEG_TEST_TMP "/files/fifo";
    static char data[100001];
    memset(data, 'x', sizeof data - 1);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    pid_t child = fork();
    if (child == 0) _exit(rmseg_file_write(fifo, data, sizeof data - 1));
    check_content(fifo, data);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_count(1);
    write_text("/dev/null", "x");
    struct stat info;
    assert_int_equal(lstat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    int64_t live = rmseg_memory_stats_get().live_bytes;
    write_text(path, "old");
    for (int64_t n = 1, done = 0; !done; n++) {
        rmseg_names names = {0};
        uint8_t *bytes = NULL;
        size_t length = 0;
        rmseg_memory_fail_at(n);
        rmseg_status status = rmseg_file_write(path, "new", 3);
        if (!status) status = rmseg_file_read(&bytes, &length, path, 0);
        if (!status) status = rmseg_folder_list(&names, folder);
        if (!status) status = rmseg_folder_create(folder);
        rmseg_memory_fail_at(0);
        done = !status;
        if (status) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        rmseg_free(bytes);
        rmseg_names_destroy(&names);
        check_count(1);
        assert_true(n < 100);
    }
    check_content(path, "new");
    assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    assert_ok(rmseg_folder_create(RMSEG_TEST_TMP "/files/x/y//z/"));
    assert_true(rmseg_folder_exists(RMSEG_TEST_TMP "/files/x/y/z"));
    assert_ok(rmseg_folder_create(RMSEG_TEST_TMP "/files/x/y/z"));
    assert_ok(rmseg_folder_create_for(RMSEG_TEST_TMP "/files/new/deep/file.txt"));
    assert_true(rmseg_folder_exists(RMSEG_TEST_TMP "/files/new/deep"));
    assert_ok(rmseg_folder_create_for("file.txt"));
    assert_ok(rmseg_folder_create("/"));
    assert_ok(rmseg_folder_create("."));
    write_text(path, "");
    assert_fails(rmseg_folder_create(path), RMSEG_ERROR_FILE, "cannot create the folder");
    assert_fails(rmseg_folder_create(RMSEG_TEST_TMP "/files/a.txt/b"), RMSEG_ERROR_FILE, "a.txt/b");
    assert_true(rmseg_file_exists(path));
    assert_false(rmseg_file_exists(folder));
    assert_false(rmseg_folder_exists(path));
    assert_false(rmseg_file_exists(RMSEG_TEST_TMP "/files/none"));
    assert_ok(rmseg_file_remove(path));
    assert_ok(rmseg_file_remove(path));
    assert_fails(rmseg_file_remove(folder), RMSEG_ERROR_FILE, "cannot remove");
}

static void folder_is_listed_in_order_of_bytes(void **state)
{
    (void)state;
    const char *const files[] = {"b", "a10", "a2", ".hidden", "Z", "\xc3\xa4", "c"};
    const char *const sorted[] = {"Z", "a10", "a2", "b", "c", "\xc3\xa4"};
    rmseg_names names = {0};
    for (int i = 0; i < 7; i++) {
        char *file = rmseg_path_join(folder, files[i]);
        write_text(file, "");
        rmseg_free(file);
    }
    assert_ok(rmseg_folder_list(&names, folder));
    assert_int_equal(names.count, 6);
    for (int i = 0; i < 6; i++) assert_string_equal(names.items[i], sorted[i]);
    rmseg_names_destroy(&names);
    assert_int_equal(unlink(RMSEG_TEST_TMP "/files/.hidden"), 0);
    assert_fails(rmseg_folder_list(&names, path), RMSEG_ERROR_FILE, "cannot list");
}

static void check_joined(const char *where, const char *name, const char *expected)
{
    char *joined = rmseg_path_join(where, name);
    assert_string_equal(joined, expected);
    rmseg_free(joined);
}

static void check_stem(const char *file, const char *base, const char *expected)
{
    char *stem = rmseg_path_stem(file);
    assert_string_equal(rmseg_path_base(file), base);
    assert_string_equal(stem, expected);
    rmseg_free(stem);
}

static void paths_are_taken_apart(void **state)
{
    (void)state;
    check_joined("a", "b", "a/b");
    check_joined("a/", "b", "a/b");
    check_joined("/", "b", "/b");
    check_joined("", "b", "b");
    check_stem("/data/case.01.nii.gz", "case.01.nii.gz", "case.01");
    check_stem("case.png", "case.png", "case");
    check_stem("a.b/case", "case", "case");
    check_stem("a/.hidden", ".hidden", ".hidden");
    check_stem(".nii.gz", ".nii.gz", ".nii");
    check_stem("x.tar.gz", "x.tar.gz", "x.tar");
    check_stem("a/", "", "");
    rmseg_memory_fail_at(1);
    assert_null(rmseg_path_join("a", "b"));
    rmseg_memory_fail_at(1);
    assert_null(rmseg_path_stem("a"));
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, create_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(what_is_written_is_read),
        in_folder(file_above_the_limit_is_refused),
        in_folder(wrong_paths_are_named_with_their_cause),
        in_folder(what_has_no_end_or_no_room_is_refused),
        in_folder(old_content_stays_until_commit),
        in_folder(permissions_follow_the_mask),
        in_folder(full_disk_leaves_the_old_file_and_nothing_else),
        in_folder(link_stays_and_its_target_is_replaced),
        in_folder(pipe_is_written_and_read_directly),
        in_folder(every_failing_allocation_is_survived),
        in_folder(folders_are_made_with_their_parents),
        in_folder(folder_is_listed_in_order_of_bytes),
        cmocka_unit_test(paths_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
