/* The loader: which cases come when, the same bits for any number of workers and any order of requests, NumPy's
 * goldens, no allocation once its cache is full, errors of files and of settings. */
#include <math.h>

#include "data/reference.h"
#include "test_data.h"

enum { CASES = 6 };

static const char everything[] =
    "flip,rot90,rotate(p=0.6),scale(p=0.5),elastic(p=0.5,grid=6),brightness,contrast,gamma,"
    "blur(p=0.5),lowres(p=0.5),noise(p=0.5)";

/* Case c of tools/golden_data.py. */
static int this_case;
static int64_t case_height(int64_t c) { return 10 + c; }
static int64_t case_width(int64_t c) { return 14 + 2 * c; }

static int golden_value(int64_t channel, int64_t h, int64_t w)
{
    int64_t i = h * case_width(this_case) + w;
    return (int)(this_case + 1 + (7 * i + 3 * this_case + 11 * channel) % 241);
}

static int golden_label(int64_t channel, int64_t h, int64_t w)
{
    return (void)channel, (int)((h * case_width(this_case) + w) % 3);
}

static rmseg_dataset *make_dataset(void)
{
    rmseg_dataset *dataset = NULL;
    for (this_case = 0; this_case < CASES; this_case++) {
        int64_t height = case_height(this_case), width = case_width(this_case);
        write_image(at("data/images/case%d.png", this_case), RMSEG_U8, 3, height, width, golden_value);
        write_image(at("data/labels/case%d.png", this_case), RMSEG_U8, 1, height, width, golden_label);
    }
    assert_ok(rmseg_dataset_open(&dataset, "folder", at("data"), "train", 128, true));
    assert_int_equal(dataset->count, CASES);
    return dataset;
}

static const int64_t all_cases[CASES] = {0, 1, 2, 3, 4, 5};

static rmseg_loader_settings usual_settings(void)
{
    return (rmseg_loader_settings){.preparation = {.normalize = RMSEG_NORMALIZE_ZSCORE},
                                   .batch = 4,
                                   .patch = {1, 12, 16},
                                   .pad = true,
                                   .augment = "flip,rot90,brightness,contrast,gamma",
                                   .seed = 77,
                                   .cache = true,
                                   .workers = 2};
}

static rmseg_loader *create(const rmseg_dataset *dataset, const rmseg_loader_settings *settings)
{
    rmseg_loader *loader = NULL;
    assert_ok(rmseg_loader_create(&loader, dataset, all_cases, CASES, settings));
    return loader;
}

