/*
 * core/options.h - options are rows beside the code that reads them.
 *
 *     #define TRAIN_OPTIONS(X) \
 *         X(i64,  iterations, "6000", 1, INT64_MAX, "", "steps", "training steps", "2000") \
 *         X(f64,  lr,         "0.01", 0, 1e3,       "", "",      "learning rate",  "0.001") \
 *         X(pick, optimizer,  "sgd",  0, 0, "sgd|adamw", "",     "how weights move", "sgd") \
 *     RMSEG_OPTIONS_DECLARE(train_options, TRAIN_OPTIONS)     -> typedef struct train_options {...}, one typed field a
 * row RMSEG_OPTIONS_DEFINE(train_options, TRAIN_OPTIONS)      -> static const rmseg_option_row train_options_rows[]
 *
 * Columns: type, field, default as text, minimum, maximum, choices, unit, help, example. A '_' in a field is '-' in its
 * key. Types: i64 (int64_t), f64 (double), str (const char *, owned by the options), pick (const char *, one of
 * choices), flag (bool: true, false, yes, no, on, off, 1, 0). A row whose default is "" has no value until it is given:
 * 0, NaN, "" or false.
 */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include "core/text.h"
#include "rmseg/core.h"

typedef enum rmseg_option_type {
    RMSEG_OPTION_i64,
    RMSEG_OPTION_f64,
    RMSEG_OPTION_str,
    RMSEG_OPTION_pick,
    RMSEG_OPTION_flag
} rmseg_option_type;

typedef int64_t rmseg_option_i64;
typedef double rmseg_option_f64;
typedef const char *rmseg_option_str;
typedef const char *rmseg_option_pick;
typedef bool rmseg_option_flag;

typedef struct rmseg_option_row {
    rmseg_option_type type;
    const char *field; /* C name; the key has '-' for '_' */
    size_t offset;     /* of the field in the typed struct */
    const char *fallback;
    double minimum, maximum;
    const char *choices, *unit, *help, *example;
} rmseg_option_row;

#define RMSEG_OPTIONS_FIELD(type, field, ...) rmseg_option_##type field;
#define RMSEG_OPTIONS_DECLARE(name, ROWS)                                                                              \
    typedef struct name {                                                                                              \
        ROWS(RMSEG_OPTIONS_FIELD)                                                                                      \
    } name;
/* The struct's name is fixed as OPTIONS_STRUCT by the file that defines the rows, so that offsetof can see it. */
#define RMSEG_OPTIONS_ROW(type, field, fallback, minimum, maximum, choices, unit, help, example)                       \
    {RMSEG_OPTION_##type,                                                                                              \
     #field,                                                                                                           \
     offsetof(OPTIONS_STRUCT, field),                                                                                  \
     fallback,                                                                                                         \
     (double)(minimum),                                                                                                \
     (double)(maximum),                                                                                                \
     choices,                                                                                                          \
     unit,                                                                                                             \
     help,                                                                                                             \
     example},

/* An options object over `rows`; `size` is sizeof the typed struct. Every field has its default. */
rmseg_status rmseg_options_create(rmseg_options **options, const rmseg_option_row *rows, int64_t count, size_t size);

/* The typed struct, borrowed: `const train_options *o = rmseg_options_values(options);` */
const void *rmseg_options_values(const rmseg_options *options);

/* Sets a default that a layout or a net brings: does nothing when the user has given the key. */
rmseg_status rmseg_options_suggest(rmseg_options *options, const char *key, const char *value);

/* Every option as used, as a config file that _read accepts. */
void rmseg_options_text(const rmseg_options *options, rmseg_text *text);

/* "112,112,80" -> up to `most` integers >= minimum; *count says how many. `key` is for the sentence. */
rmseg_status rmseg_parse_list(int64_t *values, int64_t *count, int64_t most, int64_t minimum, const char *key,
                              const char *text);

#endif
