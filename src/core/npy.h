/*
 * core/npy.h - arrays in NumPy's file format (.npy, versions 1.0, 2.0 and 3.0), read and written.
 *
 * Reading is strict: every byte of the file is accounted for, nothing in it is executed, and what cannot be meant is
 * refused with a sentence that names the file, what was found and what was expected. Arrays of either byte order and of
 * Fortran order are converted, so that in memory data[i] is always C order (the last axis fastest) and the machine's own.
 */
#ifndef CORE_NPY_H
#define CORE_NPY_H

#include "core/file.h"

typedef enum rmseg_array_type {
    RMSEG_ARRAY_BOOL,
    RMSEG_ARRAY_U8,
    RMSEG_ARRAY_I8,
    RMSEG_ARRAY_U16,
    RMSEG_ARRAY_I16,
    RMSEG_ARRAY_U32,
    RMSEG_ARRAY_I32,
    RMSEG_ARRAY_U64,
    RMSEG_ARRAY_I64,
    RMSEG_ARRAY_F16,
    RMSEG_ARRAY_F32,
    RMSEG_ARRAY_F64
} rmseg_array_type;

#define RMSEG_ARRAY_AXES 8 /* files with more are refused */

typedef struct rmseg_array {
    rmseg_array_type type;
    int64_t rank, size[RMSEG_ARRAY_AXES];
    int64_t count; /* of elements: the product of the sizes, 1 for rank 0 */
    void *data;
} rmseg_array;

/* The array in a file, owned: rmseg_array_destroy. Errors: file, memory, format (no .npy, damaged, a type of other kinds
 * than bool, integers and floats of 16 to 64 bits, more axes than RMSEG_ARRAY_AXES). */
rmseg_status rmseg_npy_read(rmseg_array *array, const char *path);

/* The same of a file's bytes; `name` stands in sentences. */
rmseg_status rmseg_npy_parse(rmseg_array *array, const uint8_t *bytes, size_t length, const char *name);

/* Writes version 1.0, atomically; the data begin at a multiple of 64 bytes. `count` is not read. */
rmseg_status rmseg_npy_write(const rmseg_array *array, const char *path);

/* The same for elements that come later: the file up to where they begin. */
rmseg_status rmseg_npy_begin(rmseg_file_writer **writer, const rmseg_array *array, const char *path);

void rmseg_array_destroy(rmseg_array *array); /* frees the data and zeroes the rest */

/* Element i in C order. Integers beyond 2^53 are rounded. */
double rmseg_array_value(const rmseg_array *array, int64_t i);

const char *rmseg_array_type_name(rmseg_array_type type); /* "float32" */
size_t rmseg_array_type_size(rmseg_array_type type);

/* The shape as Python writes it: "(4, 2, 64, 64)". */
#define RMSEG_ARRAY_SHAPE_TEXT (RMSEG_ARRAY_AXES * 22 + 4)
const char *rmseg_array_shape(char buffer[RMSEG_ARRAY_SHAPE_TEXT], const rmseg_array *array);

/* What a header says. */
typedef struct rmseg_npy_header {
    rmseg_array_type type;
    bool swapped; /* the other byte order than this machine's */
    bool fortran; /* the first axis is the fastest */
    int64_t rank, size[RMSEG_ARRAY_AXES], count;
} rmseg_npy_header;

/* Reads the text of a header, a Python dictionary: npy_header.c. */
rmseg_status rmseg_npy_header_parse(rmseg_npy_header *header, const char *text, size_t length, const char *name);

/* NumPy's code of a type in this machine's byte order: "<f4". */
const char *rmseg_npy_descr(char buffer[4], rmseg_array_type type);

#endif
