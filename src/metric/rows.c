/*
 * rows.c - metrics and conventions.
 *
 * P, T are the set voxels of prediction and truth, N all voxels. A ratio 0/0 is undefined: NaN, which the caller's
 * policy for empty masks then replaces. Dice and Jaccard with one empty mask are 0 by their formulas.
 */
#include "metric/rows.h"

#include <math.h>
#include <string.h>

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

static double hd(const rmseg_measurement *m) { return m->convention->hausdorff(&m->surface, m->percentile); }
static double hd95(const rmseg_measurement *m) { return m->convention->hausdorff(&m->surface, 95); }
static double asd(const rmseg_measurement *m) { return rmseg_surface_mean_forward(&m->surface); }
static double asd_reverse(const rmseg_measurement *m) { return rmseg_surface_mean_backward(&m->surface); }
static double assd(const rmseg_measurement *m) { return m->convention->assd(&m->surface); }

#define RATIO  "ratio"
#define LENGTH "spacing" /* voxels where the spacing is 1, else millimetres */

static const rmseg_metric_row metrics[] = {
    {{"dice", "2 |P and T| / (|P| + |T|)", RATIO, "Dice 1945", false}, dice},
    {{"jaccard", "|P and T| / |P or T|", RATIO, "Jaccard 1912", false}, jaccard},
    {{"sensitivity", "|P and T| / |T|", RATIO, "Taha and Hanbury 2015", false}, sensitivity},
    {{"specificity", "|not P and not T| / |not T|", RATIO, "Taha and Hanbury 2015", false}, specificity},
    {{"precision", "|P and T| / |P|", RATIO, "Taha and Hanbury 2015", false}, precision},
    {{"volume_difference", "(|P| - |T|) / |T|", RATIO, "Heimann et al. 2009", false}, volume_difference},
    {{"hd", "percentile q (100: maximum) of d(P->T) and d(T->P)", LENGTH, "Huttenlocher et al. 1993", true}, hd},
    {{"hd95", "percentile 95 of d(P->T) and d(T->P)", LENGTH, "Huttenlocher et al. 1993", true}, hd95},
    {{"asd", "mean of d(P->T)", LENGTH, "Heimann et al. 2009", true}, asd},
    {{"asd_reverse", "mean of d(T->P)", LENGTH, "Heimann et al. 2009", true}, asd_reverse},
    {{"assd", "mean of d(P->T) and d(T->P)", LENGTH, "Heimann et al. 2009", true}, assd},
};

static const rmseg_convention conventions[] = {
    {{"medpy", "MedPy 0.5.2, medpy.metric.binary"},
     RMSEG_EDGE_IS_OUTSIDE,
     rmseg_surface_percentile_pooled,
     rmseg_surface_mean_pooled,
     RMSEG_EMPTY_ERROR}, /* raises */
};

enum { METRICS = sizeof metrics / sizeof *metrics, CONVENTIONS = sizeof conventions / sizeof *conventions };

/* "unknown metric 'asdd': did you mean 'assd'? (known: dice, ...)" */
static rmseg_status fail_unknown(const char *what, const char *name, const char *const *names, int64_t count)
{
    const char *near = rmseg_nearest(name, names, count);
    rmseg_text sentence = {0};
    rmseg_text_addf(&sentence, "unknown %s '%s'", what, name);
    if (near) rmseg_text_addf(&sentence, ": did you mean '%s'?", near);
    for (int64_t i = 0; i < count; i++) rmseg_text_addf(&sentence, "%s%s", i ? ", " : " (known: ", names[i]);
    rmseg_text_add(&sentence, ")");
    rmseg_status status = sentence.failed ? rmseg_fail_memory() : rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s", sentence.data);
    rmseg_text_destroy(&sentence);
    return status;
}

rmseg_status rmseg_metric_row_find(const rmseg_metric_row **row, const char *name)
{
    const char *names[METRICS];
    for (int64_t i = 0; i < METRICS; i++) {
        names[i] = metrics[i].info.name;
        if (strcmp(name, names[i])) continue;
        *row = &metrics[i];
        return RMSEG_OK;
    }
    return fail_unknown("metric", name, names, METRICS);
}

rmseg_status rmseg_convention_find(const rmseg_convention **convention, const char *name)
{
    const char *names[CONVENTIONS];
    for (int64_t i = 0; i < CONVENTIONS; i++) {
        names[i] = conventions[i].info.name;
        if (strcmp(name, names[i])) continue;
        *convention = &conventions[i];
        return RMSEG_OK;
    }
    return fail_unknown("metric convention", name, names, CONVENTIONS);
}

const rmseg_metric_info *rmseg_metric_list(int64_t index)
{
    return index >= 0 && index < METRICS ? &metrics[index].info : NULL;
}

const rmseg_convention_info *rmseg_convention_list(int64_t index)
{
    return index >= 0 && index < CONVENTIONS ? &conventions[index].info : NULL;
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
