/*
 * cli/help.c - help, the man page and shell completion, all from the command table and the option rows.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const rmseg_option_info common[] = {
    {"config", "text", "", "", 0, 0, "", "file of `key = value` lines with the same keys as the flags", "run.ini"},
    {"threads", "integer", "0", "", 0, 1 << 20, "", "threads; 0: RMSEG_THREADS, else all processors", "2"},
    {"seed", "integer", "0", "", 0, 0, "", "where there is chance, its seed", "1"},
    {"quiet", "switch", "false", "", 0, 0, "", "no progress, no remarks; warnings and errors stay", ""},
    {"help", "switch", "false", "", 0, 0, "", "this text", ""},
};
enum { COMMON = sizeof common / sizeof *common };

/* Option i of a command, then those every command has (unless the command has a row of that name). */
static bool option_at(rmseg_option_info *info, const rmseg_options *options, int64_t index)
{
    int64_t own = rmseg_options_count(options);
    if (index < own) return rmseg_options_info(info, options, index) == RMSEG_OK;
    for (int64_t i = 0, at = own; i < COMMON; i++) {
        if (rmseg_options_get(options, common[i].key)) continue;
        if (at++ != index) continue;
        *info = common[i];
        return true;
    }
    return false;
}

static const char *placeholder(const rmseg_option_info *info)
{
    if (strcmp(info->type, "switch") == 0) return "";
    if (strcmp(info->type, "integer") == 0) return "N";
    if (strcmp(info->type, "number") == 0) return "X";
    return *info->choices ? info->choices : "TEXT";
}

/* "steps; default 6000; e.g. 2000" */
static void details(char *buffer, size_t size, const rmseg_option_info *info)
{
    size_t n = 0;
    buffer[0] = '\0';
    if (*info->unit) n += (size_t)snprintf(buffer + n, size - n, "%s", info->unit);
    if (*info->fallback && strcmp(info->type, "switch") != 0 && n < size)
        n += (size_t)snprintf(buffer + n, size - n, "%sdefault %s", n ? "; " : "", info->fallback);
    if (*info->example && n < size) snprintf(buffer + n, size - n, "%se.g. %s", n ? "; " : "", info->example);
}

void cli_help_command(const rmseg_command *command, const rmseg_options *options)
{
    printf("usage: rmseg %s %s%s[options]\n\n%s\n\noptions:\n", command->name, command->operands,
           *command->operands ? " " : "", command->help);
    rmseg_option_info info;
    for (int64_t i = 0; option_at(&info, options, i); i++) {
        char flag[160], more[256];
        snprintf(flag, sizeof flag, "--%s %s", info.key, placeholder(&info));
        details(more, sizeof more, &info);
        if (strlen(flag) > 26)
            printf("  %s\n  %-26s", flag, "");
        else
            printf("  %-26s", flag);
        printf(" %s%s%s%s\n", info.help, *more ? " (" : "", more, *more ? ")" : "");
    }
    printf("\nexample:\n  %s\n", command->example);
}

void cli_help_all(void)
{
    printf("rmseg %s: train, run and judge 2D and 3D segmentation networks with location-aware losses\n\n"
           "usage: rmseg COMMAND [options]\n\ncommands:\n",
           rmseg_version());
    for (int64_t i = 0; cli_command(i); i++) printf("  %-10s %s\n", cli_command(i)->name, cli_command(i)->help);
    printf("  %-10s %s\n  %-10s %s\n", "manual", "Print this manual as a man page.", "completion",
           "Print shell completion: bash, zsh or fish.");
    printf("\n`rmseg COMMAND --help` lists a command's options. Exit codes: 0 done, 1 failed, 2 wrong use, 130 "
           "interrupted.\n");
}

/* A line of text with what troff would read as its own escaped. */
static void troff(const char *text)
{
    if (*text == '.' || *text == '\'') fputs("\\&", stdout);
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            fputc(*text, stdout);
    }
}

