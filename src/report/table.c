/*
 * report/table.c - the aggregates of a results object as a text table.
 *
 * Each column is as wide as its widest cell. The text is plain, without colours, so that it can be kept in a file.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "report/report.h"

enum { CLASS, METRIC, MEAN, SD, MEDIAN, INTERVAL, VALID, EMPTY, COLUMNS };

static const char *const titles[COLUMNS] = {"class",  "metric",        "mean",        "sd",
                                            "median", "95 % interval", "valid/cases", "empty"};

typedef struct line {
    const char *cell[COLUMNS];
    char mean[32], sd[32], median[32], interval[80], valid[48], empty[24];
} line;

/* A figure with four digits after the point, or "-" where there is none; in powers of ten where that would be long. */
static const char *figure(char buffer[32], double value)
{
    if (isnan(value)) return "-";
    snprintf(buffer, 32, fabs(value) < 1e8 ? "%.4f" : "%.4g", value);
    return buffer;
}

static void fill(line *l, const rmseg_aggregate *a)
{
    char low[32], high[32];
    snprintf(l->interval, sizeof l->interval, "[%s, %s]", figure(low, a->low), figure(high, a->high));
    snprintf(l->valid, sizeof l->valid, "%lld/%lld", (long long)a->valid, (long long)a->n);
    snprintf(l->empty, sizeof l->empty, "%lld", (long long)a->empty);
    l->cell[CLASS] = a->class_name;
    l->cell[METRIC] = a->metric;
    l->cell[MEAN] = figure(l->mean, a->mean);
    l->cell[SD] = figure(l->sd, a->sd);
    l->cell[MEDIAN] = figure(l->median, a->median);
    l->cell[INTERVAL] = l->interval;
    l->cell[VALID] = l->valid;
    l->cell[EMPTY] = l->empty;
}

/* Characters, not bytes: what goes on in UTF-8 is not counted. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void add_line(rmseg_text *table, const char *const cells[COLUMNS], const int width[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++) {
        bool is_number = c == MEAN || c == SD || c == MEDIAN || c == EMPTY;
        int gap = width[c] - width_of(cells[c]);
        rmseg_text_addf(table, "%s%*s%s", c ? "  " : "", is_number ? gap : 0, "", cells[c]);
        if (!is_number) rmseg_text_addf(table, "%*s", gap, "");
    }
    rmseg_text_add(table, "\n");
}

static rmseg_status lay_out(rmseg_text *table, line *lines, const rmseg_results *results)
{
    int64_t count = rmseg_results_aggregates(results);
    int width[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) width[c] = width_of(titles[c]);
    for (int64_t i = 0; i < count; i++) {
        rmseg_aggregate row;
        RMSEG_TRY(rmseg_results_aggregate(&row, results, i));
        fill(&lines[i], &row);
        for (int c = 0; c < COLUMNS; c++)
            if (width_of(lines[i].cell[c]) > width[c]) width[c] = width_of(lines[i].cell[c]);
    }
    add_line(table, titles, width);
    for (int64_t i = 0; i < count; i++) add_line(table, lines[i].cell, width);
    return table->failed ? rmseg_fail_memory() : RMSEG_OK;
}

rmseg_status rmseg_results_table(char **text, const rmseg_results *results)
{
    rmseg_text table = {0};
    line *lines = rmseg_alloc(rmseg_results_aggregates(results), sizeof *lines);
    rmseg_status status = lines ? lay_out(&table, lines, results) : RMSEG_ERROR_MEMORY;
    rmseg_free(lines);
    if (status)
        rmseg_text_destroy(&table);
    else
        *text = table.data;
    return status;
}
