/* describe.c - `rmseg info --net`: the op list with shapes, work, bytes and algorithms, planned and not run. */
#include <string.h>

#include "nn/executor.h"

static double macs_of(const rmseg_op_desc *op)
{
    const rmseg_op_row *row = rmseg_op_row_get(op->kind);
    return row->macs ? row->macs(op) : 0;
}

static int64_t parameters_of(const rmseg_net *net, int64_t op)
{
    int64_t count = 0;
    for (int64_t i = net->nodes[op].first_info; i < net->info_count && net->infos[i].op == op; i++)
        if (net->infos[i].role == RMSEG_ROLE_PARAMETER) count += net->infos[i].elements;
    return count;
}

/* "4 x 64 x 256 x 256"; 2D shapes have no D. */
static void add_shape(rmseg_text *text, const rmseg_shape *s, int spatial)
{
    rmseg_text_addf(text, "%lld x %lld", (long long)s->n, (long long)s->c);
    if (spatial == 3) rmseg_text_addf(text, " x %lld", (long long)s->d);
    rmseg_text_addf(text, " x %lld x %lld", (long long)s->h, (long long)s->w);
}

/* 31031810 -> "31,031,810" */
static void add_grouped(rmseg_text *text, int64_t value)
{
    if (value >= 1000) {
        add_grouped(text, value / 1000);
        rmseg_text_addf(text, ",%03d", (int)(value % 1000));
    } else {
        rmseg_text_addf(text, "%d", (int)value);
    }
}

/* Of the column of names. */
static int name_width(const rmseg_net *net)
{
    size_t width = 14;
    for (int64_t op = 0; op < net->node_count; op++)
        if (strlen(net->nodes[op].name) > width) width = strlen(net->nodes[op].name);
    return (int)width;
}

static void add_op(rmseg_text *text, const rmseg_executor *executor, int64_t op)
{
    const rmseg_op_desc *desc = &executor->ops[op];
    rmseg_text shape = {0}, parameters = {0};
    add_shape(&shape, &desc->out[0], executor->net->spec.spatial);
    add_grouped(&parameters, parameters_of(executor->net, op));
    int64_t elements = executor->backend->sample_elements(&desc->out[0]) * desc->out[0].n;
    rmseg_layer_info info = rmseg_executor_layer(executor, op);
    rmseg_text_addf(text, "%-*s %-10s %-24s %12s %9.3f %9.2f  %s\n", name_width(executor->net),
                    executor->net->nodes[op].name, rmseg_op_row_get(desc->kind)->name, shape.length ? shape.data : "",
                    parameters.length ? parameters.data : "", macs_of(desc) / 1e9,
                    (double)elements * (double)executor->backend->element / 1e6, info.algorithm);
    text->failed = text->failed || shape.failed || parameters.failed;
    rmseg_text_destroy(&shape);
    rmseg_text_destroy(&parameters);
}

/* One line for each purpose that has bytes. */
static rmseg_status add_purposes(rmseg_text *text, const rmseg_executor *executor)
{
    rmseg_purpose purposes[RMSEG_PURPOSES];
    size_t all = 0;
    RMSEG_TRY(rmseg_executor_purposes(purposes, executor, NULL));
    for (int i = 0; i < RMSEG_PURPOSES; all += purposes[i].bytes, i++)
        if (purposes[i].bytes)
            rmseg_text_addf(text, "%-34s %9.2f MB\n", purposes[i].name, (double)purposes[i].bytes / 1e6);
    rmseg_text_addf(text, "%-34s %9.2f MB\n\n", "in all", (double)all / 1e6);
    return RMSEG_OK;
}

/* What is special about how activations wait for the way back. */
static const char *keeping(const rmseg_executor *executor)
{
    if (executor->ends) return " with checkpointed activations";
    return executor->places.rounded ? " with activations in bf16" : "";
}

static rmseg_status add_head(rmseg_text *text, const rmseg_executor *executor)
{
    const rmseg_net *net = executor->net;
    const rmseg_net_spec *spec = &net->spec;
    double macs = 0;
    for (int64_t op = 0; op < net->node_count; op++) macs += macs_of(&executor->ops[op]);
    rmseg_text_addf(text, "%s, %dD: %lld channels in, %lld out; width %lld, depth %lld, norm %s, %s, dropout %g\n",
                    spec->net, spec->spatial, (long long)spec->in_channels, (long long)spec->out_channels,
                    (long long)spec->width, (long long)spec->depth, spec->norm, spec->activation, spec->dropout);
    add_grouped(text, rmseg_net_parameter_count(net));
    rmseg_text_addf(text, " parameters; %.1f GMAC forward; input ", macs / 1e9);
    add_shape(text, &executor->ops[0].in[0], spec->spatial);
    rmseg_text_addf(text, "\n%s%s on backend %s: %.1f MB beside the weights\n\n",
                    executor->training ? "training" : "inference", keeping(executor), executor->backend->name,
                    (double)rmseg_executor_bytes(executor) / 1e6);
    RMSEG_TRY(add_purposes(text, executor));
    rmseg_text_addf(text, "%-*s %-10s %-24s %12s %9s %9s  %s\n", name_width(net), "name", "op", "output", "parameters",
                    "GMAC", "MB", "algorithm");
    return RMSEG_OK;
}

