/* json.c - JSON and CSV that are right by construction. */
#include <math.h>
#include <string.h>

#include "core/text.h"

#define LINES_TO_DEPTH 2 /* deeper values share their parent's line: one record, one line */

/* Bytes of the UTF-8 character that starts here, 0 where there is none (RFC 3629: no overlong forms, no surrogates). */
static int utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80) return 1;
    int length = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    for (int i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F)) return 0;
    if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) return 0;
    return length;
}

static void add_quoted(rmseg_text *text, const char *string)
{
    rmseg_text_add(text, "\"");
    for (const unsigned char *s = (const unsigned char *)string; *s;) {
        int length = utf8_length(s);
        if (*s == '"' || *s == '\\')
            rmseg_text_addf(text, "\\%c", *s);
        else if (*s == '\n')
            rmseg_text_add(text, "\\n");
        else if (*s == '\t')
            rmseg_text_add(text, "\\t");
        else if (*s < 0x20)
            rmseg_text_addf(text, "\\u%04x", *s);
        else if (length == 0)
            rmseg_text_add(text, "\\ufffd"); /* a file name need not be UTF-8, JSON must be */
        else
            rmseg_text_addn(text, (const char *)s, (size_t)length);
        s += length ? length : 1;
    }
    rmseg_text_add(text, "\"");
}

static void new_line(rmseg_json *json)
{
    rmseg_text_add(&json->text, "\n");
    for (int i = 0; i < json->depth; i++) rmseg_text_add(&json->text, "  ");
}

/* What stands before a value: the comma, the line, the key. */
static void lead(rmseg_json *json, const char *key)
{
    bool own_line = json->depth > 0 && json->depth <= LINES_TO_DEPTH;
    if (json->depth > 0 && !json->first) rmseg_text_add(&json->text, own_line ? "," : ", ");
    if (own_line) new_line(json);
    if (key) {
        add_quoted(&json->text, key);
        rmseg_text_add(&json->text, ": ");
    }
    json->first = false;
}

void rmseg_json_open(rmseg_json *json, const char *key, char bracket)
{
    lead(json, key);
    rmseg_text_addn(&json->text, &bracket, 1);
    json->depth++;
    json->first = true;
}

void rmseg_json_close(rmseg_json *json, char bracket)
{
    bool empty = json->first, own_line = json->depth <= LINES_TO_DEPTH;
    json->depth--;
    if (own_line && !empty) new_line(json);
    rmseg_text_addn(&json->text, &bracket, 1);
    if (json->depth == 0) rmseg_text_add(&json->text, "\n");
    json->first = false;
}

void rmseg_json_string(rmseg_json *json, const char *key, const char *value)
{
    lead(json, key);
    if (value)
        add_quoted(&json->text, value);
    else
        rmseg_text_add(&json->text, "null");
}

void rmseg_json_number(rmseg_json *json, const char *key, double value)
{
    char buffer[32];
    lead(json, key);
    if (isnan(value))
        rmseg_text_add(&json->text, "null");
    else if (isinf(value))
        add_quoted(&json->text, rmseg_number_text(buffer, value));
    else
        rmseg_text_add(&json->text, rmseg_number_text(buffer, value));
}

void rmseg_json_integer(rmseg_json *json, const char *key, int64_t value)
{
    lead(json, key);
    rmseg_text_addf(&json->text, "%lld", (long long)value);
}

void rmseg_json_bool(rmseg_json *json, const char *key, bool value)
{
    lead(json, key);
    rmseg_text_add(&json->text, value ? "true" : "false");
}

/* ---- CSV (RFC 4180) ------------------------------------------------------------------------------------------ */

static bool starts_line(const rmseg_text *text) { return text->length == 0 || text->data[text->length - 1] == '\n'; }

void rmseg_csv_cell(rmseg_text *text, const char *value)
{
    bool first = starts_line(text);
    if (!first) rmseg_text_add(text, ",");
    bool quoted = strpbrk(value, ",\"\r\n") || (first && !value[0]); /* an empty first cell must leave a trace */
    if (!quoted) {
        rmseg_text_add(text, value);
        return;
    }
    rmseg_text_add(text, "\"");
    for (const char *s = value; *s; s++) rmseg_text_addn(text, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
    rmseg_text_add(text, "\"");
}

void rmseg_csv_number(rmseg_text *text, double value)
{
    char buffer[32];
    rmseg_csv_cell(text, isnan(value) ? "" : rmseg_number_text(buffer, value));
}

void rmseg_csv_end(rmseg_text *text) { rmseg_text_add(text, "\n"); }
