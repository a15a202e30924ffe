/*
 * cli/completion.c - shell completion, from the command table and the option rows.
 */
#include "cli/cli.h"

#include <string.h>

/* The options of a command, each between `before` and `after`. */
static rmseg_status print_options(const rmseg_command *command, const char *before, const char *after)
{
    rmseg_options *options = NULL;
    rmseg_option_info info;
    rmseg_status status = command->options(&options);
    for (int64_t i = 0; status == RMSEG_OK && cli_option_at(&info, options, i); i++)
        printf("%s%s%s", before, info.key, after);
    rmseg_options_destroy(options);
    return status;
}

static rmseg_status fish(void)
{
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; cli_command(i) && status == RMSEG_OK; i++) {
        const rmseg_command *command = cli_command(i);
        char before[96];
        printf("complete -c rmseg -n __fish_use_subcommand -a %s -d '%s'\n", command->name, command->help);
        snprintf(before, sizeof before, "complete -c rmseg -n '__fish_seen_subcommand_from %s' -l ", command->name);
        status = print_options(command, before, "\n");
    }
    return status;
}

static void print_commands(void)
{
    for (int64_t i = 0; cli_command(i); i++) printf("%s ", cli_command(i)->name);
    printf("help");
}

/* A line "        NAME) before--option --option after" for each command. */
static rmseg_status print_cases(const char *before, const char *after)
{
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; cli_command(i) && status == RMSEG_OK; i++) {
        printf("        %s) %s", cli_command(i)->name, before);
        status = print_options(cli_command(i), "--", " ");
        printf("%s ;;\n", after);
    }
    return status;
}

static rmseg_status bash(void)
{
    printf("_rmseg()\n{\n    local words=\"\" word=\"${COMP_WORDS[COMP_CWORD]}\"\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"");
    print_commands();
    printf("\"\n    elif [[ $word == -* ]]; then\n        case \"${COMP_WORDS[1]}\" in\n");
    rmseg_status status = print_cases("words=\"", "\"");
    printf("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
           "complete -o default -F _rmseg rmseg\n");
    return status;
}

static rmseg_status zsh(void)
{
    printf("#compdef rmseg\nif (( CURRENT == 2 )); then\n    compadd ");
    print_commands();
    printf("\nelif [[ $PREFIX == -* ]]; then\n    case $words[2] in\n");
    rmseg_status status = print_cases("compadd -- ", "");
    printf("    esac\nelse\n    _files\nfi\n");
    return status;
}

rmseg_status cli_completion(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)options, (void)count;
    if (strcmp(operands[0], "bash") == 0) return bash();
    if (strcmp(operands[0], "fish") == 0) return fish();
    if (strcmp(operands[0], "zsh") == 0) return zsh();
    return cli_fail(RMSEG_ERROR_ARGUMENT, "\"%s\" is not a shell it knows; expected bash, zsh or fish", operands[0]);
}
