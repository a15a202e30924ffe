/* augment.c - the augmentations as rows, and the words of --augment. */
#include <string.h>

#include "data/sample.h"

/* ---- parameters: the defaults are nnU-Net's where it has the augmentation ----------------------------------------- */

#define ROTATE_OPTIONS(X)                                                                                              \
    X(f64, degrees, "30", 0, 180, "", "degrees", "angles lie between -degrees and degrees", "15")                      \
    X(f64, p, "0.2", 0, 1, "", "", "probability", "1")
#define SCALE_OPTIONS(X)                                                                                               \
    X(f64, low, "0.7", 0.1, 10, "", "", "smallest factor; above 1 things look larger", "0.9")                          \
    X(f64, high, "1.4", 0.1, 10, "", "", "largest factor", "1.1")                                                      \
    X(f64, p, "0.2", 0, 1, "", "", "probability", "1")
#define ELASTIC_OPTIONS(X)                                                                                             \
    X(f64, magnitude, "4", 0, 1000, "", "voxels", "largest root mean square of the displacement along an axis", "2")   \
    X(f64, grid, "32", 2, 10000, "", "voxels", "distance of the control points", "16")                                 \
    X(f64, p, "0.2", 0, 1, "", "", "probability", "1")
#define NOISE_OPTIONS(X)                                                                                               \
    X(f64, sd, "0.3", 0, 100, "", "sd", "largest standard deviation, in those of the channel", "0.1")                  \
    X(f64, p, "0.1", 0, 1, "", "", "probability", "1")
#define BLUR_OPTIONS(X)                                                                                                \
    X(f64, low, "0.5", 0, 100, "", "voxels", "smallest sigma", "0.3")                                                  \
    X(f64, high, "1", 0, 100, "", "voxels", "largest sigma", "1.5")                                                    \
    X(f64, p, "0.2", 0, 1, "", "", "probability", "1")
#define LOWRES_OPTIONS(X)                                                                                              \
    X(f64, low, "0.5", 0.01, 1, "", "", "smallest share of the resolution kept", "0.25")                               \
    X(f64, high, "1", 0.01, 1, "", "", "largest share of it", "0.8")                                                   \
    X(f64, p, "0.25", 0, 1, "", "", "probability", "1")

RMSEG_OPTIONS_DECLARE(rotate_options, ROTATE_OPTIONS)
RMSEG_OPTIONS_DEFINE(rotate_options, ROTATE_OPTIONS)
RMSEG_OPTIONS_DECLARE(scale_options, SCALE_OPTIONS)
RMSEG_OPTIONS_DEFINE(scale_options, SCALE_OPTIONS)
RMSEG_OPTIONS_DECLARE(elastic_options, ELASTIC_OPTIONS)
RMSEG_OPTIONS_DEFINE(elastic_options, ELASTIC_OPTIONS)
RMSEG_OPTIONS_DECLARE(noise_options, NOISE_OPTIONS)
RMSEG_OPTIONS_DEFINE(noise_options, NOISE_OPTIONS)
RMSEG_OPTIONS_DECLARE(blur_options, BLUR_OPTIONS)
RMSEG_OPTIONS_DEFINE(blur_options, BLUR_OPTIONS)
RMSEG_OPTIONS_DECLARE(lowres_options, LOWRES_OPTIONS)
RMSEG_OPTIONS_DEFINE(lowres_options, LOWRES_OPTIONS)

/* As a listing shows it. */
#define PARAMETER(type, field, fallback, minimum, maximum, choices, unit, help, example)                               \
#field "=" fallback "  " unit "  " help "\n"

/* Takes its parameters into the augmentation; the row says about which axes. */
typedef rmseg_status (*take_fn)(rmseg_augmentation *a, const rmseg_augmentation *on, const rmseg_options *options);

static rmseg_status check_range(double low, double high)
{
    if (low <= high) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "low=%g is above high=%g", low, high);
}

static rmseg_status fail_twice(void) { return rmseg_fail(RMSEG_ERROR_ARGUMENT, "is given twice"); }

