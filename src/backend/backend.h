/*
 * backend/backend.h - the door of what computes: layers as plans, on one of several backends.
 *
 * A backend is a table of functions. `plain` (f32) and `plain64` (f64) are naive loops: the meaning of every op. `cpu`
 * is the engine. They agree on everything here; only the layout of tensors and parameters inside is a backend's own:
 *     plain, plain64   tensors [N][C][D][H][W], parameters as PyTorch stores them
 *     cpu              tensors [N][C/16][D][H][W][16], weights [O/16][I/16][kd][kh][kw*16+i][16], channels padded with
 * zeros so data enters and leaves through pack/unpack. A 2D op has D = 1, kernel[0] = 1, stride[0] = 1, pad[0] = 0.
 *
 * A layer is a plan: created once for its shapes, run many times, destroyed. Creating may allocate; running never does.
 * A layer computes the same bits at any number of threads. One created while there are few threads and run by more may
 * run on one.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include "backend/kernels.h"
#include "core/core.h"
#include "rmseg/backend.h"

typedef struct rmseg_shape {
    int64_t n, c, d, h, w;
} rmseg_shape;

typedef enum rmseg_op_kind {
    RMSEG_OP_CONV,           /* in[0] -> out[0]; parameters weight (O,I,kd,kh,kw), bias (O) */
    RMSEG_OP_CONV_TRANSPOSE, /* kernel == stride, no padding; weight (I,O,kd,kh,kw), bias (O) */
    RMSEG_OP_NORM,           /* batch norm + activation; weight, bias (C); state running_mean, running_var (C) */
    RMSEG_OP_GROUP_NORM, /* the same over groups of channels of one sample, without state; groups = channels: instance norm */
    RMSEG_OP_ACTIVATION, /* out = f(in); may run in place (out == in, dout == din) */
    RMSEG_OP_MAXPOOL,    /* kernel == stride */
    RMSEG_OP_ADD,        /* out = in[0] + in[1] */
    RMSEG_OP_CONCAT,     /* out channels = in[0]'s, then in[1]'s */
    RMSEG_OP_FORK,       /* out[0], out[1] = in[0]: alias forward, sum backward */
    RMSEG_OP_DROPOUT,    /* drops whole channels with `probability`, scales the kept by 1/(1-probability); identity at
                         inference */
    RMSEG_OP_KINDS
} rmseg_op_kind;

static inline bool rmseg_op_is_conv(rmseg_op_kind kind)
{
    return kind == RMSEG_OP_CONV || kind == RMSEG_OP_CONV_TRANSPOSE;
}

static inline bool rmseg_op_is_norm(rmseg_op_kind kind) { return kind == RMSEG_OP_NORM || kind == RMSEG_OP_GROUP_NORM; }

typedef enum rmseg_activation { RMSEG_ACT_NONE, RMSEG_ACT_RELU, RMSEG_ACT_LEAKY_RELU } rmseg_activation;

#define RMSEG_OP_TENSORS 2 /* most inputs, most outputs */
#define RMSEG_OP_PARAMS  2
#define RMSEG_OP_STATES  2

/* What an op does to an input as it loads it, for a deferred norm and perhaps a deferred dropout behind that. */
typedef struct rmseg_load {
    bool norm, dropout, by_sample; /* by_sample: group norm */
    rmseg_activation activation;
    double slope;
    int64_t channels; /* the first so many, whole blocks of the layout; the others are taken as they are */
} rmseg_load;

