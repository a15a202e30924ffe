/*
 * cli/terminal.c - the library's progress and log on stderr, Ctrl-C.
 *
 * A terminal gets a bar with rate and time left, redrawn in place; a pipe gets a plain line at every tenth of the work
 * and at least every half minute. NO_COLOR is honoured. The first Ctrl-C asks the work to stop and save, the second one
 * ends it.
 */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    bool quiet, terminal, colour;
    bool bar; /* a bar stands on the current line */
    char stage[64];
    double start, last;   /* seconds */
    int64_t first, tenth; /* done at the start of the stage; last printed tenth */
} state;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void clear_bar(void)
{
    if (state.bar) fputs("\r\033[K", stderr);
    state.bar = false;
}

static void on_log(void *user, rmseg_log_level level, const char *line)
{
    (void)user;
    if (state.quiet && level == RMSEG_LOG_INFO) return;
    clear_bar();
    if (level == RMSEG_LOG_WARNING)
        fprintf(stderr, state.colour ? "\033[33mwarning:\033[0m %s\n" : "warning: %s\n", line);
    else
        fprintf(stderr, "%s\n", line);
}

static const char *duration(char buffer[32], double seconds)
{
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(buffer, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buffer, 32, "%ld:%02ld", s / 60, s % 60);
    return buffer;
}

static void draw_bar(int64_t done, int64_t total, const char *rest)
{
    char bar[25];
    int filled = total > 0 ? (int)(24 * done / total) : 0;
    for (int i = 0; i < 24; i++) bar[i] = i < filled ? '#' : '-';
    bar[24] = '\0';
    fprintf(stderr, "\r\033[K%s [%s] %lld/%lld%s", state.stage, bar, (long long)done, (long long)total, rest);
    state.bar = true;
    if (done >= total) fputc('\n', stderr), state.bar = false;
    fflush(stderr);
}

static void on_progress(void *user, const char *stage, int64_t done, int64_t total, const char *note)
{
    (void)user;
    if (state.quiet) return;
    double time = now();
    if (strcmp(stage, state.stage) != 0 || done < state.first) {
        clear_bar();
        snprintf(state.stage, sizeof state.stage, "%s", stage);
        state.start = state.last = time;
        state.first = done;
        state.tenth = total > 0 ? 10 * done / total : 0;
    }
    char rest[256] = "", left[32];
    double rate = time > state.start ? (double)(done - state.first) / (time - state.start) : 0;
    if (rate > 0 && done < total)
        snprintf(rest, sizeof rest, "  %.3g/s  %s left%s%s", rate, duration(left, (double)(total - done) / rate),
                 *note ? "  " : "", note);
    else if (done >= total)
        snprintf(rest, sizeof rest, "  in %s%s%s", duration(left, time - state.start), *note ? "  " : "", note);
    if (state.terminal) {
        draw_bar(done, total, rest);
    } else if (total > 0 && (10 * done / total > state.tenth || time - state.last > 30)) {
        fprintf(stderr, "%s %lld/%lld%s\n", stage, (long long)done, (long long)total, rest);
        state.tenth = 10 * done / total;
        state.last = time;
    }
    if (done >= total) state.stage[0] = '\0';
}

static void on_signal(int number)
{
    rmseg_cancel();
    signal(number, SIG_DFL);
}

void cli_terminal_start(bool quiet)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    state.quiet = quiet;
    state.terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    state.colour = state.terminal && !(no_colour && *no_colour);
    rmseg_log_set(on_log, NULL);
    rmseg_progress_set(on_progress, NULL);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
}

void cli_terminal_end(void)
{
    if (state.bar) fputc('\n', stderr);
    state.bar = false;
}
