/* safetensors.c - reading and writing files of named tensors. Nothing of the header is believed before it is checked.
 */
#include "nn/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8
#define MOST_HEADER  100000000 /* bytes; the limit of the reference implementation */
#define METADATA     "__metadata__"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are copied as they lie in the file, low byte first");

static const struct {
    const char *name;
    size_t element;
} dtypes[] = {{"F64", 8}, {"I64", 8}, {"F32", 4}, {"U8", 1}};

#define DTYPES (sizeof dtypes / sizeof *dtypes)

/* The row of a dtype, or DTYPES. */
static size_t dtype_row(const char *name)
{
    size_t row = 0;
    while (row < DTYPES && strcmp(dtypes[row].name, name) != 0) row++;
    return row;
}

/* ---- the list in memory ------------------------------------------------------------------------------------------ */

static rmseg_status add_copy(rmseg_tensor_file *file, const rmseg_named_tensor *tensor, const void *data)
{
    rmseg_named_tensor *more = rmseg_realloc(file->tensors, file->count + 1, sizeof *more);
    if (!more) return RMSEG_ERROR_MEMORY;
    file->tensors = more;
    rmseg_named_tensor *made = &more[file->count];
    *made = *tensor;
    made->name = rmseg_strdup(tensor->name);
    made->data = rmseg_alloc((int64_t)tensor->bytes, 1);
    if (!made->name || !made->data) {
        rmseg_free(made->name);
        rmseg_free(made->data);
        return RMSEG_ERROR_MEMORY;
    }
    memcpy(made->data, data, tensor->bytes);
    file->count++;
    return RMSEG_OK;
}

/* Bytes of a tensor of this dtype and shape. */
static bool tensor_bytes(size_t *bytes, size_t dtype, int rank, const int64_t *dims)
{
    int64_t product = (int64_t)dtypes[dtype].element;
    for (int axis = 0; axis < rank; axis++)
        if (!rmseg_mul(&product, product, dims[axis])) return false;
    *bytes = (size_t)product;
    return true;
}

rmseg_status rmseg_tensor_file_add(rmseg_tensor_file *file, const char *name, const char *dtype, int rank,
                                   const int64_t *dims, const void *data)
{
    rmseg_named_tensor tensor = {.name = (char *)name, .rank = rank};
    size_t row = dtype_row(dtype);
    if (row == DTYPES || rank < 0 || rank > RMSEG_TENSOR_RANK || !tensor_bytes(&tensor.bytes, row, rank, dims))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "tensor \"%s\": %s of rank %d cannot be stored", name, dtype, rank);
    if (strcmp(name, METADATA) == 0 || rmseg_tensor_file_find(file, name))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "tensor \"%s\": this name is taken", name);
    tensor.dtype = dtypes[row].name;
    for (int axis = 0; axis < rank; axis++) tensor.dims[axis] = dims[axis];
    return add_copy(file, &tensor, data);
}

static rmseg_status append(char ***list, int64_t count, const char *text)
{
    char *copy = rmseg_strdup(text), **more = copy ? rmseg_realloc(*list, count + 1, sizeof **list) : NULL;
    if (!more) {
        rmseg_free(copy);
        return RMSEG_ERROR_MEMORY;
    }
    *list = more;
    more[count] = copy;
    return RMSEG_OK;
}

rmseg_status rmseg_tensor_file_note(rmseg_tensor_file *file, const char *key, const char *value)
{
    RMSEG_TRY(append(&file->keys, file->metadata, key));
    rmseg_status status = append(&file->values, file->metadata, value);
    if (status == RMSEG_OK)
        file->metadata++;
    else
        rmseg_free(file->keys[file->metadata]);
    return status;
}

const rmseg_named_tensor *rmseg_tensor_file_find(const rmseg_tensor_file *file, const char *name)
{
    for (int64_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

const char *rmseg_tensor_file_value(const rmseg_tensor_file *file, const char *key)
{
    for (int64_t i = 0; i < file->metadata; i++)
        if (strcmp(file->keys[i], key) == 0) return file->values[i];
    return NULL;
}

void rmseg_tensor_file_destroy(rmseg_tensor_file *file)
{
    if (!file) return;
    for (int64_t i = 0; i < file->count; i++) {
        rmseg_free(file->tensors[i].name);
        rmseg_free(file->tensors[i].data);
    }
    for (int64_t i = 0; i < file->metadata; i++) {
        rmseg_free(file->keys[i]);
        rmseg_free(file->values[i]);
    }
    rmseg_free(file->tensors);
    rmseg_free(file->keys);
    rmseg_free(file->values);
    *file = (rmseg_tensor_file){0};
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *path;
    const uint8_t *data;
    size_t length; /* of data */
    rmseg_tensor_file *file;
} reader;

/* Where a tensor lies, to see that they cover the data. */
typedef struct span {
    size_t begin, end;
    const char *name;
} span;

static rmseg_status fail_tensor(const reader *r, const char *name, const char *what)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: tensor \"%s\" %s; the file is damaged or not safetensors", r->path, name,
                      what);
}

