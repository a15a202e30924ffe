/*
 * families.c - which cases each family of kernels is checked on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static int64_t extent(int64_t in, int64_t kernel, int64_t stride, int64_t pad)
{
    return (in + 2 * pad - kernel) / stride + 1;
}

/* out[0] of a convolution holds its channels already. */
static void set_outputs(rmseg_op_desc *op)
{
    rmseg_shape in = op->in[0], out = in;
    const int64_t *k = op->kernel, *s = op->stride, *p = op->pad;
    switch (op->kind) {
    case RMSEG_OP_CONV:
        out = (rmseg_shape){in.n, op->out[0].c, extent(in.d, k[0], s[0], p[0]), extent(in.h, k[1], s[1], p[1]),
                            extent(in.w, k[2], s[2], p[2])};
        break;
    case RMSEG_OP_CONV_TRANSPOSE: out = (rmseg_shape){in.n, op->out[0].c, in.d * s[0], in.h * s[1], in.w * s[2]}; break;
    case RMSEG_OP_MAXPOOL: out = (rmseg_shape){in.n, in.c, in.d / k[0], in.h / k[1], in.w / k[2]}; break;
    case RMSEG_OP_CONCAT: out.c += op->in[1].c; break;
    case RMSEG_OP_FORK: op->out[1] = in; break;
    default: break;
    }
    op->out[0] = out;
    if (op->adds) op->in[1] = out;
}

static check_case *append(case_list *list, fill fill, bool training)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        list->items = realloc(list->items, (size_t)list->capacity * sizeof *list->items);
        if (!list->items) abort();
    }
    check_case *c = &list->items[list->count];
    *c = (check_case){.ops = 1, .fill = fill, .training = training, .seed = list->count++};
    return c;
}

void case_add(case_list *list, rmseg_op_desc op, fill fill, bool training)
{
    set_outputs(&op);
    append(list, fill, training)->op[0] = op;
}

void case_add_with_norm(case_list *list, rmseg_op_desc op, fill fill, rmseg_activation activation)
{
    op.feeds_norm = true;
    set_outputs(&op);
    check_case *c = append(list, fill, true);
    c->ops = 2;
    c->op[0] = op;
    c->op[1] = (rmseg_op_desc){.kind = RMSEG_OP_NORM,
                               .in = {op.out[0]},
                               .out = {op.out[0]},
                               .activation = activation,
                               .eps = 1e-5,
                               .momentum = 0.1};
}

const char *case_text(char *buffer, size_t size, const check_case *c)
{
    static const char *const fills[] = {"integers", "normal", "hostile"};
    static const char *const kinds[] = {"conv", "transposed conv", "norm", "group norm", "activation", "max-pool",
                                        "add",  "concat",          "fork", "dropout"};
    const rmseg_op_desc *op = &c->op[0];
    const rmseg_shape *i = &op->in[0], *o = &op->out[0];
    bool is_conv = op->kind == RMSEG_OP_CONV || op->kind == RMSEG_OP_CONV_TRANSPOSE;
    snprintf(buffer, size,
             "%s (%lld,%lld,%lld,%lld,%lld) -> (%lld,%lld,%lld,%lld,%lld) kernel %lld,%lld,%lld stride %lld pad "
             "%lld%s%s, %s, %s",
             kinds[op->kind], (long long)i->n, (long long)i->c, (long long)i->d, (long long)i->h, (long long)i->w,
             (long long)o->n, (long long)o->c, (long long)o->d, (long long)o->h, (long long)o->w,
             (long long)op->kernel[0], (long long)op->kernel[1], (long long)op->kernel[2], (long long)op->stride[2],
             (long long)op->pad[2], op->bias ? " bias" : "",
             c->ops > 1                  ? " + norm"
             : op->adds                  ? " + sum"
             : op->activation && is_conv ? " + activation"
                                         : "",
             fills[c->fill], c->training ? "training" : "inference");
    return buffer;
}

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

typedef struct conv_shape {
    int64_t n, in, out, d, h, w, kd, kh, kw;
} conv_shape;

static rmseg_op_desc conv_op(conv_shape s)
{
    return (rmseg_op_desc){.kind = RMSEG_OP_CONV,
                           .in = {{s.n, s.in, s.d, s.h, s.w}},
                           .out = {{.c = s.out}},
                           .kernel = {s.kd, s.kh, s.kw},
                           .stride = {1, 1, 1},
                           .pad = {s.kd / 2, s.kh / 2, s.kw / 2},
                           .bias = true};
}

