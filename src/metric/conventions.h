/*
 * metric/conventions.h - the table of conventions: how public tools get from two masks to one number.
 *
 * A new convention is one row of conventions.c. docs/metrics.md tells each in words.
 */
#ifndef METRIC_CONVENTIONS_H
#define METRIC_CONVENTIONS_H

#include "metric/metric.h"
#include "metric/surface.h"

typedef enum rmseg_percentile_rule {
    RMSEG_PERCENTILE_NONE,   /* the tool has the maximum only */
    RMSEG_PERCENTILE_LINEAR, /* rmseg_distances_linear, _by_size, _ordinal */
    RMSEG_PERCENTILE_BY_SIZE,
    RMSEG_PERCENTILE_ORDINAL
} rmseg_percentile_rule;

typedef enum rmseg_join {
    RMSEG_JOIN_POOLED, /* both lists as one */
    RMSEG_JOIN_MAX,    /* the larger of the two directions */
    RMSEG_JOIN_MEAN,   /* the mean of the two directions */
    RMSEG_JOIN_FORWARD /* prediction to truth alone: the tool gives each direction apart */
} rmseg_join;

/* What a tool answers for one metric where a mask is empty: a letter each for an empty prediction, an empty truth, both
 * empty and a full truth. 0 and 1 are numbers, i is infinity, n is NaN, ! is an exception, = is our own rule. */
typedef struct rmseg_tool_answer {
    const char *metric; /* "distances" stands for every metric with a length that has no row of its own before it */
    const char *letters;
} rmseg_tool_answer;

enum { RMSEG_TOOL_ANSWERS = 8 };

typedef struct rmseg_convention {
    rmseg_convention_info info;
    rmseg_site_kind sites;
    rmseg_edge_rule edge;
    int connectivity; /* of the border; 0: the settings', 3: all neighbours */
    int axes_most;    /* 2 where the tool takes images only, else 3 */
    rmseg_percentile_rule percentile;
    rmseg_join hd;          /* how a percentile below 100 joins the directions; the maximum is that of both */
    bool zero_is_maximum;   /* percentile 0 means the maximum */
    rmseg_join assd, nsd;   /* pooled or mean */
    double tolerance_voxel; /* its own default where the spacing is 1 along every axis (elsewhere the smallest spacing);
                               0: none */
    rmseg_tool_answer empties[RMSEG_TOOL_ANSWERS];
} rmseg_convention;

/* The row of that name; an unknown one is an error that names the nearest. */
rmseg_status rmseg_convention_find(const rmseg_convention **convention, const char *name);

/* Whether info.metrics names it. */
bool rmseg_convention_lists(const rmseg_convention *convention, const char *metric);

/* The letter of rmseg_tool_answer, `state` 0 to 3 in its order; '=' where the tool says nothing of it. */
char rmseg_convention_answer(const rmseg_convention *convention, const char *metric, bool length, int state);

/* "unknown metric 'asdd': did you mean 'assd'? (known: dice, ...)" */
rmseg_status rmseg_fail_unknown(const char *what, const char *name, const char *const *names, int64_t count);

/* How the sites of masks with so many axes are found. */
rmseg_site_rule rmseg_convention_sites(const rmseg_convention *convention, int axes, int connectivity);

#endif
