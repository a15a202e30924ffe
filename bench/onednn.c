/*
 * bench/onednn.c - the convolutions of a network's training step by oneDNN, as a measure of rmseg's own.
 *
 *     bench_onednn unet|vnet WIDTH H,W|D,H,W BATCH any|last     one line a pass: op's name, pass, milliseconds, oneDNN's implementation
 *
 * `any` lets oneDNN choose each layout of a layer (usually channels in blocks) and charges nothing for the way from one
 * layer's to the next; `last` keeps images as N[D]HWC. Bias is left out, and so are transposed convolutions. Ops of one
 * shape are measured once. Both the interface of 2.x and that of 3.x are spoken. tools/bench_onednn.py runs it beside
 * `rmseg bench layers`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "backend/backend.h"
#include "nn/graph.h"

enum { RUNS = 5, MOST_S = 3, CLASSES = 2 }; /* a pass is run five times, or for three seconds */

static const char *const pass_names[] = {"forward", "data", "weights"};
enum { FORWARD, DATA, WEIGHTS, PASSES };

static void check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success) return;
    fprintf(stderr, "bench_onednn: %s: oneDNN's status %d\n", what, (int)status);
    exit(1);
}

/* ---- a pass, in either version's words --------------------------------------------------------------------------- */

typedef struct problem {
    int axes; /* of a tensor, N and C included */
    dnnl_dims_t x, y, w, stride, pad;
    dnnl_format_tag_t layout;
} problem;

/* x, w, y as oneDNN may lay them out. */
typedef struct layouts {
    dnnl_memory_desc_t x, w, y;
} layouts;

#if DNNL_VERSION_MAJOR >= 3

typedef const_dnnl_memory_desc_t layout_ref;

static dnnl_memory_desc_t layout_of(int axes, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t layout;
    check(dnnl_memory_desc_create_with_tag(&layout, axes, dims, dnnl_f32, tag), "a layout");
    return layout;
}

static void forget(layouts *l)
{
    dnnl_memory_desc_destroy(l->x);
    dnnl_memory_desc_destroy(l->w);
    dnnl_memory_desc_destroy(l->y);
}

static dnnl_status_t plan(dnnl_primitive_desc_t *made, const problem *p, const layouts *l, int pass,
                          dnnl_primitive_desc_t forward, dnnl_engine_t engine)
{
    const dnnl_dims_t close = {0}; /* dilation */
    switch (pass) {
    case FORWARD:
        return dnnl_convolution_forward_primitive_desc_create(made, engine, dnnl_forward_training,
                                                              dnnl_convolution_auto, l->x, l->w, NULL, l->y, p->stride,
                                                              close, p->pad, p->pad, NULL);
    case DATA:
        return dnnl_convolution_backward_data_primitive_desc_create(
            made, engine, dnnl_convolution_auto, l->x, l->w, l->y, p->stride, close, p->pad, p->pad, forward, NULL);
    default:
        return dnnl_convolution_backward_weights_primitive_desc_create(made, engine, dnnl_convolution_auto, l->x, l->w,
                                                                       NULL, l->y, p->stride, close, p->pad, p->pad,
                                                                       forward, NULL);
    }
}

#else

typedef const dnnl_memory_desc_t *layout_ref;

static dnnl_memory_desc_t layout_of(int axes, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t layout;
    check(dnnl_memory_desc_init_by_tag(&layout, axes, dims, dnnl_f32, tag), "a layout");
    return layout;
}

static void forget(layouts *l) { (void)l; }

static dnnl_status_t plan(dnnl_primitive_desc_t *made, const problem *p, const layouts *l, int pass,
                          dnnl_primitive_desc_t forward, dnnl_engine_t engine)
{
    const dnnl_alg_kind_t direct = dnnl_convolution_direct; /* of `auto` 2.x makes a slow Winograd, or none */
    dnnl_convolution_desc_t conv;
    dnnl_status_t status;
    switch (pass) {
    case FORWARD:
        status = dnnl_convolution_forward_desc_init(&conv, dnnl_forward_training, direct, &l->x, &l->w, NULL, &l->y,
                                                    p->stride, p->pad, p->pad);
        break;
    case DATA:
        status =
            dnnl_convolution_backward_data_desc_init(&conv, direct, &l->x, &l->w, &l->y, p->stride, p->pad, p->pad);
        break;
    default:
        status = dnnl_convolution_backward_weights_desc_init(&conv, direct, &l->x, &l->w, NULL, &l->y, p->stride,
                                                             p->pad, p->pad);
    }
    return status == dnnl_success ? dnnl_primitive_desc_create(made, &conv, NULL, engine, forward) : status;
}

