/*
 * nn/nn.h - the door of networks: graph, weights, executor, optimiser.
 *
 *     rmseg_net       the flat list of ops in topological order; no shapes, no memory
 *     rmseg_weights   parameters, states, gradients and momenta of a net, in one backend's layout, one arena each
 *     rmseg_executor  plans and activations for one shape: forward is one loop up, backward one loop down
 *
 * Several executors (training patch, whole image) may share the same weights, not at the same time.
 */
#ifndef NN_NN_H
#define NN_NN_H

#include "backend/backend.h"
#include "core/core.h"
#include "rmseg/nn.h"

/* ---- graph ------------------------------------------------------------------------------------------------------- */

typedef struct rmseg_net rmseg_net;

/* Builds the net a spec asks for. Errors name the field and what is allowed. */
rmseg_status rmseg_net_create(rmseg_net **net, const rmseg_net_spec *spec);
void rmseg_net_destroy(rmseg_net *net);
const rmseg_net_spec *rmseg_net_get_spec(const rmseg_net *net); /* its strings live as long as the net */

/* Every extent of the input along D, H, W must be a multiple of this (2D: 1,16,16 for depth 4). */
void rmseg_net_divisor(int64_t divisor[3], const rmseg_net *net);

/* Parameters and states in the order of PyTorch's state_dict of the same module. */
typedef enum rmseg_tensor_role { RMSEG_ROLE_PARAMETER, RMSEG_ROLE_STATE, RMSEG_ROLE_COUNTER } rmseg_tensor_role;
typedef struct rmseg_tensor_info {
    const char *name; /* "down0.conv1.weight", "down0.norm1.running_mean", "down0.norm1.num_batches_tracked" */
    rmseg_tensor_role role;
    int rank;        /* COUNTER: 0 */
    int64_t dims[5]; /* PyTorch's shape: (O,I,kh,kw) in 2D, (O,I,kd,kh,kw) in 3D */
    int64_t elements;
    int op, index; /* op in the list; which of its parameters or states */
} rmseg_tensor_info;
int64_t rmseg_net_tensors(const rmseg_net *net);
const rmseg_tensor_info *rmseg_net_tensor(const rmseg_net *net, int64_t index);
int64_t rmseg_net_parameter_count(const rmseg_net *net); /* numbers a user would quote: 31,031,810 */

/* ---- weights ----------------------------------------------------------------------------------------------------- */

typedef struct rmseg_weights rmseg_weights;

/* `training` adds gradients and momenta. All zero (norm weight 1, running_var 1) until initialised or read. */
rmseg_status rmseg_weights_create(rmseg_weights **weights, const rmseg_net *net, const rmseg_backend *backend,
                                  bool training);
void rmseg_weights_destroy(rmseg_weights *weights);

/* PyTorch's defaults: weight and bias U(-b, b), b = 1/sqrt(fan_in), fan_in = I*kernel (transposed: O*kernel); norm 1,
 * 0. Parameter j of rmseg_net_tensors order, element i (PyTorch's order): (2u - 1) b with u = draw i of the stream
 * (seed, WEIGHTS, j, 0), computed in double, rounded to float. */
rmseg_status rmseg_weights_init(rmseg_weights *weights, uint64_t seed);

/* One tensor out of / into PyTorch's order, float (plain64: double rounded / widened). kind: the value, its gradient,
 * its momentum, the mean square of its gradient (AdamW), its moving average. */
typedef enum rmseg_tensor_kind {
    RMSEG_TENSOR_VALUE,
    RMSEG_TENSOR_GRADIENT,
    RMSEG_TENSOR_MOMENTUM,
    RMSEG_TENSOR_SQUARE,
    RMSEG_TENSOR_AVERAGE,
    RMSEG_TENSOR_KINDS
} rmseg_tensor_kind;
rmseg_status rmseg_weights_get(float *dense, const rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind);
rmseg_status rmseg_weights_set(rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind, const float *dense);
/* The same in double, for gradient checks on plain64. */
rmseg_status rmseg_weights_get64(double *dense, const rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind);
rmseg_status rmseg_weights_set64(rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind, const double *dense);
int64_t rmseg_weights_batches_tracked(const rmseg_weights *weights);
void rmseg_weights_set_batches_tracked(rmseg_weights *weights, int64_t count);

