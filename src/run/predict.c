/*
 * predict.c - label images of new cases: image -> each network's probabilities -> their mean on the image's own grid ->
 * label image.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "run/cases.h"
#include "run/label.h"
#include "run/predictor.h"
#include "run/run.h"
#include "run/slabs.h"

/* clang-format off: one option a row */
#define PREDICT_OPTIONS(X)                                                                                             \
    X(str, run, "", 0, 0, "", "", "folder of a run; several, with commas between, are an ensemble", "runs/first")      \
    X(str, weights, "", 0, 0, "", "", "weights file to use in place of a run", "weights.safetensors")                  \
    X(str, out, "", 0, 0, "", "", "folder for the label images", "predictions")                                        \
    X(flag, overwrite, "no", 0, 0, "", "", "replace label images that are there", "")                                  \
    X(str, layout, "", 0, 0, "", "", "take the cases of a dataset (`rmseg layouts`)", "drishti-gs")                    \
    X(str, data, "", 0, 0, "", "", "folder of that dataset", "data/drishti-gs")                                        \
    X(pick, split, "test", 0, 0, "train|test|all", "", "which of its cases", "test")                                   \
    X(str, window, "", 0, 0, "", "voxels", "predict by windows of this size; else as the run was trained", "256,256")  \
    X(str, stride, "", 0, 0, "", "voxels", "from one window to the next", "128,128")                                   \
    X(f64, overlap, "0.5", 0, 0.95, "", "", "share of a window that the next one covers again, without --stride",      \
      "0.25")                                                                                                          \
    X(flag, whole, "no", 0, 0, "", "", "predict the whole image at once", "")                                          \
    X(pick, blend, "mean", 0, 0, "mean|gaussian", "", "weights of a window's voxels where windows overlap",            \
      "gaussian")                                                                                                      \
    X(flag, flips, "no", 0, 0, "", "", "average over the image and its mirror images", "")                             \
    X(flag, largest_component, "no", 0, 0, "", "", "keep only the largest component of each class", "")                \
    X(i64, min_size, "0", 0, INT64_MAX, "", "voxels", "drop components smaller than this", "50")                       \
    X(flag, probabilities, "no", 0, 0, "", "", "write ID.npy too: probabilities, float32, channels first", "")         \
    X(pick, grid, "input", 0, 0, "input|native", "", "grid of the output: the input's own, or the training's",         \
      "native")                                                                                                        \
    X(pick, slabs, "auto", 0, 0, "auto|always|never", "",                                                              \
      "volumes in pieces, by temporary files in --out: those that do not fit into memory, all, or none", "always")     \
    X(i64, threads, "0", 0, RMSEG_MOST_THREADS, "", "threads", "threads that compute; 0: every processor", "8")
/* clang-format on */

RMSEG_OPTIONS_DECLARE(predict_options, PREDICT_OPTIONS)
RMSEG_OPTIONS_DEFINE(predict_options, PREDICT_OPTIONS)

rmseg_status rmseg_predict_options_create(rmseg_options **options) { return predict_options_create(options); }

typedef struct prediction {
    const predict_options *o;
    rmseg_names runs, inputs; /* run folders or weights files; what is to be predicted */
    rmseg_model *models;      /* [model_count] */
    rmseg_predictor **predictors;
    rmseg_window *windows; /* of each model */
    int64_t model_count;
    rmseg_cases cases;
    int64_t done, total; /* runs of a network, over all cases */
    const char *now;     /* id of the case under way */
    char note[80];       /* what the label images say of who made them */
} prediction;

/* ---- which networks ---------------------------------------------------------------------------------------------- */

static rmseg_status is_run(bool *is, const char *path)
{
    char *weights = rmseg_path_join(path, "weights.safetensors");
    if (!weights) return RMSEG_ERROR_MEMORY;
    *is = rmseg_file_exists(weights);
    rmseg_free(weights);
    return RMSEG_OK;
}

