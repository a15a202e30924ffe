/*
 * report/arms.c - which results files belong together, and which face each other.
 */
#include <stdlib.h>
#include <string.h>

#include "report/comparison.h"

/* ---- measured alike ---------------------------------------------------------------------------------------------- */

static rmseg_status fail_differently(const rmseg_results_file *a, const rmseg_results_file *b, const char *key,
                                     const char *in_a, const char *in_b)
{
    return rmseg_fail(
        RMSEG_ERROR_FORMAT,
        "%s and %s were not measured alike: \"%s\" is %s in the first and %s in the second; evaluate both "
        "with the same options",
        a->path, b->path, key, in_a ? in_a : "not said", in_b ? in_b : "not said");
}

/* Both lists ascend by key. */
static rmseg_status check_alike(const rmseg_results_file *a, const rmseg_results_file *b)
{
    char **x = a->settings, **y = b->settings, **x_end = x + 2 * a->setting_count, **y_end = y + 2 * b->setting_count;
    while (x < x_end || y < y_end) {
        int order = x == x_end ? 1 : y == y_end ? -1 : strcmp(x[0], y[0]);
        if (order < 0) return fail_differently(a, b, x[0], x[1], NULL);
        if (order > 0) return fail_differently(a, b, y[0], NULL, y[1]);
        if (strcmp(x[1], y[1])) return fail_differently(a, b, x[0], x[1], y[1]);
        x += 2;
        y += 2;
    }
    return RMSEG_OK;
}

rmseg_status rmseg_arms_check_settings(const rmseg_comparison *comparison)
{
    for (int64_t i = 1; i < comparison->file_count; i++)
        RMSEG_TRY(check_alike(&comparison->files[0], &comparison->files[i]));
    return RMSEG_OK;
}

/* ---- arms -------------------------------------------------------------------------------------------------------- */

static const char *arm_name(const rmseg_results_file *file) { return file->run ? file->run : file->path; }

static rmseg_arm *find_arm(const rmseg_comparison *comparison, const char *name)
{
    for (int64_t i = 0; i < comparison->arm_count; i++)
        if (!strcmp(comparison->arms[i].name, name)) return &comparison->arms[i];
    return NULL;
}

static rmseg_status add_to_arm(rmseg_arm *arm, const rmseg_results_file *file)
{
    for (int64_t i = 0; i < arm->count; i++) {
        const rmseg_results_file *other = arm->files[i];
        if (!file->run) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s is given twice", file->path);
        if (file->seed < 0 || other->seed < 0)
            return rmseg_fail(
                RMSEG_ERROR_ARGUMENT,
                "%s and %s are both of run \"%s\", but %s has no seed to tell them apart: evaluate it with "
                "--seed, or under another --run",
                other->path, file->path, file->run, file->seed < 0 ? file->path : other->path);
        if (file->seed == other->seed)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                              "%s and %s are both of run \"%s\" with seed %lld: expected one file of each", other->path,
                              file->path, file->run, (long long)file->seed);
    }
    int64_t at = arm->count++;
    for (; at > 0 && arm->files[at - 1]->seed > file->seed; at--) arm->files[at] = arm->files[at - 1];
    arm->files[at] = file;
    return RMSEG_OK;
}

/* By its name, or by the path of one of its files. */
static rmseg_status find_baseline(rmseg_comparison *comparison, const char *name)
{
    const rmseg_arm *found = *name ? find_arm(comparison, name) : &comparison->arms[0];
    for (int64_t i = 0; i < comparison->file_count && !found; i++)
        if (!strcmp(comparison->files[i].path, name)) found = find_arm(comparison, arm_name(&comparison->files[i]));
    comparison->baseline = found;
    if (found) return RMSEG_OK;
    rmseg_text names = {0};
    for (int64_t i = 0; i < comparison->arm_count; i++)
        rmseg_text_addf(&names, "%s%s", i ? ", " : "", comparison->arms[i].name);
    rmseg_status status =
        names.failed ? rmseg_fail_memory()
                     : rmseg_fail(RMSEG_ERROR_ARGUMENT, "--baseline %s is none of the runs: %s", name, names.data);
    rmseg_text_destroy(&names);
    return status;
}

