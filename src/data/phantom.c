/*
 * phantom.c - synthetic cases that look a little like fundus photographs: a dark, vignetted, reddish ground with
 * texture and vessels, a bright disc with a brighter core off its centre, and bright spots far from it that a small
 * network takes for discs.
 *
 * Lengths are fractions of the picture's side, so that a case looks alike at any size; case i has a random stream of
 * its own, read in a fixed order.
 */
#include <math.h>
#include <string.h>

#include "data/data.h"

static const double pi = 3.14159265358979323846;

typedef struct canvas {
    int64_t size;
    float *rgb[3];  /* (H,W), 0..1 */
    float *vessel;  /* (H,W), 0..1: how much of a vessel lies there */
    float *texture; /* (H,W), about -1..1 */
    uint8_t *label; /* (H,W) */
    rmseg_random random;
} canvas;

typedef struct point {
    double x, y;
} point;

/* An ellipse-like outline: radius r(angle) = radius * (1 + waves), squeezed along a direction. */
typedef struct blob {
    point centre;
    double radius, squeeze, tilt; /* squeeze > 1: narrower across `tilt` */
    double wave[3], phase[3];     /* of 2, 3 and 4 periods a turn */
} blob;

typedef struct colour {
    float rgb[3];
} colour;

static double between(rmseg_random *random, double low, double high)
{
    return low + (high - low) * rmseg_random_uniform(random);
}

/* Which argument of a call and which part of an initialiser is computed first is the compiler's choice: each number is
 * drawn in a declaration of its own. */
static point scatter(rmseg_random *random, point centre, double spread)
{
    double x = spread * rmseg_random_normal(random), y = spread * rmseg_random_normal(random);
    return (point){centre.x + x, centre.y + y};
}

static double smooth_step(double x) { return x <= 0 ? 0 : x >= 1 ? 1 : x * x * (3 - 2 * x); }

static point pixel_centre(const canvas *canvas, int64_t h, int64_t w)
{
    return (point){((double)w + 0.5) / (double)canvas->size, ((double)h + 0.5) / (double)canvas->size};
}

/* Pixels top .. bottom-1 and left .. right-1. */
typedef struct box {
    int64_t top, bottom, left, right;
} box;

static int64_t pixel_at(const canvas *canvas, double at)
{
    double pixel = floor(at * (double)canvas->size);
    return pixel < 0 ? 0 : pixel > (double)canvas->size ? canvas->size : (int64_t)pixel;
}

static box box_around(const canvas *canvas, point at, double reach)
{
    double pixel = 1 / (double)canvas->size;
    return (box){pixel_at(canvas, at.y - reach), pixel_at(canvas, at.y + reach + pixel), pixel_at(canvas, at.x - reach),
                 pixel_at(canvas, at.x + reach + pixel)};
}

/* ---- ground ----------------------------------------------------------------------------------------------------- */

/* Adds smooth noise: random numbers on a lattice of cells x cells, joined by smooth steps. */
static rmseg_status add_noise(canvas *canvas, int64_t cells, double amplitude)
{
    int64_t side = cells + 1;
    float *lattice = rmseg_alloc(side * side, sizeof *lattice);
    if (!lattice) return RMSEG_ERROR_MEMORY;
    for (int64_t i = 0; i < side * side; i++) lattice[i] = (float)between(&canvas->random, -amplitude, amplitude);
    for (int64_t h = 0; h < canvas->size; h++)
        for (int64_t w = 0; w < canvas->size; w++) {
            point at = pixel_centre(canvas, h, w);
            int64_t i = (int64_t)(at.y * (double)cells), j = (int64_t)(at.x * (double)cells);
            double v = smooth_step(at.y * (double)cells - (double)i), u = smooth_step(at.x * (double)cells - (double)j);
            const float *corner = lattice + i * side + j;
            canvas->texture[h * canvas->size + w] += (float)((1 - v) * ((1 - u) * corner[0] + u * corner[1]) +
                                                             v * ((1 - u) * corner[side] + u * corner[side + 1]));
        }
    rmseg_free(lattice);
    return RMSEG_OK;
}

