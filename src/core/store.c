/* store.c - bricks of an array in a file without a name. */
#include "core/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"

enum { EDGE = 32 };

struct rmseg_store {
    int fd;
    char *folder;
    size_t element, brick_bytes;
    int64_t channels, size[3], edge[3], count[3]; /* of the array, of a brick, bricks along each axis */
    char *brick;
};

static rmseg_status fail_store(const char *what, const rmseg_store *s, int error)
{
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    return rmseg_fail(RMSEG_ERROR_FILE, "cannot %s a temporary file in %s: %s%s", what, s->folder, strerror(error),
                      full ? "; free some space, or choose another folder" : "");
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static int open_nameless(const char *folder)
{
#ifdef O_TMPFILE
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
#endif
    char *path = rmseg_path_join(folder, ".rmseg-XXXXXX");
    if (!path) return errno = ENOMEM, -1;
    int named = mkstemp(path), error = errno;
    if (named >= 0) {
        unlink(path);
        fcntl(named, F_SETFD, FD_CLOEXEC);
    }
    rmseg_free(path);
    errno = error;
    return named;
}

/* 0, or the error. Where room cannot be taken ahead it is taken as bricks are written. */
static int take_room(int fd, int64_t bytes)
{
#ifdef __linux__
    int failed;
    while ((failed = fallocate(fd, 0, 0, (off_t)bytes)) && errno == EINTR) continue;
    if (!failed) return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return errno;
#endif
    return ftruncate(fd, (off_t)bytes) ? errno : 0;
}

static rmseg_status open_store(rmseg_store *s, int64_t bytes)
{
    s->fd = open_nameless(s->folder);
    if (s->fd < 0) return fail_store("make", s, errno);
    int error = take_room(s->fd, bytes);
    return error ? fail_store("write", s, error) : RMSEG_OK;
}

rmseg_status rmseg_store_create(rmseg_store **store, const char *folder, size_t element, int64_t channels,
                                const int64_t size[3])
{
    int64_t brick = (int64_t)element, bytes = channels;
    bool counted = true;
    rmseg_store *s = rmseg_alloc(1, sizeof *s);
    if (!s) return RMSEG_ERROR_MEMORY;
    s->fd = -1;
    s->element = element;
    s->channels = channels;
    for (int k = 0; k < 3; k++) {
        s->size[k] = size[k];
        s->edge[k] = size[k] < EDGE ? size[k] : EDGE;
        s->count[k] = (size[k] + s->edge[k] - 1) / s->edge[k];
        brick *= s->edge[k];
        counted = counted && rmseg_mul(&bytes, bytes, s->count[k]);
    }
    counted = counted && rmseg_mul(&bytes, bytes, brick);
    s->brick_bytes = (size_t)brick;
    s->folder = rmseg_strdup(folder);
    s->brick = rmseg_alloc(brick, 1);
    rmseg_status status = s->folder && s->brick ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status && !counted) status = rmseg_fail_memory();
    if (!status) status = open_store(s, bytes);
    if (status)
        rmseg_store_destroy(s);
    else
        *store = s;
    return status;
}

void rmseg_store_destroy(rmseg_store *store)
{
    if (!store) return;
    if (store->fd >= 0) close(store->fd);
    rmseg_free(store->folder);
    rmseg_free(store->brick);
    rmseg_free(store);
}

/* ---- bricks ------------------------------------------------------------------------------------------------------- */

/* `bytes` from `offset` of the file on, to or from where they belong in s->brick. */
static rmseg_status load_part(rmseg_store *s, int64_t offset, char *to, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = pread(s->fd, to + done, bytes - done, (off_t)offset + (off_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fail_store("read", s, got ? errno : EIO);
        done += (size_t)got;
    }
    return RMSEG_OK;
}

static rmseg_status save_part(rmseg_store *s, int64_t offset, const char *from, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t put = pwrite(s->fd, from + done, bytes - done, (off_t)offset + (off_t)done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return fail_store("write", s, put ? errno : ENOSPC);
        done += (size_t)put;
    }
    return RMSEG_OK;
}

/* The part of a box that lies in one brick: where it begins in both, and its extents. */
typedef struct overlap {
    int64_t in_box[3], in_brick[3], size[3];
    bool whole; /* all of the planes that it meets, as far as they are of the array */
} overlap;

static overlap overlap_of(const rmseg_store *s, const int64_t brick[3], const int64_t start[3], const int64_t size[3])
{
    overlap o = {.whole = true};
    for (int k = 0; k < 3; k++) {
        int64_t low = brick[k] * s->edge[k], high = low + s->edge[k] < s->size[k] ? low + s->edge[k] : s->size[k];
        int64_t from = start[k] > low ? start[k] : low, end = start[k] + size[k] < high ? start[k] + size[k] : high;
        o.in_box[k] = from - start[k];
        o.in_brick[k] = from - low;
        o.size[k] = end - from;
        o.whole = o.whole && (k == 0 || (from == low && end == high));
    }
    return o;
}

/* Rows between the brick and the box, to the box where `out`. */
static void move_rows(const rmseg_store *s, const overlap *o, const int64_t size[3], char *box, bool out)
{
    for (int64_t d = 0; d < o->size[0]; d++)
        for (int64_t h = 0; h < o->size[1]; h++) {
            int64_t at = ((o->in_box[0] + d) * size[1] + o->in_box[1] + h) * size[2] + o->in_box[2];
            int64_t from = ((o->in_brick[0] + d) * s->edge[1] + o->in_brick[1] + h) * s->edge[2] + o->in_brick[2];
            char *in_box = box + (size_t)at * s->element, *in_brick = s->brick + (size_t)from * s->element;
            memcpy(out ? in_box : in_brick, out ? in_brick : in_box, (size_t)o->size[2] * s->element);
        }
}

static rmseg_status move_box(rmseg_store *s, int64_t channel, const int64_t start[3], const int64_t size[3], char *box,
                             bool out)
{
    int64_t first[3], end[3], b[3];
    for (int k = 0; k < 3; k++) {
        first[k] = start[k] / s->edge[k];
        end[k] = (start[k] + size[k] - 1) / s->edge[k] + 1;
    }
    for (b[0] = first[0]; b[0] < end[0]; b[0]++)
        for (b[1] = first[1]; b[1] < end[1]; b[1]++)
            for (b[2] = first[2]; b[2] < end[2]; b[2]++) {
                int64_t number = ((channel * s->count[0] + b[0]) * s->count[1] + b[1]) * s->count[2] + b[2];
                overlap o = overlap_of(s, b, start, size);
                size_t plane = s->brick_bytes / (size_t)s->edge[0], bytes = plane * (size_t)o.size[0];
                char *part = s->brick + plane * (size_t)o.in_brick[0];
                int64_t offset = number * (int64_t)s->brick_bytes + (part - s->brick);
                if (out || !o.whole) RMSEG_TRY(load_part(s, offset, part, bytes));
                move_rows(s, &o, size, box, out);
                if (!out) RMSEG_TRY(save_part(s, offset, part, bytes));
            }
    return RMSEG_OK;
}

rmseg_status rmseg_store_read(void *box, rmseg_store *store, int64_t channel, const int64_t start[3],
                              const int64_t size[3])
{
    return move_box(store, channel, start, size, box, true);
}

rmseg_status rmseg_store_write(rmseg_store *store, int64_t channel, const int64_t start[3], const int64_t size[3],
                               const void *box)
{
    return move_box(store, channel, start, size, (char *)box, false);
}
