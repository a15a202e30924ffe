/* f32.c - the plain backend in float. */
#include "backend/plain/plain.h"

#define REAL         float
#define BACKEND      rmseg_backend_plain
#define BACKEND_NAME "plain"
#define OBJECTIVE    rmseg_objective_plain
#include "backend/plain/layers.inc"
