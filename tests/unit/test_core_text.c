/* Text: growth, numbers there and back, JSON and CSV escapes, nearest words; the C locale whatever the program's is. */
#include <float.h>
#include <locale.h>
#include <math.h>

#include "unit.h"

static void text_grows(void **state)
{
    (void)state;
    rmseg_text text = {0};
    rmseg_text_add(&text, "");
    assert_string_equal(text.data, "");
    for (int i = 0; i < 1000; i++) rmseg_text_addf(&text, "%03d,", i);
    rmseg_text_addn(&text, "abcdef", 3);
    assert_int_equal(text.length, 4003);
    assert_int_equal(strlen(text.data), 4003);
    assert_memory_equal(text.data + 3996, "999,abc", 8);
    assert_false(text.failed);
    rmseg_text_destroy(&text);
    assert_null(text.data);
    rmseg_text_destroy(&text);
}

static void failed_text_stays_as_it_was(void **state)
{
    (void)state;
    char path[] = RMSEG_TEST_TMP "/failed.txt";
    rmseg_text text = {0};
    assert_ok(rmseg_file_remove(path));
    rmseg_text_add(&text, "kept");
    size_t room = text.capacity;
    rmseg_memory_fail_at(1);
    for (size_t i = 0; i < room; i++) rmseg_text_add(&text, "x");
    rmseg_memory_fail_at(0);
    assert_true(text.failed);
    assert_int_equal(text.length, room - 1);
    rmseg_text_addf(&text, "%d", 5);
    assert_int_equal(strlen(text.data), room - 1);
    assert_fails(rmseg_text_write(&text, path), RMSEG_ERROR_MEMORY, "out of memory");
    assert_false(rmseg_file_exists(path));
    rmseg_text_destroy(&text);

    rmseg_memory_fail_at(1);
    rmseg_text_addf(&text, "%s", "first");
    rmseg_memory_fail_at(0);
    assert_true(text.failed && !text.data);
}

static void words_are_quoted_for_a_shell(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"runs/first", "runs/first"}, {"my run", "'my run'"},         {"", "''"},
        {"it's", "'it'\\''s'"},       {"f\xc3\xa4ll", "f\xc3\xa4ll"}, {"a;b$(c)", "'a;b$(c)'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rmseg_text text = {0};
        rmseg_text_add_word(&text, rows[i][0]);
        assert_string_equal(text.data, rows[i][1]);
        rmseg_text_destroy(&text);
    }
}

static void text_is_written(void **state)
{
    (void)state;
    char path[] = RMSEG_TEST_TMP "/text.txt";
    rmseg_text text = {0};
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_text_write(&text, path)); /* nothing was added: an empty file */
    assert_ok(rmseg_file_read(&bytes, &length, path, 0));
    assert_int_equal(length, 0);
    rmseg_free(bytes);
    rmseg_text_add(&text, "one\ntwo");
    assert_ok(rmseg_text_write(&text, path));
    assert_ok(rmseg_file_read(&bytes, &length, path, 0));
    assert_int_equal(length, 7);
    assert_string_equal((char *)bytes, "one\ntwo");
    rmseg_free(bytes);
    rmseg_text_destroy(&text);
}

static void check_number(double value, const char *expected)
{
    char buffer[32];
    double back = -1;
    assert_ptr_equal(rmseg_number_text(buffer, value), buffer);
    if (expected) assert_string_equal(buffer, expected);
    assert_true(rmseg_parse_number(&back, buffer));
    if (isnan(value))
        assert_true(isnan(back));
    else
        assert_memory_equal(&back, &value, sizeof value);
}

static void numbers_come_back_by_their_shortest_text(void **state)
{
    (void)state;
    check_number(0, "0");
    check_number(-0.0, "-0");
    check_number(0.1, "0.1");
    check_number(6000, "6000");
    check_number(-1e14, "-100000000000000");
    check_number(1e22, "1e+22");
    check_number(1e-5, "1e-05");
    check_number(1.0 / 3, "0.3333333333333333");
    check_number(0.1 + 0.2, "0.30000000000000004");
    check_number(5e-324, "5e-324");
    check_number(DBL_MAX, "1.7976931348623157e+308");
    check_number(-DBL_MIN, "-2.2250738585072014e-308");
    check_number(NAN, "nan");
    check_number(INFINITY, "inf");
    check_number(-INFINITY, "-inf");
    rmseg_random r = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 0, 0);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)rmseg_random_u32(&r) << 32 | rmseg_random_u32(&r);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) check_number(value, NULL);
    }
}

