/* options.c - the values, texts and sentences behind a table of option rows. */
#include "core/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"

#define CONFIG_BYTES ((size_t)1 << 20)

struct rmseg_options {
    const char *name;
    const rmseg_option_row *rows;
    rmseg_option_row *own_rows; /* rows, where rmseg_options_define made them */
    int64_t count;
    void *values; /* the typed struct */
    char **keys;  /* [count] each; keys and texts are owned */
    char **texts;
    bool *given;
};

/* ---- one value ----------------------------------------------------------------------------------------------- */

typedef union value {
    int64_t i64;
    double f64;
    bool flag;
    const char *text;
} value;

static const char *const type_names[] = {"integer", "number", "text", "choice", "switch"};

static bool parse_flag(bool *flag, const char *text)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (int i = 0; i < 8; i++)
        if (strcmp(text, words[i]) == 0) {
            *flag = i & 1;
            return true;
        }
    return false;
}

static bool is_choice(const char *text, const char *choices)
{
    size_t length = strlen(text);
    for (const char *c = choices; length && c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strcspn(c, "|") == length && memcmp(c, text, length) == 0) return true;
    return false;
}

/* " from 1 to 10", " of at least 1", ...: what a number must be. */
static const char *bounds_text(char *buffer, size_t size, const rmseg_option_row *row)
{
    char least[32], most[32];
    bool has_least = row->minimum > -0x1p63, has_most = row->maximum < 0x1p63;
    rmseg_number_text(least, row->minimum);
    rmseg_number_text(most, row->maximum);
    buffer[0] = '\0';
    if (has_least && has_most)
        snprintf(buffer, size, " from %s to %s", least, most);
    else if (has_least)
        snprintf(buffer, size, " of at least %s", least);
    else if (has_most)
        snprintf(buffer, size, " of at most %s", most);
    return buffer;
}

static rmseg_status fail_value(const rmseg_option_row *row, const char *key, const char *text)
{
    static const char *const nouns[] = {"an integer", "a number", "one line of text", "one of ",
                                        "true or false (yes, no, on, off, 1, 0)"};
    char bounds[100] = "";
    bool is_number = row->type == RMSEG_OPTION_i64 || row->type == RMSEG_OPTION_f64;
    if (is_number) bounds_text(bounds, sizeof bounds, row);
    bool has_example = row->example[0] && row->type != RMSEG_OPTION_flag;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "option %s: got \"%s\", expected %s%s%s%s", key, text, nouns[row->type],
                      row->type == RMSEG_OPTION_pick ? row->choices : bounds, has_example ? ", for example " : "",
                      has_example ? row->example : "");
}

/* The text's value, and its one spelling: "+5" and "5" are the same option. *spelled is owned. */
static rmseg_status parse_value(value *v, char **spelled, const rmseg_option_row *row, const char *key,
                                const char *text)
{
    char number[32];
    const char *spelling = text;
    bool right = true;
    *v = (value){0};
    if (!text[0] && (!row->fallback[0] || row->type == RMSEG_OPTION_str)) {
        if (row->type == RMSEG_OPTION_f64) v->f64 = NAN;
    } else if (row->type == RMSEG_OPTION_i64) {
        right = rmseg_parse_integer(&v->i64, text) && (double)v->i64 >= row->minimum && (double)v->i64 <= row->maximum;
        snprintf(number, sizeof number, "%lld", (long long)v->i64);
        spelling = number;
    } else if (row->type == RMSEG_OPTION_f64) {
        right = rmseg_parse_number(&v->f64, text) && v->f64 >= row->minimum && v->f64 <= row->maximum;
        spelling = rmseg_number_text(number, v->f64);
    } else if (row->type == RMSEG_OPTION_flag) {
        right = parse_flag(&v->flag, text);
        spelling = right && v->flag ? "true" : "false";
    } else {
        right = row->type == RMSEG_OPTION_pick ? is_choice(text, row->choices) : !text[strcspn(text, "\r\n")];
    }
    if (!right) return fail_value(row, key, text);
    *spelled = rmseg_strdup(spelling);
    return *spelled ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

/* Copies text without the blanks around it, which a config file could not give back. */
static char *trimmed(const char *text, size_t length)
{
    while (length && strchr(" \t\r\n", text[length - 1])) length--;
    while (length && strchr(" \t\r\n", *text)) text++, length--;
    return rmseg_strndup(text, length);
}

static rmseg_status store(rmseg_options *options, int64_t index, const char *text)
{
    const rmseg_option_row *row = &options->rows[index];
    value v = {0};
    char *spelled = NULL, *bare = trimmed(text, strlen(text));
    if (!bare) return RMSEG_ERROR_MEMORY;
    rmseg_status status = parse_value(&v, &spelled, row, options->keys[index], bare);
    rmseg_free(bare);
    if (status) return status;
    rmseg_free(options->texts[index]);
    options->texts[index] = spelled;

    void *field = (char *)options->values + row->offset;
    switch (row->type) {
    case RMSEG_OPTION_i64: *(int64_t *)field = v.i64; break;
    case RMSEG_OPTION_f64: *(double *)field = v.f64; break;
    case RMSEG_OPTION_flag: *(bool *)field = v.flag; break;
    case RMSEG_OPTION_str:
    case RMSEG_OPTION_pick: *(const char **)field = spelled; break;
    }
    return RMSEG_OK;
}

/* ---- the table ----------------------------------------------------------------------------------------------- */

static char *make_key(const char *field)
{
    char *key = rmseg_strdup(field);
    for (char *c = key; c && *c; c++)
        if (*c == '_') *c = '-';
    return key;
}

/* Keys may be written with '_' too, as Python's keywords are. */
static bool same_key(const char *key, const char *other)
{
    while (*key && (*key == *other || (*key == '-' && *other == '_'))) key++, other++;
    return *key == *other;
}

static int64_t find(const rmseg_options *options, const char *key)
{
    for (int64_t i = 0; i < options->count; i++)
        if (same_key(options->keys[i], key)) return i;
    return -1;
}

static rmseg_status fail_unknown(const rmseg_options *options, const char *key)
{
    const char *nearest = rmseg_nearest(key, (const char *const *)options->keys, options->count);
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "unknown option \"%s\"%s%s%s", key, nearest ? "; did you mean " : "",
                      nearest ? nearest : "", nearest ? "?" : "; --help lists the options there are");
}

