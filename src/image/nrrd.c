/*
 * nrrd.c - NRRD, raw or by gzip, in one file or with the voxels in a file of their own, read; in one file, written.
 *
 * Source: teem.sourceforge.net/nrrd/format.html; where it leaves a choice, ITK's: worlds that are neither RAS, LAS nor
 * LPS count as LPS, and without a world the voxels' spacing is along LPS.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "image/lines.h"
#include "image/place.h"
#include "image/raw.h"

enum { MOST_AXES = 16 }; /* the format's own limit */

typedef struct nrrd {
    rmseg_raw raw;
    bool has_type, has_encoding;
    int64_t axes;                                 /* "dimension" */
    int sizes, spacings, mins, directions, kinds; /* how many were given; 0: the field is not there */
    int64_t size[MOST_AXES];
    double spacing[MOST_AXES], min[MOST_AXES];
    double step[MOST_AXES][3];                /* space directions */
    bool apart[MOST_AXES], ranges[MOST_AXES]; /* direction "none"; a kind that is no place: colours, ... */
    bool at_nodes;                            /* "centers: node" */
    int world;                                /* numbers in a space vector, 2 or 3; 0: no space */
    double sign[3], origin[3];
    char *data_file; /* as the header names it; borrowed from it */
} nrrd;

/* ---- fields ----------------------------------------------------------------------------------------------------- */

static rmseg_status fail_field(const rmseg_image_file *file, const char *field, const char *value, const char *expected)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NRRD has \"%s: %.80s\"; expected %s", file->name, field, value,
                      expected);
}

static rmseg_status read_type(nrrd *n, char *value, const rmseg_image_file *file)
{
    static const struct {
        const char *names; /* with a comma before and behind each */
        rmseg_stored stored;
    } types[] = {
        {",signed char,int8,int8_t,", RMSEG_STORED_I8},
        {",uchar,unsigned char,uint8,uint8_t,", RMSEG_STORED_U8},
        {",short,short int,signed short,signed short int,int16,int16_t,", RMSEG_STORED_I16},
        {",ushort,unsigned short,unsigned short int,uint16,uint16_t,", RMSEG_STORED_U16},
        {",int,signed int,int32,int32_t,", RMSEG_STORED_I32},
        {",uint,unsigned int,uint32,uint32_t,", RMSEG_STORED_U32},
        {",longlong,long long,long long int,signed long long,signed long long int,int64,int64_t,", RMSEG_STORED_I64},
        {",ulonglong,unsigned long long,unsigned long long int,uint64,uint64_t,", RMSEG_STORED_U64},
        {",float,", RMSEG_STORED_F32},
        {",double,", RMSEG_STORED_F64},
    };
    char wanted[48];
    size_t length = strlen(value);
    if (length > 40 || strchr(value, ',')) length = 0;
    wanted[0] = ',';
    memcpy(wanted + 1, value, length);
    memcpy(wanted + 1 + length, ",", 2);
    n->has_type = true;
    for (size_t i = 0; length && i < sizeof types / sizeof *types; i++)
        if (strcasestr(types[i].names, wanted)) {
            n->raw.stored = types[i].stored;
            return RMSEG_OK;
        }
    return fail_field(file, "type", value, "int8 to uint64, float or double");
}

static rmseg_status read_dimension(nrrd *n, char *value, const rmseg_image_file *file)
{
    if (rmseg_parse_integer(&n->axes, value) && n->axes >= 1 && n->axes <= MOST_AXES) return RMSEG_OK;
    return fail_field(file, "dimension", value, "1 to 16");
}

static rmseg_status read_sizes(nrrd *n, char *value, const rmseg_image_file *file)
{
    bool right = rmseg_line_integers(n->size, MOST_AXES, &n->sizes, value);
    for (int i = 0; i < n->sizes && i < MOST_AXES; i++) right = right && n->size[i] >= 1;
    return right && n->sizes ? RMSEG_OK : fail_field(file, "sizes", value, "a whole number above 0 for each axis");
}

static rmseg_status read_spacings(nrrd *n, char *value, const rmseg_image_file *file)
{
    bool right = rmseg_line_numbers(n->spacing, MOST_AXES, &n->spacings, value);
    return right ? RMSEG_OK : fail_field(file, "spacings", value, "a number for each axis");
}

static rmseg_status read_mins(nrrd *n, char *value, const rmseg_image_file *file)
{
    bool right = rmseg_line_numbers(n->min, MOST_AXES, &n->mins, value);
    return right ? RMSEG_OK : fail_field(file, "axis mins", value, "a number for each axis");
}

