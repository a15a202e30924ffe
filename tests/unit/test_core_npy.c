/*
 * test_core_npy.c - arrays as NumPy wrote them (tools/golden_npy.py), damaged ones, and ours back again.
 */
#include <math.h>

#include "unit.h"

static const char *golden(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/npy/%s.npy", RMSEG_GOLDEN, name);
    return path;
}

/* What stands at place i of every file. */
static double expected(rmseg_array_type type, int64_t i)
{
    int64_t value = i * 7 % 11;
    switch (type) {
    case RMSEG_ARRAY_BOOL: return (double)(value % 2);
    case RMSEG_ARRAY_I8:
    case RMSEG_ARRAY_I16:
    case RMSEG_ARRAY_I32:
    case RMSEG_ARRAY_I64: return (double)(value - 5);
    case RMSEG_ARRAY_F16:
    case RMSEG_ARRAY_F32:
    case RMSEG_ARRAY_F64: return (double)(value - 5) / 2;
    default: return (double)value;
    }
}

static void check(const char *name, rmseg_array_type type, const char *shape)
{
    rmseg_array array = {0};
    char text[RMSEG_ARRAY_SHAPE_TEXT];
    assert_ok(rmseg_npy_read(&array, golden(name)));
    assert_string_equal(rmseg_array_type_name(array.type), rmseg_array_type_name(type));
    assert_string_equal(rmseg_array_shape(text, &array), shape);
    for (int64_t i = 0; i < array.count; i++)
        if (rmseg_array_value(&array, i) != expected(type, i))
            fail_msg("%s: element %d is %g", name, (int)i, rmseg_array_value(&array, i));
    rmseg_array_destroy(&array);
}

static void reads_every_type_in_both_byte_orders(void **state)
{
    static const char *const codes[] = {"b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"};
    (void)state;
    for (int t = 0; t < 12; t++)
        for (int big = 0; big < 2; big++) {
            char name[20];
            snprintf(name, sizeof name, "%s-%s", big ? "big" : "little", codes[t]);
            check(name, (rmseg_array_type)t, "(2, 3, 4)");
        }
}

static void reads_every_version_order_and_rank(void **state)
{
    (void)state;
    check("version-1", RMSEG_ARRAY_F32, "(2, 3, 4)");
    check("version-2", RMSEG_ARRAY_F32, "(2, 3, 4)");
    check("version-3", RMSEG_ARRAY_F32, "(2, 3, 4)");
    check("fortran-f4", RMSEG_ARRAY_F32, "(2, 3, 4)");
    check("fortran-big-i2", RMSEG_ARRAY_I16, "(2, 3, 4)");
    check("scalar", RMSEG_ARRAY_F64, "()");
    check("one-axis", RMSEG_ARRAY_I32, "(24,)");
    check("empty", RMSEG_ARRAY_F32, "(3, 0, 2)");
    check("eight-axes", RMSEG_ARRAY_U8, "(1, 2, 1, 3, 1, 2, 1, 2)");
}

static void refuses_what_is_damaged(void **state)
{
    static const struct {
        const char *name, *words;
    } bad[] = {
        {"magic", "no .npy file"},
        {"magic-only", "no .npy file"},
        {"version", "version 4.0; expected 1.0, 2.0 or 3.0"},
        {"minor", "version 1.1"},
        {"header-cut", "ends within its .npy header"},
        {"data-cut", "holds 95 bytes of data; expected 24 elements of float32"},
        {"data-more", "holds 97 bytes of data"},
        {"type-complex", "type '<c8'"},
        {"type-object", "type '|O'"},
        {"type-size", "type '<f9'"},
        {"type-word", "expected a string in quotes, found \"exec"},
        {"record", "records of several fields"},
        {"shape-negative", "expected an extent, found \"-4)"},
        {"shape-overflow", "more elements than can be counted"},
        {"shape-bytes-overflow", "expected 4611686018427387904 elements of float32, 4 bytes each"},
        {"shape-digits", "within the range of 64 bits"},
        {"shape-number", "expected ','"},
        {"shape-open", "expected an extent, found \"}"},
        {"shape-rank", "more than 8 axes"},
        {"order-word", "expected True or False, found \"Maybe"},
        {"key-missing", "no key 'fortran_order'"},
        {"key-twice", "the key 'shape' twice"},
        {"key-more", "the key 'x' besides"},
        {"behind", "expected blanks behind the dictionary, found \"or 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char name[40];
        rmseg_array array = {0};
        snprintf(name, sizeof name, "bad/%s", bad[i].name);
        assert_fails(rmseg_npy_read(&array, golden(name)), RMSEG_ERROR_FORMAT, bad[i].words);
        if (!strstr(rmseg_error_last(), name)) fail_msg("\"%s\" does not name the file", rmseg_error_last());
        assert_null(array.data);
    }
    rmseg_array array = {0};
    assert_fails(rmseg_npy_read(&array, golden("missing")), RMSEG_ERROR_FILE, "missing.npy");
}

/* What is written is, byte for byte, what NumPy writes. */
static void writes_as_numpy(void **state)
{
    static const char *const names[] = {"little-f4", "little-i8", "little-b1", "scalar",
                                        "one-axis",  "empty",     "eight-axes"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rmseg_array array = {0};
        uint8_t *theirs = NULL, *ours = NULL;
        size_t their_length = 0, our_length = 0;
        assert_ok(rmseg_npy_read(&array, golden(names[i])));
        assert_ok(rmseg_npy_write(&array, RMSEG_TEST_TMP "/written.npy"));
        assert_ok(rmseg_file_read(&theirs, &their_length, golden(names[i]), 0));
        assert_ok(rmseg_file_read(&ours, &our_length, RMSEG_TEST_TMP "/written.npy", 0));
        assert_int_equal(our_length, their_length);
        assert_memory_equal(ours, theirs, their_length);
        rmseg_free(theirs);
        rmseg_free(ours);
        rmseg_array_destroy(&array);
    }
}

static void values_of_half_precision(void **state)
{
    const uint16_t halves[] = {0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00};
    const double values[] = {0, 0, 0x1p-24, 1023 * 0x1p-24, 0x1p-14, 1, -2, 65504, INFINITY, -INFINITY};
    rmseg_array array = {.type = RMSEG_ARRAY_F16, .rank = 1, .size = {10}, .count = 10, .data = (void *)halves};
    (void)state;
    for (int i = 0; i < 10; i++) assert_true(rmseg_array_value(&array, i) == values[i]);
    array.data = (uint16_t[]){0x7e00};
    assert_true(isnan(rmseg_array_value(&array, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_every_type_in_both_byte_orders),
                                       cmocka_unit_test(reads_every_version_order_and_rank),
                                       cmocka_unit_test(refuses_what_is_damaged), cmocka_unit_test(writes_as_numpy),
                                       cmocka_unit_test(values_of_half_precision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
