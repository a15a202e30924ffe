/*
 * report/compare.c - results files -> arms -> contrasts -> Holm.
 */
#include <math.h>
#include <string.h>

#include "metric/metric.h"
#include "report/comparison.h"

RMSEG_OPTIONS_DEFINE(compare_options, COMPARE_OPTIONS)

rmseg_status rmseg_compare_options_create(rmseg_options **options) { return compare_options_create(options); }

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

/* Is the word one of the list "a,b,c"? */
static bool is_listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && !strncmp(at, word, length)) return true;
    return false;
}

static const char *name_of(const rmseg_result_column *column, bool metric)
{
    return metric ? column->metric : column->class_name;
}

static rmseg_status fail_unasked(const rmseg_results_file *file, bool metric, const char *word)
{
    const char **names = rmseg_alloc(file->column_count, sizeof *names);
    if (!names) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < file->column_count; i++) names[i] = name_of(&file->columns[i], metric);
    const char *near = rmseg_nearest(word, names, file->column_count);
    rmseg_free(names);
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--%s %s: %s has no such %s%s%s%s", metric ? "metrics" : "classes", word,
                      file->path, metric ? "metric" : "class", near ? "; did you mean " : "", near ? near : "",
                      near ? "?" : "");
}

/* Every word of the list names something of the file. */
static rmseg_status check_asked(const char *list, const rmseg_results_file *file, bool metric)
{
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        char *word = rmseg_strndup(at, strcspn(at, ","));
        if (!word) return RMSEG_ERROR_MEMORY;
        bool found = false;
        for (int64_t i = 0; i < file->column_count && !found; i++)
            found = !strcmp(word, name_of(&file->columns[i], metric));
        rmseg_status status = found ? RMSEG_OK : fail_unasked(file, metric, word);
        rmseg_free(word);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}

static bool is_asked(const rmseg_result_column *column, const compare_options *o)
{
    return (!*o->metrics || is_listed(o->metrics, column->metric)) &&
           (!*o->classes || is_listed(o->classes, column->class_name));
}

/* ---- contrasts --------------------------------------------------------------------------------------------------- */

static rmseg_status add_row(rmseg_comparison *comparison, const rmseg_arm *arm, const rmseg_file_pairs *pairs,
                            const rmseg_result_column *column)
{
    if (comparison->count == comparison->capacity) {
        int64_t more = comparison->capacity ? 2 * comparison->capacity : 16;
        rmseg_contrast_row *rows = rmseg_realloc(comparison->rows, more, sizeof *rows);
        if (!rows) return RMSEG_ERROR_MEMORY;
        comparison->rows = rows;
        comparison->capacity = more;
    }
    rmseg_contrast_row *row = &comparison->rows[comparison->count++];
    *row = (rmseg_contrast_row){.values.run = arm->name};
    return rmseg_contrast_measure(row, comparison, pairs, column->class_name, column->metric);
}

/* The first file of the pairs without this column; NULL where all have it. */
static const rmseg_results_file *lacking(const rmseg_file_pairs *pairs, const rmseg_result_column *column)
{
    for (int64_t f = 0; f < 2 * pairs->count; f++)
        if (!rmseg_results_file_column(pairs->files[f], column->class_name, column->metric)) return pairs->files[f];
    return NULL;
}

static rmseg_status contrast_arm(rmseg_comparison *comparison, const rmseg_arm *arm, const rmseg_file_pairs *pairs,
                                 const compare_options *o)
{
    const rmseg_results_file *first = pairs->files[0];
    for (int64_t i = 0; i < first->column_count; i++) {
        const rmseg_result_column *column = &first->columns[i];
        if (!is_asked(column, o)) continue;
        const rmseg_results_file *without = lacking(pairs, column);
        if (without)
            rmseg_warn("%s of class %s is in %s but not in %s: no contrast", column->metric, column->class_name,
                       first->path, without->path);
        else
            RMSEG_TRY(add_row(comparison, arm, pairs, column));
    }
    return RMSEG_OK;
}

static rmseg_status contrast_all(rmseg_comparison *comparison, const compare_options *o)
{
    for (int64_t i = 0; i < comparison->arm_count; i++) {
        const rmseg_arm *arm = &comparison->arms[i];
        if (arm == comparison->baseline) continue;
        rmseg_file_pairs pairs = {0};
        rmseg_status status = rmseg_arms_pair(&pairs, comparison, arm);
        if (!status) status = contrast_arm(comparison, arm, &pairs, o);
        rmseg_free(pairs.files);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}

/* Cases are paired by name: where no name is in both, nothing was compared, and it is as good as never on purpose. */
static rmseg_status check_contrasts(const rmseg_comparison *comparison)
{
    const rmseg_results_file *baseline = comparison->baseline->files[0];
    int64_t paired = 0;
    for (int64_t i = 0; i < comparison->count; i++) paired += comparison->rows[i].values.cases;
    if (paired) return RMSEG_OK;
    const rmseg_unpaired *one =
        comparison->count && comparison->rows[0].unpaired.count ? &comparison->rows[0].unpaired.items[0] : NULL;
    if (one)
        return rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "the files have no case in common, and cases are paired by name: \"%s\" is not in %s, for one",
            one->case_id, one->path);
    return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                      "there is nothing to contrast: no metric of a class in %s is asked for and in another run too",
                      baseline->path);
}

