/*
 * test_metric_memory.c - how much memory a measurement takes beyond the masks: at most 16 bytes a voxel of the union's
 * box with its margin. Corners with areas keep it for masks of solid objects alone, and so do unequal spacings.
 */
#include "unit.h"

#include "rmseg/metric.h"

enum { EDGE = 64, SIDE = 512, VOXELS = EDGE * EDGE * EDGE, BYTES_A_VOXEL = 16, BYTES_OF_LINES = 1 << 17 };

static uint8_t prediction[VOXELS], truth[VOXELS];

/* The most bytes that a measurement holds at a time, of those distance metrics that the convention has. */
static int64_t peak_of(const char *convention, const int64_t size[3], const double spacing[3])
{
    static const char *const names[][3] = {
        {"dice", "jaccard", "hd95"}, {"dice", "jaccard", "asd"}, {"dice", "jaccard", "nsd"}};
    double values[3];
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    settings.convention = convention;
    settings.tolerance = 1;
    int64_t most = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rmseg_memory_peak_reset();
        int64_t before = rmseg_memory_stats_get().live_bytes;
        if (rmseg_metric_measure(values, NULL, prediction, truth, size, spacing, names[i], 3, &settings)) continue;
        int64_t peak = rmseg_memory_stats_get().peak_bytes - before;
        most = peak > most ? peak : most;
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
    }
    if (!most) fail_msg("%s: %s", convention, rmseg_error_last());
    return most;
}

static bool has_areas(const char *convention)
{
    return !strcmp(convention, "deepmind") || !strcmp(convention, "distorch-vertex") ||
           !strcmp(convention, "monai-subvoxel");
}

/* `box`: voxels of the union's box with a margin of one. */
static void stays_small(const char *convention, const int64_t size[3], const double spacing[3], int64_t box)
{
    int64_t most = peak_of(convention, size, spacing) - BYTES_OF_LINES;
    if (most > BYTES_A_VOXEL * box)
        fail_msg("%s: %.2f bytes a voxel of the box", convention, (double)most / (double)box);
}

/* Whether hd95, asd or nsd is among its metrics, and so measured here. */
static bool has_these_metrics(const char *convention) { return strcmp(convention, "torchmetrics") != 0; }

static void set_ball(uint8_t *mask, int64_t middle, int64_t radius)
{
    for (int64_t i = 0; i < VOXELS; i++) {
        int64_t d = i / EDGE / EDGE - middle, h = i / EDGE % EDGE - middle, w = i % EDGE - middle;
        mask[i] = d * d + h * h + w * w <= radius * radius;
    }
}

static void balls_moved_apart(void **state)
{
    (void)state;
    static const double spacings[][3] = {{1, 1, 1}, {2.5, 0.7, 0.8}};
    const int64_t size[3] = {EDGE, EDGE, EDGE}, box = 56 * 56 * 56;
    set_ball(prediction, 30, 25);
    set_ball(truth, 33, 25);
    for (int64_t i = 0; rmseg_convention_list(i); i++)
        for (int s = 0; s < 2 && has_these_metrics(rmseg_convention_list(i)->name); s++)
            stays_small(rmseg_convention_list(i)->name, size, spacings[s], box);
}

/* Every voxel of the box is a border voxel of one mask, and no voxel of both. */
static void checkerboards(void **state)
{
    (void)state;
    const int64_t size[3] = {EDGE, EDGE, EDGE}, box = (EDGE + 2) * (EDGE + 2) * (EDGE + 2);
    for (int64_t i = 0; i < VOXELS; i++) {
        prediction[i] = (i / EDGE / EDGE + i / EDGE + i) % 2 == 0;
        truth[i] = !prediction[i];
    }
    for (int64_t i = 0; rmseg_convention_list(i); i++) {
        const char *name = rmseg_convention_list(i)->name;
        if (has_these_metrics(name) && !has_areas(name)) stays_small(name, size, (double[]){1, 1, 1}, box);
    }
}

static void checkerboards_in_the_plane(void **state)
{
    (void)state;
    const int64_t size[3] = {1, SIDE, SIDE}, box = (SIDE + 2) * (SIDE + 2);
    for (int64_t i = 0; i < VOXELS; i++) {
        prediction[i] = (i / SIDE + i) % 2 == 0;
        truth[i] = !prediction[i];
    }
    for (int64_t i = 0; rmseg_convention_list(i); i++) {
        const char *name = rmseg_convention_list(i)->name;
        if (has_these_metrics(name) && !has_areas(name)) stays_small(name, size, (double[]){1, 1, 1}, box);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balls_moved_apart),
        cmocka_unit_test(checkerboards),
        cmocka_unit_test(checkerboards_in_the_plane),
    };
    assert_ok(rmseg_threads_set(2)); /* each thread has a scratch of a few lines */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
