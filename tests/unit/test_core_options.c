/* Options: defaults, types, bounds, sentences, config files there and back, failing memory. */
#include <math.h>

#include "unit.h"

/* clang-format off */
#define SHARED_OPTIONS(X)                                                                                              \
    X(i64, seed, "0", 0, INT64_MAX, "", "", "seed of every random number", "7")
#define TOY_OPTIONS(X)                                                                                                 \
    X(i64, iterations, "6000", 1, 1e6, "", "steps", "training steps", "2000")                                          \
    X(f64, weight_decay, "1e-4", 0, 1, "", "", "pull of the weights to 0", "0.001")                                    \
    X(f64, share, "", 0, 1, "", "", "share of the gradient", "0.1")                                                    \
    X(pick, optimizer, "sgd", 0, 0, "sgd|adamw", "", "how weights move", "adamw")                                      \
    X(str, objective, "ce + dice", 0, 0, "", "", "what is minimised", "ce + dice + 1*rm(2,0)")                         \
    X(str, init, "", 0, 0, "", "", "weights to start from", "weights.safetensors")                                     \
    X(flag, exact, "no", 0, 0, "", "", "bit for bit", "")                                                              \
    X(i64, shift, "0", -3, 3, "", "voxels", "a signed number", "-2")                                                   \
    SHARED_OPTIONS(X)
/* clang-format on */
RMSEG_OPTIONS_DECLARE(toy_options, TOY_OPTIONS)
RMSEG_OPTIONS_DEFINE(toy_options, TOY_OPTIONS)
RMSEG_OPTIONS_DECLARE(shared_options, SHARED_OPTIONS)
RMSEG_OPTIONS_DEFINE(shared_options, SHARED_OPTIONS)

static const char config_path[] = RMSEG_TEST_TMP "/config.ini";

static int create_toy(void **state) { return toy_options_create((rmseg_options **)state); }

static int destroy_toy(void **state)
{
    rmseg_options_destroy(*state);
    return 0;
}

static void write_config(const char *text) { assert_ok(rmseg_file_write(config_path, text, strlen(text))); }

static void defaults_fill_the_struct(void **state)
{
    const toy_options *o = toy_options_values(*state);
    assert_int_equal(o->iterations, 6000);
    assert_true(o->weight_decay == 1e-4);
    assert_true(isnan(o->share));
    assert_string_equal(o->optimizer, "sgd");
    assert_string_equal(o->objective, "ce + dice");
    assert_string_equal(o->init, "");
    assert_false(o->exact);
    assert_int_equal(o->shift, 0);
    assert_int_equal(o->seed, 0);
    assert_false(rmseg_options_given(*state, "iterations"));
    assert_string_equal(rmseg_options_get(*state, "weight-decay"), "0.0001");
    assert_string_equal(rmseg_options_get(*state, "share"), "");
    assert_string_equal(rmseg_options_get(*state, "exact"), "false");
    assert_null(rmseg_options_get(*state, "nothing"));
    assert_false(rmseg_options_given(*state, "nothing"));
}

static void set_values_arrive(void **state)
{
    const toy_options *o = toy_options_values(*state);
    assert_ok(rmseg_options_set(*state, "iterations", " +20 "));
    assert_ok(rmseg_options_set(*state, "weight_decay", "2.50e-1"));
    assert_ok(rmseg_options_set(*state, "share", "0.5"));
    assert_ok(rmseg_options_set(*state, "optimizer", "adamw"));
    assert_ok(rmseg_options_set(*state, "objective", "tanh: sdf; # = all"));
    assert_ok(rmseg_options_set(*state, "exact", "on"));
    assert_ok(rmseg_options_set(*state, "shift", "-3"));
    assert_ok(rmseg_options_set(*state, "seed", "9223372036854775807"));
    assert_int_equal(o->iterations, 20);
    assert_true(o->weight_decay == 0.25 && o->share == 0.5);
    assert_string_equal(o->optimizer, "adamw");
    assert_string_equal(o->objective, "tanh: sdf; # = all");
    assert_true(o->exact);
    assert_int_equal(o->shift, -3);
    assert_true(o->seed == INT64_MAX);
    assert_string_equal(rmseg_options_get(*state, "iterations"), "20");
    assert_string_equal(rmseg_options_get(*state, "weight-decay"), "0.25");
    assert_true(rmseg_options_given(*state, "weight-decay"));
    assert_false(rmseg_options_given(*state, "init"));
    assert_ok(rmseg_options_set(*state, "share", ""));
    assert_ok(rmseg_options_set(*state, "objective", ""));
    assert_true(isnan(o->share));
    assert_string_equal(o->objective, "");
}

