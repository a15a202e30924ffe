/*
 * evaluator.c - an objective evaluated: gather, finish every term, scatter.
 */
#include <math.h>
#include <string.h>

#include "loss/distance_maps.h"
#include "loss/signed_head.h"

/* ---- creating ------------------------------------------------------------------------------------------------ */

static rmseg_status check_shape(const rmseg_batch *b, rmseg_head head)
{
    int64_t voxels, elements;
    bool positive = b->n > 0 && b->k > 0 && b->size[0] > 0 && b->size[1] > 0 && b->size[2] > 0;
    if (!positive || !rmseg_mul3(&voxels, b->size[0], b->size[1], b->size[2]) ||
        !rmseg_mul3(&elements, b->n, b->k, voxels))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "batch: the shape (%lld,%lld,%lld,%lld,%lld) is not one of positive extents", (long long)b->n,
                          (long long)b->k, (long long)b->size[0], (long long)b->size[1], (long long)b->size[2]);
    if (b->spatial != 2 && b->spatial != 3)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "batch: spatial is %d; expected 2 or 3", b->spatial);
    if (b->spatial == 2 && b->size[0] != 1)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "batch: a 2D batch has depth 1, found %lld; slices go along N",
                          (long long)b->size[0]);
    if (head == RMSEG_HEAD_SOFTMAX && b->k < 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "objective: softmax needs two channels or more, found 1; for one mask write 'sigmoid: ...'");
    return RMSEG_OK;
}

/* Double logits have the plain loops alone. */
static const rmseg_objective_kernels *find_kernels(const char *backend, bool wide)
{
    const rmseg_backend *found = rmseg_backend_find(backend);
    if (found && wide) found = rmseg_backend_find("plain64");
    return found ? found->objective : NULL;
}

static rmseg_status create_parts(rmseg_evaluator *e)
{
    const rmseg_objective *o = e->objective;
    for (int64_t i = 0; i < o->terms; i++) {
        const rmseg_loss_term *term = o->term + i;
        e->part[i].term = term;
        e->part[i].field = -1;
        rmseg_status status = term->row->compile(e, e->part + i);
        if (status != RMSEG_OK)
            return status == RMSEG_ERROR_MEMORY ? status : rmseg_fail_in(status, "objective, term %s", term->name);
        for (int64_t c = 0; c < e->sweep.batch.k && !e->part[i].aside; c++)
            e->sweep.looked[c] |= !e->part[i].channels || e->part[i].channels[c];
    }
    return rmseg_fields_finish(e);
}

static rmseg_status ensure_scratch(rmseg_evaluator *e)
{
    if (e->sweep.scratch && e->threads >= rmseg_threads()) return RMSEG_OK;
    size_t bytes = e->kernels->scratch_bytes(&e->sweep, rmseg_threads());
    void *scratch = rmseg_arena_alloc(bytes);
    if (!scratch) return RMSEG_ERROR_MEMORY;
    if (e->sweep.scratch) rmseg_arena_free(e->sweep.scratch, e->scratch_bytes);
    e->sweep.scratch = scratch;
    e->scratch_bytes = bytes;
    e->threads = rmseg_threads();
    return RMSEG_OK;
}

static rmseg_status build(rmseg_evaluator *e)
{
    rmseg_sweep *s = &e->sweep;
    int64_t terms = e->objective->terms;
    e->part = rmseg_alloc(terms, sizeof *e->part);
    e->values = rmseg_alloc(terms, sizeof *e->values);
    e->coefficient = rmseg_alloc(e->objective->coefficients.count, sizeof *e->coefficient);
    e->plan = rmseg_alloc(terms, sizeof *e->plan);
    s->field = rmseg_alloc(terms, sizeof *s->field);
    s->focal = rmseg_alloc(terms, sizeof *s->focal);
    s->looked = rmseg_alloc(s->batch.k, sizeof *s->looked);
    if (!e->part || !e->values || !e->coefficient || !e->plan || !s->field || !s->focal || !s->looked)
        return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_signed_create(e));
    RMSEG_TRY(create_parts(e));
    int64_t sums;
    if (!rmseg_mul3(&sums, s->batch.n, s->batch.k, s->width)) return rmseg_fail_memory();
    s->sums = rmseg_alloc(sums, sizeof *s->sums);
    s->valid = rmseg_alloc(s->batch.n, sizeof *s->valid);
    s->slope = rmseg_alloc(s->batch.n * s->batch.k, sizeof *s->slope);
    s->nll_slope = rmseg_alloc(s->batch.k, sizeof *s->nll_slope);
    if (!s->sums || !s->valid || !s->slope || !s->nll_slope) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_pull_create(e));
    RMSEG_TRY(rmseg_shares_create(e));
    return ensure_scratch(e);
}

