/* gate.c - work waits until there is memory for it. */
#include "run/gate.h"

void rmseg_gate_init(rmseg_gate *gate, int64_t limit)
{
    *gate = (rmseg_gate){.limit = limit ? limit : rmseg_memory_of_machine() / 2};
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
