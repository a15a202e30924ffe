/*
 * test_loss_terms.c - what holds of every term of the table: the bits do not depend on the number of threads, nothing is
 * allocated after the first evaluation, and a failed allocation is reported and leaks nothing.
 */
#include <math.h>

#include "loss/loss.h"
#include "unit.h"

typedef struct inputs {
    rmseg_batch batch;
    int64_t elements;
    float *logits, *gradient, *first;
    uint8_t *index;
} inputs;

/* A blob in noise: some of all distances. */
static inputs make_inputs(int64_t n, int64_t k, int64_t height, int64_t width)
{
    inputs in = {.elements = n * k * height * width};
    rmseg_random r = rmseg_random_stream(5, RMSEG_RANDOM_TEST, (uint32_t)in.elements, (uint32_t)k);
    in.logits = rmseg_alloc(in.elements, sizeof *in.logits);
    in.gradient = rmseg_alloc(in.elements, sizeof *in.gradient);
    in.first = rmseg_alloc(in.elements, sizeof *in.first);
    in.index = rmseg_alloc(n * height * width, 1);
    for (int64_t i = 0; i < in.elements; i++) in.logits[i] = (float)(0.4 * rmseg_random_normal(&r));
    for (int64_t i = 0; i < n * height * width; i++) {
        int64_t y = i / width % height - height / 2, x = i % width - width / 3;
        in.index[i] = rmseg_random_below(&r, 50) == 0 ? 255 : 16 * (x * x + y * y) < height * height;
        if (in.index[i] == 1) in.logits[i / (height * width) * k * height * width + i % (height * width)] += 0.5f;
    }
    in.batch = (rmseg_batch){.n = n,
                             .k = k,
                             .size = {1, height, width},
                             .spatial = 2,
                             .logits = in.logits,
                             .index = in.index,
                             .index_type = RMSEG_INDEX_U8,
                             .ignore = 255};
    return in;
}

static void free_inputs(inputs *in)
{
    rmseg_free(in->logits);
    rmseg_free(in->gradient);
    rmseg_free(in->first);
    rmseg_free(in->index);
}

/* The term alone, under a head that it accepts: those that a batch of this shape refuses are left out. */
static rmseg_objective *objective_of(const rmseg_loss_info *info, const char *head, const rmseg_batch *batch)
{
    char expression[128];
    rmseg_objective *o;
    rmseg_evaluator *e;
    const char *orders = info->arguments[0] == 'q' ? "(2,1)" : "";
    snprintf(expression, sizeof expression, "%s: %s%s", head, info->name, orders);
    assert_ok(rmseg_objective_parse(&o, expression));
    if (rmseg_evaluator_create(&e, o, batch, NULL) == RMSEG_OK) {
        rmseg_evaluator_destroy(e);
        return o;
    }
    rmseg_objective_destroy(o);
    return NULL;
}

/* Every term under every head that takes it; each term under one of them at least. */
static void for_every_term(inputs *in, void (*check)(inputs *in, const rmseg_objective *o))
{
    const rmseg_loss_info *info;
    for (int64_t i = 0; (info = rmseg_loss_list(i)); i++) {
        int checked = 0;
        for (rmseg_head head = 0; strcmp(rmseg_head_name(head), "?"); head++) {
            if (head == RMSEG_HEAD_NONE) continue; /* the inputs are no probabilities */
            rmseg_objective *o = objective_of(info, rmseg_head_name(head), &in->batch);
            if (!o) continue;
            check(in, o);
            rmseg_objective_destroy(o);
            checked++;
        }
        if (!checked) fail_msg("%s was not checked", info->name);
    }
}

static void check_threads(inputs *in, const rmseg_objective *o)
{
    static const int counts[] = {1, 2, 3, 7};
    double total, first = 0;
    for (int i = 0; i < 4; i++) {
        assert_ok(rmseg_threads_set(counts[i]));
        float *gradient = i ? in->gradient : in->first;
        assert_ok(rmseg_objective_evaluate(&total, NULL, gradient, o, &in->batch));
        if (i == 0) first = total;
        if (total != first || memcmp(in->first, gradient, (size_t)in->elements * sizeof *gradient))
            fail_msg("%s: other bits with %d threads", rmseg_objective_text(o), counts[i]);
    }
    assert_ok(rmseg_threads_set(0));
}

static void check_allocations(inputs *in, const rmseg_objective *o)
{
    rmseg_evaluator *e;
    double total;
    assert_ok(rmseg_evaluator_create(&e, o, &in->batch, NULL));
    assert_ok(rmseg_evaluator_run(e, &total, NULL, in->gradient, &in->batch));
    int64_t before = rmseg_memory_stats_get().allocations;
    for (int i = 0; i < 3; i++) assert_ok(rmseg_evaluator_run(e, &total, NULL, in->gradient, &in->batch));
    if (rmseg_memory_stats_get().allocations != before) fail_msg("%s allocates", rmseg_objective_text(o));
    rmseg_evaluator_destroy(e);
}

static void check_memory(inputs *in, const rmseg_objective *o)
{
    int64_t live = rmseg_memory_stats_get().live_bytes, n = 1;
    for (rmseg_status status = RMSEG_ERROR_MEMORY; status != RMSEG_OK; n++) {
        double total;
        rmseg_memory_fail_at(n);
        status = rmseg_objective_evaluate(&total, NULL, in->gradient, o, &in->batch);
        rmseg_memory_fail_at(0);
        if (status != RMSEG_OK && status != RMSEG_ERROR_MEMORY)
            fail_msg("%s: %s", rmseg_objective_text(o), rmseg_error_last());
        if (rmseg_memory_stats_get().live_bytes != live) fail_msg("%s leaks", rmseg_objective_text(o));
    }
    assert_true(n > 10);
}

/* Small masks side by side; a large one with all threads. */
static void test_threads_change_no_bit(void **state)
{
    (void)state;
    inputs small = make_inputs(3, 2, 60, 70), large = make_inputs(2, 2, 260, 270);
    for_every_term(&small, check_threads);
    for_every_term(&large, check_threads);
    free_inputs(&small);
    free_inputs(&large);
}

static void test_allocates_once(void **state)
{
    (void)state;
    inputs small = make_inputs(3, 2, 60, 70), large = make_inputs(1, 2, 260, 270);
    for_every_term(&small, check_allocations);
    for_every_term(&large, check_allocations);
    free_inputs(&small);
    free_inputs(&large);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    inputs in = make_inputs(2, 2, 6, 7);
    for_every_term(&in, check_memory);
    free_inputs(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_allocates_once),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
