/*
 * rows.c - metrics.
 *
 * P, T are the set voxels of prediction and truth. A ratio 0/0 is undefined: NaN, which the caller's policy for empty
 * masks then replaces. Dice, Jaccard, NSD and boundary IoU with one empty mask are 0 by their formulas.
 */
#include "metric/rows.h"

#include <math.h>
#include <string.h>

/* ---- counts ------------------------------------------------------------------------------------------------------ */

static double ratio(int64_t part, int64_t whole) { return whole ? (double)part / (double)whole : NAN; }

static double dice(const rmseg_measurement *m)
{
    const rmseg_overlap *o = &m->overlap;
    return 2 * ratio(o->both, o->prediction + o->truth);
}

static double jaccard(const rmseg_measurement *m)
{
    const rmseg_overlap *o = &m->overlap;
    return ratio(o->both, o->prediction + o->truth - o->both);
}

static double sensitivity(const rmseg_measurement *m) { return ratio(m->overlap.both, m->overlap.truth); }

static double specificity(const rmseg_measurement *m)
{
    const rmseg_overlap *o = &m->overlap;
    return ratio(o->voxels - o->prediction - o->truth + o->both, o->voxels - o->truth);
}

static double precision(const rmseg_measurement *m) { return ratio(m->overlap.both, m->overlap.prediction); }

static double volume_difference(const rmseg_measurement *m)
{
    return ratio(m->overlap.prediction - m->overlap.truth, m->overlap.truth);
}

/* ---- surfaces ---------------------------------------------------------------------------------------------------- */

static double percentile_of(const rmseg_measurement *m, rmseg_direction which, double q)
{
    if (q == 100) return rmseg_distances_max(&m->distances, which);
    switch (m->convention->percentile) {
    case RMSEG_PERCENTILE_BY_SIZE: return rmseg_distances_by_size(&m->distances, which, q);
    case RMSEG_PERCENTILE_ORDINAL: return rmseg_distances_ordinal(&m->distances, which, q);
    default: return rmseg_distances_linear(&m->distances, which, q);
    }
}

static double hausdorff(const rmseg_measurement *m, double q)
{
    if (!m->has_distances) return NAN;
    if (q == 0 && m->convention->zero_is_maximum) q = 100;
    if (m->settings->directed) return percentile_of(m, RMSEG_FORWARD, q);
    if (q == 100) return percentile_of(m, RMSEG_POOLED, q);
    switch (m->convention->hd) {
    case RMSEG_JOIN_FORWARD: return percentile_of(m, RMSEG_FORWARD, q);
    case RMSEG_JOIN_MAX: return fmax(percentile_of(m, RMSEG_FORWARD, q), percentile_of(m, RMSEG_BACKWARD, q));
    case RMSEG_JOIN_MEAN: return (percentile_of(m, RMSEG_FORWARD, q) + percentile_of(m, RMSEG_BACKWARD, q)) / 2;
    default: return percentile_of(m, RMSEG_POOLED, q);
    }
}

static double hd(const rmseg_measurement *m) { return hausdorff(m, m->settings->percentile); }
static double hd95(const rmseg_measurement *m) { return hausdorff(m, 95); }

static double mean_of(const rmseg_measurement *m, rmseg_direction which)
{
    return m->has_distances ? rmseg_distances_mean(&m->distances, which) : NAN;
}

static double asd(const rmseg_measurement *m) { return mean_of(m, RMSEG_FORWARD); }
static double asd_reverse(const rmseg_measurement *m) { return mean_of(m, RMSEG_BACKWARD); }
static double masd(const rmseg_measurement *m) { return (asd(m) + asd_reverse(m)) / 2; }
static double assd(const rmseg_measurement *m)
{
    return m->convention->assd == RMSEG_JOIN_MEAN ? masd(m) : mean_of(m, RMSEG_POOLED);
}

/* The settings' tolerance, or the convention's own: the smallest spacing, but a fraction of a voxel in voxels. */
static double tolerance(const rmseg_measurement *m)
{
    if (!isnan(m->settings->tolerance)) return m->settings->tolerance;
    double smallest = INFINITY, largest = 0;
    for (int axis = 3 - m->pair->axes; axis < 3; axis++) {
        smallest = fmin(smallest, m->pair->grid.spacing[axis]);
        largest = fmax(largest, m->pair->grid.spacing[axis]);
    }
    return smallest == 1 && largest == 1 ? m->convention->tolerance_voxel : smallest;
}

