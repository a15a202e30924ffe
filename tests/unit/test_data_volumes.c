/* Layouts of volumes: what is found, what is read, and one sentence for each thing that is wrong. */
#include <math.h>

#include "test_data.h"

/* ---- small files ------------------------------------------------------------------------------------------------ */

static void write_volume(const char *path, int first, int step, int most)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_folder_create_for(path));
    assert_ok(rmseg_image_create(&image, RMSEG_U8, 1, (const int64_t[]){2, 3, 4}));
    for (int i = 0; i < 24; i++) ((uint8_t *)image->data)[i] = (uint8_t)((first + step * i) % most);
    image->has_spacing = true;
    image->spacing[0] = 2.5;
    assert_ok(rmseg_image_write(image, path));
    rmseg_image_destroy(image);
}

static void write_text(const char *path, const char *text)
{
    assert_ok(rmseg_folder_create_for(path));
    assert_ok(rmseg_file_write(path, text, strlen(text)));
}

static void copy_file(const char *to, const char *from)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_ok(rmseg_folder_create_for(to));
    assert_ok(rmseg_file_read(&bytes, &length, from, 0));
    assert_ok(rmseg_file_write(to, bytes, length));
    rmseg_free(bytes);
}

static rmseg_dataset *open_dataset(const char *layout, const char *root, const char *split, bool labels)
{
    rmseg_dataset *dataset = NULL;
    assert_ok(rmseg_dataset_open(&dataset, layout, root, split, 128, labels));
    return dataset;
}

static void assert_refused(const char *layout, const char *root, const char *split, const char *words)
{
    rmseg_dataset *dataset = NULL;
    rmseg_status status = rmseg_dataset_open(&dataset, layout, root, split, 128, true);
    if (status == RMSEG_OK) fail_msg("%s %s: opened, expected \"%s\"", layout, root, words);
    if (!strstr(rmseg_error_last(), words)) fail_msg("\"%s\" does not say \"%s\"", rmseg_error_last(), words);
}

static void assert_ids(const rmseg_dataset *dataset, const char *ids)
{
    rmseg_text found = {0};
    for (int64_t i = 0; i < dataset->count; i++) rmseg_text_addf(&found, "%s%s", i ? " " : "", dataset->cases[i].id);
    assert_string_equal(found.data, ids);
    rmseg_text_destroy(&found);
}

static int32_t label_at(const rmseg_dataset *dataset, int64_t index, int64_t voxel)
{
    rmseg_image *image = NULL, *label = NULL;
    assert_ok(rmseg_case_read(&image, &label, dataset, index));
    int32_t value = ((int32_t *)label->data)[voxel];
    rmseg_image_destroy(image);
    rmseg_image_destroy(label);
    return value;
}

static void assert_unreadable(const rmseg_dataset *dataset, int64_t index, const char *words)
{
    rmseg_image *image = NULL, *label = NULL;
    assert_true(rmseg_case_read(&image, &label, dataset, index) != RMSEG_OK);
    if (!strstr(rmseg_error_last(), words)) fail_msg("\"%s\" does not say \"%s\"", rmseg_error_last(), words);
}

/* ---- la --------------------------------------------------------------------------------------------------------- */

static bool has_hdf5(void)
{
    const rmseg_format_info *info;
    for (int64_t i = 0; (info = rmseg_image_formats(i)); i++)
        if (!strcmp(info->name, "HDF5")) return info->reads;
    return false;
}

