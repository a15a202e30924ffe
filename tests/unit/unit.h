/*
 * unit.h - what a unit test includes: cmocka with the headers it wants, and a few checks of our own.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

/* The call succeeds; if not, the test fails with the library's sentence. */
#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        rmseg_status status_ = (call);                                                                                 \
        if (status_ != RMSEG_OK) fail_msg("%s: %s: %s", #call, rmseg_status_name(status_), rmseg_error_last());        \
    } while (0)

/* The call fails with `expected`, and its sentence says `words`. */
#define assert_fails(call, expected, words)                                                                            \
    do {                                                                                                               \
        rmseg_status status_ = (call);                                                                                 \
        if (status_ != (expected)) fail_msg("%s: got status %s", #call, rmseg_status_name(status_));                   \
        if (!strstr(rmseg_error_last(), words))                                                                        \
            fail_msg("%s: \"%s\" does not say \"%s\"", #call, rmseg_error_last(), words);                              \
    } while (0)

/* ThreadSanitizer does not follow a fork of a process that has threads: tests that fork so skip there. */
#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

/* AddressSanitizer has memory of its own, more than any limit of addresses: tests that set one skip there. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif

#endif
