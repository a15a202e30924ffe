/*
 * training.h - what the tests of whole trainings share: phantoms, a toy training, files compared byte for byte.
 */
#ifndef TRAINING_H
#define TRAINING_H

#include "unit/unit.h"

#include "rmseg/rmseg.h"

#define TOY_DATA  RMSEG_TEST_TMP "/data"
#define TOY_SIZE  32
#define TOY_CASES 6

/* Writes the phantoms once. */
static inline void toy_data(void)
{
    if (!rmseg_folder_exists(TOY_DATA)) assert_ok(rmseg_phantoms_write(TOY_DATA, TOY_CASES, 0, TOY_SIZE, 1));
}

/* Options of a toy training into `out`: every source of chance is on. More pairs of key and value follow, then NULL. */
static inline rmseg_options *toy_options(const char *out, ...)
{
    static const char *const pairs[] = {"layout",
                                        "folder",
                                        "data",
                                        TOY_DATA,
                                        "width",
                                        "4",
                                        "depth",
                                        "2",
                                        "batch",
                                        "2",
                                        "augment",
                                        "flip-w,rotate(p=0.5),elastic(p=0.5),noise(p=0.5)",
                                        "foreground",
                                        "0.3",
                                        "dropout",
                                        "0.3",
                                        "val-fraction",
                                        "0.34",
                                        "val-every",
                                        "4",
                                        "lr",
                                        "0.05",
                                        "schedule",
                                        "cosine",
                                        "objective",
                                        "sigmoid: ce + dice + 1*rm(2,0)",
                                        NULL};
    rmseg_options *options = NULL;
    va_list more;
    assert_ok(rmseg_train_options_create(&options));
    assert_ok(rmseg_options_set(options, "out", out));
    for (int i = 0; pairs[i]; i += 2) assert_ok(rmseg_options_set(options, pairs[i], pairs[i + 1]));
    va_start(more, out);
    for (const char *key; (key = va_arg(more, const char *));)
        assert_ok(rmseg_options_set(options, key, va_arg(more, const char *)));
    va_end(more);
    return options;
}

static inline rmseg_status toy_train(rmseg_options *options)
{
    rmseg_status status = rmseg_train(options);
    rmseg_options_destroy(options);
    return status;
}

static inline void toy_read(uint8_t **bytes, size_t *length, const char *run, const char *name)
{
    char *path = rmseg_path_join(run, name);
    assert_ok(rmseg_file_read(bytes, length, path, 0));
    rmseg_free(path);
}

/* The file `name` of two runs is the same, byte for byte. */
static inline void assert_same_file(const char *run_a, const char *run_b, const char *name)
{
    uint8_t *a = NULL, *b = NULL;
    size_t length_a = 0, length_b = 0;
    toy_read(&a, &length_a, run_a, name);
    toy_read(&b, &length_b, run_b, name);
    if (length_a != length_b || memcmp(a, b, length_a)) fail_msg("%s of %s and %s differ", name, run_a, run_b);
    rmseg_free(a);
    rmseg_free(b);
}

#endif
