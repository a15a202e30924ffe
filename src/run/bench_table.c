/*
 * bench_table.c - the rows as a table for people.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "run/bench.h"

void rmseg_bench_head(rmseg_text *text, const rmseg_bench_run *run)
{
    rmseg_text_addf(text, "rmseg %s, %s; level %s, %d thread%s\n", rmseg_version(), rmseg_build(), rmseg_cpu_level(),
                    rmseg_threads(), rmseg_threads() > 1 ? "s" : "");
    if (!isnan(run->peaks.flops))
        rmseg_text_addf(text, "this machine: %.0f GFLOP/s; reads %.1f, copies %.1f, triad %.1f GB/s\n",
                        run->peaks.flops * 1e-9, run->peaks.read * 1e-9, run->peaks.copy * 1e-9,
                        run->peaks.triad * 1e-9);
}

/* ---- the order --------------------------------------------------------------------------------------------------- */

static int slowest_first(const void *a, const void *b)
{
    const rmseg_bench_row *x = *(const rmseg_bench_row *const *)a, *y = *(const rmseg_bench_row *const *)b;
    return x->value < y->value ? 1 : x->value > y->value ? -1 : (x > y) - (x < y);
}

static bool is_same_block(const rmseg_bench_row *a, const rmseg_bench_row *b)
{
    return !strcmp(a->family, b->family) && !strcmp(a->setting, b->setting);
}

/* ---- a row --------------------------------------------------------------------------------------------------------- */

static void add_rate(rmseg_text *text, const char *format, double rate)
{
    if (rate > 0 && isfinite(rate))
        rmseg_text_addf(text, format, rate);
    else
        rmseg_text_addf(text, " %8s", "");
}

static void add_row(rmseg_text *text, const rmseg_bench_row *row, int wide)
{
    bool time = !strcmp(row->unit, "ms");
    double seconds = row->value * 1e-3, least = row->samples[0], most = row->samples[0];
    for (int64_t i = 1; i < row->count; i++) {
        least = fmin(least, row->samples[i]);
        most = fmax(most, row->samples[i]);
    }
    rmseg_text_addf(text, "  %-*s %-9s %10.3f %10.3f %10.3f %-7s", wide, row->name, row->pass, row->value, least, most,
                    row->unit);
    add_rate(text, " %8.1f", time ? row->flops / seconds * 1e-9 : 0);
    add_rate(text, " %8.2f", time ? row->bytes / seconds * 1e-9 : 0);
    add_rate(text, " %7.0f%%", isnan(row->share) || seconds < 2e-6 ? 0 : 100 * row->share);
    add_rate(text, " %7.1f%%", isnan(row->part) ? 0 : 100 * row->part);
    rmseg_text_addf(text, "  %s", row->note);
    while (text->length && text->data[text->length - 1] == ' ') text->data[--text->length] = 0;
    rmseg_text_add(text, "\n");
}

/* Rows [first, end) are of one family and setting. */
static void add_block(rmseg_text *text, const rmseg_bench_run *run, int64_t first, int64_t end)
{
    const rmseg_bench_row **order = rmseg_alloc(end - first, sizeof *order);
    int wide = 12;
    for (int64_t i = first; i < end; i++) {
        const rmseg_bench_row *row = &run->rows[i];
        if ((int)strlen(row->name) > wide) wide = (int)strlen(row->name);
        if (order) order[i - first] = row;
    }
    text->failed |= !order;
    if (order && !strcmp(run->o->sort, "time")) qsort(order, (size_t)(end - first), sizeof *order, slowest_first);
    rmseg_text_addf(text, "\n%s%s%s\n", run->rows[first].family, *run->rows[first].setting ? ": " : "",
                    run->rows[first].setting);
    rmseg_text_addf(text, "  %-*s %-9s %10s %10s %10s %-7s %8s %8s %8s %8s\n", wide, "", "pass", "median", "least",
                    "most", "", "GFLOP/s", "GB/s", "of limit", "of all");
    for (int64_t i = 0; order && i < end - first; i++) add_row(text, order[i], wide);
    rmseg_free(order);
}

void rmseg_bench_table(rmseg_text *text, const rmseg_bench_run *run)
{
    for (int64_t first = 0, end; first < run->count; first = end) {
        for (end = first + 1; end < run->count && is_same_block(&run->rows[first], &run->rows[end]);) end++;
        add_block(text, run, first, end);
    }
}
