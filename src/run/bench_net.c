/*
 * bench_net.c - the network that layers, step and predict run, made as the options say.
 */
#include <string.h>

#include "run/bench.h"
#include "run/model.h"

float *rmseg_bench_floats(int64_t count, double scale)
{
    float *values = rmseg_alloc(count, sizeof *values);
    rmseg_random random = rmseg_random_stream(1, RMSEG_RANDOM_TEST, 0, 0);
    for (int64_t i = 0; values && i < count; i++) values[i] = (float)(scale * (2 * rmseg_random_uniform(&random) - 1));
    return values;
}

/* D,H,W, and how many axes there are. */
static rmseg_status settle_grid(rmseg_bench_net *n, const bench_options *o)
{
    const char *grid = *o->grid ? o->grid : !strcmp(o->net, "vnet") ? "112,112,80" : "256,256";
    int64_t size[3], count = 0;
    RMSEG_TRY(rmseg_parse_list(size, &count, 3, 1, "grid", grid));
    if (count < 2) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "option grid: got \"%s\", expected H,W or D,H,W", grid);
    n->spatial = (int)count;
    n->size[0] = count == 3 ? size[0] : 1;
    n->size[1] = size[count - 2];
    n->size[2] = size[count - 1];
    if (rmseg_mul3(&n->voxels, n->size[0], n->size[1], n->size[2])) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "option grid: \"%s\" has more voxels than this machine can address", grid);
}

static rmseg_status name_setting(const rmseg_bench_net *n, const rmseg_net_spec *spec, const bench_options *o)
{
    rmseg_text size = {0};
    rmseg_size_text(&size, n->size, n->spatial);
    rmseg_text text = {0};
    rmseg_text_addf(&text, "%s %lld, %s, batch %lld, %lld in, %lld out", spec->net, (long long)spec->width,
                    size.data ? size.data : "", (long long)o->batch, (long long)spec->in_channels,
                    (long long)spec->out_channels);
    if (spec->depth != 4) rmseg_text_addf(&text, ", depth %lld", (long long)spec->depth);
    if (strcmp(spec->norm, "batch")) rmseg_text_addf(&text, ", norm %s", spec->norm);
    if (strcmp(spec->activation, "relu")) rmseg_text_addf(&text, ", %s", spec->activation);
    if (spec->dropout > 0) rmseg_text_addf(&text, ", dropout %g", spec->dropout);
    if (spec->exact) rmseg_text_add(&text, ", exact");
    if (spec->bf16 && n->training) rmseg_text_add(&text, ", bf16");
    if (o->checkpoint_activations && n->training) rmseg_text_add(&text, ", checkpointed");
    if (!n->training) rmseg_text_add(&text, ", inference");
    rmseg_status status =
        size.failed || text.failed ? RMSEG_ERROR_MEMORY : rmseg_bench_setting(n->run, "%s", text.data);
    rmseg_text_destroy(&size);
    rmseg_text_destroy(&text);
    return status;
}

static rmseg_status make_batch(rmseg_bench_net *n, const rmseg_net_spec *spec, int64_t batch)
{
    int64_t in, out;
    if (!rmseg_mul3(&in, batch, spec->in_channels, n->voxels) ||
        !rmseg_mul3(&out, batch, spec->out_channels, n->voxels))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "a batch of %lld has more voxels than this machine can address",
                          (long long)batch);
    n->image = rmseg_bench_floats(in, 1);
    n->logits = rmseg_alloc(out, sizeof *n->logits);
    n->dlogits = n->training ? rmseg_bench_floats(out, 1.0 / (double)n->voxels) : NULL;
    return n->image && n->logits && (n->dlogits || !n->training) ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_bench_net_create(rmseg_bench_net *net, rmseg_bench_run *run, bool training)
{
    const bench_options *o = run->o;
    *net = (rmseg_bench_net){.run = run, .training = training};
    RMSEG_TRY(settle_grid(net, o));
    const rmseg_net_spec spec = {.net = o->net,
                                 .spatial = net->spatial,
                                 .in_channels = o->in               ? o->in
                                                : net->spatial == 3 ? 1
                                                                    : 3,
                                 .out_channels = o->classes,
                                 .width = o->width,
                                 .depth = o->depth,
                                 .norm = o->norm,
                                 .activation = o->activation,
                                 .dropout = o->dropout,
                                 .exact = o->exact,
                                 .bf16 = !strcmp(o->precision, "bf16")};
    RMSEG_TRY(name_setting(net, &spec, o));
    RMSEG_TRY(rmseg_net_create(&net->net, &spec));
    RMSEG_TRY(rmseg_weights_create(&net->weights, net->net, run->backend, training));
    RMSEG_TRY(rmseg_weights_init(net->weights, 1));
    RMSEG_TRY(training && o->checkpoint_activations
                  ? rmseg_executor_create_checkpointed(&net->executor, net->net, run->backend, o->batch, net->size)
                  : rmseg_executor_create(&net->executor, net->net, run->backend, o->batch, net->size, training));
    return make_batch(net, &spec, o->batch);
}

void rmseg_bench_net_destroy(rmseg_bench_net *net)
{
    rmseg_executor_destroy(net->executor);
    rmseg_weights_destroy(net->weights);
    rmseg_net_destroy(net->net);
    rmseg_free(net->image);
    rmseg_free(net->logits);
    rmseg_free(net->dlogits);
}
