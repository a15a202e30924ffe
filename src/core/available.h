/*
 * core/available.h - how much memory this process may still take.
 */
#ifndef CORE_AVAILABLE_H
#define CORE_AVAILABLE_H

#include "rmseg/core.h"

/* Bytes: the least of what the machine has left, the control groups and the limits of addresses and data allow. What
 * cannot be known does not count; so it may be INT64_MAX. */
int64_t rmseg_memory_available(void);

#endif
