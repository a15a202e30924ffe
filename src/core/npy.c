/* npy.c - NumPy's file format: the frame around the header, and the data. */
#include "core/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"

static const char magic[] = "\x93NUMPY";

enum {
    MAGIC = 6,
    SHORT = 10, /* bytes before the header's text in version 1: magic, version, its length in 16 bits */
    LONG = 12,  /* in versions 2 and 3: 32 bits */
    ALIGN = 64  /* where the data of a written file begin: at a multiple */
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Where the header's text begins and ends; the data follow. */
static rmseg_status find_header(size_t *begin, size_t *end, const uint8_t *bytes, size_t length, const char *name)
{
    if (length < SHORT || memcmp(bytes, magic, MAGIC))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: no .npy file (it does not begin as numpy.save writes)", name);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7])
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: .npy version %d.%d; expected 1.0, 2.0 or 3.0", name, bytes[6],
                          bytes[7]);
    *begin = bytes[6] == 1 ? SHORT : LONG;
    uint64_t text = bytes[8] | bytes[9] << 8;
    if (*begin == LONG && length >= LONG) text |= (uint64_t)bytes[10] << 16 | (uint64_t)bytes[11] << 24;
    if (length < *begin || length - *begin < text)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: ends within its .npy header", name);
    *end = *begin + (size_t)text;
    return RMSEG_OK;
}

static void swap_bytes(uint8_t *element, size_t size)
{
    for (size_t i = 0; i < size / 2; i++) {
        uint8_t byte = element[i];
        element[i] = element[size - 1 - i];
        element[size - 1 - i] = byte;
    }
}

/* Elements of Fortran order to C order: `place` goes along the file while the last axis turns fastest. */
static void turn(uint8_t *to, const uint8_t *from, const rmseg_npy_header *header, size_t size)
{
    int64_t at[RMSEG_ARRAY_AXES] = {0}, stride[RMSEG_ARRAY_AXES] = {1}, place = 0;
    for (int64_t axis = 1; axis < header->rank; axis++) stride[axis] = stride[axis - 1] * header->size[axis - 1];
    for (int64_t i = 0; i < header->count; i++) {
        memcpy(to + (size_t)i * size, from + (size_t)place * size, size);
        for (int64_t axis = header->rank - 1; axis >= 0; axis--) {
            place += stride[axis];
            if (++at[axis] < header->size[axis]) break;
            place -= at[axis] * stride[axis];
            at[axis] = 0;
        }
    }
}

rmseg_status rmseg_npy_parse(rmseg_array *array, const uint8_t *bytes, size_t length, const char *name)
{
    size_t begin = 0, end = 0;
    rmseg_npy_header header;
    RMSEG_TRY(find_header(&begin, &end, bytes, length, name));
    RMSEG_TRY(rmseg_npy_header_parse(&header, (const char *)bytes + begin, end - begin, name));
    size_t size = rmseg_array_type_size(header.type);
    int64_t expected = 0;
    bool counts = rmseg_mul(&expected, header.count, (int64_t)size);
    if (!counts || (uint64_t)expected != length - end)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: holds %zu bytes of data; expected %lld elements of %s, %d bytes each", name,
                          length - end, (long long)header.count, rmseg_array_type_name(header.type), (int)size);
    uint8_t *data = rmseg_alloc(header.count, size);
    if (!data) return RMSEG_ERROR_MEMORY;
    if (header.fortran && header.rank > 1 && header.count)
        turn(data, bytes + end, &header, size);
    else if (header.count)
        memcpy(data, bytes + end, (size_t)expected);
    for (int64_t i = 0; header.swapped && i < header.count; i++) swap_bytes(data + (size_t)i * size, size);
    *array = (rmseg_array){.type = header.type, .rank = header.rank, .count = header.count, .data = data};
    memcpy(array->size, header.size, sizeof array->size);
    return RMSEG_OK;
}

rmseg_status rmseg_npy_read(rmseg_array *array, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, path, 0));
    rmseg_status status = rmseg_npy_parse(array, bytes, length, path);
    rmseg_free(bytes);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