/* The camera sees a round field; light falls off towards its rim. */
static double light(point at, point centre, double radius)
{
    double r = hypot(at.x - centre.x, at.y - centre.y) / radius;
    return smooth_step((1 - r) * 25) * (1 - 0.55 * r * r);
}

static void paint_ground(canvas *canvas, point macula)
{
    double x = between(&canvas->random, 0.49, 0.51), y = between(&canvas->random, 0.49, 0.51);
    point centre = {x, y};
    double radius = between(&canvas->random, 0.52, 0.58), exposure = between(&canvas->random, 0.85, 1.15);
    double green = between(&canvas->random, 0.42, 0.54), blue = between(&canvas->random, 0.14, 0.24);
    for (int64_t h = 0; h < canvas->size; h++)
        for (int64_t w = 0; w < canvas->size; w++) {
            int64_t i = h * canvas->size + w;
            point at = pixel_centre(canvas, h, w);
            double spot = hypot(at.x - macula.x, at.y - macula.y) / 0.09;
            double dark = 1 - 0.35 * exp(-spot * spot), texture = canvas->texture[i];
            double lit = exposure * light(at, centre, radius) * dark;
            canvas->rgb[0][i] = (float)(0.66 * lit * (1 + 0.16 * texture));
            canvas->rgb[1][i] = (float)(0.66 * green * lit * (1 + 0.34 * texture));
            canvas->rgb[2][i] = (float)(0.66 * blue * lit * (1 + 0.34 * texture));
        }
}

/* ---- vessels ---------------------------------------------------------------------------------------------------- */

/* A dot with a soft rim; `wide` is its standard deviation. */
static void stamp_vessel(canvas *canvas, point at, double wide, double depth)
{
    box box = box_around(canvas, at, 3 * wide);
    for (int64_t h = box.top; h < box.bottom; h++)
        for (int64_t w = box.left; w < box.right; w++) {
            point p = pixel_centre(canvas, h, w);
            double d = hypot(p.x - at.x, p.y - at.y) / wide;
            float value = (float)(depth * exp(-0.5 * d * d));
            float *to = &canvas->vessel[h * canvas->size + w];
            if (value > *to) *to = value;
        }
}

typedef struct vessel {
    point at;
    double heading, bend, wide, length;
    int forks; /* generations of branches still to come */
} vessel;

/* Walks along a bending, wandering path that gets thinner, and sends out branches. */
static void draw_vessel(canvas *canvas, vessel vessel)
{
    enum { STEPS = 160 };
    rmseg_random *random = &canvas->random;
    double thinnest = 0.45 / (double)canvas->size, wander = 0;
    for (int i = 0; i < STEPS; i++) {
        double far = (double)i / STEPS, wide = vessel.wide * (1 - 0.65 * far),
               drawn = wide > thinnest ? wide : thinnest;
        stamp_vessel(canvas, vessel.at, drawn, (1 - 0.35 * far) * wide / drawn);
        wander = 0.9 * wander + between(random, -1, 1) * 0.016;
        vessel.heading += vessel.bend / STEPS + wander;
        vessel.at.x += cos(vessel.heading) * vessel.length / STEPS;
        vessel.at.y += sin(vessel.heading) * vessel.length / STEPS;
        if (vessel.forks == 0 || i < 15 || rmseg_random_uniform(random) > 3.5 / STEPS) continue;
        double side = rmseg_random_uniform(random) < 0.5 ? -1 : 1;
        struct vessel branch = vessel;
        branch.heading += side * between(random, 0.5, 0.9);
        branch.bend = -side * between(random, 0.1, 0.8);
        branch.wide = 0.7 * wide;
        branch.length = (1 - far) * vessel.length * between(random, 0.5, 0.8);
        branch.forks--;
        draw_vessel(canvas, branch);
    }
}

