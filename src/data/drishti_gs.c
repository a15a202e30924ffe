/*
 * drishti_gs.c - layout drishti-gs: Drishti-GS1 as its owners publish it.
 *
 * Each case has two soft maps, of the disc and of the cup, whose values 0, 64, 128, 191, 255 say that 0 to 4 of 4
 * experts marked the pixel. Label: 0 background, 1 disc outside the cup, 2 cup. The tree comes in variants (images in
 * subfolders, other names for the folder of the truth, a folder around it all); each is accepted.
 */
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "data/layouts.h"

typedef struct part {
    const char *split, *folder, *truth[3]; /* of the truth: its names, the commonest first */
} part;

static const part parts[] = {
    {"train", "Training", {"GT", "Training_GT", "Train_GT"}},
    {"test", "Test", {"GT", "Test_GT", "Testing_GT"}},
};
enum { PARTS = sizeof parts / sizeof *parts };

static rmseg_status has_parts(bool *has, const char *folder)
{
    *has = false;
    for (int i = 0; i < PARTS; i++) {
        char *path = rmseg_path_join(folder, parts[i].folder);
        if (!path) return RMSEG_ERROR_MEMORY;
        *has = *has || rmseg_folder_exists(path);
        rmseg_free(path);
    }
    return RMSEG_OK;
}

/* The one subfolder that holds Training or Test; *found stays NULL where there is none. */
static rmseg_status search_subfolders(char **found, const char *root, const rmseg_names *names)
{
    for (int64_t i = 0; i < names->count; i++) {
        char *path = rmseg_path_join(root, names->items[i]);
        if (!path) return RMSEG_ERROR_MEMORY;
        bool has = false;
        rmseg_status status = has_parts(&has, path);
        if (status == RMSEG_OK && has && *found)
            status =
                rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s holds more than one Drishti-GS: %s and %s; name the one you mean",
                           root, *found, path);
        if (status == RMSEG_OK && has)
            *found = path;
        else
            rmseg_free(path);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}

/* The dataset's own folder: the one given, or the one subfolder of it that looks like it. */
static rmseg_status find_root(char **root, const char *given)
{
    bool here = false;
    RMSEG_TRY(has_parts(&here, given));
    char *found = NULL;
    if (here) {
        found = rmseg_strdup(given);
        if (!found) return RMSEG_ERROR_MEMORY;
    } else {
        rmseg_names names = {0};
        rmseg_status status = rmseg_folder_list(&names, given);
        if (status == RMSEG_OK) status = search_subfolders(&found, given, &names);
        rmseg_names_destroy(&names);
        if (status == RMSEG_OK && !found)
            status = rmseg_fail(RMSEG_ERROR_FILE,
                                "%s: neither Training nor Test is in it, nor in a folder of it; layout "
                                "drishti-gs expects %s",
                                given, rmseg_layout_drishti_gs.expected);
        if (status != RMSEG_OK) {
            rmseg_free(found);
            return status;
        }
    }
    *root = found;
    return RMSEG_OK;
}

static bool has_case(const rmseg_dataset *dataset, const char *id)
{
    for (int64_t i = 0; i < dataset->count; i++)
        if (!strcmp(dataset->cases[i].id, id)) return true;
    return false;
}

/* Adds the images of a folder. One that is there already, because ALL repeats GLAUCOMA and NORMAL, is passed over. */
static rmseg_status add_images(rmseg_dataset *dataset, const char *folder, const rmseg_names *names)
{
    for (int64_t i = 0; i < names->count; i++) {
        if (!rmseg_is_image_name(names->items[i])) continue;
        char *id = rmseg_path_stem(names->items[i]);
        char *path = rmseg_path_join(folder, names->items[i]);
        rmseg_case *added = NULL;
        rmseg_status status = id && path ? RMSEG_OK : RMSEG_ERROR_MEMORY;
        if (status == RMSEG_OK && !has_case(dataset, id)) {
            status = rmseg_dataset_add_case(&added, dataset, id);
            if (status == RMSEG_OK) status = rmseg_names_add(&added->images, path);
        }
        rmseg_free(id);
        rmseg_free(path);
        RMSEG_TRY(status);
    }
    return RMSEG_OK;
}

