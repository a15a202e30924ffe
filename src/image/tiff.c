/*
 * tiff.c - TIFF by libtiff, from and to memory: grey, RGB and palette; integers of 1, 8, 16 and 32 bits, floats of 32
 * and 64; strips and tiles, planar or contiguous; pages that are alike are slices.
 */
#include <string.h>

#include "image/tiff_stream.h"

/* ---- kinds of samples ------------------------------------------------------------------------------------------- */

/* `count` samples of a row of the file, in this machine's byte order, into the image's type; false where a value does
 * not fit. */
typedef bool (*convert_fn)(void *to, const void *from, int64_t count);

static bool from_bits(void *to, const void *from, int64_t count)
{
    const uint8_t *bytes = from;
    for (int64_t i = 0; i < count; i++) ((uint8_t *)to)[i] = bytes[i / 8] >> (7 - i % 8) & 1 ? 255 : 0;
    return true;
}

static bool from_i8(void *to, const void *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) ((int16_t *)to)[i] = ((const int8_t *)from)[i];
    return true;
}

static bool from_u32(void *to, const void *from, int64_t count)
{
    uint32_t all = 0;
    for (int64_t i = 0; i < count; i++) all |= ((const uint32_t *)from)[i];
    memcpy(to, from, (size_t)count * 4);
    return all <= INT32_MAX;
}

static bool copy_1(void *to, const void *from, int64_t count) { return memcpy(to, from, (size_t)count); }
static bool copy_2(void *to, const void *from, int64_t count) { return memcpy(to, from, (size_t)count * 2); }
static bool copy_4(void *to, const void *from, int64_t count) { return memcpy(to, from, (size_t)count * 4); }
static bool copy_8(void *to, const void *from, int64_t count) { return memcpy(to, from, (size_t)count * 8); }

typedef struct kind {
    uint16_t bits, format;
    rmseg_dtype dtype;
    convert_fn convert;
} kind;

static const kind *find_kind(uint16_t bits, uint16_t format)
{
    static const kind kinds[] = {
        {1, SAMPLEFORMAT_UINT, RMSEG_U8, from_bits},  {8, SAMPLEFORMAT_UINT, RMSEG_U8, copy_1},
        {8, SAMPLEFORMAT_INT, RMSEG_I16, from_i8},    {16, SAMPLEFORMAT_UINT, RMSEG_U16, copy_2},
        {16, SAMPLEFORMAT_INT, RMSEG_I16, copy_2},    {32, SAMPLEFORMAT_UINT, RMSEG_I32, from_u32},
        {32, SAMPLEFORMAT_INT, RMSEG_I32, copy_4},    {32, SAMPLEFORMAT_IEEEFP, RMSEG_F32, copy_4},
        {64, SAMPLEFORMAT_IEEEFP, RMSEG_F64, copy_8},
    };
    if (format == SAMPLEFORMAT_VOID) format = SAMPLEFORMAT_UINT;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].bits == bits && kinds[i].format == format) return &kinds[i];
    return NULL;
}

/* Most bytes that one byte of the file can become; 0 for a compression that is not read. */
static int64_t expansion_of(uint16_t compression)
{
    static const struct {
        uint16_t compression;
        int64_t expansion;
    } rows[] = {
        {COMPRESSION_NONE, 1},        {COMPRESSION_PACKBITS, 64},        {COMPRESSION_LZW, 4096},
        {COMPRESSION_DEFLATE, 1032},  {COMPRESSION_ADOBE_DEFLATE, 1032}, {COMPRESSION_JPEG, 2048},
        {COMPRESSION_CCITTRLE, 1024}, {COMPRESSION_CCITTFAX3, 1 << 16},  {COMPRESSION_CCITTFAX4, 1 << 16},
        {COMPRESSION_LZMA, 1 << 16},  {COMPRESSION_ZSTD, 1 << 16},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].compression == compression && TIFFIsCODECConfigured(compression)) return rows[i].expansion;
    return 0;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

typedef struct palette {
    uint16_t *rgb[3]; /* libtiff's, until the next page */
    int shift;        /* entries have 16 bits, but some writers put 8 */
    bool grey;
} palette;

