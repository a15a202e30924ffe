/*
 * fuzz_safetensors.c - hostile weights files: rmseg_tensor_file_parse on any bytes, and what a weights file is asked
 * next: the spec of its network, and that network's list of ops.
 *
 * Built two ways (tests/fuzz/CMakeLists.txt):
 *   fuzz_safetensors     with clang and -DRMSEG_FUZZ=ON: libFuzzer searches,     ./fuzz_safetensors FOLDER
 *   replay_safetensors   everywhere, an ordinary test: every file of tests/fuzz/corpus/safetensors and of the goldens,
 * once
 */
#include <stdlib.h>

#include "nn/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* A file that was read can be put together again from its parts: reads every name, shape and byte. */
static void add_again(const rmseg_tensor_file *file)
{
    rmseg_tensor_file again = {0};
    for (int64_t i = 0; i < file->count; i++) {
        const rmseg_named_tensor *t = &file->tensors[i];
        if (rmseg_tensor_file_add(&again, t->name, t->dtype, t->rank, t->dims, t->data) != RMSEG_OK) abort();
    }
    for (int64_t i = 0; i < file->metadata; i++)
        if (rmseg_tensor_file_note(&again, file->keys[i], file->values[i]) != RMSEG_OK) abort();
    rmseg_tensor_file_destroy(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    rmseg_tensor_file file = {0};
    rmseg_net_spec spec;
    rmseg_net *net = NULL;
    if (rmseg_tensor_file_parse(&file, bytes, length, "fuzz") != RMSEG_OK) return 0;
    add_again(&file);
    if (rmseg_net_spec_load(&spec, &file, "fuzz") == RMSEG_OK && rmseg_net_create(&net, &spec) == RMSEG_OK)
        rmseg_net_destroy(net);
    rmseg_tensor_file_destroy(&file);
    return 0;
}