rmseg_status rmseg_arms_find(rmseg_comparison *comparison, const char *baseline)
{
    comparison->arms = rmseg_alloc(comparison->file_count, sizeof *comparison->arms);
    if (!comparison->arms) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < comparison->file_count; i++) {
        const rmseg_results_file *file = &comparison->files[i];
        rmseg_arm *arm = find_arm(comparison, arm_name(file));
        if (!arm) {
            arm = &comparison->arms[comparison->arm_count++];
            arm->name = arm_name(file);
            arm->files = rmseg_alloc(comparison->file_count, sizeof *arm->files);
            if (!arm->files) return RMSEG_ERROR_MEMORY;
        }
        RMSEG_TRY(add_to_arm(arm, file));
    }
    RMSEG_TRY(find_baseline(comparison, baseline));
    if (comparison->arm_count > 1) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "all files are of run \"%s\": there is nothing to compare it with",
                      comparison->arms[0].name);
}

/* ---- pairs of files ---------------------------------------------------------------------------------------------- */

rmseg_status rmseg_unpaired_add(rmseg_unpaired_list *list, const char *case_id, const char *path)
{
    if (list->count == list->capacity) {
        int64_t more = list->capacity ? 2 * list->capacity : 8;
        rmseg_unpaired *items = rmseg_realloc(list->items, more, sizeof *items);
        if (!items) return RMSEG_ERROR_MEMORY;
        list->items = items;
        list->capacity = more;
    }
    list->items[list->count++] = (rmseg_unpaired){case_id, path};
    return RMSEG_OK;
}

static rmseg_status add_unpaired_file(rmseg_comparison *comparison, const rmseg_results_file *file)
{
    for (int64_t i = 0; i < comparison->unpaired_files.count; i++)
        if (comparison->unpaired_files.items[i].path == file->path) return RMSEG_OK;
    return rmseg_unpaired_add(&comparison->unpaired_files, NULL, file->path);
}

static void add_pair(rmseg_file_pairs *pairs, const rmseg_results_file *baseline, const rmseg_results_file *run)
{
    pairs->files[2 * pairs->count] = baseline;
    pairs->files[2 * pairs->count + 1] = run;
    pairs->count++;
}

/* One file faces one file, whatever the seeds; several are paired by seed, and both lists ascend. */
rmseg_status rmseg_arms_pair(rmseg_file_pairs *pairs, rmseg_comparison *comparison, const rmseg_arm *arm)
{
    const rmseg_arm *baseline = comparison->baseline;
    const rmseg_results_file **a = baseline->files, **a_end = a + baseline->count, **b = arm->files,
                             **b_end = b + arm->count;
    pairs->files = rmseg_alloc(2 * (arm->count < baseline->count ? arm->count : baseline->count), sizeof *pairs->files);
    if (!pairs->files) return RMSEG_ERROR_MEMORY;
    if (baseline->count == 1 && arm->count == 1) return add_pair(pairs, *a, *b), RMSEG_OK;
    while (a < a_end || b < b_end) {
        if (a < a_end && b < b_end && (*a)->seed == (*b)->seed)
            add_pair(pairs, *a++, *b++);
        else if (b == b_end || (a < a_end && (*a)->seed < (*b)->seed))
            RMSEG_TRY(add_unpaired_file(comparison, *a++));
        else
            RMSEG_TRY(add_unpaired_file(comparison, *b++));
    }
    if (pairs->count) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                      "runs \"%s\" and \"%s\" have no seed in common: several files of a run are paired by seed",
                      baseline->name, arm->name);
}
