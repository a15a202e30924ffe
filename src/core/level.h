/*
 * core/level.h - levels of processors: what may be compiled for one, and which of them runs here.
 *
 * Level 0 is "plain": what the compiler makes without being told of a processor. Above it stand x86-64's v2, v3 and v4,
 * ARM's neon (every 64-bit one has it); elsewhere one level, "native". A file that CMake compiles per level (rmseg_levels in cmake/rooms.cmake) exports names
 * that end in the level's; whoever calls them keeps a table of them, by level.
 */
#ifndef CORE_LEVEL_H
#define CORE_LEVEL_H

#include "rmseg/core.h"

#if defined(__x86_64__)
#define RMSEG_EACH_LEVEL(X) X(plain) X(v2) X(v3) X(v4)
#elif defined(__aarch64__)
#define RMSEG_EACH_LEVEL(X) X(plain) X(neon)
#else
#define RMSEG_EACH_LEVEL(X) X(plain) X(native)
#endif

#define RMSEG_LEVEL_NUMBER(level) RMSEG_LEVEL_##level,
enum { RMSEG_EACH_LEVEL(RMSEG_LEVEL_NUMBER) RMSEG_LEVELS };

const char *rmseg_level_name(int level);

/* -1 for a name that no level has. */
int rmseg_level_find(const char *name);

/* Nothing compiled for a level is called before this has said yes. */
bool rmseg_level_runs(int level);
int rmseg_level_best(void);

/* The level that the environment variable RMSEG_CPU asks for, or the best where it is unset; -1 where it asks for one
 * that is not there or does not run here. */
int rmseg_level_chosen(void);

/* What the system calls this processor, from its file of that format: "Intel(R) Xeon(R) ...", "ARM 0x41, part 0xd0c"
 * (Linux knows those by the maker's numbers alone); where the file says neither, or there is none, the architecture. */
#define RMSEG_CPUINFO "/proc/cpuinfo"
void rmseg_processor_name(char *name, size_t size, const char *cpuinfo);

#endif
