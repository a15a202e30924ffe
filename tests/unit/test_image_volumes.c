/*
 * NRRD, MetaImage and HDF5: every kind of file against SimpleITK's or h5py's reading of it (tools/golden_volumes.py),
 * written again, spoilt, refused.
 */
#include "test_image.h"

#define FOLDER  RMSEG_GOLDEN "/image/volumes/"
#define WRITTEN RMSEG_TEST_TMP "/volumes-written" /* for `tools/golden_volumes.py --check` */

/* ---- what others read ------------------------------------------------------------------------------------------- */

typedef struct golden {
    char name[64], type[8];
    int64_t channels, size[3];
    bool known;
    double spacing[3], origin[3], direction[9];
    double values[512];
} golden;

static bool read_golden(golden *g, FILE *file)
{
    if (fscanf(file, "%63s %7s", g->name, g->type) != 2) return false;
    g->channels = (int64_t)read_number(file);
    for (int i = 0; i < 3; i++) g->size[i] = (int64_t)read_number(file);
    g->known = read_number(file) == 1;
    for (int i = 0; i < 3; i++) g->spacing[i] = read_number(file);
    for (int i = 0; i < 3; i++) g->origin[i] = read_number(file);
    for (int i = 0; i < 9; i++) g->direction[i] = read_number(file);
    int64_t elements = g->channels * g->size[0] * g->size[1] * g->size[2];
    assert_true(elements <= 512);
    for (int64_t i = 0; i < elements; i++) g->values[i] = read_number(file);
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
        if (is_read(path)) check(&g, path);
    }
    fclose(file);
    assert_true(count >= 140);
}

static void assert_place(const char *name, const rmseg_image *image, const double spacing[3], const double origin[3],
                         const double direction[9])
{
    assert_close(name, "spacing", image->spacing, spacing, 3, 1e-14);
    assert_close(name, "origin", image->origin, origin, 3, 1e-14);
    assert_close(name, "direction", image->direction, direction, 9, 1e-14);
}

static void check_header(const char *path, const rmseg_image *image)
{
    rmseg_image header;
    assert_ok(rmseg_image_read_header(&header, path));
    assert_null(header.data);
    assert_int_equal(header.dtype, image->dtype);
    assert_int_equal(header.channels, image->channels);
    assert_int_equal(header.has_spacing, image->has_spacing);
    assert_string_equal(header.format, image->format);
    assert_memory_equal(header.size, image->size, sizeof header.size);
    assert_memory_equal(header.direction, image->direction, sizeof header.direction);
}

static void check_golden(const golden *g, const char *path)
{
    rmseg_image *image = read_image(path);
    if (image->dtype != type_of(g->type)) fail_msg("%s: not %s", g->name, g->type);
    if (image->channels != g->channels) fail_msg("%s: %lld channels", g->name, (long long)image->channels);
    assert_memory_equal(image->size, g->size, sizeof g->size);
    assert_int_equal(image->has_spacing, g->known);
    assert_place(g->name, image, g->spacing, g->origin, g->direction);
    int64_t i = 0;
    for (int64_t c = 0; c < g->channels; c++)
        for (int64_t d = 0; d < g->size[0]; d++)
            for (int64_t h = 0; h < g->size[1]; h++)
                for (int64_t w = 0; w < g->size[2]; w++, i++) {
                    double value = rmseg_image_value(image, c, d, h, w);
                    assert_close(g->name, "value", &value, &g->values[i], 1, 0);
                }
    check_header(path, image);
    rmseg_image_destroy(image);
}

static void files_say_what_others_read(void **state)
{
    (void)state;
    for_each_golden(check_golden);
}

static void the_label_of_an_hdf5_is_read_by_its_name(void **state)
{
    (void)state;
    rmseg_image *label = NULL;
    FILE *file = fopen(FOLDER "la-label.txt", "r");
    if (!is_read("la.h5")) skip();
    assert_non_null(file);
    assert_ok(rmseg_image_read_part(&label, FOLDER "la.h5", "label"));
    assert_int_equal(label->dtype, RMSEG_U8);
    for (int64_t i = 0; i < rmseg_image_voxels(label); i++)
        assert_int_equal(((uint8_t *)label->data)[i], (int)read_number(file));
    fclose(file);
    rmseg_image_destroy(label);
    assert_fails(rmseg_image_read_part(&label, FOLDER "half.h5", "label"), RMSEG_ERROR_FORMAT,
                 "half.h5: this HDF5 has no dataset \"label\" (it has image); expected datasets image and label");
}

