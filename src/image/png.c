/*
 * png.c - PNG by libpng: every bit depth, grey, RGB and palette, interlaced or not.
 *
 * libpng leaves its functions by longjmp; each stretch of work that may is a step_fn, run by guarded(), and what it
 * needs is in the reader or writer that outlives the jump. Memory comes from ours.
 */
#include <png.h>
#include <stdio.h>
#include <string.h>

#include "image/format.h"

/* Deflate cannot make less than 1 byte of 1032. */
enum { EXPANSION = 1032 };

/* As small as zlib's default 6 on photographs and label maps, three times as fast on the former. */
enum { LEVEL = 4 };

typedef struct codec {
    png_structp png;
    png_infop info;
    const rmseg_image_file *file; /* reading: what, and how far */
    size_t at;
    rmseg_file_writer *writer; /* writing: where to, and what came of it */
    rmseg_status write_status;
    const rmseg_image *source;
    bool out_of_memory;
    int passes;    /* 1, or 7 when interlaced */
    uint8_t *rows; /* interleaved: all rows when reading, one when writing */
    char reason[160];
} codec;

typedef void (*step_fn)(codec *c);

static bool guarded(codec *c, step_fn step)
{
    if (setjmp(png_jmpbuf(c->png))) return false;
    step(c);
    return true;
}

