/*
 * cli/main.c - the command table and the way from argv to an exit code.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rmseg_status no_options(rmseg_options **options) { return rmseg_options_define(options, NULL, 0); }

static const rmseg_command commands[] = {
    {"train", "", "Train a network with an objective on a dataset.",
     "rmseg train --layout drishti-gs --data Drishti-GS1 --net unet --objective \"sigmoid: ce + dice + 1*rm(2,0) + "
     "1*rm(0,2)\" "
     "--out runs/gs",
     rmseg_train_options_create, cli_train},
    {"predict", "[INPUT ...]", "Predict label images with a trained run, on the inputs' own grids.",
     "rmseg predict --run runs/gs image.png --out pred", rmseg_predict_options_create, cli_predict},
    {"evaluate", "", "Measure predictions against the truth: Dice, Jaccard, 95HD, ASD and more.",
     "rmseg evaluate --pred pred --truth labels --json results.json", rmseg_evaluate_options_create, cli_evaluate},
    {"show", "IMAGE", "Draw the contours of truth (green) and prediction (blue) on an image.",
     "rmseg show image.png --pred pred/image.png --truth labels/image.png --out overlay.png", rmseg_show_options_create,
     cli_show},
    {"demo", "", "Make phantoms, train with and without the residual-moment loss, judge both, draw the result.",
     "rmseg demo --out demo", cli_demo_options, cli_demo},
    {"phantoms", "", "Write synthetic cases as layout `folder`.", "rmseg phantoms --out phantoms --count 16",
     cli_phantoms_options, cli_phantoms},
    {"losses", "", "List the terms an objective may have: arguments, formula, source.", "rmseg losses", no_options,
     cli_losses},
    {"metrics", "", "List the metrics: formula, unit, source.", "rmseg metrics", no_options, cli_metrics},
    {"layouts", "", "List the dataset layouts: files they expect, defaults they bring.", "rmseg layouts", no_options,
     cli_layouts},
    {"nets", "", "List the networks.", "rmseg nets", no_options, cli_nets},
    {"info", "", "Version, build, libraries, processor level; with --net the op list of a network.",
     "rmseg info --net unet", cli_info_options, cli_info},
};

const rmseg_command *cli_command(int64_t index)
{
    return index >= 0 && index < (int64_t)(sizeof commands / sizeof *commands) ? &commands[index] : NULL;
}

const rmseg_command *cli_command_find(const char *name)
{
    for (int64_t i = 0; cli_command(i); i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

rmseg_status cli_no_operands(const char *command, int64_t count, const char *const *operands)
{
    if (count == 0) return RMSEG_OK;
    fprintf(stderr, "rmseg %s: '%s' is not an option; options start with --\n", command, operands[0]);
    exit(EXIT_WRONG_USE);
}

/* A job's ARGUMENT failure is wrong use as well: the value that was given cannot be right. */
static int exit_code(rmseg_status status)
{
    switch (status) {
    case RMSEG_OK: return EXIT_DONE;
    case RMSEG_ERROR_ARGUMENT: return EXIT_WRONG_USE;
    case RMSEG_ERROR_CANCELLED: return EXIT_INTERRUPTED;
    default: return EXIT_FAILED;
    }
}

static int run(const rmseg_command *command, int argc, char **argv)
{
    rmseg_options *options = NULL;
    rmseg_arguments arguments = {0};
    rmseg_status status = command->options(&options);
    if (status == RMSEG_OK) status = cli_arguments_read(&arguments, options, argc, argv);
    if (status != RMSEG_OK) {
        fprintf(stderr, "rmseg %s: %s\nTry: rmseg %s --help\n", command->name, rmseg_error_last(), command->name);
        rmseg_options_destroy(options);
        free(arguments.operands);
        return EXIT_WRONG_USE;
    }
    if (arguments.help) {
        cli_help_command(command, options);
    } else {
        cli_terminal_start(arguments.quiet);
        status = command->run(options, arguments.operands, arguments.count);
        cli_terminal_end();
        if (status != RMSEG_OK) fprintf(stderr, "rmseg %s: %s\n", command->name, rmseg_error_last());
    }
    rmseg_options_destroy(options);
    free(arguments.operands);
    return exit_code(status);
}

static int unknown(const char *name)
{
    fprintf(stderr, "rmseg: there is no command '%s'; the commands are", name);
    for (int64_t i = 0; cli_command(i); i++) fprintf(stderr, "%s %s", i ? "," : "", commands[i].name);
    fprintf(stderr, "\n");
    return EXIT_WRONG_USE;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--version") == 0) return printf("rmseg %s\n", rmseg_version()) < 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (strcmp(name, "help") == 0 && argc < 3)) {
        cli_help_all();
        return argc > 1 ? EXIT_DONE : EXIT_WRONG_USE;
    }
    if (strcmp(name, "manual") == 0) return cli_manual();
    if (strcmp(name, "completion") == 0) return cli_completion(argc > 2 ? argv[2] : "bash");
    bool help = strcmp(name, "help") == 0;
    const rmseg_command *command = cli_command_find(help ? argv[2] : name);
    if (!command) return unknown(help ? argv[2] : name);
    char *ask[] = {argv[0], argv[1], "--help", NULL};
    return help ? run(command, 3, ask) : run(command, argc, argv);
}
