/* trainer.c - making a training ready: options, data, network and folder checked against each other, then filled. */
#include "run/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run/folder.h"
#include "run/predictor.h"
#include "run/preparation.h"

/* ---- data -------------------------------------------------------------------------------------------------------- */

static rmseg_status open_data(rmseg_trainer *t)
{
    const train_options *o = t->o;
    if (!*o->data)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--data is missing: give the folder of the data (layout %s)",
                          o->layout);
    return rmseg_dataset_open(&t->dataset, o->layout, o->data, "train", o->threshold, true);
}

static rmseg_cache cache_of(const train_options *o)
{
    return !strcmp(o->cache, "ram") ? RMSEG_CACHE_RAM : !strcmp(o->cache, "mmap") ? RMSEG_CACHE_MMAP : RMSEG_CACHE_NONE;
}

static rmseg_status name_cache(rmseg_trainer *t)
{
    bool own = !*t->o->cache_dir || !strcmp(t->o->cache_dir, "none");
    t->cache_folder = own ? rmseg_path_join(t->o->out, RMSEG_CACHE_FOLDER) : rmseg_strdup(t->o->cache_dir);
    return t->cache_folder ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

/* The long part of the checks: every file is read. */
static rmseg_status read_data(rmseg_trainer *t)
{
    RMSEG_TRY(rmseg_loader_fill(t->loader));
    if (t->held_count)
        RMSEG_TRY(rmseg_validation_create(&t->validation, t->dataset, &t->model, t->cases + t->train_count,
                                          t->held_count, cache_of(t->o), t->cache_folder));
    return rmseg_dataset_hash(t->data_hash, t->dataset);
}

/* "2/5" -> 2, 5. */
static rmseg_status parse_fold(int64_t *fold, int64_t *folds, const char *text)
{
    char first[24] = "";
    size_t length = strcspn(text, "/");
    if (text[length] && length < sizeof first) memcpy(first, text, length);
    if (rmseg_parse_integer(fold, first) && rmseg_parse_integer(folds, text + length + 1) && *folds >= 2 &&
        *fold >= 0 && *fold < *folds)
        return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--fold %s: expected FOLD/FOLDS, from 0/5 to 4/5 for five of them", text);
}

/* The first share of a permutation: the cases that --val-fraction holds out. */
static rmseg_status hold_fraction(bool *held, int64_t count, const train_options *o)
{
    int64_t *order = rmseg_alloc(count, sizeof *order);
    if (!order) return RMSEG_ERROR_MEMORY;
    rmseg_random r = rmseg_random_stream((uint64_t)o->split_seed, RMSEG_RANDOM_SPLIT, 0, 0);
    rmseg_random_order(&r, order, count);
    int64_t wanted = (int64_t)(o->val_fraction * (double)count + 0.5);
    if (!wanted && o->val_fraction > 0) {
        rmseg_free(order);
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--val-fraction %g of %lld cases holds out none: give at least %.3g",
                          o->val_fraction, (long long)count, 1 / (double)count);
    }
    for (int64_t i = 0; i < wanted; i++) held[order[i]] = true;
    rmseg_free(order);
    return RMSEG_OK;
}

static rmseg_status mark_held(bool *held, const rmseg_trainer *t)
{
    const train_options *o = t->o;
    int64_t fold = 0, folds = 0;
    if (*o->fold && o->val_fraction > 0)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--fold and --val-fraction both hold cases out: give one of them");
    if (!*o->fold) return hold_fraction(held, t->dataset->count, o);
    RMSEG_TRY(parse_fold(&fold, &folds, o->fold));
    return rmseg_dataset_fold(held, t->dataset->count, (uint64_t)o->split_seed, fold, folds);
}

static rmseg_status split_cases(rmseg_trainer *t)
{
    int64_t count = t->dataset->count;
    bool *held = rmseg_alloc(count, sizeof *held);
    t->cases = rmseg_alloc(count, sizeof *t->cases);
    rmseg_status status = held && t->cases ? mark_held(held, t) : RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < count && !status; i++)
        if (!held[i]) t->cases[t->train_count++] = i;
    for (int64_t i = 0; i < count && !status; i++)
        if (held[i]) t->cases[t->train_count + t->held_count++] = i;
    rmseg_free(held);
    if (status) return status;
    if (!t->train_count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s: no case is left to train on (%lld in all, %lld held out)",
                          t->dataset->root, (long long)count, (long long)t->held_count);
    if (!t->held_count && (!strcmp(t->o->select, "best") || t->o->patience))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--select best and --patience need a validation: hold cases out by --fold or --val-fraction");
    return RMSEG_OK;
}