rmseg_status rmseg_evaluator_create(rmseg_evaluator **evaluator, const rmseg_objective *objective,
                                    const rmseg_batch *shape, const char *backend)
{
    RMSEG_TRY(check_shape(shape, objective->head));
    if (!backend) {
        const rmseg_backend *fastest;
        RMSEG_TRY(rmseg_backend_default(&fastest));
        backend = fastest->name;
    }
    const rmseg_objective_kernels *kernels = find_kernels(backend, shape->wide);
    if (!kernels) return rmseg_fail(RMSEG_ERROR_UNSUPPORTED, "objective: the backend '%.60s' has no losses", backend);
    rmseg_evaluator *e = rmseg_alloc(1, sizeof *e);
    if (!e) return RMSEG_ERROR_MEMORY;
    e->objective = objective;
    e->kernels = kernels;
    e->sweep.head = objective->head == RMSEG_HEAD_TANH ? RMSEG_HEAD_SIGMOID : objective->head;
    e->sweep.first_label = e->sweep.head == RMSEG_HEAD_SIGMOID || shape->k == 1;
    e->sweep.batch = (rmseg_batch){.n = shape->n, .k = shape->k, .spatial = shape->spatial, .wide = shape->wide};
    memcpy(e->sweep.batch.size, shape->size, sizeof shape->size);
    rmseg_status status = build(e);
    if (status == RMSEG_OK)
        *evaluator = e;
    else
        rmseg_evaluator_destroy(e);
    return status;
}

void rmseg_evaluator_destroy(rmseg_evaluator *e)
{
    if (!e) return;
    for (int64_t i = 0; e->part && i < e->objective->terms; i++) {
        rmseg_free(e->part[i].channels);
        rmseg_free(e->part[i].place);
        rmseg_free(e->part[i].weights);
        rmseg_free(e->part[i].index);
        rmseg_maps_destroy(e->part[i].maps);
        rmseg_free(e->part[i].scratch);
        rmseg_signed_target_destroy(e->part[i].target);
    }
    rmseg_fields_destroy(e);
    rmseg_shares_destroy(e);
    if (e->sweep.scratch) rmseg_arena_free(e->sweep.scratch, e->scratch_bytes);
    rmseg_free(e->sweep.sums);
    rmseg_free(e->sweep.valid);
    rmseg_free(e->sweep.slope);
    rmseg_free(e->sweep.nll_slope);
    rmseg_free(e->sweep.looked);
    rmseg_free(e->part);
    rmseg_free(e->predicted);
    rmseg_free(e->steep);
    rmseg_free(e->values);
    rmseg_free(e->partial);
    rmseg_free(e->coefficient);
    rmseg_free(e);
}

/* ---- running ------------------------------------------------------------------------------------------------- */

static rmseg_status check_frames(const rmseg_batch *b)
{
    for (int64_t n = 0; b->frames && n < b->n; n++)
        for (int axis = 0; axis < 3; axis++) {
            const rmseg_frame *f = b->frames + n;
            if (f->extent[axis] < 1 || !(f->spacing[axis] > 0 && f->spacing[axis] < INFINITY))
                return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                                  "batch: sample %lld's frame has extent %lld and spacing %g along axis %d; "
                                  "expected positive ones",
                                  (long long)n, (long long)f->extent[axis], f->spacing[axis], axis);
        }
    return RMSEG_OK;
}

/* Takes over the batch's pointers, if it is of the evaluator's shape. */
static rmseg_status accept(rmseg_evaluator *e, const rmseg_batch *batch)
{
    rmseg_batch *own = &e->sweep.batch;
    bool same = batch->n == own->n && batch->k == own->k && batch->spatial == own->spatial &&
                batch->wide == own->wide && !memcmp(batch->size, own->size, sizeof own->size);
    if (!same)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "batch: its shape or type is not the one the evaluator was created for");
    if (!batch->logits || !batch->index == !batch->map)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "batch: expected logits and one of index and map, found %s logits and %s",
                          batch->logits ? "the" : "no",
                          batch->index ? "both"
                          : batch->map ? "a map"
                                       : "neither");
    if ((unsigned)batch->index_type > RMSEG_INDEX_I64)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "batch: the index type is %d; expected 0 to %d", (int)batch->index_type,
                          RMSEG_INDEX_I64);
    RMSEG_TRY(check_frames(batch));
    if (!(batch->progress >= 0 && batch->progress <= 1))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "batch: the progress is %g; expected 0 to 1", batch->progress);
    *own = *batch;
    return RMSEG_OK;
}

