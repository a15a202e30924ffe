/*
 * msd.c - layout msd: a task of the Medical Segmentation Decathlon. dataset.json lists the files of split train, and
 * those of split test, which have no labels.
 */
#include <string.h>

#include "data/description.h"

static rmseg_status find_path(char **path, const rmseg_dataset *dataset, const rmseg_description *d,
                              const json_t *entry)
{
    const char *name = json_string_value(entry);
    if (!name || !*name)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: an entry of its lists names no file; expected {\"image\": ..., \"label\": ...} in "
                          "\"training\" and names in \"test\"",
                          d->path);
    while (!strncmp(name, "./", 2)) name += 2;
    RMSEG_TRY(rmseg_path_format(path, "%s/%s", dataset->root, name));
    if (rmseg_file_exists(*path)) return RMSEG_OK;
    rmseg_status status =
        rmseg_fail(RMSEG_ERROR_FILE, "%s names %s, which is not there: put it there, or take the case out of the list",
                   d->path, *path);
    rmseg_free(*path);
    *path = NULL;
    return status;
}

static rmseg_status add_case(rmseg_dataset *dataset, const rmseg_description *d, const json_t *image,
                             const json_t *label)
{
    char *path = NULL, *id = NULL;
    rmseg_case *one = NULL;
    RMSEG_TRY(find_path(&path, dataset, d, image));
    id = rmseg_path_stem(rmseg_path_base(path));
    rmseg_status status = id ? rmseg_dataset_add_case(&one, dataset, id) : RMSEG_ERROR_MEMORY;
    if (!status) status = rmseg_names_add(&one->images, path);
    rmseg_free(path);
    rmseg_free(id);
    path = NULL;
    if (!status && !label)
        status =
            rmseg_path_format(&one->lacks, "its label is not given: %s lists images alone for split test", d->path);
    if (!status && label) status = find_path(&path, dataset, d, label);
    if (path) status = rmseg_names_add(&one->labels, path);
    rmseg_free(path);
    return status;
}

static rmseg_status add_list(rmseg_dataset *dataset, const rmseg_description *d, const char *key, bool needed)
{
    const json_t *list = json_object_get(d->document, key);
    if (!json_is_array(list) || json_array_size(list) == 0)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: \"%s\" lists no files; expected those of split %s", d->path, key,
                          dataset->split);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        bool pair = json_is_object(entry);
        const json_t *label = pair ? json_object_get(entry, "label") : NULL;
        RMSEG_TRY(add_case(dataset, d, pair ? json_object_get(entry, "image") : entry, label));
        if (needed && !label) return rmseg_case_fail_lacking(&dataset->cases[dataset->count - 1]);
    }
    return RMSEG_OK;
}

/* A case of both lists would be judged by what it was learned from. */
static rmseg_status check_apart(const rmseg_description *d)
{
    const json_t *training = json_object_get(d->document, "training"), *test = json_object_get(d->document, "test");
    for (size_t i = 0; i < json_array_size(training); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(training, i), "image"));
        for (size_t k = 0; name && k < json_array_size(test); k++) {
            const json_t *entry = json_array_get(test, k);
            const char *other = json_string_value(json_is_object(entry) ? json_object_get(entry, "image") : entry);
            if (other && !strcmp(name, other))
                return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: %s is in \"training\" and in \"test\"; take it out of one",
                                  d->path, name);
        }
    }
    return RMSEG_OK;
}

static rmseg_status add_lists(rmseg_dataset *dataset, const rmseg_description *d, bool labels)
{
    int64_t trained = (int64_t)json_array_size(json_object_get(d->document, "training"));
    RMSEG_TRY(rmseg_description_check_number(d, trained, "\"training\" lists"));
    RMSEG_TRY(check_apart(d));
    if (strcmp(dataset->split, "test")) RMSEG_TRY(add_list(dataset, d, "training", labels));
    if (strcmp(dataset->split, "train")) RMSEG_TRY(add_list(dataset, d, "test", labels));
    return RMSEG_OK;
}

static rmseg_status msd_open(rmseg_dataset *dataset, bool labels)
{
    rmseg_description description;
    RMSEG_TRY(rmseg_description_read(&description, dataset));
    rmseg_status status = add_lists(dataset, &description, labels);
    rmseg_description_destroy(&description);
    return status;
}

const rmseg_layout rmseg_layout_msd = {
    .info =
        {
            .name = "msd",
            .help = "a task of the Medical Segmentation Decathlon, by the lists of its dataset.json",
            .tree = "DIR/dataset.json                  (modality, labels, training, test)\n"
                    "DIR/imagesTr/NAME.nii.gz ...\n"
                    "DIR/labelsTr/NAME.nii.gz ...\n"
                    "DIR/imagesTs/NAME.nii.gz ...      (split test; its labels are not published)\n",
            .defaults = "",
            .source = "http://medicaldecathlon.com (Antonelli et al., Nature Communications 13, 2022)",
        },
    .expected = "dataset.json with the lists training and test, and the files that they name",
    .open = msd_open,
    .read_label = rmseg_layout_read_label,
};
