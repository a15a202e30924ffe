/*
 * report/orientation.h - which way a volume is turned before it is drawn.
 *
 * The rule is the radiologist's: the patient is looked at from the feet and from the front, from the left for sagittal
 * slices; so of each axis of the world the end that comes first on the screen, at the left or at the top, is the patient's
 * right (R), anterior (A) or superior (S) one. Each axis of the volume is taken for the axis of the world that it is
 * nearest to: what was scanned obliquely is drawn along its own axes.
 */
#ifndef REPORT_ORIENTATION_H
#define REPORT_ORIENTATION_H

#include "core/core.h"
#include "image/image.h"

enum { RMSEG_WORLD_X, RMSEG_WORLD_Y, RMSEG_WORLD_Z }; /* to the right, to anterior, to superior */

typedef struct rmseg_orientation {
    int axis[3];       /* of the volume (0 D, 1 H, 2 W) that runs along x, y, z; a permutation */
    bool towards[3];   /* it grows to the right, to anterior, to superior */
    bool known;        /* the file or the user said so */
    double spacing[3]; /* along x, y, z, mm; voxels where has_spacing is false */
    bool has_spacing;
} rmseg_orientation;

/* Of an image; one whose file says nothing is taken as ITK takes it, W to the left, H to posterior, D to superior.
 * `letters`: "", or where D, H and W grow to, one of RL, AP, SI each, which overrules the file. Errors: argument (other
 * letters). */
rmseg_status rmseg_orientation_of(rmseg_orientation *orientation, const rmseg_image *image, const char *letters);

/* Of n voxels along a world axis, the index of the one that is `step` (0 .. n-1) from the R, A or S end. */
int64_t rmseg_orientation_index(const rmseg_orientation *orientation, int world, int64_t step, int64_t n);

#endif
