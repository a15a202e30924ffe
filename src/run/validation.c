/* validation.c - the Dice of held-out cases. */
#include "run/validation.h"

#include <math.h>

#include "metric/metric.h"
#include "run/label.h"
#include "run/predictor.h"

struct rmseg_validation {
    const rmseg_dataset *dataset;
    const rmseg_model *model;
    const int64_t *cases;
    int64_t count;
    rmseg_shelf *shelf; /* of the prepared cases */
    rmseg_predictor *predictor;
    double *sum; /* [regions] of the Dice, over `valid` cases */
    int64_t *valid;
};

/* Every case is read at once, so that one that cannot be read is known before the training. */
static rmseg_status load_at_first(void *context, int64_t i, int thread)
{
    (void)thread;
    rmseg_validation *v = context;
    const rmseg_prepared *prepared = NULL;
    RMSEG_TRY(rmseg_shelf_take(&prepared, v->shelf, v->cases[i]));
    rmseg_shelf_give(v->shelf, prepared);
    return RMSEG_OK;
}

rmseg_status rmseg_validation_create(rmseg_validation **validation, const rmseg_dataset *dataset,
                                     const rmseg_model *model, const int64_t *cases, int64_t count, rmseg_cache cache,
                                     const char *folder)
{
    rmseg_window window = rmseg_window_default(model);
    window.to_finish = true; /* half a validation could not be resumed */
    rmseg_validation *v = rmseg_alloc(1, sizeof *v);
    if (!v) return RMSEG_ERROR_MEMORY;
    *v = (rmseg_validation){.dataset = dataset, .model = model, .cases = cases, .count = count};
    v->sum = rmseg_alloc(model->regions.count, sizeof *v->sum);
    v->valid = rmseg_alloc(model->regions.count, sizeof *v->valid);
    bool made = v->sum && v->valid;
    rmseg_status status =
        made ? rmseg_shelf_create(&v->shelf, dataset, &model->preparation, cache, folder) : RMSEG_ERROR_MEMORY;
    if (!status) status = rmseg_predictor_create(&v->predictor, model, &window);
    if (!status) status = rmseg_parallel_try(count, load_at_first, v);
    if (status)
        rmseg_validation_destroy(v);
    else
        *validation = v;
    return status;
}

void rmseg_validation_destroy(rmseg_validation *v)
{
    if (!v) return;
    rmseg_predictor_destroy(v->predictor);
    rmseg_shelf_destroy(v->shelf);
    rmseg_free(v->sum);
    rmseg_free(v->valid);
    rmseg_free(v);
}

static rmseg_status measure_region(rmseg_validation *v, int64_t region, uint8_t *masks, const rmseg_image *predicted,
                                   const rmseg_image *truth)
{
    static const char *const dice[] = {"dice"};
    static const double voxels[3] = {1, 1, 1};
    int64_t count = rmseg_image_voxels(truth);
    rmseg_metric_settings settings;
    double value;
    rmseg_metric_settings_default(&settings);
    rmseg_region_mask(masks, predicted->data, count, &v->model->regions.items[region]);
    rmseg_region_mask(masks + count, truth->data, count, &v->model->regions.items[region]);
    RMSEG_TRY(rmseg_metric_measure(&value, NULL, masks, masks + count, truth->size, voxels, dice, 1, &settings));
    if (isnan(value)) return RMSEG_OK;
    v->sum[region] += value;
    v->valid[region]++;
    return RMSEG_OK;
}

static rmseg_status compare(rmseg_validation *v, const rmseg_image *predicted, const rmseg_image *truth)
{
    rmseg_image *label = NULL;
    RMSEG_TRY(rmseg_image_convert(&label, predicted, RMSEG_I32));
    uint8_t *masks = rmseg_alloc(2 * rmseg_image_voxels(truth), 1);
    rmseg_status status = masks ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    for (int64_t r = 0; r < v->model->regions.count && !status; r++) status = measure_region(v, r, masks, label, truth);
    rmseg_free(masks);
    rmseg_image_destroy(label);
    return status;
}

static rmseg_status predict(rmseg_validation *v, const rmseg_image *image, const rmseg_image *truth)
{
    static const rmseg_cleaning as_it_is = {0};
    rmseg_image *probabilities = NULL, *label = NULL;
    RMSEG_TRY(rmseg_predictor_run(&probabilities, v->predictor, image));
    rmseg_status status = rmseg_label_make(&label, probabilities, v->model, &as_it_is);
    if (!status) status = compare(v, label, truth);
    rmseg_image_destroy(probabilities);
    rmseg_image_destroy(label);
    return status;
}

static rmseg_status run_case(rmseg_validation *v, int64_t i)
{
    const rmseg_prepared *prepared = NULL;
    RMSEG_TRY(rmseg_shelf_take(&prepared, v->shelf, v->cases[i]));
    rmseg_status status = predict(v, prepared->image, prepared->label);
    rmseg_shelf_give(v->shelf, prepared);
    return status;
}

rmseg_status rmseg_validation_run(rmseg_validation *v)
{
    for (int64_t r = 0; r < v->model->regions.count; r++) v->sum[r] = 0, v->valid[r] = 0;
    for (int64_t i = 0; i < v->count; i++) {
        rmseg_status status = run_case(v, i);
        if (status) return rmseg_fail_in(status, "validation on %s", v->dataset->cases[v->cases[i]].id);
    }
    return RMSEG_OK;
}

double rmseg_validation_dice(const rmseg_validation *v, int64_t region)
{
    return v->valid[region] ? v->sum[region] / (double)v->valid[region] : NAN;
}

double rmseg_validation_mean(const rmseg_validation *v)
{
    double sum = 0;
    int64_t defined = 0;
    for (int64_t r = 0; r < v->model->regions.count; r++) {
        if (!v->valid[r]) continue;
        sum += rmseg_validation_dice(v, r);
        defined++;
    }
    return defined ? sum / (double)defined : NAN;
}
