/* prepared.c - the shelf of prepared cases: each is loaded once, however many threads ask for it. */
#include "data/prepared.h"

#include <pthread.h>

typedef enum place_state { EMPTY, LOADING, READY } place_state;

typedef struct place {
    place_state state;
    rmseg_prepared *prepared;
} place;

struct rmseg_shelf {
    const rmseg_dataset *dataset;
    rmseg_preparation preparation;
    bool keep;
    pthread_mutex_t lock; /* over places */
    pthread_cond_t changed;
    place *places; /* one per case */
};

static void destroy_prepared(rmseg_prepared *prepared)
{
    if (!prepared) return;
    rmseg_image_destroy(prepared->image);
    rmseg_image_destroy(prepared->label);
    rmseg_free(prepared->channels);
    rmseg_free(prepared);
}

static rmseg_status load(rmseg_prepared **prepared, const rmseg_shelf *shelf, int64_t index)
{
    rmseg_prepared *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    rmseg_status status = rmseg_case_prepare(&made->image, &made->label, shelf->dataset, index, &shelf->preparation);
    if (status == RMSEG_OK) {
        made->channels = rmseg_alloc(made->image->channels, sizeof *made->channels);
        if (!made->channels) status = RMSEG_ERROR_MEMORY;
    }
    if (status != RMSEG_OK) {
        destroy_prepared(made);
        return status;
    }
    int64_t voxels = rmseg_image_voxels(made->image);
    for (int64_t c = 0; c < made->image->channels; c++)
        rmseg_channel_stats_of(&made->channels[c], (const float *)made->image->data + c * voxels, voxels);
    *prepared = made;
    return RMSEG_OK;
}

rmseg_status rmseg_shelf_create(rmseg_shelf **shelf, const rmseg_dataset *dataset, const rmseg_preparation *preparation,
                                bool keep)
{
    rmseg_shelf *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->places = rmseg_alloc(dataset->count, sizeof *made->places);
    if (!made->places) {
        rmseg_free(made);
        return RMSEG_ERROR_MEMORY;
    }
    made->dataset = dataset;
    made->preparation = *preparation;
    made->keep = keep;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    *shelf = made;
    return RMSEG_OK;
}

void rmseg_shelf_destroy(rmseg_shelf *shelf)
{
    if (!shelf) return;
    for (int64_t i = 0; i < shelf->dataset->count; i++) destroy_prepared(shelf->places[i].prepared);
    pthread_cond_destroy(&shelf->changed);
    pthread_mutex_destroy(&shelf->lock);
    rmseg_free(shelf->places);
    rmseg_free(shelf);
}

static rmseg_status take_kept(const rmseg_prepared **prepared, rmseg_shelf *shelf, int64_t index)
{
    place *place = &shelf->places[index];
    rmseg_status status = RMSEG_OK;
    pthread_mutex_lock(&shelf->lock);
    while (place->state == LOADING) pthread_cond_wait(&shelf->changed, &shelf->lock);
    if (place->state == EMPTY) {
        place->state = LOADING;
        pthread_mutex_unlock(&shelf->lock);
        rmseg_prepared *loaded = NULL;
        status = load(&loaded, shelf, index);
        pthread_mutex_lock(&shelf->lock);
        place->prepared = loaded;
        place->state = status == RMSEG_OK ? READY : EMPTY;
        pthread_cond_broadcast(&shelf->changed);
    }
    if (status == RMSEG_OK) *prepared = place->prepared;
    pthread_mutex_unlock(&shelf->lock);
    return status;
}

rmseg_status rmseg_shelf_take(const rmseg_prepared **prepared, rmseg_shelf *shelf, int64_t index)
{
    if (shelf->keep) return take_kept(prepared, shelf, index);
    rmseg_prepared *loaded = NULL;
    RMSEG_TRY(load(&loaded, shelf, index));
    *prepared = loaded;
    return RMSEG_OK;
}

void rmseg_shelf_give(rmseg_shelf *shelf, const rmseg_prepared *prepared)
{
    if (!shelf->keep) destroy_prepared((rmseg_prepared *)prepared);
}
