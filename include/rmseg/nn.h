/*
 * rmseg/nn.h - networks: what there is and what one looks like inside.                          tier: may change
 * before 1.0
 */
#ifndef RMSEG_NN_H
#define RMSEG_NN_H

#include "rmseg/core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rmseg_net_info {
    const char *name, *help;
    const char *defaults; /* "width=16 dropout=0.5": train options it suggests, key=value, space-separated; or "" */
    const char *example;  /* "in-channels=1 grid=112,112,80": what `rmseg info --net` shows; or "" */
    const char *source;
} rmseg_net_info;
RMSEG_API const rmseg_net_info *rmseg_net_list(int64_t index); /* `rmseg nets`; NULL past the last */

/* What a network is made of; saved with the weights. */
typedef struct rmseg_net_spec {
    const char *net; /* "unet" | "vnet" */
    int spatial;     /* 2 or 3 */
    int64_t in_channels, out_channels;
    int64_t width;          /* channels of the first level */
    int64_t depth;          /* halvings of the grid; V-Net: always 4 */
    const char *norm;       /* "batch" | "instance" | "group" | "none" */
    const char *activation; /* "relu" | "leaky-relu" */
    double dropout;         /* of whole channels: at the bottom, V-Net: and before its last convolution; 0: none */
    bool exact;             /* convolutions by direct sums alone, never by Winograd's algorithm: slower */
    bool bf16;              /* a training keeps activations for the way back in bfloat16: less memory */
} rmseg_net_spec;

/* The op list with shapes, MACs, bytes, and the algorithm each layer takes on this machine, as a text table: `rmseg
 * info --net`. `text` is owned: rmseg_text_free. size = D,H,W of one sample; with `training`, the plans a trainer would
 * make, with `checkpoints` of one that keeps only some activations and makes the others again. */
RMSEG_API rmseg_status rmseg_net_describe(char **text, const rmseg_net_spec *spec, int64_t batch, const int64_t size[3],
                                          bool training, bool checkpoints);

/* A line for each backend: the kinds of op in which it gives the same bits at any number of threads, and those in which
 * it does not. `text` is owned. */
RMSEG_API rmseg_status rmseg_ops_describe(char **text);

#ifdef __cplusplus
}
#endif
#endif