#endif

/* ---- measuring --------------------------------------------------------------------------------------------------- */

typedef struct machine {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} machine;

/* Memory of a layout, of small numbers. */
static dnnl_memory_t fill(const machine *m, layout_ref layout)
{
    dnnl_memory_t memory;
    void *data;
    check(dnnl_memory_create(&memory, layout, m->engine, DNNL_MEMORY_ALLOCATE), "memory");
    check(dnnl_memory_get_data_handle(memory, &data), "memory");
    float *numbers = data;
    for (size_t i = 0; i < dnnl_memory_desc_get_size(layout) / sizeof(float); i++)
        numbers[i] = (float)((i * 2654435761u >> 20) % 5) - 2;
    return memory;
}

/* Median milliseconds. */
static double time_runs(const machine *m, dnnl_primitive_t primitive, const dnnl_exec_arg_t *args, int count)
{
    double runs[RUNS], spent = 0;
    int n = 0;
    for (int r = -1; r < RUNS && spent < MOST_S; r++) { /* the first is not counted, unless it is long */
        double start = rmseg_now_s();
        check(dnnl_primitive_execute(primitive, m->stream, count, args), "a run");
        check(dnnl_stream_wait(m->stream), "a run");
        double took = rmseg_now_s() - start;
        spent += took;
        if (r >= 0 || took >= MOST_S) runs[n++] = took;
    }
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && runs[j] < runs[j - 1]; j--) {
            double swap = runs[j];
            runs[j] = runs[j - 1], runs[j - 1] = swap;
        }
    return 1e3 * runs[n / 2];
}

