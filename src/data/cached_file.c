/* cached_file.c - the header of a file of a prepared case, to and from bytes. */
#include <string.h>

#include "data/prepared.h"
#include "data/sha256.h"

static const char magic[16] = "rmseg case 1\n";
static const uint64_t order = 0x0102030405060708; /* reads otherwise on a machine of the other byte order */

/* As it lies in the file; every member at a multiple of 8 bytes. */
typedef struct record {
    char magic[16];
    uint64_t order;
    char key[64];
    int64_t channels, size[3], axes, has_spacing;
    double spacing[3], origin[3], direction[9];
    uint64_t checksum;
    char digest[64]; /* SHA-256 of all before it */
} record;

static void digest_of(char hex[65], const record *r)
{
    rmseg_sha256 hash;
    rmseg_sha256_begin(&hash);
    rmseg_sha256_add(&hash, r, offsetof(record, digest));
    rmseg_sha256_end(hex, &hash);
}

static bool align(int64_t *at)
{
    if (*at > INT64_MAX - RMSEG_CACHED_ALIGN) return false;
    *at = (*at + RMSEG_CACHED_ALIGN - 1) / RMSEG_CACHED_ALIGN * RMSEG_CACHED_ALIGN;
    return true;
}

/* Where the parts begin; false where the extents cannot be. */
static bool place(rmseg_cached_header *h)
{
    int64_t voxels = 0, values = 0, stats = 0;
    bool counted = h->channels >= 1 && h->size[0] >= 1 && h->size[1] >= 1 && h->size[2] >= 1 &&
                   rmseg_mul3(&voxels, h->size[0], h->size[1], h->size[2]) && rmseg_mul(&voxels, voxels, 4) &&
                   rmseg_mul(&values, voxels, h->channels) && values < INT64_MAX / 4 &&
                   rmseg_mul(&stats, h->channels, (int64_t)sizeof(rmseg_channel_stats)) && stats < INT64_MAX / 4;
    if (!counted) return false;
    h->stats = RMSEG_CACHED_HEADER;
    h->image = h->stats + stats;
    if (!align(&h->image)) return false;
    h->label = h->image + values;
    if (!align(&h->label) || h->label > INT64_MAX - voxels) return false;
    h->total = h->label + voxels;
    return true;
}

rmseg_cached_state rmseg_cached_parse(rmseg_cached_header *header, const uint8_t *bytes, size_t length, size_t total)
{
    record r;
    char hex[65];
    size_t start = length < sizeof magic ? length : sizeof magic;
    if (length > 0 && memcmp(bytes, magic, start) != 0) return RMSEG_CACHED_FOREIGN;
    if (length < RMSEG_CACHED_HEADER) return RMSEG_CACHED_DAMAGED;
    memcpy(&r, bytes, sizeof r);
    digest_of(hex, &r);
    if (r.order != order || memcmp(hex, r.digest, sizeof r.digest) != 0) return RMSEG_CACHED_DAMAGED;
    rmseg_cached_header h = {
        .channels = r.channels, .axes = r.axes, .has_spacing = r.has_spacing != 0, .checksum = r.checksum};
    memcpy(h.key, r.key, sizeof r.key);
    memcpy(h.size, r.size, sizeof h.size);
    memcpy(h.spacing, r.spacing, sizeof h.spacing);
    memcpy(h.origin, r.origin, sizeof h.origin);
    memcpy(h.direction, r.direction, sizeof h.direction);
    if (!place(&h) || (uint64_t)h.total != total) return RMSEG_CACHED_DAMAGED;
    *header = h;
    return RMSEG_CACHED_GOOD;
}

void rmseg_cached_print(uint8_t *bytes, rmseg_cached_header *h)
{
    record r = {.order = order,
                .channels = h->channels,
                .axes = h->axes,
                .has_spacing = h->has_spacing,
                .checksum = h->checksum};
    char hex[65];
    memcpy(r.magic, magic, sizeof magic);
    memcpy(r.key, h->key, sizeof r.key);
    memcpy(r.size, h->size, sizeof r.size);
    memcpy(r.spacing, h->spacing, sizeof r.spacing);
    memcpy(r.origin, h->origin, sizeof r.origin);
    memcpy(r.direction, h->direction, sizeof r.direction);
    digest_of(hex, &r);
    memcpy(r.digest, hex, sizeof r.digest);
    memset(bytes, 0, RMSEG_CACHED_HEADER);
    memcpy(bytes, &r, sizeof r);
    place(h);
}