static rmseg_status add_runs(prediction *p, const char *list)
{
    char *copy = rmseg_strdup(list), *rest = NULL;
    rmseg_status status = copy ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (char *run = copy ? strtok_r(copy, ",", &rest) : NULL; run && !status; run = strtok_r(NULL, ",", &rest))
        status = rmseg_names_add(&p->runs, run);
    rmseg_free(copy);
    return status;
}

/* A run among the inputs joins the ensemble, so that `--run A B C image.png` says what it seems to. */
static rmseg_status sort_inputs(prediction *p, const char *const *inputs, int64_t count)
{
    RMSEG_TRY(add_runs(p, p->o->run));
    if (*p->o->weights) RMSEG_TRY(rmseg_names_add(&p->runs, p->o->weights));
    for (int64_t i = 0; i < count; i++) {
        bool joins = false;
        RMSEG_TRY(is_run(&joins, inputs[i]));
        RMSEG_TRY(rmseg_names_add(joins ? &p->runs : &p->inputs, inputs[i]));
    }
    if (p->runs.count) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "no network to predict with: give a run's folder by --run, or --weights");
}

/* Several networks can be averaged where their channels mean the same. */
static rmseg_status check_agreement(const rmseg_model *a, const rmseg_model *b, const char *run_a, const char *run_b)
{
    int spatial_a = rmseg_net_get_spec(a->net)->spatial, spatial_b = rmseg_net_get_spec(b->net)->spatial;
    bool same = a->head == b->head && a->classes == b->classes && spatial_a == spatial_b &&
                rmseg_regions_equal(&a->regions, &b->regions);
    if (same) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s and %s cannot be averaged: their heads, classes or regions differ",
                      run_a, run_b);
}

static rmseg_status settle_window(rmseg_window *window, const predict_options *o, const rmseg_model *model)
{
    int spatial = rmseg_net_get_spec(model->net)->spatial;
    int64_t stride[3];
    *window = rmseg_window_default(model);
    if (o->whole && *o->window)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--whole and --window exclude each other: give one of them");
    if (*o->window) RMSEG_TRY(rmseg_parse_size(window->size, spatial, "window", o->window));
    if (o->whole) memset(window->size, 0, sizeof window->size);
    for (int k = 0; k < 3; k++) {
        window->stride[k] = (int64_t)((double)window->size[k] * (1 - o->overlap) + 0.5);
        if (window->stride[k] < 1) window->stride[k] = 1;
    }
    RMSEG_TRY(rmseg_parse_size(stride, spatial, "stride", o->stride));
    if (stride[0] && !window->size[0])
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--stride %s needs windows: give --window", o->stride);
    for (int k = 0; k < 3 && stride[0]; k++) {
        if (stride[k] > window->size[k])
            return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                              "--stride %s is larger than the window, so voxels would be left out", o->stride);
        window->stride[k] = stride[k];
    }
    window->gaussian = !strcmp(o->blend, "gaussian");
    window->flips = o->flips;
    return RMSEG_OK;
}

/* Called after every window. */
static void show_window(void *user)
{
    prediction *p = user;
    rmseg_progress("predict", ++p->done, p->total, p->now);
}

static rmseg_status load_models(prediction *p)
{
    p->models = rmseg_alloc(p->runs.count, sizeof *p->models);
    p->predictors = rmseg_alloc(p->runs.count, sizeof *p->predictors);
    p->windows = rmseg_alloc(p->runs.count, sizeof *p->windows);
    if (!p->models || !p->predictors || !p->windows) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < p->runs.count; i++) {
        rmseg_window window;
        RMSEG_TRY(rmseg_model_read(&p->models[i], p->runs.items[i]));
        p->model_count = i + 1;
        RMSEG_TRY(check_agreement(&p->models[0], &p->models[i], p->runs.items[0], p->runs.items[i]));
        RMSEG_TRY(settle_window(&window, p->o, &p->models[i]));
        window.progress = show_window, window.user = p;
        p->windows[i] = window;
        RMSEG_TRY(rmseg_predictor_create(&p->predictors[i], &p->models[i], &window));
    }
    return RMSEG_OK;
}

