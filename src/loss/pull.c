/* pull.c - the gradient of one term alone, and norms of gradients. */
#include <math.h>

#include "loss/evaluator.h"

#define CHUNK 65536 /* elements of a partial sum of squares */

static int64_t elements_of(const rmseg_evaluator *e)
{
    const rmseg_batch *b = &e->sweep.batch;
    return b->n * b->k * b->size[0] * b->size[1] * b->size[2];
}

rmseg_status rmseg_pull_create(rmseg_evaluator *e)
{
    e->partials = rmseg_chunk_count(elements_of(e), CHUNK);
    e->partial = rmseg_alloc(e->partials, sizeof *e->partial);
    return e->partial ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

typedef struct square {
    const rmseg_evaluator *e;
    const void *gradient;
} square;

static void square_chunk(void *context, int64_t chunk, int thread)
{
    (void)thread;
    const square *s = context;
    double sum = 0;
    for (int64_t i = chunk * CHUNK; i < rmseg_chunk_end(elements_of(s->e), CHUNK, chunk); i++) {
        double x = s->e->sweep.batch.wide ? ((const double *)s->gradient)[i] : (double)((const float *)s->gradient)[i];
        sum += x * x;
    }
    s->e->partial[chunk] = sum;
}

double rmseg_evaluator_norm(rmseg_evaluator *e, const void *gradient)
{
    square s = {e, gradient};
    double sum = 0;
    rmseg_parallel_for(e->partials, square_chunk, &s);
    for (int64_t i = 0; i < e->partials; i++) sum += e->partial[i];
    return sqrt(sum);
}

double rmseg_evaluator_term_gradient(rmseg_evaluator *e, int64_t index, double weight, void *dlogits)
{
    if (index < 0 || index >= e->objective->terms || !e->sweep.batch.logits) return NAN;
    for (int64_t i = 0; i < e->objective->terms; i++) e->part[i].weight = i == index ? weight : 0;
    rmseg_evaluator_finish(e);
    e->sweep.dlogits = dlogits;
    e->sweep.kept = NULL;
    rmseg_evaluator_scatter(e);
    for (int64_t i = 0; i < e->objective->terms; i++)
        e->part[i].weight = e->coefficient[e->objective->term[i].coefficient];
    return rmseg_evaluator_norm(e, dlogits);
}