/* What a layer does, shapes included: all a plan needs. Unused fields are zero. */
typedef struct rmseg_op_desc {
    rmseg_op_kind kind;
    rmseg_shape in[RMSEG_OP_TENSORS], out[RMSEG_OP_TENSORS];
    int64_t kernel[3], stride[3], pad[3];
    bool bias;       /* conv: has a bias parameter */
    bool feeds_norm; /* conv, training: leaves its per-channel sums in io->sums for the norm that is its only reader,
                        and its bias gradient is exactly zero (the norm cancels it) */
    bool deferred;   /* norm, dropout, training: finds its statistics or factors and writes no output: out lies where in
                        does, and whoever reads it does the rest as it loads it (`loads`) */
    rmseg_load loads[RMSEG_OP_TENSORS]; /* convs, max-pooling, add */
    bool exact; /* conv: direct sums alone, which are exact for small integers; else Winograd's algorithm where it
                        is faster */
    bool first; /* no gradient is wanted at in[0] */
    rmseg_activation activation; /* conv, inference: of what it stores */
    bool adds;                   /* conv, inference: adds in[1], of its output's shape, behind the activation */
    double slope;                /* leaky ReLU */
    int64_t groups;              /* group norm: divides the channels */
    double eps,
        momentum;       /* norm: 1e-5, 0.1 (running = (1-momentum) running + momentum batch; variance unbiased there) */
    double probability; /* dropout */
    int64_t layer;      /* index in the network, for dropout's random stream */
} rmseg_op_desc;

/* A tensor as an op sees it: sample i starts n_stride elements after sample i-1, so that a concat's inputs can live
 * inside its output. */
typedef struct rmseg_view {
    void *data;
    int64_t n_stride;
} rmseg_view;

/* What a run of a layer reads and writes. Backward WRITES (never adds to) din and dparam; din.data NULL: not wanted. Of
 * what forward read and wrote it finds as it was: in, if it is a convolution, a norm or a max-pooling; out, if it is an
 * activation; others look at neither. Tensors overlap only so: an activation or a dropout in place; an add over its
 * first input, its gradients all in one place; a concat's inputs (and their gradients) lying where they belong in its
 * output, which leaves it nothing to do; a fork's three tensors in one place; a fork's din in the place of dout[1]; a
 * norm's din in the place of dout[0]. */
typedef struct rmseg_op_io rmseg_op_io;
struct rmseg_op_io {
    rmseg_view in[RMSEG_OP_TENSORS], out[RMSEG_OP_TENSORS];
    rmseg_view din[RMSEG_OP_TENSORS], dout[RMSEG_OP_TENSORS];
    const void *param[RMSEG_OP_PARAMS];
    void *dparam[RMSEG_OP_PARAMS];
    void *state[RMSEG_OP_STATES]; /* norm: updated by a training forward, read at inference */
    void *saved;   /* plan's saved_bytes: what forward leaves for backward (batch mean and 1/sd, argmax, mask) */
    double *sums;  /* the conv's sums_bytes, written by a conv that feeds a norm and read by that norm; else NULL */
    void *scratch; /* plan's scratch_bytes, shared by all layers: dead between runs */
    uint64_t seed; /* dropout: see core/random.h */
    bool again;    /* a second forward pass of the same batch: a batch norm takes what it saved and leaves its state */
    uint32_t iteration, sample; /* index of the batch's first sample within the whole batch */
    const rmseg_op_io *norm[RMSEG_OP_TENSORS], *dropout[RMSEG_OP_TENSORS]; /* of the deferred ops that `loads` names */
};

typedef struct rmseg_layer rmseg_layer; /* a plan; opaque */

typedef struct rmseg_layer_info {
    size_t saved_bytes, scratch_bytes, sums_bytes;
    const char *algorithm; /* "direct 3x3, tile 1x8x32", static or owned by the layer */
    const char *reason;    /* why this one */
    bool deterministic;
} rmseg_layer_info;

typedef struct rmseg_adamw {
    double lr, beta1, beta2, eps, decay;
    int64_t step; /* t: 1 for the first */
} rmseg_adamw;

/* Loops that measure the machine and compute nothing of use, at the backend's level: `rmseg bench`. */
typedef struct rmseg_probe {
    double (*multiply_add)(
        float sink[2]); /* in registers, on one thread; returns the floating-point operations it did */
    float (*read)(const float *x, int64_t n); /* n: multiples of 64 */
    void (*copy)(float *to, const float *from, int64_t n);
    void (*triad)(float *to, const float *x, const float *y, int64_t n); /* to = x + 3 y */
} rmseg_probe;

