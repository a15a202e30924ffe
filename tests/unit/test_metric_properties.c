/*
 * test_metric_properties.c - what has to hold for any two masks, and random masks against distances found the plain way:
 * every site against every other.
 */
#include "unit.h"

#include <math.h>

#include "rmseg/metric.h"

enum { AXES = 3, MOST = 8 * 9 * 10, ROUNDS = 6 };

typedef struct masks {
    int64_t size[AXES];
    double spacing[AXES];
    uint8_t a[MOST], b[MOST], c[MOST];
} masks;

static const char *const border_conventions[] = {"medpy", "monai", "metrics-reloaded", "distorch-center"};
static const char *const all_conventions[] = {
    "medpy", "monai",     "deepmind",    "metrics-reloaded", "distorch-vertex",
    "itk",   "panoptica", "plastimatch", "plastimatch-set",  "distorch-center"};
#define EACH(name, list) for (const char *const *name = (list); name < (list) + sizeof(list) / sizeof *(list); name++)

static int64_t voxels_of(const masks *m) { return m->size[0] * m->size[1] * m->size[2]; }

static void fill(uint8_t *mask, int64_t voxels, rmseg_random *r, int64_t one_in)
{
    for (int64_t i = 0; i < voxels; i++) mask[i] = rmseg_random_below(r, (uint32_t)one_in) == 0;
    mask[rmseg_random_below(r, (uint32_t)voxels)] = 1; /* never empty */
}

/* Three random masks of any density in a volume of any proportions, a plane every other time. */
static masks random_masks(uint32_t which)
{
    rmseg_random r = rmseg_random_stream(11, RMSEG_RANDOM_TEST, which, 0);
    masks m = {.size = {which % 2 ? 1 : 3 + rmseg_random_below(&r, 5), 3 + rmseg_random_below(&r, 6),
                        3 + rmseg_random_below(&r, 7)}};
    for (int axis = 0; axis < AXES; axis++) m.spacing[axis] = 0.5 + 0.25 * rmseg_random_below(&r, 7);
    fill(m.a, voxels_of(&m), &r, 2 + which % 5);
    fill(m.b, voxels_of(&m), &r, 2 + which % 7);
    fill(m.c, voxels_of(&m), &r, 3);
    return m;
}

static double measure(const masks *m, const uint8_t *p, const uint8_t *t, const char *convention, const char *metric,
                      double percentile)
{
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    settings.convention = convention;
    settings.percentile = percentile;
    settings.tolerance = 1.1;
    double value = NAN;
    assert_ok(rmseg_metric_measure(&value, NULL, p, t, m->size, m->spacing, &metric, 1, &settings));
    return value;
}

static bool offers(const char *convention, const char *metric)
{
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    settings.convention = convention;
    settings.tolerance = 1;
    double value = NAN;
    const uint8_t one = 1;
    return rmseg_metric_measure(&value, NULL, &one, &one, (int64_t[]){1, 1, 1}, (double[]){1, 1, 1}, &metric, 1,
                                &settings) == RMSEG_OK;
}

static void near(double found, double expected, const char *what)
{
    if (!(fabs(found - expected) <= 1e-12 * (1 + fabs(expected))))
        fail_msg("%s: %.17g and %.17g", what, found, expected);
}

/* ---- properties -------------------------------------------------------------------------------------------------- */

static const char *const symmetric[] = {"hd", "assd", "nsd", "dice", "jaccard"};

static void swapping_the_masks_changes_nothing(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        masks m = random_masks(i);
        EACH(convention, all_conventions)
        EACH(metric, symmetric)
        {
            if (offers(*convention, *metric))
                near(measure(&m, m.a, m.b, *convention, *metric, 100), measure(&m, m.b, m.a, *convention, *metric, 100),
                     *convention);
        }
        near(measure(&m, m.a, m.b, "medpy", "asd", 100), measure(&m, m.b, m.a, "medpy", "asd_reverse", 100), "asd");
    }
}

static void a_mask_equals_itself(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        masks m = random_masks(i);
        EACH(convention, all_conventions)
        {
            near(measure(&m, m.a, m.a, *convention, "hd", 100), 0, *convention);
            near(measure(&m, m.a, m.a, *convention, "dice", 100), 1, *convention);
            if (offers(*convention, "nsd")) near(measure(&m, m.a, m.a, *convention, "nsd", 100), 1, *convention);
        }
    }
}

static void a_way_over_a_third_mask_is_no_shorter(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        masks m = random_masks(i);
        EACH(convention, all_conventions)
        {
            if (!strcmp(*convention, "plastimatch")) continue; /* its borders depend on both masks */
            double direct = measure(&m, m.a, m.b, *convention, "hd", 100);
            double over = measure(&m, m.a, m.c, *convention, "hd", 100) + measure(&m, m.c, m.b, *convention, "hd", 100);
            if (direct > over * (1 + 1e-12)) fail_msg("%s: %.17g > %.17g", *convention, direct, over);
        }
    }
}

