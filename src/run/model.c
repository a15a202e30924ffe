/* model.c - a network and what is needed to use it, out of and into a weights file. */
#include "run/model.h"

#include <stdio.h>
#include <string.h>

#include "run/preparation.h"

int64_t rmseg_model_channels(const rmseg_model *model)
{
    return model->head == RMSEG_HEAD_SOFTMAX ? model->classes : model->regions.count;
}

void rmseg_model_destroy(rmseg_model *model)
{
    rmseg_weights_destroy(model->weights);
    rmseg_net_destroy(model->net);
    rmseg_free(model->objective);
    rmseg_free(model->layout);
    rmseg_regions_destroy(&model->regions);
    *model = (rmseg_model){0};
}

/* ---- values as text ---------------------------------------------------------------------------------------------- */

rmseg_status rmseg_parse_size(int64_t size[3], int spatial, const char *key, const char *text)
{
    int64_t read[3] = {0}, count = 0;
    memset(size, 0, 3 * sizeof *size);
    if (!*text || !strcmp(text, "none")) return RMSEG_OK;
    RMSEG_TRY(rmseg_parse_list(read, &count, 3, 1, key, text));
    if (count != spatial)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--%s %s: the images are %dD, so %d numbers are expected%s", key, text,
                          spatial, spatial, spatial == 2 ? " (height,width)" : "");
    size[0] = 1;
    memcpy(size + 3 - spatial, read, (size_t)spatial * sizeof *size);
    return RMSEG_OK;
}

void rmseg_size_text(rmseg_text *text, const int64_t size[3], int spatial)
{
    char extent[64];
    rmseg_text_add(text, size[0] ? rmseg_extent_text(extent, size, spatial) : "none");
}

static const char *const normalize_names[] = {[RMSEG_NORMALIZE_ZSCORE] = "zscore",
                                              [RMSEG_NORMALIZE_NONE] = "none",
                                              [RMSEG_NORMALIZE_RANGE] = "range",
                                              [RMSEG_NORMALIZE_CT] = "ct"};

const char *rmseg_normalize_name(rmseg_normalize normalize) { return normalize_names[normalize]; }

rmseg_status rmseg_parse_normalize(rmseg_normalize *normalize, const char *name)
{
    for (size_t i = 0; i < sizeof normalize_names / sizeof *normalize_names; i++)
        if (!strcmp(name, normalize_names[i])) {
            *normalize = (rmseg_normalize)i;
            return RMSEG_OK;
        }
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "normalisation '%s' is unknown: expected zscore, range, ct or none", name);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static rmseg_status note_text(rmseg_tensor_file *file, const char *key, rmseg_text *text)
{
    rmseg_status status =
        text->failed ? RMSEG_ERROR_MEMORY : rmseg_tensor_file_note(file, key, text->data ? text->data : "");
    rmseg_text_destroy(text);
    return status;
}

static rmseg_status note_integer(rmseg_tensor_file *file, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return rmseg_tensor_file_note(file, key, text);
}

static rmseg_status note_regions(rmseg_tensor_file *file, const rmseg_regions *regions)
{
    rmseg_text names = {0}, values = {0};
    rmseg_regions_text(&names, regions);
    for (int64_t i = 0; i < regions->count; i++)
        rmseg_text_addf(&values, "%s%d", i ? "," : "", (int)regions->items[i].value);
    rmseg_status status = note_text(file, "rmseg.regions", &names);
    rmseg_status second = note_text(file, "rmseg.values", &values);
    return status ? status : second;
}

rmseg_status rmseg_model_describe(rmseg_tensor_file *file, const rmseg_model *model, int64_t iteration)
{
    const rmseg_net_spec *spec = rmseg_net_get_spec(model->net);
    rmseg_text patch = {0};
    RMSEG_TRY(rmseg_net_spec_save(file, spec));
    RMSEG_TRY(note_regions(file, &model->regions));
    RMSEG_TRY(rmseg_preparation_save(file, &model->preparation, spec->spatial));
    rmseg_size_text(&patch, model->patch, spec->spatial);
    RMSEG_TRY(note_text(file, "rmseg.patch", &patch));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.objective", model->objective));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.head", rmseg_head_name(model->head)));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.layout", model->layout));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.version", rmseg_version()));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.run", model->run));
    RMSEG_TRY(note_integer(file, "rmseg.classes", model->classes));
    return note_integer(file, "rmseg.iteration", iteration);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_model_need(const char **value, const rmseg_tensor_file *file, const char *key, const char *path)
{
    *value = rmseg_tensor_file_value(file, key);
    if (*value) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_FORMAT,
        "%s: the metadata lacks %s, so it was not written by a training of rmseg; `rmseg train --init` can "
        "start from such a file",
        path, key);
}