typedef struct page {
    uint32_t width, height;
    uint16_t samples, colours; /* of a pixel in the file: all, and those that are no alpha */
    uint16_t bits, photometric, planar, compression;
    const kind *kind;
    palette palette;
    int64_t channels; /* of the image */
} page;

typedef struct reader {
    rmseg_tiff_stream stream;
    TIFF *tiff;
    const rmseg_image_file *file;
    page first;
    int64_t pages;
} reader;

/* "this TIFF has compression 34676", "this TIFF has 16 bit float samples" */
static rmseg_status fail_kind(const reader *r, const char *before, unsigned found, const char *after)
{
    return rmseg_fail(
        RMSEG_ERROR_UNSUPPORTED,
        "%s: this TIFF has %s%u%s; rmseg reads grey, RGB and palette images of integers of 1, 8, 16 or 32 bits or of "
        "floats: convert it",
        r->file->name, before, found, after);
}

static rmseg_status fail_read(const reader *r)
{
    const rmseg_tiff_stream *s = &r->stream;
    const char *reason = s->failed ? s->reason : s->ended_early ? "the file ends too early" : "pixels are missing";
    return rmseg_image_fail_damaged(r->file, reason);
}

static bool find_palette(palette *map, TIFF *tiff)
{
    if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &map->rgb[0], &map->rgb[1], &map->rgb[2])) return false;
    map->shift = 0;
    map->grey = true;
    for (int i = 0; i < 256; i++) {
        uint16_t red = map->rgb[0][i], green = map->rgb[1][i], blue = map->rgb[2][i];
        if (red > 255 || green > 255 || blue > 255) map->shift = 8;
        if (red != green || red != blue) map->grey = false;
    }
    return true;
}

/* Sets colours and channels; false for a kind of picture that is not read. */
static bool find_colours(page *p, TIFF *tiff)
{
    p->colours = 1;
    p->channels = 1;
    switch (p->photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE: return true;
    case PHOTOMETRIC_PALETTE:
        if (p->kind->convert != copy_1 || !find_palette(&p->palette, tiff)) return false;
        p->channels = p->palette.grey ? 1 : 3;
        return true;
    case PHOTOMETRIC_YCBCR:
        if (p->compression != COMPRESSION_JPEG) return false;
        TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB); /* libtiff converts */
        /* fall through */
    case PHOTOMETRIC_RGB: p->colours = p->channels = 3; return true;
    default: return false;
    }
}

static rmseg_status read_page(page *p, const reader *r)
{
    static const char *const format_names[] = {" bit samples", " bit unsigned samples", " bit signed samples",
                                               " bit float samples", " bit samples"};
    TIFF *tiff = r->tiff;
    uint16_t format = SAMPLEFORMAT_UINT;
    *p = (page){.photometric = PHOTOMETRIC_MINISBLACK};
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &p->width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &p->height);
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &p->photometric);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &p->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &p->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &p->planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &p->compression);
    if (!expansion_of(p->compression)) return fail_kind(r, "compression ", p->compression, "");
    p->kind = find_kind(p->bits, format);
    if (!p->kind) return fail_kind(r, "", p->bits, format < 5 ? format_names[format] : " bit complex samples");
    if (!find_colours(p, tiff)) return fail_kind(r, "photometric interpretation ", p->photometric, "");
    if (p->samples != p->colours && p->samples != p->colours + 1)
        return fail_kind(r, "", p->samples, " samples a pixel");
    return RMSEG_OK;
}