static void switch_knows_its_words(void **state)
{
    const toy_options *o = toy_options_values(*state);
    const char *const on[] = {"true", "yes", "on", "1"}, *const off[] = {"false", "no", "off", "0"};
    for (int i = 0; i < 4; i++) {
        assert_ok(rmseg_options_set(*state, "exact", on[i]));
        assert_true(o->exact);
        assert_ok(rmseg_options_set(*state, "exact", off[i]));
        assert_false(o->exact);
    }
}

static void wrong_values_say_what_is_expected(void **state)
{
    const struct {
        const char *key, *value, *words;
    } cases[] = {
        {"iterations", "0", "option iterations: got \"0\", expected an integer from 1 to 1000000, for example 2000"},
        {"iterations", "1000001", "1000000"},
        {"iterations", "2e3", "an integer"},
        {"iterations", "", "got \"\""},
        {"iterations", "99999999999999999999", "an integer"},
        {"seed", "-1", "an integer of at least 0, for example 7"},
        {"shift", "4", "from -3 to 3"},
        {"weight-decay", "nan", "option weight-decay: got \"nan\", expected a number from 0 to 1"},
        {"weight-decay", "0x1", "a number"},
        {"weight-decay", "1.5", "a number"},
        {"share", "inf", "a number"},
        {"optimizer", "sdg", "expected one of sgd|adamw, for example adamw"},
        {"optimizer", "sgd|adamw", "one of"},
        {"optimizer", "adam", "one of"},
        {"optimizer", "", "one of"},
        {"objective", "a\nb", "one line of text"},
        {"exact", "maybe", "true or false"},
        {"exact", NULL, "no value"},
    };
    rmseg_text before = {0}, after = {0};
    rmseg_options_text(*state, &before);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(rmseg_options_set(*state, cases[i].key, cases[i].value), RMSEG_ERROR_ARGUMENT, cases[i].words);
    rmseg_options_text(*state, &after);
    assert_string_equal(before.data, after.data);
    assert_false(rmseg_options_given(*state, "iterations"));
    rmseg_text_destroy(&before);
    rmseg_text_destroy(&after);
}

static void unknown_key_names_the_nearest(void **state)
{
    assert_fails(rmseg_options_set(*state, "iteratons", "5"), RMSEG_ERROR_ARGUMENT,
                 "unknown option \"iteratons\"; did you mean iterations?");
    assert_fails(rmseg_options_set(*state, "weight-deca", "5"), RMSEG_ERROR_ARGUMENT, "did you mean weight-decay?");
    assert_fails(rmseg_options_set(*state, "zebra", "5"), RMSEG_ERROR_ARGUMENT, "--help");
    assert_fails(rmseg_options_suggest(*state, "iteratons", "5"), RMSEG_ERROR_ARGUMENT, "iterations?");
}

static void suggestion_yields_to_the_user(void **state)
{
    const toy_options *o = toy_options_values(*state);
    assert_ok(rmseg_options_suggest(*state, "iterations", "100"));
    assert_int_equal(o->iterations, 100);
    assert_false(rmseg_options_given(*state, "iterations"));
    assert_ok(rmseg_options_set(*state, "iterations", "200"));
    assert_ok(rmseg_options_suggest(*state, "iterations", "300"));
    assert_int_equal(o->iterations, 200);
    assert_fails(rmseg_options_suggest(*state, "shift", "9"), RMSEG_ERROR_ARGUMENT, "option shift");
}

static void rows_can_be_asked_for(void **state)
{
    rmseg_option_info info;
    assert_int_equal(rmseg_options_count(*state), 9);
    assert_ok(rmseg_options_info(&info, *state, 1));
    assert_string_equal(info.key, "weight-decay");
    assert_string_equal(info.type, "number");
    assert_string_equal(info.fallback, "1e-4");
    assert_true(info.minimum == 0 && info.maximum == 1);
    assert_string_equal(info.help, "pull of the weights to 0");
    assert_string_equal(info.example, "0.001");
    assert_ok(rmseg_options_info(&info, *state, 3));
    assert_string_equal(info.type, "choice");
    assert_string_equal(info.choices, "sgd|adamw");
    assert_ok(rmseg_options_info(&info, *state, 7));
    assert_string_equal(info.type, "integer");
    assert_string_equal(info.unit, "voxels");
    assert_fails(rmseg_options_info(&info, *state, 9), RMSEG_ERROR_ARGUMENT, "option 9");
    assert_fails(rmseg_options_info(&info, *state, -1), RMSEG_ERROR_ARGUMENT, "option -1");
}

