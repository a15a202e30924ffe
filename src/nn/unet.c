/*
 * unet.c - the U-Net of Ronneberger et al. 2015, padded so that the size stays, in 2D and 3D.
 *
 *     level l = 0 .. depth-1   down<l>: conv1, conv2 (3x3) to width 2^l channels, kept as skip; max-pooling 2
 *     bottom                   conv1, conv2 to width 2^depth; dropout where asked
 *     level l = depth-1 .. 0   up<l>:   transposed 2x2/2 to width 2^l, no norm, no activation; [skip, up]; conv1, conv2
 *     head                     conv 1x1 to the classes
 *
 * Each 3x3 is followed by the norm (norm1, norm2; none: nothing) and the activation. Width 64, depth 4, RGB, two
 * classes: 31,031,810 parameters, 31,043,586 with batch norm. python/rmseg/torch/unet.py is the same module.
 */
#include <stdio.h>

#include "nn/graph.h"

static int64_t convolve_twice(rmseg_net *net, const char *block, int64_t x, int64_t channels)
{
    x = rmseg_graph_conv(net, block, "conv1", x, channels, 3);
    x = rmseg_graph_norm(net, block, "norm1", "act1", x);
    x = rmseg_graph_conv(net, block, "conv2", x, channels, 3);
    return rmseg_graph_norm(net, block, "norm2", "act2", x);
}

/* Down from `level` to the bottom and up again; the skip of this level waits on the stack. */
static int64_t descend(rmseg_net *net, int64_t level, int64_t x)
{
    int64_t channels = net->spec.width << level;
    if (level == net->spec.depth) {
        x = convolve_twice(net, "bottom", x, channels);
        return net->spec.dropout > 0 ? rmseg_graph_dropout(net, "bottom", "dropout", x) : x;
    }
    char down[16], up[16];
    snprintf(down, sizeof down, "down%d", (int)level);
    snprintf(up, sizeof up, "up%d", (int)level);

    int64_t skip = convolve_twice(net, down, x, channels);
    x = rmseg_graph_fork(net, down, "skip", &skip);
    x = rmseg_graph_halve(net, down, "pool", x);
    x = descend(net, level + 1, x);
    x = rmseg_graph_double(net, up, "up", x, channels);
    x = rmseg_graph_concat(net, up, "concat", skip, x);
    return convolve_twice(net, up, x, channels);
}

void rmseg_unet_build(rmseg_net *net)
{
    int64_t x = descend(net, 0, 0);
    rmseg_graph_conv(net, "", "head", x, net->spec.out_channels, 1);
}
