/* label.c - from probabilities to a label image. */
#include "run/label.h"

#include <string.h>

#include "field/field.h"

#define CHUNK 65536 /* voxels */

typedef struct mask_job {
    const float *probability; /* (K, voxels) */
    int64_t voxels, channels, channel;
    int32_t *winner; /* [voxels] the most probable class; NULL for a sigmoid or a tanh */
    uint8_t *mask;
} mask_job;

static void winner_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const mask_job *job = context;
    int64_t end = rmseg_chunk_end(job->voxels, CHUNK, chunk);
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const float *p = job->probability + i;
        int64_t best = 0;
        for (int64_t c = 1; c < job->channels; c++)
            if (p[c * job->voxels] > p[best * job->voxels]) best = c;
        job->winner[i] = (int32_t)best;
    }
}

static void mask_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const mask_job *job = context;
    const float *p = job->probability + job->channel * job->voxels;
    int64_t end = rmseg_chunk_end(job->voxels, CHUNK, chunk);
    for (int64_t i = chunk * CHUNK; i < end; i++)
        job->mask[i] = job->winner ? job->winner[i] == job->channel : p[i] > 0.5f;
}

static rmseg_status drop_small(uint8_t *mask, const rmseg_grid *grid, int64_t voxels, int64_t min_size)
{
    int32_t *component = rmseg_alloc(voxels, sizeof *component);
    int64_t *size = NULL, count = 0;
    rmseg_status status = component ? rmseg_components(component, &count, mask, grid, 1) : RMSEG_ERROR_MEMORY;
    if (!status && !(size = rmseg_alloc(count + 1, sizeof *size))) status = RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < voxels && !status; i++) size[component[i]]++;
    for (int64_t i = 0; i < voxels && !status; i++) mask[i] = component[i] > 0 && size[component[i]] >= min_size;
    rmseg_free(component);
    rmseg_free(size);
    return status;
}

rmseg_status rmseg_clean(uint8_t *mask, const int64_t size[3], const rmseg_cleaning *cleaning)
{
    rmseg_grid grid = {.size = {size[0], size[1], size[2]}, .spacing = {1, 1, 1}};
    if (cleaning->min_size > 1) RMSEG_TRY(drop_small(mask, &grid, size[0] * size[1] * size[2], cleaning->min_size));
    return cleaning->largest ? rmseg_largest_component(mask, &grid, 1) : RMSEG_OK;
}

static void write_value(rmseg_image *label, const uint8_t *mask, int32_t value)
{
    int64_t voxels = rmseg_image_voxels(label);
    for (int64_t i = 0; i < voxels; i++) {
        if (!mask[i]) continue;
        if (label->dtype == RMSEG_U8)
            ((uint8_t *)label->data)[i] = (uint8_t)value;
        else
            ((uint16_t *)label->data)[i] = (uint16_t)value;
    }
}

static rmseg_status write_masks(rmseg_image *label, mask_job *job, const rmseg_model *model,
                                const rmseg_cleaning *cleaning)
{
    int64_t chunks = rmseg_chunk_count(job->voxels, CHUNK);
    if (job->winner) rmseg_parallel_for(chunks, winner_chunk, job);
    for (int64_t c = job->winner ? 1 : 0; c < job->channels; c++) {
        job->channel = c;
        rmseg_parallel_for(chunks, mask_chunk, job);
        RMSEG_TRY(rmseg_clean(job->mask, label->size, cleaning));
        write_value(label, job->mask, job->winner ? (int32_t)c : model->regions.items[c].value);
    }
    return RMSEG_OK;
}

static int64_t largest_value(const rmseg_model *model)
{
    int64_t largest = model->classes - 1;
    for (int64_t i = 0; i < model->regions.count; i++)
        if (model->regions.items[i].value > largest) largest = model->regions.items[i].value;
    return largest;
}

rmseg_dtype rmseg_label_dtype(const rmseg_model *model) { return largest_value(model) < 256 ? RMSEG_U8 : RMSEG_U16; }

rmseg_status rmseg_label_make(rmseg_image **label, const rmseg_image *probabilities, const rmseg_model *model,
                              const rmseg_cleaning *cleaning)
{
    rmseg_image *made = NULL;
    RMSEG_TRY(rmseg_image_create(&made, rmseg_label_dtype(model), 1, probabilities->size));
    rmseg_image_copy_geometry(made, probabilities);
    mask_job job = {
        .probability = probabilities->data, .voxels = rmseg_image_voxels(made), .channels = probabilities->channels};
    bool softmax = model->head == RMSEG_HEAD_SOFTMAX;
    job.mask = rmseg_alloc(job.voxels, 1);
    if (softmax) job.winner = rmseg_alloc(job.voxels, sizeof *job.winner);
    bool have = job.mask && (!softmax || job.winner);
    rmseg_status status = have ? write_masks(made, &job, model, cleaning) : RMSEG_ERROR_MEMORY;
    rmseg_free(job.winner);
    rmseg_free(job.mask);
    if (status)
        rmseg_image_destroy(made);
    else
        *label = made;
    return status;
}
