/*
 * metaimage.c - MetaImage, raw or packed by zlib, in one file (.mha) or with the voxels in a file of their own (.mhd),
 * read; in one file, written.
 *
 * Source: MetaIO as ITK has it. Its world is LPS; the rows of TransformMatrix are the directions of the axes. What ITK
 * passes over is passed over here: CenterOfRotation, AnatomicalOrientation, the intensity function.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "image/lines.h"
#include "image/place.h"
#include "image/raw.h"

enum { MOST_AXES = 10 }; /* MetaIO's own limit */

typedef struct meta {
    rmseg_raw raw;
    bool is_text, has_type;
    int64_t axes, channels, header_size;
    int sizes, spacings, offsets, directions; /* how many numbers were given; 0: the field is not there */
    int64_t size[MOST_AXES];
    double spacing[MOST_AXES], offset[MOST_AXES], direction[MOST_AXES * MOST_AXES];
    char *data_file; /* as the header names it; borrowed from it */
} meta;

/* ---- fields ----------------------------------------------------------------------------------------------------- */

static rmseg_status fail_field(const rmseg_image_file *file, const char *field, const char *value, const char *expected)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this MetaImage has \"%s = %.80s\"; expected %s", file->name, field,
                      value, expected);
}

typedef rmseg_status (*read_fn)(meta *m, char *value, const rmseg_image_file *file);

static rmseg_status read_object(meta *m, char *value, const rmseg_image_file *file)
{
    (void)m;
    return strcasecmp(value, "Image") ? fail_field(file, "ObjectType", value, "Image") : RMSEG_OK;
}

static rmseg_status read_axes(meta *m, char *value, const rmseg_image_file *file)
{
    if (rmseg_parse_integer(&m->axes, value) && m->axes >= 1 && m->axes <= MOST_AXES) return RMSEG_OK;
    return fail_field(file, "NDims", value, "1 to 10");
}

static rmseg_status read_sizes(meta *m, char *value, const rmseg_image_file *file)
{
    bool right = rmseg_line_integers(m->size, MOST_AXES, &m->sizes, value);
    for (int i = 0; i < m->sizes && i < MOST_AXES; i++) right = right && m->size[i] >= 1;
    return right && m->sizes ? RMSEG_OK : fail_field(file, "DimSize", value, "a whole number above 0 for each axis");
}

static rmseg_status read_channels(meta *m, char *value, const rmseg_image_file *file)
{
    if (rmseg_parse_integer(&m->channels, value) && m->channels >= 1) return RMSEG_OK;
    return fail_field(file, "ElementNumberOfChannels", value, "a whole number above 0");
}

static rmseg_status read_type(meta *m, char *value, const rmseg_image_file *file)
{
    static const struct {
        const char *name;
        rmseg_stored stored;
    } types[] = {
        {"MET_CHAR", RMSEG_STORED_I8},        {"MET_UCHAR", RMSEG_STORED_U8},  {"MET_SHORT", RMSEG_STORED_I16},
        {"MET_USHORT", RMSEG_STORED_U16},     {"MET_INT", RMSEG_STORED_I32},   {"MET_UINT", RMSEG_STORED_U32},
        {"MET_LONG", RMSEG_STORED_I32},       {"MET_ULONG", RMSEG_STORED_U32}, {"MET_LONG_LONG", RMSEG_STORED_I64},
        {"MET_ULONG_LONG", RMSEG_STORED_U64}, {"MET_FLOAT", RMSEG_STORED_F32}, {"MET_DOUBLE", RMSEG_STORED_F64},
    };
    size_t length = strlen(value), array = strlen("_ARRAY");
    if (length > array && !strcasecmp(value + length - array, "_ARRAY")) length -= array;
    m->has_type = true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == length && !strncasecmp(value, types[i].name, length)) {
            m->raw.stored = types[i].stored;
            return RMSEG_OK;
        }
    return fail_field(file, "ElementType", value, "MET_CHAR to MET_ULONG_LONG, MET_FLOAT or MET_DOUBLE");
}

static rmseg_status read_spacing(meta *m, char *value, const rmseg_image_file *file)
{
    if (rmseg_line_numbers(m->spacing, MOST_AXES, &m->spacings, value)) return RMSEG_OK;
    return fail_field(file, "ElementSpacing", value, "a number for each axis");
}

