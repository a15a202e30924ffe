/* formats.c - the table of formats; reading and writing files through it. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "image/format.h"

/* ---- the table -------------------------------------------------------------------------------------------------- */

static bool starts_with(const uint8_t *bytes, size_t length, const char *magic, size_t magic_length)
{
    return length >= magic_length && memcmp(bytes, magic, magic_length) == 0;
}

static bool is_png(const uint8_t *bytes, size_t length) { return starts_with(bytes, length, "\x89PNG\r\n\x1a\n", 8); }

static bool is_jpeg(const uint8_t *bytes, size_t length) { return starts_with(bytes, length, "\xff\xd8\xff", 3); }

/* Classic and BigTIFF, either byte order. */
static bool is_tiff(const uint8_t *bytes, size_t length)
{
    return starts_with(bytes, length, "II*\0", 4) || starts_with(bytes, length, "MM\0*", 4) ||
           starts_with(bytes, length, "II+\0", 4) || starts_with(bytes, length, "MM\0+", 4);
}

/* Behind a block of the user's own it may start later; such files are not known to us. */
static bool is_hdf5(const uint8_t *bytes, size_t length) { return starts_with(bytes, length, "\x89HDF\r\n\x1a\n", 8); }

/* A format whose library is absent keeps its row, so that its files are recognised and the sentence says what to
 * install. */
#ifdef RMSEG_HAVE_PNG
#define HAS_PNG true
#else
#define HAS_PNG          false
#define rmseg_png_decode NULL
#define rmseg_png_encode NULL
#endif
#ifdef RMSEG_HAVE_JPEG
#define HAS_JPEG true
#else
#define HAS_JPEG          false
#define rmseg_jpeg_decode NULL
#endif
#ifdef RMSEG_HAVE_TIFF
#define HAS_TIFF true
#else
#define HAS_TIFF          false
#define rmseg_tiff_decode NULL
#define rmseg_tiff_encode NULL
#endif
#ifdef RMSEG_HAVE_HDF5
#define HAS_HDF5 true
#else
#define HAS_HDF5          false
#define rmseg_hdf5_decode NULL
#endif

enum {
    START = 1 << 14,       /* nearly always holds the header, whatever names and thumbnails come first */
    STREAM_START = 1 << 20 /* holds the header of any file that is read in pieces */
};

/* clang-format off */
static const rmseg_format formats[] = {
    /* name, extensions, reads, writes, package, sniff, header, decode, partner, encode, streams */
    {{"PNG", ".png", HAS_PNG, HAS_PNG}, "libpng-dev", is_png, START, rmseg_png_decode, NULL, rmseg_png_encode, false},
    {{"JPEG", ".jpg .jpeg", HAS_JPEG, false}, "libjpeg-dev", is_jpeg, START, rmseg_jpeg_decode, NULL, NULL, false},
    {{"TIFF", ".tif .tiff", HAS_TIFF, HAS_TIFF}, "libtiff-dev", is_tiff, 0, rmseg_tiff_decode, NULL, rmseg_tiff_encode, false},
    {{"NIfTI", ".nii .nii.gz .hdr", true, true}, "", rmseg_nifti_sniff, START, rmseg_nifti_decode, rmseg_nifti_partner,
     rmseg_nifti_encode, true},
    {{"NRRD", ".nrrd .nhdr", true, true}, "", rmseg_nrrd_sniff, START, rmseg_nrrd_decode, rmseg_nrrd_partner,
     rmseg_nrrd_encode, true},
    {{"MetaImage", ".mha .mhd", true, true}, "", rmseg_metaimage_sniff, START, rmseg_metaimage_decode,
     rmseg_metaimage_partner, rmseg_metaimage_encode, true},
    {{"HDF5", ".h5 .hdf5", HAS_HDF5, false}, "libhdf5-dev", is_hdf5, START, rmseg_hdf5_decode, NULL, NULL, false},
};
/* clang-format on */
enum { FORMATS = sizeof formats / sizeof *formats };

const rmseg_format_info *rmseg_image_formats(int64_t index)
{
    return index >= 0 && index < FORMATS ? &formats[index].info : NULL;
}