static const int64_t odd_channels[] = {1, 2, 3, 5, 8, 17, 33};
#define ODD_CHANNELS (int)(sizeof odd_channels / sizeof *odd_channels)

/* Each number of channels meets each other once as input and as output. */
static void add_channel_pairs(case_list *list, conv_shape s, rmseg_op_desc (*make)(conv_shape))
{
    for (int i = 0; i < ODD_CHANNELS; i++)
        for (int o = 0; o < ODD_CHANNELS; o++) {
            s.in = odd_channels[i], s.out = odd_channels[o];
            case_add(list, make(s), (i + o) % 2 ? FILL_NORMAL : FILL_INTEGERS, true);
        }
}

/* What inference has a convolution do as it stores: an activation, a sum, both. */
static void add_stored(case_list *list, rmseg_op_desc op, int64_t which)
{
    static const rmseg_activation activations[] = {RMSEG_ACT_RELU, RMSEG_ACT_LEAKY_RELU, RMSEG_ACT_NONE};
    op.activation = activations[which % 3];
    op.slope = 0.25;
    op.adds = which % 3 == 2 || which % 2;
    case_add(list, op, which % 4 < 2 ? FILL_INTEGERS : FILL_NORMAL, false);
}

static void add_shapes(case_list *list, const conv_shape *shapes, size_t bytes, rmseg_op_desc (*make)(conv_shape))
{
    for (size_t i = 0; i < bytes / sizeof *shapes; i++) {
        case_add(list, make(shapes[i]), FILL_INTEGERS, true);
        case_add(list, make(shapes[i]), FILL_NORMAL, true);
        add_stored(list, make(shapes[i]), (int64_t)i);
    }
    case_add(list, make(shapes[0]), FILL_INTEGERS, false);
}

static void conv2d_list(case_list *list)
{
    static const conv_shape shapes[] = {
        {2, 16, 16, 1, 9, 31, 1, 3, 3},    {1, 32, 48, 1, 1, 1, 1, 3, 3},   {3, 16, 32, 1, 1, 40, 1, 3, 3},
        {1, 40, 16, 1, 37, 1, 1, 3, 3},    {2, 33, 17, 1, 6, 141, 1, 3, 3}, {1, 16, 16, 1, 64, 65, 1, 3, 3},
        {1, 160, 48, 1, 7, 5, 1, 3, 3},    {1, 16, 32, 1, 11, 13, 1, 5, 5}, {2, 3, 16, 1, 23, 19, 1, 5, 5},
        {1, 4, 16, 1, 9, 30, 1, 7, 7},     {1, 16, 2, 1, 12, 17, 1, 1, 3},  {1, 1, 1, 1, 5, 200, 1, 3, 1},
        {1, 128, 32, 1, 20, 21, 1, 3, 3},  /* many channels, for Winograd: one group, */
        {3, 144, 48, 1, 34, 33, 1, 3, 3},  /* several, */
        {2, 80, 160, 1, 24, 22, 1, 3, 3},  /* one way few, the other many */
        {1, 64, 64, 1, 32, 32, 1, 3, 3},   /* U-Net 16, second level from the bottom, halved */
        {3, 208, 48, 1, 34, 33, 1, 3, 3},  /* more than one group that all threads share, */
        {1, 96, 64, 1, 100, 92, 1, 3, 3},  /* the same for the weights, */
        {1, 272, 264, 1, 18, 13, 1, 3, 3}, /* and several blocks at a time */
    };
    add_channel_pairs(list, (conv_shape){.n = 2, .d = 1, .h = 5, .w = 18, .kd = 1, .kh = 3, .kw = 3}, conv_op);
    add_shapes(list, shapes, sizeof shapes, conv_op);
}

