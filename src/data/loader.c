/*
 * loader.c - batches made ahead of the caller by threads of its own.
 *
 * A ring of batches: the one the caller holds and those that follow. A job is one sample; jobs are handed out in order
 * of (iteration, sample), so that all workers help with the batch that is needed next. What a sample is depends on
 * (seed, iteration, sample) alone, never on who makes it or when.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "data/layouts.h"
#include "data/reference.h"
#include "data/sample.h"

enum { RING = 3 }; /* the batch that is held and two ahead */

typedef struct slot {
    int64_t iteration; /* -1: nothing yet */
    int64_t waiting;   /* samples not made yet */
    int64_t failed;    /* the first sample that failed, -1: none */
    rmseg_status status;
    char sentence[RMSEG_ERROR_LENGTH];
    float *image;   /* (N,C,D,H,W) */
    int32_t *label; /* (N,D,H,W) */
    int32_t *whole; /* (N, loader->largest): labels of whole images; NULL unless asked for */
    rmseg_frame *frames;
    rmseg_sample_record *records;
} slot;

/* A thread and the memory it makes samples in. */
typedef struct worker {
    struct rmseg_loader *loader;
    pthread_t thread;
    rmseg_sample_room *room;
} worker;

typedef struct job {
    slot *slot;
    int64_t sample;
} job;

struct rmseg_loader {
    const rmseg_dataset *dataset;
    rmseg_loader_settings settings;
    rmseg_augmentation augmentation;
    int64_t *cases, count;
    int64_t (*extents)[3]; /* by case of the dataset: of the prepared image; 0 where the case is not among ours */
    int64_t size[3];       /* of a sample */
    int64_t largest;       /* voxels of our largest image */
    rmseg_shelf *shelf;
    rmseg_foreground *foreground; /* by case of the dataset; NULL unless crops are put about it */
    bool filled;

    pthread_mutex_t lock; /* over what follows, and over the slots' state */
    pthread_cond_t work, done;
    slot slots[RING];
    int64_t held;                        /* the iteration that the caller has, -1: none */
    int64_t next_iteration, next_sample; /* the job to hand out next */
    int64_t limit;                       /* no job of this iteration or later may start */
    int64_t running;                     /* jobs being done */
    int64_t *order, order_epoch;         /* permutation of an epoch, -1: none yet */
    bool stop;
    worker *workers;
    int started;
};

/* ---- which cases, drawn how ------------------------------------------------------------------------------------- */

/* Which case stands at a position of the epochs, one after another; `order` holds the permutation of epoch *epoch, and
 * is made anew where another is needed. */
static int64_t case_at(const rmseg_loader *loader, int64_t position, int64_t *order, int64_t *epoch)
{
    if (*epoch != position / loader->count) {
        *epoch = position / loader->count;
        rmseg_random random = rmseg_random_stream(loader->settings.seed, RMSEG_RANDOM_ORDER, (uint32_t)*epoch, 0);
        rmseg_random_order(&random, order, loader->count);
    }
    return loader->cases[order[position % loader->count]];
}

enum { REFERENCE_WORKERS = 4 };

/* The batches that the reference's worker made before in this epoch, then this one. */
static void draw_as_reference(rmseg_sample_record *records, const rmseg_loader *loader, int64_t iteration,
                              int64_t *order, int64_t *epoch)
{
    rmseg_reference random;
    int64_t batch = loader->settings.batch, batches = loader->count / batch;
    rmseg_reference_seed(&random, (uint32_t)loader->settings.seed);
    for (int64_t b = iteration % batches % REFERENCE_WORKERS; b <= iteration % batches; b += REFERENCE_WORKERS)
        for (int64_t s = 0; s < batch; s++) {
            int64_t position = (iteration - iteration % batches + b) * batch + s;
            int64_t index = case_at(loader, position, order, epoch);
            rmseg_reference_draw(&records[s], &random, loader->extents[index], loader->size);
        }
}

