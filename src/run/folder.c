/* folder.c - a run's folder: making it, and config.ini, samples, weights and run.json in it. */
#include "run/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* ---- the folder -------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_folder_check(const train_options *o)
{
    rmseg_names names = {0};
    if (rmseg_file_exists(o->out))
        return rmseg_fail(RMSEG_ERROR_EXISTS, "--out %s: there is a file of that name; a run needs a folder", o->out);
    if (!rmseg_folder_exists(o->out) || o->resume || o->overwrite) return RMSEG_OK;
    RMSEG_TRY(rmseg_folder_list(&names, o->out));
    bool empty = names.count == 0 || (names.count == 1 && !strcmp(names.items[0], RMSEG_CACHE_FOLDER));
    rmseg_names_destroy(&names);
    if (empty) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_EXISTS,
        "--out %s is there already: go on with it by --resume, replace it by --overwrite, or choose another "
        "folder",
        o->out);
}

rmseg_status rmseg_folder_lock(rmseg_lock **lock, const char *run)
{
    char *path = rmseg_path_join(run, ".lock");
    rmseg_status status = path ? rmseg_lock_take(lock, path) : RMSEG_ERROR_MEMORY;
    rmseg_free(path);
    if (status != RMSEG_ERROR_EXISTS) return status;
    return rmseg_fail(status,
                      "--out %s: a training is at work there (%s): wait for its end or stop it, or choose another "
                      "folder",
                      run, rmseg_error_last());
}

static const char *const run_files[] = {"config.ini",          "log.csv",    "state.safetensors",
                                        "state.prev",          "state.next", "state.link",
                                        "weights.safetensors", "run.json",   "samples.csv"};

/* A file of a run, or what is left of one that was being written: NAME.PROCESS-NUMBER.tmp. */
static bool is_ours(const char *name, bool fresh)
{
    size_t length = strlen(name);
    bool temporary = length > 4 && !strcmp(name + length - 4, ".tmp");
    for (size_t i = 0; i < sizeof run_files / sizeof *run_files; i++) {
        size_t known = strlen(run_files[i]);
        if (strncmp(name, run_files[i], known)) continue;
        if (temporary ? name[known] == '.' : fresh && !name[known]) return true;
    }
    return false;
}

rmseg_status rmseg_folder_prepare(const char *run, bool fresh)
{
    rmseg_names names = {0};
    RMSEG_TRY(rmseg_folder_list(&names, run));
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < names.count && !status; i++) {
        if (!is_ours(names.items[i], fresh)) continue;
        char *path = rmseg_path_join(run, names.items[i]);
        status = path ? rmseg_file_remove(path) : RMSEG_ERROR_MEMORY;
        rmseg_free(path);
    }
    rmseg_names_destroy(&names);
    return status;
}

/* Writes `text` to run/name and frees it. */
static rmseg_status write_text(rmseg_text *text, const char *run, const char *name)
{
    char *path = rmseg_path_join(run, name);
    rmseg_status status = path ? rmseg_text_write(text, path) : RMSEG_ERROR_MEMORY;
    rmseg_free(path);
    rmseg_text_destroy(text);
    return status;
}

/* ---- config.ini and samples -------------------------------------------------------------------------------------- */

static void add_sample(rmseg_text *text, const rmseg_trainer *t, int64_t iteration, int64_t sample,
                       const rmseg_sample_record *record)
{
    rmseg_csv_number(text, (double)iteration);
    rmseg_csv_number(text, (double)sample);
    rmseg_csv_cell(text, t->dataset->cases[record->case_index].id);
    rmseg_csv_number(text, record->turns);
    rmseg_csv_cell(text, record->pivot == 0 ? "hw" : "dh");
    for (int k = 0; k < 3; k++) rmseg_csv_number(text, record->flip[k]);
    rmseg_csv_number(text, record->gain);
    rmseg_csv_number(text, record->offset);
    rmseg_csv_number(text, record->gamma);
    for (int k = 0; k < 3; k++) rmseg_csv_number(text, (double)record->crop[k]);
    for (int k = 0; k < 3; k++) rmseg_csv_number(text, record->angle[k]);
    rmseg_csv_number(text, record->scale);
    rmseg_csv_number(text, record->elastic[0]);
    rmseg_csv_number(text, record->blur);
    rmseg_csv_number(text, record->lowres);
    rmseg_csv_number(text, record->noise);
    rmseg_csv_number(text, record->foreground);
    rmseg_csv_end(text);
}

