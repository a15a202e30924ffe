/* Philox against its authors' known answers; streams, uniform, below, normal and order. */
#include <math.h>

#include "unit.h"

static void check_block(const uint32_t counter[4], const uint32_t key[2], const uint32_t expected[4])
{
    uint32_t out[4];
    rmseg_random_block(out, counter, key);
    for (int i = 0; i < 4; i++) assert_int_equal(out[i], expected[i]);
}

/* kat_vectors of Random123 1.14, lines "philox4x32 10". */
static void block_gives_the_known_answers(void **state)
{
    (void)state;
    const uint32_t zero[4] = {0}, ones[4] = {~0u, ~0u, ~0u, ~0u};
    check_block(zero, zero, (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    check_block(ones, ones, (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    check_block((uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, (uint32_t[]){0xa4093822, 0x299f31d0},
                (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

static void stream_is_the_words_of_its_blocks(void **state)
{
    (void)state;
    uint64_t seed = 0x299f31d0a4093822;
    rmseg_random r = rmseg_random_stream(seed, RMSEG_RANDOM_TEST, 5, 6);
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t out[4];
        rmseg_random_block(out, (uint32_t[]){block, RMSEG_RANDOM_TEST, 5, 6}, (uint32_t[]){0xa4093822, 0x299f31d0});
        for (int i = 0; i < 4; i++) assert_int_equal(rmseg_random_u32(&r), out[i]);
    }
}

static void streams_differ_by_all_they_are_for(void **state)
{
    (void)state;
    rmseg_random streams[] = {
        rmseg_random_stream(1, RMSEG_RANDOM_ORDER, 0, 0),          rmseg_random_stream(2, RMSEG_RANDOM_ORDER, 0, 0),
        rmseg_random_stream(1ull << 32, RMSEG_RANDOM_ORDER, 0, 0), rmseg_random_stream(1, RMSEG_RANDOM_SPLIT, 0, 0),
        rmseg_random_stream(1, RMSEG_RANDOM_ORDER, 1, 0),          rmseg_random_stream(1, RMSEG_RANDOM_ORDER, 0, 1)};
    uint32_t first[6];
    for (int a = 0; a < 6; a++) {
        first[a] = rmseg_random_u32(&streams[a]);
        for (int b = 0; b < a; b++) assert_int_not_equal(first[a], first[b]);
    }
}

static void uniform_fills_its_interval(void **state)
{
    (void)state;
    rmseg_random r = rmseg_random_stream(7, RMSEG_RANDOM_TEST, 0, 0), same = r;
    double sum = 0, squares = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        double u = rmseg_random_uniform(&r);
        assert_true(u >= 0 && u < 1);
        assert_true(u == rmseg_random_u32(&same) / 4294967296.0);
        sum += u;
        squares += u * u;
    }
    assert_true(fabs(sum / n - 0.5) < 0.005);
    assert_true(fabs(squares / n - 1.0 / 3) < 0.005);
}

static void below_reaches_every_number_alike(void **state)
{
    (void)state;
    rmseg_random r = rmseg_random_stream(7, RMSEG_RANDOM_TEST, 1, 0);
    int hits[7] = {0};
    for (int i = 0; i < 70000; i++) hits[rmseg_random_below(&r, 7)]++;
    for (int i = 0; i < 7; i++) assert_in_range(hits[i], 9500, 10500);
    for (int i = 0; i < 100; i++) assert_int_equal(rmseg_random_below(&r, 1), 0);
    for (int i = 0; i < 1000; i++) assert_in_range(rmseg_random_below(&r, INT32_MAX), 0, INT32_MAX - 1);
}

static void normal_is_box_muller_with_its_moments(void **state)
{
    (void)state;
    rmseg_random r = rmseg_random_stream(7, RMSEG_RANDOM_TEST, 2, 0), same = r;
    double moment[5] = {0};
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        double x = rmseg_random_normal(&r);
        double u = rmseg_random_uniform(&same), v = rmseg_random_uniform(&same);
        assert_true(fabs(x - sqrt(-2 * log1p(-u)) * cos(2 * acos(-1) * v)) < 1e-9);
        for (int k = 1; k <= 4; k++) moment[k] += pow(x, k) / n;
    }
    assert_true(fabs(moment[1]) < 0.01);
    assert_true(fabs(moment[2] - 1) < 0.015);
    assert_true(fabs(moment[3]) < 0.03);
    assert_true(fabs(moment[4] - 3) < 0.1);
}

static void order_is_a_permutation_and_every_one_is_as_likely(void **state)
{
    (void)state;
    int seen[24] = {0};
    for (uint32_t a = 0; a < 24000; a++) {
        rmseg_random r = rmseg_random_stream(3, RMSEG_RANDOM_ORDER, a, 0);
        int64_t order[4];
        rmseg_random_order(&r, order, 4);
        int rank = 0;
        for (int i = 0; i < 4; i++) { /* the permutation's number in the factorial system */
            assert_in_range(order[i], 0, 3);
            int smaller = 0;
            for (int j = i + 1; j < 4; j++) {
                assert_int_not_equal(order[i], order[j]);
                smaller += order[j] < order[i];
            }
            rank = rank * (4 - i) + smaller;
        }
        seen[rank]++;
    }
    for (int i = 0; i < 24; i++) assert_in_range(seen[i], 850, 1150);
}

static void order_follows_its_recipe(void **state)
{
    (void)state;
    rmseg_random r = rmseg_random_stream(9, RMSEG_RANDOM_ORDER, 0, 0), same = r;
    int64_t order[50], expected[50];
    rmseg_random_order(&r, order, 50);
    for (int64_t i = 0; i < 50; i++) expected[i] = i;
    for (int64_t i = 49; i >= 1; i--) {
        int64_t j = rmseg_random_below(&same, i + 1), kept = expected[j];
        expected[j] = expected[i];
        expected[i] = kept;
    }
    assert_memory_equal(order, expected, sizeof order);
    rmseg_random_order(&r, order, 0);
    rmseg_random_order(&r, order, 1);
    assert_int_equal(order[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_gives_the_known_answers),
        cmocka_unit_test(stream_is_the_words_of_its_blocks),
        cmocka_unit_test(streams_differ_by_all_they_are_for),
        cmocka_unit_test(uniform_fills_its_interval),
        cmocka_unit_test(below_reaches_every_number_alike),
        cmocka_unit_test(normal_is_box_muller_with_its_moments),
        cmocka_unit_test(order_is_a_permutation_and_every_one_is_as_likely),
        cmocka_unit_test(order_follows_its_recipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