static void draw_batch(rmseg_sample_record *records, const rmseg_loader *loader, int64_t iteration, int64_t *order,
                       int64_t *epoch)
{
    const rmseg_loader_settings *settings = &loader->settings;
    for (int64_t s = 0; s < settings->batch; s++) {
        int64_t index = case_at(loader, iteration * settings->batch + s, order, epoch);
        rmseg_sample_place place = {.share = settings->foreground,
                                    .foreground = loader->foreground ? &loader->foreground[index] : NULL};
        memcpy(place.extent, loader->extents[index], sizeof place.extent);
        memcpy(place.patch, loader->size, sizeof place.patch);
        records[s].case_index = index;
        rmseg_sample_draw(&records[s], &loader->augmentation, &place, settings->seed, (uint32_t)iteration, (uint32_t)s);
    }
    if (settings->reference) draw_as_reference(records, loader, iteration, order, epoch);
}

static rmseg_status check_iteration(const rmseg_loader *loader, int64_t iteration)
{
    if (loader->foreground && !loader->filled)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "samples about the foreground need the loader to be filled first");
    int64_t most =
        UINT32_MAX < INT64_MAX / loader->settings.batch - 1 ? UINT32_MAX : INT64_MAX / loader->settings.batch - 1;
    if (iteration >= 0 && iteration <= most) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "iteration %lld: expected 0 to %lld", (long long)iteration,
                      (long long)most);
}

rmseg_status rmseg_loader_records(rmseg_sample_record *records, const rmseg_loader *loader, int64_t iteration)
{
    RMSEG_TRY(check_iteration(loader, iteration));
    int64_t *order = rmseg_alloc(loader->count, sizeof *order), epoch = -1;
    if (!order) return RMSEG_ERROR_MEMORY;
    draw_batch(records, loader, iteration, order, &epoch);
    rmseg_free(order);
    return RMSEG_OK;
}

/* ---- workers ---------------------------------------------------------------------------------------------------- */

static void open_slot(rmseg_loader *loader, slot *slot)
{
    slot->iteration = loader->next_iteration;
    slot->waiting = loader->settings.batch;
    slot->failed = -1;
    slot->status = RMSEG_OK;
    draw_batch(slot->records, loader, slot->iteration, loader->order, &loader->order_epoch);
}

/* Waits for a job; false when the loader is being destroyed. Called with the lock. */
static bool take_job(job *job, rmseg_loader *loader)
{
    while (!loader->stop && loader->next_iteration >= loader->limit) pthread_cond_wait(&loader->work, &loader->lock);
    if (loader->stop) return false;
    job->slot = &loader->slots[loader->next_iteration % RING];
    job->sample = loader->next_sample;
    if (job->sample == 0) open_slot(loader, job->slot);
    if (++loader->next_sample == loader->settings.batch) {
        loader->next_sample = 0;
        loader->next_iteration++;
    }
    loader->running++;
    return true;
}

static rmseg_status check_prepared(const rmseg_loader *loader, const rmseg_prepared *prepared, int64_t case_index)
{
    const int64_t *size = prepared->image->size, *expected = loader->extents[case_index];
    char now[80], before[80];
    if (!memcmp(size, expected, sizeof prepared->image->size)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FILE, "%s has %s now, and had %s when the work began",
                      loader->dataset->cases[case_index].images.items[0], rmseg_extent_words(now, size),
                      rmseg_extent_words(before, expected));
}

static rmseg_status fill_case(void *context, int64_t index, int thread)
{
    (void)thread;
    rmseg_loader *loader = context;
    const rmseg_prepared *prepared = NULL;
    if (rmseg_cancelled()) return rmseg_fail(RMSEG_ERROR_CANCELLED, "interrupted while the cases were read");
    RMSEG_TRY(rmseg_shelf_take(&prepared, loader->shelf, loader->cases[index]));
    rmseg_status status = check_prepared(loader, prepared, loader->cases[index]);
    rmseg_foreground *foreground = loader->foreground ? &loader->foreground[loader->cases[index]] : NULL;
    if (!status && foreground && !foreground->first) status = rmseg_foreground_find(foreground, prepared->label);
    rmseg_shelf_give(loader->shelf, prepared);
    return status;
}

