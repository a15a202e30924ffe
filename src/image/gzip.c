/* gzip.c - gzip by zlib, from memory and into a file. Memory comes from ours. */
#include "image/gzip.h"

#include <string.h>
#include <zlib.h>

enum {
    WINDOW = 15,           /* zlib's largest */
    GZIP_WINDOW = 15 + 16, /* 16 asks for gzip's header and checksum */
    ANY_WINDOW = 15 + 32,  /* 32 for gzip's or zlib's, whichever is there */
    PIECE = 1 << 30,       /* zlib counts in unsigned int */
    BLOCK = 1 << 15,
    LEVEL = 4, /* label maps: a tenth larger than by 6, packed in a third of the time */
};

static voidpf on_alloc(voidpf context, uInt count, uInt size)
{
    (void)context;
    return rmseg_alloc(count, size);
}

static void on_free(voidpf context, voidpf block)
{
    (void)context;
    rmseg_free(block);
}

bool rmseg_is_gzip(const uint8_t *bytes, size_t length)
{
    return length >= 3 && bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct rmseg_unpacker {
    const rmseg_image_file *file;
    const uint8_t *next; /* what nobody has yet, `left` bytes of it here */
    size_t left;
    bool packed, ended;
    z_stream z;
    uint8_t block[BLOCK]; /* of a file that is read as it is needed */
};

rmseg_status rmseg_unpack_open(rmseg_unpacker **unpacker, const rmseg_image_file *file, rmseg_packing packing)
{
    rmseg_unpacker *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->file = file;
    made->next = file->bytes;
    made->left = file->length;
    made->packed =
        packing == RMSEG_PACKING_ZLIB || (packing == RMSEG_PACKING_GZIP && rmseg_is_gzip(file->bytes, file->length));
    made->z = (z_stream){.zalloc = on_alloc, .zfree = on_free};
    if (made->packed && inflateInit2(&made->z, packing == RMSEG_PACKING_ZLIB ? ANY_WINDOW : GZIP_WINDOW) != Z_OK) {
        rmseg_free(made);
        return rmseg_fail_memory();
    }
    *unpacker = made;
    return RMSEG_OK;
}

void rmseg_unpack_close(rmseg_unpacker *unpacker)
{
    if (!unpacker) return;
    if (unpacker->packed) inflateEnd(&unpacker->z);
    rmseg_free(unpacker);
}

static rmseg_status fail_short(const rmseg_unpacker *u)
{
    return rmseg_image_fail_damaged(u->file, "it ends too early");
}

/* At least `count` bytes here, at most those of a magic, unless the file has ended. */
static rmseg_status look_ahead(rmseg_unpacker *u, size_t count)
{
    size_t got = 0;
    if (u->left >= count || !u->file->rest) return RMSEG_OK;
    memmove(u->block, u->next, u->left);
    rmseg_status status = rmseg_file_next(u->file->rest, u->block + u->left, sizeof u->block - u->left, &got);
    u->next = u->block;
    u->left += got;
    return status;
}

/* A member has ended: another one follows, or nothing that counts does. */
static rmseg_status next_member(rmseg_unpacker *u)
{
    RMSEG_TRY(look_ahead(u, 3));
    u->ended = !rmseg_is_gzip(u->next, u->left);
    if (!u->ended) inflateReset(&u->z);
    return RMSEG_OK;
}

/* Up to `count` bytes more; *got is less at the end of what the file holds only. */
static rmseg_status inflate_some(rmseg_unpacker *u, uint8_t *to, size_t count, size_t *got)
{
    *got = 0;
    while (*got < count && !u->ended) {
        RMSEG_TRY(look_ahead(u, 1));
        if (u->left == 0) return fail_short(u);
        size_t offered = least(u->left, PIECE), room = least(count - *got, PIECE);
        u->z.next_in = (Bytef *)(uintptr_t)u->next; /* zlib reads it only */
        u->z.avail_in = (uInt)offered;
        u->z.next_out = to + *got;
        u->z.avail_out = (uInt)room;
        int result = inflate(&u->z, Z_NO_FLUSH);
        *got += room - u->z.avail_out;
        u->next += offered - u->z.avail_in;
        u->left -= offered - u->z.avail_in;
        if (result == Z_MEM_ERROR) return rmseg_fail_memory();
        if (result == Z_STREAM_END) RMSEG_TRY(next_member(u));
        if (result != Z_STREAM_END && result != Z_OK && result != Z_BUF_ERROR)
            return rmseg_image_fail_damaged(u->file, u->z.msg ? u->z.msg : "its packed stream makes no sense");
    }
    return RMSEG_OK;
}

/* Bytes that are not packed: those that are here, then those of the rest of the file. */
static rmseg_status take_plain(rmseg_unpacker *u, uint8_t *to, size_t count)
{
    size_t here = least(count, u->left), got = 0;
    if (to && here) memcpy(to, u->next, here);
    u->next += here;
    u->left -= here;
    for (size_t done = here; done < count; done += got) {
        size_t want = to ? count - done : least(count - done, sizeof u->block);
        if (!u->file->rest) return fail_short(u);
        RMSEG_TRY(rmseg_file_next(u->file->rest, to ? to + done : u->block, want, &got));
        if (got < want) return fail_short(u);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_unpack(rmseg_unpacker *u, void *to, size_t count)
{
    uint8_t passed[BLOCK];
    if (!u->packed) return take_plain(u, to, count);
    for (size_t done = 0, got; done < count; done += got) {
        size_t want = to ? count : least(count - done, sizeof passed);
        RMSEG_TRY(inflate_some(u, to ? to : passed, want, &got));
        if (got < want) return fail_short(u);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_unpack_end(rmseg_unpacker *u)
{
    uint8_t passed[BLOCK];
    size_t got = 0;
    while (u->packed && !u->ended) RMSEG_TRY(inflate_some(u, passed, sizeof passed, &got));
    return RMSEG_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

struct rmseg_packer {
    rmseg_file_writer *writer;
    rmseg_text *text; /* where there is no writer */
    bool packed;
    z_stream z;
    uint8_t block[BLOCK];
};

rmseg_status rmseg_pack_open(rmseg_packer **packer, rmseg_file_writer *writer, rmseg_text *text, rmseg_packing packing)
{
    int window = packing == RMSEG_PACKING_GZIP ? GZIP_WINDOW : WINDOW;
    rmseg_packer *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->writer = writer;
    made->text = text;
    made->packed = packing != RMSEG_PACKING_NONE;
    made->z = (z_stream){.zalloc = on_alloc, .zfree = on_free};
    if (made->packed && deflateInit2(&made->z, LEVEL, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        rmseg_free(made);
        return rmseg_fail_memory();
    }
    *packer = made;
    return RMSEG_OK;
}

void rmseg_pack_close(rmseg_packer *packer)
{
    if (!packer) return;
    if (packer->packed) deflateEnd(&packer->z);
    rmseg_free(packer);
}

static rmseg_status put(rmseg_packer *p, const void *bytes, size_t count)
{
    if (p->writer) return rmseg_file_put(p->writer, bytes, count);
    rmseg_text_addn(p->text, bytes, count);
    return p->text->failed ? rmseg_fail_memory() : RMSEG_OK;
}

/* deflate with room left over has taken all it was given. */
static rmseg_status deflate_all(rmseg_packer *p, int flush)
{
    do {
        p->z.next_out = p->block;
        p->z.avail_out = sizeof p->block;
        deflate(&p->z, flush);
        RMSEG_TRY(put(p, p->block, sizeof p->block - p->z.avail_out));
    } while (p->z.avail_out == 0);
    return RMSEG_OK;
}

rmseg_status rmseg_pack(rmseg_packer *p, const void *bytes, size_t count)
{
    if (!p->packed) return put(p, bytes, count);
    for (size_t done = 0, more; done < count; done += more) {
        more = least(count - done, PIECE);
        p->z.next_in = (Bytef *)(uintptr_t)((const uint8_t *)bytes + done); /* zlib reads it only */
        p->z.avail_in = (uInt)more;
        RMSEG_TRY(deflate_all(p, Z_NO_FLUSH));
    }
    return RMSEG_OK;
}

rmseg_status rmseg_pack_end(rmseg_packer *p) { return p->packed ? deflate_all(p, Z_FINISH) : RMSEG_OK; }
