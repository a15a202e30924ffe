/* net.c - the networks there are, what a spec may ask of them, which inputs they take. */
#include <string.h>

#include "nn/graph.h"

/* ---- the nets there are ------------------------------------------------------------------------------------------ */

static const struct {
    rmseg_net_info info;
    void (*build)(rmseg_net *net);
} nets[] = {
    {{"unet",
      "U-Net: two 3x3 convolutions a level, max-pooling, transposed convolutions, skips concatenated; 2D and 3D", "",
      "", "Ronneberger, Fischer, Brox: U-Net, MICCAI 2015"},
     rmseg_unet_build},
    {{"vnet", "V-Net: 3x3x3 convolutions, strided convolutions down, transposed ones up, skips added; 3D and 2D",
      "width=16 dropout=0.5", "in-channels=1 grid=112,112,80",
      "Milletari, Navab, Ahmadi: V-Net, 3DV 2016; this form: Yu et al., UA-MT, MICCAI 2019"},
     rmseg_vnet_build},
};

#define NETS (int64_t)(sizeof nets / sizeof *nets)

const rmseg_net_info *rmseg_net_list(int64_t index) { return index >= 0 && index < NETS ? &nets[index].info : NULL; }

/* ---- the spec ---------------------------------------------------------------------------------------------------- */

static const char *const norms[] = {[RMSEG_NORM_NONE] = "none",
                                    [RMSEG_NORM_BATCH] = "batch",
                                    [RMSEG_NORM_INSTANCE] = "instance",
                                    [RMSEG_NORM_GROUP] = "group"};
static const char *const activations[] = {
    [RMSEG_ACT_NONE] = "", [RMSEG_ACT_RELU] = "relu", [RMSEG_ACT_LEAKY_RELU] = "leaky-relu"};

/* Puts the static string that equals *word in its place, and its index. The empty string is no choice. */
static rmseg_status choose(int64_t *index, const char **word, const char *field, const char *const *choices,
                           int64_t count)
{
    rmseg_text list = {0};
    for (int64_t i = 0; i < count; i++) {
        if (*word && **word && strcmp(*word, choices[i]) == 0) {
            *word = choices[i];
            *index = i;
            rmseg_text_destroy(&list);
            return RMSEG_OK;
        }
        if (*choices[i]) rmseg_text_addf(&list, "%s%s", list.length ? ", " : "", choices[i]);
    }
    rmseg_status status = rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s is \"%s\"; expected one of: %s", field,
                                     *word ? *word : "", list.length ? list.data : "");
    rmseg_text_destroy(&list);
    return status;
}

static rmseg_status check_range(int64_t value, int64_t least, int64_t most, const char *field)
{
    if (value >= least && value <= most) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s is %lld; expected %lld to %lld", field, (long long)value,
                      (long long)least, (long long)most);
}

/* Bounds under which no product of a layer's extents overflows, far above any net in use. */
#define MOST_CHANNELS ((int64_t)1 << 20)
#define MOST_DEPTH    12

static rmseg_status check_depth(const rmseg_net_spec *spec)
{
    if (strcmp(spec->net, "vnet") != 0 || spec->depth == 4) return check_range(spec->depth, 1, MOST_DEPTH, "depth");
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "depth is %lld; a V-Net halves its input four times: depth 4",
                      (long long)spec->depth);
}

static rmseg_status check_spec(rmseg_net *net, int64_t *row)
{
    rmseg_net_spec *spec = &net->spec;
    const char *names[NETS];
    int64_t norm = 0, activation = 0;
    for (int64_t i = 0; i < NETS; i++) names[i] = nets[i].info.name;
    RMSEG_TRY(choose(row, &spec->net, "net", names, NETS));
    RMSEG_TRY(choose(&norm, &spec->norm, "norm", norms, sizeof norms / sizeof *norms));
    RMSEG_TRY(
        choose(&activation, &spec->activation, "activation", activations, sizeof activations / sizeof *activations));
    net->norm = (rmseg_norm)norm;
    net->activation = (rmseg_activation)activation;
    RMSEG_TRY(check_range(spec->spatial, 2, 3, "the number of spatial axes"));
    RMSEG_TRY(check_range(spec->in_channels, 1, MOST_CHANNELS, "the number of input channels"));
    RMSEG_TRY(check_range(spec->out_channels, 1, MOST_CHANNELS, "the number of output channels"));
    RMSEG_TRY(check_depth(spec));
    RMSEG_TRY(check_range(spec->width, 1, MOST_CHANNELS >> spec->depth, "width (at this depth)"));
    if (!(spec->dropout >= 0 && spec->dropout < 1))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "dropout is %g; expected a probability from 0 to below 1",
                          spec->dropout);
    return RMSEG_OK;
}