rmseg_status rmseg_loader_fill(rmseg_loader *loader)
{
    RMSEG_TRY(rmseg_parallel_try(loader->count, fill_case, loader));
    loader->filled = true;
    return RMSEG_OK;
}

bool rmseg_loader_warps(const rmseg_loader *loader) { return rmseg_augmentation_warps(&loader->augmentation); }

static rmseg_status do_job(rmseg_loader *loader, const job *job, rmseg_sample_room *room)
{
    const rmseg_sample_record *record = &job->slot->records[job->sample];
    int64_t voxels = loader->size[0] * loader->size[1] * loader->size[2];
    const rmseg_prepared *prepared = NULL;
    RMSEG_TRY(rmseg_shelf_take(&prepared, loader->shelf, record->case_index));
    rmseg_status status = check_prepared(loader, prepared, record->case_index);
    if (status == RMSEG_OK)
        rmseg_sample_make(job->slot->image + job->sample * loader->dataset->channels * voxels,
                          job->slot->label + job->sample * voxels, &job->slot->frames[job->sample], prepared, record,
                          loader->size, room);
    if (status == RMSEG_OK && job->slot->whole) {
        int32_t *whole = job->slot->whole + job->sample * loader->largest;
        rmseg_sample_whole(whole, prepared, record);
        job->slot->frames[job->sample].whole = whole;
    }
    rmseg_shelf_give(loader->shelf, prepared);
    return status;
}

/* Called with the lock. Of several failures the batch keeps that of its first sample, whoever was faster. */
static void finish_job(rmseg_loader *loader, const job *job, rmseg_status status)
{
    slot *slot = job->slot;
    if (status != RMSEG_OK && (slot->failed < 0 || job->sample < slot->failed)) {
        slot->failed = job->sample;
        slot->status = status;
        rmseg_error_take(slot->sentence);
    }
    loader->running--;
    if (--slot->waiting == 0 || loader->running == 0) pthread_cond_broadcast(&loader->done);
}

