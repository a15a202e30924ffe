/* tiff_stream.c - libtiff's files and handlers, over memory. */
#include "image/tiff_stream.h"

#include <stdio.h>
#include <string.h>

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t count)
{
    rmseg_tiff_stream *s = handle;
    size_t left = s->at < s->length ? s->length - s->at : 0;
    if ((size_t)count > left) {
        s->ended_early = true;
        count = (tmsize_t)left;
    }
    if (count) memcpy(to, s->bytes + s->at, (size_t)count);
    s->at += (size_t)count;
    return count;
}

static bool grow(rmseg_tiff_stream *s, size_t length)
{
    if (length <= s->capacity) return true;
    size_t capacity = 2 * length;
    uint8_t *grown = rmseg_realloc(s->buffer, (int64_t)capacity, 1);
    if (!grown) {
        snprintf(s->reason, sizeof s->reason, "out of memory");
        s->failed = true;
        return false;
    }
    s->bytes = s->buffer = grown;
    s->capacity = capacity;
    return true;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t count)
{
    rmseg_tiff_stream *s = handle;
    size_t end = s->at + (size_t)count;
    if (!grow(s, end)) return 0;
    if (s->at > s->length) memset(s->buffer + s->length, 0, s->at - s->length);
    memcpy(s->buffer + s->at, from, (size_t)count);
    s->at = end;
    if (end > s->length) s->length = end;
    return count;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    rmseg_tiff_stream *s = handle;
    s->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? s->at + offset : s->length + offset;
    return s->at;
}

static int on_close(thandle_t handle) { return (void)handle, 0; }

static toff_t on_size(thandle_t handle) { return ((rmseg_tiff_stream *)handle)->length; }

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff, (void)module;
    rmseg_tiff_stream *s = user;
    if (!s->failed) vsnprintf(s->reason, sizeof s->reason, format, args);
    s->failed = true;
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    rmseg_tiff_stream *s = user;
    return s->strict ? on_error(tiff, user, module, format, args) : 1;
}

/* What libtiff may take at once beyond the file itself. */
#define MOST_MEMORY ((tmsize_t)256 << 20)

TIFF *rmseg_tiff_open(rmseg_tiff_stream *s, const char *name, const char *mode)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)s->length + MOST_MEMORY);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, s);
    TIFF *tiff = TIFFClientOpenExt(name, mode, s, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}
