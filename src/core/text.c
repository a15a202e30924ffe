/* text.c - strings that grow, numbers that come back, and the nearest word. */
#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"

/* Numbers are written and read with a point, whatever the program's locale says. The C locale is static in the C
 * libraries we know: this allocates nothing. */
static locale_t enter_c_locale(void)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return c ? uselocale(c) : (locale_t)0;
}

static void leave_c_locale(locale_t before)
{
    if (before) freelocale(uselocale(before));
}

static bool reserve(rmseg_text *text, size_t more)
{
    if (text->failed) return false;
    if (text->capacity - text->length > more) return true;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity - text->length <= more && capacity <= PTRDIFF_MAX / 2) capacity *= 2;
    char *data = capacity - text->length > more ? rmseg_realloc(text->data, (int64_t)capacity, 1) : NULL;
    if (!data) {
        text->failed = true;
        return false;
    }
    if (!text->data) data[0] = '\0';
    text->data = data;
    text->capacity = capacity;
    return true;
}

void rmseg_text_add(rmseg_text *text, const char *string) { rmseg_text_addn(text, string, strlen(string)); }

void rmseg_text_addn(rmseg_text *text, const char *bytes, size_t length)
{
    if (!reserve(text, length)) return;
    memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

static void add_formatted(rmseg_text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0 && reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    } else {
        text->failed = true;
    }
    va_end(again);
}

void rmseg_text_addf(rmseg_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    locale_t before = enter_c_locale();
    add_formatted(text, format, args);
    leave_c_locale(before);
    va_end(args);
}

/* What a shell reads as itself; bytes of UTF-8 are letters. */
static bool is_plain(unsigned char c) { return c >= 0x80 || isalnum(c) || strchr("_-./,:=+@%", c); }

void rmseg_text_add_word(rmseg_text *text, const char *word)
{
    bool plain = *word;
    for (const char *c = word; *c; c++) plain = plain && is_plain((unsigned char)*c);
    if (!plain) rmseg_text_add(text, "'");
    for (const char *c = word; *c; c++)
        if (*c == '\'')
            rmseg_text_add(text, "'\\''");
        else
            rmseg_text_addn(text, c, 1);
    if (!plain) rmseg_text_add(text, "'");
}

void rmseg_text_destroy(rmseg_text *text)
{
    rmseg_free(text->data);
    *text = (rmseg_text){0};
}

void rmseg_text_free(char *text) { rmseg_free(text); }

rmseg_status rmseg_text_write(const rmseg_text *text, const char *path)
{
    if (text->failed) return rmseg_fail_memory();
    return rmseg_file_write(path, text->data, text->length);
}

/* ---- numbers ------------------------------------------------------------------------------------------------ */

#define NUMBER_BYTES 32

static void shortest(char *buffer, double value)
{
    if (value == rint(value) && fabs(value) < 1e15) { /* 6000, where %g would say 6e+03 */
        snprintf(buffer, NUMBER_BYTES, "%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buffer, NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value) return;
    }
}

const char *rmseg_number_text(char *buffer, double value)
{
    if (isnan(value)) return strcpy(buffer, "nan");
    if (isinf(value)) return strcpy(buffer, value > 0 ? "inf" : "-inf");
    locale_t before = enter_c_locale();
    shortest(buffer, value);
    leave_c_locale(before);
    return buffer;
}

bool rmseg_parse_integer(int64_t *value, const char *text)
{
    if (!text[0] || text[strspn(text, "+-0123456789")]) return false;
    char *end = NULL;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (errno || *end || end == text) return false;
    *value = parsed;
    return true;
}

static bool parse_word(double *value, const char *text)
{
    if (strcmp(text, "nan") == 0)
        *value = NAN;
    else if (strcmp(text, "inf") == 0 || strcmp(text, "+inf") == 0)
        *value = INFINITY;
    else if (strcmp(text, "-inf") == 0)
        *value = -INFINITY;
    else
        return false;
    return true;
}

bool rmseg_parse_number(double *value, const char *text)
{
    if (parse_word(value, text)) return true;
    if (!text[0] || text[strspn(text, "+-.0123456789eE")]) return false; /* strtod would take " 1", 0x1p3, infinity */
    char *end = NULL;
    locale_t before = enter_c_locale();
    double parsed = strtod(text, &end);
    leave_c_locale(before);
    if (*end || end == text || isinf(parsed)) return false;
    *value = parsed;
    return true;
}

/* ---- the nearest word --------------------------------------------------------------------------------------- */

#define WORD_BYTES 64 /* longer words are near nothing */

static int smallest(int a, int b, int c)
{
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance, blind to case, one row of the table at a time. */
static int edit_distance(const char *a, const char *b)
{
    int row[WORD_BYTES + 1], length = (int)strlen(b);
    for (int j = 0; j <= length; j++) row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= length; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            int above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + !same);
            diagonal = above;
        }
    }
    return row[length];
}

/* What was cut short is one edit away from the whole. */
static int distance_between(const char *word, int length, const char *candidate)
{
    return strncasecmp(word, candidate, (size_t)length) ? edit_distance(word, candidate) : candidate[length] != '\0';
}

const char *rmseg_nearest(const char *word, const char *const *candidates, int64_t count)
{
    int length = (int)strnlen(word, WORD_BYTES + 1);
    if (length > WORD_BYTES) return NULL;
    int limit = length / 3 > 2 ? length / 3 : 2;
    int best = limit < length ? limit + 1 : length; /* as many edits as letters: nothing in common */
    const char *nearest = NULL;
    for (int64_t i = 0; i < count; i++) {
        if (strnlen(candidates[i], WORD_BYTES + 1) > WORD_BYTES) continue;
        int distance = distance_between(word, length, candidates[i]);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
