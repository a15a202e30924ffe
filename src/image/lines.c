/* lines.c - text headers: lines, fields, lists of numbers. */
#include "image/lines.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "image/raw.h"

#define BLANKS " \t\r\v\f"
#define GAPS   BLANKS ",()[]"

static char *trim(char *text)
{
    text += strspn(text, BLANKS);
    size_t length = strlen(text);
    while (length > 0 && strchr(BLANKS, text[length - 1])) text[--length] = '\0';
    return text;
}

char *rmseg_line_next(char **rest)
{
    char *line = *rest;
    if (!line || !*line) return NULL;
    char *end = strchr(line, '\n');
    *rest = end ? end + 1 : NULL;
    if (end) *end = '\0';
    return trim(line);
}

char *rmseg_line_value(char *line, char separator)
{
    char *at = strchr(line, separator);
    if (!at) return NULL;
    *at = '\0';
    trim(line);
    return trim(at + 1);
}

enum { WORD = 64 }; /* longer ones are no number */

static bool next_word(const char **at, char word[WORD])
{
    *at += strspn(*at, GAPS);
    size_t length = strcspn(*at, GAPS), kept = length < WORD ? length : 0;
    memcpy(word, *at, kept);
    word[kept] = '\0';
    *at += length;
    return length > 0;
}

bool rmseg_line_numbers(double *values, int most, int *count, const char *text)
{
    char word[WORD];
    for (*count = 0; next_word(&text, word); ++*count) {
        double value = NAN;
        if (strcasecmp(word, "nan") && !rmseg_parse_number(&value, word)) return false;
        if (*count < most) values[*count] = value;
    }
    return true;
}

bool rmseg_line_integers(int64_t *values, int most, int *count, const char *text)
{
    char word[WORD];
    for (*count = 0; next_word(&text, word); ++*count) {
        int64_t value = 0;
        if (!rmseg_parse_integer(&value, word)) return false;
        if (*count < most) values[*count] = value;
    }
    return true;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_lines_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only,
                                const rmseg_lines_format *format)
{
    size_t length = format->header_length(file);
    char *text = rmseg_strndup((const char *)file->bytes, length);
    if (!text) return RMSEG_ERROR_MEMORY;
    rmseg_status status = format->decode(image, text, length, file, header_only);
    rmseg_free(text);
    return status;
}

/* The file that the header names; NULL where the voxels are behind the header. */
static const char *find_data_file(char *text, const rmseg_lines_format *format)
{
    char *rest = text;
    const char *name = NULL;
    for (char *line; (line = rmseg_line_next(&rest));) {
        const char *value = rmseg_line_value(line, format->separator);
        bool named = value && (!strcasecmp(line, format->data_file[0]) || !strcasecmp(line, format->data_file[1]));
        if (named && !(format->local && !strcasecmp(value, format->local))) name = value;
    }
    return name;
}

enum { START = 1 << 16 };

rmseg_status rmseg_lines_partner(char **partner, const char *path, const rmseg_lines_format *format)
{
    uint8_t *bytes = NULL;
    rmseg_image_file file = {.path = path, .name = path};
    RMSEG_TRY(rmseg_file_read_start(&bytes, &file.length, &file.total, path, START));
    file.bytes = bytes;
    char *text = rmseg_strndup((const char *)bytes, format->header_length(&file));
    const char *name = text ? find_data_file(text, format) : NULL;
    rmseg_status status = text ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (name) status = rmseg_raw_beside(partner, path, name);
    rmseg_free(text);
    rmseg_free(bytes);
    return status;
}
