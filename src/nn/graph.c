/* graph.c - a network's list of ops: how it is written, what its parameters are called, which shapes an input gives. */
#include "nn/graph.h"

#define LEAKY_SLOPE   0.01 /* PyTorch's defaults */
#define NORM_EPS      1e-5
#define NORM_MOMENTUM 0.1
#define MOST_GROUPS   16 /* of a group norm, as in UA-MT */

/* ---- adding ops -------------------------------------------------------------------------------------------------- */

/* Makes room for one more item of a growing array. */
static bool grow(void *items, int64_t *room, int64_t count, size_t size)
{
    if (count < *room) return true;
    int64_t wanted = *room ? 2 * *room : 32;
    void *moved = rmseg_realloc(*(void **)items, wanted, size);
    if (!moved) return false;
    *(void **)items = moved;
    *room = wanted;
    return true;
}

static int64_t fail(rmseg_net *net, rmseg_status status)
{
    net->status = status;
    return -1;
}

static char *join(const char *block, const char *part)
{
    rmseg_text text = {0};
    rmseg_text_addf(&text, "%s%s%s", block, *block ? "." : "", part);
    char *name = text.failed ? NULL : rmseg_strdup(text.data);
    rmseg_text_destroy(&text);
    return name;
}

static int64_t add_edge(rmseg_net *net, int64_t producer, const rmseg_shape *shape)
{
    if (!grow(&net->edges, &net->edge_room, net->edge_count, sizeof *net->edges)) return fail(net, RMSEG_ERROR_MEMORY);
    net->edges[net->edge_count] = (rmseg_edge){producer, -1, *shape};
    return net->edge_count++;
}

/* Adds `desc` behind its inputs, shapes it and makes its outputs. Returns out[0]. */
static int64_t add_op(rmseg_net *net, rmseg_op_desc desc, const char *block, const char *part, int64_t a, int64_t b)
{
    if (net->status != RMSEG_OK) return -1;
    const rmseg_op_row *row = rmseg_op_row_get(desc.kind);
    if (!grow(&net->nodes, &net->node_room, net->node_count, sizeof *net->nodes)) return fail(net, RMSEG_ERROR_MEMORY);
    int64_t index = net->node_count;
    rmseg_node *node = &net->nodes[index];
    *node = (rmseg_node){.desc = desc, .in = {a, b}, .out = {-1, -1}, .name = join(block, part)};
    if (!node->name) return fail(net, RMSEG_ERROR_MEMORY);
    net->node_count++;
    node->desc.layer = index;
    for (int i = 0; i < row->inputs; i++) {
        net->edges[node->in[i]].consumer = index;
        node->desc.in[i] = net->edges[node->in[i]].shape;
    }
    rmseg_status status = row->shape(&node->desc, node->name);
    if (status != RMSEG_OK) return fail(net, status);
    for (int i = 0; i < row->outputs; i++) node->out[i] = add_edge(net, index, &node->desc.out[i]);
    return node->out[0];
}

void rmseg_graph_axes(int64_t axes[3], const rmseg_net *net, int64_t value, int64_t flat)
{
    for (int axis = 0; axis < 3; axis++) axes[axis] = axis < 3 - net->spec.spatial ? flat : value;
}

int64_t rmseg_graph_input(rmseg_net *net)
{
    const int64_t *size = net->divisor;
    return add_edge(net, -1, &(rmseg_shape){1, net->spec.in_channels, size[0], size[1], size[2]});
}

int64_t rmseg_graph_conv(rmseg_net *net, const char *block, const char *part, int64_t x, int64_t channels,
                         int64_t kernel)
{
    rmseg_op_desc desc = {
        .kind = RMSEG_OP_CONV, .bias = true, .exact = net->spec.exact, .first = x == 0, .out[0].c = channels};
    rmseg_graph_axes(desc.kernel, net, kernel, 1);
    rmseg_graph_axes(desc.stride, net, 1, 1);
    rmseg_graph_axes(desc.pad, net, kernel / 2, 0);
    return add_op(net, desc, block, part, x, -1);
}

int64_t rmseg_graph_conv_halve(rmseg_net *net, const char *block, const char *part, int64_t x, int64_t channels)
{
    rmseg_op_desc desc = {.kind = RMSEG_OP_CONV, .bias = true, .first = x == 0, .out[0].c = channels};
    rmseg_graph_axes(desc.kernel, net, 2, 1);
    rmseg_graph_axes(desc.stride, net, 2, 1);
    return add_op(net, desc, block, part, x, -1);
}

int64_t rmseg_graph_double(rmseg_net *net, const char *block, const char *part, int64_t x, int64_t channels)
{
    rmseg_op_desc desc = {.kind = RMSEG_OP_CONV_TRANSPOSE, .bias = true, .first = x == 0, .out[0].c = channels};
    rmseg_graph_axes(desc.kernel, net, 2, 1);
    rmseg_graph_axes(desc.stride, net, 2, 1);
    return add_op(net, desc, block, part, x, -1);
}

int64_t rmseg_graph_halve(rmseg_net *net, const char *block, const char *part, int64_t x)
{
    rmseg_op_desc desc = {.kind = RMSEG_OP_MAXPOOL, .first = x == 0};
    rmseg_graph_axes(desc.kernel, net, 2, 1);
    rmseg_graph_axes(desc.stride, net, 2, 1);
    return add_op(net, desc, block, part, x, -1);
}

/* As many groups as there can be of equal size. */
static int64_t groups_of(int64_t channels)
{
    int64_t groups = MOST_GROUPS;
    while (channels % groups) groups--;
    return groups;
}

