/* Samples: each augmentation against the whole image turned, flipped and cropped voxel by voxel; labels and frames move
 * along; the draws are spread as they should be. Preparation against its formulas. */
#include <math.h>

#include "data/sample.h"
#include "test_data.h"

/* A prepared case of C = 2 with random values, where no two voxels are alike and label = own index mod 5. */
static rmseg_prepared *make_case(int64_t depth, int64_t height, int64_t width)
{
    rmseg_prepared *made = rmseg_alloc(1, sizeof *made);
    rmseg_random random = rmseg_random_stream(11, RMSEG_RANDOM_TEST, (uint32_t)height, (uint32_t)width);
    assert_ok(rmseg_image_create(&made->image, RMSEG_F32, 2, (const int64_t[]){depth, height, width}));
    assert_ok(rmseg_image_create(&made->label, RMSEG_I32, 1, (const int64_t[]){depth, height, width}));
    made->channels = rmseg_alloc(2, sizeof *made->channels);
    int64_t voxels = rmseg_image_voxels(made->image);
    for (int64_t i = 0; i < 2 * voxels; i++)
        ((float *)made->image->data)[i] = (float)(3 * rmseg_random_normal(&random) + 1);
    for (int64_t i = 0; i < voxels; i++) ((int32_t *)made->label->data)[i] = (int32_t)(i % 5 + 1);
    for (int64_t c = 0; c < 2; c++)
        rmseg_channel_stats_of(&made->channels[c], (float *)made->image->data + c * voxels, voxels);
    for (int k = 0; k < 3; k++) made->image->spacing[k] = k + 1.5;
    return made;
}

static void destroy_case(rmseg_prepared *made)
{
    rmseg_image_destroy(made->image);
    rmseg_image_destroy(made->label);
    rmseg_free(made->channels);
    rmseg_free(made);
}

/* The index of each voxel of an image, moved step by step: one quarter turn at a time, then flips. */
typedef struct grid {
    int64_t size[3], *index;
} grid;

static int64_t *cell(const grid *grid, int64_t d, int64_t h, int64_t w)
{
    return &grid->index[(d * grid->size[1] + h) * grid->size[2] + w];
}

static grid number_grid(const int64_t size[3])
{
    int64_t count = size[0] * size[1] * size[2];
    grid made = {{size[0], size[1], size[2]}, rmseg_alloc(count, sizeof(int64_t))};
    for (int64_t i = 0; i < count; i++) made.index[i] = i;
    return made;
}

/* numpy.rot90 by one: the first row becomes the first column read upwards: out[h][w] = in[w][W-1-h]. */
static void turn_grid(grid *from)
{
    grid out = number_grid((const int64_t[]){from->size[0], from->size[2], from->size[1]});
    for (int64_t d = 0; d < out.size[0]; d++)
        for (int64_t h = 0; h < out.size[1]; h++)
            for (int64_t w = 0; w < out.size[2]; w++) *cell(&out, d, h, w) = *cell(from, d, w, from->size[2] - 1 - h);
    rmseg_free(from->index);
    *from = out;
}

/* The same in the plane of D and H: out[d][h] = in[h][H-1-d]. */
static void turn_grid_about_w(grid *from)
{
    grid out = number_grid((const int64_t[]){from->size[1], from->size[0], from->size[2]});
    for (int64_t d = 0; d < out.size[0]; d++)
        for (int64_t h = 0; h < out.size[1]; h++)
            for (int64_t w = 0; w < out.size[2]; w++) *cell(&out, d, h, w) = *cell(from, h, from->size[1] - 1 - d, w);
    rmseg_free(from->index);
    *from = out;
}

static void flip_grid(grid *from, int axis)
{
    grid out = number_grid(from->size);
    for (int64_t d = 0; d < out.size[0]; d++)
        for (int64_t h = 0; h < out.size[1]; h++)
            for (int64_t w = 0; w < out.size[2]; w++) {
                int64_t at[3] = {d, h, w};
                at[axis] = out.size[axis] - 1 - at[axis];
                *cell(&out, d, h, w) = *cell(from, at[0], at[1], at[2]);
            }
    rmseg_free(from->index);
    *from = out;
}

static grid moved_grid(const int64_t size[3], const rmseg_sample_record *record)
{
    grid made = number_grid(size);
    for (int i = 0; i < record->turns; i++) record->pivot == 0 ? turn_grid(&made) : turn_grid_about_w(&made);
    for (int k = 0; k < 3; k++)
        if (record->flip[k]) flip_grid(&made, k);
    return made;
}

