/* weights_file.c - weights, and the spec of their net, as named tensors and metadata of a file, both ways. */
#include <stdio.h>
#include <string.h>

#include "nn/graph.h"
#include "nn/weights.h"

/* Before the name of a parameter in a training's state. */
static const char *const prefixes[RMSEG_TENSOR_KINDS] = {[RMSEG_TENSOR_VALUE] = "",
                                                         [RMSEG_TENSOR_MOMENTUM] = "momentum.",
                                                         [RMSEG_TENSOR_SQUARE] = "square.",
                                                         [RMSEG_TENSOR_AVERAGE] = "average."};

/* ---- out --------------------------------------------------------------------------------------------------------- */

static rmseg_status add_values(rmseg_tensor_file *file, const rmseg_weights *weights, int64_t tensor,
                               rmseg_tensor_kind kind, const char *name)
{
    const rmseg_tensor_info *info = rmseg_net_tensor(rmseg_weights_net(weights), tensor);
    bool wide = rmseg_weights_backend(weights)->element == sizeof(double);
    double *dense = rmseg_alloc(info->elements, sizeof *dense); /* or floats, which fit */
    if (!dense) return RMSEG_ERROR_MEMORY;
    rmseg_status status = wide ? rmseg_weights_get64(dense, weights, tensor, kind)
                               : rmseg_weights_get((float *)dense, weights, tensor, kind);
    if (status == RMSEG_OK)
        status = rmseg_tensor_file_add(file, name, wide ? "F64" : "F32", info->rank, info->dims, dense);
    rmseg_free(dense);
    return status;
}

/* What is kept of a parameter beside its value. */
static rmseg_status add_kept(rmseg_tensor_file *file, const rmseg_weights *weights, int64_t tensor)
{
    rmseg_status status = RMSEG_OK;
    for (int kind = RMSEG_TENSOR_MOMENTUM; kind < RMSEG_TENSOR_KINDS && !status; kind++) {
        if (!rmseg_weights_keeps(weights, kind)) continue;
        rmseg_text name = {0};
        rmseg_text_addf(&name, "%s%s", prefixes[kind], rmseg_net_tensor(rmseg_weights_net(weights), tensor)->name);
        status = name.failed ? RMSEG_ERROR_MEMORY : add_values(file, weights, tensor, kind, name.data);
        rmseg_text_destroy(&name);
    }
    return status;
}

