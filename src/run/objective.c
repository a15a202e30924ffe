/* objective.c - an objective on arrays in files: value, weight, gradient and place of every term, as a table or JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "image/image.h"
#include "run/run.h"
#include "run/weights_of.h"

/* clang-format off: one option a row */
#define OBJECTIVE_OPTIONS(X)                                                                                           \
    X(str, logits, "", 0, 0, "", "",                                                                                   \
      "array (N,C,H,W) or (N,C,D,H,W) of float32 or float64, which decides the precision", "logits.npy")               \
    X(str, target, "", 0, 0, "", "", "array of labels (N,H,W) or (N,D,H,W), or a map of the logits' shape",            \
      "target.npy")                                                                                                    \
    X(str, gradient, "", 0, 0, "", "", "write the gradient at the logits, in their type", "gradient.npy")              \
    X(str, json, "", 0, 0, "", "", "write the figures as JSON; -: to standard output, in the table's place", "-")      \
    X(str, weights, "", 0, 0, "", "", "how hard each voxel is pulled, as a picture (.png) or an array (.npy)",         \
      "weights.png")                                                                                                   \
    X(i64, channel, "", 0, 65535, "", "", "of which channel the weights are; none: the last", "1")                     \
    X(i64, ignore, "", INT32_MIN + 1, INT32_MAX, "", "", "a label whose voxels count nowhere", "255")                  \
    X(str, spacing, "", 0, 0, "", "mm", "lengths of a voxel along the axes", "2,1,1")                                  \
    X(str, offset, "", 0, 0, "", "voxels", "where the arrays begin in their image (frame=volume)", "20,60,60")         \
    X(str, extent, "", 0, 0, "", "voxels", "extents of that image", "88,132,168")                                      \
    X(f64, progress, "0", 0, 1, "", "", "share of the training that is done: moves the schedules", "0.5")
/* clang-format on */

RMSEG_OPTIONS_DECLARE(objective_options, OBJECTIVE_OPTIONS)
RMSEG_OPTIONS_DEFINE(objective_options, OBJECTIVE_OPTIONS)

rmseg_status rmseg_objective_options_create(rmseg_options **options) { return objective_options_create(options); }

typedef struct figures {
    double value, weight;
    double pull;     /* norm of the gradient, weight included */
    double share;    /* pull over the sum of all terms' pulls */
    double place[2]; /* mean weight of a voxel on background, on target; NaN without --weights */
} figures;

typedef struct job {
    const rmseg_options *options;
    const objective_options *o;
    rmseg_objective *objective;
    rmseg_array_batch input;
    rmseg_weights_of weights; /* with --weights */
    int64_t terms;
    figures *term;      /* (terms) */
    double *values;     /* (terms) */
    double total, pull; /* of the whole objective; NaN without --logits */
    void *gradient;     /* as the logits; NULL without */
} job;

/* ---- reading and measuring --------------------------------------------------------------------------------------- */

static rmseg_status check_use(const job *j)
{
    const objective_options *o = j->o;
    if (!*o->target)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--target is missing: name the array of the truth, as in --target t.npy");
    if (!*o->logits && !*o->weights)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--logits is missing: name the array of the prediction, as in --logits l.npy");
    if (!*o->logits && *o->gradient)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--gradient needs --logits: it is the gradient at them");
    return RMSEG_OK;
}

static rmseg_status read_input(job *j)
{
    const objective_options *o = j->o;
    bool has_ignore = rmseg_options_given(j->options, "ignore");
    bool background = rmseg_objective_head(j->objective) == RMSEG_HEAD_SOFTMAX;
    if (*o->logits)
        RMSEG_TRY(rmseg_array_batch_read(&j->input, o->logits, o->target, has_ignore, (int32_t)o->ignore));
    else
        RMSEG_TRY(rmseg_array_batch_read_labels(&j->input, o->target, background, has_ignore, (int32_t)o->ignore));
    j->input.batch.progress = o->progress;
    if (*o->spacing || *o->offset || *o->extent)
        return rmseg_array_batch_frames(&j->input, o->spacing, o->offset, o->extent);
    return RMSEG_OK;
}

