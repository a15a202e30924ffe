/*
 * core/log.h - saying something while working, through the caller's functions (rmseg_log_set, rmseg_progress_set).
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "rmseg/core.h"

void rmseg_info(const char *format, ...) RMSEG_PRINTF(1, 2);
void rmseg_warn(const char *format, ...) RMSEG_PRINTF(1, 2);

/* Reports progress; calls closer than 0.1 s to the last are dropped, except the first and done == total. */
void rmseg_progress(const char *stage, int64_t done, int64_t total, const char *note);

/* Seconds of a monotonic clock. */
double rmseg_now_s(void);

#endif
