/* NIfTI: every kind of file against nibabel's reading of it (tools/golden_nifti.py), written again, spoilt, refused. */
#include <unistd.h>

#include "image/nifti.h"
#include "test_image.h"

#define FOLDER  RMSEG_GOLDEN "/image/nifti/"
#define WRITTEN RMSEG_TEST_TMP "/nifti-written" /* for `tools/golden_nifti.py --check` */

/* ---- what nibabel reads ----------------------------------------------------------------------------------------- */

typedef struct golden {
    char name[64], type[8];
    int64_t size[3];
    double spacing[3], origin[3], direction[9];
    double values[512];
} golden;

static bool read_golden(golden *g, FILE *file)
{
    if (fscanf(file, "%63s %7s", g->name, g->type) != 2) return false;
    for (int i = 0; i < 3; i++) g->size[i] = (int64_t)read_number(file);
    for (int i = 0; i < 3; i++) g->spacing[i] = read_number(file);
    for (int i = 0; i < 3; i++) g->origin[i] = read_number(file);
    for (int i = 0; i < 9; i++) g->direction[i] = read_number(file);
    int64_t voxels = g->size[0] * g->size[1] * g->size[2];
    assert_true(voxels <= 512);
    for (int64_t i = 0; i < voxels; i++) g->values[i] = read_number(file);
    return true;
}

typedef void (*golden_fn)(const golden *g, const char *path);

static void for_each_golden(golden_fn check)
{
    golden g;
    char path[512];
    int count = 0;
    FILE *file = fopen(FOLDER "expected.txt", "r");
    assert_non_null(file);
    for (; read_golden(&g, file); count++) {
        snprintf(path, sizeof path, FOLDER "%s", g.name);
        check(&g, path);
    }
    fclose(file);
    assert_true(count >= 130);
}

static void assert_same_header(const rmseg_image *a, const rmseg_image *b)
{
    assert_int_equal(a->dtype, b->dtype);
    assert_int_equal(a->channels, b->channels);
    assert_memory_equal(a->size, b->size, sizeof a->size);
    assert_memory_equal(a->spacing, b->spacing, sizeof a->spacing);
    assert_memory_equal(a->origin, b->origin, sizeof a->origin);
    assert_memory_equal(a->direction, b->direction, sizeof a->direction);
    assert_int_equal(a->has_spacing, b->has_spacing);
}

static void check_golden(const golden *g, const char *path)
{
    rmseg_image *image = read_image(path), header;
    if (image->dtype != type_of(g->type)) fail_msg("%s: not %s", g->name, g->type);
    assert_int_equal(image->channels, 1);
    assert_memory_equal(image->size, g->size, sizeof g->size);
    assert_close(g->name, "spacing", image->spacing, g->spacing, 3, 1e-14);
    assert_close(g->name, "origin", image->origin, g->origin, 3, 1e-14);
    assert_close(g->name, "direction", image->direction, g->direction, 9, 1e-14);
    double tolerance = strstr(g->name, "scaled") && image->dtype == RMSEG_F32 ? 1e-7 : 0;
    for (int64_t d = 0, i = 0; d < g->size[0]; d++)
        for (int64_t h = 0; h < g->size[1]; h++)
            for (int64_t w = 0; w < g->size[2]; w++, i++) {
                double value = rmseg_image_value(image, 0, d, h, w);
                assert_close(g->name, "value", &value, &g->values[i], 1, tolerance);
            }
    assert_ok(rmseg_image_read_header(&header, path));
    assert_null(header.data);
    assert_same_header(&header, image);
    rmseg_image_destroy(image);
}

static void files_say_what_nibabel_reads(void **state)
{
    (void)state;
    for_each_golden(check_golden);
}

