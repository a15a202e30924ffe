/* cases.c - files, folders and splits as one list of cases. */
#include "run/cases.h"

#include <string.h>

static rmseg_status add(rmseg_cases *cases, const char *path)
{
    char **ids = rmseg_realloc(cases->ids, cases->count + 1, sizeof *ids);
    if (!ids) return RMSEG_ERROR_MEMORY;
    cases->ids = ids;
    char **paths = rmseg_realloc(cases->paths, cases->count + 1, sizeof *paths);
    if (!paths) return RMSEG_ERROR_MEMORY;
    cases->paths = paths;
    char *id = rmseg_path_stem(path), *copy = rmseg_strdup(path);
    int64_t twin = id ? rmseg_cases_find(cases, id) : -1;
    rmseg_status status = id && copy ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status && twin >= 0)
        status =
            rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s and %s are both called %s: rename one, or give them one at a time",
                       paths[twin], path, id);
    if (status) {
        rmseg_free(id);
        rmseg_free(copy);
        return status;
    }
    ids[cases->count] = id;
    paths[cases->count++] = copy;
    return RMSEG_OK;
}

/* A folder of DICOM slices, whose names need not end in anything, gets the sentence of the first of them. */
static rmseg_status fail_empty(const char *folder)
{
    rmseg_names names = {0};
    rmseg_image header = {0};
    RMSEG_TRY(rmseg_folder_list(&names, folder));
    char *path = names.count ? rmseg_path_join(folder, names.items[0]) : NULL;
    rmseg_status status = path && rmseg_file_exists(path) ? rmseg_image_read_header(&header, path) : RMSEG_OK;
    rmseg_free(path);
    rmseg_names_destroy(&names);
    if (status == RMSEG_ERROR_UNSUPPORTED) return status;
    return rmseg_fail(RMSEG_ERROR_FILE, "%s: the folder holds no image that rmseg reads", folder);
}

static rmseg_status add_folder(rmseg_cases *cases, const char *folder)
{
    rmseg_names names = {0};
    int64_t before = cases->count;
    RMSEG_TRY(rmseg_folder_list(&names, folder));
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < names.count && !status; i++) {
        if (!rmseg_is_image_name(names.items[i])) continue;
        char *path = rmseg_path_join(folder, names.items[i]);
        status = path ? add(cases, path) : RMSEG_ERROR_MEMORY;
        rmseg_free(path);
    }
    rmseg_names_destroy(&names);
    return !status && cases->count == before ? fail_empty(folder) : status;
}

rmseg_status rmseg_cases_from_paths(rmseg_cases *cases, const char *const *paths, int64_t count)
{
    rmseg_cases made = {0};
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < count && !status; i++) {
        if (rmseg_folder_exists(paths[i]))
            status = add_folder(&made, paths[i]);
        else if (rmseg_file_exists(paths[i]))
            status = add(&made, paths[i]);
        else
            status = rmseg_fail(RMSEG_ERROR_FILE, "%s: there is no such file or folder", paths[i]);
    }
    if (status)
        rmseg_cases_destroy(&made);
    else
        *cases = made;
    return status;
}

rmseg_status rmseg_cases_from_dataset(rmseg_cases *cases, rmseg_dataset *dataset)
{
    rmseg_cases made = {.dataset = dataset};
    made.ids = rmseg_alloc(dataset->count, sizeof *made.ids);
    rmseg_status status = made.ids ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < dataset->count && !status; i++) {
        made.ids[i] = rmseg_strdup(dataset->cases[i].id);
        if (!made.ids[i]) status = RMSEG_ERROR_MEMORY;
        made.count += !status;
    }
    if (status)
        rmseg_cases_destroy(&made);
    else
        *cases = made;
    return status;
}

void rmseg_cases_destroy(rmseg_cases *cases)
{
    for (int64_t i = 0; i < cases->count; i++) {
        rmseg_free(cases->ids[i]);
        if (cases->paths) rmseg_free(cases->paths[i]);
    }
    rmseg_free(cases->ids);
    rmseg_free(cases->paths);
    rmseg_dataset_destroy(cases->dataset);
    *cases = (rmseg_cases){0};
}

rmseg_status rmseg_cases_image(rmseg_image **image, const rmseg_cases *cases, int64_t index)
{
    if (cases->dataset) return rmseg_case_read(image, NULL, cases->dataset, index);
    return rmseg_values_read(image, cases->paths[index]);
}

rmseg_status rmseg_cases_label(rmseg_image **label, const rmseg_cases *cases, int64_t index)
{
    if (!cases->dataset) return rmseg_label_read(label, cases->paths[index]);
    rmseg_image *image = NULL;
    RMSEG_TRY(rmseg_case_read(&image, label, cases->dataset, index));
    rmseg_image_destroy(image);
    return RMSEG_OK;
}

rmseg_status rmseg_cases_fail(rmseg_status first, const char *sentence, int64_t failed, int64_t count)
{
    rmseg_status status = first == RMSEG_ERROR_ARGUMENT ? RMSEG_ERROR_FORMAT : first;
    if (count == 1) return rmseg_fail(status, "%s", sentence);
    return rmseg_fail(status, "%lld of %lld cases failed; the first: %s", (long long)failed, (long long)count,
                      sentence);
}

int64_t rmseg_cases_find(const rmseg_cases *cases, const char *id)
{
    for (int64_t i = 0; i < cases->count; i++)
        if (!strcmp(cases->ids[i], id)) return i;
    return -1;
}
