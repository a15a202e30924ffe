/*
 * cli/manual.c - the man page, from the command table and the option rows.
 */
#include "cli/cli.h"

/* Text with what troff would read as its own escaped. */
static void troff(const char *text)
{
    if (*text == '.' || *text == '\'') printf("\\&");
    for (; *text; text++) {
        if (*text == '-')
            printf("\\-");
        else if (*text == '\\')
            printf("\\e");
        else
            putchar(*text);
    }
}

static void manual_option(const rmseg_option_info *info)
{
    char details[512];
    printf(".TP\n.B \\-\\-");
    troff(info->key);
    printf(" ");
    troff(cli_placeholder(info));
    printf("\n");
    troff(info->help);
    if (*cli_details(details, sizeof details, info)) printf(" ("), troff(details), printf(")");
    printf("\n");
}

static rmseg_status manual_command(const rmseg_command *command)
{
    rmseg_options *options = NULL;
    rmseg_status status = command->options(&options);
    if (status != RMSEG_OK) return status;
    printf(".SS rmseg %s %s\n", command->name, command->operands);
    troff(command->help);
    printf("\n.PP\n.nf\n");
    troff(command->example);
    printf("\n.fi\n");
    rmseg_option_info info;
    for (int64_t i = 0; i < rmseg_options_count(options) && cli_option_at(&info, options, i); i++) manual_option(&info);
    rmseg_options_destroy(options);
    return RMSEG_OK;
}

static const char head[] =
    ".TH RMSEG 1 \"\" \"rmseg %s\" \"User Commands\"\n"
    ".SH NAME\nrmseg \\- train, run and judge segmentation networks with location\\-aware losses\n"
    ".SH SYNOPSIS\n.B rmseg\nCOMMAND [options]\n.SH COMMANDS\n";

static const char foot[] =
    ".SH EXIT STATUS\n0 done; 1 failed, with one sentence on standard error; 2 wrong use; 130 interrupted, state "
    "saved.\n"
    ".SH ENVIRONMENT\n.TP\n.B RMSEG_THREADS\nthreads to use where \\-\\-threads is not given\n"
    ".TP\n.B RMSEG_CPU\nprocessor level: plain, v2, v3 or v4\n.TP\n.B NO_COLOR\nno colours on a terminal\n";

rmseg_status cli_manual(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)options, (void)operands, (void)count;
    rmseg_status status = RMSEG_OK;
    printf(head, rmseg_version());
    for (int64_t i = 0; cli_command(i) && status == RMSEG_OK; i++) status = manual_command(cli_command(i));
    printf(".SH OPTIONS OF EVERY COMMAND\n");
    rmseg_option_info info;
    for (int64_t i = 0; cli_option_at(&info, NULL, i); i++) manual_option(&info);
    printf("%s", foot);
    return status;
}
