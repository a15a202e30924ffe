/*
 * isolated.c - decodes in a forked child, which hands the image over by a pipe: first what the header says, then the
 * voxels, once.
 *
 * The child has one thread and calls nothing that could wait for another one: malloc, which fork leaves in order, the
 * decoder's library, write. What it says is checked as a file is: it is believed no more than the file that it read.
 */
#include "image/isolated.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

enum {
    SPARE = 256 << 20,        /* bytes that a library may need for nothing in particular */
    BYTES_A_SECOND = 1 << 22, /* the least that any filter unpacks */
    WAITS = 10,               /* seconds on the clock for one of processor time, on a machine that has much to do */
};

#ifdef THREAD_SANITIZER /* does not follow a fork of a process that has threads */
#define FORKS false
#else
#define FORKS true
#endif

/* What the child says of the header, and again before the voxels. */
typedef struct answer {
    rmseg_status status;
    char sentence[RMSEG_ERROR_LENGTH];
    rmseg_dtype dtype;
    int64_t size[3], axes;
} answer;

/* ---- the child -------------------------------------------------------------------------------------------------- */

static void limit(int what, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(what, &now)) return;
    now.rlim_cur = now.rlim_max < most ? now.rlim_max : most;
    setrlimit(what, &now);
}

/* Bytes of addresses in use, or 0 where the system does not say. */
static rlim_t addresses(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%lu", &pages) != 1) pages = 0;
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* The sanitizer's own memory is beyond every limit. */
static void limit_memory(rlim_t in_use, const rmseg_image_file *file, int64_t bytes)
{
#ifndef ADDRESS_SANITIZER
    if (in_use) limit(RLIMIT_AS, in_use + SPARE + 4 * (rlim_t)file->length + 4 * (rlim_t)bytes);
#else
    (void)in_use, (void)file, (void)bytes;
#endif
}

/* What is in memory as a whole needs no other file, whatever it names. */
static void limit_files(const rmseg_image_file *file)
{
#ifndef ADDRESS_SANITIZER /* whose reports read some */
    if (file->length == file->total) limit(RLIMIT_NOFILE, 0);
#else
    (void)file;
#endif
}

/* No handler of the parent's runs here, no core is left behind, and the child does not outlive who waits for it. */
static void settle_in(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGXCPU, SIGPIPE, SIGTERM, SIGALRM};
    sigset_t none;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], SIG_DFL);
    signal(SIGINT, SIG_IGN); /* of the terminal: the parent decides */
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    limit(RLIMIT_CORE, 0);
#ifdef __linux__
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
}

static int64_t data_bytes(const rmseg_image *image)
{
    return rmseg_image_voxels(image) * (int64_t)rmseg_dtype_size(image->dtype);
}

/* Of processor time for header and voxels. */
static int64_t seconds_for(const rmseg_isolation *isolation, const rmseg_image *header)
{
    return 2 * isolation->seconds + data_bytes(header) / BYTES_A_SECOND;
}

static void put(int to, const void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(to, (const char *)bytes + done, length - done);
        if (n < 0 && errno != EINTR) _exit(1);
        if (n > 0) done += (size_t)n;
    }
}

/* Sends how it went; ends the child where it failed. */
static void put_answer(int to, rmseg_status status, const rmseg_image *image)
{
    static answer a; /* what pads it is sent too, and is zero */
    a.status = status;
    a.dtype = image->dtype;
    a.axes = image->axes;
    memcpy(a.size, image->size, sizeof a.size);
    if (status) rmseg_error_take(a.sentence);
    put(to, &a, sizeof a);
    if (status) _exit(0);
}