static void the_fourth_axis_is_the_channels(void **state)
{
    (void)state;
    rmseg_image *image = read_image(FOLDER "channels.nii.gz"), header;
    FILE *file = fopen(FOLDER "channels.txt", "r");
    assert_non_null(file);
    assert_int_equal(image->channels, (int64_t)read_number(file));
    assert_int_equal(image->channels, 6);
    for (int i = 0; i < 3; i++) assert_int_equal(image->size[i], (int64_t)read_number(file));
    for (int64_t i = 0; i < 6 * rmseg_image_voxels(image); i++)
        assert_int_equal(((uint8_t *)image->data)[i], (int)read_number(file));
    fclose(file);
    assert_ok(rmseg_image_read_header(&header, FOLDER "channels.nii.gz"));
    assert_same_header(&header, image);
    rmseg_image_destroy(image);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Writes it, reads it back; the caller's to destroy. */
static rmseg_image *write_and_read(const rmseg_image *image, const char *path)
{
    assert_ok(rmseg_image_write(image, path));
    rmseg_image *back = read_image(path);
    assert_int_equal(back->dtype, image->dtype);
    assert_memory_equal(back->size, image->size, sizeof back->size);
    assert_memory_equal(back->data, image->data, data_bytes(image));
    return back;
}

static void check_written(const golden *g, const char *path)
{
    char to[512];
    rmseg_image *image = read_image(path);
    for (int packed = 0; packed < 2; packed++) {
        snprintf(to, sizeof to, "%s/%s.nii%s", WRITTEN, g->name, packed ? ".gz" : "");
        rmseg_image *back = write_and_read(image, to);
        assert_same_header(back, image);
        assert_memory_equal(&back->nifti, &image->nifti, sizeof back->nifti);
        rmseg_image_destroy(back);
    }
    rmseg_image_destroy(image);
}

static void what_was_read_is_written_with_its_forms(void **state)
{
    (void)state;
    assert_ok(rmseg_folder_create(WRITTEN));
    for_each_golden(check_written);
}

static void assert_near(const char *name, const rmseg_image *found, const rmseg_image *expected)
{
    assert_close(name, "spacing", found->spacing, expected->spacing, 3, 1e-6);
    assert_close(name, "origin", found->origin, expected->origin, 3, 1e-6);
    assert_close(name, "direction", found->direction, expected->direction, 9, 1e-6);
}

/* Where no file's forms are known new ones are made, in single precision; both say the same. */
static void check_new_forms(const golden *g, const char *path)
{
    rmseg_image *image = read_image(path);
    bool right_angles = strcmp(g->name, "sheared.nii") != 0;
    image->nifti = (rmseg_nifti_forms){0};
    rmseg_image *back = write_and_read(image, RMSEG_TEST_TMP "/new.nii");
    assert_near(g->name, back, image);
    assert_int_equal(back->nifti.sform_code, 1);
    assert_int_equal(back->nifti.qform_code, right_angles);
    back->nifti.sform_code = 0;
    rmseg_nifti_forms forms = back->nifti;
    assert_ok(rmseg_nifti_geometry_read(back, &forms, &(rmseg_image_file){.name = g->name}));
    if (right_angles) assert_near(g->name, back, image);
    rmseg_image_destroy(back);
    rmseg_image_destroy(image);
}

static void a_geometry_of_its_own_is_written(void **state)
{
    (void)state;
    for_each_golden(check_new_forms);
}

static rmseg_image *make(rmseg_dtype dtype, int64_t d, int64_t h, int64_t w)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, dtype, 1, (int64_t[3]){d, h, w}));
    rmseg_random random = rmseg_random_stream(5, RMSEG_RANDOM_TEST, (uint32_t)dtype, (uint32_t)w);
    for (size_t i = 0; i < data_bytes(image); i++)
        ((uint8_t *)image->data)[i] = (uint8_t)rmseg_random_u32(&random) & 63;
    return image;
}

