/* Images in pieces: what is read so is what is read at once, in every golden file and in files that are longer than what is read
 * of them first; what is written from a source is, byte for byte, what is written of an image. */
#include <math.h>

#include "image/image.h"
#include "unit.h"

#define AT(name) RMSEG_TEST_TMP "/" name

typedef struct collecting {
    rmseg_image *whole; /* read at once */
    int64_t seen;       /* voxels */
} collecting;

static rmseg_status compare_piece(void *user, const rmseg_image *piece, int64_t channel, int64_t first)
{
    collecting *c = user;
    const rmseg_image *whole = c->whole;
    size_t element = rmseg_dtype_size(whole->dtype);
    int64_t plane = whole->size[1] * whole->size[2], voxels = rmseg_image_voxels(piece);
    assert_int_equal(piece->dtype, whole->dtype);
    assert_true(piece->size[1] == whole->size[1] && piece->size[2] == whole->size[2]);
    for (int64_t k = 0; k < piece->channels; k++)
        assert_memory_equal((char *)piece->data + (size_t)(k * voxels) * element,
                            (char *)whole->data +
                                (size_t)((channel + k) * rmseg_image_voxels(whole) + first * plane) * element,
                            (size_t)voxels * element);
    c->seen += piece->channels * voxels;
    return RMSEG_OK;
}

static bool check(const char *path, int64_t most)
{
    collecting c = {0};
    if (rmseg_image_read(&c.whole, path) != RMSEG_OK) return false;
    bool streams = rmseg_image_streams(c.whole);
    if (streams) {
        assert_ok(rmseg_image_stream(path, most, compare_piece, &c));
        assert_int_equal(c.seen, c.whole->channels * rmseg_image_voxels(c.whole));
    } else {
        assert_fails(rmseg_image_stream(path, most, compare_piece, &c), RMSEG_ERROR_UNSUPPORTED, "pieces");
    }
    rmseg_image_destroy(c.whole);
    return streams;
}

static void golden_files_are_read_the_same(void **state)
{
    (void)state;
    static const char *const folders[] = {RMSEG_GOLDEN "/image/nifti", RMSEG_GOLDEN "/image/volumes",
                                          RMSEG_GOLDEN "/image"};
    int64_t read = 0;
    for (int f = 0; f < 3; f++) {
        rmseg_names names = {0};
        assert_ok(rmseg_folder_list(&names, folders[f]));
        for (int64_t i = 0; i < names.count; i++) {
            char *path = rmseg_path_join(folders[f], names.items[i]);
            if (rmseg_file_exists(path))
                for (int64_t most = 1; most < 1000; most *= 30) read += check(path, most);
            rmseg_free(path);
        }
        rmseg_names_destroy(&names);
    }
    assert_true(read > 200);
}

static rmseg_image *noise(rmseg_dtype dtype, int64_t channels, int64_t d, int64_t h, int64_t w)
{
    rmseg_image *image = NULL;
    rmseg_random r = rmseg_random_stream(3, RMSEG_RANDOM_TEST, 0, 0);
    assert_ok(rmseg_image_create(&image, dtype, channels, (int64_t[]){d, h, w}));
    int64_t count = channels * d * h * w;
    for (int64_t i = 0; i < count; i++) {
        double value = rmseg_random_normal(&r) * 3000;
        if (dtype == RMSEG_F32)
            ((float *)image->data)[i] = (float)value;
        else if (dtype == RMSEG_U8)
            ((uint8_t *)image->data)[i] = (uint8_t)(int)value;
        else
            ((int16_t *)image->data)[i] = (int16_t)value;
    }
    for (int k = 0; k < 3; k++) image->spacing[k] = 1 + k, image->origin[k] = 5 - k;
    image->has_spacing = true;
    return image;
}

static const char *const names[] = {AT("a.nii"), AT("a.nii.gz"), AT("a.nrrd"), AT("a.mha")};

