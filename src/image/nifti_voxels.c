/* nifti_voxels.c - the types of NIfTI's voxels, and their way into an image: byte order, slope and intercept. */
#include <math.h>
#include <string.h>

#include "image/nifti.h"

/* clang-format off */
static const rmseg_nifti_type types[] = {
    /* code, name, bytes, reads, as stored, scaled */
    {   2, "uint8",       1, true,  RMSEG_U8,  RMSEG_F32},
    { 256, "int8",        1, true,  RMSEG_I16, RMSEG_F32},
    {   4, "int16",       2, true,  RMSEG_I16, RMSEG_F32},
    { 512, "uint16",      2, true,  RMSEG_U16, RMSEG_F32},
    {   8, "int32",       4, true,  RMSEG_I32, RMSEG_F64},
    { 768, "uint32",      4, true,  RMSEG_F64, RMSEG_F64},
    {1024, "int64",       8, true,  RMSEG_F64, RMSEG_F64},
    {1280, "uint64",      8, true,  RMSEG_F64, RMSEG_F64},
    {  16, "float32",     4, true,  RMSEG_F32, RMSEG_F32},
    {  64, "float64",     8, true,  RMSEG_F64, RMSEG_F64},
    {   1, "binary",      0, false, RMSEG_U8,  RMSEG_F32},
    {  32, "complex64",   8, false, RMSEG_F32, RMSEG_F32},
    {1792, "complex128", 16, false, RMSEG_F64, RMSEG_F64},
    {2048, "complex256", 32, false, RMSEG_F64, RMSEG_F64},
    {1536, "float128",   16, false, RMSEG_F64, RMSEG_F64},
    { 128, "RGB",         3, false, RMSEG_U8,  RMSEG_F32},
    {2304, "RGBA",        4, false, RMSEG_U8,  RMSEG_F32},
};
/* clang-format on */

enum { TYPES = sizeof types / sizeof *types };

const rmseg_nifti_type *rmseg_nifti_type_find(int64_t code)
{
    for (int i = 0; i < TYPES; i++)
        if (types[i].code == code) return &types[i];
    return NULL;
}

/* Of the types of its size that become it, the last: float64, not int64. */
const rmseg_nifti_type *rmseg_nifti_type_of(rmseg_dtype dtype)
{
    const rmseg_nifti_type *found = NULL;
    for (int i = 0; i < TYPES; i++)
        if (types[i].reads && types[i].dtype == dtype && types[i].size == rmseg_dtype_size(dtype)) found = &types[i];
    return found;
}

bool rmseg_nifti_is_scaled(const rmseg_nifti_header *header)
{
    return header->slope != 0 && isfinite(header->slope) && !(header->slope == 1 && header->intercept == 0);
}

/* ---- byte order ------------------------------------------------------------------------------------------------- */

static uint16_t swap_2(uint16_t v) { return (uint16_t)(v << 8 | v >> 8); }
static uint32_t swap_4(uint32_t v) { return (uint32_t)swap_2((uint16_t)v) << 16 | swap_2((uint16_t)(v >> 16)); }
static uint64_t swap_8(uint64_t v) { return (uint64_t)swap_4((uint32_t)v) << 32 | swap_4((uint32_t)(v >> 32)); }

static bool is_big_endian(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 0;
}

void rmseg_nifti_swap(void *values, int64_t count, size_t size, bool big_endian)
{
    if (big_endian == is_big_endian()) return;
#define SWAP(type, swap)                                                                                               \
    for (int64_t i = 0; i < count; i++) ((type *)values)[i] = swap(((type *)values)[i])
    switch (size) {
    case 2: SWAP(uint16_t, swap_2); break;
    case 4: SWAP(uint32_t, swap_4); break;
    case 8: SWAP(uint64_t, swap_8); break;
    }
#undef SWAP
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

enum { BLOCK = 256 };

#define MOST_EXACT ((int64_t)1 << 53)

static bool load(double *values, const void *voxels, int64_t count, int64_t code)
{
    bool exact = true;
#define LOAD(type)                                                                                                     \
    for (int64_t i = 0; i < count; i++) values[i] = (double)((const type *)voxels)[i]
    switch (code) {
    case 2: LOAD(uint8_t); break;
    case 256: LOAD(int8_t); break;
    case 4: LOAD(int16_t); break;
    case 512: LOAD(uint16_t); break;
    case 8: LOAD(int32_t); break;
    case 768: LOAD(uint32_t); break;
    case 1024:
        LOAD(int64_t);
        for (int64_t i = 0; i < count; i++) {
            int64_t v = ((const int64_t *)voxels)[i];
            exact = exact && v <= MOST_EXACT && v >= -MOST_EXACT;
        }
        break;
    case 1280:
        LOAD(uint64_t);
        for (int64_t i = 0; i < count; i++) exact = exact && ((const uint64_t *)voxels)[i] <= (uint64_t)MOST_EXACT;
        break;
    case 16: LOAD(float); break;
    case 64: LOAD(double); break;
    }
#undef LOAD
    return exact;
}

/* int8 and scaled 16-bit integers, and what becomes a float. */
static void store(rmseg_image *image, int64_t at, const double *values, int64_t count)
{
#define STORE(type)                                                                                                    \
    for (int64_t i = 0; i < count; i++) ((type *)image->data)[at + i] = (type)values[i]
    switch (image->dtype) {
    case RMSEG_I16: STORE(int16_t); break;
    case RMSEG_F32: STORE(float); break;
    default: STORE(double); break;
    }
#undef STORE
}

bool rmseg_nifti_voxels_read(rmseg_image *image, int64_t at, void *voxels, int64_t count, const rmseg_nifti_type *type,
                             const rmseg_nifti_header *header)
{
    double values[BLOCK];
    bool scaled = rmseg_nifti_is_scaled(header), exact = true;
    rmseg_nifti_swap(voxels, count, type->size, header->big_endian);
    for (int64_t first = 0; first < count; first += BLOCK) {
        int64_t some = count - first < BLOCK ? count - first : BLOCK;
        exact &= load(values, (const char *)voxels + (size_t)first * type->size, some, type->code);
        for (int64_t i = 0; i < some && scaled; i++) values[i] = values[i] * header->slope + header->intercept;
        store(image, at + first, values, some);
    }
    return exact;
}
