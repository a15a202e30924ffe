/*
 * run/journal.h - log.csv: one row for each training step.
 *
 *     iteration, one column for each term (unweighted), "weight NAME" for each term whose weight varies, "share NAME"
 *     for each term, total, gradient_norm, lr, seconds, dice_NAME for each region
 * A share is that of a term in the gradient at the logits (docs/running.md), in the rows of steps where it was measured.
 * The Dice of the held-out cases stands in the rows of the steps after which it was measured.
 */
#ifndef RUN_JOURNAL_H
#define RUN_JOURNAL_H

#include <stdio.h>

#include "core/core.h"
#include "loss/loss.h"
#include "run/regions.h"

typedef struct rmseg_journal {
    FILE *file;
    char *path;
    rmseg_text row; /* kept, so that a row needs no memory */
} rmseg_journal;

/* Opens log.csv in `run` for appending. Of a file that is there, the rows up to `iteration` stay. `regions` may be
 * NULL: no validation. Errors: file, format (a file of another objective). */
rmseg_status rmseg_journal_open(rmseg_journal *journal, const char *run, int64_t iteration,
                                const rmseg_objective *objective, const rmseg_regions *regions);

/* Cells of one row in order, then its end. They are kept until _end. */
void rmseg_journal_integer(rmseg_journal *journal, int64_t value);
void rmseg_journal_number(rmseg_journal *journal, double value); /* NaN: an empty cell */
rmseg_status rmseg_journal_end(rmseg_journal *journal);

/* Brings all rows to the disk. */
rmseg_status rmseg_journal_sync(rmseg_journal *journal);

void rmseg_journal_close(rmseg_journal *journal);

#endif
