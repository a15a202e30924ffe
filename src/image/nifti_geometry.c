/*
 * nifti_geometry.c - where the voxels of a NIfTI lie: from its forms, in the order nibabel takes them, and to them.
 *
 * The sform is an affine; the qform a rotation as a unit quaternion (a b c d) with a >= 0, voxel sizes, and a sign for
 * the third axis; without either the voxel sizes alone are known, and x runs to the left, with the middle at 0.
 */
#include <math.h>
#include <string.h>

#include "image/nifti.h"

/* Rows are world x, y, z; columns the file's axes i, j, k, and the position of the first voxel. Millimetres. */
typedef struct affine {
    double m[3][4];
} affine;

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Codes of spatial units are the low three bits; what is not said is taken for mm. */
static double unit_of(const rmseg_nifti_forms *forms)
{
    int64_t code = forms->units & 7;
    return code == 1 ? 1e3 : code == 3 ? 1e-3 : 1;
}

/* nibabel takes other codes for 0. */
static bool is_code(int64_t code) { return code >= 1 && code <= 5; }

/* Along an axis that the file leaves out, or of one voxel, what is no size is 1; a qform knows three sizes anyway. */
static rmseg_status find_voxel_size(double size[3], const rmseg_image *image, const rmseg_nifti_forms *forms,
                                    const rmseg_image_file *file)
{
    int64_t said = is_code(forms->qform_code) ? 3 : forms->axes;
    for (int axis = 0; axis < 3; axis++) {
        double stored = forms->pixdim[axis + 1], length = fabs(stored) * unit_of(forms);
        bool is_size = isfinite(length) && length > 0;
        if (!is_size && image->size[2 - axis] > 1)
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "%s: this NIfTI has a spacing of %g along axis %c (pixdim[%d]); expected a number above "
                              "0: put the right one into the header",
                              file->name, stored, "ijk"[axis], axis + 1);
        size[axis] = is_size && axis < said ? length : 1;
    }
    return RMSEG_OK;
}

/* nibabel's tolerances for b, c and d that are longer than 1 by rounding. */
static bool find_rotation(double r[3][3], const rmseg_nifti_forms *forms)
{
    double b = forms->quatern[0], c = forms->quatern[1], d = forms->quatern[2];
    double rest = 1 - (b * b + c * c + d * d), tolerance = forms->version == 2 ? 3 * 0x1p-52 : 3 * 0x1p-23;
    if (!(rest > -tolerance)) return false;
    double a = rest < tolerance ? 0 : sqrt(rest), s = 2 / (a * a + b * b + c * c + d * d);
    double rows[3][3] = {{1 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c)},
                         {s * (b * c + a * d), 1 - s * (b * b + d * d), s * (c * d - a * b)},
                         {s * (b * d - a * c), s * (c * d + a * b), 1 - s * (b * b + c * c)}};
    memcpy(r, rows, sizeof rows);
    return true;
}

static rmseg_status from_sform(affine *a, double size[3], const rmseg_nifti_forms *forms, const rmseg_image_file *file)
{
    for (int world = 0; world < 3; world++)
        for (int i = 0; i < 4; i++) a->m[world][i] = forms->srow[4 * world + i] * unit_of(forms);
    for (int axis = 0; axis < 3; axis++) {
        double length =
            sqrt(a->m[0][axis] * a->m[0][axis] + a->m[1][axis] * a->m[1][axis] + a->m[2][axis] * a->m[2][axis]);
        size[axis] = length;
        if (!isfinite(length) || length == 0)
            return rmseg_fail(
                RMSEG_ERROR_FORMAT,
                "%s: the sform of this NIfTI gives axis %c a spacing of %g; expected a number above 0: put "
                "the right affine into the header",
                file->name, "ijk"[axis], length);
        for (int world = 0; world < 3; world++) a->m[world][axis] /= length;
    }
    return RMSEG_OK;
}

static rmseg_status from_qform(affine *a, const rmseg_nifti_forms *forms, const rmseg_image_file *file)
{
    double r[3][3];
    if (!find_rotation(r, forms))
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: the quaternion (%g, %g, %g) of this NIfTI's qform is no rotation: it must not be longer "
                          "than 1",
                          file->name, forms->quatern[0], forms->quatern[1], forms->quatern[2]);
    double sign = forms->pixdim[0] == -1 ? -1 : 1;
    for (int world = 0; world < 3; world++) {
        for (int axis = 0; axis < 3; axis++) a->m[world][axis] = axis == 2 ? sign * r[world][axis] : r[world][axis];
        a->m[world][3] = forms->qoffset[world] * unit_of(forms);
    }
    return RMSEG_OK;
}

static void from_voxel_size(affine *a, const double size[3], const rmseg_image *image)
{
    for (int axis = 0; axis < 3; axis++) {
        double sign = axis == 0 ? -1 : 1;
        for (int world = 0; world < 3; world++) a->m[world][axis] = world == axis ? sign : 0;
        a->m[axis][3] = -sign * size[axis] * (double)(image->size[2 - axis] - 1) / 2;
    }
}

