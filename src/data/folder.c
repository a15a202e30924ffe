/*
 * folder.c - layout folder: images/ and labels/ with matching names, in any format that is read.
 *
 * Split train is images/ and labels/, or train/images/ and train/labels/; split test is test_images/ and test_labels/,
 * or test/images/ and test/labels/. The classes are counted from the labels. regions.txt, beside them or in the root,
 * may name sets of labels ("disc = 1+2"), one a line; without it each label is a region of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/layouts.h"

typedef struct place {
    const char *split, *images, *labels, *regions;
} place;

static const place places[] = {
    {"train", "images", "labels", "regions.txt"},
    {"train", "train/images", "train/labels", "train/regions.txt"},
    {"test", "test_images", "test_labels", "regions.txt"},
    {"test", "test/images", "test/labels", "test/regions.txt"},
};
enum { PLACES = sizeof places / sizeof *places };

/* ---- pairs ------------------------------------------------------------------------------------------------------ */

typedef struct stem {
    char *text; /* owned */
    const char *name;
} stem;

static int by_text(const void *a, const void *b) { return strcmp(((const stem *)a)->text, ((const stem *)b)->text); }

static void destroy_stems(stem *stems, int64_t count)
{
    for (int64_t i = 0; stems && i < count; i++) rmseg_free(stems[i].text);
    rmseg_free(stems);
}

/* The stems of the names that are images, sorted; names are borrowed. */
static rmseg_status make_stems(stem **stems, int64_t *count, const rmseg_names *names)
{
    stem *made = rmseg_alloc(names->count, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    *count = 0;
    for (int64_t i = 0; i < names->count; i++) {
        if (!rmseg_is_image_name(names->items[i])) continue;
        stem *one = &made[*count];
        *one = (stem){rmseg_path_stem(names->items[i]), names->items[i]};
        if (!one->text) {
            destroy_stems(made, *count);
            return RMSEG_ERROR_MEMORY;
        }
        ++*count;
    }
    qsort(made, (size_t)*count, sizeof *made, by_text);
    *stems = made;
    return RMSEG_OK;
}

static rmseg_status unique_stems(const stem *stems, int64_t count, const char *folder)
{
    for (int64_t i = 1; i < count; i++)
        if (!strcmp(stems[i - 1].text, stems[i].text))
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: %s and %s belong to one case; keep one of them", folder,
                              stems[i - 1].name, stems[i].name);
    return RMSEG_OK;
}

static rmseg_status add_file(rmseg_names *files, const char *folder, const char *name)
{
    char *path = rmseg_path_join(folder, name);
    if (!path) return RMSEG_ERROR_MEMORY;
    rmseg_status status = rmseg_names_add(files, path);
    rmseg_free(path);
    return status;
}

typedef struct pairing {
    const char *images, *labels; /* folders */
    stem *image_stems, *label_stems;
    int64_t image_count, label_count;
} pairing;

/* Both stem lists are sorted, so one walk pairs them. */
static rmseg_status add_pairs(rmseg_dataset *dataset, const pairing *pair, bool needed)
{
    int64_t at = 0, alone = 0;
    for (int64_t i = 0; i < pair->image_count; i++) {
        const stem *image = &pair->image_stems[i];
        int order = -1;
        while (at < pair->label_count && (order = strcmp(pair->label_stems[at].text, image->text)) < 0) at++, alone++;
        bool found = at < pair->label_count && order == 0;
        rmseg_case *added = NULL;
        RMSEG_TRY(rmseg_dataset_add_case(&added, dataset, image->text));
        RMSEG_TRY(add_file(&added->images, pair->images, image->name));
        if (found)
            RMSEG_TRY(add_file(&added->labels, pair->labels, pair->label_stems[at++].name));
        else
            RMSEG_TRY(rmseg_path_format(&added->lacks, "its label is missing: expected %s/%s.* for the image %s/%s",
                                        pair->labels, image->text, pair->images, image->name));
        if (!found && needed) return rmseg_case_fail_lacking(added);
    }
    alone += pair->label_count - at;
    if (alone > 0)
        rmseg_warn("%s: labels without an image of their name in %s are left out: %lld", pair->labels, pair->images,
                   (long long)alone);
    return RMSEG_OK;
}