/* What does not fit the objective lies in the files: the command was used rightly. */
static rmseg_status blame_files(rmseg_status status, const objective_options *o)
{
    if (status != RMSEG_ERROR_ARGUMENT && status != RMSEG_ERROR_NUMERIC && status != RMSEG_ERROR_FORMAT) return status;
    return rmseg_fail_in(status == RMSEG_ERROR_ARGUMENT ? RMSEG_ERROR_FORMAT : status, "%s%s%s", o->logits,
                         *o->logits ? ", " : "", o->target);
}

static rmseg_status measure_terms(job *j, rmseg_evaluator *e)
{
    double sum = 0;
    RMSEG_TRY(rmseg_evaluator_run(e, &j->total, j->values, j->gradient, &j->input.batch));
    j->pull = rmseg_evaluator_norm(e, j->gradient);
    void *alone = rmseg_alloc(j->input.logits.count, rmseg_array_type_size(j->input.logits.type));
    if (!alone) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < j->terms; i++) {
        figures *f = &j->term[i];
        f->value = j->values[i];
        f->weight = rmseg_evaluator_weight(e, i);
        sum += f->pull = rmseg_evaluator_term_gradient(e, i, f->weight, alone);
    }
    for (int64_t i = 0; i < j->terms; i++) j->term[i].share = j->term[i].pull / sum;
    rmseg_free(alone);
    return RMSEG_OK;
}