/* Makes training weights keep SQUARE (for AdamW) or AVERAGE too; the average starts as a copy of the values, and is to
 * be asked for again once those are set. */
rmseg_status rmseg_weights_keep(rmseg_weights *weights, rmseg_tensor_kind kind);

/* One SGD step over all parameters; *norm (may be NULL) gets the L2 norm of the gradient. clip > 0 scales it down to
 * that norm. A gradient that is NaN or infinite is an error that names the parameter, the first of them on the way
 * back, and moves nothing. */
typedef struct rmseg_sgd {
    double lr, momentum, decay, clip;
    bool nesterov;
} rmseg_sgd;
rmseg_status rmseg_weights_step(double *norm, rmseg_weights *weights, const rmseg_sgd *sgd);
/* The same by AdamW, with MOMENTUM as its mean gradient; needs SQUARE. */
rmseg_status rmseg_weights_step_adamw(double *norm, rmseg_weights *weights, const rmseg_adamw *adamw, double clip);

/* average = keep average + (1-keep) values; needs AVERAGE. */
void rmseg_weights_average(rmseg_weights *weights, double keep);
/* Values and averages change places: for a while the network computes with the averages. Running statistics stay. */
void rmseg_weights_swap(rmseg_weights *weights);

/* ---- safetensors ------------------------------------------------------------------------------------------------- */

/* A file of named tensors: u64 header length, JSON header, data. Written atomically; read with every offset, shape and
 * type checked. */
#define RMSEG_TENSOR_RANK 8 /* most axes */

typedef struct rmseg_named_tensor {
    char *name;
    const char *dtype; /* "F32", "F64", "I64", "U8" */
    int rank;
    int64_t dims[RMSEG_TENSOR_RANK];
    void *data; /* owned when read */
    size_t bytes;
} rmseg_named_tensor;

typedef struct rmseg_tensor_file {
    rmseg_named_tensor *tensors;
    int64_t count;
    char **keys, **values; /* __metadata__ */
    int64_t metadata;
} rmseg_tensor_file;

rmseg_status rmseg_tensor_file_read(rmseg_tensor_file *file, const char *path);
rmseg_status rmseg_tensor_file_write(const rmseg_tensor_file *file, const char *path);
void rmseg_tensor_file_destroy(rmseg_tensor_file *file);
rmseg_status rmseg_tensor_file_add(rmseg_tensor_file *file, const char *name, const char *dtype, int rank,
                                   const int64_t *dims, const void *data); /* copies */
rmseg_status rmseg_tensor_file_note(rmseg_tensor_file *file, const char *key, const char *value);
const rmseg_named_tensor *rmseg_tensor_file_find(const rmseg_tensor_file *file, const char *name);
const char *rmseg_tensor_file_value(const rmseg_tensor_file *file, const char *key); /* NULL where absent */

/* All values (and, with `momenta`, "momentum.<name>" and what else is kept: "square.", "average.") under PyTorch's
 * names, of the backend's element type. Loading
 * takes F32 and F64 and is strict: a missing, unknown or misshapen tensor is an error naming it, what was found and
 * what was expected, and changes nothing. Momenta that are not asked for are passed over. */
rmseg_status rmseg_weights_save(rmseg_tensor_file *file, const rmseg_weights *weights, bool momenta);
rmseg_status rmseg_weights_load(rmseg_weights *weights, const rmseg_tensor_file *file, bool momenta, const char *path);

/* The spec as metadata ("rmseg.net" = "unet", ...) and back, so that a weights file is sufficient alone. */
rmseg_status rmseg_net_spec_save(rmseg_tensor_file *file, const rmseg_net_spec *spec);
rmseg_status rmseg_net_spec_load(rmseg_net_spec *spec, const rmseg_tensor_file *file,
                                 const char *path); /* strings borrowed from file */

/* ---- executor ---------------------------------------------------------------------------------------------------- */

typedef struct rmseg_executor rmseg_executor;