static void manual_command(const rmseg_command *command)
{
    rmseg_options *options = NULL;
    if (command->options(&options) != RMSEG_OK) return;
    printf(".SS rmseg %s %s\n", command->name, command->operands);
    troff(command->help);
    printf("\n.PP\n.nf\n");
    troff(command->example);
    printf("\n.fi\n");
    rmseg_option_info info;
    for (int64_t i = 0; i < rmseg_options_count(options) && rmseg_options_info(&info, options, i) == RMSEG_OK; i++) {
        char more[256];
        details(more, sizeof more, &info);
        printf(".TP\n.B \\-\\-");
        troff(info.key);
        printf(" ");
        troff(placeholder(&info));
        printf("\n");
        troff(info.help);
        if (*more) printf(" ("), troff(more), printf(")");
        printf("\n");
    }
    rmseg_options_destroy(options);
}

int cli_manual(void)
{
    printf(".TH RMSEG 1 \"\" \"rmseg %s\" \"User Commands\"\n.SH NAME\nrmseg \\- train, run and judge segmentation "
           "networks with "
           "location\\-aware losses\n.SH SYNOPSIS\n.B rmseg\nCOMMAND [options]\n.SH COMMANDS\n",
           rmseg_version());
    for (int64_t i = 0; cli_command(i); i++) manual_command(cli_command(i));
    printf(".SH OPTIONS OF EVERY COMMAND\n");
    for (int64_t i = 0; i < COMMON; i++) {
        printf(".TP\n.B \\-\\-%s %s\n", common[i].key, placeholder(&common[i]));
        troff(common[i].help);
        printf("\n");
    }
    printf(
        ".SH EXIT STATUS\n0 done; 1 failed, with one sentence on stderr; 2 wrong use; 130 interrupted, state saved.\n"
        ".SH ENVIRONMENT\n.TP\n.B RMSEG_THREADS\nthreads to use\n.TP\n.B RMSEG_CPU\nprocessor level: plain, v2, v3 or "
        "v4\n"
        ".TP\n.B NO_COLOR\nno colours on a terminal\n");
    return EXIT_DONE;
}

static void words_of(const rmseg_command *command, const char *before, const char *between)
{
    rmseg_options *options = NULL;
    if (command->options(&options) != RMSEG_OK) return;
    rmseg_option_info info;
    for (int64_t i = 0; option_at(&info, options, i); i++) printf("%s%s%s", before, info.key, between);
    rmseg_options_destroy(options);
}

static void completion_fish(void)
{
    for (int64_t i = 0; cli_command(i); i++) {
        const rmseg_command *command = cli_command(i);
        printf("complete -c rmseg -n __fish_use_subcommand -a %s -d \"%s\"\n", command->name, command->help);
        char before[96];
        snprintf(before, sizeof before, "complete -c rmseg -n \"__fish_seen_subcommand_from %s\" -l ", command->name);
        words_of(command, before, "\n");
    }
}

/* bash's own; zsh reads it through bashcompinit. */
static void completion_bash(void)
{
    printf("_rmseg()\n{\n    local words\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"");
    for (int64_t i = 0; cli_command(i); i++) printf("%s ", cli_command(i)->name);
    printf("help manual completion\"\n    else\n        case \"${COMP_WORDS[1]}\" in\n");
    for (int64_t i = 0; cli_command(i); i++) {
        printf("        %s) words=\"", cli_command(i)->name);
        words_of(cli_command(i), "--", " ");
        printf("\" ;;\n");
    }
    printf("        esac\n    fi\n    case \"${COMP_WORDS[COMP_CWORD]}\" in\n"
           "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")) ;;\n"
           "    *) [ \"$COMP_CWORD\" -eq 1 ] && COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[1]}\")) ;;\n"
           "    esac\n}\ncomplete -o default -F _rmseg rmseg\n");
}

int cli_completion(const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        completion_bash();
    else if (strcmp(shell, "zsh") == 0)
        printf("autoload -U +X bashcompinit && bashcompinit\n"), completion_bash();
    else if (strcmp(shell, "fish") == 0)
        completion_fish();
    else
        return fprintf(stderr, "rmseg completion: '%s' is not a shell it knows; expected bash, zsh or fish\n", shell),
               EXIT_WRONG_USE;
    return EXIT_DONE;
}