/* ---- network and objective --------------------------------------------------------------------------------------- */

static rmseg_status make_model(rmseg_trainer *t)
{
    const train_options *o = t->o;
    rmseg_model *m = &t->model;
    m->head = rmseg_objective_head(t->objective);
    if (m->head == RMSEG_HEAD_NONE)
        return rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "--objective \"%s\": a network gives logits, so its head is softmax, sigmoid or tanh, not none",
            o->objective);
    m->objective = rmseg_strdup(rmseg_objective_text(t->objective));
    m->layout = rmseg_strdup(t->dataset->layout);
    if (!m->objective || !m->layout) return RMSEG_ERROR_MEMORY;
    m->classes = t->dataset->classes;
    RMSEG_TRY(rmseg_regions_from_dataset(&m->regions, t->dataset));
    RMSEG_TRY(rmseg_preparation_parse(&m->preparation, t->dataset->spatial, o));
    RMSEG_TRY(rmseg_parse_size(m->patch, t->dataset->spatial, "patch", o->patch));
    RMSEG_TRY(rmseg_backend_default(&m->backend));
    rmseg_net_spec spec = {.net = o->net,
                           .spatial = t->dataset->spatial,
                           .in_channels = t->dataset->channels,
                           .out_channels = rmseg_model_channels(m),
                           .width = o->width,
                           .depth = o->depth,
                           .norm = o->norm,
                           .activation = o->activation,
                           .dropout = o->dropout,
                           .exact = o->exact,
                           .bf16 = !strcmp(o->precision, "bf16")};
    RMSEG_TRY(rmseg_net_create(&m->net, &spec));
    RMSEG_TRY(rmseg_weights_create(&m->weights, m->net, m->backend, true));
    if (!strcmp(o->optimizer, "adamw")) RMSEG_TRY(rmseg_weights_keep(m->weights, RMSEG_TENSOR_SQUARE));
    return o->ema > 0 ? rmseg_weights_keep(m->weights, RMSEG_TENSOR_AVERAGE) : RMSEG_OK;
}

/* What a sample's extents are, and whether the network can take them. Without a grid and a patch the first image says
 * it, and the loader checks that the others are like it. */
static rmseg_status settle_size(rmseg_trainer *t)
{
    const int64_t *patch = t->model.patch, *grid = t->model.preparation.grid;
    const char *what = patch[0] ? "--patch" : grid[0] ? "--grid" : "images of";
    int64_t first[3];
    if (!patch[0]) RMSEG_TRY(rmseg_case_extent(first, t->dataset, t->cases[0], &t->model.preparation));
    memcpy(t->batch.size, patch[0] ? patch : first, sizeof t->batch.size);
    rmseg_status status = rmseg_check_divisible(t->batch.size, t->model.net, what);
    return status && !patch[0] && !grid[0] ? rmseg_fail_in(status, "neither --grid nor --patch is given") : status;
}

static rmseg_status make_batch(rmseg_trainer *t)
{
    rmseg_batch *b = &t->batch;
    int64_t voxels, elements;
    b->n = t->o->batch;
    b->k = rmseg_model_channels(&t->model);
    b->spatial = t->dataset->spatial;
    b->ignore = -1;
    if (!rmseg_mul3(&voxels, b->size[0], b->size[1], b->size[2]) || !rmseg_mul3(&elements, b->n, b->k, voxels))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--batch %lld of this size is too large", (long long)b->n);
    t->logits = rmseg_alloc(elements, sizeof *t->logits);
    t->dlogits = rmseg_alloc(elements, sizeof *t->dlogits);
    t->terms = rmseg_alloc(rmseg_objective_terms(t->objective), sizeof *t->terms);
    t->share = rmseg_alloc(rmseg_objective_terms(t->objective), sizeof *t->share);
    if (!t->logits || !t->dlogits || !t->terms || !t->share) return RMSEG_ERROR_MEMORY;
    b->logits = t->logits;
    if (t->model.head == RMSEG_HEAD_SOFTMAX) return RMSEG_OK;
    int64_t classes = t->model.classes;
    b->map = t->map = rmseg_alloc(elements, sizeof *t->map);
    t->member = rmseg_alloc(b->k * classes, sizeof *t->member);
    if (!t->map || !t->member) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < b->k * classes; i++)
        t->member[i] = rmseg_region_has(&t->model.regions.items[i / classes], (int32_t)(i % classes));
    return RMSEG_OK;
}

