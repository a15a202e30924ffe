/* error.c - the sentence of a thread's last failure. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last[RMSEG_ERROR_LENGTH];

static void append(char *sentence, const char *more)
{
    strncat(sentence, more, RMSEG_ERROR_LENGTH - 1 - strlen(sentence));
}

/* One line: names of files and what files hold may have characters that move the cursor of a terminal. */
static void keep(const char *sentence)
{
    size_t length = strlen(sentence);
    for (size_t i = 0; i <= length; i++) {
        bool control = (unsigned char)sentence[i] < ' ' || sentence[i] == 0x7f;
        last[i] = control && i < length ? '?' : sentence[i];
    }
}

const char *rmseg_error_last(void) { return last; }

const char *rmseg_status_name(rmseg_status status)
{
    switch (status) {
    case RMSEG_OK: return "ok";
    case RMSEG_ERROR_ARGUMENT: return "argument";
    case RMSEG_ERROR_MEMORY: return "memory";
    case RMSEG_ERROR_FILE: return "file";
    case RMSEG_ERROR_FORMAT: return "format";
    case RMSEG_ERROR_UNSUPPORTED: return "unsupported";
    case RMSEG_ERROR_EXISTS: return "exists";
    case RMSEG_ERROR_CANCELLED: return "cancelled";
    case RMSEG_ERROR_NUMERIC: return "numeric";
    case RMSEG_ERROR_INTERNAL: return "internal";
    }
    return "unknown";
}

/* The arguments may point into the sentence they replace, so it is built aside. */
rmseg_status rmseg_fail(rmseg_status status, const char *format, ...)
{
    char sentence[RMSEG_ERROR_LENGTH];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    keep(sentence);
    return status;
}

rmseg_status rmseg_fail_in(rmseg_status status, const char *format, ...)
{
    char sentence[RMSEG_ERROR_LENGTH];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    append(sentence, ": ");
    append(sentence, last);
    keep(sentence);
    return status;
}

rmseg_status rmseg_fail_memory(void)
{
    return rmseg_fail(RMSEG_ERROR_MEMORY, "out of memory: the system could not give what was asked for; use a smaller "
                                          "patch, batch or image, or a machine with more memory");
}

void rmseg_error_take(char *sentence) { memcpy(sentence, last, strlen(last) + 1); }

void rmseg_error_give(const char *sentence)
{
    char cut[RMSEG_ERROR_LENGTH];
    snprintf(cut, sizeof cut, "%s", sentence);
    keep(cut);
}
