/* The augmentations that resample and filter: closed forms (identity, quarter turns, ramps), image and label that stay
 * together, SciPy's and NumPy's goldens, crops about the foreground, the draws of the reference loader. */
#include <math.h>

#include "data/reference.h"
#include "data/sample.h"
#include "test_data.h"

static rmseg_prepared *new_case(int64_t channels, const int64_t size[3], const double spacing[3])
{
    rmseg_prepared *made = rmseg_alloc(1, sizeof *made);
    assert_ok(rmseg_image_create(&made->image, RMSEG_F32, channels, size));
    assert_ok(rmseg_image_create(&made->label, RMSEG_I32, 1, size));
    made->channels = rmseg_alloc(channels, sizeof *made->channels);
    for (int k = 0; k < 3; k++) made->image->spacing[k] = spacing[k];
    return made;
}

static void measure(rmseg_prepared *made)
{
    int64_t voxels = rmseg_image_voxels(made->image);
    for (int64_t c = 0; c < made->image->channels; c++)
        rmseg_channel_stats_of(&made->channels[c], (float *)made->image->data + c * voxels, voxels);
}

static void destroy_case(rmseg_prepared *made)
{
    if (!made) return;
    rmseg_image_destroy(made->image);
    rmseg_image_destroy(made->label);
    rmseg_free(made->channels);
    rmseg_free(made);
}

/* Value and label by value(d, h, w). */
static rmseg_prepared *make_case(const int64_t size[3], const double spacing[3],
                                 double (*value)(double, double, double))
{
    rmseg_prepared *made = new_case(1, size, spacing);
    for (int64_t d = 0, i = 0; d < size[0]; d++)
        for (int64_t h = 0; h < size[1]; h++)
            for (int64_t w = 0; w < size[2]; w++, i++) {
                ((float *)made->image->data)[i] = (float)value((double)d, (double)h, (double)w);
                ((int32_t *)made->label->data)[i] = (int32_t)fabs(value((double)d, (double)h, (double)w)) % 5;
            }
    measure(made);
    return made;
}

static double hash_like(double d, double h, double w) { return fmod(1009 * d + 337 * h + 71 * w, 97) + 1; }

typedef struct sample {
    float *image;
    int32_t *label;
    rmseg_frame frame;
    int64_t size;
} sample;

static const char everything[] = "rotate(p=1),scale(p=1),elastic(p=1,grid=2),noise(p=1),blur(p=1,high=4),lowres(p=1)";

static sample make(const rmseg_prepared *from, const rmseg_sample_record *record, const int64_t patch[3])
{
    rmseg_augmentation all;
    rmseg_sample_room *room = NULL;
    int64_t size = patch[0] * patch[1] * patch[2];
    sample made = {.image = rmseg_alloc(from->image->channels * size, sizeof(float)),
                   .label = rmseg_alloc(size, sizeof(int32_t)),
                   .size = size};
    assert_ok(rmseg_augmentation_parse(&all, everything, 3));
    assert_ok(rmseg_sample_room_create(&room, &all, patch));
    rmseg_sample_make(made.image, made.label, &made.frame, from, record, patch, room);
    rmseg_sample_room_destroy(room);
    return made;
}

static void drop(sample *s)
{
    rmseg_free(s->image);
    rmseg_free(s->label);
}

static const rmseg_sample_record as_it_is = {.gain = 1, .gamma = 1, .scale = 1, .lowres = 1, .seed = 3};

/* ---- closed forms ------------------------------------------------------------------------------------------------ */