static rmseg_status add_folder(rmseg_dataset *dataset, const char *folder)
{
    rmseg_names names = {0};
    RMSEG_TRY(rmseg_folder_list(&names, folder));
    rmseg_status status = add_images(dataset, folder, &names);
    for (int64_t i = 0; status == RMSEG_OK && i < names.count; i++) {
        const char *name = names.items[i];
        if (strcasecmp(name, "GLAUCOMA") && strcasecmp(name, "NORMAL") && strcasecmp(name, "ALL")) continue;
        char *path = rmseg_path_join(folder, name);
        rmseg_names inner = {0};
        status = path ? rmseg_folder_list(&inner, path) : RMSEG_ERROR_MEMORY;
        if (status == RMSEG_OK) status = add_images(dataset, path, &inner);
        rmseg_names_destroy(&inner);
        rmseg_free(path);
    }
    rmseg_names_destroy(&names);
    return status;
}

/* The folder of the truth; *truth stays NULL where there is none. */
static rmseg_status find_truth(char **truth, const char *root, const part *part)
{
    for (size_t i = 0; i < sizeof part->truth / sizeof *part->truth; i++) {
        char *path = NULL;
        RMSEG_TRY(rmseg_path_format(&path, "%s/%s/%s", root, part->folder, part->truth[i]));
        if (rmseg_folder_exists(path)) {
            *truth = path;
            return RMSEG_OK;
        }
        rmseg_free(path);
    }
    return RMSEG_OK;
}

/* Gives a case its two soft maps, disc first. Without `needed`, a case that lacks one has none. `truth` may be missing. */
static rmseg_status add_maps(rmseg_case *one, const char *truth, bool needed)
{
    static const char *const kinds[] = {"ODseg", "cupseg"};
    char *paths[2] = {NULL, NULL};
    rmseg_status status = RMSEG_OK;
    for (int i = 0; status == RMSEG_OK && i < 2; i++) {
        status = rmseg_path_format(&paths[i], "%s/%s/SoftMap/%s_%sSoftmap.png", truth, one->id, one->id, kinds[i]);
        if (status != RMSEG_OK || one->lacks || rmseg_file_exists(paths[i])) continue;
        status = rmseg_path_format(&one->lacks, "its %s soft map is missing: expected %s for the image %s",
                                   i ? "cup" : "disc", paths[i], one->images.items[0]);
        if (status == RMSEG_OK && needed) status = rmseg_case_fail_lacking(one);
    }
    for (int i = 0; status == RMSEG_OK && !one->lacks && i < 2; i++) status = rmseg_names_add(&one->labels, paths[i]);
    rmseg_free(paths[0]);
    rmseg_free(paths[1]);
    return status;
}

static rmseg_status add_part(rmseg_dataset *dataset, const char *root, const part *part, bool labels)
{
    char *images = NULL, *truth = NULL;
    int64_t before = dataset->count;
    RMSEG_TRY(rmseg_path_format(&images, "%s/%s/Images", root, part->folder));
    rmseg_status status = add_folder(dataset, images);
    rmseg_free(images);
    RMSEG_TRY(status);
    RMSEG_TRY(find_truth(&truth, root, part));
    if (!truth && labels)
        return rmseg_fail(RMSEG_ERROR_FILE, "%s/%s: the folder of the truth is missing: expected %s or %s in it", root,
                          part->folder, part->truth[0], part->truth[1]);
    if (!truth) RMSEG_TRY(rmseg_path_format(&truth, "%s/%s/%s", root, part->folder, part->truth[0]));
    for (int64_t i = before; status == RMSEG_OK && i < dataset->count; i++)
        status = add_maps(&dataset->cases[i], truth, labels);
    rmseg_free(truth);
    return status;
}

static rmseg_status add_parts(rmseg_dataset *dataset, const char *root, bool labels)
{
    bool all = !strcmp(dataset->split, "all");
    for (int i = 0; i < PARTS; i++) {
        if (!all && strcmp(dataset->split, parts[i].split)) continue;
        char *folder = rmseg_path_join(root, parts[i].folder);
        if (!folder) return RMSEG_ERROR_MEMORY;
        bool there = rmseg_folder_exists(folder);
        rmseg_free(folder);
        if (there)
            RMSEG_TRY(add_part(dataset, root, &parts[i], labels));
        else if (!all)
            return rmseg_fail(RMSEG_ERROR_FILE,
                              "%s: no folder %s, which split %s is read from; layout drishti-gs expects %s", root,
                              parts[i].folder, dataset->split, rmseg_layout_drishti_gs.expected);
    }
    return RMSEG_OK;
}

static rmseg_status drishti_open(rmseg_dataset *dataset, bool labels)
{
    char *root = NULL;
    RMSEG_TRY(find_root(&root, dataset->root));
    rmseg_status status = add_parts(dataset, root, labels);
    rmseg_free(root);
    RMSEG_TRY(status);
    dataset->classes = 3;
    RMSEG_TRY(rmseg_dataset_add_region(dataset, "disc", (const int32_t[]){1, 2}, 2));
    return rmseg_dataset_add_region(dataset, "cup", (const int32_t[]){2}, 1);
}

