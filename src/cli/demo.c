/*
 * cli/demo.c - the whole job on data made here: phantoms, two objectives over several seeds, judged on unseen cases.
 *
 *     OUT/data/{train,test}   phantoms, layout `folder`
 *     OUT/runs/NAME-SEED      one run per objective and seed, paired: same weights at the start, same batches
 *     OUT/pred/NAME-SEED      predictions of the test cases; OUT/results/NAME-SEED.json their metrics
 *     OUT/overlay.png         test cases, first row without RM, second with; truth green, prediction blue
 */
#include "cli/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const rmseg_option_info rows[] = {
    {"out", "text", "demo", "", 0, 0, "", "folder to fill", "demo"},
    {"seeds", "integer", "3", "", 2, 1000, "runs", "runs of each objective", "6"},
    {"iterations", "integer", "150", "", 1, 1e9, "steps", "training steps of a run", "300"},
    {"train-cases", "integer", "24", "", 2, 1e6, "cases", "phantoms to train on", "24"},
    {"test-cases", "integer", "24", "", 2, 1e6, "cases", "phantoms to judge on", "24"},
    {"size", "integer", "96", "", 32, 4096, "pixels", "height and width of a phantom", "128"},
    {"width", "integer", "8", "", 1, 1024, "channels", "channels of the U-Net's first level", "16"},
    {"alpha", "number", "1", "", 0, 1e9, "", "weight of the residual-moment terms", "1"},
    {"overwrite", "switch", "false", "", 0, 0, "", "replace what an earlier demo left in the folder", ""},
};

enum { ARMS = 2, PICTURES = 4 };
static const char *const arm_name[ARMS] = {"base", "rm"};
static const char *const arm_title[ARMS] = {"CE + Dice", "CE + Dice + RM"};

typedef struct demo {
    const char *out;
    int64_t seeds, iterations, train_cases, test_cases, size, width;
    double alpha;
    bool overwrite;
    char path[4096]; /* the path made last */
} demo;

static const char *path(demo *d, const char *format, ...) RMSEG_PRINTF(2, 3);
static const char *path(demo *d, const char *format, ...)
{
    int n = snprintf(d->path, sizeof d->path, "%s/", d->out);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(d->path + n, sizeof d->path - (size_t)n, format, arguments);
    va_end(arguments);
    return d->path;
}

/* Sets "key", "value", ..., NULL. */
static rmseg_status set_all(rmseg_options *options, ...)
{
    va_list pairs;
    va_start(pairs, options);
    rmseg_status status = RMSEG_OK;
    for (const char *key; status == RMSEG_OK && (key = va_arg(pairs, const char *));)
        status = rmseg_options_set(options, key, va_arg(pairs, const char *));
    va_end(pairs);
    return status;
}

static const char *text_of(char buffer[32], int64_t value)
{
    return snprintf(buffer, 32, "%lld", (long long)value), buffer;
}

