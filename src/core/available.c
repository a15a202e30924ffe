/* available.c - how much memory this process may still take: of the machine, its control group, its own limits. */
#include "core/available.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* "KEY   123 kB" of /proc/meminfo or /proc/self/status, or "KEY 123" of memory.stat; -1 where it is not there. */
static int64_t field_of(const char *path, const char *key, int64_t unit)
{
    char line[512];
    int64_t found = -1, value;
    FILE *file = fopen(path, "r");
    while (file && found < 0 && fgets(line, sizeof line, file))
        if (!strncmp(line, key, strlen(key)) && sscanf(line + strlen(key), "%" SCNd64, &value) == 1)
            found = value * unit;
    if (file) fclose(file);
    return found;
}

static int64_t of_machine(void)
{
    int64_t available = field_of("/proc/meminfo", "MemAvailable:", 1024);
    if (available >= 0) return available;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (int64_t)pages * page : INT64_MAX;
}

/* What is left to one group, files that it keeps in memory not counted: they give way. INT64_MAX without a limit. */
static int64_t of_group(const char *folder, const char *most, const char *used)
{
    char path[4300];
    snprintf(path, sizeof path, "%s/%s", folder, most);
    int64_t limit = field_of(path, "", 1);
    if (limit < 0) return INT64_MAX; /* "max", or no such file */
    snprintf(path, sizeof path, "%s/%s", folder, used);
    int64_t now = field_of(path, "", 1);
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    int64_t files = field_of(path, "inactive_file ", 1), more = field_of(path, "active_file ", 1);
    int64_t left = limit - (now > 0 ? now : 0) + (files > 0 ? files : 0) + (more > 0 ? more : 0);
    return left > 0 ? left : 0;
}

/* The least of our control group and those above it, version 2 or 1. */
static int64_t of_groups(void)
{
    char line[4096];
    int64_t left = least(of_group("/sys/fs/cgroup", "memory.max", "memory.current"),
                         of_group("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"));
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        bool first = !strncmp(line, "0::", 3);
        char *path = strstr(line, first ? "::" : ":memory:");
        if (!path) continue;
        path += first ? 2 : 8;
        for (char *slash; *path; *(slash = strrchr(path, '/')) = '\0') {
            char folder[4200];
            snprintf(folder, sizeof folder, "/sys/fs/cgroup%s%s", first ? "" : "/memory", path);
            left = least(left, first ? of_group(folder, "memory.max", "memory.current")
                                     : of_group(folder, "memory.limit_in_bytes", "memory.usage_in_bytes"));
            if (!strrchr(path, '/')) break;
        }
    }
    if (file) fclose(file);
    return left;
}

static int64_t of_limit(int resource, const char *used)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT64_MAX) return INT64_MAX;
    int64_t now = field_of("/proc/self/status", used, 1024), left = (int64_t)limit.rlim_cur - (now > 0 ? now : 0);
    return left > 0 ? left : 0;
}

int64_t rmseg_memory_available(void)
{
    int64_t left = least(of_machine(), of_groups());
    left = least(left, of_limit(RLIMIT_AS, "VmSize:"));
    return least(left, of_limit(RLIMIT_DATA, "VmData:"));
}
