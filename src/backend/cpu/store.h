/*
 * backend/cpu/store.h - what becomes of finished sums while they are in the first cache: conv_store in cpu.h.
 */
#ifndef BACKEND_CPU_STORE_H
#define BACKEND_CPU_STORE_H

#include "backend/cpu/vector.h"

/* `count` pixels of y, `step` floats apart, and as many of the other tensor, NULL where there is none. A NaN stays. */
INLINE void store_row(float *y, const float *other, int64_t count, ptrdiff_t step, float slope)
{
    for (int64_t p = 0; p < count; p++) EACH_VECTOR(v)
        {
            vec *at = (vec *)(y + p * step + v * LANES), z = *at, low = z * slope;
            if (slope == 0) low = (vec){0};
            z = vec_choose(z <= 0, low, z);
            if (other) z += *(const vec *)(other + p * step + v * LANES);
            *at = z;
        }
}

#endif
