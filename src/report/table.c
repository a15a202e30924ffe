/*
 * report/table.c - the aggregates of a results object as a text table.
 */
#include <math.h>
#include <stdio.h>

#include "core/core.h"
#include "report/report.h"

/* A figure with four digits after the point, or "-" where there is none. */
static const char *figure(char buffer[32], double value)
{
    if (isnan(value)) return "-";
    snprintf(buffer, 32, "%.4f", value);
    return buffer;
}

rmseg_status rmseg_results_table(char **text, const rmseg_results *results)
{
    rmseg_text table = {0};
    rmseg_text_addf(&table, "%-14s %-18s %9s %9s %9s   %-20s %s\n", "class", "metric", "mean", "sd", "median",
                    "95 % interval", "valid/cases");
    for (int64_t i = 0; i < rmseg_results_aggregates(results); i++) {
        rmseg_aggregate row;
        char mean[32], sd[32], median[32], low[32], high[32], interval[80];
        rmseg_status status = rmseg_results_aggregate(&row, results, i);
        if (status != RMSEG_OK) {
            rmseg_text_destroy(&table);
            return status;
        }
        snprintf(interval, sizeof interval, "[%s, %s]", figure(low, row.low), figure(high, row.high));
        rmseg_text_addf(&table, "%-14s %-18s %9s %9s %9s   %-20s %lld/%lld\n", row.class_name, row.metric,
                        figure(mean, row.mean), figure(sd, row.sd), figure(median, row.median), interval,
                        (long long)row.valid, (long long)row.n);
    }
    if (table.failed) {
        rmseg_text_destroy(&table);
        return rmseg_fail_memory();
    }
    *text = table.data;
    return RMSEG_OK;
}
