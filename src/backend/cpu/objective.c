/*
 * cpu/objective.c - the objective's kernels: chunks of pieces, and their sums in order. Compiled once per level.
 */
#include "backend/cpu/objective.h"

/* ---- how a batch is cut, and where things lie ---------------------------------------------------------------- */

static cut cut_of(const rmseg_sweep *s)
{
    const int64_t *size = s->batch.size;
    cut c = {.voxels = size[0] * size[1] * size[2], .rows = most(1, PIECE / size[2]), .width = size[2], .across = 1};
    if (size[2] > PIECE) {
        c.width = split(split(size[2], split(size[2], PIECE)), RMSEG_TABLE_PAD) * RMSEG_TABLE_PAD;
        c.across = split(size[2], c.width);
    }
    c.sample_pieces = split(size[0] * size[1], c.rows) * c.across;
    c.chunk = split(CHUNK, c.rows * c.width);
    c.chunks = split(c.sample_pieces, c.chunk);
    c.partial = s->batch.k * s->width + 2;
    return c;
}

/* Floats of one thread's rows, a whole number of cache lines. */
static int64_t row_floats(const rmseg_sweep *s) { return s->batch.k * ((s->focals ? 7 : 4) * ROW + 16) + 5 * ROW; }

static int64_t partial_doubles(const rmseg_sweep *s)
{
    cut c = cut_of(s);
    return split(s->batch.n * c.chunks * c.partial, 8) * 8;
}

static size_t scratch_bytes(const rmseg_sweep *s, int threads)
{
    return (size_t)partial_doubles(s) * sizeof(double) + (size_t)(threads * row_floats(s)) * sizeof(float);
}

static float *take(float **at, int64_t floats)
{
    *at += floats;
    return *at - floats;
}

static rows rows_of(const rmseg_sweep *s, int thread)
{
    int64_t k = s->batch.k, each = k * ROW;
    float *at = (float *)((double *)s->scratch + partial_doubles(s)) + thread * row_floats(s);
    rows r = {.y = take(&at, each), .p = take(&at, each)};
    r.q = take(&at, each), r.g = take(&at, each);
    if (s->focals) r.l = take(&at, each), r.m = take(&at, each), r.h = take(&at, each);
    r.square = take(&at, ROW), r.line = take(&at, ROW), r.dot = take(&at, ROW);
    r.valid = (int32_t *)take(&at, ROW), r.label = (int32_t *)take(&at, ROW);
    r.nll = take(&at, k * 16);
    return r;
}

/* Masks, and two classes with one label for each voxel, with the sums and slopes that most terms need. */
static bool in_registers(const rmseg_sweep *s)
{
    bool pair = s->head == RMSEG_HEAD_SOFTMAX && s->batch.k == 2 && s->batch.index;
    return !s->focals && !s->absolute && (pair || s->head == RMSEG_HEAD_SIGMOID);
}

/* ---- the sweeps ---------------------------------------------------------------------------------------------- */

typedef struct sweep_job {
    const rmseg_sweep *sweep;
    cut cut;
    piece_fn piece;
    void *to; /* NULL: the chunk's own sums */
} sweep_job;

static void do_chunk(void *context, int64_t chunk, int thread)
{
    const sweep_job *job = context;
    const rmseg_sweep *s = job->sweep;
    const cut *c = &job->cut;
    rows r = rows_of(s, thread);
    double *partial = (double *)s->scratch + chunk * c->partial;
    if (!job->to) memset(partial, 0, (size_t)c->partial * sizeof *partial);
    int64_t end = rmseg_chunk_end(c->sample_pieces, c->chunk, chunk % c->chunks);
    for (int64_t i = chunk % c->chunks * c->chunk; i < end; i++) {
        piece x = piece_at(s, c, chunk / c->chunks, i);
        job->piece(s, c, &x, &r, job->to ? job->to : partial);
    }
}

static void do_pieces(const rmseg_sweep *s, piece_fn piece, void *to)
{
    sweep_job job = {s, cut_of(s), piece, to};
    rmseg_parallel_for(s->batch.n * job.cut.chunks, do_chunk, &job);
}

/* The chunks' sums in order: `width` of each channel's, and the counts behind them. */
static void add_chunks(const rmseg_sweep *s, int64_t width, double *sums, double *valid, double *bad)
{
    cut c = cut_of(s);
    int64_t k = s->batch.k;
    memset(sums, 0, (size_t)(s->batch.n * k * width) * sizeof *sums);
    for (int64_t i = 0; i < s->batch.n * c.chunks; i++) {
        const double *partial = (const double *)s->scratch + i * c.partial;
        int64_t n = i / c.chunks;
        for (int64_t j = 0; j < k * width; j++) sums[n * k * width + j] += partial[j / width * s->width + j % width];
        if (valid) valid[n] += partial[k * s->width];
        *bad += partial[k * s->width + 1];
    }
}