static rmseg_status read_shape(rmseg_named_tensor *tensor, const reader *r, size_t dtype, json_t *shape)
{
    if (!json_is_array(shape)) return fail_tensor(r, tensor->name, "has no shape");
    if (json_array_size(shape) > RMSEG_TENSOR_RANK)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: tensor \"%s\" has %lld axes; rmseg reads at most %d", r->path,
                          tensor->name, (long long)json_array_size(shape), RMSEG_TENSOR_RANK);
    tensor->rank = (int)json_array_size(shape);
    for (int axis = 0; axis < tensor->rank; axis++) {
        json_t *extent = json_array_get(shape, (size_t)axis);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return fail_tensor(r, tensor->name, "has an extent that is no whole number");
        tensor->dims[axis] = json_integer_value(extent);
    }
    if (!tensor_bytes(&tensor->bytes, dtype, tensor->rank, tensor->dims))
        return fail_tensor(r, tensor->name, "has a shape of more bytes than any file");
    return RMSEG_OK;
}

static rmseg_status read_offsets(span *span, const reader *r, const rmseg_named_tensor *tensor, json_t *offsets)
{
    json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return fail_tensor(r, tensor->name, "has no data_offsets of two whole numbers");
    json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from) return fail_tensor(r, tensor->name, "has data_offsets that run backward");
    if ((uint64_t)to > r->length)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: tensor \"%s\" ends at byte %lld of data, but there are %lld: the file is cut short",
                          r->path, tensor->name, (long long)to, (long long)r->length);
    if ((size_t)(to - from) != tensor->bytes)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: tensor \"%s\" has %lld bytes of data where its shape needs %lld",
                          r->path, tensor->name, (long long)(to - from), (long long)tensor->bytes);
    span->begin = (size_t)from;
    span->end = (size_t)to;
    return RMSEG_OK;
}

static rmseg_status read_tensor(span *span, const reader *r, const char *name, json_t *entry)
{
    rmseg_named_tensor tensor = {.name = (char *)name};
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype) return fail_tensor(r, name, "has no dtype");
    size_t row = dtype_row(dtype);
    if (row == DTYPES)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: tensor \"%s\" has dtype %s; rmseg reads F32, F64, I64 and U8",
                          r->path, name, dtype);
    tensor.dtype = dtypes[row].name;
    RMSEG_TRY(read_shape(&tensor, r, row, json_object_get(entry, "shape")));
    RMSEG_TRY(read_offsets(span, r, &tensor, json_object_get(entry, "data_offsets")));
    RMSEG_TRY(add_copy(r->file, &tensor, r->data + span->begin));
    span->name = r->file->tensors[r->file->count - 1].name;
    return RMSEG_OK;
}

static int by_place(const void *a, const void *b)
{
    const span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static rmseg_status check_cover(const reader *r, span *spans, size_t count)
{
    size_t end = 0;
    qsort(spans, count, sizeof *spans, by_place);
    for (size_t i = 0; i < count; end = spans[i].end, i++)
        if (spans[i].begin != end)
            return fail_tensor(r, spans[i].name,
                               spans[i].begin < end ? "overlaps another" : "has unused bytes before it");
    if (end != r->length)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: %lld bytes follow the last tensor; the file is damaged or not safetensors", r->path,
                          (long long)(r->length - end));
    return RMSEG_OK;
}

static rmseg_status read_metadata(const reader *r, json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: the metadata is no JSON object", r->path);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: metadata \"%s\" is no text", r->path, key);
        RMSEG_TRY(rmseg_tensor_file_note(r->file, key, json_string_value(value)));
    }
    return RMSEG_OK;
}

static rmseg_status read_entries(const reader *r, json_t *header, span *spans)
{
    const char *name;
    json_t *entry;
    size_t count = 0;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, METADATA) == 0)
            RMSEG_TRY(read_metadata(r, entry));
        else
            RMSEG_TRY(read_tensor(&spans[count++], r, name, entry));
    }
    return check_cover(r, spans, count);
}

