/*
 * core/store.h - a large array (C,D,H,W) in a temporary file, read and written by boxes: for what does not fit into
 * memory.
 *
 * The array lies in bricks of up to 32 elements along each axis, so that boxes of any direction cost the same, and an
 * axis order that puts the slowest axis last needs no pass of its own. Its file has no name: it goes with the process,
 * however that ends. What was never written is 0. One caller at a time.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "rmseg/core.h"

typedef struct rmseg_store rmseg_store;

/* In `folder`, which must be there; `element` bytes each, at most 8. The room on the disk is taken at once where the file
 * system can, so that a full disk is known before the work. Errors: file, memory. */
rmseg_status rmseg_store_create(rmseg_store **store, const char *folder, size_t element, int64_t channels,
                                const int64_t size[3]);
void rmseg_store_destroy(rmseg_store *store); /* NULL is legal */

/* The box of `size` elements from `start` on, of one channel; it must lie within the array. */
rmseg_status rmseg_store_read(void *box, rmseg_store *store, int64_t channel, const int64_t start[3],
                              const int64_t size[3]);
rmseg_status rmseg_store_write(rmseg_store *store, int64_t channel, const int64_t start[3], const int64_t size[3],
                               const void *box);

#endif