/* The forms of the file no longer hold for an image of other voxels. */
static void a_resampled_image_has_forms_of_its_own(void **state)
{
    (void)state;
    rmseg_image *image = read_image(FOLDER "forms-differ.nii"), *halved = NULL;
    assert_ok(rmseg_image_resample(&halved, image, (int64_t[3]){2, 3, 2}, RMSEG_NEAREST));
    rmseg_image *back = write_and_read(halved, RMSEG_TEST_TMP "/halved.nii.gz");
    assert_near("halved", back, halved);
    assert_true(fabs(back->spacing[2] - 2 * image->spacing[2]) < 1e-6);
    assert_int_equal(back->nifti.sform_code, 1);
    rmseg_image_destroy(image);
    rmseg_image_destroy(halved);
    rmseg_image_destroy(back);
}

static void an_unknown_geometry_stays_unknown(void **state)
{
    (void)state;
    rmseg_image *image = make(RMSEG_U16, 1, 4, 5), *back = write_and_read(image, RMSEG_TEST_TMP "/plain.nii");
    assert_int_equal(back->nifti.sform_code, 0);
    assert_int_equal(back->nifti.qform_code, 0);
    assert_int_equal(back->nifti.axes, 2);
    rmseg_image_destroy(image);
    rmseg_image_destroy(back);
}

static void long_axes_take_nifti_2(void **state)
{
    (void)state;
    for (int64_t width = 32767; width <= 32768; width++) {
        rmseg_image *image = make(RMSEG_U8, 2, 1, width), *back = write_and_read(image, RMSEG_TEST_TMP "/long.nii.gz");
        assert_int_equal(back->nifti.version, width == 32767 ? 1 : 2);
        rmseg_image_destroy(image);
        rmseg_image_destroy(back);
    }
}

static void the_same_image_gives_the_same_bytes(void **state)
{
    (void)state;
    uint8_t *bytes[2] = {NULL, NULL};
    size_t length[2];
    rmseg_image *image = make(RMSEG_I32, 20, 30, 40);
    for (int i = 0; i < 2; i++) {
        assert_ok(rmseg_image_write(image, RMSEG_TEST_TMP "/twice.nii.gz"));
        assert_ok(rmseg_file_read(&bytes[i], &length[i], RMSEG_TEST_TMP "/twice.nii.gz", 0));
    }
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(bytes[0], bytes[1], length[0]);
    assert_int_equal(bytes[0][4] | bytes[0][5] | bytes[0][6] | bytes[0][7], 0); /* the time that gzip would keep */
    rmseg_free(bytes[0]);
    rmseg_free(bytes[1]);
    rmseg_image_destroy(image);
}

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, RMSEG_U8, 3, (int64_t[3]){1, 4, 5}));
    assert_fails(rmseg_image_write(image, RMSEG_TEST_TMP "/c.nii"), RMSEG_ERROR_ARGUMENT, "this image has 3");
    assert_fails(rmseg_image_write(image, RMSEG_TEST_TMP "/c.hdr"), RMSEG_ERROR_UNSUPPORTED, "use .nii or .nii.gz");
    assert_fails(rmseg_image_write(image, RMSEG_TEST_TMP "/c.gz"), RMSEG_ERROR_ARGUMENT, "extension \".gz\"");
    rmseg_image_destroy(image);
}

/* ---- headers alone ---------------------------------------------------------------------------------------------- */

/* A file of 1 GiB without a voxel on the disk: its header is read, and little more than the header. */
static void a_header_is_read_without_the_voxels(void **state)
{
    (void)state;
    const char *path = RMSEG_TEST_TMP "/large.nii";
    rmseg_image *image = make(RMSEG_U8, 1, 1, 32767), header;
    assert_ok(rmseg_image_write(image, path));
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    static const uint8_t dim[8] = {3, 0, 255, 127, 255, 127, 1, 0}; /* 3 axes, 32767 x 32767 x 1 */
    assert_int_equal(fseek(file, 40, SEEK_SET), 0);
    assert_int_equal(fwrite(dim, 1, 8, file), 8);
    assert_int_equal(fclose(file), 0);
    assert_fails(rmseg_image_read_header(&header, path), RMSEG_ERROR_FORMAT, "more than its 33119 bytes can hold");
    assert_int_equal(truncate(path, 352 + (off_t)32767 * 32767), 0);
    int64_t before = rmseg_memory_stats_get().live_bytes;
    int64_t most = rmseg_memory_stats_get().peak_bytes;
    assert_ok(rmseg_image_read_header(&header, path));
    assert_int_equal(header.size[1], 32767);
    assert_true(rmseg_memory_stats_get().live_bytes == before);
    assert_true(rmseg_memory_stats_get().peak_bytes <= most + (1 << 20));
    assert_ok(rmseg_file_remove(path));
    rmseg_image_destroy(image);
}

