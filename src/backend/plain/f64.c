/* f64.c - the plain backend in double. */
#include "backend/plain/plain.h"

#define REAL         double
#define BACKEND      rmseg_backend_plain64
#define BACKEND_NAME "plain64"
#define OBJECTIVE    rmseg_objective_plain64
#include "backend/plain/layers.inc"