static rmseg_status add_samples(rmseg_text *text, const rmseg_trainer *t, rmseg_sample_record *records)
{
    rmseg_text_add(text,
                   "iteration,sample,case,turns,plane,flip_d,flip_h,flip_w,gain,offset,gamma,crop_d,crop_h,crop_w,"
                   "angle_d,angle_h,angle_w,scale,elastic,blur,lowres,noise,foreground\n");
    for (int64_t i = 0; i < t->o->iterations; i++) {
        RMSEG_TRY(rmseg_loader_records(records, t->loader, i));
        for (int64_t s = 0; s < t->o->batch; s++) add_sample(text, t, i, s, &records[s]);
    }
    return RMSEG_OK;
}

static rmseg_status write_samples(const rmseg_trainer *t)
{
    rmseg_text text = {0};
    rmseg_sample_record *records = rmseg_alloc(t->o->batch, sizeof *records);
    rmseg_status status = records ? add_samples(&text, t, records) : RMSEG_ERROR_MEMORY;
    rmseg_free(records);
    if (!status) return write_text(&text, t->o->out, "samples.csv");
    rmseg_text_destroy(&text);
    return status;
}

rmseg_status rmseg_folder_describe(const rmseg_trainer *t)
{
    rmseg_text config = {0};
    if (t->o->samples) RMSEG_TRY(write_samples(t));
    rmseg_options_text(t->options, &config);
    return write_text(&config, t->o->out, "config.ini");
}

/* ---- weights.safetensors ----------------------------------------------------------------------------------------- */

static rmseg_status collect(rmseg_tensor_file *file, const rmseg_trainer *t)
{
    bool best = t->best.count > 0;
    for (int64_t i = 0; i < t->best.count; i++) {
        const rmseg_named_tensor *tensor = &t->best.tensors[i];
        RMSEG_TRY(rmseg_tensor_file_add(file, tensor->name, tensor->dtype, tensor->rank, tensor->dims, tensor->data));
    }
    if (!best) RMSEG_TRY(rmseg_weights_save(file, t->model.weights, false));
    return rmseg_model_describe(file, &t->model, best ? t->state.best_iteration : t->state.iteration);
}

rmseg_status rmseg_folder_weights(const rmseg_trainer *t)
{
    rmseg_tensor_file file = {0};
    char *path = rmseg_path_join(t->o->out, "weights.safetensors");
    if (t->o->ema > 0) rmseg_weights_swap(t->model.weights); /* the averages are what predicts */
    rmseg_status status = path ? collect(&file, t) : RMSEG_ERROR_MEMORY;
    if (t->o->ema > 0) rmseg_weights_swap(t->model.weights);
    if (!status) status = rmseg_tensor_file_write(&file, path);
    rmseg_tensor_file_destroy(&file);
    rmseg_free(path);
    return status;
}

/* ---- run.json ---------------------------------------------------------------------------------------------------- */

static void add_machine(rmseg_json *json)
{
    struct utsname system;
    char processor[256];
    rmseg_processor_name(processor, sizeof processor, RMSEG_CPUINFO);
    rmseg_json_open(json, "machine", '{');
    if (!uname(&system)) {
        rmseg_json_string(json, "host", system.nodename);
        rmseg_json_string(json, "system", system.sysname);
        rmseg_json_string(json, "release", system.release);
        rmseg_json_string(json, "architecture", system.machine);
    }
    rmseg_json_string(json, "processor", processor);
    rmseg_json_integer(json, "threads", rmseg_threads());
    rmseg_json_close(json, '}');
}

static void add_build(rmseg_json *json, const rmseg_trainer *t)
{
    rmseg_json_string(json, "rmseg", rmseg_version());
    rmseg_json_string(json, "build", rmseg_build());
    rmseg_json_string(json, "backend", t->model.backend->name);
    rmseg_json_string(json, "level", rmseg_cpu_level());
    rmseg_json_open(json, "libraries", '{');
    for (int64_t i = 0; i < rmseg_library_count(); i++) {
        rmseg_library_info library;
        if (!rmseg_library_get(&library, i)) rmseg_json_string(json, library.name, library.version);
    }
    rmseg_json_close(json, '}');
}