/* "rmseg 0.1.0, run 0123456789ab": twelve digits of the hash of each run, of as many as there is room for. */
static void make_note(prediction *p)
{
    size_t most = sizeof p->note, length;
    length = (size_t)snprintf(p->note, most, "rmseg %s, run%s ", rmseg_version(), p->model_count > 1 ? "s" : "");
    for (int64_t i = 0; i < p->model_count && length < most; i++) {
        bool fits = i == p->model_count - 1 ? length + 13 < most : length + 20 < most;
        if (!fits) {
            snprintf(p->note + length, most - length, "+%lld", (long long)(p->model_count - i));
            return;
        }
        const char *run = *p->models[i].run ? p->models[i].run : "unknown";
        length += (size_t)snprintf(p->note + length, most - length, "%s%.12s", i ? "," : "", run);
    }
}

/* ---- which cases ------------------------------------------------------------------------------------------------- */

static rmseg_status find_cases(prediction *p)
{
    const predict_options *o = p->o;
    rmseg_dataset *dataset = NULL;
    if (!*o->layout) {
        if (!p->inputs.count)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                              "nothing to predict: give images, folders of images, or --layout and "
                              "--data");
        return rmseg_cases_from_paths(&p->cases, (const char *const *)p->inputs.items, p->inputs.count);
    }
    if (p->inputs.count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s: images and --layout exclude each other: give one of them",
                          p->inputs.items[0]);
    if (!*o->data)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--layout %s needs --data, the folder of the data", o->layout);
    RMSEG_TRY(rmseg_dataset_open(&dataset, o->layout, o->data, o->split, 128, false));
    return rmseg_cases_from_dataset(&p->cases, dataset);
}