static rmseg_status read_centers(nrrd *n, char *value, const rmseg_image_file *file)
{
    (void)file;
    n->at_nodes = strcasestr(value, "node");
    return RMSEG_OK;
}

static rmseg_status read_space(nrrd *n, char *value, const rmseg_image_file *file)
{
    static const struct {
        const char *name, *brief;
        double sign[3];
    } spaces[] = {
        {"right-anterior-superior", "RAS", {1, 1, 1}},       {"left-anterior-superior", "LAS", {-1, 1, 1}},
        {"left-posterior-superior", "LPS", {-1, -1, 1}},     {"scanner-xyz", "scanner-xyz", {-1, -1, 1}},
        {"3D-right-handed", "3D-right-handed", {-1, -1, 1}}, {"3D-left-handed", "3D-left-handed", {-1, -1, 1}},
    };
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (!strcasecmp(value, spaces[i].name) || !strcasecmp(value, spaces[i].brief)) {
            memcpy(n->sign, spaces[i].sign, sizeof n->sign);
            n->world = 3;
            return RMSEG_OK;
        }
    if (strcasestr(value, "time"))
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: this NRRD lies in space and time (%.40s); rmseg takes one volume a file: split it",
                          file->name, value);
    return fail_field(file, "space", value,
                      "left-posterior-superior, right-anterior-superior or left-anterior-superior");
}

static rmseg_status read_space_dimension(nrrd *n, char *value, const rmseg_image_file *file)
{
    int64_t world = 0;
    bool known = rmseg_parse_integer(&world, value);
    if (known && world > 3)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: this NRRD is %" PRId64 "D (space dimension); rmseg takes one volume a file: split it",
                          file->name, world);
    if (!known || world < 2) return fail_field(file, "space dimension", value, "2 or 3");
    n->world = (int)world;
    return RMSEG_OK;
}

/* "(1,0,0) none (0,2,0)": one vector or "none" an axis. */
static rmseg_status read_directions(nrrd *n, char *value, const rmseg_image_file *file)
{
    static const char expected[] = "a vector like (1,0,0), or none, for each axis";
    n->directions = 0;
    for (char *at = value + strspn(value, " \t"); *at; n->directions++, at += strspn(at, " \t")) {
        if (n->directions == MOST_AXES) return fail_field(file, "space directions", value, expected);
        int axis = n->directions, count = 0;
        n->apart[axis] = !strncasecmp(at, "none", 4);
        if (n->apart[axis]) {
            at += 4;
            continue;
        }
        char *end = *at == '(' ? strchr(at, ')') : NULL;
        if (!end) return fail_field(file, "space directions", value, expected);
        *end = '\0';
        if (!rmseg_line_numbers(n->step[axis], 3, &count, at) || count < 2 || count > 3)
            return fail_field(file, "space directions", at, expected);
        if (n->world == 0) n->world = count;
        if (count != n->world) return fail_field(file, "space directions", at, "as many numbers as the space has");
        at = end + 1;
    }
    return RMSEG_OK;
}

static rmseg_status read_origin(nrrd *n, char *value, const rmseg_image_file *file)
{
    int count = 0;
    bool right = rmseg_line_numbers(n->origin, 3, &count, value) && (count == 2 || count == 3);
    return right ? RMSEG_OK : fail_field(file, "space origin", value, "a vector like (0,0,0)");
}

/* Kinds of axes that are no place: the rest of the format's kinds are numbers of one voxel. */
static rmseg_status read_kinds(nrrd *n, char *value, const rmseg_image_file *file)
{
    char *rest = NULL;
    n->kinds = 0;
    for (char *kind = strtok_r(value, " \t", &rest); kind; kind = strtok_r(NULL, " \t", &rest), n->kinds++) {
        if (n->kinds == MOST_AXES) return fail_field(file, "kinds", value, "one for each axis");
        static const char *const places[] = {"domain", "space", "time", "none", "???"};
        bool place = false;
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) place = place || !strcasecmp(kind, places[i]);
        n->ranges[n->kinds] = !place;
    }
    return RMSEG_OK;
}

static rmseg_status read_encoding(nrrd *n, char *value, const rmseg_image_file *file)
{
    n->has_encoding = true;
    n->raw.packing = RMSEG_PACKING_NONE;
    if (!strcasecmp(value, "raw")) return RMSEG_OK;
    n->raw.packing = RMSEG_PACKING_GZIP;
    if (!strcasecmp(value, "gzip") || !strcasecmp(value, "gz")) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                      "%s: this NRRD is encoded as %.40s; rmseg reads raw and gzip: write it so (`unu save -f nrrd -e "
                      "gzip`, or any viewer)",
                      file->name, value);
}