static void the_shared_form_of_la_is_read(void **state)
{
    (void)state;
    if (!has_hdf5()) skip();
    for (int i = 0; i < 3; i++) copy_file(at("la/case%d/mri_norm2.h5", i), RMSEG_GOLDEN "/image/volumes/la.h5");
    write_text(at("la/train.list"), "case2\r\ncase0\n\n");
    write_text(at("la/test.list"), "case1/\n");
    rmseg_dataset *dataset = open_dataset("la", at("la"), "train", true);
    assert_ids(dataset, "case0 case2");
    assert_int_equal(dataset->spatial, 3);
    assert_int_equal(dataset->classes, 2);
    assert_string_equal(dataset->regions[0].name, "atrium");
    FILE *expected = fopen(RMSEG_GOLDEN "/image/volumes/la-label.txt", "r");
    for (int i = 0, value; i < 24; i++) {
        assert_int_equal(fscanf(expected, "%d", &value), 1);
        assert_int_equal(label_at(dataset, 0, i), value);
    }
    fclose(expected);
    rmseg_dataset_destroy(dataset);
    rmseg_dataset_destroy(dataset = open_dataset("la", at("la"), "test", false));
    dataset = open_dataset("la", at("la"), "all", true);
    assert_ids(dataset, "case0 case1 case2");
    rmseg_dataset_destroy(dataset);

    copy_file(at("la/case2/mri_norm2.h5"), RMSEG_GOLDEN "/image/volumes/half.h5");
    dataset = open_dataset("la", at("la"), "train", true);
    assert_unreadable(dataset, 1, "case2/mri_norm2.h5: this HDF5 has no dataset \"label\" (it has image)");
    rmseg_dataset_destroy(dataset);
    write_text(at("la/test.list"), "case1\ncase0\n");
    assert_refused("la", at("la"), "train", "case case0 is in ");
    write_text(at("la/test.list"), "case1\ncase7\n");
    assert_refused("la", at("la"), "test", "case case7 of the list has no mri_norm2.h5: expected ");
    write_text(at("la/test.list"), "\n");
    assert_refused("la", at("la"), "train", "test.list: names no case");
    assert_ok(rmseg_file_remove(at("la/test.list")));
    assert_ok(rmseg_file_remove(at("la/train.list")));
    dataset = open_dataset("la", at("la"), "train", true);
    assert_ids(dataset, "case0 case1 case2");
    rmseg_dataset_destroy(dataset);
    assert_refused("la", at("la"), "test", "no images of split test; layout la expects train.list");
}

static void la_as_the_challenge_gives_it_is_read(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        write_volume(at("raw/Training Set/c%d/lgemri.nrrd", i), i, 7, 200);
        write_volume(at("raw/Training Set/c%d/laendo.nrrd", i), 0, 255, 510);
    }
    rmseg_dataset *dataset = open_dataset("la-raw", at("raw"), "train", true);
    assert_ids(dataset, "c0 c1");
    assert_int_equal(label_at(dataset, 0, 0), 0);
    assert_int_equal(label_at(dataset, 0, 1), 1);
    rmseg_dataset_destroy(dataset);
    write_volume(at("raw/Training Set/c1/laendo.nrrd"), 0, 1, 4);
    dataset = open_dataset("la-raw", at("raw"), "train", true);
    assert_unreadable(dataset, 1, "laendo.nrrd: label 2 is not one of the classes 0 to 1");
    rmseg_dataset_destroy(dataset);
    assert_ok(rmseg_file_remove(at("raw/Training Set/c1/laendo.nrrd")));
    assert_refused("la-raw", at("raw"), "train", "case c1: its label is missing: expected laendo.nrrd beside ");
    rmseg_dataset_destroy(open_dataset("la-raw", at("raw"), "train", false));
}

/* ---- nnunet ----------------------------------------------------------------------------------------------------- */

#define VERSION_2                                                                                                      \
    "{\"channel_names\": {\"0\": \"T1\", \"1\": \"T2\"}, \"labels\": {\"background\": 0, \"whole, all\": [1, 2], "     \
    "\"core\": 2}, \"numTraining\": 2, \"file_ending\": \".nrrd\"}"