static void add_data(rmseg_json *json, const rmseg_trainer *t)
{
    rmseg_json_open(json, "data", '{');
    rmseg_json_string(json, "layout", t->dataset->layout);
    rmseg_json_string(json, "root", t->dataset->root);
    rmseg_json_string(json, "sha256", t->data_hash);
    rmseg_json_integer(json, "cases", t->train_count);
    rmseg_json_open(json, "held_out", '[');
    for (int64_t i = 0; i < t->held_count; i++)
        rmseg_json_string(json, NULL, t->dataset->cases[t->cases[t->train_count + i]].id);
    rmseg_json_close(json, ']');
    rmseg_json_close(json, '}');
}

static void add_algorithms(rmseg_json *json, const rmseg_trainer *t)
{
    rmseg_text lines = {0};
    rmseg_executor_algorithms(t->executor, &lines);
    rmseg_json_open(json, "algorithms", '[');
    char *rest = NULL;
    for (char *line = lines.data ? strtok_r(lines.data, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
        rmseg_json_string(json, NULL, line);
    rmseg_json_close(json, ']');
    json->text.failed = json->text.failed || lines.failed;
    rmseg_text_destroy(&lines);
}

/* What the memory of the network and its training is for. */
static rmseg_status add_bytes(rmseg_json *json, const rmseg_trainer *t)
{
    rmseg_purpose purposes[RMSEG_PURPOSES];
    RMSEG_TRY(rmseg_executor_purposes(purposes, t->executor, t->model.weights));
    rmseg_json_open(json, "bytes", '{');
    for (int i = 0; i < RMSEG_PURPOSES; i++) rmseg_json_integer(json, purposes[i].key, (int64_t)purposes[i].bytes);
    rmseg_json_close(json, '}');
    return RMSEG_OK;
}

/* The weight of each term, and the mean of its spatial weight w: their product is what it would weigh as a plain mse.
 */
static void add_terms(rmseg_json *json, const rmseg_trainer *t)
{
    rmseg_json_open(json, "terms", '[');
    for (int64_t i = 0; i < rmseg_objective_terms(t->objective); i++) {
        rmseg_json_open(json, NULL, '{');
        rmseg_json_string(json, "name", rmseg_objective_term_name(t->objective, i));
        rmseg_json_number(json, "weight", rmseg_objective_term_weight(t->objective, i));
        rmseg_json_number(json, "mean_w", rmseg_evaluator_mean_weight(t->evaluator, i));
        rmseg_json_close(json, '}');
    }
    rmseg_json_close(json, ']');
}

static void add_model(rmseg_json *json, const rmseg_trainer *t)
{
    rmseg_text regions = {0};
    rmseg_regions_text(&regions, &t->model.regions);
    rmseg_json_string(json, "run", t->model.run);
    rmseg_json_string(json, "objective", t->model.objective);
    add_terms(json, t);
    rmseg_json_string(json, "head", rmseg_head_name(t->model.head));
    rmseg_json_integer(json, "classes", t->model.classes);
    rmseg_json_string(json, "regions", regions.data);
    rmseg_json_string(json, "net", rmseg_net_get_spec(t->model.net)->net);
    rmseg_json_string(json, "precision", t->o->precision);
    rmseg_json_integer(json, "parameters", rmseg_net_parameter_count(t->model.net));
    rmseg_json_integer(json, "seed", t->o->seed);
    rmseg_json_integer(json, "split_seed", t->o->split_seed);
    json->text.failed = json->text.failed || regions.failed;
    rmseg_text_destroy(&regions);
}

static void add_progress(rmseg_json *json, const rmseg_trainer *t)
{
    rmseg_json_integer(json, "iteration", t->state.iteration);
    rmseg_json_integer(json, "iterations", t->o->iterations);
    rmseg_json_number(json, "seconds", t->state.seconds);
    rmseg_json_integer(json, "peak_bytes", rmseg_memory_stats_get().peak_bytes);
    if (t->validation) {
        rmseg_json_number(json, "best_dice", t->state.best);
        rmseg_json_integer(json, "best_iteration", t->state.best_iteration);
    }
}

rmseg_status rmseg_folder_record(const rmseg_trainer *t)
{
    rmseg_json json = {0};
    rmseg_json_open(&json, NULL, '{');
    add_build(&json, t);
    add_machine(&json);
    add_data(&json, t);
    add_model(&json, t);
    add_progress(&json, t);
    add_algorithms(&json, t);
    rmseg_status status = add_bytes(&json, t);
    rmseg_json_close(&json, '}');
    if (status == RMSEG_OK) return write_text(&json.text, t->o->out, "run.json");
    rmseg_text_destroy(&json.text);
    return status;
}
