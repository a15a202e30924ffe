/* warp.c - rotation, scale and elastic displacement of a patch as one resampling. */
#include "data/warp.h"

#include <math.h>
#include <string.h>

enum { TAPS = 4 }; /* of a cubic B-spline */

/* Mean over all places of the sum of squared weights of a cubic B-spline: what it leaves of the control points'
 * variance along each axis. */
static const double spline_power = 151.0 / 315;

/* Where a voxel of the row lies: the lower corner of its cell in memory, steps to the upper one, and how far between. */
typedef struct spot {
    int64_t at, next[3];
    float part[3];
    bool inside;
} spot;

/* The control points that a place along one axis sees. */
typedef struct knots {
    int64_t first;
    float weight[TAPS];
} knots;

typedef struct bend {
    bool on;
    int64_t points[3];
    int64_t taps[3];    /* TAPS, or 1 along an axis of one voxel */
    knots *knots[3];    /* (size of the patch) */
    float *control;     /* (points, 3): displacement in voxels of the patch */
    float *plane, *row; /* control points seen from slice d, (points[1], points[2], 3), and from row (d,h) */
    int64_t slice;      /* of plane, -1: none */
} bend;

struct rmseg_warp_room {
    int64_t patch[3];
    rmseg_view view;
    double origin[3], step[3][3]; /* y = origin + sum_axis step[axis] (i + e)_axis */
    bend bend;
    spot *spots; /* (W of the patch) */
};

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* Control points stand at least two voxels apart, so that their number is known before any image is. */
static int64_t most_points(int64_t size) { return size > 1 ? (size - 1) / 2 + TAPS : 1; }

static rmseg_status make_bend(bend *b, const int64_t patch[3])
{
    int64_t most[3];
    for (int k = 0; k < 3; k++) {
        most[k] = most_points(patch[k]);
        b->knots[k] = rmseg_alloc(patch[k], sizeof *b->knots[k]);
        if (!b->knots[k]) return RMSEG_ERROR_MEMORY;
    }
    b->control = rmseg_alloc(most[0] * most[1] * most[2], 3 * sizeof *b->control);
    b->plane = rmseg_alloc(most[1] * most[2], 3 * sizeof *b->plane);
    b->row = rmseg_alloc(most[2], 3 * sizeof *b->row);
    return b->control && b->plane && b->row ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

rmseg_status rmseg_warp_room_create(rmseg_warp_room **room, const int64_t patch[3], bool elastic)
{
    rmseg_warp_room *made = rmseg_alloc(1, sizeof *made);
    if (!made) return RMSEG_ERROR_MEMORY;
    memcpy(made->patch, patch, sizeof made->patch);
    made->spots = rmseg_alloc(patch[2], sizeof *made->spots);
    rmseg_status status = made->spots ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status && elastic) status = make_bend(&made->bend, patch);
    if (status)
        rmseg_warp_room_destroy(made);
    else
        *room = made;
    return status;
}

void rmseg_warp_room_destroy(rmseg_warp_room *room)
{
    if (!room) return;
    for (int k = 0; k < 3; k++) rmseg_free(room->bend.knots[k]);
    rmseg_free(room->bend.control);
    rmseg_free(room->bend.plane);
    rmseg_free(room->bend.row);
    rmseg_free(room->spots);
    rmseg_free(room);
}

/* ---- places ------------------------------------------------------------------------------------------------------- */

static double finest(const rmseg_view *view, const int64_t patch[3])
{
    double least = 0;
    for (int k = 0; k < 3; k++)
        if (patch[k] > 1 && (least == 0 || view->spacing[k] < least)) least = view->spacing[k];
    return least > 0 ? least : 1;
}

/* Sine and cosine, exact at quarter turns. */
static void angle_of(double *sine, double *cosine, double degrees)
{
    double quarters = degrees / 90;
    *sine = sin(degrees * M_PI / 180);
    *cosine = cos(degrees * M_PI / 180);
    if (quarters != floor(quarters)) return;
    int turns = ((int)quarters % 4 + 4) % 4;
    *sine = turns == 1 ? 1 : turns == 3 ? -1 : 0;
    *cosine = turns == 0 ? 1 : turns == 2 ? -1 : 0;
}

