/*
 * backend/cpu/cpu.h - the inner door of the engine: layout, plans, and the table of kernels each processor level fills.
 *
 * Layout. A tensor of C channels is [N][blocks][D][H][W][block]. The block is 16 channels, one cache line of floats,
 * the last one filled up with zeros; a tensor of 5 to 8 channels is one block of 8, and one of up to 4 (an image,
 * logits) one block of C, so that it costs no more than it holds. docs/decisions/002-layout.md has the reasons. A
 * convolution works in blocks of 16, or of 8 where its input or output is one: then it sees the lines of 16 channels of
 * the other as two blocks of 8. Its weights from I to O channels are [O/block][I/block][kd][kh][kw][block][block], or
 * [O/block][1][kd][kh][kw][I][block] for I up to 4, and a transposed convolution keeps those of the convolution it is the
 * adjoint of (from its O to its I channels). Vectors of a number per channel are padded to 16 whatever the block.
 *
 * Sources. What CMake lists as kernels is compiled once per level and block, BLOCK being 16 or 8 (vector.h); the rest
 * once, or once per level.
 */
#ifndef BACKEND_CPU_CPU_H
#define BACKEND_CPU_CPU_H

#include "backend/backend.h"

#define LINE        16    /* floats of a cache line; channels of a whole block */
#define HALF        8     /* most channels of a tensor that is one block of half a line */
#define NARROW      4     /* most channels of a tensor that is one block of its own size */
#define TILE_FLOATS 40960 /* a packed input tile on the stack of its thread: 160 KB */
#define MOST_RUNS   512   /* runs of one call of the microkernel */
#define MOST_ROW    128   /* pixels of one row of a tile */

static inline int64_t padded(int64_t channels) { return (channels + LINE - 1) / LINE * LINE; }

/* Channels of a block, and blocks of a tensor, for kernels that work in blocks of `block`. */
static inline int64_t block_in(int64_t channels, int64_t block) { return channels <= NARROW ? channels : block; }
static inline int64_t blocks_in(int64_t channels, int64_t block)
{
    return channels <= HALF ? 1 : padded(channels) / block;
}

/* The same for the tensor as it lies. */
static inline int64_t block_of(int64_t channels) { return block_in(channels, channels <= HALF ? HALF : LINE); }
static inline int64_t blocks_of(int64_t channels) { return blocks_in(channels, LINE); }

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t split(int64_t items, int64_t parts) { return (items + parts - 1) / parts; }

/* What a tensor becomes as it is loaded: a norm and its activation, then a factor for each channel (dropout). norm.c
 * tells the formula and what the vectors hold; load.h does it. */
typedef struct tensor_load {
    const float *mean, *rsd, *offset, *weight, *bias;
    const float *factor;   /* [N][padded C]; NULL: none */
    int64_t sample_stride; /* as in norm_pass */
    int64_t channels;      /* the first so many of a sample, padded; the others are taken as they are */
    float slope;
} tensor_load;

/* A tensor as kernels see it. */
typedef struct tensor {
    float *data;
    const tensor_load *load; /* NULL: as it is. Heeded by what reads it in a convolution, a sum or a max-pooling */
    int64_t n_stride;
    int64_t n, c, size[3]; /* size: D, H, W */
    int64_t block, blocks; /* channels of a block, blocks of a sample */
    int64_t step;          /* floats from pixel to pixel: block, or a line that holds two blocks */
    int64_t pixels, plane; /* D*H*W, and their floats: pixels * step */
} tensor;

tensor rmseg_cpu_tensor(rmseg_view view, const rmseg_shape *shape);

/* The same for kernels that work in blocks of `block`: whole lines seen as two blocks where that is HALF. */
tensor rmseg_cpu_tensor_in(int64_t block, rmseg_view view, const rmseg_shape *shape);

static inline float *tensor_block(const tensor *t, int64_t n, int64_t b)
{
    int64_t c = b * t->block;
    return t->data + n * t->n_stride + c / t->step * t->plane + c % t->step;
}

/* ---- convolution ---------------------------------------------------------------------------------------------------
 * Two kinds of pass do all six (three of the convolution, three of the transposed one):
 *     gather   y[p] = start + sum over taps, channels of x[p * stride - pad + tap] * w[tap]: forward; backward data
 * with the weights turned. With `spread` the pass runs once per phase of y: y[p * spread + phase] from x[p] and
 *              w[phase]: what backward data of kernel == stride is.
 *     weights  dw[tap] = sum over p of x[p * stride - pad + tap] (x) dy[p]
 * Both cut y's grid into tiles, pack the part of x under a tile with its halo into a buffer, and let the microkernel
 * run over it, so that neither padding nor stride reaches the inner loop. */