/* Over all contrasts, for each test by itself. */
static rmseg_status adjust(rmseg_comparison *comparison)
{
    double *p = rmseg_alloc(2 * comparison->count, sizeof *p);
    if (!p) return RMSEG_ERROR_MEMORY;
    double *q = p + comparison->count;
    for (int64_t i = 0; i < comparison->count; i++) {
        p[i] = comparison->rows[i].values.wilcoxon.p;
        q[i] = comparison->rows[i].values.sign_flip;
    }
    rmseg_status status = rmseg_holm(p, p, comparison->count);
    if (!status) status = rmseg_holm(q, q, comparison->count);
    for (int64_t i = 0; i < comparison->count; i++) {
        comparison->rows[i].values.wilcoxon_holm = p[i];
        comparison->rows[i].values.sign_flip_holm = q[i];
    }
    rmseg_free(p);
    return status;
}

rmseg_status rmseg_comparison_make(rmseg_comparison *comparison, const compare_options *o)
{
    comparison->resamples = o->resamples;
    comparison->seed = o->seed;
    RMSEG_TRY(rmseg_arms_check_settings(comparison));
    RMSEG_TRY(rmseg_arms_find(comparison, o->baseline));
    RMSEG_TRY(check_asked(o->metrics, comparison->baseline->files[0], true));
    RMSEG_TRY(check_asked(o->classes, comparison->baseline->files[0], false));
    RMSEG_TRY(contrast_all(comparison, o));
    RMSEG_TRY(check_contrasts(comparison));
    return adjust(comparison);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static rmseg_status read_files(rmseg_comparison *comparison, const char *const *paths, int64_t count)
{
    if (count < 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "got %lld results file%s, expected two or more", (long long)count,
                          count == 1 ? "" : "s");
    comparison->files = rmseg_alloc(count, sizeof *comparison->files);
    if (!comparison->files) return RMSEG_ERROR_MEMORY;
    for (; comparison->file_count < count; comparison->file_count++)
        RMSEG_TRY(rmseg_results_file_read(&comparison->files[comparison->file_count], paths[comparison->file_count]));
    return RMSEG_OK;
}

static rmseg_status write_files(const rmseg_comparison *comparison, const compare_options *o)
{
    if (*o->csv) RMSEG_TRY(rmseg_folder_create_for(o->csv));
    if (*o->csv) RMSEG_TRY(rmseg_comparison_write_csv(comparison, o->csv));
    if (*o->json) RMSEG_TRY(rmseg_folder_create_for(o->json));
    return *o->json ? rmseg_comparison_write_json(comparison, o->json) : RMSEG_OK;
}

rmseg_status rmseg_compare(rmseg_comparison **comparison, const rmseg_options *options, const char *const *paths,
                           int64_t count)
{
    const compare_options *o = compare_options_values(options);
    if (!o) return RMSEG_ERROR_ARGUMENT;
    rmseg_comparison *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    rmseg_status status = read_files(made, paths, count);
    if (!status) status = rmseg_comparison_make(made, o);
    if (!status) status = write_files(made, o);
    if (!status)
        *comparison = made;
    else
        rmseg_comparison_destroy(made);
    return status;
}

void rmseg_comparison_destroy(rmseg_comparison *comparison)
{
    if (!comparison) return;
    for (int64_t i = 0; i < comparison->count; i++) rmseg_free(comparison->rows[i].unpaired.items);
    for (int64_t i = 0; i < comparison->arm_count; i++) rmseg_free(comparison->arms[i].files);
    for (int64_t i = 0; i < comparison->file_count; i++) rmseg_results_file_destroy(&comparison->files[i]);
    rmseg_free(comparison->unpaired_files.items);
    rmseg_free(comparison->rows);
    rmseg_free(comparison->arms);
    rmseg_free(comparison->files);
    rmseg_free(comparison);
}

const rmseg_contrast *rmseg_comparison_contrast(const rmseg_comparison *comparison, int64_t index)
{
    return index >= 0 && index < comparison->count ? &comparison->rows[index].values : NULL;
}
