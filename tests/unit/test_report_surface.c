/* test_report_surface.c - surfaces of balls and boxes have the outline, the light and the colours that geometry says. */
#include "unit.h"

#include <math.h>

#include "report/surface.h"

#define PI 3.14159265358979323846
enum { SIDE = 56 };
static const rmseg_rgb grey = {200, 200, 200};

typedef bool (*shape)(const double at[3]); /* mm from the middle, to inferior, posterior, left */

static bool ball(const double at[3]) { return at[0] * at[0] + at[1] * at[1] + at[2] * at[2] <= 20 * 20; }
static bool small_ball(const double at[3]) { return at[0] * at[0] + at[1] * at[1] + at[2] * at[2] <= 14 * 14; }
static bool box(const double at[3]) { return fabs(at[0]) < 10 && fabs(at[1]) < 15 && fabs(at[2]) < 20; }
static bool odd(const double at[3])
{
    const double moved[3] = {at[0] - 6, at[1] - 8, at[2] + 9};
    return (fabs(at[0]) < 6 && fabs(at[1]) < 10 && fabs(at[2]) < 18) ||
           moved[0] * moved[0] + moved[1] * moved[1] + moved[2] * moved[2] < 81;
}
static bool odd_mirrored(const double at[3]) { return odd((double[3]){at[0], at[1], -at[2]}); }
static bool one_voxel(const double at[3]) { return fabs(at[0] - 3.5) + fabs(at[1] - 3.5) + fabs(at[2] - 3.5) < 0.1; }
static bool thread(const double at[3]) { return fabs(at[0] - 0.5) + fabs(at[1] - 0.5) < 0.1 && fabs(at[2]) < 15; }

/* SIDE mm along each axis; the middle lies between two voxels. */
static rmseg_solid make(shape inside, double thickness)
{
    rmseg_grid grid = {{(int64_t)(SIDE / thickness), SIDE, SIDE}, {thickness, 1, 1}};
    int64_t voxels = grid.size[0] * SIDE * SIDE;
    uint8_t *mask = rmseg_alloc(voxels, 1);
    rmseg_solid solid = {0};
    assert_non_null(mask);
    for (int64_t v = 0; v < voxels; v++) {
        const int64_t index[3] = {v / SIDE / SIDE, v / SIDE % SIDE, v % SIDE};
        double at[3];
        for (int axis = 0; axis < 3; axis++) at[axis] = ((double)index[axis] + 0.5) * grid.spacing[axis] - SIDE / 2.0;
        mask[v] = inside(at);
    }
    assert_ok(rmseg_solid_create(&solid, mask, &grid));
    rmseg_free(mask);
    return solid;
}

static rmseg_image *render(const rmseg_solid *solid, const rmseg_solid *other, double azimuth, double elevation,
                           double pixel)
{
    rmseg_camera camera = {.pixel = pixel, .height = (int64_t)(SIDE / pixel), .width = (int64_t)(SIDE / pixel)};
    for (int axis = 0; axis < 3; axis++)
        camera.centre[axis] = (SIDE - solid->grid.spacing[axis]) / 2; /* position 0 is half a voxel from the edge */
    rmseg_camera_turn(&camera, azimuth, elevation);
    const rmseg_paint paint = {grey, other, 10};
    rmseg_image *picture = NULL;
    assert_ok(rmseg_surface_render(&picture, solid, &paint, &camera));
    return picture;
}

static bool is_covered(const rmseg_image *picture, int64_t y, int64_t x)
{
    return rmseg_image_value(picture, 0, 0, y, x) < 255 || rmseg_image_value(picture, 2, 0, y, x) < 255;
}

static double area(const rmseg_image *picture)
{
    int64_t count = 0;
    for (int64_t y = 0; y < picture->size[1]; y++)
        for (int64_t x = 0; x < picture->size[2]; x++) count += is_covered(picture, y, x);
    return (double)count;
}

/* Both in pixels: within one pixel all along the outline. */
static void check_area(shape inside, double thickness, double azimuth, double elevation, double expected,
                       double circumference)
{
    const double pixel = 0.5;
    rmseg_solid solid = make(inside, thickness);
    rmseg_image *picture = render(&solid, NULL, azimuth, elevation, pixel);
    double found = area(picture) * pixel * pixel;
    if (fabs(found - expected) > circumference * pixel)
        fail_msg("azimuth %g, elevation %g: %g mm2, expected %g", azimuth, elevation, found, expected);
    rmseg_image_destroy(picture);
    rmseg_solid_destroy(&solid);
}

static void outlines_are_those_of_geometry(void **state)
{
    (void)state;
    check_area(ball, 1, 0, 0, PI * 400, 2 * PI * 20);
    check_area(ball, 1, 37, -61, PI * 400, 2 * PI * 20);
    check_area(ball, 2, 20, 10, PI * 400, 2 * PI * 20); /* thick slices are no taller */
    check_area(box, 1, 0, 0, 20 * 40, 120);             /* the front: D x W */
    check_area(box, 1, 90, 0, 20 * 30, 100);            /* from the left: D x H */
    check_area(box, 1, 0, 90, 30 * 40, 140);            /* from above: H x W */
    double diagonal = (30 + 40) * sqrt(0.5);
    check_area(box, 1, 45, 0, 20 * diagonal, 2 * (20 + diagonal));
}

