/* level.c - what this processor can run, what the user wants it to, and what it is called. */
#include "core/level.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static bool runs_plain(void) { return true; }

#if defined(__x86_64__)
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
#elif defined(__aarch64__)
static bool runs_neon(void) { return true; }
#else
static bool runs_native(void) { return true; }
#endif

#define LEVEL_ROW(level) {#level, runs_##level},
static const struct level_row {
    const char *name;
    bool (*runs)(void);
} rows[] = {RMSEG_EACH_LEVEL(LEVEL_ROW)};

const char *rmseg_level_name(int level) { return rows[level].name; }

int rmseg_level_find(const char *name)
{
    for (int level = 0; level < RMSEG_LEVELS; level++)
        if (strcmp(rows[level].name, name) == 0) return level;
    return -1;
}

bool rmseg_level_runs(int level) { return rows[level].runs(); }

int rmseg_level_best(void)
{
    int best = RMSEG_LEVELS - 1;
    while (!rmseg_level_runs(best)) best--;
    return best;
}

int rmseg_level_chosen(void)
{
    const char *wanted = getenv("RMSEG_CPU");
    if (!wanted || !*wanted) return rmseg_level_best();
    int level = rmseg_level_find(wanted);
    return level >= 0 && rmseg_level_runs(level) ? level : -1;
}

/* The value of the first line "key : value". */
static bool find_value(char *value, size_t size, const char *path, const char *key)
{
    char line[512];
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        found = colon && strncmp(line, key, strlen(key)) == 0;
        if (!found) continue;
        colon += 1 + strspn(colon + 1, " ");
        snprintf(value, size, "%.*s", (int)strcspn(colon, "\n"), colon);
    }
    if (file) fclose(file);
    return found;
}

void rmseg_processor_name(char *name, size_t size, const char *cpuinfo)
{
    char maker[64], part[64];
    struct utsname system;
    if (find_value(name, size, cpuinfo, "model name")) return;
    if (find_value(maker, sizeof maker, cpuinfo, "CPU implementer") &&
        find_value(part, sizeof part, cpuinfo, "CPU part"))
        snprintf(name, size, "ARM %s, part %s", maker, part);
    else
        snprintf(name, size, "%s", uname(&system) ? "unknown" : system.machine);
}
