/* raw.c - plain numbers of a file as an image: byte order, type, slope and intercept, channels. */
#include "image/raw.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK = 1 << 13 };

/* clang-format off */
static const struct {
    const char *name;
    size_t size;
    rmseg_dtype dtype, scaled; /* of the image: values as stored, and by slope and intercept */
} types[] = {
    [RMSEG_STORED_U8]  = {"uint8",   1, RMSEG_U8,  RMSEG_F32},
    [RMSEG_STORED_I8]  = {"int8",    1, RMSEG_I16, RMSEG_F32},
    [RMSEG_STORED_I16] = {"int16",   2, RMSEG_I16, RMSEG_F32},
    [RMSEG_STORED_U16] = {"uint16",  2, RMSEG_U16, RMSEG_F32},
    [RMSEG_STORED_I32] = {"int32",   4, RMSEG_I32, RMSEG_F64},
    [RMSEG_STORED_U32] = {"uint32",  4, RMSEG_F64, RMSEG_F64},
    [RMSEG_STORED_I64] = {"int64",   8, RMSEG_F64, RMSEG_F64},
    [RMSEG_STORED_U64] = {"uint64",  8, RMSEG_F64, RMSEG_F64},
    [RMSEG_STORED_F32] = {"float32", 4, RMSEG_F32, RMSEG_F32},
    [RMSEG_STORED_F64] = {"float64", 8, RMSEG_F64, RMSEG_F64},
};
/* clang-format on */

size_t rmseg_stored_size(rmseg_stored stored) { return types[stored].size; }
const char *rmseg_stored_name(rmseg_stored stored) { return types[stored].name; }

rmseg_stored rmseg_stored_of(rmseg_dtype dtype)
{
    static const rmseg_stored stored[] = {
        [RMSEG_U8] = RMSEG_STORED_U8,   [RMSEG_U16] = RMSEG_STORED_U16, [RMSEG_I16] = RMSEG_STORED_I16,
        [RMSEG_I32] = RMSEG_STORED_I32, [RMSEG_F32] = RMSEG_STORED_F32, [RMSEG_F64] = RMSEG_STORED_F64};
    return stored[dtype];
}

rmseg_dtype rmseg_raw_dtype(const rmseg_raw *raw)
{
    return raw->slope != 0 ? types[raw->stored].scaled : types[raw->stored].dtype;
}

/* ---- byte order ------------------------------------------------------------------------------------------------- */

static uint16_t swap_2(uint16_t v) { return (uint16_t)(v << 8 | v >> 8); }
static uint32_t swap_4(uint32_t v) { return (uint32_t)swap_2((uint16_t)v) << 16 | swap_2((uint16_t)(v >> 16)); }
static uint64_t swap_8(uint64_t v) { return (uint64_t)swap_4((uint32_t)v) << 32 | swap_4((uint32_t)(v >> 32)); }

static bool is_big_endian(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 0;
}