/* Within a fiftieth of white on average: voxels are no ball, but their field is smooth. */
static void light_is_that_of_the_normal(void **state)
{
    (void)state;
    rmseg_solid solid = make(ball, 1);
    rmseg_image *picture = render(&solid, NULL, 30, 20, 0.5);
    double sum = 0, worst = 0;
    int64_t count = 0;
    for (int64_t y = 0; y < picture->size[1]; y++)
        for (int64_t x = 0; x < picture->size[2]; x++) {
            double right = ((double)x + 0.5) * 0.5 - SIDE / 2.0, up = SIDE / 2.0 - ((double)y + 0.5) * 0.5;
            double rest = 400 - right * right - up * up;
            if (rest < 400 * 0.25) continue; /* further in than the rim */
            const double normal[3] = {right / 20, up / 20, sqrt(rest) / 20};
            double apart = fabs(rmseg_image_value(picture, 0, 0, y, x) - 200 * rmseg_surface_light(normal));
            sum += apart;
            worst = fmax(worst, apart);
            count++;
        }
    if (sum / (double)count > 5 || worst > 25) fail_msg("mean %g, worst %g of 255", sum / (double)count, worst);
    rmseg_image_destroy(picture);
    rmseg_solid_destroy(&solid);
}

/* The mirror image of a body has, from the mirrored eye, the mirrored outline. */
static void mirrored_bodies_have_mirrored_outlines(void **state)
{
    (void)state;
    rmseg_solid solid = make(odd, 1), mirrored = make(odd_mirrored, 1);
    rmseg_image *a = render(&solid, NULL, 40, 25, 0.5), *b = render(&mirrored, NULL, -40, 25, 0.5),
                *unlike = render(&solid, NULL, -40, 25, 0.5);
    int64_t differ = 0, control = 0, width = a->size[2];
    for (int64_t y = 0; y < a->size[1]; y++)
        for (int64_t x = 0; x < width; x++) {
            differ += is_covered(a, y, x) != is_covered(b, y, width - 1 - x);
            control += is_covered(a, y, x) != is_covered(unlike, y, width - 1 - x);
        }
    assert_true(differ <= 2); /* rays that graze, and rounding */
    assert_true(control > 100);
    rmseg_image_destroy(a);
    rmseg_image_destroy(b);
    rmseg_image_destroy(unlike);
    rmseg_solid_destroy(&solid);
    rmseg_solid_destroy(&mirrored);
}

/* A ball of 14 mm in one of 20: 6 mm apart everywhere, and so coloured. */
static void colours_tell_the_distance(void **state)
{
    (void)state;
    rmseg_solid solid = make(ball, 1), inner = make(small_ball, 1);
    double rgb[3], light = rmseg_surface_light((double[3]){0, 0, 1}), usual = 0, most = 0;
    rmseg_image *picture = render(&solid, &inner, 30, 20, 0.5);
    rmseg_surface_heat(rgb, 0.6);
    for (int64_t c = 0; c < 3; c++) {
        double found = rmseg_image_value(picture, c, 0, picture->size[1] / 2, picture->size[2] / 2);
        if (fabs(found - fmin(255, rgb[c] * light)) > 14)
            fail_msg("channel %d: %g of %g", (int)c, found, rgb[c] * light);
    }
    assert_ok(rmseg_solids_apart(&usual, &most, &solid, &inner));
    assert_true(usual > 5 && usual <= most && most < 7);
    rmseg_image_destroy(picture);
    rmseg_solid_destroy(&solid);
    rmseg_solid_destroy(&inner);
}

/* A voxel alone is seen about as large as it is, and a thread of voxels without a gap. */
static void the_smallest_things_are_seen(void **state)
{
    (void)state;
    rmseg_solid voxel = make(one_voxel, 1), line = make(thread, 1);
    rmseg_image *picture = render(&voxel, NULL, 0, 0, 0.125);
    double found = area(picture) / 64;
    if (!(found > 0.4 && found < 1.5)) fail_msg("a voxel of %g mm2", found);
    rmseg_image_destroy(picture);
    picture = render(&line, NULL, 0, 0, 0.25);
    int64_t columns = 0;
    for (int64_t x = 0; x < picture->size[2]; x++) {
        bool seen = false;
        for (int64_t y = 0; y < picture->size[1]; y++) seen |= is_covered(picture, y, x);
        columns += seen;
    }
    assert_in_range(columns, 4 * 30 - 6, 4 * 30 + 6);
    rmseg_image_destroy(picture);
    rmseg_solid_destroy(&voxel);
    rmseg_solid_destroy(&line);
}

static void threads_make_no_difference(void **state)
{
    (void)state;
    rmseg_image *picture[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(rmseg_threads_set(i ? 3 : 1));
        rmseg_solid truth = make(odd, 1), prediction = make(ball, 1);
        const rmseg_surfaces surfaces = {.truth = &truth,
                                         .prediction = &prediction,
                                         .azimuth = 30,
                                         .elevation = 20,
                                         .scale = 2,
                                         .by_distance = true,
                                         .known_sides = true,
                                         .unit = "mm"};
        assert_ok(rmseg_surfaces_picture(&picture[i], &surfaces));
        rmseg_solid_destroy(&truth);
        rmseg_solid_destroy(&prediction);
    }
    assert_ok(rmseg_threads_set(0));
    assert_memory_equal(picture[0]->size, picture[1]->size, sizeof picture[0]->size);
    assert_memory_equal(picture[0]->data, picture[1]->data, (size_t)(3 * rmseg_image_voxels(picture[0])));
    for (int i = 0; i < 2; i++) rmseg_image_destroy(picture[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outlines_are_those_of_geometry),         cmocka_unit_test(light_is_that_of_the_normal),
        cmocka_unit_test(mirrored_bodies_have_mirrored_outlines), cmocka_unit_test(colours_tell_the_distance),
        cmocka_unit_test(the_smallest_things_are_seen),           cmocka_unit_test(threads_make_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
