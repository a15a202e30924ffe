/*
 * Backward of every op kind against differences of its forward, in double: f = sum(cotangent * out), moved along one
 * random direction of all inputs and parameters at once. And the same for whole small U-Nets.
 */
#include "backend/backend.h"
#include "gradient/derivative.h"
#include "nn/graph.h"

/* ---- one op ------------------------------------------------------------------------------------------------------ */

#define SLOTS 4 /* in[0], in[1], param[0], param[1] */

typedef struct op_case {
    const rmseg_backend *backend;
    const rmseg_op_row *row;
    rmseg_op_desc op;
    rmseg_layer *layer;
    rmseg_op_io io;
    int64_t elements[SLOTS], out_elements[2];
    double *point[SLOTS], *direction[SLOTS], *moved[SLOTS], *gradient[SLOTS];
    double *out[2], *cotangent[2];
} op_case;

static double *numbers(rmseg_random *random, int64_t count)
{
    double *x = rmseg_alloc(count, sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; random && i < count; i++) x[i] = rmseg_random_normal(random);
    return x;
}

static int64_t elements_of(const rmseg_shape *s) { return s->n * s->c * s->d * s->h * s->w; }

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static void make_slot(op_case *c, int slot, int64_t elements, rmseg_random *random)
{
    c->elements[slot] = elements;
    c->point[slot] = numbers(random, elements);
    c->direction[slot] = numbers(random, elements);
    c->moved[slot] = numbers(NULL, elements);
    c->gradient[slot] = numbers(NULL, elements);
    for (int64_t i = 0; i < elements; i++) c->gradient[slot][i] = NAN; /* backward must write, not add */
    memcpy(c->moved[slot], c->point[slot], (size_t)elements * sizeof(double));
}

static void open_case(op_case *c, rmseg_random *random)
{
    assert_ok(c->row->shape(&c->op, c->row->name));
    assert_ok(c->backend->layer_create(&c->layer, &c->op, true));
    for (int i = 0; i < c->row->inputs; i++) {
        make_slot(c, i, elements_of(&c->op.in[i]), random);
        c->io.in[i] = (rmseg_view){c->moved[i], c->elements[i] / c->op.in[i].n};
        c->io.din[i] = (rmseg_view){c->gradient[i], c->elements[i] / c->op.in[i].n};
    }
    for (int i = 0; i < RMSEG_OP_PARAMS && c->row->params[i]; i++) {
        make_slot(c, 2 + i, c->backend->param_elements(&c->op, i), random);
        c->io.param[i] = c->moved[2 + i];
        c->io.dparam[i] = c->gradient[2 + i];
    }
    for (int i = 0; i < c->row->outputs; i++) {
        c->out_elements[i] = elements_of(&c->op.out[i]);
        c->out[i] = numbers(NULL, c->out_elements[i]);
        c->cotangent[i] = numbers(random, c->out_elements[i]);
        c->io.out[i] = (rmseg_view){c->out[i], c->out_elements[i] / c->op.out[i].n};
        c->io.dout[i] = (rmseg_view){c->cotangent[i], c->out_elements[i] / c->op.out[i].n};
    }
    for (int i = 0; i < RMSEG_OP_STATES && c->row->states[i]; i++)
        c->io.state[i] = numbers(NULL, c->backend->state_elements(&c->op, i));
    rmseg_layer_info info = c->backend->layer_info(c->layer);
    c->io.saved = rmseg_alloc((int64_t)info.saved_bytes, 1);
    c->io.scratch = rmseg_alloc((int64_t)info.scratch_bytes, 1);
    c->io.seed = 7;
}

static void close_case(op_case *c)
{
    for (int i = 0; i < SLOTS; i++) {
        rmseg_free(c->point[i]);
        rmseg_free(c->direction[i]);
        rmseg_free(c->moved[i]);
        rmseg_free(c->gradient[i]);
    }
    for (int i = 0; i < 2; i++) {
        rmseg_free(c->out[i]);
        rmseg_free(c->cotangent[i]);
        rmseg_free(c->io.state[i]);
    }
    rmseg_free(c->io.saved);
    rmseg_free(c->io.scratch);
    c->backend->layer_destroy(c->layer);
}

static double op_along(void *context, double t)
{
    op_case *c = context;
    for (int slot = 0; slot < SLOTS; slot++)
        for (int64_t i = 0; i < c->elements[slot]; i++)
            c->moved[slot][i] = c->point[slot][i] + t * c->direction[slot][i];
    c->backend->layer_forward(c->layer, &c->io);
    double sum = 0;
    for (int i = 0; i < c->row->outputs; i++) sum += dot(c->out[i], c->cotangent[i], c->out_elements[i]);
    return sum;
}