/* Two arcades, above and below, run around the macula; the others leave to the far side. */
static void draw_vessels(canvas *canvas, point disc, double side)
{
    rmseg_random *random = &canvas->random;
    for (int pair = 0; pair < 3; pair++)
        for (int down = -1; down <= 1; down += 2) {
            bool arcade = pair < 2;
            double away =
                arcade ? between(random, 0.15, 0.55) : between(random, 2.1, 2.7); /* from the macula's direction */
            double x = disc.x + between(random, -0.01, 0.01), y = disc.y + between(random, -0.01, 0.01);
            double bend = arcade ? between(random, 0.9, 1.5) : between(random, -0.3, 0.5);
            double wide = between(random, 0.0045, 0.0075), length = between(random, 0.6, 0.85);
            vessel vessel = {.at = {x, y},
                             .heading = down * (pi / 2 + (arcade ? -away : away - pi / 2)),
                             .bend = -down * bend,
                             .wide = wide,
                             .length = length,
                             .forks = 2};
            if (side < 0) {
                vessel.heading = pi - vessel.heading;
                vessel.bend = -vessel.bend;
            }
            draw_vessel(canvas, vessel);
        }
}

static void paint_vessels(canvas *canvas)
{
    static const float absorbed[3] = {0.42f, 0.60f, 0.50f};
    for (int c = 0; c < 3; c++)
        for (int64_t i = 0; i < canvas->size * canvas->size; i++)
            canvas->rgb[c][i] *= 1 - absorbed[c] * canvas->vessel[i];
}

/* ---- bright things ---------------------------------------------------------------------------------------------- */

/* Distance from the centre as a fraction of the outline's in that direction: below 1 inside. */
static double blob_radius(const blob *blob, point at)
{
    double x = at.x - blob->centre.x, y = at.y - blob->centre.y, cosine = cos(blob->tilt), sine = sin(blob->tilt);
    double along = x * cosine + y * sine, across = (y * cosine - x * sine) * blob->squeeze;
    double angle = atan2(across, along), outline = 1;
    for (int k = 0; k < 3; k++) outline += blob->wave[k] * cos((k + 2) * angle + blob->phase[k]);
    return hypot(along, across) / (blob->radius * outline);
}

static blob make_blob(rmseg_random *random, point centre, double radius, double waves)
{
    double squeeze = between(random, 0.9, 1.15), tilt = between(random, 0, pi);
    blob made = {.centre = centre, .radius = radius, .squeeze = squeeze, .tilt = tilt};
    for (int k = 0; k < 3; k++) {
        made.wave[k] = between(random, -waves, waves);
        made.phase[k] = between(random, 0, 2 * pi);
    }
    return made;
}

/* Blends a colour in; `soft` is the width of the rim as a fraction of the radius. */
static void paint_blob(canvas *canvas, const blob *blob, colour colour, double strength, double soft)
{
    box box = box_around(canvas, blob->centre, 1.5 * (1 + soft) * blob->radius);
    for (int64_t h = box.top; h < box.bottom; h++)
        for (int64_t w = box.left; w < box.right; w++) {
            double inside = smooth_step((1 + soft / 2 - blob_radius(blob, pixel_centre(canvas, h, w))) / soft);
            if (inside == 0) continue;
            int64_t i = h * canvas->size + w;
            float share = (float)(strength * inside), shade = 1 + 0.06f * canvas->texture[i];
            for (int c = 0; c < 3; c++) canvas->rgb[c][i] += share * (colour.rgb[c] * shade - canvas->rgb[c][i]);
        }
}

static void mark_label(canvas *canvas, const blob *disc, const blob *core)
{
    for (int64_t h = 0; h < canvas->size; h++)
        for (int64_t w = 0; w < canvas->size; w++) {
            point at = pixel_centre(canvas, h, w);
            bool in = blob_radius(disc, at) < 1;
            canvas->label[h * canvas->size + w] = in ? blob_radius(core, at) < 1 ? 2 : 1 : 0;
        }
}

/* A place in the field, far from the disc. */
static point far_place(rmseg_random *random, point disc)
{
    point place = {0};
    do {
        double angle = between(random, 0, 2 * pi), r = 0.43 * sqrt(rmseg_random_uniform(random));
        place = (point){0.5 + r * cos(angle), 0.5 + r * sin(angle)};
    } while (hypot(place.x - disc.x, place.y - disc.y) < 0.27);
    return place;
}

