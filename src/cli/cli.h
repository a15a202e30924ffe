/*
 * cli/cli.h - what the commands share: the table, reading arguments, help, the terminal.
 *
 * The command line enters the library through its public headers only, so that whatever it can do a C program can.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "rmseg/rmseg.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_WRONG_USE = 2, EXIT_INTERRUPTED = 130 };

typedef struct rmseg_command {
    const char *name;
    const char *operands; /* "INPUT ..." or "" */
    const char *help;     /* one line */
    const char *example;  /* a whole command line that works */
    rmseg_status (*options)(rmseg_options **options);
    rmseg_status (*run)(const rmseg_options *options, const char *const *operands, int64_t count);
} rmseg_command;

/* The table; NULL past the last. */
const rmseg_command *cli_command(int64_t index);
const rmseg_command *cli_command_find(const char *name);

/* One per file. */
rmseg_status cli_train(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_predict(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_evaluate(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_show(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_losses(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_metrics(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_layouts(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_nets(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_info_options(rmseg_options **options);
rmseg_status cli_info(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_demo_options(rmseg_options **options);
rmseg_status cli_demo(const rmseg_options *options, const char *const *operands, int64_t count);
rmseg_status cli_phantoms_options(rmseg_options **options);
rmseg_status cli_phantoms(const rmseg_options *options, const char *const *operands, int64_t count);

/* Options every command takes besides its own. */
typedef struct rmseg_arguments {
    const char **operands; /* points into argv */
    int64_t count;
    bool quiet, help;
} rmseg_arguments;

/* Fills options and arguments from argv[2..]; a failure's sentence is set and the use was wrong. */
rmseg_status cli_arguments_read(rmseg_arguments *arguments, rmseg_options *options, int argc, char **argv);

void cli_help_all(void);
void cli_help_command(const rmseg_command *command, const rmseg_options *options);
int cli_manual(void);                  /* `rmseg manual`: the man page, troff, on stdout */
int cli_completion(const char *shell); /* `rmseg completion bash|zsh|fish` */

/* Progress bar, log lines, Ctrl-C. */
void cli_terminal_start(bool quiet);
void cli_terminal_end(void);

/* A failure of a command that has no room of its own: sets the library's sentence through an option error. */
rmseg_status cli_no_operands(const char *command, int64_t count, const char *const *operands);

#endif