/* Whether two arrays share a byte. */
static bool overlap(const void *a, const void *b, int64_t bytes_a, int64_t bytes_b)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y + (uintptr_t)bytes_b && y < x + (uintptr_t)bytes_a;
}

/* Whether gather may write dlogits: neither it, nor who comes back for another gradient, may lose what it reads. */
static bool may_keep(const rmseg_sweep *s)
{
    static const int64_t bytes[] = {
        [RMSEG_INDEX_I32] = 4, [RMSEG_INDEX_U8] = 1, [RMSEG_INDEX_I16] = 2, [RMSEG_INDEX_I64] = 8};
    const rmseg_batch *b = &s->batch;
    int64_t voxels = b->n * b->size[0] * b->size[1] * b->size[2], size = voxels * b->k * (int64_t)sizeof(float);
    return s->dlogits && b->index && !overlap(s->dlogits, b->logits, size, size) &&
           !overlap(s->dlogits, b->index, size, voxels * bytes[b->index_type]);
}

static void gather(rmseg_sweep *s)
{
    double bad = 0;
    s->kept = in_registers(s) && may_keep(s) ? s->dlogits : NULL;
    do_pieces(s, in_registers(s) ? rmseg_cpu_gather_binary : rmseg_cpu_gather_any, NULL);
    memset(s->valid, 0, (size_t)s->batch.n * sizeof *s->valid);
    add_chunks(s, s->width, s->sums, s->valid, &bad);
    s->fault = bad > 0;
}

static void scatter(const rmseg_sweep *s)
{
    do_pieces(s, in_registers(s) ? rmseg_cpu_scatter_binary : rmseg_cpu_scatter_any, s->dlogits);
}

/* ---- where the truth lies ------------------------------------------------------------------------------------ */

/* Sums of y and of i y along each axis, row by row: both are exact in float for labels. */
static void locate_row(const float *y, int64_t width, int64_t from, const double at[2], double *sums)
{
    vec some = vec_of(0), along = vec_of(0), place;
    int64_t whole = width / LANES * LANES;
    for (int i = 0; i < LANES; i++) place[i] = (float)i;
    EACH_STRIP(i, width)
    {
        vec here = load(y + i);
        if (i == whole) here = vec_keep(here, lanes_below(width - whole));
        some += here;
        along += here * (place + (float)i);
    }
    double sum = total(some);
    sums[0] += sum;
    sums[1] += at[0] * sum;
    sums[2] += at[1] * sum;
    sums[3] += (double)from * sum + total(along);
}

/* Whether a field's tables start from channel j's own centre. */
static bool is_centred(const rmseg_sweep *s, int64_t j)
{
    bool centred = false;
    for (int64_t f = 0; f < s->fields; f++) centred |= s->field[f].own_centres && s->field[f].channels[j];
    return centred;
}

static void locate_piece(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *partial)
{
    int64_t k = s->batch.k, h = s->batch.size[1], first = 0;
    while (first < k - 1 && !is_centred(s, first)) first++;
    rmseg_cpu_read_truth(s, c, x, r, first, (double *)partial + k * s->width);
    for (int64_t j = first; j < k; j++)
        for (int64_t i = 0; i < x->rows && is_centred(s, j); i++)
            locate_row(r->y + j * ROW + i * x->width, x->width, x->from,
                       (double[2]){(double)((x->row + i) / h), (double)((x->row + i) % h)},
                       (double *)partial + j * s->width);
}

static void locate(double *sums, const rmseg_sweep *s)
{
    double bad = 0;
    do_pieces(s, locate_piece, NULL);
    add_chunks(s, 4, sums, NULL, &bad);
}

/* ---- the picture --------------------------------------------------------------------------------------------- */

static void predict_piece(const rmseg_sweep *s, const cut *c, const piece *x, const rows *r, void *to)
{
    double counts[2] = {0};
    rmseg_cpu_read_truth(s, c, x, r, 0, counts);
    rmseg_cpu_probabilities(s, c, x, r, false);
    for (int64_t j = 0; j < s->batch.k; j++) {
        float *p = (float *)to + (x->n * s->batch.k + j) * c->voxels + x->start;
        EACH_STRIP(i, x->length)
        {
            vec known = vec_pick(*(const ivec *)(r->valid + i), load(r->p + j * ROW + i), vec_of(-1));
            store_some(p + i, known, x->length - i);
        }
    }
}

static void predict(void *p, const rmseg_sweep *s) { do_pieces(s, predict_piece, p); }

const rmseg_objective_kernels rmseg_objective_cpu = {"cpu", scratch_bytes, gather, scatter, locate, predict};
