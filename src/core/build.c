/* build.c - version, compiler and libraries, as `rmseg info` prints them. */
#include "core/build.h"

#include "core/error.h"

const char *rmseg_version(void) { return RMSEG_VERSION; }

int rmseg_abi_version(void) { return RMSEG_ABI_VERSION; }

const char *rmseg_build(void) { return rmseg_build_text; }

int64_t rmseg_library_count(void)
{
    int64_t count = 0;
    while (rmseg_library_rows[count].name) count++;
    return count;
}

rmseg_status rmseg_library_get(rmseg_library_info *info, int64_t index)
{
    int64_t count = rmseg_library_count();
    if (index < 0 || index >= count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "library %lld was asked for, but this build knows 0 to %lld",
                          (long long)index, (long long)count - 1);
    *info = rmseg_library_rows[index];
    return RMSEG_OK;
}
