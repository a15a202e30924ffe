/*
 * cli/demo.c - the whole job on data made here: phantoms, two objectives over several seeds, judged on unseen cases.
 *
 *     OUT/demo.ini            the options as used
 *     OUT/data/{train,test}   phantoms, layout `folder`
 *     OUT/runs/NAME-SEED      one run per objective and seed, paired: same weights at the start, same batches
 *     OUT/pred/NAME-SEED      predictions of the test cases; OUT/results/NAME-SEED.json their metrics
 *     OUT/overlay.png         test cases, first row without RM, second with; truth green, prediction blue
 */
#include "cli/cli.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const rmseg_option_info rows[] = {
    {"out", "text", "demo", "", 0, 0, "", "folder to fill", "demo"},
    {"seeds", "integer", "3", "", 2, 1000, "runs", "runs of each objective", "6"},
    {"iterations", "integer", "300", "", 1, 1e9, "steps", "training steps of a run", "1000"},
    {"train-cases", "integer", "32", "", 2, 1e6, "cases", "phantoms to train on", "64"},
    {"test-cases", "integer", "32", "", 2, 1e6, "cases", "phantoms to judge on", "64"},
    {"size", "integer", "128", "", 32, 4096, "pixels", "height and width of a phantom, a multiple of 8", "256"},
    {"width", "integer", "8", "", 1, 1024, "channels", "channels of the U-Net's first level", "16"},
    {"alpha", "number", "1", "", 0, 1e9, "", "weight of the residual-moment terms", "10"},
    {"overwrite", "switch", "false", "", 0, 0, "", "replace what an earlier demo left in the folder", ""},
};
enum { ROWS = sizeof rows / sizeof *rows, ARMS = 2, PICTURES = 3 };

static const char *const arm_name[ARMS] = {"base", "rm"}, *const arm_title[ARMS] = {"CE + Dice", "CE + Dice + RM"};

typedef struct note {
    struct note *next;
    char text[];
} note;

typedef struct demo {
    const rmseg_options *options;
    const char *out;
    int64_t seeds, train_cases, test_cases, size;
    bool overwrite;
    rmseg_results **results; /* [arm][seed] */
    note *notes;             /* texts that live as long as the demo */
} demo;

rmseg_status cli_demo_options(rmseg_options **options) { return rmseg_options_define(options, rows, ROWS); }

/* A text that lives as long as the demo. Without memory it is "", which none of its readers accepts as a path. */
static const char *text(demo *d, const char *format, ...) RMSEG_PRINTF(2, 3);
static const char *text(demo *d, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    note *made = length < 0 ? NULL : malloc(sizeof *made + (size_t)length + 1);
    if (made) {
        vsnprintf(made->text, (size_t)length + 1, format, again);
        made->next = d->notes;
        d->notes = made;
    }
    va_end(again);
    va_end(arguments);
    return made ? made->text : "";
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about, (void)type, (void)place;
    return remove(path);
}

/* What is in the way goes only where asked, and only where its record says that a demo made it. */
static rmseg_status clear_folder(demo *d)
{
    static const char *const parts[] = {"data", "runs", "pred", "results"};
    if (access(d->out, F_OK) != 0) return RMSEG_OK;
    if (!d->overwrite)
        return cli_fail(RMSEG_ERROR_EXISTS,
                        "--out %s is there already: replace it by --overwrite, or choose another folder", d->out);
    if (access(text(d, "%s/demo.ini", d->out), F_OK) != 0)
        return cli_fail(RMSEG_ERROR_EXISTS,
                        "--out %s has no demo.ini, so no demo made it and nothing is replaced: choose another folder",
                        d->out);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *part = text(d, "%s/%s", d->out, parts[i]);
        if (nftw(part, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
            return cli_fail(RMSEG_ERROR_FILE, "%s cannot be removed: %s", part, strerror(errno));
    }
    return RMSEG_OK;
}

static rmseg_status make_data(demo *d)
{
    CLI_TRY(rmseg_phantoms_write(text(d, "%s/data/train", d->out), d->train_cases, 0, d->size, 0));
    return rmseg_phantoms_write(text(d, "%s/data/test", d->out), d->test_cases, d->train_cases, d->size, 0);
}

static rmseg_status write_record(demo *d)
{
    const char *path = text(d, "%s/demo.ini", d->out);
    FILE *file = fopen(path, "w");
    if (!file) return cli_fail(RMSEG_ERROR_FILE, "%s cannot be written: %s", path, strerror(errno));
    for (int64_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].key, "overwrite") != 0)
            fprintf(file, "%s = %s\n", rows[i].key, rmseg_options_get(d->options, rows[i].key));
    bool failed = ferror(file);
    if (fclose(file) != 0 || failed)
        return cli_fail(RMSEG_ERROR_FILE, "%s cannot be written: %s", path, strerror(errno));
    return RMSEG_OK;
}

/* ---- the jobs ---------------------------------------------------------------------------------------------------- */

typedef struct setting {
    const char *key, *value;
} setting;