static double changed(double value, const rmseg_channel_stats *stats, const rmseg_sample_record *record)
{
    double low = stats->low, range = (double)stats->high - stats->low;
    if (record->gain == 1 && record->offset == 0 && record->gamma == 1) return value;
    double bent = low + range * pow((value - low) / range, record->gamma);
    return stats->mean + record->gain * (bent - stats->mean) + record->offset * stats->sd;
}

static void check_sample(const rmseg_prepared *from, const rmseg_sample_record *record, const int64_t patch[3],
                         double tolerance)
{
    grid whole = moved_grid(from->image->size, record);
    int64_t voxels = rmseg_image_voxels(from->image), size = patch[0] * patch[1] * patch[2];
    float *image = rmseg_alloc(2 * size, sizeof *image);
    int32_t *label = rmseg_alloc(size, sizeof *label);
    rmseg_frame frame;
    memset(image, 0x7f, (size_t)(2 * size) * sizeof *image);
    memset(label, 0x7f, (size_t)size * sizeof *label);
    rmseg_sample_make(image, label, &frame, from, record, patch, NULL);
    for (int64_t i = 0; i < size; i++) {
        int64_t at[3] = {i / (patch[1] * patch[2]), i / patch[2] % patch[1], i % patch[2]};
        bool inside = true;
        for (int k = 0; k < 3; k++) {
            at[k] += frame.offset[k]; /* what a frame is for: the place in the whole image */
            inside = inside && at[k] >= 0 && at[k] < frame.extent[k];
        }
        int64_t source = inside ? *cell(&whole, at[0], at[1], at[2]) : -1;
        assert_int_equal(label[i], inside ? ((int32_t *)from->label->data)[source] : 0);
        for (int64_t c = 0; c < 2; c++) {
            double expected =
                inside ? changed(((float *)from->image->data)[c * voxels + source], &from->channels[c], record) : 0;
            assert_true(fabs(image[c * size + i] - expected) <= tolerance);
        }
    }
    for (int k = 0; k < 3; k++) {
        int was = k != record->pivot && record->turns % 2 ? (record->pivot == 0 ? 3 : 1) - k : k;
        assert_int_equal(frame.extent[k], from->image->size[was]);
        assert_int_equal(frame.extent[k], whole.size[k]);
        assert_int_equal(frame.offset[k], record->crop[k]);
        assert_true(frame.spacing[k] == from->image->spacing[was]);
    }
    rmseg_free(whole.index);
    rmseg_free(image);
    rmseg_free(label);
}

static void every_move_equals_brute_force(void **state)
{
    (void)state;
    static const int64_t sizes[3][3] = {{1, 5, 7}, {3, 4, 6}, {1, 1, 1}};
    static const int64_t patches[4][3] = {{1, 4, 4}, {1, 9, 8}, {2, 3, 7}, {4, 2, 2}};
    for (int s = 0; s < 3; s++) {
        rmseg_prepared *from = make_case(sizes[s][0], sizes[s][1], sizes[s][2]);
        for (int p = 0; p < 4; p++)
            for (int moves = 0; moves < 64; moves++)
                for (int64_t shift = -3; shift <= 3; shift++) {
                    rmseg_sample_record record = {.flip = {moves & 1, moves >> 1 & 1, moves >> 2 & 1},
                                                  .turns = moves >> 3 & 3,
                                                  .pivot = moves >> 4 & 2,
                                                  .gain = 1,
                                                  .gamma = 1,
                                                  .scale = 1,
                                                  .lowres = 1,
                                                  .crop = {shift / 2, shift, 1 - shift}};
                    check_sample(from, &record, patches[p], 0);
                }
        destroy_case(from);
    }
}

static void values_are_changed_by_the_formula(void **state)
{
    (void)state;
    rmseg_prepared *from = make_case(1, 9, 8);
    rmseg_sample_record record = {.turns = 1, .gain = 1, .gamma = 1, .scale = 1, .lowres = 1, .crop = {0, -1, 2}};
    const int64_t patch[3] = {1, 6, 9};
    for (int i = 0; i < 8; i++) {
        record.gain = i & 1 ? 1.2 : 1;
        record.offset = i & 2 ? -0.2 : 0;
        record.gamma = i & 4 ? 0.75 : 1;
        check_sample(from, &record, patch, 1e-5);
    }
    destroy_case(from);
}

