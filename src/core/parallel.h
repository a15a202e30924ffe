/*
 * core/parallel.h - threads have this one door: a parallel-for over fixed chunks.
 *
 * The caller says into how many chunks its work falls, from the problem's size alone; how many threads there are only
 * decides who does a chunk, never what a chunk is. A sum is made by writing one partial per chunk and adding the
 * partials in order: the same bits at any number of threads.
 *
 * A call from inside a chunk, or from a second thread while the pool is busy, runs on the calling thread alone. A
 * forked child gets a fresh pool at its first call.
 */
#ifndef CORE_PARALLEL_H
#define CORE_PARALLEL_H

#include "rmseg/core.h"

/* `thread` is 0 .. rmseg_threads()-1 and names per-thread scratch; no two running chunks share it. */
typedef void (*rmseg_chunk_fn)(void *context, int64_t chunk, int thread);

/* Runs fn for chunk = 0 .. chunks-1, returns when all are done. Allocates nothing after the pool's first use. */
void rmseg_parallel_for(int64_t chunks, rmseg_chunk_fn fn, void *context);

/* The same for work that can fail. All chunks run; the failure returned, with its sentence, is that of the lowest chunk
 * that failed, whoever was faster. */
typedef rmseg_status (*rmseg_try_fn)(void *context, int64_t chunk, int thread);
rmseg_status rmseg_parallel_try(int64_t chunks, rmseg_try_fn fn, void *context);

/* From now on the calling thread's calls run on it alone: for a thread that works beside the pool's user (a loader's),
 * so that it never takes the pool from under it. */
void rmseg_parallel_alone(void);

/* The first and one-past-last item of `chunk` when `items` are split into chunks of `size` (the last one is shorter).
 */
static inline int64_t rmseg_chunk_count(int64_t items, int64_t size) { return (items + size - 1) / size; }
static inline int64_t rmseg_chunk_end(int64_t items, int64_t size, int64_t chunk)
{
    int64_t end = (chunk + 1) * size;
    return end < items ? end : items;
}

#endif