/* R = R_D R_H R_W; a turn about an axis moves the other two, (a,b) -> (c a + s b, -s a + c b): for quarters what
 * numpy.rot90 does in the plane (a,b). */
static void find_rotation(double r[3][3], const double angle[3])
{
    static const int planes[3][2] = {{1, 2}, {0, 2}, {0, 1}};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) r[i][j] = i == j;
    for (int axis = 2; axis >= 0; axis--) {
        double s, c;
        int a = planes[axis][0], b = planes[axis][1];
        angle_of(&s, &c, angle[axis]);
        for (int j = 0; j < 3; j++) {
            double x = r[a][j], y = r[b][j];
            r[a][j] = c * x + s * y;
            r[b][j] = c * y - s * x;
        }
    }
}

static void find_map(rmseg_warp_room *room, const rmseg_sample_record *record)
{
    double rotation[3][3];
    const double *spacing = room->view.spacing;
    find_rotation(rotation, record->angle);
    for (int k = 0; k < 3; k++) {
        double middle = (double)(room->patch[k] - 1) / 2;
        room->origin[k] = (double)record->crop[k] + middle;
        for (int axis = 0; axis < 3; axis++) {
            room->step[k][axis] = rotation[k][axis] * (spacing[axis] / spacing[k]) / record->scale;
            room->origin[k] -= room->step[k][axis] * (double)(room->patch[axis] - 1) / 2;
        }
    }
}

static void find_knots(bend *b, int axis, int64_t size, double distance)
{
    b->taps[axis] = size > 1 ? TAPS : 1;
    b->points[axis] = size > 1 ? (int64_t)((double)(size - 1) / distance) + TAPS : 1;
    for (int64_t i = 0; i < size; i++) {
        double x = (double)i / distance, t = x - floor(x), u = 1 - t;
        double weight[TAPS] = {u * u * u, (3 * t - 6) * t * t + 4, ((3 - 3 * t) * t + 3) * t + 1, t * t * t};
        b->knots[axis][i] = (knots){.first = (int64_t)x, .weight = {1}};
        for (int j = 0; j < TAPS && size > 1; j++) b->knots[axis][i].weight[j] = (float)(weight[j] / 6);
    }
}

static void find_bend(rmseg_warp_room *room, const rmseg_sample_record *record)
{
    bend *b = &room->bend;
    double unit = finest(&room->view, room->patch), size[3] = {0}, power = 1;
    b->on = record->elastic[0] > 0;
    b->slice = -1;
    if (!b->on) return;
    for (int k = 0; k < 3; k++) {
        double edge = unit / room->view.spacing[k];
        find_knots(b, k, room->patch[k], fmax(2, record->elastic[1] * edge));
        if (room->patch[k] > 1) power *= spline_power, size[k] = record->elastic[0] * edge;
    }
    rmseg_random random = rmseg_random_stream(record->seed, RMSEG_RANDOM_ELASTIC, record->iteration, record->sample);
    int64_t numbers = 3 * b->points[0] * b->points[1] * b->points[2];
    for (int64_t i = 0; i < numbers; i++)
        b->control[i] = (float)(size[i % 3] / sqrt(power) * rmseg_random_normal(&random));
}

void rmseg_warp_begin(rmseg_warp_room *room, const rmseg_view *view, const rmseg_sample_record *record)
{
    room->view = *view;
    find_map(room, record);
    find_bend(room, record);
}

/* out = sum over the taps of weight[j] * in[(first + j) * length ...]. */
static void blend(float *out, const float *in, const knots *seen, int64_t taps, int64_t length)
{
    in += seen->first * length;
    for (int64_t i = 0; i < length; i++) out[i] = seen->weight[0] * in[i];
    for (int64_t j = 1; j < taps; j++)
        for (int64_t i = 0; i < length; i++) out[i] += seen->weight[j] * in[j * length + i];
}