static void assert_partner(const char *path, const char *expected)
{
    char *partner = NULL;
    assert_ok(rmseg_image_partner(&partner, path));
    if (expected)
        assert_string_equal(partner, expected);
    else
        assert_null(partner);
    rmseg_free(partner);
}

static void the_file_of_the_voxels_is_named(void **state)
{
    (void)state;
    assert_partner(FOLDER "detached.nhdr", FOLDER "detached.raw");
    assert_partner(FOLDER "skip.nhdr", FOLDER "./skip.dat");
    assert_partner(FOLDER "detached-m-packed.mhd", FOLDER "detached-m-packed.zraw");
    assert_partner(FOLDER "gzip.nrrd", NULL);
    assert_partner(FOLDER "packed.mha", NULL);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void check_written(const golden *g, const char *path)
{
    static const char *const endings[] = {"nrrd", "mha"};
    char to[512];
    rmseg_image *image = read_image(path);
    for (int i = 0; i < 2; i++) {
        snprintf(to, sizeof to, "%s/%s.%s", WRITTEN, g->name, endings[i]);
        assert_ok(rmseg_image_write(image, to));
        rmseg_image *back = read_image(to);
        assert_int_equal(back->dtype, image->dtype);
        assert_int_equal(back->channels, image->channels);
        assert_int_equal(back->has_spacing, image->has_spacing);
        assert_memory_equal(back->size, image->size, sizeof back->size);
        assert_memory_equal(back->data, image->data, data_bytes(image));
        assert_memory_equal(back->origin, image->origin, sizeof back->origin);
        assert_place(to, back, image->spacing, image->origin, image->direction);
        if (image->axes) assert_int_equal(back->axes, image->axes);
        rmseg_image_destroy(back);
    }
    rmseg_image_destroy(image);
}

static void what_was_read_is_written_where_it_was(void **state)
{
    (void)state;
    assert_ok(rmseg_folder_create(WRITTEN));
    for_each_golden(check_written);
}

/* From and to NIfTI: one world, and no digit lost where a spacing is split from its direction. */
static void a_place_goes_from_format_to_format(void **state)
{
    (void)state;
    static const char *const paths[] = {RMSEG_TEST_TMP "/place.nrrd", RMSEG_TEST_TMP "/place.mha"};
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, RMSEG_U8, 1, (int64_t[3]){3, 4, 5}));
    memcpy(image->spacing, (double[3]){0.625, 1.1, 0.3}, sizeof image->spacing);
    memcpy(image->origin, (double[3]){-1.1, 2.2, 1e-9}, sizeof image->origin);
    memcpy(image->direction, (double[9]){0, 0, -1, 0, 1, 0, 1, 0, 0}, sizeof image->direction);
    image->has_spacing = true;
    for (int i = 0; i < 2; i++) {
        assert_ok(rmseg_image_write(image, paths[i]));
        rmseg_image *back = read_image(paths[i]);
        assert_memory_equal(back->spacing, image->spacing, sizeof back->spacing);
        assert_memory_equal(back->origin, image->origin, sizeof back->origin);
        for (int k = 0; k < 9; k++) assert_true(back->direction[k] == image->direction[k]);
        rmseg_image_destroy(back);
    }
    rmseg_image_destroy(image);
}

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, RMSEG_U8, 1, (int64_t[3]){1, 4, 5}));
    assert_fails(rmseg_image_write(image, RMSEG_TEST_TMP "/c.nhdr"), RMSEG_ERROR_UNSUPPORTED, "use .nrrd");
    assert_fails(rmseg_image_write(image, RMSEG_TEST_TMP "/c.mhd"), RMSEG_ERROR_UNSUPPORTED, "use .mha");
    if (is_read("c.h5"))
        assert_fails(rmseg_image_write(image, RMSEG_TEST_TMP "/c.h5"), RMSEG_ERROR_UNSUPPORTED, "does not write HDF5");
    rmseg_image_destroy(image);
}

/* ---- files that are not what they should be --------------------------------------------------------------------- */