rmseg_status rmseg_options_create(rmseg_options **result, const char *name, const rmseg_option_row *rows, int64_t count,
                                  size_t size)
{
    rmseg_options *options = rmseg_alloc(1, sizeof *options);
    if (!options) return RMSEG_ERROR_MEMORY;
    *options = (rmseg_options){.name = name, .rows = rows, .count = count};
    options->values = rmseg_alloc(1, size);
    options->keys = rmseg_alloc(count, sizeof *options->keys);
    options->texts = rmseg_alloc(count, sizeof *options->texts);
    options->given = rmseg_alloc(count, sizeof *options->given);
    bool allocated = options->values && options->keys && options->texts && options->given;
    rmseg_status status = allocated ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < count && !status; i++) {
        options->keys[i] = make_key(rows[i].field);
        status = options->keys[i] ? store(options, i, rows[i].fallback) : RMSEG_ERROR_MEMORY;
    }
    if (status)
        rmseg_options_destroy(options);
    else
        *result = options;
    return status;
}

static void destroy_strings(char **strings, int64_t count)
{
    for (int64_t i = 0; strings && i < count; i++) rmseg_free(strings[i]);
    rmseg_free(strings);
}

void rmseg_options_destroy(rmseg_options *options)
{
    if (!options) return;
    destroy_strings(options->keys, options->count);
    destroy_strings(options->texts, options->count);
    rmseg_free(options->given);
    rmseg_free(options->values);
    rmseg_free(options->own_rows);
    rmseg_free(options);
}

/* ---- options without a struct -------------------------------------------------------------------------------- */

static const char *or_empty(const char *text) { return text ? text : ""; }

static rmseg_status row_of_info(rmseg_option_row *row, const rmseg_option_info *info, size_t offset)
{
    int type = 0;
    while (type <= RMSEG_OPTION_flag && strcmp(type_names[type], or_empty(info->type)) != 0) type++;
    if (!info->key || type > RMSEG_OPTION_flag)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "option row %s: got the type \"%s\", expected integer, number, text, choice or switch",
                          info->key ? info->key : "without a key", or_empty(info->type));
    *row = (rmseg_option_row){.type = (rmseg_option_type)type,
                              .field = info->key,
                              .offset = offset,
                              .fallback = or_empty(info->fallback),
                              .minimum = info->minimum,
                              .maximum = info->maximum,
                              .choices = or_empty(info->choices),
                              .unit = or_empty(info->unit),
                              .help = or_empty(info->help),
                              .example = or_empty(info->example)};
    return RMSEG_OK;
}

rmseg_status rmseg_options_define(rmseg_options **options, const rmseg_option_info *infos, int64_t count)
{
    rmseg_option_row *rows = rmseg_alloc(count, sizeof *rows);
    rmseg_status status = rows ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < count && !status; i++) status = row_of_info(&rows[i], &infos[i], (size_t)i * sizeof(value));
    if (!status) status = rmseg_options_create(options, "options", rows, count, (size_t)count * sizeof(value));
    if (status)
        rmseg_free(rows);
    else
        (*options)->own_rows = rows;
    return status;
}