static double nsd(const rmseg_measurement *m)
{
    bool empty[2] = {m->overlap.prediction == 0, m->overlap.truth == 0};
    if (empty[0] != empty[1]) return 0;
    if (!m->has_distances) return NAN;
    double all[2], most = tolerance(m);
    double forward = rmseg_distances_within(&all[0], &m->distances, RMSEG_FORWARD, most);
    double backward = rmseg_distances_within(&all[1], &m->distances, RMSEG_BACKWARD, most);
    if (m->convention->nsd == RMSEG_JOIN_MEAN) return (forward / all[0] + backward / all[1]) / 2;
    return (forward + backward) / (all[0] + all[1]);
}

/* ---- ours in every convention ------------------------------------------------------------------------------------ */

static double boundary_iou(const rmseg_measurement *m)
{
    return ratio(m->rims.both, m->rims.prediction + m->rims.truth - m->rims.both);
}

/* The mean place of the set voxels along each axis, in units of the spacing. */
static void find_centroid(double place[3], const uint8_t *mask, const rmseg_measurement *m)
{
    const int64_t *n = m->pair->grid.size, *low = m->overlap.low, *high = m->overlap.high;
    double sum[3] = {0}, count = 0;
    for (int64_t d = low[0]; d < high[0]; d++) {
        for (int64_t h = low[1]; h < high[1]; h++) {
            const uint8_t *row = mask + (d * n[1] + h) * n[2];
            int64_t set = 0, columns = 0;
            for (int64_t w = low[2]; w < high[2]; w++) {
                set += row[w] != 0;
                columns += row[w] ? w : 0;
            }
            count += (double)set;
            sum[0] += (double)(set * d);
            sum[1] += (double)(set * h);
            sum[2] += (double)columns;
        }
    }
    for (int axis = 0; axis < 3; axis++) place[axis] = m->pair->grid.spacing[axis] * sum[axis] / count;
}

static double centroid_distance(const rmseg_measurement *m)
{
    if (!m->overlap.prediction || !m->overlap.truth) return NAN;
    double prediction[3], truth[3], sum = 0;
    find_centroid(prediction, m->pair->prediction, m);
    find_centroid(truth, m->pair->truth, m);
    for (int axis = 0; axis < 3; axis++) {
        double step = prediction[axis] - truth[axis];
        sum += step * step;
    }
    return sqrt(sum);
}

static double component_precision(const rmseg_measurement *m)
{
    return ratio(m->components.matched, m->components.predictions);
}

static double component_recall(const rmseg_measurement *m)
{
    return ratio(m->components.matched, m->components.truths);
}