static void long_files_are_read_the_same(void **state)
{
    (void)state;
    rmseg_image *image = noise(RMSEG_I16, 1, 40, 150, 200), *several = noise(RMSEG_F32, 3, 20, 90, 80);
    for (int i = 0; i < 4; i++) {
        assert_ok(rmseg_image_write(image, names[i]));
        assert_true(check(names[i], 100000));
        if (i < 2) continue;
        assert_ok(rmseg_image_write(several, names[i]));
        assert_true(check(names[i], 50000));
    }
    rmseg_image_destroy(image);
    rmseg_image_destroy(several);
}

/* Voxels in a file of their own: from its start, behind a header, at its end; channels side by side and apart. */
static void voxels_of_their_own_file_are_read_the_same(void **state)
{
    (void)state;
    enum { D = 12, H = 60, W = 40, C = 2, LENGTH = D * H * W * C * 2 };
    static const char *const headers[] = {
        "ObjectType = Image\nNDims = 3\nDimSize = 40 60 12\nElementNumberOfChannels = 2\nElementType = MET_SHORT\n"
        "HeaderSize = 100\nElementDataFile = v.raw\n",
        "ObjectType = Image\nNDims = 3\nDimSize = 40 60 12\nElementNumberOfChannels = 2\nElementType = MET_SHORT\n"
        "HeaderSize = -1\nElementDataFile = v.raw\n",
        "ObjectType = Image\nNDims = 3\nDimSize = 40 60 12\nElementNumberOfChannels = 2\nElementType = MET_SHORT\n"
        "HeaderSize = 9000\nElementDataFile = v.raw\n",
        "NRRD0004\ntype: short\ndimension: 4\nsizes: 40 60 12 2\nkinds: domain domain domain vector\nendian: big\n"
        "encoding: raw\nbyte skip: 11\ndata file: v.raw\n\n",
        "NRRD0004\ntype: short\ndimension: 4\nsizes: 40 2 60 12\nkinds: domain vector domain domain\nendian: big\n"
        "encoding: raw\nbyte skip: -1\ndata file: v.raw\n\n",
    };
    static uint8_t bytes[9000 + LENGTH];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    assert_ok(rmseg_file_write(AT("v.raw"), bytes, sizeof bytes));
    for (int i = 0; i < 5; i++) {
        const char *path = i < 3 ? AT("v.mhd") : AT("v.nhdr");
        assert_ok(rmseg_file_write(path, headers[i], strlen(headers[i])));
        for (int64_t most = 1; most < 30000; most *= 17) assert_true(check(path, most));
    }
}

static rmseg_status ignore(void *user, const rmseg_image *piece, int64_t channel, int64_t first)
{
    return (void)user, (void)piece, (void)channel, (void)first, RMSEG_OK;
}

static rmseg_status refuse(void *user, const rmseg_image *piece, int64_t channel, int64_t first)
{
    return (void)user, (void)piece, (void)channel, first < 5 ? RMSEG_OK : rmseg_fail(RMSEG_ERROR_CANCELLED, "enough");
}

static void damaged_and_refused_files_say_so(void **state)
{
    (void)state;
    rmseg_image *image = noise(RMSEG_I16, 1, 40, 150, 200);
    for (int i = 0; i < 4; i++) {
        uint8_t *bytes = NULL;
        size_t length = 0;
        assert_ok(rmseg_image_write(image, names[i]));
        assert_fails(rmseg_image_stream(names[i], 1, refuse, NULL), RMSEG_ERROR_CANCELLED, "enough");
        assert_ok(rmseg_file_read(&bytes, &length, names[i], 0));
        assert_ok(rmseg_file_write(names[i], bytes, length - 20));
        assert_fails(rmseg_image_stream(names[i], 100000, ignore, NULL), RMSEG_ERROR_FORMAT, names[i]);
        if (i > 0) {
            bytes[length - 3000] ^= 85;
            assert_ok(rmseg_file_write(names[i], bytes, length));
            assert_fails(rmseg_image_stream(names[i], 100000, ignore, NULL), RMSEG_ERROR_FORMAT, names[i]);
        }
        rmseg_free(bytes);
    }
    rmseg_image_destroy(image);
}