static rmseg_status describe(char **text, const rmseg_executor *executor)
{
    rmseg_text made = {0};
    rmseg_status status = add_head(&made, executor);
    for (int64_t op = 0; op < executor->net->node_count; op++) add_op(&made, executor, op);
    if (status == RMSEG_OK && made.failed) status = RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK)
        *text = made.data;
    else
        rmseg_text_destroy(&made);
    return status;
}

/* ---- determinism ------------------------------------------------------------------------------------------------- */

/* A small op of a kind, as a plan needs it. */
static rmseg_status example(rmseg_op_desc *op, rmseg_op_kind kind)
{
    int64_t kernel = kind == RMSEG_OP_CONV ? 3 : 2, stride = kind == RMSEG_OP_CONV ? 1 : 2;
    const rmseg_shape shape = {1, 16, 1, 16, 16};
    *op = (rmseg_op_desc){.kind = kind,
                          .in = {shape, rmseg_op_row_get(kind)->inputs > 1 ? shape : (rmseg_shape){0}},
                          .out[0].c = shape.c,
                          .kernel = {1, kernel, kernel},
                          .stride = {1, stride, stride},
                          .pad = {0, kernel / 3, kernel / 3},
                          .activation = RMSEG_ACT_RELU,
                          .groups = shape.c,
                          .eps = 1e-5};
    return rmseg_op_row_get(kind)->shape(op, rmseg_op_row_get(kind)->name);
}

/* The names of the kinds of which the backend says `deterministic`. */
static rmseg_status add_kinds(rmseg_text *text, const rmseg_backend *backend, bool deterministic)
{
    for (int kind = 0; kind < RMSEG_OP_KINDS; kind++) {
        rmseg_op_desc op;
        rmseg_layer *layer = NULL;
        RMSEG_TRY(example(&op, (rmseg_op_kind)kind));
        RMSEG_TRY(backend->layer_create(&layer, &op, true));
        if (backend->layer_info(layer).deterministic == deterministic)
            rmseg_text_addf(text, "%s%s", text->length ? ", " : "", rmseg_op_row_get((rmseg_op_kind)kind)->name);
        backend->layer_destroy(layer);
    }
    return text->failed ? RMSEG_ERROR_MEMORY : RMSEG_OK;
}

static rmseg_status add_backend(rmseg_text *text, const rmseg_backend *backend)
{
    rmseg_text same = {0}, other = {0};
    rmseg_status status = add_kinds(&same, backend, true);
    if (status == RMSEG_OK) status = add_kinds(&other, backend, false);
    if (same.length)
        rmseg_text_addf(text, "backend    %s: the same bits at any number of threads in %s\n", backend->name,
                        same.data);
    if (other.length) rmseg_text_addf(text, "backend    %s: not so in %s\n", backend->name, other.data);
    rmseg_text_destroy(&same);
    rmseg_text_destroy(&other);
    return status;
}

rmseg_status rmseg_ops_describe(char **text)
{
    static const char *const names[] = {"cpu", "plain"};
    rmseg_text made = {0};
    rmseg_status status = RMSEG_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == RMSEG_OK; i++) {
        const rmseg_backend *backend = rmseg_backend_find(names[i]);
        if (backend) status = add_backend(&made, backend);
    }
    if (status == RMSEG_OK && made.failed) status = RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK)
        *text = made.data;
    else
        rmseg_text_destroy(&made);
    return status;
}

/* ---- a network --------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_net_describe(char **text, const rmseg_net_spec *spec, int64_t batch, const int64_t size[3],
                                bool training, bool checkpoints)
{
    const rmseg_backend *backend = NULL;
    rmseg_net *net = NULL;
    rmseg_executor *executor = NULL;
    rmseg_status status = rmseg_backend_default(&backend);
    if (status == RMSEG_OK) status = rmseg_net_create(&net, spec);
    if (status == RMSEG_OK) status = rmseg_executor_plan(&executor, net, backend, batch, size, training, checkpoints);
    if (status == RMSEG_OK) status = describe(text, executor);
    rmseg_executor_destroy(executor);
    rmseg_net_destroy(net);
    return status;
}