static void options_of_another_work_are_refused(void **state)
{
    rmseg_options *shared = NULL;
    assert_ok(shared_options_create(&shared));
    assert_non_null(shared_options_values(shared));
    assert_null(toy_options_values(shared));
    assert_non_null(strstr(rmseg_error_last(), "got shared_options where toy_options belong"));
    assert_null(shared_options_values(*state));
    assert_null(toy_options_values(NULL));
    rmseg_options_destroy(shared);
    rmseg_options_destroy(NULL);
}

static void config_file_goes_there_and_back(void **state)
{
    rmseg_options *back = NULL;
    rmseg_text text = {0}, again = {0};
    assert_ok(rmseg_options_set(*state, "objective", "softmax: ce + a*rm(2,0; frame=volume), a = ramp(1 -> 0 by 2%)"));
    assert_ok(rmseg_options_set(*state, "weight-decay", "0.1"));
    assert_ok(rmseg_options_set(*state, "exact", "yes"));
    rmseg_options_text(*state, &text);
    assert_non_null(strstr(text.data, "iterations = 6000\n"));
    assert_non_null(strstr(text.data, "# init = \n"));
    assert_ok(rmseg_text_write(&text, config_path));
    assert_ok(toy_options_create(&back));
    assert_ok(rmseg_options_read(back, config_path));
    rmseg_options_text(back, &again);
    assert_string_equal(again.data, text.data);
    assert_true(rmseg_options_given(back, "exact"));
    assert_false(rmseg_options_given(back, "init"));
    rmseg_text_destroy(&text);
    rmseg_text_destroy(&again);
    rmseg_options_destroy(back);
}

static void config_file_may_be_written_by_hand(void **state)
{
    const toy_options *o = toy_options_values(*state);
    write_config("# comment = 1\n; iterations = 1\n\n[training]\r\n  iterations=30\r\n\tweight_decay =\t0.5  \n"
                 "objective = ce; dice # all of it\n   \nseed = 4");
    assert_ok(rmseg_options_read(*state, config_path));
    assert_int_equal(o->iterations, 30);
    assert_true(o->weight_decay == 0.5);
    assert_string_equal(o->objective, "ce; dice # all of it");
    assert_int_equal(o->seed, 4);
    write_config("");
    assert_ok(rmseg_options_read(*state, config_path));
}

static void config_error_names_file_and_line(void **state)
{
    write_config("seed = 1\n\niteratons = 5\n");
    assert_fails(rmseg_options_read(*state, config_path), RMSEG_ERROR_ARGUMENT,
                 "config.ini, line 3: unknown option \"iteratons\"; did you mean iterations?");
    write_config("iterations\n");
    assert_fails(rmseg_options_read(*state, config_path), RMSEG_ERROR_ARGUMENT, "line 1: got \"iterations\"");
    write_config("\nseed = -1");
    assert_fails(rmseg_options_read(*state, config_path), RMSEG_ERROR_ARGUMENT, "line 2: option seed");
    assert_ok(rmseg_file_write(config_path, "seed = 1\0\n", 10));
    assert_fails(rmseg_options_read(*state, config_path), RMSEG_ERROR_FORMAT, "zero bytes");
    assert_ok(rmseg_file_remove(config_path));
    assert_fails(rmseg_options_read(*state, config_path), RMSEG_ERROR_FILE, "config.ini");
}

