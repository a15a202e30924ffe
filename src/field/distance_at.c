/*
 * distance_at.c - distances at some voxels only.
 *
 * After the pass along W each voxel knows the nearest site of its row. A query looks into the rows around its own, the
 * nearest first, and is done when no farther row can matter: two surfaces that nearly agree need no more. For the
 * queries that are far from all sites the passes along H and D are made, of the lines they lie in.
 */
#include <math.h>

#include "field/distance_transform.h"

enum { NEAR = 5, MOST_STEPS = (2 * NEAR + 1) * (2 * NEAR + 1), QUERY_CHUNK = 1 << 11 };

/* All steps of at most NEAR times the shorter spacing, by growing cost (by insertion: there are at most 81). */
static int64_t list_steps(rmseg_row_step step[MOST_STEPS], const rmseg_transform *t)
{
    double least = t->size[0] > 1 && t->weight[0] < t->weight[1] ? t->weight[0] : t->weight[1];
    int64_t count = 0, deep = t->size[0] > 1 ? NEAR : 0;
    for (int64_t d = -deep; d <= deep; d++)
        for (int64_t h = -NEAR; h <= NEAR; h++) {
            rmseg_row_step new = {
                d, h, (d * t->size[1] + h) * t->size[2], t->weight[0] * (double)(d * d), t->weight[1] * (double)(h * h),
                0};
            new.cost = new.cost_h + new.cost_d;
            if (new.cost > NEAR * NEAR *least) continue;
            int64_t at = count++;
            for (; at > 0 && step[at - 1].cost > new.cost; at--) step[at] = step[at - 1];
            step[at] = new;
        }
    return count;
}

typedef struct near_job {
    const rmseg_transform *t;
    rmseg_near near;
    double *at;
    int64_t count;
} near_job;

static void near_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const near_job *job = context;
    int64_t first = chunk * QUERY_CHUNK, end = rmseg_chunk_end(job->count, QUERY_CHUNK, chunk);
    job->t->kernels->near(job->at + first, &job->near, end - first);
}

/* Most queries of two surfaces that nearly agree have a site close by: no pass along H and D is needed for them. */
static void answer_near(double *at, const rmseg_transform *t, int64_t count)
{
    rmseg_row_step step[MOST_STEPS];
    near_job job = {t, {t->data, t->size, step, list_steps(step, t), t->factor}, at, count};
    rmseg_parallel_for(rmseg_chunk_count(count, QUERY_CHUNK), near_chunk, &job);
}

static double result_at(const rmseg_transform *t, int64_t voxel)
{
    if (!t->whole) return ((const double *)t->data)[voxel] * t->factor;
    int32_t whole = ((const int32_t *)t->data)[voxel];
    return whole < RMSEG_NO_SITE ? whole * t->factor : INFINITY;
}

/* The passes along H and D, of the bundles in which a far query lies. */
static void answer_far(double *at, rmseg_transform *t, int64_t count, uint8_t *needed[2])
{
    int64_t plane = t->size[1] * t->size[2];
    bool any = false;
    for (int64_t i = 0; i < count; i++) {
        if (at[i] >= 0) continue;
        int64_t voxel = (int64_t)RMSEG_FAR(at[i]);
        any = true;
        needed[0][voxel % plane / t->kernels->lines] = 1;
        needed[1][voxel % t->size[2] / t->kernels->lines] = 1;
    }
    if (!any) return;
    t->needed[0] = needed[0];
    t->needed[1] = needed[1];
    rmseg_transform_pass(t, 1);
    if (t->size[0] > 1) rmseg_transform_pass(t, 0);
    for (int64_t i = 0; i < count; i++)
        if (at[i] < 0) at[i] = result_at(t, (int64_t)RMSEG_FAR(at[i]));
}

static rmseg_status check_queries(const double *at, int64_t count, int64_t voxels)
{
    for (int64_t i = 0; i < count; i++)
        if (!(at[i] >= 0 && at[i] < (double)voxels))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "query %lld is voxel %.0f: the grid has voxels 0 to %lld",
                              (long long)i, at[i], (long long)(voxels - 1));
    return RMSEG_OK;
}

rmseg_status rmseg_distance_at(double *at, const uint8_t *sites, int64_t count, const rmseg_grid *grid)
{
    rmseg_transform t;
    RMSEG_TRY(rmseg_transform_begin(&t, sites, grid));
    rmseg_status status = check_queries(at, count, t.voxels);
    uint8_t *needed[2] = {rmseg_alloc(rmseg_transform_bundles(&t, 0), 1),
                          rmseg_alloc(rmseg_transform_bundles(&t, 1), 1)};
    t.data = status == RMSEG_OK ? rmseg_alloc(t.voxels, rmseg_transform_element(&t)) : NULL;
    if (status == RMSEG_OK && !(needed[0] && needed[1] && t.data)) status = RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK) {
        rmseg_transform_pass(&t, 2);
        answer_near(at, &t, count);
        answer_far(at, &t, count, needed);
    }
    rmseg_free(needed[0]);
    rmseg_free(needed[1]);
    rmseg_free(t.data);
    rmseg_transform_end(&t);
    return status;
}