/* ---- soft maps -------------------------------------------------------------------------------------------------- */

static int64_t odd_pixels(const rmseg_image *map)
{
    bool known[256] = {[0] = true, [64] = true, [128] = true, [191] = true, [255] = true};
    const uint8_t *values = map->data;
    int64_t voxels = rmseg_image_voxels(map), odd = 0;
    for (int64_t i = 0; i < voxels; i++) odd += !known[values[i]];
    return odd;
}

static rmseg_status read_map(rmseg_image **map, int64_t *odd, const char *path)
{
    RMSEG_TRY(rmseg_grey_read(map, path));
    if ((*map)->dtype != RMSEG_U8)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: a soft map of %d bits; expected 8 bits with the values 0, 64, 128, 191 and "
                          "255 (0 to 4 of 4 experts)",
                          path, (int)rmseg_dtype_size((*map)->dtype) * 8);
    *odd = odd_pixels(*map);
    return RMSEG_OK;
}

static void warn_once(const rmseg_dataset *dataset, int64_t index, const int64_t odd[2])
{
    if (odd[0] + odd[1] == 0 || atomic_exchange(&dataset->warned[index], true)) return;
    const rmseg_case *one = &dataset->cases[index];
    const char *file = one->labels.items[odd[0] == 0];
    rmseg_warn("%s%s: %lld pixels have values other than 0, 64, 128, 191, 255 (0 to 4 of 4 experts); set is where the "
               "value is at least %g",
               file, odd[0] && odd[1] ? " and the cup's map beside it" : "", (long long)(odd[0] + odd[1]),
               dataset->threshold);
}

static rmseg_status join_maps(rmseg_image **label, rmseg_image *const maps[2], double threshold)
{
    RMSEG_TRY(rmseg_image_create(label, RMSEG_I32, 1, maps[0]->size));
    const uint8_t *disc = maps[0]->data, *cup = maps[1]->data;
    int32_t *out = (*label)->data;
    int64_t voxels = rmseg_image_voxels(*label);
    for (int64_t i = 0; i < voxels; i++) /* a cup outside its disc is still cup */
        out[i] = cup[i] >= threshold ? 2 : disc[i] >= threshold ? 1 : 0;
    return RMSEG_OK;
}

static rmseg_status drishti_read_label(rmseg_image **label, const rmseg_dataset *dataset, int64_t index,
                                       const rmseg_image *image)
{
    const rmseg_case *one = &dataset->cases[index];
    rmseg_image *maps[2] = {NULL, NULL};
    int64_t odd[2] = {0, 0};
    rmseg_status status = RMSEG_OK;
    for (int i = 0; i < 2 && status == RMSEG_OK; i++) {
        status = read_map(&maps[i], &odd[i], one->labels.items[i]);
        if (status == RMSEG_OK) status = rmseg_mask_fits(maps[i], one->labels.items[i], image, one);
    }
    if (status == RMSEG_OK) status = join_maps(label, maps, dataset->threshold);
    if (status == RMSEG_OK) warn_once(dataset, index, odd);
    rmseg_image_destroy(maps[0]);
    rmseg_image_destroy(maps[1]);
    return status;
}

const rmseg_layout rmseg_layout_drishti_gs = {
    .info =
        {
            .name = "drishti-gs",
            .help = "Drishti-GS1: fundus photographs with optic disc and cup marked by four experts",
            .tree = "DIR/Training/Images/drishtiGS_002.png ...            (or in Images/GLAUCOMA, NORMAL, ALL)\n"
                    "DIR/Training/GT/drishtiGS_002/SoftMap/drishtiGS_002_ODsegSoftmap.png\n"
                    "DIR/Training/GT/drishtiGS_002/SoftMap/drishtiGS_002_cupsegSoftmap.png\n"
                    "DIR/Test/Images/... and DIR/Test/Test_GT/...         (or Test/GT)\n"
                    "DIR may also be the folder above.\n",
            .defaults = "grid=512,512 augment=flip-w",
            .source =
                "http://cvit.iiit.ac.in/projects/mip/drishti-gs/mip-dataset2/Home.php (Sivaswamy et al., ISBI 2014)",
        },
    .expected =
        "Training/Images/ID.png with Training/GT/ID/SoftMap/ID_ODsegSoftmap.png and ID_cupsegSoftmap.png, and the "
        "same under Test (truth in Test/GT or Test/Test_GT)",
    .open = drishti_open,
    .read_label = drishti_read_label,
};