static rmseg_status read_endian(nrrd *n, char *value, const rmseg_image_file *file)
{
    n->raw.big_endian = !strcasecmp(value, "big");
    if (n->raw.big_endian || !strcasecmp(value, "little")) return RMSEG_OK;
    return fail_field(file, "endian", value, "little or big");
}

static rmseg_status read_line_skip(nrrd *n, char *value, const rmseg_image_file *file)
{
    if (rmseg_parse_integer(&n->raw.lines, value) && n->raw.lines >= 0) return RMSEG_OK;
    return fail_field(file, "line skip", value, "a whole number");
}

static rmseg_status read_byte_skip(nrrd *n, char *value, const rmseg_image_file *file)
{
    if (rmseg_parse_integer(&n->raw.skip, value) && n->raw.skip >= -1) return RMSEG_OK;
    return fail_field(file, "byte skip", value, "a whole number, or -1 for voxels at the file's end");
}

static rmseg_status read_data_file(nrrd *n, char *value, const rmseg_image_file *file)
{
    n->data_file = value;
    if (*value && strncmp(value, "LIST", 4) && !strchr(value, '%')) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                      "%s: the voxels of this NRRD lie in several files (%.60s); rmseg takes one: write it as one file "
                      "(`unu save -f nrrd -e gzip`, or any viewer)",
                      file->name, value);
}

static const struct {
    const char *name;
    rmseg_status (*read)(nrrd *n, char *value, const rmseg_image_file *file);
} fields[] = {
    {"type", read_type},
    {"dimension", read_dimension},
    {"sizes", read_sizes},
    {"spacings", read_spacings},
    {"axis mins", read_mins},
    {"axismins", read_mins},
    {"centers", read_centers},
    {"centerings", read_centers},
    {"space", read_space},
    {"space dimension", read_space_dimension},
    {"space directions", read_directions},
    {"space origin", read_origin},
    {"kinds", read_kinds},
    {"encoding", read_encoding},
    {"endian", read_endian},
    {"line skip", read_line_skip},
    {"lineskip", read_line_skip},
    {"byte skip", read_byte_skip},
    {"byteskip", read_byte_skip},
    {"data file", read_data_file},
    {"datafile", read_data_file},
};

/* "# comment" and "key:=value" are no fields; a field that is not here says nothing about voxels or their place. */
static rmseg_status read_field(nrrd *n, char *line, const rmseg_image_file *file)
{
    char *colon = strchr(line, ':');
    if (*line == '#' || (colon && colon[1] == '=')) return RMSEG_OK;
    char *value = rmseg_line_value(line, ':');
    if (!value)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: this NRRD has the line \"%.60s\"; expected a field like \"sizes: 4 3\"", file->name,
                          line);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strcasecmp(line, fields[i].name)) return fields[i].read(n, value, file);
    return RMSEG_OK;
}

/* ---- the header ------------------------------------------------------------------------------------------------- */

bool rmseg_nrrd_sniff(const uint8_t *bytes, size_t length)
{
    return length >= 8 && !memcmp(bytes, "NRRD000", 7) && bytes[7] >= '1' && bytes[7] <= '9';
}

/* The header ends with an empty line, or with the file where the voxels are elsewhere. */
static size_t header_length(const rmseg_image_file *file)
{
    size_t at = 0;
    while (at < file->length) {
        const uint8_t *line = file->bytes + at, *end = memchr(line, '\n', file->length - at);
        if (!end) return file->length;
        at = (size_t)(end - file->bytes) + 1;
        if (end == line || (end == line + 1 && *line == '\r')) return at;
    }
    return at;
}

static rmseg_status check_count(const rmseg_image_file *file, const nrrd *n, const char *field, int count)
{
    if (count == 0 || count == n->axes) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NRRD has %" PRId64 " axes, but %d %s; expected one for each axis",
                      file->name, n->axes, count, field);
}

