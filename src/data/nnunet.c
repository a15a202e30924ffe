/*
 * nnunet.c - layout nnunet: a raw dataset of nnU-Net, version 1 or 2. Each channel of an image is a file of its own,
 * CASE_0000, CASE_0001, ...; dataset.json says how many there are, and what the labels mean.
 */
#include <stdlib.h>
#include <string.h>

#include "data/description.h"

typedef struct folders {
    const char *split, *images, *labels;
} folders;

static const folders parts[] = {{"train", "imagesTr", "labelsTr"}, {"test", "imagesTs", "labelsTs"}};
enum { PARTS = sizeof parts / sizeof *parts };

typedef struct reading {
    rmseg_dataset *dataset;
    const rmseg_description *description;
    const char *ending; /* of the images' names: ".nii.gz" */
    bool needed;        /* a label for each image */
} reading;

/* ---- which cases ------------------------------------------------------------------------------------------------ */

/* The case of CASE_0000.nii.gz, owned; NULL text where the name is none of a first channel. */
static rmseg_status first_channel(char **id, const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending) + strlen("_0000");
    *id = NULL;
    if (length <= tail || strcmp(name + length - strlen(ending), ending)) return RMSEG_OK;
    if (strncmp(name + length - tail, "_0000", 5)) return RMSEG_OK;
    *id = rmseg_strndup(name, length - tail);
    return *id ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static rmseg_status ids_of_folder(rmseg_names *ids, const char *folder, const char *ending)
{
    rmseg_names names = {0};
    RMSEG_TRY(rmseg_folder_list(&names, folder));
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < names.count && !status; i++) {
        char *id = NULL;
        status = first_channel(&id, names.items[i], ending);
        if (!status && id) status = rmseg_names_add(ids, id);
        rmseg_free(id);
    }
    rmseg_names_destroy(&names);
    return status;
}

/* Version 1 lists its training cases: "image": "./imagesTr/CASE.nii.gz" without the channel's number. */
static rmseg_status ids_of_list(rmseg_names *ids, const reading *r, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *path = json_string_value(json_object_get(json_array_get(list, i), "image"));
        if (!path)
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: entry %zu of \"training\" has no \"image\"",
                              r->description->path, i + 1);
        const char *base = rmseg_path_base(path);
        size_t length = strlen(base), tail = strlen(r->ending);
        if (length <= tail || strcmp(base + length - tail, r->ending))
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: the image %s of \"training\" does not end in %s",
                              r->description->path, path, r->ending);
        char *id = rmseg_strndup(base, length - tail);
        rmseg_status status = id ? rmseg_names_add(ids, id) : RMSEG_ERROR_MEMORY;
        rmseg_free(id);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}

/* ---- their files ------------------------------------------------------------------------------------------------ */

/* Channel c of a case; the one channel of a case may lack its number. */
static rmseg_status add_channel(rmseg_case *one, const reading *r, const folders *part, int64_t c)
{
    char *path = NULL;
    RMSEG_TRY(rmseg_path_format(&path, "%s/%s/%s_%04d%s", r->dataset->root, part->images, one->id, (int)c, r->ending));
    if (!rmseg_file_exists(path) && r->description->channels == 1) {
        char *plain = NULL;
        rmseg_status status =
            rmseg_path_format(&plain, "%s/%s/%s%s", r->dataset->root, part->images, one->id, r->ending);
        if (!status && rmseg_file_exists(plain)) {
            rmseg_free(path);
            path = plain;
        } else {
            rmseg_free(plain);
        }
    }
    rmseg_status status = RMSEG_OK;
    if (rmseg_file_exists(path))
        status = rmseg_names_add(&one->images, path);
    else
        status = rmseg_fail(RMSEG_ERROR_FILE, "%s: %s is missing: case %s needs %lld channel%s by %s", r->dataset->root,
                            path, one->id, (long long)r->description->channels, r->description->channels > 1 ? "s" : "",
                            r->description->path);
    rmseg_free(path);
    return status;
}

