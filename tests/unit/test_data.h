/*
 * test_data.h - what the tests of data share: small trees of files in a scratch folder, and a log that is kept.
 */
#ifndef TEST_DATA_H
#define TEST_DATA_H

#include <unistd.h>

#include "data/data.h"
#include "scratch.h"

/* A path below the scratch folder. The last sixteen stay valid. */
__attribute__((format(printf, 1, 2))) static inline const char *at(const char *format, ...)
{
    static char paths[16][4096];
    static int turn;
    char *path = paths[turn++ % 16];
    int length = snprintf(path, sizeof paths[0], "%s/", RMSEG_TEST_TMP);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path + length, sizeof paths[0] - (size_t)length, format, arguments);
    va_end(arguments);
    return path;
}

/* Writes an image whose values are made by value(c, h, w); folders are made as needed. */
typedef int (*pixel_fn)(int64_t c, int64_t h, int64_t w);

static inline void write_image(const char *path, rmseg_dtype dtype, int64_t channels, int64_t height, int64_t width,
                               pixel_fn value)
{
    rmseg_image *image = NULL;
    char *folder = rmseg_strdup(path);
    *strrchr(folder, '/') = '\0';
    assert_ok(rmseg_folder_create(folder));
    rmseg_free(folder);
    assert_ok(rmseg_image_create(&image, dtype, channels, (const int64_t[]){1, height, width}));
    for (int64_t c = 0, i = 0; c < channels; c++)
        for (int64_t h = 0; h < height; h++)
            for (int64_t w = 0; w < width; w++, i++)
                if (dtype == RMSEG_U8)
                    ((uint8_t *)image->data)[i] = (uint8_t)value(c, h, w);
                else
                    ((uint16_t *)image->data)[i] = (uint16_t)value(c, h, w);
    assert_ok(rmseg_image_write(image, path));
    rmseg_image_destroy(image);
}

static inline void write_words(const char *path, const char *words)
{
    assert_ok(rmseg_file_write(path, words, strlen(words)));
}

/* Warnings since the last fresh_log. */
static char logged[8192];
static int warnings;

static inline void keep_line(void *user, rmseg_log_level level, const char *line)
{
    (void)user;
    if (level != RMSEG_LOG_WARNING) return;
    warnings++;
    snprintf(logged, sizeof logged, "%s", line);
}

static inline void fresh_log(void)
{
    rmseg_log_set(keep_line, NULL);
    logged[0] = '\0';
    warnings = 0;
}

#endif
