/* arrays.c - arrays in files as a batch: shapes held against each other, types made what the objective takes. */
#include "run/arrays.h"

#include <math.h>
#include <string.h>

#define IGNORED INT32_MIN /* stands for a label -1 that is ignored: a batch's -1 is "none" */

void rmseg_array_batch_destroy(rmseg_array_batch *b)
{
    rmseg_array_destroy(&b->logits);
    rmseg_array_destroy(&b->truth);
    rmseg_free(b->frames);
    *b = (rmseg_array_batch){0};
}

/* ---- logits ------------------------------------------------------------------------------------------------------ */

static rmseg_status check_filled(const rmseg_array *array, const char *path)
{
    char shape[RMSEG_ARRAY_SHAPE_TEXT];
    if (array->count) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: its shape %s holds no element", path, rmseg_array_shape(shape, array));
}

/* D, H, W from the last axes of an array. */
static void set_size(rmseg_batch *b, const rmseg_array *array, int spatial)
{
    b->spatial = spatial;
    b->size[0] = 1;
    memcpy(b->size + 3 - spatial, array->size + array->rank - spatial, (size_t)spatial * sizeof *b->size);
}

static rmseg_status accept_logits(rmseg_array_batch *b, const char *path)
{
    const rmseg_array *a = &b->logits;
    char shape[RMSEG_ARRAY_SHAPE_TEXT];
    if (a->type != RMSEG_ARRAY_F32 && a->type != RMSEG_ARRAY_F64)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: logits are float32 or float64, found %s", path,
                          rmseg_array_type_name(a->type));
    if (a->rank != 4 && a->rank != 5)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: logits have the shape (N, C, H, W) or (N, C, D, H, W), found %s",
                          path, rmseg_array_shape(shape, a));
    RMSEG_TRY(check_filled(a, path));
    b->batch.n = a->size[0];
    b->batch.k = a->size[1];
    b->batch.wide = a->type == RMSEG_ARRAY_F64;
    b->batch.logits = a->data;
    set_size(&b->batch, a, (int)a->rank - 2);
    return RMSEG_OK;
}

/* ---- truth ------------------------------------------------------------------------------------------------------- */

/* Another type of the truth's elements: RMSEG_ARRAY_I32 for labels, F32 or F64 for a map. */
static rmseg_status convert(rmseg_array *array, rmseg_array_type type, const char *path)
{
    void *data = rmseg_alloc(array->count, rmseg_array_type_size(type));
    if (!data) return RMSEG_ERROR_MEMORY;
    rmseg_status status = RMSEG_OK;
    for (int64_t i = 0; i < array->count && !status; i++) {
        double value = rmseg_array_value(array, i);
        bool label = value == floor(value) && fabs(value) <= INT32_MAX;
        if (type == RMSEG_ARRAY_I32 && !label)
            status = rmseg_fail(RMSEG_ERROR_FORMAT,
                                "%s: element %lld is %g, which is no label; a map of values from 0 to 1 has the "
                                "logits' shape",
                                path, (long long)i, value);
        else if (type == RMSEG_ARRAY_I32)
            ((int32_t *)data)[i] = (int32_t)value;
        else if (type == RMSEG_ARRAY_F32)
            ((float *)data)[i] = (float)value;
        else
            ((double *)data)[i] = value;
    }
    if (status) {
        rmseg_free(data);
        return status;
    }
    rmseg_free(array->data);
    array->data = data;
    array->type = type;
    return RMSEG_OK;
}

/* Whether a batch takes labels of this type as they are. */
static bool index_type(rmseg_index_type *index, rmseg_array_type type)
{
    switch (type) {
    case RMSEG_ARRAY_BOOL:
    case RMSEG_ARRAY_U8: *index = RMSEG_INDEX_U8; return true;
    case RMSEG_ARRAY_I16: *index = RMSEG_INDEX_I16; return true;
    case RMSEG_ARRAY_I32: *index = RMSEG_INDEX_I32; return true;
    case RMSEG_ARRAY_I64: *index = RMSEG_INDEX_I64; return true;
    default: return false;
    }
}

static rmseg_status accept_labels(rmseg_array_batch *b, const char *path, bool has_ignore, int32_t ignore)
{
    b->batch.ignore = has_ignore ? ignore : -1;
    if ((has_ignore && ignore == -1) || !index_type(&b->batch.index_type, b->truth.type)) {
        RMSEG_TRY(convert(&b->truth, RMSEG_ARRAY_I32, path));
        b->batch.index_type = RMSEG_INDEX_I32;
    }
    if (has_ignore && ignore == -1) {
        int32_t *label = b->truth.data;
        for (int64_t i = 0; i < b->truth.count; i++)
            if (label[i] == -1) label[i] = IGNORED;
        b->batch.ignore = IGNORED;
    }
    b->batch.index = b->truth.data;
    return RMSEG_OK;
}

/* The shape of labels: that of the logits without C, or with one channel in its place. */
static bool is_labels(const rmseg_array *truth, const rmseg_array *logits)
{
    const int64_t *spatial = logits->size + 2;
    size_t bytes = (size_t)(logits->rank - 2) * sizeof *spatial;
    int64_t channels = truth->rank == logits->rank ? truth->size[1] : 1;
    int64_t first = truth->rank == logits->rank ? 2 : 1;
    return (truth->rank == logits->rank || truth->rank == logits->rank - 1) && channels == 1 &&
           truth->size[0] == logits->size[0] && !memcmp(truth->size + first, spatial, bytes);
}

