/*
 * nn/safetensors.h - the format behind rmseg_tensor_file, for tests that have no file.
 *
 *     u64 little-endian n | n bytes of JSON, padded with spaces | data
 *     {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
 *
 * Offsets count from the start of the data. The tensors cover the data without holes and without overlap, in any order.
 * Specification: https://github.com/huggingface/safetensors#format
 */
#ifndef NN_SAFETENSORS_H
#define NN_SAFETENSORS_H

#include "nn/nn.h"

/* Reads a file that is already in memory; `path` is for the sentences. */
rmseg_status rmseg_tensor_file_parse(rmseg_tensor_file *file, const uint8_t *bytes, size_t length, const char *path);

#endif
