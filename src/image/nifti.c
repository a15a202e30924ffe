/* nifti.c - NIfTI-1 and NIfTI-2, plain or by gzip, in one file or a pair, read; in one file, written. */
#include "image/nifti.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/* ---- pairs ------------------------------------------------------------------------------------------------------ */

/* The length of the name before its ".hdr" or ".hdr.gz"; 0 where it has none. */
static size_t stem_of_header(const char *path)
{
    static const char *const endings[] = {".hdr", ".hdr.gz"};
    size_t length = strlen(path);
    for (int i = 0; i < 2; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && !strcasecmp(path + length - ending, endings[i])) return length - ending;
    }
    return 0;
}

rmseg_status rmseg_nifti_partner(char **partner, const char *path)
{
    static const char *const endings[] = {".img", ".img.gz", ".IMG"};
    size_t stem = stem_of_header(path);
    *partner = NULL;
    for (int i = 0; i < 3 && stem && !*partner; i++) {
        rmseg_text name = {0};
        rmseg_text_addf(&name, "%.*s%s", (int)stem, path, endings[i]);
        if (name.failed) return rmseg_fail_memory();
        if (rmseg_file_exists(name.data)) *partner = rmseg_strdup(name.data);
        bool failed = rmseg_file_exists(name.data) && !*partner;
        rmseg_text_destroy(&name);
        if (failed) return RMSEG_ERROR_MEMORY;
    }
    return RMSEG_OK;
}

/* ---- reading: the header ---------------------------------------------------------------------------------------- */

bool rmseg_nifti_sniff(const uint8_t *bytes, size_t length)
{
    return rmseg_is_gzip(bytes, length) || rmseg_nifti_starts(bytes, length);
}

static rmseg_status fail_not_nifti(const rmseg_image_file *file)
{
    return rmseg_fail(
        RMSEG_ERROR_FORMAT,
        "%s: not an image rmseg reads: what its gzip holds does not start with the header of a NIfTI (of a "
        "pair give the .hdr)",
        file->name);
}

static rmseg_status read_header(rmseg_nifti_header *header, rmseg_unpacker *unpacker, const rmseg_image_file *file)
{
    uint8_t bytes[RMSEG_NIFTI_2_BYTES];
    rmseg_status status = rmseg_unpack(unpacker, bytes, 4);
    if (status == RMSEG_ERROR_MEMORY) return status;
    if (status || !rmseg_nifti_starts(bytes, 4)) return fail_not_nifti(file);
    size_t length = rmseg_nifti_header_bytes(bytes), least = length + (size_t)RMSEG_NIFTI_EXTENSION_BYTES;
    RMSEG_TRY(rmseg_unpack(unpacker, bytes + 4, length - 4));
    RMSEG_TRY(rmseg_nifti_parse(header, bytes, file));
    if (!header->pair && header->offset == 0) header->offset = (double)least;
    if (header->offset >= (header->pair ? 0 : (double)least) && header->offset < 0x1p53) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NIfTI says that its voxels start at byte %g; expected %zu or more",
                      file->name, header->offset, header->pair ? 0 : least);
}

/* The fourth axis is the channels; axes beyond it may be there with an extent of 1. */
static rmseg_status find_size(int64_t size[3], int64_t *channels, rmseg_nifti_header *header,
                              const rmseg_image_file *file)
{
    const int64_t *dim = header->dim;
    if (dim[0] < 1 || dim[0] > 7)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NIfTI says that it has %" PRId64 " axes; expected 1 to 7",
                          file->name, dim[0]);
    for (int i = 1; i <= dim[0]; i++)
        if (dim[i] < 1)
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NIfTI has no voxels: its axis %d has an extent of %" PRId64,
                              file->name, i, dim[i]);
    for (int i = 5; i <= dim[0]; i++)
        if (dim[i] > 1)
            return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                              "%s: this NIfTI is %" PRId64 "D: its axis %d has %" PRId64
                              " entries; rmseg takes three axes of space and one of channels: split it",
                              file->name, dim[0], i, dim[i]);
    *channels = dim[0] < 4 ? 1 : dim[4];
    for (int i = 1; i <= 3; i++) size[3 - i] = i <= dim[0] ? dim[i] : 1;
    header->forms.axes = dim[0] < 3 ? dim[0] : 3;
    return RMSEG_OK;
}

/* ---- reading: the voxels ---------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
    int64_t code;
    const char *name;
    bool reads;
    rmseg_stored stored;
} types[] = {
    {   2, "uint8",      true,  RMSEG_STORED_U8},
    { 256, "int8",       true,  RMSEG_STORED_I8},
    {   4, "int16",      true,  RMSEG_STORED_I16},
    { 512, "uint16",     true,  RMSEG_STORED_U16},
    {   8, "int32",      true,  RMSEG_STORED_I32},
    { 768, "uint32",     true,  RMSEG_STORED_U32},
    {1024, "int64",      true,  RMSEG_STORED_I64},
    {1280, "uint64",     true,  RMSEG_STORED_U64},
    {  16, "float32",    true,  RMSEG_STORED_F32},
    {  64, "float64",    true,  RMSEG_STORED_F64},
    {   1, "binary",     false, RMSEG_STORED_U8},
    {  32, "complex64",  false, RMSEG_STORED_F32},
    {1792, "complex128", false, RMSEG_STORED_F64},
    {2048, "complex256", false, RMSEG_STORED_F64},
    {1536, "float128",   false, RMSEG_STORED_F64},
    { 128, "RGB",        false, RMSEG_STORED_U8},
    {2304, "RGBA",       false, RMSEG_STORED_U8},
};
/* clang-format on */
enum { TYPES = sizeof types / sizeof *types };

