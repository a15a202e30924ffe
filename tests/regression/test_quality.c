/*
 * How well tiny seeded trainings end: the Dice of held-out phantoms, one row an objective, in quality.csv. A change of
 * quality is a difference of that file that somebody has looked at:
 *
 *     test_quality --record      writes quality.csv anew
 *
 * Processor levels round differently, and a training makes more of it; what is allowed is TOLERANCE.
 */
#include <math.h>

#include "training.h"

#define TABLE     RMSEG_GOLDEN "/../regression/quality.csv"
#define DATA      RMSEG_TEST_TMP "/quality"
#define RUN       RMSEG_TEST_TMP "/run"
#define TOLERANCE 0.05

static const char *const objectives[] = {
    "softmax: ce",
    "softmax: ce + dice",
    "softmax: ce + dice(variant=monai)",
    "softmax: ce + dice(variant=nnunet)",
    "softmax: ce + 1*mse",
    "softmax: ce + dice + 1*rm(2,0) + 1*rm(0,2) + 1*rm(2,2)",
    "sigmoid: dice",
    "sigmoid: ce + dice",
    "sigmoid: ce + dice + 1*rm(2,0) + 1*rm(0,2) + 1*rm(2,2)",
    "sigmoid: ce + dice + 1e-4*rm(2,0; reduction=sum, frame=volume, center=exact)",
};
enum { OBJECTIVES = sizeof objectives / sizeof *objectives };

/* The last two cells of the last row of log.csv. */
static void read_dice(double dice[2])
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    toy_read(&bytes, &length, RUN, "log.csv");
    assert_true(length > 0 && bytes[length - 1] == '\n');
    bytes[length - 1] = '\0';
    for (int i = 1; i >= 0; i--) {
        char *comma = strrchr((char *)bytes, ',');
        assert_non_null(comma);
        assert_true(rmseg_parse_number(&dice[i], comma + 1));
        *comma = '\0';
    }
    rmseg_free(bytes);
}

static void measure(double dice[2], const char *objective)
{
    static const char *const pairs[] = {
        "data",      DATA,  "iterations",   "120",  "width", "8",    "depth",   "3",
        "batch",     "4",   "val-fraction", "0.5",  "lr",    "0.05", "augment", "flip-w,rot90",
        "overwrite", "yes", "schedule",     "poly", "out",   RUN,    NULL};
    rmseg_options *options = NULL;
    assert_ok(rmseg_train_options_create(&options));
    for (int i = 0; pairs[i]; i += 2) assert_ok(rmseg_options_set(options, pairs[i], pairs[i + 1]));
    assert_ok(rmseg_options_set(options, "objective", objective));
    assert_ok(toy_train(options));
    read_dice(dice);
}

static void add_row(rmseg_text *text, const char *objective, const double dice[2])
{
    rmseg_csv_cell(text, objective);
    rmseg_text_addf(text, ",%.3f,%.3f\n", dice[0], dice[1]);
}

static int record(void)
{
    rmseg_text text = {0};
    rmseg_text_add(&text, "objective,dice_disc,dice_cup\n");
    for (int i = 0; i < OBJECTIVES; i++) {
        double dice[2];
        measure(dice, objectives[i]);
        add_row(&text, objectives[i], dice);
    }
    fputs(text.data, stdout);
    rmseg_status status = rmseg_text_write(&text, TABLE);
    rmseg_text_destroy(&text);
    return status != RMSEG_OK;
}

/* The row begins with the objective as a CSV cell. */
static void recorded(double dice[2], const char *table, const char *objective)
{
    rmseg_text cell = {0};
    rmseg_csv_cell(&cell, objective);
    const char *row = strstr(table, cell.data);
    if (!row || sscanf(row + cell.length, ",%lf,%lf\n", &dice[0], &dice[1]) != 2)
        fail_msg("quality.csv has no row %s: record it anew", objective);
    rmseg_text_destroy(&cell);
}

static void trainings_end_as_well_as_they_did(void **state)
{
    (void)state;
    uint8_t *table = NULL;
    size_t length = 0;
    int changed = 0;
    assert_ok(rmseg_file_read(&table, &length, TABLE, 0));
    for (int i = 0; i < OBJECTIVES; i++) {
        double dice[2], expected[2];
        recorded(expected, (const char *)table, objectives[i]);
        measure(dice, objectives[i]);
        bool same = fabs(dice[0] - expected[0]) <= TOLERANCE && fabs(dice[1] - expected[1]) <= TOLERANCE;
        print_message("%s %.3f %.3f (recorded %.3f %.3f)  %s\n", same ? "  " : "! ", dice[0], dice[1], expected[0],
                      expected[1], objectives[i]);
        changed += !same;
    }
    rmseg_free(table);
    if (changed) fail_msg("%d objectives end otherwise; if that is meant: test_quality --record", changed);
}

int main(int argc, char **argv)
{
    if (!rmseg_folder_exists(DATA) && rmseg_phantoms_write(DATA, 64, 0, 32, 11)) return 1;
    if (argc > 1 && !strcmp(argv[1], "--record")) return record();
    const struct CMUnitTest tests[] = {cmocka_unit_test(trainings_end_as_well_as_they_did)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