static rmseg_status train(demo *d, int arm, int64_t seed)
{
    char objective[256], iterations[32], width[32], seed_text[32], data[4096];
    snprintf(objective, sizeof objective, "sigmoid: ce + dice");
    if (arm)
        snprintf(objective, sizeof objective, "sigmoid: ce + dice + %g*rm(2,0) + %g*rm(0,2) + %g*rm(2,2)", d->alpha,
                 d->alpha, d->alpha);
    snprintf(data, sizeof data, "%s", path(d, "data/train"));
    rmseg_options *options = NULL;
    rmseg_status status = rmseg_train_options_create(&options);
    if (status == RMSEG_OK)
        status =
            set_all(options, "layout", "folder", "data", data, "net", "unet", "depth", "3", "width",
                    text_of(width, d->width), "objective", objective, "iterations", text_of(iterations, d->iterations),
                    "seed", text_of(seed_text, seed), "augment", "flip-w", "overwrite", d->overwrite ? "true" : "false",
                    "out", path(d, "runs/%s-%lld", arm_name[arm], (long long)seed), NULL);
    if (status == RMSEG_OK) status = rmseg_train(options);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_status predict(demo *d, int arm, int64_t seed)
{
    char run[4096], images[4096];
    snprintf(run, sizeof run, "%s", path(d, "runs/%s-%lld", arm_name[arm], (long long)seed));
    snprintf(images, sizeof images, "%s", path(d, "data/test/images"));
    const char *inputs[] = {images};
    rmseg_options *options = NULL;
    rmseg_status status = rmseg_predict_options_create(&options);
    if (status == RMSEG_OK)
        status = set_all(options, "run", run, "whole", "true", "overwrite", d->overwrite ? "true" : "false", "out",
                         path(d, "pred/%s-%lld", arm_name[arm], (long long)seed), NULL);
    if (status == RMSEG_OK) status = rmseg_predict(options, inputs, 1);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_status evaluate(rmseg_results **results, demo *d, int arm, int64_t seed)
{
    char prediction[4096], truth[4096];
    snprintf(prediction, sizeof prediction, "%s", path(d, "pred/%s-%lld", arm_name[arm], (long long)seed));
    snprintf(truth, sizeof truth, "%s", path(d, "data/test/labels"));
    rmseg_options *options = NULL;
    rmseg_status status = rmseg_evaluate_options_create(&options);
    if (status == RMSEG_OK)
        status = set_all(options, "pred", prediction, "truth", truth, "regions", "disc=1+2,cup=2", "metrics",
                         "dice,jaccard,hd95,asd", "json",
                         path(d, "results/%s-%lld.json", arm_name[arm], (long long)seed), NULL);
    if (status == RMSEG_OK) status = rmseg_evaluate(results, options);
    rmseg_options_destroy(options);
    return status;
}

/* Test cases in columns, objectives in rows, of the first seed. */
static rmseg_status draw(demo *d)
{
    rmseg_image *pictures[ARMS * PICTURES] = {0}, *sheet = NULL;
    int64_t shown = d->test_cases < PICTURES ? d->test_cases : PICTURES;
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < ARMS * shown && status == RMSEG_OK; i++) {
        const char *arm = arm_name[i / shown];
        long long number = (long long)(d->train_cases + i % shown);
        rmseg_image *image = NULL, *truth = NULL, *prediction = NULL;
        status = rmseg_image_read(&image, path(d, "data/test/images/phantom_%04lld.png", number));
        if (status == RMSEG_OK)
            status = rmseg_image_read(&truth, path(d, "data/test/labels/phantom_%04lld.png", number));
        if (status == RMSEG_OK)
            status = rmseg_image_read(&prediction, path(d, "pred/%s-1/phantom_%04lld.png", arm, number));
        if (status == RMSEG_OK) status = rmseg_overlay(&pictures[i], image, prediction, truth, 320.0 / (double)d->size);
        rmseg_image_destroy(image);
        rmseg_image_destroy(truth);
        rmseg_image_destroy(prediction);
    }
    if (status == RMSEG_OK)
        status = rmseg_contact_sheet(&sheet, (const rmseg_image *const *)pictures, ARMS * shown, shown, 6);
    if (status == RMSEG_OK) status = rmseg_image_write(sheet, path(d, "overlay.png"));
    for (int i = 0; i < ARMS * PICTURES; i++) rmseg_image_destroy(pictures[i]);
    rmseg_image_destroy(sheet);
    return status;
}

/* Mean over cases of aggregate `index` for each objective and seed. */
typedef struct figures {
    double *mean; /* [arm][seed] */
    int64_t seeds;
} figures;

static void mean_and_sd(double *mean, double *sd, const double *values, int64_t n)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += (values[i] - *mean) * (values[i] - *mean);
    *sd = n > 1 ? sqrt(squares / (double)(n - 1)) : NAN;
}

/* One line of the table: both objectives and the paired difference, each with its standard deviation over the seeds. */
static void print_row(const char *class_name, const char *metric, const figures *f)
{
    double mean[ARMS + 1], sd[ARMS + 1], *difference = f->mean + ARMS * f->seeds;
    for (int64_t s = 0; s < f->seeds; s++) difference[s] = f->mean[f->seeds + s] - f->mean[s];
    for (int a = 0; a <= ARMS; a++) mean_and_sd(&mean[a], &sd[a], f->mean + a * f->seeds, f->seeds);
    printf("%-6s %-8s  %9.4f (%.4f)  %9.4f (%.4f)  %+9.4f (%.4f)\n", class_name, metric, mean[0], sd[0], mean[1], sd[1],
           mean[2], sd[2]);
}

