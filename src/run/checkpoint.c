/* checkpoint.c - the state of a training on disk, so that there is a good one at any moment. */
#include "run/checkpoint.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/train_options.h"

#define BEST   "best."
#define OPTION "option."

typedef struct paths {
    char *state, *next, *before, *link;
} paths;

static void free_paths(paths *p)
{
    rmseg_free(p->state);
    rmseg_free(p->next);
    rmseg_free(p->before);
    rmseg_free(p->link);
}

static rmseg_status make_paths(paths *p, const char *run)
{
    p->state = rmseg_path_join(run, "state.safetensors");
    p->next = rmseg_path_join(run, "state.next");
    p->before = rmseg_path_join(run, "state.prev");
    p->link = rmseg_path_join(run, "state.link");
    if (p->state && p->next && p->before && p->link) return RMSEG_OK;
    free_paths(p);
    return RMSEG_ERROR_MEMORY;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static rmseg_status check_finite(const rmseg_tensor_file *file)
{
    for (int64_t t = 0; t < file->count; t++) {
        const rmseg_named_tensor *tensor = &file->tensors[t];
        if (strcmp(tensor->dtype, "F32")) continue;
        const float *value = tensor->data;
        for (size_t i = 0; i < tensor->bytes / sizeof *value; i++)
            if (!isfinite(value[i]))
                return rmseg_fail(RMSEG_ERROR_NUMERIC,
                                  "%s became NaN or infinite, so it is not saved; lower --lr or set --clip-norm",
                                  tensor->name);
    }
    return RMSEG_OK;
}

static rmseg_status note_number(rmseg_tensor_file *file, const char *key, double value)
{
    char text[32];
    return rmseg_tensor_file_note(file, key, rmseg_number_text(text, value));
}

static rmseg_status note_options(rmseg_tensor_file *file, const rmseg_options *options)
{
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < rmseg_options_count(options) && !status; i++) {
        rmseg_option_info info;
        rmseg_text key = {0};
        RMSEG_TRY(rmseg_options_info(&info, options, i));
        rmseg_text_addf(&key, OPTION "%s", info.key);
        status = key.failed ? RMSEG_ERROR_MEMORY
                            : rmseg_tensor_file_note(file, key.data, rmseg_options_get(options, info.key));
        rmseg_text_destroy(&key);
    }
    return status;
}

static rmseg_status add_best(rmseg_tensor_file *file, const rmseg_tensor_file *best)
{
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < best->count && !status; i++) {
        const rmseg_named_tensor *tensor = &best->tensors[i];
        rmseg_text name = {0};
        rmseg_text_addf(&name, BEST "%s", tensor->name);
        status = name.failed
                     ? RMSEG_ERROR_MEMORY
                     : rmseg_tensor_file_add(file, name.data, tensor->dtype, tensor->rank, tensor->dims, tensor->data);
        rmseg_text_destroy(&name);
    }
    return status;
}

static const char *share_key(char key[48], int64_t index)
{
    snprintf(key, 48, "rmseg.share.%lld", (long long)index);
    return key;
}

static rmseg_status note_shares(rmseg_tensor_file *file, const rmseg_checkpoint *c)
{
    char key[48];
    for (int64_t i = 0; i < c->shares; i++) RMSEG_TRY(note_number(file, share_key(key, i), c->share[i]));
    return RMSEG_OK;
}

static rmseg_status fill(rmseg_tensor_file *file, const rmseg_checkpoint *c)
{
    RMSEG_TRY(rmseg_weights_save(file, c->weights, true));
    RMSEG_TRY(check_finite(file));
    RMSEG_TRY(add_best(file, &c->best));
    RMSEG_TRY(note_options(file, c->options));
    RMSEG_TRY(note_number(file, "rmseg.iteration", (double)c->state.iteration));
    RMSEG_TRY(note_number(file, "rmseg.seconds", c->state.seconds));
    RMSEG_TRY(note_number(file, "rmseg.best", c->state.best));
    RMSEG_TRY(note_number(file, "rmseg.best_iteration", (double)c->state.best_iteration));
    RMSEG_TRY(note_number(file, "rmseg.stale", (double)c->state.stale));
    RMSEG_TRY(note_shares(file, c));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.version", rmseg_version()));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.build", rmseg_build()));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.level", rmseg_cpu_level()));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.init", c->init_hash));
    return rmseg_tensor_file_note(file, "rmseg.data", c->data_hash);
}