/* Turns the bytes of each value around where `big_endian` is not this machine's order. */
static void settle_order(void *values, int64_t count, size_t size, bool big_endian)
{
    if (big_endian == is_big_endian()) return;
#define SWAP(type, swap)                                                                                               \
    for (int64_t i = 0; i < count; i++) ((type *)values)[i] = swap(((type *)values)[i])
    switch (size) {
    case 2: SWAP(uint16_t, swap_2); break;
    case 4: SWAP(uint32_t, swap_4); break;
    case 8: SWAP(uint64_t, swap_8); break;
    }
#undef SWAP
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

#define MOST_EXACT ((int64_t)1 << 53)

/* False where an integer is beyond 2^53. */
static bool load(double *values, const void *voxels, int64_t count, rmseg_stored stored)
{
    bool exact = true;
#define LOAD(type)                                                                                                     \
    for (int64_t i = 0; i < count; i++) values[i] = (double)((const type *)voxels)[i]
    switch (stored) {
    case RMSEG_STORED_U8: LOAD(uint8_t); break;
    case RMSEG_STORED_I8: LOAD(int8_t); break;
    case RMSEG_STORED_I16: LOAD(int16_t); break;
    case RMSEG_STORED_U16: LOAD(uint16_t); break;
    case RMSEG_STORED_I32: LOAD(int32_t); break;
    case RMSEG_STORED_U32: LOAD(uint32_t); break;
    case RMSEG_STORED_I64:
        LOAD(int64_t);
        for (int64_t i = 0; i < count; i++) {
            int64_t v = ((const int64_t *)voxels)[i];
            exact = exact && v <= MOST_EXACT && v >= -MOST_EXACT;
        }
        break;
    case RMSEG_STORED_U64:
        LOAD(uint64_t);
        for (int64_t i = 0; i < count; i++) exact = exact && ((const uint64_t *)voxels)[i] <= (uint64_t)MOST_EXACT;
        break;
    case RMSEG_STORED_F32: LOAD(float); break;
    case RMSEG_STORED_F64: LOAD(double); break;
    }
#undef LOAD
    return exact;
}

/* Where element i of the file lies in the image. */
static int64_t place_of(const rmseg_image *image, int64_t inner, int64_t i)
{
    if (image->channels == 1) return i;
    int64_t run = i / inner, channel = run % image->channels;
    return channel * rmseg_image_voxels(image) + run / image->channels * inner + i % inner;
}

static void store(rmseg_image *image, int64_t inner, int64_t at, const double *values, int64_t count)
{
#define STORE(type)                                                                                                    \
    for (int64_t i = 0; i < count; i++) ((type *)image->data)[place_of(image, inner, at + i)] = (type)values[i]
    switch (image->dtype) {
    case RMSEG_U8: STORE(uint8_t); break;
    case RMSEG_U16: STORE(uint16_t); break;
    case RMSEG_I16: STORE(int16_t); break;
    case RMSEG_I32: STORE(int32_t); break;
    case RMSEG_F32: STORE(float); break;
    case RMSEG_F64: STORE(double); break;
    }
#undef STORE
}

static rmseg_status fail_inexact(const rmseg_image_file *file, const rmseg_raw *raw)
{
    return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                      "%s: this %s has %s values beyond 2^53, which would be rounded: convert it", file->name,
                      file->format, types[raw->stored].name);
}

typedef struct block {
    uint8_t voxels[BLOCK * 8];
    double values[BLOCK];
} block;

static rmseg_status convert(rmseg_image *image, block *b, rmseg_unpacker *unpacker, const rmseg_raw *raw,
                            const rmseg_image_file *file)
{
    size_t size = types[raw->stored].size;
    int64_t elements = image->channels * rmseg_image_voxels(image);
    bool exact = true;
    for (int64_t at = 0; at < elements; at += BLOCK) {
        int64_t count = elements - at < BLOCK ? elements - at : BLOCK;
        RMSEG_TRY(rmseg_unpack(unpacker, b->voxels, (size_t)count * size));
        settle_order(b->voxels, count, size, raw->big_endian);
        exact &= load(b->values, b->voxels, count, raw->stored);
        if (raw->slope != 0)
            for (int64_t i = 0; i < count; i++) b->values[i] = b->values[i] * raw->slope + raw->intercept;
        store(image, raw->inner, at, b->values, count);
    }
    return exact ? RMSEG_OK : fail_inexact(file, raw);
}

/* All elements of an image, or of a piece of one. `unpacker` stands at the first of them. */
static rmseg_status read_elements(rmseg_image *image, block *b, rmseg_unpacker *unpacker, const rmseg_raw *raw,
                                  const rmseg_image_file *file)
{
    if (raw->slope == 0 && image->channels == 1 && raw->stored == rmseg_stored_of(image->dtype)) {
        int64_t voxels = rmseg_image_voxels(image);
        size_t size = types[raw->stored].size;
        RMSEG_TRY(rmseg_unpack(unpacker, image->data, (size_t)voxels * size));
        settle_order(image->data, voxels, size, raw->big_endian);
        return RMSEG_OK;
    }
    return convert(image, b, unpacker, raw, file);
}

