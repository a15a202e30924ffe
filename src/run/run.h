/*
 * run/run.h - the door of the jobs: the public functions are all there is.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "rmseg/run.h"

#endif
