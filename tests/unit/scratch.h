/*
 * scratch.h - a test's scratch folder, emptied.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <ftw.h>

#include "unit.h"

static inline int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

/* Empties the scratch folder: each test starts from nothing. */
static inline int fresh(void **state)
{
    (void)state;
    nftw(RMSEG_TEST_TMP, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return rmseg_folder_create(RMSEG_TEST_TMP) != RMSEG_OK;
}

#endif
