/* Windows: their places, their blending against crops predicted one by one, padding, mirror images. */
#include "unit.h"

#include <math.h>
#include <sys/resource.h>

#include "run/label.h"
#include "run/predictor.h"

/* A 2D U-Net of two poolings with weights from the seed: it needs multiples of 4. */
static int make_model(void **state)
{
    static rmseg_model model;
    rmseg_net_spec spec = {.net = "unet",
                           .spatial = 2,
                           .in_channels = 2,
                           .out_channels = 3,
                           .width = 4,
                           .depth = 2,
                           .norm = "batch",
                           .activation = "relu"};
    model = (rmseg_model){.head = RMSEG_HEAD_SOFTMAX, .classes = 3};
    assert_ok(rmseg_backend_default(&model.backend));
    assert_ok(rmseg_net_create(&model.net, &spec));
    assert_ok(rmseg_weights_create(&model.weights, model.net, model.backend, false));
    assert_ok(rmseg_weights_init(model.weights, 3));
    assert_ok(rmseg_regions_parse(&model.regions, "ring=1,core=2"));
    *state = &model;
    return 0;
}

static int destroy_model(void **state)
{
    rmseg_model_destroy(*state);
    return 0;
}

static rmseg_image *make_image(int64_t height, int64_t width)
{
    rmseg_image *image = NULL;
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 2, (const int64_t[3]){1, height, width}));
    rmseg_random r = rmseg_random_stream(5, RMSEG_RANDOM_TEST, 0, 0);
    for (int64_t i = 0; i < 2 * height * width; i++) ((float *)image->data)[i] = (float)rmseg_random_normal(&r);
    return image;
}

/* image[y + y0][x + x0], zero outside; mirrored along x where asked. */
static rmseg_image *crop(const rmseg_image *image, int64_t y0, int64_t x0, int64_t height, int64_t width, bool mirror)
{
    rmseg_image *part = NULL;
    assert_ok(rmseg_image_create(&part, RMSEG_F32, image->channels, (const int64_t[3]){1, height, width}));
    for (int64_t c = 0; c < image->channels; c++)
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++) {
                int64_t h = y + y0, w = x0 + (mirror ? width - 1 - x : x);
                if (h < 0 || w < 0 || h >= image->size[1] || w >= image->size[2]) continue;
                ((float *)part->data)[(c * height + y) * width + x] =
                    ((const float *)image->data)[(c * image->size[1] + h) * image->size[2] + w];
            }
    return part;
}

static rmseg_image *predict(const rmseg_model *model, const rmseg_window *window, const rmseg_image *image)
{
    rmseg_predictor *predictor = NULL;
    rmseg_image *probabilities = NULL;
    assert_ok(rmseg_predictor_create(&predictor, model, window));
    assert_ok(rmseg_predictor_run(&probabilities, predictor, image));
    rmseg_predictor_destroy(predictor);
    return probabilities;
}

static void assert_close(const rmseg_image *a, const double *expected)
{
    int64_t count = a->channels * rmseg_image_voxels(a);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(((const float *)a->data)[i] - expected[i]) < 1e-5))
            fail_msg("element %lld: %g, expected %g", (long long)i, ((const float *)a->data)[i], expected[i]);
}

static double bell(int64_t i, int64_t n)
{
    double z = ((double)i - (double)(n - 1) / 2) / ((double)n / 8);
    return exp(-z * z / 2);
}

/* Each window is predicted as an image of its own, and blended here in double. */
static void windows_blend_as_the_header_says(void **state)
{
    const rmseg_model *model = *state;
    enum { H = 20, W = 27, N = 12, K = 3 };
    static const int64_t starts_h[] = {0, 5, 8}, starts_w[] = {0, 7, 14, 15};
    rmseg_image *image = make_image(H, W);
    for (int gaussian = 0; gaussian < 2; gaussian++) {
        static double sum[K * H * W], weight[H * W];
        memset(sum, 0, sizeof sum);
        memset(weight, 0, sizeof weight);
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 4; b++) {
                rmseg_image *part = crop(image, starts_h[a], starts_w[b], N, N, false);
                rmseg_image *p = predict(model, &(rmseg_window){0}, part);
                for (int64_t i = 0; i < N * N; i++) {
                    int64_t y = i / N, x = i % N, at = (starts_h[a] + y) * W + starts_w[b] + x;
                    double w = gaussian ? bell(y, N) * bell(x, N) : 1;
                    weight[at] += w;
                    for (int64_t k = 0; k < K; k++) sum[k * H * W + at] += w * ((const float *)p->data)[k * N * N + i];
                }
                rmseg_image_destroy(part);
                rmseg_image_destroy(p);
            }
        for (int64_t i = 0; i < K * H * W; i++) sum[i] /= weight[i % (H * W)];
        rmseg_window window = {.size = {1, N, N}, .stride = {1, 5, 7}, .gaussian = gaussian};
        rmseg_image *blended = predict(model, &window, image);
        assert_close(blended, sum);
        rmseg_image_destroy(blended);
    }
    rmseg_image_destroy(image);
}

