/*
 * cli/cli.h - what the commands share: the table, reading arguments, help, failing, the terminal.
 *
 * The command line enters the library through its public headers only, so that whatever it can do a C program can.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "rmseg/rmseg.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG_USE = 2, CLI_INTERRUPTED = 130 };

/* ---- the table --------------------------------------------------------------------------------------------------- */

typedef struct rmseg_command {
    const char *name;
    const char *operands; /* as in the usage line: "", "IMAGE", "[INPUT ...]" */
    int64_t least, most;  /* how many operands it takes */
    const char *help;     /* one line */
    const char *example;  /* a whole command line */
    rmseg_status (*options)(rmseg_options **options);
    rmseg_status (*run)(const rmseg_options *options, const char *const *operands, int64_t count);
} rmseg_command;

/* NULL past the last; NULL for an unknown name. */
const rmseg_command *cli_command(int64_t index);
const rmseg_command *cli_command_find(const char *name);

rmseg_status cli_train(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_predict(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_evaluate(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_compare(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_show(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_demo_options(rmseg_options **options);
rmseg_status cli_demo(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_phantoms_options(rmseg_options **options);
rmseg_status cli_phantoms(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_objective(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_bench(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_losses(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_metrics_options(rmseg_options **options);
rmseg_status cli_metrics(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_layouts(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_nets(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_info_options(rmseg_options **options);
rmseg_status cli_info(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_manual(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_completion(const rmseg_options *options, const char *const *operands, int64_t count);

/* ---- failing ----------------------------------------------------------------------------------------------------- */

/* A failure that the command itself finds: keeps the sentence and gives back `status`. */
rmseg_status cli_fail(rmseg_status status, const char *format, ...) RMSEG_PRINTF(2, 3);

/* Gives a failure on to the caller. */
#define CLI_TRY(call)                                                                                                  \
    do {                                                                                                               \
        rmseg_status try_status = (call);                                                                              \
        if (try_status != RMSEG_OK) return try_status;                                                                 \
    } while (0)

/* The command's own sentence where there is one, else the library's. */
const char *cli_sentence(void);

/* ---- arguments --------------------------------------------------------------------------------------------------- */

typedef struct rmseg_arguments {
    const char **operands; /* owned; the texts are argv's */
    int64_t count;
    bool quiet, help;
} rmseg_arguments;

/* Fills options and arguments from argv[2..]; argument errors have a sentence. A flag wins over --config. */
rmseg_status cli_arguments_read(rmseg_arguments *arguments, rmseg_options *options, int argc, char **argv);
void cli_arguments_destroy(rmseg_arguments *arguments);

/* Values of options that cli/ defined itself; the options object has checked them already. */
int64_t cli_integer(const rmseg_options *options, const char *key);
double cli_number(const rmseg_options *options, const char *key);
bool cli_switch(const rmseg_options *options, const char *key);

/* ---- help -------------------------------------------------------------------------------------------------------- */

void cli_help_all(FILE *to);
void cli_help_command(const rmseg_command *command, const rmseg_options *options);

/* Option `index` of a command: its own, then those that every command has. False past the last. `options` NULL: the
 * common ones alone. */
bool cli_option_at(rmseg_option_info *info, const rmseg_options *options, int64_t index);

/* What stands for an option's value in help: N, X, TEXT, a|b or nothing. */
const char *cli_placeholder(const rmseg_option_info *info);

/* "steps; default 6000; e.g. 2000", cut to `size`. */
const char *cli_details(char *buffer, size_t size, const rmseg_option_info *info);

/* ---- terminal ---------------------------------------------------------------------------------------------------- */

/* Progress, log lines and Ctrl-C, from start to end. */
void cli_terminal_start(bool quiet);
void cli_terminal_end(void);

/* A line about what is being done; --quiet silences it. */
void cli_remark(const char *format, ...) RMSEG_PRINTF(1, 2);

#endif
