/*
 * cli/phantoms.c - synthetic cases on disk, for trying things without data.
 */
#include "cli/cli.h"

static const rmseg_option_info rows[] = {
    {"out", "text", "phantoms", "", 0, 0, "", "folder to write images/ and labels/ into", "phantoms"},
    {"count", "integer", "16", "", 1, 1e9, "cases", "how many", "16"},
    {"first", "integer", "0", "", 0, 1e9, "", "number of the first case", "100"},
    {"size", "integer", "128", "", 16, 4096, "pixels", "height and width", "128"},
    {"seed", "integer", "0", "", 0, 1e15, "", "case i depends only on seed and i", "1"},
};

rmseg_status cli_phantoms_options(rmseg_options **options)
{
    return rmseg_options_define(options, rows, sizeof rows / sizeof *rows);
}

rmseg_status cli_phantoms(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)operands, (void)count;
    return rmseg_phantoms_write(rmseg_options_get(options, "out"), cli_integer(options, "count"),
                                cli_integer(options, "first"), cli_integer(options, "size"),
                                (uint64_t)cli_integer(options, "seed"));
}