static void nnunets_datasets_are_read(void **state)
{
    (void)state;
    write_text(at("n/dataset.json"), VERSION_2);
    for (int i = 0; i < 2; i++) {
        for (int c = 0; c < 2; c++) write_volume(at("n/imagesTr/case_%d_%04d.nrrd", i, c), i + c, 5, 250);
        write_volume(at("n/labelsTr/case_%d.nrrd", i), 0, 1, 3);
    }
    rmseg_dataset *dataset = open_dataset("nnunet", at("n"), "train", true);
    assert_ids(dataset, "case_0 case_1");
    assert_int_equal(dataset->channels, 2);
    assert_int_equal(dataset->classes, 3);
    assert_int_equal(dataset->region_count, 2);
    assert_string_equal(dataset->regions[0].name, "whole_ all");
    assert_int_equal(dataset->regions[0].count, 2);
    assert_int_equal(dataset->regions[0].value, 1);
    assert_int_equal(dataset->regions[1].value, 2);
    assert_int_equal(label_at(dataset, 1, 2), 2);
    rmseg_dataset_destroy(dataset);

    write_volume(at("n/imagesTs/x_0000.nrrd"), 0, 5, 250);
    assert_refused("nnunet", at("n"), "test", "x_0001.nrrd is missing: case x needs 2 channels by ");
    write_volume(at("n/labelsTr/case_1.nrrd"), 0, 1, 4);
    dataset = open_dataset("nnunet", at("n"), "train", true);
    assert_unreadable(dataset, 1, "case_1.nrrd: label 3 is not one of the classes 0 to 2");
    rmseg_dataset_destroy(dataset);
    assert_ok(rmseg_file_remove(at("n/labelsTr/case_1.nrrd")));
    assert_refused("nnunet", at("n"), "train", "case case_1: its label is missing: expected ");
    assert_ok(rmseg_file_remove(at("n/imagesTr/case_1_0000.nrrd")));
    assert_refused("nnunet", at("n"), "train", "numTraining is 2, but imagesTr has 1 cases");
}

/* One channel needs no number, and the list says which cases there are. */
static void nnunets_first_version_is_read(void **state)
{
    (void)state;
    write_text(
        at("n/dataset.json"),
        "{\"modality\": {\"0\": \"MRI\"}, \"labels\": {\"0\": \"background\", \"1\": \"Anterior\"}, \"numTraining\": 2,"
        "\"training\": [{\"image\": \"./imagesTr/a.nii.gz\", \"label\": \"./labelsTr/a.nii.gz\"},"
        "{\"image\": \"./imagesTr/b.nii.gz\", \"label\": \"./labelsTr/b.nii.gz\"}]}");
    write_volume(at("n/imagesTr/a_0000.nii.gz"), 0, 5, 250);
    write_volume(at("n/imagesTr/b.nii.gz"), 0, 5, 250);
    write_volume(at("n/imagesTr/not_listed_0000.nii.gz"), 0, 5, 250);
    write_volume(at("n/labelsTr/a.nii.gz"), 0, 1, 2);
    write_volume(at("n/labelsTr/b.nii.gz"), 0, 1, 2);
    rmseg_dataset *dataset = open_dataset("nnunet", at("n"), "train", true);
    assert_ids(dataset, "a b");
    assert_string_equal(dataset->regions[0].name, "Anterior");
    rmseg_dataset_destroy(dataset);
    assert_ok(rmseg_file_remove(at("n/imagesTr/b.nii.gz")));
    assert_refused("nnunet", at("n"), "train", "b_0000.nii.gz is missing: case b needs 1 channel by ");
}

/* "dataset" says where the files lie; a picture's channels may all be in its first file. */
static void nnunets_files_are_found_wherever_they_are(void **state)
{
    (void)state;
    write_text(at("n/dataset.json"),
               "{\"channel_names\": {\"0\": \"CT\"}, \"labels\": {\"background\": 0, \"organ\": 1}, \"numTraining\": 1,"
               "\"overwrite_image_reader_writer\": null, \"regions_class_order\": [1],"
               "\"dataset\": {\"one\": {\"images\": [\"./far/image.nii.gz\"], \"label\": \"truth.nrrd\"}}}");
    assert_refused("nnunet", at("n"), "train", "far/image.nii.gz, which is not there");
    write_volume(at("n/far/image.nii.gz"), 0, 5, 250);
    assert_refused("nnunet", at("n"), "train", "case one: its label is missing: expected ");
    write_volume(at("n/truth.nrrd"), 0, 1, 2);
    rmseg_dataset *dataset = open_dataset("nnunet", at("n"), "train", true);
    assert_ids(dataset, "one");
    assert_int_equal(label_at(dataset, 0, 3), 1);
    rmseg_dataset_destroy(dataset);

    write_text(
        at("n/dataset.json"),
        "{\"channel_names\": {\"0\": \"R\", \"1\": \"G\", \"2\": \"B\"}, \"labels\": {\"background\": 0, \"road\": 1},"
        "\"file_ending\": \".mha\", \"overwrite_image_reader_writer\": \"NaturalImage2DIO\"}");
    copy_file(at("n/imagesTr/a_0000.mha"), RMSEG_GOLDEN "/image/volumes/colours.mha");
    assert_refused("nnunet", at("n"), "train", "a.mha for the image ");
    dataset = open_dataset("nnunet", at("n"), "train", false);
    assert_int_equal(dataset->channels, 3);
    rmseg_dataset_destroy(dataset);
}