/* A quarter turn by angle is the quarter turn by index: about each axis, of patches that map onto themselves. */
static void quarter_turns_are_those_of_rot90(void **state)
{
    (void)state;
    const int64_t size[3] = {14, 14, 14}, patch[3] = {8, 8, 8};
    rmseg_prepared *from = make_case(size, (const double[]){1.5, 1.5, 1.5}, hash_like);
    for (int pivot = 0; pivot <= 2; pivot += 2)
        for (int turns = 0; turns < 4; turns++) {
            rmseg_sample_record straight = as_it_is, warped = as_it_is;
            straight.pivot = pivot, straight.turns = turns;
            warped.angle[pivot] = 90 * turns;
            warped.elastic[0] = 1e-30, warped.elastic[1] = 4;                  /* as if it were bent */
            for (int k = 0; k < 3; k++) straight.crop[k] = warped.crop[k] = 3; /* in the middle */
            sample a = make(from, &straight, patch), b = make(from, &warped, patch);
            assert_memory_equal(a.image, b.image, (size_t)a.size * sizeof *a.image);
            assert_memory_equal(a.label, b.label, (size_t)a.size * sizeof *a.label);
            drop(&a), drop(&b);
        }
    destroy_case(from);
}

static double slope[4];
static double ramp(double d, double h, double w) { return slope[0] + slope[1] * d + slope[2] * h + slope[3] * w; }

/* What a ramp becomes is known at every place, whatever the rotation and the spacing. */
static void ramps_stay_ramps(void **state)
{
    (void)state;
    const int64_t size[3] = {30, 41, 37}, patch[3] = {6, 9, 8};
    const double spacing[3] = {2.5, 0.8, 1.25}, angle = 25, scale = 1.3;
    double c = cos(angle * M_PI / 180), s = sin(angle * M_PI / 180);
    slope[0] = 300, slope[1] = 2, slope[2] = -3, slope[3] = 1.5;
    rmseg_prepared *from = make_case(size, spacing, ramp);
    rmseg_sample_record record = as_it_is;
    record.angle[0] = angle, record.scale = scale;
    record.crop[0] = 12, record.crop[1] = 15, record.crop[2] = 14;
    sample made = make(from, &record, patch);
    for (int64_t i = 0; i < made.size; i++) {
        double d = (double)(i / 72) - 2.5, h = ((double)(i / 8 % 9) - 4) * 0.8, w = ((double)(i % 8) - 3.5) * 1.25;
        double y = (c * h + s * w) / scale / 0.8, x = (c * w - s * h) / scale / 1.25;
        assert_true(fabs(made.image[i] - ramp(14.5 + d / scale, 19 + y, 17.5 + x)) < 2e-4);
    }
    assert_int_equal(made.frame.extent[1], 9); /* a patch that left the axes is its own frame */
    assert_int_equal(made.frame.offset[1], 0);
    drop(&made);
    destroy_case(from);
}

static double blob(double d, double h, double w)
{
    return 4.9 * (pow(d - 12, 2) / 60 + pow(h - 15, 2) / 90 + pow(w - 14, 2) / 70 < 1);
}

/* The label is where the image is bright, whatever was done to both. */
static void labels_follow_their_image(void **state)
{
    (void)state;
    const int64_t size[3] = {26, 32, 30}, patch[3] = {16, 20, 18};
    rmseg_prepared *from = make_case(size, (const double[]){1.2, 1, 0.9}, blob);
    rmseg_augmentation all;
    rmseg_sample_place place = {.extent = {26, 32, 30}, .patch = {16, 20, 18}};
    assert_ok(rmseg_augmentation_parse(
        &all, "rotate(degrees=90,p=1),scale(p=1),elastic(p=1,magnitude=3,grid=10),rot90,flip", 3));
    for (uint32_t s = 0; s < 12; s++) {
        rmseg_sample_record record;
        int64_t wrong = 0, near = 0;
        rmseg_sample_draw(&record, &all, &place, 6, 0, s);
        sample made = make(from, &record, patch);
        for (int64_t i = 0; i < made.size; i++) {
            near += fabs(made.image[i] - 2.45) < 1e-3;
            wrong += (made.image[i] > 2.45) != (made.label[i] == 4);
        }
        assert_true(wrong <= near);
        drop(&made);
    }
    destroy_case(from);
}