const char *rmseg_array_shape(char buffer[RMSEG_ARRAY_SHAPE_TEXT], const rmseg_array *array)
{
    char *at = buffer;
    *at++ = '(';
    for (int64_t i = 0; i < array->rank; i++) at += sprintf(at, i ? ", %lld" : "%lld", (long long)array->size[i]);
    strcpy(at, array->rank == 1 ? ",)" : ")");
    return buffer;
}

/* Fills `header` and returns its length. */
static size_t make_header(char header[8 * ALIGN], const rmseg_array *array)
{
    char shape[RMSEG_ARRAY_SHAPE_TEXT], descr[4];
    int text = snprintf(header + SHORT, 8 * ALIGN - SHORT, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                        rmseg_npy_descr(descr, array->type), rmseg_array_shape(shape, array));
    size_t length = (size_t)(SHORT + text + ALIGN) / ALIGN * ALIGN, rest = length - SHORT;
    memset(header + SHORT + text, ' ', rest - (size_t)text);
    memcpy(header, magic, MAGIC);
    header[6] = 1;
    header[7] = 0;
    header[8] = (char)(rest & 0xff);
    header[9] = (char)(rest >> 8);
    header[length - 1] = '\n';
    return length;
}

rmseg_status rmseg_npy_begin(rmseg_file_writer **writer, const rmseg_array *array, const char *path)
{
    char header[8 * ALIGN];
    size_t length = make_header(header, array);
    rmseg_file_writer *made = NULL;
    RMSEG_TRY(rmseg_file_begin(&made, path));
    rmseg_status status = rmseg_file_put(made, header, length);
    if (status)
        rmseg_file_abandon(made);
    else
        *writer = made;
    return status;
}

rmseg_status rmseg_npy_write(const rmseg_array *array, const char *path)
{
    size_t bytes = rmseg_array_type_size(array->type);
    for (int64_t i = 0; i < array->rank; i++) bytes *= (size_t)array->size[i];
    rmseg_file_writer *writer = NULL;
    RMSEG_TRY(rmseg_npy_begin(&writer, array, path));
    rmseg_status status = rmseg_file_put(writer, array->data, bytes);
    if (!status) return rmseg_file_commit(writer);
    rmseg_file_abandon(writer);
    return status;
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

void rmseg_array_destroy(rmseg_array *array)
{
    rmseg_free(array->data);
    *array = (rmseg_array){0};
}

static double from_half(uint16_t half)
{
    int exponent = half >> 10 & 31, digits = half & 1023;
    double value = exponent == 31 ? (digits ? NAN : INFINITY)
                   : exponent     ? ldexp(digits + 1024, exponent - 25)
                                  : ldexp(digits, -24);
    return half & 0x8000 ? -value : value;
}

double rmseg_array_value(const rmseg_array *array, int64_t i)
{
    switch (array->type) {
    case RMSEG_ARRAY_BOOL: return ((const uint8_t *)array->data)[i] != 0;
    case RMSEG_ARRAY_U8: return ((const uint8_t *)array->data)[i];
    case RMSEG_ARRAY_I8: return ((const int8_t *)array->data)[i];
    case RMSEG_ARRAY_U16: return ((const uint16_t *)array->data)[i];
    case RMSEG_ARRAY_I16: return ((const int16_t *)array->data)[i];
    case RMSEG_ARRAY_U32: return ((const uint32_t *)array->data)[i];
    case RMSEG_ARRAY_I32: return ((const int32_t *)array->data)[i];
    case RMSEG_ARRAY_U64: return (double)((const uint64_t *)array->data)[i];
    case RMSEG_ARRAY_I64: return (double)((const int64_t *)array->data)[i];
    case RMSEG_ARRAY_F16: return from_half(((const uint16_t *)array->data)[i]);
    case RMSEG_ARRAY_F32: return ((const float *)array->data)[i];
    case RMSEG_ARRAY_F64: return ((const double *)array->data)[i];
    }
    return NAN;
}
