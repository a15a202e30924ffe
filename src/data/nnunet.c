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

/* A natural image may hold all of its channels in the first file. */
static rmseg_status add_channels(rmseg_case *one, const reading *r, const folders *part)
{
    char *second = NULL;
    rmseg_image header = {0};
    int64_t channels = r->description->channels;
    RMSEG_TRY(add_channel(one, r, part, 0));
    RMSEG_TRY(rmseg_path_format(&second, "%s/%s/%s_0001%s", r->dataset->root, part->images, one->id, r->ending));
    bool alone = channels > 1 && !rmseg_file_exists(second);
    rmseg_free(second);
    if (alone && rmseg_image_read_header(&header, one->images.items[0]) == RMSEG_OK && header.channels == channels)
        return RMSEG_OK;
    for (int64_t c = 1; c < channels; c++) RMSEG_TRY(add_channel(one, r, part, c));
    return RMSEG_OK;
}

static rmseg_status add_label(rmseg_case *one, const reading *r, char *label)
{
    if (rmseg_file_exists(label)) return rmseg_names_add(&one->labels, label);
    RMSEG_TRY(rmseg_path_format(&one->lacks, "its label is missing: expected %s for the image %s", label,
                                one->images.items[0]));
    return r->needed ? rmseg_case_fail_lacking(one) : RMSEG_OK;
}

static rmseg_status add_case(const reading *r, const folders *part, const char *id)
{
    rmseg_case *one = NULL;
    char *label = NULL;
    RMSEG_TRY(rmseg_dataset_add_case(&one, r->dataset, id));
    RMSEG_TRY(add_channels(one, r, part));
    RMSEG_TRY(rmseg_path_format(&label, "%s/%s/%s%s", r->dataset->root, part->labels, id, r->ending));
    rmseg_status status = add_label(one, r, label);
    rmseg_free(label);
    return status;
}

/* ---- the training cases by "dataset" ---------------------------------------------------------------------------- */

static rmseg_status find_named(char **path, const reading *r, const char *id, const json_t *entry)
{
    const char *name = json_string_value(entry);
    if (!name || !*name)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: case %s of \"dataset\" names no file; expected {\"images\": [...], \"label\": ...}",
                          r->description->path, id);
    while (!strncmp(name, "./", 2)) name += 2;
    return *name == '/' ? rmseg_path_format(path, "%s", name)
                        : rmseg_path_format(path, "%s/%s", r->dataset->root, name);
}

static rmseg_status add_named_image(rmseg_case *one, const reading *r, const json_t *entry)
{
    char *path = NULL;
    RMSEG_TRY(find_named(&path, r, one->id, entry));
    rmseg_status status = RMSEG_OK;
    if (rmseg_file_exists(path))
        status = rmseg_names_add(&one->images, path);
    else
        status = rmseg_fail(RMSEG_ERROR_FILE,
                            "%s names %s, which is not there: put it there, or take the case out of the list",
                            r->description->path, path);
    rmseg_free(path);
    return status;
}

/* "CASE": {"images": ["a.nii.gz", ...], "label": "b.nii.gz"}: files that lie anywhere. */
static rmseg_status add_named(const reading *r, const char *id, const json_t *entry)
{
    const json_t *images = json_object_get(entry, "images");
    rmseg_case *one = NULL;
    char *label = NULL;
    RMSEG_TRY(rmseg_dataset_add_case(&one, r->dataset, id));
    for (size_t i = 0; i < json_array_size(images); i++) RMSEG_TRY(add_named_image(one, r, json_array_get(images, i)));
    RMSEG_TRY(find_named(&label, r, id, one->images.count ? json_object_get(entry, "label") : NULL));
    rmseg_status status = add_label(one, r, label);
    rmseg_free(label);
    return status;
}

static rmseg_status add_dataset(const reading *r, json_t *cases)
{
    const char *id = NULL;
    json_t *entry = NULL;
    json_object_foreach(cases, id, entry) RMSEG_TRY(add_named(r, id, entry));
    return rmseg_description_check_number(r->description, (int64_t)json_object_size(cases), "\"dataset\" lists");
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static rmseg_status add_part(const reading *r, const folders *part)
{
    char *folder = NULL;
    rmseg_names ids = {0};
    json_t *named = json_object_get(r->description->document, "dataset");
    const json_t *list = json_object_get(r->description->document, "training");
    bool train = part == parts, listed = train && json_is_array(list) && json_array_size(list) > 0;
    if (train && json_is_object(named)) return add_dataset(r, named);
    RMSEG_TRY(rmseg_path_format(&folder, "%s/%s", r->dataset->root, part->images));
    rmseg_status status = RMSEG_OK;
    if (listed)
        status = ids_of_list(&ids, r, list);
    else if (rmseg_folder_exists(folder))
        status = ids_of_folder(&ids, folder, r->ending);
    for (int64_t i = 0; i < ids.count && !status; i++) status = add_case(r, part, ids.items[i]);
    if (!status && train) status = rmseg_description_check_number(r->description, ids.count, "imagesTr has");
    rmseg_names_destroy(&ids);
    rmseg_free(folder);
    return status;
}

/* What nnU-Net would read the images with: rmseg goes by their content, so that a name changes nothing but tells of files
 * that nobody here can know. */
static rmseg_status check_reader(const rmseg_description *d)
{
    static const char *const known[] = {
        "SimpleITKIO", "SimpleITKIOWithReorient", "NibabelIO", "NibabelIOWithReorient", "NaturalImage2DIO", "Tiff3DIO",
        "None"};
    const json_t *value = json_object_get(d->document, "overwrite_image_reader_writer");
    const char *reader = "None";
    if (value && !json_is_null(value))
        RMSEG_TRY(rmseg_description_text(&reader, d, "overwrite_image_reader_writer", "None"));
    if (!strcmp(reader, "Tiff3DIO"))
        rmseg_warn("%s: Tiff3DIO keeps spacings in CASE.json, which rmseg does not read: they count as unknown",
                   d->path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(reader, known[i])) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_UNSUPPORTED,
        "%s: overwrite_image_reader_writer is \"%s\", a reader that rmseg does not have; if the images are "
        "of a format that `rmseg info` lists, take the line out",
        d->path, reader);
}

static rmseg_status add_parts(reading *r)
{
    RMSEG_TRY(check_reader(r->description));
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
