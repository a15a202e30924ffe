/*
 * nn/places.h - where each tensor of a net lies in the arena of activations, or its gradient in that of gradients.
 *
 * Tensors that are one another's parts share memory: the inputs of a concat lie in its output (so a skip is written
 * where it is joined, and a concat costs nothing), a fork's outputs are its input, an activation behind a convolution
 * or an add works in place. Gradients lie the same way, except that a fork's input gradient takes the place of its
 * second output's.
 */
#ifndef NN_PLACES_H
#define NN_PLACES_H

#include "nn/graph.h"

typedef struct rmseg_place {
    size_t offset;    /* bytes from the start of the arena; SIZE_MAX: nowhere (the gradient of the input) */
    int64_t n_stride; /* elements from sample to sample */
} rmseg_place;

/* Places of all tensors (net->edge_count) for the shapes in ops[node_count], and the bytes of the arena. */
rmseg_status rmseg_places_find(rmseg_place *places, size_t *bytes, const rmseg_net *net, const rmseg_op_desc *ops,
                               const rmseg_backend *backend, bool gradients);

#endif