static char *output_path(const prediction *p, int64_t i, const char *extension)
{
    rmseg_text name = {0};
    rmseg_text_addf(&name, "%s%s", p->cases.ids[i], extension);
    char *path = name.data ? rmseg_path_join(p->o->out, name.data) : NULL;
    rmseg_text_destroy(&name);
    return path;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return a && b && !stat(a, &of_a) && !stat(b, &of_b) && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

static const char *input_path(const prediction *p, int64_t i)
{
    return p->cases.paths ? p->cases.paths[i] : p->cases.dataset->cases[i].images.items[0];
}

/* A format that keeps the geometry gets its own back; else a PNG, which holds one slice. A file that cannot be read is
 * told of later. */
static const char *label_extension(const prediction *p, int64_t i)
{
    rmseg_image header = {0};
    if (rmseg_image_read_header(&header, input_path(p, i)) == RMSEG_OK) {
        if (!strcmp(header.format, "NIfTI")) return ".nii.gz";
        if (!strcmp(header.format, "NRRD")) return ".nrrd";
        if (!strcmp(header.format, "MetaImage")) return ".mha";
    }
    return rmseg_net_get_spec(p->models[0].net)->spatial == 3 ? ".tif" : ".png";
}

static rmseg_status check_output(const prediction *p, int64_t i, const char *extension)
{
    char *path = output_path(p, i, extension);
    const char *input = input_path(p, i);
    rmseg_status status = path ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (path && is_same_file(path, input))
        status = rmseg_fail(RMSEG_ERROR_ARGUMENT, "--out %s: the label image would replace its own input %s", p->o->out,
                            input);
    else if (path && rmseg_file_exists(path) && !p->o->overwrite)
        status = rmseg_fail(RMSEG_ERROR_EXISTS,
                            "%s is there already: replace it by --overwrite, or choose another --out", path);
    rmseg_free(path);
    return status;
}

static rmseg_status check_outputs(const prediction *p)
{
    for (int64_t i = 0; i < p->cases.count; i++) {
        RMSEG_TRY(check_output(p, i, label_extension(p, i)));
        if (p->o->probabilities) RMSEG_TRY(check_output(p, i, ".npy"));
    }
    return rmseg_folder_create(p->o->out);
}

/* ---- one case ---------------------------------------------------------------------------------------------------- */

/* Networks that were trained on the same preparation share it. */
static rmseg_status prepare(rmseg_image **prepared, const prediction *p, int64_t model, const rmseg_image *raw)
{
    const rmseg_preparation *own = &p->models[model].preparation;
    const rmseg_preparation *last = model > 0 ? &p->models[model - 1].preparation : own;
    if (*prepared && !memcmp(own, last, sizeof *own)) return RMSEG_OK;
    rmseg_image_destroy(*prepared);
    *prepared = NULL;
    return rmseg_prepare(prepared, NULL, raw, NULL, own);
}

/* Back to the order of the file's axes, where they were put into another for the network. */
static rmseg_status turn_back(rmseg_image **image, const rmseg_image *raw, const rmseg_preparation *preparation)
{
    rmseg_image *turned = NULL;
    if (!preparation->canonical || raw->size[0] == 1) return RMSEG_OK;
    rmseg_axis_order there = rmseg_image_axis_order(raw), back = rmseg_axis_order_inverse(&there);
    rmseg_status status = rmseg_image_reorder(&turned, *image, &back);
    rmseg_image_destroy(*image);
    *image = turned;
    return status;
}

/* Probabilities of one network, on the grid of the output. *prepared is what the last one saw, and then what this one
 * did; NULL before the first. */
static rmseg_status probabilities_of(rmseg_image **probabilities, rmseg_image **prepared, prediction *p, int64_t model,
                                     const rmseg_image *raw)
{
    rmseg_image *native = NULL;
    RMSEG_TRY(prepare(prepared, p, model, raw));
    RMSEG_TRY(rmseg_predictor_run(&native, p->predictors[model], *prepared));
    rmseg_status status =
        strcmp(p->o->grid, "native") ? turn_back(&native, raw, &p->models[model].preparation) : RMSEG_OK;
    if (!native || !strcmp(p->o->grid, "native") || !memcmp(native->size, raw->size, sizeof raw->size)) {
        *probabilities = native;
        return status;
    }
    status = rmseg_image_resample(probabilities, native, raw->size, RMSEG_LINEAR);
    rmseg_image_destroy(native);
    return status;
}

static rmseg_status add_to(rmseg_image *sum, const rmseg_image *more)
{
    if (memcmp(sum->size, more->size, sizeof sum->size))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the runs were trained on different grids: leave --grid native out");
    int64_t count = sum->channels * rmseg_image_voxels(sum);
    float *to = sum->data;
    const float *from = more->data;
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
    return RMSEG_OK;
}

static rmseg_status mean_of_all(rmseg_image **mean, prediction *p, const rmseg_image *raw)
{
    rmseg_image *sum = NULL, *prepared = NULL;
    rmseg_status status = probabilities_of(&sum, &prepared, p, 0, raw);
    for (int64_t i = 1; i < p->model_count && !status; i++) {
        rmseg_image *more = NULL;
        status = probabilities_of(&more, &prepared, p, i, raw);
        if (!status) status = add_to(sum, more);
        rmseg_image_destroy(more);
    }
    rmseg_image_destroy(prepared);
    if (status) {
        rmseg_image_destroy(sum);
        return status;
    }
    float *value = sum->data;
    int64_t count = sum->channels * rmseg_image_voxels(sum);
    for (int64_t i = 0; i < count && p->model_count > 1; i++) value[i] /= (float)p->model_count;
    bool on_input = strcmp(p->o->grid, "native") && !memcmp(sum->size, raw->size, sizeof raw->size);
    if (on_input) rmseg_image_copy_geometry(sum, raw);
    *mean = sum;
    return RMSEG_OK;
}

/* float32 of shape (K,H,W), or (K,D,H,W) where D > 1. */
static rmseg_status write_probabilities(const rmseg_image *mean, const char *path)
{
    rmseg_array array = {.type = RMSEG_ARRAY_F32, .rank = 3, .data = mean->data};
    array.size[0] = mean->channels;
    if (mean->size[0] > 1) array.size[array.rank++ - 2] = mean->size[0];
    array.size[array.rank - 2] = mean->size[1];
    array.size[array.rank - 1] = mean->size[2];
    return rmseg_npy_write(&array, path);
}

static rmseg_status write_case(const prediction *p, int64_t i, const rmseg_image *mean)
{
    rmseg_cleaning cleaning = {.largest = p->o->largest_component, .min_size = p->o->min_size};
    rmseg_image *label = NULL;
    RMSEG_TRY(rmseg_label_make(&label, mean, &p->models[0], &cleaning));
    char *label_path = output_path(p, i, label_extension(p, i)), *npy_path = output_path(p, i, ".npy");
    rmseg_status status = label_path && npy_path ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status && p->o->probabilities) status = write_probabilities(mean, npy_path);
    memcpy(label->note, p->note, sizeof label->note);
    if (!status) status = rmseg_image_write(label, label_path);
    rmseg_image_destroy(label);
    rmseg_free(label_path);
    rmseg_free(npy_path);
    return status;
}

