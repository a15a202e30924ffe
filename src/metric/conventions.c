/*
 * conventions.c - one row per tool.
 *
 * Each row was read off the tool's own source and is held against tests/golden/metric: the tool's own values where it is
 * a package; docs/metrics.md names those that are held against a plain reference instead.
 */
#include "metric/conventions.h"

#include <string.h>

#define ALL_DIRECTED  "hd hd95 asd asd_reverse assd "
#define ALL_NEIGHBOUR 3

/* masd and nsd are no part of MedPy: there they are ours, over its border, since it is the default convention. */
#define MEDPY_METRICS ALL_DIRECTED "masd nsd"
#define MEDPY_EMPTIES                                                                                                  \
    {                                                                                                                  \
        {"dice", "==1="}, {"jaccard", "==1="}, {"sensitivity", "=00="}, {"specificity", "===0"},                       \
            {"precision", "0=0="}, {"volume_difference", "=!!="}, {"nsd", "===="},                                     \
        {                                                                                                              \
            "distances", "!!!="                                                                                        \
        }                                                                                                              \
    }

static const rmseg_convention conventions[] = {
    {.info = {"medpy", "MedPy 0.5.2, medpy.metric.binary", MEDPY_METRICS},
     .sites = RMSEG_SITES_BORDER,
     .percentile = RMSEG_PERCENTILE_LINEAR,
     .hd = RMSEG_JOIN_POOLED,
     .assd = RMSEG_JOIN_POOLED,
     .empties = MEDPY_EMPTIES},

    {.info = {"medpy-0.4", "MedPy 0.4, medpy.metric.binary: assd is the mean of the two directed means", MEDPY_METRICS},
     .sites = RMSEG_SITES_BORDER,
     .percentile = RMSEG_PERCENTILE_LINEAR,
     .hd = RMSEG_JOIN_POOLED,
     .assd = RMSEG_JOIN_MEAN,
     .empties = MEDPY_EMPTIES},

    {.info = {"monai", "MONAI 1.6.1, monai.metrics: Hausdorff, average surface distance, surface Dice",
              ALL_DIRECTED "nsd"},
     .sites = RMSEG_SITES_BORDER,
     .connectivity = 1,
     .percentile = RMSEG_PERCENTILE_LINEAR,
     .hd = RMSEG_JOIN_MAX,
     .zero_is_maximum = true,
     .assd = RMSEG_JOIN_POOLED,
     .empties = {{"dice", "=nn="}, {"jaccard", "=nn="}, {"hd95", "nnn="}, {"nsd", "00n="}, {"distances", "iin="}}},

    {.info = {"monai-subvoxel", "MONAI 1.6.1, SurfaceDiceMetric(use_subvoxels=True)", "nsd"},
     .sites = RMSEG_SITES_ELEMENTS,
     .empties = {{"dice", "=nn="}, {"jaccard", "=nn="}, {"nsd", "00n="}}},

    {.info = {"deepmind", "google-deepmind/surface-distance 0.1", "hd hd95 asd asd_reverse nsd"},
     .sites = RMSEG_SITES_ELEMENTS,
     .percentile = RMSEG_PERCENTILE_BY_SIZE,
     .hd = RMSEG_JOIN_MAX,
     .empties = {{"asd", "nin="}, {"asd_reverse", "inn="}, {"nsd", "00n="}, {"distances", "iii="}}},

    {.info = {"metrics-reloaded", "MetricsReloaded, BinaryPairwiseMeasures", "hd hd95 assd masd nsd"},
     .sites = RMSEG_SITES_BORDER,
     .connectivity = 1,
     .percentile = RMSEG_PERCENTILE_LINEAR,
     .hd = RMSEG_JOIN_MAX,
     .assd = RMSEG_JOIN_POOLED,
     .empties = {{"dice", "==1="}, {"nsd", "==1="}, {"distances", "nn0="}}},

    {.info = {"distorch-vertex", "DisTorch, boundary_metrics: vertices of the voxels", ALL_DIRECTED "nsd"},
     .sites = RMSEG_SITES_VERTICES,
     .percentile = RMSEG_PERCENTILE_LINEAR,
     .hd = RMSEG_JOIN_FORWARD,
     .assd = RMSEG_JOIN_POOLED,
     .empties = {{"nsd", "nnn="}, {"distances", "nnn="}}},

    {.info = {"distorch-center", "DisTorch, pixel_center_metrics: centres of the voxels", ALL_DIRECTED "nsd"},
     .sites = RMSEG_SITES_BORDER,
     .connectivity = 1,
     .percentile = RMSEG_PERCENTILE_LINEAR,
     .hd = RMSEG_JOIN_FORWARD,
     .assd = RMSEG_JOIN_POOLED,
     .empties = {{"nsd", "nnn="}, {"distances", "nnn="}}},

    {.info = {"itk", "ITK and SimpleITK, HausdorffDistanceImageFilter: all set voxels", "hd asd asd_reverse assd masd"},
     .sites = RMSEG_SITES_VOXELS,
     .assd = RMSEG_JOIN_MEAN,
     .empties = {{"distances", "!!!="}}},

    {.info = {"torchmetrics", "TorchMetrics 1.9, functional.segmentation.hausdorff_distance: images only", "hd"},
     .sites = RMSEG_SITES_BORDER,
     .connectivity = 1,
     .axes_most = 2,
     .empties = {{"distances", "ii!="}}},

    {.info = {"plastimatch", "plastimatch 1.9, boundary Hausdorff distances: after a crop to the union's box",
              "hd hd95 assd masd"},
     .sites = RMSEG_SITES_BORDER,
     .edge = RMSEG_EDGE_OF_BOX,
     .connectivity = 1,
     .percentile = RMSEG_PERCENTILE_ORDINAL,
     .hd = RMSEG_JOIN_MEAN,
     .assd = RMSEG_JOIN_MEAN,
     .empties = {{"distances", "ii0="}}},

    {.info = {"plastimatch-edge", "plastimatch before 1.9, boundary Hausdorff distances: the image's edge is no border",
              "hd hd95 assd masd"},
     .sites = RMSEG_SITES_BORDER,
     .edge = RMSEG_EDGE_GOES_ON,
     .connectivity = 1,
     .percentile = RMSEG_PERCENTILE_ORDINAL,
     .hd = RMSEG_JOIN_MEAN,
     .assd = RMSEG_JOIN_MEAN,
     .empties = {{"distances", "ii0="}}},

    {.info = {"plastimatch-set", "plastimatch 1.9, Hausdorff distances of the sets: all set voxels",
              "hd hd95 assd masd"},
     .sites = RMSEG_SITES_VOXELS,
     .percentile = RMSEG_PERCENTILE_ORDINAL,
     .hd = RMSEG_JOIN_MEAN,
     .assd = RMSEG_JOIN_MEAN,
     .empties = {{"distances", "ii0="}}},

    {.info = {"panoptica", "panoptica 2.1, metrics of one pair of instances", "hd hd95 assd masd nsd"},
     .sites = RMSEG_SITES_BORDER,
     .percentile = RMSEG_PERCENTILE_LINEAR,
     .hd = RMSEG_JOIN_POOLED,
     .assd = RMSEG_JOIN_MEAN,
     .nsd = RMSEG_JOIN_MEAN,
     .tolerance_voxel = 0.5,
     .empties =
         {{"volume_difference", "nnn="}, {"hd", "!!!="}, {"hd95", "!!!="}, {"nsd", "!!!="}, {"distances", "iin="}}},

    {.info = {"seg-metrics", "seg-metrics 1.2.8: contours of full connectivity that do not run along the image's edge",
              "hd hd95 assd"},
     .sites = RMSEG_SITES_BORDER,
     .edge = RMSEG_EDGE_GOES_ON,
     .connectivity = ALL_NEIGHBOUR,
     .percentile = RMSEG_PERCENTILE_LINEAR,
     .hd = RMSEG_JOIN_POOLED,
     .assd = RMSEG_JOIN_POOLED,
     .empties = {{"dice", "==1="},
                 {"jaccard", "==1="},
                 {"precision", "001="},
                 {"sensitivity", "001="},
                 {"distances", "000="}}},
};
enum { CONVENTIONS = sizeof conventions / sizeof *conventions };

