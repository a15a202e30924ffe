/*
 * la.c - the left atrium of the Atrial Segmentation Challenge 2018, twice: layout la, the HDF5 files that the
 * semi-supervised literature shares (z-scored over the scan, cropped around the truth), and la-raw, the challenge's NRRD.
 *
 * train.list and test.list name the cases, one a line. Without them every folder that holds a scan is a case of split
 * train.
 */
#include <string.h>

#include "data/layouts.h"

typedef struct files {
    const char *image, *label;
} files;

static const files shared = {"mri_norm2.h5", "mri_norm2.h5"}, raw = {"lgemri.nrrd", "laendo.nrrd"};

/* Where the cases may lie in the folder given: in it, or in the folders that the challenge unpacks to. */
static const char *const places[] = {"", "2018LA_Seg_Training Set/", "Training Set/", "Testing Set/"};
enum { PLACES = sizeof places / sizeof *places };

static rmseg_status find_file(char **found, const char *root, const char *id, const char *name)
{
    for (int i = 0; i < PLACES; i++) {
        char *path = NULL;
        RMSEG_TRY(rmseg_path_format(&path, "%s/%s%s/%s", root, places[i], id, name));
        if (rmseg_file_exists(path)) {
            *found = path;
            return RMSEG_OK;
        }
        rmseg_free(path);
    }
    *found = NULL;
    return RMSEG_OK;
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static rmseg_status split_lines(rmseg_names *ids, char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        line += strspn(line, " \t");
        size_t length = strlen(line);
        while (length > 0 && strchr(" \t/", line[length - 1])) line[--length] = '\0';
        if (*line) RMSEG_TRY(rmseg_names_add(ids, line));
    }
    return RMSEG_OK;
}

/* The ids of a list; *there false where it is missing. */
static rmseg_status read_list(rmseg_names *ids, bool *there, const char *root, const char *split)
{
    char *path = NULL;
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_path_format(&path, "%s/%s.list", root, split));
    *there = rmseg_file_exists(path);
    rmseg_status status = *there ? rmseg_file_read(&bytes, &length, path, 1 << 24) : RMSEG_OK;
    if (bytes && !status) status = split_lines(ids, (char *)bytes);
    if (*there && !status && ids->count == 0) status = rmseg_fail(RMSEG_ERROR_FORMAT, "%s: names no case", path);
    rmseg_free(bytes);
    rmseg_free(path);
    return status;
}

static bool holds(const rmseg_names *names, const char *id)
{
    for (int64_t i = 0; i < names->count; i++)
        if (!strcmp(names->items[i], id)) return true;
    return false;
}

typedef struct lists {
    rmseg_names train, test;
    bool has_train, has_test;
} lists;

