/* Files of named tensors: written and read back, byte by byte as the specification says, and every lie in a header
 * refused. */
#include "nn/safetensors.h"
#include "unit.h"

#define PATH RMSEG_TEST_TMP "/a.safetensors"

static const int64_t dims[2] = {2, 3};
static const float floats[6] = {1, -2, 3.5f, 0, 1e-30f, -1e30f};

static rmseg_tensor_file small_file(void)
{
    rmseg_tensor_file file = {0};
    const uint8_t bytes[3] = {1, 2, 255};
    const int64_t count = 7;
    assert_ok(rmseg_tensor_file_add(&file, "mask", "U8", 1, (const int64_t[1]){3}, bytes));
    assert_ok(rmseg_tensor_file_add(&file, "a.weight", "F32", 2, dims, floats));
    assert_ok(rmseg_tensor_file_add(&file, "count", "I64", 0, NULL, &count));
    assert_ok(rmseg_tensor_file_add(&file, "none", "F64", 1, (const int64_t[1]){0}, floats));
    assert_ok(rmseg_tensor_file_note(&file, "who", "said \"this\"\n\xc3\xa9"));
    return file;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    rmseg_tensor_file file = small_file(), back = {0};
    assert_ok(rmseg_tensor_file_write(&file, PATH));
    assert_ok(rmseg_tensor_file_read(&back, PATH));
    assert_int_equal(back.count, 4);
    for (int64_t i = 0; i < file.count; i++) {
        const rmseg_named_tensor *a = &file.tensors[i], *b = rmseg_tensor_file_find(&back, a->name);
        assert_non_null(b);
        assert_string_equal(a->dtype, b->dtype);
        assert_int_equal(a->rank, b->rank);
        assert_memory_equal(a->dims, b->dims, sizeof a->dims);
        assert_int_equal(a->bytes, b->bytes);
        if (a->bytes) assert_memory_equal(a->data, b->data, a->bytes);
    }
    assert_string_equal(rmseg_tensor_file_value(&back, "who"), "said \"this\"\n\xc3\xa9");
    assert_null(rmseg_tensor_file_value(&back, "what"));
    assert_null(rmseg_tensor_file_find(&back, "what"));
    rmseg_tensor_file_destroy(&file);
    rmseg_tensor_file_destroy(&back);
    rmseg_tensor_file_destroy(NULL);
}

/* Readers that map the file want each tensor aligned to its element. */
static void wide_elements_come_first_and_the_header_is_padded(void **state)
{
    (void)state;
    rmseg_tensor_file file = small_file();
    uint8_t *bytes = NULL;
    size_t length = 0;
    uint64_t header = 0;
    assert_ok(rmseg_tensor_file_write(&file, PATH));
    assert_ok(rmseg_file_read(&bytes, &length, PATH, 0));
    memcpy(&header, bytes, 8);
    assert_int_equal(header % 8, 0);
    assert_int_equal(length, 8 + header + 8 + 24 + 3);
    assert_int_equal(bytes[8], '{');
    assert_int_equal(bytes[8 + header], 7);
    assert_memory_equal(bytes + 8 + header + 8, floats, sizeof floats);
    rmseg_free(bytes);
    rmseg_tensor_file_destroy(&file);
}

static void names_are_unique_and_types_known(void **state)
{
    (void)state;
    rmseg_tensor_file file = small_file();
    assert_fails(rmseg_tensor_file_add(&file, "mask", "F32", 2, dims, floats), RMSEG_ERROR_ARGUMENT, "taken");
    assert_fails(rmseg_tensor_file_add(&file, "__metadata__", "F32", 2, dims, floats), RMSEG_ERROR_ARGUMENT, "taken");
    assert_fails(rmseg_tensor_file_add(&file, "b", "BF16", 2, dims, floats), RMSEG_ERROR_ARGUMENT, "BF16");
    assert_fails(rmseg_tensor_file_add(&file, "b", "F32", 9, dims, floats), RMSEG_ERROR_ARGUMENT, "rank 9");
    assert_int_equal(file.count, 4);
    rmseg_tensor_file_destroy(&file);
}

/* ---- lies -------------------------------------------------------------------------------------------------------- */

/* Parses header + `data` bytes of data, in a block of exactly that size so that a sanitizer sees a read beyond it. */
static rmseg_status parse(const char *header, size_t data)
{
    rmseg_tensor_file file = {0};
    size_t length = strlen(header);
    uint64_t announced = length;
    uint8_t *bytes = rmseg_alloc((int64_t)(8 + length + data), 1);
    memcpy(bytes, &announced, 8);
    memcpy(bytes + 8, header, length);
    rmseg_status status = rmseg_tensor_file_parse(&file, bytes, 8 + length + data, "x.safetensors");
    if (status == RMSEG_OK) rmseg_tensor_file_destroy(&file);
    assert_null(file.tensors);
    rmseg_free(bytes);
    return status;
}

#define ENTRY(name, dtype, shape, begin, end)                                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void good_headers_pass(void **state)
{
    (void)state;
    assert_ok(parse("{}", 0));
    assert_ok(parse("{}   ", 0));
    assert_ok(parse("{\"__metadata__\":{}}", 0));
    assert_ok(parse("{" ENTRY("b", "F32", "[2]", "4", "12") "," ENTRY("a", "F32", "[1]", "0", "4") "}", 12));
    assert_ok(parse("{" ENTRY("a", "U8", "[]", "0", "1") "," ENTRY("b", "U8", "[0]", "1", "1") "}", 1));
}

