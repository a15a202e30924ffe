/*
 * backend/plain/plain.h - the meaning of every op: naive loops, for float and for double.
 *
 * layers.inc, conv.inc, norm.inc, norm_group.inc, moves.inc and bf16.inc hold the loops once; f32.c and f64.c include them with REAL set to float
 * and to double. REAL is how numbers are stored; whatever is summed is summed in double, in both, so that plain is a
 * better oracle for float kernels than any of them, and plain64 is good for gradient checks. Tensors are
 * [N][C][D][H][W], parameters as PyTorch stores them. Inner loops are in the order the formula reads; work is shared
 * between threads by whole channels, which changes no sum.
 */
#ifndef BACKEND_PLAIN_PLAIN_H
#define BACKEND_PLAIN_PLAIN_H

#include "backend/backend.h"

extern const rmseg_backend rmseg_backend_plain;   /* float */
extern const rmseg_backend rmseg_backend_plain64; /* double */

#endif