/* Off the image's axes a sample has no place in its image. */
static rmseg_status check_places(const rmseg_trainer *t)
{
    bool whole = rmseg_objective_wants_whole(t->objective), place = rmseg_objective_wants_place(t->objective);
    if (!rmseg_loader_warps(t->loader) || !(whole || place)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                      "--augment %s: rotate, scale and elastic take a sample off the axes of its image, where %s in "
                      "--objective has no meaning; take flips and quarter turns, or %s",
                      t->o->augment, whole ? "maps=image" : "frame=volume", whole ? "maps=crop" : "frame=patch");
}

static rmseg_status make_engine(rmseg_trainer *t)
{
    const train_options *o = t->o;
    RMSEG_TRY(name_cache(t));
    rmseg_loader_settings settings = {.preparation = t->model.preparation,
                                      .batch = o->batch,
                                      .pad = !strcmp(o->pad, "zero"),
                                      .augment = o->augment,
                                      .seed = (uint64_t)o->seed,
                                      .foreground = o->foreground,
                                      .reference = !strcmp(o->rng, "la-reference"),
                                      .cache = cache_of(o),
                                      .cache_folder = t->cache_folder,
                                      .whole = rmseg_objective_wants_whole(t->objective),
                                      .workers = (int)o->workers};
    memcpy(settings.patch, t->model.patch, sizeof settings.patch);
    RMSEG_TRY(settle_size(t));
    RMSEG_TRY(rmseg_loader_create(&t->loader, t->dataset, t->cases, t->train_count, &settings));
    RMSEG_TRY(check_places(t));
    RMSEG_TRY(make_batch(t));
    RMSEG_TRY(rmseg_evaluator_create(&t->evaluator, t->objective, &t->batch, t->model.backend->name));
    if (o->checkpoint_activations)
        return rmseg_executor_create_checkpointed(&t->executor, t->model.net, t->model.backend, o->batch,
                                                  t->batch.size);
    return rmseg_executor_create(&t->executor, t->model.net, t->model.backend, o->batch, t->batch.size, true);
}

/* ---- weights and folder ------------------------------------------------------------------------------------------ */

static rmseg_status hash_init(rmseg_trainer *t)
{
    uint8_t *bytes = NULL;
    size_t length;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, t->o->init, SIZE_MAX));
    rmseg_hash(t->init_hash, bytes, length);
    rmseg_free(bytes);
    return RMSEG_OK;
}

static rmseg_status draw_or_read_weights(rmseg_trainer *t)
{
    if (!*t->o->init) return rmseg_weights_init(t->model.weights, (uint64_t)t->o->seed);
    RMSEG_TRY(hash_init(t));
    rmseg_tensor_file file = {0};
    RMSEG_TRY(rmseg_tensor_file_read(&file, t->o->init));
    rmseg_status status = rmseg_weights_load(t->model.weights, &file, false, t->o->init);
    rmseg_tensor_file_destroy(&file);
    return status;
}

static rmseg_status first_weights(rmseg_trainer *t)
{
    t->state.best = NAN;
    RMSEG_TRY(draw_or_read_weights(t));
    return t->o->ema > 0 ? rmseg_weights_keep(t->model.weights, RMSEG_TENSOR_AVERAGE) : RMSEG_OK;
}

static rmseg_status resumed_weights(rmseg_trainer *t, rmseg_checkpoint *c)
{
    if (strcmp(c->data_hash, t->data_hash))
        return rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "%s: these are not the files the run was trained on (hash %.12s, then %.12s), so it cannot go "
            "on with them",
            t->o->data, t->data_hash, c->data_hash);
    if (t->o->iterations < c->state.iteration)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--iterations %lld: the run has done %lld already",
                          (long long)t->o->iterations, (long long)c->state.iteration);
    RMSEG_TRY(rmseg_weights_load(t->model.weights, &c->file, true, t->o->out));
    int64_t shares;
    double *share = rmseg_evaluator_shares(t->evaluator, &shares);
    RMSEG_TRY(rmseg_checkpoint_shares(share, shares, c));
    if (c->init_hash) snprintf(t->init_hash, sizeof t->init_hash, "%s", c->init_hash);
    t->state = c->state;
    t->best = c->best;
    c->best = (rmseg_tensor_file){0};
    rmseg_info("going on after step %lld", (long long)t->state.iteration);
    return RMSEG_OK;
}

