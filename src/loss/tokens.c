/*
 * tokens.c - the smallest pieces of an expression, and sentences that point into it.
 */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loss/parser.h"

#define SHOWN 160 /* characters of the expression an error repeats */

/* ---- errors ------------------------------------------------------------------------------------------------- */

/* The part of the expression around `at`, printable. */
static void excerpt(char *shown, const rmseg_parser *p, const char *at)
{
    size_t length = strlen(p->text), place = (size_t)(at - p->text);
    size_t start = place > SHOWN / 2 && length > SHOWN ? place - SHOWN / 2 : 0;
    size_t count = length - start < SHOWN ? length - start : SHOWN;
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)p->text[start + i];
        shown[i] = isprint(c) ? (char)c : '?';
    }
    shown[count] = 0;
}

rmseg_status rmseg_fail_at(const rmseg_parser *p, const char *at, const char *format, ...)
{
    char shown[SHOWN + 1], said[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    excerpt(shown, p, at);
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "objective \"%s\", column %td: %s", shown, at - p->text + 1, said);
}

/* Puts the place before a sentence that has none yet. */
rmseg_status rmseg_fail_inside(const rmseg_parser *p, const char *at, rmseg_status status)
{
    char shown[SHOWN + 1];
    if (status != RMSEG_ERROR_ARGUMENT) return status;
    excerpt(shown, p, at);
    return rmseg_fail_in(status, "objective \"%s\", column %td", shown, at - p->text + 1);
}

rmseg_status rmseg_fail_unexpected(const rmseg_parser *p, const char *expected)
{
    if (!*p->at) return rmseg_fail_at(p, p->at, "the expression ends where %s was expected", expected);
    return rmseg_fail_at(p, p->at, "found '%c' where %s was expected", isprint((unsigned char)*p->at) ? *p->at : '?',
                         expected);
}

/* ---- tokens ------------------------------------------------------------------------------------------------- */

void rmseg_skip_space(rmseg_parser *p)
{
    while (isspace((unsigned char)*p->at)) p->at++;
}

bool rmseg_take(rmseg_parser *p, char c)
{
    rmseg_skip_space(p);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

bool rmseg_take_word(rmseg_parser *p, const char *word)
{
    rmseg_skip_space(p);
    size_t length = strlen(word);
    if (rmseg_run_length(p->at, "_") != length || memcmp(p->at, word, length)) return false;
    p->at += length;
    return true;
}

bool rmseg_starts_name(const rmseg_parser *p) { return isalpha((unsigned char)*p->at) || *p->at == '_'; }

/* Length of the run of letters, digits and `extra` characters at `at`. */
size_t rmseg_run_length(const char *at, const char *extra)
{
    size_t n = 0;
    while (at[n] && (isalnum((unsigned char)at[n]) || strchr(extra, at[n]))) n++;
    return n;
}

/* Digits, point and exponent; the sign belongs to the grammar. */
rmseg_status rmseg_take_number(rmseg_parser *p, double *value)
{
    const char *start = p->at, *end = start;
    while (isdigit((unsigned char)*end) || *end == '.') end++;
    if (*end == 'e' || *end == 'E') {
        end += end[1] == '+' || end[1] == '-' ? 2 : 1;
        while (isdigit((unsigned char)*end)) end++;
    }
    char *copy = rmseg_strndup(start, (size_t)(end - start));
    if (!copy) return RMSEG_ERROR_MEMORY;
    bool good = rmseg_parse_number(value, copy) && isfinite(*value);
    rmseg_free(copy);
    if (!good)
        return rmseg_fail_at(p, start, "'%.*s' is not a finite number", (int)(end - start < 40 ? end - start : 40),
                             start);
    p->at = end;
    return RMSEG_OK;
}