/* Inside of a volume nothing is padded: the crop's corners are filled from the volume around it. */
static void rotated_crops_have_no_empty_corners(void **state)
{
    (void)state;
    rmseg_prepared *from = make_case((const int64_t[]){1, 40, 40}, (const double[]){1, 1, 1}, hash_like);
    rmseg_sample_record record = as_it_is;
    record.angle[0] = 45, record.crop[1] = record.crop[2] = 12;
    sample made = make(from, &record, (const int64_t[]){1, 16, 16});
    for (int64_t i = 0; i < made.size; i++) assert_true(made.image[i] >= 1);
    drop(&made);
    record.crop[1] = record.crop[2] = 0; /* at the volume's corner there is none */
    record.noise = 0.5, record.blur = 1, record.lowres = 0.6;
    made = make(from, &record, (const int64_t[]){1, 16, 16});
    assert_true(made.image[0] == 0 && made.label[0] == 0 && made.image[8 * 16 + 8] != 0);
    drop(&made);
    destroy_case(from);
}

/* ---- goldens ----------------------------------------------------------------------------------------------------- */

static double next_number(char **at) { return strtod(*at, at); }
static int64_t next_integer(char **at) { return llround(strtod(*at, at)); }

static void check_draw(char *at)
{
    rmseg_augmentation augmentation;
    rmseg_sample_place place = {.foreground = NULL};
    rmseg_sample_record r;
    int spatial = (int)next_integer(&at);
    for (int k = 0; k < 3; k++) place.extent[k] = next_integer(&at);
    for (int k = 0; k < 3; k++) place.patch[k] = next_integer(&at);
    uint64_t seed = (uint64_t)next_integer(&at);
    uint32_t t = (uint32_t)next_integer(&at), s = (uint32_t)next_integer(&at);
    double expected[9];
    for (int i = 0; i < 9; i++) expected[i] = next_number(&at);
    at += strspn(at, " ");
    at[strcspn(at, "\n")] = '\0';
    assert_ok(rmseg_augmentation_parse(&augmentation, at, spatial));
    rmseg_sample_draw(&r, &augmentation, &place, seed, t, s);
    const double found[9] = {r.angle[0],   r.angle[1], r.angle[2], r.scale, r.elastic[0],
                             r.elastic[1], r.blur,     r.lowres,   r.noise};
    for (int i = 0; i < 9; i++) assert_true(fabs(found[i] - expected[i]) <= 1e-10 * (1 + fabs(expected[i])));
}

static rmseg_prepared *read_case(char *at)
{
    int64_t shape[4];
    double spacing[3];
    for (int k = 0; k < 4; k++) shape[k] = next_integer(&at);
    for (int k = 0; k < 3; k++) spacing[k] = next_number(&at);
    rmseg_prepared *made = new_case(shape[0], shape + 1, spacing);
    int64_t voxels = rmseg_image_voxels(made->image);
    for (int64_t i = 0; i < shape[0] * voxels; i++) {
        int64_t v = i % voxels, d = v / (shape[2] * shape[3]), h = v / shape[3] % shape[2], w = v % shape[3];
        double wave = sin((double)h / 3 + (double)(i / voxels)) * cos((double)w / 4);
        ((float *)made->image->data)[i] = (float)(3 + cos((double)d / 2) + wave + (double)((7 * v) % 11) / 20);
        ((int32_t *)made->label->data)[v] = (int32_t)((d / 3 + h / 4 + w / 5) % 3);
    }
    measure(made);
    return made;
}