/* ---- asking and setting -------------------------------------------------------------------------------------- */

int64_t rmseg_options_count(const rmseg_options *options) { return options->count; }

rmseg_status rmseg_options_info(rmseg_option_info *info, const rmseg_options *options, int64_t index)
{
    if (index < 0 || index >= options->count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "option %lld was asked for, but there are %lld", (long long)index,
                          (long long)options->count);
    const rmseg_option_row *row = &options->rows[index];
    *info = (rmseg_option_info){.key = options->keys[index],
                                .type = type_names[row->type],
                                .fallback = row->fallback,
                                .choices = row->choices,
                                .minimum = row->minimum,
                                .maximum = row->maximum,
                                .unit = row->unit,
                                .help = row->help,
                                .example = row->example};
    return RMSEG_OK;
}

rmseg_status rmseg_options_set(rmseg_options *options, const char *key, const char *text)
{
    int64_t index = find(options, key);
    if (index < 0) return fail_unknown(options, key);
    if (!text) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "option %s: no value was given", options->keys[index]);
    RMSEG_TRY(store(options, index, text));
    options->given[index] = true;
    return RMSEG_OK;
}

rmseg_status rmseg_options_suggest(rmseg_options *options, const char *key, const char *text)
{
    int64_t index = find(options, key);
    if (index < 0) return fail_unknown(options, key);
    return options->given[index] ? RMSEG_OK : store(options, index, text);
}

const char *rmseg_options_get(const rmseg_options *options, const char *key)
{
    int64_t index = find(options, key);
    return index < 0 ? NULL : options->texts[index];
}

bool rmseg_options_given(const rmseg_options *options, const char *key)
{
    int64_t index = find(options, key);
    return index >= 0 && options->given[index];
}

const void *rmseg_options_values(const rmseg_options *options, const char *name)
{
    if (options && strcmp(options->name, name) == 0) return options->values;
    rmseg_fail(RMSEG_ERROR_ARGUMENT, "got %s where %s belong; create them with the function of the same work",
               options ? options->name : "no options", name);
    return NULL;
}

/* ---- config files -------------------------------------------------------------------------------------------- */

void rmseg_options_text(const rmseg_options *options, rmseg_text *text)
{
    for (int64_t i = 0; i < options->count; i++) {
        bool is_set = options->texts[i][0] || options->rows[i].fallback[0];
        rmseg_text_addf(text, "%s%s = %s\n", is_set ? "" : "# ", options->keys[i], options->texts[i]);
    }
}

static rmseg_status read_line(rmseg_options *options, char *line)
{
    line += strspn(line, " \t");
    char *equals = strchr(line, '=');
    if (strchr("#;[\r", *line)) return RMSEG_OK; /* the end of the string is among them: an empty line */
    if (!equals) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "got \"%.200s\", expected \"key = value\"", line);
    char *key = trimmed(line, (size_t)(equals - line));
    if (!key) return RMSEG_ERROR_MEMORY;
    rmseg_status status = rmseg_options_set(options, key, equals + 1);
    rmseg_free(key);
    return status;
}

rmseg_status rmseg_options_read(rmseg_options *options, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, path, CONFIG_BYTES));
    rmseg_status status = RMSEG_OK;
    if (strlen((char *)bytes) != length)
        status = rmseg_fail(RMSEG_ERROR_FORMAT, "%s is not a text file: it has zero bytes", path);
    int number = 1;
    for (char *line = (char *)bytes, *next = NULL; line && !status; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        status = read_line(options, line);
        if (status) rmseg_fail_in(status, "%s, line %d", path, number);
    }
    rmseg_free(bytes);
    return status;
}

/* ---- lists --------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_parse_list(int64_t *values, int64_t *count, int64_t most, int64_t minimum, const char *key,
                              const char *text)
{
    int64_t n = 0;
    for (const char *item = text; item; n++) {
        char number[32];
        item += strspn(item, " ");
        size_t length = strcspn(item, ",");
        bool fits = n < most && length < sizeof number;
        if (fits) snprintf(number, sizeof number, "%.*s", (int)length, item);
        if (!fits || !rmseg_parse_integer(&values[n], number) || values[n] < minimum)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                              "option %s: got \"%s\", expected 1 to %lld integers of at least %lld with commas between",
                              key, text, (long long)most, (long long)minimum);
        item = item[length] ? item + length + 1 : NULL;
    }
    *count = n;
    return RMSEG_OK;
}