static rmseg_status check_header(const nrrd *n, const rmseg_image_file *file)
{
    const char *missing = !n->has_type ? "type" : !n->axes ? "dimension" : !n->sizes ? "sizes" : NULL;
    if (!missing && !n->has_encoding) missing = "encoding";
    if (missing)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NRRD is damaged or cut short: its header lacks \"%s\"",
                          file->name, missing);
    RMSEG_TRY(check_count(file, n, "sizes", n->sizes));
    RMSEG_TRY(check_count(file, n, "spacings", n->spacings));
    RMSEG_TRY(check_count(file, n, "axis mins", n->mins));
    RMSEG_TRY(check_count(file, n, "space directions", n->directions));
    RMSEG_TRY(check_count(file, n, "kinds", n->kinds));
    if (n->raw.skip == -1 && n->raw.packing != RMSEG_PACKING_NONE)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NRRD has \"byte skip: -1\", which needs \"encoding: raw\"",
                          file->name);
    return RMSEG_OK;
}

static rmseg_status read_header(nrrd *n, char *text, const rmseg_image_file *file)
{
    char *rest = text;
    rmseg_line_next(&rest); /* the magic */
    for (char *line; (line = rmseg_line_next(&rest)) && *line;) RMSEG_TRY(read_field(n, line, file));
    return check_header(n, file);
}

/* ---- axes ------------------------------------------------------------------------------------------------------- */

typedef struct axes {
    int count, spatial[3]; /* the file's axes that are W, H, D */
    int64_t channels, inner;
} axes;

static rmseg_status fail_axes(const nrrd *n, const rmseg_image_file *file, int axis)
{
    return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                      "%s: this NRRD is %" PRId64 "D: its axis %d has %" PRId64
                      " entries (times, or channels that it does not call so); rmseg takes one volume a file: split it",
                      file->name, n->axes, axis, n->size[axis]);
}

/* Axes of one entry may be left over; one axis may hold the channels. */
static rmseg_status find_axes(axes *a, const nrrd *n, const rmseg_image_file *file)
{
    *a = (axes){.channels = 1, .inner = 1};
    int64_t before = 1;
    for (int axis = 0; axis < n->axes; axis++) {
        bool apart = n->directions ? n->apart[axis] : n->ranges[axis];
        if (apart && n->size[axis] > 1) {
            if (a->channels > 1) return fail_axes(n, file, axis);
            a->channels = n->size[axis];
            a->inner = before;
        } else if (!apart && a->count < 3) {
            a->spatial[a->count++] = axis;
        } else if (!apart && n->size[axis] > 1) {
            return fail_axes(n, file, axis);
        }
        if (!rmseg_mul(&before, before, n->size[axis])) before = INT64_MAX; /* refused by its voxels later */
    }
    return RMSEG_OK;
}

/* ---- place ------------------------------------------------------------------------------------------------------ */

/* An axis that the file leaves out is at right angles to those it has. */
static void complete_steps(rmseg_place *place, int count)
{
    const double *a = place->step[0], *b = place->step[1];
    double cross[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
    double length = sqrt(cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2]);
    if (count == 2 && length > 0)
        for (int world = 0; world < 3; world++) place->step[2][world] = cross[world] / length;
}

static rmseg_status set_place(rmseg_image *image, const nrrd *n, const axes *a, const rmseg_image_file *file)
{
    rmseg_place place = rmseg_place_unknown();
    bool has_mins = n->mins && !n->world;
    for (int i = 0; i < a->count; i++) {
        int axis = a->spatial[i];
        if (n->directions)
            memcpy(place.step[i], n->step[axis], sizeof place.step[i]);
        else if (n->spacings && !isnan(n->spacing[axis])) /* NaN: not known */
            place.scale[i] = n->spacing[axis];
        image->has_spacing |= n->directions || (n->spacings && !isnan(n->spacing[axis]));
        has_mins = has_mins && isfinite(n->min[axis]);
    }
    if (n->directions && n->world == 3) complete_steps(&place, a->count);
    if (n->world) memcpy(place.origin, n->origin, sizeof place.origin);
    if (n->world == 3) memcpy(place.sign, n->sign, sizeof place.sign);
    for (int i = 0; i < a->count && has_mins; i++) /* the least position of the first voxel: its own, or its edge */
        place.origin[i] = n->min[a->spatial[i]] + (n->at_nodes ? 0 : place.scale[i] / 2);
    image->axes = a->count;
    return image->has_spacing ? rmseg_place_read(image, &place, file) : RMSEG_OK;
}

