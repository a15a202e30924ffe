/*
 * distance_kernels.c - one level's kernels of the distance transform (distance_kernels.inc), for both types.
 */
#include "field/distance_kernels.h"

#include <math.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define INLINE      static inline __attribute__((always_inline))

/* First x >= from with (mask[x] != 0) == set; width where there is none. */
static int64_t next_voxel(const uint8_t *mask, int64_t from, int64_t width, bool set)
{
    int64_t x = from;
    if (!set) {
        const uint8_t *found = memchr(mask + x, 0, (size_t)(width - x));
        return found ? found - mask : width;
    }
    for (uint64_t eight = 0; x + 8 <= width; x += 8) {
        memcpy(&eight, mask + x, sizeof eight);
        if (eight) break;
    }
    while (x < width && !mask[x]) x++;
    return x;
}

static float root_of(double squared) { return (float)sqrt(squared); }

#define T       int32_t
#define NO_SITE RMSEG_NO_SITE
#define LANES   RMSEG_LINES_I32
#define NAME(x) x##_i32
#include "field/distance_kernels.inc"
#undef T
#undef NO_SITE
#undef LANES
#undef NAME

#define T       double
#define NO_SITE INFINITY
#define LANES   RMSEG_LINES_F64
#define NAME(x) x##_f64
#include "field/distance_kernels.inc"

const rmseg_distance_kernels JOIN(rmseg_distance_i32_, RMSEG_LEVEL) = {RMSEG_LINES_I32, row_i32, lines_pass_i32,
                                                                       near_i32};
const rmseg_distance_kernels JOIN(rmseg_distance_f64_, RMSEG_LEVEL) = {RMSEG_LINES_F64, row_f64, lines_pass_f64,
                                                                       near_f64};
