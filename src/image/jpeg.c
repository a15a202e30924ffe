/*
 * jpeg.c - JPEG by libjpeg(-turbo): grey and colour, 8 bits.
 *
 * libjpeg takes a damaged file for a reason to warn and goes on with grey blocks; here a warning while pixels are being
 * read is an error. As in png.c, each stretch of work that may longjmp is a step_fn run by guarded().
 */
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

/* Behind jpeglib.h, which says the version of the interface: the numbers of the messages depend on it. */
#include <jerror.h>

#include "image/format.h"

/* The least a block of 64 samples takes is one bit, once all chroma is subsampled; arithmetic coding could go beyond,
 * and files that do are not pictures. */
enum { EXPANSION = 2048 };

/* A progressive file refines the picture in some 10 scans; thousands of them are made to keep a reader busy. */
enum { MOST_SCANS = 500 };

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const rmseg_image_file *file;
    rmseg_image *image;
    JSAMPLE *row;
    bool reading_pixels, is_doubtful;
    char reason[JMSG_LENGTH_MAX];
} reader;

typedef void (*step_fn)(reader *r);

static bool guarded(reader *r, step_fn step)
{
    if (setjmp(r->jump)) return false;
    step(r);
    return true;
}

static void on_error(j_common_ptr jpeg)
{
    reader *r = jpeg->client_data;
    jpeg->err->format_message(jpeg, r->reason);
    longjmp(r->jump, 1);
}

/* Level -1 is a warning, above are traces. Bytes left over before a marker are common in files that are otherwise
 * sound. */
static void on_message(j_common_ptr jpeg, int level)
{
    reader *r = jpeg->client_data;
    if (level >= 0 || !r->reading_pixels) return;
    if (jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) on_error(jpeg);
    r->is_doubtful = true;
    jpeg->err->format_message(jpeg, r->reason);
}

static void on_progress(j_common_ptr jpeg)
{
    reader *r = jpeg->client_data;
    if (r->jpeg.input_scan_number <= MOST_SCANS) return;
    snprintf(r->reason, sizeof r->reason, "more than %d scans", MOST_SCANS);
    longjmp(r->jump, 1);
}

static void read_header(reader *r)
{
    jpeg_create_decompress(&r->jpeg);
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
    jpeg_mem_src(&r->jpeg, r->file->bytes, r->file->length);
    jpeg_read_header(&r->jpeg, TRUE);
}

static void read_rows(reader *r)
{
    rmseg_image *image = r->image;
    r->reading_pixels = true;
    r->jpeg.out_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&r->jpeg);
    for (int64_t y = 0; y < image->size[1]; y++) {
        jpeg_read_scanlines(&r->jpeg, &r->row, 1);
        for (int64_t channel = 0; channel < image->channels; channel++)
            rmseg_image_put(image, channel, y * image->size[2], r->row + channel, image->channels, image->size[2]);
    }
    jpeg_finish_decompress(&r->jpeg);
}

static rmseg_status fail_read(reader *r)
{
    int code = r->errors.msg_code;
    if (code == JERR_OUT_OF_MEMORY) return rmseg_fail_memory();
    if (code == JERR_EMPTY_IMAGE)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: this JPEG has no pixels; expected at least 1 x 1", r->file->name);
    return rmseg_image_fail_damaged(r->file, r->reason);
}

static rmseg_status announce(rmseg_image *image, reader *r)
{
    int64_t size[3] = {1, r->jpeg.image_height, r->jpeg.image_width}, channels = r->jpeg.num_components, encoded = 0;
    if (channels != 1 && channels != 3)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: this JPEG has %lld components%s; expected 1 (grey) or 3 (colour): convert it to RGB",
                          r->file->name, (long long)channels, channels == 4 ? " (CMYK, made for printing)" : "");
    if (!rmseg_mul3(&encoded, size[1], size[2], channels)) encoded = -1;
    return rmseg_image_announce(image, r->file, RMSEG_U8, channels, size, encoded, EXPANSION);
}

static rmseg_status decode_rows(rmseg_image *image, reader *r)
{
    r->image = image;
    r->row = rmseg_alloc(image->size[2], (size_t)image->channels);
    if (!r->row) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_image_allocate(image));
    if (!guarded(r, read_rows)) return fail_read(r);
    if (r->is_doubtful) rmseg_warn("%s: this JPEG may be damaged: %s", r->file->name, r->reason);
    return RMSEG_OK;
}

rmseg_status rmseg_jpeg_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    reader r = {.file = file};
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.jpeg.client_data = &r;
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    rmseg_status status = guarded(&r, read_header) ? RMSEG_OK : fail_read(&r);
    if (!status) status = announce(image, &r);
    if (!status && !header_only) status = decode_rows(image, &r);
    rmseg_free(r.row);
    jpeg_destroy_decompress(&r.jpeg);
    return status;
}