static void bad_files_have_their_sentences(void **state)
{
    (void)state;
    static const bad_file files[] = {
        {"type.nrrd", RMSEG_ERROR_FORMAT, "this NRRD has \"type: block\"; expected int8 to uint64, float or double"},
        {"type-none.nrrd", RMSEG_ERROR_FORMAT, "its header lacks \"type\""},
        {"dimension.nrrd", RMSEG_ERROR_FORMAT, "\"dimension: 17\"; expected 1 to 16"},
        {"sizes-few.nrrd", RMSEG_ERROR_FORMAT, "this NRRD has 3 axes, but 2 sizes"},
        {"sizes-zero.nrrd", RMSEG_ERROR_FORMAT, "\"sizes: 4 0 2\"; expected a whole number above 0"},
        {"sizes-text.nrrd", RMSEG_ERROR_FORMAT, "\"sizes: 4 x 2\""},
        {"sizes-lie.nrrd", RMSEG_ERROR_FORMAT, "announces 400 x 300 x 200 pixels, more than its 24 bytes can hold"},
        {"sizes-overflow.nrrd", RMSEG_ERROR_FORMAT, "announces 9223372036854775807 x "},
        {"directions-zero.nrrd", RMSEG_ERROR_FORMAT, "a spacing of 0 along axis 2; expected a number above 0"},
        {"directions-nan.nrrd", RMSEG_ERROR_FORMAT, "a spacing of nan along axis 2"},
        {"directions-open.nrrd", RMSEG_ERROR_FORMAT, "expected a vector like (1,0,0), or none, for each axis"},
        {"directions-few.nrrd", RMSEG_ERROR_FORMAT, "this NRRD has 3 axes, but 2 space directions"},
        {"origin-nan.nrrd", RMSEG_ERROR_FORMAT, "the origin of this NRRD has a coordinate nan"},
        {"encoding.nrrd", RMSEG_ERROR_UNSUPPORTED, "is encoded as bzip2; rmseg reads raw and gzip"},
        {"encoding-none.nrrd", RMSEG_ERROR_FORMAT, "its header lacks \"encoding\""},
        {"endian.nrrd", RMSEG_ERROR_FORMAT, "\"endian: middle\"; expected little or big"},
        {"skip.nrrd", RMSEG_ERROR_FORMAT, "announces 4 x 3 x 2 pixels, more than its 24 bytes can hold"},
        {"skip-far.nrrd", RMSEG_ERROR_FORMAT, "announces 4 x 3 x 2 pixels, more than its 24 bytes can hold"},
        {"lines.nrrd", RMSEG_ERROR_FORMAT, "passes over 9 lines before its voxels"},
        {"line.nrrd", RMSEG_ERROR_FORMAT, "the line \"endian little\"; expected a field like"},
        {"list.nrrd", RMSEG_ERROR_UNSUPPORTED, "lie in several files (LIST)"},
        {"missing.nrrd", RMSEG_ERROR_FILE, "nowhere.raw, which is no file"},
        {"folder.nrrd", RMSEG_ERROR_FILE, "../bad, which is no file"},
        {"space.nrrd", RMSEG_ERROR_FORMAT, "\"space: outer\"; expected left-posterior-superior"},
        {"space-time.nrrd", RMSEG_ERROR_UNSUPPORTED, "lies in space and time"},
        {"cut.nrrd", RMSEG_ERROR_FORMAT, "announces 4 x 3 x 2 pixels, more than its 23 bytes can hold"},
        {"cut-header.nrrd", RMSEG_ERROR_FORMAT, "this NRRD has \"space: left-po\""},
        {"spacing-zero.nrrd", RMSEG_ERROR_FORMAT, "a spacing of 0 along axis 1; expected a number above 0"},
        {"spacing-negative.nrrd", RMSEG_ERROR_FORMAT, "a spacing of -1 along axis 1"},
        {"cut-gzip.nrrd", RMSEG_ERROR_FORMAT, "damaged or cut short (25 bytes): it ends too early"},
        {"cut-gzip-end.nrrd", RMSEG_ERROR_FORMAT, "it ends too early"},
        {"checksum.nrrd", RMSEG_ERROR_FORMAT, "incorrect data check"},
        {"time.nrrd", RMSEG_ERROR_UNSUPPORTED, "this NRRD is 4D: its axis 3 has 5 entries"},
        {"large.nrrd", RMSEG_ERROR_UNSUPPORTED, "uint64 values beyond 2^53"},
        {"object.mha", RMSEG_ERROR_FORMAT, "\"ObjectType = Tube\"; expected Image"},
        {"type.mha", RMSEG_ERROR_FORMAT, "\"ElementType = MET_STRING\"; expected MET_CHAR to"},
        {"type-none.mha", RMSEG_ERROR_FORMAT, "its header lacks ElementType"},
        {"axes.mha", RMSEG_ERROR_FORMAT, "\"NDims = 11\"; expected 1 to 10"},
        {"axes-few.mha", RMSEG_ERROR_FORMAT, "has 2 axes, but 3 numbers in DimSize"},
        {"sizes-zero.mha", RMSEG_ERROR_FORMAT, "\"DimSize = 4 0 2\""},
        {"sizes-lie.mha", RMSEG_ERROR_FORMAT, "announces 400 x 300 x 200 pixels"},
        {"sizes-overflow.mha", RMSEG_ERROR_FORMAT, "announces 9223372036854775807 x "},
        {"channels.mha", RMSEG_ERROR_FORMAT, "more than its 24 bytes can hold"},
        {"spacing-zero.mha", RMSEG_ERROR_FORMAT, "a spacing of 0 along axis 1; expected a number above 0"},
        {"spacing-nan.mha", RMSEG_ERROR_FORMAT, "a spacing of nan along axis 1"},
        {"matrix.mha", RMSEG_ERROR_FORMAT, "a spacing of 0 along axis 0"},
        {"matrix-few.mha", RMSEG_ERROR_FORMAT, "8 numbers in TransformMatrix; expected 9"},
        {"offset.mha", RMSEG_ERROR_FORMAT, "the origin of this MetaImage has a coordinate inf"},
        {"offset-text.mha", RMSEG_ERROR_FORMAT, "\"Offset = 1 here 30\""},
        {"text.mha", RMSEG_ERROR_UNSUPPORTED, "are text (BinaryData = False)"},
        {"missing.mha", RMSEG_ERROR_FILE, "nowhere.raw, which is no file"},
        {"list.mha", RMSEG_ERROR_UNSUPPORTED, "lie in several files (LIST)"},
        {"line.mha", RMSEG_ERROR_FORMAT, "the line \"NDims: 3\"; expected a field like"},
        {"cut.mha", RMSEG_ERROR_FORMAT, "more than its 23 bytes can hold"},
        {"cut-header.mha", RMSEG_ERROR_FORMAT, "the line \"BinaryDataByt\""},
        {"not-packed.mha", RMSEG_ERROR_FORMAT, "incorrect header check"},
        {"cut-packed.mha", RMSEG_ERROR_FORMAT, "it ends too early"},
        {"checksum.mha", RMSEG_ERROR_FORMAT, "incorrect data check"},
        {"time.mha", RMSEG_ERROR_UNSUPPORTED, "this MetaImage is 4D: its axis 3 has 5 entries"},
        {"no-image.h5", RMSEG_ERROR_FORMAT, "has no dataset \"image\" (it has label, scan)"},
        {"nothing.h5", RMSEG_ERROR_FORMAT, "has no dataset \"image\" (it has nothing)"},
        {"group.h5", RMSEG_ERROR_UNSUPPORTED, "its dataset \"image\" is no dataset"},
        {"text.h5", RMSEG_ERROR_UNSUPPORTED, "has 0 axes; expected 2 (H,W) or 3 (D,H,W)"},
        {"complex.h5", RMSEG_ERROR_UNSUPPORTED, "holds no plain numbers"},
        {"four-axes.h5", RMSEG_ERROR_UNSUPPORTED, "has 4 axes; expected 2 (H,W) or 3 (D,H,W)"},
        {"scalar.h5", RMSEG_ERROR_UNSUPPORTED, "has 0 axes"},
        {"empty.h5", RMSEG_ERROR_FORMAT, "this HDF5 has no pixels"},
        {"huge.h5", RMSEG_ERROR_FORMAT, "announces 4000 x 4000 x 4000 pixels, more than its 1400 bytes can hold"},
        {"large.h5", RMSEG_ERROR_UNSUPPORTED, "integers beyond 2^53"},
        {"soft-link.h5", RMSEG_ERROR_UNSUPPORTED, "is a link; expected the dataset itself"},
        {"external-link.h5", RMSEG_ERROR_UNSUPPORTED, "is a link; expected the dataset itself"},
        {"external.h5", RMSEG_ERROR_UNSUPPORTED, "lies in other files"},
        {"virtual.h5", RMSEG_ERROR_UNSUPPORTED, "lies in other files"},
        {"cut.h5", RMSEG_ERROR_FORMAT, "libhdf5 cannot open it"},
        {"cut-header.h5", RMSEG_ERROR_FORMAT, "libhdf5 cannot open it"},
        {"scan.dcm", RMSEG_ERROR_UNSUPPORTED,
         "a DICOM file, a slice as scanners write it; turn the folder of its "
         "series into one NIfTI first: dcm2niix -z y -o OUT FOLDER"},
    };
    check_bad_files(FOLDER "bad/", files, sizeof files / sizeof *files);
}