static double time_pass(const machine *m, dnnl_primitive_desc_t desc, int pass)
{
    static const dnnl_query_t queries[PASSES][3] = {
        {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
        {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md},
        {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md}};
    static const int names[PASSES][3] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
                                         {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
                                         {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};
    dnnl_exec_arg_t args[3];
    for (int i = 0; i < 3; i++)
        args[i] = (dnnl_exec_arg_t){names[pass][i], fill(m, dnnl_primitive_desc_query_md(desc, queries[pass][i], 0))};
    dnnl_primitive_t primitive;
    check(dnnl_primitive_create(&primitive, desc), "a primitive");
    double ms = time_runs(m, primitive, args, 3);
    dnnl_primitive_destroy(primitive);
    for (int i = 0; i < 3; i++) dnnl_memory_destroy(args[i].memory);
    return ms;
}

typedef struct measured {
    problem of;
    double ms[PASSES]; /* 0: oneDNN has no such pass in this layout */
    char how[PASSES][64];
} measured;

static void measure(measured *result, const machine *m)
{
    const problem *p = &result->of;
    layouts l = {layout_of(p->axes, p->x, p->layout), layout_of(p->axes, p->w, dnnl_format_tag_any),
                 layout_of(p->axes, p->y, p->layout)};
    dnnl_primitive_desc_t forward = NULL;
    for (int pass = 0; pass < PASSES; pass++) {
        dnnl_primitive_desc_t desc;
        if (plan(&desc, p, &l, pass, forward, m->engine) != dnnl_success) continue;
        const char *how = "";
        dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &how);
        snprintf(result->how[pass], sizeof result->how[pass], "%s", how);
        result->ms[pass] = time_pass(m, desc, pass);
        if (pass == FORWARD)
            forward = desc;
        else
            dnnl_primitive_desc_destroy(desc);
    }
    if (forward) dnnl_primitive_desc_destroy(forward);
    forget(&l);
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

static problem problem_of(const rmseg_op_desc *op, int axes, bool last)
{
    problem p = {.axes = axes, .layout = dnnl_format_tag_any};
    const rmseg_shape *x = &op->in[0], *y = &op->out[0];
    const int64_t in[] = {x->d, x->h, x->w}, out[] = {y->d, y->h, y->w};
    p.x[0] = p.y[0] = x->n;
    p.x[1] = p.w[1] = x->c, p.y[1] = p.w[0] = y->c;
    for (int axis = 2, of = 5 - axes; axis < axes; axis++, of++) {
        p.x[axis] = in[of], p.y[axis] = out[of], p.w[axis] = op->kernel[of];
        p.stride[axis - 2] = op->stride[of], p.pad[axis - 2] = op->pad[of];
    }
    if (last) p.layout = axes == 5 ? dnnl_ndhwc : dnnl_nhwc;
    return p;
}

static void print(const measured *m, const rmseg_op_desc *op, const char *name)
{
    for (int pass = 0; pass < PASSES; pass++) {
        if (pass == DATA && op->first) continue;
        if (m->ms[pass] > 0) printf("%s %s %.4f %s\n", name, pass_names[pass], m->ms[pass], m->how[pass]);
    }
    fflush(stdout);
}

static rmseg_status run(const rmseg_net *net, const rmseg_op_desc *ops, int axes, bool last)
{
    machine m;
    check(dnnl_engine_create(&m.engine, dnnl_cpu, 0), "an engine");
    check(dnnl_stream_create(&m.stream, m.engine, dnnl_stream_default_flags), "a stream");
    measured *all = rmseg_alloc(net->node_count, sizeof *all);
    int64_t count = 0;
    for (int64_t i = 0; all && i < net->node_count; i++) {
        if (ops[i].kind != RMSEG_OP_CONV) continue;
        problem p = problem_of(&ops[i], axes, last);
        int64_t at = 0;
        while (at < count && memcmp(&all[at].of, &p, sizeof p)) at++;
        if (at == count) {
            all[count].of = p;
            measure(&all[count++], &m);
        }
        print(&all[at], &ops[i], net->nodes[i].name);
    }
    dnnl_stream_destroy(m.stream);
    dnnl_engine_destroy(m.engine);
    if (!all) return RMSEG_ERROR_MEMORY;
    rmseg_free(all);
    return RMSEG_OK;
}

static rmseg_status run_net(const char *name, int64_t width, const int64_t size[3], int axes, int64_t batch, bool last)
{
    const rmseg_net_spec spec = {name,  axes - 2, axes == 5 ? 1 : 3, CLASSES, width, 4, "batch", "relu", 0,
                                 false, false};
    rmseg_net *net = NULL;
    RMSEG_TRY(rmseg_net_create(&net, &spec));
    rmseg_op_desc *ops = rmseg_alloc(net->node_count, sizeof *ops);
    rmseg_status status = ops ? rmseg_net_check_input(net, batch, size) : RMSEG_ERROR_MEMORY;
    if (!status) status = rmseg_graph_shapes(ops, net, batch, size);
    if (!status) status = run(net, ops, axes, last);
    rmseg_free(ops);
    rmseg_net_destroy(net);
    return status;
}

int main(int argc, char **argv)
{
    long long size[3] = {1, 0, 0};
    int read = argc == 6 ? sscanf(argv[3], "%lld,%lld,%lld", &size[0], &size[1], &size[2]) : 0;
    bool last = argc == 6 && !strcmp(argv[5], "last");
    if (read < 2 || (!last && strcmp(argv[5], "any"))) {
        fprintf(stderr, "usage: bench_onednn unet|vnet WIDTH H,W|D,H,W BATCH any|last\n");
        return 2;
    }
    if (read == 2) size[2] = size[1], size[1] = size[0], size[0] = 1;
    const dnnl_version_t *version = dnnl_version();
    printf("oneDNN %d.%d.%d\n", version->major, version->minor, version->patch);
    const int64_t extents[3] = {size[0], size[1], size[2]};
    rmseg_status status = run_net(argv[1], atoll(argv[2]), extents, read + 2, atoll(argv[4]), last);
    if (status) fprintf(stderr, "bench_onednn: %s\n", rmseg_error_last());
    return status != RMSEG_OK;
}