static void check_sample(const rmseg_prepared *from, char *at)
{
    rmseg_sample_record r = {.case_index = 0};
    int64_t patch[3], labels = 0;
    for (int k = 0; k < 3; k++) patch[k] = next_integer(&at);
    r.pivot = (int)next_integer(&at);
    r.turns = (int)next_integer(&at);
    for (int k = 0; k < 3; k++) r.flip[k] = (int)next_integer(&at);
    for (int k = 0; k < 3; k++) r.crop[k] = next_integer(&at);
    for (int k = 0; k < 3; k++) r.angle[k] = next_number(&at);
    double *const rest[] = {&r.scale, &r.elastic[0], &r.elastic[1], &r.gain, &r.offset,
                            &r.gamma, &r.blur,       &r.lowres,     &r.noise};
    for (int i = 0; i < 9; i++) *rest[i] = next_number(&at);
    r.seed = (uint64_t)next_integer(&at);
    r.iteration = (uint32_t)next_integer(&at);
    r.sample = (uint32_t)next_integer(&at);
    int64_t expected = next_integer(&at), count = next_integer(&at);
    sample made = make(from, &r, patch);
    for (int64_t i = 0; i < made.size; i++) labels += made.label[i] * (i + 1);
    assert_int_equal(labels, expected);
    for (int64_t i = 0; i < count; i++) assert_true(fabs(made.image[37 * i] - next_number(&at)) < 2e-5);
    drop(&made);
}

static void check_patch(rmseg_reference *reference, char *at)
{
    int64_t extent[3], patch[3];
    rmseg_sample_record r = {.case_index = 0};
    for (int k = 0; k < 3; k++) extent[k] = next_integer(&at);
    for (int k = 0; k < 3; k++) patch[k] = next_integer(&at);
    rmseg_reference_draw(&r, reference, extent, patch);
    assert_int_equal(r.turns, next_integer(&at));
    int64_t axis = next_integer(&at);
    for (int k = 0; k < 3; k++) assert_int_equal(r.flip[k], k == axis);
    for (int k = 0; k < 3; k++) assert_int_equal(r.crop[k], next_integer(&at));
}

static void everything_is_as_scipy_and_numpy_make_it(void **state)
{
    (void)state;
    static char line[65536];
    rmseg_prepared *from = NULL;
    rmseg_reference reference;
    int64_t lines = 0;
    FILE *file = fopen(RMSEG_GOLDEN "/augment.txt", "r");
    assert_non_null(file);
    for (; fgets(line, sizeof line, file); lines++) {
        char *at = strchr(line, ' ');
        if (!strncmp(line, "draw", 4)) check_draw(at);
        if (!strncmp(line, "case", 4)) {
            destroy_case(from);
            from = read_case(at);
        }
        if (!strncmp(line, "sample", 6)) check_sample(from, at);
        if (!strncmp(line, "reference", 9)) rmseg_reference_seed(&reference, (uint32_t)next_integer(&at));
        if (!strncmp(line, "below", 5)) {
            int64_t most = next_integer(&at);
            assert_int_equal(rmseg_reference_below(&reference, most), next_integer(&at));
        }
        if (!strncmp(line, "patch", 5)) check_patch(&reference, at);
    }
    fclose(file);
    destroy_case(from);
    assert_int_equal(lines, 2566);
}

/* ---- foreground -------------------------------------------------------------------------------------------------- */

static double rare(double d, double h, double w)
{
    return d == 3 && h == 5 && w == 30 ? 2 : h > 12 && w < 20 ? 1 : d == 9 && h == 3 ? 4 : 0;
}