/* The data of a text header, given as bytes that are of no file. */
static void bytes_without_a_path_have_no_file_beside_them(void **state)
{
    (void)state;
    static const char nrrd[] = "NRRD0004\ntype: uchar\ndimension: 1\nsizes: 4\nencoding: raw\ndata file: /etc/passwd\n";
    static const char meta[] = "NDims = 1\nDimSize = 4\nElementType = MET_UCHAR\nElementDataFile = /etc/passwd\n";
    rmseg_image *image = NULL;
    assert_fails(rmseg_image_decode(&image, nrrd, sizeof nrrd - 1, "n"), RMSEG_ERROR_FILE, "are missing");
    assert_fails(rmseg_image_decode(&image, meta, sizeof meta - 1, "m"), RMSEG_ERROR_FILE, "are missing");
}

/* ---- spoilt files ----------------------------------------------------------------------------------------------- */

static void decode_copy(const uint8_t *bytes, size_t length, bool must_fail, const char *name)
{
    uint8_t *copy = malloc(length ? length : 1); /* ends where the bytes end */
    rmseg_image *image = NULL;
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    if (rmseg_image_decode(&image, copy, length, name) == RMSEG_OK) {
        if (must_fail) fail_msg("%s: read from its first %zu bytes", name, length);
        rmseg_image_destroy(image);
    }
    free(copy);
}