static void *work(void *context)
{
    const worker *worker = context;
    rmseg_loader *loader = worker->loader;
    job job;
    rmseg_parallel_alone(); /* the pool is the trainer's */
    pthread_mutex_lock(&loader->lock);
    while (take_job(&job, loader)) {
        pthread_mutex_unlock(&loader->lock);
        rmseg_status status = do_job(loader, &job, worker->room);
        pthread_mutex_lock(&loader->lock);
        finish_job(loader, &job, status);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* ---- the caller's side ------------------------------------------------------------------------------------------ */

/* Lets all running jobs end and starts anew at `iteration`. Called with the lock. */
static void start_at(rmseg_loader *loader, int64_t iteration)
{
    loader->limit = 0;
    while (loader->running > 0) pthread_cond_wait(&loader->done, &loader->lock);
    for (int i = 0; i < RING; i++) loader->slots[i].iteration = -1;
    loader->next_iteration = iteration;
    loader->next_sample = 0;
}

rmseg_status rmseg_loader_next(rmseg_loaded_batch *batch, rmseg_loader *loader, int64_t iteration)
{
    RMSEG_TRY(check_iteration(loader, iteration));
    slot *slot = &loader->slots[iteration % RING];
    pthread_mutex_lock(&loader->lock);
    bool goes_on = loader->held >= 0 && (iteration == loader->held || iteration == loader->held + 1);
    if (!goes_on) start_at(loader, iteration);
    loader->held = iteration;
    loader->limit = iteration + RING;
    pthread_cond_broadcast(&loader->work);
    while (slot->iteration != iteration || slot->waiting > 0) pthread_cond_wait(&loader->done, &loader->lock);
    pthread_mutex_unlock(&loader->lock);
    if (slot->status != RMSEG_OK) {
        rmseg_error_give(slot->sentence);
        return slot->status;
    }
    *batch = (rmseg_loaded_batch){.image = slot->image,
                                  .label = slot->label,
                                  .frames = slot->frames,
                                  .samples = slot->records,
                                  .n = loader->settings.batch,
                                  .channels = loader->dataset->channels};
    memcpy(batch->size, loader->size, sizeof batch->size);
    return RMSEG_OK;
}

/* ---- creating --------------------------------------------------------------------------------------------------- */

static bool is_set(const int64_t size[3]) { return size[0] != 0 || size[1] != 0 || size[2] != 0; }

static rmseg_status check_extents(const char *what, const int64_t size[3])
{
    if (!is_set(size) || (size[0] > 0 && size[1] > 0 && size[2] > 0)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s %lld,%lld,%lld: expected extents of at least 1", what,
                      (long long)size[0], (long long)size[1], (long long)size[2]);
}

static rmseg_status check_settings(const rmseg_dataset *dataset, const int64_t *cases, int64_t count,
                                   const rmseg_loader_settings *settings)
{
    if (count < 1) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s: no cases to train on", dataset->root);
    if (settings->batch < 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "batch %lld: expected at least 1", (long long)settings->batch);
    if (settings->workers < 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%d loader threads: expected at least 1", settings->workers);
    for (int64_t i = 0; i < count; i++) {
        if (cases[i] < 0 || cases[i] >= dataset->count)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "there is no case %lld: %s has %lld", (long long)cases[i],
                              dataset->root, (long long)dataset->count);
        if (dataset->cases[cases[i]].labels.count == 0)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "case %s has no label to learn from", dataset->cases[cases[i]].id);
    }
    if (!(settings->foreground >= 0 && settings->foreground <= 1))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "foreground %g: expected a share from 0 to 1", settings->foreground);
    RMSEG_TRY(check_extents("grid", settings->preparation.grid));
    return check_extents("patch", settings->patch);
}

/* The prepared extents are known from the files' headers (unless cropped), so that a wrong patch is told of before
 * anything is read. */
static rmseg_status find_extents(rmseg_loader *loader)
{
    for (int64_t i = 0; i < loader->count; i++) {
        int64_t index = loader->cases[i];
        RMSEG_TRY(rmseg_case_extent(loader->extents[index], loader->dataset, index, &loader->settings.preparation));
    }
    return RMSEG_OK;
}

/* Without a patch a sample is a whole image: all alike, and square where it is turned. */
static rmseg_status take_whole(rmseg_loader *loader)
{
    const rmseg_case *cases = loader->dataset->cases;
    const int64_t *first = loader->extents[loader->cases[0]];
    char size[80], another[80];
    for (int64_t i = 1; i < loader->count; i++) {
        const int64_t *other = loader->extents[loader->cases[i]];
        if (memcmp(first, other, sizeof loader->extents[0]))
            return rmseg_fail(
                RMSEG_ERROR_ARGUMENT,
                "%s has %s, %s has %s: a batch needs images of one size; give a grid to resample to, or a "
                "patch",
                cases[loader->cases[0]].images.items[0], rmseg_extent_words(size, first),
                cases[loader->cases[i]].images.items[0], rmseg_extent_words(another, other));
    }
    int plane[2];
    rmseg_turn_plane(plane, loader->augmentation.pivot);
    if (loader->augmentation.turn && first[plane[0]] != first[plane[1]])
        return rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "augment rot90 turns whole images, which have %s: expected square ones; give a square grid or "
            "a patch",
            rmseg_extent_words(size, first));
    memcpy(loader->size, first, sizeof loader->size);
    return RMSEG_OK;
}

static rmseg_status fail_patch(const rmseg_loader *loader, int64_t index, const int64_t extent[3], bool turned)
{
    char patch[64], found[64];
    int spatial = loader->settings.patch[0] == 1 && extent[0] == 1 ? 2 : 3;
    bool resampled = is_set(loader->settings.preparation.grid);
    return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                      "the patch %s is larger than %s%s, which is %s; take a smaller patch, or pad with zeros",
                      rmseg_extent_text(patch, loader->settings.patch, spatial),
                      resampled ? "the grid" : loader->dataset->cases[index].images.items[0],
                      turned ? " turned by a quarter" : "", rmseg_extent_text(found, extent, spatial));
}