/* ElementSize is the extent of a voxel, which says its spacing where nothing else does. */
static rmseg_status read_extent(meta *m, char *value, const rmseg_image_file *file)
{
    return m->spacings ? RMSEG_OK : read_spacing(m, value, file);
}

static rmseg_status read_offset(meta *m, char *value, const rmseg_image_file *file)
{
    if (rmseg_line_numbers(m->offset, MOST_AXES, &m->offsets, value)) return RMSEG_OK;
    return fail_field(file, "Offset", value, "a number for each axis");
}

static rmseg_status read_matrix(meta *m, char *value, const rmseg_image_file *file)
{
    if (rmseg_line_numbers(m->direction, MOST_AXES * MOST_AXES, &m->directions, value)) return RMSEG_OK;
    return fail_field(file, "TransformMatrix", value, "a row of numbers for each axis");
}

static bool is_true(const char *value) { return *value == 'T' || *value == 't' || *value == '1'; }

static rmseg_status read_binary(meta *m, char *value, const rmseg_image_file *file)
{
    (void)file;
    m->is_text = !is_true(value);
    return RMSEG_OK;
}

static rmseg_status read_order(meta *m, char *value, const rmseg_image_file *file)
{
    (void)file;
    m->raw.big_endian = is_true(value);
    return RMSEG_OK;
}

static rmseg_status read_packed(meta *m, char *value, const rmseg_image_file *file)
{
    (void)file;
    m->raw.packing = is_true(value) ? RMSEG_PACKING_ZLIB : RMSEG_PACKING_NONE;
    return RMSEG_OK;
}

static rmseg_status read_header_size(meta *m, char *value, const rmseg_image_file *file)
{
    if (rmseg_parse_integer(&m->header_size, value) && m->header_size >= -1) return RMSEG_OK;
    return fail_field(file, "HeaderSize", value, "a whole number, or -1 for voxels at the file's end");
}

static rmseg_status read_data_file(meta *m, char *value, const rmseg_image_file *file)
{
    m->data_file = value;
    if (*value && strncmp(value, "LIST", 4) && !strchr(value, '%')) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_UNSUPPORTED,
        "%s: the voxels of this MetaImage lie in several files (%.60s); rmseg takes one: write it as .mha", file->name,
        value);
}

static const struct {
    const char *name;
    read_fn read;
} fields[] = {
    {"ObjectType", read_object},
    {"NDims", read_axes},
    {"DimSize", read_sizes},
    {"ElementNumberOfChannels", read_channels},
    {"ElementType", read_type},
    {"ElementSpacing", read_spacing},
    {"ElementSize", read_extent},
    {"Offset", read_offset},
    {"Origin", read_offset},
    {"Position", read_offset},
    {"TransformMatrix", read_matrix},
    {"Orientation", read_matrix},
    {"Rotation", read_matrix},
    {"BinaryData", read_binary},
    {"BinaryDataByteOrderMSB", read_order},
    {"ElementByteOrderMSB", read_order},
    {"CompressedData", read_packed},
    {"HeaderSize", read_header_size},
    {"ElementDataFile", read_data_file},
};

static rmseg_status read_field(meta *m, char *line, const rmseg_image_file *file)
{
    if (!*line) return RMSEG_OK;
    char *value = rmseg_line_value(line, '=');
    if (!value)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: this MetaImage has the line \"%.60s\"; expected a field like \"NDims = 3\"", file->name,
                          line);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strcasecmp(line, fields[i].name)) return fields[i].read(m, value, file);
    return RMSEG_OK;
}

/* ---- the header ------------------------------------------------------------------------------------------------- */

/* Bytes from the start that are text with "key =" in its first line: such files have no magic. */
bool rmseg_metaimage_sniff(const uint8_t *bytes, size_t length)
{
    static const char *const first[] = {"ObjectType", "NDims", "Comment", "ObjectSubType", "TransformType"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        size_t at = strlen(first[i]);
        if (length <= at || memcmp(bytes, first[i], at)) continue;
        while (at < length && (bytes[at] == ' ' || bytes[at] == '\t')) at++;
        return at < length && bytes[at] == '=';
    }
    return false;
}

