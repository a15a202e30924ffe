/*
 * cli/terminal.c - the library's progress and log on stderr, Ctrl-C.
 *
 * A terminal gets a bar with rate and time left, redrawn in place; a pipe gets a plain line at every tenth of the work
 * and at least every half minute. NO_COLOR is honoured. The first Ctrl-C asks the work to stop and save, the second one
 * ends it.
 */
#include "cli/cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24, PIPE_SECONDS = 30 };

static struct {
    bool quiet, terminal, colour;
    bool bar; /* a bar stands on the current line */
    char stage[64];
    double start, last;   /* seconds: of the stage; of the line last printed to a pipe */
    int64_t first, tenth; /* steps done when the stage started; tenth last printed to a pipe */
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
    const char *mark = level == RMSEG_LOG_WARNING ? "warning: " : "", *on = "", *off = "";
    if (*mark && state.colour) on = "\033[33m", off = "\033[0m";
    fprintf(stderr, "%s%s%s%s\n", on, mark, off, line);
}

void cli_remark(const char *format, ...)
{
    if (state.quiet) return;
    clear_bar();
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
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

/* A line longer than the terminal would wrap and could not be redrawn. */
static int columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw_bar(int64_t done, int64_t total, const char *rest)
{
    char bar[BAR + 1], line[512];
    int filled = (int)((double)BAR * (double)done / (double)total);
    for (int i = 0; i < BAR; i++) bar[i] = i < filled ? '#' : '-';
    bar[BAR] = '\0';
    snprintf(line, sizeof line, "%s [%s] %lld/%lld%s", state.stage, bar, (long long)done, (long long)total, rest);
    fprintf(stderr, "\r\033[K%.*s%s", columns() - 1, line, done >= total ? "\n" : "");
    state.bar = done < total;
    fflush(stderr);
}

static void print_line(double time, int64_t done, int64_t total, const char *rest)
{
    int64_t tenth = (int64_t)(10 * (double)done / (double)total);
    if (tenth <= state.tenth && time - state.last <= PIPE_SECONDS) return;
    fprintf(stderr, "%s %lld/%lld%s\n", state.stage, (long long)done, (long long)total, rest);
    state.tenth = tenth;
    state.last = time;
}

static void begin_stage(const char *stage, double time, int64_t done, int64_t total)
{
    clear_bar();
    snprintf(state.stage, sizeof state.stage, "%s", stage);
    state.start = state.last = time;
    state.first = done;
    state.tenth = done < total ? (int64_t)(10 * (double)done / (double)total) : -1;
}

static void on_progress(void *user, const char *stage, int64_t done, int64_t total, const char *note)
{
    (void)user;
    if (state.quiet || total <= 0) return;
    double time = now();
    if (strcmp(stage, state.stage) != 0 || done < state.first) begin_stage(stage, time, done, total);
    char rest[256] = "", left[32];
    double rate = time > state.start ? (double)(done - state.first) / (time - state.start) : 0;
    const char *gap = *note ? "  " : "";
    if (done >= total)
        snprintf(rest, sizeof rest, "  in %s%s%s", duration(left, time - state.start), gap, note);
    else if (rate > 0)
        snprintf(rest, sizeof rest, "  %.3g/s  %s left%s%s", rate, duration(left, (double)(total - done) / rate), gap,
                 note);
    if (state.terminal)
        draw_bar(done, total, rest);
    else
        print_line(time, done, total, rest);
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
    signal(SIGINT, on_signal); /* also where a script's background job was started with it ignored: nothing is lost */
    signal(SIGTERM, on_signal);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is then a failed write with a sentence */
}

void cli_terminal_end(void)
{
    if (state.bar) fputc('\n', stderr);
    state.bar = false;
}