static rmseg_status give(void *user, void *planes, int64_t first, int64_t count)
{
    const rmseg_image *image = user;
    size_t plane = (size_t)(image->size[1] * image->size[2]) * rmseg_dtype_size(image->dtype);
    memcpy(planes, (const char *)image->data + (size_t)first * plane, (size_t)count * plane);
    return RMSEG_OK;
}

static rmseg_status fail_late(void *user, void *planes, int64_t first, int64_t count)
{
    return first > 3 ? rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted") : give(user, planes, first, count);
}

static void writing_from_a_source_gives_the_same_bytes(void **state)
{
    (void)state;
    static const rmseg_dtype types[] = {RMSEG_U8, RMSEG_I16, RMSEG_F32};
    for (int t = 0; t < 3; t++) {
        rmseg_image *image = noise(types[t], 1, 23, 30, 41), header = *image;
        header.data = NULL;
        for (int i = 0; i < 4; i++) {
            uint8_t *expected = NULL, *bytes = NULL;
            size_t length = 0, other = 0;
            assert_ok(rmseg_image_write(image, names[i]));
            assert_ok(rmseg_file_read(&expected, &length, names[i], 0));
            rmseg_image_source source = {.read = give, .user = image, .planes = 1 + 5 * t};
            assert_ok(rmseg_image_write_from(&header, &source, names[i]));
            assert_ok(rmseg_file_read(&bytes, &other, names[i], 0));
            assert_int_equal(length, other);
            assert_memory_equal(bytes, expected, length);
            rmseg_free(bytes);
            rmseg_free(expected);
            assert_ok(rmseg_file_remove(names[i]));
            source.read = fail_late, source.planes = 2;
            assert_fails(rmseg_image_write_from(&header, &source, names[i]), RMSEG_ERROR_CANCELLED, "interrupted");
            assert_false(rmseg_file_exists(names[i]));
        }
        rmseg_image_source source = {.read = give, .user = image, .planes = 1};
        assert_fails(rmseg_image_write_from(&header, &source, AT("a.tif")), RMSEG_ERROR_UNSUPPORTED, "pieces");
        rmseg_image_destroy(image);
    }
}

/* Any planes of a resampled image, from those that they need. */
static void planes_are_resampled_as_the_whole_is(void **state)
{
    (void)state;
    rmseg_image *image = noise(RMSEG_I16, 1, 19, 14, 11), *wide = NULL;
    assert_ok(rmseg_image_convert(&wide, image, RMSEG_F32));
    static const int64_t sizes[][3] = {{19, 10, 20}, {7, 14, 11}, {40, 9, 3}, {1, 30, 11}, {19, 14, 11}, {12, 7, 25}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        rmseg_image *whole = NULL;
        const int64_t *size = sizes[s];
        assert_ok(rmseg_image_resample(&whole, image, size, RMSEG_LINEAR));
        for (int64_t from = 0; from < size[0]; from++)
            for (int64_t count = 1; from + count <= size[0]; count += 3) {
                rmseg_image part = *wide, *made = NULL;
                int64_t first;
                rmseg_image_resample_needs(&first, &part.size[0], 19, size[0], from, count);
                assert_true(first >= 0 && part.size[0] >= 1 && first + part.size[0] <= 19);
                part.data = (float *)wide->data + first * 14 * 11;
                assert_ok(rmseg_image_resample_planes(&made, &part, 19, size, from, count));
                assert_memory_equal(made->data, (float *)whole->data + from * size[1] * size[2],
                                    (size_t)(count * size[1] * size[2]) * sizeof(float));
                rmseg_image_destroy(made);
            }
        rmseg_image_destroy(whole);
    }
    rmseg_image_destroy(image);
    rmseg_image_destroy(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_files_are_read_the_same),
        cmocka_unit_test(long_files_are_read_the_same),
        cmocka_unit_test(voxels_of_their_own_file_are_read_the_same),
        cmocka_unit_test(damaged_and_refused_files_say_so),
        cmocka_unit_test(writing_from_a_source_gives_the_same_bytes),
        cmocka_unit_test(planes_are_resampled_as_the_whole_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