/* ElementDataFile is the last field: the voxels may follow it. */
static size_t header_length(const rmseg_image_file *file)
{
    static const char last[] = "ElementDataFile";
    size_t at = 0;
    while (at < file->length) {
        const uint8_t *line = file->bytes + at, *end = memchr(line, '\n', file->length - at);
        size_t next = end ? (size_t)(end - file->bytes) + 1 : file->length;
        if (next - at >= sizeof last && !memcmp(line, last, sizeof last - 1)) return next;
        at = next;
    }
    return file->length;
}

static rmseg_status check_count(const rmseg_image_file *file, const meta *m, const char *field, int count,
                                int64_t expected)
{
    if (count == 0 || count == expected) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: this MetaImage has %" PRId64 " axes, but %d numbers in %s; expected %" PRId64, file->name,
                      m->axes, count, field, expected);
}

static rmseg_status check_header(const meta *m, const rmseg_image_file *file)
{
    const char *missing = !m->axes ? "NDims" : !m->sizes ? "DimSize" : !m->has_type ? "ElementType" : NULL;
    if (!missing && !m->data_file) missing = "ElementDataFile";
    if (missing)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this MetaImage is damaged or cut short: its header lacks %s",
                          file->name, missing);
    if (m->is_text)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: the voxels of this MetaImage are text (BinaryData = False); rmseg reads binary ones: "
                          "write it again",
                          file->name);
    if (m->header_size < 0 && m->raw.packing != RMSEG_PACKING_NONE)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: this MetaImage has \"HeaderSize = -1\", which packed voxels cannot have", file->name);
    RMSEG_TRY(check_count(file, m, "DimSize", m->sizes, m->axes));
    RMSEG_TRY(check_count(file, m, "ElementSpacing", m->spacings, m->axes));
    RMSEG_TRY(check_count(file, m, "Offset", m->offsets, m->axes));
    RMSEG_TRY(check_count(file, m, "TransformMatrix", m->directions, m->axes * m->axes));
    for (int axis = 3; axis < m->axes; axis++)
        if (m->size[axis] > 1)
            return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                              "%s: this MetaImage is %" PRId64 "D: its axis %d has %" PRId64
                              " entries (times?); rmseg takes one volume a file: split it",
                              file->name, m->axes, axis, m->size[axis]);
    return RMSEG_OK;
}

static rmseg_status read_header(meta *m, char *text, const rmseg_image_file *file)
{
    char *rest = text;
    for (char *line; (line = rmseg_line_next(&rest));) RMSEG_TRY(read_field(m, line, file));
    return check_header(m, file);
}

/* ---- image ------------------------------------------------------------------------------------------------------ */

static rmseg_status set_place(rmseg_image *image, const meta *m, const rmseg_image_file *file)
{
    rmseg_place place = rmseg_place_unknown();
    int64_t count = m->axes < 3 ? m->axes : 3;
    for (int axis = 0; axis < count; axis++) {
        if (m->directions) memcpy(place.step[axis], m->direction + axis * m->axes, (size_t)count * sizeof(double));
        if (m->offsets) place.origin[axis] = m->offset[axis];
        if (m->spacings) place.scale[axis] = fabs(m->spacing[axis]);
        for (int world = 0; world < 3 && m->spacings && m->spacing[axis] < 0; world++) /* as ITK takes it */
            place.step[axis][world] = -place.step[axis][world];
    }
    image->axes = count;
    image->has_spacing = m->spacings || m->offsets || m->directions;
    return image->has_spacing ? rmseg_place_read(image, &place, file) : RMSEG_OK;
}

static rmseg_status decode_text(rmseg_image *image, char *text, size_t length, const rmseg_image_file *file,
                                bool header_only)
{
    meta m = {.channels = 1};
    char *path = NULL;
    int64_t size[3] = {1, 1, 1};
    RMSEG_TRY(read_header(&m, text, file));
    for (int i = 0; i < 3 && i < m.axes; i++) size[2 - i] = m.size[i];
    bool local = !strcasecmp(m.data_file, "LOCAL");
    if (!local && !file->path)
        return rmseg_fail(RMSEG_ERROR_FILE, "%s: the header of a MetaImage, but its voxels (%.60s) are missing",
                          file->name, m.data_file);
    if (!local) RMSEG_TRY(rmseg_raw_beside(&path, file->path, m.data_file));
    m.raw.data_file = path;
    m.raw.inner = 1;
    m.raw.start = local ? (int64_t)length : m.header_size > 0 ? m.header_size : 0;
    m.raw.skip = m.header_size < 0 ? -1 : 0;
    rmseg_status status = rmseg_raw_decode(image, &m.raw, m.channels, size, file, header_only);
    if (!status) status = set_place(image, &m, file);
    rmseg_free(path);
    return status;
}

