/*
 * hdf5.c - HDF5 in the form that the left-atrium literature shares: dataset `image` (D,H,W) and dataset `label` beside it.
 *
 * By libhdf5, the format's only full reader, which crashes on some damaged files: it runs isolated. What a file could
 * reach besides itself (external links and storage, virtual datasets, filter plugins) is refused here.
 */
#include <hdf5.h>
#include <string.h>

#include "image/isolated.h"

/* The most that a byte of a file was seen to hold: deflate's 1032, and shuffled constants are no more. */
enum { EXPANSION = 1032 };

/* ---- one dataset ------------------------------------------------------------------------------------------------ */

static rmseg_status fail(const rmseg_image_file *file, const char *part, const char *what)
{
    return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: its dataset \"%s\" %s", file->name, part, what);
}

/* "image, label": what there is instead. */
static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    (void)group, (void)info;
    rmseg_text *names = context;
    if (names->length < 120) rmseg_text_addf(names, "%s%.40s", names->length ? ", " : "", name);
    return 0;
}

static rmseg_status fail_missing(const rmseg_image_file *file, const char *part, hid_t opened)
{
    rmseg_text names = {0};
    H5Literate(opened, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &names);
    rmseg_status status = rmseg_fail(
        RMSEG_ERROR_FORMAT, "%s: this HDF5 has no dataset \"%s\" (it has %s); expected datasets image and label",
        file->name, part, names.length ? names.data : "nothing");
    rmseg_text_destroy(&names);
    return status;
}

static rmseg_status check_storage(hid_t dataset, const char *part, const rmseg_image_file *file)
{
    hid_t how = H5Dget_create_plist(dataset);
    H5D_layout_t layout = how < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(how);
    int external = how < 0 ? 1 : H5Pget_external_count(how);
    if (how >= 0) H5Pclose(how);
    if (layout == H5D_VIRTUAL || external != 0)
        return fail(file, part, "lies in other files; expected all of it in this one");
    return layout == H5D_LAYOUT_ERROR ? fail(file, part, "cannot be understood") : RMSEG_OK;
}

/* Numbers of the file, of memory, of the image. */
typedef struct numbers {
    hid_t memory;
    rmseg_dtype dtype;
} numbers;

static bool find_numbers(numbers *n, hid_t type)
{
    size_t size = H5Tget_size(type);
    H5T_class_t class = H5Tget_class(type);
    bool is_signed = class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
    /* Numbers that fill only some bits of their bytes are rare, and libhdf5 trips over those that lie outside. */
    if (class == H5T_INTEGER && (H5Tget_precision(type) != 8 * size || H5Tget_offset(type) != 0)) return false;
    if (class == H5T_FLOAT && size <= 8)
        *n = size <= 4 ? (numbers){H5T_NATIVE_FLOAT, RMSEG_F32} : (numbers){H5T_NATIVE_DOUBLE, RMSEG_F64};
    else if (class == H5T_ENUM && size == 1) /* h5py's bool */
        *n = (numbers){H5T_NATIVE_UINT8, RMSEG_U8};
    else if (class != H5T_INTEGER || size > 8)
        return false;
    else if (size == 1 && !is_signed)
        *n = (numbers){H5T_NATIVE_UINT8, RMSEG_U8};
    else if (size <= 2)
        *n = is_signed || size == 1 ? (numbers){H5T_NATIVE_INT16, RMSEG_I16} : (numbers){H5T_NATIVE_UINT16, RMSEG_U16};
    else if (size <= 4 && is_signed)
        *n = (numbers){H5T_NATIVE_INT32, RMSEG_I32};
    else
        *n = (numbers){H5T_NATIVE_DOUBLE, RMSEG_F64};
    return true;
}

static rmseg_status find_size(int64_t size[3], int64_t *axes, hid_t dataset, const char *part,
                              const rmseg_image_file *file)
{
    hsize_t extent[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dataset);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, extent, NULL);
    if (space >= 0) H5Sclose(space);
    if (rank != 2 && rank != 3)
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "%s: its dataset \"%s\" has %d axes; expected 2 (H,W) or 3 (D,H,W)",
                          file->name, part, rank);
    size[0] = 1;
    for (int i = 0; i < rank; i++) size[3 - rank + i] = extent[i] > INT64_MAX / 2 ? -1 : (int64_t)extent[i];
    *axes = rank;
    return RMSEG_OK;
}

static bool all_exact(const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(values[i] <= 0x1p53 && values[i] >= -0x1p53)) return false;
    return true;
}