static void wrong_descriptions_are_told(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", "dataset.json: line 1, column 0"},
        {"[1]", "expected a JSON object"},
        {"{}", "\"channel_names\" is missing"},
        {"{\"modality\": {\"0\": \"CT\"}}", "\"labels\" is missing"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"background\": 0}}", "a label above 0"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": \"b\"}}", "label \"b\" of \"labels\" has no number"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": -1}}", "label \"a\" of \"labels\" has no number"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": []}}", "label \"a\" of \"labels\" has no number"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1.5}}", "label \"a\" of \"labels\" has no number"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1, \"ignore\": 2}}", "it has an ignore label"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1}, \"file_ending\": 1}",
         "\"file_ending\" is missing or"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1}, \"overwrite_image_reader_writer\": \"MyIO\"}",
         "is \"MyIO\", a reader that rmseg does not have"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1}, \"regions_class_order\": [1, 2]}",
         "expected a list of one number for each region"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1}, \"regions_class_order\": [0]}",
         "expected whole numbers above 0"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1}, \"numTraining\": \"many\"}",
         "\"numTraining\" is missing or not"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1}, \"dataset\": {\"x\": {}}}",
         "case x of \"dataset\" names no file"},
        {"{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"a\": 1}, \"training\": [1]}",
         "entry 1 of \"training\" has no"},
    };
    assert_refused("nnunet", at("."), "train", "dataset.json: No such file");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(at("w/dataset.json"), texts[i][0]);
        assert_refused("nnunet", at("w"), "train", texts[i][1]);
    }
}

static void an_order_that_is_not_rmsegs_is_refused(void **state)
{
    (void)state;
#define ORDER(order)                                                                                                   \
    "{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"whole\": [1, 2], \"core\": [2]}, \"regions_class_order\": [" order \
    "]}"
    write_volume(at("n/imagesTr/a_0000.nii.gz"), 0, 5, 250);
    write_volume(at("n/labelsTr/a.nii.gz"), 0, 1, 3);
    write_text(at("n/dataset.json"), ORDER("1, 2"));
    rmseg_dataset_destroy(open_dataset("nnunet", at("n"), "train", true));
    write_text(at("n/dataset.json"), ORDER("2, 1"));
    assert_refused("nnunet", at("n"), "train", "regions_class_order writes it as 2, rmseg writes it as 1");
}

/* ---- msd -------------------------------------------------------------------------------------------------------- */

static void the_decathlons_tasks_are_read(void **state)
{
    (void)state;
    write_text(
        at("m/dataset.json"),
        "{\"modality\": {\"0\": \"CT\"}, \"labels\": {\"0\": \"background\", \"1\": \"organ\", \"2\": \"tumour\"},"
        "\"training\": [{\"image\": \"./imagesTr/b.nii.gz\", \"label\": \"./labelsTr/b.nii.gz\"},"
        "{\"image\": \"imagesTr/a.nii.gz\", \"label\": \"labelsTr/a.nii.gz\"}], \"test\": [\"./imagesTs/t.nii.gz\"]}");
    for (int i = 0; i < 2; i++) {
        write_volume(at("m/imagesTr/%c.nii.gz", "ab"[i]), 0, 5, 250);
        write_volume(at("m/labelsTr/%c.nii.gz", "ab"[i]), 0, 1, 3);
    }
    assert_refused("msd", at("m"), "test", "imagesTs/t.nii.gz, which is not there");
    write_volume(at("m/imagesTs/t.nii.gz"), 0, 5, 250);
    rmseg_dataset *dataset = open_dataset("msd", at("m"), "train", true);
    assert_ids(dataset, "a b");
    assert_int_equal(dataset->classes, 3);
    assert_string_equal(dataset->regions[1].name, "tumour");
    assert_int_equal(label_at(dataset, 0, 2), 2);
    rmseg_dataset_destroy(dataset);
    rmseg_dataset_destroy(open_dataset("msd", at("m"), "test", false));
    assert_refused("msd", at("m"), "test", "case t: its label is not given");
    for (int i = 0; i < 2; i++)
        copy_file(at("m/imagesTr/%c.nii.gz", "ab"[i]), RMSEG_GOLDEN "/image/nifti/channels.nii.gz");
    assert_refused("msd", at("m"), "train", "a.nii.gz has 6 channels, but the dataset.json of ");
    assert_ok(rmseg_file_remove(at("m/labelsTr/b.nii.gz")));
    assert_refused("msd", at("m"), "train", "dataset.json names ");
}