/* Plans and memory for batches of n samples of size D,H,W. `training` keeps what backward needs. */
rmseg_status rmseg_executor_create(rmseg_executor **executor, const rmseg_net *net, const rmseg_backend *backend,
                                   int64_t n, const int64_t size[3], bool training);
/* The same for a training that keeps only some activations and makes the others again on the way back: slower, in less
 * memory, the same bits. */
rmseg_status rmseg_executor_create_checkpointed(rmseg_executor **executor, const rmseg_net *net,
                                                const rmseg_backend *backend, int64_t n, const int64_t size[3]);
void rmseg_executor_destroy(rmseg_executor *executor);

/* The bytes that such an executor takes, without taking them. */
rmseg_status rmseg_executor_measure(size_t *bytes, const rmseg_net *net, const rmseg_backend *backend, int64_t n,
                                    const int64_t size[3], bool training);

/* input (n,Cin,D,H,W) and logits (n,K,D,H,W) dense, of the backend's element type. A training forward updates running
 * statistics. seed and iteration feed dropout. */
rmseg_status rmseg_executor_forward(void *logits, rmseg_executor *executor, rmseg_weights *weights, const void *input,
                                    uint64_t seed, int64_t iteration);
/* Fills the gradient arena of `weights` from dlogits (n,K,D,H,W). Only after a training forward of the same batch. */
rmseg_status rmseg_executor_backward(rmseg_executor *executor, rmseg_weights *weights, const void *dlogits);

/* The first layer whose output of the last training forward is not finite, NULL where all are. */
const char *rmseg_executor_fault(const rmseg_executor *executor);

/* The algorithm of each layer ("down0.conv1: direct ..."), one line an op, added to text: for run.json and rmseg info.
 */
void rmseg_executor_algorithms(const rmseg_executor *executor, rmseg_text *text);
size_t rmseg_executor_bytes(const rmseg_executor *executor);

/* What the memory of a network at work is for. */
typedef struct rmseg_purpose {
    const char *key, *name; /* "activation_gradients", "their gradients, beside them" */
    size_t bytes;
} rmseg_purpose;
#define RMSEG_PURPOSES 9

/* Of an executor and its weights; NULL: of the weights that SGD would move, for a training, or of values alone. */
rmseg_status rmseg_executor_purposes(rmseg_purpose purposes[RMSEG_PURPOSES], const rmseg_executor *executor,
                                     const rmseg_weights *weights);

/* ---- its clock ----------------------------------------------------------------------------------------------------- */

/* What an op does at a time. Backward of a convolution is two passes: DATA, the gradient at its input, and WEIGHTS; of
 * any other op it is BACKWARD. */
typedef enum rmseg_pass {
    RMSEG_PASS_FORWARD,
    RMSEG_PASS_BACKWARD,
    RMSEG_PASS_DATA,
    RMSEG_PASS_WEIGHTS,
    RMSEG_PASSES
} rmseg_pass;

/* From now on every run notes the time of each op. Backward then computes the weights' gradient of a convolution twice,
 * the second time alone: DATA is the difference. */
rmseg_status rmseg_executor_clock(rmseg_executor *executor);

typedef struct rmseg_op_profile {
    const char *name, *kind, *algorithm; /* "down0.conv1", "conv", "direct 3x3, tile ..."; borrowed from the executor */
    double seconds[RMSEG_PASSES];        /* of the last run; NaN where the op has no such pass */
    double flops[RMSEG_PASSES];          /* of sums of products as they are defined; 0 where there is none or no pass */
    double bytes[RMSEG_PASSES];          /* the least it reads and writes: each tensor and parameter once */
} rmseg_op_profile;

/* kind, flops and bytes of an op that stands alone, of complete shapes; "conv". */
void rmseg_op_work(rmseg_op_profile *profile, const rmseg_op_desc *op, const rmseg_backend *backend);
const char *rmseg_op_name(rmseg_op_kind kind);

int64_t rmseg_executor_ops(const rmseg_executor *executor);
void rmseg_executor_profile(rmseg_op_profile *profile, const rmseg_executor *executor, int64_t op);

#endif
