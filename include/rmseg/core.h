/*
 * rmseg/core.h - what every other header needs: status and error sentence, version, threads, options, log,
 * progress, cancelling.                                                        tier: may change before 1.0
 *
 * The contract of the whole library (docs/conventions.md tells it with an example):
 *   - a function that can fail returns rmseg_status; its outputs come first and are set only on success;
 *   - rmseg_error_last() is then one sentence: what happened, where, what to do;
 *   - the library never prints, never exits, never aborts;
 *   - _create gives you an object you own, _destroy takes it back and accepts NULL;
 *   - a `const T *` result is borrowed from the object it came from and dies with it.
 */
#ifndef RMSEG_CORE_H
#define RMSEG_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define RMSEG_API                 __attribute__((visibility("default")))
#define RMSEG_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define RMSEG_API
#define RMSEG_PRINTF(text, first)
#endif

#define RMSEG_VERSION "0.1.0"

/* Goes up by one whenever a public function, struct or constant changes or goes, so that whoever was made for other
 * headers (the Python package) can tell. */
#define RMSEG_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ------------------------------------------------------------------------------------------------ */

typedef enum rmseg_status {
    RMSEG_OK = 0,
    RMSEG_ERROR_ARGUMENT,    /* a value the caller gave is wrong (unknown option, bad shape, syntax) */
    RMSEG_ERROR_MEMORY,      /* the system has no memory left */
    RMSEG_ERROR_FILE,        /* a file cannot be opened, read or written */
    RMSEG_ERROR_FORMAT,      /* a file was read but its content is not what it must be */
    RMSEG_ERROR_UNSUPPORTED, /* right, but this build or this version cannot do it */
    RMSEG_ERROR_EXISTS,      /* an output is already there and nobody allowed to replace it */
    RMSEG_ERROR_CANCELLED,   /* rmseg_cancel() was called; what could be saved is saved */
    RMSEG_ERROR_NUMERIC,     /* a loss or a weight became NaN or infinite */
    RMSEG_ERROR_INTERNAL     /* a fault in rmseg itself: please report it */
} rmseg_status;

/* The sentence of this thread's last failure; "" when there was none. Borrowed until this thread's next failure. */
RMSEG_API const char *rmseg_error_last(void);

/* Short name of a status ("argument", "file", ...), never NULL. */
RMSEG_API const char *rmseg_status_name(rmseg_status status);

/* Version of the library that is running, "0.1.0"; RMSEG_VERSION is that of the header. */
RMSEG_API const char *rmseg_version(void);

/* The RMSEG_ABI_VERSION that the running library was compiled with. */
RMSEG_API int rmseg_abi_version(void);

/* Compiler, build type and system of the running library: "GNU 12.2.0, Release, Linux x86_64". */
RMSEG_API const char *rmseg_build(void);

/* The libraries of other people that this library knows, and which of them this build has. */
typedef struct rmseg_library_info {
    const char *name;    /* "png" */
    const char *version; /* "1.6.39"; "" when this build lacks it */
    const char *purpose; /* "PNG images" */
} rmseg_library_info;
RMSEG_API int64_t rmseg_library_count(void);
RMSEG_API rmseg_status rmseg_library_get(rmseg_library_info *info, int64_t index);

/* Frees a text that a function gave as owned; NULL is legal. */
RMSEG_API void rmseg_text_free(char *text);

/* ---- threads ----------------------------------------------------------------------------------------------- */

/* Threads that parallel work uses, the calling one included. Default: RMSEG_THREADS, else the processors this process
 * may run on. Results never depend on it. */
RMSEG_API int rmseg_threads(void);

#define RMSEG_MOST_THREADS 1024

/* Sets it, up to RMSEG_MOST_THREADS; 0 means the default. Not while parallel work is running. */
RMSEG_API rmseg_status rmseg_threads_set(int count);

/* ---- cancelling, log, progress: how a long call talks to its caller ------------------------------------------ */

/* Asks running work to save what it can and return RMSEG_ERROR_CANCELLED. Safe in a signal handler. */
RMSEG_API void rmseg_cancel(void);
RMSEG_API bool rmseg_cancelled(void);
RMSEG_API void rmseg_cancel_reset(void);

typedef enum rmseg_log_level { RMSEG_LOG_INFO, RMSEG_LOG_WARNING } rmseg_log_level;

/* One line of text without a newline. May be called from any thread, one at a time. */
typedef void (*rmseg_log_fn)(void *user, rmseg_log_level level, const char *line);
RMSEG_API void rmseg_log_set(rmseg_log_fn fn, void *user);

/* `stage` names the work ("train", "predict"), `done` of `total` steps are finished, `note` is a short text that
 * belongs beside the bar ("loss 0.412") or "". Called from the thread that does the work, at most some ten times a
 * second. */
typedef void (*rmseg_progress_fn)(void *user, const char *stage, int64_t done, int64_t total, const char *note);
RMSEG_API void rmseg_progress_set(rmseg_progress_fn fn, void *user);

/* ---- options ------------------------------------------------------------------------------------------------- */

/* The options of one piece of work (training, prediction, ...): created by that work's _options_create with the
 * defaults, filled by key, handed to the call. The same rows make the command's flags, --help, the config file and the
 * record in a run's folder. */
typedef struct rmseg_options rmseg_options;

typedef struct rmseg_option_info {
    const char *key;         /* "weight-decay": flag --weight-decay, config key weight-decay; never NULL */
    const char *type;        /* "integer" | "number" | "text" | "choice" | "switch" */
    const char *fallback;    /* the default as text, "" where none */
    const char *choices;     /* "sgd|adamw" for a choice, else "" */
    double minimum, maximum; /* bounds of integer and number, inclusive */
    const char *unit;        /* "steps", "voxels", "" */
    const char *help;        /* one line */
    const char *example;     /* a value that works, "" where none */
} rmseg_option_info;

/* Options made of rows alone, for work that has no typed struct: read the values with rmseg_options_get. Rows are
 * copied, their strings are not; a NULL string is "". */
RMSEG_API rmseg_status rmseg_options_define(rmseg_options **options, const rmseg_option_info *rows, int64_t count);

RMSEG_API void rmseg_options_destroy(rmseg_options *options);
RMSEG_API int64_t rmseg_options_count(const rmseg_options *options);
RMSEG_API rmseg_status rmseg_options_info(rmseg_option_info *info, const rmseg_options *options, int64_t index);

/* Sets one option from text. An unknown key is RMSEG_ERROR_ARGUMENT and the sentence names the nearest one. */
RMSEG_API rmseg_status rmseg_options_set(rmseg_options *options, const char *key, const char *value);

/* The value as text (borrowed until the next set), NULL for an unknown key. */
RMSEG_API const char *rmseg_options_get(const rmseg_options *options, const char *key);

/* True when the key was set by the user (rmseg_options_set or _read) rather than left at its default. */
RMSEG_API bool rmseg_options_given(const rmseg_options *options, const char *key);

/* The candidate nearest to `word` by edit distance, upper and lower case alike, where one that begins with `word` is one
 * edit away; NULL when none is near (distance above max(2, length/3), or as many edits as `word` has letters). For "did
 * you mean". */
RMSEG_API const char *rmseg_nearest(const char *word, const char *const *candidates, int64_t count);

/* Reads `key = value` lines; '#' and ';' start comment lines, [sections] are ignored. Errors name file and line. */
RMSEG_API rmseg_status rmseg_options_read(rmseg_options *options, const char *path);

#ifdef __cplusplus
}
#endif
#endif
