/*
 * test_image.h - what the tests of image files share: numbers of the expected texts, files that this build reads, and lists of bad
 * files with their sentences.
 */
#ifndef TEST_IMAGE_H
#define TEST_IMAGE_H

#include <math.h>

#include "image/image.h"
#include "unit.h"

static inline double read_number(FILE *file)
{
    double value;
    assert_int_equal(fscanf(file, "%lf", &value), 1);
    return value;
}

static inline rmseg_dtype type_of(const char *name)
{
    static const char *const names[] = {[RMSEG_U8] = "u8",   [RMSEG_U16] = "u16", [RMSEG_I16] = "i16",
                                        [RMSEG_I32] = "i32", [RMSEG_F32] = "f32", [RMSEG_F64] = "f64"};
    for (int i = 0; i < 6; i++)
        if (!strcmp(names[i], name)) return (rmseg_dtype)i;
    fail_msg("%s: no type", name);
    return RMSEG_U8;
}

/* Does this build have the format of this file? Of a name that says nothing the content does. */
static inline bool is_read(const char *name)
{
    const rmseg_format_info *info;
    for (int64_t i = 0; (info = rmseg_image_formats(i)); i++)
        if (strstr(info->extensions, strrchr(name, '.'))) return info->reads;
    return true;
}

static inline rmseg_image *read_image(const char *path)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_read(&image, path));
    return image;
}

static inline size_t data_bytes(const rmseg_image *image)
{
    return (size_t)(image->channels * rmseg_image_voxels(image)) * rmseg_dtype_size(image->dtype);
}

static inline void assert_close(const char *name, const char *what, const double *found, const double *expected,
                                int count, double tolerance)
{
    for (int i = 0; i < count; i++)
        if (!(fabs(found[i] - expected[i]) <= tolerance * (1 + fabs(expected[i]))))
            fail_msg("%s: %s[%d] is %.17g, expected %.17g", name, what, i, found[i], expected[i]);
}

typedef struct bad_file {
    const char *name;
    rmseg_status status;
    const char *words; /* of the sentence, which begins with the folder */
} bad_file;

static inline void check_bad_files(const char *folder, const bad_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char path[512];
        rmseg_image *image = NULL;
        if (!is_read(files[i].name)) continue;
        snprintf(path, sizeof path, "%s%s", folder, files[i].name);
        rmseg_status status = rmseg_image_read(&image, path);
        if (status != files[i].status || !strstr(rmseg_error_last(), files[i].words))
            fail_msg("%s: %s: %s", path, rmseg_status_name(status), rmseg_error_last());
        if (strncmp(rmseg_error_last(), folder, strlen(folder))) fail_msg("not of %s: %s", path, rmseg_error_last());
        assert_null(image);
    }
}

#endif
