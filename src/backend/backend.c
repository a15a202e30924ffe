/* backend.c - the backends there are, by name, and the level of the processor the engine uses. */
#include "backend/backend.h"

#include <stdlib.h>
#include <string.h>

#include "backend/plain/plain.h"

/* Nothing compiled for a level runs before its `runs` has said yes. */
typedef struct level_row {
    const char *name;
    const rmseg_backend *backend;
    bool (*runs)(void);
} level_row;

#if defined(__x86_64__)
extern const rmseg_backend rmseg_backend_cpu_v2, rmseg_backend_cpu_v3, rmseg_backend_cpu_v4;

static bool runs_v2(void) { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"); }
static bool runs_v3(void)
{
    return runs_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
static bool runs_v4(void)
{
    return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static const level_row levels[] = {{"plain", &rmseg_backend_plain, NULL},
                                   {"v2", &rmseg_backend_cpu_v2, runs_v2},
                                   {"v3", &rmseg_backend_cpu_v3, runs_v3},
                                   {"v4", &rmseg_backend_cpu_v4, runs_v4}};
#define LEVEL_NAMES "plain, v2, v3, v4"
#else
extern const rmseg_backend rmseg_backend_cpu_native;

static const level_row levels[] = {{"plain", &rmseg_backend_plain, NULL}, {"native", &rmseg_backend_cpu_native, NULL}};
#define LEVEL_NAMES "plain, native"
#endif
#define LEVELS (int)(sizeof levels / sizeof *levels)

static bool row_runs(const level_row *row) { return !row->runs || row->runs(); }

static const level_row *find_level(const char *name)
{
    for (int i = 0; i < LEVELS; i++)
        if (strcmp(levels[i].name, name) == 0) return &levels[i];
    return NULL;
}

static const level_row *best_level(void)
{
    int best = LEVELS - 1;
    while (best > 0 && !row_runs(&levels[best])) best--;
    return &levels[best];
}

/* The level RMSEG_CPU asks for, else the best; NULL when it asks for what is not there or cannot run. */
static const level_row *chosen_level(void)
{
    const char *wanted = getenv("RMSEG_CPU");
    if (!wanted || !*wanted) return best_level();
    const level_row *row = find_level(wanted);
    return row && row_runs(row) ? row : NULL;
}

const rmseg_backend *rmseg_backend_find(const char *name)
{
    if (strcmp(name, "plain") == 0) return &rmseg_backend_plain;
    if (strcmp(name, "plain64") == 0) return &rmseg_backend_plain64;
    if (strcmp(name, "cpu") != 0) return NULL;
    const level_row *row = chosen_level();
    if (row == &levels[0]) row = best_level();
    return row && row != &levels[0] ? row->backend : NULL;
}

rmseg_status rmseg_backend_default(const rmseg_backend **backend)
{
    const level_row *row = chosen_level();
    const char *wanted = getenv("RMSEG_CPU");
    if (!row && find_level(wanted))
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "RMSEG_CPU=%s: this processor cannot run that level; the best it runs is %s", wanted,
                          best_level()->name);
    if (!row) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "RMSEG_CPU=%s: expected one of " LEVEL_NAMES, wanted);
    *backend = row->backend;
    return RMSEG_OK;
}

rmseg_status rmseg_cpu_level_check(void)
{
    const rmseg_backend *backend = NULL;
    return rmseg_backend_default(&backend);
}

const char *rmseg_cpu_level(void)
{
    const level_row *row = chosen_level();
    return row ? row->name : best_level()->name;
}

bool rmseg_cpu_level_runs(const char *level)
{
    const level_row *row = find_level(level);
    return row && row_runs(row);
}

const rmseg_backend *rmseg_backend_at_level(const char *level)
{
    const level_row *row = find_level(level);
    return row && row != &levels[0] && row_runs(row) ? row->backend : NULL;
}
