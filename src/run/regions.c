/* regions.c - reading, writing and using named sets of label values. */
#include "run/regions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rmseg_status add(rmseg_regions *regions, const char *name, size_t name_length)
{
    rmseg_region *items = rmseg_realloc(regions->items, regions->count + 1, sizeof *items);
    if (!items) return RMSEG_ERROR_MEMORY;
    regions->items = items;
    rmseg_region *region = &items[regions->count];
    *region = (rmseg_region){.name = rmseg_strndup(name, name_length), .value = (int32_t)regions->count + 1};
    if (!region->name) return RMSEG_ERROR_MEMORY;
    regions->count++;
    return RMSEG_OK;
}

static rmseg_status add_label(rmseg_region *region, int32_t label)
{
    int32_t *labels = rmseg_realloc(region->labels, region->count + 1, sizeof *labels);
    if (!labels) return RMSEG_ERROR_MEMORY;
    region->labels = labels;
    labels[region->count++] = label;
    return RMSEG_OK;
}

static bool name_is_new(const rmseg_regions *regions, const char *name, size_t length)
{
    for (int64_t i = 0; i < regions->count; i++)
        if (strlen(regions->items[i].name) == length && !memcmp(regions->items[i].name, name, length)) return false;
    return true;
}

/* One "disc=1+2" from `text`; *end is then at the ',' or the end. */
static rmseg_status parse_one(rmseg_regions *regions, const char *text, const char **end)
{
    size_t length = strcspn(text, "=,");
    int shown = (int)strcspn(text, ",");
    if (text[length] != '=' || !length)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "region '%.*s': expected name=label+label, as in disc=1+2,cup=2", shown,
                          text);
    if (!name_is_new(regions, text, length))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "region '%.*s' is there twice", (int)length, text);
    RMSEG_TRY(add(regions, text, length));
    const char *at = text + length;
    do {
        char *after = NULL;
        errno = 0;
        long label = strtol(++at, &after, 10);
        if (after == at || errno || label < 0 || label > INT32_MAX || !strchr("+,", *after))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "region '%.*s': '%.*s' is no label value (0, 1, 2, ...)", shown,
                              text, (int)strcspn(at, "+,"), at);
        RMSEG_TRY(add_label(&regions->items[regions->count - 1], (int32_t)label));
        at = after;
    } while (*at == '+');
    *end = at;
    return RMSEG_OK;
}

/* Hands over what was made, or takes it down when making failed. */
static rmseg_status settle(rmseg_regions *regions, rmseg_regions *made, rmseg_status status)
{
    if (status)
        rmseg_regions_destroy(made);
    else
        *regions = *made;
    return status;
}

rmseg_status rmseg_regions_parse(rmseg_regions *regions, const char *text)
{
    rmseg_regions made = {0};
    rmseg_status status = parse_one(&made, text, &text);
    while (!status && *text == ',') status = parse_one(&made, text + 1, &text);
    return settle(regions, &made, status);
}

static rmseg_status add_number(rmseg_regions *made, int64_t label)
{
    char name[24];
    int length = snprintf(name, sizeof name, "%lld", (long long)label);
    RMSEG_TRY(add(made, name, (size_t)length));
    rmseg_region *region = &made->items[made->count - 1];
    region->value = (int32_t)label;
    return add_label(region, (int32_t)label);
}

/* A label that is there twice would count each of its cases twice. */
static rmseg_status check_label(const int64_t *labels, int64_t i)
{
    if (labels[i] > INT32_MAX)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "label %lld is no label value (0 to %d)", (long long)labels[i],
                          INT32_MAX);
    for (int64_t j = 0; j < i; j++)
        if (labels[j] == labels[i])
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "label %lld is there twice", (long long)labels[i]);
    return RMSEG_OK;
}

rmseg_status rmseg_regions_from_labels(rmseg_regions *regions, const int64_t *labels, int64_t count)
{
    rmseg_regions made = {0};
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < count && !status; i++) {
        status = check_label(labels, i);
        if (!status) status = add_number(&made, labels[i]);
    }
    return settle(regions, &made, status);
}

static rmseg_status add_copy(rmseg_regions *made, const rmseg_region *from)
{
    RMSEG_TRY(add(made, from->name, strlen(from->name)));
    rmseg_region *region = &made->items[made->count - 1];
    region->value = from->value;
    for (int64_t j = 0; j < from->count; j++) RMSEG_TRY(add_label(region, from->labels[j]));
    return RMSEG_OK;
}

rmseg_status rmseg_regions_from_dataset(rmseg_regions *regions, const rmseg_dataset *dataset)
{
    rmseg_regions made = {0};
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < dataset->region_count && !status; i++) status = add_copy(&made, &dataset->regions[i]);
    if (!dataset->region_count)
        for (int64_t label = 1; label < dataset->classes && !status; label++) status = add_number(&made, label);
    return settle(regions, &made, status);
}

void rmseg_regions_destroy(rmseg_regions *regions)
{
    for (int64_t i = 0; i < regions->count; i++) {
        rmseg_free(regions->items[i].name);
        rmseg_free(regions->items[i].labels);
    }
    rmseg_free(regions->items);
    *regions = (rmseg_regions){0};
}

void rmseg_regions_text(rmseg_text *text, const rmseg_regions *regions)
{
    for (int64_t i = 0; i < regions->count; i++) {
        const rmseg_region *region = &regions->items[i];
        rmseg_text_addf(text, "%s%s", i ? "," : "", region->name);
        for (int64_t j = 0; j < region->count; j++)
            rmseg_text_addf(text, "%c%d", j ? '+' : '=', (int)region->labels[j]);
    }
}

static bool equal(const rmseg_region *a, const rmseg_region *b)
{
    return !strcmp(a->name, b->name) && a->value == b->value && a->count == b->count &&
           !memcmp(a->labels, b->labels, (size_t)a->count * sizeof *a->labels);
}

bool rmseg_regions_equal(const rmseg_regions *a, const rmseg_regions *b)
{
    if (a->count != b->count) return false;
    for (int64_t i = 0; i < a->count; i++)
        if (!equal(&a->items[i], &b->items[i])) return false;
    return true;
}

void rmseg_region_mask(uint8_t *restrict mask, const int32_t *restrict label, int64_t count, const rmseg_region *region)
{
    if (region->count == 1) {
        int32_t only = region->labels[0];
        for (int64_t i = 0; i < count; i++) mask[i] = label[i] == only;
        return;
    }
    int32_t last = -1; /* labels come in long runs */
    bool in = false;
    for (int64_t i = 0; i < count; i++) {
        if (label[i] != last) in = rmseg_region_has(region, last = label[i]);
        mask[i] = in;
    }
}