/* Does the name end with one of the space-separated `extensions`? */
static bool has_extension(const char *extensions, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = extensions; *at; at += *at == ' ') {
        size_t word = strcspn(at, " ");
        if (length >= word && strncasecmp(name + length - word, at, word) == 0) return true;
        at += word;
    }
    return false;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* What a reader can recognise: it starts with "<html>", or with the bytes 1f 8b 08. */
static void describe_start(rmseg_text *text, const uint8_t *bytes, size_t length)
{
    size_t count = 0;
    while (count < length && count < 24 && isprint(bytes[count]) && bytes[count] != '"') count++;
    if (length == 0) {
        rmseg_text_add(text, "the file is empty");
    } else if (count >= 4 || count == length) {
        rmseg_text_addf(text, "it starts with \"%.*s\"", (int)count, (const char *)bytes);
    } else {
        rmseg_text_add(text, "it starts with the bytes");
        for (size_t i = 0; i < length && i < 8; i++) rmseg_text_addf(text, " %02x", bytes[i]);
    }
}

/* "PNG, JPEG, TIFF or NIfTI": what this build reads. */
static void list_readable(rmseg_text *text)
{
    int left = 0;
    for (int i = 0; i < FORMATS; i++) left += formats[i].decode != NULL;
    if (!left) rmseg_text_add(text, "nothing (this build has no image library)");
    for (int i = 0; i < FORMATS; i++) {
        if (!formats[i].decode) continue;
        rmseg_text_addf(text, "%s%s", formats[i].info.name, left > 2 ? ", " : left == 2 ? " or " : "");
        left--;
    }
}

static bool is_dicom(const uint8_t *bytes, size_t length) { return length >= 132 && !memcmp(bytes + 128, "DICM", 4); }

static rmseg_status fail_dicom(const char *name)
{
    return rmseg_fail(
        RMSEG_ERROR_UNSUPPORTED,
        "%s: a DICOM file, a slice as scanners write it; turn the folder of its series into one NIfTI first: "
        "dcm2niix -z y -o OUT FOLDER",
        name);
}

static rmseg_status fail_unknown(const uint8_t *bytes, size_t length, const char *name)
{
    if (is_dicom(bytes, length)) return fail_dicom(name);
    rmseg_text start = {0}, readable = {0};
    describe_start(&start, bytes, length);
    list_readable(&readable);
    bool failed = start.failed || readable.failed;
    if (!failed)
        rmseg_fail(RMSEG_ERROR_FORMAT,
                   "%s: not an image rmseg reads: %s; expected %s (the content counts, not the name)", name, start.data,
                   readable.data);
    rmseg_text_destroy(&start);
    rmseg_text_destroy(&readable);
    return failed ? RMSEG_ERROR_MEMORY : RMSEG_ERROR_FORMAT;
}

static const rmseg_format *find_format(const uint8_t *bytes, size_t length)
{
    for (int i = 0; i < FORMATS; i++)
        if (formats[i].sniff(bytes, length)) return &formats[i];
    return NULL;
}

static rmseg_status decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    const rmseg_format *format = find_format(file->bytes, file->length);
    if (!format) return fail_unknown(file->bytes, file->length, file->name);
    if (!format->decode)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: a %s image, which this build does not read: install %s and build again", file->name,
                          format->info.name, format->package);
    rmseg_image_file named = *file;
    named.format = format->info.name;
    rmseg_status status = format->decode(image, &named, header_only);
    if (!status) image->format = format->info.name;
    return status;
}

static rmseg_status decode_new(rmseg_image **image, const rmseg_image_file *file)
{
    rmseg_image *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    rmseg_status status = decode(made, file, false);
    if (status == RMSEG_OK)
        *image = made;
    else
        rmseg_image_destroy(made);
    return status;
}

rmseg_status rmseg_image_decode(rmseg_image **image, const void *bytes, size_t length, const char *name)
{
    return decode_new(image, &(rmseg_image_file){.bytes = bytes, .length = length, .total = length, .name = name});
}

rmseg_status rmseg_image_read(rmseg_image **image, const char *path)
{
    return rmseg_image_read_part(image, path, NULL);
}

rmseg_status rmseg_image_read_part(rmseg_image **image, const char *path, const char *part)
{
    uint8_t *bytes = NULL;
    rmseg_image_file file = {.path = path, .name = path, .part = part};
    RMSEG_TRY(rmseg_file_read_start(&bytes, &file.length, &file.total, path, 0));
    file.bytes = bytes;
    rmseg_status status = decode_new(image, &file);
    rmseg_free(bytes);
    return status;
}