static void lies_in_the_header_are_refused(void **state)
{
    (void)state;
    const rmseg_status bad = RMSEG_ERROR_FORMAT;
    assert_fails(parse("[]", 0), bad, "x.safetensors: the header is no JSON object");
    assert_fails(parse("{\"a\":", 0), bad, "no JSON (line 1");
    assert_fails(parse("{}x", 0), bad, "no JSON");
    assert_fails(parse("{\"a\":1}", 0), bad, "no dtype");
    assert_fails(parse("{\"a\":{\"dtype\":\"F32\"}}", 0), bad, "no shape");
    assert_fails(parse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4), bad, "no data_offsets");
    assert_fails(parse("{\"__metadata__\":{\"a\":1}}", 0), bad, "metadata \"a\" is no text");
    assert_fails(parse("{\"__metadata__\":[]}", 0), bad, "metadata");
    assert_fails(parse("{" ENTRY("a", "F32", "[1.0]", "0", "4") "}", 4), bad, "no whole number");
    assert_fails(parse("{" ENTRY("a", "F32", "[-1]", "0", "4") "}", 4), bad, "no whole number");
    assert_fails(parse("{" ENTRY("a", "F32", "[4294967296,4294967296]", "0", "4") "}", 4), bad,
                 "more bytes than any file");
    assert_fails(parse("{" ENTRY("a", "F32", "[1]", "4", "0") "}", 4), bad, "run backward");
    assert_fails(parse("{" ENTRY("a", "F32", "[1]", "-4", "0") "}", 4), bad, "run backward");
    assert_fails(parse("{" ENTRY("a", "F32", "[1]", "0", "8") "}", 8), bad, "8 bytes of data where its shape needs 4");
    assert_fails(parse("{" ENTRY("a", "F32", "[2]", "0", "8") "}", 7), bad, "cut short");
    assert_fails(parse("{" ENTRY("a", "F32", "[1]", "0", "4") "}", 5), bad, "1 bytes follow the last tensor");
    assert_fails(parse("{" ENTRY("a", "F32", "[1]", "4", "8") "}", 8), bad, "unused bytes before it");
    assert_fails(parse("{" ENTRY("a", "F32", "[2]", "0", "8") "," ENTRY("b", "F32", "[1]", "4", "8") "}", 8), bad,
                 "overlaps");
    assert_fails(parse("{" ENTRY("a", "F32", "[1]", "0", "4") "," ENTRY("a", "F32", "[1]", "4", "8") "}", 8), bad,
                 "duplicate");
    assert_fails(parse("{" ENTRY("a", "BF16", "[1]", "0", "2") "}", 2), RMSEG_ERROR_UNSUPPORTED,
                 "dtype BF16; rmseg reads F32");
    assert_fails(parse("{" ENTRY("a", "U8", "[1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1), RMSEG_ERROR_UNSUPPORTED,
                 "9 axes");
}

static void files_cut_short_are_refused(void **state)
{
    (void)state;
    rmseg_tensor_file file = small_file(), back = {0};
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_tensor_file_write(&file, PATH));
    assert_ok(rmseg_file_read(&bytes, &length, PATH, 0));
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *part = rmseg_alloc((int64_t)cut, 1);
        memcpy(part, bytes, cut);
        assert_fails(rmseg_tensor_file_parse(&back, part, cut, "a"), RMSEG_ERROR_FORMAT, "a: ");
        assert_null(back.tensors);
        rmseg_free(part);
    }
    assert_ok(rmseg_file_write(PATH ".cut", bytes, length - 1));
    assert_fails(rmseg_tensor_file_read(&back, PATH ".cut"), RMSEG_ERROR_FORMAT, PATH ".cut: ");
    assert_fails(rmseg_tensor_file_read(&back, RMSEG_TEST_TMP "/none"), RMSEG_ERROR_FILE, "none");
    rmseg_free(bytes);
    rmseg_tensor_file_destroy(&file);
}

static void running_out_of_memory_is_told_and_nothing_leaks(void **state)
{
    (void)state;
    int64_t before = rmseg_memory_stats_get().live_bytes;
    rmseg_tensor_file file = small_file(), back = {0};
    assert_ok(rmseg_tensor_file_write(&file, PATH));
    rmseg_tensor_file_destroy(&file);
    rmseg_status status = RMSEG_ERROR_MEMORY;
    for (int64_t n = 1; status != RMSEG_OK; n++) {
        assert_int_equal(status, RMSEG_ERROR_MEMORY);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
        rmseg_memory_fail_at(n);
        status = rmseg_tensor_file_read(&back, PATH);
    }
    rmseg_memory_fail_at(0);
    rmseg_tensor_file_destroy(&back);
    assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(wide_elements_come_first_and_the_header_is_padded),
        cmocka_unit_test(names_are_unique_and_types_known),
        cmocka_unit_test(good_headers_pass),
        cmocka_unit_test(lies_in_the_header_are_refused),
        cmocka_unit_test(files_cut_short_are_refused),
        cmocka_unit_test(running_out_of_memory_is_told_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
