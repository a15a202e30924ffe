/*
 * report/show.h - the options of `rmseg show`, which its two halves share.
 */
#ifndef REPORT_SHOW_H
#define REPORT_SHOW_H

#include "core/core.h"
#include "image/image.h"

#define SHOW_OPTIONS(X)                                                                                                \
    X(str, pred, "", 0, 0, "", "", "label image drawn in blue", "pred/drishtiGS_001.png")                              \
    X(str, truth, "", 0, 0, "", "", "label image drawn in green; several files are joined by commas",                  \
      "labels/001.png")                                                                                                \
    X(str, out, "", 0, 0, "", "", "picture to write", "overlay.png")                                                   \
    X(f64, threshold, "", 0, 65535, "", "grey value", "truth is a soft map: set where value >= threshold", "128")      \
    X(f64, scale, "", 0.01, 64, "", "", "picture pixels per image pixel; default 1, of a volume as fits a screen",     \
      "2")                                                                                                             \
    X(flag, zoom, "false", 0, 0, "", "", "cut the picture to the labels' box and a margin", "")                        \
    X(str, slice, "", 0, 0, "", "voxels",                                                                              \
      "volumes: D,H,W of the voxel that the three slices meet in; default the truth's centroid", "44,70,90")           \
    X(str, window, "1,99.5", 0, 0, "", "%", "volumes: percentiles of the values that become black and white", "0,100") \
    X(str, orientation, "", 0, 0, "", "", "volumes: where D, H, W grow to, for files that do not say it", "SPL")       \
    X(flag, surface, "false", 0, 0, "", "", "volumes: shaded surfaces of truth and prediction side by side", "")       \
    X(str, view, "30,20", 0, 0, "", "degrees",                                                                         \
      "surfaces: azimuth,elevation of the eye; 0,0 is in front, 90,0 at the patient's left", "0,90")                   \
    X(pick, colour, "label", 0, 0, "label|distance", "",                                                               \
      "surfaces: green and blue, or by the distance to the other surface", "distance")                                 \
    X(i64, label, "", 1, INT64_MAX, "", "", "surfaces: the value drawn; default all but 0", "2")

RMSEG_OPTIONS_DECLARE(show_options, SHOW_OPTIONS)

/* The label image of --truth: one file, or several masks of one size as 1, 2, ... the later on top; `threshold` as the
 * option, NaN where not given. */
rmseg_status rmseg_show_read_truth(rmseg_image **label, const char *list, double threshold);

/* The picture of a volume. Errors also: unsupported (several channels), format (masks that do not lie on the image's
 * voxels). */
rmseg_status rmseg_show_volume(rmseg_image **picture, const show_options *o, const char *path);

#endif
