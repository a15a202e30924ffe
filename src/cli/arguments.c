/*
 * cli/arguments.c - flags to options by key; what has no dashes is an operand.
 *
 *     --key VALUE, --key=VALUE, --switch; "--" ends the flags. --quiet, --threads, --seed, --config, --help everywhere.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_switch(const rmseg_options *options, const char *key)
{
    rmseg_option_info info;
    for (int64_t i = 0; i < rmseg_options_count(options); i++)
        if (rmseg_options_info(&info, options, i) == RMSEG_OK && strcmp(info.key, key) == 0)
            return strcmp(info.type, "switch") == 0;
    return false;
}

static rmseg_status set_threads(const char *value)
{
    char *end;
    long count = strtol(value, &end, 10);
    return rmseg_threads_set(*end || end == value || count < 0 || count > 1 << 20 ? -1 : (int)count);
}

/* One flag with its value. Options every command takes come first unless the command has a row of that name. */
static rmseg_status set_flag(rmseg_options *options, const char *key, const char *value)
{
    if (strcmp(key, "config") == 0) return rmseg_options_read(options, value);
    if (strcmp(key, "threads") == 0) {
        rmseg_status status = set_threads(value);
        if (status != RMSEG_OK || !rmseg_options_get(options, key)) return status;
    }
    if (strcmp(key, "seed") == 0 && !rmseg_options_get(options, key)) return RMSEG_OK;
    return rmseg_options_set(options, key, value);
}

/* "--key" without a value where one is needed: the options object makes the sentence. */
static rmseg_status value_missing(rmseg_options *options, const char *key)
{
    if (!rmseg_options_get(options, key) && strcmp(key, "config") != 0 && strcmp(key, "threads") != 0)
        return rmseg_options_set(options, key, ""); /* an unknown key: names the nearest */
    fprintf(stderr, "rmseg: --%s needs a value\n", key);
    exit(EXIT_WRONG_USE);
}

static rmseg_status read_flag(rmseg_arguments *arguments, rmseg_options *options, int *at, int argc, char **argv)
{
    char key[128];
    const char *flag = argv[*at] + 2, *equals = strchr(flag, '=');
    snprintf(key, sizeof key, "%.*s", equals ? (int)(equals - flag) : (int)sizeof key - 1, flag);
    if (strcmp(key, "quiet") == 0) return arguments->quiet = true, RMSEG_OK;
    if (strcmp(key, "help") == 0) return arguments->help = true, RMSEG_OK;
    if (equals) return set_flag(options, key, equals + 1);
    if (is_switch(options, key)) return rmseg_options_set(options, key, "true");
    if (*at + 1 >= argc) return value_missing(options, key);
    return set_flag(options, key, argv[++*at]);
}

rmseg_status cli_arguments_read(rmseg_arguments *arguments, rmseg_options *options, int argc, char **argv)
{
    arguments->operands = calloc((size_t)argc, sizeof *arguments->operands);
    bool flags = true;
    for (int i = 2; i < argc; i++) {
        if (flags && strcmp(argv[i], "--") == 0) {
            flags = false;
        } else if (flags && strcmp(argv[i], "-h") == 0) {
            arguments->help = true;
        } else if (flags && strncmp(argv[i], "--", 2) == 0) {
            rmseg_status status = read_flag(arguments, options, &i, argc, argv);
            if (status != RMSEG_OK) return status;
        } else {
            arguments->operands[arguments->count++] = argv[i];
        }
    }
    return RMSEG_OK;
}