static rmseg_status read_values(rmseg_regions *regions, int64_t *value, const char *text)
{
    int64_t count = 0;
    RMSEG_TRY(rmseg_parse_list(value, &count, regions->count, 0, "rmseg.values", text));
    if (count != regions->count)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%lld regions but %lld values", (long long)regions->count,
                          (long long)count);
    for (int64_t i = 0; i < count; i++) regions->items[i].value = (int32_t)value[i];
    return RMSEG_OK;
}

static rmseg_status read_regions(rmseg_model *model, const rmseg_tensor_file *file, const char *path)
{
    const char *regions, *values;
    RMSEG_TRY(rmseg_model_need(&regions, file, "rmseg.regions", path));
    RMSEG_TRY(rmseg_model_need(&values, file, "rmseg.values", path));
    RMSEG_TRY(rmseg_regions_parse(&model->regions, regions));
    int64_t *value = rmseg_alloc(model->regions.count, sizeof *value);
    if (!value) return RMSEG_ERROR_MEMORY;
    rmseg_status status = read_values(&model->regions, value, values);
    rmseg_free(value);
    return status;
}

static rmseg_status read_preparation(rmseg_model *model, const rmseg_tensor_file *file, const char *path, int spatial)
{
    const char *patch, *classes;
    RMSEG_TRY(rmseg_preparation_load(&model->preparation, file, path, spatial));
    RMSEG_TRY(rmseg_model_need(&patch, file, "rmseg.patch", path));
    RMSEG_TRY(rmseg_parse_size(model->patch, spatial, "patch", patch));
    RMSEG_TRY(rmseg_model_need(&classes, file, "rmseg.classes", path));
    if (!rmseg_parse_integer(&model->classes, classes) || model->classes < 2 || model->classes > 65536)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "rmseg.classes is '%s', expected 2 or more", classes);
    return RMSEG_OK;
}

static rmseg_status read_names(rmseg_model *model, const rmseg_tensor_file *file, const char *path)
{
    const char *head, *objective, *layout;
    RMSEG_TRY(rmseg_model_need(&head, file, "rmseg.head", path));
    RMSEG_TRY(rmseg_head_parse(&model->head, head));
    RMSEG_TRY(rmseg_model_need(&objective, file, "rmseg.objective", path));
    RMSEG_TRY(rmseg_model_need(&layout, file, "rmseg.layout", path));
    const char *run = rmseg_tensor_file_value(file, "rmseg.run"); /* missing in older files */
    if (run && strlen(run) == 64 && strspn(run, "0123456789abcdef") == 64) memcpy(model->run, run, 65);
    model->objective = rmseg_strdup(objective);
    model->layout = rmseg_strdup(layout);
    return model->objective && model->layout ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static rmseg_status read_all(rmseg_model *model, const rmseg_tensor_file *file, const char *path)
{
    rmseg_net_spec spec = {0};
    RMSEG_TRY(rmseg_net_spec_load(&spec, file, path));
    RMSEG_TRY(read_names(model, file, path));
    RMSEG_TRY(read_regions(model, file, path));
    RMSEG_TRY(read_preparation(model, file, path, spec.spatial));
    if (spec.out_channels != rmseg_model_channels(model))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "the network has %lld outputs, but its %s head needs %lld",
                          (long long)spec.out_channels, rmseg_head_name(model->head),
                          (long long)rmseg_model_channels(model));
    RMSEG_TRY(rmseg_backend_default(&model->backend));
    RMSEG_TRY(rmseg_net_create(&model->net, &spec));
    RMSEG_TRY(rmseg_weights_create(&model->weights, model->net, model->backend, false));
    return rmseg_weights_load(model->weights, file, false, path);
}

static rmseg_status read_file(rmseg_model *model, const char *path)
{
    rmseg_tensor_file file = {0};
    RMSEG_TRY(rmseg_tensor_file_read(&file, path));
    rmseg_model made = {0};
    rmseg_status status = read_all(&made, &file, path);
    rmseg_tensor_file_destroy(&file);
    if (status) {
        rmseg_model_destroy(&made);
        bool named = strstr(rmseg_error_last(), path); /* by the rooms that know of files */
        return named ? status : rmseg_fail_in(status, "%s", path);
    }
    *model = made;
    return RMSEG_OK;
}

rmseg_status rmseg_model_read(rmseg_model *model, const char *run)
{
    if (!rmseg_folder_exists(run)) return read_file(model, run);
    char *path = rmseg_path_join(run, "weights.safetensors");
    if (!path) return RMSEG_ERROR_MEMORY;
    rmseg_status status = read_file(model, path);
    rmseg_free(path);
    return status;
}