static void be_child(int to, const rmseg_image_file *file, bool header_only, const rmseg_isolation *isolation)
{
    rlim_t in_use = addresses();
    rmseg_image header = {0}, image = {0};
    settle_in();
    limit(RLIMIT_CPU, (rlim_t)isolation->seconds);
    limit_memory(in_use, file, 0);
    limit_files(file);
    put_answer(to, isolation->decode(&header, file, true), &header);
    if (header_only) _exit(0);
    limit(RLIMIT_CPU, (rlim_t)seconds_for(isolation, &header));
    limit_memory(in_use, file, data_bytes(&header));
    put_answer(to, isolation->decode(&image, file, false), &image);
    put(to, image.data, (size_t)data_bytes(&image));
    _exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------------------------- */

typedef struct child {
    pid_t id;
    int from;
    bool slow; /* it said nothing for so long that it never will */
} child;

/* One at a time, so that no child holds the end of another one's pipe. */
static bool start(child *c, const rmseg_image_file *file, bool header_only, const rmseg_isolation *isolation)
{
    int ends[2];
    pthread_mutex_lock(&lock);
    bool piped = pipe(ends) == 0;
    *c = (child){.id = piped ? fork() : -1, .from = piped ? ends[0] : -1};
    if (c->id == 0) be_child(ends[1], file, header_only, isolation);
    if (piped) {
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
#ifdef F_SETPIPE_SZ
        fcntl(ends[0], F_SETPIPE_SZ, 1 << 20); /* fewer turns for the voxels; a refusal costs speed only */
#endif
        close(ends[1]);
    }
    if (piped && c->id < 0) close(ends[0]);
    pthread_mutex_unlock(&lock);
    return c->id > 0;
}

/* Waits by the second, so that a machine that slept does not count. */
static bool wait_for_more(child *c, int64_t seconds)
{
    struct pollfd one = {.fd = c->from, .events = POLLIN};
    for (int64_t waited = 0; waited < seconds;) {
        int ready = poll(&one, 1, 1000);
        if (ready > 0) return true;
        if (ready == 0) waited++;
        if (ready < 0 && errno != EINTR) return false;
    }
    c->slow = true;
    return false;
}

static bool get(child *c, void *bytes, size_t length, int64_t seconds)
{
    for (size_t done = 0; done < length;) {
        if (!wait_for_more(c, seconds)) return false;
        ssize_t n = read(c->from, (char *)bytes + done, length - done);
        if (n == 0 || (n < 0 && errno != EINTR)) return false;
        if (n > 0) done += (size_t)n;
    }
    return true;
}

/* The wait fails where the process takes no notice of its children: then nothing is known of how this one ended. */
static int end(const child *c)
{
    int how = 0;
    pid_t ended;
    close(c->from);
    while ((ended = waitpid(c->id, &how, 0)) < 0 && errno == EINTR) continue;
    return ended < 0 ? 0 : how;
}

static rmseg_status fail_ended(const child *c, int how, const rmseg_image_file *file, const char *library)
{
    char reason[96];
    bool endless = c->slow || (WIFSIGNALED(how) && WTERMSIG(how) == SIGXCPU);
    if (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL && !c->slow)
        return rmseg_fail(RMSEG_ERROR_MEMORY,
                          "%s: the process that reads this %s by %s was killed: probably there was not enough memory",
                          file->name, file->format, library);
    snprintf(reason, sizeof reason, endless ? "%s found no end of reading it" : "%s crashed while reading it", library);
    return rmseg_image_fail_damaged(file, reason);
}

static rmseg_status take_answer(answer *a, const rmseg_image_file *file)
{
    a->sentence[sizeof a->sentence - 1] = '\0';
    if (a->status) {
        rmseg_error_give(a->sentence);
        return a->status;
    }
    bool known = a->dtype >= RMSEG_U8 && a->dtype <= RMSEG_F64 && a->size[0] >= 1 && a->size[1] >= 1 && a->size[2] >= 1;
    return known ? RMSEG_OK : rmseg_image_fail_damaged(file, "what was read of it makes no sense");
}

/* *broken: the child ended or stuck on the way. */
static rmseg_status receive(rmseg_image *image, child *c, bool *broken, const rmseg_image_file *file, bool header_only,
                            const rmseg_isolation *isolation)
{
    answer a, again;
    *broken = !get(c, &a, sizeof a, WAITS * isolation->seconds);
    if (*broken) return RMSEG_ERROR_FORMAT;
    RMSEG_TRY(take_answer(&a, file));
    RMSEG_TRY(rmseg_image_announce(image, file, a.dtype, 1, a.size, 0, 1));
    image->axes = a.axes;
    if (header_only) return RMSEG_OK;
    int64_t seconds = WAITS * seconds_for(isolation, image);
    *broken = !get(c, &again, sizeof again, seconds);
    if (*broken) return RMSEG_ERROR_FORMAT;
    RMSEG_TRY(take_answer(&again, file));
    RMSEG_TRY(rmseg_image_allocate(image));
    *broken = !get(c, image->data, (size_t)data_bytes(image), seconds);
    return *broken ? RMSEG_ERROR_FORMAT : RMSEG_OK;
}

static rmseg_status decode_here(rmseg_image *image, const rmseg_image_file *file, bool header_only,
                                const rmseg_isolation *isolation)
{
    pthread_mutex_lock(&lock);
    rmseg_status status = isolation->decode(image, file, header_only);
    pthread_mutex_unlock(&lock);
    return status;
}

rmseg_status rmseg_isolated_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only,
                                   const rmseg_isolation *isolation)
{
    child c;
    bool broken = false;
    if (!FORKS || !start(&c, file, header_only, isolation)) return decode_here(image, file, header_only, isolation);
    rmseg_status status = receive(image, &c, &broken, file, header_only, isolation);
    if (c.slow) kill(c.id, SIGKILL);
    int how = end(&c); /* which closes the pipe, so that a child that still writes ends */
    return broken ? fail_ended(&c, how, file, isolation->library) : status;
}
