/*
 * parallel.c - a small pool of threads behind rmseg_parallel_for (why our own: docs/decisions/001-threads.md).
 *
 * A job is announced by one atomic word: its number, whether it is open, and how many workers are inside. A worker
 * joins by raising that count while the job is open. Each thread has a share of the chunks, the same in every job of
 * that size, so that its data stay in its cache; it takes its own from the front, then the others' from the back. When
 * the chunks are gone the caller closes the job and waits for those inside to leave. A worker that sleeps through a job
 * is never waited for. Between jobs a worker spins for some microseconds before it sleeps, unless there are more
 * threads than processors: then spinning would take the time away from those who work.
 */
#include "core/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/error.h"
#include "core/log.h"
#include "core/text.h"

#define SPIN_S 30e-6

/* The word: number of the job (32 bits), open (1 bit), workers inside (31 bits). */
#define JOB_SHIFT  32
#define JOB_OPEN   ((uint64_t)1 << 31)
#define JOB_INSIDE (JOB_OPEN - 1)

/* The chunks of one thread. Whoever lowers `left` may take one: the owner at the front, others at the back. */
typedef struct share {
    alignas(64) _Atomic int64_t left;
    _Atomic int64_t end; /* one past the last chunk */
    int64_t first;       /* the owner's alone while the job runs */
} share;

static share shares[RMSEG_MOST_THREADS];

static struct pool {
    atomic_int wanted; /* threads asked for; 0: the default, not looked up yet */
    atomic_bool busy;  /* a job runs, or the pool is being changed */
    int threads;       /* the `wanted` this pool was made for */
    bool spins;        /* no more threads than processors */

    _Atomic uint64_t word;
    rmseg_chunk_fn fn;
    void *context;

    pthread_mutex_t mutex;
    pthread_cond_t wake, left; /* a job is there; the last one inside left */
    atomic_int sleepers;       /* workers that need `wake` */
    atomic_bool caller_sleeps; /* the caller needs `left` */
    atomic_bool stopping;
    pthread_t workers[RMSEG_MOST_THREADS];
    int alive; /* workers */
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .left = PTHREAD_COND_INITIALIZER};

static _Thread_local int my_thread; /* 0 but in workers */
static _Thread_local bool alone;    /* rmseg_parallel_alone */

static int processors(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}

static int default_threads(void)
{
    const char *text = getenv("RMSEG_THREADS");
    int64_t count = 0;
    if (!text || !*text) return processors();
    if (rmseg_parse_integer(&count, text) && count >= 1 && count <= RMSEG_MOST_THREADS) return (int)count;
    rmseg_warn("RMSEG_THREADS=%s is not a number from 1 to %d; using %d threads", text, RMSEG_MOST_THREADS,
               processors());
    return processors();
}

int rmseg_threads(void)
{
    int wanted = atomic_load(&pool.wanted);
    if (wanted) return wanted;
    int expected = 0;
    wanted = default_threads();
    return atomic_compare_exchange_strong(&pool.wanted, &expected, wanted) ? wanted : expected;
}

rmseg_status rmseg_threads_set(int count)
{
    if (count < 0 || count > RMSEG_MOST_THREADS)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "threads: got %d, expected 1 to %d, or 0 for the default", count,
                          RMSEG_MOST_THREADS);
    atomic_store(&pool.wanted, count);
    return RMSEG_OK;
}

/* ---- waiting ------------------------------------------------------------------------------------------------- */

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Spins until `ready` or for SPIN_S. On a busy machine the one who is waited for may need this very processor: hence
 * the yield. */
static bool spin(bool (*ready)(uint64_t), uint64_t argument)
{
    if (ready(argument)) return true;
    if (!pool.spins) return false;
    for (double end = rmseg_now_s() + SPIN_S; rmseg_now_s() < end; sched_yield())
        for (int i = 0; i < 32; i++) {
            relax();
            if (ready(argument)) return true;
        }
    return false;
}

static bool job_to_join(uint64_t last)
{
    uint64_t word = atomic_load(&pool.word);
    return ((word & JOB_OPEN) && word >> JOB_SHIFT != last) || atomic_load(&pool.stopping);
}

static bool all_left(uint64_t unused)
{
    (void)unused;
    return (atomic_load(&pool.word) & JOB_INSIDE) == 0;
}

/* ---- workers ------------------------------------------------------------------------------------------------- */

static void wait_for_job(uint64_t last)
{
    if (spin(job_to_join, last)) return;
    pthread_mutex_lock(&pool.mutex);
    atomic_fetch_add(&pool.sleepers, 1); /* before the look at the word: the caller does the two in the other order */
    while (!job_to_join(last)) pthread_cond_wait(&pool.wake, &pool.mutex);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.mutex);
}

static bool join_job(uint64_t *last)
{
    uint64_t word = atomic_load(&pool.word);
    while ((word & JOB_OPEN) && word >> JOB_SHIFT != *last)
        if (atomic_compare_exchange_weak(&pool.word, &word, word + 1)) {
            *last = word >> JOB_SHIFT;
            return true;
        }
    return false;
}

static void leave_job(void)
{
    uint64_t word = atomic_fetch_sub(&pool.word, 1) - 1;
    if ((word & (JOB_OPEN | JOB_INSIDE)) || !atomic_load(&pool.caller_sleeps)) return;
    pthread_mutex_lock(&pool.mutex);
    pthread_cond_broadcast(&pool.left);
    pthread_mutex_unlock(&pool.mutex);
}

static bool claim(share *s) { return atomic_load(&s->left) > 0 && atomic_fetch_sub(&s->left, 1) > 0; }

