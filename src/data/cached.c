/*
 * cached.c - prepared cases in files: found by what they were made from, made where they are missing, and mapped.
 *
 * A file's name says which case by which options; its key adds the version and, of each source file, size and time of its
 * last change. So another set of options has files of its own, and a source that was changed has its file replaced. It is
 * replaced by renaming: who has the old one mapped keeps it, and two who make one file at once write the same bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/prepared.h"
#include "data/sha256.h"

/* ---- names and keys ---------------------------------------------------------------------------------------------- */

static void add_options(rmseg_text *text, const rmseg_dataset *d, const rmseg_preparation *p)
{
    rmseg_text_addf(text, "layout %s threshold %a classes %lld channels %lld spatial %d 255 %d\n", d->layout,
                    d->threshold, (long long)d->classes, (long long)d->channels, d->spatial, d->mask_255);
    rmseg_text_addf(text, "canonical %d crop %d normalize %d", p->canonical, p->crop_label, (int)p->normalize);
    for (int k = 0; k < 3; k++) rmseg_text_addf(text, " %lld %a", (long long)p->grid[k], p->spacing[k]);
    for (int k = 0; k < 2; k++) rmseg_text_addf(text, " %a %a", p->clip[k], p->window[k]);
    rmseg_text_add(text, "\n");
}

/* A file that is not there is told of by whoever reads it. */
static void add_file(rmseg_text *where, rmseg_text *when, const char *path)
{
    struct stat info = {0};
    char *real = realpath(path, NULL);
    rmseg_text_addf(where, "%s\n", real ? real : path);
    if (stat(path, &info) == 0)
        rmseg_text_addf(when, "%lld %lld.%09ld\n", (long long)info.st_size, (long long)info.st_mtim.tv_sec,
                        info.st_mtim.tv_nsec);
    free(real);
}

static rmseg_status add_files(rmseg_text *where, rmseg_text *when, const rmseg_names *files)
{
    for (int64_t i = 0; i < files->count; i++) {
        char *partner = NULL;
        RMSEG_TRY(rmseg_image_partner(&partner, files->items[i]));
        add_file(where, when, files->items[i]);
        if (partner) add_file(where, when, partner);
        rmseg_free(partner);
    }
    return RMSEG_OK;
}

static void hash_text(char hex[65], const char *first, const char *second)
{
    rmseg_sha256 hash;
    rmseg_sha256_begin(&hash);
    rmseg_sha256_add(&hash, first, strlen(first) + 1);
    rmseg_sha256_add(&hash, second, strlen(second) + 1);
    rmseg_sha256_end(hex, &hash);
}

/* folder/CASE-0123456789abcdef.case; owned. */
static rmseg_status name_file(char **path, char key[65], const char *folder, const rmseg_dataset *dataset,
                              int64_t index, const rmseg_preparation *preparation)
{
    const rmseg_case *one = &dataset->cases[index];
    rmseg_text where = {0}, when = {0}, name = {0};
    char hex[65];
    add_options(&where, dataset, preparation);
    rmseg_text_addf(&when, "%s\n", rmseg_version());
    rmseg_status status = add_files(&where, &when, &one->images);
    if (!status) status = add_files(&where, &when, &one->labels);
    if (!status && !where.failed && !when.failed) {
        hash_text(hex, one->id, where.data);
        hash_text(key, hex, when.data);
        rmseg_text_addf(&name, "%.160s-%.16s.case", one->id, hex);
        for (char *c = name.data; c && *c; c++)
            if (*c == '/') *c = '_';
    }
    bool failed = where.failed || when.failed || name.failed;
    if (!status) status = failed || !(*path = rmseg_path_join(folder, name.data)) ? rmseg_fail_memory() : RMSEG_OK;
    rmseg_text_destroy(&where);
    rmseg_text_destroy(&when);
    rmseg_text_destroy(&name);
    return status;
}

/* ---- checksum ---------------------------------------------------------------------------------------------------- */

/* Four lanes of 64 bits, so that it is no slower than memory. Against what disks and copies do, not against people. */
typedef struct checksum {
    uint64_t lane[4];
} checksum;

