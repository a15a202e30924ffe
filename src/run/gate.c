/* gate.c - work waits until there is memory for it. */
#include "run/gate.h"

#include <unistd.h>

static int64_t half_of_memory(void)
{
    int64_t bytes = 0;
    return rmseg_mul(&bytes, sysconf(_SC_PHYS_PAGES), sysconf(_SC_PAGESIZE)) ? bytes / 2 : INT64_MAX;
}

void rmseg_gate_init(rmseg_gate *gate, int64_t limit)
{
    *gate = (rmseg_gate){.limit = limit ? limit : half_of_memory()};
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->left, NULL);
}

void rmseg_gate_destroy(rmseg_gate *gate)
{
    pthread_cond_destroy(&gate->left);
    pthread_mutex_destroy(&gate->mutex);
}

void rmseg_gate_enter(rmseg_gate *gate, int64_t bytes)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->inside && bytes > gate->limit - gate->inside) pthread_cond_wait(&gate->left, &gate->mutex);
    gate->inside += bytes;
    pthread_mutex_unlock(&gate->mutex);
}

void rmseg_gate_leave(rmseg_gate *gate, int64_t bytes)
{
    pthread_mutex_lock(&gate->mutex);
    gate->inside -= bytes;
    pthread_cond_broadcast(&gate->left);
    pthread_mutex_unlock(&gate->mutex);
}
