/*
 * backend/cpu/winograd.h - convolutions 3x3 and 3x3x3 of stride 1 by F(4x4, 3x3): a quarter of the multiplications.
 *
 * (Winograd 1980; Lavin and Gray, CVPR 2016.) Each plane of y is cut into tiles of 4x4 pixels, under which lie 6x6 of x:
 *     y  = A' [ sum over channels and depth taps of (G w G') . (B' x B) ] A
 *     dw = G' [ sum over tiles of (B' x B) . (A dy A') ] G          the exact adjoint
 * where . multiplies position by position. There are 36 positions; at each of them the tiles' numbers are a matrix, and the
 * sum over channels a product of matrices, which the microkernel does. A plane lies along two of D, H, W: with a kernel of
 * 3x3x3 along those that leave fewest tiles, which overhang an extent that is no multiple of 4 (14x14x10 is 168 tiles along
 * H and W, 160 along D and H). Taps across planes are more terms of the sum. Backward data is forward with the weights
 * turned. Points 0, +-1/sqrt2, +-sqrt2, infinity: the error is 1.1 to 2.4 times that of the
 * direct sum (relative L2), some three times less than with 0, +-1, +-2, infinity.
 *
 * What lies in memory, a tile's number in the [16] channels of a block, or [8]:
 *     V [36][block of x][row of input][16]           the rows of a group: its tiles in each of its planes, halo planes included
 *     U [block of y][36][block of x][depth][16][16]
 *     M [36][row][16]                                one block of y
 * Each position's part is padded by a line: else all 36 would meet in the same lines of the cache.
 */
#ifndef BACKEND_CPU_WINOGRAD_H
#define BACKEND_CPU_WINOGRAD_H

#include "backend/cpu/cpu.h"

#define POSITIONS 36
#define TILE      4

/* The axes of a pass: [0] across planes, [1] down and [2] along the rows of a plane. */
typedef struct winograd_axes {
    int axis[3];       /* which of D, H, W */
    int64_t size[3];   /* of x and y */
    int64_t stride[3]; /* from one pixel to the next, in pixels */
    int64_t tap[3];    /* from one tap of the weights to the next, in squares */
} winograd_axes;

typedef struct winograd_plan {
    winograd_axes axes;
    int64_t depth; /* taps across planes: 1 or 3 */
    int64_t block; /* that the kernels work in */
    int64_t in_blocks, out_blocks;
    int64_t across, plane_tiles;  /* tiles along a row, and in a plane */
    int64_t stacks, stack_planes; /* planes that may share a group: all there are, or with depth 3 those of a sample */
    int64_t planes, tiles;        /* of a group */
    int64_t groups[2];            /* of a stack: along its planes, along the tiles of a plane */
    bool shared;                  /* all threads work on one group; else each has groups of its own */
    bool late;                    /* each weight is transformed where it is used, because that is once */
    int64_t in_group;             /* blocks of x in one product */
    int64_t together;             /* blocks of y a task does at once; in a weights pass blocks of x */
    int64_t chunks;               /* weights, not shared: parts of the space, each with a sum of its own */
    int64_t common, own;          /* floats of scratch: for all threads, and for each */
    int threads;                  /* that have some */
    size_t scratch_bytes;
} winograd_plan;

/* One group: `planes` planes from `plane` on, `tiles` tiles of each from `tile` on. */
typedef struct winograd_group {
    int64_t stack, plane, planes, tile, tiles;
    int64_t rows, in_rows; /* planes * tiles, and with halo planes */
} winograd_group;

int64_t rmseg_cpu_winograd_groups(const winograd_plan *plan);
winograd_group rmseg_cpu_winograd_group(const winograd_plan *plan, int64_t index);

/* Whether the op is one this is for, and is expected to gain. */
bool rmseg_cpu_winograd_fits(const rmseg_op_desc *op);

/* A plan between tensors of these many channels: of the forward or data pass, or of the weights pass. */
winograd_plan rmseg_cpu_winograd_plan_gather(const rmseg_op_desc *op, int64_t in_channels, int64_t out_channels,
                                             int64_t pixels);
winograd_plan rmseg_cpu_winograd_plan_weights(const rmseg_op_desc *op, int64_t pixels);

typedef struct winograd_gather {
    const winograd_plan *plan;
    tensor x, y;
    const float *weight; /* as the parameter is stored */
    bool turned;         /* go from its outer channels to its inner ones, with the taps in reverse */
    const float *start;  /* as in conv_gather */
    const conv_store *store;
    double *sums; /* [groups][out_blocks * block][2] */
    float *scratch;
} winograd_gather;

typedef struct winograd_weights {
    const winograd_plan *plan;
    tensor x, dy;
    float *dweight;
    float *scratch;
} winograd_weights;

/* floats of the parts of scratch, for both passes */
static inline int64_t winograd_v_step(const winograd_plan *p, int64_t blocks, int64_t rows)
{
    return blocks * rows * p->block + LINE;
}
static inline int64_t winograd_u_step(const winograd_plan *p)
{
    return p->in_group * p->depth * p->block * p->block + LINE;
}

#endif
