/* Prepared cases in files: the same batches as from memory and from the sources, files that are shared, stale, damaged,
 * foreign or cannot be written, and every failing allocation. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <utime.h>

#include "data/prepared.h"
#include "test_data.h"

enum { CASES = 4, HEIGHT = 20, WIDTH = 24, VALUES = 2 * 3 * 12 * 16, LABELS = 2 * 12 * 16 };

static int this_case;
static int grey(int64_t channel, int64_t h, int64_t w)
{
    return (int)((this_case * 37 + 5 * channel + 3 * h + 7 * w) % 251);
}
static int class(int64_t channel, int64_t h, int64_t w)
{
    return (void)channel, (int)((h / 5 + w / 7 + this_case) % 3);
}

static void write_case(int c, int shift)
{
    this_case = c + shift;
    write_image(at("data/images/case%d.png", c), RMSEG_U8, 3, HEIGHT, WIDTH, grey);
    write_image(at("data/labels/case%d.png", c), RMSEG_U8, 1, HEIGHT, WIDTH, class);
}

static rmseg_dataset *make_dataset(void)
{
    rmseg_dataset *dataset = NULL;
    for (int c = 0; c < CASES; c++) write_case(c, 0);
    assert_ok(rmseg_dataset_open(&dataset, "folder", at("data"), "train", 128, true));
    return dataset;
}

static const rmseg_preparation usual = {.normalize = RMSEG_NORMALIZE_ZSCORE, .grid = {1, 18, 20}};

static rmseg_loader *create(const rmseg_dataset *dataset, rmseg_cache cache, int workers)
{
    static const int64_t cases[CASES] = {0, 1, 2, 3};
    rmseg_loader_settings settings = {.preparation = usual,
                                      .batch = 2,
                                      .patch = {1, 12, 16},
                                      .augment = "flip,brightness,contrast,gamma",
                                      .seed = 5,
                                      .cache = cache,
                                      .cache_folder = at("cache/deep"),
                                      .workers = workers};
    rmseg_loader *loader = NULL;
    assert_ok(rmseg_loader_create(&loader, dataset, cases, CASES, &settings));
    return loader;
}

static rmseg_names files(void)
{
    rmseg_names names = {0};
    if (rmseg_folder_exists(at("cache/deep"))) assert_ok(rmseg_folder_list(&names, at("cache/deep")));
    return names;
}

static const char *file_of(int64_t i)
{
    static char path[4096];
    rmseg_names names = files();
    assert_true(i < names.count);
    snprintf(path, sizeof path, "%s", at("cache/deep/%s", names.items[i]));
    rmseg_names_destroy(&names);
    return path;
}

static int64_t count_files(void)
{
    rmseg_names names = files();
    int64_t count = names.count;
    rmseg_names_destroy(&names);
    return count;
}

static void assert_batches_equal(rmseg_loader *a, rmseg_loader *b)
{
    for (int64_t t = 0; t < 6; t++) {
        rmseg_loaded_batch one, other;
        assert_ok(rmseg_loader_next(&one, a, t));
        assert_ok(rmseg_loader_next(&other, b, t));
        assert_memory_equal(one.image, other.image, VALUES * sizeof(float));
        assert_memory_equal(one.label, other.label, LABELS * sizeof(int32_t));
    }
}

static void batches_are_the_same_wherever_cases_are_kept(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    static const rmseg_cache ways[] = {RMSEG_CACHE_NONE, RMSEG_CACHE_MMAP,
                                       RMSEG_CACHE_MMAP}; /* it is there the third time */
    for (int i = 0; i < 3; i++) {
        rmseg_loader *memory = create(dataset, RMSEG_CACHE_RAM, 1), *other = create(dataset, ways[i], 1 + i);
        assert_ok(rmseg_loader_fill(other));
        assert_batches_equal(memory, other);
        rmseg_loader_destroy(memory);
        rmseg_loader_destroy(other);
    }
    assert_int_equal(count_files(), CASES);
    rmseg_dataset_destroy(dataset);
}

/* What stands in the file is of the same bits as what is made, geometry included. */
static void a_file_gives_back_what_was_prepared(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_prepared *made = NULL, *kept = NULL;
    assert_ok(rmseg_prepared_make(&made, dataset, 2, &usual));
    for (int again = 0; again < 2; again++) {
        assert_ok(rmseg_cached_take(&kept, at("cache/deep"), dataset, 2, &usual, true));
        assert_non_null(kept->mapping);
        size_t voxels = (size_t)rmseg_image_voxels(made->image);
        assert_memory_equal(kept->image->size, made->image->size, sizeof made->image->size);
        assert_memory_equal(kept->image->spacing, made->image->spacing, sizeof made->image->spacing);
        assert_memory_equal(kept->image->direction, made->image->direction, sizeof made->image->direction);
        assert_memory_equal(kept->image->origin, made->image->origin, sizeof made->image->origin);
        assert_int_equal(kept->image->has_spacing, made->image->has_spacing);
        assert_memory_equal(kept->image->data, made->image->data, 3 * voxels * sizeof(float));
        assert_memory_equal(kept->label->data, made->label->data, voxels * sizeof(int32_t));
        assert_memory_equal(kept->channels, made->channels, 3 * sizeof *made->channels);
        rmseg_prepared_destroy(kept);
    }
    rmseg_prepared_destroy(made);
    rmseg_dataset_destroy(dataset);
}