/* A convolution right before a batch norm leaves it the sums. */
static void feed_norm(rmseg_net *net, int64_t x)
{
    if (net->node_count == 0 || net->edges[x].producer != net->node_count - 1) return;
    rmseg_op_desc *before = &net->nodes[net->node_count - 1].desc;
    before->feeds_norm = before->kind == RMSEG_OP_CONV || before->kind == RMSEG_OP_CONV_TRANSPOSE;
}

int64_t rmseg_graph_norm(rmseg_net *net, const char *block, const char *norm, const char *act, int64_t x)
{
    rmseg_op_desc desc = {
        .kind = RMSEG_OP_ACTIVATION, .first = x == 0, .activation = net->activation, .slope = LEAKY_SLOPE};
    if (net->status != RMSEG_OK) return -1;
    if (net->norm == RMSEG_NORM_NONE) return add_op(net, desc, block, act, x, -1);
    desc.eps = NORM_EPS;
    if (net->norm == RMSEG_NORM_BATCH) {
        desc.kind = RMSEG_OP_NORM;
        desc.momentum = NORM_MOMENTUM;
        feed_norm(net, x);
    } else {
        int64_t channels = net->edges[x].shape.c;
        desc.kind = RMSEG_OP_GROUP_NORM;
        desc.groups = net->norm == RMSEG_NORM_INSTANCE ? channels : groups_of(channels);
    }
    return add_op(net, desc, block, norm, x, -1);
}

int64_t rmseg_graph_add(rmseg_net *net, const char *block, const char *part, int64_t first, int64_t second)
{
    return add_op(net, (rmseg_op_desc){.kind = RMSEG_OP_ADD}, block, part, first, second);
}

int64_t rmseg_graph_concat(rmseg_net *net, const char *block, const char *part, int64_t first, int64_t second)
{
    return add_op(net, (rmseg_op_desc){.kind = RMSEG_OP_CONCAT}, block, part, first, second);
}

int64_t rmseg_graph_dropout(rmseg_net *net, const char *block, const char *part, int64_t x)
{
    rmseg_op_desc desc = {.kind = RMSEG_OP_DROPOUT, .first = x == 0, .probability = net->spec.dropout};
    return add_op(net, desc, block, part, x, -1);
}

int64_t rmseg_graph_fork(rmseg_net *net, const char *block, const char *part, int64_t *x)
{
    *x = add_op(net, (rmseg_op_desc){.kind = RMSEG_OP_FORK}, block, part, *x, -1);
    return *x < 0 ? -1 : net->nodes[net->node_count - 1].out[1];
}

/* ---- names and shapes of parameters ------------------------------------------------------------------------------ */

static rmseg_status add_info(rmseg_net *net, int64_t op, rmseg_tensor_role role, int index, const char *part)
{
    const rmseg_node *node = &net->nodes[op];
    if (!grow(&net->infos, &net->info_room, net->info_count, sizeof *net->infos)) return RMSEG_ERROR_MEMORY;
    rmseg_tensor_info info = {join(node->name, part), role, 0, {0}, 1, (int)op, index};
    if (!info.name) return RMSEG_ERROR_MEMORY;
    net->infos[net->info_count++] = info;
    if (role == RMSEG_ROLE_COUNTER) return RMSEG_OK;
    rmseg_tensor_info *kept = &net->infos[net->info_count - 1];
    const rmseg_op_row *row = rmseg_op_row_get(node->desc.kind);
    kept->dims[0] = node->desc.in[0].c;
    kept->rank = row->dims ? row->dims(kept->dims, &node->desc, index, net->spec.spatial) : 1;
    for (int axis = 0; axis < kept->rank; axis++) kept->elements *= kept->dims[axis];
    return RMSEG_OK;
}

rmseg_status rmseg_graph_finish(rmseg_net *net)
{
    for (int64_t op = 0; op < net->node_count; op++) {
        const rmseg_op_row *row = rmseg_op_row_get(net->nodes[op].desc.kind);
        net->nodes[op].first_info = net->info_count;
        for (int i = 0; i < RMSEG_OP_PARAMS && row->params[i]; i++)
            RMSEG_TRY(add_info(net, op, RMSEG_ROLE_PARAMETER, i, row->params[i]));
        for (int i = 0; i < RMSEG_OP_STATES && row->states[i]; i++)
            RMSEG_TRY(add_info(net, op, RMSEG_ROLE_STATE, i, row->states[i]));
        if (row->counts_batches) RMSEG_TRY(add_info(net, op, RMSEG_ROLE_COUNTER, 0, "num_batches_tracked"));
    }
    return RMSEG_OK;
}

/* ---- shapes for a batch ------------------------------------------------------------------------------------------ */

rmseg_status rmseg_graph_shapes(rmseg_op_desc *ops, const rmseg_net *net, int64_t n, const int64_t size[3])
{
    for (int64_t op = 0; op < net->node_count; op++) {
        const rmseg_node *node = &net->nodes[op];
        const rmseg_op_row *row = rmseg_op_row_get(node->desc.kind);
        ops[op] = node->desc;
        for (int i = 0; i < row->inputs; i++) {
            const rmseg_edge *edge = &net->edges[node->in[i]];
            int64_t from = edge->producer;
            ops[op].in[i] = from < 0 ? (rmseg_shape){n, edge->shape.c, size[0], size[1], size[2]}
                                     : ops[from].out[net->nodes[from].out[1] == node->in[i]];
        }
        RMSEG_TRY(row->shape(&ops[op], node->name));
    }
    return RMSEG_OK;
}
