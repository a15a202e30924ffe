/* file.c - whole files in, whole files out, folders and names. */
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"

static const char *advice(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return "; check the path";
    case EACCES:
    case EPERM:
    case EROFS: return "; check the permissions, or choose another folder";
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "; free some space, or choose another folder";
    case EISDIR: return "; give the name of a file";
    case EMFILE:
    case ENFILE: return "; too many files are open at once";
    default: return "";
    }
}

static rmseg_status fail_file(const char *what, const char *path)
{
    int error = errno;
    return rmseg_fail(RMSEG_ERROR_FILE, "cannot %s %s: %s%s", what, path, strerror(error), advice(error));
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* As read, but until `length` bytes are there, the file ends (*got is less) or an error (false). */
static bool read_full(int fd, uint8_t *bytes, size_t length, size_t *got)
{
    *got = 0;
    while (*got < length) {
        ssize_t n = read(fd, bytes + *got, length - *got);
        if (n == 0) return true;
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) *got += (size_t)n;
    }
    return true;
}

/* /dev/zero has no end, and what memory cannot hold need not be tried: 0 where the system does not say how much it has. */
static size_t most_of(bool device)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (device) return (size_t)1 << 26;
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0;
}

static rmseg_status check_most(size_t used, bool device, const char *path)
{
    size_t most = most_of(device);
    if (!most || used <= most) return RMSEG_OK;
    if (device)
        return rmseg_fail(RMSEG_ERROR_FILE, "%s is a device that goes on for more than %zu bytes; expected a file",
                          path, most);
    return rmseg_fail(RMSEG_ERROR_MEMORY, "%s is larger than the %zu MiB of memory that this machine has", path,
                      most >> 20);
}

/* A pipe does not know its size and a file may grow meanwhile: the size is a hint, the end is the end. */
static rmseg_status read_open(uint8_t **bytes, size_t *length, int fd, size_t hint, const char *path, size_t limit,
                              bool device)
{
    RMSEG_TRY(check_most(hint, device, path));
    size_t capacity = hint + 2, used = 0; /* one to see the end, one for the zero */
    uint8_t *buffer = rmseg_alloc((int64_t)capacity, 1);
    while (buffer) {
        size_t got = 0;
        rmseg_status status = RMSEG_OK;
        if (!read_full(fd, buffer + used, capacity - 1 - used, &got)) status = fail_file("read", path);
        used += got;
        if (!status && limit && used > limit)
            status = rmseg_fail(RMSEG_ERROR_FORMAT, "%s has more than %zu bytes: too large for what it should be", path,
                                limit);
        if (!status) status = check_most(used, device, path);
        if (status) {
            rmseg_free(buffer);
            return status;
        }
        if (used < capacity - 1) {
            buffer[used] = 0;
            *bytes = buffer;
            *length = used;
            return RMSEG_OK;
        }
        capacity *= 2;
        uint8_t *grown = rmseg_realloc(buffer, (int64_t)capacity, 1);
        if (!grown) rmseg_free(buffer);
        buffer = grown;
    }
    return RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_file_read(uint8_t **bytes, size_t *length, const char *path, size_t limit)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_file("open", path);
    bool known = fstat(fd, &info) == 0, device = known && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode));
    size_t hint = known && S_ISREG(info.st_mode) ? (size_t)info.st_size : 4096;
    if (limit && hint > limit) hint = limit; /* enough to see that it is too large */
    rmseg_status status = read_open(bytes, length, fd, hint, path, limit, device);
    close(fd);
    return status;
}

