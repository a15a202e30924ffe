/* backend.c - the backends there are, by name. */
#include "backend/backend.h"

#include <stdlib.h>
#include <string.h>

#include "backend/plain/plain.h"

static const rmseg_backend *const backends[] = {&rmseg_backend_plain, &rmseg_backend_plain64};

const rmseg_backend *rmseg_backend_find(const char *name)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}

rmseg_status rmseg_backend_default(const rmseg_backend **backend)
{
    const char *wanted = getenv("RMSEG_CPU");
    if (wanted && !rmseg_cpu_level_runs(wanted))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "RMSEG_CPU=%s: this build has the level plain alone", wanted);
    *backend = &rmseg_backend_plain;
    return RMSEG_OK;
}

const char *rmseg_cpu_level(void) { return "plain"; }

bool rmseg_cpu_level_runs(const char *level) { return strcmp(level, "plain") == 0; }

const rmseg_backend *rmseg_backend_at_level(const char *level)
{
    (void)level;
    return NULL;
}
