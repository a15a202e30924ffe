/*
 * data/layouts.h - what a layout is made of. A new layout is one file with two functions and one row, and its name in
 * layouts.c.
 */
#ifndef DATA_LAYOUTS_H
#define DATA_LAYOUTS_H

#include "data/data.h"

enum { RMSEG_MOST_CLASSES = 65536 }; /* a label is below it */

typedef struct rmseg_layout {
    rmseg_layout_info info;
    const char *expected; /* the tree in a few words, for sentences */
    bool by_file;         /* the root may be a file */
    /* Adds the cases of dataset->split under dataset->root, in any order, then sets classes and adds regions. */
    rmseg_status (*open)(rmseg_dataset *dataset, bool labels);
    /* The label of a case as one channel of I32, of the extents of its image: rmseg_mask_fits says so where
     * not. */
    rmseg_status (*read_label)(rmseg_image **label, const rmseg_dataset *dataset, int64_t index,
                               const rmseg_image *image);
} rmseg_layout;

extern const rmseg_layout rmseg_layout_drishti_gs, rmseg_layout_la, rmseg_layout_la_raw, rmseg_layout_nnunet,
    rmseg_layout_msd, rmseg_layout_folder, rmseg_layout_csv;

/* The row of that name; the sentence of the failure names the nearest one. */
rmseg_status rmseg_layout_find(const rmseg_layout **layout, const char *name);

/* ---- for the layouts -------------------------------------------------------------------------------------------- */

/* A new case at the end of the dataset, with no files yet; the pointer lives until the next one is added. */
rmseg_status rmseg_dataset_add_case(rmseg_case **added, rmseg_dataset *dataset, const char *id);

/* The failure of a case whose label is missing: names the case, the file looked for and the image. */
rmseg_status rmseg_case_fail_lacking(const rmseg_case *one);

/* A region of `count` label values, copied. Its value is set when all regions are known. */
rmseg_status rmseg_dataset_add_region(rmseg_dataset *dataset, const char *name, const int32_t *labels, int64_t count);

/* A region for each label above 0, called by its number. */
rmseg_status rmseg_dataset_region_per_label(rmseg_dataset *dataset);

/* The number of classes, counted from all label files: the largest value + 1, at least 2; masks of 0 and 255 alone have
 * 2. Errors: values that use less than half of the numbers up to the largest. */
rmseg_status rmseg_dataset_count_classes(rmseg_dataset *dataset);

/* The label as one file of class numbers: `read_label` of most layouts. Errors: another size or place than the image's,
 * a value beyond the classes. */
rmseg_status rmseg_layout_read_label(rmseg_image **label, const rmseg_dataset *dataset, int64_t index,
                                     const rmseg_image *image);

/* A path from a format, owned. */
rmseg_status rmseg_path_format(char **path, const char *format, ...) RMSEG_PRINTF(2, 3);

/* A file of one channel, in the file's own type: channels that are all equal count as one, others are an error. */
rmseg_status rmseg_grey_read(rmseg_image **grey, const char *path);

/* That the mask read from `path` has the extents of the case's image and, where both say it, its place. */
rmseg_status rmseg_mask_fits(const rmseg_image *mask, const char *path, const rmseg_image *image,
                             const rmseg_case *one);

#endif