rmseg_status rmseg_file_read_start(uint8_t **bytes, size_t *length, size_t *total, const char *path, size_t most)
{
    struct stat info;
    if (most && stat(path, &info) == 0 && S_ISREG(info.st_mode) && (size_t)info.st_size > most) {
        size_t got = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return fail_file("open", path);
        uint8_t *buffer = rmseg_alloc((int64_t)most + 1, 1);
        rmseg_status status = buffer ? RMSEG_OK : RMSEG_ERROR_MEMORY;
        if (!status && !read_full(fd, buffer, most, &got)) status = fail_file("read", path);
        close(fd);
        if (status) {
            rmseg_free(buffer);
            return status;
        }
        *bytes = buffer;
        *length = got;
        *total = (size_t)info.st_size;
        return RMSEG_OK;
    }
    RMSEG_TRY(rmseg_file_read(bytes, length, path, 0));
    *total = *length;
    return RMSEG_OK;
}

struct rmseg_file_reader {
    int fd;
    char *path;
};

rmseg_status rmseg_file_open(rmseg_file_reader **result, const char *path, size_t start)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_file("open", path);
    rmseg_file_reader *reader = rmseg_alloc(1, sizeof *reader);
    if (reader) reader->path = rmseg_strdup(path);
    rmseg_status status = reader && reader->path ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status && start && lseek(fd, (off_t)start, SEEK_SET) < 0) status = fail_file("read", path);
    if (status) {
        if (reader) rmseg_free(reader->path);
        rmseg_free(reader);
        close(fd);
        return status;
    }
    reader->fd = fd;
    *result = reader;
    return RMSEG_OK;
}

rmseg_status rmseg_file_next(rmseg_file_reader *reader, void *bytes, size_t length, size_t *got)
{
    return read_full(reader->fd, bytes, length, got) ? RMSEG_OK : fail_file("read", reader->path);
}

void rmseg_file_close(rmseg_file_reader *reader)
{
    if (!reader) return;
    close(reader->fd);
    rmseg_free(reader->path);
    rmseg_free(reader);
}

size_t rmseg_file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (size_t)info.st_size : 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

struct rmseg_file_writer {
    FILE *stream;
    char *path;
    char *temporary; /* NULL when the path is a pipe or a device, which is written directly */
};

static rmseg_status destroy_writer(rmseg_file_writer *writer, rmseg_status status)
{
    if (writer->stream) fclose(writer->stream);
    rmseg_free(writer->path);
    rmseg_free(writer->temporary);
    rmseg_free(writer);
    return status;
}

void rmseg_file_abandon(rmseg_file_writer *writer)
{
    if (!writer) return;
    if (writer->temporary) unlink(writer->temporary);
    destroy_writer(writer, RMSEG_OK);
}

static rmseg_status abandon(rmseg_file_writer *writer, rmseg_status status)
{
    rmseg_file_abandon(writer);
    return status;
}

/* The file's own path, where a symbolic link leads to it: the link stays, its target is replaced. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);
    char *copy = rmseg_strdup(real ? real : path);
    free(real);
    return copy;
}

/* Opens a new file beside `path`; processes and threads that write the same path do not meet. */
static int open_temporary(char **temporary, const char *path)
{
    static atomic_uint number;
    size_t length = strlen(path) + 40;
    *temporary = rmseg_alloc((int64_t)length, 1);
    if (!*temporary) return -1;
    int fd = -1;
    do {
        snprintf(*temporary, length, "%s.%ld-%u.tmp", path, (long)getpid(), atomic_fetch_add(&number, 1));
        fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EEXIST);
    return fd;
}

rmseg_status rmseg_file_begin(rmseg_file_writer **result, const char *path)
{
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (!path[0]) return rmseg_fail(RMSEG_ERROR_FILE, "cannot write a file without a name; give a path");
    if (exists && S_ISDIR(info.st_mode))
        return rmseg_fail(RMSEG_ERROR_FILE, "cannot write %s: it is a folder; give the name of a file", path);
    rmseg_file_writer *writer = rmseg_alloc(1, sizeof *writer);
    if (!writer) return RMSEG_ERROR_MEMORY;
    writer->path = resolve(path);
    if (!writer->path) return destroy_writer(writer, RMSEG_ERROR_MEMORY);

    bool direct = exists && !S_ISREG(info.st_mode);
    int fd = direct ? open(path, O_WRONLY | O_CLOEXEC) : open_temporary(&writer->temporary, writer->path);
    if (fd < 0) {
        rmseg_status status = direct || writer->temporary ? fail_file("write", path) : RMSEG_ERROR_MEMORY;
        return destroy_writer(writer, status);
    }
    writer->stream = fdopen(fd, "wb");
    if (!writer->stream) {
        rmseg_status status = fail_file("write", path);
        close(fd);
        return abandon(writer, status);
    }
    *result = writer;
    return RMSEG_OK;
}