static void constant_channels_survive_gamma(void **state)
{
    (void)state;
    rmseg_prepared *from = make_case(1, 3, 3);
    float *values = from->image->data, out[18];
    int32_t label[9];
    rmseg_frame frame;
    for (int i = 0; i < 18; i++) values[i] = 4;
    for (int c = 0; c < 2; c++) rmseg_channel_stats_of(&from->channels[c], values + 9 * c, 9);
    rmseg_sample_record record = {.gain = 1.25, .offset = 0.25, .gamma = 0.8, .scale = 1, .lowres = 1};
    rmseg_sample_make(out, label, &frame, from, &record, (const int64_t[]){1, 3, 3}, NULL);
    for (int i = 0; i < 18; i++) assert_true(out[i] == 4);
    destroy_case(from);
}

/* ---- draws ------------------------------------------------------------------------------------------------------ */

static rmseg_sample_record draw(const char *augment, int spatial, const int64_t extent[3], const int64_t patch[3],
                                uint32_t sample)
{
    rmseg_augmentation augmentation;
    rmseg_sample_record record = {0};
    assert_ok(rmseg_augmentation_parse(&augmentation, augment, spatial));
    rmseg_sample_place place = {.foreground = NULL};
    memcpy(place.extent, extent, sizeof place.extent);
    memcpy(place.patch, patch, sizeof place.patch);
    rmseg_sample_draw(&record, &augmentation, &place, 5, 3, sample);
    return record;
}

static void nothing_is_drawn_without_names(void **state)
{
    (void)state;
    const char *const nothing[] = {NULL, "", "none"};
    const int64_t extent[3] = {1, 10, 10}, patch[3] = {1, 10, 10};
    for (int i = 0; i < 3; i++)
        for (uint32_t s = 0; s < 50; s++) {
            rmseg_sample_record r = draw(nothing[i], 2, extent, patch, s);
            assert_true(!r.flip[0] && !r.flip[1] && !r.flip[2] && r.turns == 0 && r.gain == 1 && r.offset == 0 &&
                        r.gamma == 1);
            assert_true(r.crop[0] == 0 && r.crop[1] == 0 && r.crop[2] == 0);
        }
}

static void draws_are_spread_evenly(void **state)
{
    (void)state;
    enum { SAMPLES = 4000 };
    const int64_t extent[3] = {6, 14, 9}, patch[3] = {4, 5, 8};
    int flips[3] = {0}, turns[4] = {0}, crops[10] = {0};
    double low[3] = {9, 9, 9}, high[3] = {-9, -9, -9};
    for (uint32_t s = 0; s < SAMPLES; s++) {
        rmseg_sample_record r = draw("flip,rot90,brightness,contrast,gamma", 3, extent, patch, s);
        double values[3] = {r.gain, r.offset, r.gamma};
        for (int k = 0; k < 3; k++) {
            flips[k] += r.flip[k];
            low[k] = fmin(low[k], values[k]);
            high[k] = fmax(high[k], values[k]);
        }
        turns[r.turns]++;
        assert_in_range(r.crop[0], 0, 2);
        if (r.turns % 2) {
            assert_in_range(r.crop[1], 0, 4); /* 9 - 5 */
            assert_in_range(r.crop[2], 0, 6); /* 14 - 8 */
        } else {
            assert_in_range(r.crop[1], 0, 9);
            assert_in_range(r.crop[2], 0, 1);
            crops[r.crop[1]]++;
        }
    }
    for (int k = 0; k < 3; k++) assert_in_range(flips[k], 0.45 * SAMPLES, 0.55 * SAMPLES);
    for (int k = 0; k < 4; k++) assert_in_range(turns[k], 0.21 * SAMPLES, 0.29 * SAMPLES);
    for (int k = 0; k < 10; k++)
        assert_in_range(crops[k], 0.03 * SAMPLES, 0.07 * SAMPLES); /* the last one too: 2000/10 */
    assert_true(low[0] >= 0.75 && low[0] < 0.76 && high[0] <= 1.25 && high[0] > 1.24);
    assert_true(low[1] >= -0.25 && low[1] < -0.24 && high[1] <= 0.25 && high[1] > 0.24);
    assert_true(low[2] >= sqrt(0.5) - 1e-12 && low[2] < 0.72 && high[2] <= sqrt(2) && high[2] > 1.40);
}

/* Which of the symmetries of the first two axes a sample is: told by where three corners of a square go. */
static int64_t symmetry(const char *names, uint32_t sample)
{
    const int64_t square[3] = {3, 3, 1};
    rmseg_sample_record record = draw(names, 3, square, square, sample);
    grid moved = moved_grid(square, &record);
    int64_t corners = moved.index[0] + 10 * moved.index[2] + 100 * moved.index[6];
    rmseg_free(moved.index);
    return corners;
}