static rmseg_status take_rotate(rmseg_augmentation *a, const rmseg_augmentation *on, const rmseg_options *options)
{
    const rotate_options *o = rotate_options_values(options);
    if (a->rotate_p > 0 && a->rotate_p != o->p)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "p=%g, but another rotation has p=%g: they are done together, so expected one p", o->p,
                          a->rotate_p);
    for (int k = 0; k < 3; k++) {
        if (on->degrees[k] > 0 && a->degrees[k] > 0)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the rotation about axis %c is given twice", "DHW"[k]);
        if (on->degrees[k] > 0) a->degrees[k] = o->degrees;
    }
    a->rotate_p = o->p;
    return RMSEG_OK;
}

static rmseg_status take_scale(rmseg_augmentation *a, const rmseg_augmentation *on, const rmseg_options *options)
{
    (void)on;
    const scale_options *o = scale_options_values(options);
    if (a->scale_p > 0) return fail_twice();
    a->scale[0] = o->low, a->scale[1] = o->high, a->scale_p = o->p;
    return check_range(o->low, o->high);
}

static rmseg_status take_elastic(rmseg_augmentation *a, const rmseg_augmentation *on, const rmseg_options *options)
{
    (void)on;
    const elastic_options *o = elastic_options_values(options);
    if (a->elastic_p > 0) return fail_twice();
    a->elastic[0] = o->magnitude, a->elastic[1] = o->grid, a->elastic_p = o->p;
    return RMSEG_OK;
}

static rmseg_status take_noise(rmseg_augmentation *a, const rmseg_augmentation *on, const rmseg_options *options)
{
    (void)on;
    const noise_options *o = noise_options_values(options);
    if (a->noise_p > 0) return fail_twice();
    a->noise = o->sd, a->noise_p = o->p;
    return RMSEG_OK;
}

static rmseg_status take_blur(rmseg_augmentation *a, const rmseg_augmentation *on, const rmseg_options *options)
{
    (void)on;
    const blur_options *o = blur_options_values(options);
    if (a->blur_p > 0) return fail_twice();
    a->blur[0] = o->low, a->blur[1] = o->high, a->blur_p = o->p;
    return check_range(o->low, o->high);
}