/* Thumbnails, the smaller pictures of a pyramid, and transparency masks. */
static bool is_side_picture(TIFF *tiff)
{
    uint32_t what = 0;
    return TIFFGetField(tiff, TIFFTAG_SUBFILETYPE, &what) && (what & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

static rmseg_status fail_unlike(const reader *r, const page *p)
{
    const page *first = &r->first;
    return rmseg_fail(
        RMSEG_ERROR_UNSUPPORTED,
        "%s: page %lld of this TIFF has %u x %u pixels of %lld x %s, the first %u x %u of %lld x %s; pages must be "
        "alike, as the slices of one volume: split the file",
        r->file->name, (long long)r->pages + 1, p->width, p->height, (long long)p->channels,
        rmseg_dtype_name(p->kind->dtype), first->width, first->height, (long long)first->channels,
        rmseg_dtype_name(first->kind->dtype));
}

/* libtiff's own words for an extent of 0 do not say what was found. */
static rmseg_status fail_directory(const reader *r)
{
    uint32_t width = 1, height = 1;
    TIFFGetField(r->tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(r->tiff, TIFFTAG_IMAGELENGTH, &height);
    if (width && height) return fail_read(r);
    return rmseg_image_announce(&(rmseg_image){0}, r->file, RMSEG_U8, 1, (int64_t[3]){1, height, width}, 0, 1);
}

static rmseg_status read_pages(reader *r)
{
    while (TIFFReadDirectory(r->tiff)) {
        page p;
        if (is_side_picture(r->tiff)) continue;
        RMSEG_TRY(read_page(&p, r));
        if (!r->pages) r->first = p;
        if (p.width != r->first.width || p.height != r->first.height || p.kind->dtype != r->first.kind->dtype ||
            p.channels != r->first.channels)
            return fail_unlike(r, &p);
        r->pages++;
    }
    return r->stream.failed || r->stream.ended_early || !r->pages ? fail_directory(r) : RMSEG_OK;
}

static rmseg_status announce(rmseg_image *image, const reader *r)
{
    const page *p = &r->first;
    int64_t size[3] = {r->pages, p->height, p->width}, bits = 0, encoded = 0;
    if (!rmseg_mul3(&bits, p->width, p->samples, p->bits) || !rmseg_mul3(&encoded, r->pages, p->height, (bits + 7) / 8))
        encoded = -1;
    return rmseg_image_announce(image, r->file, p->kind->dtype, p->channels, size, encoded,
                                expansion_of(p->compression));
}

/* ---- pixels, by strips or tiles --------------------------------------------------------------------------------- */

typedef struct blocks {
    bool tiled;
    int64_t width, height, bytes, row_bytes; /* of one block */
    int64_t planes, samples;                 /* planes to read; samples of a pixel in one of them */
    uint8_t *data;                           /* one block */
    uint8_t *row;                            /* one row in the image's type */
    uint8_t *colour;                         /* one channel of a row, its palette resolved */
} blocks;

/* libtiff's sizes must be those of the announced page, or its data would be read beyond their end. */
static bool blocks_are_sound(const blocks *b, const reader *r, const page *p)
{
    int64_t bits = 0, all = 0;
    return b->width > 0 && b->height > 0 && b->bytes > 0 && b->row_bytes > 0 &&
           rmseg_mul3(&bits, b->width, b->samples, p->bits) && b->row_bytes >= (bits + 7) / 8 &&
           rmseg_mul(&all, b->row_bytes, b->height) && b->bytes >= all &&
           (uint64_t)(b->bytes / expansion_of(p->compression)) <= r->file->length;
}

static rmseg_status blocks_create(blocks *b, const reader *r, const page *p)
{
    bool apart = p->planar == PLANARCONFIG_SEPARATE;
    uint32_t width = p->width, height = p->height;
    *b = (blocks){.tiled = TIFFIsTiled(r->tiff), .planes = apart ? p->colours : 1, .samples = apart ? 1 : p->samples};
    if (b->tiled) {
        TIFFGetField(r->tiff, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(r->tiff, TIFFTAG_TILELENGTH, &height);
    } else {
        TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ROWSPERSTRIP, &height);
        if (height > p->height) height = p->height;
    }
    b->width = width;
    b->height = height;
    b->bytes = b->tiled ? TIFFTileSize(r->tiff) : TIFFStripSize(r->tiff);
    b->row_bytes = b->tiled ? TIFFTileRowSize(r->tiff) : TIFFScanlineSize(r->tiff);
    if (!blocks_are_sound(b, r, p)) return rmseg_image_fail_damaged(r->file, "its strips or tiles do not fit its size");
    b->data = rmseg_alloc(b->bytes, 1);
    b->row = rmseg_alloc(b->width * b->samples, rmseg_dtype_size(p->kind->dtype));
    b->colour = rmseg_alloc(b->width, 1);
    return b->data && b->row && b->colour ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static void blocks_destroy(blocks *b)
{
    rmseg_free(b->data);
    rmseg_free(b->row);
    rmseg_free(b->colour);
}

static void invert(void *row, int64_t count, rmseg_dtype dtype)
{
    uint8_t *u8 = row;
    uint16_t *u16 = row;
    for (int64_t i = 0; dtype == RMSEG_U8 && i < count; i++) u8[i] = 255 - u8[i];
    for (int64_t i = 0; dtype == RMSEG_U16 && i < count; i++) u16[i] = 65535 - u16[i];
}

/* Puts one converted row of a block, `pixels` of it, at index `at` of the image. */
static void put_row(rmseg_image *image, const blocks *b, const page *p, int64_t plane, int64_t at, int64_t pixels)
{
    if (p->photometric == PHOTOMETRIC_PALETTE) {
        for (int64_t c = 0; c < image->channels; c++) {
            for (int64_t i = 0; i < pixels; i++)
                b->colour[i] = (uint8_t)(p->palette.rgb[c][b->row[i * b->samples]] >> p->palette.shift);
            rmseg_image_put(image, c, at, b->colour, 1, pixels);
        }
    } else if (p->planar == PLANARCONFIG_SEPARATE) {
        rmseg_image_put(image, plane, at, b->row, 1, pixels);
    } else {
        size_t sample = rmseg_dtype_size(image->dtype);
        for (int64_t c = 0; c < image->channels; c++)
            rmseg_image_put(image, c, at, b->row + (size_t)c * sample, b->samples, pixels);
    }
}

/* Reads the block at (x, y) of a plane and puts it into slice d. */
static rmseg_status read_block(rmseg_image *image, reader *r, const blocks *b, const page *p, int64_t d, int64_t plane,
                               int64_t y, int64_t x)
{
    int64_t height = image->size[1], width = image->size[2];
    int64_t rows = height - y < b->height ? height - y : b->height,
            pixels = width - x < b->width ? width - x : b->width;
    uint32_t column = (uint32_t)x, row = (uint32_t)y;
    uint16_t sample = (uint16_t)plane;
    r->stream.strict = true;
    tmsize_t got =
        b->tiled ? TIFFReadEncodedTile(r->tiff, TIFFComputeTile(r->tiff, column, row, 0, sample), b->data, b->bytes)
                 : TIFFReadEncodedStrip(r->tiff, TIFFComputeStrip(r->tiff, row, sample), b->data, -1);
    r->stream.strict = false;
    if (r->stream.failed || got < rows * b->row_bytes) return fail_read(r);
    for (int64_t i = 0; i < rows; i++) {
        if (!p->kind->convert(b->row, b->data + i * b->row_bytes, pixels * b->samples))
            return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                              "%s: this TIFF has unsigned values above %d, the largest that is read: convert it",
                              r->file->name, INT32_MAX);
        if (p->photometric == PHOTOMETRIC_MINISWHITE) invert(b->row, pixels * b->samples, image->dtype);
        put_row(image, b, p, plane, (d * height + y + i) * width + x, pixels);
    }
    return RMSEG_OK;
}

static rmseg_status read_slice(rmseg_image *image, reader *r, int64_t d)
{
    page p;
    blocks b;
    RMSEG_TRY(read_page(&p, r));
    rmseg_status status = blocks_create(&b, r, &p);
    for (int64_t plane = 0; plane < b.planes && status == RMSEG_OK; plane++)
        for (int64_t y = 0; y < p.height; y += b.height)
            for (int64_t x = 0; x < p.width && status == RMSEG_OK; x += b.width)
                status = read_block(image, r, &b, &p, d, plane, y, x);
    blocks_destroy(&b);
    return status;
}

static rmseg_status decode_pages(rmseg_image *image, reader *r)
{
    RMSEG_TRY(rmseg_image_allocate(image));
    if (!TIFFSetDirectory(r->tiff, 0)) return fail_read(r);
    for (int64_t d = 0; d < r->pages;) {
        if (!is_side_picture(r->tiff)) RMSEG_TRY(read_slice(image, r, d++));
        if (d < r->pages && !TIFFReadDirectory(r->tiff)) return fail_read(r);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_tiff_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    reader r = {.stream = {.bytes = file->bytes, .length = file->length}, .file = file};
    r.tiff = rmseg_tiff_open(&r.stream, file->name, "rmh");
    if (!r.tiff) return fail_read(&r);
    rmseg_status status = read_pages(&r);
    if (!status) status = announce(image, &r);
    if (!status && !header_only) status = decode_pages(image, &r);
    TIFFClose(r.tiff);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Above this a file may not fit into the 32 bits of a classic TIFF, which more programs read than a BigTIFF. */
#define CLASSIC_BYTES ((int64_t)3 << 30)

static void set_fields(TIFF *tiff, const rmseg_image *image)
{
    static const uint16_t sample_formats[] = {
        [RMSEG_U8] = SAMPLEFORMAT_UINT, [RMSEG_U16] = SAMPLEFORMAT_UINT,   [RMSEG_I16] = SAMPLEFORMAT_INT,
        [RMSEG_I32] = SAMPLEFORMAT_INT, [RMSEG_F32] = SAMPLEFORMAT_IEEEFP, [RMSEG_F64] = SAMPLEFORMAT_IEEEFP,
    };
    bool deflate = TIFFIsCODECConfigured(COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, (uint32_t)image->size[2]);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, (uint32_t)image->size[1]);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, (int)image->channels);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8 * (int)rmseg_dtype_size(image->dtype));
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, sample_formats[image->dtype]);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, image->channels == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, deflate ? COMPRESSION_ADOBE_DEFLATE : COMPRESSION_NONE);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff, 0));
    if (*image->note) TIFFSetField(tiff, TIFFTAG_SOFTWARE, image->note);
}