static void on_error(png_structp png, png_const_charp message)
{
    codec *c = png_get_error_ptr(png);
    snprintf(c->reason, sizeof c->reason, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

static png_voidp on_alloc(png_structp png, png_alloc_size_t bytes)
{
    codec *c = png_get_mem_ptr(png);
    void *block = bytes <= PTRDIFF_MAX ? rmseg_alloc((int64_t)bytes, 1) : NULL;
    if (!block) c->out_of_memory = true;
    return block;
}

static void on_free(png_structp png, png_voidp block)
{
    (void)png;
    rmseg_free(block);
}

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 1;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void on_read(png_structp png, png_bytep to, size_t count)
{
    codec *c = png_get_io_ptr(png);
    if (count > c->file->length - c->at) png_error(png, "the file ends too early");
    memcpy(to, c->file->bytes + c->at, count);
    c->at += count;
}

static void read_info(codec *c)
{
    png_set_read_fn(c->png, c, on_read);
    png_set_user_limits(c->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* rmseg_image_announce has the sentence */
    png_read_info(c->png, c->info);
}

static bool palette_is_grey(codec *c)
{
    png_colorp palette = NULL;
    int count = 0;
    png_get_PLTE(c->png, c->info, &palette, &count);
    for (int i = 0; i < count; i++)
        if (palette[i].red != palette[i].green || palette[i].red != palette[i].blue) return false;
    return true;
}

/* From here on a row has 1 or 3 samples a pixel, of 8 or 16 bits, in this machine's order. */
static void set_transforms(codec *c)
{
    png_set_expand(c->png);
    png_set_strip_alpha(c->png);
    if (is_little_endian()) png_set_swap(c->png);
    c->passes = png_set_interlace_handling(c->png);
    png_read_update_info(c->png, c->info);
}

static void read_rows(codec *c)
{
    size_t row_bytes = png_get_rowbytes(c->png, c->info);
    uint32_t height = png_get_image_height(c->png, c->info);
    for (int pass = 0; pass < c->passes; pass++)
        for (uint32_t y = 0; y < height; y++) png_read_row(c->png, c->rows + y * row_bytes, NULL);
    png_read_end(c->png, NULL);
}

static rmseg_status announce(rmseg_image *image, codec *c)
{
    int64_t size[3] = {1, png_get_image_height(c->png, c->info), png_get_image_width(c->png, c->info)}, encoded = 0;
    if (!rmseg_mul(&encoded, size[1], (int64_t)png_get_rowbytes(c->png, c->info))) encoded = -1;
    int colour = png_get_color_type(c->png, c->info);
    bool grey = colour == PNG_COLOR_TYPE_PALETTE ? palette_is_grey(c) : !(colour & PNG_COLOR_MASK_COLOR);
    rmseg_dtype dtype = png_get_bit_depth(c->png, c->info) == 16 ? RMSEG_U16 : RMSEG_U8;
    return rmseg_image_announce(image, c->file, dtype, grey ? 1 : 3, size, encoded, EXPANSION);
}

static rmseg_status fail_read(codec *c)
{
    return c->out_of_memory ? rmseg_fail_memory() : rmseg_image_fail_damaged(c->file, c->reason);
}

static rmseg_status decode_rows(rmseg_image *image, codec *c)
{
    if (!guarded(c, set_transforms)) return fail_read(c);
    c->rows = rmseg_alloc(image->size[1], png_get_rowbytes(c->png, c->info));
    if (!c->rows) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_image_allocate(image));
    if (!guarded(c, read_rows)) return fail_read(c);
    /* a grey palette was expanded to RGB too: its first sample is the grey */
    int64_t samples = png_get_channels(c->png, c->info);
    for (int64_t channel = 0; channel < image->channels; channel++)
        rmseg_image_put(image, channel, 0, c->rows + (size_t)channel * rmseg_dtype_size(image->dtype), samples,
                        rmseg_image_voxels(image));
    return RMSEG_OK;
}

/* libpng's own words for an extent of 0 do not say what was found. */
static rmseg_status check_extents(const rmseg_image_file *file)
{
    const uint8_t *header = file->bytes + 8; /* length, "IHDR", width, height */
    if (file->length < 24 || memcmp(header + 4, "IHDR", 4)) return RMSEG_OK;
    int64_t size[3] = {1, png_get_uint_32(header + 12), png_get_uint_32(header + 8)};
    if (size[1] && size[2]) return RMSEG_OK;
    return rmseg_image_announce(&(rmseg_image){0}, file, RMSEG_U8, 1, size, 0, EXPANSION);
}

rmseg_status rmseg_png_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    RMSEG_TRY(check_extents(file));
    codec c = {.file = file};
    c.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning, &c, on_alloc, on_free);
    if (!c.png) return rmseg_fail_memory();
    c.info = png_create_info_struct(c.png);
    rmseg_status status = c.info ? RMSEG_OK : rmseg_fail_memory();
    if (!status && !guarded(&c, read_info)) status = fail_read(&c);
    if (!status) status = announce(image, &c);
    if (!status && !header_only) status = decode_rows(image, &c);
    rmseg_free(c.rows);
    png_destroy_read_struct(&c.png, &c.info, NULL);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void on_write(png_structp png, png_bytep bytes, size_t count)
{
    codec *c = png_get_io_ptr(png);
    c->write_status = rmseg_file_put(c->writer, bytes, count);
    if (c->write_status) png_error(png, "write failed"); /* the sentence is already there */
}

static void on_flush(png_structp png) { (void)png; }

static void write_rows(codec *c)
{
    const rmseg_image *image = c->source;
    size_t sample = rmseg_dtype_size(image->dtype);
    int colour = image->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY;
    png_set_write_fn(c->png, c, on_write, on_flush);
    png_set_IHDR(c->png, c->info, (png_uint_32)image->size[2], (png_uint_32)image->size[1], 8 * (int)sample, colour,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(c->png, LEVEL);
    char note[sizeof image->note], key[] = "Software"; /* libpng takes them without const */
    memcpy(note, image->note, sizeof note);
    png_text text = {.compression = PNG_TEXT_COMPRESSION_NONE, .key = key, .text = note};
    if (*note) png_set_text(c->png, c->info, &text, 1);
    png_write_info(c->png, c->info);
    if (is_little_endian()) png_set_swap(c->png);
    for (int64_t y = 0; y < image->size[1]; y++) {
        for (int64_t channel = 0; channel < image->channels; channel++)
            rmseg_image_get(c->rows + (size_t)channel * sample, image, channel, y * image->size[2], image->channels,
                            image->size[2]);
        png_write_row(c->png, c->rows);
    }
    png_write_end(c->png, NULL);
}

static rmseg_status fail_write(codec *c, const char *name)
{
    if (c->write_status) return c->write_status;
    if (c->out_of_memory) return rmseg_fail_memory();
    return rmseg_fail(RMSEG_ERROR_FILE, "%s: cannot make a PNG of this image: %s", name, c->reason);
}

static rmseg_status encode_rows(codec *c, const char *name)
{
    c->info = png_create_info_struct(c->png);
    c->rows = rmseg_alloc(c->source->size[2] * c->source->channels, rmseg_dtype_size(c->source->dtype));
    if (!c->info || !c->rows) return rmseg_fail_memory();
    return guarded(c, write_rows) ? RMSEG_OK : fail_write(c, name);
}

rmseg_status rmseg_png_encode(rmseg_file_writer *writer, const rmseg_image *image, const rmseg_image_source *source,
                              const char *name)
{
    (void)source;
    bool fits = (image->dtype == RMSEG_U8 || image->dtype == RMSEG_U16) &&
                (image->channels == 1 || image->channels == 3) && image->size[0] == 1;
    if (!fits)
        return rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "%s: a PNG holds u8 or u16, 1 or 3 channels, one slice; this image is %s with %lld channels and %lld "
            "slices: convert it, or write .tif",
            name, rmseg_dtype_name(image->dtype), (long long)image->channels, (long long)image->size[0]);
    codec c = {.writer = writer, .source = image};
    c.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning, &c, on_alloc, on_free);
    if (!c.png) return rmseg_fail_memory();
    rmseg_status status = encode_rows(&c, name);
    rmseg_free(c.rows);
    png_destroy_write_struct(&c.png, &c.info);
    return status;
}