static void checksum_add(checksum *sum, const void *bytes, size_t length)
{
    for (size_t at = 0; at < length; at += 32) {
        uint64_t word[4] = {0};
        memcpy(word, (const char *)bytes + at, length - at < 32 ? length - at : 32);
        for (int i = 0; i < 4; i++) {
            uint64_t mixed = (sum->lane[i] ^ word[i]) * 0x9e3779b97f4a7c15;
            sum->lane[i] = mixed ^ mixed >> 29;
        }
    }
}

static uint64_t checksum_end(const checksum *sum)
{
    uint64_t all = 1;
    for (int i = 0; i < 4; i++) all = (all ^ sum->lane[i]) * 0x9e3779b97f4a7c15, all ^= all >> 32;
    return all;
}

static uint64_t checksum_of(const rmseg_cached_header *h, const void *stats, const void *image, const void *label)
{
    checksum sum = {{1, 2, 3, 4}};
    size_t voxels = (size_t)(h->size[0] * h->size[1] * h->size[2]);
    checksum_add(&sum, stats, (size_t)h->channels * sizeof(rmseg_channel_stats));
    checksum_add(&sum, image, (size_t)h->channels * voxels * sizeof(float));
    checksum_add(&sum, label, voxels * sizeof(int32_t));
    return checksum_end(&sum);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* An image whose voxels are in the mapping. */
static rmseg_image *view(const rmseg_cached_header *h, rmseg_dtype dtype, int64_t channels, char *mapping, int64_t at)
{
    rmseg_image *image = rmseg_alloc(1, sizeof *image);
    if (!image) return NULL;
    image->dtype = dtype;
    image->channels = channels;
    image->has_spacing = h->has_spacing;
    image->axes = h->axes;
    memcpy(image->size, h->size, sizeof image->size);
    memcpy(image->spacing, h->spacing, sizeof image->spacing);
    memcpy(image->origin, h->origin, sizeof image->origin);
    memcpy(image->direction, h->direction, sizeof image->direction);
    image->data = mapping + at;
    return image;
}

/* Takes the mapping over, on failure too. */
static rmseg_status wrap(rmseg_prepared **prepared, const rmseg_cached_header *h, char *mapping)
{
    rmseg_prepared *made = rmseg_alloc(1, sizeof *made);
    if (!made) {
        munmap(mapping, (size_t)h->total);
        return RMSEG_ERROR_MEMORY;
    }
    made->mapping = mapping;
    made->mapped = (size_t)h->total;
    made->image = view(h, RMSEG_F32, h->channels, mapping, h->image);
    made->label = view(h, RMSEG_I32, 1, mapping, h->label);
    made->channels = (rmseg_channel_stats *)(void *)(mapping + h->stats);
    if (made->image && made->label) {
        *prepared = made;
        return RMSEG_OK;
    }
    rmseg_prepared_destroy(made);
    return RMSEG_ERROR_MEMORY;
}

static rmseg_status fail_cached(const char *what, const char *path)
{
    return rmseg_fail(RMSEG_ERROR_FILE, "cannot %s %s: %s", what, path, strerror(errno));
}

static rmseg_status fail_foreign(const char *path)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: this is no prepared case of rmseg: move it away, or choose another --cache-dir", path);
}

static rmseg_status map_file(rmseg_prepared **prepared, int fd, const char *path, const char *key, bool check)
{
    struct stat info;
    uint8_t start[RMSEG_CACHED_HEADER];
    rmseg_cached_header h;
    if (fstat(fd, &info)) return fail_cached("read", path);
    if (!S_ISREG(info.st_mode)) return fail_foreign(path);
    ssize_t length = pread(fd, start, sizeof start, 0);
    if (length < 0) return fail_cached("read", path);
    rmseg_cached_state state = rmseg_cached_parse(&h, start, (size_t)length, (size_t)info.st_size);
    if (state == RMSEG_CACHED_FOREIGN) return fail_foreign(path);
    if (state == RMSEG_CACHED_DAMAGED) rmseg_info("%s is damaged, or of another version: it is made anew", path);
    if (state == RMSEG_CACHED_DAMAGED || strcmp(h.key, key)) return RMSEG_OK;
    char *mapping = mmap(NULL, (size_t)h.total, PROT_READ, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED) return fail_cached("map into memory the file", path);
    if (check && checksum_of(&h, mapping + h.stats, mapping + h.image, mapping + h.label) != h.checksum) {
        munmap(mapping, (size_t)h.total);
        rmseg_info("%s is damaged (its checksum differs): it is made anew", path);
        return RMSEG_OK;
    }
    return wrap(prepared, &h, mapping);
}

