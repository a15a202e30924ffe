/*
 * core/error.h - failing with a sentence.
 *
 * The sentence lives in thread-local storage, so it survives clean-up code and needs no memory. A worker thread's
 * failure is carried to its caller with rmseg_error_take / rmseg_error_give.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include "rmseg/core.h"

#define RMSEG_ERROR_LENGTH 1024

/* Sets this thread's sentence and returns `status`, so that `return rmseg_fail(...)` is one line. Long text is cut. */
rmseg_status rmseg_fail(rmseg_status status, const char *format, ...) RMSEG_PRINTF(2, 3);

/* Puts "<text>: " before the sentence already there: context added on the way up. Returns `status`. */
rmseg_status rmseg_fail_in(rmseg_status status, const char *format, ...) RMSEG_PRINTF(2, 3);

/* The static sentence of out of memory; returns RMSEG_ERROR_MEMORY. */
rmseg_status rmseg_fail_memory(void);

/* Copies this thread's sentence into / from a buffer of RMSEG_ERROR_LENGTH, to hand it from a worker to its caller. */
void rmseg_error_take(char *sentence);
void rmseg_error_give(const char *sentence);

/* `if (failed) return`: runs a call and returns its status from the enclosing function when it is not RMSEG_OK. */
#define RMSEG_TRY(call)                                                                                                \
    do {                                                                                                               \
        rmseg_status try_status_ = (call);                                                                             \
        if (try_status_ != RMSEG_OK) return try_status_;                                                               \
    } while (0)

#endif