/* The start of a gzip is enough too, and where it is not, the rest is read. */
static void a_packed_header_is_found_wherever_it_is(void **state)
{
    (void)state;
    static uint8_t named[20 + 40000]; /* a gzip with a name of 40000 letters before the data */
    uint8_t *bytes = NULL;
    size_t length = 0;
    rmseg_image *image = make(RMSEG_I32, 3, 100, 100), header;
    assert_ok(rmseg_image_write(image, RMSEG_TEST_TMP "/packed.nii.gz"));
    assert_ok(rmseg_image_read_header(&header, RMSEG_TEST_TMP "/packed.nii.gz"));
    assert_int_equal(header.size[2], 100);
    assert_ok(rmseg_file_read(&bytes, &length, RMSEG_TEST_TMP "/packed.nii.gz", 0));
    memcpy(named, bytes, 10);
    named[3] |= 8; /* FNAME */
    memset(named + 10, 'x', 40000);
    rmseg_file_writer *writer = NULL;
    assert_ok(rmseg_file_begin(&writer, RMSEG_TEST_TMP "/long-name.nii.gz"));
    assert_ok(rmseg_file_put(writer, named, 10 + 40001));
    assert_ok(rmseg_file_put(writer, bytes + 10, length - 10));
    assert_ok(rmseg_file_commit(writer));
    assert_ok(rmseg_image_read_header(&header, RMSEG_TEST_TMP "/long-name.nii.gz"));
    assert_int_equal(header.size[0], 3);
    rmseg_free(bytes);
    rmseg_image_destroy(image);
}

/* ---- files that are not what they should be --------------------------------------------------------------------- */