static bool is_text_format(const char *name) { return strstr(name, ".nrrd") || strstr(name, ".mha"); }

static void spoil(const golden *g, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (!is_text_format(g->name)) return;
    assert_ok(rmseg_file_read(&bytes, &length, path, 0));
    for (size_t cut = 0; cut < length; cut++) decode_copy(bytes, cut, true, g->name);
    for (size_t at = 0; at < length; at++) {
        uint8_t right = bytes[at];
        for (int bit = 0; bit < 8; bit += 3) {
            bytes[at] = right ^ (uint8_t)(1 << bit);
            decode_copy(bytes, length, false, g->name);
        }
        bytes[at] = right;
    }
    rmseg_free(bytes);
}

static void spoilt_files_are_survived(void **state)
{
    (void)state;
    for_each_golden(spoil);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static void decode_without_memory(const golden *g, const char *path)
{
    if (strstr(g->name, ".h5") || strstr(g->name, "-be") || strstr(g->name, "itk")) return;
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int64_t before = rmseg_memory_stats_get().live_bytes;
    for (int64_t n = 1; status; n++) {
        rmseg_image *image = NULL;
        rmseg_memory_fail_at(n);
        status = rmseg_image_read(&image, path);
        rmseg_memory_fail_at(0);
        if (status) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        rmseg_image_destroy(image);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
    }
}

static void failing_memory_leaks_nothing(void **state)
{
    (void)state;
    for_each_golden(decode_without_memory);
}

static void failing_memory_writes_nothing(void **state)
{
    (void)state;
    static const char *const paths[] = {RMSEG_TEST_TMP "/memory.nrrd", RMSEG_TEST_TMP "/memory.mha"};
    rmseg_image *image = read_image(FOLDER "gzip.nrrd");
    int64_t before = rmseg_memory_stats_get().live_bytes;
    for (int i = 0; i < 2; i++) {
        rmseg_status status = RMSEG_ERROR_MEMORY;
        for (int64_t n = 1; status; n++) {
            rmseg_memory_fail_at(n);
            status = rmseg_image_write(image, paths[i]);
            rmseg_memory_fail_at(0);
            if (status) assert_int_equal(status, RMSEG_ERROR_MEMORY);
            assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
        }
    }
    rmseg_image_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_say_what_others_read),
        cmocka_unit_test(the_label_of_an_hdf5_is_read_by_its_name),
        cmocka_unit_test(the_file_of_the_voxels_is_named),
        cmocka_unit_test(what_was_read_is_written_where_it_was),
        cmocka_unit_test(a_place_goes_from_format_to_format),
        cmocka_unit_test(what_cannot_be_written_is_said),
        cmocka_unit_test(bad_files_have_their_sentences),
        cmocka_unit_test(bytes_without_a_path_have_no_file_beside_them),
        cmocka_unit_test(spoilt_files_are_survived),
        cmocka_unit_test(failing_memory_leaks_nothing),
        cmocka_unit_test(failing_memory_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