/* The displaced index of voxel (d,h,w). */
static void displace(double at[3], const bend *b, int64_t w)
{
    const knots *seen = &b->knots[2][w];
    const float *in = b->row + 3 * seen->first, *weight = seen->weight;
    for (int k = 0; k < 3; k++) {
        float moved = weight[0] * in[k];
        if (b->taps[2] == TAPS) moved += weight[1] * in[3 + k] + weight[2] * in[6 + k] + weight[3] * in[9 + k];
        at[k] += moved;
    }
}

static void settle(spot *spot, const rmseg_view *view, const double y[3])
{
    spot->inside = true;
    spot->at = view->start;
    for (int k = 0; k < 3; k++) {
        double last = (double)(view->extent[k] - 1), at = y[k];
        spot->inside = spot->inside && at >= -0.5 && at < last + 0.5;
        at = at > 0 ? at < last ? at : last : 0;
        int64_t below = (int64_t)at;
        spot->part[k] = (float)(at - (double)below);
        spot->next[k] = below + 1 < view->extent[k] ? view->stride[k] : 0;
        spot->at += below * view->stride[k];
    }
}

void rmseg_warp_row(uint8_t *inside, rmseg_warp_room *room, int64_t d, int64_t h)
{
    bend *b = &room->bend;
    if (b->on && b->slice != d) {
        blend(b->plane, b->control, &b->knots[0][d], b->taps[0], b->points[1] * b->points[2] * 3);
        b->slice = d;
    }
    if (b->on) blend(b->row, b->plane, &b->knots[1][h], b->taps[1], b->points[2] * 3);
    for (int64_t w = 0; w < room->patch[2]; w++) {
        double at[3] = {(double)d, (double)h, (double)w}, y[3];
        if (b->on) displace(at, b, w);
        for (int k = 0; k < 3; k++)
            y[k] = room->origin[k] + room->step[k][0] * at[0] + room->step[k][1] * at[1] + room->step[k][2] * at[2];
        settle(&room->spots[w], &room->view, y);
        inside[w] = room->spots[w].inside;
    }
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static float lerp(float a, float b, float part) { return a + part * (b - a); }

/* In the plane of H and W. */
static float across(const float *at, const spot *s)
{
    const float *below = at + s->next[1];
    return lerp(lerp(at[0], at[s->next[2]], s->part[2]), lerp(below[0], below[s->next[2]], s->part[2]), s->part[1]);
}

void rmseg_warp_values(float *row, const rmseg_warp_room *room, const float *values)
{
    for (int64_t w = 0; w < room->patch[2]; w++) {
        const spot *s = &room->spots[w];
        const float *at = values + s->at;
        float value = s->inside ? across(at, s) : 0;
        if (s->inside && s->part[0] > 0) value = lerp(value, across(at + s->next[0], s), s->part[0]);
        row[w] = value;
    }
}

static int32_t vote(const int32_t label[8], const spot *s)
{
    float weight[8], most = -1;
    int32_t best = 0;
    for (int i = 0; i < 8; i++) {
        weight[i] = 1;
        for (int k = 0; k < 3; k++) weight[i] *= i >> (2 - k) & 1 ? s->part[k] : 1 - s->part[k];
    }
    for (int i = 0; i < 8; i++) {
        float sum = 0;
        for (int j = 0; j < 8; j++) sum += label[j] == label[i] ? weight[j] : 0;
        if (sum > most || (sum == most && label[i] < best)) most = sum, best = label[i];
    }
    return best;
}

void rmseg_warp_labels(int32_t *row, const rmseg_warp_room *room, const int32_t *labels)
{
    for (int64_t w = 0; w < room->patch[2]; w++) {
        const spot *s = &room->spots[w];
        const int32_t *at = labels + s->at;
        int32_t label[8], differ = 0;
        for (int i = 0; i < 8; i++) {
            label[i] = at[(i & 4 ? s->next[0] : 0) + (i & 2 ? s->next[1] : 0) + (i & 1 ? s->next[2] : 0)];
            differ |= label[i] ^ label[0];
        }
        row[w] = !s->inside ? 0 : differ ? vote(label, s) : label[0];
    }
}
