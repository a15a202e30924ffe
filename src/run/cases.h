/*
 * run/cases.h - the cases that a prediction or an evaluation goes through: files, folders of files, or a layout's
 * split.
 */
#ifndef RUN_CASES_H
#define RUN_CASES_H

#include "data/data.h"

typedef struct rmseg_cases {
    char **ids;   /* [count] unique: a file's name without folder and extension, or the layout's */
    char **paths; /* [count] of the files; NULL where they come from a dataset, in its order */
    int64_t count;
    rmseg_dataset *dataset; /* NULL for files */
} rmseg_cases;

/* Files as they are given; of a folder, the files that are named like images. Errors: file (nothing there), argument
 * (two cases of one name). */
rmseg_status rmseg_cases_from_paths(rmseg_cases *cases, const char *const *paths, int64_t count);

/* The cases of a dataset, which is taken over, also on failure. */
rmseg_status rmseg_cases_from_dataset(rmseg_cases *cases, rmseg_dataset *dataset);

void rmseg_cases_destroy(rmseg_cases *cases);

/* The image of a case as F32, or its label as I32, on its own grid. The sentence of a failure names the file. */
rmseg_status rmseg_cases_image(rmseg_image **image, const rmseg_cases *cases, int64_t index);
rmseg_status rmseg_cases_label(rmseg_image **label, const rmseg_cases *cases, int64_t index);

/* What `failed` of `count` cases amount to; `sentence` and `first` are the first one's. That a file does not fit is no
 * wrong use of the command: argument becomes format. */
rmseg_status rmseg_cases_fail(rmseg_status first, const char *sentence, int64_t failed, int64_t count);

/* Index of the case of that name, -1 where there is none. */
int64_t rmseg_cases_find(const rmseg_cases *cases, const char *id);

#endif
