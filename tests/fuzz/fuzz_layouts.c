/*
 * fuzz_layouts.c - hostile descriptions of datasets: any bytes as the dataset.json of layouts nnunet and msd, or as the table of
 * csv and the lists of la. What is accepted adds up; a refusal has a sentence.
 *
 * Built as fuzz_image.c says. Small images lie beside the file, under the names that the corpus gives: what is named can be there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static char root[64];
static const char *const images[] = {"imagesTr/a_0000.mha", "imagesTr/a_0001.mha", "imagesTr/b.mha", "labelsTr/a.mha",
                                     "labelsTr/b.mha",      "imagesTs/t.mha",      "a.mha"};
static const char *const texts[] = {"dataset.json", "dataset.csv", "train.list", "test.list"};
static const char *const folders[] = {"imagesTr", "labelsTr", "imagesTs", "c1", ""};
enum { IMAGES = sizeof images / sizeof *images, TEXTS = sizeof texts / sizeof *texts, FOLDERS = 5 };

static const char *in_root(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void check(bool holds)
{
    if (!holds) abort();
}

static void clear(void)
{
    for (int i = 0; i < IMAGES; i++) remove(in_root(images[i]));
    for (int i = 0; i < TEXTS; i++) remove(in_root(texts[i]));
    remove(in_root("c1/lgemri.nrrd"));
    for (int i = 0; i < FOLDERS; i++) rmdir(in_root(folders[i]));
}

static void make(void)
{
    rmseg_image *image = NULL;
    snprintf(root, sizeof root, "%s/rmseg-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    check(mkdtemp(root) != NULL);
    atexit(clear);
    check(rmseg_image_create(&image, RMSEG_U8, 1, (int64_t[3]){2, 3, 4}) == RMSEG_OK);
    ((uint8_t *)image->data)[5] = 1;
    for (int i = 0; i < FOLDERS; i++) check(rmseg_folder_create(in_root(folders[i])) == RMSEG_OK);
    for (int i = 0; i < IMAGES; i++) check(rmseg_image_write(image, in_root(images[i])) == RMSEG_OK);
    check(rmseg_image_write(image, in_root("c1/lgemri.nrrd")) == RMSEG_OK);
    rmseg_image_destroy(image);
}

static void put(const char *name, const uint8_t *bytes, size_t length)
{
    FILE *file = fopen(in_root(name), "wb"); /* nothing to be kept, so that it need not be written safely */
    check(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

static void open_layout(const char *layout, const char *split, bool labels)
{
    rmseg_dataset *dataset = NULL;
    if (rmseg_dataset_open(&dataset, layout, root, split, 128, labels)) {
        check(strlen(rmseg_error_last()) > 10);
        return;
    }
    check(dataset->count > 0 && dataset->channels > 0);
    for (int64_t i = 0; i < dataset->count; i++) {
        const rmseg_case *one = &dataset->cases[i];
        check(*one->id && one->images.count > 0 && (one->labels.count > 0 || (one->lacks && !labels)));
    }
    for (int64_t i = 0; i < dataset->region_count; i++) {
        const rmseg_region *region = &dataset->regions[i];
        check(*region->name && rmseg_region_has(region, region->value) && region->value < dataset->classes);
    }
    rmseg_dataset_destroy(dataset);
}

static void open_all(const char *layout)
{
    static const char *const splits[] = {"train", "test", "all"};
    for (int i = 0; i < 3; i++) open_layout(layout, splits[i], true);
    open_layout(layout, "all", false);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (!*root) make();
    if (length && *bytes == '{') {
        put("dataset.json", bytes, length);
        open_all("nnunet");
        open_all("msd");
        return 0;
    }
    const uint8_t *zero = length ? memchr(bytes, 0, length) : NULL; /* the two lists, one behind the other */
    size_t first = zero ? (size_t)(zero - bytes) : length;
    put("dataset.csv", bytes, length);
    open_all("csv");
    put("train.list", bytes, first);
    put("test.list", zero ? zero + 1 : bytes, zero ? length - first - 1 : 0);
    open_all("la-raw");
    return 0;
}