static void bad_files_have_their_sentences(void **state)
{
    (void)state;
    static const bad_file files[] = {
        {"vector.nii.gz", RMSEG_ERROR_UNSUPPORTED, "this NIfTI is 5D: its axis 5 has 3 entries"},
        {"complex64.nii", RMSEG_ERROR_UNSUPPORTED, "complex64 voxels; rmseg reads integers"},
        {"complex128.nii", RMSEG_ERROR_UNSUPPORTED, "complex128 voxels"},
        {"complex256.nii", RMSEG_ERROR_UNSUPPORTED, "complex256 voxels"},
        {"float128.nii", RMSEG_ERROR_UNSUPPORTED, "float128 voxels"},
        {"rgb.nii", RMSEG_ERROR_UNSUPPORTED, "RGB voxels"},
        {"rgba.nii", RMSEG_ERROR_UNSUPPORTED, "RGBA voxels"},
        {"binary.nii", RMSEG_ERROR_UNSUPPORTED, "binary voxels"},
        {"no-type.nii", RMSEG_ERROR_FORMAT, "voxels of type 7777"},
        {"spacing-zero.nii", RMSEG_ERROR_FORMAT, "a spacing of 0 along axis j (pixdim[2]); expected a number above 0"},
        {"spacing-nan.nii.gz", RMSEG_ERROR_FORMAT, "a spacing of nan along axis k"},
        {"sform-zero.nii", RMSEG_ERROR_FORMAT, "the sform of this NIfTI gives axis j a spacing of 0"},
        {"sform-nan.nii", RMSEG_ERROR_FORMAT, "axis i a spacing of nan"},
        {"origin-nan.nii", RMSEG_ERROR_FORMAT, "the origin of this NIfTI has a coordinate nan"},
        {"quaternion.nii", RMSEG_ERROR_FORMAT,
         "the quaternion (1, 0.5, 0.447214) of this NIfTI's qform is no rotation"},
        {"axes-none.nii", RMSEG_ERROR_FORMAT, "it has 0 axes"},
        {"axes-many.nii", RMSEG_ERROR_FORMAT, "it has 8 axes"},
        {"extent-zero.nii", RMSEG_ERROR_FORMAT, "its axis 2 has an extent of 0"},
        {"extent-negative.nii", RMSEG_ERROR_FORMAT, "its axis 3 has an extent of -2"},
        {"huge.nii", RMSEG_ERROR_FORMAT, "announces 30000 x 30000 x 30000 pixels, more than its 376 bytes can hold"},
        {"huge.nii.gz", RMSEG_ERROR_FORMAT, "announces 30000 x 30000 x 30000 pixels"},
        {"huge-2.nii", RMSEG_ERROR_FORMAT, "announces 4611686018427387904 x 4611686018427387904 x"},
        {"plausible.nii.gz", RMSEG_ERROR_FORMAT, "it ends too early"},
        {"offset-small.nii", RMSEG_ERROR_FORMAT, "its voxels start at byte 348; expected 352 or more"},
        {"offset-nan.nii", RMSEG_ERROR_FORMAT, "its voxels start at byte nan"},
        {"offset-far.nii", RMSEG_ERROR_FORMAT, "announces 4 x 3 x 2 pixels, more than its"},
        {"offset-far.nii.gz", RMSEG_ERROR_FORMAT, "it ends too early"},
        {"offset-negative.nii", RMSEG_ERROR_FORMAT, "expected 544 or more"},
        {"intercept.nii", RMSEG_ERROR_FORMAT, "scales its values by 2 and adds inf"},
        {"too-large.nii", RMSEG_ERROR_UNSUPPORTED, "uint64 values beyond 2^53"},
        {"too-large-i8.nii", RMSEG_ERROR_UNSUPPORTED, "int64 values beyond 2^53"},
        {"cut.nii", RMSEG_ERROR_FORMAT, "more than its 375 bytes can hold"},
        {"cut-header.nii", RMSEG_ERROR_FORMAT, "damaged or cut short (200 bytes): it ends too early"},
        {"analyze.hdr", RMSEG_ERROR_UNSUPPORTED, "Analyze 7.5"},
        {"magic.nii", RMSEG_ERROR_UNSUPPORTED, "magic \"n+1\" is damaged"},
        {"alone.hdr", RMSEG_ERROR_FILE, "its voxels are missing; expected NAME.img beside NAME.hdr"},
        {"voxels.img.gz", RMSEG_ERROR_FORMAT, "does not start with the header of a NIfTI (of a pair give the .hdr)"},
        {"text.nii.gz", RMSEG_ERROR_FORMAT, "does not start with the header of a NIfTI"},
        {"cut.nii.gz", RMSEG_ERROR_FORMAT, "it ends too early"},
        {"cut-end.nii.gz", RMSEG_ERROR_FORMAT, "it ends too early"},
        {"checksum.nii.gz", RMSEG_ERROR_FORMAT, "incorrect data check"},
        {"bits.nii.gz", RMSEG_ERROR_FORMAT, "damaged or cut short"},
    };
    check_bad_files(FOLDER "bad/", files, sizeof files / sizeof *files);
}

/* Calls `check` with the bytes of each file; the halves of a pair are not to be had from bytes. */
static void (*check_bytes)(const char *name, uint8_t *bytes, size_t length);

static void hand_bytes(const golden *g, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (strstr(g->name, ".hdr") || !strncmp(g->name, "axes-", 5)) return; /* forty-eight alike are not needed */
    assert_ok(rmseg_file_read(&bytes, &length, path, 0));
    uint8_t *copy = malloc(length); /* ends where its block ends, so that reading on is seen */
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    check_bytes(g->name, copy, length);
    free(copy);
    rmseg_free(bytes);
}