/* Turned or not, each image must hold the patch where nothing is padded. */
static rmseg_status take_patch(rmseg_loader *loader)
{
    const int64_t *patch = loader->settings.patch;
    memcpy(loader->size, patch, sizeof loader->size);
    for (int64_t i = 0; !loader->settings.pad && i < loader->count; i++)
        for (int turns = 0; turns <= (loader->augmentation.turn ? 1 : 0); turns++) {
            int64_t turned[3];
            rmseg_turned_extent(turned, loader->extents[loader->cases[i]], turns, loader->augmentation.pivot);
            if (turned[0] < patch[0] || turned[1] < patch[1] || turned[2] < patch[2])
                return fail_patch(loader, loader->cases[i], turned, turns > 0);
        }
    return RMSEG_OK;
}

static rmseg_status make_slots(rmseg_loader *loader)
{
    int64_t batch = loader->settings.batch, voxels = 0, labels = 0, values = 0;
    if (!rmseg_mul3(&voxels, loader->size[0], loader->size[1], loader->size[2]) || !rmseg_mul(&labels, voxels, batch) ||
        !rmseg_mul(&values, labels, loader->dataset->channels))
        return rmseg_fail_memory();
    for (int64_t i = 0; i < loader->count; i++) {
        const int64_t *extent = loader->extents[loader->cases[i]];
        int64_t all = extent[0] * extent[1] * extent[2]; /* it was read, so it fits */
        if (all > loader->largest) loader->largest = all;
    }
    for (int i = 0; i < RING; i++) {
        slot *slot = &loader->slots[i];
        slot->iteration = -1;
        slot->image = rmseg_alloc(values, sizeof *slot->image);
        slot->label = rmseg_alloc(labels, sizeof *slot->label);
        if (loader->settings.whole) slot->whole = rmseg_alloc(batch * loader->largest, sizeof *slot->whole);
        slot->frames = rmseg_alloc(batch, sizeof *slot->frames);
        slot->records = rmseg_alloc(batch, sizeof *slot->records);
        bool enough = slot->image && slot->label && slot->frames && slot->records;
        if (!enough || (loader->settings.whole && !slot->whole)) return RMSEG_ERROR_MEMORY;
    }
    return RMSEG_OK;
}

static rmseg_status make_workers(rmseg_loader *loader)
{
    loader->workers = rmseg_alloc(loader->settings.workers, sizeof *loader->workers);
    if (!loader->workers) return RMSEG_ERROR_MEMORY;
    for (int i = 0; i < loader->settings.workers; i++) {
        loader->workers[i].loader = loader;
        RMSEG_TRY(rmseg_sample_room_create(&loader->workers[i].room, &loader->augmentation, loader->size));
    }
    return RMSEG_OK;
}

/* Fewer threads than asked for do the same work. They take no signals: those are for the program's own threads. */
static rmseg_status start_threads(rmseg_loader *loader)
{
    sigset_t all, before;
    int code = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (loader->started < loader->settings.workers && code == 0) {
        worker *worker = &loader->workers[loader->started];
        code = pthread_create(&worker->thread, NULL, work, worker);
        if (code == 0) loader->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (loader->started > 0) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_MEMORY, "no thread could be started for loading: %s", strerror(code));
}