static float first_value(const rmseg_dataset *dataset, int64_t index, const rmseg_preparation *preparation)
{
    rmseg_prepared *kept = NULL;
    assert_ok(rmseg_cached_take(&kept, at("cache/deep"), dataset, index, preparation, true));
    float value = ((const float *)kept->image->data)[0];
    rmseg_prepared_destroy(kept);
    return value;
}

static void a_changed_source_is_prepared_again(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_preparation plain = {.normalize = RMSEG_NORMALIZE_NONE}, ranged = {.normalize = RMSEG_NORMALIZE_RANGE};
    assert_true(first_value(dataset, 1, &plain) == 37);
    write_case(1, 1); /* of the same size: the time tells */
    struct utimbuf old = {1000, 1000};
    assert_int_equal(utime(at("data/images/case1.png"), &old), 0);
    assert_true(first_value(dataset, 1, &plain) == 74);
    assert_int_equal(count_files(), 1);
    assert_true(first_value(dataset, 1, &ranged) < 1); /* other options: beside it */
    assert_int_equal(count_files(), 2);
    assert_true(first_value(dataset, 1, &plain) == 74);
    rmseg_dataset_destroy(dataset);
}

static void flip_byte(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    fputc(byte ^ 4, file);
    fclose(file);
}

static void a_damaged_file_is_made_anew(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_preparation plain = {.normalize = RMSEG_NORMALIZE_NONE};
    assert_true(first_value(dataset, 3, &plain) == 111);
    struct stat info;
    assert_int_equal(stat(file_of(0), &info), 0);
    const long flips[] = {20, 40, 96, 120, 300, 4096, 8195, (long)info.st_size - 2};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        flip_byte(file_of(0), flips[i]);
        assert_true(first_value(dataset, 3, &plain) == 111);
    }
    const long lengths[] = {0, 5, 100, 4095, 4096, 8192, (long)info.st_size - 1, (long)info.st_size + 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(truncate(file_of(0), lengths[i]), 0);
        assert_true(first_value(dataset, 3, &plain) == 111);
    }
    assert_int_equal(count_files(), 1);
    rmseg_dataset_destroy(dataset);
}

static void a_foreign_file_is_left_alone(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_prepared *kept = NULL;
    first_value(dataset, 0, &usual);
    char path[4096];
    snprintf(path, sizeof path, "%s", file_of(0));
    write_words(path, "somebody's own work");
    assert_fails(rmseg_cached_take(&kept, at("cache/deep"), dataset, 0, &usual, true), RMSEG_ERROR_FORMAT,
                 "no prepared case of rmseg");
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_file_read(&bytes, &length, path, 0));
    assert_string_equal((const char *)bytes, "somebody's own work");
    rmseg_free(bytes);
    assert_ok(rmseg_file_remove(path));
    assert_ok(rmseg_folder_create(path));
    assert_fails(rmseg_cached_take(&kept, at("cache/deep"), dataset, 0, &usual, true), RMSEG_ERROR_FORMAT,
                 "no prepared case");
    rmseg_dataset_destroy(dataset);
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_prepared *kept = NULL;
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 6000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    rmseg_status status = rmseg_cached_take(&kept, at("cache/deep"), dataset, 0, &usual, true);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_fails(status, RMSEG_ERROR_FILE, "free some space");
    assert_int_equal(count_files(), 0);
    rmseg_dataset_destroy(dataset);
}

/* A file that goes while a training runs is made again. */
static void a_removed_file_comes_back(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader *memory = create(dataset, RMSEG_CACHE_RAM, 1), *mapped = create(dataset, RMSEG_CACHE_MMAP, 2);
    assert_ok(rmseg_loader_fill(mapped));
    for (int i = 0; i < 3; i++) assert_ok(rmseg_file_remove(file_of(0)));
    assert_batches_equal(memory, mapped);
    assert_int_equal(count_files(), CASES);
    rmseg_loader_destroy(memory);
    rmseg_loader_destroy(mapped);
    rmseg_dataset_destroy(dataset);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    for (int there = 0; there < 2; there++) {
        rmseg_status status = RMSEG_ERROR_MEMORY;
        int64_t tried = 0, before = rmseg_memory_stats_get().live_bytes;
        while (status != RMSEG_OK) {
            rmseg_prepared *kept = NULL;
            if (!there) fresh(state), rmseg_dataset_destroy(dataset), dataset = make_dataset();
            before = rmseg_memory_stats_get().live_bytes;
            rmseg_memory_fail_at(++tried);
            status = rmseg_cached_take(&kept, at("cache/deep"), dataset, 1, &usual, true);
            rmseg_memory_fail_at(0);
            if (status != RMSEG_OK) assert_int_equal(status, RMSEG_ERROR_MEMORY);
            rmseg_prepared_destroy(kept);
            assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
        }
        assert_true(tried > 4);
    }
    rmseg_dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(batches_are_the_same_wherever_cases_are_kept, fresh),
        cmocka_unit_test_setup(a_file_gives_back_what_was_prepared, fresh),
        cmocka_unit_test_setup(a_changed_source_is_prepared_again, fresh),
        cmocka_unit_test_setup(a_damaged_file_is_made_anew, fresh),
        cmocka_unit_test_setup(a_foreign_file_is_left_alone, fresh),
        cmocka_unit_test_setup(a_full_disk_leaves_nothing_behind, fresh),
        cmocka_unit_test_setup(a_removed_file_comes_back, fresh),
        cmocka_unit_test_setup(any_allocation_may_fail, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
