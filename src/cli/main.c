/*
 * cli/main.c - the command table and the way from argv to an exit code.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static rmseg_status no_options(rmseg_options **options) { return rmseg_options_define(options, NULL, 0); }

/* clang-format off: one command a row */
static const rmseg_command commands[] = {
    {"train", "", 0, 0, "Train a network with an objective on a dataset.",
     "rmseg train --layout drishti-gs --data Drishti-GS1 --objective \"sigmoid: ce + dice + 1*rm(2,0) + 1*rm(0,2)\" "
     "--out runs/gs",
     rmseg_train_options_create, cli_train},
    {"predict", "[INPUT ...]", 0, INT64_MAX, "Predict label images with a trained run, on the inputs' own grids.",
     "rmseg predict --run runs/gs image.png --out pred", rmseg_predict_options_create, cli_predict},
    {"evaluate", "", 0, 0, "Measure predictions against the truth: Dice, Jaccard, 95HD, ASD and more.",
     "rmseg evaluate --pred pred --truth labels --json results.json", rmseg_evaluate_options_create, cli_evaluate},
    {"compare", "A.json B.json [...]", 2, INT64_MAX,
     "Set results files against each other: differences, intervals, "
     "paired tests.",
     "rmseg compare base.json rm.json --metrics dice,hd95", rmseg_compare_options_create, cli_compare},
    {"show", "IMAGE", 1, 1, "Draw truth (green) and prediction (blue): contours on images and slices, or surfaces.",
     "rmseg show image.png --pred pred/image.png --truth labels/image.png --out overlay.png", rmseg_show_options_create,
     cli_show},
    {"demo", "", 0, 0, "Make phantoms, train with and without the residual-moment loss, judge both, draw the result.",
     "rmseg demo --out demo", cli_demo_options, cli_demo},
    {"phantoms", "", 0, 0, "Write synthetic cases as layout `folder`.", "rmseg phantoms --out phantoms --count 16",
     cli_phantoms_options, cli_phantoms},
    {"objective", "EXPR", 1, 1, "Calculate an objective on .npy arrays: value, weight and gradient of every term.",
     "rmseg objective \"softmax: ce + dice + 1*rm(2,0)\" --logits logits.npy --target target.npy",
     rmseg_objective_options_create, cli_objective},
    {"losses", "[NAME ...]", 0, INT64_MAX, "List the terms an objective may have: arguments, formula, source.",
     "rmseg losses rm dice", no_options, cli_losses},
    {"metrics", "", 0, 0, "List the metrics and the conventions they follow: formula, unit, source.",
     "rmseg metrics --example", cli_metrics_options, cli_metrics},
    {"layouts", "", 0, 0, "List the dataset layouts (files they expect, defaults they bring) and the augmentations.",
     "rmseg layouts", no_options, cli_layouts},
    {"nets", "", 0, 0, "List the networks.", "rmseg nets", no_options, cli_nets},
    {"info", "", 0, 0, "Version, build, libraries, processor level; with --net the op list of a network.",
     "rmseg info --net unet", cli_info_options, cli_info},
    {"bench", "[FAMILY]", 0, 1,
     "Measure how fast rmseg is here: this machine, kernels, layers, a training step and more.",
     "rmseg bench layers --net unet --grid 512,512 --sort time", rmseg_bench_options_create, cli_bench},
    {"manual", "", 0, 0, "Print the manual page, in troff.", "rmseg manual | man -l -", no_options, cli_manual},
    {"completion", "bash|zsh|fish", 1, 1, "Print completion for a shell.",
     "rmseg completion bash > /etc/bash_completion.d/rmseg", no_options, cli_completion},
};
/* clang-format on */

enum { COMMANDS = sizeof commands / sizeof *commands };

const rmseg_command *cli_command(int64_t index) { return index >= 0 && index < COMMANDS ? &commands[index] : NULL; }

const rmseg_command *cli_command_find(const char *name)
{
    for (int64_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static char own_sentence[2048];

rmseg_status cli_fail(rmseg_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(own_sentence, sizeof own_sentence, format, arguments);
    va_end(arguments);
    return status;
}

const char *cli_sentence(void) { return *own_sentence ? own_sentence : rmseg_error_last(); }

/* An ARGUMENT failure of a job is wrong use as well: the value that was given cannot be right. */
static int exit_code(rmseg_status status)
{
    switch (status) {
    case RMSEG_OK: return CLI_DONE;
    case RMSEG_ERROR_ARGUMENT: return CLI_WRONG_USE;
    case RMSEG_ERROR_CANCELLED: return CLI_INTERRUPTED;
    default: return CLI_FAILED;
    }
}

static rmseg_status check_operands(const rmseg_command *command, const rmseg_arguments *arguments)
{
    if (arguments->count < command->least)
        return cli_fail(RMSEG_ERROR_ARGUMENT, "expected %s after the command", command->operands);
    if (arguments->count > command->most)
        return cli_fail(RMSEG_ERROR_ARGUMENT, "\"%s\" is one word too many; options start with --",
                        arguments->operands[command->most]);
    return RMSEG_OK;
}

/* What went to a full disk or a closed pipe did not arrive: no success then. */
static rmseg_status flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return RMSEG_OK;
    return cli_fail(RMSEG_ERROR_FILE, "standard output cannot be written: %s", strerror(errno));
}

static rmseg_status work(const rmseg_command *command, const rmseg_options *options, const rmseg_arguments *arguments)
{
    cli_terminal_start(arguments->quiet);
    rmseg_status status = command->run(options, arguments->operands, arguments->count);
    cli_terminal_end();
    return status == RMSEG_OK ? flush() : status;
}

static int run(const rmseg_command *command, int argc, char **argv)
{
    rmseg_options *options = NULL;
    rmseg_arguments arguments = {0};
    rmseg_status status = command->options(&options);
    if (status == RMSEG_OK) status = cli_arguments_read(&arguments, options, argc, argv);
    if (status == RMSEG_OK && !arguments.help) status = check_operands(command, &arguments);
    bool understood = status == RMSEG_OK;
    if (understood && arguments.help)
        cli_help_command(command, options), status = flush();
    else if (understood)
        status = work(command, options, &arguments);
    if (status != RMSEG_OK) fprintf(stderr, "rmseg %s: %s\n", command->name, cli_sentence());
    if (!understood && status == RMSEG_ERROR_ARGUMENT)
        fprintf(stderr, "`rmseg %s --help` lists its options\n", command->name);
    cli_arguments_destroy(&arguments);
    rmseg_options_destroy(options);
    return exit_code(status);
}

static int unknown(const char *name)
{
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    const char *nearest = rmseg_nearest(name, names, COMMANDS);
    fprintf(stderr, "rmseg: there is no command \"%s\"%s%s%s\n`rmseg --help` lists the commands\n", name,
            nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    return CLI_WRONG_USE;
}

/* `rmseg help COMMAND` is `rmseg COMMAND --help`. */
int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    bool help = strcmp(name, "help") == 0, all = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    if (!*name || all || (help && argc < 3)) {
        cli_help_all(*name ? stdout : stderr);
        return *name ? exit_code(flush()) : CLI_WRONG_USE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("rmseg %s\n", rmseg_version());
        return exit_code(flush());
    }
    if (help) name = argv[2];
    const rmseg_command *command = cli_command_find(name);
    if (!command) return unknown(name);
    char *ask[] = {argv[0], argv[1], "--help", NULL};
    return help ? run(command, 3, ask) : run(command, argc, argv);
}