/* Up to a setting without a key. */
static rmseg_status set_all(rmseg_options *options, const setting *settings)
{
    for (; settings->key; settings++) CLI_TRY(rmseg_options_set(options, settings->key, settings->value));
    return RMSEG_OK;
}

static rmseg_status train(demo *d, int arm, const char *name, int64_t seed)
{
    const char *alpha = rmseg_options_get(d->options, "alpha"), *objective = "sigmoid: ce + dice";
    if (arm) objective = text(d, "%s + %s*rm(2,0) + %s*rm(0,2) + %s*rm(2,2)", objective, alpha, alpha, alpha);
    const setting settings[] = {
        {"layout", "folder"},
        {"data", text(d, "%s/data/train", d->out)},
        {"out", text(d, "%s/runs/%s", d->out, name)},
        {"net", "unet"},
        {"depth", "3"},
        {"width", rmseg_options_get(d->options, "width")},
        {"objective", objective},
        {"iterations", rmseg_options_get(d->options, "iterations")},
        {"lr", "0.05"},
        {"schedule", "poly"},
        {"augment", "flip-w"},
        {"seed", text(d, "%lld", (long long)seed)},
        {NULL, NULL},
    };
    rmseg_options *options = NULL;
    CLI_TRY(rmseg_train_options_create(&options));
    rmseg_status status = set_all(options, settings);
    if (status == RMSEG_OK) status = rmseg_train(options);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_status predict(demo *d, const char *name)
{
    const setting settings[] = {
        {"run", text(d, "%s/runs/%s", d->out, name)},
        {"out", text(d, "%s/pred/%s", d->out, name)},
        {"whole", "true"},
        {NULL, NULL},
    };
    const char *inputs[] = {text(d, "%s/data/test/images", d->out)};
    rmseg_options *options = NULL;
    CLI_TRY(rmseg_predict_options_create(&options));
    rmseg_status status = set_all(options, settings);
    if (status == RMSEG_OK) status = rmseg_predict(options, inputs, 1);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_status evaluate(rmseg_results **results, demo *d, const char *name, int arm, int64_t seed)
{
    const setting settings[] = {
        {"run", arm_name[arm]},
        {"seed", text(d, "%lld", (long long)seed)},
        {"pred", text(d, "%s/pred/%s", d->out, name)},
        {"truth", text(d, "%s/data/test/labels", d->out)},
        {"regions", "disc=1+2,cup=2"},
        {"metrics", "dice,jaccard,hd95,asd"},
        {"json", text(d, "%s/results/%s.json", d->out, name)},
        {NULL, NULL},
    };
    rmseg_options *options = NULL;
    CLI_TRY(rmseg_evaluate_options_create(&options));
    rmseg_status status = set_all(options, settings);
    if (status == RMSEG_OK) status = rmseg_evaluate(results, options);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_status run_all(demo *d)
{
    for (int64_t run = 0; run < ARMS * d->seeds; run++) {
        int arm = (int)(run / d->seeds);
        int64_t seed = run % d->seeds + 1;
        const char *name = text(d, "%s-%lld", arm_name[arm], (long long)seed);
        cli_remark("%s, seed %lld of %lld", arm_title[arm], (long long)seed, (long long)d->seeds);
        CLI_TRY(train(d, arm, name, seed));
        CLI_TRY(predict(d, name));
        CLI_TRY(evaluate(&d->results[run], d, name, arm, seed));
    }
    return RMSEG_OK;
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

/* Test case `index` with its truth and what the first seed of an arm predicts. */
static rmseg_status draw_case(rmseg_image **picture, demo *d, int arm, int64_t index)
{
    const char *file = text(d, "phantom_%04lld.png", (long long)(d->train_cases + index));
    rmseg_image *image = NULL, *truth = NULL, *prediction = NULL;
    rmseg_status status = rmseg_image_read(&image, text(d, "%s/data/test/images/%s", d->out, file));
    if (status == RMSEG_OK) status = rmseg_image_read(&truth, text(d, "%s/data/test/labels/%s", d->out, file));
    if (status == RMSEG_OK)
        status = rmseg_image_read(&prediction, text(d, "%s/pred/%s-1/%s", d->out, arm_name[arm], file));
    if (status == RMSEG_OK)
        status = rmseg_overlay(picture, image, prediction, truth, fmax(1, round(256.0 / (double)d->size)));
    rmseg_image_destroy(image);
    rmseg_image_destroy(truth);
    rmseg_image_destroy(prediction);
    return status;
}

/* Test cases in columns, objectives in rows. */
static rmseg_status draw(demo *d)
{
    rmseg_image *pictures[ARMS * PICTURES] = {0}, *sheet = NULL;
    int64_t columns = d->test_cases < PICTURES ? d->test_cases : PICTURES;
    const char *captions[ARMS];
    for (int a = 0; a < ARMS; a++) captions[a] = text(d, "%s: truth green, prediction blue", arm_title[a]);
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < ARMS * columns && status == RMSEG_OK; i++)
        status = draw_case(&pictures[i], d, (int)(i / columns), i % columns);
    if (status == RMSEG_OK)
        status =
            rmseg_contact_sheet(&sheet, (const rmseg_image *const *)pictures, ARMS * columns, columns, 6, captions);
    if (status == RMSEG_OK) status = rmseg_image_write(sheet, text(d, "%s/overlay.png", d->out));
    for (int i = 0; i < ARMS * PICTURES; i++) rmseg_image_destroy(pictures[i]);
    rmseg_image_destroy(sheet);
    return status;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

typedef struct spread {
    double sum, squares; /* of n values, and of their squares about the running mean */
    int64_t n;
} spread;

static void spread_add(spread *s, double value)
{
    double mean = s->n ? s->sum / (double)s->n : 0, delta = value - mean;
    s->sum += value;
    s->n++;
    s->squares += delta * (value - s->sum / (double)s->n);
}

static double mean_of(const spread *s) { return s->sum / (double)s->n; }
static double sd_of(const spread *s) { return sqrt(s->squares / (double)(s->n - 1)); }

/* Mean (sd), or a dash where a distance had no case to be measured on. */
static void print_cell(const spread *s, bool with_sign)
{
    if (isnan(mean_of(s)))
        printf("  %18s", "-");
    else
        printf(with_sign ? "  %+9.4f (%.4f)" : "  %9.4f (%.4f)", mean_of(s), sd_of(s));
}

/* One line of the table; *clear says whether the difference is larger than its standard deviation. */
static rmseg_status print_row(bool *clear, const demo *d, int64_t index)
{
    spread arm[ARMS] = {0}, difference = {0};
    rmseg_aggregate row[ARMS];
    for (int64_t seed = 0; seed < d->seeds; seed++) {
        for (int a = 0; a < ARMS; a++) {
            CLI_TRY(rmseg_results_aggregate(&row[a], d->results[a * d->seeds + seed], index));
            spread_add(&arm[a], row[a].mean);
        }
        spread_add(&difference, row[1].mean - row[0].mean);
    }
    printf("%-6s %-8s", row[0].class_name, row[0].metric);
    for (int a = 0; a < ARMS; a++) print_cell(&arm[a], false);
    print_cell(&difference, true);
    printf("\n");
    *clear = fabs(mean_of(&difference)) > sd_of(&difference);
    return RMSEG_OK;
}

static rmseg_status print_table(demo *d)
{
    int64_t count = rmseg_results_aggregates(d->results[0]), clear_rows = 0;
    printf("\nMeans over %lld unseen phantoms; mean (sd) over %lld seeds; difference paired by seed. hd95 and asd in "
           "pixels.\n\n%-6s %-8s  %-18s  %-18s  %s\n",
           (long long)d->test_cases, (long long)d->seeds, "class", "metric", arm_title[0], arm_title[1], "difference");
    for (int64_t i = 0; i < count; i++) {
        bool clear = false;
        CLI_TRY(print_row(&clear, d, i));
        clear_rows += clear;
    }
    printf(
        "\nThe difference exceeds its own sd in %lld of %lld rows. With %lld seeds an exact sign-flip test cannot go "
        "below p = %.3g, so this\nshows that the job runs, not which objective is better.\n\n",
        (long long)clear_rows, (long long)count, (long long)d->seeds, pow(2, 1 - (double)d->seeds));
    printf("picture  %s/overlay.png (rows: %s, %s; truth green, prediction blue)\nfiles    %s/runs, pred, results\n",
           d->out, arm_title[0], arm_title[1], d->out);
    return RMSEG_OK;
}

/* The network, of depth 3, halves a phantom three times. */
static rmseg_status check_size(const demo *d)
{
    if (d->size % 8 == 0) return RMSEG_OK;
    return cli_fail(RMSEG_ERROR_ARGUMENT, "option size: got %lld, expected a multiple of 8, for example %lld",
                    (long long)d->size, (long long)(d->size / 8 * 8));
}

static rmseg_status run(demo *d)
{
    CLI_TRY(check_size(d));
    CLI_TRY(clear_folder(d));
    CLI_TRY(make_data(d));
    CLI_TRY(write_record(d));
    CLI_TRY(run_all(d));
    CLI_TRY(draw(d));
    return print_table(d);
}

rmseg_status cli_demo(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)operands, (void)count;
    demo d = {.options = options,
              .out = rmseg_options_get(options, "out"),
              .seeds = cli_integer(options, "seeds"),
              .train_cases = cli_integer(options, "train-cases"),
              .test_cases = cli_integer(options, "test-cases"),
              .size = cli_integer(options, "size"),
              .overwrite = cli_switch(options, "overwrite")};
    d.results = calloc((size_t)(ARMS * d.seeds), sizeof *d.results);
    rmseg_status status = d.results ? run(&d) : cli_fail(RMSEG_ERROR_MEMORY, "out of memory");
    for (int64_t i = 0; d.results && i < ARMS * d.seeds; i++) rmseg_results_destroy(d.results[i]);
    free(d.results);
    for (note *next; d.notes; d.notes = next) {
        next = d.notes->next;
        free(d.notes);
    }
    return status;
}