rmseg_status rmseg_weights_save(rmseg_tensor_file *file, const rmseg_weights *weights, bool momenta)
{
    const rmseg_net *net = rmseg_weights_net(weights);
    int64_t batches = rmseg_weights_batches_tracked(weights);
    for (int64_t i = 0; i < rmseg_net_tensors(net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(net, i);
        if (info->role == RMSEG_ROLE_COUNTER)
            RMSEG_TRY(rmseg_tensor_file_add(file, info->name, "I64", 0, NULL, &batches));
        else
            RMSEG_TRY(add_values(file, weights, i, RMSEG_TENSOR_VALUE, info->name));
        if (momenta && info->role == RMSEG_ROLE_PARAMETER) RMSEG_TRY(add_kept(file, weights, i));
    }
    return RMSEG_OK;
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

/* A stored name without its prefix, and what that stands for. */
static const char *split_name(rmseg_tensor_kind *kind, const char *stored)
{
    for (int k = RMSEG_TENSOR_MOMENTUM; k < RMSEG_TENSOR_KINDS; k++) {
        size_t length = strlen(prefixes[k]);
        *kind = (rmseg_tensor_kind)k;
        if (strncmp(stored, prefixes[k], length) == 0) return stored + length;
    }
    *kind = RMSEG_TENSOR_VALUE;
    return stored;
}

static const rmseg_named_tensor *find_stored(const rmseg_tensor_file *file, const char *name, rmseg_tensor_kind kind)
{
    for (int64_t i = 0; i < file->count; i++) {
        rmseg_tensor_kind stored;
        const char *rest = split_name(&stored, file->tensors[i].name);
        if (stored == kind && strcmp(rest, name) == 0) return &file->tensors[i];
    }
    return NULL;
}

/* "2 x 3 x 3 x 3", "a single number" */
static void add_dims(rmseg_text *text, int rank, const int64_t *dims)
{
    if (rank == 0) rmseg_text_add(text, "a single number");
    for (int axis = 0; axis < rank; axis++) rmseg_text_addf(text, "%s%lld", axis ? " x " : "", (long long)dims[axis]);
}

static rmseg_status misshapen(const rmseg_tensor_info *info, const rmseg_named_tensor *found, const char *path)
{
    rmseg_text has = {0}, wants = {0};
    add_dims(&has, found->rank, found->dims);
    add_dims(&wants, info->rank, info->dims);
    rmseg_status status = RMSEG_ERROR_MEMORY;
    if (!has.failed && !wants.failed)
        status = rmseg_fail(RMSEG_ERROR_FORMAT, "%s: %s is %s of %s; this network expects %s of %s", path, found->name,
                            has.data, found->dtype, wants.data, info->role == RMSEG_ROLE_COUNTER ? "I64" : "F32");
    rmseg_text_destroy(&has);
    rmseg_text_destroy(&wants);
    return status;
}

static bool fits(const rmseg_tensor_info *info, const rmseg_named_tensor *found)
{
    bool number = strcmp(found->dtype, "F32") == 0 || strcmp(found->dtype, "F64") == 0;
    bool right_type = info->role == RMSEG_ROLE_COUNTER ? strcmp(found->dtype, "I64") == 0 : number;
    return right_type && found->rank == info->rank &&
           memcmp(found->dims, info->dims, (size_t)info->rank * sizeof *info->dims) == 0;
}

static rmseg_status check_stored(const rmseg_tensor_info *info, const rmseg_tensor_file *file, rmseg_tensor_kind kind,
                                 const char *path)
{
    const rmseg_named_tensor *found = find_stored(file, info->name, kind);
    if (!found)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: %s%s is missing; the file belongs to another network, or is no %s",
                          path, prefixes[kind], info->name,
                          kind == RMSEG_TENSOR_VALUE ? "weights file" : "training state");
    return fits(info, found) ? RMSEG_OK : misshapen(info, found, path);
}

/* Every tensor of the file is one of the net's. */
static rmseg_status check_known(const rmseg_net *net, const rmseg_tensor_file *file, const char *path)
{
    int64_t count = rmseg_net_tensors(net);
    const char **names = rmseg_alloc(count, sizeof *names);
    if (!names) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < count; i++) names[i] = rmseg_net_tensor(net, i)->name;
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < file->count && status == RMSEG_OK; i++) {
        rmseg_tensor_kind kind;
        const char *name = split_name(&kind, file->tensors[i].name);
        int64_t at = 0;
        while (at < count && strcmp(names[at], name) != 0) at++;
        if (at < count) continue;
        const char *near = rmseg_nearest(name, names, count);
        status = rmseg_fail(RMSEG_ERROR_FORMAT, "%s: %s belongs to no layer of this network%s%s", path,
                            file->tensors[i].name, near ? "; the nearest name is " : "", near ? near : "");
    }
    rmseg_free(names);
    return status;
}

/* Whether a tensor of this kind is to be read: momenta and the like only of parameters, and only where asked for. */
static bool is_read(const rmseg_weights *weights, const rmseg_tensor_info *info, int kind, bool momenta)
{
    if (kind == RMSEG_TENSOR_VALUE) return true;
    return momenta && kind != RMSEG_TENSOR_GRADIENT && info->role == RMSEG_ROLE_PARAMETER &&
           rmseg_weights_keeps(weights, (rmseg_tensor_kind)kind);
}

static rmseg_status check_all(const rmseg_weights *weights, const rmseg_tensor_file *file, bool momenta,
                              const char *path)
{
    const rmseg_net *net = rmseg_weights_net(weights);
    for (int64_t i = 0; i < rmseg_net_tensors(net); i++)
        for (int kind = 0; kind < RMSEG_TENSOR_KINDS; kind++)
            if (is_read(weights, rmseg_net_tensor(net, i), kind, momenta))
                RMSEG_TRY(check_stored(rmseg_net_tensor(net, i), file, (rmseg_tensor_kind)kind, path));
    return check_known(net, file, path);
}

static rmseg_status take(rmseg_weights *weights, int64_t tensor, rmseg_tensor_kind kind, const rmseg_named_tensor *from)
{
    if (strcmp(from->dtype, "F64") == 0) return rmseg_weights_set64(weights, tensor, kind, from->data);
    return rmseg_weights_set(weights, tensor, kind, from->data);
}