static void conv3d_list(case_list *list)
{
    static const conv_shape shapes[] = {
        {2, 16, 16, 5, 7, 9, 3, 3, 3},    {1, 16, 16, 1, 6, 10, 3, 3, 3}, {1, 32, 16, 7, 1, 1, 3, 3, 3},
        {1, 17, 33, 4, 5, 21, 3, 3, 3},   {1, 1, 16, 9, 8, 20, 3, 3, 3},  {2, 16, 1, 3, 4, 5, 3, 3, 3},
        {1, 48, 32, 7, 7, 5, 3, 3, 3},    {1, 3, 2, 4, 4, 4, 3, 3, 3},    {2, 144, 33, 5, 12, 9, 3, 3, 3},
        {1, 32, 32, 16, 16, 12, 3, 3, 3}, /* V-Net 8, third level */
        {1, 8, 8, 6, 10, 14, 3, 3, 3},    /* narrow, */
        {2, 8, 16, 4, 9, 7, 3, 3, 3},     /* one way or the other, */
        {1, 24, 7, 5, 6, 19, 3, 3, 3},    /* from half a line more */
        {1, 256, 264, 4, 5, 3, 3, 3, 3},  /* many channels, few tiles */
        {2, 24, 40, 7, 9, 5, 3, 3, 3},    /* Winograd's planes along D and H, */
        {2, 32, 17, 8, 5, 12, 3, 3, 3},   /* D and W, */
        {1, 160, 272, 8, 5, 9, 3, 3, 3},  /* the same shared by all threads */
    };
    add_shapes(list, shapes, sizeof shapes, conv_op);
}

static void pointwise_list(case_list *list)
{
    static const conv_shape shapes[] = {
        {2, 16, 2, 1, 33, 47, 1, 1, 1}, {1, 64, 2, 1, 64, 65, 1, 1, 1}, {1, 16, 2, 9, 11, 16, 1, 1, 1},
        {3, 48, 4, 1, 40, 41, 1, 1, 1}, {1, 48, 80, 1, 5, 7, 1, 1, 1},  {1, 2, 64, 1, 1, 3, 1, 1, 1},
        {1, 272, 16, 1, 4, 4, 1, 1, 1},
    };
    add_channel_pairs(list, (conv_shape){.n = 2, .d = 2, .h = 3, .w = 19, .kd = 1, .kh = 1, .kw = 1}, conv_op);
    add_shapes(list, shapes, sizeof shapes, conv_op);
}

static rmseg_op_desc strided_op(conv_shape s)
{
    rmseg_op_desc op = conv_op(s);
    for (int a = 0; a < 3; a++) op.stride[a] = op.kernel[a], op.pad[a] = 0;
    return op;
}

static rmseg_op_desc transposed_op(conv_shape s)
{
    rmseg_op_desc op = strided_op(s);
    op.kind = RMSEG_OP_CONV_TRANSPOSE;
    return op;
}

static void strided_list(case_list *list)
{
    static const conv_shape shapes[] = {
        {2, 16, 32, 1, 10, 34, 1, 2, 2}, {1, 16, 16, 1, 9, 7, 1, 2, 2},    {1, 16, 32, 6, 8, 10, 2, 2, 2},
        {2, 33, 17, 5, 7, 9, 2, 2, 2},   {1, 3, 16, 1, 8, 22, 1, 2, 2},    {1, 32, 48, 1, 12, 15, 1, 3, 3},
        {1, 5, 3, 4, 4, 4, 2, 2, 2},     {1, 32, 64, 14, 14, 10, 2, 2, 2}, {2, 8, 16, 4, 6, 10, 2, 2, 2},
    };
    add_channel_pairs(list, (conv_shape){.n = 2, .d = 1, .h = 5, .w = 12, .kd = 1, .kh = 2, .kw = 2}, strided_op);
    add_shapes(list, shapes, sizeof shapes, strided_op);
}

static void transposed_list(case_list *list)
{
    static const conv_shape shapes[] = {
        {2, 32, 16, 1, 5, 17, 1, 2, 2}, {1, 16, 16, 1, 1, 1, 1, 2, 2},    {1, 32, 16, 3, 4, 5, 2, 2, 2},
        {2, 33, 17, 2, 3, 9, 2, 2, 2},  {1, 16, 3, 1, 4, 11, 1, 2, 2},    {1, 48, 32, 1, 4, 25, 1, 3, 3},
        {1, 3, 5, 2, 2, 2, 2, 2, 2},    {1, 64, 32, 7, 7, 5, 2, 2, 2},    {2, 16, 8, 3, 4, 7, 2, 2, 2},
        {1, 8, 40, 2, 3, 5, 2, 2, 2},   {1, 128, 64, 1, 16, 16, 1, 2, 2}, /* U-Net 16, first way up */
    };
    add_channel_pairs(list, (conv_shape){.n = 2, .d = 1, .h = 3, .w = 7, .kd = 1, .kh = 2, .kw = 2}, transposed_op);
    add_shapes(list, shapes, sizeof shapes, transposed_op);
}

