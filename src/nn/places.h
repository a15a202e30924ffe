/*
 * nn/places.h - where each tensor of a net lies in the arena of activations, or its gradient in that of gradients.
 *
 * Tensors that are one another's parts share memory: the inputs of a concat lie in its output (so a skip is written
 * where it is joined, and a concat costs nothing), a fork's outputs are its input, an activation or a dropout works in
 * place where the op before it does not look at its output again, and a sum is written over the output of the norm
 * that it adds to. What is deferred (nn/defer.h) has no output but its input. Gradients lie the same way, except that a
 * fork's input gradient takes the place of its second output's, that those of a sum's inputs are that of its output, and
 * that a norm writes its input's over its output's.
 *
 * Beside that, tensors and gradients that are not alive at once share memory, in one arena for both: a tensor lives from
 * the op that writes it to the last op that reads it, forward or backward, a gradient the other way round.
 *
 * In a training with bf16 what is kept for the way back is rounded behind the last op of the forward pass that reads it,
 * and waits in half the bytes. Before an op reads it on the way back it is made floats again, for as long as no other
 * convolution comes between those that do: a skip, read at both ends, is widened twice.
 */
#ifndef NN_PLACES_H
#define NN_PLACES_H

#include "nn/fold.h"

typedef struct rmseg_place {
    size_t offset;    /* bytes from the start of the arena; SIZE_MAX: nowhere (the gradient of the input) */
    int64_t n_stride; /* elements from sample to sample */
    bool kept;        /* still there when the forward pass is done; of AGAIN: not made again */
} rmseg_place;

typedef enum rmseg_place_kind {
    RMSEG_PLACE_ACTIVATION,
    RMSEG_PLACE_GRADIENT,
    RMSEG_PLACE_AGAIN, /* of activations on the way back, when the training is checkpointed (nn/segments.h) or bf16 */
    RMSEG_PLACE_BF16,  /* of activations between the forward pass and the way back; SIZE_MAX: they stay floats */
    RMSEG_PLACE_KINDS
} rmseg_place_kind;

/* A tensor with all its parts becomes bfloat16, or floats again. */
typedef struct rmseg_rounding {
    int64_t op; /* behind the forward pass of which, or before the backward pass of which */
    int64_t tensor, elements;
    size_t floats, bf16; /* where it lies: bytes from the start of the arena */
} rmseg_rounding;

typedef struct rmseg_places {
    rmseg_place *places[RMSEG_PLACE_KINDS]; /* [edge_count] of each kind; NULL: there are none */
    rmseg_rounding *rounded, *widened;      /* forward and backward; NULL: nothing is */
    int64_t rounded_count, widened_count;
    size_t bytes;      /* of the arena */
    size_t kept_bytes; /* of all that a training's forward pass leaves for the backward pass */
} rmseg_places;

/* Places of all tensors for the shapes in ops[node_count]; `folds` (nn/fold.h) may be NULL; `ends` of the segments of a
 * checkpointed training, else NULL. A failure too leaves them to be destroyed. */
rmseg_status rmseg_places_find(rmseg_places *places, const rmseg_net *net, const rmseg_op_desc *ops,
                               const rmseg_backend *backend, const rmseg_fold *folds, bool training,
                               const int64_t *ends);
void rmseg_places_destroy(rmseg_places *places);

#endif
