/* log.c - cancelling, log and progress: how a long call talks to its caller. */
#include "core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES       2048
#define PROGRESS_PAUSE_S 0.1

static atomic_int cancelled;

void rmseg_cancel(void) { atomic_store(&cancelled, 1); }
bool rmseg_cancelled(void) { return atomic_load(&cancelled) != 0; }
void rmseg_cancel_reset(void) { atomic_store(&cancelled, 0); }

/* Everything below is guarded by this lock. It is recursive, so that a callback may itself log. A fork waits for it,
 * and the child makes it anew: the child's thread has another number and could not give it back. */
static pthread_mutex_t mutex;
static pthread_once_t mutex_once = PTHREAD_ONCE_INIT;

static void mutex_init(void)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
}

static void mutex_lock(void) { pthread_mutex_lock(&mutex); }

static void unlock(void) { pthread_mutex_unlock(&mutex); }

static void mutex_create(void)
{
    mutex_init();
    pthread_atfork(mutex_lock, unlock, mutex_init);
}

static void lock(void)
{
    pthread_once(&mutex_once, mutex_create);
    mutex_lock();
}

static rmseg_log_fn log_fn;
static void *log_user;
static rmseg_progress_fn progress_fn;
static void *progress_user;
static char progress_stage[64];
static double progress_s;

void rmseg_log_set(rmseg_log_fn fn, void *user)
{
    lock();
    log_fn = fn;
    log_user = user;
    unlock();
}

static void say(rmseg_log_level level, const char *format, va_list args)
{
    char line[LINE_BYTES];
    vsnprintf(line, sizeof line, format, args);
    lock();
    if (log_fn) log_fn(log_user, level, line);
    unlock();
}

void rmseg_info(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(RMSEG_LOG_INFO, format, args);
    va_end(args);
}

void rmseg_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(RMSEG_LOG_WARNING, format, args);
    va_end(args);
}

void rmseg_progress_set(rmseg_progress_fn fn, void *user)
{
    lock();
    progress_fn = fn;
    progress_user = user;
    progress_stage[0] = '\0';
    unlock();
}

/* Whether this report is let through: the first of a stage, the last, or late enough after the one before. */
static bool is_due(const char *stage, int64_t done, int64_t total)
{
    double now = rmseg_now_s();
    bool first = strncmp(stage, progress_stage, sizeof progress_stage - 1) != 0;
    if (!first && done != total && now - progress_s < PROGRESS_PAUSE_S) return false;
    snprintf(progress_stage, sizeof progress_stage, "%s", done == total ? "" : stage);
    progress_s = now;
    return true;
}

void rmseg_progress(const char *stage, int64_t done, int64_t total, const char *note)
{
    lock();
    if (progress_fn && is_due(stage, done, total)) progress_fn(progress_user, stage, done, total, note ? note : "");
    unlock();
}

double rmseg_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