static rmseg_status accept_truth(rmseg_array_batch *b, const char *path, bool has_ignore, int32_t ignore)
{
    char found[RMSEG_ARRAY_SHAPE_TEXT], logits[RMSEG_ARRAY_SHAPE_TEXT];
    bool same = b->truth.rank == b->logits.rank &&
                !memcmp(b->truth.size, b->logits.size, (size_t)b->truth.rank * sizeof *b->truth.size);
    if (!same && is_labels(&b->truth, &b->logits)) return accept_labels(b, path, has_ignore, ignore);
    if (!same)
        return rmseg_fail(RMSEG_ERROR_FORMAT,
                          "%s: found the shape %s; logits of shape %s take labels of that shape without its second "
                          "axis, or a map of that shape",
                          path, rmseg_array_shape(found, &b->truth), rmseg_array_shape(logits, &b->logits));
    b->batch.ignore = -1;
    rmseg_array_type type = b->batch.wide ? RMSEG_ARRAY_F64 : RMSEG_ARRAY_F32;
    if (b->truth.type != type) RMSEG_TRY(convert(&b->truth, type, path));
    b->batch.map = b->truth.data;
    return RMSEG_OK;
}

rmseg_status rmseg_array_batch_read(rmseg_array_batch *b, const char *logits, const char *target, bool has_ignore,
                                    int32_t ignore)
{
    *b = (rmseg_array_batch){0};
    rmseg_status status = rmseg_npy_read(&b->logits, logits);
    if (!status) status = accept_logits(b, logits);
    if (!status) status = rmseg_npy_read(&b->truth, target);
    if (!status) status = accept_truth(b, target, has_ignore, ignore);
    if (status) rmseg_array_batch_destroy(b);
    return status;
}

static rmseg_status accept_alone(rmseg_array_batch *b, const char *path, bool background, bool has_ignore,
                                 int32_t ignore)
{
    rmseg_array *a = &b->truth;
    char shape[RMSEG_ARRAY_SHAPE_TEXT];
    if (a->rank != 3 && a->rank != 4)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: labels have the shape (N, H, W) or (N, D, H, W), found %s", path,
                          rmseg_array_shape(shape, a));
    RMSEG_TRY(check_filled(a, path));
    RMSEG_TRY(convert(a, RMSEG_ARRAY_I32, path));
    RMSEG_TRY(accept_labels(b, path, has_ignore, ignore));
    int32_t largest = 1;
    for (int64_t i = 0; i < a->count; i++) {
        int32_t label = ((const int32_t *)a->data)[i];
        if (label > largest && label != b->batch.ignore) largest = label;
    }
    b->batch.n = a->size[0];
    b->batch.k = largest + background;
    b->batch.wide = true;
    set_size(&b->batch, a, (int)a->rank - 1);
    return RMSEG_OK;
}

rmseg_status rmseg_array_batch_read_labels(rmseg_array_batch *b, const char *target, bool background, bool has_ignore,
                                           int32_t ignore)
{
    *b = (rmseg_array_batch){0};
    rmseg_status status = rmseg_npy_read(&b->truth, target);
    if (!status) status = accept_alone(b, target, background, has_ignore, ignore);
    if (status) rmseg_array_batch_destroy(b);
    return status;
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

/* "2,1.5" -> the last of values[3], one for each axis; "": left as they are. */
static rmseg_status parse_axes(double values[3], int spatial, const char *key, const char *text)
{
    const char *at = text;
    for (int axis = 3 - spatial; *text && axis < 3; axis++) {
        char number[40] = "";
        size_t length = strcspn(at, ",");
        if (length < sizeof number) memcpy(number, at, length);
        bool last = axis == 2;
        if (!rmseg_parse_number(&values[axis], number) || !isfinite(values[axis]) || (at[length] == ',') == last)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--%s %s: expected %d numbers with commas between, as in %s", key,
                              text, spatial, spatial == 2 ? "2,1" : "2,1,1");
        at += length + (at[length] == ',');
    }
    return RMSEG_OK;
}

static rmseg_status check_whole(const double values[3], double least, const char *key, const char *text)
{
    for (int axis = 0; axis < 3; axis++)
        if (values[axis] != floor(values[axis]) || values[axis] < least || values[axis] > 1e15)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--%s %s: expected whole numbers of voxels%s", key, text,
                              least > 0 ? ", at least 1" : "");
    return RMSEG_OK;
}

rmseg_status rmseg_array_batch_frames(rmseg_array_batch *b, const char *spacing, const char *offset, const char *extent)
{
    rmseg_batch *batch = &b->batch;
    double mm[3] = {1, 1, 1}, first[3] = {0}, whole[3];
    for (int axis = 0; axis < 3; axis++) whole[axis] = (double)batch->size[axis];
    RMSEG_TRY(parse_axes(mm, batch->spatial, "spacing", spacing));
    RMSEG_TRY(parse_axes(first, batch->spatial, "offset", offset));
    RMSEG_TRY(parse_axes(whole, batch->spatial, "extent", extent));
    RMSEG_TRY(check_whole(first, -1e15, "offset", offset));
    RMSEG_TRY(check_whole(whole, 1, "extent", extent));
    for (int axis = 0; axis < 3; axis++)
        if (!(mm[axis] > 0))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--spacing %s: expected lengths above 0, in mm", spacing);
    b->frames = rmseg_alloc(batch->n, sizeof *b->frames);
    if (!b->frames) return RMSEG_ERROR_MEMORY;
    for (int64_t n = 0; n < batch->n; n++)
        for (int axis = 0; axis < 3; axis++) {
            b->frames[n].offset[axis] = (int64_t)first[axis];
            b->frames[n].extent[axis] = (int64_t)whole[axis];
            b->frames[n].spacing[axis] = mm[axis];
        }
    batch->frames = b->frames;
    return RMSEG_OK;
}