static void crops_are_put_about_each_class_as_often(void **state)
{
    (void)state;
    enum { SAMPLES = 3000 };
    const int64_t patch[3] = {5, 6, 8};
    rmseg_prepared *from = make_case((const int64_t[]){14, 30, 40}, (const double[]){1, 1, 1}, rare);
    rmseg_foreground foreground = {0};
    rmseg_augmentation augmentation;
    int seen[5] = {0};
    assert_ok(rmseg_foreground_find(&foreground, from->label));
    assert_int_equal(foreground.classes, 3);
    assert_int_equal(foreground.first[1], RMSEG_FOREGROUND_VOXELS); /* class 1 has 14 * 17 * 20 voxels */
    assert_int_equal(foreground.first[3] - foreground.first[1], 1 + 40);
    assert_ok(rmseg_augmentation_parse(&augmentation, "rot90,flip", 3));
    for (uint32_t s = 0; s < SAMPLES; s++) {
        rmseg_sample_place place = {
            .extent = {14, 30, 40}, .patch = {5, 6, 8}, .share = 0.5, .foreground = &foreground};
        rmseg_sample_record r;
        rmseg_sample_draw(&r, &augmentation, &place, 1, 0, s);
        seen[r.foreground]++;
        if (!r.foreground) continue;
        sample made = make(from, &r, patch);
        bool there = false;
        for (int64_t i = 0; i < made.size; i++) there = there || made.label[i] == r.foreground;
        assert_true(there);
        for (int k = 0; k < 3; k++) assert_true(r.crop[k] >= 0 && r.crop[k] + patch[k] <= made.frame.extent[k]);
        drop(&made);
    }
    assert_in_range(seen[0], 0.46 * SAMPLES, 0.54 * SAMPLES);
    for (int c = 1; c <= 4; c++)
        if (c != 3) assert_in_range(seen[c], 0.14 * SAMPLES, 0.20 * SAMPLES);
    rmseg_foreground_destroy(&foreground);
    destroy_case(from);
}

static void a_label_without_foreground_is_cropped_anywhere(void **state)
{
    (void)state;
    slope[0] = slope[1] = slope[2] = slope[3] = 0;
    rmseg_prepared *from = make_case((const int64_t[]){1, 9, 9}, (const double[]){1, 1, 1}, ramp);
    rmseg_foreground foreground = {0};
    assert_ok(rmseg_foreground_find(&foreground, from->label));
    int32_t label = 7;
    assert_int_equal(rmseg_foreground_pick(&label, &foreground, 0.5, 0.5), -1);
    rmseg_foreground_destroy(&foreground);
    destroy_case(from);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static void parameters_are_read_and_wrong_ones_told(void **state)
{
    (void)state;
    rmseg_augmentation a;
    assert_ok(rmseg_augmentation_parse(&a, "rotate-d( degrees = 15 ; p=1 ),scale(high=1.2) flip-w", 3));
    assert_true(a.degrees[0] == 15 && a.degrees[1] == 0 && a.rotate_p == 1 && a.scale[1] == 1.2 && a.scale_p == 0.2);
    assert_true(a.flip[2] && rmseg_augmentation_warps(&a));
    assert_ok(rmseg_augmentation_parse(&a, "rotate", 2));
    assert_true(a.degrees[0] == 30 && a.degrees[1] == 0 && a.degrees[2] == 0);
    static const char *const wrong[][2] = {
        {"rotate(degree=15)", "augment: rotate: "},   {"rotate(degrees=200)", "180"},
        {"rotate(degrees)", "expected name=value"},   {"rotate(degrees=)", "expected name=value"},
        {"rotate(p=1,p=1)", "p is given twice"},      {"rotate(degrees=15", "closing bracket"},
        {"flip(p=1)", "takes no parameters"},         {"rotate,rotate-d", "about axis D is given twice"},
        {"rotate-d,rotate-h(p=1)", "expected one p"}, {"scale(low=2,high=1)", "low=2 is above high=1"},
        {"noise,noise", "noise: is given twice"},     {"rotates", "did you mean \"rotate\"?"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(rmseg_augmentation_parse(&a, wrong[i][0], 3), RMSEG_ERROR_ARGUMENT, wrong[i][1]);
    assert_fails(rmseg_augmentation_parse(&a, "rotate-h", 2), RMSEG_ERROR_ARGUMENT, "2D images do not have");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quarter_turns_are_those_of_rot90),
        cmocka_unit_test(ramps_stay_ramps),
        cmocka_unit_test(labels_follow_their_image),
        cmocka_unit_test(rotated_crops_have_no_empty_corners),
        cmocka_unit_test(everything_is_as_scipy_and_numpy_make_it),
        cmocka_unit_test(crops_are_put_about_each_class_as_often),
        cmocka_unit_test(a_label_without_foreground_is_cropped_anywhere),
        cmocka_unit_test(parameters_are_read_and_wrong_ones_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