rmseg_status rmseg_fail_unknown(const char *what, const char *name, const char *const *names, int64_t count)
{
    const char *near = rmseg_nearest(name, names, count);
    rmseg_text sentence = {0};
    rmseg_text_addf(&sentence, "unknown %s '%.60s'", what, name);
    if (near) rmseg_text_addf(&sentence, ": did you mean '%s'?", near);
    for (int64_t i = 0; i < count; i++) rmseg_text_addf(&sentence, "%s%s", i ? ", " : " (known: ", names[i]);
    rmseg_text_add(&sentence, ")");
    rmseg_status status = sentence.failed ? rmseg_fail_memory() : rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s", sentence.data);
    rmseg_text_destroy(&sentence);
    return status;
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
    return rmseg_fail_unknown("metric convention", name, names, CONVENTIONS);
}

const rmseg_convention_info *rmseg_convention_list(int64_t index)
{
    return index >= 0 && index < CONVENTIONS ? &conventions[index].info : NULL;
}

bool rmseg_convention_lists(const rmseg_convention *convention, const char *metric)
{
    size_t length = strlen(metric);
    for (const char *word = convention->info.metrics; *word; word += strspn(word, " ")) {
        size_t end = strcspn(word, " ");
        if (end == length && !memcmp(word, metric, length)) return true;
        word += end;
    }
    return false;
}

char rmseg_convention_answer(const rmseg_convention *convention, const char *metric, bool length, int state)
{
    for (int i = 0; i < RMSEG_TOOL_ANSWERS && convention->empties[i].metric; i++) {
        const rmseg_tool_answer *answer = &convention->empties[i];
        if (!strcmp(answer->metric, metric) || (length && !strcmp(answer->metric, "distances")))
            return answer->letters[state];
    }
    return '=';
}

rmseg_site_rule rmseg_convention_sites(const rmseg_convention *convention, int axes, int connectivity)
{
    int fixed = convention->connectivity < axes ? convention->connectivity : axes;
    return (rmseg_site_rule){convention->sites, convention->edge, convention->connectivity ? fixed : connectivity};
}