static void the_decathlons_channels_are_a_fourth_axis(void **state)
{
    (void)state;
#define LISTS(test, number)                                                                                            \
    "{\"modality\": {\"0\": \"a\", \"1\": \"b\", \"2\": \"c\", \"3\": \"d\", \"4\": \"e\", \"5\": \"f\"}, "            \
    "\"labels\": {\"1\": \"x\"},"                                                                                      \
    "\"numTraining\": " number                                                                                         \
    ", \"training\": [{\"image\": \"./a.nii.gz\", \"label\": \"./b.nii.gz\"}], \"test\": [" test "]}"
    write_text(at("m/dataset.json"), LISTS("", "1"));
    copy_file(at("m/a.nii.gz"), RMSEG_GOLDEN "/image/nifti/channels.nii.gz");
    write_volume(at("m/b.nii.gz"), 0, 1, 2);
    rmseg_dataset *dataset = open_dataset("msd", at("m"), "train", true);
    assert_int_equal(dataset->channels, 6);
    assert_int_equal(dataset->spatial, 3);
    rmseg_dataset_destroy(dataset);
    write_text(at("m/dataset.json"), LISTS("", "9"));
    assert_refused("msd", at("m"), "train", "numTraining is 9, but \"training\" lists 1 cases");
    write_text(at("m/dataset.json"), LISTS("\"./a.nii.gz\"", "1"));
    assert_refused("msd", at("m"), "train", "./a.nii.gz is in \"training\" and in \"test\"");
}

/* ---- csv -------------------------------------------------------------------------------------------------------- */

static void tables_are_read(void **state)
{
    (void)state;
    write_volume(at("c/one, two.nrrd"), 0, 5, 250);
    write_volume(at("c/second.mha"), 3, 5, 250);
    write_volume(at("c/truth/l.nii.gz"), 0, 255, 510);
    write_text(at("c/dataset.csv"), "\xef\xbb\xbf"
                                    "image,label,split,image2,note\r\n"
                                    "\"one, two.nrrd\",truth/l.nii.gz,train,second.mha,\"he said \"\"go\"\"\"\r\n"
                                    "\r\n"
                                    "second.mha,,test,second.mha,\r\n");
    rmseg_dataset *dataset = open_dataset("csv", at("c"), "train", true);
    assert_ids(dataset, "one, two");
    assert_int_equal(dataset->channels, 2);
    assert_int_equal(label_at(dataset, 0, 1), 1);
    rmseg_dataset_destroy(dataset);
    dataset = open_dataset("csv", at("c/dataset.csv"), "test", false);
    assert_ids(dataset, "second");
    rmseg_dataset_destroy(dataset);
    assert_refused("csv", at("c"), "test", "case second: line 4 of ");
    static const char *const texts[][2] = {
        {"", "the table is empty"},
        {"picture,label\n", "line 1 names no column \"image\""},
        {"image,label\nsecond.mha\n", "line 2 has 1 cells, but the first line names 2 columns"},
        {"image,label\n,truth/l.nii.gz\n", "line 2 names no image"},
        {"image,label\nnowhere.mha,truth/l.nii.gz\n", "nowhere.mha, which is not there"},
        {"image,label,split\nsecond.mha,truth/l.nii.gz,val\n", "line 2 has the split \"val\"; expected train or test"},
        {"image,label,split\nsecond.mha,truth/l.nii.gz,train\nsecond.mha,truth/l.nii.gz,test\n",
         "case second is in split train and in split test"},
        {"image,label\nsecond.mha,truth/l.nii.gz\nsecond.mha,truth/l.nii.gz\n", "/c is listed twice: "},
        {"image,label,case\nsecond.mha,truth/l.nii.gz,a/b\n", "names a case with a \"/\" in it"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(at("c/dataset.csv"), texts[i][0]);
        assert_refused("csv", at("c"), "train", texts[i][1]);
    }
    assert_refused("csv", at("c/missing.csv"), "train", "no such folder; layout csv expects dataset.csv in it");
}

/* ---- any of them ------------------------------------------------------------------------------------------------ */

static void files_that_do_not_fit_are_told(void **state)
{
    (void)state;
    rmseg_image *image = NULL;
    write_volume(at("images/a.nii.gz"), 0, 5, 250);
    write_volume(at("labels/a.nii.gz"), 0, 1, 2);
    rmseg_dataset *dataset = open_dataset("folder", at("."), "train", true);
    assert_ok(rmseg_image_read(&image, at("labels/a.nii.gz")));
    image->origin[1] += 5;
    assert_ok(rmseg_image_write(image, at("labels/a.nii.gz")));
    assert_unreadable(dataset, 0, "lies elsewhere than its image ");
    assert_unreadable(dataset, 0, "their origins differ");
    image->spacing[2] = 9;
    assert_ok(rmseg_image_write(image, at("labels/a.nii.gz")));
    assert_unreadable(dataset, 0, "their spacings differ");
    rmseg_image_destroy(image);
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 1, (const int64_t[]){2, 3, 4}));
    ((float *)image->data)[7] = (float)NAN;
    assert_ok(rmseg_image_write(image, at("labels/a.nii.gz")));
    assert_unreadable(dataset, 0, "the value nan is no class");
    rmseg_image_destroy(image);
    rmseg_dataset_destroy(dataset);
}