static rmseg_status read_header(const reader *r, const uint8_t *text, size_t length)
{
    json_error_t error;
    json_t *header = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &error);
    if (!header)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: the header is no JSON (line %d, column %d: %s); the file is damaged or not safetensors",
                          r->path, error.line, error.column, error.text);
    span *spans = rmseg_alloc((int64_t)json_object_size(header), sizeof *spans);
    rmseg_status status = RMSEG_ERROR_MEMORY;
    if (spans && json_is_object(header))
        status = read_entries(r, header, spans);
    else if (spans)
        status =
            rmseg_fail(RMSEG_ERROR_FORMAT, "%s: the header is no JSON object; the file is not safetensors", r->path);
    rmseg_free(spans);
    json_decref(header);
    return status;
}

rmseg_status rmseg_tensor_file_parse(rmseg_tensor_file *file, const uint8_t *bytes, size_t length, const char *path)
{
    if (length < LENGTH_BYTES)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: %lld bytes are no safetensors file", path, (long long)length);
    uint64_t header = 0;
    memcpy(&header, bytes, LENGTH_BYTES);
    size_t left = length - LENGTH_BYTES;
    if (header > MOST_HEADER || header > left)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: a header of %llu bytes is announced in a file of %lld: cut short, or not safetensors",
                          path, (unsigned long long)header, (long long)length);
    rmseg_tensor_file made = {0};
    reader r = {path, bytes + LENGTH_BYTES + header, left - (size_t)header, &made};
    rmseg_status status = read_header(&r, bytes + LENGTH_BYTES, (size_t)header);
    if (status == RMSEG_OK)
        *file = made;
    else
        rmseg_tensor_file_destroy(&made);
    return status;
}

rmseg_status rmseg_tensor_file_read(rmseg_tensor_file *file, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, path, 0));
    rmseg_status status = rmseg_tensor_file_parse(file, bytes, length, path);
    rmseg_free(bytes);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Wide elements first, so that each tensor is aligned to its element for those who map the file: dtypes[] is in this
 * order. */
#define FOR_EACH_IN_FILE_ORDER(file, i)                                                                                \
    for (size_t row_ = 0; row_ < DTYPES; row_++)                                                                       \
        for (int64_t i = 0; i < (file)->count; i++)                                                                    \
            if (strcmp((file)->tensors[i].dtype, dtypes[row_].name) == 0)

static void describe_tensor(rmseg_json *json, const rmseg_named_tensor *tensor, int64_t begin)
{
    rmseg_json_open(json, tensor->name, '{');
    rmseg_json_string(json, "dtype", tensor->dtype);
    rmseg_json_open(json, "shape", '[');
    for (int axis = 0; axis < tensor->rank; axis++) rmseg_json_integer(json, NULL, tensor->dims[axis]);
    rmseg_json_close(json, ']');
    rmseg_json_open(json, "data_offsets", '[');
    rmseg_json_integer(json, NULL, begin);
    rmseg_json_integer(json, NULL, begin + (int64_t)tensor->bytes);
    rmseg_json_close(json, ']');
    rmseg_json_close(json, '}');
}

static void describe_file(rmseg_text *header, const rmseg_tensor_file *file)
{
    rmseg_json json = {0};
    rmseg_json_open(&json, NULL, '{');
    if (file->metadata > 0) {
        rmseg_json_open(&json, METADATA, '{');
        for (int64_t i = 0; i < file->metadata; i++) rmseg_json_string(&json, file->keys[i], file->values[i]);
        rmseg_json_close(&json, '}');
    }
    int64_t begin = 0;
    FOR_EACH_IN_FILE_ORDER(file, i)
    {
        describe_tensor(&json, &file->tensors[i], begin);
        begin += (int64_t)file->tensors[i].bytes;
    }
    rmseg_json_close(&json, '}');
    while (json.text.length % 8 && !json.text.failed) rmseg_text_add(&json.text, " ");
    *header = json.text;
}

static rmseg_status put_all(rmseg_file_writer *writer, const rmseg_text *header, const rmseg_tensor_file *file)
{
    uint64_t length = header->length;
    if (header->failed) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_file_put(writer, &length, sizeof length));
    RMSEG_TRY(rmseg_file_put(writer, header->data, header->length));
    FOR_EACH_IN_FILE_ORDER(file, i)
    {
        RMSEG_TRY(rmseg_file_put(writer, file->tensors[i].data, file->tensors[i].bytes));
    }
    return RMSEG_OK;
}

rmseg_status rmseg_tensor_file_write(const rmseg_tensor_file *file, const char *path)
{
    rmseg_file_writer *writer = NULL;
    RMSEG_TRY(rmseg_file_begin(&writer, path));
    rmseg_text header = {0};
    describe_file(&header, file);
    rmseg_status status = put_all(writer, &header, file);
    rmseg_text_destroy(&header);
    if (status == RMSEG_OK) return rmseg_file_commit(writer);
    rmseg_file_abandon(writer);
    return status;
}