static bool write_slice(TIFF *tiff, const rmseg_image *image, int64_t d, uint8_t *row)
{
    set_fields(tiff, image);
    size_t sample = rmseg_dtype_size(image->dtype);
    for (int64_t y = 0; y < image->size[1]; y++) {
        for (int64_t c = 0; c < image->channels; c++)
            rmseg_image_get(row + (size_t)c * sample, image, c, (d * image->size[1] + y) * image->size[2],
                            image->channels, image->size[2]);
        if (TIFFWriteScanline(tiff, row, (uint32_t)y, 0) != 1) return false;
    }
    return TIFFWriteDirectory(tiff) == 1;
}

static bool write_slices(rmseg_tiff_stream *s, const rmseg_image *image, const char *name, uint8_t *row)
{
    int64_t bytes = image->channels * rmseg_image_voxels(image) * (int64_t)rmseg_dtype_size(image->dtype);
    TIFF *tiff = rmseg_tiff_open(s, name, bytes < CLASSIC_BYTES ? "w" : "w8");
    bool done = tiff != NULL;
    for (int64_t d = 0; d < image->size[0] && done; d++) done = write_slice(tiff, image, d, row);
    if (tiff) TIFFClose(tiff);
    return done && !s->failed;
}

rmseg_status rmseg_tiff_encode(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                               const char *name)
{
    (void)source;
    if ((image->channels != 1 && image->channels != 3) || image->size[1] > INT32_MAX || image->size[2] > INT32_MAX)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s: a TIFF is written with 1 or 3 channels; this image has %lld", name,
                          (long long)image->channels);
    uint8_t *row = rmseg_alloc(image->size[2] * image->channels, rmseg_dtype_size(image->dtype));
    if (!row) return RMSEG_ERROR_MEMORY;
    rmseg_tiff_stream s = {.bytes = NULL};
    rmseg_status status = RMSEG_OK;
    if (!write_slices(&s, image, name, row))
        status = rmseg_fail(RMSEG_ERROR_FILE, "%s: cannot make a TIFF of this image: %s", name,
                            s.failed ? s.reason : "no memory");
    else
        status = rmseg_file_put(writer, s.buffer, s.length);
    rmseg_free(s.buffer);
    rmseg_free(row);
    return status;
}
