/*
 * cli/help.c - help, from the command table and the option rows.
 */
#include "cli/cli.h"

#include <string.h>

enum { WIDTH = 110, INDENT = 28 };

static const rmseg_option_info common[] = {
    {"config", "text", "", "", 0, 0, "", "file of `key = value` lines with the same keys as the flags", "run.ini"},
    {"threads", "integer", "0", "", 0, RMSEG_MOST_THREADS, "", "threads; 0: RMSEG_THREADS, else all processors", "2"},
    {"seed", "integer", "0", "", 0, 0, "", "where there is chance, its seed", "1"},
    {"quiet", "switch", "false", "", 0, 0, "", "no progress, no remarks; warnings and errors stay", ""},
    {"help", "switch", "false", "", 0, 0, "", "this text", ""},
};
enum { COMMON = sizeof common / sizeof *common };

bool cli_option_at(rmseg_option_info *info, const rmseg_options *options, int64_t index)
{
    int64_t at = options ? rmseg_options_count(options) : 0;
    if (index < at) return rmseg_options_info(info, options, index) == RMSEG_OK;
    for (int64_t i = 0; i < COMMON; i++) {
        if (options && rmseg_options_get(options, common[i].key)) continue; /* the command has a row of that name */
        if (at++ != index) continue;
        *info = common[i];
        return true;
    }
    return false;
}

const char *cli_placeholder(const rmseg_option_info *info)
{
    if (strcmp(info->type, "switch") == 0) return "";
    if (strcmp(info->type, "integer") == 0) return "N";
    if (strcmp(info->type, "number") == 0) return "X";
    return *info->choices ? info->choices : "TEXT";
}

const char *cli_details(char *buffer, size_t size, const rmseg_option_info *info)
{
    bool valued = *info->fallback && strcmp(info->type, "switch") != 0;
    const char *before = *info->unit ? "; " : "", *before_example = *info->unit || valued ? "; " : "";
    snprintf(buffer, size, "%s%s%s%s%s%s%s", info->unit, valued ? before : "", valued ? "default " : "",
             valued ? info->fallback : "", *info->example ? before_example : "", *info->example ? "e.g. " : "",
             info->example);
    return buffer;
}

/* Prints `text` from column `column` on, broken at spaces to lines that start at INDENT. */
static void print_wrapped(const char *text, int column)
{
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > INDENT && column + 1 + length > WIDTH) {
            printf("\n%*s", INDENT, "");
            column = INDENT;
        }
        column += printf("%s%.*s", column > INDENT ? " " : "", length, text);
        text += length + (text[length] == ' ');
    }
}

static void print_option(const rmseg_option_info *info)
{
    char details[512], text[1024];
    int column = printf("  --%s %s", info->key, cli_placeholder(info));
    if (column >= INDENT) printf("\n"), column = 0;
    printf("%*s", INDENT - column, "");
    cli_details(details, sizeof details, info);
    snprintf(text, sizeof text, "%s%s%s%s", info->help, *details ? " (" : "", details, *details ? ")" : "");
    print_wrapped(text, INDENT);
    printf("\n");
}

void cli_help_command(const rmseg_command *command, const rmseg_options *options)
{
    printf("usage: rmseg %s %s%s[options]\n\n%s\n\noptions:\n", command->name, command->operands,
           *command->operands ? " " : "", command->help);
    rmseg_option_info info;
    for (int64_t i = 0; cli_option_at(&info, options, i); i++) print_option(&info);
    printf("\nexample:\n  %s\n", command->example);
}

void cli_help_all(FILE *to)
{
    fprintf(to,
            "rmseg %s: train, run and judge segmentation networks with location-aware losses\n\n"
            "usage: rmseg COMMAND [options]\n\ncommands:\n",
            rmseg_version());
    for (int64_t i = 0; cli_command(i); i++) fprintf(to, "  %-10s  %s\n", cli_command(i)->name, cli_command(i)->help);
    fprintf(to, "\n`rmseg COMMAND --help` lists a command's options.\n"
                "Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.\n");
}
