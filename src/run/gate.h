/*
 * run/gate.h - how much may be in memory at once: work waits at the gate until there is room for it.
 */
#ifndef RUN_GATE_H
#define RUN_GATE_H

#include <pthread.h>

#include "core/core.h"

typedef struct rmseg_gate {
    pthread_mutex_t mutex;
    pthread_cond_t left;
    int64_t limit, inside; /* bytes */
} rmseg_gate;

/* limit 0: half of this machine's memory. */
void rmseg_gate_init(rmseg_gate *gate, int64_t limit);
void rmseg_gate_destroy(rmseg_gate *gate);

/* Returns when `bytes` have room beside what is inside, or when nothing is: what is larger than the limit goes through
 * alone. Whoever entered leaves with the same number. */
void rmseg_gate_enter(rmseg_gate *gate, int64_t bytes);
void rmseg_gate_leave(rmseg_gate *gate, int64_t bytes);

#endif