static void a_higher_percentile_is_no_smaller(void **state)
{
    (void)state;
    static const char *const with_percentiles[] = {"medpy", "monai", "deepmind", "metrics-reloaded", "plastimatch"};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        masks m = random_masks(i);
        EACH(convention, with_percentiles)
        {
            double before = 0;
            for (double q = 4; q <= 100; q += 4) {
                double value = measure(&m, m.a, m.b, *convention, "hd", q);
                if (value < before) fail_msg("%s: percentile %g is %.17g after %.17g", *convention, q, value, before);
                before = value;
            }
        }
    }
}

/* `order` says which axis comes where; flipped along those of `flips`' bits. */
static masks turned(const masks *m, const int order[AXES], int flips)
{
    masks out = {.size = {m->size[order[0]], m->size[order[1]], m->size[order[2]]},
                 .spacing = {m->spacing[order[0]], m->spacing[order[1]], m->spacing[order[2]]}};
    int64_t at[AXES], step[AXES] = {m->size[1] * m->size[2], m->size[2], 1}, to = 0;
    for (at[0] = 0; at[0] < out.size[0]; at[0]++) {
        for (at[1] = 0; at[1] < out.size[1]; at[1]++) {
            for (at[2] = 0; at[2] < out.size[2]; at[2]++, to++) {
                int64_t from = 0;
                for (int axis = 0; axis < AXES; axis++) {
                    int64_t place = flips >> axis & 1 ? out.size[axis] - 1 - at[axis] : at[axis];
                    from += place * step[order[axis]];
                }
                out.a[to] = m->a[from];
                out.b[to] = m->b[from];
            }
        }
    }
    return out;
}

static void turning_both_masks_changes_nothing(void **state)
{
    (void)state;
    static const int orders[][AXES] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {2, 1, 0}, {1, 2, 0}};
    static const char *const metrics[] = {"hd", "hd95", "asd", "assd", "nsd"};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        masks m = random_masks(i);
        int count = m.size[0] == 1 ? 2 : 5; /* a plane's first axis stays where it is */
        for (int o = 0; o < count; o++) {
            masks n = turned(&m, orders[o], 1 + (int)i % 7);
            EACH(convention, all_conventions)
            EACH(metric, metrics)
            {
                if (offers(*convention, *metric))
                    near(measure(&n, n.a, n.b, *convention, *metric, 100),
                         measure(&m, m.a, m.b, *convention, *metric, 100), *convention);
            }
        }
    }
}

static void distances_scale_with_the_spacing(void **state)
{
    (void)state;
    static const char *const lengths[] = {"hd", "hd95", "asd", "assd"};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        masks m = random_masks(i), n = m;
        for (int axis = 0; axis < AXES; axis++) n.spacing[axis] *= 4;
        EACH(convention, all_conventions)
        EACH(metric, lengths)
        {
            if (offers(*convention, *metric))
                near(measure(&n, n.a, n.b, *convention, *metric, 100),
                     4 * measure(&m, m.a, m.b, *convention, *metric, 100), *convention);
        }
    }
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    static const int threads[] = {2, 3, 7};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        masks m = random_masks(i);
        EACH(convention, all_conventions)
        {
            const char *metric = offers(*convention, "assd") ? "assd" : "asd";
            assert_ok(rmseg_threads_set(1));
            double alone = measure(&m, m.a, m.b, *convention, metric, 100);
            for (int t = 0; t < 3; t++) {
                assert_ok(rmseg_threads_set(threads[t]));
                double together = measure(&m, m.a, m.b, *convention, metric, 100);
                assert_memory_equal(&alone, &together, sizeof alone);
            }
        }
    }
    assert_ok(rmseg_threads_set(0));
}

/* ---- the plain way ----------------------------------------------------------------------------------------------- */

typedef struct sites {
    double at[8 * MOST][AXES];
    int64_t count;
} sites;

static bool is_set(const masks *m, const uint8_t *mask, int64_t d, int64_t h, int64_t w)
{
    if (d < 0 || h < 0 || w < 0 || d >= m->size[0] || h >= m->size[1] || w >= m->size[2]) return false;
    return mask[(d * m->size[1] + h) * m->size[2] + w];
}

static void add(sites *s, const masks *m, double d, double h, double w)
{
    double at[AXES] = {d * m->spacing[0], h * m->spacing[1], w * m->spacing[2]};
    memcpy(s->at[s->count++], at, sizeof at);
}

static bool is_border(const masks *m, const uint8_t *mask, int64_t d, int64_t h, int64_t w)
{
    bool inside = is_set(m, mask, d, h - 1, w) && is_set(m, mask, d, h + 1, w) && is_set(m, mask, d, h, w - 1) &&
                  is_set(m, mask, d, h, w + 1);
    if (m->size[0] > 1) inside = inside && is_set(m, mask, d - 1, h, w) && is_set(m, mask, d + 1, h, w);
    return is_set(m, mask, d, h, w) && !inside;
}