/* *prepared stays NULL where there is no such file, or one that is to be made anew. */
static rmseg_status open_file(rmseg_prepared **prepared, const char *path, const char *key, bool check)
{
    *prepared = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return RMSEG_OK;
    if (fd < 0) return fail_cached("open", path);
    rmseg_status status = map_file(prepared, fd, path, key, check);
    close(fd);
    return status;
}

/* ---- making ------------------------------------------------------------------------------------------------------- */

/* `bytes` at `at` of the file, zeros up to there. */
static rmseg_status put_at(rmseg_file_writer *writer, int64_t *written, int64_t at, const void *bytes, size_t length)
{
    static const char zeros[RMSEG_CACHED_ALIGN];
    RMSEG_TRY(rmseg_file_put(writer, zeros, (size_t)(at - *written)));
    *written = at + (int64_t)length;
    return rmseg_file_put(writer, bytes, length);
}

static rmseg_status put_all(rmseg_file_writer *writer, const rmseg_prepared *p, const char *key)
{
    const rmseg_image *image = p->image;
    uint8_t bytes[RMSEG_CACHED_HEADER];
    rmseg_cached_header h = {.channels = image->channels, .has_spacing = image->has_spacing, .axes = image->axes};
    size_t voxels = (size_t)rmseg_image_voxels(image);
    int64_t written = 0;
    memcpy(h.key, key, sizeof h.key);
    memcpy(h.size, image->size, sizeof h.size);
    memcpy(h.spacing, image->spacing, sizeof h.spacing);
    memcpy(h.origin, image->origin, sizeof h.origin);
    memcpy(h.direction, image->direction, sizeof h.direction);
    h.checksum = checksum_of(&h, p->channels, image->data, p->label->data);
    rmseg_cached_print(bytes, &h);
    RMSEG_TRY(put_at(writer, &written, 0, bytes, sizeof bytes));
    RMSEG_TRY(put_at(writer, &written, h.stats, p->channels, (size_t)h.channels * sizeof *p->channels));
    RMSEG_TRY(put_at(writer, &written, h.image, image->data, (size_t)h.channels * voxels * sizeof(float)));
    return put_at(writer, &written, h.label, p->label->data, voxels * sizeof(int32_t));
}

static rmseg_status write_file(const rmseg_prepared *prepared, const char *path, const char *key)
{
    rmseg_file_writer *writer = NULL;
    RMSEG_TRY(rmseg_folder_create_for(path));
    RMSEG_TRY(rmseg_file_begin(&writer, path));
    rmseg_status status = put_all(writer, prepared, key);
    if (!status) return rmseg_file_commit(writer);
    rmseg_file_abandon(writer);
    return status;
}

static rmseg_status make_file(rmseg_prepared **prepared, const char *path, const char *key,
                              const rmseg_dataset *dataset, int64_t index, const rmseg_preparation *preparation)
{
    rmseg_prepared *made = NULL;
    RMSEG_TRY(rmseg_prepared_make(&made, dataset, index, preparation));
    rmseg_status status = write_file(made, path, key);
    rmseg_prepared_destroy(made);
    RMSEG_TRY(status);
    RMSEG_TRY(open_file(prepared, path, key, false));
    if (*prepared) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FILE, "%s: another process replaced it at once: give each its own --cache-dir", path);
}

rmseg_status rmseg_cached_take(rmseg_prepared **prepared, const char *folder, const rmseg_dataset *dataset,
                               int64_t index, const rmseg_preparation *preparation, bool check)
{
    char *path = NULL, key[65];
    rmseg_prepared *found = NULL;
    RMSEG_TRY(name_file(&path, key, folder, dataset, index, preparation));
    rmseg_status status = open_file(&found, path, key, check);
    if (!status && !found) status = make_file(&found, path, key, dataset, index, preparation);
    rmseg_free(path);
    if (!status) *prepared = found;
    return status;
}