rmseg_status rmseg_weights_load(rmseg_weights *weights, const rmseg_tensor_file *file, bool momenta, const char *path)
{
    const rmseg_net *net = rmseg_weights_net(weights);
    int64_t batches = 0;
    RMSEG_TRY(check_all(weights, file, momenta, path));
    for (int64_t i = 0; i < rmseg_net_tensors(net); i++) {
        const rmseg_tensor_info *info = rmseg_net_tensor(net, i);
        for (int kind = 0; kind < RMSEG_TENSOR_KINDS; kind++) {
            if (!is_read(weights, info, kind, momenta)) continue;
            const rmseg_named_tensor *stored = find_stored(file, info->name, (rmseg_tensor_kind)kind);
            if (info->role == RMSEG_ROLE_COUNTER)
                memcpy(&batches, stored->data, sizeof batches); /* all layers count alike */
            else
                RMSEG_TRY(take(weights, i, (rmseg_tensor_kind)kind, stored));
        }
    }
    rmseg_weights_set_batches_tracked(weights, batches);
    return RMSEG_OK;
}

/* ---- the spec ---------------------------------------------------------------------------------------------------- */

static rmseg_status note_integer(rmseg_tensor_file *file, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return rmseg_tensor_file_note(file, key, text);
}

rmseg_status rmseg_net_spec_save(rmseg_tensor_file *file, const rmseg_net_spec *spec)
{
    char number[32];
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.net", spec->net));
    RMSEG_TRY(note_integer(file, "rmseg.spatial", spec->spatial));
    RMSEG_TRY(note_integer(file, "rmseg.in-channels", spec->in_channels));
    RMSEG_TRY(note_integer(file, "rmseg.out-channels", spec->out_channels));
    RMSEG_TRY(note_integer(file, "rmseg.width", spec->width));
    RMSEG_TRY(note_integer(file, "rmseg.depth", spec->depth));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.norm", spec->norm));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.activation", spec->activation));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.dropout", rmseg_number_text(number, spec->dropout)));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.exact", spec->exact ? "true" : "false"));
    return rmseg_tensor_file_note(file, "rmseg.precision", spec->bf16 ? "bf16" : "f32");
}

static rmseg_status read_text(const char **value, const rmseg_tensor_file *file, const char *key, const char *path)
{
    const char *text = rmseg_tensor_file_value(file, key);
    if (!text)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: the metadata lacks %s, so the network is not known; was it saved by rmseg?", path, key);
    *value = text;
    return RMSEG_OK;
}

static rmseg_status read_integer(int64_t *value, const rmseg_tensor_file *file, const char *key, const char *path)
{
    const char *text = NULL;
    RMSEG_TRY(read_text(&text, file, key, path));
    if (rmseg_parse_integer(value, text)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: %s is \"%s\"; expected a whole number", path, key, text);
}

rmseg_status rmseg_net_spec_load(rmseg_net_spec *spec, const rmseg_tensor_file *file, const char *path)
{
    rmseg_net_spec made = {0};
    int64_t spatial = 0;
    const char *dropout = NULL;
    RMSEG_TRY(read_text(&made.net, file, "rmseg.net", path));
    RMSEG_TRY(read_integer(&spatial, file, "rmseg.spatial", path));
    RMSEG_TRY(read_integer(&made.in_channels, file, "rmseg.in-channels", path));
    RMSEG_TRY(read_integer(&made.out_channels, file, "rmseg.out-channels", path));
    RMSEG_TRY(read_integer(&made.width, file, "rmseg.width", path));
    RMSEG_TRY(read_integer(&made.depth, file, "rmseg.depth", path));
    RMSEG_TRY(read_text(&made.norm, file, "rmseg.norm", path));
    RMSEG_TRY(read_text(&made.activation, file, "rmseg.activation", path));
    RMSEG_TRY(read_text(&dropout, file, "rmseg.dropout", path));
    if (!rmseg_parse_number(&made.dropout, dropout))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: rmseg.dropout is \"%s\"; expected a number", path, dropout);
    const char *exact = rmseg_tensor_file_value(file, "rmseg.exact"); /* older files lack these two */
    made.exact = exact && strcmp(exact, "true") == 0;
    const char *precision = rmseg_tensor_file_value(file, "rmseg.precision");
    made.bf16 = precision && strcmp(precision, "bf16") == 0;
    made.spatial = spatial == 2 || spatial == 3 ? (int)spatial : 0; /* rmseg_net_create refuses the rest */
    *spec = made;
    return RMSEG_OK;
}
