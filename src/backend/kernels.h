/*
 * backend/kernels.h - what loss/ and backend/ share: the compiled objective and the sweeps that evaluate it.
 */
#ifndef BACKEND_KERNELS_H
#define BACKEND_KERNELS_H

#include "core/core.h"

typedef struct rmseg_objective_kernels rmseg_objective_kernels;

#endif