static rmseg_status make_folder(rmseg_trainer *t, bool fresh)
{
    if (!t->lock) { /* the folder is new: unless another training was faster */
        RMSEG_TRY(rmseg_folder_create(t->o->out));
        RMSEG_TRY(rmseg_folder_lock(&t->lock, t->o->out));
        RMSEG_TRY(rmseg_folder_check(t->o));
    }
    RMSEG_TRY(rmseg_folder_prepare(t->o->out, fresh));
    RMSEG_TRY(rmseg_folder_describe(t));
    RMSEG_TRY(rmseg_journal_open(&t->journal, t->o->out, t->state.iteration, t->objective,
                                 t->validation ? &t->model.regions : NULL));
    t->saved_s = rmseg_now_s();
    t->clock_s = t->saved_s - t->state.seconds;
    return fresh ? rmseg_trainer_save(t) : RMSEG_OK; /* from here on --resume works */
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static rmseg_status settle_options(rmseg_trainer *t, const rmseg_options *given, rmseg_checkpoint *c, bool *resumes)
{
    RMSEG_TRY(rmseg_train_options_copy(&t->options, given));
    t->o = train_options_values(t->options);
    if (!*t->o->out)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--out is missing: give the folder that the run is to fill");
    if (t->o->resume && t->o->overwrite)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--resume and --overwrite exclude each other");
    RMSEG_TRY(rmseg_folder_check(t->o));
    bool there = rmseg_folder_exists(t->o->out) && (t->o->resume || t->o->overwrite);
    if (there) RMSEG_TRY(rmseg_folder_lock(&t->lock, t->o->out));
    if (t->o->resume) RMSEG_TRY(rmseg_checkpoint_exists(resumes, t->o->out));
    if (t->o->resume && !*resumes) rmseg_info("%s holds no state yet: starting from the first step", t->o->out);
    if (*resumes) {
        RMSEG_TRY(rmseg_checkpoint_read(c, t->o->out));
        RMSEG_TRY(rmseg_checkpoint_recall(c, t->options));
    }
    RMSEG_TRY(rmseg_train_options_suggest(t->options));
    RMSEG_TRY(rmseg_options_set(t->options, "overwrite", "no")); /* config.ini given to another call replaces no run */
    RMSEG_TRY(rmseg_options_set(t->options, "resume", "no"));
    return t->o->threads ? rmseg_threads_set((int)t->o->threads) : RMSEG_OK;
}

static rmseg_status set_up(rmseg_trainer *t, const rmseg_options *given, rmseg_checkpoint *c)
{
    bool resumes = false;
    RMSEG_TRY(settle_options(t, given, c, &resumes));
    RMSEG_TRY(rmseg_objective_parse(&t->objective, t->o->objective));
    RMSEG_TRY(open_data(t));
    RMSEG_TRY(split_cases(t));
    RMSEG_TRY(make_model(t));
    RMSEG_TRY(make_engine(t));
    RMSEG_TRY(read_data(t));
    RMSEG_TRY(resumes ? resumed_weights(t, c) : first_weights(t));
    RMSEG_TRY(rmseg_train_options_hash(t->model.run, t->options, t->data_hash, t->init_hash));
    return make_folder(t, !resumes);
}

rmseg_status rmseg_trainer_create(rmseg_trainer **trainer, const rmseg_options *options)
{
    rmseg_checkpoint checkpoint = {0};
    rmseg_trainer *t = rmseg_alloc(1, sizeof *t);
    if (!t) return RMSEG_ERROR_MEMORY;
    rmseg_status status = set_up(t, options, &checkpoint);
    rmseg_checkpoint_destroy(&checkpoint);
    if (status)
        rmseg_trainer_destroy(t);
    else
        *trainer = t;
    return status;
}

void rmseg_trainer_destroy(rmseg_trainer *t)
{
    if (!t) return;
    rmseg_loader_destroy(t->loader);
    rmseg_validation_destroy(t->validation);
    rmseg_executor_destroy(t->executor);
    rmseg_evaluator_destroy(t->evaluator);
    rmseg_journal_close(&t->journal);
    rmseg_tensor_file_destroy(&t->best);
    rmseg_model_destroy(&t->model);
    rmseg_objective_destroy(t->objective);
    rmseg_dataset_destroy(t->dataset);
    rmseg_lock_release(t->lock);
    rmseg_options_destroy(t->options);
    rmseg_free(t->cache_folder);
    rmseg_free(t->cases);
    rmseg_free(t->logits);
    rmseg_free(t->dlogits);
    rmseg_free(t->map);
    rmseg_free(t->member);
    rmseg_free(t->terms);
    rmseg_free(t->share);
    rmseg_free(t);
}