static void take_chunks(void)
{
    share *own = &shares[my_thread];
    while (claim(own)) pool.fn(pool.context, own->first++, my_thread);
    for (int i = 1; i < pool.threads; i++) {
        share *other = &shares[(my_thread + i) % pool.threads];
        while (claim(other)) pool.fn(pool.context, atomic_fetch_sub(&other->end, 1) - 1, my_thread);
    }
}

static void *work(void *index)
{
    uint64_t last = UINT64_MAX; /* no job's number */
    my_thread = (int)(intptr_t)index;
    while (!atomic_load(&pool.stopping)) {
        wait_for_job(last);
        if (!join_job(&last)) continue;
        take_chunks();
        leave_job();
    }
    return NULL;
}

/* ---- the pool ------------------------------------------------------------------------------------------------- */

static void stop_workers(void)
{
    pthread_mutex_lock(&pool.mutex);
    atomic_store(&pool.stopping, true);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);
    while (pool.alive > 0) pthread_join(pool.workers[--pool.alive], NULL);
    atomic_store(&pool.stopping, false);
}

/* Workers take no signals: those are for the program's own threads. Where the system gives fewer than asked for, the
 * chunks are done by fewer. */
static void start_workers(int threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.alive < threads - 1) {
        void *index = (void *)(intptr_t)(pool.alive + 1);
        if (pthread_create(&pool.workers[pool.alive], NULL, work, index) != 0) break;
        pool.alive++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* When the program ends or the library is unloaded, its code and data are gone from under the workers. A job that runs
 * is another thread's, or this one's: it is not waited for. */
__attribute__((destructor)) static void end_workers(void)
{
    if (!atomic_exchange(&pool.busy, true)) stop_workers();
}

/* A forked child has none of the workers, and a lock may be held by one: everything is as before the first call. */
static void start_afresh(void)
{
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.left, NULL);
    atomic_store(&pool.word, 0);
    atomic_store(&pool.sleepers, 0);
    atomic_store(&pool.caller_sleeps, false);
    atomic_store(&pool.stopping, false);
    atomic_store(&pool.busy, false);
    pool.alive = pool.threads = 0;
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, start_afresh); }

static void fit_pool(int threads)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    if (pool.threads == threads) return;
    stop_workers();
    pool.spins = threads <= processors();
    pool.threads = threads;
    start_workers(threads);
}

static void share_out(int64_t chunks)
{
    int64_t each = chunks / pool.threads, more = chunks % pool.threads, first = 0;
    for (int t = 0; t < pool.threads; t++) {
        int64_t length = each + (t < more);
        shares[t].first = first;
        atomic_store_explicit(&shares[t].end, first + length, memory_order_relaxed);
        atomic_store_explicit(&shares[t].left, length, memory_order_relaxed);
        first += length;
    }
}

static void wake_sleepers(int64_t most)
{
    int sleepers = atomic_load(&pool.sleepers);
    if (sleepers == 0) return;
    pthread_mutex_lock(&pool.mutex); /* whoever has looked at the word in vain now waits for the signal */
    pthread_mutex_unlock(&pool.mutex);
    if (sleepers <= most)
        pthread_cond_broadcast(&pool.wake);
    else
        for (int64_t i = 0; i < most; i++) pthread_cond_signal(&pool.wake);
}

static void close_job(void)
{
    atomic_fetch_and(&pool.word, ~JOB_OPEN);
    if (spin(all_left, 0)) return;
    pthread_mutex_lock(&pool.mutex);
    atomic_store(&pool.caller_sleeps, true);
    while (!all_left(0)) pthread_cond_wait(&pool.left, &pool.mutex);
    atomic_store(&pool.caller_sleeps, false);
    pthread_mutex_unlock(&pool.mutex);
}

void rmseg_parallel_alone(void) { alone = true; }

void rmseg_parallel_for(int64_t chunks, rmseg_chunk_fn fn, void *context)
{
    int threads = rmseg_threads();
    if (threads == 1 || chunks <= 1 || alone || atomic_exchange(&pool.busy, true)) {
        for (int64_t chunk = 0; chunk < chunks; chunk++) fn(context, chunk, my_thread);
        return;
    }
    fit_pool(threads);
    pool.fn = fn;
    pool.context = context;
    share_out(chunks);
    uint64_t number = (atomic_load(&pool.word) >> JOB_SHIFT) + 1;
    atomic_store(&pool.word, number << JOB_SHIFT | JOB_OPEN);
    wake_sleepers(chunks - 1);
    take_chunks();
    close_job();
    atomic_store(&pool.busy, false);
}

typedef struct trial {
    rmseg_try_fn fn;
    void *context;
    pthread_mutex_t mutex;
    int64_t failed; /* the lowest chunk that failed, -1: none */
    rmseg_status status;
    char sentence[RMSEG_ERROR_LENGTH];
} trial;

static void try_chunk(void *context, int64_t chunk, int thread)
{
    trial *t = context;
    rmseg_status status = t->fn(t->context, chunk, thread);
    if (status == RMSEG_OK) return;
    pthread_mutex_lock(&t->mutex);
    if (t->failed < 0 || chunk < t->failed) {
        t->failed = chunk;
        t->status = status;
        rmseg_error_take(t->sentence);
    }
    pthread_mutex_unlock(&t->mutex);
}

rmseg_status rmseg_parallel_try(int64_t chunks, rmseg_try_fn fn, void *context)
{
    trial t = {.fn = fn, .context = context, .failed = -1, .mutex = PTHREAD_MUTEX_INITIALIZER};
    rmseg_parallel_for(chunks, try_chunk, &t);
    pthread_mutex_destroy(&t.mutex);
    if (t.status != RMSEG_OK) rmseg_error_give(t.sentence);
    return t.status;
}
