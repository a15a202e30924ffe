/* convert.c - an image in another type: through doubles, which hold every value of every type, a block at a time. */
#include <math.h>
#include <string.h>

#include "core/core.h"
#include "image/image.h"

enum { BLOCK = 256, CHUNK = 1 << 16 };

static void load(double *values, const rmseg_image *image, int64_t first, int64_t count)
{
#define LOAD(type)                                                                                                     \
    for (int64_t i = 0; i < count; i++) values[i] = ((const type *)image->data)[first + i]
    switch (image->dtype) {
    case RMSEG_U8: LOAD(uint8_t); break;
    case RMSEG_U16: LOAD(uint16_t); break;
    case RMSEG_I16: LOAD(int16_t); break;
    case RMSEG_I32: LOAD(int32_t); break;
    case RMSEG_F32: LOAD(float); break;
    case RMSEG_F64: LOAD(double); break;
    }
#undef LOAD
}

/* NaN, which is in no integer's range, becomes 0. */
static inline double to_range(double value, double least, double most)
{
    value = rint(value);
    if (value >= least) return value <= most ? value : most;
    return value < least ? least : 0;
}

static void store(rmseg_image *image, int64_t first, int64_t count, const double *values)
{
#define STORE(type, value)                                                                                             \
    for (int64_t i = 0; i < count; i++) ((type *)image->data)[first + i] = (type)(value)
    switch (image->dtype) {
    case RMSEG_U8: STORE(uint8_t, to_range(values[i], 0, UINT8_MAX)); break;
    case RMSEG_U16: STORE(uint16_t, to_range(values[i], 0, UINT16_MAX)); break;
    case RMSEG_I16: STORE(int16_t, to_range(values[i], INT16_MIN, INT16_MAX)); break;
    case RMSEG_I32: STORE(int32_t, to_range(values[i], INT32_MIN, INT32_MAX)); break;
    case RMSEG_F32: STORE(float, values[i]); break;
    case RMSEG_F64: STORE(double, values[i]); break;
    }
#undef STORE
}

typedef struct convert_job {
    rmseg_image *out;
    const rmseg_image *in;
    int64_t elements;
} convert_job;

static void convert_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const convert_job *job = context;
    double values[BLOCK];
    int64_t end = rmseg_chunk_end(job->elements, CHUNK, chunk);
    for (int64_t first = chunk * CHUNK; first < end; first += BLOCK) {
        int64_t count = end - first < BLOCK ? end - first : BLOCK;
        load(values, job->in, first, count);
        store(job->out, first, count, values);
    }
}

rmseg_status rmseg_image_convert(rmseg_image **out, const rmseg_image *image, rmseg_dtype dtype)
{
    rmseg_image *made = NULL;
    RMSEG_TRY(rmseg_image_create(&made, dtype, image->channels, image->size));
    rmseg_image_copy_geometry(made, image);
    convert_job job = {made, image, image->channels * rmseg_image_voxels(image)};
    if (dtype == image->dtype)
        memcpy(made->data, image->data, (size_t)job.elements * rmseg_dtype_size(dtype));
    else
        rmseg_parallel_for(rmseg_chunk_count(job.elements, CHUNK), convert_chunk, &job);
    *out = made;
    return RMSEG_OK;
}
