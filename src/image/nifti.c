/* nifti.c - NIfTI-1 and NIfTI-2, plain or by gzip, in one file or a pair, read; in one file, written. */
#include "image/nifti.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "image/gzip.h"

enum { BLOCK_VOXELS = 1 << 13 };

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

rmseg_status rmseg_image_partner(char **partner, const char *path)
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

/* Axes beyond the third may be there with an extent of 1. */
static rmseg_status find_size(int64_t size[3], rmseg_nifti_header *header, const rmseg_image_file *file)
{
    const int64_t *dim = header->dim;
    if (dim[0] < 1 || dim[0] > 7)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NIfTI says that it has %" PRId64 " axes; expected 1 to 7",
                          file->name, dim[0]);
    for (int i = 1; i <= dim[0]; i++)
        if (dim[i] < 1)
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this NIfTI has no voxels: its axis %d has an extent of %" PRId64,
                              file->name, i, dim[i]);
    for (int i = 4; i <= dim[0]; i++)
        if (dim[i] > 1)
            return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                              "%s: this NIfTI is %" PRId64 "D: its axis %d has %" PRId64
                              " entries (times, or channels); rmseg takes one volume a file: split it",
                              file->name, dim[0], i, dim[i]);
    for (int i = 1; i <= 3; i++) size[3 - i] = i <= dim[0] ? dim[i] : 1;
    header->forms.axes = dim[0] < 3 ? dim[0] : 3;
    return RMSEG_OK;
}

static rmseg_status find_type(const rmseg_nifti_type **type, const rmseg_nifti_header *header,
                              const rmseg_image_file *file)
{
    *type = rmseg_nifti_type_find(header->datatype);
    if (!*type)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: this NIfTI has voxels of type %" PRId64 ", which the format does not have", file->name,
                          header->datatype);
    if (!(*type)->reads)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: this NIfTI has %s voxels; rmseg reads integers of 8 to 64 bits and floats of 32 and 64: "
                          "convert it",
                          file->name, (*type)->name);
    if (rmseg_nifti_is_scaled(header) && !isfinite(header->intercept))
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: this NIfTI scales its values by %g and adds %g; expected finite numbers", file->name,
                          header->slope, header->intercept);
    return RMSEG_OK;
}

/* `file` is the one that holds the voxels. */
static rmseg_status announce(rmseg_image *image, const rmseg_nifti_header *header, const rmseg_nifti_type *type,
                             const int64_t size[3], const rmseg_image_file *file)
{
    int64_t voxels = 0, bytes = 0, end = -1;
    bool packed = rmseg_is_gzip(file->bytes, file->length);
    if (rmseg_mul3(&voxels, size[0], size[1], size[2]) && rmseg_mul(&bytes, voxels, (int64_t)type->size) &&
        bytes < INT64_MAX - (int64_t)header->offset)
        end = bytes + (int64_t)header->offset;
    return rmseg_image_announce(image, file, rmseg_nifti_is_scaled(header) ? type->scaled : type->dtype, 1, size, end,
                                packed ? RMSEG_DEFLATE_EXPANSION : 1);
}

/* ---- reading: the voxels ---------------------------------------------------------------------------------------- */

static rmseg_status fail_inexact(const rmseg_image_file *file, const rmseg_nifti_type *type)
{
    return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                      "%s: this NIfTI has %s values beyond 2^53, which would be rounded: convert it", file->name,
                      type->name);
}

static rmseg_status convert_voxels(rmseg_image *image, rmseg_unpacker *unpacker, const rmseg_nifti_header *header,
                                   const rmseg_nifti_type *type, const rmseg_image_file *file)
{
    int64_t voxels = rmseg_image_voxels(image);
    bool exact = true;
    void *block = rmseg_alloc(BLOCK_VOXELS, type->size);
    rmseg_status status = block ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t at = 0; at < voxels && !status; at += BLOCK_VOXELS) {
        int64_t count = voxels - at < BLOCK_VOXELS ? voxels - at : BLOCK_VOXELS;
        status = rmseg_unpack(unpacker, block, (size_t)count * type->size);
        if (!status) exact &= rmseg_nifti_voxels_read(image, at, block, count, type, header);
    }
    rmseg_free(block);
    return status || exact ? status : fail_inexact(file, type);
}

/* `unpacker` stands at the first voxel. */
static rmseg_status read_voxels(rmseg_image *image, rmseg_unpacker *unpacker, const rmseg_nifti_header *header,
                                const rmseg_nifti_type *type, const rmseg_image_file *file)
{
    RMSEG_TRY(rmseg_image_allocate(image));
    if (rmseg_nifti_is_scaled(header) || type != rmseg_nifti_type_of(image->dtype)) {
        RMSEG_TRY(convert_voxels(image, unpacker, header, type, file));
    } else {
        int64_t voxels = rmseg_image_voxels(image);
        RMSEG_TRY(rmseg_unpack(unpacker, image->data, (size_t)voxels * type->size));
        rmseg_nifti_swap(image->data, voxels, type->size, header->big_endian);
    }
    return rmseg_unpack_end(unpacker);
}

typedef struct volume {
    rmseg_nifti_header header;
    const rmseg_nifti_type *type;
    int64_t size[3];
} volume;

