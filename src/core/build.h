/*
 * core/build.h - what this build is made of: the tables CMake writes (cmake/build_tables.c.in) behind rmseg_build and
 * rmseg_library_get. librmseg_core has its own tables: it has no libraries of other people in it.
 */
#ifndef CORE_BUILD_H
#define CORE_BUILD_H

#include "rmseg/core.h"

extern const char rmseg_build_text[];
extern const rmseg_library_info rmseg_library_rows[]; /* ends with a row whose name is NULL */

#endif