static rmseg_status move(const char *from, const char *to)
{
    if (!rename(from, to)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FILE, "cannot rename %s to %s: %s", from, to, strerror(errno));
}

/* A second name for the state, which then takes over state.prev: at no moment is there no state.safetensors. A rename
 * of one name of a file onto another does nothing, so the second name may be left: it goes. */
static rmseg_status keep_before(const paths *p)
{
    if (!rmseg_file_exists(p->state)) return RMSEG_OK;
    RMSEG_TRY(rmseg_file_remove(p->link));
    if (link(p->state, p->link)) return move(p->state, p->before);
    RMSEG_TRY(move(p->link, p->before));
    return rmseg_file_remove(p->link);
}

static rmseg_status write_paths(const rmseg_checkpoint *c, const paths *p, const char *run)
{
    rmseg_tensor_file file = {0};
    rmseg_status status = fill(&file, c);
    if (!status) status = rmseg_tensor_file_write(&file, p->next);
    rmseg_tensor_file_destroy(&file);
    if (!status) status = keep_before(p);
    if (!status) status = move(p->next, p->state);
    return status ? status : rmseg_folder_sync(run);
}

rmseg_status rmseg_checkpoint_write(const rmseg_checkpoint *checkpoint, const char *run)
{
    paths p = {0};
    RMSEG_TRY(make_paths(&p, run));
    rmseg_status status = write_paths(checkpoint, &p, run);
    free_paths(&p);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Moves the "best." tensors out, whose names and data go along. */
static rmseg_status part_best(rmseg_checkpoint *c)
{
    rmseg_tensor_file *file = &c->file;
    int64_t kept = 0;
    c->best.tensors = rmseg_alloc(file->count, sizeof *c->best.tensors);
    if (!c->best.tensors) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < file->count; i++) {
        rmseg_named_tensor tensor = file->tensors[i];
        if (strncmp(tensor.name, BEST, strlen(BEST))) {
            file->tensors[kept++] = tensor;
        } else {
            memmove(tensor.name, tensor.name + strlen(BEST), strlen(tensor.name + strlen(BEST)) + 1);
            c->best.tensors[c->best.count++] = tensor;
        }
    }
    file->count = kept;
    return RMSEG_OK;
}

static rmseg_status read_number(double *value, const rmseg_tensor_file *file, const char *key)
{
    const char *text = rmseg_tensor_file_value(file, key);
    if (text && rmseg_parse_number(value, text)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT, "the metadata %s is %s, expected a number", key, text ? text : "missing");
}

static rmseg_status read_integer(int64_t *value, const rmseg_tensor_file *file, const char *key)
{
    double number;
    RMSEG_TRY(read_number(&number, file, key));
    if (!(number >= 0 && number < 0x1p53))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "the metadata %s is %g, expected a count", key, number);
    *value = (int64_t)number;
    return RMSEG_OK;
}

static rmseg_status read_state(rmseg_checkpoint *c)
{
    const rmseg_tensor_file *file = &c->file;
    RMSEG_TRY(read_integer(&c->state.iteration, file, "rmseg.iteration"));
    RMSEG_TRY(read_number(&c->state.seconds, file, "rmseg.seconds"));
    RMSEG_TRY(read_number(&c->state.best, file, "rmseg.best"));
    RMSEG_TRY(read_integer(&c->state.best_iteration, file, "rmseg.best_iteration"));
    RMSEG_TRY(read_integer(&c->state.stale, file, "rmseg.stale"));
    c->data_hash = rmseg_tensor_file_value(file, "rmseg.data");
    c->init_hash = rmseg_tensor_file_value(file, "rmseg.init");
    return c->data_hash ? RMSEG_OK : rmseg_fail(RMSEG_ERROR_FORMAT, "the metadata rmseg.data is missing");
}