static void failing_memory_leaks_nothing(void **state)
{
    (void)state;
    write_text(at("n/dataset.json"), VERSION_2);
    write_volume(at("c/image.nrrd"), 0, 5, 250);
    write_volume(at("c/label.nrrd"), 0, 1, 2);
    write_text(at("c/dataset.csv"), "image,label\nimage.nrrd,label.nrrd\n");
    for (int i = 0; i < 2; i++) {
        for (int c = 0; c < 2; c++) write_volume(at("n/imagesTr/case_%d_%04d.nrrd", i, c), i + c, 5, 250);
        write_volume(at("n/labelsTr/case_%d.nrrd", i), 0, 1, 3);
    }
    static const char *const layouts[][2] = {{"nnunet", "n"}, {"csv", "c"}};
    rmseg_threads_set(1);
    for (int i = 0; i < 2; i++) {
        rmseg_status status = RMSEG_ERROR_MEMORY;
        int64_t before = rmseg_memory_stats_get().live_bytes;
        for (int64_t n = 1; status; n++) {
            rmseg_dataset *dataset = NULL;
            rmseg_memory_fail_at(n);
            status = rmseg_dataset_open(&dataset, layouts[i][0], at("%s", layouts[i][1]), "train", 128, true);
            rmseg_memory_fail_at(0);
            if (status) assert_int_equal(status, RMSEG_ERROR_MEMORY);
            rmseg_dataset_destroy(dataset);
            assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_shared_form_of_la_is_read, fresh),
        cmocka_unit_test_setup(la_as_the_challenge_gives_it_is_read, fresh),
        cmocka_unit_test_setup(nnunets_datasets_are_read, fresh),
        cmocka_unit_test_setup(nnunets_first_version_is_read, fresh),
        cmocka_unit_test_setup(nnunets_files_are_found_wherever_they_are, fresh),
        cmocka_unit_test_setup(an_order_that_is_not_rmsegs_is_refused, fresh),
        cmocka_unit_test_setup(wrong_descriptions_are_told, fresh),
        cmocka_unit_test_setup(the_decathlons_tasks_are_read, fresh),
        cmocka_unit_test_setup(the_decathlons_channels_are_a_fourth_axis, fresh),
        cmocka_unit_test_setup(tables_are_read, fresh),
        cmocka_unit_test_setup(files_that_do_not_fit_are_told, fresh),
        cmocka_unit_test_setup(failing_memory_leaks_nothing, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