static rmseg_status read_lists(lists *l, const char *root)
{
    RMSEG_TRY(read_list(&l->train, &l->has_train, root, "train"));
    RMSEG_TRY(read_list(&l->test, &l->has_test, root, "test"));
    for (int64_t i = 0; i < l->train.count; i++)
        if (holds(&l->test, l->train.items[i]))
            return rmseg_fail(
                RMSEG_ERROR_FORMAT,
                "case %s is in %s/train.list and in %s/test.list: what is learned from cannot judge; take "
                "it out of one",
                l->train.items[i], root, root);
    return RMSEG_OK;
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static rmseg_status add_case(rmseg_dataset *dataset, const char *id, const files *files, bool labels)
{
    rmseg_case *one = NULL;
    char *image = NULL, *label = NULL;
    RMSEG_TRY(rmseg_dataset_add_case(&one, dataset, id));
    rmseg_status status = find_file(&image, dataset->root, id, files->image);
    if (!status && !image)
        status = rmseg_fail(RMSEG_ERROR_FILE, "%s: case %s of the list has no %s: expected %s/%s/%s", dataset->root, id,
                            files->image, dataset->root, id, files->image);
    if (!status) status = rmseg_names_add(&one->images, image);
    if (!status) status = find_file(&label, dataset->root, id, files->label);
    if (!status && label) status = rmseg_names_add(&one->labels, label);
    if (!status && !label)
        status = rmseg_path_format(&one->lacks, "its label is missing: expected %s beside %s", files->label, image);
    if (!status && !label && labels) status = rmseg_case_fail_lacking(one);
    rmseg_free(image);
    rmseg_free(label);
    return status;
}

static rmseg_status add_list(rmseg_dataset *dataset, const rmseg_names *ids, const files *files, bool labels)
{
    for (int64_t i = 0; i < ids->count; i++) RMSEG_TRY(add_case(dataset, ids->items[i], files, labels));
    return RMSEG_OK;
}

/* Without lists: the folders of one place that hold a scan. */
static rmseg_status scan_place(rmseg_dataset *dataset, const char *place, const files *files, bool labels)
{
    char *folder = NULL;
    rmseg_names names = {0};
    RMSEG_TRY(rmseg_path_format(&folder, "%s/%s", dataset->root, place));
    rmseg_status status = rmseg_folder_exists(folder) ? rmseg_folder_list(&names, folder) : RMSEG_OK;
    for (int64_t i = 0; i < names.count && !status; i++) {
        char *path = NULL;
        status = rmseg_path_format(&path, "%s%s/%s", folder, names.items[i], files->image);
        if (!status && rmseg_file_exists(path)) status = add_case(dataset, names.items[i], files, labels);
        rmseg_free(path);
    }
    rmseg_names_destroy(&names);
    rmseg_free(folder);
    return status;
}

static rmseg_status add_cases(rmseg_dataset *dataset, const lists *l, const files *files, bool labels)
{
    bool train = strcmp(dataset->split, "test") != 0, test = strcmp(dataset->split, "train") != 0;
    if (!l->has_train && !l->has_test) {
        for (int i = 0; i < PLACES && train; i++) RMSEG_TRY(scan_place(dataset, places[i], files, labels));
        return RMSEG_OK;
    }
    if (train && !test && !l->has_train)
        return rmseg_fail(RMSEG_ERROR_FILE,
                          "%s: there is a test.list, but no train.list, which split train is read from", dataset->root);
    if (train) RMSEG_TRY(add_list(dataset, &l->train, files, labels));
    if (test) RMSEG_TRY(add_list(dataset, &l->test, files, labels));
    return RMSEG_OK;
}

static rmseg_status open_files(rmseg_dataset *dataset, const files *files, bool labels)
{
    lists l = {0};
    rmseg_status status = read_lists(&l, dataset->root);
    if (!status) status = add_cases(dataset, &l, files, labels);
    rmseg_names_destroy(&l.train);
    rmseg_names_destroy(&l.test);
    RMSEG_TRY(status);
    dataset->classes = 2;
    return rmseg_dataset_add_region(dataset, "atrium", (const int32_t[]){1}, 1);
}

static rmseg_status la_open(rmseg_dataset *dataset, bool labels) { return open_files(dataset, &shared, labels); }

static rmseg_status la_raw_open(rmseg_dataset *dataset, bool labels)
{
    dataset->mask_255 = true;
    return open_files(dataset, &raw, labels);
}

const rmseg_layout rmseg_layout_la = {
    .info =
        {
            .name = "la",
            .help = "left atrium, late gadolinium-enhanced MRI, as HDF5: z-scored and cropped around the truth, test "
                    "cases too",
            .tree =
                "DIR/train.list, DIR/test.list     (names of cases, one a line; without both, all are split train)\n"
                "DIR/CASE/mri_norm2.h5             (datasets image, float (x,y,z), and label, 0 or 1)\n",
            .defaults = "patch=112,112,80 normalize=none augment=rot90-dh,flip-d",
            .source = "https://github.com/yulequan/UA-MT (data of Xiong et al., Medical Image Analysis 67, 2021)",
        },
    .expected = "train.list, test.list and CASE/mri_norm2.h5 with the datasets image and label",
    .open = la_open,
    .read_label = rmseg_layout_read_label,
};

const rmseg_layout rmseg_layout_la_raw = {
    .info =
        {
            .name = "la-raw",
            .help = "left atrium as the challenge gives it: whole scans; --crop label cuts them around the truth",
            .tree =
                "DIR/CASE/lgemri.nrrd              (also in DIR/Training Set and DIR/Testing Set)\n"
                "DIR/CASE/laendo.nrrd              (255: the atrium)\n"
                "DIR/train.list, DIR/test.list     (names of cases, one a line; without both, all are split train)\n",
            .defaults = "patch=80,112,112 augment=rot90,flip-h",
            .source =
                "https://www.cardiacatlas.org/atriaseg2018-challenge (Xiong et al., Medical Image Analysis 67, 2021)",
        },
    .expected = "CASE/lgemri.nrrd with CASE/laendo.nrrd, and train.list and test.list where the cases are split",
    .open = la_raw_open,
    .read_label = rmseg_layout_read_label,
};