/* Pieces of whole planes: of all channels where they lie together, else of one after the other. */
static rmseg_status stream_voxels(rmseg_image *image, block *b, rmseg_unpacker *unpacker, const rmseg_raw *raw,
                                  const rmseg_image_file *file)
{
    const rmseg_image_streaming *stream = file->stream;
    int64_t plane = image->size[1] * image->size[2], voxels = plane * image->size[0];
    bool apart = image->channels > 1 && raw->inner >= voxels;
    int64_t together = apart ? 1 : image->channels, most = stream->most / (plane * together);
    if (image->channels > 1 && !apart && plane % raw->inner)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: its channels lie across its planes, so it is not read in pieces", file->name);
    rmseg_status status = RMSEG_OK;
    for (int64_t c = 0; c < image->channels && !status; c += together)
        for (int64_t first = 0, count = 0; first < image->size[0] && !status; first += count) {
            rmseg_image *piece = NULL;
            count = most < 1 ? 1 : most < image->size[0] - first ? most : image->size[0] - first;
            status =
                rmseg_image_create(&piece, image->dtype, together, (int64_t[]){count, image->size[1], image->size[2]});
            if (!status) status = read_elements(piece, b, unpacker, raw, file);
            if (!status) status = stream->sink(stream->user, piece, c, first);
            rmseg_image_destroy(piece);
        }
    return status;
}

static rmseg_status read_voxels(rmseg_image *image, rmseg_unpacker *unpacker, const rmseg_raw *raw,
                                const rmseg_image_file *file)
{
    if (!file->stream) RMSEG_TRY(rmseg_image_allocate(image));
    block *b = rmseg_alloc(1, sizeof *b);
    if (!b) return RMSEG_ERROR_MEMORY;
    rmseg_status status = (file->stream ? stream_voxels : read_elements)(image, b, unpacker, raw, file);
    rmseg_free(b);
    return status ? status : rmseg_unpack_end(unpacker);
}

/* ---- where the voxels begin ------------------------------------------------------------------------------------- */

static rmseg_status fail_start(const rmseg_image_file *file, const char *what, int64_t found)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: the header of this %s passes over %" PRId64 " %s before its voxels, more than there are",
                      file->name, file->format, found, what);
}

/* The part of a file from its voxels on; `bytes` of elements lie there. They begin at byte *beyond of the file where that is
 * not among those that are here, which it is 0 for. */
static rmseg_status find_start(rmseg_image_file *part, int64_t *beyond, const rmseg_raw *raw, int64_t bytes)
{
    int64_t start = raw->start;
    if (start < 0 || (uint64_t)start > part->total) return fail_start(part, "bytes", start);
    if (raw->skip == -1) start = bytes <= (int64_t)part->total - start ? (int64_t)part->total - bytes : start;
    size_t gone = (size_t)start < part->length ? (size_t)start : part->length;
    for (int64_t line = 0; line < raw->lines; line++) {
        const uint8_t *end = gone < part->length ? memchr(part->bytes + gone, '\n', part->length - gone) : NULL;
        if (!end) return fail_start(part, "lines", raw->lines);
        gone = (size_t)(end - part->bytes) + 1;
    }
    *beyond = (size_t)start > part->length ? start : 0;
    part->bytes += gone;
    part->length -= gone;
    part->total -= (size_t)start > gone ? (size_t)start : gone;
    return RMSEG_OK;
}

static rmseg_status decode_part(rmseg_image *image, const rmseg_raw *raw, int64_t channels, const int64_t size[3],
                                const rmseg_image_file *file, bool header_only)
{
    int64_t bytes = 0, end = -1, skip = raw->skip > 0 ? raw->skip : 0;
    rmseg_image_file part = *file;
    rmseg_unpacker *unpacker = NULL;
    bool counted = rmseg_mul3(&bytes, size[0], size[1], size[2]) && rmseg_mul(&bytes, bytes, channels) &&
                   rmseg_mul(&bytes, bytes, (int64_t)types[raw->stored].size) && bytes < INT64_MAX - skip;
    if (counted) end = bytes + skip;
    /* A header alone was asked for, and the lines to pass over are beyond what was read of the file. */
    rmseg_raw lines = *raw;
    if (header_only && file->length < file->total) lines.lines = 0;
    int64_t beyond = 0;
    RMSEG_TRY(find_start(&part, &beyond, &lines, counted ? bytes : 0));
    bool packed = raw->packing == RMSEG_PACKING_ZLIB ||
                  (raw->packing == RMSEG_PACKING_GZIP && (part.length < 3 || rmseg_is_gzip(part.bytes, part.length)));
    RMSEG_TRY(rmseg_image_announce(image, &part, rmseg_raw_dtype(raw), channels, size, end,
                                   packed ? RMSEG_DEFLATE_EXPANSION : 1));
    if (header_only) return RMSEG_OK;
    if (file->length < file->total)
        RMSEG_TRY(rmseg_file_open(&part.rest, file->path, beyond ? (size_t)beyond : file->length));
    rmseg_status status = rmseg_unpack_open(&unpacker, &part, raw->packing);
    if (!status) status = rmseg_unpack(unpacker, NULL, (size_t)skip);
    if (!status) status = read_voxels(image, unpacker, raw, &part);
    rmseg_unpack_close(unpacker);
    rmseg_file_close(part.rest);
    return status;
}