/* The sentence of a truth outside its range: where, what. */
static rmseg_status fail_truth(const rmseg_sweep *s)
{
    const rmseg_batch *b = &s->batch;
    int64_t voxels = b->size[0] * b->size[1] * b->size[2], last = b->k - 1 + s->first_label;
    for (int64_t i = 0; b->index && i < b->n * voxels; i++) {
        int64_t label = rmseg_index_at(b, i);
        if ((label >= 0 && label <= last) || (b->ignore != -1 && label == b->ignore)) continue;
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "batch: the index at sample %lld, voxel (%lld,%lld,%lld) is %lld; expected 0 to %lld%s",
                          (long long)(i / voxels), (long long)(i % voxels / (b->size[1] * b->size[2])),
                          (long long)(i / b->size[2] % b->size[1]), (long long)(i % b->size[2]), (long long)label,
                          (long long)last, b->ignore == -1 ? "" : " or the ignored value");
    }
    return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                      "batch: the map holds a value above 1 or a NaN; expected 0 to 1, or negative for ignored");
}

static double value_at(const rmseg_batch *b, const void *array, int64_t i)
{
    return b->wide ? ((const double *)array)[i] : (double)((const float *)array)[i];
}

static bool is_valid(const rmseg_batch *b, int64_t n, int64_t voxel, int64_t voxels)
{
    if (b->index) return b->ignore == -1 || rmseg_index_at(b, n * voxels + voxel) != b->ignore;
    for (int64_t c = 0; c < b->k; c++)
        if (value_at(b, b->map, (n * b->k + c) * voxels + voxel) < 0) return false;
    return true;
}

/* The sentence of the first logit that is not finite, where there is one. */
static rmseg_status check_logits(const rmseg_batch *b)
{
    int64_t voxels = b->size[0] * b->size[1] * b->size[2];
    for (int64_t i = 0; i < b->n * b->k * voxels; i++) {
        int64_t n = i / voxels / b->k, voxel = i % voxels;
        if (isfinite(value_at(b, b->logits, i)) || !is_valid(b, n, voxel, voxels)) continue;
        return rmseg_fail(RMSEG_ERROR_NUMERIC,
                          "objective: the logits of sample %lld hold a NaN or an infinity (channel %lld)", (long long)n,
                          (long long)(i / voxels % b->k));
    }
    return RMSEG_OK;
}

static rmseg_status check_sums(const rmseg_evaluator *e)
{
    const rmseg_batch *b = &e->sweep.batch;
    if (e->sweep.fault) return fail_truth(&e->sweep);
    for (int64_t n = 0; n < b->n; n++)
        for (int64_t c = 0; c < b->k; c++) {
            if (isfinite(rmseg_sums_at(e, n, c)[RMSEG_SUM_P])) continue;
            RMSEG_TRY(check_logits(b));
            return rmseg_fail(RMSEG_ERROR_NUMERIC,
                              "objective: the logits of sample %lld, channel %lld, are too large to be summed",
                              (long long)n, (long long)c);
        }
    return RMSEG_OK;
}

static void clear_coefficients(rmseg_evaluator *e)
{
    rmseg_sweep *s = &e->sweep;
    memset(s->slope, 0, (size_t)(s->batch.n * s->batch.k) * sizeof *s->slope);
    memset(s->nll_slope, 0, (size_t)s->batch.k * sizeof *s->nll_slope);
    for (int64_t f = 0; f < s->fields; f++)
        memset(s->field[f].coefficient, 0,
               (size_t)(s->batch.n * s->batch.k * s->field[f].parts) * sizeof *s->field[f].coefficient);
    for (int64_t f = 0; f < s->focals; f++)
        memset(s->focal[f].slope, 0, (size_t)s->batch.k * 2 * sizeof *s->focal[f].slope);
    e->valid = 0;
    for (int64_t n = 0; n < s->batch.n; n++) e->valid += s->valid[n];
}