/* What the reference loader does, and nothing else. */
static rmseg_status check_reference(const rmseg_loader *loader)
{
    const rmseg_loader_settings *s = &loader->settings;
    const rmseg_augmentation *a = &loader->augmentation;
    if (!s->reference) return RMSEG_OK;
    bool others = a->flip[0] || a->flip[1] || a->flip[2] || a->offset || a->gain || a->gamma || a->noise_p > 0 ||
                  a->blur_p > 0 || a->lowres_p > 0 || rmseg_augmentation_warps(a);
    if (!a->reflect || others || !is_set(s->patch) || s->foreground > 0)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "rng la-reference draws what the reference loader of the left atrium draws: expected augment "
                          "la-reference alone, a patch, and no foreground");
    if (s->seed > UINT32_MAX)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "rng la-reference: the seed is %llu, NumPy's are below 2^32",
                          (unsigned long long)s->seed);
    if (loader->count % s->batch == 0) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_ARGUMENT,
        "rng la-reference starts anew with every epoch: expected a number of cases that the batch of %lld "
        "divides, found %lld",
        (long long)s->batch, (long long)loader->count);
}

static rmseg_status set_up(rmseg_loader *loader, const int64_t *cases)
{
    loader->cases = rmseg_alloc(loader->count, sizeof *loader->cases);
    loader->extents = rmseg_alloc(loader->dataset->count, sizeof *loader->extents);
    loader->order = rmseg_alloc(loader->count, sizeof *loader->order);
    if (!loader->cases || !loader->extents || !loader->order) return RMSEG_ERROR_MEMORY;
    memcpy(loader->cases, cases, (size_t)loader->count * sizeof *cases);
    RMSEG_TRY(rmseg_augmentation_parse(&loader->augmentation, loader->settings.augment, loader->dataset->spatial));
    loader->settings.augment = NULL; /* borrowed from the caller, and read now */
    RMSEG_TRY(check_reference(loader));
    if (loader->settings.foreground > 0) {
        loader->foreground = rmseg_alloc(loader->dataset->count, sizeof *loader->foreground);
        if (!loader->foreground) return RMSEG_ERROR_MEMORY;
    }
    RMSEG_TRY(find_extents(loader));
    RMSEG_TRY(is_set(loader->settings.patch) ? take_patch(loader) : take_whole(loader));
    RMSEG_TRY(rmseg_shelf_create(&loader->shelf, loader->dataset, &loader->settings.preparation, loader->settings.cache,
                                 loader->settings.cache_folder));
    loader->settings.cache_folder = NULL;
    RMSEG_TRY(make_slots(loader));
    RMSEG_TRY(make_workers(loader));
    return start_threads(loader);
}

rmseg_status rmseg_loader_create(rmseg_loader **loader, const rmseg_dataset *dataset, const int64_t *cases,
                                 int64_t count, const rmseg_loader_settings *settings)
{
    RMSEG_TRY(check_settings(dataset, cases, count, settings));
    rmseg_loader *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    made->dataset = dataset;
    made->settings = *settings;
    made->count = count;
    made->held = made->order_epoch = -1;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->done, NULL);
    rmseg_status status = set_up(made, cases);
    if (status == RMSEG_OK)
        *loader = made;
    else
        rmseg_loader_destroy(made);
    return status;
}

void rmseg_loader_destroy(rmseg_loader *loader)
{
    if (!loader) return;
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->started; i++) pthread_join(loader->workers[i].thread, NULL);
    for (int i = 0; loader->workers && i < loader->settings.workers; i++)
        rmseg_sample_room_destroy(loader->workers[i].room);
    for (int64_t i = 0; loader->foreground && i < loader->dataset->count; i++)
        rmseg_foreground_destroy(&loader->foreground[i]);
    for (int i = 0; i < RING; i++) {
        rmseg_free(loader->slots[i].image);
        rmseg_free(loader->slots[i].label);
        rmseg_free(loader->slots[i].whole);
        rmseg_free(loader->slots[i].frames);
        rmseg_free(loader->slots[i].records);
    }
    rmseg_shelf_destroy(loader->shelf);
    pthread_cond_destroy(&loader->done);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->lock);
    rmseg_free(loader->workers);
    rmseg_free(loader->foreground);
    rmseg_free(loader->order);
    rmseg_free(loader->extents);
    rmseg_free(loader->cases);
    rmseg_free(loader);
}