static rmseg_status decode_text(rmseg_image *image, char *text, size_t length, const rmseg_image_file *file,
                                bool header_only)
{
    nrrd n = {.sign = {-1, -1, 1}};
    axes a;
    char *path = NULL;
    int64_t size[3] = {1, 1, 1};
    RMSEG_TRY(read_header(&n, text, file));
    RMSEG_TRY(find_axes(&a, &n, file));
    for (int i = 0; i < a.count; i++) size[2 - i] = n.size[a.spatial[i]];
    if (n.data_file && !file->path)
        return rmseg_fail(RMSEG_ERROR_FILE, "%s: the header of a NRRD, but its voxels (%.60s) are missing", file->name,
                          n.data_file);
    if (n.data_file) RMSEG_TRY(rmseg_raw_beside(&path, file->path, n.data_file));
    n.raw.data_file = path;
    n.raw.inner = a.inner;
    n.raw.start = path ? 0 : (int64_t)length;
    rmseg_status status = rmseg_raw_decode(image, &n.raw, a.channels, size, file, header_only);
    if (!status) status = set_place(image, &n, &a, file);
    rmseg_free(path);
    return status;
}

static const rmseg_lines_format lines_format = {
    .separator = ':', .data_file = {"data file", "datafile"}, .header_length = header_length, .decode = decode_text};

rmseg_status rmseg_nrrd_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    return rmseg_lines_decode(image, file, header_only, &lines_format);
}

rmseg_status rmseg_nrrd_partner(char **partner, const char *path)
{
    return rmseg_lines_partner(partner, path, &lines_format);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static const char *type_name(rmseg_dtype dtype)
{
    static const char *const names[] = {[RMSEG_U8] = "uint8",  [RMSEG_U16] = "uint16", [RMSEG_I16] = "int16",
                                        [RMSEG_I32] = "int32", [RMSEG_F32] = "float",  [RMSEG_F64] = "double"};
    return names[dtype];
}

/* Spacing times direction to 15 digits, so that 0.625 which was split and joined is 0.625 again. */
static void add_step(rmseg_text *text, const double step[3], double spacing, int world)
{
    for (int i = 0; i < world; i++) rmseg_text_addf(text, "%s%.15g", i ? "," : " (", step[i] * spacing + 0.0);
    rmseg_text_add(text, ")");
}

static void add_place(rmseg_text *text, const rmseg_image *image, int axes)
{
    rmseg_place place;
    char number[32];
    rmseg_place_write(&place, image);
    rmseg_text_add(text, axes == 2 ? "space dimension: 2\n" : "space: left-posterior-superior\n");
    rmseg_text_add(text, image->channels > 1 ? "space directions: none" : "space directions:");
    for (int i = 0; i < axes; i++) add_step(text, place.step[i], place.scale[i], axes);
    rmseg_text_add(text, "\nspace origin: ");
    for (int i = 0; i < axes; i++)
        rmseg_text_addf(text, "%s%s", i ? "," : "(", rmseg_number_text(number, place.origin[i]));
    rmseg_text_add(text, ")\n");
}

static void add_header(rmseg_text *text, const rmseg_image *image)
{
    int axes = rmseg_place_is_flat(image) ? 2 : 3;
    bool several = image->channels > 1;
    rmseg_text_addf(text, "NRRD0004\ntype: %s\ndimension: %d\nsizes:", type_name(image->dtype), axes + several);
    if (several) rmseg_text_addf(text, " %" PRId64, image->channels);
    for (int i = 0; i < axes; i++) rmseg_text_addf(text, " %" PRId64, image->size[2 - i]);
    rmseg_text_addf(text, "\nkinds:%s%s\n", several ? " vector" : "",
                    axes == 2 ? " domain domain" : " domain domain domain");
    if (image->has_spacing) add_place(text, image, axes);
    rmseg_text_add(text, "endian: little\nencoding: gzip\n");
    if (*image->note) rmseg_text_addf(text, "rmseg:=%s\n", image->note);
    rmseg_text_add(text, "\n");
}

rmseg_status rmseg_nrrd_encode(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                               const char *name)
{
    rmseg_packer *packer = NULL;
    rmseg_text header = {0};
    size_t length = strlen(name);
    if (length >= 5 && !strcasecmp(name + length - 5, ".nhdr"))
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: rmseg writes a NRRD as one file: use .nrrd", name);
    add_header(&header, image);
    rmseg_status status = header.failed ? rmseg_fail_memory() : rmseg_file_put(writer, header.data, header.length);
    rmseg_text_destroy(&header);
    if (!status) status = rmseg_pack_open(&packer, writer, NULL, RMSEG_PACKING_GZIP);
    if (!status) status = rmseg_raw_put(packer, image, source);
    if (!status) status = rmseg_pack_end(packer);
    rmseg_pack_close(packer);
    return status;
}