static rmseg_status build(rmseg_net *net)
{
    int64_t row = 0;
    RMSEG_TRY(check_spec(net, &row));
    rmseg_graph_axes(net->divisor, net, (int64_t)1 << net->spec.depth, 1);
    if (rmseg_graph_input(net) == 0) nets[row].build(net);
    RMSEG_TRY(net->status);
    return rmseg_graph_finish(net);
}

rmseg_status rmseg_net_create(rmseg_net **net, const rmseg_net_spec *spec)
{
    rmseg_net *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->spec = *spec;
    rmseg_status status = build(made);
    if (status != RMSEG_OK) {
        rmseg_net_destroy(made);
        return status;
    }
    *net = made;
    return RMSEG_OK;
}

void rmseg_net_destroy(rmseg_net *net)
{
    if (!net) return;
    for (int64_t i = 0; i < net->node_count; i++) rmseg_free(net->nodes[i].name);
    for (int64_t i = 0; i < net->info_count; i++) rmseg_free((char *)net->infos[i].name);
    rmseg_free(net->nodes);
    rmseg_free(net->edges);
    rmseg_free(net->infos);
    rmseg_free(net);
}

/* ---- what others ask --------------------------------------------------------------------------------------------- */

const rmseg_net_spec *rmseg_net_get_spec(const rmseg_net *net) { return &net->spec; }

void rmseg_net_divisor(int64_t divisor[3], const rmseg_net *net) { memcpy(divisor, net->divisor, sizeof net->divisor); }

int64_t rmseg_net_tensors(const rmseg_net *net) { return net->info_count; }

const rmseg_tensor_info *rmseg_net_tensor(const rmseg_net *net, int64_t index)
{
    return index >= 0 && index < net->info_count ? &net->infos[index] : NULL;
}

int64_t rmseg_net_parameter_count(const rmseg_net *net)
{
    int64_t count = 0;
    for (int64_t i = 0; i < net->info_count; i++)
        if (net->infos[i].role == RMSEG_ROLE_PARAMETER) count += net->infos[i].elements;
    return count;
}

/* "240 x 256": the extents along the axes the net has, as they are (0), or made to fit downward (-1) or upward (1). */
static void add_size(rmseg_text *text, const rmseg_net *net, const int64_t size[3], int round)
{
    int first = 3 - net->spec.spatial;
    for (int axis = first; axis < 3; axis++) {
        int64_t unit = net->divisor[axis], units = (size[axis] + (round > 0 ? unit - 1 : 0)) / unit;
        int64_t extent = round == 0 ? size[axis] : units < 1 ? unit : units * unit;
        rmseg_text_addf(text, "%s%lld", axis > first ? " x " : "", (long long)extent);
    }
}

static rmseg_status misfit(const rmseg_net *net, const int64_t size[3])
{
    rmseg_text found = {0}, lower = {0}, upper = {0};
    add_size(&found, net, size, 0);
    add_size(&lower, net, size, -1);
    add_size(&upper, net, size, 1);
    rmseg_status status = RMSEG_ERROR_MEMORY;
    if (!found.failed && !lower.failed && !upper.failed) {
        bool one = strcmp(lower.data, upper.data) == 0;
        status = rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "an input of %s does not fit this %s: at depth %lld every extent must be a multiple of %lld; the "
            "nearest that %s %s%s%s",
            found.data, net->spec.net, (long long)net->spec.depth, (long long)net->divisor[2],
            one ? "works is" : "work are", lower.data, one ? "" : " and ", one ? "" : upper.data);
    }
    rmseg_text_destroy(&found);
    rmseg_text_destroy(&lower);
    rmseg_text_destroy(&upper);
    return status;
}

rmseg_status rmseg_net_check_input(const rmseg_net *net, int64_t n, const int64_t size[3])
{
    bool fits = true;
    RMSEG_TRY(check_range(n, 1, INT32_MAX, "the number of samples in a batch"));
    for (int axis = 0; axis < 3; axis++) {
        RMSEG_TRY(check_range(size[axis], 1, INT32_MAX, "an extent of the input"));
        fits = fits && size[axis] % net->divisor[axis] == 0;
    }
    if (net->spec.spatial == 2 && size[0] != 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "a 2D network got %lld slices at once; give it one, or build it for 3D",
                          (long long)size[0]);
    return fits ? RMSEG_OK : misfit(net, size);
}