/* 17 x 22 becomes 20 x 24 with one row before, and the probabilities are cut out again. */
static void whole_images_are_padded_and_cut_back(void **state)
{
    const rmseg_model *model = *state;
    rmseg_image *image = make_image(17, 22), *padded = crop(image, -1, -1, 20, 24, false);
    rmseg_image *p = predict(model, &(rmseg_window){0}, image), *q = predict(model, &(rmseg_window){0}, padded);
    rmseg_image *part = crop(q, 1, 1, 17, 22, false);
    assert_int_equal(p->size[1], 17);
    assert_memory_equal(p->data, part->data, 3 * 17 * 22 * sizeof(float));
    rmseg_image *all[] = {image, padded, p, q, part};
    for (int i = 0; i < 5; i++) rmseg_image_destroy(all[i]);
}

static void mirror_images_are_averaged(void **state)
{
    const rmseg_model *model = *state;
    enum { N = 16 };
    rmseg_image *image = make_image(N, N), *mirrored = crop(image, 0, 0, N, N, true);
    rmseg_image *a = predict(model, &(rmseg_window){.flips = true}, image);
    rmseg_image *b = predict(model, &(rmseg_window){.flips = true}, mirrored);
    rmseg_image *back = crop(b, 0, 0, N, N, true), *plain = predict(model, &(rmseg_window){0}, image);
    static double expected[3 * N * N];
    for (int i = 0; i < 3 * N * N; i++) expected[i] = ((const float *)back->data)[i];
    assert_close(a, expected);
    assert_memory_not_equal(a->data, plain->data, 3 * N * N * sizeof(float));
    rmseg_image *all[] = {image, mirrored, a, b, back, plain};
    for (int i = 0; i < 6; i++) rmseg_image_destroy(all[i]);
}

/* ---- volumes ----------------------------------------------------------------------------------------------------- */

static void make_volume_model(rmseg_model *model)
{
    const rmseg_net_spec spec = {"vnet", 3, 1, 2, 2, 4, "batch", "relu", 0.5, false, false};
    *model = (rmseg_model){.head = RMSEG_HEAD_SOFTMAX, .classes = 2};
    assert_ok(rmseg_backend_default(&model->backend));
    assert_ok(rmseg_net_create(&model->net, &spec));
    assert_ok(rmseg_weights_create(&model->weights, model->net, model->backend, false));
    assert_ok(rmseg_weights_init(model->weights, 3));
}

/* 29 x 52 x 13 in windows of 16 x 32 x 16: the last ones moved back to the edge, and one axis that is too short. */
enum { VD = 29, VH = 52, VW = 13, WD = 16, WH = 32, WW = 16, VOXELS = VD * VH * VW };
static const int64_t starts_d[] = {0, 5, 10, 13}, starts_h[] = {0, 9, 18, 20};

/* Adds a window's softmax, by the formula and in double; the image lies 1 = floor((16 - 13) / 2) into it along W. */
static void add_window(double *sum, double *weight, rmseg_executor *executor, const rmseg_model *model,
                       const float *image, int64_t d0, int64_t h0)
{
    static float input[WD * WH * WW], logits[2 * WD * WH * WW];
    const int64_t window = WD * WH * WW;
    for (int64_t i = 0; i < window; i++) {
        int64_t d = d0 + i / (WH * WW), h = h0 + i / WW % WH, w = i % WW - 1;
        input[i] = w >= 0 && w < VW ? image[(d * VH + h) * VW + w] : 0;
    }
    assert_ok(rmseg_executor_forward(logits, executor, model->weights, input, 0, 0));
    for (int64_t i = 0; i < window; i++) {
        int64_t d = d0 + i / (WH * WW), h = h0 + i / WW % WH, w = i % WW - 1, at = (d * VH + h) * VW + w;
        if (w < 0 || w >= VW) continue;
        double one = 1 / (1 + exp((double)logits[i] - logits[window + i]));
        sum[at] += 1 - one;
        sum[VOXELS + at] += one;
        weight[at]++;
    }
}