static rmseg_status find_type(rmseg_stored *stored, const rmseg_nifti_header *header, const rmseg_image_file *file)
{
    for (int i = 0; i < TYPES; i++) {
        if (types[i].code != header->datatype) continue;
        *stored = types[i].stored;
        if (types[i].reads) return RMSEG_OK;
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: this NIfTI has %s voxels; rmseg reads integers of 8 to 64 bits and floats of 32 and 64: "
                          "convert it",
                          file->name, types[i].name);
    }
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: this NIfTI has voxels of type %" PRId64 ", which the format does not have", file->name,
                      header->datatype);
}

/* Values are as stored where the slope is 0 or none at all, and where it is 1 with intercept 0. */
static rmseg_status find_scale(rmseg_raw *raw, const rmseg_nifti_header *header, const rmseg_image_file *file)
{
    bool scaled = header->slope != 0 && isfinite(header->slope) && !(header->slope == 1 && header->intercept == 0);
    if (!scaled) return RMSEG_OK;
    raw->slope = header->slope;
    raw->intercept = header->intercept;
    if (isfinite(header->intercept)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NIfTI scales its values by %g and adds %g; expected finite numbers",
                      file->name, header->slope, header->intercept);
}

static rmseg_status decode_voxels(rmseg_image *image, const rmseg_nifti_header *header, int64_t channels,
                                  const int64_t size[3], const rmseg_image_file *file, bool header_only)
{
    rmseg_raw raw = {.big_endian = header->big_endian, .packing = RMSEG_PACKING_GZIP};
    char *partner = NULL;
    if (!rmseg_mul3(&raw.inner, size[0], size[1], size[2])) raw.inner = INT64_MAX; /* refused by its voxels below */
    RMSEG_TRY(find_type(&raw.stored, header, file));
    RMSEG_TRY(find_scale(&raw, header, file));
    raw.skip = (int64_t)header->offset;
    if (header->pair && file->path) RMSEG_TRY(rmseg_nifti_partner(&partner, file->path));
    if (header->pair && !partner)
        return rmseg_fail(
            RMSEG_ERROR_FILE,
            "%s: the header of a NIfTI pair, but its voxels are missing; expected NAME.img beside NAME.hdr",
            file->name);
    raw.data_file = partner;
    rmseg_status status = rmseg_raw_decode(image, &raw, channels, size, file, header_only);
    rmseg_free(partner);
    return status;
}

rmseg_status rmseg_nifti_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    rmseg_unpacker *unpacker = NULL;
    rmseg_nifti_header header = {0};
    int64_t size[3], channels = 1;
    RMSEG_TRY(rmseg_unpack_open(&unpacker, file, RMSEG_PACKING_GZIP));
    rmseg_status status = read_header(&header, unpacker, file);
    rmseg_unpack_close(unpacker);
    RMSEG_TRY(status);
    RMSEG_TRY(find_size(size, &channels, &header, file));
    RMSEG_TRY(decode_voxels(image, &header, channels, size, file, header_only));
    return rmseg_nifti_geometry_read(image, &header.forms, file);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && !strcasecmp(name + length - tail, ending);
}

static int64_t code_of(rmseg_dtype dtype)
{
    int i = 0;
    while (types[i].stored != rmseg_stored_of(dtype)) i++;
    return types[i].code;
}

static rmseg_status put(rmseg_packer *packer, const rmseg_image *image, const rmseg_image_source *source)
{
    uint8_t bytes[RMSEG_NIFTI_2_BYTES + RMSEG_NIFTI_EXTENSION_BYTES];
    rmseg_nifti_header header = {.datatype = code_of(image->dtype),
                                 .bitpix = (int64_t)rmseg_dtype_size(image->dtype) * 8,
                                 .slope = 1,
                                 .note = image->note};
    rmseg_nifti_geometry_write(&header.forms, image);
    header.dim[0] = header.forms.axes;
    for (int i = 1; i < 8; i++) header.dim[i] = i <= 3 ? image->size[3 - i] : 1;
    header.offset = header.forms.version == 2 ? RMSEG_NIFTI_2_BYTES + RMSEG_NIFTI_EXTENSION_BYTES
                                              : RMSEG_NIFTI_1_BYTES + RMSEG_NIFTI_EXTENSION_BYTES;
    size_t length = rmseg_nifti_print(bytes, &header);
    RMSEG_TRY(rmseg_pack(packer, bytes, length));
    RMSEG_TRY(rmseg_raw_put(packer, image, source));
    return rmseg_pack_end(packer);
}

rmseg_status rmseg_nifti_encode(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                                const char *name)
{
    rmseg_packer *packer = NULL;
    if (stem_of_header(name))
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: rmseg writes a NIfTI as one file: use .nii or .nii.gz", name);
    if (image->channels != 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "%s: a NIfTI is written with one channel; this image has %" PRId64
                          ": write its channels one by one, or use .tif",
                          name, image->channels);
    RMSEG_TRY(rmseg_pack_open(&packer, writer, NULL, ends_with(name, ".gz") ? RMSEG_PACKING_GZIP : RMSEG_PACKING_NONE));
    rmseg_status status = put(packer, image, source);
    rmseg_pack_close(packer);
    return status;
}
