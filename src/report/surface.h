/*
 * report/surface.h - shaded surfaces of masks, rendered without a window system: rays march through the exact signed
 * distance field.
 *
 * The field stands as one reads a page: D grows to inferior, H to posterior, W to the patient's left. Lengths are in the
 * unit of its spacing; positions are (D,H,W), 0 at the centre of the first voxel.
 */
#ifndef REPORT_SURFACE_H
#define REPORT_SURFACE_H

#include "field/field.h"
#include "report/canvas.h"

/* ---- solids ------------------------------------------------------------------------------------------------------ */

/* The surface lies where the distance, interpolated linearly, is 0; negative is inside. */
typedef struct rmseg_solid {
    rmseg_grid grid;
    float *distance; /* (D,H,W) */
} rmseg_solid;

/* From a mask with at least 3 unset voxels around what is set. The distances are exact ones to the other side's voxel
 * centres, less half the shortest voxel side, smoothed: S is two rounds of (s, 1 - 2s, s) along each axis, s a quarter of
 * the shortest side over the axis's own, and the field 2S - SS of them, so that steps become slopes, and neither round
 * things shrink nor thick slices melt (Taubin, SIGGRAPH 1995). Edges round by less than a voxel. A set voxel that would vanish with all around it stays, so
 * that the smallest island and the thinnest thread are seen. Errors: argument, memory. */
rmseg_status rmseg_solid_create(rmseg_solid *solid, const uint8_t *mask, const rmseg_grid *grid);
void rmseg_solid_destroy(rmseg_solid *solid);

/* The distance at a position; beyond the grid that of its edge. */
double rmseg_solid_at(const rmseg_solid *solid, const double position[3]);

/* The distances from each one's border to the other: the 95th percentile of them all, and the largest; at least the
 * shortest voxel side. Errors: memory. */
rmseg_status rmseg_solids_apart(double *usual, double *most, const rmseg_solid *a, const rmseg_solid *b);

/* ---- view -------------------------------------------------------------------------------------------------------- */

/* An eye far away. */
typedef struct rmseg_camera {
    double right[3], up[3], towards[3]; /* unit vectors of the screen; the last from the object to the eye */
    double centre[3];                   /* the position in the middle of the picture */
    double pixel;                       /* its side */
    int64_t height, width;              /* of the picture, pixels */
} rmseg_camera;

/* Degrees; (0, 0) is in front of the patient, (90, 0) at the left side, (0, 90) above. Sets the vectors. */
void rmseg_camera_turn(rmseg_camera *camera, double azimuth, double elevation);

/* What colour the surface has: one, or with `other` that of the distance to it, up to `most`. */
typedef struct rmseg_paint {
    rmseg_rgb colour;
    const rmseg_solid *other;
    double most;
} rmseg_paint;

/* The surface on white, 9 rays a pixel. The same bits at any number of threads. Errors: argument, memory. */
rmseg_status rmseg_surface_render(rmseg_image **picture, const rmseg_solid *solid, const rmseg_paint *paint,
                                  const rmseg_camera *camera);

/* Lambert's law for two lights, from the upper left and from the right, and a little from everywhere: 0..1 for a unit
 * normal (right, up, towards). */
double rmseg_surface_light(const double normal[3]);

/* The colour of a distance, t from 0 to 1: sand, orange, dark red. */
void rmseg_surface_heat(double rgb[3], double t);

/* ---- picture ----------------------------------------------------------------------------------------------------- */

typedef struct rmseg_surfaces {
    const rmseg_solid *truth, *prediction; /* of one grid; one of them may be NULL */
    bool nothing[2];           /* the truth, the prediction is NULL because it is empty: its panel says so */
    double azimuth, elevation; /* degrees */
    double scale;              /* pixels per shortest voxel side; NaN: the longer side is 400 pixels */
    bool by_distance;          /* coloured by the distance to the other, with a scale; else green and blue */
    bool known_sides;          /* R, A, S are written at the axes */
    const char *unit;          /* of the scale's numbers */
} rmseg_surfaces;

/* Side by side from one eye at one scale, framed by what is set in either. Errors: argument (a side of more than 2^13
 * pixels), memory. */
rmseg_status rmseg_surfaces_picture(rmseg_image **picture, const rmseg_surfaces *surfaces);

#endif