static void numbers_are_parsed_strictly(void **state)
{
    (void)state;
    double d = 7;
    int64_t i = 7;
    assert_true(rmseg_parse_number(&d, "+1.5e3") && d == 1500);
    assert_true(rmseg_parse_number(&d, ".5") && d == 0.5);
    assert_true(rmseg_parse_number(&d, "5.") && d == 5);
    assert_true(rmseg_parse_number(&d, "1e-400") && d == 0);
    assert_true(rmseg_parse_number(&d, "+inf") && d == INFINITY);
    assert_true(rmseg_parse_integer(&i, "-9223372036854775808") && i == INT64_MIN);
    assert_true(rmseg_parse_integer(&i, "9223372036854775807") && i == INT64_MAX);
    assert_true(rmseg_parse_integer(&i, "+007") && i == 7);
    const char *const no_number[] = {"",  " ",     "1 ",     " 1",  "1,5",      "1.5x",   "0x10", "1e", "e5",   ".",
                                     "-", "1e999", "-1e999", "NaN", "infinity", "nan(1)", "--1",  "1-", "1.2.3"};
    for (size_t n = 0; n < sizeof no_number / sizeof *no_number; n++) {
        d = 7;
        if (rmseg_parse_number(&d, no_number[n])) fail_msg("\"%s\" was read as %g", no_number[n], d);
        assert_true(d == 7);
    }
    const char *const no_integer[] = {"",     " ",
                                      "1 ",   " 1",
                                      "1.0",  "1e3",
                                      "0x10", "9223372036854775808",
                                      "-",    "+",
                                      "--1",  "1-",
                                      "a",    "-9223372036854775809"};
    for (size_t n = 0; n < sizeof no_integer / sizeof *no_integer; n++) {
        i = 7;
        if (rmseg_parse_integer(&i, no_integer[n])) fail_msg("\"%s\" was read as %lld", no_integer[n], (long long)i);
        assert_int_equal(i, 7);
    }
}

static void json_nests_and_escapes(void **state)
{
    (void)state;
    rmseg_json json = {0};
    rmseg_json_open(&json, NULL, '{');
    rmseg_json_string(&json, "a \"quoted\\ key\"", "tab\t line\n bell\a é");
    rmseg_json_string(&json, "bytes", "\xff caf\xe9 \xed\xa0\x80 \xf0\x9f\xa7\xa0 \xc0\xaf \xe2\x82");
    rmseg_json_string(&json, "none", NULL);
    rmseg_json_bool(&json, "yes", true);
    rmseg_json_open(&json, "records", '[');
    for (int i = 0; i < 2; i++) {
        rmseg_json_open(&json, NULL, '{');
        rmseg_json_integer(&json, "case", i ? INT64_MIN : 1);
        rmseg_json_open(&json, "ci95", '[');
        rmseg_json_number(&json, NULL, 0.1);
        rmseg_json_number(&json, NULL, NAN);
        rmseg_json_number(&json, NULL, -INFINITY);
        rmseg_json_close(&json, ']');
        rmseg_json_close(&json, '}');
    }
    rmseg_json_close(&json, ']');
    rmseg_json_open(&json, "empty", '[');
    rmseg_json_close(&json, ']');
    rmseg_json_open(&json, "nothing", '{');
    rmseg_json_close(&json, '}');
    rmseg_json_close(&json, '}');
    assert_string_equal(
        json.text.data,
        "{\n"
        "  \"a \\\"quoted\\\\ key\\\"\": \"tab\\t line\\n bell\\u0007 é\",\n"
        "  \"bytes\": \"\\ufffd caf\\ufffd \\ufffd\\ufffd\\ufffd \xf0\x9f\xa7\xa0 \\ufffd\\ufffd \\ufffd\\ufffd\",\n"
        "  \"none\": null,\n"
        "  \"yes\": true,\n"
        "  \"records\": [\n"
        "    {\"case\": 1, \"ci95\": [0.1, null, \"-inf\"]},\n"
        "    {\"case\": -9223372036854775808, \"ci95\": [0.1, null, \"-inf\"]}\n"
        "  ],\n"
        "  \"empty\": [],\n"
        "  \"nothing\": {}\n"
        "}\n");
    rmseg_text_destroy(&json.text);
}