rmseg_status rmseg_nifti_geometry_read(rmseg_image *image, const rmseg_nifti_forms *forms, const rmseg_image_file *file)
{
    affine a;
    double size[3];
    if (is_code(forms->sform_code)) {
        RMSEG_TRY(from_sform(&a, size, forms, file));
    } else {
        RMSEG_TRY(find_voxel_size(size, image, forms, file));
        if (is_code(forms->qform_code))
            RMSEG_TRY(from_qform(&a, forms, file));
        else
            from_voxel_size(&a, size, image);
    }
    for (int world = 0; world < 3; world++) {
        if (!isfinite(a.m[world][3]))
            return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: the origin of this NIfTI has a coordinate %g; expected a number",
                              file->name, a.m[world][3]);
        image->origin[world] = a.m[world][3];
        image->spacing[2 - world] = size[world];
        for (int axis = 0; axis < 3; axis++) image->direction[3 * world + 2 - axis] = a.m[world][axis];
    }
    image->has_spacing = true;
    image->nifti = *forms;
    return RMSEG_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Is the image where the forms it was read with put it? */
static bool are_valid(const rmseg_nifti_forms *forms, const rmseg_image *image)
{
    rmseg_image there = {.size = {image->size[0], image->size[1], image->size[2]}};
    return forms->version && rmseg_nifti_geometry_read(&there, forms, &(rmseg_image_file){.name = ""}) == RMSEG_OK &&
           !memcmp(there.spacing, image->spacing, sizeof there.spacing) &&
           !memcmp(there.origin, image->origin, sizeof there.origin) &&
           !memcmp(there.direction, image->direction, sizeof there.direction);
}

/* Three axes at right angles are a rotation, or one with the third axis turned around: pixdim[0]. */
static bool split_rotation(double r[3][3], double *sign, const rmseg_image *image)
{
    for (int world = 0; world < 3; world++)
        for (int axis = 0; axis < 3; axis++) r[world][axis] = image->direction[3 * world + 2 - axis];
    for (int i = 0; i < 3; i++)
        for (int j = i; j < 3; j++) {
            double product = r[0][i] * r[0][j] + r[1][i] * r[1][j] + r[2][i] * r[2][j];
            if (!(fabs(product - (i == j)) < 1e-5)) return false;
        }
    double determinant = r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) -
                         r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0]) +
                         r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
    *sign = determinant < 0 ? -1 : 1;
    for (int world = 0; world < 3; world++) r[world][2] *= *sign;
    return true;
}

/* From the largest of the four components, so that nothing small is divided by; a >= 0. */
static void find_quaternion(double bcd[3], const double r[3][3])
{
    double square[4] = {1 + r[0][0] + r[1][1] + r[2][2], 1 + r[0][0] - r[1][1] - r[2][2],
                        1 - r[0][0] + r[1][1] - r[2][2], 1 - r[0][0] - r[1][1] + r[2][2]};
    const double products[4][4] = {/* 4 times each product of two components */
                                   {square[0], r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1]},
                                   {r[2][1] - r[1][2], square[1], r[0][1] + r[1][0], r[0][2] + r[2][0]},
                                   {r[0][2] - r[2][0], r[0][1] + r[1][0], square[2], r[1][2] + r[2][1]},
                                   {r[1][0] - r[0][1], r[0][2] + r[2][0], r[1][2] + r[2][1], square[3]}};
    int largest = 0;
    for (int i = 1; i < 4; i++)
        if (square[i] > square[largest]) largest = i;
    const double *row = products[largest];
    double scale = 1 / (2 * sqrt(square[largest]));
    if (row[0] < 0) scale = -scale;
    for (int i = 0; i < 3; i++) bcd[i] = row[i + 1] * scale;
}

static void add_sform(rmseg_nifti_forms *forms, const rmseg_image *image)
{
    forms->sform_code = 1;
    for (int world = 0; world < 3; world++) {
        for (int axis = 0; axis < 3; axis++)
            forms->srow[4 * world + axis] = image->direction[3 * world + 2 - axis] * image->spacing[2 - axis];
        forms->srow[4 * world + 3] = image->origin[world];
    }
}

static void add_qform(rmseg_nifti_forms *forms, const rmseg_image *image)
{
    double r[3][3];
    if (!split_rotation(r, &forms->pixdim[0], image)) return;
    forms->qform_code = 1;
    find_quaternion(forms->quatern, (const double(*)[3])r);
    memcpy(forms->qoffset, image->origin, sizeof forms->qoffset);
}

static void make_forms(rmseg_nifti_forms *forms, const rmseg_image *image)
{
    *forms = (rmseg_nifti_forms){.version = image->nifti.version, .axes = image->nifti.axes, .pixdim = {1, 1, 1, 1}};
    if (!image->has_spacing) return; /* codes 0: nobody knows where it lies */
    for (int axis = 0; axis < 3; axis++) forms->pixdim[axis + 1] = image->spacing[2 - axis];
    forms->units = 2; /* mm */
    add_sform(forms, image);
    add_qform(forms, image);
}

void rmseg_nifti_geometry_write(rmseg_nifti_forms *forms, const rmseg_image *image)
{
    if (are_valid(&image->nifti, image))
        *forms = image->nifti;
    else
        make_forms(forms, image);
    int64_t least = image->size[0] > 1 ? 3 : image->size[1] > 1 ? 2 : 1, usual = image->size[0] > 1 ? 3 : 2;
    if (!forms->version) forms->axes = usual;
    if (forms->axes < least) forms->axes = least;
    if (!forms->version) forms->version = 1;
    for (int axis = 0; axis < 3; axis++)
        if (image->size[axis] > INT16_MAX) forms->version = 2; /* NIfTI-1 has 16 bits for an extent */
}