static rmseg_status read_path(rmseg_checkpoint *c, const char *path)
{
    RMSEG_TRY(rmseg_tensor_file_read(&c->file, path));
    rmseg_status status = read_state(c);
    if (status) return rmseg_fail_in(status, "%s", path);
    return part_best(c);
}

static rmseg_status read_paths(rmseg_checkpoint *c, const paths *p)
{
    if (!rmseg_file_exists(p->state) && rmseg_file_exists(p->before)) {
        rmseg_warn("%s is missing; going on from %s, the one before it", p->state, p->before);
        return read_path(c, p->before);
    }
    rmseg_status status = read_path(c, p->state);
    if (status != RMSEG_ERROR_FORMAT || !rmseg_file_exists(p->before)) return status;
    rmseg_text command = {0};
    rmseg_text_add(&command, "mv ");
    rmseg_text_add_word(&command, p->before);
    rmseg_text_add(&command, " ");
    rmseg_text_add_word(&command, p->state);
    rmseg_fail(status, "%s; the state before it is there: %s, then --resume", rmseg_error_last(),
               command.data ? command.data : "");
    rmseg_text_destroy(&command);
    return status;
}

rmseg_status rmseg_checkpoint_exists(bool *exists, const char *run)
{
    paths p = {0};
    RMSEG_TRY(make_paths(&p, run));
    *exists = rmseg_file_exists(p.state) || rmseg_file_exists(p.before);
    free_paths(&p);
    return RMSEG_OK;
}

rmseg_status rmseg_checkpoint_read(rmseg_checkpoint *checkpoint, const char *run)
{
    paths p = {0};
    rmseg_checkpoint made = {0};
    RMSEG_TRY(make_paths(&p, run));
    rmseg_status status = read_paths(&made, &p);
    free_paths(&p);
    if (status)
        rmseg_checkpoint_destroy(&made);
    else
        *checkpoint = made;
    return status;
}

rmseg_status rmseg_checkpoint_shares(double *share, int64_t count, const rmseg_checkpoint *checkpoint)
{
    char key[48];
    for (int64_t i = 0; i < count; i++) RMSEG_TRY(read_number(share + i, &checkpoint->file, share_key(key, i)));
    return RMSEG_OK;
}

rmseg_status rmseg_checkpoint_recall(const rmseg_checkpoint *checkpoint, rmseg_options *own)
{
    const rmseg_tensor_file *file = &checkpoint->file;
    for (int64_t i = 0; i < file->metadata; i++)
        if (!strncmp(file->keys[i], OPTION, strlen(OPTION)))
            RMSEG_TRY(rmseg_train_options_recall(own, file->keys[i] + strlen(OPTION), file->values[i]));
    const char *build = rmseg_tensor_file_value(file, "rmseg.build");
    const char *level = rmseg_tensor_file_value(file, "rmseg.level");
    if (build && level && (strcmp(build, rmseg_build()) || strcmp(level, rmseg_cpu_level())))
        rmseg_warn("the run was trained by build %s at level %s, and goes on with %s at level %s: as good, but not the "
                   "same bits",
                   build, level, rmseg_build(), rmseg_cpu_level());
    return RMSEG_OK;
}

void rmseg_checkpoint_destroy(rmseg_checkpoint *checkpoint)
{
    rmseg_tensor_file_destroy(&checkpoint->best);
    rmseg_tensor_file_destroy(&checkpoint->file);
    *checkpoint = (rmseg_checkpoint){0};
}