rmseg_status rmseg_evaluator_predict(rmseg_evaluator *e)
{
    const rmseg_batch *b = &e->sweep.batch;
    if (e->predicted) return RMSEG_OK;
    e->predicted =
        rmseg_alloc(b->n * b->k * b->size[0] * b->size[1] * b->size[2], b->wide ? sizeof(double) : sizeof(float));
    return e->predicted ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

/* The steps before the sweeps. */
static rmseg_status prepare_terms(rmseg_evaluator *e)
{
    if (e->predicted) e->kernels->predict(e->predicted, &e->sweep);
    for (int64_t i = 0; i < e->objective->terms; i++) {
        const rmseg_loss_term *term = e->objective->term + i;
        rmseg_status status = term->row->prepare ? term->row->prepare(e, e->part + i) : RMSEG_OK;
        if (status) return status == RMSEG_ERROR_MEMORY ? status : rmseg_fail_in(status, "term %s", term->name);
    }
    return RMSEG_OK;
}

void rmseg_evaluator_finish(rmseg_evaluator *e)
{
    clear_coefficients(e);
    for (int64_t i = 0; i < e->objective->terms; i++) e->values[i] = e->part[i].term->row->finish(e, e->part + i);
}

void rmseg_evaluator_scatter(rmseg_evaluator *e)
{
    e->kernels->scatter(&e->sweep);
    if (e->sweep.kept == e->sweep.dlogits) e->sweep.kept = NULL;
    if (e->steep) rmseg_signed_leave(e);
}

/* The weights of this evaluation. A share() is measured where its gradient is wanted, or where it has no average yet. */
static void weigh_terms(rmseg_evaluator *e, bool gradient)
{
    const rmseg_objective *o = e->objective;
    if (o->coefficients.shares) rmseg_shares_settle(e, gradient);
    rmseg_coefficients_evaluate(e->coefficient, &o->coefficients, e->sweep.batch.progress, e->shares.used);
    for (int64_t i = 0; i < o->terms; i++) e->part[i].weight = e->coefficient[o->term[i].coefficient];
}

static rmseg_status add_terms(double *total, const rmseg_evaluator *e)
{
    *total = 0;
    for (int64_t i = 0; i < e->objective->terms; i++) {
        *total += e->part[i].weight * e->values[i];
        if (isfinite(*total)) continue;
        RMSEG_TRY(check_logits(&e->sweep.batch));
        return rmseg_fail(RMSEG_ERROR_NUMERIC,
                          "objective: the term %s is %g at weight %g, though the logits are finite",
                          e->objective->term[i].name, e->values[i], e->part[i].weight);
    }
    return RMSEG_OK;
}

rmseg_status rmseg_evaluator_run(rmseg_evaluator *e, double *total, double *terms, void *dlogits,
                                 const rmseg_batch *batch)
{
    double sum;
    RMSEG_TRY(accept(e, batch));
    RMSEG_TRY(ensure_scratch(e));
    if (e->steep) rmseg_signed_enter(e);
    if (e->located) e->kernels->locate(e->located, &e->sweep);
    rmseg_fields_fill(e);
    RMSEG_TRY(prepare_terms(e));
    e->sweep.dlogits = dlogits;
    e->sweep.kept = NULL;
    e->kernels->gather(&e->sweep);
    RMSEG_TRY(check_sums(e));
    weigh_terms(e, dlogits);
    rmseg_evaluator_finish(e);
    RMSEG_TRY(add_terms(&sum, e));
    e->sweep.dlogits = dlogits; /* the shares had theirs */
    if (dlogits) rmseg_evaluator_scatter(e);
    if (terms) memcpy(terms, e->values, (size_t)e->objective->terms * sizeof *terms);
    *total = sum;
    return RMSEG_OK;
}

double rmseg_evaluator_weight(const rmseg_evaluator *e, int64_t index)
{
    return index >= 0 && index < e->objective->terms ? e->part[index].weight : NAN;
}

double *rmseg_evaluator_shares(rmseg_evaluator *e, int64_t *count)
{
    *count = e->objective->coefficients.shares;
    return e->shares.weight;
}

/* Whether a part is one weight of r^2 from tables: rm or mse. */
static bool squares(const rmseg_evaluator *e, const rmseg_loss_part *part)
{
    return part->field >= 0 && e->sweep.field[part->field].squared && !e->sweep.field[part->field].map;
}

double rmseg_evaluator_mean_weight(const rmseg_evaluator *e, int64_t index)
{
    bool weighed = index >= 0 && index < e->objective->terms && squares(e, e->part + index) && e->valid > 0;
    if (!weighed) return NAN;
    const rmseg_loss_part *part = e->part + index;
    return part->term->row->mean_weight ? part->term->row->mean_weight(e, part) : rmseg_field_mean(e, part);
}

rmseg_status rmseg_objective_evaluate(double *total, double *terms, void *dlogits, const rmseg_objective *objective,
                                      const rmseg_batch *batch)
{
    rmseg_evaluator *evaluator;
    RMSEG_TRY(rmseg_evaluator_create(&evaluator, objective, batch, NULL));
    rmseg_status status = rmseg_evaluator_run(evaluator, total, terms, dlogits, batch);
    rmseg_evaluator_destroy(evaluator);
    return status;
}