static rmseg_slabs_settings slabs_of(const prediction *p)
{
    return (rmseg_slabs_settings){
        .models = p->models,
        .predictors = p->predictors,
        .windows = p->windows,
        .model_count = p->model_count,
        .native = !strcmp(p->o->grid, "native"),
        .cleaning = {.largest = p->o->largest_component, .min_size = p->o->min_size},
        .folder = p->o->out,
        .note = p->note,
    };
}

static rmseg_names files_of(const prediction *p, int64_t i)
{
    if (p->cases.paths) return (rmseg_names){&p->cases.paths[i], 1};
    return p->cases.dataset->cases[i].images;
}

/* Is a case predicted in pieces? Where it may be (a volume, windows, files that are read so) and must be. */
static bool goes_by_slabs(const prediction *p, int64_t i)
{
    rmseg_names files = files_of(p, i);
    rmseg_slabs_settings settings = slabs_of(p);
    if (strcmp(p->o->slabs, "auto")) return !strcmp(p->o->slabs, "always");
    bool may = rmseg_net_get_spec(p->models[0].net)->spatial == 3;
    for (int64_t m = 0; m < p->model_count; m++) may = may && p->windows[m].size[0] > 0;
    rmseg_image header = {0};
    int64_t channels = 0;
    for (int64_t f = 0; f < files.count && may; f++) {
        may = rmseg_image_read_header(&header, files.items[f]) == RMSEG_OK && rmseg_image_streams(&header);
        channels += header.channels;
    }
    if (!may) return false;
    header.channels = channels;
    int64_t need = rmseg_slabs_memory(&settings, &header), available = rmseg_memory_available();
    if (need / 3 <= available / 4) return false;
    rmseg_info(
        "%s: it would take about %.1f GB of the %.1f GB that are free: predicted in pieces, by temporary files in %s",
        p->cases.ids[i], (double)need / 1e9, (double)available / 1e9, p->o->out);
    return true;
}

static rmseg_status predict_by_slabs(prediction *p, int64_t i)
{
    rmseg_names files = files_of(p, i);
    rmseg_slabs_settings settings = slabs_of(p);
    char *label_path = output_path(p, i, label_extension(p, i)), *npy_path = output_path(p, i, ".npy");
    rmseg_status status = label_path && npy_path ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status) status = rmseg_slabs_predict(&settings, &files, label_path, p->o->probabilities ? npy_path : NULL);
    rmseg_free(label_path);
    rmseg_free(npy_path);
    if (status && status != RMSEG_ERROR_FILE && !strstr(rmseg_error_last(), input_path(p, i)))
        rmseg_fail_in(status, "%s", input_path(p, i));
    return status;
}