rmseg_status rmseg_file_put(rmseg_file_writer *writer, const void *bytes, size_t length)
{
    if (length && fwrite(bytes, 1, length, writer->stream) != length) return fail_file("write", writer->path);
    return RMSEG_OK;
}

/* A pipe, a terminal and some network file systems cannot be synchronised: they answer EINVAL or the like. */
static bool sync_fd(int fd) { return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS; }

static char *folder_of(const char *path)
{
    const char *base = rmseg_path_base(path);
    return base == path ? rmseg_strdup(".") : rmseg_strndup(path, (size_t)(base - path));
}

rmseg_status rmseg_folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return RMSEG_OK; /* one may write into a folder that one may not read; it cannot be synchronised */
    rmseg_status status = sync_fd(fd) ? RMSEG_OK : fail_file("synchronise", path);
    close(fd);
    return status;
}

static rmseg_status sync_folder_of(const char *path)
{
    char *folder = folder_of(path);
    rmseg_status status = folder ? rmseg_folder_sync(folder) : RMSEG_ERROR_MEMORY;
    rmseg_free(folder);
    return status;
}

rmseg_status rmseg_file_commit(rmseg_file_writer *writer)
{
    if (fflush(writer->stream) || !sync_fd(fileno(writer->stream)))
        return abandon(writer, fail_file("write", writer->path));
    int closed = fclose(writer->stream);
    writer->stream = NULL;
    if (closed) return abandon(writer, fail_file("write", writer->path));
    if (!writer->temporary) return destroy_writer(writer, RMSEG_OK);
    if (rename(writer->temporary, writer->path)) return abandon(writer, fail_file("replace", writer->path));
    return destroy_writer(writer, sync_folder_of(writer->path));
}

rmseg_status rmseg_file_write(const char *path, const void *bytes, size_t length)
{
    rmseg_file_writer *writer = NULL;
    RMSEG_TRY(rmseg_file_begin(&writer, path));
    rmseg_status status = rmseg_file_put(writer, bytes, length);
    return status ? abandon(writer, status) : rmseg_file_commit(writer);
}

/* ---- locks --------------------------------------------------------------------------------------------------- */

struct rmseg_lock {
    int fd;
};

/* The file tells who holds the lock: for people, nothing depends on it. */
static void sign(int fd)
{
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    if (ftruncate(fd, 0) == 0) dprintf(fd, "process %ld on %s", (long)getpid(), host);
}

static rmseg_status fail_held(int fd, const char *path)
{
    char holder[192] = "";
    size_t length = 0;
    read_full(fd, (uint8_t *)holder, sizeof holder - 1, &length);
    return rmseg_fail(RMSEG_ERROR_EXISTS, "%s is locked by %s", path, length ? holder : "another process");
}

rmseg_status rmseg_lock_take(rmseg_lock **lock, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666); /* for writing: network file systems want it */
    if (fd < 0) return fail_file("write", path);
    int refused = 0;
    while ((refused = flock(fd, LOCK_EX | LOCK_NB)) && errno == EINTR) continue;
    rmseg_lock *made = NULL;
    rmseg_status status = RMSEG_OK;
    if (refused && errno == EWOULDBLOCK)
        status = fail_held(fd, path);
    else if (refused)
        rmseg_warn("%s cannot be locked (%s): see to it that no other process works there", path, strerror(errno));
    else
        sign(fd);
    if (!status && !(made = rmseg_alloc(1, sizeof *made))) status = RMSEG_ERROR_MEMORY;
    if (status) {
        close(fd);
        return status;
    }
    made->fd = fd;
    *lock = made;
    return RMSEG_OK;
}

