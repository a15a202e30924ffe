/*
 * core/text.h - building text: strings that grow, JSON and CSV that are right by construction, numbers that come back.
 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "rmseg/core.h"

/* A string that grows; starts as `rmseg_text text = {0};`. After a failed allocation it stays as it was, takes nothing
 * more and `failed` is set; check once at the end. */
typedef struct rmseg_text {
    char *data; /* NULL until the first add (of "", too), then always a string */
    size_t length, capacity;
    bool failed;
} rmseg_text;

void rmseg_text_add(rmseg_text *text, const char *string);
void rmseg_text_addn(rmseg_text *text, const char *bytes, size_t length);
/* As printf, but in the C locale: a decimal point is a point. */
void rmseg_text_addf(rmseg_text *text, const char *format, ...) RMSEG_PRINTF(2, 3);
/* Adds a word as a shell takes it: as it is, or in single quotes where it must be. For commands in sentences. */
void rmseg_text_add_word(rmseg_text *text, const char *word);
void rmseg_text_destroy(rmseg_text *text);
rmseg_status rmseg_text_write(const rmseg_text *text, const char *path); /* atomic; RMSEG_ERROR_MEMORY if failed */

/* JSON: objects and arrays nest; commas, quotes, escapes and indentation are its own. A NaN is written as null, an
 * infinity as "inf" or "-inf" (interface of the results files). `key` is NULL inside arrays. */
typedef struct rmseg_json {
    rmseg_text text;
    int depth;
    bool first;
} rmseg_json;

void rmseg_json_open(rmseg_json *json, const char *key, char bracket);        /* '{' or '[' */
void rmseg_json_close(rmseg_json *json, char bracket);                        /* '}' or ']' */
void rmseg_json_string(rmseg_json *json, const char *key, const char *value); /* NULL value: null */
void rmseg_json_number(rmseg_json *json, const char *key, double value); /* shortest text that reads back the same */
void rmseg_json_integer(rmseg_json *json, const char *key, int64_t value);
void rmseg_json_bool(rmseg_json *json, const char *key, bool value);

/* Adds one CSV cell (quoted when it must be) with a comma before it unless it starts the line. */
void rmseg_csv_cell(rmseg_text *text, const char *value);
void rmseg_csv_number(rmseg_text *text, double value); /* NaN is an empty cell */
void rmseg_csv_end(rmseg_text *text);

/* The shortest decimal that reads back as the same double, in the C locale. `buffer` of at least 32 bytes. */
const char *rmseg_number_text(char *buffer, double value);

/* Strict parsing: the whole string, decimal, C locale, no spaces, no overflow; false otherwise. A number may also be
 * "nan", "inf" or "-inf". */
bool rmseg_parse_integer(int64_t *value, const char *text);
bool rmseg_parse_number(double *value, const char *text);

#endif
