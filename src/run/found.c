/* found.c - which label values an image holds. */
#include "run/found.h"

void rmseg_found_see(bool *seen, const rmseg_image *label)
{
    const int32_t *value = label->data;
    int64_t voxels = rmseg_image_voxels(label);
    int32_t last = -1;
    for (int64_t i = 0; i < voxels; i++) {
        if (value[i] == last || value[i] < 0 || value[i] >= RMSEG_MOST_LABELS) continue;
        last = value[i];
        seen[last] = true;
    }
}

rmseg_found rmseg_found_kind(const bool *seen)
{
    for (int64_t i = 1; i < RMSEG_MOST_LABELS; i++)
        if (seen[i] && i != 255) return RMSEG_FOUND_OTHERS;
    return seen[255] ? RMSEG_FOUND_255 : RMSEG_FOUND_NONE;
}

rmseg_status rmseg_found_regions(rmseg_regions *regions, const bool *seen)
{
    int64_t labels[RMSEG_MOST_FOUND], count = 0;
    for (int64_t i = 1; i < RMSEG_MOST_LABELS; i++) {
        if (!seen[i]) continue;
        if (count == RMSEG_MOST_FOUND)
            return rmseg_fail(RMSEG_ERROR_FORMAT,
                              "the files hold more than %d label values, as images do and label images do not: check "
                              "--pred and --truth, or give --labels or --regions",
                              RMSEG_MOST_FOUND);
        labels[count++] = i;
    }
    return rmseg_regions_from_labels(regions, labels, count);
}
