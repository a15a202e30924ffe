/*
 * data/description.h - what the dataset.json of nnU-Net and of the Medical Segmentation Decathlon share: labels and
 * channels.
 */
#ifndef DATA_DESCRIPTION_H
#define DATA_DESCRIPTION_H

#include <jansson.h>

#include "data/layouts.h"

typedef struct rmseg_description {
    char *path;       /* of the file, for sentences */
    json_t *document; /* an object */
    int64_t channels; /* named by "channel_names" or "modality" */
} rmseg_description;

/* Reads ROOT/dataset.json and from it the dataset's classes and regions: "labels" as numbers with names, or as names with
 * numbers or lists of them; "regions_class_order" must say what rmseg writes a region as. Errors: no such file, no JSON, members that are missing or not what they must be. */
rmseg_status rmseg_description_read(rmseg_description *description, rmseg_dataset *dataset);
void rmseg_description_destroy(rmseg_description *description);

/* That "numTraining", where it is given, is the number of cases found; `where` they were: "imagesTr has". */
rmseg_status rmseg_description_check_number(const rmseg_description *description, int64_t found, const char *where);

/* A member that is text, or `otherwise` where it is missing; a member of another kind is an error. */
rmseg_status rmseg_description_text(const char **text, const rmseg_description *description, const char *key,
                                    const char *otherwise);

#endif
