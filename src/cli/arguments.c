/*
 * cli/arguments.c - flags to options by key; what has no dashes is an operand.
 *
 *     --key VALUE, --key=VALUE, --switch; "--" ends the flags. --quiet, --threads, --seed, --config, --help everywhere.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
    rmseg_arguments *arguments;
    rmseg_options *options;
    int at, argc;
    char **argv;
    bool configs; /* the first sweep reads --config alone, the second all else, so that a flag wins over a file */
} reader;

static bool find(rmseg_option_info *info, const rmseg_options *options, const char *key)
{
    for (int64_t i = 0; cli_option_at(info, options, i); i++)
        if (strcmp(info->key, key) == 0) return true;
    return false;
}

static rmseg_status set_threads(const char *value)
{
    char *end;
    long count = strtol(value, &end, 10);
    if (*end || end == value || count < 0 || count > RMSEG_MOST_THREADS)
        return cli_fail(RMSEG_ERROR_ARGUMENT, "option threads: got \"%s\", expected an integer from 0 to %d", value,
                        RMSEG_MOST_THREADS);
    return rmseg_threads_set((int)count);
}

/* Options that every command takes; a command with a row of its own gets them too. */
static rmseg_status set(const reader *r, const char *key, const char *value)
{
    bool own = rmseg_options_get(r->options, key) != NULL;
    if ((strcmp(key, "config") == 0) != r->configs) return RMSEG_OK;
    if (r->configs) return rmseg_options_read(r->options, value);
    if (strcmp(key, "quiet") == 0) return r->arguments->quiet = true, RMSEG_OK;
    if (strcmp(key, "help") == 0) return r->arguments->help = true, RMSEG_OK;
    if (strcmp(key, "seed") == 0 && !own) return RMSEG_OK;
    if (strcmp(key, "threads") == 0) {
        rmseg_status status = set_threads(value);
        if (status != RMSEG_OK || !own) return status;
    }
    return rmseg_options_set(r->options, key, value);
}

static rmseg_status read_flag(reader *r, const char *key, const char *value)
{
    rmseg_option_info info;
    if (!find(&info, r->options, key)) return rmseg_options_set(r->options, key, ""); /* its sentence has the nearest */
    if (!value && strcmp(info.type, "switch") == 0) value = "true";
    if (!value && r->at + 1 < r->argc) value = r->argv[++r->at];
    if (!value)
        return cli_fail(RMSEG_ERROR_ARGUMENT, "--%s needs a value%s%s", key, *info.example ? ", for example " : "",
                        info.example);
    return set(r, key, value);
}

static rmseg_status read_word(reader *r, const char *word)
{
    if (strcmp(word, "-h") == 0) return read_flag(r, "help", NULL);
    if (strncmp(word, "--", 2) != 0) {
        if (!r->configs) r->arguments->operands[r->arguments->count++] = word;
        return RMSEG_OK;
    }
    const char *equals = strchr(word, '=');
    char *key = equals ? strndup(word + 2, (size_t)(equals - word - 2)) : strdup(word + 2);
    if (!key) return cli_fail(RMSEG_ERROR_MEMORY, "out of memory");
    rmseg_status status = read_flag(r, key, equals ? equals + 1 : NULL);
    free(key);
    return status;
}

rmseg_status cli_arguments_read(rmseg_arguments *arguments, rmseg_options *options, int argc, char **argv)
{
    arguments->operands = calloc((size_t)argc, sizeof *arguments->operands);
    if (!arguments->operands) return cli_fail(RMSEG_ERROR_MEMORY, "out of memory");
    rmseg_status status = RMSEG_OK;
    for (int sweep = 0; sweep < 2; sweep++) {
        reader r = {arguments, options, 2, argc, argv, sweep == 0};
        for (; r.at < argc && strcmp(argv[r.at], "--") != 0 && status == RMSEG_OK; r.at++)
            status = read_word(&r, argv[r.at]);
        for (r.at++; r.at < argc && sweep == 1 && status == RMSEG_OK; r.at++)
            arguments->operands[arguments->count++] = argv[r.at];
    }
    return status;
}

void cli_arguments_destroy(rmseg_arguments *arguments) { free(arguments->operands); }

int64_t cli_integer(const rmseg_options *options, const char *key)
{
    return strtoll(rmseg_options_get(options, key), NULL, 10);
}

double cli_number(const rmseg_options *options, const char *key)
{
    return strtod(rmseg_options_get(options, key), NULL);
}

bool cli_switch(const rmseg_options *options, const char *key)
{
    return strcmp(rmseg_options_get(options, key), "true") == 0;
}