static void csv_quotes_what_it_must(void **state)
{
    (void)state;
    rmseg_text text = {0};
    rmseg_csv_cell(&text, "case");
    rmseg_csv_cell(&text, "a,b");
    rmseg_csv_cell(&text, "say \"hi\"");
    rmseg_csv_cell(&text, "two\nlines");
    rmseg_csv_cell(&text, "");
    rmseg_csv_end(&text);
    rmseg_csv_cell(&text, "");
    rmseg_csv_number(&text, 0.25);
    rmseg_csv_number(&text, NAN);
    rmseg_csv_number(&text, INFINITY);
    rmseg_csv_end(&text);
    rmseg_csv_number(&text, 1);
    rmseg_csv_end(&text);
    assert_string_equal(text.data, "case,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\n\"\",0.25,,inf\n1\n");
    rmseg_text_destroy(&text);
}

/* A locale with a decimal comma, if this system has one. */
static void numbers_ignore_the_locale(void **state)
{
    (void)state;
    const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "nl_NL.UTF-8", "es_ES.UTF-8"};
    bool found = false;
    for (int i = 0; i < 5 && !found; i++) found = setlocale(LC_ALL, names[i]) != NULL;
    if (!found) skip();
    rmseg_text text = {0};
    rmseg_text_addf(&text, "%.2f", 1.5);
    assert_string_equal(text.data, "1.50");
    check_number(1.5, "1.5");
    char own[16];
    snprintf(own, sizeof own, "%.1f", 1.5);
    assert_string_equal(own, "1,5"); /* the caller's locale is as it was */
    rmseg_text_destroy(&text);
    setlocale(LC_ALL, "C");
}

static void nearest_word_is_near(void **state)
{
    (void)state;
    const char *const words[] = {"iterations", "dice", "dice-ce", "rm", "hausdorff", "weight-decay"};
    assert_string_equal(rmseg_nearest("iteratons", words, 6), "iterations");
    assert_string_equal(rmseg_nearest("Dice", words, 6), "dice");
    assert_string_equal(rmseg_nearest("dicece", words, 6), "dice-ce");
    assert_string_equal(rmseg_nearest("housedorf", words, 6), "hausdorff");
    assert_string_equal(rmseg_nearest("weightdecya", words, 6), "weight-decay");
    assert_null(rmseg_nearest("m", words, 6)); /* one letter, one edit: anything would do */
    assert_string_equal(rmseg_nearest("rn", words, 6), "rm");
    assert_string_equal(rmseg_nearest("iter", words, 6), "iterations");
    assert_string_equal(rmseg_nearest("WEI", words, 6), "weight-decay");
    assert_null(rmseg_nearest("zebra", words, 6));
    assert_null(rmseg_nearest("", words, 6));
    assert_null(rmseg_nearest("dice", words, 0));
    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[199] = '\0';
    const char *const longs[] = {longer};
    assert_null(rmseg_nearest(longer, words, 6));
    assert_null(rmseg_nearest("aaaa", longs, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(failed_text_stays_as_it_was),
        cmocka_unit_test(words_are_quoted_for_a_shell),
        cmocka_unit_test(text_is_written),
        cmocka_unit_test(numbers_come_back_by_their_shortest_text),
        cmocka_unit_test(numbers_are_parsed_strictly),
        cmocka_unit_test(json_nests_and_escapes),
        cmocka_unit_test(csv_quotes_what_it_must),
        cmocka_unit_test(numbers_ignore_the_locale),
        cmocka_unit_test(nearest_word_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