static rmseg_status pair_folders(rmseg_dataset *dataset, const char *images, const char *labels, bool needed)
{
    pairing pair = {.images = images, .labels = labels};
    rmseg_names image_names = {0}, label_names = {0};
    if (needed && !rmseg_folder_exists(labels))
        return rmseg_fail(RMSEG_ERROR_FILE, "%s: no such folder; the labels of the images in %s are expected there",
                          labels, images);
    rmseg_status status = rmseg_folder_list(&image_names, images);
    if (status == RMSEG_OK && rmseg_folder_exists(labels)) status = rmseg_folder_list(&label_names, labels);
    if (status == RMSEG_OK) status = make_stems(&pair.image_stems, &pair.image_count, &image_names);
    if (status == RMSEG_OK) status = make_stems(&pair.label_stems, &pair.label_count, &label_names);
    if (status == RMSEG_OK) status = unique_stems(pair.image_stems, pair.image_count, images);
    if (status == RMSEG_OK) status = unique_stems(pair.label_stems, pair.label_count, labels);
    if (status == RMSEG_OK) status = add_pairs(dataset, &pair, needed);
    destroy_stems(pair.image_stems, pair.image_count);
    destroy_stems(pair.label_stems, pair.label_count);
    rmseg_names_destroy(&image_names);
    rmseg_names_destroy(&label_names);
    return status;
}

/* ---- regions ---------------------------------------------------------------------------------------------------- */

/* "1+2" -> labels; false where it is not that. */
static bool parse_labels(int32_t *labels, int64_t *count, char *text)
{
    char *rest = NULL;
    *count = 0;
    for (char *word = strtok_r(text, "+ \t", &rest); word; word = strtok_r(NULL, "+ \t", &rest)) {
        int64_t value = 0;
        if (!rmseg_parse_integer(&value, word) || value < 1 || value >= RMSEG_MOST_CLASSES) return false;
        labels[(*count)++] = (int32_t)value;
    }
    return *count > 0;
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1])) text[--length] = '\0';
    return text;
}

static rmseg_status add_line(rmseg_dataset *dataset, char *line, int64_t number, const char *path)
{
    line = trim(line);
    if (!*line || *line == '#') return RMSEG_OK;
    int32_t *labels = rmseg_alloc((int64_t)strlen(line), sizeof *labels); /* more than it can hold */
    if (!labels) return RMSEG_ERROR_MEMORY;
    char *equals = strchr(line, '=');
    int64_t count = 0;
    rmseg_status status = RMSEG_OK;
    if (equals) *equals = '\0';
    char *name = trim(line);
    if (!equals || !*name || !parse_labels(labels, &count, equals + 1))
        status = rmseg_fail(RMSEG_ERROR_FORMAT,
                            "%s: line %lld is not like \"disc = 1+2\" (a name, then labels of 1 or more)", path,
                            (long long)number);
    for (int64_t i = 0; status == RMSEG_OK && dataset->classes > 0 && i < count; i++)
        if (labels[i] >= dataset->classes)
            status = rmseg_fail(RMSEG_ERROR_FORMAT, "%s: region \"%s\" has label %d, but the labels end at %lld", path,
                                name, (int)labels[i], (long long)dataset->classes - 1);
    if (status == RMSEG_OK) status = rmseg_dataset_add_region(dataset, name, labels, count);
    rmseg_free(labels);
    return status;
}