static rmseg_status predict_case(prediction *p, int64_t i)
{
    rmseg_image *raw = NULL, *mean = NULL;
    if (goes_by_slabs(p, i)) return predict_by_slabs(p, i);
    RMSEG_TRY(rmseg_cases_image(&raw, &p->cases, i));
    rmseg_status status = mean_of_all(&mean, p, raw);
    if (status)
        rmseg_fail_in(status, "%s", input_path(p, i));
    else
        status = write_case(p, i, mean);
    rmseg_image_destroy(raw);
    rmseg_image_destroy(mean);
    return status;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* How often networks run for a case, from the header of its image; 1 where that cannot be read, which is told of later. */
static int64_t work_of(const prediction *p, int64_t i)
{
    rmseg_image header = {0};
    int64_t work = 0;
    if (rmseg_image_read_header(&header, input_path(p, i)) != RMSEG_OK) return 1;
    for (int64_t m = 0; m < p->model_count; m++) {
        int64_t size[3];
        rmseg_prepared_size(size, &header, &p->models[m].preparation);
        work += rmseg_window_count(&p->windows[m], size);
    }
    return work;
}

/* A case that fails is told of and the others go on. */
static rmseg_status predict_cases(prediction *p)
{
    char first[RMSEG_ERROR_LENGTH];
    rmseg_status failure = RMSEG_OK;
    int64_t failed = 0, count = p->cases.count;
    for (int64_t i = 0; i < count; i++) p->total += work_of(p, i);
    for (int64_t i = 0; i < count; i++) {
        int64_t before = p->done, work = work_of(p, i);
        p->now = p->cases.ids[i];
        rmseg_status status = rmseg_cancelled() ? RMSEG_ERROR_CANCELLED : predict_case(p, i);
        if (status == RMSEG_ERROR_CANCELLED)
            return rmseg_fail(status, "interrupted; the label images of %lld of %lld cases are in %s",
                              (long long)(i - failed), (long long)count, p->o->out);
        if (status && count > 1) rmseg_warn("%s", rmseg_error_last());
        if (status && !failed++) failure = status, rmseg_error_take(first);
        if (p->done < before + work) rmseg_progress("predict", p->done = before + work, p->total, p->now);
    }
    return failed ? rmseg_cases_fail(failure, first, failed, count) : RMSEG_OK;
}

static rmseg_status predict(prediction *p, const char *const *inputs, int64_t count)
{
    if (!*p->o->out) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--out is missing: give the folder for the label images");
    if (p->o->threads) RMSEG_TRY(rmseg_threads_set((int)p->o->threads));
    RMSEG_TRY(sort_inputs(p, inputs, count));
    RMSEG_TRY(load_models(p));
    make_note(p);
    RMSEG_TRY(find_cases(p));
    RMSEG_TRY(check_outputs(p));
    return predict_cases(p);
}

rmseg_status rmseg_predict(const rmseg_options *options, const char *const *inputs, int64_t count)
{
    prediction p = {.o = predict_options_values(options)};
    if (!p.o) return RMSEG_ERROR_ARGUMENT;
    rmseg_status status = predict(&p, inputs, count);
    for (int64_t i = 0; i < p.model_count; i++) {
        rmseg_predictor_destroy(p.predictors[i]);
        rmseg_model_destroy(&p.models[i]);
    }
    rmseg_free(p.predictors);
    rmseg_free(p.windows);
    rmseg_free(p.models);
    rmseg_cases_destroy(&p.cases);
    rmseg_names_destroy(&p.runs);
    rmseg_names_destroy(&p.inputs);
    return status;
}