/* ---- norms and moves --------------------------------------------------------------------------------------------- */

static const rmseg_shape odd_tensors[] = {
    {2, 1, 1, 5, 7},   {3, 2, 2, 3, 4},  {1, 3, 1, 8, 9},    {2, 5, 1, 4, 33},    {1, 17, 3, 5, 2},
    {2, 33, 1, 6, 10}, {2, 16, 1, 1, 1}, {1, 16, 1, 65, 67}, {1, 32, 1, 64, 128}, {2, 48, 4, 14, 10},
    {1, 4, 2, 2, 2},   {2, 8, 3, 7, 5},  {1, 7, 1, 65, 67},  {3, 8, 2, 4, 2},     {1, 8, 1, 9, 30},
};
#define ODD_TENSORS (int)(sizeof odd_tensors / sizeof *odd_tensors)

static void conv_norm_list(case_list *list)
{
    static const conv_shape shapes[] = {{2, 3, 16, 1, 20, 33, 1, 3, 3},  {2, 17, 33, 1, 9, 12, 1, 3, 3},
                                        {1, 16, 3, 3, 8, 9, 3, 3, 3},    {2, 8, 2, 1, 9, 12, 1, 1, 1},
                                        {2, 1, 8, 3, 8, 9, 3, 3, 3},     {1, 7, 24, 3, 8, 9, 3, 3, 3},
                                        {4, 32, 32, 1, 32, 32, 1, 3, 3}, {2, 17, 32, 8, 5, 12, 3, 3, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        case_add_with_norm(list, conv_op(shapes[i]), FILL_NORMAL, RMSEG_ACT_RELU);
        case_add_with_norm(list, conv_op(shapes[i]), FILL_NORMAL, RMSEG_ACT_NONE);
    }
    case_add_with_norm(list, strided_op((conv_shape){2, 16, 32, 4, 6, 10, 2, 2, 2}), FILL_NORMAL, RMSEG_ACT_RELU);
    case_add_with_norm(list, transposed_op((conv_shape){2, 32, 16, 3, 4, 7, 2, 2, 2}), FILL_NORMAL, RMSEG_ACT_RELU);
    case_add_with_norm(list, transposed_op((conv_shape){2, 5, 3, 1, 4, 7, 1, 2, 2}), FILL_NORMAL, RMSEG_ACT_LEAKY_RELU);
}

static rmseg_op_desc tensor_op(rmseg_op_kind kind, rmseg_shape shape)
{
    return (rmseg_op_desc){
        .kind = kind, .in = {shape}, .eps = 1e-5, .momentum = 0.1, .slope = 0.25, .probability = 0.5, .layer = 3};
}

static void add_activations(case_list *list, rmseg_op_desc op, fill fill, bool training)
{
    for (int a = RMSEG_ACT_NONE; a <= RMSEG_ACT_LEAKY_RELU; a++) {
        op.activation = (rmseg_activation)a;
        case_add(list, op, fill, training);
    }
}

static void norm_list(case_list *list)
{
    for (int i = 0; i < ODD_TENSORS; i++) {
        if (odd_tensors[i].h == 1)
            continue; /* of two numbers a channel, din is a difference of equals: nothing to compare */
        add_activations(list, tensor_op(RMSEG_OP_NORM, odd_tensors[i]), FILL_NORMAL, true);
        case_add(list, tensor_op(RMSEG_OP_NORM, odd_tensors[i]), FILL_HOSTILE, true);
    }
    add_activations(list, tensor_op(RMSEG_OP_NORM, odd_tensors[5]), FILL_NORMAL, false);
    case_add(list, tensor_op(RMSEG_OP_NORM, odd_tensors[1]), FILL_HOSTILE, false);
}

/* One group, groups of several channels, and each channel alone (instance norm). */
static void group_norm_list(case_list *list)
{
    for (int i = 0; i < ODD_TENSORS; i++)
        for (int64_t groups = 1; groups <= odd_tensors[i].c; groups++) {
            rmseg_op_desc op = tensor_op(RMSEG_OP_GROUP_NORM, odd_tensors[i]);
            op.groups = groups;
            if (op.in[0].c % groups || op.in[0].h == 1) continue; /* as for the norm above */
            add_activations(list, op, FILL_NORMAL, true);
            case_add(list, op, FILL_HOSTILE, true);
            case_add(list, op, FILL_NORMAL, false);
        }
}

static void activation_list(case_list *list)
{
    for (int i = 0; i < ODD_TENSORS; i++) {
        add_activations(list, tensor_op(RMSEG_OP_ACTIVATION, odd_tensors[i]), FILL_INTEGERS, true);
        add_activations(list, tensor_op(RMSEG_OP_ACTIVATION, odd_tensors[i]), FILL_HOSTILE, true);
    }
    add_activations(list, tensor_op(RMSEG_OP_ACTIVATION, odd_tensors[3]), FILL_NORMAL, false);
}

static void pool_list(case_list *list)
{
    for (int i = 0; i < ODD_TENSORS; i++) {
        rmseg_op_desc op = tensor_op(RMSEG_OP_MAXPOOL, odd_tensors[i]);
        op.kernel[0] = op.in[0].d > 1 ? 2 : 1;
        op.kernel[1] = op.in[0].h > 1 ? 2 : 1;
        op.kernel[2] = op.in[0].w > 2 ? 2 + i % 2 : op.in[0].w;
        for (int a = 0; a < 3; a++) op.stride[a] = op.kernel[a];
        case_add(list, op, FILL_INTEGERS, true);
        case_add(list, op, FILL_NORMAL, true);
        case_add(list, op, FILL_HOSTILE, true);
        case_add(list, op, FILL_NORMAL, false);
    }
}

static void move_list(case_list *list, rmseg_op_kind kind)
{
    for (int i = 0; i < ODD_TENSORS; i++) {
        rmseg_op_desc op = tensor_op(kind, odd_tensors[i]);
        if (kind == RMSEG_OP_ADD || kind == RMSEG_OP_CONCAT) op.in[1] = op.in[0];
        if (kind == RMSEG_OP_CONCAT) op.in[1].c = odd_tensors[(i + 3) % ODD_TENSORS].c;
        case_add(list, op, FILL_INTEGERS, true);
        case_add(list, op, FILL_HOSTILE, true);
        case_add(list, op, FILL_NORMAL, false);
    }
}

static void add_list(case_list *list) { move_list(list, RMSEG_OP_ADD); }
static void concat_list(case_list *list) { move_list(list, RMSEG_OP_CONCAT); }
static void fork_list(case_list *list) { move_list(list, RMSEG_OP_FORK); }
static void dropout_list(case_list *list) { move_list(list, RMSEG_OP_DROPOUT); }

/* ---- the table --------------------------------------------------------------------------------------------------- */

const family families[] = {
    {"conv2d", "convolutions of one slice", conv2d_list, NULL},
    {"conv3d", "convolutions of volumes", conv3d_list, NULL},
    {"pointwise", "convolutions of kernel 1", pointwise_list, NULL},
    {"strided", "convolutions of kernel = stride", strided_list, NULL},
    {"transposed", "transposed convolutions", transposed_list, NULL},
    {"conv-norm", "convolutions and the norm that reads their sums", conv_norm_list, NULL},
    {"norm", "batch norm with its activation", norm_list, NULL},
    {"group-norm", "group and instance norm with their activation", group_norm_list, NULL},
    {"activation", "activations", activation_list, NULL},
    {"maxpool", "max-pooling", pool_list, NULL},
    {"add", "sums of two tensors", add_list, NULL},
    {"concat", "channels put together", concat_list, NULL},
    {"fork", "a tensor read twice", fork_list, NULL},
    {"dropout", "dropout of channels", dropout_list, NULL},
    {"layouts", "tensors and weights in and out", NULL, check_layouts},
    {"bf16", "floats to bfloat16 and back", NULL, check_bf16},
    {"optimiser", "SGD, AdamW, averages and the sum of squares", NULL, check_optimiser},
    {NULL, NULL, NULL, NULL},
};