typedef struct conv_window {
    int64_t kernel[3], stride[3], pad[3];
    int64_t spread[3];    /* weights pass: 1 */
    int64_t taps;         /* product of kernel and of spread */
    int64_t block;        /* that the kernels work in: of y, and of x unless that is narrow */
    int64_t in_block;     /* of x */
    int64_t runs, length; /* runs of taps for one block of x, and numbers in each: kw * block */
    int64_t pixel;        /* floats of x from one pixel of y to the next: stride * in_block */
} conv_window;

typedef struct conv_plan {
    conv_window window;
    int64_t samples, grid[3];  /* pixels of y along D, H, W, before spread */
    int64_t tile[3], tiles[3]; /* pixels of a tile; tiles along each axis */
    int64_t in_blocks, out_blocks;
    int64_t in_group, out_group; /* blocks of x packed at once, blocks of y a task does */
    int64_t chunks;              /* weights: parts of the space, each with a sum of its own */
    size_t scratch_bytes;
} conv_plan;

/* One tile of one sample: where it lies in the grid. */
typedef struct conv_part {
    int64_t sample, first[3], extent[3];
} conv_part;

int64_t rmseg_cpu_conv_parts(const conv_plan *plan); /* tiles of all samples */
conv_part rmseg_cpu_conv_part(const conv_plan *plan, int64_t index);

/* The packed tile under `tile` pixels of y: its rows along D and H, floats of a row, floats of a block of x. */
typedef struct conv_pack {
    int64_t rows[2], row, block;
} conv_pack;

conv_pack rmseg_cpu_conv_pack(const conv_window *window, const int64_t tile[3]);

/* Where each run of one block of x starts: a in the packed block, b in the weights of a pair of blocks. */
typedef struct conv_run {
    ptrdiff_t a, b;
} conv_run;

void rmseg_cpu_conv_runs(conv_run *runs, const conv_window *window, const conv_pack *pack);

/* A stretch of x under the tile that follows. Each run of the microkernel asks for some lines of it, so that they come
 * while it multiplies; all at once it would wait for them. */
typedef struct conv_fetch {
    const float *next, *end;
    int64_t index; /* of the stretch behind it: a plane of a block */
} conv_fetch;

/* What becomes of a sum when it is stored: an activation, then the sum with another tensor. */
typedef struct conv_store {
    float slope;  /* of the negative side: 1 as it is, 0 ReLU */
    tensor other; /* of y's shape; data NULL: none */
} conv_store;

typedef struct conv_gather {
    const conv_plan *plan;
    tensor x, y;
    const float *weight;
    const float *start;      /* [out_blocks * block]: what a sum starts from (the bias); NULL: zero */
    const conv_store *store; /* NULL: a sum is stored as it is */
    double *sums; /* [parts][out_blocks * block][2]: sum and sum of squares of y over each part; NULL: not wanted */
} conv_gather;

typedef struct conv_weights {
    const conv_plan *plan;
    tensor x, dy;
    float *dweight; /* [chunks][elements of the weight] */
} conv_weights;

/* to[inner][outer][tap] = from[outer][inner][tap] by pairs of blocks, taps in reverse when `flip`: what a gather pass
 * needs to go the other way. */
typedef struct conv_turn {
    float *to;
    const float *from;
    int64_t outer, inner, taps; /* channels */
    bool flip;
} conv_turn;

/* to[i] = sum over parts p of from[p * elements + i], in order */
typedef struct partial_sum {
    float *to;
    const float *from;
    int64_t elements, parts;
} partial_sum;

/* ---- the other passes -------------------------------------------------------------------------------------------- */

/* norm.c tells the formulas. Vectors are padded. y is written forward; backward reads dy, writes partial, then dx. */
typedef struct norm_pass {
    tensor x, y, dx, dy;
    const float *mean, *rsd, *offset; /* xhat = (x - mean) rsd + offset */
    const float *weight, *bias;
    const float *mean_g, *mean_gx; /* batch norm: weight rsd dbias/M, weight rsd dweight/M */
    int64_t sample_stride;         /* numbers from one sample's mean, rsd, offset, mean_g, mean_gx to the next's; 0: the
                                      same ones for all */
    float slope;                   /* of the negative side: 1 no activation, 0 ReLU */
    double *partial;               /* [rmseg_cpu_channel_parts(x)][x.blocks * block][2]: sums of g and of g xhat */
} norm_pass;