/* ---- a file of their own ---------------------------------------------------------------------------------------- */

rmseg_status rmseg_raw_beside(char **data_file, const char *path, const char *name)
{
    rmseg_text joined = {0};
    const char *base = rmseg_path_base(path);
    if (*name != '/') rmseg_text_addn(&joined, path, (size_t)(base - path));
    rmseg_text_add(&joined, name);
    *data_file = joined.failed ? NULL : rmseg_strdup(joined.data);
    rmseg_text_destroy(&joined);
    return *data_file ? RMSEG_OK : rmseg_fail_memory();
}

/* A device or a pipe has no end that could be waited for. */
static bool is_regular(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

enum { PART_START = 1 << 12 };

rmseg_status rmseg_raw_decode(rmseg_image *image, const rmseg_raw *raw, int64_t channels, const int64_t size[3],
                              const rmseg_image_file *file, bool header_only)
{
    if (!raw->data_file) return decode_part(image, raw, channels, size, file, header_only);
    if (!is_regular(raw->data_file))
        return rmseg_fail(RMSEG_ERROR_FILE, "%s: its voxels should be in %s, which is no file: put it there",
                          file->name, raw->data_file);
    uint8_t *bytes = NULL;
    rmseg_image_file voxels = {
        .path = raw->data_file, .name = raw->data_file, .format = file->format, .stream = file->stream};
    RMSEG_TRY(rmseg_file_read_start(&bytes, &voxels.length, &voxels.total, raw->data_file,
                                    header_only || file->stream ? PART_START : 0));
    voxels.bytes = bytes;
    rmseg_status status = decode_part(image, raw, channels, size, &voxels, header_only);
    rmseg_free(bytes);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void take(void *to, const rmseg_image *image, int64_t at, int64_t count)
{
    int64_t channels = image->channels, voxels = rmseg_image_voxels(image);
    size_t size = rmseg_dtype_size(image->dtype);
    const char *from = image->data;
    if (channels == 1) {
        memcpy(to, from + (size_t)at * size, (size_t)count * size);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)to + (size_t)i * size,
               from + (size_t)((at + i) % channels * voxels + (at + i) / channels) * size, size);
}

/* From a source, some planes at a time. */
static rmseg_status put_planes(rmseg_packer *packer, const rmseg_image *image, const rmseg_image_source *source)
{
    size_t size = rmseg_dtype_size(image->dtype);
    int64_t plane = image->size[1] * image->size[2];
    char *planes = rmseg_alloc(source->planes * plane, size);
    rmseg_status status = planes ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t first = 0; first < image->size[0] && !status; first += source->planes) {
        int64_t left = image->size[0] - first, count = left < source->planes ? left : source->planes;
        status = source->read(source->user, planes, first, count);
        settle_order(planes, count * plane, size, false);
        if (!status) status = rmseg_pack(packer, planes, (size_t)(count * plane) * size);
    }
    rmseg_free(planes);
    return status;
}

rmseg_status rmseg_raw_put(rmseg_packer *packer, const rmseg_image *image, const rmseg_image_source *source)
{
    if (source) return put_planes(packer, image, source);
    size_t size = rmseg_dtype_size(image->dtype);
    int64_t elements = image->channels * rmseg_image_voxels(image);
    char *block = rmseg_alloc(BLOCK, size);
    rmseg_status status = block ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t at = 0; at < elements && !status; at += BLOCK) {
        int64_t count = elements - at < BLOCK ? elements - at : BLOCK;
        take(block, image, at, count);
        settle_order(block, count, size, false);
        status = rmseg_pack(packer, block, (size_t)count * size);
    }
    rmseg_free(block);
    return status;
}