static void volumes_are_windows_averaged(void **state)
{
    (void)state;
    static double sum[2 * VOXELS], weight[VOXELS];
    const rmseg_window window = {.size = {WD, WH, WW}, .stride = {5, 9, 4}};
    rmseg_model model;
    rmseg_executor *executor = NULL;
    rmseg_image *image = NULL;
    make_volume_model(&model);
    assert_ok(rmseg_executor_create(&executor, model.net, model.backend, 1, window.size, false));
    assert_ok(rmseg_image_create(&image, RMSEG_F32, 1, (const int64_t[3]){VD, VH, VW}));
    rmseg_random r = rmseg_random_stream(5, RMSEG_RANDOM_TEST, 0, 0);
    for (int64_t i = 0; i < VOXELS; i++) ((float *)image->data)[i] = (float)rmseg_random_normal(&r);
    for (int d = 0; d < 4; d++)
        for (int h = 0; h < 4; h++) add_window(sum, weight, executor, &model, image->data, starts_d[d], starts_h[h]);
    assert_int_equal(rmseg_window_count(&window, image->size), 16);

    rmseg_image *found = predict(&model, &window, image);
    for (int64_t i = 0; i < 2 * VOXELS; i++)
        if (!(fabs(((const float *)found->data)[i] - sum[i] / weight[i % VOXELS]) < 1e-6))
            fail_msg("element %lld: %g, expected %g", (long long)i, ((const float *)found->data)[i],
                     sum[i] / weight[i % VOXELS]);
    rmseg_image_destroy(found);
    rmseg_image_destroy(image);
    rmseg_executor_destroy(executor);
    rmseg_model_destroy(&model);
}

/* The 20 test volumes of the left atrium in UA-MT's windows. */
static void windows_are_counted(void **state)
{
    (void)state;
    static const int64_t sizes[20][2] = {{175, 132}, {196, 148}, {215, 140}, {209, 140}, {170, 136},
                                         {210, 154}, {168, 136}, {215, 147}, {191, 154}, {186, 143},
                                         {183, 133}, {190, 135}, {190, 138}, {187, 139}, {177, 139},
                                         {182, 136}, {178, 146}, {192, 141}, {231, 143}, {232, 144}};
    rmseg_window window = {.size = {112, 112, 80}, .stride = {18, 18, 4}};
    int64_t count = 0;
    for (int i = 0; i < 20; i++) count += rmseg_window_count(&window, (const int64_t[3]){sizes[i][0], sizes[i][1], 88});
    assert_int_equal(count, 1128);
    assert_int_equal(rmseg_window_count(&window, (const int64_t[3]){1, 1, 1}), 1);
    window.flips = true;
    assert_int_equal(rmseg_window_count(&window, (const int64_t[3]){112, 113, 80}), 16);
    assert_int_equal(rmseg_window_count(&(rmseg_window){.flips = true}, (const int64_t[3]){1, 17, 30}), 4);
}

static void what_does_not_fit_is_refused(void **state)
{
    const rmseg_model *model = *state;
    rmseg_predictor *predictor = NULL;
    rmseg_image *grey = NULL, *probabilities = NULL;
    rmseg_window window = {.size = {1, 14, 16}, .stride = {1, 7, 8}};
    assert_fails(rmseg_predictor_create(&predictor, model, &window), RMSEG_ERROR_ARGUMENT,
                 "nearest are 12,16 and 16,16");
    assert_ok(rmseg_predictor_create(&predictor, model, &(rmseg_window){0}));
    assert_ok(rmseg_image_create(&grey, RMSEG_F32, 1, (const int64_t[3]){1, 16, 16}));
    assert_fails(rmseg_predictor_run(&probabilities, predictor, grey), RMSEG_ERROR_ARGUMENT,
                 "1 channel, but the network was trained on 2");
    rmseg_predictor_destroy(predictor);

    rmseg_model volumes;
    make_volume_model(&volumes);
    window = (rmseg_window){.size = {16, 16, 16}, .stride = {16, 16, 16}};
    assert_ok(rmseg_predictor_create(&predictor, &volumes, &window));
    assert_fails(rmseg_predictor_run(&probabilities, predictor, grey), RMSEG_ERROR_ARGUMENT,
                 "a single slice, but the network was trained on volumes");
    rmseg_predictor_destroy(predictor);
    rmseg_model_destroy(&volumes);
    rmseg_image_destroy(grey);
}

