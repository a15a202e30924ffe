/* description.c - dataset.json. Nothing is believed before it is checked. */
#include "data/description.h"

#include <string.h>

static rmseg_status fail_member(const rmseg_description *d, const char *key, const char *expected)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: \"%s\" is missing or not what it must be; expected %s", d->path, key,
                      expected);
}

rmseg_status rmseg_description_text(const char **text, const rmseg_description *d, const char *key,
                                    const char *otherwise)
{
    const json_t *value = json_object_get(d->document, key);
    if (value && !json_is_string(value)) return fail_member(d, key, "text");
    *text = value ? json_string_value(value) : otherwise;
    return RMSEG_OK;
}

rmseg_status rmseg_description_check_number(const rmseg_description *d, int64_t found, const char *where)
{
    const json_t *said = json_object_get(d->document, "numTraining");
    if (!said) return RMSEG_OK;
    if (!json_is_integer(said)) return fail_member(d, "numTraining", "the number of training cases");
    if (json_integer_value(said) == found) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_FORMAT,
        "%s: numTraining is %lld, but %s %lld cases: some are missing or too many, or the number is out of "
        "date",
        d->path, (long long)json_integer_value(said), where, (long long)found);
}

/* ---- labels ----------------------------------------------------------------------------------------------------- */

static bool is_label(int64_t value) { return value >= 0 && value < RMSEG_MOST_CLASSES; }

static rmseg_status fail_label(const rmseg_description *d, const char *name)
{
    return rmseg_fail(
        RMSEG_ERROR_FORMAT,
        "%s: label \"%s\" of \"labels\" has no number; expected whole numbers from 0 on, or lists of them", d->path,
        name);
}

/* The numbers of one entry, whichever side of it they are on: "1": "edema", "edema": 1, "tumour": [1, 2]. */
static rmseg_status read_numbers(int32_t *numbers, int64_t *count, const char **name, const rmseg_description *d,
                                 const char *key, const json_t *value)
{
    int64_t number = 0;
    *count = json_is_array(value) ? (int64_t)json_array_size(value) : 1;
    *name = json_is_string(value) ? json_string_value(value) : key;
    if (json_is_string(value)) {
        if (!rmseg_parse_integer(&number, key) || !is_label(number)) return fail_label(d, *name);
        numbers[0] = (int32_t)number;
        return RMSEG_OK;
    }
    for (int64_t i = 0; i < *count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, (size_t)i) : value;
        if (!json_is_integer(item) || !is_label(json_integer_value(item))) return fail_label(d, key);
        numbers[i] = (int32_t)json_integer_value(item);
    }
    return *count > 0 ? RMSEG_OK : fail_label(d, key);
}

/* A name as runs write it, "name=1+2,name=3": its own marks become "_". */
static rmseg_status add_region(rmseg_dataset *dataset, const char *name, const int32_t *numbers, int64_t count)
{
    char *plain = rmseg_strdup(*name ? name : "unnamed");
    if (!plain) return RMSEG_ERROR_MEMORY;
    for (char *at = plain; (at = strpbrk(at, ",=+")); at++) *at = '_';
    rmseg_status status = rmseg_dataset_add_region(dataset, plain, numbers, count);
    rmseg_free(plain);
    return status;
}

static rmseg_status add_entry(rmseg_dataset *dataset, const rmseg_description *d, const char *key, const json_t *value)
{
    int64_t count = json_is_array(value) ? (int64_t)json_array_size(value) : 1;
    const char *name = key;
    if (!strcmp(key, "ignore") && !json_is_string(value))
        return rmseg_fail(
            RMSEG_ERROR_UNSUPPORTED,
            "%s: it has an ignore label, and rmseg cannot learn from partly labelled images yet: give the "
            "voxels a class, or leave the cases out",
            d->path);
    int32_t *numbers = rmseg_alloc(count, sizeof *numbers);
    if (!numbers) return RMSEG_ERROR_MEMORY;
    rmseg_status status = read_numbers(numbers, &count, &name, d, key, value);
    for (int64_t i = 0; i < count && !status; i++)
        if (numbers[i] >= dataset->classes) dataset->classes = numbers[i] + 1;
    bool background = count == 1 && numbers[0] == 0;
    if (!status && !background) status = add_region(dataset, name, numbers, count);
    rmseg_free(numbers);
    return status;
}

static rmseg_status read_labels(rmseg_dataset *dataset, const rmseg_description *d)
{
    json_t *labels = json_object_get(d->document, "labels"), *value = NULL;
    const char *key = NULL;
    if (!json_is_object(labels) || json_object_size(labels) == 0)
        return fail_member(d, "labels", "an object like {\"background\": 0, \"tumour\": 1} or {\"0\": \"background\"}");
    dataset->classes = 2;
    json_object_foreach(labels, key, value) RMSEG_TRY(add_entry(dataset, d, key, value));
    if (dataset->region_count == 0) return fail_member(d, "labels", "a label above 0");
    return RMSEG_OK;
}

/* What each region is to be written as; that it is so is checked when all of that is known. */
static rmseg_status read_order(rmseg_dataset *dataset, const rmseg_description *d)
{
    const json_t *order = json_object_get(d->document, "regions_class_order");
    if (!order || json_is_null(order)) return RMSEG_OK;
    if (!json_is_array(order) || (int64_t)json_array_size(order) != dataset->region_count)
        return fail_member(d, "regions_class_order", "a list of one number for each region of \"labels\"");
    for (int64_t r = 0; r < dataset->region_count; r++) {
        const json_t *value = json_array_get(order, (size_t)r);
        if (!json_is_integer(value) || !is_label(json_integer_value(value)) || json_integer_value(value) == 0)
            return fail_member(d, "regions_class_order", "whole numbers above 0");
        dataset->regions[r].value = (int32_t)json_integer_value(value);
    }
    return RMSEG_OK;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static rmseg_status read_document(rmseg_description *d)
{
    json_error_t error;
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, d->path, 1 << 28));
    d->document = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, &error);
    rmseg_free(bytes);
    if (!d->document)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: line %d, column %d: %s", d->path, error.line, error.column,
                          error.text);
    if (!json_is_object(d->document))
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: expected a JSON object with \"labels\" and more", d->path);
    return RMSEG_OK;
}

static rmseg_status read_channels(rmseg_description *d)
{
    const json_t *channels = json_object_get(d->document, "channel_names");
    if (!channels) channels = json_object_get(d->document, "modality");
    if (!json_is_object(channels) || json_object_size(channels) == 0)
        return fail_member(d, "channel_names", "an object like {\"0\": \"CT\"} (\"modality\" in older files)");
    d->channels = (int64_t)json_object_size(channels);
    return RMSEG_OK;
}

rmseg_status rmseg_description_read(rmseg_description *d, rmseg_dataset *dataset)
{
    *d = (rmseg_description){.path = rmseg_path_join(dataset->root, "dataset.json")};
    rmseg_status status = d->path ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status) status = read_document(d);
    if (!status) status = read_channels(d);
    if (!status) status = read_labels(dataset, d);
    if (!status) status = read_order(dataset, d);
    dataset->named = d->channels;
    if (status) rmseg_description_destroy(d);
    return status;
}

void rmseg_description_destroy(rmseg_description *d)
{
    if (d->document) json_decref(d->document);
    rmseg_free(d->path);
    *d = (rmseg_description){0};
}
