/*
 * run/found.h - which label values an image holds.
 */
#ifndef RUN_FOUND_H
#define RUN_FOUND_H

#include "image/image.h"
#include "run/regions.h"

enum { RMSEG_MOST_LABELS = 65536 }; /* a label is below it */

/* Label images hold few values, and pictures, given by mistake, many. */
enum { RMSEG_MOST_FOUND = 128 };

/* Sets seen[v] for each value v of an image of I32; seen has RMSEG_MOST_LABELS elements. */
void rmseg_found_see(bool *seen, const rmseg_image *label);

/* What values an image holds besides 0. */
typedef enum rmseg_found { RMSEG_FOUND_NONE, RMSEG_FOUND_255, RMSEG_FOUND_OTHERS } rmseg_found;
rmseg_found rmseg_found_kind(const bool *seen);

/* A region for each value seen but 0. Errors: format (more than RMSEG_MOST_FOUND), memory. */
rmseg_status rmseg_found_regions(rmseg_regions *regions, const bool *seen);

#endif