/* to = f(a, b), element by element; b may be absent. */
typedef struct flat_pass {
    tensor to, a, b;
    float slope;
} flat_pass;

/* to = from times a factor per channel. */
typedef struct scale_pass {
    tensor to, from;
    const float *factor; /* [N][padded C] */
} scale_pass;

#define MOST_POOL_TAPS 64

/* y = max of x under each window, and back: x is dx, y is dy. */
typedef struct pool_pass {
    tensor x, y;
    int64_t kernel[3];
    int taps;
    int64_t offset[MOST_POOL_TAPS]; /* of each tap, in floats from the window's first pixel */
    int8_t *winner;                 /* like y: the tap that was largest */
} pool_pass;

/* ---- the table --------------------------------------------------------------------------------------------------- */

struct winograd_gather;
struct winograd_weights;

typedef struct rmseg_cpu_kernels {
    int64_t block;  /* that they work in: LINE, or HALF */
    int64_t pixels; /* rows of the microkernel: plans cut by it */

    void (*conv_gather)(const conv_gather *pass);
    void (*conv_weights)(const conv_weights *pass);
    void (*head_gather)(const conv_gather *pass); /* of kernel 1, to a narrow y: conv_head.c */
    void (*head_weights)(const conv_weights *pass);
    void (*winograd_gather)(const struct winograd_gather *pass);
    void (*winograd_weights)(const struct winograd_weights *pass);
    void (*conv_turn)(const conv_turn *turn);
    void (*partial_sum)(const partial_sum *sum);
    void (*channel_sums)(double *sums, double *partial, const tensor *x, bool squares);
    void (*norm_forward)(const norm_pass *pass);
    void (*norm_sums)(const norm_pass *pass);
    void (*norm_backward)(const norm_pass *pass);
    void (*activation)(const flat_pass *pass);
    void (*activation_back)(const flat_pass *pass); /* a = y, b = dy */
    void (*add)(const flat_pass *pass);
    void (*scale)(const scale_pass *pass);
    void (*pool)(const pool_pass *pass);
    void (*unpool)(const pool_pass *pass);
} rmseg_cpu_kernels;

/* channel_sums: sum and, where wanted, sum of squares of each channel, sums[padded C][2]; partial is room for
 * [rmseg_cpu_channel_parts(x)][padded C][2]. */
#define CHANNEL_PIXELS 4096
static inline int64_t rmseg_cpu_channel_parts(const tensor *x)
{
    return x->n * rmseg_chunk_count(x->pixels, CHANNEL_PIXELS);
}

/* sums[channels][2] = the sums of partial[parts][row][2], in order, and 0 for the channels behind a row's. */
void rmseg_cpu_add_sums(double *sums, int64_t channels, const double *partial, int64_t parts, int64_t row);

/* The block of the kernels an op is for, and so of its weights. */
int64_t rmseg_cpu_block(const rmseg_op_desc *op);

/* Channels of a row of sums that those kernels leave of a tensor. */
static inline int64_t rmseg_cpu_sums_row(const rmseg_op_desc *op, const rmseg_shape *shape)
{
    int64_t block = rmseg_cpu_block(op);
    return blocks_in(shape->c, block) * block;
}

/* ---- layout: as backend.h says ----------------------------------------------------------------------------------- */

int64_t rmseg_cpu_sample_elements(const rmseg_shape *shape);
void rmseg_cpu_tensor_pack(rmseg_view to, const void *dense, const rmseg_shape *shape);
void rmseg_cpu_tensor_unpack(void *dense, rmseg_view from, const rmseg_shape *shape);
int64_t rmseg_cpu_channel_offset(const rmseg_shape *shape, int64_t c);
int64_t rmseg_cpu_param_elements(const rmseg_op_desc *op, int index);
void rmseg_cpu_param_pack(void *to, const void *dense, const rmseg_op_desc *op, int index);
void rmseg_cpu_param_unpack(void *dense, const void *from, const rmseg_op_desc *op, int index);
int64_t rmseg_cpu_state_elements(const rmseg_op_desc *op, int index);
void rmseg_cpu_norm_fold(void *weight, void *bias, const rmseg_op_desc *conv, const rmseg_op_io *conv_io,
                         const rmseg_op_desc *norm, const rmseg_op_io *norm_io);

#endif