static rmseg_loaded_batch next(rmseg_loader *loader, int64_t iteration)
{
    rmseg_loaded_batch batch;
    assert_ok(rmseg_loader_next(&batch, loader, iteration));
    return batch;
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

static void epochs_follow_one_another(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    rmseg_loader *loader = NULL;
    static const int64_t some[5] = {5, 1, 2, 0, 4};
    assert_ok(rmseg_loader_create(&loader, dataset, some, 5, &settings));
    for (int64_t epoch = 0; epoch < 8; epoch++) {
        int64_t order[5];
        rmseg_random random = rmseg_random_stream(settings.seed, RMSEG_RANDOM_ORDER, (uint32_t)epoch, 0);
        rmseg_random_order(&random, order, 5);
        for (int64_t i = 0; i < 5; i++) {
            int64_t position = epoch * 5 + i;
            rmseg_sample_record records[4];
            assert_ok(rmseg_loader_records(records, loader, position / 4));
            assert_int_equal(records[position % 4].case_index, some[order[i]]);
        }
    }
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

static void records_are_what_was_made(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    rmseg_loader *loader = create(dataset, &settings);
    for (int64_t t = 0; t < 5; t++) {
        rmseg_sample_record records[4] = {{0}};
        rmseg_loaded_batch batch = next(loader, t);
        assert_ok(rmseg_loader_records(records, loader, t));
        for (int s = 0; s < 4; s++) {
            assert_int_equal(batch.samples[s].case_index, records[s].case_index);
            assert_int_equal(batch.samples[s].turns, records[s].turns);
            assert_memory_equal(batch.samples[s].flip, records[s].flip, sizeof records[s].flip);
            assert_memory_equal(batch.samples[s].crop, records[s].crop, sizeof records[s].crop);
            assert_true(batch.samples[s].gamma == records[s].gamma);
        }
    }
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

/* ---- the same bits ---------------------------------------------------------------------------------------------- */

enum { TIMES = 9, VALUES = 4 * 3 * 12 * 16, LABELS = 4 * 12 * 16 };

typedef struct kept {
    float image[VALUES];
    int32_t label[LABELS];
    rmseg_frame frames[4];
} kept;

static void keep(kept *to, const rmseg_loaded_batch *batch)
{
    assert_int_equal(batch->n * batch->channels * batch->size[0] * batch->size[1] * batch->size[2], VALUES);
    memcpy(to->image, batch->image, sizeof to->image);
    memcpy(to->label, batch->label, sizeof to->label);
    memcpy(to->frames, batch->frames, sizeof to->frames);
}

static void a_patch_is_a_part_of_the_whole_label_it_comes_with(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    settings.whole = true;
    rmseg_loader *loader = create(dataset, &settings);
    int64_t inside = 0;
    for (int64_t t = 0; t < TIMES; t++) {
        rmseg_loaded_batch batch = next(loader, t);
        for (int64_t v = 0; v < LABELS; v++) {
            const rmseg_frame *f = batch.frames + v / (LABELS / 4);
            int64_t h = v / 16 % 12 + f->offset[1], w = v % 16 + f->offset[2];
            if (h < 0 || w < 0 || h >= f->extent[1] || w >= f->extent[2]) continue;
            assert_int_equal(f->whole[h * f->extent[2] + w], batch.label[v]);
            inside += batch.label[v] > 0;
        }
    }
    assert_true(inside > 100);
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

static void batches_depend_on_seed_and_iteration_alone(void **state)
{
    (void)state;
    static kept first[TIMES], now;
    rmseg_dataset *dataset = make_dataset();
    for (int way = 0; way < 6; way++) {
        static const int workers[6] = {1, 2, 3, 7, 1, 4};
        rmseg_loader_settings settings = usual_settings();
        settings.augment = everything;
        settings.foreground = 0.5;
        settings.workers = workers[way];
        settings.cache = way < 4;
        rmseg_loader *loader = create(dataset, &settings);
        assert_ok(rmseg_loader_fill(loader));
        for (int64_t i = 0; i < 3 * TIMES; i++) {
            static const int64_t steps[3] = {1, 5, 2}; /* on, anywhere, over one that is ready */
            int64_t t = i * steps[way / 2] % TIMES;
            rmseg_loaded_batch batch = next(loader, t);
            keep(&now, &batch);
            if (way == 0 && i < TIMES) first[t] = now;
            assert_memory_equal(&now, &first[t], sizeof now);
        }
        rmseg_loader_destroy(loader);
    }
    for (int64_t t = 1; t < TIMES; t++)
        assert_memory_not_equal(first[t].image, first[t - 1].image, sizeof first[t].image);
    rmseg_loader_settings settings = usual_settings();
    settings.seed++;
    rmseg_loader *loader = create(dataset, &settings);
    assert_memory_not_equal(next(loader, 0).image, first[0].image, sizeof first[0].image);
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

static void one_case_serves_all_workers(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    settings.workers = 4;
    for (int i = 0; i < 20; i++) {
        rmseg_loader *loader = NULL;
        assert_ok(rmseg_loader_create(&loader, dataset, all_cases + i % CASES, 1, &settings));
        rmseg_loaded_batch batch = next(loader, 0);
        for (int s = 0; s < 4; s++) assert_int_equal(batch.samples[s].case_index, i % CASES);
        rmseg_loader_destroy(loader);
    }
    rmseg_dataset_destroy(dataset);
}

static void a_batch_may_be_asked_for_twice(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    rmseg_loader *loader = create(dataset, &settings);
    rmseg_loaded_batch once = next(loader, 3), again = next(loader, 3);
    assert_ptr_equal(once.image, again.image);
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

static void whole_images_are_batches_on_a_grid(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    memset(settings.patch, 0, sizeof settings.patch);
    settings.preparation.grid[0] = 1, settings.preparation.grid[1] = 8, settings.preparation.grid[2] = 8;
    settings.augment = NULL;
    rmseg_loader *loader = create(dataset, &settings);
    rmseg_loaded_batch batch = next(loader, 0);
    assert_int_equal(batch.size[1], 8);
    assert_int_equal(batch.size[2], 8);
    for (int64_t s = 0; s < batch.n; s++) {
        rmseg_image *raw = NULL, *raw_label = NULL, *image = NULL, *label = NULL;
        assert_ok(rmseg_case_read(&raw, &raw_label, dataset, batch.samples[s].case_index));
        assert_ok(rmseg_prepare(&image, &label, raw, raw_label, &settings.preparation));
        assert_memory_equal(batch.image + s * 3 * 64, image->data, 3 * 64 * sizeof(float));
        assert_memory_equal(batch.label + s * 64, label->data, 64 * sizeof(int32_t));
        assert_true(batch.frames[s].spacing[1] == image->spacing[1]);
        rmseg_image_destroy(raw);
        rmseg_image_destroy(raw_label);
        rmseg_image_destroy(image);
        rmseg_image_destroy(label);
    }
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

/* ---- the reference loader's draws -------------------------------------------------------------------------------- */

static void write_volumes(void)
{
    assert_ok(rmseg_folder_create(at("v/images")));
    assert_ok(rmseg_folder_create(at("v/labels")));
    for (int64_t c = 0; c < CASES; c++) {
        rmseg_image *image = NULL;
        assert_ok(rmseg_image_create(&image, RMSEG_U8, 1, (const int64_t[]){9 + c, 8, 6}));
        for (int64_t i = 0; i < rmseg_image_voxels(image); i++) ((uint8_t *)image->data)[i] = (uint8_t)(i % 2);
        assert_ok(rmseg_image_write(image, at("v/images/c%d.nrrd", (int)c)));
        assert_ok(rmseg_image_write(image, at("v/labels/c%d.nrrd", (int)c)));
        rmseg_image_destroy(image);
    }
}

/* Batch j of an epoch is worker j mod 4's, each of which begins every epoch with the same numbers. */
static void the_reference_loader_starts_anew_every_epoch(void **state)
{
    (void)state;
    rmseg_dataset *dataset = NULL;
    write_volumes();
    assert_ok(rmseg_dataset_open(&dataset, "folder", at("v"), "train", 128, true));
    rmseg_loader_settings settings = {.batch = 1,
                                      .patch = {5, 5, 5},
                                      .pad = true,
                                      .augment = "la-reference",
                                      .seed = 2019,
                                      .reference = true,
                                      .workers = 1};
    rmseg_loader *loader = create(dataset, &settings);
    for (int64_t t = 0; t < 5 * CASES; t++) {
        rmseg_sample_record made, expected = {.case_index = 0}, before = {.case_index = 0};
        rmseg_reference random;
        rmseg_reference_seed(&random, 2019);
        if (t % CASES >= 4) { /* its worker has made a batch before */
            assert_ok(rmseg_loader_records(&before, loader, t - 4));
            rmseg_reference_draw(&expected, &random, (const int64_t[]){9 + before.case_index, 8, 6}, settings.patch);
        }
        assert_ok(rmseg_loader_records(&made, loader, t));
        rmseg_reference_draw(&expected, &random, (const int64_t[]){9 + made.case_index, 8, 6}, settings.patch);
        assert_int_equal(made.turns, expected.turns);
        assert_memory_equal(made.flip, expected.flip, sizeof made.flip);
        assert_memory_equal(made.crop, expected.crop, sizeof made.crop);
    }
    rmseg_loader_destroy(loader);
    loader = NULL;
    settings.batch = 4;
    assert_fails(rmseg_loader_create(&loader, dataset, all_cases, CASES, &settings), RMSEG_ERROR_ARGUMENT,
                 "that the batch of 4 divides, found 6");
    settings.augment = "la-reference,gamma";
    assert_fails(rmseg_loader_create(&loader, dataset, all_cases, CASES, &settings), RMSEG_ERROR_ARGUMENT,
                 "expected augment la-reference alone");
    rmseg_dataset_destroy(dataset);
}

static void crops_about_the_foreground_need_the_cases_read(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    rmseg_loader *loader = NULL;
    rmseg_loaded_batch batch;
    settings.foreground = 1;
    loader = create(dataset, &settings);
    assert_fails(rmseg_loader_next(&batch, loader, 0), RMSEG_ERROR_ARGUMENT, "filled first");
    assert_ok(rmseg_loader_fill(loader));
    assert_int_equal(next(loader, 0).samples[0].foreground > 0, 1);
    rmseg_loader_destroy(loader);
    settings.foreground = 1.5;
    assert_fails(rmseg_loader_create(&loader, dataset, all_cases, CASES, &settings), RMSEG_ERROR_ARGUMENT,
                 "foreground 1.5: expected a share");
    rmseg_dataset_destroy(dataset);
}

/* ---- goldens ---------------------------------------------------------------------------------------------------- */

typedef struct golden {
    rmseg_loader_settings settings;
    char augment[128];
    rmseg_loader *loader;
    int64_t checked;
} golden;

static void check_philox(const char *line)
{
    uint32_t in[6], expected[4], out[4];
    assert_int_equal(sscanf(line, "philox %u %u %u %u %u %u %u %u %u %u", &in[0], &in[1], &in[2], &in[3], &in[4],
                            &in[5], &expected[0], &expected[1], &expected[2], &expected[3]),
                     10);
    rmseg_random_block(out, in, in + 4);
    assert_memory_equal(out, expected, sizeof out);
}

static void check_fold(const char *line)
{
    unsigned long long seed = 0;
    long long count = 0, fold = 0, folds = 0;
    char digits[128];
    bool held[128];
    assert_int_equal(sscanf(line, "fold %llu %lld %lld %lld %127s", &seed, &count, &fold, &folds, digits), 5);
    assert_ok(rmseg_dataset_fold(held, count, seed, fold, folds));
    for (int64_t i = 0; i < count; i++) assert_int_equal(held[i], digits[i] == '1');
}

static void open_setting(golden *golden, const char *line, const rmseg_dataset *dataset)
{
    unsigned long long seed = 0;
    long long batch = 0, patch[3] = {0};
    assert_int_equal(sscanf(line, "setting %*s %llu %lld %lld %lld %lld %127s", &seed, &batch, &patch[0], &patch[1],
                            &patch[2], golden->augment),
                     6);
    golden->settings = (rmseg_loader_settings){.preparation = {.normalize = RMSEG_NORMALIZE_NONE},
                                               .batch = batch,
                                               .patch = {patch[0], patch[1], patch[2]},
                                               .pad = true,
                                               .augment = golden->augment,
                                               .seed = seed,
                                               .cache = true,
                                               .workers = 2};
    rmseg_loader_destroy(golden->loader);
    golden->loader = create(dataset, &golden->settings);
}

static void check_record(const golden *golden, const char *line)
{
    rmseg_sample_record records[16], *r = NULL;
    long long t = 0, s = 0, index = 0, crop[3];
    int flip[3], turns = 0;
    double gain = 0, offset = 0, gamma = 0;
    assert_int_equal(sscanf(line, "record %lld %lld %lld %d %d %d %d %lf %lf %lf %lld %lld %lld", &t, &s, &index,
                            &flip[0], &flip[1], &flip[2], &turns, &gain, &offset, &gamma, &crop[0], &crop[1], &crop[2]),
                     13);
    assert_ok(rmseg_loader_records(records, golden->loader, t));
    r = &records[s];
    assert_int_equal(r->case_index, index);
    assert_int_equal(r->turns, turns);
    assert_true(r->gain == gain && r->offset == offset && fabs(r->gamma - gamma) < 1e-15);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(r->flip[k], flip[k]);
        assert_int_equal(r->crop[k], crop[k]);
    }
}

static void check_made(const golden *golden, const char *line)
{
    long long t = 0, s = 0, absent = 0, labels = 0;
    double sum = 0, weighted = 0;
    assert_int_equal(sscanf(line, "sample %lld %lld %lld %lf %lf %lld", &t, &s, &absent, &sum, &weighted, &labels), 6);
    rmseg_loaded_batch batch = next(golden->loader, t);
    int64_t voxels = batch.size[0] * batch.size[1] * batch.size[2];
    const float *image = batch.image + s * 3 * voxels;
    const int32_t *label = batch.label + s * voxels;
    bool values = batch.samples[s].gain != 1; /* otherwise whole numbers above 0: every 0 is padding, every sum exact */
    for (int64_t i = 0; i < 3 * voxels; i++) {
        absent -= image[i] == 0 && !values;
        sum -= image[i];
        weighted -= image[i] * (double)(i + 1);
    }
    for (int64_t i = 0; i < voxels; i++) labels -= label[i] * (i + 1);
    assert_true(values || absent == 0);
    assert_int_equal(labels, 0);
    assert_true(fabs(sum) <= (values ? 1e-5 * 256 * 3 * (double)voxels : 0));
    assert_true(fabs(weighted) <= (values ? 1e-5 * 256 * 9 * (double)(voxels * voxels) : 0));
}

static void batches_equal_numpys(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    golden golden = {0};
    char line[512];
    FILE *file = fopen(RMSEG_GOLDEN "/data.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        golden.checked++;
        if (!strncmp(line, "philox", 6))
            check_philox(line);
        else if (!strncmp(line, "fold", 4))
            check_fold(line);
        else if (!strncmp(line, "setting", 7))
            open_setting(&golden, line, dataset);
        else if (!strncmp(line, "record", 6))
            check_record(&golden, line);
        else
            check_made(&golden, line);
    }
    fclose(file);
    assert_int_equal(golden.checked, 313);
    rmseg_loader_destroy(golden.loader);
    rmseg_dataset_destroy(dataset);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static void nothing_is_allocated_when_all_is_cached(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    settings.augment = everything;
    rmseg_loader *loader = create(dataset, &settings);
    for (int64_t t = 0; t < 3; t++) next(loader, t); /* two epochs; those ahead need what is there */
    int64_t before = rmseg_memory_stats_get().allocations;
    for (int64_t t = 3; t < 60; t++) next(loader, t);
    next(loader, 7);
    assert_int_equal(rmseg_memory_stats_get().allocations, before);
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

static void a_full_cache_serves_from_the_first_batch(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    rmseg_loader *loader = create(dataset, &settings);
    assert_ok(rmseg_loader_fill(loader));
    int64_t before = rmseg_memory_stats_get().allocations;
    for (int64_t t = 0; t < 10; t++) next(loader, t);
    assert_int_equal(rmseg_memory_stats_get().allocations, before);
    rmseg_loader_destroy(loader);
    loader = create(dataset, &settings);
    write_words(at("data/images/case5.png"), "no picture");
    write_words(at("data/labels/case3.png"), "no picture either");
    assert_fails(rmseg_loader_fill(loader), RMSEG_ERROR_FORMAT, "labels/case3.png");
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int64_t tried = 0, before = rmseg_memory_stats_get().live_bytes;
    settings.augment = everything;
    settings.foreground = 0.5;
    while (status != RMSEG_OK) {
        rmseg_loader *loader = NULL;
        rmseg_loaded_batch batch;
        rmseg_memory_fail_at(++tried);
        status = rmseg_loader_create(&loader, dataset, all_cases, CASES, &settings);
        if (status == RMSEG_OK) status = rmseg_loader_fill(loader);
        for (int64_t t = 0; t < 2 && status == RMSEG_OK; t++) status = rmseg_loader_next(&batch, loader, t);
        rmseg_memory_fail_at(0);
        if (status != RMSEG_OK) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        rmseg_loader_destroy(loader);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
    }
    assert_true(tried > 20);
    rmseg_dataset_destroy(dataset);
}

static void a_loader_may_go_at_any_time(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    for (int i = 0; i < 30; i++) {
        rmseg_loader_settings settings = usual_settings();
        settings.workers = 1 + i % 5;
        settings.cache = i % 3 > 0;
        rmseg_loader *loader = create(dataset, &settings);
        for (int64_t t = 0; t < i % 4; t++) next(loader, t);
        rmseg_loader_destroy(loader);
    }
    rmseg_loader_destroy(NULL);
    rmseg_dataset_destroy(dataset);
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static void a_broken_case_fails_its_batch_alone(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    settings.batch = 2;
    for (int cache = 0; cache < 2; cache++) {
        rmseg_loader *loader = NULL;
        settings.cache = cache;
        write_image(at("data/images/case2.png"), RMSEG_U8, 3, case_height(2), case_width(2), golden_value);
        assert_ok(rmseg_loader_create(&loader, dataset, all_cases, CASES, &settings));
        write_words(at("data/images/case2.png"), "no picture any more");
        int failures = 0;
        for (int64_t t = 0; t < 9; t++) { /* three epochs */
            rmseg_sample_record records[2];
            rmseg_loaded_batch batch;
            assert_ok(rmseg_loader_records(records, loader, t));
            if (records[0].case_index == 2 || records[1].case_index == 2) {
                assert_fails(rmseg_loader_next(&batch, loader, t), RMSEG_ERROR_FORMAT, "case2.png");
                assert_fails(rmseg_loader_next(&batch, loader, t), RMSEG_ERROR_FORMAT, "case2.png");
                failures++;
            } else {
                assert_ok(rmseg_loader_next(&batch, loader, t));
            }
        }
        assert_int_equal(failures, 3);
        this_case = 2;
        write_image(at("data/images/case2.png"), RMSEG_U8, 3, 9, 9, golden_value);
        write_image(at("data/labels/case2.png"), RMSEG_U8, 1, 9, 9, golden_label);
        for (int64_t t = 9; t < 12; t++) {
            rmseg_sample_record records[2];
            rmseg_loaded_batch batch;
            assert_ok(rmseg_loader_records(records, loader, t + 100));
            if (records[0].case_index == 2 || records[1].case_index == 2)
                assert_fails(rmseg_loader_next(&batch, loader, t + 100), RMSEG_ERROR_FILE,
                             "case2.png has 9 x 9 pixels now");
        }
        rmseg_loader_destroy(loader);
    }
    rmseg_dataset_destroy(dataset);
}

static void the_first_failure_of_a_batch_is_told(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    rmseg_loader_settings settings = usual_settings();
    settings.workers = 4;
    rmseg_loader *loader = create(dataset, &settings);
    for (int i = 0; i < CASES; i++) write_words(at("data/images/case%d.png", i), "no picture");
    for (int64_t t = 0; t < 30; t++) {
        rmseg_sample_record records[4];
        rmseg_loaded_batch batch;
        char name[32];
        assert_ok(rmseg_loader_records(records, loader, t));
        snprintf(name, sizeof name, "images/case%d.png", (int)records[0].case_index);
        assert_fails(rmseg_loader_next(&batch, loader, t), RMSEG_ERROR_FORMAT, name);
    }
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
}

#define assert_create_fails(dataset, cases, count, settings, words)                                                    \
    do {                                                                                                               \
        rmseg_loader *created_ = NULL;                                                                                 \
        assert_fails(rmseg_loader_create(&created_, dataset, cases, count, settings), RMSEG_ERROR_ARGUMENT, words);    \
        assert_null(created_);                                                                                         \
    } while (0)

static void wrong_settings_are_told(void **state)
{
    (void)state;
    rmseg_dataset *dataset = make_dataset();
    const rmseg_loader_settings usual = usual_settings();
    rmseg_loader_settings s = usual;
    s.augment = "flip-x";
    assert_create_fails(dataset, all_cases, CASES, &s, "unknown name \"flip-x\"");
    s = usual, s.pad = false;
    assert_create_fails(dataset, all_cases, CASES, &s, "the patch 12,16 is larger than");
    s = usual, s.pad = false, s.patch[1] = 10, s.patch[2] = 14;
    assert_create_fails(dataset, all_cases, CASES, &s, "turned by a quarter, which is 14,10");
    s.preparation.grid[0] = 1, s.preparation.grid[1] = 10, s.preparation.grid[2] = 13;
    assert_create_fails(dataset, all_cases, CASES, &s, "the patch 10,14 is larger than the grid, which is 10,13;");
    s.preparation.grid[0] = s.preparation.grid[1] = s.preparation.grid[2] = 0;
    s.patch[0] = 2;
    assert_create_fails(dataset, all_cases, CASES, &s, "the patch 2,10,14 is larger than");
    s.patch[0] = 1;
    s.augment = "flip";
    rmseg_loader_destroy(create(dataset, &s));
    s = usual, s.patch[0] = s.patch[1] = s.patch[2] = 0;
    assert_create_fails(dataset, all_cases, CASES, &s, "a batch needs images of one size");
    assert_create_fails(dataset, all_cases, 1, &s, "rot90 turns whole images, which have 14 x 10 pixels");
    s = usual, s.patch[0] = 0;
    assert_create_fails(dataset, all_cases, CASES, &s, "patch 0,12,16: expected extents of at least 1");
    s = usual, s.preparation.grid[1] = -3;
    assert_create_fails(dataset, all_cases, CASES, &s, "grid 0,-3,0");
    s = usual, s.batch = 0;
    assert_create_fails(dataset, all_cases, CASES, &s, "batch 0");
    s = usual, s.workers = 0;
    assert_create_fails(dataset, all_cases, CASES, &s, "0 loader threads");
    assert_create_fails(dataset, all_cases, 0, &usual, "no cases to train on");
    assert_create_fails(dataset, ((const int64_t[]){0, 6}), 2, &usual, "there is no case 6");
    rmseg_loader *loader = create(dataset, &usual);
    rmseg_loaded_batch batch;
    assert_fails(rmseg_loader_next(&batch, loader, -1), RMSEG_ERROR_ARGUMENT, "iteration -1");
    rmseg_loader_destroy(loader);
    rmseg_dataset_destroy(dataset);
    assert_ok(rmseg_file_remove(at("data/labels/case4.png")));
    assert_ok(rmseg_dataset_open(&dataset, "folder", at("data"), "train", 128, false));
    assert_create_fails(dataset, all_cases, CASES, &usual, "case case4 has no label to learn from");
    rmseg_dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(epochs_follow_one_another, fresh),
        cmocka_unit_test_setup(records_are_what_was_made, fresh),
        cmocka_unit_test_setup(a_patch_is_a_part_of_the_whole_label_it_comes_with, fresh),
        cmocka_unit_test_setup(batches_depend_on_seed_and_iteration_alone, fresh),
        cmocka_unit_test_setup(the_reference_loader_starts_anew_every_epoch, fresh),
        cmocka_unit_test_setup(crops_about_the_foreground_need_the_cases_read, fresh),
        cmocka_unit_test_setup(one_case_serves_all_workers, fresh),
        cmocka_unit_test_setup(a_batch_may_be_asked_for_twice, fresh),
        cmocka_unit_test_setup(whole_images_are_batches_on_a_grid, fresh),
        cmocka_unit_test_setup(batches_equal_numpys, fresh),
        cmocka_unit_test_setup(nothing_is_allocated_when_all_is_cached, fresh),
        cmocka_unit_test_setup(a_full_cache_serves_from_the_first_batch, fresh),
        cmocka_unit_test_setup(memory_may_end_anywhere, fresh),
        cmocka_unit_test_setup(a_loader_may_go_at_any_time, fresh),
        cmocka_unit_test_setup(a_broken_case_fails_its_batch_alone, fresh),
        cmocka_unit_test_setup(the_first_failure_of_a_batch_is_told, fresh),
        cmocka_unit_test_setup(wrong_settings_are_told, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
