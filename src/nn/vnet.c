/*
 * vnet.c - the V-Net of Yu et al. (UA-MT, MICCAI 2019), after Milletari et al. 2016 without its residuals.
 *
 *     level l = 0 .. 3   1, 2, 3, 3 convolutions (3x3x3) of width 2^l channels, kept as skip; 2x2x2/2 convolution to
 *                        width 2^(l+1)
 *     bottom             3 convolutions of width 2^4; dropout where asked
 *     level l = 3 .. 0   2x2x2/2 transposed convolution to width 2^l; + skip; 3, 3, 2, 1 convolutions; at the top
 *                        dropout where asked
 *     out_conv           convolution 1x1x1 to the classes
 *
 * Every convolution but the last is followed by the norm (none: nothing) and the activation; the skip is added behind
 * that of the transposed one. Width 16, one channel in, two classes, batch norm: 9,448,866 parameters.
 *
 * Tensors have UA-MT's names: a block is an nn.Sequential `conv` that counts convolution, norm and activation. In 2D
 * the same with 3x3 and 2x2 kernels. python/rmseg/torch/vnet.py is the same module.
 */
#include <stdio.h>

#include "nn/graph.h"

static const struct {
    const char *in, *down, *up, *out;
    int convolutions[2]; /* on the way down, and up */
} levels[] = {
    {"block_one", "block_one_dw", "block_eight_up", "block_nine", {1, 1}},
    {"block_two", "block_two_dw", "block_seven_up", "block_eight", {2, 2}},
    {"block_three", "block_three_dw", "block_six_up", "block_seven", {3, 3}},
    {"block_four", "block_four_dw", "block_five_up", "block_six", {3, 3}},
};
enum { LEVELS = sizeof levels / sizeof *levels };

/* Module `index` of a block's nn.Sequential. */
static const char *module(char name[24], int index)
{
    snprintf(name, 24, "conv.%d", index);
    return name;
}

/* The norm and activation behind the convolution that is module *index of its block; *index moves behind them. */
static int64_t settle(rmseg_net *net, const char *block, int64_t x, int *index)
{
    char name[24];
    x = rmseg_graph_norm(net, block, module(name, *index + 1), name, x);
    *index += net->norm == RMSEG_NORM_NONE ? 2 : 3;
    return x;
}

static int64_t convolve(rmseg_net *net, const char *block, int64_t x, int64_t channels, int times)
{
    char name[24];
    for (int i = 0, index = 0; i < times; i++) {
        x = rmseg_graph_conv(net, block, module(name, index), x, channels, 3);
        x = settle(net, block, x, &index);
    }
    return x;
}

static int64_t drop(rmseg_net *net, const char *block, int64_t x)
{
    return net->spec.dropout > 0 ? rmseg_graph_dropout(net, block, "dropout", x) : x;
}

/* Down from level `l` to the bottom and up again; the skip of this level waits on the stack. */
static int64_t descend(rmseg_net *net, int l, int64_t x)
{
    int64_t channels = net->spec.width << l;
    int index = 0;
    if (l == LEVELS) return drop(net, "block_five", convolve(net, "block_five", x, channels, 3));
    int64_t skip = convolve(net, levels[l].in, x, channels, levels[l].convolutions[0]);
    x = rmseg_graph_fork(net, levels[l].in, "skip", &skip);
    x = rmseg_graph_conv_halve(net, levels[l].down, "conv.0", x, 2 * channels);
    x = settle(net, levels[l].down, x, &index);
    x = descend(net, l + 1, x);
    x = rmseg_graph_double(net, levels[l].up, "conv.0", x, channels);
    x = settle(net, levels[l].up, x, (index = 0, &index));
    x = rmseg_graph_add(net, levels[l].up, "add", x, skip);
    return convolve(net, levels[l].out, x, channels, levels[l].convolutions[1]);
}

void rmseg_vnet_build(rmseg_net *net)
{
    int64_t x = drop(net, "block_nine", descend(net, 0, 0));
    rmseg_graph_conv(net, "", "out_conv", x, net->spec.out_channels, 1);
}