typedef struct rmseg_backend {
    const char *name;
    size_t element; /* bytes: 4 or 8 */

    /* Elements of one sample of a tensor inside (padding included); *_pack from and *_unpack to dense NCDHW of the
     * element type. */
    int64_t (*sample_elements)(const rmseg_shape *shape);
    void (*tensor_pack)(rmseg_view to, const void *dense, const rmseg_shape *shape);
    void (*tensor_unpack)(void *dense, rmseg_view from, const rmseg_shape *shape);

    /* Numbers to the nearest bfloat16, of two equally near the even one, and back. NaN stays NaN, what is too large
     * becomes infinite. */
    void (*to_bf16)(uint16_t *to, const void *from, int64_t elements);
    void (*from_bf16)(void *to, const uint16_t *from, int64_t elements);

    /* Where channel `c` of a tensor of `shape` starts inside a sample, in elements; -1 when it cannot be a view (not
     * block-aligned). */
    int64_t (*channel_offset)(const rmseg_shape *shape, int64_t c);

    /* Elements of parameter / state `index` of an op inside; 0 where the op has none. PyTorch's order and shape
     * outside. */
    int64_t (*param_elements)(const rmseg_op_desc *op, int index);
    void (*param_pack)(void *to, const void *dense, const rmseg_op_desc *op, int index);
    void (*param_unpack)(void *dense, const void *from, const rmseg_op_desc *op, int index);
    /* States are plain vectors of C elements everywhere, padded to a multiple of 16 in cpu. */
    int64_t (*state_elements)(const rmseg_op_desc *op, int index);

    /* A convolution's parameters with the batch norm behind it in them, for inference:
     *     weight s and (bias - running_mean) s + norm's bias, s = norm's weight / sqrt(running_var + eps), in double.
     * NULL: norms stay by themselves here, and so do activations and sums. */
    void (*norm_fold)(void *weight, void *bias, const rmseg_op_desc *conv, const rmseg_op_io *conv_io,
                      const rmseg_op_desc *norm, const rmseg_op_io *norm_io);

    /* Whether a norm with this desc can be deferred, in training; NULL: none can. */
    bool (*defers)(const rmseg_op_desc *norm);

    rmseg_status (*layer_create)(rmseg_layer **layer, const rmseg_op_desc *op, bool training);
    void (*layer_destroy)(rmseg_layer *layer);
    rmseg_layer_info (*layer_info)(const rmseg_layer *layer);
    void (*layer_forward)(rmseg_layer *layer, const rmseg_op_io *io);
    void (*layer_backward)(rmseg_layer *layer, const rmseg_op_io *io);

    /* SGD over one arena: v = momentum v + (g * scale + decay w); w -= lr v  (nesterov: w -= lr (g + momentum v)).
     * Padding stays zero. */
    void (*sgd)(void *w, void *v, const void *g, int64_t elements, double lr, double momentum, double decay,
                double scale, bool nesterov);

    /* AdamW (Loshchilov, Hutter 2019), as PyTorch computes it: m = beta1 m + (1-beta1) g, s = beta2 s + (1-beta2) g^2;
     * w -= lr decay w; w -= lr / (1-beta1^t) m / (sqrt(s / (1-beta2^t)) + eps), with g * scale for g. Padding stays
     * zero. */
    void (*adamw)(void *w, void *m, void *s, const void *g, int64_t elements, const rmseg_adamw *adamw, double scale);

    /* average = keep average + (1-keep) w */
    void (*average)(void *average, const void *w, int64_t elements, double keep);

    /* Sum of squares of an arena in double, fixed order: gradient norm. NaN or infinity come through. */
    double (*sum_of_squares)(const void *x, int64_t elements);

    const rmseg_objective_kernels *objective; /* backend/kernels.h: the two sweeps */
    const rmseg_probe *probe;                 /* NULL: this backend says nothing of the machine */
} rmseg_backend;

/* "plain", "plain64", "cpu"; NULL for another name. "cpu" takes the level RMSEG_CPU asks for, or the best the processor
 * has when that is unset or "plain"; it is NULL when no such level runs here. */
const rmseg_backend *rmseg_backend_find(const char *name);

/* The backend a user gets: "cpu", or "plain" when RMSEG_CPU=plain. An RMSEG_CPU this processor or build cannot run is
 * an error. */
rmseg_status rmseg_backend_default(const rmseg_backend **backend);

/* For tests: the cpu backend at a named level, NULL when it cannot run here. */
const rmseg_backend *rmseg_backend_at_level(const char *level);

#endif
