/*
 * nn/weights.h - where the executor finds an op's parameters.
 */
#ifndef NN_WEIGHTS_H
#define NN_WEIGHTS_H

#include "nn/nn.h"

/* Fails unless `weights` belong to this net and backend, and can be trained where `training` asks for it. */
rmseg_status rmseg_weights_check(const rmseg_weights *weights, const rmseg_net *net, const rmseg_backend *backend,
                                 bool training);

/* Points the io of op `op` at its parameters, their gradients (where there are any) and its states. */
void rmseg_weights_bind(rmseg_op_io *io, const rmseg_weights *weights, int64_t op);

/* For inference, on a backend that can: makes of each convolution's parameters those with the batch norm behind it in
 * them, unless that is done and nothing has changed since; then points an op's io at them. The first call allocates. */
rmseg_status rmseg_weights_fold(rmseg_weights *weights);
void rmseg_weights_bind_folded(rmseg_op_io *io, const rmseg_weights *weights, int64_t op);

/* Whether there are numbers of this kind. */
bool rmseg_weights_keeps(const rmseg_weights *weights, rmseg_tensor_kind kind);

void rmseg_weights_count_batch(rmseg_weights *weights);

const rmseg_net *rmseg_weights_net(const rmseg_weights *weights);
const rmseg_backend *rmseg_weights_backend(const rmseg_weights *weights);

/* Bytes that one kind of numbers (values, gradients, ...) of a net takes, and its states. */
rmseg_status rmseg_weights_measure(size_t *values, size_t *states, const rmseg_net *net, const rmseg_backend *backend);

/* Bytes that weights have for a kind; 0 where they keep none. */
size_t rmseg_weights_bytes(const rmseg_weights *weights, rmseg_tensor_kind kind);

#endif