static void rows_alone_make_options(void **state)
{
    (void)state;
    const rmseg_option_info rows[] = {
        {.key = "size", .type = "integer", .fallback = "5", .minimum = 1, .maximum = 9, .example = "6"},
        {.key = "out-file", .type = "text"},
        {.key = "kind", .type = "choice", .fallback = "a", .choices = "a|b"},
        {.key = "scale", .type = "number", .maximum = 1},
        {.key = "fast", .type = "switch"},
    };
    const rmseg_option_info wrong[] = {{.key = "size", .type = "size_t"}, {.type = "text"}};
    rmseg_options *options = NULL;
    assert_fails(rmseg_options_define(&options, wrong, 1), RMSEG_ERROR_ARGUMENT,
                 "option row size: got the type \"size_t");
    assert_fails(rmseg_options_define(&options, wrong + 1, 1), RMSEG_ERROR_ARGUMENT, "without a key");
    assert_null(options);
    assert_ok(rmseg_options_define(&options, rows, 5));
    assert_int_equal(rmseg_options_count(options), 5);
    assert_string_equal(rmseg_options_get(options, "size"), "5");
    assert_string_equal(rmseg_options_get(options, "out-file"), "");
    assert_ok(rmseg_options_set(options, "out_file", "x.csv"));
    assert_ok(rmseg_options_set(options, "kind", "b"));
    assert_ok(rmseg_options_set(options, "scale", "0.5"));
    assert_ok(rmseg_options_set(options, "fast", "yes"));
    assert_string_equal(rmseg_options_get(options, "out-file"), "x.csv");
    assert_string_equal(rmseg_options_get(options, "kind"), "b");
    assert_string_equal(rmseg_options_get(options, "scale"), "0.5");
    assert_string_equal(rmseg_options_get(options, "fast"), "true");
    assert_fails(rmseg_options_set(options, "size", "10"), RMSEG_ERROR_ARGUMENT, "from 1 to 9, for example 6");
    rmseg_options_destroy(options);
    assert_ok(rmseg_options_define(&options, NULL, 0));
    assert_int_equal(rmseg_options_count(options), 0);
    rmseg_options_destroy(options);
}

static void default_that_its_row_refuses_is_an_error(void **state)
{
    (void)state;
    const rmseg_option_row row = {RMSEG_OPTION_i64, "size", 0, "5", 6, 7, "", "", "", ""};
    rmseg_options *options = NULL;
    assert_fails(rmseg_options_create(&options, "bad", &row, 1, 8), RMSEG_ERROR_ARGUMENT, "option size: got \"5\"");
    assert_null(options);
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    int64_t live = rmseg_memory_stats_get().live_bytes;
    write_config("iterations = 12\nobjective = ce\n");
    for (int64_t n = 1, done = 0; !done; n++) {
        rmseg_options *options = NULL;
        rmseg_memory_fail_at(n);
        rmseg_status status = toy_options_create(&options);
        if (!status) status = rmseg_options_read(options, config_path);
        rmseg_memory_fail_at(0);
        done = !status;
        if (status)
            assert_int_equal(status, RMSEG_ERROR_MEMORY);
        else
            assert_int_equal(toy_options_values(options)->iterations, 12);
        rmseg_options_destroy(options);
        assert_true(n < 1000);
    }
    assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
}

static void lists_are_parsed(void **state)
{
    (void)state;
    int64_t values[3], count = 0;
    assert_ok(rmseg_parse_list(values, &count, 3, 1, "patch", "112,96, 80"));
    assert_int_equal(count, 3);
    assert_true(values[0] == 112 && values[1] == 96 && values[2] == 80);
    assert_ok(rmseg_parse_list(values, &count, 3, -5, "shift", "-5"));
    assert_true(count == 1 && values[0] == -5);
    const char *const wrong[] = {
        "", ",", "1,", "1,,2", "1,2,3,4", "0", "1 2", "a", "1.5", "1,0", "0000000000000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(rmseg_parse_list(values, &count, 3, 1, "patch", wrong[i]), RMSEG_ERROR_ARGUMENT,
                     "expected 1 to 3 integers of at least 1");
    assert_int_equal(count, 1);
}

#define with_toy(test) cmocka_unit_test_setup_teardown(test, create_toy, destroy_toy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_toy(defaults_fill_the_struct),
        with_toy(set_values_arrive),
        with_toy(switch_knows_its_words),
        with_toy(wrong_values_say_what_is_expected),
        with_toy(unknown_key_names_the_nearest),
        with_toy(suggestion_yields_to_the_user),
        with_toy(rows_can_be_asked_for),
        with_toy(options_of_another_work_are_refused),
        with_toy(config_file_goes_there_and_back),
        with_toy(config_file_may_be_written_by_hand),
        with_toy(config_error_names_file_and_line),
        cmocka_unit_test(rows_alone_make_options),
        cmocka_unit_test(default_that_its_row_refuses_is_an_error),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(lists_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
