/*
 * rmseg/backend.h - what computes on this machine.                                               tier: may change
 * before 1.0
 */
#ifndef RMSEG_BACKEND_H
#define RMSEG_BACKEND_H

#include "rmseg/core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The processor level in use: "v2", "v3", "v4" (x86-64 levels), "neon" (64-bit ARM), "native" (other processors),
 * "plain" (RMSEG_CPU=plain). */
RMSEG_API const char *rmseg_cpu_level(void);

/* RMSEG_OK, or what is wrong with RMSEG_CPU: argument (no such level), unsupported (this processor cannot run it). */
RMSEG_API rmseg_status rmseg_cpu_level_check(void);

/* The levels that are compiled in, "plain" first; NULL past the last. */
RMSEG_API const char *rmseg_cpu_level_list(int64_t index);

/* Whether a level is compiled in and this processor can run it. */
RMSEG_API bool rmseg_cpu_level_runs(const char *level);

#ifdef __cplusplus
}
#endif
#endif