/* Told before any of it is taken. */
static void a_whole_image_needs_its_memory(void **state)
{
#ifdef ADDRESS_SANITIZER
    skip();
#endif
    const rmseg_model *model = *state;
    rmseg_predictor *predictor = NULL;
    rmseg_image *image = make_image(1024, 1024), *probabilities = NULL;
    struct rlimit before, little = {32 << 20, RLIM_INFINITY};
    assert_ok(rmseg_predictor_create(&predictor, model, &(rmseg_window){0}));
    getrlimit(RLIMIT_AS, &before);
    little.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_AS, &little);
    assert_true(rmseg_memory_available() <= 32 << 20);
    rmseg_status status = rmseg_predictor_run(&probabilities, predictor, image);
    setrlimit(RLIMIT_AS, &before);
    assert_int_equal(status, RMSEG_ERROR_MEMORY);
    assert_non_null(strstr(rmseg_error_last(), "the whole image at once, 1024,1024 voxels, needs 0."));
    assert_non_null(strstr(rmseg_error_last(), "0.0 GB are available: predict by windows"));
    assert_ok(rmseg_predictor_run(&probabilities, predictor, image));
    rmseg_image_destroy(probabilities);
    rmseg_image_destroy(image);
    rmseg_predictor_destroy(predictor);
}

static rmseg_image *make_label(const rmseg_model *model, const float *p, int64_t k, int64_t w, bool largest,
                               int64_t least)
{
    rmseg_image *probabilities = NULL, *label = NULL;
    const rmseg_cleaning cleaning = {largest, least};
    assert_ok(rmseg_image_create(&probabilities, RMSEG_F32, k, (const int64_t[3]){1, 1, w}));
    memcpy(probabilities->data, p, (size_t)(k * w) * sizeof *p);
    assert_ok(rmseg_label_make(&label, probabilities, model, &cleaning));
    rmseg_image_destroy(probabilities);
    return label;
}

static void labels_follow_the_head(void **state)
{
    rmseg_model model = *(const rmseg_model *)*state;
    static const float exclusive[] = {.2f, .4f, .6f, .1f, /**/ .5f, .4f, .2f, .1f, /**/ .3f, .2f, .2f, .8f};
    rmseg_image *label = make_label(&model, exclusive, 3, 4, false, 0);
    assert_memory_equal(label->data, ((const uint8_t[]){1, 0, 0, 2}), 4);
    rmseg_image_destroy(label);

    static const float nested[] = {.6f, .5f, .6f, .2f, .9f, .9f, /**/ .2f, .7f, .7f, .2f, .1f, .1f};
    model.head = RMSEG_HEAD_SIGMOID;
    label = make_label(&model, nested, 2, 6, false, 0);
    assert_memory_equal(label->data, ((const uint8_t[]){1, 2, 2, 0, 1, 1}), 6);
    rmseg_image_destroy(label);
    label = make_label(&model, nested, 2, 6, true, 0); /* of two ones of a ring, the first and the larger */
    assert_memory_equal(label->data, ((const uint8_t[]){0, 2, 2, 0, 1, 1}), 6);
    rmseg_image_destroy(label);
    label = make_label(&model, nested, 2, 6, false, 2);
    assert_memory_equal(label->data, ((const uint8_t[]){0, 2, 2, 0, 1, 1}), 6);
    rmseg_image_destroy(label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_blend_as_the_header_says),
        cmocka_unit_test(whole_images_are_padded_and_cut_back),
        cmocka_unit_test(mirror_images_are_averaged),
        cmocka_unit_test(volumes_are_windows_averaged),
        cmocka_unit_test(windows_are_counted),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_whole_image_needs_its_memory),
        cmocka_unit_test(labels_follow_the_head),
    };
    return cmocka_run_group_tests(tests, make_model, destroy_model);
}