static void symmetries_of_the_first_two_axes_are_all_there(void **state)
{
    (void)state;
    enum { SAMPLES = 4000 };
    int seen[2][1000] = {{0}}, kinds[2] = {0};
    const char *const names[] = {"rot90-dh,flip-d", "la-reference"};
    for (int set = 0; set < 2; set++)
        for (uint32_t s = 0; s < SAMPLES; s++) seen[set][symmetry(names[set], s)]++;
    for (int set = 0; set < 2; set++)
        for (int i = 0; i < 1000; i++) {
            if (!seen[set][i]) continue;
            kinds[set]++;
            assert_in_range(seen[set][i], 0.85 * SAMPLES / (set ? 4 : 8), 1.15 * SAMPLES / (set ? 4 : 8));
        }
    assert_int_equal(kinds[0], 8);
    assert_int_equal(kinds[1], 4);
    assert_int_equal(seen[1][symmetry("none", 0)], 0); /* la-reference never leaves a sample as it was */
}

static void each_draw_has_its_own_place(void **state)
{
    (void)state;
    const int64_t extent[3] = {1, 30, 30}, patch[3] = {1, 20, 10};
    for (uint32_t s = 0; s < 100; s++) {
        rmseg_sample_record all = draw("flip,rot90,brightness,contrast,gamma", 2, extent, patch, s);
        assert_int_equal(all.flip[0], 0); /* 2D */
        assert_int_equal(draw("flip-h", 2, extent, patch, s).flip[1], all.flip[1]);
        assert_int_equal(draw("gamma,flip-w", 2, extent, patch, s).flip[2], all.flip[2]);
        assert_int_equal(draw("rot90", 2, extent, patch, s).turns, all.turns);
        assert_true(draw("brightness", 2, extent, patch, s).offset == all.offset);
        assert_true(draw(" contrast", 2, extent, patch, s).gain == all.gain);
        assert_true(draw("gamma", 2, extent, patch, s).gamma == all.gamma);
        assert_memory_equal(draw("none", 2, extent, patch, s).crop, all.crop, sizeof all.crop);
    }
}

static void small_images_lie_in_the_middle(void **state)
{
    (void)state;
    rmseg_sample_record r = draw("none", 3, (const int64_t[]){2, 7, 4}, (const int64_t[]){5, 8, 4}, 0);
    assert_int_equal(r.crop[0], -1); /* 3 missing: 1 before, 2 after */
    assert_int_equal(r.crop[1], 0);  /* 1 missing: after */
    assert_int_equal(r.crop[2], 0);
}

static void wrong_names_are_told(void **state)
{
    (void)state;
    rmseg_augmentation augmentation;
    assert_fails(rmseg_augmentation_parse(&augmentation, "flip-w,rot9", 2), RMSEG_ERROR_ARGUMENT,
                 "did you mean \"rot90\"?");
    assert_fails(rmseg_augmentation_parse(&augmentation, "elephant", 2), RMSEG_ERROR_ARGUMENT,
                 "unknown name \"elephant\";");
    assert_fails(rmseg_augmentation_parse(&augmentation, "flip-d", 2), RMSEG_ERROR_ARGUMENT, "2D images do not have");
    assert_ok(rmseg_augmentation_parse(&augmentation, "flip-d", 3));
    assert_fails(rmseg_augmentation_parse(&augmentation, "rot90-dh", 2), RMSEG_ERROR_ARGUMENT, "2D images do not have");
    assert_fails(rmseg_augmentation_parse(&augmentation, "rot90,rot90-dh", 3), RMSEG_ERROR_ARGUMENT, "another turn");
    assert_fails(rmseg_augmentation_parse(&augmentation, "la-reference,rot90-dh", 3), RMSEG_ERROR_ARGUMENT,
                 "another turn");
    int64_t rows = 0;
    while (rmseg_augment_list(rows)) {
        assert_ok(rmseg_augmentation_parse(&augmentation, rmseg_augment_list(rows)->name, 3));
        assert_true(strlen(rmseg_augment_list(rows)->help) > 0 && strlen(rmseg_augment_list(rows++)->draw) > 0);
    }
    assert_int_equal(rows, 19);
    assert_null(rmseg_augment_list(-1));
}

/* ---- preparation ------------------------------------------------------------------------------------------------ */