static rmseg_status take_lowres(rmseg_augmentation *a, const rmseg_augmentation *on, const rmseg_options *options)
{
    (void)on;
    const lowres_options *o = lowres_options_values(options);
    if (a->lowres_p > 0) return fail_twice();
    a->lowres[0] = o->low, a->lowres[1] = o->high, a->lowres_p = o->p;
    return check_range(o->low, o->high);
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

typedef struct row {
    rmseg_augment_info info;
    rmseg_augmentation on; /* what the row switches on; `flip` and `rotate` leave out D, or all but D, in 2D */
    rmseg_status (*create)(rmseg_options **options); /* of its parameters; NULL: it has none */
    take_fn take;
} row;

static const row rows[] = {
    {.info = {"flip", "mirrors each spatial axis, each with probability 1/2", "draws 0, 1, 2 (D, H, W): u < 1/2", NULL},
     .on = {.flip = {true, true, true}}},
    {.info = {"flip-d", "mirrors axis D (front to back, 3D only) with probability 1/2", "draw 0: u < 1/2", NULL},
     .on = {.flip = {true, false, false}}},
    {.info = {"flip-h", "mirrors axis H (top to bottom) with probability 1/2", "draw 1: u < 1/2", NULL},
     .on = {.flip = {false, true, false}}},
    {.info = {"flip-w", "mirrors axis W (left to right) with probability 1/2", "draw 2: u < 1/2", NULL},
     .on = {.flip = {false, false, true}}},
    {.info = {"rot90", "turns by 0, 1, 2 or 3 quarters in the plane of H and W", "draw 3: floor(4u) quarters", NULL},
     .on = {.turn = true}},
    {.info = {"rot90-dh", "the same in the plane of D and H (3D only); with flip-d all eight symmetries of that plane",
              "draw 3: floor(4u) quarters", NULL},
     .on = {.turn = true, .pivot = 2}},
    {.info = {"la-reference",
              "rot90-dh, then always one mirror, of D or of H: the four reflections that UA-MT's loader makes; --rng"
              " la-reference repeats its draws too, for an ablation",
              "draw 3: floor(4u) quarters; draw 0: D where u < 1/2, else H", NULL},
     .on = {.turn = true, .pivot = 2, .reflect = true}},
    {.info = {"rotate", "turns by any angle: about each of the three axes, 2D in the plane of H and W",
              "draw 10: u < p; draws 11, 12, 13 (D, H, W): angle = (2u - 1) degrees", ROTATE_OPTIONS(PARAMETER)},
     {.degrees = {1, 1, 1}},
     rotate_options_create,
     take_rotate},
    {.info = {"rotate-d", "the same about axis D alone, in the plane of H and W: for volumes of thick slices",
              "draw 10: u < p; draw 11: angle = (2u - 1) degrees", ROTATE_OPTIONS(PARAMETER)},
     {.degrees = {1, 0, 0}},
     rotate_options_create,
     take_rotate},
    {.info = {"rotate-h", "the same about axis H alone (3D only)", "draw 10: u < p; draw 12: angle = (2u - 1) degrees",
              ROTATE_OPTIONS(PARAMETER)},
     {.degrees = {0, 1, 0}},
     rotate_options_create,
     take_rotate},
    {.info = {"rotate-w", "the same about axis W alone (3D only)", "draw 10: u < p; draw 13: angle = (2u - 1) degrees",
              ROTATE_OPTIONS(PARAMETER)},
     {.degrees = {0, 0, 1}},
     rotate_options_create,
     take_rotate},
    {.info = {"scale", "enlarges or shrinks what the sample shows, all axes alike",
              "draw 14: u < p; draw 15: low (high/low)^u", SCALE_OPTIONS(PARAMETER)},
     .create = scale_options_create,
     .take = take_scale},
    {.info = {"elastic", "bends by a smooth random displacement, cubic B-splines over a coarse grid",
              "draw 16: u < p; draw 17: root mean square = u magnitude", ELASTIC_OPTIONS(PARAMETER)},
     .create = elastic_options_create,
     .take = take_elastic},
    {.info = {"brightness", "adds up to +-0.25 standard deviations of the channel", "draw 4: offset = (u - 1/2) / 2",
              NULL},
     .on = {.offset = true}},
    {.info = {"contrast", "multiplies the distance from the channel's mean by 0.75 to 1.25",
              "draw 5: gain = 3/4 + u / 2", NULL},
     .on = {.gain = true}},
    {.info = {"gamma", "raises the value, as a fraction of the channel's range, to the power 0.71 to 1.41",
              "draw 6: gamma = 2^(u - 1/2)", NULL},
     .on = {.gamma = true}},
    {.info = {"blur", "smooths by a Gaussian", "draw 20: u < p; draw 21: sigma = low + u (high - low)",
              BLUR_OPTIONS(PARAMETER)},
     .create = blur_options_create,
     .take = take_blur},
    {.info = {"lowres", "takes away resolution: to the nearest voxel of a coarser grid, back by a linear filter",
              "draw 22: u < p; draw 23: share = low + u (high - low)", LOWRES_OPTIONS(PARAMETER)},
     .create = lowres_options_create,
     .take = take_lowres},
    {.info = {"noise", "adds independent Gaussian noise to every voxel",
              "draw 18: u < p; draw 19: sd = u times the largest", NOISE_OPTIONS(PARAMETER)},
     .create = noise_options_create,
     .take = take_noise},
};
enum { ROWS = sizeof rows / sizeof *rows };

const rmseg_augment_info *rmseg_augment_list(int64_t index)
{
    return index >= 0 && index < ROWS ? &rows[index].info : NULL;
}

/* ---- words -------------------------------------------------------------------------------------------------------- */

static rmseg_status find_row(const row **found, const char *name, size_t length)
{
    const char *names[ROWS + 1];
    for (int i = 0; i < ROWS; i++) {
        names[i] = rows[i].info.name;
        if (strlen(names[i]) == length && !strncmp(names[i], name, length)) {
            *found = &rows[i];
            return RMSEG_OK;
        }
    }
    char *word = rmseg_strndup(name, length);
    if (!word) return RMSEG_ERROR_MEMORY;
    names[ROWS] = "none";
    const char *near = rmseg_nearest(word, names, ROWS + 1);
    rmseg_status status = RMSEG_ERROR_ARGUMENT;
    if (near)
        rmseg_fail(status, "augment: unknown name \"%s\": did you mean \"%s\"?", word, near);
    else
        rmseg_fail(status, "augment: unknown name \"%s\"; expected names like flip-w,rot90 or none", word);
    rmseg_free(word);
    return status;
}

static rmseg_status switch_on(rmseg_augmentation *augmentation, const row *row, int spatial)
{
    const rmseg_augmentation *on = &row->on;
    bool other_axes = (on->flip[0] && !on->flip[1]) || on->pivot == 2;
    bool other_turns = on->degrees[0] == 0 && (on->degrees[1] > 0 || on->degrees[2] > 0);
    if ((other_axes || other_turns) && spatial == 2)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "augment: %s moves axis D, which 2D images do not have; take %s",
                          row->info.name, other_turns ? "rotate" : "flip-h, flip-w or rot90");
    if (on->turn && augmentation->turn && (on->pivot != augmentation->pivot || on->reflect || augmentation->reflect))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "augment: %s and another turn: expected one of them", row->info.name);
    for (int k = spatial == 2 ? 1 : 0; k < 3; k++) augmentation->flip[k] |= on->flip[k];
    augmentation->turn |= on->turn;
    augmentation->pivot |= on->pivot;
    augmentation->reflect |= on->reflect;
    augmentation->offset |= on->offset;
    augmentation->gain |= on->gain;
    augmentation->gamma |= on->gamma;
    return RMSEG_OK;
}