static void border_sites(sites *s, const masks *m, const uint8_t *mask)
{
    s->count = 0;
    for (int64_t d = 0; d < m->size[0]; d++) {
        for (int64_t h = 0; h < m->size[1]; h++) {
            for (int64_t w = 0; w < m->size[2]; w++) {
                if (is_border(m, mask, d, h, w)) add(s, m, (double)d, (double)h, (double)w);
            }
        }
    }
}

static void voxel_sites(sites *s, const masks *m, const uint8_t *mask)
{
    s->count = 0;
    for (int64_t d = 0; d < m->size[0]; d++) {
        for (int64_t h = 0; h < m->size[1]; h++) {
            for (int64_t w = 0; w < m->size[2]; w++) {
                if (is_set(m, mask, d, h, w)) add(s, m, (double)d, (double)h, (double)w);
            }
        }
    }
}

/* Corners where set and unset voxels meet; of a plane the four around each, of a volume the eight. */
static void corner_sites(sites *s, const masks *m, const uint8_t *mask)
{
    bool flat = m->size[0] == 1;
    s->count = 0;
    for (int64_t d = 0; d <= (flat ? 0 : m->size[0]); d++) {
        for (int64_t h = 0; h <= m->size[1]; h++) {
            for (int64_t w = 0; w <= m->size[2]; w++) {
                int set = 0;
                for (int k = flat ? 4 : 0; k < 8; k++)
                    set += is_set(m, mask, flat ? 0 : d - 1 + (k >> 2), h - 1 + (k >> 1 & 1), w - 1 + (k & 1));
                if (set && set < (flat ? 4 : 8)) add(s, m, (double)d, (double)h, (double)w);
            }
        }
    }
}

static double nearest(const double *at, const sites *to)
{
    double best = INFINITY;
    for (int64_t i = 0; i < to->count; i++) {
        double sum = 0;
        for (int axis = 0; axis < AXES; axis++) sum += pow(at[axis] - to->at[i][axis], 2);
        best = fmin(best, sum);
    }
    return sqrt(best);
}

typedef struct plainly {
    double max, mean[2], pooled; /* mean of d(P->T), of d(T->P), of both lists as one */
} plainly;

static plainly by_hand(const masks *m, void (*find)(sites *s, const masks *m, const uint8_t *mask))
{
    static sites both[2];
    find(&both[0], m, m->a);
    find(&both[1], m, m->b);
    plainly p = {0};
    double sums[2] = {0};
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < both[side].count; i++) {
            double distance = nearest(both[side].at[i], &both[1 - side]);
            sums[side] += distance;
            p.max = fmax(p.max, distance);
        }
        p.mean[side] = sums[side] / (double)both[side].count;
    }
    p.pooled = (sums[0] + sums[1]) / (double)(both[0].count + both[1].count);
    return p;
}

static void borders_agree_with_the_plain_way(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4 * ROUNDS; i++) {
        masks m = random_masks(i);
        plainly p = by_hand(&m, border_sites);
        EACH(convention, border_conventions)
        {
            near(measure(&m, m.a, m.b, *convention, "hd", 100), p.max, *convention);
            near(measure(&m, m.a, m.b, *convention, "assd", 100), p.pooled, *convention);
            if (!offers(*convention, "asd")) continue;
            near(measure(&m, m.a, m.b, *convention, "asd", 100), p.mean[0], *convention);
            near(measure(&m, m.a, m.b, *convention, "asd_reverse", 100), p.mean[1], *convention);
        }
        near(measure(&m, m.a, m.b, "panoptica", "assd", 100), (p.mean[0] + p.mean[1]) / 2, "panoptica");
    }
}

static void voxels_agree_with_the_plain_way(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4 * ROUNDS; i++) {
        masks m = random_masks(i);
        plainly p = by_hand(&m, voxel_sites);
        near(measure(&m, m.a, m.b, "itk", "hd", 100), p.max, "itk");
        near(measure(&m, m.a, m.b, "itk", "asd", 100), p.mean[0], "itk");
        near(measure(&m, m.a, m.b, "itk", "assd", 100), (p.mean[0] + p.mean[1]) / 2, "itk");
        near(measure(&m, m.a, m.b, "plastimatch-set", "hd", 100), p.max, "plastimatch-set");
    }
}

static void corners_agree_with_the_plain_way(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4 * ROUNDS; i++) {
        masks m = random_masks(i);
        plainly p = by_hand(&m, corner_sites);
        near(measure(&m, m.a, m.b, "distorch-vertex", "hd", 100), p.max, "distorch-vertex");
        near(measure(&m, m.a, m.b, "deepmind", "hd", 100), p.max, "deepmind");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swapping_the_masks_changes_nothing),
        cmocka_unit_test(a_mask_equals_itself),
        cmocka_unit_test(a_way_over_a_third_mask_is_no_shorter),
        cmocka_unit_test(a_higher_percentile_is_no_smaller),
        cmocka_unit_test(turning_both_masks_changes_nothing),
        cmocka_unit_test(distances_scale_with_the_spacing),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(borders_agree_with_the_plain_way),
        cmocka_unit_test(voxels_agree_with_the_plain_way),
        cmocka_unit_test(corners_agree_with_the_plain_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