static void check_op(const char *name, rmseg_op_desc op)
{
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, (uint32_t)op.kind, 0);
    op_case c = {.backend = rmseg_backend_find("plain64"), .row = rmseg_op_row_get(op.kind), .op = op};
    open_case(&c, &random);
    op_along(&c, 0);
    c.backend->layer_backward(c.layer, &c.io);
    double slope = 0;
    for (int slot = 0; slot < SLOTS; slot++) slope += dot(c.gradient[slot], c.direction[slot], c.elements[slot]);
    check_slope(name, op_along, &c, 1e-4, slope);
    close_case(&c);
}

static void convolutions(void **state)
{
    (void)state;
    rmseg_op_desc op = {.kind = RMSEG_OP_CONV,
                        .bias = true,
                        .in[0] = {2, 3, 4, 5, 6},
                        .out[0].c = 4,
                        .kernel = {3, 3, 3},
                        .stride = {1, 1, 1},
                        .pad = {1, 1, 1}};
    check_op("conv 3x3x3", op);
    check_op("conv 3x3x3 of one voxel", (op.in[0] = (rmseg_shape){1, 1, 1, 1, 1}, op));
    rmseg_op_desc flat = {.kind = RMSEG_OP_CONV,
                          .bias = true,
                          .in[0] = {2, 3, 1, 7, 5},
                          .out[0].c = 2,
                          .kernel = {1, 3, 3},
                          .stride = {1, 1, 1},
                          .pad = {0, 1, 1}};
    check_op("conv 3x3", flat);
    rmseg_op_desc uneven = {.kind = RMSEG_OP_CONV,
                            .bias = true,
                            .in[0] = {1, 2, 5, 6, 7},
                            .out[0].c = 3,
                            .kernel = {1, 2, 3},
                            .stride = {2, 3, 1},
                            .pad = {0, 1, 2}};
    check_op("conv 1x2x3, stride 2x3x1, pad 0x1x2", uneven);
    rmseg_op_desc down = {.kind = RMSEG_OP_CONV,
                          .bias = true,
                          .in[0] = {2, 2, 4, 4, 6},
                          .out[0].c = 3,
                          .kernel = {2, 2, 2},
                          .stride = {2, 2, 2}};
    check_op("conv 2x2x2, stride 2", down);
    rmseg_op_desc point = {
        .kind = RMSEG_OP_CONV, .in[0] = {2, 5, 1, 3, 4}, .out[0].c = 3, .kernel = {1, 1, 1}, .stride = {1, 1, 1}};
    check_op("conv 1x1 without bias", point);
}

static void transposed_convolutions(void **state)
{
    (void)state;
    rmseg_op_desc op = {.kind = RMSEG_OP_CONV_TRANSPOSE,
                        .bias = true,
                        .in[0] = {2, 4, 2, 3, 4},
                        .out[0].c = 3,
                        .kernel = {2, 2, 2},
                        .stride = {2, 2, 2}};
    check_op("transposed 2x2x2", op);
    rmseg_op_desc flat = {.kind = RMSEG_OP_CONV_TRANSPOSE,
                          .bias = true,
                          .in[0] = {2, 4, 1, 3, 4},
                          .out[0].c = 2,
                          .kernel = {1, 2, 3},
                          .stride = {1, 2, 3}};
    check_op("transposed 1x2x3", flat);
}

static void norms_and_activations(void **state)
{
    (void)state;
    rmseg_op_desc op = {.kind = RMSEG_OP_NORM, .in[0] = {2, 3, 2, 3, 4}, .eps = 1e-5, .momentum = 0.1, .slope = 0.01};
    check_op("norm", op);
    check_op("norm + relu", (op.activation = RMSEG_ACT_RELU, op));
    check_op("norm + leaky relu", (op.activation = RMSEG_ACT_LEAKY_RELU, op));
    op.kind = RMSEG_OP_GROUP_NORM;
    check_op("instance norm + leaky relu", (op.groups = 3, op));
    check_op("group norm of one group + leaky relu", (op.groups = 1, op));
    op.in[0].c = 6;
    check_op("group norm + relu", (op.groups = 2, op.activation = RMSEG_ACT_RELU, op));
    op.kind = RMSEG_OP_ACTIVATION;
    check_op("leaky relu", op);
    check_op("relu", (op.activation = RMSEG_ACT_RELU, op));
}