void rmseg_lock_release(rmseg_lock *lock)
{
    if (!lock) return;
    close(lock->fd);
    rmseg_free(lock);
}

/* ---- folders ------------------------------------------------------------------------------------------------- */

bool rmseg_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

bool rmseg_folder_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Success is seen at the end, by the last mkdir: folders above it may be closed to us and still there. Where one of
 * them is missing, why it could not be made is the reason to tell. */
rmseg_status rmseg_folder_create(const char *path)
{
    int reason = 0;
    char *part = rmseg_strdup(path);
    if (!part) return RMSEG_ERROR_MEMORY;
    for (char *slash = part; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(part, 0777) && errno != EEXIST && errno != ENOENT) reason = errno;
        *slash = '/';
    }
    rmseg_free(part);
    if (!mkdir(path, 0777)) return RMSEG_OK;
    int last = errno;
    if (rmseg_folder_exists(path)) return RMSEG_OK;
    errno = last == ENOENT && reason ? reason : last;
    return fail_file("create the folder", path);
}

rmseg_status rmseg_folder_create_for(const char *path)
{
    char *folder = folder_of(path);
    rmseg_status status = folder ? rmseg_folder_create(folder) : RMSEG_ERROR_MEMORY;
    rmseg_free(folder);
    return status;
}

rmseg_status rmseg_file_remove(const char *path)
{
    if (unlink(path) && errno != ENOENT) return fail_file("remove", path);
    return RMSEG_OK;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

rmseg_status rmseg_folder_list(rmseg_names *names, const char *path)
{
    rmseg_names found = {0};
    rmseg_status status = RMSEG_OK;
    DIR *folder = opendir(path);
    if (!folder) return fail_file("list the folder", path);
    while (!status) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry && errno) status = fail_file("list the folder", path);
        if (!entry) break;
        if (entry->d_name[0] != '.') status = rmseg_names_add(&found, entry->d_name);
    }
    closedir(folder);
    if (status) {
        rmseg_names_destroy(&found);
        return status;
    }
    if (found.count) qsort(found.items, (size_t)found.count, sizeof *found.items, compare_names);
    *names = found;
    return RMSEG_OK;
}

void rmseg_names_destroy(rmseg_names *names)
{
    for (int64_t i = 0; i < names->count; i++) rmseg_free(names->items[i]);
    rmseg_free(names->items);
    *names = (rmseg_names){0};
}

/* The array grows whenever the count is a power of two: the capacity need not be kept. */
rmseg_status rmseg_names_add(rmseg_names *names, const char *name)
{
    int64_t count = names->count;
    if ((count & (count - 1)) == 0) {
        char **items = rmseg_realloc(names->items, count ? 2 * count : 1, sizeof *items);
        if (!items) return RMSEG_ERROR_MEMORY;
        names->items = items;
    }
    names->items[count] = rmseg_strdup(name);
    if (!names->items[count]) return RMSEG_ERROR_MEMORY;
    names->count++;
    return RMSEG_OK;
}

/* ---- paths --------------------------------------------------------------------------------------------------- */

char *rmseg_path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder), room = length + strlen(name) + 2;
    bool needs_slash = length && folder[length - 1] != '/';
    char *path = rmseg_alloc((int64_t)room, 1);
    if (path) snprintf(path, room, "%s%s%s", folder, needs_slash ? "/" : "", name);
    return path;
}

const char *rmseg_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t more = strlen(end);
    return length > more && memcmp(text + length - more, end, more) == 0;
}

char *rmseg_path_stem(const char *path)
{
    const char *base = rmseg_path_base(path);
    size_t length = strlen(base);
    const char *dot = strrchr(base, '.');
    if (ends_with(base, length, ".nii.gz"))
        length -= strlen(".nii.gz");
    else if (dot && dot != base)
        length = (size_t)(dot - base);
    return rmseg_strndup(base, length);
}