static rmseg_status print_table(rmseg_results *const *results, const demo *d)
{
    figures f = {calloc((size_t)((ARMS + 1) * d->seeds), sizeof(double)), d->seeds};
    printf("\nMean over %lld unseen cases, then mean (sd) over %lld seeds; difference paired by seed.\n\n",
           (long long)d->test_cases, (long long)d->seeds);
    printf("%-6s %-8s  %-18s  %-18s  %s\n", "class", "metric", arm_title[0], arm_title[1], "difference");
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; f.mean && status == RMSEG_OK && i < rmseg_results_aggregates(results[0]); i++) {
        rmseg_aggregate row = {0};
        for (int64_t run = 0; run < ARMS * d->seeds && status == RMSEG_OK; run++) {
            status = rmseg_results_aggregate(&row, results[run], i);
            f.mean[run] = row.mean;
        }
        if (status == RMSEG_OK) print_row(row.class_name, row.metric, &f);
    }
    printf("\nWith %lld seeds an exact sign-flip test cannot go below p = %.3g; read a difference smaller than its sd "
           "as none.\n",
           (long long)d->seeds, pow(2, 1 - (double)d->seeds));
    free(f.mean);
    return status;
}

static rmseg_status run_all(rmseg_results **results, demo *d)
{
    rmseg_status status = rmseg_phantoms_write(path(d, "data/train"), d->train_cases, 0, d->size, 0);
    if (status == RMSEG_OK)
        status = rmseg_phantoms_write(path(d, "data/test"), d->test_cases, d->train_cases, d->size, 0);
    for (int64_t run = 0; run < ARMS * d->seeds && status == RMSEG_OK; run++) {
        int arm = (int)(run / d->seeds);
        int64_t seed = run % d->seeds + 1;
        fprintf(stderr, "%s, seed %lld of %lld\n", arm_title[arm], (long long)seed, (long long)d->seeds);
        status = train(d, arm, seed);
        if (status == RMSEG_OK) status = predict(d, arm, seed);
        if (status == RMSEG_OK) status = evaluate(&results[run], d, arm, seed);
    }
    return status;
}

rmseg_status cli_demo_options(rmseg_options **options)
{
    return rmseg_options_define(options, rows, sizeof rows / sizeof *rows);
}

static int64_t integer(const rmseg_options *options, const char *key)
{
    return strtoll(rmseg_options_get(options, key), NULL, 10);
}

rmseg_status cli_demo(const rmseg_options *options, const char *const *operands, int64_t count)
{
    cli_no_operands("demo", count, operands);
    demo d = {.out = rmseg_options_get(options, "out"),
              .seeds = integer(options, "seeds"),
              .iterations = integer(options, "iterations"),
              .train_cases = integer(options, "train-cases"),
              .test_cases = integer(options, "test-cases"),
              .size = integer(options, "size"),
              .width = integer(options, "width"),
              .alpha = strtod(rmseg_options_get(options, "alpha"), NULL),
              .overwrite = strcmp(rmseg_options_get(options, "overwrite"), "true") == 0};
    rmseg_results **results = calloc((size_t)(ARMS * d.seeds), sizeof *results);
    rmseg_status status = results ? run_all(results, &d) : RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK) status = draw(&d);
    if (status == RMSEG_OK) status = print_table(results, &d);
    if (status == RMSEG_OK)
        printf("\nContours of the first test cases (rows: %s, %s; truth green, prediction blue): %s\n", arm_title[0],
               arm_title[1], path(&d, "overlay.png"));
    if (status == RMSEG_OK) printf("Runs, predictions and results: %s\n", d.out);
    for (int64_t i = 0; results && i < ARMS * d.seeds; i++) rmseg_results_destroy(results[i]);
    free(results);
    return status;
}
