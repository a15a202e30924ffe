/*
 * nn/places.h - where each tensor of a net lies in the arena of activations, or its gradient in that of gradients.
 *
 * Tensors that are one another's parts share memory: the inputs of a concat lie in its output (so a skip is written
 * where it is joined, and a concat costs nothing), a fork's outputs are its input, an activation or a dropout works in
 * place where the op before it does not look at its output again, and a sum is written over the output of the norm
 * that it adds to. Gradients lie the same way, except that a fork's input gradient takes the place of its second
 * output's, and that those of a sum's inputs are that of its output.
 *
 * Beside that, tensors that are not alive at once share memory: a tensor of a prediction lives from the op that writes
 * it to the op that reads it, a gradient the other way round. The activations of a training are all kept.
 */
#ifndef NN_PLACES_H
#define NN_PLACES_H

#include "nn/graph.h"

typedef struct rmseg_place {
    size_t offset;    /* bytes from the start of the arena; SIZE_MAX: nowhere (the gradient of the input) */
    int64_t n_stride; /* elements from sample to sample */
} rmseg_place;

typedef enum rmseg_arena { RMSEG_ARENA_TRAINING, RMSEG_ARENA_INFERENCE, RMSEG_ARENA_GRADIENTS } rmseg_arena;

/* Places of all tensors (net->edge_count) for the shapes in ops[node_count], and the bytes of the arena. */
rmseg_status rmseg_places_find(rmseg_place *places, size_t *bytes, const rmseg_net *net, const rmseg_op_desc *ops,
                               const rmseg_backend *backend, rmseg_arena arena);

#endif
