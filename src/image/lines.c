/* lines.c - text headers: lines, fields, lists of numbers. */
#include "image/lines.h"

#include <math.h>
#include <string.h>
#include <strings.h>

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
