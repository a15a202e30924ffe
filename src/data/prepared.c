/* prepared.c - the shelf of prepared cases: each is loaded once, however many threads ask for it. */
#include "data/prepared.h"

#include <pthread.h>
#include <sys/mman.h>

typedef enum place_state { EMPTY, LOADING, READY } place_state;

typedef struct place {
    place_state state;
    rmseg_prepared *prepared; /* in memory alone */
} place;

struct rmseg_shelf {
    const rmseg_dataset *dataset;
    rmseg_preparation preparation;
    rmseg_cache cache;
    char *folder;
    pthread_mutex_t lock; /* over places */
    pthread_cond_t changed;
    place *places; /* one per case */
};

/* ---- a case ------------------------------------------------------------------------------------------------------- */

void rmseg_prepared_destroy(rmseg_prepared *prepared)
{
    if (!prepared) return;
    if (prepared->mapping) {
        if (prepared->image) prepared->image->data = NULL;
        if (prepared->label) prepared->label->data = NULL;
        prepared->channels = NULL;
        munmap(prepared->mapping, prepared->mapped);
    }
    rmseg_image_destroy(prepared->image);
    rmseg_image_destroy(prepared->label);
    rmseg_free(prepared->channels);
    rmseg_free(prepared);
}

rmseg_status rmseg_prepared_make(rmseg_prepared **prepared, const rmseg_dataset *dataset, int64_t index,
                                 const rmseg_preparation *preparation)
{
    rmseg_prepared *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    rmseg_status status = rmseg_case_prepare(&made->image, &made->label, dataset, index, preparation);
    if (status == RMSEG_OK) {
        made->channels = rmseg_alloc(made->image->channels, sizeof *made->channels);
        if (!made->channels) status = RMSEG_ERROR_MEMORY;
    }
    if (status != RMSEG_OK) {
        rmseg_prepared_destroy(made);
        return status;
    }
    int64_t voxels = rmseg_image_voxels(made->image);
    for (int64_t c = 0; c < made->image->channels; c++)
        rmseg_channel_stats_of(&made->channels[c], (const float *)made->image->data + c * voxels, voxels);
    *prepared = made;
    return RMSEG_OK;
}

/* ---- the shelf ---------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_shelf_create(rmseg_shelf **shelf, const rmseg_dataset *dataset, const rmseg_preparation *preparation,
                                rmseg_cache cache, const char *folder)
{
    rmseg_shelf *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    bool mapped = cache == RMSEG_CACHE_MMAP;
    made->places = rmseg_alloc(dataset->count, sizeof *made->places);
    if (mapped) made->folder = rmseg_strdup(folder);
    if (!made->places || (mapped && !made->folder)) {
        rmseg_free(made->places);
        rmseg_free(made->folder);
        rmseg_free(made);
        return RMSEG_ERROR_MEMORY;
    }
    made->dataset = dataset;
    made->preparation = *preparation;
    made->cache = cache;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    *shelf = made;
    return RMSEG_OK;
}

void rmseg_shelf_destroy(rmseg_shelf *shelf)
{
    if (!shelf) return;
    for (int64_t i = 0; i < shelf->dataset->count; i++) rmseg_prepared_destroy(shelf->places[i].prepared);
    pthread_cond_destroy(&shelf->changed);
    pthread_mutex_destroy(&shelf->lock);
    rmseg_free(shelf->places);
    rmseg_free(shelf->folder);
    rmseg_free(shelf);
}

/* Waits until nobody loads the case. True: it is there; false: the caller is to load it, and has marked it so. */
static bool is_there(rmseg_shelf *shelf, place *place)
{
    while (place->state == LOADING) pthread_cond_wait(&shelf->changed, &shelf->lock);
    bool there = place->state == READY;
    if (!there) place->state = LOADING;
    pthread_mutex_unlock(&shelf->lock);
    return there;
}

/* Afterwards the lock is held. */
static void loaded(rmseg_shelf *shelf, place *place, rmseg_status status)
{
    pthread_mutex_lock(&shelf->lock);
    place->state = status == RMSEG_OK ? READY : EMPTY;
    pthread_cond_broadcast(&shelf->changed);
}

static rmseg_status take_kept(const rmseg_prepared **prepared, rmseg_shelf *shelf, int64_t index)
{
    place *place = &shelf->places[index];
    rmseg_status status = RMSEG_OK;
    pthread_mutex_lock(&shelf->lock);
    if (!is_there(shelf, place)) {
        rmseg_prepared *made = NULL;
        status = rmseg_prepared_make(&made, shelf->dataset, index, &shelf->preparation);
        loaded(shelf, place, status);
        place->prepared = made;
        pthread_mutex_unlock(&shelf->lock);
    }
    if (status == RMSEG_OK) *prepared = place->prepared;
    return status;
}

/* Its file is checked, and made where it must be, by the first that takes the case. It is mapped no longer than it is in
 * use, so that neither memory nor addresses grow with the number of cases. */
static rmseg_status take_mapped(const rmseg_prepared **prepared, rmseg_shelf *shelf, int64_t index)
{
    place *place = &shelf->places[index];
    rmseg_prepared *mapped = NULL;
    pthread_mutex_lock(&shelf->lock);
    bool there = is_there(shelf, place);
    rmseg_status status = rmseg_cached_take(&mapped, shelf->folder, shelf->dataset, index, &shelf->preparation, !there);
    if (!there) {
        loaded(shelf, place, status);
        pthread_mutex_unlock(&shelf->lock);
    }
    if (status == RMSEG_OK) *prepared = mapped;
    return status;
}

rmseg_status rmseg_shelf_take(const rmseg_prepared **prepared, rmseg_shelf *shelf, int64_t index)
{
    if (shelf->cache == RMSEG_CACHE_RAM) return take_kept(prepared, shelf, index);
    if (shelf->cache == RMSEG_CACHE_MMAP) return take_mapped(prepared, shelf, index);
    rmseg_prepared *made = NULL;
    RMSEG_TRY(rmseg_prepared_make(&made, shelf->dataset, index, &shelf->preparation));
    *prepared = made;
    return RMSEG_OK;
}

void rmseg_shelf_give(rmseg_shelf *shelf, const rmseg_prepared *prepared)
{
    if (shelf->cache != RMSEG_CACHE_RAM) rmseg_prepared_destroy((rmseg_prepared *)prepared);
}
