/*
 * core/file.h - whole files in, whole files out, folders.
 */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include "rmseg/core.h"

/* Reads a whole file; `limit` bytes at most (0: no more than the machine's memory; of a device 64 MiB). *bytes is owned, rmseg_free it; one zero byte follows the
 * data. */
rmseg_status rmseg_file_read(uint8_t **bytes, size_t *length, const char *path, size_t limit);

/* Its first `most` bytes (0: all of them) and how many there are in all, for a regular file; of a pipe all are read. */
rmseg_status rmseg_file_read_start(uint8_t **bytes, size_t *length, size_t *total, const char *path, size_t most);

/* A file read piece by piece, from byte `start` on (0 for what is no regular file). *got is less than `length` at the end
 * only. */
typedef struct rmseg_file_reader rmseg_file_reader;
rmseg_status rmseg_file_open(rmseg_file_reader **reader, const char *path, size_t start);
rmseg_status rmseg_file_next(rmseg_file_reader *reader, void *bytes, size_t length, size_t *got);
void rmseg_file_close(rmseg_file_reader *reader); /* NULL is legal */

/* Bytes of a regular file; 0 of anything else. */
size_t rmseg_file_size(const char *path);

/* Writes a file so that either the old content or the whole new one is there, whatever happens: temporary file in the
 * same folder, write, fsync, rename, fsync of the folder. A failed write leaves no temporary file behind. */
typedef struct rmseg_file_writer rmseg_file_writer;
rmseg_status rmseg_file_begin(rmseg_file_writer **writer, const char *path);
rmseg_status rmseg_file_put(rmseg_file_writer *writer, const void *bytes, size_t length);
rmseg_status rmseg_file_commit(rmseg_file_writer *writer); /* destroys the writer, on failure too */
void rmseg_file_abandon(rmseg_file_writer *writer);        /* removes the temporary file; NULL is legal */
rmseg_status rmseg_file_write(const char *path, const void *bytes, size_t length); /* the three in one */

bool rmseg_file_exists(const char *path);
bool rmseg_folder_exists(const char *path);
rmseg_status rmseg_folder_create(const char *path);     /* with its parents; an existing folder is fine */
rmseg_status rmseg_folder_create_for(const char *path); /* the folder that a file of this path lies in */
rmseg_status rmseg_folder_sync(const char *path);       /* brings renames and new names in it to the disk */
rmseg_status rmseg_file_remove(const char *path);       /* a missing file is fine */

/* A lock on the file `path`, which is made where it is missing and stays: one holder at a time, on all machines that
 * share the file system. The system releases it when the holder's process ends, however it ends. Where the file system
 * knows no locks a warning says so, and nothing is locked. Errors: exists (it is held; the sentence names the holder),
 * file. Release accepts NULL. */
typedef struct rmseg_lock rmseg_lock;
rmseg_status rmseg_lock_take(rmseg_lock **lock, const char *path);
void rmseg_lock_release(rmseg_lock *lock);

/* Names in a folder, sorted by byte value, without "." and "..", hidden ones left out. Free with rmseg_names_destroy.
 */
typedef struct rmseg_names {
    char **items;
    int64_t count;
} rmseg_names;
rmseg_status rmseg_folder_list(rmseg_names *names, const char *path);
void rmseg_names_destroy(rmseg_names *names);
rmseg_status rmseg_names_add(rmseg_names *names, const char *name); /* copies */

/* folder + "/" + name, owned; the base name without folder (borrowed); the base name without its last extension (owned;
 * ".nii.gz" counts as one). NULL when out of memory. */
char *rmseg_path_join(const char *folder, const char *name);
const char *rmseg_path_base(const char *path);
char *rmseg_path_stem(const char *path);

#endif