static void cut_everywhere(const char *name, uint8_t *bytes, size_t length)
{
    for (size_t cut = 0; cut < length - (strstr(name, "named") ? 9 : 0); cut++) {
        rmseg_image *image = NULL;
        uint8_t *copy = malloc(cut ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        if (!rmseg_image_decode(&image, copy, cut, name)) fail_msg("%s: %zu of %zu bytes are read", name, cut, length);
        assert_non_null(strstr(rmseg_error_last(), name));
        free(copy);
    }
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    check_bytes = cut_everywhere;
    for_each_golden(hand_bytes);
}

static void flip_everywhere(const char *name, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        rmseg_image *image = NULL;
        bytes[i] = (uint8_t)~bytes[i];
        if (rmseg_image_decode(&image, bytes, length, name)) assert_non_null(strstr(rmseg_error_last(), name));
        rmseg_image_destroy(image);
        bytes[i] = (uint8_t)~bytes[i];
    }
}

static void a_wrong_byte_anywhere_is_survived(void **state)
{
    (void)state;
    check_bytes = flip_everywhere;
    for_each_golden(hand_bytes);
}

typedef rmseg_status (*work_fn)(const char *name, uint8_t *bytes, size_t length);

static void run_out_of_memory(work_fn work, const char *name, uint8_t *bytes, size_t length)
{
    int64_t live = rmseg_memory_stats_get().live_bytes, n = 0;
    for (rmseg_status status = RMSEG_ERROR_MEMORY; status != RMSEG_OK;) {
        rmseg_memory_fail_at(++n);
        status = work(name, bytes, length);
        rmseg_memory_fail_at(0);
        if (status != RMSEG_OK && status != RMSEG_ERROR_MEMORY) fail_msg("%s: %s", name, rmseg_error_last());
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
        assert_true(n < 100);
    }
    assert_true(n > 2);
}

static rmseg_status decode(const char *name, uint8_t *bytes, size_t length)
{
    rmseg_image *image = NULL;
    rmseg_status status = rmseg_image_decode(&image, bytes, length, name);
    rmseg_image_destroy(image);
    return status;
}

static rmseg_status read_pair(const char *name, uint8_t *bytes, size_t length)
{
    (void)bytes, (void)length;
    rmseg_image *image = NULL;
    rmseg_status status = rmseg_image_read(&image, name);
    rmseg_image_destroy(image);
    return status;
}

static rmseg_image *written;

static rmseg_status write_packed(const char *name, uint8_t *bytes, size_t length)
{
    (void)bytes, (void)length;
    return rmseg_image_write(written, name);
}

static void decode_without_memory(const char *name, uint8_t *bytes, size_t length)
{
    run_out_of_memory(decode, name, bytes, length);
}

static void failing_memory_leaks_nothing(void **state)
{
    (void)state;
    check_bytes = decode_without_memory;
    for_each_golden(hand_bytes);
    run_out_of_memory(read_pair, FOLDER "pair-packed.hdr", NULL, 0);
    written = read_image(FOLDER "u1.nii.gz");
    run_out_of_memory(write_packed, RMSEG_TEST_TMP "/memory.nii.gz", NULL, 0);
    rmseg_image_destroy(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_say_what_nibabel_reads),
        cmocka_unit_test(the_fourth_axis_is_the_channels),
        cmocka_unit_test(what_was_read_is_written_with_its_forms),
        cmocka_unit_test(a_geometry_of_its_own_is_written),
        cmocka_unit_test(a_resampled_image_has_forms_of_its_own),
        cmocka_unit_test(an_unknown_geometry_stays_unknown),
        cmocka_unit_test(long_axes_take_nifti_2),
        cmocka_unit_test(the_same_image_gives_the_same_bytes),
        cmocka_unit_test(what_cannot_be_written_is_said),
        cmocka_unit_test(a_header_is_read_without_the_voxels),
        cmocka_unit_test(a_packed_header_is_found_wherever_it_is),
        cmocka_unit_test(bad_files_have_their_sentences),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(a_wrong_byte_anywhere_is_survived),
        cmocka_unit_test(failing_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