static rmseg_status read_values(rmseg_image *image, hid_t dataset, const numbers *n, bool integers,
                                const rmseg_image_file *file)
{
    RMSEG_TRY(rmseg_image_allocate(image));
    if (H5Dread(dataset, n->memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, image->data) < 0)
        return rmseg_image_fail_damaged(file, "its values cannot be unpacked (or by a filter that this build lacks)");
    if (integers && image->dtype == RMSEG_F64 && !all_exact(image->data, rmseg_image_voxels(image)))
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "%s: this HDF5 has integers beyond 2^53, which would be rounded: convert it", file->name);
    return RMSEG_OK;
}

static rmseg_status decode_dataset(rmseg_image *image, hid_t dataset, const char *part, const rmseg_image_file *file,
                                   bool header_only)
{
    numbers n = {0};
    int64_t size[3], axes = 0, bytes = 0;
    RMSEG_TRY(check_storage(dataset, part, file));
    RMSEG_TRY(find_size(size, &axes, dataset, part, file));
    hid_t type = H5Dget_type(dataset);
    bool known = type >= 0 && find_numbers(&n, type), integers = type >= 0 && H5Tget_class(type) == H5T_INTEGER;
    int64_t width = known ? (int64_t)H5Tget_size(type) : 1;
    if (type >= 0) H5Tclose(type);
    if (!known) return fail(file, part, "holds no plain numbers; expected integers or floats of up to 64 bits");
    if (!rmseg_mul3(&bytes, size[0], size[1], size[2]) || !rmseg_mul(&bytes, bytes, width)) bytes = -1;
    RMSEG_TRY(rmseg_image_announce(image, file, n.dtype, 1, size, bytes, EXPANSION));
    image->axes = axes;
    return header_only ? RMSEG_OK : read_values(image, dataset, &n, integers, file);
}

static rmseg_status decode_opened(rmseg_image *image, hid_t opened, const rmseg_image_file *file, bool header_only)
{
    const char *part = file->part ? file->part : "image";
    H5L_info_t link;
    if (H5Lexists(opened, part, H5P_DEFAULT) <= 0) return fail_missing(file, part, opened);
    if (H5Lget_info(opened, part, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
        return fail(file, part, "is a link; expected the dataset itself");
    hid_t dataset = H5Dopen2(opened, part, H5P_DEFAULT);
    if (dataset < 0) return fail(file, part, "is no dataset, or is damaged");
    rmseg_status status = decode_dataset(image, dataset, part, file, header_only);
    H5Dclose(dataset);
    return status;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* libhdf5 copies an image of a file three times unless it is told to share it. It only reads it. */
static void *share_bytes(size_t size, H5FD_file_image_op_t op, void *file)
{
    (void)size, (void)op;
    return (void *)(uintptr_t)((const rmseg_image_file *)file)->bytes;
}

static void *share_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op, void *file)
{
    (void)from, (void)size, (void)op, (void)file;
    return to;
}

static herr_t share_free(void *bytes, H5FD_file_image_op_t op, void *file)
{
    (void)bytes, (void)op, (void)file;
    return 0;
}

static void *share_file(void *file) { return file; }

static herr_t share_file_free(void *file)
{
    (void)file;
    return 0;
}

/* From its bytes in memory, or by its path where only the start of them was read. */
static hid_t open_file(const rmseg_image_file *file)
{
    if (file->length < file->total && file->path) return H5Fopen(file->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5FD_file_image_callbacks_t share = {.image_malloc = share_bytes,
                                         .image_memcpy = share_copy,
                                         .image_free = share_free,
                                         .udata_copy = share_file,
                                         .udata_free = share_file_free,
                                         .udata = (void *)(uintptr_t)file};
    void *bytes = (void *)(uintptr_t)file->bytes;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), opened = -1;
    if (access < 0) return -1;
    if (H5Pset_fapl_core(access, 1 << 16, 0) >= 0 && H5Pset_file_image_callbacks(access, &share) >= 0 &&
        H5Pset_file_image(access, bytes, file->length) >= 0)
        opened = H5Fopen("image in memory", H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return opened;
}

static rmseg_status decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    H5E_auto2_t print = NULL;
    void *context = NULL;
    H5Eget_auto2(H5E_DEFAULT, &print, &context);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
    hid_t opened = open_file(file);
    rmseg_status status = opened < 0 ? rmseg_image_fail_damaged(file, "libhdf5 cannot open it")
                                     : decode_opened(image, opened, file, header_only);
    if (opened >= 0) H5Fclose(opened);
    H5Eset_auto2(H5E_DEFAULT, print, context);
    return status;
}

rmseg_status rmseg_hdf5_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only)
{
    static const rmseg_isolation isolation = {.library = "libhdf5", .decode = decode, .seconds = 20};
    return rmseg_isolated_decode(image, file, header_only, &isolation);
}