static rmseg_status read_regions(rmseg_dataset *dataset, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, path, 1 << 20));
    rmseg_status status = RMSEG_OK;
    int64_t number = 0;
    char *line = (char *)bytes;
    while (status == RMSEG_OK && line) {
        char *next = strchr(line, '\n');
        if (next) *next++ = '\0';
        status = add_line(dataset, line, ++number, path);
        line = next;
    }
    rmseg_free(bytes);
    return status;
}

static rmseg_status find_regions(rmseg_dataset *dataset, const place *place)
{
    const char *const names[] = {place->regions, "regions.txt"};
    for (int i = 0; dataset->region_count == 0 && i < 2; i++) {
        char *path = rmseg_path_join(dataset->root, names[i]);
        if (!path) return RMSEG_ERROR_MEMORY;
        rmseg_status status = rmseg_file_exists(path) ? read_regions(dataset, path) : RMSEG_OK;
        rmseg_free(path);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}

/* ---- the layout ------------------------------------------------------------------------------------------------- */

static rmseg_status has_images(bool *has, const rmseg_dataset *dataset, const place *place)
{
    char *path = rmseg_path_join(dataset->root, place->images);
    if (!path) return RMSEG_ERROR_MEMORY;
    *has = rmseg_folder_exists(path);
    rmseg_free(path);
    return RMSEG_OK;
}

static rmseg_status add_place(rmseg_dataset *dataset, const place *place, bool labels)
{
    char *images = rmseg_path_join(dataset->root, place->images),
         *truth = rmseg_path_join(dataset->root, place->labels);
    rmseg_status status = images && truth ? pair_folders(dataset, images, truth, labels) : RMSEG_ERROR_MEMORY;
    rmseg_free(images);
    rmseg_free(truth);
    return status;
}

static rmseg_status folder_open(rmseg_dataset *dataset, bool labels)
{
    const place *found[PLACES];
    int count = 0;
    for (int i = 0; i < PLACES; i++) {
        bool has = false;
        if (strcmp(dataset->split, "all") && strcmp(dataset->split, places[i].split)) continue;
        RMSEG_TRY(has_images(&has, dataset, &places[i]));
        if (has && count > 0 && !strcmp(found[count - 1]->split, places[i].split))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s has both %s and %s for split %s; keep one of them",
                              dataset->root, found[count - 1]->images, places[i].images, places[i].split);
        if (has) found[count++] = &places[i];
    }
    if (count == 0)
        return rmseg_fail(RMSEG_ERROR_FILE, "%s: no folder of images for split %s; layout folder expects %s",
                          dataset->root, dataset->split, rmseg_layout_folder.expected);
    for (int i = 0; i < count; i++) RMSEG_TRY(add_place(dataset, found[i], labels));
    if (dataset->count == 0)
        return rmseg_fail(RMSEG_ERROR_FILE, "%s/%s: no images in it (names ending in .png, .jpg, ...)", dataset->root,
                          found[0]->images);
    if (labels) RMSEG_TRY(rmseg_dataset_count_classes(dataset));
    RMSEG_TRY(find_regions(dataset, found[0]));
    return dataset->region_count == 0 ? rmseg_dataset_region_per_label(dataset) : RMSEG_OK;
}

const rmseg_layout rmseg_layout_folder = {
    .info =
        {
            .name = "folder",
            .help = "your own images: two folders of files with matching names; classes are counted from the labels",
            .tree = "DIR/images/NAME.png ...           (any format that is read)\n"
                    "DIR/labels/NAME.png ...           (0 background, 1, 2, ...; or a mask of 0 and 255)\n"
                    "DIR/test_images, DIR/test_labels  (optional: split test)\n"
                    "DIR/regions.txt                   (optional: lines like \"disc = 1+2\")\n"
                    "or DIR/train/{images,labels} and DIR/test/{images,labels}\n",
            .defaults = "",
            .source = "your own",
        },
    .expected =
        "images/ and labels/ with matching file names (split test: test_images/ and test_labels/), or train/images/, "
        "train/labels/, test/images/, test/labels/",
    .open = folder_open,
    .read_label = rmseg_layout_read_label,
};