static rmseg_status measure(job *j)
{
    rmseg_evaluator *e = NULL;
    j->terms = rmseg_objective_terms(j->objective);
    j->term = rmseg_alloc(j->terms, sizeof *j->term);
    j->values = rmseg_alloc(j->terms, sizeof *j->values);
    if (!j->term || !j->values) return RMSEG_ERROR_MEMORY;
    j->total = j->pull = NAN;
    for (int64_t i = 0; i < j->terms; i++) j->term[i] = (figures){NAN, NAN, NAN, NAN, {NAN, NAN}};
    if (j->input.logits.data) {
        j->gradient = rmseg_alloc(j->input.logits.count, rmseg_array_type_size(j->input.logits.type));
        if (!j->gradient) return RMSEG_ERROR_MEMORY;
        RMSEG_TRY(rmseg_evaluator_create(&e, j->objective, &j->input.batch, NULL));
        rmseg_status status = measure_terms(j, e);
        rmseg_evaluator_destroy(e);
        RMSEG_TRY(status);
    }
    if (!*j->o->weights) return RMSEG_OK;
    bool chosen = rmseg_options_given(j->options, "channel");
    RMSEG_TRY(
        rmseg_weights_of_create(&j->weights, j->objective, &j->input, chosen ? j->o->channel : j->input.batch.k - 1));
    for (int64_t i = 0; i < j->terms; i++) memcpy(j->term[i].place, j->weights.mean[i], sizeof j->term[i].place);
    return RMSEG_OK;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

enum { TERM, WEIGHT, VALUE, GRADIENT, SHARE, ON_TARGET, ON_BACKGROUND, COLUMNS };

static const char *const titles[COLUMNS] = {"term",  "weight",    "value",        "gradient",
                                            "share", "on target", "on background"};

static void put(char cell[32], const char *format, double value)
{
    snprintf(cell, 32, "-");
    if (!isnan(value)) snprintf(cell, 32, format, value);
}

static void add_row(rmseg_text *text, const char *name, int width, const figures *f, bool placed)
{
    char cell[COLUMNS][32];
    put(cell[WEIGHT], "%.6g", f->weight);
    put(cell[VALUE], "%.10g", f->value);
    put(cell[GRADIENT], "%.6g", f->pull);
    put(cell[SHARE], "%.2f %%", 100 * f->share);
    put(cell[ON_TARGET], "%.4g", f->place[1]);
    put(cell[ON_BACKGROUND], "%.4g", f->place[0]);
    rmseg_text_addf(text, "%-*s  %10s  %16s  %12s  %9s", width, name, cell[WEIGHT], cell[VALUE], cell[GRADIENT],
                    cell[SHARE]);
    if (placed) rmseg_text_addf(text, "  %9s  %13s", cell[ON_TARGET], cell[ON_BACKGROUND]);
    rmseg_text_add(text, "\n");
}

static figures figures_of_all(const job *j)
{
    const double *place = j->weights.mean ? j->weights.mean[j->terms] : NULL;
    return (figures){j->total, NAN, j->pull, NAN, {place ? place[0] : NAN, place ? place[1] : NAN}};
}

static void write_table(rmseg_text *text, const job *j)
{
    int width = 5;
    bool placed = j->weights.mean;
    for (int64_t i = 0; i < j->terms; i++) {
        int length = (int)strlen(rmseg_objective_term_name(j->objective, i));
        if (length > width) width = length;
    }
    rmseg_text_addf(text, "%-*s  %10s  %16s  %12s  %9s", width, titles[TERM], titles[WEIGHT], titles[VALUE],
                    titles[GRADIENT], titles[SHARE]);
    if (placed) rmseg_text_addf(text, "  %9s  %13s", titles[ON_TARGET], titles[ON_BACKGROUND]);
    rmseg_text_add(text, "\n");
    for (int64_t i = 0; i < j->terms; i++)
        add_row(text, rmseg_objective_term_name(j->objective, i), width, &j->term[i], placed);
    figures all = figures_of_all(j);
    add_row(text, "total", width, &all, placed);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void write_place(rmseg_json *json, const job *j, const figures *f)
{
    if (!j->weights.mean) return;
    rmseg_json_number(json, "on_target", f->place[1]);
    rmseg_json_number(json, "on_background", f->place[0]);
}

static void write_json(rmseg_json *json, const job *j)
{
    const rmseg_batch *b = &j->input.batch;
    figures all = figures_of_all(j);
    rmseg_json_open(json, NULL, '{');
    rmseg_json_string(json, "rmseg", rmseg_version());
    rmseg_json_string(json, "objective", rmseg_objective_text(j->objective));
    rmseg_json_open(json, "shape", '[');
    rmseg_json_integer(json, NULL, b->n);
    rmseg_json_integer(json, NULL, b->k);
    for (int axis = 3 - b->spatial; axis < 3; axis++) rmseg_json_integer(json, NULL, b->size[axis]);
    rmseg_json_close(json, ']');
    rmseg_json_string(json, "type", b->wide ? "float64" : "float32");
    rmseg_json_number(json, "progress", b->progress);
    rmseg_json_open(json, "terms", '[');
    for (int64_t i = 0; i < j->terms; i++) {
        rmseg_json_open(json, NULL, '{');
        rmseg_json_string(json, "term", rmseg_objective_term_name(j->objective, i));
        rmseg_json_number(json, "weight", j->term[i].weight);
        rmseg_json_number(json, "value", j->term[i].value);
        rmseg_json_number(json, "gradient", j->term[i].pull);
        rmseg_json_number(json, "share", j->term[i].share);
        write_place(json, j, &j->term[i]);
        rmseg_json_close(json, '}');
    }
    rmseg_json_close(json, ']');
    rmseg_json_number(json, "total", j->total);
    rmseg_json_number(json, "gradient", j->pull);
    write_place(json, j, &all);
    rmseg_json_close(json, '}');
}

/* ---- what is written --------------------------------------------------------------------------------------------- */

static bool ends_in(const char *path, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);
    return length >= tail && !strcmp(path + length - tail, end);
}

static rmseg_status write_gradient(const job *j)
{
    rmseg_array array = j->input.logits;
    array.data = j->gradient;
    RMSEG_TRY(rmseg_folder_create_for(j->o->gradient));
    return rmseg_npy_write(&array, j->o->gradient);
}

static rmseg_status write_weights(const job *j)
{
    const rmseg_batch *b = &j->input.batch;
    rmseg_array array = {.type = RMSEG_ARRAY_F64, .rank = 1 + b->spatial, .data = j->weights.weight};
    array.size[0] = b->n;
    memcpy(array.size + 1, b->size + 3 - b->spatial, (size_t)b->spatial * sizeof *array.size);
    RMSEG_TRY(rmseg_folder_create_for(j->o->weights));
    return rmseg_npy_write(&array, j->o->weights);
}

/* The middle slice of the first sample. */
static rmseg_status slice_weights(rmseg_image **weights, const job *j)
{
    const int64_t *size = j->input.batch.size, pixels = size[1] * size[2], from = size[0] / 2 * pixels;
    RMSEG_TRY(rmseg_image_create(weights, RMSEG_F64, 2, (int64_t[3]){1, size[1], size[2]}));
    double *to = (*weights)->data;
    for (int64_t i = 0; i < pixels; i++) {
        to[i] = j->weights.weight[from + i];
        to[pixels + i] = j->weights.target[from + i];
    }
    return RMSEG_OK;
}

static rmseg_status write_text(char **text, const job *j)
{
    rmseg_json json = {0};
    rmseg_text table = {0};
    write_json(&json, j);
    write_table(&table, j);
    rmseg_status status = json.text.failed || table.failed ? rmseg_fail_memory() : RMSEG_OK;
    bool instead = !strcmp(j->o->json, "-");
    if (!status && *j->o->json && !instead) status = rmseg_folder_create_for(j->o->json);
    if (!status && *j->o->json && !instead) status = rmseg_text_write(&json.text, j->o->json);
    if (!status) {
        rmseg_text *kept = instead ? &json.text : &table;
        *text = kept->data;
        kept->data = NULL;
    }
    rmseg_text_destroy(&json.text);
    rmseg_text_destroy(&table);
    return status;
}

static rmseg_status work(char **text, rmseg_image **weights, job *j, const char *expression)
{
    bool picture = ends_in(j->o->weights, ".png");
    RMSEG_TRY(check_use(j));
    if (*j->o->weights && !picture && !ends_in(j->o->weights, ".npy"))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--weights %s: expected a name that ends in .png or .npy",
                          j->o->weights);
    RMSEG_TRY(rmseg_objective_parse(&j->objective, expression));
    RMSEG_TRY(read_input(j));
    if (rmseg_options_given(j->options, "channel") && j->o->channel >= j->input.batch.k)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--channel %lld: there are channels 0 to %lld",
                          (long long)j->o->channel, (long long)j->input.batch.k - 1);
    rmseg_status status = measure(j);
    if (status) return blame_files(status, j->o);
    if (*j->o->gradient) RMSEG_TRY(write_gradient(j));
    if (*j->o->weights && !picture) RMSEG_TRY(write_weights(j));
    if (picture) RMSEG_TRY(rmseg_folder_create_for(j->o->weights));
    if (picture) RMSEG_TRY(slice_weights(weights, j));
    return write_text(text, j);
}

rmseg_status rmseg_objective_measure(char **text, rmseg_image **weights, const rmseg_options *options,
                                     const char *expression)
{
    job j = {.options = options, .o = objective_options_values(options)};
    char *made = NULL;
    rmseg_image *slice = NULL;
    if (!j.o) return RMSEG_ERROR_ARGUMENT;
    rmseg_status status = work(&made, &slice, &j, expression);
    if (!status) {
        *text = made;
        *weights = slice;
    } else {
        rmseg_image_destroy(slice);
    }
    rmseg_weights_of_destroy(&j.weights);
    rmseg_array_batch_destroy(&j.input);
    rmseg_objective_destroy(j.objective);
    rmseg_free(j.term);
    rmseg_free(j.values);
    rmseg_free(j.gradient);
    return status;
}
