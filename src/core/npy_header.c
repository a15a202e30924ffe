/* npy_header.c - the dictionary at the head of a .npy file: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/npy.h"

static const struct kind {
    const char *name;
    char code; /* NumPy's, followed by the size */
    int size;
} kinds[] = {
    [RMSEG_ARRAY_BOOL] = {"bool", 'b', 1},   [RMSEG_ARRAY_U8] = {"uint8", 'u', 1},
    [RMSEG_ARRAY_I8] = {"int8", 'i', 1},     [RMSEG_ARRAY_U16] = {"uint16", 'u', 2},
    [RMSEG_ARRAY_I16] = {"int16", 'i', 2},   [RMSEG_ARRAY_U32] = {"uint32", 'u', 4},
    [RMSEG_ARRAY_I32] = {"int32", 'i', 4},   [RMSEG_ARRAY_U64] = {"uint64", 'u', 8},
    [RMSEG_ARRAY_I64] = {"int64", 'i', 8},   [RMSEG_ARRAY_F16] = {"float16", 'f', 2},
    [RMSEG_ARRAY_F32] = {"float32", 'f', 4}, [RMSEG_ARRAY_F64] = {"float64", 'f', 8},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *rmseg_array_type_name(rmseg_array_type type) { return kinds[type].name; }
size_t rmseg_array_type_size(rmseg_array_type type) { return (size_t)kinds[type].size; }

static bool little_endian(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 1;
}

const char *rmseg_npy_descr(char buffer[4], rmseg_array_type type)
{
    const struct kind *kind = &kinds[type];
    snprintf(buffer, 4, "%c%c%d", kind->size == 1 ? '|' : little_endian() ? '<' : '>', kind->code, kind->size);
    return buffer;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *at, *end;
    const char *name; /* of the file */
} reader;

/* How much of a text stands in a sentence: what can be printed, and not all of a long one. */
static int shown(const char *at, const char *end)
{
    int length = 0;
    while (at + length < end && length < 40 && at[length] >= ' ' && at[length] <= '~') length++;
    return length;
}

static rmseg_status fail(const reader *r, const char *expected)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: its .npy header is damaged: expected %s, found \"%.*s\"", r->name,
                      expected, shown(r->at, r->end), r->at);
}

static bool take(reader *r, const char *word)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n')) r->at++;
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length)) return false;
    r->at += length;
    return true;
}

/* A string in quotes of either kind, without escapes. */
static rmseg_status take_string(reader *r, const char **text, size_t *length)
{
    const char *quote = take(r, "'") ? "'" : take(r, "\"") ? "\"" : NULL;
    if (!quote) return fail(r, "a string in quotes");
    *text = r->at;
    while (r->at < r->end && *r->at != *quote && *r->at != '\\') r->at++;
    *length = (size_t)(r->at - *text);
    return take(r, quote) ? RMSEG_OK : fail(r, "the end of a string");
}

static rmseg_status take_descr(rmseg_npy_header *header, reader *r)
{
    const char *text;
    size_t length;
    if (take(r, "["))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: holds records of several fields; expected an array of numbers",
                          r->name);
    RMSEG_TRY(take_string(r, &text, &length));
    bool ordered = length && memchr("<>|=", *text, 4);
    for (int k = 0; length == 3 && ordered && k < KINDS; k++) {
        if (text[1] != kinds[k].code || text[2] != '0' + kinds[k].size) continue;
        if (*text == '|' && kinds[k].size > 1) continue;
        header->type = (rmseg_array_type)k;
        header->swapped = kinds[k].size > 1 && *text == (little_endian() ? '>' : '<');
        return RMSEG_OK;
    }
    return rmseg_fail(
        RMSEG_ERROR_FORMAT,
        "%s: its elements are of type '%.*s'; expected bool, integers of 8 to 64 bits, or floats of 16 to "
        "64 bits",
        r->name, shown(text, text + length), text);
}

static rmseg_status take_order(rmseg_npy_header *header, reader *r)
{
    header->fortran = take(r, "True");
    return header->fortran || take(r, "False") ? RMSEG_OK : fail(r, "True or False");
}

static rmseg_status take_extent(int64_t *extent, reader *r)
{
    if (r->at == r->end || *r->at < '0' || *r->at > '9') return fail(r, "an extent");
    for (*extent = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        int digit = *r->at - '0';
        if (*extent > (INT64_MAX - digit) / 10) return fail(r, "an extent within the range of 64 bits");
        *extent = 10 * *extent + digit;
    }
    take(r, "L"); /* Python 2 wrote it */
    return RMSEG_OK;
}

static rmseg_status take_shape(rmseg_npy_header *header, reader *r)
{
    if (!take(r, "(")) return fail(r, "a shape in brackets");
    header->rank = 0;
    header->count = 1;
    while (!take(r, ")")) {
        if (header->rank == RMSEG_ARRAY_AXES)
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: has more than %d axes", r->name, RMSEG_ARRAY_AXES);
        int64_t *extent = &header->size[header->rank++];
        RMSEG_TRY(take_extent(extent, r));
        if (!rmseg_mul(&header->count, header->count, *extent))
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: its shape has more elements than can be counted", r->name);
        bool comma = take(r, ",");
        if (!comma && (header->rank == 1 || r->at == r->end || *r->at != ')')) return fail(r, "',' behind an extent");
    }
    return RMSEG_OK;
}

static const struct key {
    const char *name;
    rmseg_status (*take)(rmseg_npy_header *header, reader *r);
} keys[] = {{"descr", take_descr}, {"fortran_order", take_order}, {"shape", take_shape}};
enum { KEYS = sizeof keys / sizeof *keys };

static rmseg_status take_entry(rmseg_npy_header *header, bool seen[KEYS], reader *r)
{
    const char *text;
    size_t length;
    RMSEG_TRY(take_string(r, &text, &length));
    int k = 0;
    while (k < KEYS && (strlen(keys[k].name) != length || memcmp(keys[k].name, text, length))) k++;
    if (k == KEYS || seen[k])
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: its .npy header has the key '%.*s' %s", r->name,
                          shown(text, text + length), text,
                          k == KEYS ? "besides descr, fortran_order and shape" : "twice");
    seen[k] = true;
    if (!take(r, ":")) return fail(r, "':'");
    return keys[k].take(header, r);
}

rmseg_status rmseg_npy_header_parse(rmseg_npy_header *header, const char *text, size_t length, const char *name)
{
    reader r = {text, text + length, name};
    bool seen[KEYS] = {false}, more = true;
    *header = (rmseg_npy_header){0};
    if (!take(&r, "{")) return fail(&r, "'{'");
    while (more && !take(&r, "}")) {
        RMSEG_TRY(take_entry(header, seen, &r));
        more = take(&r, ",");
        if (!more && !take(&r, "}")) return fail(&r, "',' or '}'");
    }
    take(&r, "");
    if (r.at < r.end) return fail(&r, "blanks behind the dictionary");
    for (int k = 0; k < KEYS; k++)
        if (!seen[k]) return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: its .npy header has no key '%s'", name, keys[k].name);
    return RMSEG_OK;
}
