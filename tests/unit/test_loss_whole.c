/*
 * test_loss_whole.c - maps=image: a patch with the labels of its whole image has the weights that the whole image has
 * there. With probabilities that do not depend on the place, the gradient says what they are.
 */
#include <math.h>

#include "loss/loss.h"
#include "unit.h"

enum { D = 9, H = 14, W = 12, VOXELS = D * H * W };

/* Labels of an image: a ball that reaches the edge, a speck far from it, some voxels ignored. */
static int32_t whole[VOXELS];

static void fill_whole(void)
{
    for (int v = 0; v < VOXELS; v++) {
        int d = v / (H * W) - 4, h = v / W % H - 3, w = v % W - 9;
        whole[v] = d * d + h * h + w * w < 14 || v == 3 * H * W + 12 * W + 1;
        if (v % 29 == 5) whole[v] = 7;
    }
}

/* What each voxel of `size` at `offset` pulls, by the number of voxels that count. */
static rmseg_status pull(double *gradient, const char *expression, const int64_t offset[3], const int64_t size[3],
                         bool with_whole)
{
    int64_t voxels = size[0] * size[1] * size[2], valid = 0;
    int32_t *label = rmseg_alloc(voxels, sizeof *label);
    double *logits = rmseg_alloc(voxels, sizeof *logits), total;
    rmseg_objective *o;
    for (int64_t i = 0; i < voxels; i++) {
        int64_t d = i / (size[1] * size[2]) + offset[0], h = i / size[2] % size[1] + offset[1],
                w = i % size[2] + offset[2];
        label[i] = whole[(d * H + h) * W + w];
        logits[i] = 0.25;
        valid += label[i] != 7;
    }
    rmseg_frame frame = {.extent = {D, H, W}, .spacing = {2, 1, 1.5}, .whole = with_whole ? whole : NULL};
    for (int k = 0; k < 3; k++) frame.offset[k] = offset[k];
    rmseg_batch batch = {
        .n = 1, .k = 1, .spatial = 3, .logits = logits, .index = label, .wide = true, .ignore = 7, .frames = &frame};
    for (int k = 0; k < 3; k++) batch.size[k] = size[k];
    assert_ok(rmseg_objective_parse(&o, expression));
    rmseg_status status = rmseg_objective_evaluate(&total, NULL, gradient, o, &batch);
    for (int64_t i = 0; i < voxels; i++) gradient[i] *= (double)valid;
    rmseg_objective_destroy(o);
    rmseg_free(label);
    rmseg_free(logits);
    return status;
}

static const char *const terms[] = {
    "none: boundary(%s)",
    "none: boundary(variant=ma; %s)",
    "none: boundary(variant=ma-normalised, units=mm; %s)",
    "none: hausdorff(units=mm; %s)",
    "none: hausdorff(variant=ma, alpha=1; %s)",
    "tanh: sdf(variant=l2; %s)",
};

static void expression_of(char text[128], const char *form, const char *maps)
{
    snprintf(text, 128, form, maps);
    for (char *at = text; *at; at++)
        if (*at == ';') *at = ',';
}

static void a_patch_weighs_as_its_image_does(void **state)
{
    (void)state;
    static double image[VOXELS], patch[VOXELS];
    static const int64_t none[3] = {0, 0, 0}, all[3] = {D, H, W};
    static const int64_t offsets[][3] = {{0, 0, 0}, {2, 4, 1}, {5, 8, 7}},
                         sizes[][3] = {{D, H, W}, {4, 5, 9}, {3, 6, 5}};
    fill_whole();
    for (size_t t = 0; t < sizeof terms / sizeof *terms; t++) {
        char crop[128], wide[128];
        expression_of(crop, terms[t], "maps=crop");
        expression_of(wide, terms[t], "maps=image");
        assert_ok(pull(image, crop, none, all, false));
        bool differs = false;
        for (int c = 0; c < 3; c++) {
            const int64_t *size = sizes[c], *offset = offsets[c];
            int64_t voxels = size[0] * size[1] * size[2];
            for (int way = 0; way < 2; way++) {
                assert_ok(pull(patch, way ? wide : crop, offset, size, true));
                for (int64_t i = 0; i < voxels; i++) {
                    int64_t d = i / (size[1] * size[2]) + offset[0], h = i / size[2] % size[1] + offset[1],
                            w = i % size[2] + offset[2];
                    double expected = image[(d * H + h) * W + w];
                    if (way)
                        assert_true(fabs(patch[i] - expected) <= 1e-12 * (1 + fabs(expected)));
                    else
                        differs = differs || fabs(patch[i] - expected) > 1e-3;
                }
            }
        }
        assert_true(differs); /* else the option would not be seen */
    }
}

static void a_padded_voxel_has_the_distances_of_the_nearest_inside(void **state)
{
    (void)state;
    int32_t label[4] = {0, 0, 0, 0}, image[2] = {0, 1};
    double p[4] = {0.25, 0.25, 0.25, 0.25}, gradient[4], total;
    rmseg_frame frame = {.offset = {0, 0, -3}, .extent = {1, 1, 2}, .spacing = {1, 1, 1}, .whole = image};
    rmseg_batch batch = {.n = 1,
                         .k = 1,
                         .size = {1, 1, 4},
                         .spatial = 2,
                         .logits = p,
                         .index = label,
                         .wide = true,
                         .ignore = -1,
                         .frames = &frame};
    rmseg_objective *o;
    assert_ok(rmseg_objective_parse(&o, "none: boundary(maps=image, reduction=sum)"));
    assert_ok(rmseg_objective_evaluate(&total, NULL, gradient, o, &batch));
    for (int i = 0; i < 4; i++) assert_true(fabs(gradient[i] - 1) <= 1e-12);
    rmseg_objective_destroy(o);
}

static void without_the_image_it_is_refused(void **state)
{
    (void)state;
    static double gradient[VOXELS];
    static const int64_t offset[3] = {1, 1, 1}, size[3] = {4, 5, 6};
    fill_whole();
    assert_int_equal(pull(gradient, "none: boundary(maps=image)", offset, size, false), RMSEG_ERROR_ARGUMENT);
    assert_non_null(strstr(rmseg_error_last(), "maps=image needs the labels of the whole image"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_patch_weighs_as_its_image_does),
        cmocka_unit_test(a_padded_voxel_has_the_distances_of_the_nearest_inside),
        cmocka_unit_test(without_the_image_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