/* The header from the first `most` bytes; *again says that it takes more of the file. */
static rmseg_status read_header(rmseg_image *header, bool *again, const char *path, size_t most)
{
    uint8_t *bytes = NULL;
    rmseg_image made = {0};
    rmseg_image_file file = {.path = path, .name = path};
    RMSEG_TRY(rmseg_file_read_start(&bytes, &file.length, &file.total, path, most));
    file.bytes = bytes;
    const rmseg_format *format = find_format(bytes, file.length);
    bool is_all = file.length == file.total, enough = is_all || (format && format->header && format->header <= most);
    rmseg_status status = enough ? decode(&made, &file, true) : RMSEG_OK;
    *again = !is_all && (!enough || status);
    if (enough && !status) *header = made;
    rmseg_free(bytes);
    return status;
}

rmseg_status rmseg_image_read_header(rmseg_image *header, const char *path)
{
    bool again = false;
    rmseg_status status = read_header(header, &again, path, START);
    return again ? read_header(header, &again, path, 0) : status;
}

bool rmseg_image_streams(const rmseg_image *header)
{
    for (int i = 0; i < FORMATS && header->format; i++)
        if (!strcmp(formats[i].info.name, header->format)) return formats[i].streams;
    return false;
}

rmseg_status rmseg_image_stream(const char *path, int64_t most, rmseg_image_sink sink, void *user)
{
    uint8_t *bytes = NULL;
    rmseg_image image = {0};
    rmseg_image_streaming stream = {.most = most, .sink = sink, .user = user};
    rmseg_image_file file = {.path = path, .name = path, .stream = &stream};
    RMSEG_TRY(rmseg_file_read_start(&bytes, &file.length, &file.total, path, STREAM_START));
    file.bytes = bytes;
    const rmseg_format *format = find_format(bytes, file.length);
    rmseg_status status =
        format && !format->streams
            ? rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: a %s image is not read in pieces", path, format->info.name)
            : decode(&image, &file, false);
    rmseg_free(bytes);
    return status;
}

rmseg_status rmseg_image_partner(char **partner, const char *path)
{
    *partner = NULL;
    for (int i = 0; i < FORMATS; i++)
        if (formats[i].partner && has_extension(formats[i].info.extensions, path))
            return formats[i].partner(partner, path);
    return RMSEG_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static rmseg_status find_encoder(const rmseg_format **format, const char *path)
{
    const char *name = rmseg_path_base(path), *dot = strrchr(name, '.');
    for (int i = 0; i < FORMATS; i++) {
        const rmseg_format *row = &formats[i];
        if (!has_extension(row->info.extensions, name)) continue;
        *format = row;
        if (row->encode) return RMSEG_OK;
        if (!row->decode)
            return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: this build does not write %s: install %s and build again",
                              path, row->info.name, row->package);
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: rmseg does not write %s; use .png, .tif, .nii.gz, .nrrd or .mha", path, row->info.name);
    }
    return rmseg_fail(
        RMSEG_ERROR_ARGUMENT,
        "%s: the extension \"%s\" names no image format that rmseg writes; use .png, .tif, .nii.gz, .nrrd or .mha",
        path, dot ? dot : "");
}

static rmseg_status write_file(const rmseg_image *image, const rmseg_image_source *source, const char *path)
{
    const rmseg_format *format = NULL;
    rmseg_file_writer *writer = NULL;
    RMSEG_TRY(find_encoder(&format, path));
    RMSEG_TRY(rmseg_file_begin(&writer, path));
    rmseg_status status = format->encode(writer, image, source, path);
    if (status == RMSEG_OK) return rmseg_file_commit(writer);
    rmseg_file_abandon(writer);
    return status;
}

rmseg_status rmseg_image_write(const rmseg_image *image, const char *path) { return write_file(image, NULL, path); }

rmseg_status rmseg_image_write_from(const rmseg_image *image, const rmseg_image_source *source, const char *path)
{
    const rmseg_format *format = NULL;
    RMSEG_TRY(find_encoder(&format, path));
    if (!format->streams)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: a %s image is not written in pieces; use .nii.gz, .nrrd or .mha", path,
                          format->info.name);
    return write_file(image, source, path);
}