static rmseg_status describe(volume *v, rmseg_unpacker *unpacker, const rmseg_image_file *file)
{
    RMSEG_TRY(read_header(&v->header, unpacker, file));
    RMSEG_TRY(find_size(v->size, &v->header, file));
    return find_type(&v->type, &v->header, file);
}

/* The voxels of a pair lie in a file of their own. */
static rmseg_status decode_partner(rmseg_image *image, const volume *v, const rmseg_image_file *file, bool header_only)
{
    char *path = NULL;
    uint8_t *bytes = NULL;
    rmseg_image_file voxels = {.format = file->format};
    rmseg_unpacker *unpacker = NULL;
    if (file->path) RMSEG_TRY(rmseg_image_partner(&path, file->path));
    if (!path)
        return rmseg_fail(
            RMSEG_ERROR_FILE,
            "%s: the header of a NIfTI pair, but its voxels are missing; expected NAME.img beside NAME.hdr",
            file->name);
    rmseg_status status = rmseg_file_read_start(&bytes, &voxels.length, &voxels.total, path, header_only ? 16 : 0);
    voxels.bytes = bytes;
    voxels.name = voxels.path = path;
    if (!status) status = announce(image, &v->header, v->type, v->size, &voxels);
    if (!status && !header_only) status = rmseg_unpack_open(&unpacker, &voxels);
    if (unpacker) status = rmseg_unpack(unpacker, NULL, (size_t)v->header.offset);
    if (unpacker && !status) status = read_voxels(image, unpacker, &v->header, v->type, &voxels);
    rmseg_unpack_close(unpacker);
    rmseg_free(bytes);
    rmseg_free(path);
    return status;
}

static rmseg_status decode_voxels(rmseg_image *image, const volume *v, rmseg_unpacker *unpacker,
                                  const rmseg_image_file *file, bool header_only)
{
    size_t read = v->header.forms.version == 2 ? RMSEG_NIFTI_2_BYTES : RMSEG_NIFTI_1_BYTES;
    RMSEG_TRY(announce(image, &v->header, v->type, v->size, file));
    if (header_only) return RMSEG_OK;
    RMSEG_TRY(rmseg_unpack(unpacker, NULL, (size_t)v->header.offset - read));
    return read_voxels(image, unpacker, &v->header, v->type, file);
}

rmseg_status rmseg_nifti_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    rmseg_unpacker *unpacker = NULL;
    volume v = {0};
    RMSEG_TRY(rmseg_unpack_open(&unpacker, file));
    rmseg_status status = describe(&v, unpacker, file);
    if (!status && v.header.pair)
        status = decode_partner(image, &v, file, header_only);
    else if (!status)
        status = decode_voxels(image, &v, unpacker, file, header_only);
    if (!status) status = rmseg_nifti_geometry_read(image, &v.header.forms, file);
    rmseg_unpack_close(unpacker);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && !strcasecmp(name + length - tail, ending);
}

static rmseg_status put_voxels(rmseg_packer *packer, const rmseg_image *image)
{
    size_t size = rmseg_dtype_size(image->dtype);
    int64_t voxels = rmseg_image_voxels(image);
    char *block = rmseg_alloc(BLOCK_VOXELS, size);
    rmseg_status status = block ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t at = 0; at < voxels && !status; at += BLOCK_VOXELS) {
        int64_t count = voxels - at < BLOCK_VOXELS ? voxels - at : BLOCK_VOXELS;
        memcpy(block, (const char *)image->data + (size_t)at * size, (size_t)count * size);
        rmseg_nifti_swap(block, count, size, false);
        status = rmseg_pack(packer, block, (size_t)count * size);
    }
    rmseg_free(block);
    return status;
}

static rmseg_status put(rmseg_packer *packer, const rmseg_image *image)
{
    uint8_t bytes[RMSEG_NIFTI_2_BYTES + RMSEG_NIFTI_EXTENSION_BYTES];
    const rmseg_nifti_type *type = rmseg_nifti_type_of(image->dtype);
    rmseg_nifti_header header = {.datatype = type->code, .bitpix = (int64_t)type->size * 8, .slope = 1};
    rmseg_nifti_geometry_write(&header.forms, image);
    header.dim[0] = header.forms.axes;
    for (int i = 1; i < 8; i++) header.dim[i] = i <= 3 ? image->size[3 - i] : 1;
    header.offset = header.forms.version == 2 ? RMSEG_NIFTI_2_BYTES + RMSEG_NIFTI_EXTENSION_BYTES
                                              : RMSEG_NIFTI_1_BYTES + RMSEG_NIFTI_EXTENSION_BYTES;
    size_t length = rmseg_nifti_print(bytes, &header);
    RMSEG_TRY(rmseg_pack(packer, bytes, length));
    RMSEG_TRY(put_voxels(packer, image));
    return rmseg_pack_end(packer);
}

rmseg_status rmseg_nifti_encode(rmseg_file_writer *writer, const rmseg_image *image, const char *name)
{
    rmseg_packer *packer = NULL;
    if (stem_of_header(name))
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: rmseg writes a NIfTI as one file: use .nii or .nii.gz", name);
    if (image->channels != 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "%s: a NIfTI is written with one channel; this image has %" PRId64
                          ": write its channels one by one, or use .tif",
                          name, image->channels);
    RMSEG_TRY(rmseg_pack_open(&packer, writer, ends_with(name, ".gz")));
    rmseg_status status = put(packer, image);
    rmseg_pack_close(packer);
    return status;
}
