/*
 * core/options.h - options are rows beside the code that reads them.
 *
 *     #define TRAIN_OPTIONS(X)                                                                                        \
 *         X(i64,  iterations, "6000", 1, INT64_MAX, "", "steps", "training steps", "2000")                            \
 *         X(f64,  lr,         "0.01", 0, 1e3,       "", "",      "learning rate",  "0.001")                           \
 *         X(pick, optimizer,  "sgd",  0, 0, "sgd|adamw", "",     "how weights move", "sgd")
 *     RMSEG_OPTIONS_DECLARE(train_options, TRAIN_OPTIONS)
 *         -> typedef struct train_options {...}, one typed field a row, and
 *            const train_options *train_options_values(const rmseg_options *)
 *     RMSEG_OPTIONS_DEFINE(train_options, TRAIN_OPTIONS)
 *         -> static rmseg_status train_options_create(rmseg_options **)
 *
 * Columns: type, field, default as text, minimum, maximum, choices, unit, help, example. A '_' in a field is '-' in its
 * key. Types: i64 (int64_t), f64 (double), str (const char *), pick (const char *, one of choices), flag (bool: true,
 * false, yes, no, on, off, 1, 0). Text belongs to the options. A row whose default is "" has no value until it is
 * given: 0, NaN, "" or false. Rows that several works share are a list of their own: `COMMON_OPTIONS(X) X(...) ...`.
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

/* clang-format off: one row of a table a line */
#define RMSEG_OPTIONS_FIELD(type, field, ...) rmseg_option_##type field;
#define RMSEG_OPTIONS_ROW(type, field, fallback, minimum, maximum, choices, unit, help, example)                       \
    {RMSEG_OPTION_##type,                                                                                              \
     #field,                                                                                                           \
     offsetof(options_struct, field),                                                                                  \
     fallback,                                                                                                         \
     (double)(minimum),                                                                                                \
     (double)(maximum),                                                                                                \
     choices,                                                                                                          \
     unit,                                                                                                             \
     help,                                                                                                             \
     example},
/* clang-format on */

#define RMSEG_OPTIONS_DECLARE(name, ROWS)                                                                              \
    typedef struct name {                                                                                              \
        ROWS(RMSEG_OPTIONS_FIELD)                                                                                      \
    } name;                                                                                                            \
    static inline const name *name##_values(const rmseg_options *options)                                              \
    {                                                                                                                  \
        return (const name *)rmseg_options_values(options, #name);                                                     \
    }

#define RMSEG_OPTIONS_DEFINE(name, ROWS)                                                                               \
    static rmseg_status name##_create(rmseg_options **options)                                                         \
    {                                                                                                                  \
        typedef name options_struct;                                                                                   \
        static const rmseg_option_row rows[] = {ROWS(RMSEG_OPTIONS_ROW)};                                              \
        return rmseg_options_create(options, #name, rows, (int64_t)(sizeof rows / sizeof *rows), sizeof(name));        \
    }

/* An options object over `rows`, which it borrows; `size` is sizeof the typed struct, `name` its name. Every field has
 * its default; a default that its own row refuses is an error. */
rmseg_status rmseg_options_create(rmseg_options **options, const char *name, const rmseg_option_row *rows,
                                  int64_t count, size_t size);

/* The typed struct, borrowed; its text fields live until the next set. NULL, with a sentence, for options of another
 * work (those of a prediction given to a training) or none: return RMSEG_ERROR_ARGUMENT then. */
const void *rmseg_options_values(const rmseg_options *options, const char *name);

/* Sets a default that a layout or a net brings: does nothing when the user has given the key. */
rmseg_status rmseg_options_suggest(rmseg_options *options, const char *key, const char *value);

/* Every option as used, as a config file that rmseg_options_read accepts; one without a value is a comment. */
void rmseg_options_text(const rmseg_options *options, rmseg_text *text);

/* "112,112,80" -> up to `most` integers >= minimum; *count says how many. `key` is for the sentence. Sets `values`,
 * which has room for `most`, only as far as it gets. */
rmseg_status rmseg_parse_list(int64_t *values, int64_t *count, int64_t most, int64_t minimum, const char *key,
                              const char *text);

#endif