static size_t word_length(const char *at, const char *end, const char *stops)
{
    size_t length = strcspn(at, stops);
    return length < (size_t)(end - at) ? length : (size_t)(end - at);
}

/* One "name=value", with blanks around its parts. */
static rmseg_status set_parameter(rmseg_options *options, const char *at, const char *end)
{
    const char *equals = memchr(at, '=', (size_t)(end - at));
    size_t length = word_length(at, equals ? equals : end, " ");
    const char *start = equals ? equals + 1 + strspn(equals + 1, " ") : end;
    char *name = rmseg_strndup(at, length), *value = rmseg_strndup(start, word_length(start, end, " "));
    rmseg_status status = name && value ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status && (!equals || !*value))
        status = rmseg_fail(RMSEG_ERROR_ARGUMENT, "got \"%s\", expected name=value", name);
    if (!status && rmseg_options_get(options, name) && rmseg_options_given(options, name))
        status = rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s is given twice", name);
    if (!status) status = rmseg_options_set(options, name, value);
    rmseg_free(name);
    rmseg_free(value);
    return status;
}

/* "degrees=15, p=1", up to the closing bracket at `end`. */
static rmseg_status set_parameters(rmseg_options *options, const char *at, const char *end)
{
    while ((at += strspn(at, " ,;")) < end) {
        const char *next = at + word_length(at, end, ",;");
        RMSEG_TRY(set_parameter(options, at, next));
        at = next;
    }
    return RMSEG_OK;
}

/* Reads what stands in brackets behind a name, if anything, and lets the row take it; *rest is behind it. */
static rmseg_status take_parameters(rmseg_augmentation *augmentation, const row *row, const char **rest, int spatial)
{
    const char *open = **rest == '(' ? *rest : NULL, *close = open ? strchr(open, ')') : NULL;
    if (open && !close) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the closing bracket is missing");
    if (open && !row->create) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "takes no parameters");
    if (open) *rest = close + 1;
    if (!row->create) return RMSEG_OK;
    rmseg_options *options = NULL;
    rmseg_augmentation on = row->on;
    if (spatial == 2) on.degrees[1] = on.degrees[2] = 0;
    RMSEG_TRY(row->create(&options));
    rmseg_status status = open ? set_parameters(options, open + 1, close) : RMSEG_OK;
    if (!status) status = row->take(augmentation, &on, options);
    rmseg_options_destroy(options);
    return status;
}

rmseg_status rmseg_augmentation_parse(rmseg_augmentation *augmentation, const char *text, int spatial)
{
    rmseg_augmentation parsed = {0};
    const char *separators = ", ";
    bool nothing = !text || !strcmp(text, "none");
    for (const char *at = text; !nothing && *(at += strspn(at, separators));) {
        size_t length = strcspn(at, ", (");
        const row *row = NULL;
        RMSEG_TRY(find_row(&row, at, length));
        RMSEG_TRY(switch_on(&parsed, row, spatial));
        at += length;
        rmseg_status status = take_parameters(&parsed, row, &at, spatial);
        if (status) return status == RMSEG_ERROR_MEMORY ? status : rmseg_fail_in(status, "augment: %s", row->info.name);
    }
    *augmentation = parsed;
    return RMSEG_OK;
}
