/* backend.c - the backends there are, by name and by level of the processor. */
#include "backend/backend.h"

#include <stdlib.h>
#include <string.h>

#include "backend/plain/plain.h"

#define rmseg_backend_cpu_plain rmseg_backend_plain
#define BACKEND_DECLARE(level)  extern const rmseg_backend rmseg_backend_cpu_##level;
#define BACKEND_ROW(level)      &rmseg_backend_cpu_##level,
#define NAME_ROW(level)         ", " #level
RMSEG_EACH_LEVEL(BACKEND_DECLARE)
static const rmseg_backend *const levels[] = {RMSEG_EACH_LEVEL(BACKEND_ROW)};
static const char *const level_names = &(RMSEG_EACH_LEVEL(NAME_ROW))[2];

const rmseg_backend *rmseg_backend_find(const char *name)
{
    if (strcmp(name, "plain") == 0) return &rmseg_backend_plain;
    if (strcmp(name, "plain64") == 0) return &rmseg_backend_plain64;
    if (strcmp(name, "cpu") != 0) return NULL;
    int level = rmseg_level_chosen();
    if (level == RMSEG_LEVEL_plain) level = rmseg_level_best();
    return level > RMSEG_LEVEL_plain ? levels[level] : NULL;
}

rmseg_status rmseg_backend_default(const rmseg_backend **backend)
{
    int level = rmseg_level_chosen();
    if (level >= 0) {
        *backend = levels[level];
        return RMSEG_OK;
    }
    const char *wanted = getenv("RMSEG_CPU");
    if (rmseg_level_find(wanted) >= 0)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "RMSEG_CPU=%s: this processor cannot run that level; the best it runs is %s", wanted,
                          rmseg_level_name(rmseg_level_best()));
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "RMSEG_CPU=%s: expected one of %s", wanted, level_names);
}

rmseg_status rmseg_cpu_level_check(void)
{
    const rmseg_backend *backend = NULL;
    return rmseg_backend_default(&backend);
}

const char *rmseg_cpu_level(void)
{
    int level = rmseg_level_chosen();
    return rmseg_level_name(level >= 0 ? level : rmseg_level_best());
}

const char *rmseg_cpu_level_list(int64_t index)
{
    return index >= 0 && index < RMSEG_LEVELS ? rmseg_level_name((int)index) : NULL;
}

bool rmseg_cpu_level_runs(const char *name)
{
    int level = rmseg_level_find(name);
    return level >= 0 && rmseg_level_runs(level);
}

const rmseg_backend *rmseg_backend_at_level(const char *name)
{
    int level = rmseg_level_find(name);
    return level > RMSEG_LEVEL_plain && rmseg_level_runs(level) ? levels[level] : NULL;
}