static rmseg_image *ramp(rmseg_dtype dtype, int64_t channels, int64_t height, int64_t width)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, dtype, channels, (const int64_t[]){1, height, width}));
    for (int64_t i = 0; i < channels * height * width; i++)
        if (dtype == RMSEG_F32)
            ((float *)image->data)[i] = (float)((i * 37 % 101) * (1 + i / (height * width)));
        else
            ((int32_t *)image->data)[i] = (int32_t)(i % 4);
    return image;
}

static void preparation_follows_its_formulas(void **state)
{
    (void)state;
    rmseg_image *raw = ramp(RMSEG_F32, 3, 20, 30), *label = ramp(RMSEG_I32, 1, 20, 30);
    for (int64_t i = 0; i < 600; i++) ((float *)raw->data)[1200 + i] = 7; /* a constant channel */
    for (int grid = 0; grid < 2; grid++)
        for (int how = RMSEG_NORMALIZE_ZSCORE; how <= RMSEG_NORMALIZE_RANGE; how++) {
            rmseg_preparation preparation = {.normalize = (rmseg_normalize)how};
            rmseg_image *moved = NULL, *image = NULL, *truth = NULL, *nearest = NULL;
            const int64_t size[3] = {1, grid ? 11 : 20, grid ? 17 : 30};
            if (grid) memcpy(preparation.grid, size, sizeof size);
            assert_ok(rmseg_prepare(&image, &truth, raw, label, &preparation));
            assert_ok(rmseg_image_resample(&moved, raw, size, RMSEG_LINEAR));
            assert_ok(rmseg_image_resample(&nearest, label, size, RMSEG_NEAREST));
            assert_memory_equal(image->size, size, sizeof size);
            assert_memory_equal(truth->data, nearest->data, (size_t)(size[1] * size[2]) * sizeof(int32_t));
            int64_t n = size[1] * size[2];
            for (int64_t c = 0; c < 3; c++) {
                const float *in = (float *)moved->data + c * n, *out = (float *)image->data + c * n;
                double mean = 0, square = 0, low = in[0], high = in[0];
                for (int64_t i = 0; i < n; i++) {
                    mean += in[i] / (double)n;
                    square += (double)in[i] * in[i] / (double)n;
                    low = fmin(low, in[i]);
                    high = fmax(high, in[i]);
                }
                double shift = how == RMSEG_NORMALIZE_ZSCORE ? mean : how == RMSEG_NORMALIZE_RANGE ? low : 0;
                double scale = how == RMSEG_NORMALIZE_ZSCORE  ? sqrt(square - mean * mean)
                               : how == RMSEG_NORMALIZE_RANGE ? high - low
                                                              : 1;
                bool constant = high - low < 1e-5 && how != RMSEG_NORMALIZE_NONE;
                for (int64_t i = 0; i < n; i++)
                    assert_true(fabs(out[i] - (constant ? 0 : (in[i] - shift) / scale)) <= 1e-5 * (1 + fabs(out[i])));
            }
            rmseg_image_destroy(moved);
            rmseg_image_destroy(nearest);
            rmseg_image_destroy(image);
            rmseg_image_destroy(truth);
        }
    rmseg_image_destroy(raw);
    rmseg_image_destroy(label);
}

static void preparation_may_lack_a_label(void **state)
{
    (void)state;
    rmseg_image *raw = ramp(RMSEG_F32, 1, 4, 4), *image = NULL, *label = NULL;
    assert_ok(rmseg_prepare(&image, NULL, raw, NULL, &(rmseg_preparation){.grid = {1, 2, 2}}));
    rmseg_image_destroy(image);
    assert_ok(rmseg_prepare(&image, &label, raw, NULL, &(rmseg_preparation){0}));
    assert_null(label);
    rmseg_image_destroy(image);
    rmseg_image_destroy(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_move_equals_brute_force),
        cmocka_unit_test(values_are_changed_by_the_formula),
        cmocka_unit_test(constant_channels_survive_gamma),
        cmocka_unit_test(nothing_is_drawn_without_names),
        cmocka_unit_test(draws_are_spread_evenly),
        cmocka_unit_test(each_draw_has_its_own_place),
        cmocka_unit_test(symmetries_of_the_first_two_axes_are_all_there),
        cmocka_unit_test(small_images_lie_in_the_middle),
        cmocka_unit_test(wrong_names_are_told),
        cmocka_unit_test(preparation_follows_its_formulas),
        cmocka_unit_test(preparation_may_lack_a_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
