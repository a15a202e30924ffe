/* nifti_header.c - the header of NIfTI-1 and NIfTI-2 in either byte order, by one table of fields, to and from bytes. */
#include <string.h>

#include "image/nifti.h"

/* ---- numbers in bytes ------------------------------------------------------------------------------------------- */

/* Types of stored numbers, by their size and by what their bits mean. */
typedef enum stored { U8, I16, I32, I64, F32, F64 } stored;

static size_t size_of(stored type)
{
    static const size_t sizes[] = {[U8] = 1, [I16] = 2, [I32] = 4, [I64] = 8, [F32] = 4, [F64] = 8};
    return sizes[type];
}

static uint64_t load_bits(const uint8_t *bytes, size_t size, bool big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) bits = bits << 8 | bytes[big_endian ? i : size - 1 - i];
    return bits;
}

static void store_bits(uint8_t *bytes, size_t size, uint64_t bits)
{
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(bits >> 8 * i);
}

static int64_t to_integer(uint64_t bits, stored type)
{
    switch (type) {
    case U8: return (uint8_t)bits;
    case I16: return (int16_t)bits;
    case I32: return (int32_t)bits;
    default: return (int64_t)bits;
    }
}

static double to_real(uint64_t bits, stored type)
{
    uint32_t low = (uint32_t)bits;
    float single;
    double wide;
    memcpy(&single, &low, sizeof single);
    memcpy(&wide, &bits, sizeof wide);
    return type == F32 ? (double)single : type == F64 ? wide : (double)to_integer(bits, type);
}

static uint64_t from_integer(int64_t value) { return (uint64_t)value; }

static uint64_t from_real(double value, stored type)
{
    float single = (float)value;
    uint32_t low;
    uint64_t bits;
    memcpy(&low, &single, sizeof low);
    memcpy(&bits, &value, sizeof bits);
    return type == F32 ? low : type == F64 ? bits : from_integer((int64_t)value);
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

/* Where a field lies in both versions; its member is double where `real`, else int64_t. */
typedef struct field {
    size_t member;
    int count;
    bool real;
    struct {
        size_t at;
        stored type;
    } in[2];
} field;

/* clang-format off */
#define INTEGER(member, count, at1, type1, at2, type2) \
    {offsetof(rmseg_nifti_header, member), count, false, {{at1, type1}, {at2, type2}}}
#define REAL(member, count, at1, type1, at2, type2) \
    {offsetof(rmseg_nifti_header, member), count, true, {{at1, type1}, {at2, type2}}}
static const field fields[] = {
    /*      member          count  NIfTI-1   NIfTI-2 */
    INTEGER(dim,              8,   40, I16,   16, I64),
    INTEGER(datatype,         1,   70, I16,   12, I16),
    INTEGER(bitpix,           1,   72, I16,   14, I16),
    REAL(   forms.pixdim,     4,   76, F32,  104, F64),
    REAL(   offset,           1,  108, F32,  168, I64),
    REAL(   slope,            1,  112, F32,  176, F64),
    REAL(   intercept,        1,  116, F32,  184, F64),
    INTEGER(forms.units,      1,  123, U8,   500, I32),
    INTEGER(forms.qform_code, 1,  252, I16,  344, I32),
    INTEGER(forms.sform_code, 1,  254, I16,  348, I32),
    REAL(   forms.quatern,    3,  256, F32,  352, F64),
    REAL(   forms.qoffset,    3,  268, F32,  376, F64),
    REAL(   forms.srow,      12,  280, F32,  400, F64),
};
/* clang-format on */

static void load_field(rmseg_nifti_header *header, const field *f, const uint8_t *bytes)
{
    int version = header->forms.version - 1;
    stored type = f->in[version].type;
    size_t size = size_of(type);
    for (int i = 0; i < f->count; i++) {
        uint64_t bits = load_bits(bytes + f->in[version].at + (size_t)i * size, size, header->big_endian);
        char *member = (char *)header + f->member + (size_t)i * 8;
        if (f->real)
            *(double *)(void *)member = to_real(bits, type);
        else
            *(int64_t *)(void *)member = to_integer(bits, type);
    }
}

static void store_field(uint8_t *bytes, const field *f, const rmseg_nifti_header *header)
{
    int version = header->forms.version - 1;
    stored type = f->in[version].type;
    size_t size = size_of(type);
    for (int i = 0; i < f->count; i++) {
        const char *member = (const char *)header + f->member + (size_t)i * 8;
        uint64_t bits = f->real ? from_real(*(const double *)(const void *)member, type)
                                : from_integer(*(const int64_t *)(const void *)member);
        store_bits(bytes + f->in[version].at + (size_t)i * size, size, bits);
    }
}

/* ---- whole headers ---------------------------------------------------------------------------------------------- */

static const char magic_2[] = "n+2\0\r\n\032\n", magic_2_pair[] = "ni2\0\r\n\032\n";

bool rmseg_nifti_starts(const uint8_t *bytes, size_t length) { return length >= 4 && rmseg_nifti_header_bytes(bytes); }

size_t rmseg_nifti_header_bytes(const uint8_t *start)
{
    uint64_t little = load_bits(start, 4, false), big = load_bits(start, 4, true);
    return little == RMSEG_NIFTI_1_BYTES || big == RMSEG_NIFTI_1_BYTES   ? RMSEG_NIFTI_1_BYTES
           : little == RMSEG_NIFTI_2_BYTES || big == RMSEG_NIFTI_2_BYTES ? RMSEG_NIFTI_2_BYTES
                                                                         : 0;
}

rmseg_status rmseg_nifti_parse(rmseg_nifti_header *header, const uint8_t *bytes, const rmseg_image_file *file)
{
    bool second = rmseg_nifti_header_bytes(bytes) == RMSEG_NIFTI_2_BYTES;
    const char *single = second ? magic_2 : "n+1", *pair = second ? magic_2_pair : "ni1";
    const uint8_t *magic = bytes + (second ? 4 : 344);
    size_t length = second ? 8 : 4;
    *header = (rmseg_nifti_header){.forms.version = second ? 2 : 1};
    header->big_endian = bytes[0] == 0;
    header->pair = !memcmp(magic, pair, length);
    if (!header->pair && memcmp(magic, single, length))
        return rmseg_fail(
            RMSEG_ERROR_UNSUPPORTED,
            "%s: the header of an Analyze 7.5 image, which does not say where left and right are, or a NIfTI whose "
            "magic \"%s\" is damaged: convert or export it to NIfTI",
            file->name, single);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) load_field(header, &fields[i], bytes);
    return RMSEG_OK;
}

size_t rmseg_nifti_print(uint8_t bytes[RMSEG_NIFTI_2_BYTES + RMSEG_NIFTI_EXTENSION_BYTES],
                         const rmseg_nifti_header *header)
{
    bool second = header->forms.version == 2;
    size_t length = second ? RMSEG_NIFTI_2_BYTES : RMSEG_NIFTI_1_BYTES;
    memset(bytes, 0, RMSEG_NIFTI_2_BYTES + RMSEG_NIFTI_EXTENSION_BYTES);
    store_bits(bytes, 4, length);
    memcpy(bytes + (second ? 4 : 344), second ? magic_2 : "n+1", second ? 8 : 4);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) store_field(bytes, &fields[i], header);
    if (header->note) memcpy(bytes + (second ? 240 : 148), header->note, strnlen(header->note, 79)); /* descrip */
    return length + RMSEG_NIFTI_EXTENSION_BYTES;
}