static rmseg_status add_case(const reading *r, const folders *part, const char *id)
{
    rmseg_case *one = NULL;
    char *label = NULL;
    RMSEG_TRY(rmseg_dataset_add_case(&one, r->dataset, id));
    for (int64_t c = 0; c < r->description->channels; c++) RMSEG_TRY(add_channel(one, r, part, c));
    RMSEG_TRY(rmseg_path_format(&label, "%s/%s/%s%s", r->dataset->root, part->labels, id, r->ending));
    rmseg_status status = RMSEG_OK;
    bool there = rmseg_file_exists(label);
    if (there)
        status = rmseg_names_add(&one->labels, label);
    else
        status = rmseg_path_format(&one->lacks, "its label is missing: expected %s for the image %s", label,
                                   one->images.items[0]);
    if (!status && !there && r->needed) status = rmseg_case_fail_lacking(one);
    rmseg_free(label);
    return status;
}

static rmseg_status check_number(const reading *r, int64_t found)
{
    const json_t *said = json_object_get(r->description->document, "numTraining");
    if (!said || (json_is_integer(said) && json_integer_value(said) == found)) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_FORMAT,
        "%s: numTraining is %lld, but imagesTr has %lld cases: some are missing or too many, or the number "
        "is out of date",
        r->description->path, (long long)json_integer_value(said), (long long)found);
}

static rmseg_status add_part(const reading *r, const folders *part)
{
    char *folder = NULL;
    rmseg_names ids = {0};
    const json_t *list = json_object_get(r->description->document, "training");
    bool train = part == parts, listed = train && json_is_array(list) && json_array_size(list) > 0;
    RMSEG_TRY(rmseg_path_format(&folder, "%s/%s", r->dataset->root, part->images));
    rmseg_status status = RMSEG_OK;
    if (listed)
        status = ids_of_list(&ids, r, list);
    else if (rmseg_folder_exists(folder))
        status = ids_of_folder(&ids, folder, r->ending);
    for (int64_t i = 0; i < ids.count && !status; i++) status = add_case(r, part, ids.items[i]);
    if (!status && train) status = check_number(r, ids.count);
    rmseg_names_destroy(&ids);
    rmseg_free(folder);
    return status;
}

static rmseg_status add_parts(reading *r)
{
    RMSEG_TRY(rmseg_description_text(&r->ending, r->description, "file_ending", ".nii.gz"));
    for (int i = 0; i < PARTS; i++)
        if (!strcmp(r->dataset->split, "all") || !strcmp(r->dataset->split, parts[i].split))
            RMSEG_TRY(add_part(r, &parts[i]));
    return RMSEG_OK;
}

static rmseg_status nnunet_open(rmseg_dataset *dataset, bool labels)
{
    rmseg_description description;
    RMSEG_TRY(rmseg_description_read(&description, dataset));
    reading r = {.dataset = dataset, .description = &description, .needed = labels};
    rmseg_status status = add_parts(&r);
    rmseg_description_destroy(&description);
    return status;
}

const rmseg_layout rmseg_layout_nnunet = {
    .info =
        {
            .name = "nnunet",
            .help = "a raw dataset of nnU-Net (version 1 or 2), with several channels and regions",
            .tree = "DIR/dataset.json                  (channel_names or modality, labels, file_ending)\n"
                    "DIR/imagesTr/CASE_0000.nii.gz ... (CASE_0001 for the second channel)\n"
                    "DIR/labelsTr/CASE.nii.gz ...\n"
                    "DIR/imagesTs, DIR/labelsTs        (optional: split test)\n",
            .defaults = "",
            .source = "https://github.com/MIC-DKFZ/nnUNet (documentation/dataset_format.md)",
        },
    .expected = "dataset.json, imagesTr/CASE_0000.nii.gz and labelsTr/CASE.nii.gz (split test: imagesTs and labelsTs)",
    .open = nnunet_open,
    .read_label = rmseg_layout_read_label,
};