static void moves(void **state)
{
    (void)state;
    rmseg_op_desc pool = {.kind = RMSEG_OP_MAXPOOL, .in[0] = {2, 3, 4, 4, 6}, .kernel = {2, 2, 2}, .stride = {2, 2, 2}};
    check_op("maxpool 2x2x2", pool);
    rmseg_op_desc flat = {.kind = RMSEG_OP_MAXPOOL, .in[0] = {2, 3, 1, 4, 6}, .kernel = {1, 2, 3}, .stride = {1, 2, 3}};
    check_op("maxpool 1x2x3", flat);
    rmseg_op_desc add = {.kind = RMSEG_OP_ADD, .in = {{2, 3, 2, 3, 4}, {2, 3, 2, 3, 4}}};
    check_op("add", add);
    rmseg_op_desc concat = {.kind = RMSEG_OP_CONCAT, .in = {{2, 3, 2, 3, 4}, {2, 5, 2, 3, 4}}};
    check_op("concat", concat);
    check_op("fork", (rmseg_op_desc){.kind = RMSEG_OP_FORK, .in[0] = {2, 3, 2, 3, 4}});
    check_op("dropout",
             (rmseg_op_desc){.kind = RMSEG_OP_DROPOUT, .in[0] = {3, 8, 1, 2, 2}, .probability = 0.4, .layer = 5});
}

/* The bias in front of a norm has no say in the output: its gradient is zero, to the last bit. */
static void bias_before_a_norm_has_no_gradient(void **state)
{
    (void)state;
    rmseg_op_desc op = {.kind = RMSEG_OP_CONV,
                        .bias = true,
                        .feeds_norm = true,
                        .in[0] = {2, 3, 1, 4, 4},
                        .out[0].c = 2,
                        .kernel = {1, 3, 3},
                        .stride = {1, 1, 1},
                        .pad = {0, 1, 1}};
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 50, 0);
    op_case c = {.backend = rmseg_backend_find("plain64"), .row = rmseg_op_row_get(op.kind), .op = op};
    open_case(&c, &random);
    op_along(&c, 0);
    c.backend->layer_backward(c.layer, &c.io);
    for (int i = 0; i < 2; i++) assert_true(c.gradient[3][i] == 0);
    close_case(&c);
}

/* ---- whole networks: f = half the squared distance of the logits to fixed targets -------------------------------- */

typedef struct net_case {
    rmseg_net *net;
    rmseg_weights *weights;
    rmseg_executor *executor;
    double **point, **direction, *scratch; /* per tensor of the net */
    double *input, *logits, *targets;
    int64_t count; /* of logits */
} net_case;

static bool is_parameter(const rmseg_net *net, int64_t i)
{
    return rmseg_net_tensor(net, i)->role == RMSEG_ROLE_PARAMETER;
}

static double net_along(void *context, double t)
{
    net_case *c = context;
    for (int64_t i = 0; i < rmseg_net_tensors(c->net); i++) {
        if (!is_parameter(c->net, i)) continue;
        for (int64_t j = 0; j < rmseg_net_tensor(c->net, i)->elements; j++)
            c->scratch[j] = c->point[i][j] + t * c->direction[i][j];
        assert_ok(rmseg_weights_set64(c->weights, i, RMSEG_TENSOR_VALUE, c->scratch));
    }
    assert_ok(rmseg_executor_forward(c->logits, c->executor, c->weights, c->input, 3, 11));
    double sum = 0;
    for (int64_t j = 0; j < c->count; j++) sum += 0.5 * (c->logits[j] - c->targets[j]) * (c->logits[j] - c->targets[j]);
    return sum;
}

static void open_net(net_case *c, const rmseg_net_spec *spec, int64_t n, const int64_t size[3], rmseg_random *random)
{
    const rmseg_backend *plain64 = rmseg_backend_find("plain64");
    assert_ok(rmseg_net_create(&c->net, spec));
    assert_ok(rmseg_weights_create(&c->weights, c->net, plain64, true));
    assert_ok(rmseg_weights_init(c->weights, 5));
    assert_ok(rmseg_executor_create(&c->executor, c->net, plain64, n, size, true));
    int64_t tensors = rmseg_net_tensors(c->net), most = 0;
    c->point = rmseg_alloc(tensors, sizeof *c->point);
    c->direction = rmseg_alloc(tensors, sizeof *c->direction);
    for (int64_t i = 0; i < tensors; i++) {
        if (!is_parameter(c->net, i)) continue;
        int64_t elements = rmseg_net_tensor(c->net, i)->elements;
        c->point[i] = numbers(NULL, elements);
        c->direction[i] = numbers(random, elements);
        assert_ok(rmseg_weights_get64(c->point[i], c->weights, i, RMSEG_TENSOR_VALUE));
        for (int64_t j = 0; j < elements; j++) c->direction[i][j] *= 0.1;
        if (elements > most) most = elements;
    }
    c->scratch = numbers(NULL, most);
    int64_t voxels = n * size[0] * size[1] * size[2];
    c->count = voxels * spec->out_channels;
    c->input = numbers(random, voxels * spec->in_channels);
    c->targets = numbers(random, c->count);
    c->logits = numbers(NULL, c->count);
}