static double component_f1(const rmseg_measurement *m)
{
    return 2 * ratio(m->components.matched, m->components.predictions + m->components.truths);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define RATIO     "ratio"
#define LENGTH    RMSEG_UNIT_LENGTH
#define DISTANCES RMSEG_NEEDS_DISTANCES

static const rmseg_metric_row metrics[] = {
    {{"dice", "2 |P and T| / (|P| + |T|)", RATIO, "Dice 1945", false}, 0, dice},
    {{"jaccard", "|P and T| / |P or T|", RATIO, "Jaccard 1912", false}, 0, jaccard},
    {{"sensitivity", "|P and T| / |T|", RATIO, "Taha and Hanbury 2015", false}, 0, sensitivity},
    {{"specificity", "|not P and not T| / |not T|", RATIO, "Taha and Hanbury 2015", false}, 0, specificity},
    {{"precision", "|P and T| / |P|", RATIO, "Taha and Hanbury 2015", false}, 0, precision},
    {{"volume_difference", "(|P| - |T|) / |T|", RATIO, "Heimann et al. 2009", false}, 0, volume_difference},
    {{"hd", "percentile q (100: maximum) of d(P->T) and d(T->P)", LENGTH, "Huttenlocher et al. 1993", true},
     DISTANCES,
     hd},
    {{"hd95", "percentile 95 of d(P->T) and d(T->P)", LENGTH, "Huttenlocher et al. 1993", true}, DISTANCES, hd95},
    {{"asd", "mean of d(P->T)", LENGTH, "Heimann et al. 2009", true}, DISTANCES, asd},
    {{"asd_reverse", "mean of d(T->P)", LENGTH, "Heimann et al. 2009", true}, DISTANCES, asd_reverse},
    {{"assd", "mean of d(P->T) and d(T->P)", LENGTH, "Heimann et al. 2009", true}, DISTANCES, assd},
    {{"masd", "(mean of d(P->T) + mean of d(T->P)) / 2", LENGTH, "Benes and Zitova 2015", true}, DISTANCES, masd},
    {{"nsd", "share of both surfaces within the tolerance of the other", RATIO, "Nikolov et al. 2021", true},
     DISTANCES,
     nsd},
    {{"boundary_iou", "|rim P and rim T| / |rim P or rim T|", RATIO, "Cheng et al. 2021", false},
     RMSEG_NEEDS_RIMS,
     boundary_iou},
    {{"centroid_distance", "|centroid of P - centroid of T|", LENGTH, "Reinke et al. 2024", false},
     0,
     centroid_distance},
    {{"component_precision", "matched components / components of P", RATIO, "Reinke et al. 2024", false},
     RMSEG_NEEDS_COMPONENTS,
     component_precision},
    {{"component_recall", "matched components / components of T", RATIO, "Reinke et al. 2024", false},
     RMSEG_NEEDS_COMPONENTS,
     component_recall},
    {{"component_f1", "2 matched / (components of P + components of T)", RATIO, "Reinke et al. 2024", false},
     RMSEG_NEEDS_COMPONENTS,
     component_f1},
};
enum { METRICS = sizeof metrics / sizeof *metrics };

rmseg_status rmseg_metric_row_find(const rmseg_metric_row **row, const char *name)
{
    const char *names[METRICS];
    for (int64_t i = 0; i < METRICS; i++) {
        names[i] = metrics[i].info.name;
        if (strcmp(name, names[i])) continue;
        *row = &metrics[i];
        return RMSEG_OK;
    }
    return rmseg_fail_unknown("metric", name, names, METRICS);
}

rmseg_status rmseg_metric_row_check(const rmseg_metric_row *row, const rmseg_convention *convention,
                                    const rmseg_metric_settings *settings)
{
    const char *name = row->info.name, *whose = convention->info.name;
    if (!row->info.surface) return RMSEG_OK;
    if (!rmseg_convention_lists(convention, name))
        return rmseg_fail(
            RMSEG_ERROR_ARGUMENT,
            "the convention %s has no %s: its tool gives %s (and what needs no distances is ours in every "
            "convention); choose one of these or another convention",
            whose, name, convention->info.metrics);
    bool below = settings->percentile < 100 && !(settings->percentile == 0 && convention->zero_is_maximum);
    if (!strcmp(name, "hd") && below && convention->percentile == RMSEG_PERCENTILE_NONE)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "the convention %s has no percentile %g of hd: its tool gives the maximum", whose,
                          settings->percentile);
    if (!strcmp(name, "nsd") && isnan(settings->tolerance) && convention->tolerance_voxel == 0)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "nsd needs a tolerance: how far two surfaces may lie apart and still count as the same, in "
                          "units of the spacing (--tolerance 1)");
    return RMSEG_OK;
}

const rmseg_metric_info *rmseg_metric_list(int64_t index)
{
    return index >= 0 && index < METRICS ? &metrics[index].info : NULL;
}

rmseg_status rmseg_metric_find(const rmseg_metric_info **info, const char *name)
{
    const rmseg_metric_row *row = NULL;
    RMSEG_TRY(rmseg_metric_row_find(&row, name));
    *info = &row->info;
    return RMSEG_OK;
}

int rmseg_metric_better(const char *name)
{
    if (!strcmp(name, "volume_difference")) return 0; /* signed */
    for (int64_t i = 0; i < METRICS; i++)
        if (!strcmp(name, metrics[i].info.name)) return strcmp(metrics[i].info.unit, LENGTH) ? 1 : -1;
    return 0;
}