/* Reflexes and lesions, some of them as large, bright and cored as a small disc; and clusters of small spots. */
static void paint_distractors(canvas *canvas, point disc, double radius)
{
    rmseg_random *random = &canvas->random;
    static const colour reflex = {{0.86f, 0.62f, 0.33f}}, centre = {{0.97f, 0.82f, 0.55f}},
                        spot = {{0.92f, 0.76f, 0.36f}};
    int64_t reflexes = 1 + rmseg_random_below(random, 3), clusters = 1 + rmseg_random_below(random, 3);
    for (int64_t i = 0; i < reflexes; i++) {
        double share = between(random, 0.35, 0.7);
        point at = far_place(random, disc);
        blob blob = make_blob(random, at, radius * share, 0.05);
        double strength = between(random, 0.45, 0.8);
        paint_blob(canvas, &blob, reflex, strength, between(random, 0.4, 0.9));
        if (rmseg_random_uniform(random) < 0.5) continue;
        blob.radius *= between(random, 0.4, 0.6);
        paint_blob(canvas, &blob, centre, strength, 0.6);
    }
    for (int64_t i = 0; i < clusters; i++) {
        point middle = far_place(random, disc);
        for (int64_t spots = 3 + rmseg_random_below(random, 6); spots > 0; spots--) {
            point at = scatter(random, middle, 0.035);
            blob blob = make_blob(random, at, between(random, 0.005, 0.016), 0.15);
            paint_blob(canvas, &blob, spot, between(random, 0.5, 0.85), 0.8);
        }
    }
}

/* ---- one case --------------------------------------------------------------------------------------------------- */

static void draw_scene(canvas *canvas)
{
    rmseg_random *random = &canvas->random;
    static const colour rim = {{0.93f, 0.68f, 0.38f}}, pale = {{1.0f, 0.88f, 0.64f}};
    double side = rmseg_random_uniform(random) < 0.5 ? -1 : 1; /* the macula lies right or left of the disc */
    point disc = scatter(random, (point){0.5 - 0.03 * side, 0.49}, 0.045);
    double radius = between(random, 0.085, 0.125), ratio = between(random, 0.42, 0.72);
    double shift = (1 - ratio) * radius * between(random, 0.1, 0.45), angle = between(random, 0, 2 * pi);
    point middle = {disc.x + shift * cos(angle), disc.y + shift * sin(angle)};
    point macula = {disc.x + 0.27 * side, disc.y + 0.03};
    blob whole = make_blob(random, disc, radius, 0.03), core = make_blob(random, middle, radius * ratio, 0.06);

    paint_ground(canvas, macula);
    paint_distractors(canvas, disc, radius);
    double strength = between(random, 0.72, 0.9);
    paint_blob(canvas, &whole, rim, strength, between(random, 0.15, 0.35));
    double soft = between(random, 0.3, 0.6);
    paint_blob(canvas, &core, pale, between(random, 0.6, 0.85), soft);
    draw_vessels(canvas, disc, side);
    paint_vessels(canvas);
    mark_label(canvas, &whole, &core);
}

static rmseg_status draw(canvas *canvas)
{
    RMSEG_TRY(add_noise(canvas, 4, 0.7));
    RMSEG_TRY(add_noise(canvas, 11, 0.5));
    RMSEG_TRY(add_noise(canvas, 29, 0.35));
    draw_scene(canvas);
    for (int c = 0; c < 3; c++)
        for (int64_t i = 0; i < canvas->size * canvas->size; i++)
            canvas->rgb[c][i] += (float)(0.014 * rmseg_random_normal(&canvas->random)); /* the sensor's grain */
    return RMSEG_OK;
}

