/*
 * nn/graph.h - the network as a flat list of ops, and how a builder writes it.
 *
 * A tensor is a number; tensor 0 is the input, the last op's out[0] the logits. Every tensor is read by one op: where
 * it is needed twice, the builder puts a fork. An op's desc carries the shapes of the smallest input the net takes (one
 * sample of `divisor` extents), so parameters have their shapes from the start.
 *
 * A builder is prose: each call adds an op behind tensor x and returns its output. The first failure sticks in
 * net->status and later calls do nothing, so that only the end is checked. `block` and `part` make the op's name,
 * "down0.conv1"; an empty block leaves the part alone.
 */
#ifndef NN_GRAPH_H
#define NN_GRAPH_H

#include "nn/nn.h"
#include "nn/ops.h"

typedef enum rmseg_norm { RMSEG_NORM_NONE, RMSEG_NORM_BATCH, RMSEG_NORM_INSTANCE, RMSEG_NORM_GROUP } rmseg_norm;

typedef struct rmseg_node {
    rmseg_op_desc desc;
    int64_t in[RMSEG_OP_TENSORS], out[RMSEG_OP_TENSORS]; /* tensors; -1: none */
    char *name;
    int64_t first_info; /* of its parameters, states and counter in net->infos, in this order */
} rmseg_node;

typedef struct rmseg_edge {
    int64_t producer, consumer; /* ops; -1 for the input's producer and the logits' consumer */
    rmseg_shape shape;
} rmseg_edge;

struct rmseg_net {
    rmseg_net_spec spec; /* its strings are static */
    rmseg_norm norm;
    rmseg_activation activation;
    int64_t divisor[3];
    rmseg_node *nodes;
    int64_t node_count, node_room;
    rmseg_edge *edges;
    int64_t edge_count, edge_room;
    rmseg_tensor_info *infos;
    int64_t info_count, info_room;
    rmseg_status status;
};

/* ---- what a builder calls ---------------------------------------------------------------------------------------- */

/* kernel voxels a side, stride 1, padded so that the size stays, with bias; 2D nets keep D alone. */
int64_t rmseg_graph_conv(rmseg_net *net, const char *block, const char *part, int64_t x, int64_t channels,
                         int64_t kernel);
/* Convolution with a kernel and stride of 2: half the size. */
int64_t rmseg_graph_conv_halve(rmseg_net *net, const char *block, const char *part, int64_t x, int64_t channels);
/* Transposed convolution with a kernel and stride of 2: twice the size. */
int64_t rmseg_graph_double(rmseg_net *net, const char *block, const char *part, int64_t x, int64_t channels);
/* Max-pooling with a kernel and stride of 2: half the size. */
int64_t rmseg_graph_halve(rmseg_net *net, const char *block, const char *part, int64_t x);
/* The norm and the activation the spec asks for: one op, named `norm`, or the activation alone, named `act`. */
int64_t rmseg_graph_norm(rmseg_net *net, const char *block, const char *norm, const char *act, int64_t x);
int64_t rmseg_graph_add(rmseg_net *net, const char *block, const char *part, int64_t first, int64_t second);
int64_t rmseg_graph_concat(rmseg_net *net, const char *block, const char *part, int64_t first, int64_t second);
int64_t rmseg_graph_dropout(rmseg_net *net, const char *block, const char *part, int64_t x);
/* Returns a second tensor of the same content and leaves the first in *x. */
int64_t rmseg_graph_fork(rmseg_net *net, const char *block, const char *part, int64_t *x);

/* The builders; each sets divisor, adds its ops, and returns nothing but net->status. */
void rmseg_unet_build(rmseg_net *net);
void rmseg_vnet_build(rmseg_net *net);

/* ---- what net.c and the executor ask ----------------------------------------------------------------------------- */

int64_t rmseg_graph_input(rmseg_net *net);       /* makes tensor 0, of the spec's channels and `divisor` extents */
rmseg_status rmseg_graph_finish(rmseg_net *net); /* lists parameters and states, once the ops are there */

/* `value` along every axis the net has; `flat` along D in 2D. */
void rmseg_graph_axes(int64_t axes[3], const rmseg_net *net, int64_t value, int64_t flat);

/* A batch or size the net cannot take is RMSEG_ERROR_ARGUMENT, and the sentence has the nearest sizes that work. */
rmseg_status rmseg_net_check_input(const rmseg_net *net, int64_t n, const int64_t size[3]);

/* The descs of all ops for n samples of a checked `size`, into ops[node_count]. */
rmseg_status rmseg_graph_shapes(rmseg_op_desc *ops, const rmseg_net *net, int64_t n, const int64_t size[3]);

#endif
