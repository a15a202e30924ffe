/* memory.c - counted memory that tests can make fail. */
#include "core/memory.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"

#define LINE_BYTES 64
#define HUGE_BYTES ((size_t)2 << 20)

/* Stands before each block, because free must know how much it gives back. */
typedef struct header {
    alignas(max_align_t) size_t bytes;
} header;

static _Atomic int64_t allocations, live_bytes, peak_bytes;
static _Atomic int64_t fail_countdown;

void rmseg_memory_fail_at(int64_t n) { atomic_store(&fail_countdown, n); }

static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) <= 0) return false;
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

static void count_more(size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    int64_t live = atomic_fetch_add(&live_bytes, (int64_t)bytes) + (int64_t)bytes;
    int64_t peak = atomic_load(&peak_bytes);
    while (live > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, live)) continue;
}

void rmseg_memory_peak_reset(void) { atomic_store(&peak_bytes, atomic_load(&live_bytes)); }

static void count_less(size_t bytes) { atomic_fetch_sub(&live_bytes, (int64_t)bytes); }

rmseg_memory_stats rmseg_memory_stats_get(void)
{
    return (rmseg_memory_stats){atomic_load(&allocations), atomic_load(&live_bytes), atomic_load(&peak_bytes)};
}

int64_t rmseg_memory_of_machine(void)
{
    int64_t bytes = 0;
    return rmseg_mul(&bytes, sysconf(_SC_PHYS_PAGES), sysconf(_SC_PAGESIZE)) ? bytes : INT64_MAX;
}

static void fail_bytes(size_t bytes)
{
    if (bytes < 1000000)
        rmseg_fail_memory();
    else
        rmseg_fail(RMSEG_ERROR_MEMORY,
                   "out of memory: the system could not give %.4g GB more; use a smaller patch, batch "
                   "or image, or a machine with more memory",
                   (double)bytes / 1e9);
}

static bool block_bytes(size_t *bytes, int64_t count, size_t size)
{
    if (count < 0 || (size && (uint64_t)count > (PTRDIFF_MAX - sizeof(header)) / size)) return false;
    *bytes = (size_t)count * size;
    return true;
}

void *rmseg_alloc(int64_t count, size_t size)
{
    size_t bytes = 0;
    header *block = NULL;
    if (block_bytes(&bytes, count, size) && !must_fail()) block = calloc(1, sizeof *block + bytes);
    if (!block) {
        fail_bytes(bytes);
        return NULL;
    }
    block->bytes = bytes;
    count_more(bytes);
    return block + 1;
}

void *rmseg_realloc(void *old, int64_t count, size_t size)
{
    if (!old) return rmseg_alloc(count, size);
    header *block = (header *)old - 1;
    size_t bytes = 0, bytes_before = block->bytes;
    header *moved = NULL;
    if (block_bytes(&bytes, count, size) && !must_fail()) moved = realloc(block, sizeof *block + bytes);
    if (!moved) {
        fail_bytes(bytes);
        return NULL;
    }
    moved->bytes = bytes;
    count_less(bytes_before);
    count_more(bytes);
    return moved + 1;
}

void rmseg_free(void *old)
{
    if (!old) return;
    header *block = (header *)old - 1;
    count_less(block->bytes);
    free(block);
}

char *rmseg_strdup(const char *text) { return rmseg_strndup(text, strlen(text)); }

char *rmseg_strndup(const char *text, size_t length)
{
    length = strnlen(text, length);
    char *copy = rmseg_alloc((int64_t)length + 1, 1);
    if (copy) memcpy(copy, text, length);
    return copy;
}

void *rmseg_arena_alloc(size_t bytes)
{
    bool huge = bytes >= HUGE_BYTES;
    void *arena = NULL;
    if (must_fail() || posix_memalign(&arena, huge ? HUGE_BYTES : LINE_BYTES, bytes ? bytes : 1)) {
        fail_bytes(bytes);
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (huge) madvise(arena, bytes / HUGE_BYTES * HUGE_BYTES, MADV_HUGEPAGE); /* advice: a refusal costs speed only */
#endif
    memset(arena, 0, bytes);
    count_more(bytes);
    return arena;
}

void rmseg_arena_free(void *arena, size_t bytes)
{
    if (!arena) return;
    count_less(bytes);
    free(arena);
}

bool rmseg_mul(int64_t *product, int64_t a, int64_t b)
{
    if (a < 0 || b < 0 || (a && b > INT64_MAX / a)) return false;
    *product = a * b;
    return true;
}

bool rmseg_mul3(int64_t *product, int64_t a, int64_t b, int64_t c)
{
    int64_t ab = 0;
    return rmseg_mul(&ab, a, b) && rmseg_mul(product, ab, c);
}