static const rmseg_lines_format lines_format = {.separator = '=',
                                                .data_file = {"ElementDataFile", "ElementDataFile"},
                                                .local = "LOCAL",
                                                .header_length = header_length,
                                                .decode = decode_text};

rmseg_status rmseg_metaimage_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    return rmseg_lines_decode(image, file, header_only, &lines_format);
}

rmseg_status rmseg_metaimage_partner(char **partner, const char *path)
{
    return rmseg_lines_partner(partner, path, &lines_format);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static const char *type_name(rmseg_dtype dtype)
{
    static const char *const names[] = {
        [RMSEG_U8] = "MET_UCHAR", [RMSEG_U16] = "MET_USHORT", [RMSEG_I16] = "MET_SHORT",
        [RMSEG_I32] = "MET_INT",  [RMSEG_F32] = "MET_FLOAT",  [RMSEG_F64] = "MET_DOUBLE"};
    return names[dtype];
}

static void add_numbers(rmseg_text *text, const char *field, const double *values, int count)
{
    char number[32];
    rmseg_text_addf(text, "%s =", field);
    for (int i = 0; i < count; i++) rmseg_text_addf(text, " %s", rmseg_number_text(number, values[i]));
    rmseg_text_add(text, "\n");
}

static void add_place(rmseg_text *text, const rmseg_image *image, int axes)
{
    rmseg_place place;
    double matrix[9];
    rmseg_place_write(&place, image);
    for (int axis = 0; axis < axes; axis++)
        memcpy(matrix + axis * axes, place.step[axis], (size_t)axes * sizeof *matrix);
    add_numbers(text, "TransformMatrix", matrix, axes * axes);
    add_numbers(text, "Offset", place.origin, axes);
    add_numbers(text, "ElementSpacing", place.scale, axes);
}

static rmseg_status put(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_text *packed)
{
    rmseg_text text = {0};
    int axes = rmseg_place_is_flat(image) ? 2 : 3;
    rmseg_text_add(&text, "ObjectType = Image\n");
    if (*image->note) rmseg_text_addf(&text, "Comment = %s\n", image->note);
    rmseg_text_addf(&text, "NDims = %d\nBinaryData = True\nBinaryDataByteOrderMSB = False\n", axes);
    rmseg_text_addf(&text, "CompressedData = True\nCompressedDataSize = %zu\n", packed->length);
    if (image->has_spacing) add_place(&text, image, axes);
    rmseg_text_add(&text, "DimSize =");
    for (int i = 0; i < axes; i++) rmseg_text_addf(&text, " %" PRId64, image->size[2 - i]);
    if (image->channels > 1) rmseg_text_addf(&text, "\nElementNumberOfChannels = %" PRId64, image->channels);
    rmseg_text_addf(&text, "\nElementType = %s\nElementDataFile = LOCAL\n", type_name(image->dtype));
    rmseg_status status = text.failed ? rmseg_fail_memory() : rmseg_file_put(writer, text.data, text.length);
    if (!status) status = rmseg_file_put(writer, packed->data, packed->length);
    rmseg_text_destroy(&text);
    return status;
}

/* The header says how long the packed voxels are, so they are packed first. */
rmseg_status rmseg_metaimage_encode(rmseg_file_writer *writer, const rmseg_image *image,
                                    const rmseg_image_source *source, const char *name)
{
    rmseg_packer *packer = NULL;
    rmseg_text packed = {0};
    size_t length = strlen(name);
    if (length >= 4 && !strcasecmp(name + length - 4, ".mhd"))
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: rmseg writes a MetaImage as one file: use .mha", name);
    RMSEG_TRY(rmseg_pack_open(&packer, NULL, &packed, RMSEG_PACKING_ZLIB));
    rmseg_status status = rmseg_raw_put(packer, image, source);
    if (!status) status = rmseg_pack_end(packer);
    rmseg_pack_close(packer);
    if (!status) status = put(writer, image, &packed);
    rmseg_text_destroy(&packed);
    return status;
}
