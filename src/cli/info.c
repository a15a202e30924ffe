/*
 * cli/info.c - what is running: version, build, libraries, processor level; a network's op list.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static const rmseg_option_info rows[] = {
    {"net", "text", "", "", 0, 0, "", "print the op list of this network", "unet"},
    {"width", "integer", "64", "", 1, 1 << 20, "channels", "channels of the first level", "16"},
    {"depth", "integer", "4", "", 1, 16, "", "poolings", "4"},
    {"in-channels", "integer", "3", "", 1, 1 << 20, "", "channels of the image", "1"},
    {"out-channels", "integer", "2", "", 1, 1 << 20, "", "channels of the prediction", "2"},
    {"norm", "choice", "batch", "batch|instance|group|none", 0, 0, "", "normalisation", "none"},
    {"activation", "choice", "relu", "relu|leaky-relu", 0, 0, "", "activation", "relu"},
    {"dropout", "number", "0", "", 0, 0.95, "", "probability to drop a channel", "0.5"},
    {"grid", "text", "512,512", "", 0, 0, "voxels", "size of a sample: H,W or D,H,W", "256,256"},
    {"batch", "integer", "1", "", 1, 1 << 20, "samples", "samples at a time", "4"},
    {"exact", "switch", "false", "", 0, 0, "", "plans of direct sums alone, as train --exact makes them", ""},
    {"precision", "choice", "f32", "f32|bf16", 0, 0, "", "of what train --precision keeps for the way back", "bf16"},
    {"checkpoint-activations", "switch", "false", "", 0, 0, "", "memory of train --checkpoint-activations", ""},
    {"inference", "switch", "false", "", 0, 0, "", "plans for prediction instead of training", ""},
};

rmseg_status cli_info_options(rmseg_options **options)
{
    return rmseg_options_define(options, rows, sizeof rows / sizeof *rows);
}

/* "256,256" -> 2 and size {1,256,256}; 0 when it is no such list. */
static int read_grid(int64_t size[3], const char *text)
{
    long long a, b, c;
    char rest;
    int n = sscanf(text, "%lld,%lld,%lld%c", &a, &b, &c, &rest);
    size[0] = n == 3 ? a : 1;
    size[1] = n == 3 ? b : a;
    size[2] = n == 3 ? c : b;
    return (n == 2 || n == 3) && size[0] > 0 && size[1] > 0 && size[2] > 0 ? n : 0;
}

static const rmseg_net_info *find_net(const char *name)
{
    const rmseg_net_info *net;
    for (int64_t i = 0; (net = rmseg_net_list(i)); i++)
        if (!strcmp(net->name, name)) return net;
    return NULL;
}

/* Copies the value of `key` out of "key=value key=value"; false where it is not there. */
static bool find_pair(char value[32], const char *pairs, const char *key)
{
    char found[32];
    for (int length = 0; sscanf(pairs, " %31[^=]=%31s%n", found, value, &length) == 2; pairs += length)
        if (!strcmp(found, key)) return true;
    return false;
}

/* What the user gave, else what the network suggests, else the option's default. */
static const char *value_of(char value[32], const rmseg_options *options, const char *key)
{
    const rmseg_net_info *net = find_net(rmseg_options_get(options, "net"));
    bool suggested = net && (find_pair(value, net->defaults, key) || find_pair(value, net->example, key));
    return suggested && !rmseg_options_given(options, key) ? value : rmseg_options_get(options, key);
}

static rmseg_status describe_net(const rmseg_options *options)
{
    char grid_text[32], channels[32], width[32], dropout[32];
    const char *grid = value_of(grid_text, options, "grid");
    int64_t size[3];
    int spatial = read_grid(size, grid);
    if (!spatial)
        return cli_fail(RMSEG_ERROR_ARGUMENT, "option grid: got \"%s\", expected H,W or D,H,W, for example 256,256",
                        grid);
    const rmseg_net_spec spec = {.net = rmseg_options_get(options, "net"),
                                 .spatial = spatial,
                                 .in_channels = strtoll(value_of(channels, options, "in-channels"), NULL, 10),
                                 .out_channels = cli_integer(options, "out-channels"),
                                 .width = strtoll(value_of(width, options, "width"), NULL, 10),
                                 .depth = cli_integer(options, "depth"),
                                 .norm = rmseg_options_get(options, "norm"),
                                 .activation = rmseg_options_get(options, "activation"),
                                 .dropout = strtod(value_of(dropout, options, "dropout"), NULL),
                                 .exact = cli_switch(options, "exact"),
                                 .bf16 = !strcmp(rmseg_options_get(options, "precision"), "bf16")};
    bool training = !cli_switch(options, "inference");
    bool checkpoints = training && cli_switch(options, "checkpoint-activations");
    char *text = NULL;
    rmseg_status status = rmseg_net_describe(&text, &spec, cli_integer(options, "batch"), size, training, checkpoints);
    if (status == RMSEG_OK) fputs(text, stdout);
    rmseg_text_free(text);
    return status;
}

rmseg_status cli_info(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)operands, (void)count;
    if (*rmseg_options_get(options, "net")) return describe_net(options);
    if (rmseg_cpu_level_check() != RMSEG_OK) return rmseg_cpu_level_check();
    char *ops = NULL;
    rmseg_status status = rmseg_ops_describe(&ops);
    if (status != RMSEG_OK) return status;
    printf("rmseg      %s\nbuild      %s\n", rmseg_version(), rmseg_build());
    printf("processor  level %s; can run", rmseg_cpu_level());
    for (int64_t i = 0; rmseg_cpu_level_list(i); i++)
        if (rmseg_cpu_level_runs(rmseg_cpu_level_list(i))) printf(" %s", rmseg_cpu_level_list(i));
    printf("\nthreads    %d\n%s", rmseg_threads(), ops);
    rmseg_text_free(ops);
    rmseg_library_info library;
    for (int64_t i = 0; i < rmseg_library_count() && rmseg_library_get(&library, i) == RMSEG_OK; i++)
        printf("%-10s %s: %s\n", library.name, *library.version ? library.version : "not in this build",
               library.purpose);
    return RMSEG_OK;
}