static rmseg_status create_canvas(canvas *canvas)
{
    int64_t pixels = canvas->size * canvas->size;
    for (int c = 0; c < 3; c++) canvas->rgb[c] = rmseg_alloc(pixels, sizeof *canvas->rgb[c]);
    canvas->vessel = rmseg_alloc(pixels, sizeof *canvas->vessel);
    canvas->texture = rmseg_alloc(pixels, sizeof *canvas->texture);
    canvas->label = rmseg_alloc(pixels, sizeof *canvas->label);
    bool all = canvas->rgb[0] && canvas->rgb[1] && canvas->rgb[2] && canvas->vessel && canvas->texture && canvas->label;
    return all ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static void destroy_canvas(canvas *canvas)
{
    for (int c = 0; c < 3; c++) rmseg_free(canvas->rgb[c]);
    rmseg_free(canvas->vessel);
    rmseg_free(canvas->texture);
    rmseg_free(canvas->label);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static rmseg_status write_png(const char *folder, const char *kind, int64_t number, const rmseg_image *image)
{
    rmseg_text path = {0};
    rmseg_text_addf(&path, "%s/%s/phantom_%04lld.png", folder, kind, (long long)number);
    rmseg_status status = path.failed ? rmseg_fail_memory() : rmseg_image_write(image, path.data);
    rmseg_text_destroy(&path);
    return status;
}

static rmseg_status write_picture(const canvas *canvas, const char *folder, int64_t number)
{
    rmseg_image *picture = NULL;
    int64_t pixels = canvas->size * canvas->size;
    RMSEG_TRY(rmseg_image_create(&picture, RMSEG_U8, 3, (const int64_t[]){1, canvas->size, canvas->size}));
    for (int c = 0; c < 3; c++)
        for (int64_t i = 0; i < pixels; i++) {
            float value = canvas->rgb[c][i];
            value = value < 0 ? 0 : value > 1 ? 1 : value;
            ((uint8_t *)picture->data)[c * pixels + i] = (uint8_t)lrintf(255 * value);
        }
    rmseg_status status = write_png(folder, "images", number, picture);
    rmseg_image_destroy(picture);
    return status;
}

static rmseg_status write_label(const canvas *canvas, const char *folder, int64_t number)
{
    rmseg_image *label = NULL;
    RMSEG_TRY(rmseg_image_create(&label, RMSEG_U8, 1, (const int64_t[]){1, canvas->size, canvas->size}));
    memcpy(label->data, canvas->label, (size_t)(canvas->size * canvas->size));
    rmseg_status status = write_png(folder, "labels", number, label);
    rmseg_image_destroy(label);
    return status;
}

typedef struct series {
    const char *folder;
    int64_t first, size;
    uint64_t seed;
} series;

static rmseg_status write_case(void *context, int64_t index, int thread)
{
    (void)thread;
    const series *series = context;
    int64_t number = series->first + index;
    canvas canvas = {.size = series->size,
                     .random = rmseg_random_stream(series->seed, RMSEG_RANDOM_PHANTOM, (uint32_t)number, 0)};
    rmseg_status status = create_canvas(&canvas);
    if (status == RMSEG_OK) status = draw(&canvas);
    if (status == RMSEG_OK) status = write_picture(&canvas, series->folder, number);
    if (status == RMSEG_OK) status = write_label(&canvas, series->folder, number);
    destroy_canvas(&canvas);
    return status;
}

static rmseg_status make_folders(const char *folder)
{
    static const char regions[] = "# Sets of labels that are learned and judged as one.\ndisc = 1+2\ncup = 2\n";
    char *images = rmseg_path_join(folder, "images"), *labels = rmseg_path_join(folder, "labels");
    char *names = rmseg_path_join(folder, "regions.txt");
    rmseg_status status = images && labels && names ? rmseg_folder_create(images) : RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK) status = rmseg_folder_create(labels);
    if (status == RMSEG_OK) status = rmseg_file_write(names, regions, strlen(regions));
    rmseg_free(images);
    rmseg_free(labels);
    rmseg_free(names);
    return status;
}

rmseg_status rmseg_phantoms_write(const char *folder, int64_t count, int64_t first, int64_t size, uint64_t seed)
{
    if (size < 16 || size > 4096)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "phantoms of %lld pixels a side: expected 16 to 4096", (long long)size);
    if (count < 0 || first < 0 || first > UINT32_MAX - count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "%lld phantoms from number %lld: expected numbers from 0 to %lld",
                          (long long)count, (long long)first, (long long)UINT32_MAX);
    RMSEG_TRY(make_folders(folder));
    return rmseg_parallel_try(count, write_case, &(series){folder, first, size, seed});
}
