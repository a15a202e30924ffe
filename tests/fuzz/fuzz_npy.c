/*
 * fuzz_npy.c - hostile .npy files: parsing any bytes; what is accepted adds up and can be read to its last element.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    rmseg_array array = {0};
    char text[RMSEG_ARRAY_SHAPE_TEXT];
    if (rmseg_npy_parse(&array, bytes, length, "fuzz") != RMSEG_OK) {
        check(strlen(rmseg_error_last()) > 10 && !array.data);
        return 0;
    }
    check(array.rank <= RMSEG_ARRAY_AXES && strlen(rmseg_array_shape(text, &array)) < sizeof text);
    check((size_t)array.count * rmseg_array_type_size(array.type) <= length);
    int64_t count = 1;
    for (int64_t i = 0; i < array.rank; i++) check(rmseg_mul(&count, count, array.size[i]));
    check(count == array.count);
    double sum = 0;
    for (int64_t i = 0; i < array.count; i++) sum += rmseg_array_value(&array, i);
    check(!isnan(sum) || array.type >= RMSEG_ARRAY_F16);
    rmseg_array_destroy(&array);
    return 0;
}