static void close_net(net_case *c)
{
    for (int64_t i = 0; i < rmseg_net_tensors(c->net); i++) {
        rmseg_free(c->point[i]);
        rmseg_free(c->direction[i]);
    }
    rmseg_free(c->point);
    rmseg_free(c->direction);
    rmseg_free(c->scratch);
    rmseg_free(c->input);
    rmseg_free(c->targets);
    rmseg_free(c->logits);
    rmseg_executor_destroy(c->executor);
    rmseg_weights_destroy(c->weights);
    rmseg_net_destroy(c->net);
}

static void check_net(const char *name, rmseg_net_spec spec, const int64_t size[3], double step)
{
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 100, 0);
    net_case c = {0};
    open_net(&c, &spec, 2, size, &random);
    net_along(&c, 0);
    double *dlogits = numbers(NULL, c.count), slope = 0;
    for (int64_t j = 0; j < c.count; j++) dlogits[j] = c.logits[j] - c.targets[j];
    assert_ok(rmseg_executor_backward(c.executor, c.weights, dlogits));
    for (int64_t i = 0; i < rmseg_net_tensors(c.net); i++) {
        if (!is_parameter(c.net, i)) continue;
        assert_ok(rmseg_weights_get64(c.scratch, c.weights, i, RMSEG_TENSOR_GRADIENT));
        slope += dot(c.scratch, c.direction[i], rmseg_net_tensor(c.net, i)->elements);
    }
    check_slope(name, net_along, &c, step, slope);
    rmseg_free(dlogits);
    close_net(&c);
}

/* The deeper a net, the shorter the steps that no ReLU turns in. */
#define UNET_STEP 1e-6
#define VNET_STEP 1e-7

static void networks(void **state)
{
    (void)state;
    const int64_t flat[3] = {1, 8, 12}, solid[3] = {4, 8, 4};
    rmseg_net_spec spec = {"unet", 2, 3, 2, 3, 2, "batch", "relu", 0, false, false};
    check_net("unet 2D, batch norm, relu", spec, flat, UNET_STEP);
    check_net("unet 2D, batch norm, leaky relu, dropout", (spec.activation = "leaky-relu", spec.dropout = 0.5, spec),
              flat, UNET_STEP);
    check_net("unet 2D, no norm, leaky relu, dropout", (spec.norm = "none", spec), flat, UNET_STEP);
    check_net("unet 2D, no norm, relu", (spec.activation = "relu", spec.dropout = 0, spec), flat, UNET_STEP);
    check_net("unet 3D, no norm, relu", (spec.spatial = 3, spec), solid, UNET_STEP);
    check_net("unet 3D, batch norm, relu", (spec.norm = "batch", spec), solid, UNET_STEP);
    check_net("unet 3D, instance norm, leaky relu", (spec.norm = "instance", spec.activation = "leaky-relu", spec),
              solid, UNET_STEP);
    check_net("unet 2D, group norm, relu", (spec.spatial = 2, spec.norm = "group", spec.activation = "relu", spec),
              flat, UNET_STEP);

    const int64_t deep[3] = {32, 32, 16}, deep_flat[3] = {1, 64, 32};
    spec = (rmseg_net_spec){"vnet", 3, 1, 3, 2, 4, "batch", "leaky-relu", 0, false, false};
    check_net("vnet 3D, batch norm, leaky relu", spec, deep, VNET_STEP);
    check_net("vnet 3D, no norm, relu, dropout",
              (spec.norm = "none", spec.activation = "relu", spec.dropout = 0.5, spec), deep, VNET_STEP);
    check_net("vnet 3D, instance norm, relu, dropout", (spec.norm = "instance", spec), deep, VNET_STEP);
    check_net("vnet 2D, group norm, relu", (spec.spatial = 2, spec.norm = "group", spec.dropout = 0, spec), deep_flat,
              VNET_STEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(transposed_convolutions),
        cmocka_unit_test(norms_and_activations),
        cmocka_unit_test(moves),
        cmocka_unit_test(networks),
        cmocka_unit_test(bias_before_a_norm_has_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
